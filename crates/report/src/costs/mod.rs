//! What the keys of the latest snapshots cost a month, by account and tag, and what of it can be saved: the views `key_costs` and `costs_by_tag`, added up.

mod page;

use kms_insights_lake::Lake;
use kms_insights_query::{Engine, EngineOptions, QueryError, QueryResult};
use serde::{Deserialize, Serialize};

use crate::{asked::rows, sheet::Sheet};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CostsError {
    /// No key bears the tag.
    #[error("no key is known to bear the tag {tag:?}; {}", if known.is_empty() { "none bears any".to_owned() } else { format!("tags in use: {}", known.join(", ")) })]
    NoSuchTag {
        /// The tag.
        tag: String,
        /// Tags that keys bear.
        known: Vec<String>,
    },
    /// The lake cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// A snapshot that the sums are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ShownRun {
    run_id: String,
    snapshot_date: String,
    organization_id: Option<String>,
    status: String,
}

/// What customer managed keys cost; keys without a price are in no sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sums {
    keys: u64,
    keys_without_price: u64,
    monthly_cost_usd: f64,
    recorded_savings_usd: f64,
    possible_savings_usd: f64,
}

/// The bill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Total {
    #[serde(flatten)]
    sums: Sums,
    yearly_cost_usd: f64,
    base_cost_usd: f64,
    rotation_cost_usd: f64,
    replicas: u64,
    replica_cost_usd: f64,
    /// Of it the price of replicas with a surcharge that AWS does not document.
    assumed_cost_usd: f64,
    keys_pending_deletion: u64,
    aws_managed_keys: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OfAccount {
    account_id: String,
    account_name: Option<String>,
    #[serde(flatten)]
    sums: Sums,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OfTag {
    tag_key: String,
    tag_value: Option<String>,
    /// `tagged`, `untagged` or `unknown`.
    tag_status: String,
    #[serde(flatten)]
    sums: Sums,
}

/// Keys that look unneeded for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Saving {
    certainty: String,
    reason: String,
    keys: u64,
    keys_without_price: u64,
    monthly_cost_usd: f64,
    yearly_cost_usd: f64,
    rotation_cost_usd: f64,
    replicas: u64,
    replica_cost_usd: f64,
}

/// A key that looks unneeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unneeded {
    key_arn: String,
    account_id: String,
    account_name: Option<String>,
    region: String,
    aliases: Option<String>,
    description: Option<String>,
    state: Option<String>,
    multi_region_type: Option<String>,
    monthly_cost_usd: Option<f64>,
    base_cost_usd: Option<f64>,
    rotation_cost_usd: Option<f64>,
    cost_status: String,
    saving_reason: String,
    saving_certainty: String,
    last_used_at: Option<String>,
    unused_since: Option<String>,
}

/// The answer of `costs --format json`; docs/costs.md describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Answer {
    snapshots: Vec<ShownRun>,
    total: Total,
    accounts: Vec<OfAccount>,
    tags: Vec<OfTag>,
    recorded_savings: Vec<Saving>,
    possible_savings: Vec<Saving>,
    keys: Vec<Unneeded>,
}

/// The sums of [`Sums`] over rows of `key_costs`.
const SUMS: &str = "count(*) AS keys, count(*) - count(monthly_cost_usd) AS keys_without_price, coalesce(sum(monthly_cost_usd), 0.0) AS monthly_cost_usd, \
    coalesce(sum(CASE WHEN saving_certainty = 'recorded' THEN monthly_cost_usd END), 0.0) AS recorded_savings_usd, \
    coalesce(sum(CASE WHEN saving_certainty = 'unknown' THEN monthly_cost_usd END), 0.0) AS possible_savings_usd";

/// The keys that are billed, or may be: all but those that AWS manages.
const BILLED: &str = "FROM key_costs WHERE coalesce(manager, 'CUSTOMER') = 'CUSTOMER'";

/// Those that look unneeded, the dearest first, those that are so for certain before the others.
const UNNEEDED: &str = "SELECT key_arn, account_id, account_name, region, aliases, description, state, multi_region_type, monthly_cost_usd, base_cost_usd, \
    rotation_cost_usd, cost_status, saving_reason, saving_certainty, last_used_at, unused_since FROM key_costs WHERE saving_reason IS NOT NULL \
    ORDER BY saving_certainty, monthly_cost_usd DESC, account_id, key_arn";

/// The most tags that a message names.
const MOST_TAGS: usize = 20;

/// A lake that is asked what its keys cost.
#[derive(Debug)]
pub struct Costs {
    engine: Engine,
    tag: Option<String>,
}

