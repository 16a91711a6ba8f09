//! The embedded engine: `DataFusion` over the published files of a lake.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{DataType, SchemaRef},
    },
    catalog::SchemaProvider,
    common::TableReference,
    datasource::{
        ViewTable,
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
    },
    error::DataFusionError,
    execution::{
        SessionStateBuilder,
        context::SQLOptions,
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::RuntimeEnvBuilder,
    },
    logical_expr::LogicalPlan,
    prelude::{SessionConfig, SessionContext},
    sql::{parser::Statement, sqlparser::ast},
};
use futures::{StreamExt, TryStreamExt, future::try_join_all, stream::BoxStream};
use kms_insights_lake::{
    Lake, file_generation,
    table::{SNAPSHOT_DATE, Table},
    tables,
};
use kms_insights_model::RunId;
use object_store::{ObjectMeta, ObjectStore, path::Path};
use url::Url;

use crate::{
    catalog::{CATALOG, DATABASE, Names, Relations},
    error::{QueryError, suggestions},
    functions,
    published::PublishedFiles,
    statement,
    views::{self, VIEWS},
};

/// Where the published files are found within the engine; the lake's own place is not part of any name there.
const STORE: &str = "lake://published/";

/// How the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// How many bytes a query may hold in memory; sorts and aggregations beyond it spill to temporary files.
    pub memory_limit: usize,
    /// How many threads' worth of work a query is split into; by default as many as the machine has.
    pub parallelism: Option<NonZeroUsize>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { memory_limit: 512 * 1024 * 1024, parallelism: None }
    }
}

/// What a table or view is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RelationKind {
    /// A table of the lake.
    Table,
    /// A view over the tables.
    View,
}

/// A table or view that can be queried.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: RelationKind,
    /// What a row is, or what the view answers.
    pub description: &'static str,
    /// Its columns.
    pub schema: SchemaRef,
}

/// The rows of a query, as they come. Any engine's answer has this form: the writers in [`crate::output`] know of no engine.
pub struct QueryResult {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, QueryError>>,
}

impl QueryResult {
    /// A result of these columns.
    pub fn new(schema: SchemaRef, batches: BoxStream<'static, Result<RecordBatch, QueryError>>) -> Self {
        Self { schema, batches }
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next rows; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, QueryError>> {
        self.batches.next().await
    }

    /// All rows at once: for results known to be small.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, QueryError> {
        self.batches.try_collect().await
    }
}

impl std::fmt::Debug for QueryResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryResult").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The files of a lake that the engine shows: for each table, those of published runs.
struct LakeFiles {
    /// The store that holds them.
    store: Arc<dyn ObjectStore>,
    /// By path within the lake: the object in the store.
    files: BTreeMap<Path, ObjectMeta>,
}

/// The files of published runs, by their path within the lake: one listing per table, however many runs there are.
async fn published_files(lake: &Lake) -> Result<BTreeMap<Path, ObjectMeta>, QueryError> {
    let runs: BTreeSet<RunId> = lake.published_run_ids().await?.into_iter().collect();
    let store = lake.object_store();
    let listings = tables::ALL.iter().map(|table| {
        let (store, runs) = (&store, &runs);
        async move {
            let folder = lake.root().clone().join(table.name);
            let objects: Vec<ObjectMeta> = store.list(Some(&folder)).try_collect().await.map_err(|error| QueryError::Storage { message: error.to_string() })?;
            Ok::<_, QueryError>(objects.into_iter().filter_map(move |object| {
                let run = run_of(object.location.filename()?).filter(|run| runs.contains(run))?;
                let within: Path = object.location.prefix_match(lake.root())?.collect();
                object.location.prefix_matches(&lake.partition_path(table, &run)).then_some((run, table.name, within, object))
            }))
        }
    });
    let files: Vec<_> = try_join_all(listings).await?.into_iter().flatten().collect();

    // The attempt that published a run has files in every table. Where others left some beside them, the run's row says whose count; all other rows are not read.
    let is_data = |table: &str| table != tables::runs::TABLE.name;
    let mut attempts: BTreeMap<&RunId, BTreeSet<Option<u32>>> = BTreeMap::new();
    for (run, _, _, object) in files.iter().filter(|(_, table, ..)| is_data(table)) {
        attempts.entry(run).or_default().insert(object.location.filename().and_then(file_generation));
    }
    let mut contested = BTreeMap::new();
    for (run, attempts) in attempts {
        if attempts.len() > 1 {
            contested.insert(run.clone(), lake.published_run(run).await?);
        }
    }
    let counts =
        |run: &RunId, table: &str, object: &ObjectMeta| !is_data(table) || contested.get(run).is_none_or(|row| row.is_of_its_attempt(&object.location));
    Ok(files.into_iter().filter(|(run, table, _, object)| counts(run, table, object)).map(|(_, _, within, object)| (within, object)).collect())
}

