//! The short answers: is the key open to outsiders, does its own account still hold it?

use std::fmt;

use kms_insights_model::AccountId;

use crate::{
    ActionSet, Surroundings,
    access::{Certainty, Kind, OnBehalf, Trust, WayIn, Who},
    context_key::ContextKey,
};

/// An answer that may not be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// It cannot be told.
    Unknown,
}

impl Verdict {
    /// The value in tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }

    /// Yes if either is; unknown if either is not known.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::No, Self::No) => Self::No,
        }
    }

    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    const fn not(known: Option<bool>) -> Self {
        match known {
            Some(true) => Self::No,
            Some(false) => Self::Yes,
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether anyone beyond a border can use, grant, administer or read the key. AWS services in their own name are set aside; one that acts for an outsider is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Anyone outside the key's account.
    pub outside_account: Verdict,
    /// Anyone outside its organization.
    pub outside_organization: Verdict,
    /// Principals of every account.
    pub public: Verdict,
}

impl Exposure {
    /// What the ways come to. `complete` says that all policies could be read: what was not read may let in anyone.
    pub fn of(ways: &[WayIn], complete: bool, around: &Surroundings<'_>) -> Self {
        let start = if complete { Verdict::No } else { Verdict::Unknown };
        let mut exposure = Self { outside_account: start, outside_organization: start, public: start };
        for way in ways.iter().filter(|way| way.kind != Kind::Intent) {
            let open = if way.certainty == Certainty::Certain { Verdict::Yes } else { Verdict::Unknown };
            let (account, organization) = beyond(way, around);
            exposure.outside_account = exposure.outside_account.or(open.and(account));
            exposure.outside_organization = exposure.outside_organization.or(open.and(organization));
            let public = match way.trust {
                Trust::Public => Verdict::Yes,
                Trust::Unknown if way.who.may_be_everyone() => Verdict::Unknown,
                _ => Verdict::No,
            };
            exposure.public = exposure.public.or(open.and(public));
        }
        exposure
    }
}

/// Whether those who come in are, or may be, beyond the key's account and its organization.
fn beyond(way: &WayIn, around: &Surroundings<'_>) -> (Verdict, Verdict) {
    let of_account = |account: AccountId, elsewhere: bool| {
        if elsewhere {
            (Verdict::Yes, Verdict::Yes)
        } else {
            (Verdict::not(Some(account == around.key.account())), Verdict::not(around.is_in_organization(account)))
        }
    };
    // An organization of one account has nobody outside it.
    let alone = around.organization_accounts.is_some_and(|accounts| accounts.iter().all(|account| *account == around.key.account()));
    let others = if alone { Verdict::No } else { Verdict::Yes };
    let of_organization = |id: &str| match around.is_own_organization(id) {
        Some(true) => (others, Verdict::No),
        Some(false) => (Verdict::Yes, Verdict::Yes),
        None => (Verdict::Yes, Verdict::Unknown),
    };
    let any = |verdicts: &mut dyn Iterator<Item = (Verdict, Verdict)>| {
        verdicts.fold((Verdict::No, Verdict::No), |(account, organization), (one, other)| (account.or(one), organization.or(other)))
    };
    match &way.who {
        Who::Everyone | Who::EveryPrincipal => (Verdict::Yes, Verdict::Yes),
        Who::Organization(id) => of_organization(id),
        who if who.is_service() => match way.on_behalf() {
            Some(OnBehalf::Accounts(accounts)) => any(&mut accounts.into_iter().map(|account| of_account(account, false))),
            Some(OnBehalf::Organizations(ids)) => any(&mut ids.iter().map(|id| of_organization(id))),
            Some(OnBehalf::SomeResource) => (Verdict::Unknown, Verdict::Unknown),
            _ => (Verdict::No, Verdict::No),
        },
        who => match who.account(around) {
            Some(account) => of_account(account.id, account.other_partition.is_some()),
            None if way.trust == Trust::Deleted => (Verdict::No, Verdict::No),
            None => (Verdict::Unknown, Verdict::Unknown),
        },
    }
}

/// Whether nobody of the key's own account can change its policy any more, neither by the policy itself nor by the account's IAM.
///
/// That somebody of the account can be in a network that a condition names is taken for granted.
pub fn locks_out_own_account(ways: &[WayIn]) -> Verdict {
    let put = ActionSet::of_names(["PutKeyPolicy"]);
    let keeping = ways.iter().filter(|way| matches!(way.trust, Trust::OwnAccount | Trust::Unknown) && way.kind != Kind::Intent && way.actions.contains(put));
    let verdicts = keeping.map(|way| match &way.certainty {
        // Somebody who cannot be told may be of the own account.
        _ if way.trust == Trust::Unknown => Verdict::Unknown,
        Certainty::Unknown(reason) if **reason != *ContextKey::Network.doubt() => Verdict::Unknown,
        _ => Verdict::No,
    });
    verdicts.min_by_key(|verdict| *verdict != Verdict::No).unwrap_or(Verdict::Yes)
}
