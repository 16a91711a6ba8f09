//! What earlier scans read.

use std::collections::{BTreeMap, BTreeSet};

use arrow::{
    array::{BooleanArray, RecordBatch},
    compute::filter_record_batch,
};
use chrono::NaiveDate;
use kms_insights_model::RunId;
use kms_insights_trail::EventId;
use object_store::{ObjectMeta, ObjectStoreExt, path::Path};

use super::{
    event_ids,
    reading::{column, each_batch, each_file},
};
use crate::{
    Lake, LakeError,
    table::Table,
    tables::{self, trail_files, trail_scans},
};

/// The column that names a row's scan.
const SCAN_ID: &str = "scan_id";

/// The published scans of a lake: those that this program made, and those that SQL made, such as Athena's by the statements in `athena/usage`.
#[derive(Clone, Debug)]
pub struct ScanHistory {
    lake: Lake,
    /// As they are written: SQL counts a scan by whatever id it was given.
    scans: BTreeSet<String>,
    /// How many scans came to their ends, published or not.
    ended: u64,
}

/// A file with rows of published scans.
#[derive(Clone, Debug)]
pub struct ScanFile {
    /// The file.
    pub object: ObjectMeta,
    /// The day of its folder.
    pub date: Option<NaiveDate>,
    /// Whether it bears the name of a published scan, of which all its rows are. An engine that runs SQL names the files that it writes as it likes: what
    /// counts of such a file are the rows whose `scan_id` is that of a published scan.
    pub is_of_one_scan: bool,
}

/// What an earlier scan found of a log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// The scan.
    pub scan_id: String,
    /// The file's length at that time: one that was still being copied is longer later.
    pub bytes: i64,
    /// Records that could be read.
    pub records: i64,
    /// `read`, `partial` or `unread`.
    pub status: String,
    /// What was wrong.
    pub problem: Option<String>,
}

impl KnownFile {
    /// Whether all of it was read.
    pub fn is_whole(&self) -> bool {
        self.status == "read"
    }
}

/// What a scan counted as uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The names of the events.
    pub events: BTreeSet<String>,
    /// Whether SQL made the scan, which writes no ids of events: what it counted cannot be told from what it did not.
    pub is_by_sql: bool,
}

impl ScanHistory {
    /// Finds the published scans.
    ///
    /// # Errors
    /// When the store fails, or a row of `trail_scans` that SQL wrote cannot be read.
    pub async fn open(lake: &Lake) -> Result<Self, LakeError> {
        // Before the rows: of a scan that ends meanwhile its end is not counted here, and so it is noticed at this one's end.
        let ended = lake.ended_scans().await?;
        let folder = lake.table_path(&trail_scans::TABLE);
        let objects = lake.list(&folder).await?;
        let mut scans = BTreeSet::new();
        let mut by_sql = Vec::new();
        for object in objects {
            match scan_of(&object.location) {
                Some(scan) if lake.scan_path(&scan) == object.location => drop(scans.insert(scan.to_string())),
                // Nobody's row: its name is not that by which it would be found.
                Some(_) => {}
                None => by_sql.extend(file_by_sql(lake, &trail_scans::TABLE, object)),
            }
        }
        let mut found = Vec::new();
        each_file(lake, by_sql, |file, bytes| {
            each_batch(&trail_scans::TABLE, &file.object.location, bytes, &[SCAN_ID], |batch| {
                found.extend(column::<String>(batch, SCAN_ID)?.into_iter().flatten());
                Some(())
            })
        })
        .await?;
        scans.extend(found);
        Ok(Self { lake: lake.clone(), scans, ended })
    }

    /// The ids of the published scans.
    pub const fn scans(&self) -> &BTreeSet<String> {
        &self.scans
    }

    pub(super) const fn ended(&self) -> u64 {
        self.ended
    }

