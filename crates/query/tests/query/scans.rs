//! Rows of scans of log files: of scans that this program made, and of those that SQL made, whose files an engine named.

use std::{fs, path::Path, sync::Arc};

use datafusion::{
    arrow::{
        array::{RecordBatch, new_null_array},
        compute::cast,
        datatypes::{DataType, Field, Schema, TimeUnit},
    },
    parquet::arrow::ArrowWriter,
};
use kms_insights_lake::{
    table::Row,
    tables::{key_usage_daily::KeyUsageDailyRow, trail_files::TrailFileRow, trail_scans::TrailScanRow},
};
use kms_insights_query::{
    Engine, QueryError,
    output::{Format, TableLayout, write},
};

use crate::fixture::{APP, at, engine_over};

pub(crate) const OWN: &str = "20261122T060301Z-00000001";
const BY_SQL: &str = "20261122T060302Z-00000002";
const FAILED: &str = "20261122T060303Z-00000003";

/// What SQL does not count.
const NOT_COUNTED: [&str; 3] = ["repeated_records", "uses_without_key", "errors_without_key"];

pub(crate) fn scan(id: &str) -> TrailScanRow {
    TrailScanRow {
        scan_id: id.to_owned(),
        source: "s3://trail".to_owned(),
        status: "complete".to_owned(),
        started_at: at("2026-11-22T06:03:00Z"),
        finished_at: at("2026-11-22T06:04:00Z"),
        tool_version: "0.1.0".to_owned(),
        use_events: vec!["Decrypt".to_owned(), "Encrypt".to_owned()],
        files_listed: 1,
        files_known: 0,
        files_read: 1,
        files_failed: 0,
        bytes: 10,
        records: 2,
        kms_records: 1,
        repeated_records: 7,
        uses_without_key: 7,
        errors_without_key: 7,
    }
}

pub(crate) fn file(scan: &str, path: &str) -> TrailFileRow {
    TrailFileRow {
        scan_id: scan.to_owned(),
        source: "s3://trail".to_owned(),
        path: path.to_owned(),
        account_id: Some(APP.to_owned()),
        region: Some("eu-central-1".to_owned()),
        delivered_at: None,
        bytes: 10,
        records: 2,
        kms_records: 1,
        status: "read".to_owned(),
        problem: None,
        problem_offset: None,
    }
}

pub(crate) fn usage(scan: &str, principal: &str, uses: i64) -> KeyUsageDailyRow {
    KeyUsageDailyRow {
        scan_id: scan.to_owned(),
        key_arn: format!("arn:aws:kms:eu-central-1:{APP}:key/k"),
        key_id: "k".to_owned(),
        account_id: APP.to_owned(),
        region: "eu-central-1".to_owned(),
        principal: principal.to_owned(),
        event_name: "Decrypt".to_owned(),
        resource: None,
        invoked_by: None,
        recorded_by: APP.to_owned(),
        uses,
        errors: 0,
        first_at: at("2026-11-21T10:00:00Z"),
        last_at: at("2026-11-21T11:00:00Z"),
        last_used_at: Some(at("2026-11-21T11:00:00Z")),
    }
}

fn write_file(root: &Path, table: &str, day: &str, name: &str, batch: &RecordBatch) {
    let folder = root.join(table).join(day);
    fs::create_dir_all(&folder).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(folder.join(name)).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Writes rows as `trail scan` does.
pub(crate) fn write_own<R: Row>(root: &Path, day: &str, rows: &[R]) {
    let name = if R::TABLE.name == "trail_scans" { format!("{OWN}.parquet") } else { format!("{OWN}-0000.parquet") };
    write_file(root, R::TABLE.name, day, &name, &R::batch(rows).unwrap());
}

/// Writes rows as Athena does: in a file of its own naming, in which any column may be null, times have nanoseconds, and a list's element another name.
fn write_by_sql<R: Row>(root: &Path, day: &str, rows: &[R]) {
    let batch = R::batch(rows).unwrap();
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, values) in batch.schema().fields().iter().zip(batch.columns()) {
        let written = match field.data_type() {
            DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
            DataType::List(_) => DataType::List(Arc::new(Field::new("array_element", DataType::Utf8, true))),
            other => other.clone(),
        };
        columns.push(if NOT_COUNTED.contains(&field.name().as_str()) { new_null_array(&written, rows.len()) } else { cast(values, &written).unwrap() });
        fields.push(Field::new(field.name(), written, true));
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    write_file(root, R::TABLE.name, day, "20261122_060300_00012_abcde_0e6b1f0a-77aa-4c86-8f3e-2b61e1d5b3a4", &batch);
}

async fn lines(engine: &Engine, sql: &str) -> Vec<String> {
    let mut out = Vec::new();
    write(engine.query(sql).await.unwrap(), Format::Csv, TableLayout::default(), &mut out).await.unwrap();
    String::from_utf8(out).unwrap().lines().skip(1).map(str::to_owned).collect()
}

/// A lake with a scan by this program and the rows of two by SQL, neither of which is published.
fn lake() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_own(root, "event_date=2026-11-21", &[usage(OWN, "own", 1)]);
    write_own(root, "log_date=2026-11-21", &[file(OWN, "own.json.gz")]);
    write_own(root, "scan_date=2026-11-22", &[scan(OWN)]);
    write_by_sql(root, "event_date=2026-11-21", &[usage(BY_SQL, "by sql", 2), usage(FAILED, "failed", 4), usage(BY_SQL, "by sql, too", 8)]);
    write_by_sql(root, "log_date=2026-11-21", &[file(BY_SQL, "by-sql.json.gz"), file(FAILED, "failed.json.gz")]);
    folder
}

