//! What the lake says of a key: the rows that a trace is made from, as they are.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kms_insights_model::{KeyArn, Timestamp};
use serde::Deserialize;
use serde_json::Value;

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// When the lake was asked.
    pub(super) now: Timestamp,
    pub(super) key: KeyArn,
    pub(super) account_name: Option<String>,
    pub(super) inventory: Inventory,
    /// In the order of time.
    pub(super) events: Vec<EventRow>,
    /// So many more events were not read.
    pub(super) events_left_out: u64,
    /// The most used first.
    pub(super) uses: Vec<Use>,
    /// So many more ways of using the key were not read.
    pub(super) uses_left_out: u64,
    pub(super) last_use: Option<LastUse>,
    pub(super) recording: Option<Recording>,
    pub(super) grants: Vec<GrantRow>,
    pub(super) logs: Logs,
}

/// How the inventory knows the key.
#[derive(Clone, Debug)]
pub(super) enum Inventory {
    /// The run that is shown lists it.
    Listed(Box<KeyRow>),
    /// An earlier run lists it, and the one that is shown does not.
    Before { key: Box<KeyRow>, shown: Option<ShownRun> },
    /// No run lists it.
    Never { shown: Option<ShownRun> },
}

impl Inventory {
    pub(super) const fn key(&self) -> Option<&KeyRow> {
        match self {
            Self::Listed(key) | Self::Before { key, .. } => Some(key),
            Self::Never { .. } => None,
        }
    }
}

/// A run that views show, and how it went for the key's account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct ShownRun {
    pub(super) run_id: String,
    pub(super) snapshot_date: NaiveDate,
    #[serde(default)]
    pub(super) account_outcome: Option<String>,
}

/// A row of `keys`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct KeyRow {
    pub(super) run_id: String,
    pub(super) snapshot_date: NaiveDate,
    pub(super) key_arn: KeyArn,
    pub(super) observed_at: Timestamp,
    pub(super) created_at: Option<Timestamp>,
    pub(super) state: Option<String>,
    pub(super) description: Option<String>,
    pub(super) spec: Option<String>,
    pub(super) usage: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) manager: Option<String>,
    pub(super) multi_region_type: Option<String>,
    pub(super) multi_region_primary_arn: Option<String>,
    pub(super) deletion_date: Option<Timestamp>,
    pub(super) aliases: Option<Vec<String>>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) policy: Option<String>,
    pub(super) grant_count: Option<u64>,
}

/// A row of `key_events`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct EventRow {
    pub(super) key_arn: String,
    pub(super) event_at: Timestamp,
    pub(super) event_name: String,
    pub(super) principal: String,
    pub(super) session_name: Option<String>,
    pub(super) invoked_by: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) source_ip_address: Option<String>,
    pub(super) request: Option<String>,
    pub(super) response: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) event_id: String,
}

impl EventRow {
    pub(super) const fn succeeded(&self) -> bool {
        self.error_code.is_none()
    }

    /// What was asked for; null where there is nothing, or it was cut and is no JSON any more.
    pub(super) fn request(&self) -> Value {
        json(self.request.as_deref())
    }

    /// What was answered.
    pub(super) fn response(&self) -> Value {
        json(self.response.as_deref())
    }
}

fn json(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Rows of `key_usage_daily` of one principal, operation, resource and service, added up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Use {
    pub(super) key_arn: String,
    pub(super) principal: String,
    pub(super) event_name: String,
    pub(super) resource: Option<String>,
    pub(super) invoked_by: Option<String>,
    pub(super) uses: u64,
    pub(super) errors: u64,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
    /// The day of the first call that succeeded.
    pub(super) first_used_on: Option<NaiveDate>,
    pub(super) last_used_at: Option<Timestamp>,
}

/// The row of `key_last_used`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct LastUse {
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) operation: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) evidence: Option<String>,
    pub(super) tracking_started_at: Option<Timestamp>,
    /// Since when CloudTrail's event history tells of uses, where it was asked.
    pub(super) event_history_from: Option<Timestamp>,
    pub(super) verdict: String,
    pub(super) reason: Option<String>,
    pub(super) status: String,
}

/// The row of `trail_recording`: whether a trail records uses in the key's account and Region at present.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Recording {
    /// `yes`, `no` or `unknown`.
    pub(super) records_kms_reads: String,
    pub(super) reason: Option<String>,
}

/// A row of `grants`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct GrantRow {
    pub(super) grant_id: String,
    pub(super) created_at: Option<Timestamp>,
    pub(super) grantee_principal: Option<String>,
    pub(super) operations: Vec<String>,
    pub(super) constraints: Option<String>,
}

/// What was read of the log files of the key's account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Logs {
    /// In order; only days of which a file was read, at least in part.
    pub(super) days: Vec<LogDay>,
    /// The first few files that could not be read whole.
    pub(super) unread: Vec<UnreadFile>,
    /// How many these are in all.
    pub(super) unread_count: u64,
    /// Files that could not be read whole and whose names do not say of which account and Region they are.
    pub(super) unread_nameless: u64,
    /// The scans that read files of the account and Region.
    pub(super) scans: Vec<Scan>,
    /// When the last scan of the lake ended, whatever it read.
    pub(super) lake_scanned_at: Option<Timestamp>,
    /// Whether any of these files records the use of any key.
    pub(super) has_uses: bool,
}

/// The log files of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct LogDay {
    pub(super) log_date: NaiveDate,
    pub(super) files: u64,
    pub(super) kms_records: u64,
}

/// A log file that could not be read whole.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub(super) struct UnreadFile {
    pub(super) log_date: NaiveDate,
    pub(super) source: String,
    pub(super) path: String,
    pub(super) status: String,
    pub(super) problem: Option<String>,
}

/// A row of `trail_scans`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Scan {
    pub(super) finished_at: Timestamp,
    pub(super) tool_version: String,
    pub(super) use_events: Vec<String>,
}