impl Costs {
    /// Opens the lake; the bill is divided by `tag`, or by every tag.
    ///
    /// # Errors
    /// When the lake cannot be read, or no key bears the tag.
    pub async fn open(lake: &Lake, options: EngineOptions, tag: Option<String>) -> Result<Self, CostsError> {
        let engine = Engine::open_with(lake, options).await?;
        if let Some(tag) = &tag {
            #[derive(Deserialize)]
            struct Tag {
                tag_key: String,
            }
            let tags: Vec<Tag> = rows(&engine, "SELECT DISTINCT tag_key FROM costs_by_tag ORDER BY tag_key").await?;
            if !tags.iter().any(|known| known.tag_key == *tag) {
                let known = tags.into_iter().take(MOST_TAGS).map(|tag| tag.tag_key).collect();
                return Err(CostsError::NoSuchTag { tag: tag.clone(), known });
            }
        }
        Ok(Self { engine, tag })
    }

    /// The keys that look unneeded, as rows.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn result(&self) -> Result<QueryResult, CostsError> {
        Ok(self.engine.query(UNNEEDED).await?)
    }

    async fn answer(&self) -> Result<Answer, CostsError> {
        let engine = &self.engine;
        let total = format!(
            "SELECT {SUMS}, 12 * coalesce(sum(monthly_cost_usd), 0.0) AS yearly_cost_usd, coalesce(sum(base_cost_usd), 0.0) AS base_cost_usd, \
             coalesce(sum(rotation_cost_usd), 0.0) AS rotation_cost_usd, count(CASE WHEN multi_region_type = 'REPLICA' THEN 1 END) AS replicas, \
             coalesce(sum(CASE WHEN multi_region_type = 'REPLICA' THEN monthly_cost_usd END), 0.0) AS replica_cost_usd, \
             coalesce(sum(CASE WHEN cost_status = 'assumed' THEN monthly_cost_usd END), 0.0) AS assumed_cost_usd, \
             count(CASE WHEN state IN ('PendingDeletion', 'PendingReplicaDeletion') THEN 1 END) AS keys_pending_deletion, \
             (SELECT count(*) FROM key_costs WHERE manager = 'AWS') AS aws_managed_keys {BILLED}"
        );
        let accounts = format!("SELECT account_id, account_name, {SUMS} {BILLED} GROUP BY account_id, account_name ORDER BY monthly_cost_usd DESC, account_id");
        // In a literal a quote is written twice, and nothing else has a meaning of its own.
        let of_tag = self.tag.as_ref().map(|tag| format!("WHERE tag_key = '{}'", tag.replace('\'', "''"))).unwrap_or_default();
        let tags = format!(
            "SELECT tag_key, tag_value, tag_status, sum(keys) AS keys, sum(keys_without_price) AS keys_without_price, sum(monthly_cost_usd) AS monthly_cost_usd, \
             sum(recorded_savings_usd) AS recorded_savings_usd, sum(possible_savings_usd) AS possible_savings_usd FROM costs_by_tag {of_tag} \
             GROUP BY tag_key, tag_value, tag_status ORDER BY tag_key, monthly_cost_usd DESC, tag_status, tag_value"
        );
        let savings = "SELECT certainty, reason, sum(keys) AS keys, sum(keys_without_price) AS keys_without_price, coalesce(sum(monthly_cost_usd), 0.0) AS monthly_cost_usd, \
             coalesce(sum(yearly_cost_usd), 0.0) AS yearly_cost_usd, coalesce(sum(rotation_cost_usd), 0.0) AS rotation_cost_usd, sum(replicas) AS replicas, \
             coalesce(sum(replica_cost_usd), 0.0) AS replica_cost_usd FROM monthly_savings GROUP BY certainty, reason ORDER BY monthly_cost_usd DESC, reason";
        let total: Vec<Total> = rows(engine, &total).await?;
        let savings: Vec<Saving> = rows(engine, savings).await?;
        let (recorded_savings, possible_savings) = savings.into_iter().partition(|saving| saving.certainty == "recorded");
        Ok(Answer {
            snapshots: rows(engine, "SELECT run_id, snapshot_date, organization_id, status FROM latest_run ORDER BY run_id").await?,
            total: total.into_iter().next().ok_or_else(|| QueryError::Failed { message: "there is no total".to_owned() })?,
            accounts: rows(engine, &accounts).await?,
            tags: rows(engine, &tags).await?,
            recorded_savings,
            possible_savings,
            keys: rows(engine, UNNEEDED).await?,
        })
    }

    /// The answer as one JSON object.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn json(&self) -> Result<String, CostsError> {
        let text = serde_json::to_string_pretty(&self.answer().await?).map_err(|error| QueryError::Failed { message: error.to_string() })?;
        Ok(text + "\n")
    }

    /// The answer for people.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn sheet(&self) -> Result<Sheet, CostsError> {
        Ok(page::sheet(&self.answer().await?, self.tag.as_deref()))
    }
}
