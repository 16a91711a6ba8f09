//! By which ways those who come in by one way come in as well.

use std::{cell::OnceCell, collections::BTreeMap};

use kms_insights_model::{AccountId, Arn};
use kms_insights_policy::{
    ActionSet, Principal, PrincipalForm, Surroundings,
    access::{CallerAccount, Kind, WayIn, Who},
};

use crate::roles::role_of;

/// A role, whatever its path: partition, account and name.
type Role<'w> = (&'w str, AccountId, &'w str);

/// Open ways in, those of named principals by their names and those of roles by the role too: there may be as many as grants.
pub(crate) struct Ways<'w> {
    named: BTreeMap<&'w str, Vec<&'w WayIn>>,
    /// Once a session is asked for.
    roles: OnceCell<BTreeMap<Role<'w>, Vec<&'w WayIn>>>,
    classes: Vec<&'w WayIn>,
}

impl<'w> Ways<'w> {
    pub(crate) fn of(all: &'w [WayIn]) -> Self {
        let mut ways = Self { named: BTreeMap::new(), roles: OnceCell::new(), classes: Vec::new() };
        for way in all.iter().filter(|way| way.is_open()) {
            let Who::Named(principal) = &way.who else {
                ways.classes.push(way);
                continue;
            };
            ways.named.entry(&*principal.text).or_default().push(way);
            // Somebody who cannot be told may be anybody.
            if is_untold(&way.who) {
                ways.classes.push(way);
            }
        }
        ways
    }

    fn of_roles(&self) -> &BTreeMap<Role<'w>, Vec<&'w WayIn>> {
        self.roles.get_or_init(|| {
            let mut roles: BTreeMap<Role<'w>, Vec<&'w WayIn>> = BTreeMap::new();
            for way in self.named.values().flatten().copied() {
                if let Who::Named(principal) = &way.who
                    && matches!(principal.form, PrincipalForm::Role(_))
                    && let Some(role) = role(principal)
                {
                    roles.entry(role).or_default().push(way);
                }
            }
            roles
        })
    }

    /// How many ways [`Self::towards`] and [`Self::within`] look at for it, at most.
    pub(crate) fn to_look_at(&self, way: &WayIn) -> usize {
        let named: usize = match &way.who {
            Who::Named(principal) => self.named.get(&*principal.text).map_or(0, Vec::len),
            _ => self.named.values().map(Vec::len).sum(),
        };
        1 + self.classes.len() + named
    }

    /// The ways by which all who come in by `way` come in as well, and whether it is sure that all are of those who do.
    pub(crate) fn towards<'s>(&'s self, way: &'s WayIn, around: &'s Surroundings<'_>) -> impl Iterator<Item = (&'w WayIn, bool)> + 's {
        let (mut named, mut roles) = (&[][..], &[][..]);
        if let Who::Named(principal) = &way.who {
            named = self.named.get(&*principal.text).map_or(&[][..], Vec::as_slice);
            // Whoever may as a role may in each of its sessions.
            let of_session = role(principal).filter(|_| matches!(principal.form, PrincipalForm::AssumedRole(_)));
            roles = of_session.and_then(|role| self.of_roles().get(&role)).map_or(&[][..], Vec::as_slice);
        }
        let by_name = roles.iter().chain(named).map(|other| (*other, true));
        // By the same name they were found already.
        let by_class = self.classes.iter().filter(|other| !matches!(other.who, Who::Named(_)) || other.who != way.who);
        let by_class = by_class.filter_map(|other| match includes(&other.who, &way.who, around) {
            Inclusion::Whole => Some((*other, true)),
            Inclusion::Perhaps => Some((*other, false)),
            Inclusion::No => None,
        });
        by_name.chain(by_class)
    }

    /// Who of those who come in by `way`, a class of callers or an account, comes in as well for some of these actions, for the reader.
    pub(crate) fn within(&self, way: &WayIn, actions: ActionSet, around: &Surroundings<'_>) -> Vec<String> {
        if matches!(way.who, Who::Named(_)) {
            return Vec::new();
        }
        let in_part = |other: &&&WayIn| {
            other.who != way.who && other.actions.intersects(actions) && includes(&way.who, &other.who, around) != Inclusion::No && !is_untold(&other.who)
        };
        let told = |other: &&WayIn| if other.kind == Kind::Delegation { format!("{} by its IAM policies", other.who) } else { other.who.to_string() };
        let mut within: Vec<String> = self.classes.iter().filter(in_part).map(told).collect();
        if self.named.values().flatten().any(|other| in_part(&other)) {
            within.push("whoever is named by another statement or grant".to_owned());
        }
        within
    }
}

