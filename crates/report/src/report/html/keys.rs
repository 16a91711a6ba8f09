//! What there is to know of each key, for a page of its own: its facts and policies, findings, who comes in, grants, uses, and what lacks.
//!
//! The parts come from tables of their own, all in the order of the keys, and are put together as they come: of no part is more in memory than the rows at hand.

use std::{cmp::Ordering, io::Write};

use kms_insights_query::{
    QueryError, QueryResult, RecordBatch,
    output::{Cell, cell},
};
use serde_json::{Map, Value, json};

use super::blocks;
use crate::report::{ReportError, reading::Reader};

/// A piece ends when its text has so many bytes: a browser opens one for each key that is looked at.
const PIECE: usize = 192 * 1024;

/// A table's rows that belong to keys.
struct Part {
    /// The name in the page's data.
    name: &'static str,
    /// The first of these many columns say to which key a row belongs.
    place: usize,
    /// So many rows of one key are in the page; of more it says how many there are.
    most: usize,
    columns: &'static [&'static str],
    /// `{columns}` stands for the place and the columns.
    sql: &'static str,
}

const PLACE: [&str; 4] = ["account_id", "region", "key_id", "run_id"];

const KEYS: Part = Part {
    name: "key",
    place: 4,
    most: 1,
    columns: &[
        "key_arn",
        "observed_at",
        "created_at",
        "state",
        "description",
        "spec",
        "usage",
        "origin",
        "manager",
        "multi_region_type",
        "multi_region_primary_arn",
        "multi_region_replica_arns",
        "deletion_date",
        "pending_deletion_window_days",
        "valid_to",
        "expiration_model",
        "custom_key_store_id",
        "custom_key_store_name",
        "custom_key_store_type",
        "custom_key_store_connection_state",
        "aliases",
        "tags",
        "policy",
        "ram_policy",
        "policy_error",
        "concern",
        "outside_account",
        "outside_organization",
        "public",
        "grant_count",
        "rotation_enabled",
        "rotation_period_days",
        "next_rotation_at",
        "rotation_count",
        "last_rotated_at",
        "monthly_cost_usd",
        "metadata_status",
        "aliases_status",
        "custom_key_store_status",
        "policy_status",
        "ram_policy_status",
        "grants_status",
        "tags_status",
        "rotation_status",
        "rotations_status",
        "last_usage_status",
    ],
    sql: "SELECT {columns} FROM keys WHERE {shown} AND {account} ORDER BY account_id, region, key_id, run_id",
};

