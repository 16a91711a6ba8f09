use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    compute::cast,
    datatypes::{DataType, Field, Schema, TimeUnit},
};
use chrono::NaiveDate;
use futures::TryStreamExt;
use kms_insights_model::RunId;
use kms_insights_trail::EventId;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, GzipLevel},
    file::properties::WriterProperties,
};

use super::{Counted, KnownFile, ScanHistory, ScanWriter, TrailUses};
use crate::{
    Lake, LakeError,
    sample::{self, lake},
    table::Row,
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
        errors_without_key: 0,
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

/// Writes rows as Athena does: in a file of its own naming, compressed by gzip, in which any column may be null and times have nanoseconds.
async fn write_by_sql<R: Row>(lake: &Lake, date: NaiveDate, rows: &[R]) -> Path {
    let batch = R::batch(rows).unwrap();
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, values) in batch.schema().fields().iter().zip(batch.columns()) {
        let written = match field.data_type() {
            DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
            other => other.clone(),
        };
        columns.push(cast(values, &written).unwrap());
        fields.push(Field::new(field.name(), written, true));
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let gzip = WriterProperties::builder().set_compression(Compression::GZIP(GzipLevel::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(gzip)).unwrap();
    writer.write(&batch).unwrap();
    let path = lake.scan_partition(R::TABLE, date).join("20261122_060300_00012_abcde_0e6b1f0a-77aa-4c86-8f3e-2b61e1d5b3a4");
    lake.object_store().put(&path, writer.into_inner().unwrap().into()).await.unwrap();
    path
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
    let writer = begin(&lake, 1).await;
    let day = day("2026-11-21");
    writer.write(day, [file_row(&scan_id(1), "a.json.gz", "read"), file_row(&scan_id(1), "b.json.gz", "partial")]).await.unwrap();
    writer.write(day, [usage_row(&scan_id(1), "arn:aws:kms:eu-central-1:111122223333:key/k", Some("2026-11-21T10:00:00Z"), "r")]).await.unwrap();
    writer.write_event_ids(day, &[EventId(1), EventId(2)]).await.unwrap();

    let before = ScanHistory::open(&lake).await.unwrap();
    assert!(before.scans().is_empty());
    assert!(before.known_files("s3://trail", day).await.unwrap().is_empty());
    assert!(before.event_id_files(day).await.unwrap().is_empty());
    assert!(before.files(&key_usage_daily::TABLE, None).await.unwrap().is_empty());

    writer.publish(&scan_row(&scan_id(1))).await.unwrap();
    let after = ScanHistory::open(&lake).await.unwrap();
    assert_eq!(after.scans().iter().collect::<Vec<_>>(), [scan_id(1).as_str()]);
    let known = after.known_files("s3://trail", day).await.unwrap();
    let expected = [("a.json.gz", "read"), ("b.json.gz", "partial")].map(|(path, status)| {
        let file = KnownFile { scan_id: scan_id(1).to_string(), bytes: 10, records: 2, status: status.to_owned(), problem: None };
        (path.to_owned(), vec![file])
    });
    assert_eq!(known.into_iter().collect::<Vec<_>>(), expected);
    assert!(after.known_files("s3://another", day).await.unwrap().is_empty());
    let counted = Counted { events: ["Decrypt".to_owned()].into(), is_by_sql: false };
    assert_eq!(after.counted().await.unwrap().into_iter().collect::<Vec<_>>(), [(scan_id(1).to_string(), counted)]);
    let [ids] = &after.event_id_files(day).await.unwrap()[..] else { panic!("one file") };
    assert_eq!(after.event_ids(ids).await.unwrap(), [EventId(1), EventId(2)]);
    let files = after.files(&trail_files::TABLE, Some(day)).await.unwrap();
    assert_eq!(
        files.iter().map(|file| file.object.location.to_string()).collect::<Vec<_>>(),
        ["trail_files/log_date=2026-11-21/20261122T060301Z-0000000a-0000.parquet"]
    );
}

#[tokio::test]
async fn of_two_scans_that_know_of_the_same_ones_the_first_to_end_is_published_and_the_other_leaves_nothing_for_long() {
    let (_folder, lake) = lake();
    let (one, other) = (begin(&lake, 1).await, begin(&lake, 2).await);
    let day = day("2026-11-21");
    one.write(day, [file_row(&scan_id(1), "a.json.gz", "read")]).await.unwrap();
    other.write(day, [file_row(&scan_id(2), "a.json.gz", "read")]).await.unwrap();
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
    let later = begin(&lake, 9).await;
    later.write(day("2026-11-21"), [file_row(&scan_id(9), "a.json.gz", "read")]).await.unwrap();
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
    let path = Path::from("_trail/event_ids/event_date=2026-11-21/20261122T060301Z-0000000a-0000.ids");
    lake.object_store().put_opts(&path, vec![1, 2, 3].into(), object_store::PutOptions::default()).await.unwrap();
    let error = ScanHistory::open(&lake).await.unwrap().event_ids(&path).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{path} is damaged; delete it: what it prevented is that an event which CloudTrail delivers again is counted again"));
}

#[tokio::test]
async fn the_last_use_of_a_key_is_the_latest_of_all_scans_by_its_arn_or_an_alias() {
    let (_folder, one) = lake();
    let mut key = sample::key(sample::arn(1, "eu-central-1", 7));
    let place = key.arn.to_string().split_once(":key/").unwrap().0.to_owned();
    let alias = key.aliases.observed().unwrap()[0].name.clone();
    let first = begin(&one, 1).await;
    let of = |scan, at, principal| usage_row(&scan_id(scan), &key.arn.to_string(), at, principal);
    first.write(day("2026-11-20"), [of(1, Some("2026-11-20T10:00:00Z"), "early"), of(1, None, "failed alone")]).await.unwrap();
    let mut file = file_row(&scan_id(1), "a.json.gz", "read");
    (file.account_id, file.region) = (Some(key.arn.account().to_string()), Some(key.arn.region().to_string()));
    first.write(day("2026-11-19"), [file]).await.unwrap();
    first.publish(&scan_row(&scan_id(1))).await.unwrap();
    let second = begin(&one, 2).await;
    let by_alias = usage_row(&scan_id(2), &format!("{place}:{alias}"), Some("2026-11-21T10:00:00Z"), "by alias");
    second.write(day("2026-11-21"), [by_alias, of(2, Some("2026-11-21T09:00:00Z"), "before that")]).await.unwrap();
    second.publish(&scan_row(&scan_id(2))).await.unwrap();

    let uses = TrailUses::load(&one).await.unwrap();
    assert_eq!(uses.last_use(&key).unwrap().principal, "by alias");
    assert_eq!(uses.days(&key), Some((day("2026-11-19"), day("2026-11-19"))));
    key.aliases = kms_insights_model::Fact::Observed(Vec::new());
    assert_eq!(uses.last_use(&key).unwrap().principal, "before that");
    let (_folder, empty) = lake();
    assert_eq!(TrailUses::load(&empty).await.unwrap().last_use(&key), None);
}

#[tokio::test]
async fn of_a_file_that_sql_wrote_those_rows_count_whose_scan_is_published() {
    let (_folder, lake) = lake();
    let (log_day, scan_day) = (day("2026-11-21"), day("2026-11-22"));
    let own = begin(&lake, 1).await;
    own.write(log_day, [file_row(&scan_id(1), "own.json.gz", "read")]).await.unwrap();
    own.publish(&scan_row(&scan_id(1))).await.unwrap();
    // Rows of a scan by SQL, of one whose statements failed, and of the one above, as when files are put together.
    let [own, by_sql, failed] =
        [(1, "joined.json.gz"), (2, "by-sql.json.gz"), (3, "failed.json.gz")].map(|(scan, path)| file_row(&scan_id(scan), path, "read"));
    let rows = write_by_sql(&lake, log_day, &[by_sql, failed, own]).await;

    let known = async || {
        let history = ScanHistory::open(&lake).await.unwrap();
        history.known_files("s3://trail", log_day).await.unwrap().into_keys().collect::<Vec<_>>()
    };
    assert_eq!(known().await, ["joined.json.gz", "own.json.gz"], "until it is published");
    write_by_sql(&lake, scan_day, &[scan_row(&scan_id(2))]).await;
    assert_eq!(known().await, ["by-sql.json.gz", "joined.json.gz", "own.json.gz"]);

    let history = ScanHistory::open(&lake).await.unwrap();
    assert_eq!(history.scans().iter().collect::<Vec<_>>(), [scan_id(1).as_str(), scan_id(2).as_str()]);
    let files = history.files(&trail_files::TABLE, None).await.unwrap();
    let told: Vec<_> = files.iter().map(|file| (file.object.location.to_string(), file.date, file.is_of_one_scan)).collect();
    let named = "trail_files/log_date=2026-11-21/20261122T060301Z-0000000a-0000.parquet".to_owned();
    assert_eq!(told, [(named, Some(log_day), true), (rows.to_string(), Some(log_day), false)]);
}

#[tokio::test]
async fn a_scan_that_sql_made_is_published_by_whatever_id_it_was_given() {
    let (_folder, lake) = lake();
    let (date, id) = (day("2026-11-22"), "20261122T060300Z-OVERNIGHT");
    write_by_sql(&lake, date, &[TrailScanRow { scan_id: id.to_owned(), ..scan_row(&scan_id(1)) }]).await;
    write_by_sql(&lake, date, &[TrailFileRow { scan_id: id.to_owned(), ..file_row(&scan_id(1), "a.json.gz", "read") }]).await;
    let history = ScanHistory::open(&lake).await.unwrap();
    assert_eq!(history.scans().iter().collect::<Vec<_>>(), [id]);
    assert_eq!(history.known_files("s3://trail", date).await.unwrap().into_keys().collect::<Vec<_>>(), ["a.json.gz"]);
}

#[tokio::test]
async fn log_files_are_known_whichever_folder_above_them_a_scan_was_given() {
    let (_folder, lake) = lake();
    let date = day("2026-11-21");
    let paths = [("s3://trail", "AWSLogs/o-1/a.json.gz"), ("s3://trail/AWSLogs", "o-1/b.json.gz"), ("s3://trail-2/AWSLogs", "o-1/c.json.gz")];
    let rows = paths.map(|(source, path)| TrailFileRow { source: source.to_owned(), ..file_row(&scan_id(1), path, "read") });
    write_by_sql(&lake, date, &rows).await;
    write_by_sql(&lake, day("2026-11-22"), &[scan_row(&scan_id(1))]).await;
    let history = ScanHistory::open(&lake).await.unwrap();
    for (source, expected) in [
        ("s3://trail", vec!["AWSLogs/o-1/a.json.gz", "AWSLogs/o-1/b.json.gz"]),
        ("s3://trail/AWSLogs", vec!["o-1/a.json.gz", "o-1/b.json.gz"]),
        ("s3://trail/AWSLogs/o-1", vec!["a.json.gz", "b.json.gz"]),
        ("s3://trail/AWS", vec![]),
        ("s3://trail-2", vec!["AWSLogs/o-1/c.json.gz"]),
    ] {
        assert_eq!(history.known_files(source, date).await.unwrap().into_keys().collect::<Vec<_>>(), expected, "{source}");
    }
}

#[tokio::test]
async fn what_engines_leave_beside_their_files_is_not_read_and_their_files_are_not_deleted() {
    let (_folder, lake) = lake();
    let date = day("2026-11-22");
    let published = write_by_sql(&lake, date, &[scan_row(&scan_id(1))]).await;
    let unpublished = write_by_sql(&lake, date, &[file_row(&scan_id(2), "a.json.gz", "read")]).await;
    let folder = lake.scan_partition(&crate::tables::trail_scans::TABLE, date);
    let astray = [folder.clone().join("deeper").join("rows"), lake.table_path(&crate::tables::trail_scans::TABLE).join("rows")];
    for path in astray.into_iter().chain(["_SUCCESS", ".hidden"].map(|name| folder.clone().join(name))) {
        lake.object_store().put(&path, "no rows".into()).await.unwrap();
    }
    lake.object_store().put(&folder.clone().join("empty"), Vec::new().into()).await.unwrap();
    let before = objects(&lake).await;
    assert!(before.contains(&published.to_string()) && before.contains(&unpublished.to_string()));

    let history = ScanHistory::open(&lake).await.unwrap();
    assert_eq!(history.scans().iter().collect::<Vec<_>>(), [scan_id(1).as_str()]);
    history.delete_leftovers(&scan_id(9)).await.unwrap();
    assert_eq!(objects(&lake).await, before);

    // What claims to hold rows and cannot be read is told: else a scan would be missing in silence.
    let broken = folder.join("broken");
    lake.object_store().put(&broken, "no rows".into()).await.unwrap();
    let error = ScanHistory::open(&lake).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("read {broken}: ")), "{error}");
}