/// The run that a file's name begins with: `<run>.parquet`, `<run>-g0001-0000.parquet`.
fn run_of(name: &str) -> Option<RunId> {
    const RUN_ID_LENGTH: usize = 25;
    let (run, rest) = name.split_at_checked(RUN_ID_LENGTH)?;
    let ours = rest.strip_suffix(".parquet").is_some_and(|part| part.is_empty() || part.starts_with('-'));
    if ours { run.parse().ok() } else { None }
}

/// The embedded SQL engine over one lake, as it was when the engine was opened.
pub struct Engine {
    context: SessionContext,
    names: Arc<Relations>,
    memory_limit: usize,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("tables", &self.names.table_names()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens a lake with the default options.
    ///
    /// # Errors
    /// When the lake cannot be read, or holds no published run.
    pub async fn open(lake: &Lake) -> Result<Self, QueryError> {
        Self::open_with(lake, EngineOptions::default()).await
    }

    /// Opens a lake. The engine shows the runs that are published now: open another one to see later ones.
    ///
    /// # Errors
    /// When the lake cannot be read, or holds no published run.
    pub async fn open_with(lake: &Lake, options: EngineOptions) -> Result<Self, QueryError> {
        let files = published_files(lake).await?;
        if files.is_empty() {
            return Err(QueryError::EmptyLake { lake: lake.location().to_string() });
        }
        Self::over(LakeFiles { store: lake.object_store(), files }, tables::ALL, options).await
    }

    async fn over(lake: LakeFiles, declared: &[&'static Table], options: EngineOptions) -> Result<Self, QueryError> {
        let engine = Self::build(lake, options).map_err(|error| QueryError::running(&error, options.memory_limit))?;
        for table in declared {
            let listing = listing_table(table).map_err(|error| QueryError::planning(&error))?;
            engine.names.add(table.name, Arc::new(listing));
        }
        for (view, statement) in views::in_order()? {
            let plan = engine.plan(statement).await?;
            engine.names.add(view.name, Arc::new(ViewTable::new(plan, Some(view.sql.to_owned()))));
        }
        Ok(engine)
    }

    fn build(lake: LakeFiles, options: EngineOptions) -> Result<Self, DataFusionError> {
        let mut config =
            SessionConfig::new().with_default_catalog_and_schema(CATALOG, DATABASE).with_create_default_catalog_and_schema(false).with_information_schema(true);
        if let Some(parallelism) = options.parallelism {
            config = config.with_target_partitions(parallelism.get());
        }
        let settings = config.options_mut();
        // One type for text, in files and in what is computed, so that columns of views and tables have the same.
        settings.sql_parser.map_string_types_to_utf8view = false;
        settings.execution.parquet.schema_force_view_types = false;
        // Nulls come last in Trino, whichever way is sorted.
        "nulls_last".clone_into(&mut settings.sql_parser.default_null_ordering);
        // The lake's timestamps are UTC, and so is `current_date`.
        settings.execution.time_zone = Some("+00:00".to_owned());

        let pool = TrackConsumersPool::new(FairSpillPool::new(options.memory_limit), NonZeroUsize::MIN.saturating_add(4));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc()?;
        let store = Url::parse(STORE).map_err(|error| DataFusionError::External(error.into()))?;
        runtime.register_object_store(&store, Arc::new(PublishedFiles::new(lake.store, lake.files)));

        let names = Names::default();
        let relations = Arc::clone(names.relations());
        let state = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_catalog_list(Arc::new(names)).with_default_features().build();
        let context = SessionContext::new_with_state(state);
        for function in functions::all() {
            context.register_udf(function.as_ref().clone());
        }
        for function in functions::aggregates() {
            context.register_udaf(function);
        }
        Ok(Self { context, names: relations, memory_limit: options.memory_limit })
    }

    /// Runs one statement that reads: `SELECT`, `WITH`, `VALUES`, `EXPLAIN`, `SHOW TABLES`, `SHOW COLUMNS FROM …`, `DESCRIBE …`.
    ///
    /// Rows come as they are found; errors of a running query come with them.
    ///
    /// # Errors
    /// When the statement is not SQL, does not only read, names what does not exist, or cannot be started.
    pub async fn query(&self, sql: &str) -> Result<QueryResult, QueryError> {
        let plan = self.plan(statement::parse(sql)?).await?;
        let memory_limit = self.memory_limit;
        let running = move |error: DataFusionError| QueryError::running(&error, memory_limit);
        let frame = self.context.execute_logical_plan(plan).await.map_err(running)?;
        let stream = frame.execute_stream().await.map_err(running)?;
        Ok(QueryResult::new(stream.schema(), stream.map_err(running).boxed()))
    }

    /// Runs `SELECT * FROM` a table or view.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub async fn query_view(&self, name: &str) -> Result<QueryResult, QueryError> {
        if !self.names.table_exist(name) {
            return Err(self.unknown_table(name));
        }
        self.query(&format!("SELECT * FROM \"{name}\"")).await
    }

    /// The tables and views, tables first.
    pub async fn relations(&self) -> Result<Vec<Relation>, QueryError> {
        let tables = tables::ALL.iter().map(|table| (table.name, RelationKind::Table, table.description));
        let views = VIEWS.iter().map(|view| (view.name, RelationKind::View, view.description()));
        let mut relations = Vec::new();
        for (name, kind, description) in tables.chain(views) {
            if let Some(provider) = self.names.table(name).await.map_err(|error| QueryError::planning(&error))? {
                relations.push(Relation { name, kind, description, schema: provider.schema() });
            }
        }
        Ok(relations)
    }

    async fn plan(&self, statement: Statement) -> Result<LogicalPlan, QueryError> {
        let mut statement = if shows_tables(&statement) { table_listing()? } else { statement };
        statement::read_patterns_as_trino(&mut statement);
        let state = self.context.state();
        let tables = state.resolve_table_references(&statement).unwrap_or_default();
        let plan = state.statement_to_plan(statement).await.map_err(|error| self.planning_error(&error, &tables))?;
        // Twice, for statements are told apart before they are planned: what reached this point as a plan must not write either.
        let verified = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(&plan);
        verified.map_err(|_| QueryError::ReadOnly { statement: "this statement".to_owned() })?;
        Ok(plan)
    }

    fn planning_error(&self, error: &DataFusionError, tables: &[TableReference]) -> QueryError {
        // The engine says "table 'awsdatacatalog.…' not found": the person's own spelling, and what there is, help more.
        let missing = tables.iter().find(|table| !self.resolves(table));
        match missing {
            Some(table) if error.find_root().message().contains("not found") => self.unknown_table(&table.to_string()),
            _ => QueryError::planning(error),
        }
    }

    fn resolves(&self, table: &TableReference) -> bool {
        let is = |part: Option<&str>, name: &str| part.is_none_or(|part| part.eq_ignore_ascii_case(name));
        let here = is(table.catalog(), CATALOG) && is(table.schema(), DATABASE) && self.names.table_exist(table.table());
        here || table.schema() == Some("information_schema")
    }

    fn unknown_table(&self, name: &str) -> QueryError {
        let known = self.names.table_names();
        let last = name.rsplit('.').next().unwrap_or(name);
        QueryError::UnknownTable { suggestions: suggestions(last, known.iter().map(String::as_str)), name: crate::text::printable(name), known }
    }
}

/// A table over its folder of published files.
fn listing_table(table: &'static Table) -> Result<ListingTable, DataFusionError> {
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
        .with_file_extension(".parquet")
        .with_table_partition_cols(vec![(SNAPSHOT_DATE.to_owned(), DataType::Utf8)]);
    let folder = ListingTableUrl::parse(format!("{STORE}{}/", table.name))?;
    ListingTable::try_new(ListingTableConfig::new(folder).with_listing_options(options).with_schema(table.arrow_schema()))
}

fn shows_tables(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(statement) if matches!(**statement, ast::Statement::ShowTables { .. }))
}

