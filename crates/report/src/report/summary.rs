//! What a snapshot comes to, in numbers, each with what is not known beside it.

// Fields are named as the columns that they are read from.
#![allow(clippy::struct_field_names, reason = "a column is named for what it is, also where the row is named so")]

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ReportError, reading::Reader};

/// So many accounts are named in the summary, those with the most findings.
const MOST_ACCOUNTS: usize = 12;

/// A run that the report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) run_id: String,
    pub(super) snapshot_date: String,
    pub(super) status: String,
    pub(super) started_at: DateTime<Utc>,
    pub(super) finished_at: DateTime<Utc>,
    pub(super) tool_version: String,
    pub(super) organization_id: Option<String>,
    pub(super) scope: String,
    pub(super) selection: Option<String>,
    pub(super) resumed_from: Option<String>,
    pub(super) accounts_planned: u64,
    pub(super) accounts_complete: u64,
    pub(super) accounts_partial: u64,
    pub(super) accounts_failed: u64,
    pub(super) accounts_skipped: u64,
    pub(super) keys: u64,
    pub(super) keys_incomplete: u64,
    pub(super) facts_lacking: u64,
    pub(super) customer_managed_only: bool,
    /// The run before, with which this one is compared.
    pub(super) previous_run: Option<String>,
}

/// Keys by what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Keys {
    pub(super) keys: u64,
    pub(super) customer_managed: u64,
    pub(super) aws_managed: u64,
    pub(super) manager_unknown: u64,
    pub(super) lacking_facts: u64,
    pub(super) outside_account_yes: u64,
    pub(super) outside_account_unknown: u64,
    pub(super) outside_organization_yes: u64,
    pub(super) outside_organization_unknown: u64,
    pub(super) public_yes: u64,
    pub(super) public_unknown: u64,
    /// What the keys cost each month whose price is known.
    pub(super) monthly_cost_usd: Option<f64>,
    pub(super) without_price: u64,
}

/// Findings of one rule and severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FindingCount {
    pub(super) rule: String,
    pub(super) severity: String,
    /// Findings that nobody puts up with.
    pub(super) open: u64,
    /// Findings that somebody puts up with until the day of the run or longer.
    pub(super) waived: u64,
    /// Keys that the open ones are about.
    pub(super) keys: u64,
}

/// Findings of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AccountFindings {
    pub(super) account_id: String,
    pub(super) name: Option<String>,
    pub(super) critical: u64,
    pub(super) high: u64,
    pub(super) medium: u64,
    pub(super) open: u64,
}

/// How many keys are so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    pub(super) name: String,
    pub(super) keys: u64,
}

/// Ways in from outside the account, by how those who come in stand towards the key's owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Access {
    pub(super) trust: String,
    pub(super) keys: u64,
    pub(super) ways_in: u64,
    pub(super) certain: u64,
}

/// What would go from the bill, by reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Savings {
    pub(super) reason: String,
    pub(super) certainty: String,
    pub(super) keys: u64,
    pub(super) keys_without_price: u64,
    pub(super) monthly_cost_usd: Option<f64>,
}

/// What lacks, by fact and by what went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gap {
    pub(super) fact: String,
    pub(super) code: String,
    /// Accounts concerned.
    pub(super) accounts: u64,
    /// Keys concerned, as far as that is known.
    pub(super) keys: Option<u64>,
    pub(super) next_step: Option<String>,
}

/// Keys that are about to be gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deletion {
    pub(super) keys: u64,
    /// The fewest days that are left for any.
    pub(super) soonest_days: Option<i64>,
    /// Keys whose state is not known.
    pub(super) unknown: u64,
}

/// Changes since the previous run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) subject: String,
    pub(super) change: String,
    pub(super) count: u64,
}

