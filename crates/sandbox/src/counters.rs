//! What the sandbox was asked: for tests that say how much a collector may ask, and how much at once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kms_insights_model::AccountId;
use serde::{Deserialize, Serialize};

use crate::identity::Caller;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered.
    Ok,
    /// Refused: permissions lack.
    Denied,
    /// Refused by a quota.
    Throttled,
    /// Another error of the service.
    Error,
    /// A declared fault took the answer's place, or damaged it.
    Fault,
    /// The client went away before the answer.
    Abandoned,
}

/// What a sandbox was asked since it began, or since [`RunningSandbox::reset_requests`](crate::RunningSandbox::reset_requests).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// By `service:Operation`, then by outcome.
    pub operations: BTreeMap<String, BTreeMap<Outcome, u64>>,
    /// All requests.
    pub total: u64,
    /// The most requests that were under way at once.
    pub peak_requests: u64,
    /// The most requests of one account that were under way at once, by account.
    pub peak_requests_by_account: BTreeMap<AccountId, u64>,
    /// The most accounts that had requests under way at once.
    pub peak_accounts: u64,
    /// How many requests came while one of another static access key was under way: two processes with a key of their own each, at work at once. A session counts
    /// as the key that opened it.
    #[serde(default)]
    pub overlapping: u64,
    /// How many TCP connections were accepted.
    pub connections: u64,
}

impl RequestCounts {
    /// How many requests of an operation, such as `kms:ListKeys`, there were.
    pub fn of(&self, operation: &str) -> u64 {
        self.operations.get(operation).map_or(0, |outcomes| outcomes.values().sum())
    }

    /// How many requests of an operation ended so.
    pub fn of_outcome(&self, operation: &str, outcome: Outcome) -> u64 {
        self.operations.get(operation).and_then(|outcomes| outcomes.get(&outcome)).copied().unwrap_or(0)
    }

    /// How many requests of all operations ended so.
    pub fn with_outcome(&self, outcome: Outcome) -> u64 {
        self.operations.values().filter_map(|outcomes| outcomes.get(&outcome)).sum()
    }
}

#[derive(Default)]
struct State {
    done: HashMap<(&'static str, &'static str, Outcome), u64>,
    under_way: HashMap<AccountId, (u64, u64)>,
    accounts: u64,
    peak_accounts: u64,
    requests: u64,
    peak_requests: u64,
    /// Requests under way by the static access key behind them; a key without any is not there.
    origins: HashMap<Arc<str>, u64>,
    overlapping: u64,
    connections: u64,
}

#[derive(Default)]
pub(crate) struct Counters(Mutex<State>);

impl Counters {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connected(&self) {
        self.state().connections += 1;
    }

    /// Counts a request from now until what this returns is finished or dropped.
    pub(crate) fn begin(&self, caller: &Caller, service: &'static str, operation: &'static str) -> UnderWay<'_> {
        let (account, origin) = (caller.account, Arc::clone(&caller.origin));
        let mut state = self.state();
        state.requests += 1;
        state.peak_requests = state.peak_requests.max(state.requests);
        let (now, peak) = state.under_way.entry(account).or_default();
        *now += 1;
        *peak = (*peak).max(*now);
        if *now == 1 {
            state.accounts += 1;
            state.peak_accounts = state.peak_accounts.max(state.accounts);
        }
        *state.origins.entry(Arc::clone(&origin)).or_default() += 1;
        state.overlapping += u64::from(state.origins.len() > 1);
        UnderWay { counters: self, account, origin, service, operation, outcome: Outcome::Abandoned }
    }

    pub(crate) fn read(&self) -> RequestCounts {
        let state = self.state();
        let mut counts = RequestCounts {
            peak_requests: state.peak_requests,
            peak_requests_by_account: state.under_way.iter().map(|(account, (_, peak))| (*account, *peak)).collect(),
            peak_accounts: state.peak_accounts,
            overlapping: state.overlapping,
            connections: state.connections,
            ..RequestCounts::default()
        };
        for ((service, operation, outcome), count) in &state.done {
            counts.total += count;
            *counts.operations.entry(format!("{service}:{operation}")).or_default().entry(*outcome).or_default() += count;
        }
        counts
    }

    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.done.clear();
        state.under_way.retain(|_, (now, peak)| {
            *peak = *now;
            *now > 0
        });
        state.peak_accounts = state.accounts;
        state.peak_requests = state.requests;
        state.overlapping = 0;
        state.connections = 0;
    }
}

/// A request that is under way.
pub(crate) struct UnderWay<'a> {
    counters: &'a Counters,
    account: AccountId,
    origin: Arc<str>,
    service: &'static str,
    operation: &'static str,
    outcome: Outcome,
}

impl UnderWay<'_> {
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// A fault keeps it waiting for ever: that is how it ends, whenever the client goes away.
    pub(crate) fn stall(&mut self) {
        self.outcome = Outcome::Fault;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.counters.state();
        *state.done.entry((self.service, self.operation, self.outcome)).or_default() += 1;
        state.requests = state.requests.saturating_sub(1);
        if let Some(now) = state.origins.get_mut(&self.origin) {
            *now = now.saturating_sub(1);
            if *now == 0 {
                state.origins.remove(&self.origin);
            }
        }
        if let Some((now, _)) = state.under_way.get_mut(&self.account) {
            *now = now.saturating_sub(1);
            if *now == 0 {
                state.accounts = state.accounts.saturating_sub(1);
            }
        }
    }
}