const PARTS: &[Part] = &[
    Part {
        name: "last_use",
        place: 4,
        most: 1,
        columns: &[
            "verdict",
            "last_used_at",
            "unused_since",
            "operation",
            "principal",
            "resource",
            "evidence",
            "reason",
            "status",
            "event_history_status",
            "tracking_started_at",
            "trail_started_at",
            "trail_ended_at",
        ],
        sql: "SELECT {columns} FROM key_last_used WHERE {shown} AND {account} ORDER BY account_id, region, key_id, run_id",
    },
    Part {
        name: "findings",
        place: 4,
        most: 200,
        columns: &[
            "finding_id",
            "rule",
            "severity",
            "confidence",
            "title",
            "cause",
            "evidence",
            "remediation",
            "changed_policy",
            "waived",
            "waived_until",
            "waiver_reason",
        ],
        sql: "SELECT {columns} FROM (SELECT f.*, COALESCE(f.waived_until >= CAST(CAST(r.finished_at AS date) AS varchar), false) AS waived \
            FROM (SELECT * FROM findings WHERE {shown} AND {account}) f \
            JOIN latest_run r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id) s \
            ORDER BY account_id, region, key_id, run_id, CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END, rule, finding_id, cause",
    },
    Part {
        name: "ways",
        place: 4,
        most: 300,
        columns: &[
            "who",
            "who_kind",
            "who_account",
            "trust",
            "kind",
            "capabilities",
            "fence",
            "on_behalf_of",
            "resource",
            "certainty",
            "reason",
            "cause",
            "policy_name",
            "statement_index",
            "grant_id",
        ],
        sql: "SELECT {columns} FROM (SELECT account_id, region, key_id, run_id, who, who_kind, who_account, trust, kind, \
            array_join(array_agg(DISTINCT capability ORDER BY capability), ', ') AS capabilities, fence, array_join(on_behalf_of, ', ') AS on_behalf_of, resource, \
            certainty, reason, cause, policy_name, statement_index, grant_id \
            FROM key_access WHERE {shown} AND {account} \
            GROUP BY account_id, region, key_id, run_id, who, who_kind, who_account, trust, kind, fence, array_join(on_behalf_of, ', '), resource, certainty, reason, \
            cause, policy_name, statement_index, grant_id) s \
            ORDER BY account_id, region, key_id, run_id, \
            CASE trust WHEN 'public' THEN 0 WHEN 'outside' THEN 1 WHEN 'unknown' THEN 2 WHEN 'trusted' THEN 3 WHEN 'organization' THEN 4 WHEN 'own_account' THEN 5 ELSE 6 END, \
            cause, policy_name, statement_index, grant_id, who, fence, on_behalf_of, capabilities, kind, certainty, reason, resource",
    },
    Part {
        name: "grants",
        place: 4,
        most: 200,
        columns: &["grant_id", "name", "created_at", "grantee_principal", "retiring_principal", "issuing_account", "operations", "constraints"],
        sql: "SELECT {columns} FROM grants WHERE {shown} AND {account} ORDER BY account_id, region, key_id, run_id, grant_id",
    },
    Part {
        name: "lacking",
        place: 4,
        most: 50,
        columns: &["fact", "operation", "code", "message", "next_step"],
        sql: "SELECT {columns} FROM collection_errors WHERE {shown} AND {account} AND key_id IS NOT NULL \
            ORDER BY account_id, region, key_id, run_id, fact, operation, code, message",
    },
    Part {
        name: "uses",
        // Log files are read for the lake, not for a run.
        place: 3,
        most: 40,
        columns: &["principal", "event_name", "resource", "invoked_by", "uses", "errors", "first_at", "last_at"],
        sql: "SELECT {columns} FROM (SELECT account_id, region, key_id, principal, event_name, resource, invoked_by, sum(uses) AS uses, sum(errors) AS errors, \
            min(first_at) AS first_at, max(last_at) AS last_at FROM key_usage_daily WHERE {account} \
            GROUP BY account_id, region, key_id, principal, event_name, resource, invoked_by) s \
            ORDER BY account_id, region, key_id, uses DESC, last_at DESC, principal, event_name, resource, invoked_by",
    },
];

impl Part {
    async fn rows(&self, reader: &Reader) -> Result<Rows, ReportError> {
        let columns: Vec<&str> = PLACE[..self.place].iter().chain(self.columns).copied().collect();
        let result = reader.stream_by_account(&self.sql.replace("{columns}", &columns.join(", "))).await?;
        let mut rows = Rows { result, place: self.place, batch: None, row: 0, at: None };
        rows.settle().await?;
        Ok(rows)
    }
}

/// What the script must know to read the pieces: the columns of each part.
pub(super) fn layout() -> Value {
    let parts: Map<String, Value> = std::iter::once(&KEYS).chain(PARTS).map(|part| (part.name.to_owned(), json!(part.columns))).collect();
    Value::Object(parts)
}

/// The rows of a part, one after the other.
struct Rows {
    result: QueryResult,
    place: usize,
    batch: Option<RecordBatch>,
    row: usize,
    /// The key of the row at hand; `None` after the last.
    at: Option<String>,
}

impl Rows {
    /// Goes to the next row.
    async fn advance(&mut self) -> Result<(), ReportError> {
        self.row += 1;
        self.settle().await
    }

