//! Who still tries to use a key that waits for its deletion.

use kms_insights_lake::tables::{key_usage_daily::KeyUsageDailyRow, keys::KeyRow, trail_files::TrailFileRow};
use tempfile::TempDir;

use crate::{
    fixture::{APP, DATA, at, numbered, publish, rows_of, run_of},
    scans::{OWN, file, scan, usage, write_own},
};

const TOLD: &str = "SELECT split_part(key_arn, '-', 7), failed_uses, last_failed_at, last_failed_by, last_failed_operation, last_failed_resource, log_days FROM pending_deletion";

/// A lake with one run of the 20th of November, in which these keys wait for their deletion.
fn lake(keys: &[KeyRow]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), &run_of(Some("o-1"), 20, 1), APP, keys);
    folder
}

fn pending(account: &str, number: u32) -> KeyRow {
    KeyRow { state: Some("PendingDeletion".to_owned()), ..numbered(&run_of(Some("o-1"), 20, 1), account, number, 1) }
}

/// Calls on the key on a day: how many succeeded and failed, the first and the last of all, and the last that succeeded.
fn calls(key: &KeyRow, principal: &str, [uses, errors]: [i64; 2], day: &str, [first, last]: [&str; 2], succeeded: Option<&str>) -> KeyUsageDailyRow {
    let time = |time: &str| at(&format!("{day}T{time}Z"));
    KeyUsageDailyRow {
        key_arn: key.key_arn.clone(),
        key_id: key.key_id.clone(),
        account_id: key.account_id.clone(),
        resource: Some("arn:aws:s3:::ledger".to_owned()),
        errors,
        first_at: time(first),
        last_at: time(last),
        last_used_at: succeeded.map(time),
        ..usage(OWN, principal, uses)
    }
}

fn write_day(folder: &TempDir, day: &str, rows: &[KeyUsageDailyRow], files: &[TrailFileRow]) {
    write_own(folder.path(), &format!("event_date={day}"), rows);
    write_own(folder.path(), &format!("log_date={day}"), files);
}

#[tokio::test]
async fn calls_that_failed_in_the_month_before_the_run_are_told_with_the_last_of_them() {
    let (key, other) = (pending(APP, 1), pending(APP, 2));
    let folder = lake(&[key.clone(), other.clone()]);
    let files = [file(OWN, "one.json.gz")];
    // A day too early, the first day, and the last, which is after the run.
    write_day(&folder, "2026-10-20", &[calls(&key, "early", [0, 100], "2026-10-20", ["10:00:00", "11:00:00"], None)], &files);
    write_day(&folder, "2026-10-21", &[calls(&key, "first", [3, 4], "2026-10-21", ["10:00:00", "11:00:00"], Some("11:00:00"))], &files);
    write_day(
        &folder,
        "2026-11-21",
        &[
            calls(&key, "batch", [0, 5], "2026-11-21", ["08:00:00", "09:00:00"], None),
            calls(&key, "billing", [0, 1], "2026-11-21", ["09:30:00", "09:30:00"], None),
            // Nothing failed here, and the key that is not condemned is not told.
            calls(&other, "reader", [9, 0], "2026-11-21", ["10:00:00", "10:00:00"], Some("10:00:00")),
        ],
        &files,
    );
    write_own(folder.path(), "scan_date=2026-11-22", &[scan(OWN)]);
    assert_eq!(rows_of(&folder, TOLD).await, ["000000000001 10 2026-11-21T09:30:00Z billing Decrypt arn:aws:s3:::ledger 2", "000000000002 0     2"]);
}

#[tokio::test]
async fn where_a_day_had_successes_after_its_failures_the_last_failure_was_no_earlier_than_the_first_call() {
    let key = pending(APP, 1);
    let folder = lake(std::slice::from_ref(&key));
    write_day(&folder, "2026-11-10", &[calls(&key, "billing", [3, 4], "2026-11-10", ["10:00:00", "11:00:00"], Some("11:00:00"))], &[file(OWN, "one.json.gz")]);
    write_own(folder.path(), "scan_date=2026-11-22", &[scan(OWN)]);
    assert_eq!(rows_of(&folder, TOLD).await, ["000000000001 4 2026-11-10T10:00:00Z billing Decrypt arn:aws:s3:::ledger 1"]);
}

#[tokio::test]
async fn where_no_log_file_of_these_days_was_read_nobody_says_that_no_use_failed() {
    let (key, elsewhere) = (pending(APP, 1), pending(DATA, 2));
    let folder = lake(&[key.clone(), elsewhere]);
    // An unread file tells nothing, nor does one of another account, of another Region or of an earlier day.
    let unread = TrailFileRow { status: "unread".to_owned(), ..file(OWN, "unread.json.gz") };
    let abroad = TrailFileRow { region: Some("us-east-1".to_owned()), ..file(OWN, "abroad.json.gz") };
    write_day(&folder, "2026-11-10", &[], &[unread, abroad]);
    write_day(&folder, "2026-10-20", &[], &[file(OWN, "early.json.gz")]);
    write_own(folder.path(), "scan_date=2026-11-22", &[scan(OWN)]);
    assert_eq!(rows_of(&folder, TOLD).await, ["000000000001      0", "000000000002      0"]);
}
