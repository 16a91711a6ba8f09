//! The sections of a report: which rows each has, and in which order.

/// Rows of a view or table, in a total order, so that the same lake gives the same report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    /// The name in the JSON object and in the page's data; that of the view or table, where it is one.
    pub(super) name: &'static str,
    /// The question for all columns.
    pub(super) sql: &'static str,
    /// The columns that the page's tables show; what else there is of a key stands on its own page.
    pub(super) shown: &'static [&'static str],
    /// Whether rows are so many or so wide that they are asked for account by account.
    pub(super) by_account: bool,
}

/// Findings, with whether somebody puts up with them on the day of the run, as `key_overview` counts them.
const FINDINGS: &str = "SELECT f.*, COALESCE(f.waived_until >= CAST(CAST(r.finished_at AS date) AS varchar), false) AS waived \
    FROM (SELECT * FROM findings WHERE {shown} AND {account}) f JOIN latest_run r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id";

/// Every section, in the order in which a reader asks.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        name: "coverage_gaps",
        sql: "SELECT * FROM coverage_gaps",
        shown: &["account_id", "account_name", "region", "fact", "operation", "code", "retryable", "keys_affected", "example_message", "next_step"],
        by_account: false,
    },
    Section {
        name: "trail_recording",
        sql: "SELECT * FROM trail_recording WHERE {shown}",
        shown: &["account_id", "region", "records_kms_reads", "reason", "trail_arn", "last_delivery_at"],
        by_account: false,
    },
    Section {
        name: "accounts",
        sql: "SELECT * FROM accounts WHERE {shown}",
        shown: &["account_id", "name", "ou_path", "state", "is_management", "outcome", "reason", "keys", "keys_incomplete"],
        by_account: false,
    },
    Section {
        name: "key_overview",
        sql: "SELECT * FROM key_overview",
        shown: &[
            "key_arn",
            "account_name",
            "aliases",
            "description",
            "manager",
            "state",
            "spec",
            "usage",
            "origin",
            "multi_region_type",
            "created_at",
            "age_days",
            "rotation_enabled",
            "last_rotated_at",
            "usage_verdict",
            "last_used_at",
            "days_since_last_use",
            "unused_since",
            "concern",
            "outside_account",
            "outside_organization",
            "public",
            "findings",
            "waived_findings",
            "worst_severity",
            "grant_count",
            "monthly_cost_usd",
            "facts_lacking",
        ],
        by_account: false,
    },
    Section {
        name: "findings",
        sql: FINDINGS,
        shown: &["key_arn", "finding_id", "severity", "confidence", "rule", "title", "waived", "waived_until", "waiver_reason"],
        by_account: true,
    },
    Section {
        name: "external_access",
        sql: "SELECT * FROM external_access",
        shown: &[
            "key_arn",
            "way_in",
            "source",
            "principal",
            "principal_kind",
            "principal_account",
            "principal_account_name",
            "trust",
            "capabilities",
            "condition",
            "on_behalf_of",
            "certainty",
            "reason",
        ],
        by_account: false,
    },
    Section {
        name: "monthly_savings",
        sql: "SELECT * FROM monthly_savings",
        shown: &["account_id", "account_name", "reason", "certainty", "keys", "keys_without_price", "monthly_cost_usd", "yearly_cost_usd"],
        by_account: false,
    },
    Section {
        name: "unused_keys",
        sql: "SELECT * FROM unused_keys",
        shown: &["key_arn", "aliases", "state", "created_at", "verdict", "reason", "unused_since", "set_last_used_at", "grant_count", "monthly_cost_usd"],
        by_account: false,
    },
    Section {
        name: "stale_keys_90d",
        sql: "SELECT * FROM stale_keys_90d",
        shown: &[
            "key_arn",
            "aliases",
            "state",
            "last_used_at",
            "last_used_operation",
            "evidence",
            "unused_since",
            "set_last_used_at",
            "days_since_last_use",
            "grant_count",
            "monthly_cost_usd",
        ],
        by_account: false,
    },
    Section {
        name: "rotation_gaps",
        sql: "SELECT * FROM rotation_gaps",
        shown: &["key_arn", "aliases", "state", "origin", "age_days", "rotation_enabled", "rotation_period_days", "last_rotated_at", "gap"],
        by_account: false,
    },
    Section {
        name: "pending_deletion",
        sql: "SELECT * FROM pending_deletion",
        shown: &[
            "key_arn",
            "aliases",
            "state",
            "deletion_date",
            "days_left",
            "usage_verdict",
            "last_used_at",
            "last_used_operation",
            "unused_since",
            "grant_count",
        ],
        by_account: false,
    },
    Section {
        name: "changes_since_previous",
        sql: "SELECT * FROM changes_since_previous",
        shown: &["key_arn", "subject", "finding_id", "rule", "change", "value_before", "value_now"],
        by_account: false,
    },
];

/// How the rows of a section are ordered.
fn order(name: &str) -> &'static str {
    match name {
        "coverage_gaps" => "account_id, region, fact, operation, code, run_id",
        "trail_recording" => "account_id, region, run_id",
        "accounts" => "account_id, run_id",
        "findings" => "account_id, region, key_id, run_id, finding_id, cause",
        "external_access" => "account_id, region, key_id, run_id, way_in, source, principal, condition, on_behalf_of, certainty, capabilities",
        "monthly_savings" => "account_id, reason, certainty, run_id",
        "changes_since_previous" => "account_id, region, key_arn, subject, finding_id, change, value_before, value_now",
        _ => super::reading::KEY_ORDER,
    }
}

impl Section {
    /// The section's rows with every column, for programs.
    pub(super) fn whole(&self) -> String {
        format!("SELECT * FROM ({}) s ORDER BY {}", self.sql, order(self.name))
    }

    /// The section's rows with the columns of the page's tables.
    pub(super) fn narrow(&self) -> String {
        format!("SELECT {} FROM ({}) s ORDER BY {}", self.shown.join(", "), self.sql, order(self.name))
    }
}
