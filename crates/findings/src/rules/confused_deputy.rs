use kms_insights_policy::{
    Condition, PrincipalForm, Principals, Test,
    access::{Kind, Literal, OnBehalf, WayIn, Who},
};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    fences::{demands_a_value, has_wildcard, is_account, is_fenced_by},
    subject::{Subject, confidence, more_than_reading},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "confused-deputy",
    title: "An AWS service is allowed for whomever it acts",
    severity: Severity::Medium,
    documentation: "A statement allows an AWS service to use the key, or to grant its use, and does not say for whom the service must act. Whoever can make the service act \
        on the key, from any account, may then do so through it: the service is a confused deputy. `aws:SourceAccount`, `aws:SourceArn`, `aws:SourceOrgID` and \
        `aws:SourceOrgPaths` say for whom. So does an encryption context in which the service itself names a resource with its account \
        (`kms:EncryptionContext:aws:logs:arn`). A value that leaves the account open (`arn:aws:logs:*:*:*`, one of a list) says nothing. Source: IAM User Guide, \"The confused deputy problem\".\n\n\
        Medium, and likely, never certain: some services call KMS in their own name without these keys, and for them a condition on the keys keeps the service itself \
        out. Which do, AWS tells in each service's guide; look there before the condition is added. Low, and possible, where `aws:SourceArn` names a resource whose ARN \
        has no account, such as a bucket: only who knows the bucket knows whose it is, and one that is deleted may be made anew by anybody. A service that may only read \
        about the key is low and possible where it must act for a resource of whatever account, and not reported where nothing is said: it then reads in its own \
        name, as in the policies that AWS recommends for CloudTrail.",
    rests_on: &[RestsOn::Policies],
    remediation: "Add a condition on aws:SourceAccount or aws:SourceArn, if the service's guide says that its requests to KMS carry it.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(is_deputy) {
        // That everyone includes services is the matter of other rules.
        if !names_services(&culprit.statement.principals) {
            continue;
        }
        let weight = culprit.weigh(|way| {
            if names_resources(way) || more_than_reading(way.actions).is_empty() {
                Some((Severity::Low, Confidence::Possible))
            } else {
                Some((Severity::Medium, confidence(way).min(Confidence::Likely)))
            }
        });
        let low = culprit.ways.iter().all(|way| names_resources(way));
        let for_whom = if low { "for a resource whose ARN does not name its account" } else { "for whomever it acts" };
        let what = if culprit.ways.iter().all(|way| more_than_reading(way.actions).is_empty()) { "allowed to read about the key" } else { "allowed" };
        let title = format!("An AWS service is {what} {for_whom}: {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        let mut finding = subject.statement_finding(&RULE, weight, title, &culprit);
        if low {
            "A bucket's ARN does not name its account: add a condition on aws:SourceAccount, if the service's guide says that its requests to KMS carry it."
                .clone_into(&mut finding.remediation);
        }
        let only_services = culprit.statement.principals.listed().iter().all(|principal| principal.form == PrincipalForm::Service)
            && !culprit.statement.principals.is_negated();
        if only_services {
            finding.changed_policy = culprit.with_condition("StringEquals", "aws:SourceAccount", json!(subject.context.facts.arn.account().to_string()));
        }
        findings.push(finding);
    }
}

/// Whether a service acts by the way for accounts that nobody can tell; where every service does for some resource, that is the matter of the rules about outsiders.
fn is_deputy(way: &WayIn) -> bool {
    let untold = match way.on_behalf() {
        Some(OnBehalf::Anyone) => true,
        Some(OnBehalf::SomeResource) => way.who != Who::EveryService,
        _ => false,
    };
    // What a service may only read tells nobody much, but that outsiders come in by it is then not ruled out, and nothing else says so.
    let matters = !more_than_reading(way.actions).is_empty() || way.on_behalf() == Some(OnBehalf::SomeResource);
    way.kind != Kind::Intent && untold && matters && !is_fenced_by(way, names_a_resource)
}

/// Whether a condition on `aws:SourceArn` names resources by ARNs that have no account, or have one that is told.
fn names_resources(way: &WayIn) -> bool {
    way.fence.units().any(|literal| {
        let Literal::Condition { term, negated } = literal else { return false };
        let condition = &term.condition;
        let test = condition.operator.test;
        condition.key.eq_ignore_ascii_case("aws:SourceArn")
            && demands_a_value(condition, *negated)
            && matches!(test, Test::Arn | Test::StringLike | Test::StringEquals | Test::StringEqualsIgnoreCase)
            && !condition.values.is_empty()
            && condition.values.iter().all(|value| names_one(value, test))
    })
}

/// Whether nobody can choose whose the resource is: its account is told, or its ARN has none and its name, up to a slash, no wildcard. Anybody can make a bucket
/// whose name begins like another's.
fn names_one(value: &str, test: Test) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let [head @ .., account, resource] = parts.as_slice() else { return false };
    let name = resource.split('/').next().unwrap_or(resource);
    let in_place = head.len() == 4 && (test == Test::Arn || !head.iter().any(|part| has_wildcard(part)));
    let is_one = !name.is_empty() && !has_wildcard(name) && !value.contains("${");
    in_place && (is_account(account) || (account.is_empty() && is_one))
}

fn names_services(principals: &Principals) -> bool {
    matches!(principals, Principals::Only(listed) if listed.iter().any(|principal| principal.form == PrincipalForm::Service))
}

/// Whether the condition demands an encryption context with a resource of a known account, which the service puts there.
fn names_a_resource(condition: &Condition, negated: bool) -> bool {
    const PREFIX: &str = "kms:EncryptionContext:aws:";
    let of_service = condition.key.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX));
    let has_account = |value: &String| value.split(':').any(is_account);
    of_service && demands_a_value(condition, negated) && !condition.values.is_empty() && condition.values.iter().all(has_account)
}