#[tokio::test]
async fn the_last_use_that_sql_found_counts_when_its_scan_is_published() {
    let (_folder, lake) = lake();
    let key = sample::key(sample::arn(1, "eu-central-1", 7));
    let of = |scan, at, principal| usage_row(&scan_id(scan), &key.arn.to_string(), Some(at), principal);
    let own = begin(&lake, 1).await;
    own.write(day("2026-11-20"), [of(1, "2026-11-20T10:00:00Z", "own")]).await.unwrap();
    own.publish(&scan_row(&scan_id(1))).await.unwrap();
    write_by_sql(&lake, day("2026-11-21"), &[of(2, "2026-11-21T10:00:00Z", "by sql"), of(3, "2026-11-21T11:00:00Z", "failed")]).await;
    let read = |scan, status| {
        let (account_id, region) = (Some(key.arn.account().to_string()), Some(key.arn.region().to_string()));
        TrailFileRow { account_id, region, ..file_row(&scan_id(scan), "a.json.gz", status) }
    };
    write_by_sql(&lake, day("2026-11-18"), &[read(3, "read")]).await;
    write_by_sql(&lake, day("2026-11-19"), &[read(2, "read"), read(3, "read")]).await;

    let told = async || {
        let uses = TrailUses::load(&lake).await.unwrap();
        (uses.last_use(&key).cloned(), uses.days(&key))
    };
    let by = |at: &str, principal: &str| super::TrailUse {
        at: at.parse().unwrap(),
        principal: principal.to_owned(),
        event_name: "Decrypt".to_owned(),
        resource: None,
    };
    assert_eq!(told().await, (Some(by("2026-11-20T10:00:00Z", "own")), None));
    write_by_sql(&lake, day("2026-11-22"), &[scan_row(&scan_id(2))]).await;
    assert_eq!(told().await, (Some(by("2026-11-21T10:00:00Z", "by sql")), Some((day("2026-11-19"), day("2026-11-19")))));
}

