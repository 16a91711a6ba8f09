//! Who loses access by a changed policy, and who gains any: the ways in before and after, compared.

use std::{
    cell::{Cell, OnceCell},
    collections::{BTreeMap, BTreeSet},
};

use kms_insights_policy::{
    ActionSet, Actions, Capability, Surroundings,
    access::{Cause, Clause, Kind, Literal, PolicyName, WayIn, Who},
};

use crate::{
    Place,
    subject::{Subject, names},
    towards::Ways,
};

/// How much is compared for all proposals of one key, in pieces of fences: half a second's work or so. Each proposal compares anew whoever the statement let in with
/// whoever the changed policy lets in.
pub(crate) const EFFORT: usize = 4_000_000;

/// Who can do less with the changed policy than before, and who more, in a sentence. Only what the changed statement opened can be lost, and only what stands in the
/// changed policy and not in the other can be gained.
pub(crate) fn sentence(before: &Subject<'_>, place: &Place, after: &Subject<'_>, effort: &Cell<usize>) -> String {
    match parts(before, place, after, effort) {
        Some(parts) => format!("With the changed policy, {}.", parts.join("; ")),
        None => "Who loses access by the changed policy was not worked out: there is too much to compare.".to_owned(),
    }
}

/// The parts of the sentence; nothing once the effort is spent.
fn parts(before: &Subject<'_>, place: &Place, after: &Subject<'_>, effort: &Cell<usize>) -> Option<Vec<String>> {
    let written: BTreeSet<&str> = texts(before).collect();
    let new: Vec<bool> = texts(after).map(|text| !written.contains(text)).collect();
    let of_changed = |way: &&WayIn| matches!(way.cause, Cause::Statement(PolicyName::Default, index) if Some(index) == place.statement());
    let of_new = |way: &&WayIn| matches!(way.cause, Cause::Statement(PolicyName::Default, index) if new.get(index) == Some(&true));
    let around = &before.around;
    let mut parts = lost(before.access.ways.iter().filter(of_changed), &Ways::of(&after.access.ways), around, effort)?;
    if parts.is_empty() {
        // `NotAction` allowed also what KMS will learn, and a list of actions does not.
        let nobody = if lists_no_actions(before, place) { "nobody loses what this version knows" } else { "nobody loses access" };
        parts.push(nobody.to_owned());
    }
    // Whoever could do it before under whatever fence gains nothing: no proposal takes a fence away.
    let known = OnceCell::new();
    let mut gaining: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for way in after.access.ways.iter().filter(of_new).filter(|way| way.is_open()) {
        let known = known.get_or_init(|| Ways::of(&before.access.ways));
        spend(effort, known.to_look_at(way))?;
        let held = known.towards(way, around).filter(|(_, sure)| *sure).fold(ActionSet::EMPTY, |held, (other, _)| held | other.actions);
        let gained = way.actions - held;
        if !gained.is_empty() {
            let by_iam = if way.kind == Kind::Delegation { ", by its IAM policies" } else { "" };
            gaining.entry(format!("can now {}{by_iam}", doing(gained, held))).or_default().push(way.who.to_string());
        }
    }
    parts.extend(gaining.into_iter().map(|(what, who)| format!("{} {what}", names(who.into_iter()))));
    Some(parts)
}

/// Takes of the effort that is left; nothing where it does not suffice, and then none is left for others.
fn spend(effort: &Cell<usize>, pieces: usize) -> Option<()> {
    let left = effort.get().checked_sub(pieces);
    effort.set(left.unwrap_or(0));
    left.map(|_| ())
}

/// The statements of the policy `default` as they are written.
fn texts<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = &'s str> {
    let [default, _] = &subject.policies;
    default.document.iter().flat_map(|document| &document.statements).map(|statement| &*statement.text)
}

/// Whether the statement has `NotAction`.
fn lists_no_actions(subject: &Subject<'_>, place: &Place) -> bool {
    let [default, _] = &subject.policies;
    let statement = place.statement().and_then(|index| default.document.as_ref()?.statements.get(index));
    statement.is_some_and(|statement| matches!(statement.actions, Actions::Except(_)))
}

/// Under which terms those who came in by a way can still do some of what they could.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Terms {
    /// Fences of which one must be passed.
    fences: BTreeSet<String>,
    /// Whether the account's IAM policies may allow it.
    by_iam: bool,
    /// Whether they may still do it without any of these: it cannot be told.
    perhaps: bool,
}

