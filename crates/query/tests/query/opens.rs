//! How many files a query opens: on S3 each is a request or more, and a lake gets a run a day.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use kms_insights_lake::{Lake, LakeLocation};
use kms_insights_query::{Engine, QueryError, VIEWS};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    local::LocalFileSystem, path::Path,
};
use tempfile::TempDir;

use crate::{
    fixture::{APP, account, engine_over, error, finding, grant, key, last_used, rows, run, statement, write_rows},
    ways::access,
};

/// How often each object was asked for.
type Opens = BTreeMap<String, usize>;

/// A local store that counts what is read from it.
#[derive(Debug)]
struct CountingStore {
    inner: LocalFileSystem,
    opens: Arc<Mutex<Opens>>,
}

impl CountingStore {
    fn count(&self, location: &Path) {
        *self.opens.lock().unwrap().entry(location.to_string()).or_default() += 1;
    }
}

impl fmt::Display for CountingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountingStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for CountingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.count(location);
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.count(location);
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// The run of that day of November.
fn run_of(day: u32) -> String {
    format!("202611{day:02}T060000Z-{day:08}")
}

/// A lake with a run of each of these days, each with a row in every table.
fn lake_of(days: std::ops::RangeInclusive<u32>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for day in days {
        let (id, root) = (run_of(day), folder.path());
        let mut key = key(&id, APP, "eu-central-1", "11111111-0000-0000-0000-000000000000", "alias/app");
        key.outside_account = String::from("yes");
        write_rows(root, &id, &[account(&id, APP, "app", "complete", None)]);
        write_rows(root, &id, &[statement(&key, 0, Some("Vendor"), "arn:aws:iam::999999999999:root", "kms:*", "External account")]);
        write_rows(root, &id, &[finding(&key, &format!("f-{day}"), "public", "high")]);
        write_rows(root, &id, &[error(&id, APP, Some("eu-central-1"), Some(&key), "policy", "kms:GetKeyPolicy", "access_denied")]);
        write_rows(root, &id, &[access(&key, "account 999999999999", "outside", "decrypt", &["kms:Decrypt"])]);
        write_rows(root, &id, &[grant(&key, "g-out", "arn:aws:iam::999999999999:role/reader")]);
        write_rows(root, &id, &[last_used(&key, None, "never_used", None)]);
        write_rows(root, &id, &[key]);
        write_rows(root, &id, &[run(&id, "complete")]);
    }
    folder
}

