//! Trying out what rules propose: a change that does not help, that brings something as bad, or that locks out the key's own account is none.

use std::cell::Cell;

use kms_insights_policy::{
    PrincipalForm,
    access::{Cause, PolicyName, Verdict, WayIn, Who, locks_out_own_account},
    parse,
};

use crate::{
    Finding, Place, RULES, RestsOn, RuleInfo, losses, printable,
    subject::{Subject, names},
};

/// How many changed policies are shown for one key: each may be as long as the policy, and a policy may hold hundreds of statements.
pub(crate) const SHOWN: usize = 20;

/// How many are made and tried out for one key at most, those that are then discarded among them: each trial asks all rules.
pub(crate) const MADE: usize = 100;

/// How many are made and tried out however much there is to weigh: the gravest findings are not to be without.
const FEWEST: usize = 5;

/// How much may be weighed in all trials for one key, in pieces of fences: a second's work or so.
const EFFORT: usize = 1_000_000;

/// How many proposals may be made for a key of these ways in: fewer where each trial has more to weigh.
pub(crate) fn bound(ways: &[WayIn]) -> usize {
    let pieces: usize = ways.iter().map(|way| 1 + way.fence.0.iter().map(|clause| clause.0.len()).sum::<usize>()).sum();
    (EFFORT / pieces.max(1)).clamp(FEWEST, MADE)
}

/// The rule whose proposals make a condition fence those who come in.
const TOOTHLESS: &str = "toothless-condition";

/// Takes one of the proposals that may still be made.
pub(crate) fn take(left: &Cell<usize>) -> Option<()> {
    left.set(left.get().checked_sub(1)?);
    Some(())
}

/// Keeps of the proposals of the findings those that help, and says beside each who loses access by it.
pub(crate) fn try_out(subject: &Subject<'_>, findings: &mut [Finding]) {
    let mut shown = 0;
    let effort = Cell::new(losses::EFFORT);
    for at in 0..findings.len() {
        let Some(text) = findings[at].changed_policy.take().filter(|_| shown < SHOWN) else { continue };
        if let Some(trial) = cured(subject, findings, &findings[at], &text) {
            let losses = losses::sentence(subject, &findings[at].place, &trial, &effort);
            let refused = still_refused(&trial).map_or_else(String::new, |refused| format!(" {refused}"));
            findings[at].remediation = format!("{} {}", findings[at].remediation, printable(&format!("{losses}{refused}")));
            findings[at].changed_policy = Some(text);
            shown += 1;
        }
    }
}

/// The key with this text as its policy `default`; nothing unless the finding is then gone, with no other as bad in its place, and the key's own account still holds
/// the key.
fn cured<'a>(subject: &Subject<'a>, findings: &[Finding], finding: &Finding, text: &str) -> Option<Subject<'a>> {
    let document = parse(text).ok().filter(|document| !document.statements.is_empty())?;
    let trial = subject.with_default_policy(document);
    if rank(locks_out_own_account(&trial.access.ways)) > rank(locks_out_own_account(&subject.access.ways)) {
        return None;
    }
    // A condition is to fence those who are named, and not to keep one of them out for good.
    if finding.rule == TOOTHLESS && shuts_somebody_out(subject, &finding.place, &trial) {
        return None;
    }
    // Grants and whatever is no policy stay as they are, and so do the findings about them, unless a Deny is another.
    let same_denies = subject.same_denies(&trial);
    let is_asked = |rule: &RuleInfo| !same_denies || rule.rests_on.contains(&RestsOn::Policies);
    let mut left = Vec::new();
    for rule in RULES.iter().filter(|rule| is_asked(rule)) {
        (rule.check)(&trial, &mut left);
    }
    let known: Vec<&'static str> = RULES.iter().filter(|rule| is_asked(rule)).map(|rule| rule.id).collect();
    let as_bad = |findings: &[Finding]| findings.iter().filter(|other| other.severity >= finding.severity && known.contains(&other.rule)).count();
    let of_rule = |findings: &[Finding]| findings.iter().filter(|other| other.rule == finding.rule).count();
    (as_bad(&left) < as_bad(findings) && of_rule(&left) < of_rule(findings)).then_some(trial)
}

/// Whether somebody whom the statement names, and who came in by it, comes in by nothing any more.
fn shuts_somebody_out(before: &Subject<'_>, place: &Place, after: &Subject<'_>) -> bool {
    let of_changed = |way: &&WayIn| matches!(way.cause, Cause::Statement(PolicyName::Default, index) if Some(index) == place.statement());
    let is_named = |way: &&WayIn| matches!(way.who, Who::Named(_) | Who::Account(_) | Who::EveryService);
    let mut named = before.access.ways.iter().filter(|way| way.is_open()).filter(of_changed).filter(is_named);
    named.any(|way| !after.access.ways.iter().any(|other| other.is_open() && other.who == way.who && other.actions.intersects(way.actions)))
}

/// What keeps KMS from taking the policy though the finding is gone with it: ids of deleted principals that it still names.
fn still_refused(trial: &Subject<'_>) -> Option<String> {
    let [default, _] = &trial.policies;
    let listed = default.document.iter().flat_map(|document| &document.statements).flat_map(|statement| statement.principals.listed().iter());
    let deleted = names(listed.filter(|principal| principal.form == PrincipalForm::Deleted).map(|principal| principal.text.to_string()));
    (!deleted.is_empty()).then(|| format!("KMS refuses it as long as it names ids of deleted principals: {deleted}."))
}

/// How bad it is that nobody of the own account may be left who holds the key.
const fn rank(locked_out: Verdict) -> u8 {
    match locked_out {
        Verdict::No => 0,
        Verdict::Unknown => 1,
        Verdict::Yes => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kms_insights_policy::{
        ActionSet,
        access::{Cause, Certainty, Fence, Kind, Trust, Who},
    };

    use super::*;

    #[test]
    fn the_more_there_is_to_weigh_the_fewer_are_tried_but_always_some() {
        let way = WayIn {
            who: Who::Everyone,
            trust: Trust::Public,
            kind: Kind::Access,
            actions: ActionSet::ALL,
            fence: Fence::default(),
            cause: Cause::Grant(Arc::from("g")),
            certainty: Certainty::Certain,
            resource: None,
        };
        let of = |ways: usize| bound(&vec![way.clone(); ways]);
        assert_eq!([of(0), of(600), of(10_000), of(50_000), of(500_000)], [100, 100, 100, 20, 5]);
    }
}
