use kms_insights_policy::{
    ActionSet, Actions, Capability, Condition, SetQualifier, Test,
    access::{Kind, Trust, WayIn, Who},
};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Finding, Severity,
    border::Beyond,
    changed_policy::add_condition,
    culprit::Culprit,
    fences::{demands_a_value, has_wildcard, is_account, is_fenced_by},
    subject::{Subject, confidence},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "unfenced-create-grant",
    title: "Grants may be made to anybody",
    severity: Severity::High,
    documentation: "A statement allows `kms:CreateGrant`, and nothing confines to whom. Whoever holds it can give the use of the key to any principal of any account; no \
        statement shows that access, and it outlives this one. Source: AWS KMS Developer Guide, \"Controlling access to grants\".\n\n\
        These count as fences. `kms:GrantIsForAWSResource`: an AWS service makes the grant for its own resource. `kms:ViaService` and `aws:ViaAWSService`: the service makes it \
        too, and chooses the grantee. `kms:GranteePrincipal` and `kms:GranteeServicePrincipal`: the policy says to whom. A wildcard in the place of the service (`*.amazonaws.com`) or of the \
        grantee's account (`arn:aws:iam::*:role/*`) stands for any, and is no fence. \
        `kms:GrantOperations` that leaves out decryption, signatures, message authentication codes, derived secrets and `CreateGrant`: what can be handed on does no harm. These do not: \
        `kms:GrantOperations` with one of those, `kms:GrantConstraintType`, `kms:RetiringPrincipal` and an encryption context, since the grantee may still be anybody. A Deny \
        that demands the same counts like a condition.\n\n\
        The key's own account by its root is exempt: its IAM policies decide. AWS services are too: they make grants for their resources \
        ([`confused-deputy`](#confused-deputy)). High for whoever is beyond the key's account, else medium; low for those who may change the policy too, as the administrators in the policies that \
        the console writes: they can give the key to anybody in any case. Certain where a request exists that comes in, else possible.",
    rests_on: &[RestsOn::Policies],
    remediation: "Allow kms:CreateGrant in a statement of its own with the condition Bool kms:GrantIsForAWSResource true, or name the grantees (kms:GranteePrincipal).",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let create = ActionSet::of_names(["CreateGrant"]);
    let own_root = |way: &WayIn| way.trust == Trust::OwnAccount && matches!(way.who, Who::Account(_));
    let makes_any = |way: &WayIn| {
        way.kind != Kind::Intent && way.actions.contains(create) && way.trust != Trust::AwsService && !own_root(way) && !is_fenced_by(way, confines)
    };
    for culprit in subject.culprits(makes_any) {
        let weight = culprit.weigh(|way| {
            let severity = if way.trust == Trust::Public || Beyond::of(way, subject).is_some() {
                Severity::High
            } else if may_change_policy(subject, &way.who) {
                Severity::Low
            } else {
                Severity::Medium
            };
            Some((severity, confidence(way)))
        });
        let title = format!("Grants to anybody may be made by {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        let mut finding = subject.statement_finding(&RULE, weight, title, &culprit);
        finding.place = culprit.at_actions();
        finding.changed_policy = apart(&culprit);
        findings.push(finding);
    }
}

fn may_change_policy(subject: &Subject<'_>, who: &Who) -> bool {
    let put = ActionSet::of_names(["PutKeyPolicy"]);
    subject.access.ways.iter().any(|way| way.kind == Kind::Access && way.who == *who && way.actions.contains(put))
}

/// Whether the condition, or where `negated` its opposite, confines the grants that can be made.
fn confines(condition: &Condition, negated: bool) -> bool {
    let is = |key: &str| condition.key.eq_ignore_ascii_case(key);
    let operator = &condition.operator;
    if is("kms:GrantIsForAWSResource") || is("aws:ViaAWSService") {
        let wanted = |wanted: &str| matches!(condition.values.as_slice(), [value] if value.eq_ignore_ascii_case(wanted));
        let demanded = demands_a_value(condition, negated) && wanted("true");
        // A Deny of what no service makes. Of requests without the key it says nothing, but `CreateGrant` carries it.
        let denied = negated && !operator.negated && operator.set.is_none() && wanted("false");
        return matches!(operator.test, Test::Bool | Test::StringEquals | Test::StringEqualsIgnoreCase) && (demanded || denied);
    }
    if is("kms:GrantOperations") {
        // Each request to make a grant lists operations, so that `ForAllValues` asks for no guard.
        let listed = operator.set == Some(SetQualifier::ForAllValues) && !negated && !operator.negated && operator.test == Test::StringEquals;
        return listed && harmless(ActionSet::of_names(condition.values.iter().map(String::as_str)));
    }
    let names: fn(&str, Test) -> bool = if is("kms:GranteePrincipal") {
        names_account
    } else if is("kms:ViaService") || is("kms:GranteeServicePrincipal") {
        names_service
    } else {
        return false;
    };
    demands_a_value(condition, negated) && !condition.values.is_empty() && condition.values.iter().all(|value| names(value, operator.test))
}

/// Whether whatever the value stands for is one principal, or belongs to one account.
fn names_account(value: &str, test: Test) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    match parts.as_slice() {
        _ if !has_wildcard(value) => true,
        // Read as one text, a wildcard before the account may stand for an ARN with another.
        [head @ .., account, _] if head.len() == 4 => is_account(account) && (test == Test::Arn || !head.iter().any(|part| has_wildcard(part))),
        _ => false,
    }
}

/// Whether the value begins with the name of a service: a wildcard there stands for any.
fn names_service(value: &str, _: Test) -> bool {
    !value.starts_with(['*', '?'])
}

fn harmless(operations: ActionSet) -> bool {
    let uses = [Capability::Decrypt, Capability::Sign, Capability::Mac, Capability::Derive];
    !operations.contains(ActionSet::of_names(["CreateGrant"])) && uses.into_iter().all(|capability| operations.of(capability).is_empty())
}

/// The policy with `kms:CreateGrant` in a statement of its own, which only AWS services can use.
fn apart(culprit: &Culprit<'_>) -> Option<String> {
    let Actions::Only(patterns) = &culprit.statement.actions else { return None };
    let (creating, others): (Vec<&String>, Vec<&String>) = patterns.iter().partition(|pattern| pattern.eq_ignore_ascii_case("kms:CreateGrant"));
    let left = ActionSet::allowed_by(&Actions::Only(others.iter().map(|pattern| (*pattern).clone()).collect()));
    let mut statement = culprit.written()?;
    if creating.is_empty() || left.contains(ActionSet::of_names(["CreateGrant"])) {
        return None;
    }
    let mut grants = statement.clone();
    grants.insert("Action".to_owned(), json!("kms:CreateGrant"));
    add_condition(&mut grants, "Bool", "kms:GrantIsForAWSResource", json!("true"))?;
    if others.is_empty() {
        return culprit.replaced_by(vec![grants]);
    }
    statement.insert("Action".to_owned(), json!(others));
    // Ids of statements are unique within a policy.
    grants.shift_remove("Sid");
    culprit.replaced_by(vec![statement, grants])
}