/// What those who came in by the ways can no longer do, in parts of a sentence: once for all who lose the same.
fn lost<'w>(ways: impl Iterator<Item = &'w WayIn>, after: &Ways<'_>, around: &Surroundings<'_>, effort: &Cell<usize>) -> Option<Vec<String>> {
    let mut losing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for way in ways.filter(|way| way.is_open()) {
        for what in lost_by(way, after, around, effort)? {
            losing.entry(what).or_default().push(way.who.to_string());
        }
    }
    Some(losing.into_iter().map(|(what, who)| format!("{} {what}", names(who.into_iter()))).collect())
}

/// What those who came in by one way can no longer do.
fn lost_by(way: &WayIn, after: &Ways<'_>, around: &Surroundings<'_>, effort: &Cell<usize>) -> Option<Vec<String>> {
    spend(effort, after.to_look_at(way))?;
    // Actions under the same terms, which the other ways set apart one after the other.
    let mut groups: Vec<(ActionSet, Terms)> = vec![(way.actions, Terms::default())];
    let (mut kept, mut delegated) = (ActionSet::EMPTY, ActionSet::EMPTY);
    for (other, all) in after.towards(way, around) {
        let by_iam = other.kind == Kind::Delegation && way.kind == Kind::Access;
        if by_iam {
            delegated = delegated | other.actions;
        } else {
            kept = kept | other.actions;
        }
        if !groups.iter().any(|(actions, _)| actions.intersects(other.actions)) {
            continue;
        }
        spend(effort, weight(other) * (1 + weight(way)))?;
        let fence = added(other, way, around);
        // What perhaps lets them in does not make up for what certainly did. Of a fence that is new nothing is promised but that it is one.
        let sure = all && (fence.is_some() || by_iam || other.certainty.is_certain() || !way.certainty.is_certain());
        if sure && fence.is_none() && !by_iam {
            for (actions, _) in &mut groups {
                *actions = *actions - other.actions;
            }
            groups.retain(|(actions, _)| !actions.is_empty());
            continue;
        }
        set_apart(&mut groups, other.actions, |terms| match &fence {
            _ if !sure => terms.perhaps = true,
            Some(fence) if by_iam => _ = terms.fences.insert(format!("{fence} and the account's IAM policies say so")),
            Some(fence) => _ = terms.fences.insert(fence.clone()),
            None => terms.by_iam = true,
        });
    }
    let spared = |actions: &ActionSet| {
        let spared = names(after.within(way, *actions, around).into_iter());
        if spared.is_empty() { String::new() } else { format!(", save {spared}") }
    };
    let told = groups.iter().map(|(actions, terms)| {
        let what = doing(*actions, if terms.by_iam { kept } else { kept | delegated });
        match (terms.only(), terms.perhaps) {
            (None, false) => format!("can no longer {what}{}", spared(actions)),
            (None, true) => format!("can perhaps no longer {what}{}", spared(actions)),
            (Some(only), false) => format!("can {what} only {only}"),
            (Some(only), true) => format!("can {what} perhaps only {only}"),
        }
    });
    Some(told.collect())
}

/// Changes the terms of these actions, and of no others.
fn set_apart(groups: &mut Vec<(ActionSet, Terms)>, actions: ActionSet, change: impl Fn(&mut Terms)) {
    for at in 0..groups.len() {
        let (all, terms) = &mut groups[at];
        if !all.intersects(actions) {
            continue;
        }
        let (rest, before) = (*all - actions, terms.clone());
        *all = *all - rest;
        change(terms);
        if !rest.is_empty() {
            groups.push((rest, before));
        }
    }
    // Those that have come to the same terms are one group again, so that there are never more than terms.
    let mut merged: Vec<(ActionSet, Terms)> = Vec::with_capacity(groups.len());
    for (actions, terms) in groups.drain(..) {
        match merged.iter_mut().find(|(_, known)| *known == terms) {
            Some((all, _)) => *all = *all | actions,
            None => merged.push((actions, terms)),
        }
    }
    *groups = merged;
}

impl Terms {
    /// What must hold, at most three fences of it; nothing where there is nothing by which it could still be done.
    fn only(&self) -> Option<String> {
        const LIMIT: usize = 3;
        let mut shown: Vec<String> = self.fences.iter().take(LIMIT).map(|fence| format!("if {fence}")).collect();
        if self.fences.len() > LIMIT {
            shown.push(format!("if one of {} other fences is passed", self.fences.len() - LIMIT));
        }
        if self.by_iam {
            shown.push("where the account's IAM policies say so".to_owned());
        }
        (!shown.is_empty()).then(|| shown.join(", or "))
    }
}

/// The pieces of a way's fence.
fn weight(way: &WayIn) -> usize {
    1 + way.fence.0.iter().map(|clause| clause.0.len()).sum::<usize>()
}