const USES: &str = "SELECT principal, uses, last_used_at, event_date FROM key_usage_daily ORDER BY principal";
const FILES: &str = "SELECT f.path, f.log_date, s.scan_id FROM trail_files f LEFT JOIN trail_scans s ON s.scan_id = f.scan_id ORDER BY path";
const SCANS: &str =
    "SELECT scan_id, started_at, array_join(use_events, ' ') AS events, repeated_records, uses_without_key, scan_date FROM trail_scans ORDER BY scan_id";

#[tokio::test]
async fn rows_that_sql_wrote_are_shown_when_their_scan_is_published_and_not_before() {
    let folder = lake();
    let engine = engine_over(folder.path()).await.unwrap();
    let own_use = "own,1,2026-11-21T11:00:00Z,2026-11-21";
    assert_eq!(lines(&engine, USES).await, [own_use]);
    assert_eq!(lines(&engine, FILES).await, [format!("own.json.gz,2026-11-21,{OWN}")]);
    let own_scan = format!("{OWN},2026-11-22T06:03:00Z,Decrypt Encrypt,7,7,2026-11-22");
    assert_eq!(lines(&engine, SCANS).await, [own_scan.as_str()]);

    write_by_sql(folder.path(), "scan_date=2026-11-22", &[scan(BY_SQL)]);
    let engine = engine_over(folder.path()).await.unwrap();
    let by_sql = ["by sql,2,2026-11-21T11:00:00Z,2026-11-21", "\"by sql, too\",8,2026-11-21T11:00:00Z,2026-11-21"];
    assert_eq!(lines(&engine, USES).await, [by_sql[0], by_sql[1], own_use]);
    assert_eq!(lines(&engine, FILES).await, [format!("by-sql.json.gz,2026-11-21,{BY_SQL}"), format!("own.json.gz,2026-11-21,{OWN}")]);
    assert_eq!(lines(&engine, SCANS).await, [own_scan, format!("{BY_SQL},2026-11-22T06:03:00Z,Decrypt Encrypt,,,2026-11-22")]);
    // However the rows are asked for.
    assert_eq!(lines(&engine, "SELECT sum(uses) FROM key_usage_daily").await, ["11"]);
    assert_eq!(lines(&engine, "SELECT count(*) FROM key_usage_daily WHERE event_date = '2026-11-21' AND uses > 1").await, ["2"]);
    assert_eq!(lines(&engine, "SELECT count(*) FROM trail_scans WHERE repeated_records IS NULL").await, ["1"]);
    assert_eq!(lines(&engine, &format!("SELECT count(*) FROM trail_files WHERE scan_id = '{FAILED}'")).await, ["0"]);
}

#[tokio::test]
async fn a_lake_that_sql_alone_wrote_to_is_not_empty_once_a_scan_is_published() {
    let folder = tempfile::tempdir().unwrap();
    write_by_sql(folder.path(), "event_date=2026-11-21", &[usage(BY_SQL, "by sql", 2)]);
    assert!(matches!(engine_over(folder.path()).await, Err(QueryError::EmptyLake { .. })));
    write_by_sql(folder.path(), "scan_date=2026-11-22", &[scan(BY_SQL)]);
    let engine = engine_over(folder.path()).await.unwrap();
    assert_eq!(lines(&engine, USES).await, ["by sql,2,2026-11-21T11:00:00Z,2026-11-21"]);
    assert_eq!(lines(&engine, "SHOW TABLES").await.into_iter().find(|line| line.starts_with("key_usage_daily")).unwrap(), "key_usage_daily,table");
}