/// Log files of CloudTrail that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogFiles {
    pub(super) scans: u64,
    pub(super) last_scan_at: Option<DateTime<Utc>>,
    pub(super) first_day: Option<String>,
    pub(super) last_day: Option<String>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) runs: Vec<Run>,
    pub(super) keys: Keys,
    pub(super) findings: Vec<FindingCount>,
    pub(super) findings_by_account: Vec<AccountFindings>,
    pub(super) concerns: Vec<Count>,
    pub(super) access: Vec<Access>,
    pub(super) usage: Vec<Count>,
    pub(super) savings: Vec<Savings>,
    pub(super) age: Vec<Count>,
    pub(super) rotation: Vec<Count>,
    pub(super) gaps: Vec<Gap>,
    pub(super) trails: Vec<Count>,
    pub(super) log_files: LogFiles,
    pub(super) deletion: Deletion,
    pub(super) changes: Vec<Change>,
}

const RUNS: &str = "SELECT l.run_id, l.snapshot_date, l.status, l.started_at, l.finished_at, l.tool_version, l.organization_id, l.scope, l.selection, l.resumed_from, \
    l.accounts_planned, l.accounts_complete, l.accounts_partial, l.accounts_failed, l.accounts_skipped, l.keys, l.keys_incomplete, l.facts_lacking, \
    r.customer_managed_only, p.run_id AS previous_run \
    FROM latest_run l \
    JOIN runs r ON r.run_id = l.run_id \
    LEFT JOIN ( \
        SELECT b.organization_id, b.scope, max(b.run_id) AS run_id \
        FROM runs b \
        JOIN latest_run n ON COALESCE(n.organization_id, '') = COALESCE(b.organization_id, '') AND n.scope = b.scope AND b.run_id <> n.run_id \
        LEFT JOIN runs c ON c.resumed_from = b.run_id \
        WHERE c.run_id IS NULL \
        GROUP BY b.organization_id, b.scope \
    ) p ON COALESCE(p.organization_id, '') = COALESCE(l.organization_id, '') AND p.scope = l.scope \
    ORDER BY l.organization_id, l.run_id";

const KEYS: &str = "SELECT count(*) AS keys, \
    count(CASE WHEN manager = 'CUSTOMER' THEN 1 END) AS customer_managed, \
    count(CASE WHEN manager = 'AWS' THEN 1 END) AS aws_managed, \
    count(CASE WHEN manager IS NULL THEN 1 END) AS manager_unknown, \
    count(facts_lacking) AS lacking_facts, \
    count(CASE WHEN outside_account = 'yes' THEN 1 END) AS outside_account_yes, \
    count(CASE WHEN outside_account = 'unknown' THEN 1 END) AS outside_account_unknown, \
    count(CASE WHEN outside_organization = 'yes' THEN 1 END) AS outside_organization_yes, \
    count(CASE WHEN outside_organization = 'unknown' THEN 1 END) AS outside_organization_unknown, \
    count(CASE WHEN public = 'yes' THEN 1 END) AS public_yes, \
    count(CASE WHEN public = 'unknown' THEN 1 END) AS public_unknown, \
    sum(monthly_cost_usd) AS monthly_cost_usd, \
    count(CASE WHEN monthly_cost_usd IS NULL THEN 1 END) AS without_price \
    FROM key_overview";

/// Whether a finding is waived on the day of the run, as `key_overview` has it.
const WAIVED: &str = "COALESCE(f.waived_until >= CAST(CAST(r.finished_at AS date) AS varchar), false)";

/// The customer managed keys, and those of which it is not known who manages them.
const OWN_KEYS: &str = "COALESCE(manager, 'CUSTOMER') = 'CUSTOMER'";

const ACCESS: &str = "SELECT trust, count(DISTINCT key_arn) AS keys, count(*) AS ways_in, count(CASE WHEN certainty = 'certain' THEN 1 END) AS certain \
    FROM external_access GROUP BY trust ORDER BY trust";

const SAVINGS: &str = "SELECT reason, certainty, sum(keys) AS keys, sum(keys_without_price) AS keys_without_price, sum(monthly_cost_usd) AS monthly_cost_usd \
    FROM monthly_savings GROUP BY reason, certainty ORDER BY certainty, monthly_cost_usd DESC, reason";

