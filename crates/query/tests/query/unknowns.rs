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

/// A key whose last use is long ago by log files, which cannot tell that there was none since.
fn by_log_files(key: &KeyRow) -> (KeyRow, KeyLastUsedRow) {
    let key = KeyRow { last_usage_status: "denied".to_owned(), ..key.clone() };
    let why = "there may be a later use: KMS could not be asked (access_denied); log files were read up to 2025-11-07";
    let used = last_used(&key, Some("2025-11-05T10:00:00Z"), "used", Some(why));
    (key, KeyLastUsedRow { evidence: Some("trail".to_owned()), tracking_started_at: None, ..used })
}

const LONG_AGO: &str = "\"the last known use is long ago, and there may be a later one\"";

#[tokio::test]
async fn a_key_is_stale_only_where_it_is_known_that_it_was_not_used_since() {
    let old = KeyRow { created_at: Some(at("2025-01-15T12:00:00Z")), ..recent("eu-central-1", ONE) };
    let disabled = KeyRow { state: Some("Disabled".to_owned()), ..old.clone() };
    let stale = "SELECT last_used_at, unused_since, evidence, days_since_last_use FROM stale_keys_90d";
    for key in [&old, &disabled] {
        let files = lake(&[by_log_files(key)]);
        assert_eq!(rows(&files, stale).await, [""; 0]);
        assert_eq!(rows(&files, SAVINGS).await, [format!("{LONG_AGO},unknown,1")]);
        assert_eq!(rows(&files, "SELECT last_used_at, unused_since FROM key_overview").await, ["2025-11-05T10:00:00Z,"]);
    }
    // KMS records none since it began to.
    let (key, used) = by_log_files(&old);
    let since = |since: &str| KeyLastUsedRow { unused_since: Some(at(since)), ..used.clone() };
    let files = lake(&[(key.clone(), since("2026-04-23T00:00:00Z"))]);
    assert_eq!(rows(&files, stale).await, ["2025-11-05T10:00:00Z,2026-04-23T00:00:00Z,trail,380"]);
    assert_eq!(rows(&files, SAVINGS).await, ["not used for 90 days,recorded,1"]);
    // Within the 90 days nobody knows of the time before.
    let files = lake(&[(key, since("2026-08-24T00:00:00Z"))]);
    assert_eq!(rows(&files, stale).await, [""; 0]);
    assert_eq!(rows(&files, SAVINGS).await, [format!("{LONG_AGO},unknown,1")]);
}

#[tokio::test]
async fn what_log_files_alone_tell_of_one_region_leaves_open_whether_the_set_is_used() {
    let replicas = Some(vec![arn(APP, "eu-west-1", SET)]);
    let [idle, other] = ["eu-central-1", "eu-west-1"].map(|region| KeyRow { multi_region_replica_arns: replicas.clone(), ..recent(region, SET) });
    let never = last_used(&idle, None, "never_used", None);
    assert_eq!(rows(&lake(&[(idle, never), by_log_files(&other)]), SAVINGS).await, [format!("{LONG_AGO},unknown,1"), "never used,unknown,1".to_owned()]);
}

#[tokio::test]
async fn a_key_that_the_event_history_proves_new_and_unused_is_not_one_that_could_not_be_read() {
    let key = KeyRow { created_at: Some(at("2026-10-01T00:00:00Z")), last_usage_status: "denied".to_owned(), ..recent("eu-central-1", ONE) };
    let reason = "made on 2026-10-01, and CloudTrail's event history, which goes back to 2026-08-23, has no use of it";
    let usage = KeyLastUsedRow {
        evidence: Some("lookup".to_owned()),
        unused_since: key.created_at,
        tracking_started_at: None,
        ..last_used(&key, None, "never_used", Some(reason))
    };
    let files = lake(&[(key, usage)]);
    assert_eq!(rows(&files, SAVINGS).await, ["\"new, not used yet\",unknown,1"]);
    let told = "SELECT verdict, evidence, unused_since, reason FROM unused_keys";
    assert_eq!(rows(&files, told).await, [format!("never_used,lookup,2026-10-01T00:00:00Z,\"{reason}\"")]);
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