#[tokio::test]
async fn whatever_scans_count_a_key_is_used_by_its_cryptographic_operations_alone() {
    let (_folder, lake) = lake();
    let key = sample::key(sample::arn(1, "eu-central-1", 7));
    let scan = begin(&lake, 1).await;
    let of = |event: &str, at| KeyUsageDailyRow { event_name: event.to_owned(), ..usage_row(&scan_id(1), &key.arn.to_string(), Some(at), event) };
    scan.write(day("2026-11-21"), [of("GetKeyPolicy", "2026-11-21T10:00:00Z"), of("Encrypt", "2026-11-21T08:00:00Z")]).await.unwrap();
    scan.write(day("2026-11-20"), [of("Decrypt", "2026-11-20T09:00:00Z")]).await.unwrap();
    scan.publish(&scan_row(&scan_id(1))).await.unwrap();
    let uses = TrailUses::load(&lake).await.unwrap();
    assert_eq!(uses.last_use(&key).unwrap().event_name, "Encrypt");
    // The last by each operation is known.
    let at = |text: &str| text.parse().unwrap();
    let earlier = uses.at_second(&key, "Decrypt", at("2026-11-20T09:00:00.700Z"));
    assert_eq!(earlier.iter().map(|found| found.principal.as_str()).collect::<Vec<_>>(), ["Decrypt"]);
    assert!(uses.at_second(&key, "Encrypt", at("2026-11-20T09:00:00Z")).is_empty());
}

