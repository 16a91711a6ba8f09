//! Whole rows written down and read through by a person, against an organization that the same seed always makes: what the truth and the lake would both get wrong,
//! because they share the code from facts to rows, differs here.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::harness::World;

/// A row of `known_rows.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownRow {
    /// What it shows.
    what: String,
    table: String,
    /// How it is found: one row and no other.
    #[serde(rename = "where")]
    condition: String,
    row: Map<String, Value>,
}

/// What differs from run to run, and AWS's words.
const PASSING: &[&str] = &["run_id", "snapshot_date", "observed_at", "message", "event_history_from"];

/// The lake of seed 7, nine accounts and three Regions holds the rows that are written down.
pub(crate) async fn assert_known_rows(world: &World) {
    let known: Vec<KnownRow> = serde_json::from_str(include_str!("known_rows.json")).unwrap();
    assert!(known.len() >= 12);
    for KnownRow { what, table, condition, row } in known {
        let mut found: Vec<Map<String, Value>> = serde_json::from_value(world.query(&format!("SELECT * FROM {table} WHERE {condition}")).await).unwrap();
        assert_eq!(found.len(), 1, "{table}: {what}");
        found[0].retain(|column, _| !PASSING.contains(&column.as_str()));
        let differing: Vec<&String> = row.keys().chain(found[0].keys()).filter(|column| row.get(*column) != found[0].get(*column)).collect();
        assert!(differing.is_empty(), "{table}: {what}: {differing:?} of {:#?}", found[0]);
    }
}
