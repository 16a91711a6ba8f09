//! Published runs: what a reader may see.

use futures::{StreamExt, TryStreamExt, stream};
use kms_insights_model::RunId;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{
    Lake, LakeError,
    table::{Row, Table},
    tables::runs::{self, RunRow},
};

/// So many runs' rows are read at once.
const CONCURRENT_READS: usize = 8;
const SUFFIX: &str = ".parquet";

/// The name of a run's data file. The attempt that writes it has the name to itself, as it has its generation: no file of a published run is ever written over.
pub(crate) fn data_file_name(run: &RunId, generation: u32, number: usize) -> String {
    format!("{run}-g{generation:04}-{number:04}{SUFFIX}")
}

/// Which attempt at its run wrote the data file of this name: of a published run's files only those count whose attempt `runs.generation` names. `None` where the name
/// does not say.
pub fn file_generation(name: &str) -> Option<u32> {
    const RUN_ID_LENGTH: usize = 25;
    let (run, rest) = name.split_at_checked(RUN_ID_LENGTH)?;
    let (generation, _) = rest.strip_prefix("-g")?.strip_suffix(SUFFIX)?.split_once('-')?;
    run.parse::<RunId>().ok()?;
    generation.parse().ok()
}

impl Lake {
    /// Where the row that publishes a run is.
    pub(crate) fn run_path(&self, run: &RunId) -> Path {
        self.partition_path(&runs::TABLE, run).join(format!("{run}{SUFFIX}"))
    }

    /// Whether the run is published.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_published(&self, run: &RunId) -> Result<bool, LakeError> {
        let path = self.run_path(run);
        match self.object_store().head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(LakeError::store("read", &path)(source)),
        }
    }

    /// The ids of the published runs, oldest first, by their names alone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn published_run_ids(&self) -> Result<Vec<RunId>, LakeError> {
        let folder = self.table_path(&runs::TABLE);
        let mut ids = Vec::new();
        let mut objects = self.object_store().list(Some(&folder));
        while let Some(object) = objects.try_next().await.map_err(LakeError::store("list", &folder))? {
            let id = object.location.filename().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|name| name.parse::<RunId>().ok());
            // A file in another run's folder is nobody's row: it would be read by no name and seen by no engine under the right date.
            ids.extend(id.filter(|id| self.run_path(id) == object.location));
        }
        ids.sort();
        Ok(ids)
    }

    /// The rows of the published runs, by the time they were published.
    ///
    /// # Errors
    /// When the store fails, or a run's row cannot be read.
    pub async fn published_runs(&self) -> Result<Vec<RunRow>, LakeError> {
        let ids = self.published_run_ids().await?;
        let mut rows: Vec<RunRow> =
            stream::iter(ids).map(|id| async move { self.published_run(&id).await }).buffer_unordered(CONCURRENT_READS).try_collect().await?;
        rows.sort_by(|a, b| (a.finished_at, &a.run_id).cmp(&(b.finished_at, &b.run_id)));
        Ok(rows)
    }

    /// The run that the views show: of the runs that were to read everything the one that was published last, or else of all.
    ///
    /// # Errors
    /// When the store fails, or a run's row cannot be read.
    pub async fn latest_published(&self) -> Result<Option<RunRow>, LakeError> {
        // The last of equal ones wins, and the rows are in the order of their publication.
        Ok(self.published_runs().await?.into_iter().max_by_key(RunRow::is_whole))
    }

    /// The row of a published run.
    ///
    /// # Errors
    /// When the run is not published, or its row cannot be read.
    pub async fn published_run(&self, run: &RunId) -> Result<RunRow, LakeError> {
        let path = self.run_path(run);
        let bytes = match self.get(&path).await {
            Err(LakeError::Store { source: object_store::Error::NotFound { .. }, .. }) => return Err(LakeError::NotPublished { run: run.clone() }),
            other => other?,
        };
        let rows: Vec<RunRow> = read_all(&path, bytes)?;
        rows.into_iter().next().ok_or_else(|| LakeError::parquet("read", &path)(parquet::errors::ParquetError::General("the file has no row".to_owned())))
    }

    /// The files of a published run's table: all that a reader may read of it.
    ///
    /// # Errors
    /// When the run is not published, or the store fails.
    pub async fn data_files(&self, table: &Table, run: &RunId) -> Result<Vec<object_store::ObjectMeta>, LakeError> {
        let row = self.published_run(run).await?;
        let mut files = self.files_of(table, run).await?;
        // An attempt that another process superseded may have left files beside them.
        files.retain(|file| file.location == self.run_path(run) || row.is_of_its_attempt(&file.location));
        Ok(files)
    }

    /// The files that bear the run's name, published or not.
    pub(crate) async fn files_of(&self, table: &Table, run: &RunId) -> Result<Vec<object_store::ObjectMeta>, LakeError> {
        let folder = self.partition_path(table, run);
        let mut files: Vec<_> = self
            .object_store()
            .list(Some(&folder))
            .try_filter(|object| {
                let name = object.location.filename().unwrap_or_default();
                let is_ours = name.strip_prefix(run.as_str()).is_some_and(|rest| rest == SUFFIX || (rest.starts_with('-') && rest.ends_with(SUFFIX)));
                std::future::ready(is_ours)
            })
            .try_collect()
            .await
            .map_err(LakeError::store("list", &folder))?;
        files.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(files)
    }
}

impl RunRow {
    /// Whether a data file is of the attempt that published the run.
    pub fn is_of_its_attempt(&self, file: &Path) -> bool {
        file.filename().and_then(file_generation).is_some_and(|generation| i64::from(generation) == i64::from(self.generation))
    }
}

/// The rows of a whole small file.
pub(crate) fn read_all<R: Row>(path: &Path, bytes: bytes::Bytes) -> Result<Vec<R>, LakeError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(ParquetRecordBatchReaderBuilder::build).map_err(LakeError::parquet("read", path))?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| LakeError::parquet("read", path)(error.into()))?;
        rows.extend(R::read(&batch).map_err(|error| LakeError::parquet("read", path)(error.into()))?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_data_files_carry_their_attempt() {
        let run = crate::sample::run_id(1);
        assert_eq!(data_file_name(&run, 3, 12), format!("{run}-g0003-0012.parquet"));
        for generation in [1, 3, 12_345] {
            assert_eq!(file_generation(&data_file_name(&run, generation, 0)), Some(generation));
        }
        for name in [format!("{run}.parquet"), format!("{run}-0001.parquet"), format!("{run}-g0001-0000.parquet#1"), "g0001-0000.parquet".to_owned()] {
            assert_eq!(file_generation(&name), None, "{name}");
        }
    }
}