#[tokio::test]
async fn calls_that_do_not_name_their_key_are_known_where_their_scan_read_something() {
    let (_folder, lake) = lake();
    let key = |region: &str| sample::key(sample::arn(1, region, 7));
    let file = |scan: u32, region: &str, status: &str| TrailFileRow {
        account_id: Some(key(region).arn.account().to_string()),
        region: Some(region.to_owned()),
        ..file_row(&scan_id(scan), "a.json.gz", status)
    };
    for (scan, calls, files) in [
        (1, 2, vec![file(1, "eu-central-1", "read"), file(1, "eu-central-1", "partial"), file(1, "eu-west-1", "unread")]),
        (2, 3, vec![file(2, "eu-central-1", "read")]),
        (3, 0, vec![file(3, "us-east-1", "read")]),
    ] {
        let writer = begin(&lake, scan).await;
        writer.write(day("2026-11-10"), files[..1].to_vec()).await.unwrap();
        writer.write(day("2026-11-20"), files).await.unwrap();
        writer.publish(&TrailScanRow { uses_without_key: calls, ..scan_row(&scan_id(scan)) }).await.unwrap();
    }
    let uses = TrailUses::load(&lake).await.unwrap();
    let told = ["eu-central-1", "eu-west-1", "us-east-1"].map(|region| (uses.nameless_calls(&key(region)), uses.days(&key(region))));
    let days = Some((day("2026-11-10"), day("2026-11-20")));
    assert_eq!(told, [(5, days), (0, None), (0, days)]);
}
