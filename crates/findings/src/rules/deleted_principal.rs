use std::sync::Arc;

use kms_insights_policy::{Effect, Principal, PrincipalForm};

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "deleted-principal",
    title: "A deleted user or role is named",
    severity: Severity::Medium,
    documentation: "A statement names a principal by its unique id (`AIDA…` for a user, `AROA…` for a role), which is what AWS leaves of a name once the principal \
        is deleted. The id stands for nobody, and stays so when a principal of the same name is made. Source: IAM User Guide, \"IAM identifiers\".\n\n\
        Low in an Allow, which lets in nobody; medium in a Deny or `NotPrincipal`, which may no longer keep out, or spare, whom it was written for. A Deny that names nobody \
        else denies nobody anything: the changed policy is without it, and whoever was meant to be kept out is not kept out either way.\n\n\
        KMS keeps such an id in a policy that it has stored, and refuses it in one that is put ([`kms-refuses`](#kms-refuses)): whoever changes the policy has to take it out.",
    rests_on: &[RestsOn::Policies],
    remediation: "Remove the id, with which KMS refuses the policy when it is put again; if the principal was made anew, write its ARN.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.statements() {
        let statement = culprit.statement;
        if !statement.principals.listed().iter().any(is_deleted) {
            continue;
        }
        let deleted: Vec<&Principal> = statement.principals.listed().iter().filter(|principal| is_deleted(principal)).collect();
        let protective = statement.effect == Effect::Deny || statement.principals.is_negated();
        let severity = if protective { Severity::Medium } else { Severity::Low };
        let title = format!("Deleted users or roles are named: {}", names(deleted.iter().map(|principal| principal.text.to_string())));
        let mut finding = subject.statement_finding(&RULE, (severity, Confidence::Certain), title, &culprit);
        finding.principals = deleted.iter().map(|principal| Arc::clone(&principal.text)).collect();
        if statement.effect == Effect::Deny && !statement.principals.is_negated() && deleted.len() == statement.principals.listed().len() {
            "The Deny names nobody who is left, so it denies nobody anything, and to remove it changes nothing; if the principal was made anew, write its ARN instead."
                .clone_into(&mut finding.remediation);
        }
        finding.changed_policy = culprit.without_principals(&deleted);
        findings.push(finding);
    }
}

fn is_deleted(principal: &Principal) -> bool {
    principal.form == PrincipalForm::Deleted
}
