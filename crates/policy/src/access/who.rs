//! Who comes in: one caller, or a class of callers.

use std::{fmt, sync::Arc};

use kms_insights_model::AccountId;

use crate::{Principal, PrincipalForm, Surroundings};

/// An account as it stands towards the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerAccount {
    /// Its twelve digits.
    pub id: AccountId,
    /// The partition, where it is not the key's: the same digits are another account there.
    pub other_partition: Option<&'static str>,
}

impl CallerAccount {
    /// An account of the key's partition.
    pub(crate) const fn here(id: AccountId) -> Self {
        Self { id, other_partition: None }
    }

    /// Its partition.
    pub(crate) const fn partition(self, around: &Surroundings<'_>) -> &'static str {
        match self.other_partition {
            Some(partition) => partition,
            None => around.key.partition().as_str(),
        }
    }

    /// Whether it is the key's own.
    pub(crate) fn is_own(self, around: &Surroundings<'_>) -> bool {
        self.other_partition.is_none() && self.id == around.key.account()
    }
}

/// A class of callers, as far as principals and conditions tell them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The principals of every account, and every AWS service.
    Everyone,
    /// The principals of every account; AWS services not.
    EveryPrincipal,
    /// Every AWS service.
    EveryService,
    /// The principals of every account of the organization with this id.
    Organization(Arc<str>),
    /// Every principal of an account, without a need for an IAM policy in the key's own account.
    PrincipalsOf(CallerAccount),
    /// Principals of an account whose ARN matches one of these patterns, as one text: their ARNs have no colons but those between the parts, so that a pattern of six
    /// parts, which ARN operators compare one by one, matches the same of them. Of fewer parts it is none of these where ARNs are compared.
    PrincipalsLike(CallerAccount, Arc<[String]>),
    /// An account: its IAM policies decide which of its principals.
    Account(CallerAccount),
    /// One principal that the policy or grant names: a role, a user, a session, a service, or somebody who cannot be told.
    Named(Principal),
}

impl Who {
    /// The class of a principal that a statement lists.
    pub(crate) fn listed(principal: &Principal, around: &Surroundings<'_>) -> Self {
        match principal.form {
            PrincipalForm::Anyone if principal.is_everyone() => Self::Everyone,
            PrincipalForm::Service if &*principal.text == "*" => Self::EveryService,
            PrincipalForm::Account(id) => Self::Account(CallerAccount { id, other_partition: principal.other_partition(around.key) }),
            _ => Self::Named(principal.clone()),
        }
    }

    /// The account of all callers of the class, where they have one.
    pub fn account(&self, around: &Surroundings<'_>) -> Option<CallerAccount> {
        match self {
            Self::PrincipalsOf(account) | Self::PrincipalsLike(account, _) | Self::Account(account) => Some(*account),
            Self::Named(principal) => principal.account().map(|id| CallerAccount { id, other_partition: principal.other_partition(around.key) }),
            Self::Everyone | Self::EveryPrincipal | Self::EveryService | Self::Organization(_) => None,
        }
    }

    /// Whether the callers are AWS services in their own name.
    pub fn is_service(&self) -> bool {
        match self {
            Self::EveryService => true,
            Self::Named(principal) => principal.form == PrincipalForm::Service,
            _ => false,
        }
    }

    /// Whether nobody can tell whose principals these are: an S3 canonical user id, a public identity provider, an ARN of another form.
    pub(crate) fn cannot_be_told(&self) -> bool {
        matches!(self, Self::Named(principal) if principal.cannot_be_told())
    }

    /// Whether these may be principals of every account: those of a public identity provider, or of a pattern that is no principal.
    pub(crate) fn may_be_everyone(&self) -> bool {
        matches!(self, Self::Named(principal) if matches!(principal.form, PrincipalForm::PublicIdentityProvider | PrincipalForm::Anyone)
            || (principal.form == PrincipalForm::Other(None) && crate::wildcard::has_wildcard(&principal.text)))
    }

    /// The kind of the class, as in the tables.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::EveryPrincipal => "every_principal",
            Self::EveryService => "every_service",
            Self::Organization(_) => "organization",
            Self::PrincipalsOf(_) => "account_principals",
            Self::PrincipalsLike(..) => "principals_like",
            Self::Account(_) => "account",
            Self::Named(principal) => match principal.form {
                PrincipalForm::Role(_) => "role",
                PrincipalForm::User(_) => "user",
                PrincipalForm::AssumedRole(_) => "role_session",
                PrincipalForm::FederatedUser(_) => "federated_user",
                PrincipalForm::Service => "service",
                PrincipalForm::IdentityProvider(_) | PrincipalForm::PublicIdentityProvider => "identity_provider",
                PrincipalForm::CanonicalUser => "canonical_user",
                PrincipalForm::Deleted => "deleted",
                PrincipalForm::Account(_) => "account",
                PrincipalForm::Anyone | PrincipalForm::Other(_) => "unknown",
            },
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::EveryPrincipal => f.write_str("every principal of every account"),
            Self::EveryService => f.write_str("every AWS service"),
            Self::Organization(id) if &**id == crate::surroundings::OWN_ORGANIZATION => f.write_str("every principal of the key's organization"),
            Self::Organization(id) => write!(f, "every principal of organization {id}"),
            Self::PrincipalsOf(account) => write!(f, "every principal of account {}", account.id),
            Self::PrincipalsLike(_, arns) => f.write_str(&arns.join(", ")),
            Self::Account(account) => write!(f, "account {}", account.id),
            Self::Named(principal) => f.write_str(&principal.text),
        }
    }
}
