//! What happens during a run: progress bars, plain lines and JSON all consume this one stream.

use std::sync::Arc;

use kms_insights_model::{AccountId, Failure, OrganizationId, Region};
use serde::Serialize;

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The accounts are known.
    Planned {
        /// The organization, where there is one.
        organization: Option<OrganizationId>,
        /// Accounts to read.
        accounts: usize,
        /// Accounts that are rows only: suspended, closed, not yet active.
        skipped: usize,
    },
    /// An account's reading begins.
    AccountStarted {
        /// The account.
        account: AccountId,
        /// Its name.
        name: Option<String>,
    },
    /// The Regions of an account are known.
    RegionsListed {
        /// The account.
        account: AccountId,
        /// How many Regions will be read.
        regions: usize,
    },
    /// The keys of a Region are known.
    KeysListed {
        /// The account.
        account: AccountId,
        /// The Region.
        region: Region,
        /// How many there are, those of an earlier attempt included.
        keys: usize,
    },
    /// A key was read and stored.
    KeyRead {
        /// The account.
        account: AccountId,
        /// The Region.
        region: Region,
        /// How many of its facts lack.
        facts_lacking: usize,
    },
    /// An account's Region is done, last usage apart.
    RegionFinished {
        /// The account.
        account: AccountId,
        /// The Region.
        region: Region,
        /// Why its keys could not all be listed.
        failure: Option<Failure>,
    },
    /// A key's last usage was read, or given up.
    UsageRead {
        /// The account.
        account: AccountId,
        /// Whether it lacks.
        lacking: bool,
    },
    /// CloudTrail's event history is being looked through for keys of whose last usage KMS says nothing: told now and then of a search that takes longer, and once more at its end.
    SearchingHistory {
        /// The account.
        account: AccountId,
        /// The Region.
        region: Region,
        /// Requests so far.
        requests: u64,
        /// Keys that are still looked for; none at the end.
        keys: u64,
    },
    /// An account is done, last usage apart.
    AccountFinished {
        /// The account.
        account: AccountId,
        /// Keys read.
        keys: u64,
        /// Why nothing could be read.
        failure: Option<Failure>,
    },
    /// All accounts are done; last usages go on.
    AwaitingLastUsage {
        /// How many keys' last usages are still to be read.
        keys: u64,
    },
    /// Somebody asked the run to stop.
    Stopping,
    /// All is read: the snapshot is being written.
    Publishing,
}

/// Takes events as they happen. It is called from the reading tasks and must not block.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;
