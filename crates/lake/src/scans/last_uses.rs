//! When each key was last used, by all that scans of log files found.

use std::{collections::HashMap, pin::pin};

use arrow::array::RecordBatch;
use bytes::Bytes;
use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt, stream};
use kms_insights_model::{KeyFacts, Timestamp};
use object_store::{ObjectMeta, path::Path};
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    errors::ParquetError,
};

use super::ScanHistory;
use crate::{
    Lake, LakeError,
    column::Cell,
    tables::{key_usage_daily, trail_files},
};

/// So many files are read at once.
const CONCURRENT_READS: usize = 8;

/// The last use of a key that a trail's log files record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailUse {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub principal: String,
    /// By which operation.
    pub event_name: String,
    /// The resource that the encryption context names.
    pub resource: Option<String>,
}

/// The last uses of all keys, and since when log files were read.
#[derive(Clone, Debug, Default)]
pub struct TrailUses {
    keys: HashMap<String, TrailUse>,
    /// By account and Region.
    first_days: HashMap<(String, String), NaiveDate>,
}

impl TrailUses {
    /// Reads what all published scans found.
    ///
    /// # Errors
    /// When the store fails, or a file of the lake cannot be read.
    pub async fn load(lake: &Lake) -> Result<Self, LakeError> {
        let history = ScanHistory::open(lake).await?;
        let mut uses = Self::default();
        if history.scans().is_empty() {
            return Ok(uses);
        }
        each_file(lake, history.files(&key_usage_daily::TABLE, None).await?, |path, bytes| {
            each_batch(path, bytes, &["key_arn", "principal", "event_name", "resource", "last_used_at"], |batch| uses.add(batch))
        })
        .await?;
        each_file(lake, history.files(&trail_files::TABLE, None).await?, |path, bytes| match day_of(path) {
            Some(day) => each_batch(path, bytes, &["account_id", "region", "status"], |batch| uses.add_files(day, batch)),
            None => Ok(()),
        })
        .await?;
        Ok(uses)
    }

    /// One key's last use, and the first day of its account's log files in its Region.
    #[cfg(test)]
    pub(crate) fn of_key(key: &KeyFacts, last: Option<TrailUse>, first_day: NaiveDate) -> Self {
        let place = (key.arn.account().to_string(), key.arn.region().to_string());
        Self { keys: last.map(|last| (key.arn.to_string(), last)).into_iter().collect(), first_days: HashMap::from([(place, first_day)]) }
    }

    fn add(&mut self, batch: &RecordBatch) -> Option<()> {
        let keys: Vec<Option<String>> = column(batch, "key_arn")?;
        let principals: Vec<Option<String>> = column(batch, "principal")?;
        let events: Vec<Option<String>> = column(batch, "event_name")?;
        let resources: Vec<Option<Option<String>>> = column(batch, "resource")?;
        let times: Vec<Option<Option<Timestamp>>> = column(batch, "last_used_at")?;
        for ((((key, principal), event_name), resource), at) in keys.into_iter().zip(principals).zip(events).zip(resources).zip(times) {
            // A row without a last use is of failed calls alone.
            let (key, Some(at)) = (key?, at?) else { continue };
            let found = TrailUse { at, principal: principal?, event_name: event_name?, resource: resource? };
            match self.keys.get_mut(&key) {
                // Of several at the same second always the same one, however they come.
                Some(last) if last.order() >= found.order() => {}
                Some(last) => *last = found,
                None => drop(self.keys.insert(key, found)),
            }
        }
        Some(())
    }

    fn add_files(&mut self, day: NaiveDate, batch: &RecordBatch) -> Option<()> {
        let accounts: Vec<Option<Option<String>>> = column(batch, "account_id")?;
        let regions: Vec<Option<Option<String>>> = column(batch, "region")?;
        let states: Vec<Option<String>> = column(batch, "status")?;
        for ((account, region), status) in accounts.into_iter().zip(regions).zip(states) {
            if let (Some(account), Some(region)) = (account?, region?)
                && status? != "unread"
            {
                let first = self.first_days.entry((account, region)).or_insert(day);
                *first = day.min(*first);
            }
        }
        Some(())
    }

    /// The last use of a key, by its ARN or by one of its aliases, which is all that some records name.
    pub fn last_use(&self, key: &KeyFacts) -> Option<&TrailUse> {
        let arn = key.arn.to_string();
        let place = arn.split_once(":key/").map_or("", |(place, _)| place);
        let aliases = key.aliases.observed().into_iter().flatten().filter_map(|alias| self.keys.get(&format!("{place}:{}", alias.name)));
        aliases.chain(self.keys.get(&arn)).max_by(|a, b| a.order().cmp(&b.order()))
    }

    /// The first day of which log files of the key's account and Region were read. Days after it may lack.
    pub fn first_day(&self, key: &KeyFacts) -> Option<NaiveDate> {
        self.first_days.get(&(key.arn.account().to_string(), key.arn.region().to_string())).copied()
    }
}

impl TrailUse {
    fn order(&self) -> (Timestamp, &str, &str, Option<&str>) {
        (self.at, &self.event_name, &self.principal, self.resource.as_deref())
    }
}

/// The day in the name of a file's folder.
fn day_of(path: &Path) -> Option<NaiveDate> {
    path.parts().rev().nth(1)?.as_ref().split_once('=')?.1.parse().ok()
}

fn column<T: Cell>(batch: &RecordBatch, name: &str) -> Option<Vec<Option<T>>> {
    batch.column_by_name(name).map(|column| T::values(column.as_ref()))
}

/// Reads files in whatever order they come.
async fn each_file(lake: &Lake, files: Vec<ObjectMeta>, mut each: impl FnMut(&Path, Bytes) -> Result<(), LakeError>) -> Result<(), LakeError> {
    let fetched = stream::iter(files).map(|file| async move {
        let bytes = lake.get(&file.location).await?;
        Ok::<_, LakeError>((file.location, bytes))
    });
    let mut fetched = pin!(fetched.buffer_unordered(CONCURRENT_READS));
    while let Some((path, bytes)) = fetched.try_next().await? {
        each(&path, bytes)?;
    }
    Ok(())
}

/// Reads some columns of a file; `None` from `each` means that they are not what they should be.
fn each_batch(path: &Path, bytes: Bytes, names: &[&str], mut each: impl FnMut(&RecordBatch) -> Option<()>) -> Result<(), LakeError> {
    let failed = LakeError::parquet("read", path);
    let read = || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
        for batch in builder.with_projection(mask).build()? {
            each(&batch?).ok_or_else(|| ParquetError::General("a column is missing or of another type".to_owned()))?;
        }
        Ok(())
    };
    read().map_err(failed)
}
