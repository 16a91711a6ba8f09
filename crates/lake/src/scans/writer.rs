//! Appending what a scan found.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::NaiveDate;
use kms_insights_model::RunId;
use kms_insights_trail::EventId;
use object_store::path::Path;

use super::{ScanHistory, event_ids};
use crate::{
    Lake, LakeError,
    publish::{encode, encode_each},
    table::{Row, Table},
    tables::trail_scans::{self, TrailScanRow},
};

/// Writes the rows of one scan, and publishes them.
#[derive(Debug)]
pub struct ScanWriter {
    lake: Lake,
    /// A scan's id has the form of a run's.
    scan: RunId,
    files: AtomicUsize,
    ended_before: u64,
}

impl ScanWriter {
    /// A new scan's, which knows of those in `history`.
    pub const fn new(lake: Lake, scan: RunId, history: &ScanHistory) -> Self {
        Self { lake, scan, files: AtomicUsize::new(0), ended_before: history.ended() }
    }

    /// The scan.
    pub const fn scan_id(&self) -> &RunId {
        &self.scan
    }

    /// Writes rows of one day, which may be made one by one.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn write<R: Row>(&self, date: NaiveDate, rows: impl IntoIterator<Item = R>) -> Result<(), LakeError> {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let path = self.lake.scan_partition(R::TABLE, date).join(self.new_name("parquet"));
        let bytes = encode_each(rows).map_err(LakeError::parquet("write", &path))?;
        self.put(&path, bytes).await
    }

    /// Writes which events of a day were counted: some of them, at most [`Self::MOST_EVENT_IDS`] at a time.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn write_event_ids(&self, date: NaiveDate, ids: &[EventId]) -> Result<(), LakeError> {
        let path = self.lake.event_ids_path(date).join(self.new_name("ids"));
        self.put(&path, event_ids::encode(ids)).await
    }

    /// So many ids of events come into one file, which is read as a whole: 2 MiB.
    pub const MOST_EVENT_IDS: usize = 128 << 10;

    fn new_name(&self, extension: &str) -> String {
        format!("{}-{:04}.{extension}", self.scan, self.files.fetch_add(1, Ordering::Relaxed))
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>) -> Result<(), LakeError> {
        if self.lake.put_new(path, bytes.into()).await? { Ok(()) } else { Err(LakeError::AnotherScan) }
    }

    /// Writes the scan's row, which publishes all that it wrote.
    ///
    /// # Errors
    /// When another scan ended since this one's history was read, or the row cannot be written: then nothing of the scan is published, unless the store lost its answer.
    pub async fn publish(&self, row: &TrailScanRow) -> Result<(), LakeError> {
        // Of scans that ran side by side only one can take the next place.
        let place = self.lake.ended_scans_path().join(format!("{:010}", self.ended_before));
        if !self.lake.put_new(&place, self.scan.as_str().as_bytes().to_vec().into()).await? {
            return Err(LakeError::AnotherScan);
        }
        let path = self.lake.scan_path(&self.scan);
        let bytes = encode(std::slice::from_ref(row)).map_err(LakeError::parquet("write", &path))?;
        let draft = self.lake.root().clone().join(event_ids::TRAIL).join(format!("{}.row", self.scan));
        if self.lake.put_new_durably(&draft, &path, bytes).await? { Ok(()) } else { Err(LakeError::AnotherScan) }
    }
}

impl Lake {
    /// The folder of a table's files of one day: of scans' rows.
    pub fn scan_partition(&self, table: &Table, date: NaiveDate) -> Path {
        self.table_path(table).join(format!("{}={date}", table.partition.column()))
    }

    fn ended_scans_path(&self) -> Path {
        self.root().clone().join(event_ids::TRAIL).join("ended")
    }

    /// How many scans came to their ends, published or not.
    pub(super) async fn ended_scans(&self) -> Result<u64, LakeError> {
        let folder = self.ended_scans_path();
        let objects = self.list(&folder).await?;
        let places = objects.iter().filter_map(|object| object.location.filename()?.parse::<u64>().ok());
        Ok(places.max().map_or(0, |last| last + 1))
    }

    /// Where the row is that publishes a scan.
    pub(super) fn scan_path(&self, scan: &RunId) -> Path {
        self.table_path(&trail_scans::TABLE).join(format!("{}={}", trail_scans::TABLE.partition.column(), scan.snapshot_date())).join(format!("{scan}.parquet"))
    }
}
