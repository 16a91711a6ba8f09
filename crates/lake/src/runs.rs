//! Published runs: what a reader may see.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use futures::{StreamExt, TryStreamExt, stream};
use kms_insights_model::{RunId, Timestamp};
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
    let (_, rest) = RunId::split_file_name(name)?;
    let (generation, _) = rest.strip_prefix("-g")?.strip_suffix(SUFFIX)?.split_once('-')?;
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

    /// The rows of the published runs, those with the oldest facts first: by when they began, which is when the run began that they complete, and then by when they
    /// were published.
    ///
    /// # Errors
    /// When the store fails, or a run's row cannot be read.
    pub async fn published_runs(&self) -> Result<Vec<RunRow>, LakeError> {
        let ids = self.published_run_ids().await?;
        let mut rows: Vec<RunRow> =
            stream::iter(ids).map(|id| async move { self.published_run(&id).await }).buffer_unordered(CONCURRENT_READS).try_collect().await?;
        rows.sort_by(|a, b| a.age_of_facts().cmp(&b.age_of_facts()));
        Ok(rows)
    }

    /// The runs that the views show, as `athena/views/latest_run.sql` finds them, those with the oldest facts first: of each organization, and of the runs without
    /// one, the latest that was to read everything, or else the latest of all. A run that another completes is shown as completed.
    ///
    /// # Errors
    /// When the store fails, or a run's row cannot be read.
    pub async fn shown_runs(&self) -> Result<Vec<RunRow>, LakeError> {
        let runs = self.published_runs().await?;
        Ok(shown(&runs, 1).into_iter().cloned().collect())
    }

    /// The run that the views show of an organization, or of the runs without one.
    ///
    /// # Errors
    /// When the store fails, or a run's row cannot be read.
    pub async fn shown_run(&self, organization: Option<&str>) -> Result<Option<RunRow>, LakeError> {
        Ok(self.shown_runs().await?.into_iter().find(|run| run.organization_id.as_deref() == organization))
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

/// The runs that the views show, those with the oldest facts first: of each organization, and of the runs without one, so many of the latest, as `latest_run` and
/// `changes_since_previous` in `athena/views` find them. Runs that another completes are none of them, and those of a selection only where there is no other.
pub fn shown(runs: &[RunRow], of_each: usize) -> Vec<&RunRow> {
    let completed: BTreeSet<&str> = runs.iter().filter_map(|run| run.resumed_from.as_deref()).collect();
    let mut organizations: BTreeMap<Option<&str>, Vec<&RunRow>> = BTreeMap::new();
    for run in runs.iter().filter(|run| !completed.contains(run.run_id.as_str())) {
        organizations.entry(run.organization_id.as_deref()).or_default().push(run);
    }
    let mut shown = Vec::new();
    for mut runs in organizations.into_values() {
        if runs.iter().any(|run| run.is_whole()) {
            runs.retain(|run| run.is_whole());
        }
        runs.sort_by_key(|run| Reverse(run.age_of_facts()));
        shown.extend(runs.into_iter().take(of_each));
    }
    shown.sort_by_key(|run| run.age_of_facts());
    shown
}

impl RunRow {
    /// What orders runs by the age of their facts.
    fn age_of_facts(&self) -> (Timestamp, Timestamp, &str) {
        (self.started_at, self.finished_at, &self.run_id)
    }

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

    /// A run of everything, begun on one day of November and published on another.
    fn run(id: &str, organization: Option<&str>, started: u32, finished: u32) -> RunRow {
        RunRow {
            run_id: id.to_owned(),
            status: "complete".to_owned(),
            started_at: crate::sample::at(&format!("2026-11-{started:02}T06:00:00Z")),
            finished_at: crate::sample::at(&format!("2026-11-{finished:02}T07:00:00Z")),
            tool_version: "0.1.0".to_owned(),
            organization_id: organization.map(str::to_owned),
            scope: runs::WHOLE.to_owned(),
            selection: None,
            resumed_from: None,
            accounts_planned: 1,
            accounts_complete: 1,
            accounts_partial: 0,
            accounts_failed: 0,
            accounts_skipped: 0,
            regions_read: 1,
            keys: 1,
            keys_incomplete: 0,
            facts_lacking: 0,
            findings: 0,
            customer_managed_only: false,
            generation: 1,
        }
    }

    fn selected(run: RunRow) -> RunRow {
        RunRow { scope: runs::SELECTION.to_owned(), selection: Some("accounts 111122223333".to_owned()), ..run }
    }

    fn completion(run: RunRow, of: &str) -> RunRow {
        RunRow { resumed_from: Some(of.to_owned()), ..run }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a list written where it is used reads best")]
    fn shown_ids(all: Vec<RunRow>) -> Vec<String> {
        shown(&all, 1).into_iter().map(|run| run.run_id.clone()).collect()
    }

    #[test]
    fn an_old_run_completed_late_does_not_hide_a_newer_one() {
        let (old, newer) = (run("a", Some("o-1"), 1, 1), run("b", Some("o-1"), 2, 2));
        let completed = completion(run("c", Some("o-1"), 1, 3), "a");
        assert_eq!(shown_ids(vec![completed.clone(), newer, old.clone()]), ["b"]);
        assert_eq!(shown_ids(vec![completed, old.clone()]), ["c"]);
        assert_eq!(shown_ids(vec![completion(run("0", Some("o-1"), 1, 1), "a"), old]), ["0"], "published in the same moment as what it completes");
    }

    #[test]
    fn each_organization_has_a_run_that_is_shown() {
        let all = vec![
            run("commercial", Some("o-1"), 1, 1),
            run("commercial-2", Some("o-1"), 2, 2),
            selected(run("commercial-3", Some("o-1"), 5, 5)),
            run("gov", Some("o-2"), 3, 3),
            selected(run("test", Some("o-3"), 4, 4)),
            run("alone", None, 1, 2),
            run("alone-0", None, 1, 1),
        ];
        assert_eq!(shown_ids(all), ["alone", "commercial-2", "gov", "test"]);
        let unknown_at_first = vec![run("a", None, 1, 1), completion(run("b", Some("o-1"), 1, 2), "a")];
        assert_eq!(shown_ids(unknown_at_first), ["b"], "the organization became known when the run was completed");
    }

    #[tokio::test]
    async fn runs_are_listed_and_shown_by_the_age_of_their_facts() {
        let (_folder, lake) = crate::sample::lake();
        let [old, newer, completed] = [("20261101T060000Z-00000001", 1, 1), ("20261102T060000Z-00000002", 2, 2), ("20261101T060000Z-00000003", 1, 3)]
            .map(|(id, started, finished)| run(id, Some("o-1"), started, finished));
        let completed = completion(completed, &old.run_id);
        let gov = run("20261101T050000Z-00000004", Some("o-2"), 1, 4);
        for row in [&completed, &newer, &old, &gov] {
            let path = lake.run_path(&row.run_id.parse().unwrap());
            let bytes = crate::publish::encode(std::slice::from_ref(row)).unwrap();
            lake.object_store().put(&path, bytes.into()).await.unwrap();
        }
        assert_eq!(lake.published_runs().await.unwrap(), [old, completed, gov.clone(), newer.clone()]);
        assert_eq!(lake.shown_runs().await.unwrap(), [gov.clone(), newer.clone()]);
        assert_eq!(lake.shown_runs().await.unwrap().pop(), Some(newer.clone()));
        for (organization, shown) in [(Some("o-1"), Some(newer)), (Some("o-2"), Some(gov)), (None, None)] {
            assert_eq!(lake.shown_run(organization).await.unwrap(), shown, "{organization:?}");
        }
    }

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
