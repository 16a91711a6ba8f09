//! Who loses access by a changed policy, and who gains any: the ways in before and after, compared.

use std::collections::{BTreeMap, BTreeSet};

use kms_insights_policy::{
    ActionSet, Capability, PrincipalForm, Surroundings,
    access::{Cause, Clause, Kind, PolicyName, WayIn, Who},
};

use crate::{
    Place,
    roles::role_of,
    subject::{Subject, names},
};

/// Who can do less with the changed policy than before, and who more, in a sentence. Only what the changed statement opened can be lost, and only what stands in the
/// changed policy and not in the other can be gained.
pub(crate) fn sentence(before: &Subject<'_>, place: &Place, after: &Subject<'_>) -> String {
    let written: BTreeSet<&str> = texts(before).collect();
    let new: Vec<bool> = texts(after).map(|text| !written.contains(text)).collect();
    let of_changed = |way: &&WayIn| matches!(way.cause, Cause::Statement(PolicyName::Default, index) if Some(index) == place.statement());
    let of_new = |way: &&WayIn| matches!(way.cause, Cause::Statement(PolicyName::Default, index) if new.get(index) == Some(&true));
    let around = &before.around;
    let mut parts = lost(before.access.ways.iter().filter(of_changed), &Ways::of(&after.access.ways), around);
    if parts.is_empty() {
        parts.push("nobody loses access".to_owned());
    }
    // Whoever could do it before under whatever fence gains nothing: no proposal takes a fence away.
    let known = Ways::of(&before.access.ways);
    let mut gaining: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for way in after.access.ways.iter().filter(of_new).filter(|way| way.is_open()) {
        let gained = way.actions - known.towards(way, around).fold(ActionSet::EMPTY, |held, other| held | other.actions);
        if !gained.is_empty() {
            let by_iam = if way.kind == Kind::Delegation { ", by its IAM policies" } else { "" };
            gaining.entry(format!("can now {}{by_iam}", doing(gained))).or_default().push(way.who.to_string());
        }
    }
    parts.extend(gaining.into_iter().map(|(what, who)| format!("{} {what}", names(who.into_iter()))));
    format!("With the changed policy, {}.", parts.join("; "))
}

/// The statements of the policy `default` as they are written.
fn texts<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = &'s str> {
    let [default, _] = &subject.policies;
    default.document.iter().flat_map(|document| &document.statements).map(|statement| &*statement.text)
}

/// What those who came in by the ways can no longer do, in parts of a sentence: once for all who lose the same.
fn lost<'w>(ways: impl Iterator<Item = &'w WayIn>, after: &Ways<'_>, around: &Surroundings<'_>) -> Vec<String> {
    let mut losing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for way in ways.filter(|way| way.is_open()) {
        let (mut left, mut restricted, mut by_iam) = (way.actions, ActionSet::EMPTY, ActionSet::EMPTY);
        let mut fences = BTreeSet::new();
        for other in after.towards(way, around) {
            if !(other.fence.0.iter().all(|clause| way.fence.0.contains(clause))) {
                restricted = restricted | (other.actions & way.actions);
                if other.actions.intersects(way.actions) {
                    let by_iam = if other.kind == Kind::Delegation && way.kind == Kind::Access { " and the account's IAM policies say so" } else { "" };
                    fences.insert(format!("{}{by_iam}", added(other, way)));
                }
            } else if other.kind == Kind::Delegation && way.kind == Kind::Access {
                by_iam = by_iam | (other.actions & way.actions);
            } else {
                left = left - other.actions;
            }
        }
        let mut lose = |actions: ActionSet, what: String| {
            if !actions.is_empty() {
                losing.entry(what).or_default().push(way.who.to_string());
            }
        };
        let conditional = left & restricted;
        let delegated = (left - conditional) & by_iam;
        let gone = left - conditional - delegated;
        lose(conditional, format!("can {} only if {}", doing(conditional), one_of(fences)));
        lose(delegated, format!("can {} only where the account's IAM policies say so", doing(delegated)));
        let spared = names(after.within(way, around).map(|other| other.who.to_string()));
        let spared = if spared.is_empty() { String::new() } else { format!(", save {spared}") };
        lose(gone, format!("can no longer {}{spared}", doing(gone)));
    }
    losing.into_iter().map(|(what, who)| format!("{} {what}", names(who.into_iter()))).collect()
}

/// Fences of which one is enough, at most three of them.
fn one_of(fences: BTreeSet<String>) -> String {
    const LIMIT: usize = 3;
    let more = fences.len().saturating_sub(LIMIT);
    let mut shown: Vec<String> = fences.into_iter().take(LIMIT).collect();
    if more > 0 {
        shown.push(format!("one of {more} other fences is passed"));
    }
    shown.join(", or if ")
}

