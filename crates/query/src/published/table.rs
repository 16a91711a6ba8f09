//! A table of the lake, of which a query opens the files of those runs only that it asks for.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, SchemaRef},
    catalog::{Session, TableProvider},
    datasource::{
        TableType, ViewTable,
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
        provider_as_source,
    },
    error::DataFusionError,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, col, lit},
    physical_plan::ExecutionPlan,
};
use kms_insights_lake::table::{SNAPSHOT_DATE, Table};

use super::runs::Runs;

/// Where the published files are found within the engine; the lake's own place is not part of any name there.
pub(crate) const STORE: &str = "lake://published/";

/// The column that names a row's run.
pub(super) const RUN_ID: &str = "run_id";

/// The column that names a row's scan.
const SCAN_ID: &str = "scan_id";

/// How the names of data files end.
pub(super) const SUFFIX: &str = ".parquet";

/// A table of scans of log files, over its folder of published files: its rows add up over all scans. `scans` are those whose rows count, where files may have
/// rows of others too.
pub(crate) fn table_of_scans(table: &'static Table, scans: Option<&BTreeSet<String>>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let days = vec![(table.partition.column().to_owned(), DataType::Utf8)];
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(SUFFIX).with_table_partition_cols(days);
    let folder = ListingTableUrl::parse(format!("{STORE}{}/", table.name))?;
    let columns: Vec<_> = table.arrow_schema().fields().iter().map(|field| or_null(field)).collect();
    let config = ListingTableConfig::new(folder).with_listing_options(options).with_schema(Arc::new(Schema::new(columns)));
    let files: Arc<dyn TableProvider> = Arc::new(ListingTable::try_new(config)?);
    let Some(scans) = scans else { return Ok(files) };
    let counts = col(SCAN_ID).in_list(scans.iter().map(|scan| lit(scan.as_str())).collect(), false);
    let plan = LogicalPlanBuilder::scan(table.name, provider_as_source(files), None)?.filter(counts)?.build()?;
    Ok(Arc::new(RowsOfScans(ViewTable::new(plan, None))))
}

/// The column as one that may be null, its texts too where it is a list. SQL that scans log files does not count all that `trail scan` counts, and the files
/// that it writes promise nothing: of such a file a column that promised more could not be read.
fn or_null(field: &Field) -> Field {
    let field = field.clone().with_nullable(true);
    match field.data_type() {
        DataType::List(element) => {
            let element = element.as_ref().clone().with_nullable(true);
            field.with_data_type(DataType::List(Arc::new(element)))
        }
        _ => field,
    }
}

/// Those rows of a table of scans that count. It is planned as a view is, and nevertheless a table.
#[derive(Debug)]
struct RowsOfScans(ViewTable);

#[async_trait]
impl TableProvider for RowsOfScans {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        self.0.get_logical_plan()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.0.scan(state, projection, filters, limit).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        self.0.supports_filters_pushdown(filters)
    }
}

/// A table over its folder of published files.
///
/// The engine reads the footers of all files of a table before it looks at what a query asks of their rows, unless their folders say it. So the folders that it
/// sees name the run too, and it takes `run_id` from there.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotTable {
    files: Arc<ListingTable>,
    schema: SchemaRef,
    /// Where the columns, in their own order, are among those of `files`, whose last ones are the folders'.
    places: Vec<usize>,
    /// Where it is views that read the table: of these runs only those that views can show are in it.
    runs: Option<Arc<Runs>>,
}

impl SnapshotTable {
    /// The table with the files of every published run.
    pub(crate) fn new(table: &'static Table) -> Result<Self, DataFusionError> {
        let columns = table.arrow_schema();
        let within: Vec<_> = columns.fields().iter().filter(|field| field.name() != RUN_ID).cloned().collect();
        let folders = [SNAPSHOT_DATE, RUN_ID].map(|name| (name.to_owned(), DataType::Utf8));
        let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(SUFFIX).with_table_partition_cols(folders.to_vec());
        let folder = ListingTableUrl::parse(format!("{STORE}{}/", table.name))?;
        let files = ListingTable::try_new(ListingTableConfig::new(folder).with_listing_options(options).with_schema(Arc::new(Schema::new(within))))?;

        let names = table.columns.iter().map(|column| column.name).chain([SNAPSHOT_DATE]);
        let places = names.map(|name| files.schema().index_of(name)).collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(files.schema().project(&places)?);
        Ok(Self { files: Arc::new(files), schema, places, runs: None })
    }

    /// The table as views see it.
    pub(crate) fn for_views(&self, runs: Arc<Runs>) -> Self {
        Self { runs: Some(runs), ..self.clone() }
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
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
        let projection = projection.map_or_else(|| self.places.clone(), |columns| columns.iter().map(|column| self.places[*column]).collect());
        let support = self.supports_filters_pushdown(&filters.iter().collect::<Vec<_>>())?;
        // A condition on folders decides alone, and the engine takes the folders where it is null for such where it holds.
        let decides = |support: &TableProviderFilterPushDown| matches!(support, TableProviderFilterPushDown::Exact);
        let of_folders = filters.iter().zip(&support).filter(|(_, support)| decides(support)).map(|(filter, _)| filter.clone().is_true());
        let mut filters: Vec<Expr> = filters.iter().cloned().chain(of_folders).collect();
        if let Some(runs) = &self.runs {
            filters.push(col(RUN_ID).in_list(runs.shown().await?.iter().map(|run| lit(run.as_str())).collect(), false));
        }
        self.files.scan(state, Some(&projection), &filters, limit).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        self.files.supports_filters_pushdown(filters)
    }
}
