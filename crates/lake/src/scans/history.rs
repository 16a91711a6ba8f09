//! What earlier scans read.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use futures::TryStreamExt;
use kms_insights_model::RunId;
use kms_insights_trail::EventId;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::event_ids;
use crate::{
    Lake, LakeError,
    runs::read_all,
    table::Table,
    tables::{
        self,
        trail_files::{self, TrailFileRow},
        trail_scans,
    },
};

/// The published scans of a lake.
#[derive(Clone, Debug)]
pub struct ScanHistory {
    lake: Lake,
    scans: BTreeSet<RunId>,
    /// How many scans came to their ends, published or not.
    ended: u64,
}

/// A log file that an earlier scan read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Its length at that time: a file that was still being copied is longer later.
    pub bytes: i64,
    /// Whether all of it was read.
    pub is_whole: bool,
}

impl ScanHistory {
    /// Lists the published scans.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(lake: &Lake) -> Result<Self, LakeError> {
        // Before the rows: of a scan that ends meanwhile its end is not counted here, and so it is noticed at this one's end.
        let ended = lake.ended_scans().await?;
        let folder = lake.table_path(&trail_scans::TABLE);
        let objects: Vec<ObjectMeta> = lake.object_store().list(Some(&folder)).try_collect().await.map_err(LakeError::store("list", &folder))?;
        let id = |object: &ObjectMeta| object.location.filename()?.strip_suffix(".parquet")?.parse::<RunId>().ok();
        let scans = objects.iter().filter_map(|object| id(object).filter(|scan| lake.scan_path(scan) == object.location)).collect();
        Ok(Self { lake: lake.clone(), scans, ended })
    }

    /// The published scans, the oldest first.
    pub const fn scans(&self) -> &BTreeSet<RunId> {
        &self.scans
    }

    pub(super) const fn ended(&self) -> u64 {
        self.ended
    }

    /// The files of a table of scans, of published scans alone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn files(&self, table: &Table, date: Option<NaiveDate>) -> Result<Vec<ObjectMeta>, LakeError> {
        let folder = date.map_or_else(|| self.lake.table_path(table), |date| self.lake.scan_partition(table, date));
        let objects: Vec<ObjectMeta> = self.lake.object_store().list(Some(&folder)).try_collect().await.map_err(LakeError::store("list", &folder))?;
        let mut files: Vec<ObjectMeta> = objects.into_iter().filter(|object| self.is_of_a_scan(table, object)).collect();
        files.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(files)
    }

    fn is_of_a_scan(&self, table: &Table, object: &ObjectMeta) -> bool {
        let scan = object.location.filename().and_then(scan_of).filter(|scan| self.scans.contains(scan));
        scan.is_some_and(|scan| table.name != trail_scans::TABLE.name || self.lake.scan_path(&scan) == object.location)
    }

    /// The log files of a day that earlier scans of this source read, by their paths below it.
    ///
    /// # Errors
    /// When the store fails, or a file of the lake cannot be read.
    pub async fn known_files(&self, source: &str, date: NaiveDate) -> Result<BTreeMap<String, KnownFile>, LakeError> {
        let mut known = BTreeMap::new();
        for file in self.files(&trail_files::TABLE, Some(date)).await? {
            let rows: Vec<TrailFileRow> = read_all(&file.location, self.lake.get(&file.location).await?)?;
            let rows = rows.into_iter().filter(|row| row.source == source);
            known.extend(rows.map(|row| (row.path, KnownFile { bytes: row.bytes, is_whole: row.status == "read" })));
        }
        Ok(known)
    }

    /// The events of a day that earlier scans counted.
    ///
    /// # Errors
    /// When the store fails, or a file of the lake cannot be read.
    pub async fn event_ids(&self, date: NaiveDate) -> Result<Vec<EventId>, LakeError> {
        let folder = self.lake.event_ids_path(date);
        let objects: Vec<ObjectMeta> = self.lake.object_store().list(Some(&folder)).try_collect().await.map_err(LakeError::store("list", &folder))?;
        let mut ids = Vec::new();
        for object in objects {
            let scan = object.location.filename().and_then(|name| name.strip_suffix(".ids")?.parse::<RunId>().ok());
            if scan.is_some_and(|scan| self.scans.contains(&scan)) {
                let bytes = self.lake.get(&object.location).await?;
                ids.extend(event_ids::decode(&bytes).ok_or_else(|| LakeError::DamagedEventIds { path: object.location.to_string() })?);
            }
        }
        Ok(ids)
    }

    /// Deletes what scans left that were never published, and that began before `before`: a later one may still be under way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_leftovers(&self, before: &RunId) -> Result<(), LakeError> {
        let own = self.lake.root().clone().join(event_ids::TRAIL);
        let folders = tables::OF_SCANS.iter().map(|table| self.lake.table_path(table)).chain([own]);
        for folder in folders {
            let objects: Vec<ObjectMeta> = self.lake.object_store().list(Some(&folder)).try_collect().await.map_err(LakeError::store("list", &folder))?;
            for object in objects {
                let scan = object.location.filename().and_then(scan_of);
                if scan.is_some_and(|scan| scan < *before && !self.scans.contains(&scan)) {
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
fn scan_of(name: &str) -> Option<RunId> {
    const SCAN_ID_LENGTH: usize = 25;
    let (scan, rest) = name.split_at_checked(SCAN_ID_LENGTH)?;
    if rest.starts_with(['-', '.']) { scan.parse().ok() } else { None }
}
