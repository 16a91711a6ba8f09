//! The table `collection_errors`: what lacks, why, and what to do about it.

use kms_insights_model::{AccountId, Failure, KeyArn, Region, RunId};

use crate::table::table;

table! {
    /// What lacks, each lack in one row: nothing is missing from a snapshot without a row here. Usually that is one fact of one key; what lacks for a whole Region, account or organization is told once for it, as aliases are that could not be listed for all keys of an account's Region.
    CollectionErrorRow in "collection_errors" {
        /// The run.
        run_id: String, from [];
        /// The account of which the fact lacks; null where it concerns the whole organization.
        account_id: Option<String>, from [];
        /// The Region; null where the whole account is concerned.
        region: Option<String>, from [];
        /// The key's ARN; null where the whole Region or account is concerned.
        key_arn: Option<String>, from [];
        /// The key's id; null where the whole Region or account is concerned.
        key_id: Option<String>, from [];
        /// What lacks: a fact of a key (`metadata`, `aliases`, `policy`, `ram_policy`, `grants`, `tags`, `rotation`, `rotations`, `last_usage`), of an account's Region (`key_listing`, `alias_listing`, `custom_key_stores`, `trails`: what they record, `event_history`: of those of its keys whose last usage KMS does not say), of an account (`access`, `regions`, `ou_path`, `account`) or of the organization (`organization`: `operation` says which part of it).
        fact: String, from [];
        /// The API action that did not answer, such as `kms:GetKeyPolicy`.
        operation: String, from [];
        /// What went wrong, in kms-insights' own closed vocabulary, such as `access_denied`.
        code: String, from [];
        /// Whether the same request may succeed later without anybody changing anything.
        retryable: bool, from [];
        /// AWS's own words, or the transport's.
        message: String, from [];
        /// What a person can do about it.
        next_step: String, from [];
    }
}

/// What the lacking fact belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The organization as a whole.
    Organization,
    /// An account as a whole.
    Account(AccountId),
    /// An account in one Region.
    Unit(AccountId, &'a Region),
    /// A key.
    Key(&'a KeyArn),
}

/// The row of a fact that lacks.
pub fn row(run: &RunId, scope: Scope<'_>, fact: &str, failure: &Failure) -> CollectionErrorRow {
    let (account, region, key) = match scope {
        Scope::Organization => (None, None, None),
        Scope::Account(account) => (Some(account), None, None),
        Scope::Unit(account, region) => (Some(account), Some(region), None),
        Scope::Key(arn) => (Some(arn.account()), Some(arn.region()), Some(arn)),
    };
    CollectionErrorRow {
        run_id: run.to_string(),
        account_id: account.map(|account| account.to_string()),
        region: region.map(ToString::to_string),
        key_arn: key.map(ToString::to_string),
        key_id: key.map(|key| key.key_id().to_string()),
        fact: fact.to_owned(),
        operation: failure.action.to_string(),
        code: failure.code.to_string(),
        retryable: failure.is_retryable(),
        message: failure.message.clone(),
        next_step: failure.code.next_step().to_owned(),
    }
}