    /// Fetches rows until there is one at hand.
    async fn settle(&mut self) -> Result<(), ReportError> {
        while self.batch.as_ref().is_none_or(|batch| self.row >= batch.num_rows()) {
            let Some(batch) = self.result.next().await else {
                self.batch = None;
                self.at = None;
                return Ok(());
            };
            self.batch = Some(batch?);
            self.row = 0;
        }
        let mut at = String::new();
        for column in 0..self.place {
            if let Some(Cell::Text(text)) = self.cell(column)? {
                at.push_str(&text);
            }
            // Below every letter, so that the whole sorts as its parts do.
            at.push('\0');
        }
        self.at = Some(at);
        Ok(())
    }

    fn cell(&self, column: usize) -> Result<Option<Cell<'_>>, QueryError> {
        let Some(batch) = &self.batch else { return Ok(None) };
        Ok(Some(cell(batch.column(column), self.row)?))
    }

    /// The row at hand without its place, as a list in JSON.
    fn push(&self, text: &mut String) -> Result<(), ReportError> {
        text.push('[');
        let columns = self.batch.as_ref().map_or(0, RecordBatch::num_columns);
        for column in self.place..columns {
            if column > self.place {
                text.push(',');
            }
            match self.cell(column)? {
                None | Some(Cell::Null) => text.push_str("null"),
                Some(Cell::Text(value)) => text.push_str(&Value::String(value.into_owned()).to_string()),
                Some(Cell::Number(number)) => text.push_str(&number),
                Some(Cell::Boolean(value)) => text.push_str(if value { "true" } else { "false" }),
                Some(Cell::Nested(value)) => text.push_str(&value.to_string()),
            }
        }
        text.push(']');
        Ok(())
    }

    /// The rows of the key at `place`, no more than `most` of them, and how many there are. Rows of keys before it, of which there is no key, are passed over.
    async fn push_of(&mut self, place: &str, most: usize, text: &mut String) -> Result<usize, ReportError> {
        let mut count = 0;
        text.push('[');
        while let Some(at) = &self.at {
            // A part whose place is shorter belongs to every key that begins so.
            let order = if place.starts_with(at.as_str()) { Ordering::Equal } else { at.as_str().cmp(place) };
            match order {
                Ordering::Greater => break,
                Ordering::Equal => {
                    if count < most {
                        if count > 0 {
                            text.push(',');
                        }
                        self.push(text)?;
                    }
                    count += 1;
                }
                Ordering::Less => {}
            }
            self.advance().await?;
        }
        text.push(']');
        Ok(count)
    }
}

/// Writes the pieces, in the order of the table of keys.
pub(super) async fn write<W: Write>(reader: &Reader, out: &mut W) -> Result<(), ReportError> {
    let mut keys = KEYS.rows(reader).await?;
    let mut parts = Vec::new();
    for part in PARTS {
        parts.push((part, part.rows(reader).await?));
    }
    let (mut text, mut first, mut next) = (String::from("["), 0_u64, 0_u64);
    while let Some(place) = keys.at.clone() {
        text.push_str(if next == first { "{\"key\":" } else { ",{\"key\":" });
        keys.push(&mut text)?;
        let mut whole = Map::new();
        for (part, rows) in &mut parts {
            text.extend([",\"", part.name, "\":"]);
            let count = rows.push_of(&place, part.most, &mut text).await?;
            if count > part.most {
                whole.insert(part.name.to_owned(), json!(count));
            }
        }
        // Of what is not all here, how many there are.
        text.push_str(",\"whole\":");
        text.push_str(&Value::Object(whole).to_string());
        text.push('}');
        next += 1;
        keys.advance().await?;
        if text.len() >= PIECE || keys.at.is_none() {
            text.push(']');
            blocks::write_piece(out, "key_pages", first, text.as_bytes())?;
            text.clear();
            text.push('[');
            first = next;
        }
    }
    Ok(())
}