const GAPS: &str = "SELECT fact, code, count(DISTINCT account_id) AS accounts, sum(keys_affected) AS keys, min(next_step) AS next_step \
    FROM coverage_gaps GROUP BY fact, code ORDER BY keys DESC, accounts DESC, fact, code";

const DELETION: &str = "SELECT count(CASE WHEN state <> 'unknown' THEN 1 END) AS keys, min(CASE WHEN state <> 'unknown' THEN days_left END) AS soonest_days, \
    count(CASE WHEN state = 'unknown' THEN 1 END) AS unknown FROM pending_deletion";

const CHANGES: &str = "SELECT subject, change, count(*) AS count FROM changes_since_previous GROUP BY subject, change ORDER BY subject, change";

const LOG_FILES: &str = "SELECT s.scans, s.last_scan_at, d.first_day, d.last_day \
    FROM (SELECT count(*) AS scans, max(finished_at) AS last_scan_at FROM trail_scans) s \
    CROSS JOIN (SELECT min(log_date) AS first_day, max(log_date) AS last_day FROM trail_files WHERE status = 'read') d";

impl Summary {
    /// Counts.
    pub(super) async fn read(reader: &Reader) -> Result<Self, ReportError> {
        let shown = reader.shown();
        let findings = format!(
            "SELECT f.rule, f.severity, count(CASE WHEN NOT {WAIVED} THEN 1 END) AS open, count(CASE WHEN {WAIVED} THEN 1 END) AS waived, \
             count(DISTINCT CASE WHEN NOT {WAIVED} THEN f.key_arn END) AS keys \
             FROM findings f JOIN latest_run r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id \
             GROUP BY f.rule, f.severity ORDER BY f.rule, f.severity"
        );
        let of_severity = |severity: &str| format!("count(CASE WHEN NOT {WAIVED} AND f.severity = '{severity}' THEN 1 END) AS {severity}");
        let by_account = format!(
            "SELECT f.account_id, a.name, {}, {}, {}, count(CASE WHEN NOT {WAIVED} THEN 1 END) AS open \
             FROM findings f JOIN latest_run r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id \
             LEFT JOIN accounts a ON a.snapshot_date = f.snapshot_date AND a.run_id = f.run_id AND a.account_id = f.account_id \
             GROUP BY f.account_id, a.name ORDER BY critical DESC, high DESC, medium DESC, open DESC, f.account_id LIMIT {MOST_ACCOUNTS}",
            of_severity("critical"),
            of_severity("high"),
            of_severity("medium"),
        );
        Ok(Self {
            runs: reader.rows("the latest run", RUNS).await?,
            keys: only(reader.rows("the keys", KEYS).await?),
            findings: reader.rows("the findings", &findings).await?,
            findings_by_account: reader.rows("the findings of accounts", &by_account).await?,
            concerns: reader.rows("the concerns", &concerns()).await?,
            access: reader.rows("external access", ACCESS).await?,
            usage: reader.rows("the usage", &usage()).await?,
            savings: reader.rows("the savings", SAVINGS).await?,
            age: reader.rows("the age of keys", &age()).await?,
            rotation: reader.rows("the rotation", &rotation(shown)).await?,
            gaps: reader.rows("what lacks", GAPS).await?,
            trails: reader
                .rows(
                    "the trails",
                    &format!("SELECT records_kms_reads AS name, count(*) AS keys FROM trail_recording WHERE {shown} GROUP BY records_kms_reads ORDER BY name"),
                )
                .await?,
            log_files: only(reader.rows("the log files", LOG_FILES).await?),
            deletion: only(reader.rows("what is pending", DELETION).await?),
            changes: reader.rows("the changes", CHANGES).await?,
        })
    }

    /// Findings that nobody puts up with, of one severity.
    pub(super) fn open(&self, severity: &str) -> u64 {
        self.findings.iter().filter(|count| count.severity == severity).map(|count| count.open).sum()
    }

