use kms_insights_policy::{
    ActionSet, Actions, Effect,
    access::{Kind, Trust, WayIn, Who},
};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Finding, Severity,
    border::Beyond,
    culprit::Culprit,
    subject::{Subject, confidence, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "not-action",
    title: "All actions but some are allowed (NotAction)",
    severity: Severity::High,
    documentation: "An Allow with `NotAction` allows all that it does not list, also what KMS will learn tomorrow. Source: IAM User Guide, \"IAM JSON policy elements: \
        NotAction\". The key's own account is exempt: such a statement only lets the account's IAM policies decide. In a Deny it has its use, and is not reported.\n\n\
        High where the actions are more than reading about the key and somebody beyond the key's account comes in, else medium; low where today nothing but reading is \
        left. Certain where a request exists that comes in, else possible.",
    rests_on: &[RestsOn::Policies],
    remediation: "List in Action what the principal needs.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let delegates_to_own = |way: &WayIn| way.trust == Trust::OwnAccount && matches!(way.who, Who::Account(_));
    for culprit in subject.culprits(|way| way.kind != Kind::Intent && !delegates_to_own(way)) {
        let Actions::Except(patterns) = &culprit.statement.actions else { continue };
        if culprit.statement.effect != Effect::Allow {
            continue;
        }
        let is_wide = culprit.statement.actions.is_wide();
        let weight = culprit.weigh(|way| {
            let abroad = way.trust == Trust::Public || Beyond::of(way, subject).is_some();
            let severity = match (is_wide, abroad) {
                (false, _) => Severity::Low,
                (true, false) => Severity::Medium,
                (true, true) => Severity::High,
            };
            Some((severity, confidence(way)))
        });
        let but = names(patterns.iter().cloned());
        let title = format!("All actions but {but} are allowed to {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        let mut finding = subject.statement_finding(&RULE, weight, title, &culprit);
        finding.place = culprit.at_actions();
        finding.changed_policy = listed(&culprit);
        findings.push(finding);
    }
}

/// The policy with the actions listed that the statement allows as far as this version knows them.
fn listed(culprit: &Culprit<'_>) -> Option<String> {
    let left = ActionSet::allowed_by(&culprit.statement.actions) - ActionSet::UNRECOGNIZED;
    let mut statement = culprit.written()?;
    if left.is_empty() || left == ActionSet::ALL {
        return None;
    }
    let place = statement.keys().position(|name| name == "NotAction")?;
    statement.shift_remove("NotAction");
    statement.shift_insert(place, "Action".to_owned(), json!(left.names()));
    culprit.replaced_by(vec![statement])
}
