//! Accounts of an organization.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Failure, Region,
    fact::Fact,
    open_enum::{open_enum, serde_as_text},
};

/// A 12-digit AWS account id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId([u8; 12]);

/// A text that is not an account id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an AWS account id (twelve digits, such as 111122223333)")]
pub struct InvalidAccountId(String);

impl AccountId {
    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        // Every constructor admits ASCII digits only, so this never falls back.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match <[u8; 12]>::try_from(text.as_bytes()) {
            Ok(digits) if digits.iter().all(u8::is_ascii_digit) => Ok(Self(digits)),
            _ => Err(InvalidAccountId(text.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

serde_as_text!(AccountId);

/// The id of an organization, such as `o-exampleorgid`. Source: `organizations:DescribeOrganization`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrganizationId(pub String);

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

open_enum! {
    /// `Account.State` of `organizations:ListAccounts`, which replaced `Account.Status` in September 2026.
    AccountState {
        PendingActivation = "PENDING_ACTIVATION",
        Active = "ACTIVE",
        Suspended = "SUSPENDED",
        PendingClosure = "PENDING_CLOSURE",
        Closed = "CLOSED",
    }
}

/// One account, as Organizations describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// The account's name; `None` where there is no organization to ask.
    pub name: Option<String>,
    /// The account's state; `None` where there is no organization to ask.
    pub state: Option<AccountState>,
    /// Names of the organizational units from the root down, joined by `/`, such as `/Workloads/Prod`; `/` for an account directly below the root.
    pub ou_path: Fact<String>,
    /// Whether this is the organization's management account.
    pub is_management: bool,
}

/// How the collection of an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountOutcome {
    /// Every fact that applies was observed.
    Complete,
    /// Some Region, key or fact lacks; `collection_errors` says which.
    Partial,
    /// Nothing could be read.
    Failed,
    /// Not read on purpose: the account is suspended, closed or not yet active.
    Skipped,
}

impl AccountOutcome {
    /// The value in the `accounts` table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for AccountOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of one account after an attempt to read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// The account.
    pub account: Account,
    /// Why the account was not read on purpose; `None` where it was to be read.
    pub skipped: Option<String>,
    /// The session in the account; `Observed` also for the caller's own account, which needs no role.
    pub access: Fact<()>,
    /// The Regions that were to be read.
    pub regions: Vec<Region>,
    /// Why the list of Regions is not the account's own (`account:ListRegions` denied or failed): `regions` then holds those every account has.
    pub region_listing: Option<Failure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_twelve_ascii_digits() {
        assert_eq!("000000000042".parse::<AccountId>().unwrap().to_string(), "000000000042");
        for text in ["", "42", "1111222233334", "11112222333x", "１１１１"] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }
}
