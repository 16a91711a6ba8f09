//! What a run reads, and how hard it tries.

use std::{num::NonZeroUsize, time::Duration};

use kms_insights_model::Region;

use crate::{RetryPolicy, plan::AccountSelection};

/// How long last usage may hold up the end of a run: it is read at five requests a second per account and Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastUsageBudget {
    /// Read the last usage of every key.
    Unlimited,
    /// In each account and Region, stop this long after the first last usage was asked for; what is left is `failed: budget`.
    PerRegion(Duration),
}

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which accounts.
    pub selection: AccountSelection,
    /// Which Regions; `None` for those enabled for each account.
    pub regions: Option<Vec<Region>>,
    /// How many accounts are read at once.
    pub concurrency: NonZeroUsize,
    /// Leave out AWS managed keys.
    pub customer_managed_only: bool,
    /// How much of the last usages to read.
    pub last_usage: LastUsageBudget,
    /// In each account and Region, how long CloudTrail's event history may be asked for keys whose last usage KMS does not say; what is left is `failed: budget`.
    pub lookup_budget: Duration,
    /// The share of each documented quota to use: below 1 leaves room for others, above 1 is for quotas that AWS raised.
    pub quota_share: f64,
    /// How many requests may be under way at once, over all accounts; those for last usages come on top, half as many.
    pub max_requests: NonZeroUsize,
    /// How requests are retried, and how long each attempt may take.
    pub retry: RetryPolicy,
    /// How long the opening of an account and then its reading may each take, last usage and the wait for its turn apart.
    pub account_deadline: Option<Duration>,
}

impl Options {
    /// How many requests for last usages may be under way: at five a second for each account and Region they are slow in any case, and must hold back nothing.
    pub(crate) fn max_usage_requests(&self) -> NonZeroUsize {
        NonZeroUsize::MIN.saturating_add(self.max_requests.get() / 2)
    }

    /// How many requests may be under way in all, and so how many connections to one host can be of use.
    pub fn max_connections(&self) -> NonZeroUsize {
        self.max_requests.saturating_add(self.max_usage_requests().get())
    }
}