/// The role of a role or of its session.
fn role(principal: &Principal) -> Option<Role<'_>> {
    let (account, name) = role_of(principal)?;
    Some((Arn::parse(&principal.text)?.partition, account, name))
}

/// Whether callers are of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inclusion {
    /// All are.
    Whole,
    /// All may be: nobody can tell from here.
    Perhaps,
    /// Some are not.
    No,
}

impl Inclusion {
    const fn of(told: Option<bool>) -> Self {
        match told {
            Some(true) => Self::Whole,
            Some(false) => Self::No,
            None => Self::Perhaps,
        }
    }
}

/// Whether every caller of the narrow class is of the wide one.
fn includes(wide: &Who, narrow: &Who, around: &Surroundings<'_>) -> Inclusion {
    let is_class_of_all = matches!(narrow, Who::Everyone | Who::EveryPrincipal | Who::EveryService);
    let account = narrow.account(around);
    Inclusion::of(match wide {
        _ if wide == narrow => Some(true),
        Who::Everyone => Some(true),
        Who::EveryPrincipal => Some(!narrow.is_service() && *narrow != Who::Everyone),
        Who::EveryService => Some(narrow.is_service()),
        _ if is_class_of_all || narrow.is_service() => Some(false),
        Who::Organization(id) => is_member(id, account, narrow, around),
        Who::PrincipalsOf(of) | Who::Account(of) => is_of(*of, account, narrow),
        Who::PrincipalsLike(of, _) => match (is_of(*of, account, narrow), narrow) {
            (Some(false), _) | (Some(true), Who::PrincipalsOf(_) | Who::Account(_)) => Some(false),
            (Some(true), Who::Named(principal)) => match principal.form {
                PrincipalForm::Role(_) | PrincipalForm::User(_) | PrincipalForm::FederatedUser(_) => Some(wide.is_like(&principal.text)),
                // The ARN of a session does not tell the path of its role.
                _ => None,
            },
            _ => None,
        },
        Who::Named(_) if is_untold(wide) => match wide.account(around) {
            Some(of) => is_of(of, account, narrow).filter(|is_of| !is_of),
            None => None,
        },
        Who::Named(_) => Some(false),
    })
}

/// Whether all these callers belong to the organization; `None` where that is not known.
fn is_member(id: &str, account: Option<CallerAccount>, narrow: &Who, around: &Surroundings<'_>) -> Option<bool> {
    match (account, narrow, around.is_own_organization(id)) {
        // The key's organization goes by two names.
        (_, Who::Organization(_), _) | (None, ..) | (_, _, None) => None,
        (Some(account), _, Some(true)) if account.other_partition.is_some() => Some(false),
        (Some(account), _, Some(true)) => around.is_in_organization(account.id),
        (Some(account), _, Some(false)) => around.is_in_organization(account.id).filter(|inside| *inside).map(|_| false),
    }
}

/// Whether all these callers are of the account; `None` where that cannot be told.
fn is_of(of: CallerAccount, account: Option<CallerAccount>, narrow: &Who) -> Option<bool> {
    match account {
        Some(account) if account != of => Some(false),
        Some(_) => (!is_untold(narrow)).then_some(true),
        None => (!is_untold(narrow)).then_some(false),
    }
}

/// Whether nobody can tell whom the text stands for.
fn is_untold(who: &Who) -> bool {
    let Who::Named(principal) = who else { return false };
    matches!(
        principal.form,
        PrincipalForm::Other(_)
            | PrincipalForm::IdentityProvider(_)
            | PrincipalForm::PublicIdentityProvider
            | PrincipalForm::CanonicalUser
            | PrincipalForm::Anyone
    )
}
