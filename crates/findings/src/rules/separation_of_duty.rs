use std::collections::BTreeMap;

use kms_insights_policy::{
    ActionSet, Capability, PrincipalForm,
    access::{Cause, Kind, PolicyName, Trust, WayIn, Who},
};
use serde_json::{Value, json};

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, confidence, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "separation-of-duty",
    title: "One principal may both administer and use the key",
    severity: Severity::Medium,
    documentation: "A role or user of the key's own account may administer the key and use it: encrypt, decrypt, sign, make codes or derive secrets, by one statement, several, or \
        a grant. Whoever holds that principal can read what the key protects and also hide it, give it away or destroy it. Keep the two apart. Source: AWS KMS Developer \
        Guide, \"Key policies: Allows key administrators to administer the KMS key\"; NIST SP 800-57 Part 2, \"separation of duties\".\n\n\
        The delegation to the account's root is not this: it names nobody. One finding for each principal.\n\n\
        Medium where the principal may change the policy, disable or delete the key or its material; low where it may administer only the rest, such as tags and \
        aliases. Certain where both are, else possible.",
    rests_on: &[RestsOn::Policies, RestsOn::Grants],
    remediation: "Take the administration or the use from the principal, and give it to another role.",
    check,
};

/// What decides over the key as a whole.
const DECISIVE: [&str; 4] = ["PutKeyPolicy", "ScheduleKeyDeletion", "DisableKey", "DeleteImportedKeyMaterial"];

const USES: [Capability; 5] = [Capability::Encrypt, Capability::Decrypt, Capability::Sign, Capability::Mac, Capability::Derive];

#[derive(Default)]
struct Duties<'w> {
    administering: Vec<&'w WayIn>,
    using: Vec<&'w WayIn>,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_aws_managed() {
        return;
    }
    let mut duties: BTreeMap<&str, Duties<'_>> = BTreeMap::new();
    for way in subject.access.ways.iter().filter(|way| way.kind == Kind::Access && way.trust == Trust::OwnAccount) {
        let Who::Named(principal) = &way.who else { continue };
        if !matches!(principal.form, PrincipalForm::Role(_) | PrincipalForm::User(_) | PrincipalForm::AssumedRole(_) | PrincipalForm::FederatedUser(_)) {
            continue;
        }
        let of_principal = duties.entry(&principal.text).or_default();
        if !way.actions.of(Capability::Administer).is_empty() {
            of_principal.administering.push(way);
        }
        if USES.into_iter().any(|capability| !way.actions.of(capability).is_empty()) {
            of_principal.using.push(way);
        }
    }
    for (principal, duties) in duties {
        if !duties.administering.is_empty() && !duties.using.is_empty() {
            findings.push(both(subject, principal, &duties));
        }
    }
}

fn both(subject: &Subject<'_>, principal: &str, duties: &Duties<'_>) -> Finding {
    let decisive = ActionSet::of_names(DECISIVE);
    let severity = if duties.administering.iter().any(|way| way.actions.intersects(decisive)) { Severity::Medium } else { Severity::Low };
    let surest = |ways: &[&WayIn]| ways.iter().map(|way| confidence(way)).max().unwrap_or(Confidence::Possible);
    let sure = surest(&duties.administering).min(surest(&duties.using));
    let doubt = if sure == Confidence::Certain { "" } else { " (not certain: one of the two depends on what the policy does not tell)" };
    let uses = duties.using.iter().fold(ActionSet::EMPTY, |all, way| all | way.actions);
    let uses = names(USES.into_iter().filter(|capability| !uses.of(*capability).is_empty()).map(|capability| capability.as_str().to_owned()));
    let title = format!("One principal may both administer the key and use it ({uses}): {principal}{doubt}");
    let mut causes: Vec<&Cause> = duties.administering.iter().chain(&duties.using).map(|way| &way.cause).collect();
    causes.sort_unstable();
    causes.dedup();
    let evidence: Vec<Value> = causes.into_iter().filter_map(|cause| evidence(subject, cause)).collect();
    subject.finding(&RULE, (severity, sure), title, format!("principal {principal}"), json!(evidence).to_string())
}

/// The statement as written, or the grant.
fn evidence(subject: &Subject<'_>, cause: &Cause) -> Option<Value> {
    match cause {
        Cause::Statement(name, index) => {
            let policy = subject.policies.iter().find(|policy| policy.name == *name)?;
            let text = &policy.document.as_ref()?.statements.get(*index)?.text;
            Some(json!({ "policy": PolicyName::as_str(*name), "statement": serde_json::from_str::<Value>(text).ok()? }))
        }
        Cause::Grant(id) => {
            let grant = subject.grants().iter().find(|grant| *grant.id == **id)?;
            Some(json!({ "grant": serde_json::to_value(grant).ok()? }))
        }
    }
}
