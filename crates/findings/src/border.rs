//! Beyond which border those who come in live: the account's, the organization's, or one that is not known.

use kms_insights_model::AccountId;
use kms_insights_policy::{
    Test,
    access::{Literal, OnBehalf, Trust, WayIn, Who},
};

use crate::{Confidence, Severity, subject::Subject};

/// Where those live who come in from beyond the key's account. Everyone is not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Beyond {
    /// In another account of the key's organization.
    Account,
    /// In an account, or an organization, that is not the key's; no organization is known.
    SomeAccount {
        /// Whether the configuration calls the account trusted.
        trusted: bool,
    },
    /// Outside the key's organization.
    Organization {
        /// Whether the configuration calls the account trusted.
        trusted: bool,
        /// Whether that is known; else they may as well live inside.
        known: bool,
    },
}

impl Beyond {
    /// Where those live who come in by the way; `None` for the key's own account, services that do not act for another, deleted principals, and everyone.
    pub(crate) fn of(way: &WayIn, subject: &Subject<'_>) -> Option<Self> {
        let border = Border(subject);
        match way.trust {
            Trust::OwnAccount | Trust::Deleted | Trust::Public => None,
            Trust::AwsService => match way.on_behalf()? {
                OnBehalf::Accounts(accounts) => accounts.into_iter().filter_map(|account| border.account(account)).max(),
                OnBehalf::Organizations(ids) => ids.iter().filter_map(|id| border.organization(id)).max(),
                // Whose resource it is nobody can tell; for one service that is the matter of `confused-deputy`.
                OnBehalf::SomeResource if way.who == Who::EveryService => Some(border.somebody()),
                OnBehalf::SomeResource | OnBehalf::Anyone => None,
            },
            _ if demands_own_organization(way, subject) => border.inside(),
            Trust::Organization => border.inside(),
            _ => match (&way.who, way.who.account(&subject.around)) {
                (Who::Organization(id), _) => border.organization(id),
                (_, Some(account)) if account.other_partition.is_some() => Some(border.outside(false)),
                (_, Some(account)) => border.account(account.id),
                (_, None) => Some(border.somebody()),
            },
        }
    }

    /// The same of each party whom the way lets in, with its name: of a service, those for whom it acts.
    pub(crate) fn of_each(way: &WayIn, subject: &Subject<'_>) -> Vec<(String, Option<Self>)> {
        let border = Border(subject);
        match way.on_behalf().filter(|_| way.trust == Trust::AwsService) {
            Some(OnBehalf::Accounts(accounts)) => accounts.into_iter().map(|account| (format!("{} for {account}", way.who), border.account(account))).collect(),
            Some(OnBehalf::Organizations(ids)) => ids.iter().map(|id| (format!("{} for {id}", way.who), border.organization(id))).collect(),
            _ => vec![(way.who.to_string(), Self::of(way, subject))],
        }
    }

    /// How bad it is that these come in.
    pub(crate) const fn severity(self) -> Severity {
        match self {
            Self::Account => Severity::Medium,
            Self::SomeAccount { trusted: true } | Self::Organization { trusted: true, .. } => Severity::Low,
            Self::SomeAccount { trusted: false } | Self::Organization { trusted: false, .. } => Severity::High,
        }
    }

    /// How sure it is that they come in from there.
    pub(crate) fn confidence(self, way: &WayIn) -> Confidence {
        match self {
            Self::Organization { known: false, .. } => Confidence::Possible,
            _ if way.certainty.is_certain() => Confidence::Certain,
            _ => Confidence::Possible,
        }
    }
}

/// The borders around a key.
struct Border<'s, 'a>(&'s Subject<'a>);

impl Border<'_, '_> {
    /// Whether anything is known of the key's organization.
    const fn is_known(&self) -> bool {
        self.0.around.organization_id.is_some() || self.0.around.organization_accounts.is_some()
    }

    /// Inside the organization: there is nobody beyond the account where it is the only one.
    fn inside(&self) -> Option<Beyond> {
        let around = &self.0.around;
        let alone = around.organization_accounts.is_some_and(|accounts| accounts.iter().all(|account| *account == around.key.account()));
        (!alone).then_some(Beyond::Account)
    }

    fn outside(&self, trusted: bool) -> Beyond {
        if self.is_known() { Beyond::Organization { trusted, known: true } } else { Beyond::SomeAccount { trusted } }
    }

    fn somebody(&self) -> Beyond {
        if self.is_known() { Beyond::Organization { trusted: false, known: false } } else { Beyond::SomeAccount { trusted: false } }
    }

    fn account(&self, account: AccountId) -> Option<Beyond> {
        let around = &self.0.around;
        let trusted = around.trusted_accounts.is_some_and(|trusted| trusted.contains(&account));
        match around.is_in_organization(account) {
            _ if account == around.key.account() => None,
            Some(true) => Some(Beyond::Account),
            Some(false) => Some(self.outside(trusted)),
            None if self.is_known() => Some(Beyond::Organization { trusted, known: false }),
            None => Some(Beyond::SomeAccount { trusted }),
        }
    }

    fn organization(&self, id: &str) -> Option<Beyond> {
        match self.0.around.is_own_organization(id) {
            Some(true) => self.inside(),
            Some(false) => Some(self.outside(false)),
            None => Some(self.somebody()),
        }
    }
}

/// Whether the way is fenced in by the key's own organization, so that an account of which it is not known whether it belongs to it comes in only if it does.
fn demands_own_organization(way: &WayIn, subject: &Subject<'_>) -> bool {
    way.fence.units().any(|literal| {
        let Literal::Condition { term, negated: false } = literal else { return false };
        let condition = &term.condition;
        let operator = &condition.operator;
        let plain = operator.test == Test::StringEquals && operator.set.is_none() && !operator.negated && !operator.if_exists;
        plain
            && condition.key.eq_ignore_ascii_case("aws:PrincipalOrgID")
            && !condition.values.is_empty()
            && condition.values.iter().all(|value| subject.around.is_own_organization(value) == Some(true))
    })
}
