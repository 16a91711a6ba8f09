//! The rows of the published runs, and which runs the views can show.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    catalog::{Session, TableProvider},
    datasource::{MemTable, TableType},
    error::DataFusionError,
    logical_expr::Expr,
    physical_plan::ExecutionPlan,
};
use futures::{StreamExt, TryStreamExt, lock::Mutex, stream};
use kms_insights_lake::{
    Lake, shown,
    table::{Row, SNAPSHOT_DATE},
    tables::runs::{RunRow, TABLE},
};
use kms_insights_model::RunId;

use crate::compared::ComparedRuns;

/// So many runs' rows are read at once: each is a small file of its own.
const CONCURRENT_READS: usize = 32;

/// Views show of each organization the latest run, and compare it with the one before.
const SHOWN_OF_EACH: usize = 2;

/// The rows of the published runs, read when something first asks for them: no published run ever changes, and many queries ask for none.
pub(crate) struct Runs {
    lake: Lake,
    ids: Vec<RunId>,
    /// The only runs that views show, where somebody chose them.
    chosen: Option<ComparedRuns>,
    rows: Mutex<Option<Rows>>,
}

/// What was read.
#[derive(Clone)]
struct Rows {
    table: Arc<MemTable>,
    shown: Arc<[String]>,
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs").field("runs", &self.ids.len()).finish_non_exhaustive()
    }
}

impl Runs {
    pub(crate) fn new(lake: Lake, ids: Vec<RunId>, chosen: Option<ComparedRuns>) -> Self {
        Self { lake, ids, chosen, rows: Mutex::default() }
    }

    /// The ids of the runs that views can show.
    pub(crate) async fn shown(&self) -> Result<Arc<[String]>, DataFusionError> {
        Ok(self.rows().await?.shown)
    }

    async fn rows(&self) -> Result<Rows, DataFusionError> {
        // Whoever else asks meanwhile waits, so that every row is read once; after a failure the next one tries again.
        let mut rows = self.rows.lock().await;
        match &*rows {
            Some(rows) => Ok(rows.clone()),
            None => Ok(rows.insert(self.read().await?).clone()),
        }
    }

    async fn read(&self) -> Result<Rows, DataFusionError> {
        let rows = stream::iter(self.ids.clone()).map(|id| async move { self.lake.published_run(&id).await });
        let rows: Vec<RunRow> = rows.buffered(CONCURRENT_READS).try_collect().await.map_err(unreadable)?;
        let shown = match &self.chosen {
            Some(runs) => [&runs.earlier, &runs.later].map(|run| run.as_str().to_owned()).into(),
            None => shown(&rows, SHOWN_OF_EACH).into_iter().map(|run| run.run_id.clone()).collect(),
        };

        let batch = RunRow::batch(&rows)?;
        let dates: StringArray = self.ids.iter().map(|id| Some(id.snapshot_date())).collect();
        let columns: Vec<ArrayRef> = batch.columns().iter().cloned().chain([Arc::new(dates) as ArrayRef]).collect();
        let batch = RecordBatch::try_new(schema(), columns)?;
        Ok(Rows { table: Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?), shown })
    }
}

/// As an error of a file, which it is: the engine's other errors are about the query.
fn unreadable(error: kms_insights_lake::LakeError) -> DataFusionError {
    DataFusionError::IoError(std::io::Error::other(error))
}

/// The table's columns, and the date that its folders are named for.
fn schema() -> SchemaRef {
    let columns = TABLE.arrow_schema();
    let date = Arc::new(Field::new(SNAPSHOT_DATE, DataType::Utf8, false));
    Arc::new(Schema::new(columns.fields().iter().cloned().chain([date]).collect::<Vec<_>>()))
}

/// The table `runs`. Its rows are a file each, which the engine would open anew for every query; they are kept instead.
#[derive(Debug)]
pub(crate) struct RunsTable {
    runs: Arc<Runs>,
    schema: SchemaRef,
}

impl RunsTable {
    pub(crate) fn new(runs: Arc<Runs>) -> Self {
        Self { runs, schema: schema() }
    }
}

#[async_trait]
impl TableProvider for RunsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.runs.rows().await?.table.scan(state, projection, filters, limit).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A run: its id, organization, the hours at which it began and was published, the run that it completes, and whether it is of a selection.
    type Sketch = (&'static str, Option<&'static str>, [u32; 2], Option<&'static str>, bool);

    fn shown_of(sketches: &[Sketch]) -> Vec<String> {
        let runs: Vec<RunRow> = sketches.iter().map(row).collect();
        let ids: BTreeSet<&str> = shown(&runs, SHOWN_OF_EACH).into_iter().map(|run| run.run_id.as_str()).collect();
        ids.into_iter().map(str::to_owned).collect()
    }

    fn row((id, organization, [started, finished], completes, is_selection): &Sketch) -> RunRow {
        let at = |hour: &u32| format!("2026-11-22T{hour:02}:00:00Z").parse().unwrap();
        RunRow {
            run_id: String::from(*id),
            status: "partial".to_owned(),
            started_at: at(started),
            finished_at: at(finished),
            tool_version: "0.1.0".to_owned(),
            organization_id: organization.map(str::to_owned),
            scope: if *is_selection { "selection" } else { "whole" }.to_owned(),
            selection: None,
            resumed_from: completes.map(str::to_owned),
            accounts_planned: 0,
            accounts_complete: 0,
            accounts_partial: 0,
            accounts_failed: 0,
            accounts_skipped: 0,
            regions_read: 0,
            keys: 0,
            keys_incomplete: 0,
            facts_lacking: 0,
            findings: 0,
            customer_managed_only: false,
            generation: 1,
        }
    }

    #[test]
    fn of_each_organization_the_latest_two_runs_are_shown() {
        let (one, two) = (Some("o-1"), Some("o-2"));
        let runs = [
            ("1a", one, [1, 2], None, false),
            ("1b", one, [3, 9], None, false),
            ("1c", one, [4, 5], None, false),
            ("2a", two, [1, 2], None, false),
            ("na", None, [1, 2], None, false),
            ("nb", None, [1, 2], None, false),
            ("nc", None, [1, 2], None, false),
        ];
        assert_eq!(shown_of(&runs), ["1b", "1c", "2a", "nb", "nc"]);
    }

    #[test]
    fn a_completed_run_takes_no_place_of_those_that_are_compared() {
        let one = Some("o-1");
        let runs = [("a", one, [1, 2], None, false), ("b", one, [3, 4], None, false), ("c", one, [3, 6], Some("b"), false)];
        assert_eq!(shown_of(&runs), ["a", "c"]);
        let runs =
            [("a", one, [1, 2], None, false), ("b", one, [3, 4], None, false), ("c", one, [3, 6], Some("b"), false), ("d", one, [3, 8], Some("c"), false)];
        assert_eq!(shown_of(&runs), ["a", "d"]);
        // Which organization it was became known when the run was completed.
        let runs = [("a", None, [1, 2], None, false), ("b", None, [3, 4], None, false), ("c", one, [3, 6], Some("b"), false), ("d", None, [2, 3], None, true)];
        assert_eq!(shown_of(&runs), ["a", "c"]);
        assert_eq!(shown_of(&runs[1..]), ["c", "d"]);
    }

    #[test]
    fn a_selection_is_shown_where_there_is_no_other_run() {
        let (one, two) = (Some("o-1"), Some("o-2"));
        let runs = [("1a", one, [1, 2], None, false), ("1b", one, [3, 4], None, true), ("2a", two, [1, 2], None, true)];
        assert_eq!(shown_of(&runs), ["1a", "2a"]);
    }
}
