//! Trying out what rules propose: a change that does not help, that brings something as bad, or that locks out the key's own account is none.

use std::cell::Cell;

use kms_insights_policy::{
    access::{Verdict, WayIn, locks_out_own_account},
    parse,
};

use crate::{Finding, RULES, losses, printable, subject::Subject};

/// How many changed policies are shown for one key: each may be as long as the policy, and a policy may hold hundreds of statements.
pub(crate) const SHOWN: usize = 20;

/// How many are made and tried out for one key at most, those that are then discarded among them: each trial asks all rules.
pub(crate) const MADE: usize = 100;

/// How much may be weighed in all trials for one key, in pieces of fences: a second's work or so.
const EFFORT: usize = 2_000_000;

/// How many proposals may be made for a key of these ways in: fewer where each trial has more to weigh, and never fewer than may be shown.
pub(crate) fn bound(ways: &[WayIn]) -> usize {
    let pieces: usize = ways.iter().map(|way| 1 + way.fence.0.iter().map(|clause| clause.0.len()).sum::<usize>()).sum();
    (EFFORT / pieces.max(1)).clamp(SHOWN, MADE)
}

/// Takes one of the proposals that may still be made.
pub(crate) fn take(left: &Cell<usize>) -> Option<()> {
    left.set(left.get().checked_sub(1)?);
    Some(())
}

/// Keeps of the proposals of the findings those that help, and says beside each who loses access by it.
pub(crate) fn try_out(subject: &Subject<'_>, findings: &mut [Finding]) {
    let mut shown = 0;
    for at in 0..findings.len() {
        let Some(text) = findings[at].changed_policy.take().filter(|_| shown < SHOWN) else { continue };
        if let Some(trial) = cured(subject, findings, &findings[at], &text) {
            let losses = losses::sentence(subject, &findings[at].place, &trial);
            findings[at].remediation = format!("{} {}", findings[at].remediation, printable(&losses));
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
    let mut left = Vec::new();
    for rule in RULES {
        (rule.check)(&trial, &mut left);
    }
    let as_bad = |findings: &[Finding]| findings.iter().filter(|other| other.severity >= finding.severity).count();
    let of_rule = |findings: &[Finding]| findings.iter().filter(|other| other.rule == finding.rule).count();
    (as_bad(&left) < as_bad(findings) && of_rule(&left) < of_rule(findings)).then_some(trial)
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
    fn the_more_there_is_to_weigh_the_fewer_are_tried_but_always_as_many_as_are_shown() {
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
        assert_eq!([of(0), of(600), of(20_000), of(50_000), of(200_000)], [100, 100, 100, 40, 20]);
    }
}