/// How often each file was asked for while one engine ran these queries: the files of runs' rows, and the data files.
async fn opens(folder: &TempDir, queries: &[&str]) -> (Opens, Opens) {
    let opens = Arc::new(Mutex::new(Opens::new()));
    let store = CountingStore { inner: LocalFileSystem::new_with_prefix(folder.path()).unwrap(), opens: Arc::clone(&opens) };
    let lake = Lake::new(Arc::new(store), Path::default(), LakeLocation::Local(folder.path().to_owned()));
    let engine = Engine::open(&lake).await.unwrap();
    for sql in queries {
        engine.query(sql).await.unwrap().collect().await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
    let opens = opens.lock().unwrap().clone();
    opens.into_iter().partition(|(path, _)| path.starts_with("runs/"))
}

/// The data files that a query opens.
async fn data_files(folder: &TempDir, sql: &str) -> Vec<String> {
    opens(folder, &[sql]).await.1.into_keys().collect()
}

/// The table's only file of that day's run.
fn file(table: &str, day: u32) -> String {
    let run = run_of(day);
    format!("{table}/snapshot_date=2026-11-{day:02}/{run}-0000.parquet")
}

#[tokio::test]
async fn a_view_opens_the_same_files_however_many_runs_there_are() {
    let (few, many) = (lake_of(9..=12), lake_of(1..=12));
    for view in VIEWS {
        let sql = format!("SELECT * FROM {}", view.name);
        let opened = data_files(&many, &sql).await;
        assert_eq!(opened, data_files(&few, &sql).await, "{}", view.name);
        assert_eq!(opened.is_empty(), ["compared_runs", "latest_run"].contains(&view.name), "{}", view.name);
    }
}

#[tokio::test]
async fn a_query_of_one_run_opens_its_files_only() {
    let lake = lake_of(1..=6);
    let run = run_of(3);
    for sql in [
        format!("SELECT * FROM keys WHERE run_id = '{run}'"),
        format!("SELECT key_arn FROM keys WHERE '{run}' IN (run_id) AND account_id = '{APP}'"),
        format!("SELECT count(*) FROM keys k WHERE k.run_id LIKE '{}%'", &run[..8]),
        "SELECT run_id FROM keys WHERE snapshot_date = '2026-11-03'".to_owned(),
        "SELECT run_id FROM keys WHERE snapshot_date > '2026-11-02' AND snapshot_date < '2026-11-04'".to_owned(),
    ] {
        assert!(data_files(&lake, &sql).await.into_iter().all(|opened| opened == file("keys", 3)), "{sql}");
    }
    let joined = format!("SELECT f.title FROM keys k JOIN findings f ON f.run_id = k.run_id AND f.key_arn = k.key_arn WHERE k.run_id = '{run}'");
    assert_eq!(data_files(&lake, &joined).await, [file("findings", 3), file("keys", 3)]);
}

#[tokio::test]
async fn the_row_of_a_run_is_read_once_and_only_where_it_is_asked_for() {
    let lake = lake_of(1..=3);
    let (runs, _) = opens(&lake, &["SELECT * FROM keys", "SELECT table_name FROM information_schema.tables", "DESCRIBE kms_keys_table"]).await;
    assert_eq!(runs, Opens::new());
    let (runs, _) = opens(&lake, &["SELECT * FROM kms_keys_table", "SELECT * FROM runs", "SELECT * FROM changes_since_previous"]).await;
    assert_eq!(runs, (1..=3).map(|day| (file("runs", day).replace("-0000.parquet", ".parquet"), 1)).collect());
}

#[tokio::test]
async fn a_row_of_a_run_that_cannot_be_read_stops_only_what_asks_for_it() {
    let lake = lake_of(1..=2);
    std::fs::write(lake.path().join(file("runs", 1).replace("-0000.parquet", ".parquet")), "no Parquet").unwrap();
    let engine = engine_over(lake.path()).await.unwrap();
    engine.query("SELECT * FROM keys").await.unwrap().collect().await.unwrap();
    for sql in ["SELECT * FROM kms_keys_table", "SELECT * FROM runs"] {
        let error = engine.query(sql).await.unwrap_err();
        assert!(matches!(error, QueryError::Storage { .. }) && error.to_string().contains(&run_of(1)), "{error}");
    }
}

#[tokio::test]
async fn conditions_on_the_run_mean_what_they_mean_of_rows() {
    const BEFORE: &str = "run_id = '20260820T060000Z-00000001'";
    for condition in [
        BEFORE,
        "run_id NOT IN ('20260820T060000Z-00000001', NULL)",
        "run_id <> CASE WHEN snapshot_date > '2026-10' THEN NULL ELSE 'x' END",
        "NOT (run_id > NULLIF(run_id, '20260820T060000Z-00000001'))",
        "split_part(run_id, 'Z', 9) <> 'x'",
        "run_id NOT LIKE '202608%'",
        "run_id LIKE '202608%' OR key_id LIKE '1%'",
        "run_id = snapshot_date",
        "substr(run_id, 1, 4) = '2026' AND CAST(snapshot_date AS date) < DATE '2026-09-01'",
        "TRY_CAST(run_id AS bigint) IS NULL",
        "run_id = (SELECT min(run_id) FROM runs)",
        "run_id NOT IN (SELECT run_id FROM latest_run)",
        "EXISTS (SELECT 1 FROM latest_run r WHERE r.run_id = k.run_id)",
    ] {
        // A filter stays above a limit, where it sees rows.
        let [of_files, of_rows] =
            ["keys", "(SELECT * FROM keys LIMIT 1000)"].map(|keys| format!("SELECT k.run_id, k.key_arn, k.snapshot_date FROM {keys} k WHERE {condition}"));
        assert_eq!(rows(&of_files).await, rows(&of_rows).await, "{condition}");
    }
    assert_eq!(rows(&format!("SELECT count(*) AS n FROM keys WHERE {BEFORE}")).await, "{\"n\":7}");
}
