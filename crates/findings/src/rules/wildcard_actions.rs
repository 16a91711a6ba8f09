use kms_insights_policy::{
    ActionSet, Capability,
    access::{Kind, Trust, WayIn, Who},
};

use super::{RestsOn, RuleInfo};
use crate::{Finding, Severity, border::Beyond, culprit::Culprit, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "wildcard-actions",
    title: "All or nearly all actions are allowed",
    severity: Severity::High,
    documentation: "A statement allows every action on the key, however it is spelled (`kms:*`, `*`, `KMS:*`, a list that covers them all), or nearly \
        every one. Whoever holds `kms:*` can use the key, hand it on, rewrite its policy and delete it. Everything but some is the matter of \
        [`not-action`](#not-action).\n\n\
        The key's own account is exempt: that statement, AWS's default, only lets the account's IAM policies decide \
        ([`whole-account`](#whole-account)). A list is nearly everything when it has `kms:Decrypt`, `kms:CreateGrant`, `kms:PutKeyPolicy`, \
        `kms:ScheduleKeyDeletion` and nine tenths of the actions that do more than read about the key. Whom a Deny leaves without one of these is no matter of this \
        rule.\n\n\
        High for principals that may be outside the key's account, who can do all of it that KMS offers to other accounts, else medium. Certain where a request exists \
        that comes in, else possible.",
    rests_on: &[RestsOn::Policies],
    remediation: "List the actions that the principal needs, and separate those who administer the key from those who use it.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let delegates_to_own = |way: &WayIn| way.trust == Trust::OwnAccount && matches!(way.who, Who::Account(_));
    // What KMS does not offer to outsiders is part of all that the statement allows them.
    for culprit in subject.culprits(|way| !delegates_to_own(way)) {
        let actions = &culprit.statement.actions;
        if actions.is_negated() || !actions.is_wide() {
            continue;
        }
        let Some((culprit, left)) = holders_of_all(culprit) else { continue };
        let external = culprit.ways.iter().any(|way| way.trust == Trust::Public || Beyond::of(way, subject).is_some());
        let severity = if external { Severity::High } else { Severity::Medium };
        let what = if (ActionSet::ALL - left).capabilities().any(|capability| !USES.contains(&capability)) {
            "Nearly all KMS actions are allowed to"
        } else {
            "All KMS actions are allowed to"
        };
        let title = format!("{what} {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        let finding = subject.statement_finding(&RULE, (severity, culprit.confidence()), title, &culprit);
        findings.push(Finding { place: culprit.at_actions(), ..finding });
    }
}

/// What a key is used for depends on the key: one that decrypts does not sign.
const USES: [Capability; 5] = [Capability::Encrypt, Capability::Decrypt, Capability::Sign, Capability::Mac, Capability::Derive];

/// The culprit with those alone to whom Denies leave the key as a whole, and what they leave to them together.
fn holders_of_all(mut culprit: Culprit<'_>) -> Option<(Culprit<'_>, ActionSet)> {
    let decisive = ActionSet::of_names(["CreateGrant", "PutKeyPolicy", "ScheduleKeyDeletion"]);
    let all: Vec<&WayIn> = culprit.ways.clone();
    let held_by = |who: &Who| all.iter().filter(|way| way.who == *who).fold(ActionSet::EMPTY, |held, way| held | way.actions);
    let has_all = |who: &Who| {
        let held = held_by(who);
        held.contains(decisive) && USES.into_iter().any(|capability| !held.of(capability).is_empty())
    };
    culprit.ways.retain(|way| way.kind != Kind::Intent && has_all(&way.who));
    let left = culprit.ways.iter().fold(ActionSet::EMPTY, |left, way| left | held_by(&way.who));
    (!culprit.ways.is_empty()).then_some((culprit, left))
}
