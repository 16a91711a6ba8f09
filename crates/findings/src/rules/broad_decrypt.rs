use kms_insights_policy::{
    Capability,
    access::{Kind, Trust, WayIn, Who},
};

use super::{RestsOn, RuleInfo};
use crate::{
    Finding, Severity,
    fences::is_fenced_further,
    subject::{Subject, confidence},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "broad-decrypt",
    title: "Everybody of an account or an organization may decrypt",
    severity: Severity::High,
    documentation: "A statement lets a whole class of principals decrypt, or re-encrypt from this key: every principal of an organization or of an account, or \
        principals by a pattern that ends in a wildcard and names no role or user. What the key protects is then open to whoever gets hold of the ciphertext and belongs to \
        the class. Source: AWS Prescriptive Guidance, \"Encryption best practices for AWS KMS\".\n\n\
        Everyone of every account is the matter of [`public`](#public). Naming an account's root is not this: it lets that account's IAM policies decide \
        ([`whole-account`](#whole-account)).\n\n\
        High for classes outside the organization; medium for those inside it and in the key's own account; low there where something else must hold too, \
        such as `kms:ViaService`, as in the policies that AWS writes for its managed keys. Certain where a request exists that comes in, else possible.",
    rests_on: &[RestsOn::Policies],
    remediation: "Name the roles that have to decrypt, or the account's root so that IAM policies decide; if the class is meant, demand kms:ViaService or an encryption context.",
    check,
};

fn is_broad(way: &WayIn) -> bool {
    let class = match &way.who {
        Who::Everyone | Who::EveryPrincipal | Who::Organization(_) | Who::PrincipalsOf(_) => true,
        Who::PrincipalsLike(_, patterns) => patterns.iter().any(|pattern| names_nobody(pattern)),
        Who::EveryService | Who::Account(_) | Who::Named(_) => false,
    };
    class && way.kind == Kind::Access && way.trust != Trust::Public && !way.actions.of(Capability::Decrypt).is_empty()
}

/// Whether the pattern of an ARN stands for all roles or users: after the account there is no name, or none but wildcards.
fn names_nobody(pattern: &str) -> bool {
    let resource = pattern.splitn(6, ':').nth(5).unwrap_or(pattern);
    let name = resource.split_once('/').map_or(resource, |(_, name)| name);
    name.bytes().all(|byte| matches!(byte, b'*' | b'?' | b'/'))
}

fn severity(way: &WayIn) -> Severity {
    match way.trust {
        Trust::OwnAccount | Trust::Organization if is_fenced_further(way) => Severity::Low,
        Trust::OwnAccount | Trust::Organization => Severity::Medium,
        _ => Severity::High,
    }
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(is_broad) {
        let weight = culprit.weigh(|way| Some((severity(way), confidence(way))));
        let title = format!("A whole class of principals may decrypt: {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        findings.push(subject.statement_finding(&RULE, weight, title, &culprit));
    }
}
