//! How those who come in stand towards the owner of the key.

use std::fmt;

use crate::{PrincipalForm, Surroundings, access::Who};

/// How a class of callers stands towards the owner of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trust {
    /// Principals of the key's own account.
    OwnAccount,
    /// Principals of the key's organization.
    Organization,
    /// Principals of an account that the configuration calls trusted.
    Trusted,
    /// An AWS service in its own name.
    AwsService,
    /// Nobody any more.
    Deleted,
    /// Somebody, nobody can tell who.
    Unknown,
    /// Principals of another account, or of another organization.
    Outside,
    /// Principals of every account.
    Public,
}

impl Trust {
    /// Every value, the nearest first.
    pub const ALL: [Self; 8] =
        [Self::OwnAccount, Self::Organization, Self::Trusted, Self::AwsService, Self::Deleted, Self::Unknown, Self::Outside, Self::Public];

    /// The value in tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnAccount => "own_account",
            Self::Organization => "organization",
            Self::Trusted => "trusted",
            Self::AwsService => "aws_service",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
            Self::Outside => "outside",
            Self::Public => "public",
        }
    }

    /// How the class stands towards the key's owner. Whether conditions keep strangers out of a class of everyone is not asked here.
    pub(crate) fn of(who: &Who, around: &Surroundings<'_>) -> Self {
        match who {
            Who::Everyone | Who::EveryPrincipal => return Self::Public,
            Who::EveryService => return Self::AwsService,
            Who::Organization(id) if around.is_own_organization(id) == Some(true) => return Self::Organization,
            Who::Organization(_) => return Self::Outside,
            Who::Named(principal) if principal.form == PrincipalForm::Service => return Self::AwsService,
            Who::Named(principal) if principal.form == PrincipalForm::Deleted => return Self::Deleted,
            _ => {}
        }
        match who.account(around) {
            Some(account) if account.is_own(around) => Self::OwnAccount,
            Some(account) if account.other_partition.is_some() => Self::Outside,
            Some(account) if around.is_in_organization(account.id) == Some(true) => Self::Organization,
            Some(account) if around.trusted_accounts.is_some_and(|trusted| trusted.contains(&account.id)) => Self::Trusted,
            Some(_) => Self::Outside,
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