    /// The files of a table of scans that have rows of published scans, or may have.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn files(&self, table: &Table, date: Option<NaiveDate>) -> Result<Vec<ScanFile>, LakeError> {
        if self.scans.is_empty() {
            return Ok(Vec::new());
        }
        let folder = date.map_or_else(|| self.lake.table_path(table), |date| self.lake.scan_partition(table, date));
        let objects = self.lake.list(&folder).await?;
        let mut files: Vec<ScanFile> = objects.into_iter().filter_map(|object| self.scan_file(table, object)).collect();
        files.sort_by(|a, b| a.object.location.cmp(&b.object.location));
        Ok(files)
    }

    fn scan_file(&self, table: &Table, object: ObjectMeta) -> Option<ScanFile> {
        let Some(scan) = scan_of(&object.location) else { return file_by_sql(&self.lake, table, object) };
        let is_its_own = table.name != trail_scans::TABLE.name || self.lake.scan_path(&scan) == object.location;
        let date = day_of(table, &object.location);
        (is_its_own && self.scans.contains(scan.as_str())).then_some(ScanFile { object, date, is_of_one_scan: true })
    }

    /// Reads columns of these files, rows of published scans alone, in whatever order the files come. `None` from `each` means that a column is not what it
    /// should be.
    pub(super) async fn each_batch(
        &self,
        table: &Table,
        files: Vec<ScanFile>,
        names: &[&str],
        mut each: impl FnMut(&ScanFile, &RecordBatch) -> Option<()>,
    ) -> Result<(), LakeError> {
        let with_scan: Vec<&str> = names.iter().copied().chain([SCAN_ID]).collect();
        each_file(&self.lake, files, |file, bytes| {
            let path = &file.object.location;
            if file.is_of_one_scan {
                return each_batch(table, path, bytes, names, |batch| each(file, batch));
            }
            each_batch(table, path, bytes, &with_scan, |batch| {
                let scans = column::<Option<String>>(batch, SCAN_ID)?;
                let counts: BooleanArray = scans.into_iter().map(|scan| Some(scan.flatten().is_some_and(|scan| self.scans.contains(&scan)))).collect();
                each(file, &filter_record_batch(batch, &counts).ok()?)
            })
        })
        .await
    }

    /// What earlier scans found of the log files of a day, of those below this source, by their paths below it. A scan of another source, above or below this one, may have read them.
    ///
    /// # Errors
    /// When the store fails, or a file of the lake cannot be read.
    pub async fn known_files(&self, source: &str, date: NaiveDate) -> Result<BTreeMap<String, Vec<KnownFile>>, LakeError> {
        let mut known: BTreeMap<String, Vec<KnownFile>> = BTreeMap::new();
        let files = self.files(&trail_files::TABLE, Some(date)).await?;
        self.each_batch(&trail_files::TABLE, files, &[SCAN_ID, "source", "path", "bytes", "records", "status", "problem"], |_, batch| {
            let texts = |name| column::<String>(batch, name);
            let (scans, sources, paths, states, problems) = (texts(SCAN_ID)?, texts("source")?, texts("path")?, texts("status")?, texts("problem")?);
            let (bytes, records) = (column::<i64>(batch, "bytes")?, column::<i64>(batch, "records")?);
            for (row, (scanned, path)) in sources.into_iter().zip(paths).enumerate() {
                let place = format!("{}/{}", scanned?, path?);
                if let Some(path) = place.strip_prefix(source).and_then(|rest| rest.strip_prefix('/')) {
                    known.entry(path.to_owned()).or_default().push(KnownFile {
                        scan_id: scans.get(row)?.clone()?,
                        bytes: (*bytes.get(row)?)?,
                        records: (*records.get(row)?)?,
                        status: states.get(row)?.clone()?,
                        problem: problems.get(row)?.clone(),
                    });
                }
            }
            Some(())
        })
        .await?;
        Ok(known)
    }

    /// What each published scan counted as uses.
    ///
    /// # Errors
    /// When the store fails, or a file of the lake cannot be read.
    pub async fn counted(&self) -> Result<BTreeMap<String, Counted>, LakeError> {
        let mut counted = BTreeMap::new();
        let files = self.files(&trail_scans::TABLE, None).await?;
        self.each_batch(&trail_scans::TABLE, files, &[SCAN_ID, "tool_version", "use_events"], |_, batch| {
            let (scans, versions) = (column::<String>(batch, SCAN_ID)?, column::<String>(batch, "tool_version")?);
            let events = column::<Vec<String>>(batch, "use_events")?;
            for ((scan, version), events) in scans.into_iter().zip(versions).zip(events) {
                counted.insert(scan?, Counted { events: events?.into_iter().collect(), is_by_sql: version? == trail_scans::BY_SQL });
            }
            Some(())
        })
        .await?;
        Ok(counted)
    }

    /// The files with the events of a day that earlier scans counted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn event_id_files(&self, date: NaiveDate) -> Result<Vec<Path>, LakeError> {
        let folder = self.lake.event_ids_path(date);
        let objects = self.lake.list(&folder).await?;
        let files = objects.into_iter().map(|object| object.location);
        Ok(files.filter(|file| scan_of(file).is_some_and(|scan| self.scans.contains(scan.as_str()))).collect())
    }

    /// The events in such a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn event_ids(&self, file: &Path) -> Result<Vec<EventId>, LakeError> {
        let bytes = self.lake.get(file).await?;
        Ok(event_ids::decode(&bytes).ok_or_else(|| LakeError::DamagedEventIds { path: file.to_string() })?.collect())
    }

    /// Deletes what scans left that were never published, and that began before `before`: a later one may still be under way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_leftovers(&self, before: &RunId) -> Result<(), LakeError> {
        let own = self.lake.root().clone().join(event_ids::TRAIL);
        let folders = tables::OF_SCANS.iter().map(|table| self.lake.table_path(table)).chain([own]);
        for folder in folders {
            let objects = self.lake.list(&folder).await?;
            for object in objects {
                let scan = scan_of(&object.location);
                if scan.is_some_and(|scan| scan < *before && !self.scans.contains(scan.as_str())) {
                    match self.lake.object_store().delete(&object.location).await {
                        Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                        Err(source) => return Err(LakeError::store("delete", &object.location)(source)),
                    }
                }
            }
        }
        Ok(())
    }
}

/// The scan that a file's name begins with.
fn scan_of(path: &Path) -> Option<RunId> {
    RunId::split_file_name(path.filename()?).map(|(scan, _)| scan)
}

/// A file that an engine wrote that runs SQL: it lies in the folder of a day, and is none of those by whose names such engines mark what holds no rows.
fn file_by_sql(lake: &Lake, table: &Table, object: ObjectMeta) -> Option<ScanFile> {
    let date = day_of(table, &object.location)?;
    let is_data = object.size > 0 && !object.location.filename()?.starts_with(['_', '.']);
    let is_of_the_day = object.location.prefix_match(&lake.scan_partition(table, date))?.count() == 1;
    (is_data && is_of_the_day).then_some(ScanFile { object, date: Some(date), is_of_one_scan: false })
}

/// The day in the name of a file's folder.
fn day_of(table: &Table, path: &Path) -> Option<NaiveDate> {
    path.parts().nth_back(1)?.as_ref().strip_prefix(table.partition.column())?.strip_prefix('=')?.parse().ok()
}