/// What `SHOW TABLES` means here: the database's tables and views, without the engine's own.
fn table_listing() -> Result<Statement, QueryError> {
    statement::parse(&format!(
        "SELECT table_name, CASE table_type WHEN 'VIEW' THEN 'view' ELSE 'table' END AS kind FROM information_schema.tables WHERE table_schema = '{DATABASE}' ORDER BY table_name"
    ))
}

#[cfg(test)]
mod tests {
    use kms_insights_lake::{
        LakeLocation,
        publish::publish,
        staging::{RunInfo, StagingWriter},
    };
    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn files_of_other_attempts_at_a_published_run_are_not_seen() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(&LakeLocation::Local(folder.path().to_owned()), None).unwrap();
        let run: RunId = "20261122T060300Z-00000001".parse().unwrap();
        let info: RunInfo = serde_json::from_value(serde_json::json!({
            "run_id": run.as_str(), "started_at": "2026-11-22T06:03:00Z", "tool_version": "0.1.0", "organization_id": null, "accounts": [],
            "organization_accounts": null, "regions": null, "customer_managed_only": false, "resumed_from": null,
        }))
        .unwrap();
        let writer = StagingWriter::begin(&lake, &info).await.unwrap();
        publish(&lake, &writer, info.started_at).await.unwrap();
        let published = lake.data_files(&tables::accounts::TABLE, &run).await.unwrap().remove(0).location;
        let other = lake.partition_path(&tables::accounts::TABLE, &run).join(format!("{run}-g0002-0000.parquet"));
        lake.object_store().copy(&published, &other).await.unwrap();

        let files = published_files(&lake).await.unwrap();
        assert!(files.contains_key(&published) && !files.contains_key(&other));
        assert_eq!(files.len(), tables::ALL.len());
    }
}
