use kms_insights_policy::{Condition, Conditions, Effect, SetQualifier, Test, access::Kind};
use serde_json::{Map, Value, json};

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    changed_policy::add_condition,
    fences::{demands_a_value, is_any},
    subject::{Culprit, Subject, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "toothless-condition",
    title: "A condition fences nothing",
    severity: Severity::Medium,
    documentation: "An Allow has a condition that looks like a fence and is none, since it holds for the requests that it seems to keep out:\n\n\
        - a value that matches everybody's, such as `StringLike` `*` on `aws:PrincipalArn`, `arn:aws:s3:::*` on `aws:SourceArn`, `o-*` on an organization, `0.0.0.0/0` on an \
        address. Of keys that a \
        request may lack, only those are meant whose presence says nothing: a wildcard on an encryption context or on `kms:ViaService` demands that there is one, and is not reported;\n\
        - `ForAllValues` without a `Null` guard on a key that a request may lack: it holds for a request without any value. Each request to make a grant lists operations and each \
        to set tags has some, so `kms:GrantOperations` and, for `kms:TagResource` alone, `aws:TagKeys` are not reported. Source: IAM User Guide, \"Multivalued context keys\";\n\
        - `…IfExists` on a key that a request may lack, which then comes in: `kms:ViaService`, the source of a service's request, the organization, the network, multi-factor \
        authentication. Source: IAM User Guide, \"IAM JSON policy elements: Condition operators\".\n\n\
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
const MAY_LACK: [&str; 18] = [
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
    "aws:SourceVpce",
    "aws:MultiFactorAuthPresent",
    "aws:MultiFactorAuthAge",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:PrincipalServiceNamesList",
];

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|way| way.kind != Kind::Intent) {
        let conditions = &culprit.statement.conditions;
        if culprit.statement.effect != Effect::Allow || conditions.is_empty() {
            continue;
        }
        let found: Vec<(&Condition, Toothless)> =
            conditions.entries.iter().filter_map(|condition| Some((condition, toothless(condition, conditions)?))).collect();
        if found.is_empty() {
            continue;
        }
        let which = names(found.iter().map(|(condition, why)| format!("{} {} ({})", condition.operator, condition.key, why.reason())));
        let title = format!("A condition fences nothing: {which}; allowed is {}", culprit.whom());
        let mut finding = subject.statement_finding(&RULE, (Severity::Medium, Confidence::Certain), title, &culprit);
        finding.changed_policy = mended(&culprit, &found);
        findings.push(finding);
    }
}

fn toothless(condition: &Condition, all: &Conditions) -> Option<Toothless> {
    let is_among = |keys: &[&str]| keys.iter().any(|key| condition.key.eq_ignore_ascii_case(key));
    let operator = &condition.operator;
    if operator.negated || matches!(operator.test, Test::Null | Test::Unrecognized) || condition.values.is_empty() {
        return None;
    }
    let may_lack = is_among(&MAY_LACK) || starts_with(&condition.key, "kms:EncryptionContext:");
    if matches_all(condition) && (is_among(&SAYS_NOTHING) || operator.test == Test::IpAddress) {
        return Some(Toothless::MatchesAll);
    }
    if !may_lack || demanded_elsewhere(condition, all) {
        return None;
    }
    match operator.set {
        _ if operator.if_exists => Some(Toothless::HoldsWithout),
        Some(SetQualifier::ForAllValues) => Some(Toothless::HoldsOfNone),
        _ => None,
    }
}

/// Whether another condition of the statement demands that the key is there, so that no request comes in without it.
fn demanded_elsewhere(condition: &Condition, all: &Conditions) -> bool {
    let mut same_key = all.entries.iter().filter(|other| other.key.eq_ignore_ascii_case(&condition.key));
    same_key.any(|other| match other.operator.test {
        Test::Null => matches!(other.values.as_slice(), [value] if value.eq_ignore_ascii_case("false")),
        _ => demands_a_value(other, false),
    })
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Whether one of the values is matched by whatever value a request has.
fn matches_all(condition: &Condition) -> bool {
    condition.values.iter().any(|value| match condition.operator.test {
        Test::StringLike | Test::Arn => is_any(value) || matches!(value.as_str(), "o-*" | "o-*/*") || is_any_of_any_account(value),
        Test::IpAddress => value == "0.0.0.0/0",
        _ => false,
    })
}

/// Whether the value is the ARN of whatever resource or principal of whatever account.
fn is_any_of_any_account(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, _, _, "" | "*", resource] if is_any(resource))
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

/// Moves the condition to the operator that demands the key.
fn without_if_exists(statement: &mut Map<String, Value>, condition: &Condition) -> Option<()> {
    let written = &condition.operator.text;
    let plain = written.get(..written.len().checked_sub("IfExists".len())?)?;
    let conditions = statement.get_mut("Condition")?.as_object_mut()?;
    let keys = conditions.get_mut(written)?.as_object_mut()?;
    let values = keys.shift_remove(&condition.key)?;
    if keys.is_empty() {
        conditions.shift_remove(written);
    }
    add_condition(statement, plain, &condition.key, values)
}
