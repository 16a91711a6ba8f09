use chrono::NaiveDate;
use futures::TryStreamExt;
use kms_insights_model::RunId;
use kms_insights_trail::EventId;
use object_store::{ObjectStore, path::Path};

use super::{KnownFile, ScanHistory, ScanWriter, TrailUses};
use crate::{
    Lake, LakeError,
    sample::{self, lake},
    tables::{
        key_usage_daily::{self, KeyUsageDailyRow},
        trail_files::{self, TrailFileRow},
        trail_scans::TrailScanRow,
    },
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn scan_id(number: u32) -> RunId {
    format!("20261122T0603{number:02}Z-0000000a").parse().unwrap()
}

fn scan_row(scan: &RunId) -> TrailScanRow {
    TrailScanRow {
        scan_id: scan.to_string(),
        source: "s3://trail".to_owned(),
        status: "complete".to_owned(),
        started_at: "2026-11-22T06:03:00Z".parse().unwrap(),
        finished_at: "2026-11-22T06:04:00Z".parse().unwrap(),
        tool_version: "0.1.0".to_owned(),
        use_events: vec!["Decrypt".to_owned()],
        files_listed: 1,
        files_known: 0,
        files_read: 1,
        files_failed: 0,
        bytes: 10,
        records: 2,
        kms_records: 1,
        repeated_records: 0,
        uses_without_key: 0,
    }
}

fn file_row(scan: &RunId, path: &str, status: &str) -> TrailFileRow {
    TrailFileRow {
        scan_id: scan.to_string(),
        source: "s3://trail".to_owned(),
        path: path.to_owned(),
        account_id: Some("111122223333".to_owned()),
        region: Some("eu-central-1".to_owned()),
        delivered_at: None,
        bytes: 10,
        records: 2,
        kms_records: 1,
        status: status.to_owned(),
        problem: None,
        problem_offset: None,
    }
}

fn usage_row(scan: &RunId, key_arn: &str, last_used_at: Option<&str>, principal: &str) -> KeyUsageDailyRow {
    let at = |text: &str| text.parse().unwrap();
    KeyUsageDailyRow {
        scan_id: scan.to_string(),
        key_arn: key_arn.to_owned(),
        key_id: String::new(),
        account_id: String::new(),
        region: String::new(),
        principal: principal.to_owned(),
        event_name: "Decrypt".to_owned(),
        resource: None,
        invoked_by: None,
        recorded_by: "111122223333".to_owned(),
        uses: i64::from(last_used_at.is_some()),
        errors: i64::from(last_used_at.is_none()),
        first_at: at("2026-11-20T00:00:00Z"),
        last_at: at("2026-11-21T23:59:59Z"),
        last_used_at: last_used_at.map(at),
    }
}

async fn objects(lake: &Lake) -> Vec<String> {
    let mut paths: Vec<String> = lake.object_store().list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
    paths.sort();
    paths
}

async fn begin(lake: &Lake, number: u32) -> ScanWriter {
    let history = ScanHistory::open(lake).await.unwrap();
    ScanWriter::new(lake.clone(), scan_id(number), &history)
}

#[tokio::test]
async fn what_a_scan_wrote_is_seen_when_it_is_published_and_not_before() {
    let (_folder, lake) = lake();
    let mut writer = begin(&lake, 1).await;
    let day = day("2026-11-21");
    writer.write(day, &[file_row(&scan_id(1), "a.json.gz", "read"), file_row(&scan_id(1), "b.json.gz", "partial")]).await.unwrap();
    writer.write(day, &[usage_row(&scan_id(1), "arn:aws:kms:eu-central-1:111122223333:key/k", Some("2026-11-21T10:00:00Z"), "r")]).await.unwrap();
    writer.write_event_ids(day, &[EventId(1), EventId(2)]).await.unwrap();

    let before = ScanHistory::open(&lake).await.unwrap();
    assert!(before.scans().is_empty());
    assert!(before.known_files("s3://trail", day).await.unwrap().is_empty());
    assert!(before.event_ids(day).await.unwrap().is_empty());
    assert!(before.files(&key_usage_daily::TABLE, None).await.unwrap().is_empty());

    writer.publish(&scan_row(&scan_id(1))).await.unwrap();
    let after = ScanHistory::open(&lake).await.unwrap();
    assert_eq!(after.scans().iter().collect::<Vec<_>>(), [&scan_id(1)]);
    let known = after.known_files("s3://trail", day).await.unwrap();
    let expected = [("a.json.gz", true), ("b.json.gz", false)].map(|(path, is_whole)| (path.to_owned(), KnownFile { bytes: 10, is_whole }));
    assert_eq!(known.into_iter().collect::<Vec<_>>(), expected);
    assert!(after.known_files("s3://another", day).await.unwrap().is_empty());
    assert_eq!(after.event_ids(day).await.unwrap(), [EventId(1), EventId(2)]);
    let files = after.files(&trail_files::TABLE, Some(day)).await.unwrap();
    assert_eq!(
        files.iter().map(|file| file.location.to_string()).collect::<Vec<_>>(),
        ["trail_files/log_date=2026-11-21/20261122T060301Z-0000000a-0000.parquet"]
    );
}

#[tokio::test]
async fn of_two_scans_that_know_of_the_same_ones_the_first_to_end_is_published_and_the_other_leaves_nothing_for_long() {
    let (_folder, lake) = lake();
    let (mut one, mut other) = (begin(&lake, 1).await, begin(&lake, 2).await);
    let day = day("2026-11-21");
    one.write(day, &[file_row(&scan_id(1), "a.json.gz", "read")]).await.unwrap();
    other.write(day, &[file_row(&scan_id(2), "a.json.gz", "read")]).await.unwrap();
    let history = ScanHistory::open(&lake).await.unwrap();
    other.publish(&scan_row(&scan_id(2))).await.unwrap();
    history.delete_leftovers(&scan_id(2)).await.unwrap();
    assert!(matches!(one.publish(&scan_row(&scan_id(1))).await, Err(LakeError::AnotherScan)));
    assert_eq!(
        objects(&lake).await,
        [
            "_trail/ended/0000000000",
            "trail_files/log_date=2026-11-21/20261122T060302Z-0000000a-0000.parquet",
            "trail_scans/scan_date=2026-11-22/20261122T060302Z-0000000a.parquet",
        ]
    );
    // The next one knows of it, and takes the next place.
    begin(&lake, 3).await.publish(&scan_row(&scan_id(3))).await.unwrap();
    assert_eq!(ScanHistory::open(&lake).await.unwrap().scans().len(), 2);
}

#[tokio::test]
async fn files_of_scans_that_may_still_be_under_way_are_not_deleted() {
    let (_folder, lake) = lake();
    let mut later = begin(&lake, 9).await;
    later.write(day("2026-11-21"), &[file_row(&scan_id(9), "a.json.gz", "read")]).await.unwrap();
    ScanHistory::open(&lake).await.unwrap().delete_leftovers(&scan_id(5)).await.unwrap();
    assert_eq!(objects(&lake).await, ["trail_files/log_date=2026-11-21/20261122T060309Z-0000000a-0000.parquet"]);
}

#[tokio::test]
async fn event_ids_that_are_no_longer_what_was_written_are_an_error_and_not_none() {
    let (_folder, lake) = lake();
    let day = day("2026-11-21");
    let writer = begin(&lake, 1).await;
    writer.write_event_ids(day, &[EventId(1)]).await.unwrap();
    writer.publish(&scan_row(&scan_id(1))).await.unwrap();
    let path = Path::from("_trail/event_ids/event_date=2026-11-21/20261122T060301Z-0000000a.ids");
    lake.object_store().put_opts(&path, vec![1, 2, 3].into(), object_store::PutOptions::default()).await.unwrap();
    let error = ScanHistory::open(&lake).await.unwrap().event_ids(day).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{path} is damaged; delete it: what it prevented is that an event which CloudTrail delivers again is counted again"));
}

#[tokio::test]
async fn the_last_use_of_a_key_is_the_latest_of_all_scans_by_its_arn_or_an_alias() {
    let (_folder, one) = lake();
    let mut key = sample::key(sample::arn(1, "eu-central-1", 7));
    let place = key.arn.to_string().split_once(":key/").unwrap().0.to_owned();
    let alias = key.aliases.observed().unwrap()[0].name.clone();
    let mut first = begin(&one, 1).await;
    let of = |scan, at, principal| usage_row(&scan_id(scan), &key.arn.to_string(), at, principal);
    first.write(day("2026-11-20"), &[of(1, Some("2026-11-20T10:00:00Z"), "early"), of(1, None, "failed alone")]).await.unwrap();
    let mut file = file_row(&scan_id(1), "a.json.gz", "read");
    (file.account_id, file.region) = (Some(key.arn.account().to_string()), Some(key.arn.region().to_string()));
    first.write(day("2026-11-19"), &[file]).await.unwrap();
    first.publish(&scan_row(&scan_id(1))).await.unwrap();
    let mut second = begin(&one, 2).await;
    let by_alias = usage_row(&scan_id(2), &format!("{place}:{alias}"), Some("2026-11-21T10:00:00Z"), "by alias");
    second.write(day("2026-11-21"), &[by_alias, of(2, Some("2026-11-21T09:00:00Z"), "before that")]).await.unwrap();
    second.publish(&scan_row(&scan_id(2))).await.unwrap();

    let uses = TrailUses::load(&one).await.unwrap();
    assert_eq!(uses.last_use(&key).unwrap().principal, "by alias");
    assert_eq!(uses.first_day(&key), Some(day("2026-11-19")));
    key.aliases = kms_insights_model::Fact::Observed(Vec::new());
    assert_eq!(uses.last_use(&key).unwrap().principal, "before that");
    let (_folder, empty) = lake();
    assert_eq!(TrailUses::load(&empty).await.unwrap().last_use(&key), None);
}
