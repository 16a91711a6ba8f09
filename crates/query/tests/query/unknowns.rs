//! What could not be read is not said to be fine, nor to be certain.

use kms_insights_lake::tables::{key_last_used::KeyLastUsedRow, keys::KeyRow};
use kms_insights_query::output::{Format, TableLayout, write};
use tempfile::TempDir;

use crate::fixture::{APP, account, arn, at, engine_over, key, last_used, run, write_rows};

const RUN: &str = "20261120T060000Z-00000001";

/// The rows of a query, sorted, as CSV.
async fn rows(folder: &TempDir, sql: &str) -> Vec<String> {
    let result = engine_over(folder.path()).await.unwrap().query(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let mut out = Vec::new();
    write(result, Format::Csv, TableLayout::default(), &mut out).await.unwrap();
    let mut rows: Vec<String> = String::from_utf8(out).unwrap().lines().skip(1).map(str::to_owned).collect();
    rows.sort_unstable();
    rows
}

/// A lake of these keys.
fn lake(keys: &[(KeyRow, KeyLastUsedRow)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (keys, used): (Vec<KeyRow>, Vec<KeyLastUsedRow>) = keys.iter().cloned().unzip();
    write_rows(folder.path(), RUN, &[account(RUN, APP, "app", "partial", None)]);
    write_rows(folder.path(), RUN, &used);
    write_rows(folder.path(), RUN, &keys);
    write_rows(folder.path(), RUN, &[run(RUN, "partial")]);
    folder
}

/// A key that was made in May, after recording of uses began.
fn recent(region: &str, id: &str) -> KeyRow {
    KeyRow { created_at: Some(at("2026-05-01T00:00:00Z")), ..key(RUN, APP, region, id, "alias/app") }
}

/// The key, of which `DescribeKey` was denied.
fn hidden(key: KeyRow) -> KeyRow {
    let row = KeyRow { metadata_status: "denied".to_owned(), created_at: None, manager: None, state: None, monthly_cost_usd: None, ..key };
    KeyRow { multi_region_replica_arns: None, custom_key_store_status: "denied".to_owned(), ..row }
}

const ONE: &str = "11111111-0000-0000-0000-000000000000";
const SET: &str = "mrk-22222222000000000000000000000000";
const SAVINGS: &str = "SELECT reason, certainty, keys FROM monthly_savings";

#[tokio::test]
async fn whether_a_multi_region_key_is_used_elsewhere_is_unknown_where_its_replicas_are() {
    let never = |key: &KeyRow| (key.clone(), last_used(key, None, "never_used", None));
    let primary = KeyRow { multi_region_replica_arns: Some(Vec::new()), ..recent("eu-central-1", SET) };
    let unlisted = KeyRow { multi_region_replica_arns: Some(vec![arn(APP, "eu-west-1", SET)]), ..primary.clone() };
    for (key, certainty) in [(primary.clone(), "recorded"), (unlisted, "unknown"), (hidden(primary), "unknown"), (recent("eu-central-1", ONE), "recorded")] {
        assert_eq!(rows(&lake(&[never(&key)]), SAVINGS).await, [format!("never used,{certainty},1")], "{key:?}");
    }
}

#[tokio::test]
async fn a_key_whose_creation_only_its_last_usage_tells_may_be_new() {
    let new = hidden(recent("eu-central-1", ONE));
    let usage = KeyLastUsedRow { key_created_at: Some(at("2026-11-01T00:00:00Z")), ..last_used(&new, None, "never_used", None) };
    assert_eq!(rows(&lake(&[(new, usage)]), SAVINGS).await, ["\"new, not used yet\",unknown,1"]);
}

#[tokio::test]
async fn a_use_without_a_readable_time_is_a_use() {
    let used = |key: &KeyRow| (key.clone(), last_used(key, None, "used", None));
    let disabled = KeyRow { state: Some("Disabled".to_owned()), ..recent("eu-central-1", ONE) };
    for key in [recent("eu-central-1", ONE), disabled, hidden(recent("eu-central-1", ONE))] {
        assert_eq!(rows(&lake(&[used(&key)]), SAVINGS).await, ["\"used, but it is not known when\",unknown,1"], "{key:?}");
    }
    // In another Region it leaves open whether the set is used.
    let replicas = Some(vec![arn(APP, "eu-west-1", SET)]);
    let [idle, busy] = ["eu-central-1", "eu-west-1"].map(|region| KeyRow { multi_region_replica_arns: replicas.clone(), ..recent(region, SET) });
    let never = last_used(&idle, None, "never_used", None);
    assert_eq!(rows(&lake(&[(idle, never), used(&busy)]), SAVINGS).await, ["\"used, but it is not known when\",unknown,1", "never used,unknown,1"]);
}

#[tokio::test]
async fn a_key_whose_rotations_are_unknown_may_have_been_rotated_on_demand() {
    let gap = "SELECT gap FROM rotation_gaps";
    let off = KeyRow { rotation_enabled: Some(false), rotation_period_days: None, last_rotated_at: None, ..recent("eu-central-1", ONE) };
    let unread = |status: &str| KeyRow { rotation_count: None, rotations_status: status.to_owned(), ..off.clone() };
    let imported = KeyRow { origin: Some("EXTERNAL".to_owned()), ..unread("denied") };
    let slow = KeyRow { rotation_enabled: Some(true), rotation_period_days: Some(730), ..unread("denied") };
    for (key, told) in [
        (off.clone(), "automatic rotation is off"),
        (unread("denied"), "unknown: rotations not read"),
        (unread("failed"), "unknown: rotations not read"),
        (imported, "unknown: rotations not read"),
        (slow, "automatic rotation takes longer than a year"),
    ] {
        let used = last_used(&key, None, "unknown", None);
        assert_eq!(rows(&lake(&[(key, used)]), gap).await, [told]);
    }
}

#[tokio::test]
async fn a_custom_key_store_that_could_not_be_read_is_a_fact_that_lacks() {
    let lacking = "SELECT facts_lacking FROM key_overview";
    let of_store = |status: &str| {
        let key = recent("eu-central-1", ONE);
        KeyRow { custom_key_store_id: Some("cks-1".to_owned()), custom_key_store_status: status.to_owned(), ..key }
    };
    for (key, told) in [
        (of_store("observed"), ""),
        (of_store("denied"), "custom_key_store"),
        (of_store("failed"), "custom_key_store"),
        (recent("eu-central-1", ONE), ""),
        (hidden(recent("eu-central-1", ONE)), "metadata"),
    ] {
        let used = last_used(&key, None, "never_used", None);
        assert_eq!(rows(&lake(&[(key, used)]), lacking).await, [told]);
    }
}
