use std::{collections::BTreeMap, sync::Arc};

use kms_insights_model::AccountId;
use kms_insights_policy::{
    ActionSet, Capability, PrincipalForm,
    access::{Cause, Kind, PolicyName, Trust, WayIn, Who},
};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Place, Severity,
    roles::{last, role_of},
    subject::{Subject, confidence, more_than_reading, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "separation-of-duty",
    title: "One principal may both administer and use the key",
    severity: Severity::Medium,
    documentation: "A role or user of the key's own account may administer the key and use it: encrypt, decrypt, sign, make codes or derive secrets, by one statement, several, or \
        a grant. Whoever holds that principal can read what the key protects and also hide it, give it away or destroy it. Keep the two apart. Source: AWS KMS Developer \
        Guide, \"Key policies: Allows key administrators to administer the KMS key\"; NIST SP 800-57 Part 2, \"separation of duties\".\n\n\
        A role and a session of its that a statement or grant names count as one principal: whoever holds the session holds the role. Two sessions of a role that is \
        not named itself count as two. The delegation to the account's root is not this: it names nobody. One finding for each principal.\n\n\
        Medium where the principal may change the policy, disable or delete the key or its material; low where it may administer only the rest, such as tags and \
        aliases. Certain where both are, else possible. `evidence` has what the principal may do, and names the statements and at most three grants by which.",
    rests_on: &[RestsOn::Policies, RestsOn::Grants],
    remediation: "Take the administration or the use from the principal, and give it to another role.",
    check,
};

/// What decides over the key as a whole.
const DECISIVE: [&str; 4] = ["PutKeyPolicy", "ScheduleKeyDeletion", "DisableKey", "DeleteImportedKeyMaterial"];

/// How many grants the evidence names.
const GRANTS: usize = 3;

const USES: [Capability; 5] = [Capability::Encrypt, Capability::Decrypt, Capability::Sign, Capability::Mac, Capability::Derive];

#[derive(Default)]
struct Duties<'w> {
    administering: Vec<&'w WayIn>,
    using: Vec<&'w WayIn>,
    /// Of a role, its sessions that have duties by their own names.
    sessions: Vec<&'w Arc<str>>,
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.is_aws_managed() {
        return;
    }
    let mut duties: BTreeMap<&Arc<str>, Duties<'_>> = BTreeMap::new();
    let mut roles: BTreeMap<(AccountId, &str), &Arc<str>> = BTreeMap::new();
    let mut sessions: BTreeMap<&Arc<str>, (AccountId, &str)> = BTreeMap::new();
    for way in subject.access.ways.iter().filter(|way| way.kind == Kind::Access && way.trust == Trust::OwnAccount) {
        let Who::Named(principal) = &way.who else { continue };
        match (principal.form, role_of(principal)) {
            (PrincipalForm::Role(_), Some(role)) => _ = roles.entry(role).or_insert(&principal.text),
            (PrincipalForm::AssumedRole(_), Some(role)) => _ = sessions.insert(&principal.text, role),
            (PrincipalForm::User(_) | PrincipalForm::FederatedUser(_), _) => {}
            _ => continue,
        }
        let of_principal = duties.entry(&principal.text).or_default();
        if !more_than_reading(way.actions).of(Capability::Administer).is_empty() {
            of_principal.administering.push(way);
        }
        if USES.into_iter().any(|capability| !way.actions.of(capability).is_empty()) {
            of_principal.using.push(way);
        }
    }
    for (session, of_role) in sessions {
        let Some(role) = roles.get(&of_role) else { continue };
        let Some(of_session) = duties.remove(session) else { continue };
        let of_role = duties.entry(*role).or_default();
        if !of_session.administering.is_empty() || !of_session.using.is_empty() {
            of_role.sessions.push(session);
        }
        of_role.administering.extend(of_session.administering);
        of_role.using.extend(of_session.using);
    }
    for (principal, duties) in duties {
        if !duties.administering.is_empty() && !duties.using.is_empty() {
            findings.push(both(subject, principal, &duties));
        }
    }
}

fn both(subject: &Subject<'_>, principal: &Arc<str>, duties: &Duties<'_>) -> Finding {
    let decisive = ActionSet::of_names(DECISIVE);
    let all = |ways: &[&WayIn]| ways.iter().fold(ActionSet::EMPTY, |all, way| all | way.actions);
    let (administers, in_use) = (all(&duties.administering), all(&duties.using));
    let severity = if administers.intersects(decisive) { Severity::Medium } else { Severity::Low };
    let surest = |ways: &[&WayIn]| ways.iter().map(|way| confidence(way)).max().unwrap_or(Confidence::Possible);
    let sure = surest(&duties.administering).min(surest(&duties.using));
    let doubt = if sure == Confidence::Certain { "" } else { " (not certain: one of the two depends on what the policy does not tell)" };
    let uses: Vec<&str> = USES.into_iter().filter(|capability| !in_use.of(*capability).is_empty()).map(Capability::as_str).collect();
    let with = match duties.sessions.as_slice() {
        [] => String::new(),
        sessions => format!(", together with its own session {}", names(sessions.iter().map(|session| last(session).to_owned()))),
    };
    let title =
        format!("One principal may both administer the key and use it ({}): {principal}{with}{doubt}", names(uses.iter().map(|&use_of| use_of.to_owned())));
    // Who may do more than what somebody put up with is another finding.
    let content = json!([(administers & decisive).names(), uses]).to_string();
    let evidence = evidence(subject, duties, more_than_reading(administers | in_use));
    let finding = subject.finding_of(&RULE, (severity, sure), title, (format!("principal {principal}"), &content), evidence);
    Finding {
        place: Place::Policy { policy: PolicyName::Default, elements: Vec::new() },
        principals: std::iter::once(principal).chain(duties.sessions.iter().copied()).map(Arc::clone).collect(),
        ..finding
    }
}

/// What the principal may do, and by what. Statements are named and not written out: one may list thousands of principals, each of which has a finding of its own.
fn evidence(subject: &Subject<'_>, duties: &Duties<'_>, actions: ActionSet) -> String {
    let mut causes: Vec<&Cause> = duties.administering.iter().chain(&duties.using).map(|way| &way.cause).collect();
    causes.sort_unstable();
    causes.dedup();
    let (mut statements, mut grants, mut number) = (Vec::new(), Vec::new(), 0_usize);
    for cause in causes {
        match cause {
            Cause::Statement(name, index) => {
                let policy = subject.policies.iter().find(|policy| policy.name == *name);
                let statement = policy.and_then(|policy| policy.document.as_ref()?.statements.get(*index));
                statements
                    .push(json!({ "policy": PolicyName::as_str(*name), "statement": index, "sid": statement.and_then(|statement| statement.sid.as_deref()) }));
            }
            Cause::Grant(id) => {
                number += 1;
                if number <= GRANTS {
                    grants.push(&**id);
                }
            }
        }
    }
    json!({ "actions": actions.names(), "statements": statements, "grants": grants, "number_of_grants": number }).to_string()
}
