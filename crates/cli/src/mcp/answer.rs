//! An answer: rows, the snapshot that they are of, and what that does not know. An assistant tells people what it reads, so that each answer carries its own doubt.

use std::{sync::Arc, time::Duration};

use kms_insights_query::{Engine, output};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{exit::Trouble, ledger::Ledger, query, terminal};

/// An answer has at most so many bytes of rows: more than that no assistant keeps in mind.
const MOST_BYTES: usize = 256 << 10;

/// What an answer may come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) rows: usize,
    pub(super) time: Duration,
}

/// An answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// Of each organization the run that is shown.
    pub(super) snapshots: Vec<Snapshot>,
    /// What must be said along with the rows.
    pub(super) keep_in_mind: Vec<String>,
    /// What the rows are part of, where that is not in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<Value>,
    /// How many rows there are in all, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rows_in_all: Option<u64>,
    /// Whether there are more rows than these.
    pub(super) has_more_rows: bool,
    pub(super) rows: Vec<Value>,
}

/// A run, as far as an answer rests on it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Snapshot {
    run_id: String,
    #[serde(rename = "snapshot_date")]
    date: String,
    /// `complete` or `partial`.
    status: String,
    organization_id: Option<String>,
    scope: String,
    finished_at: String,
    keys: i64,
    keys_incomplete: i64,
    facts_lacking: i64,
    accounts_planned: i64,
    accounts_partial: i64,
    accounts_failed: i64,
    accounts_skipped: i64,
}

impl Snapshot {
    /// The runs that are shown.
    pub(super) async fn read_all(ledger: &Ledger) -> Result<Vec<Self>, Trouble> {
        ledger
            .rows(
                "SELECT run_id, snapshot_date, status, organization_id, scope, finished_at, keys, keys_incomplete, facts_lacking, \
                 accounts_planned, accounts_partial, accounts_failed, accounts_skipped FROM latest_run ORDER BY run_id",
            )
            .await
    }

    /// What is not known of it, in a sentence; nothing where it knows all.
    fn doubt(&self) -> Option<String> {
        let mut lacks = Vec::new();
        let mut say = |what: &str, count: i64, noun: &str| {
            if let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) {
                lacks.push(format!("{what} {}", terminal::counted(count, noun)));
            }
        };
        say("nothing could be read of", self.accounts_failed, "account");
        say("not all could be read of", self.accounts_partial, "account");
        say("facts lack of", self.keys_incomplete, "key");
        say("left out, being suspended, closed or not yet active, were", self.accounts_skipped, "account");
        if lacks.is_empty() && self.status != "complete" {
            lacks.push("the run is partial".to_owned());
        }
        let scope = (self.scope != "whole").then(|| "it was limited to some accounts or Regions".to_owned());
        let lacks: Vec<String> = scope.into_iter().chain(lacks).collect();
        (!lacks.is_empty()).then(|| {
            format!(
                "The snapshot of {} does not know everything: {}. What is not listed may still exist; ask `coverage` what lacks before you conclude that something is not there.",
                self.date,
                lacks.join(", ")
            )
        })
    }
}

impl Answer {
    /// The first rows of a statement.
    pub(super) async fn of(engine: &Arc<Engine>, sql: &str, most_rows: usize, notes: &[&str]) -> Result<Self, Trouble> {
        let result = engine.query(sql).await.map_err(|error| query::trouble(&error))?;
        let first = output::first_rows(result, most_rows, MOST_BYTES).await.map_err(|error| query::trouble(&error))?;
        if first.is_cut && first.rows.is_empty() && most_rows > 0 {
            return Err(Trouble::failed(format_args!("the first row alone is longer than {} KiB", MOST_BYTES >> 10)).next("ask for fewer columns"));
        }
        Self::with(engine, first, notes).await
    }

    async fn with(engine: &Arc<Engine>, first: output::FirstRows, notes: &[&str]) -> Result<Self, Trouble> {
        let snapshots = Snapshot::read_all(&Ledger::new(Arc::clone(engine))).await?;
        let mut keep_in_mind: Vec<String> = snapshots.iter().filter_map(Snapshot::doubt).collect();
        keep_in_mind.extend(notes.iter().map(|note| (*note).to_owned()));
        if first.is_cut {
            keep_in_mind.push("There are more rows than these: narrow the question, or go on with `offset`.".to_owned());
        }
        Ok(Self { snapshots, keep_in_mind, summary: None, rows_in_all: None, has_more_rows: first.is_cut, rows: first.rows })
    }

    /// One row that was put together from several statements.
    pub(super) async fn of_one(engine: &Arc<Engine>, row: Value, notes: &[&str]) -> Result<Self, Trouble> {
        Self::with(engine, output::FirstRows { rows: vec![row], is_cut: false }, notes).await
    }

    /// With how many rows there are in all.
    pub(super) async fn counted(mut self, engine: &Arc<Engine>, rows_of: &str) -> Result<Self, Trouble> {
        let counted = Ledger::new(Arc::clone(engine)).count(&format!("SELECT count(*) AS counted FROM {rows_of}")).await?;
        self.rows_in_all = Some(counted);
        Ok(self)
    }
}