/// What the fence of one way demands of the callers of the other beside what they had to fulfil before; nothing where it demands nothing more.
fn added(way: &WayIn, other: &WayIn, around: &Surroundings<'_>) -> Option<String> {
    let is_new = |clause: &&Clause| !other.fence.0.contains(*clause) && !is_of_own_account(clause, &other.who, around);
    let mut clauses: Vec<String> = way.fence.0.iter().filter(is_new).map(Clause::to_string).collect();
    clauses.sort_unstable();
    clauses.dedup();
    (!clauses.is_empty()).then(|| clauses.join(" and "))
}

/// Whether the clause demands an account of callers who are of that account. It may stand there all the same, for KMS does not document that each request carries the key.
fn is_of_own_account(clause: &Clause, who: &Who, around: &Surroundings<'_>) -> bool {
    let Some(account) = who.account(around).filter(|account| account.other_partition.is_none()) else { return false };
    clause.0.iter().any(|literal| {
        let Literal::Condition { term, negated } = literal else { return false };
        let condition = &term.condition;
        let is_account = ["kms:CallerAccount", "aws:PrincipalAccount"].iter().any(|key| condition.key.eq_ignore_ascii_case(key));
        let names_it = condition.values.iter().any(|value| *value == account.id.to_string());
        is_account && condition.operator.negated == *negated && names_it
    })
}

/// What holding the actions amounts to, in verbs; the actions by name where they are but a part of what amounts to it, and `kept` has another part.
fn doing(actions: ActionSet, kept: ActionSet) -> String {
    let (mut verbs, mut by_name) = (Vec::new(), ActionSet::EMPTY);
    for capability in actions.capabilities() {
        if capability != Capability::Unrecognized && !(kept.of(capability) - actions).is_empty() {
            by_name = by_name | actions.of(capability);
            continue;
        }
        verbs.push(match capability {
            Capability::Encrypt => "encrypt",
            Capability::Decrypt => "decrypt",
            Capability::Sign => "sign",
            Capability::Mac => "make codes",
            Capability::Derive => "derive secrets",
            Capability::Grant => "make or end grants",
            Capability::Administer => "administer the key",
            Capability::Read => "read about the key",
            Capability::Unrecognized => "do what this version does not know",
        });
    }
    let calls = (!by_name.is_empty()).then(|| format!("call {}", names(by_name.names().into_iter())));
    verbs.extend(calls.as_deref());
    match verbs.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        verbs => verbs.concat(),
    }
}

#[cfg(test)]
mod tests {
    use kms_insights_policy::{
        Principal, PrincipalType,
        access::{Certainty, Fence, Trust},
    };

    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn way(principal: &str, action: &str) -> WayIn {
        WayIn {
            who: Who::Named(Principal::read(PrincipalType::Aws, principal)),
            trust: Trust::Outside,
            kind: Kind::Access,
            actions: ActionSet::of_names([action]),
            fence: Fence::default(),
            cause: Cause::Statement(PolicyName::Default, 0),
            certainty: Certainty::Certain,
            resource: None,
        }
    }

    #[test]
    fn nothing_is_said_of_losses_once_the_effort_is_spent() {
        let key = KEY.parse().unwrap();
        let around = Surroundings::of_key(&key, chrono::DateTime::UNIX_EPOCH);
        let before = [way("arn:aws:iam::444455556666:role/a", "Decrypt"), way("arn:aws:iam::444455556666:role/b", "Decrypt")];
        let after = [way("arn:aws:iam::444455556666:role/a", "Encrypt")];
        let with = |effort: usize| lost(before.iter(), &Ways::of(&after), &around, &Cell::new(effort));
        assert_eq!(with(2), None);
        assert_eq!(with(100), Some(vec!["arn:aws:iam::444455556666:role/a, arn:aws:iam::444455556666:role/b can no longer decrypt".to_owned()]));
        let left = Cell::new(1);
        assert_eq!((spend(&left, 5), spend(&left, 1), left.get()), (None, None, 0), "whoever asks later does not get what is left");
    }

    #[test]
    fn one_session_looks_at_its_own_role_and_not_at_every_grant() {
        let key = KEY.parse().unwrap();
        let around = Surroundings::of_key(&key, chrono::DateTime::UNIX_EPOCH);
        let roles: Vec<WayIn> = (0..1000).map(|number| way(&format!("arn:aws:iam::444455556666:role/team/r{number}"), "Decrypt")).collect();
        let (ways, session) = (Ways::of(&roles), way("arn:aws:sts::444455556666:assumed-role/r7/s", "Decrypt"));
        assert_eq!((ways.to_look_at(&session), ways.towards(&session, &around).collect::<Vec<_>>()), (1, vec![(&roles[7], true)]));
    }
}