    /// Findings that somebody puts up with.
    pub(super) fn waived(&self) -> u64 {
        self.findings.iter().map(|count| count.waived).sum()
    }

    /// The keys of a count of this name.
    pub(super) fn named(counts: &[Count], name: &str) -> u64 {
        counts.iter().filter(|count| count.name == name).map(|count| count.keys).sum()
    }

    /// What is known to be unneeded: keys, dollars a month, and keys whose price is not known; then the same of what may be.
    pub(super) fn unneeded(&self, certainty: &str) -> (u64, f64, u64) {
        let savings = self.savings.iter().filter(|savings| savings.certainty == certainty);
        savings
            .fold((0, 0.0, 0), |(keys, cost, unpriced), of| (keys + of.keys, cost + of.monthly_cost_usd.unwrap_or_default(), unpriced + of.keys_without_price))
    }
}

/// The row of a question that has one.
fn only<T: Default>(mut rows: Vec<T>) -> T {
    rows.pop().unwrap_or_default()
}

/// Keys by concern; one key may have several. The labels are those of the AWS workshop.
fn concerns() -> String {
    let labels = ["Key policy overly permissive", "External account", "Access provided to IAM user", "Principal is account"];
    let labelled = labels.map(|label| (label, format!("concern LIKE '%{label}%'")));
    let rest = [("no concern", "concern = ''".to_owned()), ("not known", "concern IS NULL".to_owned())];
    let questions = labelled.into_iter().chain(rest).enumerate();
    let questions =
        questions.map(|(place, (name, is))| format!("SELECT {place} AS place, '{name}' AS name, count(CASE WHEN {is} THEN 1 END) AS keys FROM key_overview"));
    format!("SELECT name, keys FROM ({}) c ORDER BY place", questions.collect::<Vec<_>>().join(" UNION ALL "))
}

/// Customer managed keys by what is known of their use. Which are known not to be used any more the view `stale_keys_90d` says.
fn usage() -> String {
    let name = "CASE \
        WHEN s.key_arn IS NOT NULL THEN 'not used for 90 days' \
        WHEN o.usage_verdict = 'never_used' THEN 'never used' \
        WHEN o.usage_verdict = 'used' AND o.days_since_last_use <= 90 THEN 'used in the last 90 days' \
        WHEN o.usage_verdict = 'used' THEN 'used, and it is not known whether lately' \
        ELSE 'not known' END";
    format!(
        "SELECT {name} AS name, count(*) AS keys FROM key_overview o LEFT JOIN stale_keys_90d s ON s.run_id = o.run_id AND s.key_arn = o.key_arn \
         WHERE {OWN_KEYS} GROUP BY 1 ORDER BY 1"
    )
}

fn age() -> String {
    let name = "CASE \
        WHEN age_days IS NULL THEN 'not known' \
        WHEN age_days < 365 THEN 'under 1 year' \
        WHEN age_days < 730 THEN '1 to 2 years' \
        WHEN age_days < 1095 THEN '2 to 3 years' \
        WHEN age_days < 1825 THEN '3 to 5 years' \
        WHEN age_days < 3650 THEN '5 to 10 years' \
        ELSE 'over 10 years' END";
    format!("SELECT {name} AS name, count(*) AS keys FROM key_overview WHERE {OWN_KEYS} GROUP BY 1 ORDER BY 1")
}

fn rotation(shown: &str) -> String {
    let name = "CASE \
        WHEN rotation_status IN ('denied', 'failed') THEN 'not known' \
        WHEN rotation_status = 'not_applicable' THEN 'KMS cannot rotate it' \
        WHEN rotation_enabled THEN 'rotated automatically' \
        ELSE 'not rotated automatically' END";
    format!("SELECT {name} AS name, count(*) AS keys FROM keys WHERE {shown} AND {OWN_KEYS} GROUP BY 1 ORDER BY 1")
}
