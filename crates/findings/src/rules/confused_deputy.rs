use kms_insights_policy::{
    Capability, Condition, PrincipalForm, Principals,
    access::{Kind, OnBehalf, WayIn},
};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    fences::{demands_a_value, is_fenced_by},
    subject::Subject,
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "confused-deputy",
    title: "An AWS service is allowed for whomever it acts",
    severity: Severity::Medium,
    documentation: "A statement allows an AWS service to use the key, or to grant its use, and does not say for whom the service must act. Whoever can make the service act \
        on the key, from any account, may then do so through it: the service is a confused deputy. `aws:SourceAccount`, `aws:SourceArn`, `aws:SourceOrgID` and \
        `aws:SourceOrgPaths` say for whom. So does an encryption context in which the service itself names a resource with its account \
        (`kms:EncryptionContext:aws:logs:arn`). Source: IAM User Guide, \"The confused deputy problem\".\n\n\
        Medium, and likely, never certain: some services call KMS in their own name without these keys, and for them a condition on the keys keeps the service itself \
        out. Which do, AWS tells in each service's guide; look there before the condition is added. A service that may only read about the key is not reported.",
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
        let confidence = culprit.confidence().min(Confidence::Likely);
        let title = format!("An AWS service is allowed for whomever it acts: {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        let mut finding = subject.statement_finding(&RULE, (Severity::Medium, confidence), title, &culprit);
        let only_services = culprit.statement.principals.listed().iter().all(|principal| principal.form == PrincipalForm::Service)
            && !culprit.statement.principals.is_negated();
        if only_services {
            finding.changed_policy = culprit.with_condition("StringEquals", "aws:SourceAccount", json!(subject.context.facts.arn.account().to_string()));
        }
        findings.push(finding);
    }
}

fn is_deputy(way: &WayIn) -> bool {
    let more_than_reading = way.actions.capabilities().any(|capability| capability != Capability::Read);
    way.kind != Kind::Intent && more_than_reading && way.on_behalf() == Some(OnBehalf::Anyone) && !is_fenced_by(way, names_a_resource)
}

fn names_services(principals: &Principals) -> bool {
    matches!(principals, Principals::Only(listed) if listed.iter().any(|principal| principal.form == PrincipalForm::Service))
}

/// Whether the condition demands an encryption context with a resource of a known account, which the service puts there.
fn names_a_resource(condition: &Condition, negated: bool) -> bool {
    const PREFIX: &str = "kms:EncryptionContext:aws:";
    let of_service = condition.key.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX));
    let has_account = |value: &String| value.split(':').any(|part| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit()));
    of_service && demands_a_value(condition, negated) && !condition.values.is_empty() && condition.values.iter().all(has_account)
}