/// What the fence of one way demands beside that of the other.
fn added(way: &WayIn, other: &WayIn) -> String {
    let mut clauses: Vec<String> = way.fence.0.iter().filter(|clause| !other.fence.0.contains(*clause)).map(Clause::to_string).collect();
    clauses.sort_unstable();
    clauses.join(" and ")
}

/// Ways in, those of named principals by their names: there may be as many as grants.
struct Ways<'w> {
    named: BTreeMap<&'w str, Vec<&'w WayIn>>,
    classes: Vec<&'w WayIn>,
}

impl<'w> Ways<'w> {
    fn of(all: &'w [WayIn]) -> Self {
        let mut ways = Self { named: BTreeMap::new(), classes: Vec::new() };
        for way in all.iter().filter(|way| way.is_open()) {
            match &way.who {
                Who::Named(principal) => ways.named.entry(&*principal.text).or_default().push(way),
                _ => ways.classes.push(way),
            }
        }
        ways
    }

    /// The ways by which all who come in by `way` come in as well.
    fn towards<'s>(&'s self, way: &'s WayIn, around: &'s Surroundings<'_>) -> impl Iterator<Item = &'w WayIn> + 's {
        let named = match &way.who {
            Who::Named(principal) => self.named.get(&*principal.text).map_or(&[][..], Vec::as_slice),
            _ => &[],
        };
        // Whoever may as a role may in each of its sessions.
        let session = match &way.who {
            Who::Named(principal) if matches!(principal.form, PrincipalForm::AssumedRole(_)) => role_of(principal),
            _ => None,
        };
        let is_role = move |other: &&&WayIn| matches!(&other.who, Who::Named(role) if matches!(role.form, PrincipalForm::Role(_)) && role_of(role) == session);
        let roles = session.iter().flat_map(|_| self.named.values().flatten()).filter(is_role).collect::<Vec<_>>();
        roles.into_iter().chain(named).chain(self.classes.iter().filter(|other| includes(&other.who, &way.who, around))).copied()
    }

    /// The ways by which some of those who come in by `way`, a class of callers, come in as well without their account's leave.
    fn within<'s>(&'s self, way: &'s WayIn, around: &'s Surroundings<'_>) -> impl Iterator<Item = &'w WayIn> + 's {
        let is_class = !matches!(way.who, Who::Named(_) | Who::Account(_));
        let others = self.classes.iter().filter(move |_| is_class);
        let in_part = |other: &&&WayIn| {
            other.kind == Kind::Access && other.who != way.who && other.actions.intersects(way.actions) && includes(&way.who, &other.who, around)
        };
        others.filter(in_part).copied()
    }
}

/// Whether every caller of the one class is of the other.
fn includes(wide: &Who, narrow: &Who, around: &Surroundings<'_>) -> bool {
    let of_account = |account| narrow.account(around) == Some(account) && !is_untold(narrow);
    match wide {
        _ if wide == narrow => true,
        Who::Everyone => true,
        Who::EveryPrincipal => !narrow.is_service() && *narrow != Who::Everyone,
        Who::EveryService => narrow.is_service(),
        Who::Organization(id) => {
            around.is_own_organization(id) == Some(true)
                && narrow.account(around).is_some_and(|account| account.other_partition.is_none() && around.is_in_organization(account.id) == Some(true))
        }
        Who::PrincipalsOf(account) | Who::Account(account) => of_account(*account),
        Who::PrincipalsLike(..) | Who::Named(_) => false,
    }
}

/// Whether nobody can tell whom the text stands for.
fn is_untold(who: &Who) -> bool {
    matches!(who, Who::Named(principal) if matches!(principal.form, PrincipalForm::Other(_) | PrincipalForm::IdentityProvider(_)))
}

/// What holding the actions amounts to, in verbs.
fn doing(actions: ActionSet) -> String {
    let verbs: Vec<&str> = actions
        .capabilities()
        .map(|capability| match capability {
            Capability::Encrypt => "encrypt",
            Capability::Decrypt => "decrypt",
            Capability::Sign => "sign",
            Capability::Mac => "make codes",
            Capability::Derive => "derive secrets",
            Capability::Grant => "make or end grants",
            Capability::Administer => "administer the key",
            Capability::Read => "read about the key",
            Capability::Unrecognized => "do what this version does not know",
        })
        .collect();
    match verbs.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        verbs => verbs.concat(),
    }
}
