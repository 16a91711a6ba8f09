//! How the simulated AWS behaves towards its callers.

use std::{collections::BTreeSet, time::Duration};

use kms_insights_model::AccountId;
use serde::{Deserialize, Serialize};

use crate::{Fault, TrailSetting};

/// How the simulated AWS behaves: who may do what, how fast, and what goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Whether the accounts are an organization; if not, Organizations answers `AWSOrganizationsNotInUseException`.
    pub organization_in_use: bool,
    /// An account that may read the organization as well as the management account may.
    pub delegated_administrator: Option<AccountId>,
    /// The account of static access keys; `None`: the management account. An access key that is the id of an account belongs to that account.
    pub caller_account: Option<AccountId>,
    /// The role that every member account has, with its path where it has one: `audit/kms-insights-reader`.
    pub role_name: String,
    /// The external id that the role's trust policy demands.
    pub external_id: Option<String>,
    /// Whether the management account has the role too.
    pub role_in_management: bool,
    /// Accounts without the role.
    pub roles_missing: BTreeSet<AccountId>,
    /// The actions that the role's own policy allows, with wildcards; `None`: all.
    pub role_actions: Option<Vec<String>>,
    /// The longest life of a session, for tests of renewal; `None`: as asked for.
    pub session_seconds: Option<u32>,
    /// Whether requests are limited as AWS limits them.
    pub quotas: bool,
    /// How long every answer takes.
    pub latency: Latency,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Decides what goes wrong only sometimes.
    pub fault_seed: u64,
    /// Buckets that exist from the start, owned by the caller's account.
    pub buckets: Vec<String>,
    /// The organization's trail.
    pub trail: TrailSetting,
}

/// How long every answer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// At least so many milliseconds.
    pub fixed_ms: u64,
    /// Up to so many milliseconds more.
    pub jitter_ms: u64,
}

impl Latency {
    /// The same latency for every request.
    pub fn fixed(latency: Duration) -> Self {
        Self { fixed_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), jitter_ms: 0 }
    }
}

impl Default for Behaviour {
    /// No quotas, no latency, no faults, the role `kms-insights-reader` everywhere, and a trail of everything.
    fn default() -> Self {
        Self {
            organization_in_use: true,
            delegated_administrator: None,
            caller_account: None,
            role_name: "kms-insights-reader".to_owned(),
            external_id: None,
            role_in_management: false,
            roles_missing: BTreeSet::new(),
            role_actions: None,
            session_seconds: None,
            quotas: false,
            latency: Latency::default(),
            faults: Vec::new(),
            fault_seed: 0,
            buckets: vec!["kms-insights-lake".to_owned()],
            trail: TrailSetting::default(),
        }
    }
}
