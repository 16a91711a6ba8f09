use kms_insights_policy::{Condition, Conditions, Effect, SetQualifier, Test, access::Kind};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    changed_policy::{add_condition, without_if_exists},
    culprit::Culprit,
    subject::{Subject, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "toothless-condition",
    title: "A condition fences nothing",
    severity: Severity::Medium,
    documentation: "An Allow has a condition that looks like a fence and is none, since it holds for the requests that it seems to keep out:\n\n\
        - values that match everybody's, however they are spelled: `StringLike` `*` or `ArnLike` `arn:aws:iam::*:role/*` on `aws:PrincipalArn`, `????????????` on an account, \
        `arn:aws:s3:::*` on `aws:SourceArn`, `o-*` on an organization, `0.0.0.0/0`, `::/0` or networks that together are one of these on an address, and a `Null` that demands \
        no more than that such a key is there. The condition is tried with values of strangers that no policy has in mind. Of keys that a \
        request may lack, only those are meant whose presence says nothing: a wildcard on an encryption context or on `kms:ViaService` demands that there is one, and is not reported;\n\
        - `ForAllValues` without a `Null` guard on a key that a request may lack: it holds for a request without any value. Each request to make a grant lists operations and each \
        to set tags has some, so `kms:GrantOperations` and, for `kms:TagResource` alone, `aws:TagKeys` are not reported. Source: IAM User Guide, \"Multivalued context keys\";\n\
        - `…IfExists` on a key that a request may lack, which then comes in: `kms:ViaService`, the source of a service's request, the organization, the network, multi-factor \
        authentication, an enclave's attestation, tags of the principal. Not where another condition of the statement on that key demands it. Source: IAM User Guide, \"IAM JSON policy elements: Condition operators\".\n\n\
        Medium, certain. Who comes in is the matter of other rules. In a Deny such conditions make it wider, and are not reported.",
    rests_on: &[RestsOn::Policies],
    remediation: "Name the values that are meant; with ForAllValues add a Null condition that demands the key; take IfExists away where the key must be there.",
    check,
};

/// Why a condition fences nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Toothless {
    MatchesAll,
    HoldsOfNone,
    HoldsWithout,
}

impl Toothless {
    const fn reason(self) -> &'static str {
        match self {
            Self::MatchesAll => "it matches everybody's",
            Self::HoldsOfNone => "it holds for requests without any value",
            Self::HoldsWithout => "it holds for requests without the key",
        }
    }
}

/// Keys whose presence says nothing of who calls: every principal's requests carry them, every service's, or everybody can see to it that theirs do.
const SAYS_NOTHING: [&str; 11] = [
    "kms:CallerAccount",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalType",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:userid",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
];

/// Keys that a request may lack though it comes from whom the condition is to keep out, or that whoever calls may leave out.
const MAY_LACK: [&str; 28] = [
    "kms:ViaService",
    "kms:EncryptionContextKeys",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceIp",
    "aws:VpcSourceIp",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:MultiFactorAuthPresent",
    "aws:MultiFactorAuthAge",
    "aws:SourceIdentity",
    "aws:FederatedProvider",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "ec2:SourceInstanceARN",
    "lambda:SourceFunctionArn",
    "ssm:SourceInstanceARN",
];

/// The same, by their beginnings.
const MAY_LACK_BELOW: [&str; 3] = ["kms:EncryptionContext:", "kms:RecipientAttestation:", "aws:PrincipalTag/"];

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|way| way.kind != Kind::Intent) {
        let conditions = &culprit.statement.conditions;
        if culprit.statement.effect != Effect::Allow || conditions.is_empty() {
            continue;
        }
        let variables = culprit.document.has_variables();
        let found: Vec<(&Condition, Toothless)> =
            conditions.entries.iter().filter_map(|condition| Some((condition, toothless(condition, conditions, variables, subject)?))).collect();
        if found.is_empty() {
            continue;
        }
        let which = names(found.iter().map(|(condition, why)| format!("{} {} ({})", condition.operator, condition.key, why.reason())));
        let title = format!("A condition fences nothing: {which}; allowed is {}", culprit.whom());
        let mut finding = subject.statement_finding(&RULE, (Severity::Medium, Confidence::Certain), title, &culprit);
        let path = |condition: &Condition| vec!["Condition".to_owned(), condition.operator.text.clone(), condition.key.clone()];
        finding.place = culprit.place(found.iter().map(|(condition, _)| path(condition)).collect());
        finding.changed_policy = mended(&culprit, &found);
        findings.push(finding);
    }
}

fn toothless(condition: &Condition, all: &Conditions, variables: bool, subject: &Subject<'_>) -> Option<Toothless> {
    let is_among = |keys: &[&str]| keys.iter().any(|key| condition.key.eq_ignore_ascii_case(key));
    let operator = &condition.operator;
    if operator.negated || operator.test == Test::Unrecognized || condition.values.is_empty() {
        return None;
    }
    let mut of_key = all.entries.iter().filter(|other| other.key.eq_ignore_ascii_case(&condition.key));
    if operator.test == Test::Null {
        // Beside another condition on the key it is a guard.
        let alone = of_key.count() == 1 && is_among(&SAYS_NOTHING);
        return (alone && condition.holds_for_strangers(variables, &subject.around)).then_some(Toothless::MatchesAll);
    }
    if (is_among(&SAYS_NOTHING) || operator.test == Test::IpAddress) && condition.holds_for_strangers(variables, &subject.around) {
        return Some(Toothless::MatchesAll);
    }
    let may_lack = is_among(&MAY_LACK) || MAY_LACK_BELOW.iter().any(|prefix| starts_with(&condition.key, prefix));
    // Another condition on the key may demand it, so that no request comes in without.
    if !may_lack || !of_key.all(|other| other.holds_without_key(variables) == Some(true)) {
        return None;
    }
    match operator.set {
        _ if operator.if_exists => Some(Toothless::HoldsWithout),
        Some(SetQualifier::ForAllValues) => Some(Toothless::HoldsOfNone),
        _ => None,
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// The policy with the conditions as they are likely meant, where that is plain: with a guard, and without `IfExists`.
fn mended(culprit: &Culprit<'_>, found: &[(&Condition, Toothless)]) -> Option<String> {
    if found.iter().any(|(_, why)| *why == Toothless::MatchesAll) {
        return None;
    }
    let mut statement = culprit.written()?;
    for (condition, _) in found {
        if condition.operator.if_exists {
            without_if_exists(&mut statement, condition)?;
        }
        if condition.operator.set == Some(SetQualifier::ForAllValues) {
            add_condition(&mut statement, "Null", &condition.key, json!("false"))?;
        }
    }
    culprit.replaced_by(vec![statement])
}
