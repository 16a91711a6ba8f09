//! Whom a statement reaches.

use std::{fmt, sync::Arc};

use kms_insights_model::{AccountId, KeyArn, KeyManager};

use crate::{Fence, Principal, PrincipalForm, Standing};

/// Which accounts one principal of an Allow statement stands for, once the statement's conditions are weighed: never fewer than it really reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody: the principal is deleted, excluded by the conditions, or the statement allows nothing.
    Nobody,
    /// Principals of the key's account, or an AWS service that acts for it alone.
    OwnAccount,
    /// An AWS service, whomever it acts for.
    Service,
    /// Principals of these accounts, or an AWS service that acts for them; at least one is not the key's.
    Accounts(Arc<[AccountId]>),
    /// Principals of an organization's accounts, or an AWS service that acts for them.
    Organization,
    /// Somebody whose account cannot be told.
    Unknown,
    /// Principals of every account.
    Anyone,
}

impl Reach {
    /// Whether principals of other accounts than the key's are, or may be, reached.
    pub const fn is_external(&self) -> bool {
        matches!(self, Self::Accounts(_) | Self::Organization | Self::Unknown | Self::Anyone)
    }

    /// The value in tables and messages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::OwnAccount => "own_account",
            Self::Service => "service",
            Self::Accounts(_) => "accounts",
            Self::Organization => "organization",
            Self::Unknown => "unknown",
            Self::Anyone => "anyone",
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The reach of everyone, fenced. An AWS managed key works for principals of its own account alone, whatever its policy says, which no customer can change:
/// AWS KMS Developer Guide, "AWS managed keys".
pub(crate) fn of_anyone(fence: &Fence, key: &KeyArn, manager: Option<&KeyManager>) -> Reach {
    if let Some(accounts) = fence.accounts_for_anyone() {
        within(accounts, key)
    } else if manager == Some(&KeyManager::Aws) {
        Reach::OwnAccount
    } else if fence.is_organization() {
        Reach::Organization
    } else {
        Reach::Anyone
    }
}

/// The reach of one principal that an Allow statement lists in `Principal`.
pub(crate) fn of_principal(principal: &Principal, fence: &Fence, key: &KeyArn, manager: Option<&KeyManager>) -> Reach {
    let callers = fence.caller_accounts.as_ref();
    match principal.standing(key) {
        Standing::Anyone => of_anyone(fence, key, manager),
        Standing::Deleted => Reach::Nobody,
        Standing::Service => of_service(fence, key, manager),
        Standing::Unknown => match callers {
            Some(accounts) => within(accounts, key),
            None if !fence.caller_organizations.is_empty() => Reach::Organization,
            None => Reach::Unknown,
        },
        Standing::OwnAccount | Standing::OwnPrincipal if callers.is_some_and(|accounts| !accounts.contains(&key.account())) => Reach::Nobody,
        Standing::OwnAccount | Standing::OwnPrincipal => Reach::OwnAccount,
        Standing::OtherAccount | Standing::OtherPrincipal => match principal.account() {
            Some(account) if callers.is_some_and(|accounts| !accounts.contains(&account)) => Reach::Nobody,
            Some(account) => Reach::Accounts(Arc::new([account])),
            None => Reach::Unknown,
        },
    }
}

/// The reach of a service. It asks for somebody: where the conditions say for whom it must, these are let in through it.
fn of_service(fence: &Fence, key: &KeyArn, manager: Option<&KeyManager>) -> Reach {
    match &fence.source_accounts {
        Some(accounts) => within(accounts, key),
        None if !fence.source_organizations.is_empty() && manager != Some(&KeyManager::Aws) => Reach::Organization,
        None => Reach::Service,
    }
}

fn within(accounts: &Arc<[AccountId]>, key: &KeyArn) -> Reach {
    match &**accounts {
        [] => Reach::Nobody,
        all if all.iter().all(|account| *account == key.account()) => Reach::OwnAccount,
        _ => Reach::Accounts(Arc::clone(accounts)),
    }
}

/// Whether `NotPrincipal` excludes everyone, so that nobody is left.
pub(crate) fn excludes_everyone(listed: &[Principal]) -> bool {
    listed.iter().any(|principal| principal.form == PrincipalForm::Anyone && principal.principal_type == crate::PrincipalType::Aws)
}
