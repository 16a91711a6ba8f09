//! The embedded engine: `DataFusion` over the published files of a lake.

use std::{num::NonZeroUsize, sync::Arc};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::{SchemaProvider, TableProvider},
    common::TableReference,
    datasource::ViewTable,
    error::DataFusionError,
    execution::{
        FunctionRegistry, SessionState, SessionStateBuilder,
        context::SQLOptions,
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::RuntimeEnvBuilder,
    },
    logical_expr::LogicalPlan,
    physical_optimizer::optimizer::PhysicalOptimizer,
    prelude::{SessionConfig, SessionContext},
    sql::{parser::Statement, sqlparser::ast},
};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use kms_insights_athena::VIEWS;
use kms_insights_lake::{Lake, tables};
use url::Url;

use crate::{
    catalog::{CATALOG, DATABASE, Names, Relations},
    compared::{self, ComparedRuns},
    error::{QueryError, suggestions},
    functions,
    published::{PublishedFiles, Runs, RunsTable, STORE, SnapshotTable, published_files, table_of_scans},
    statement,
    stoppable::StoppableJoins,
    union::SortsAboveUnions,
    views,
};

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
    /// When the lake cannot be read, or holds neither a published run nor a published scan.
    pub async fn open(lake: &Lake) -> Result<Self, QueryError> {
        Self::open_with(lake, EngineOptions::default()).await
    }

    /// Opens a lake. The engine shows the runs that are published now: open another one to see later ones.
    ///
    /// # Errors
    /// When the lake cannot be read, or holds neither a published run nor a published scan.
    pub async fn open_with(lake: &Lake, options: EngineOptions) -> Result<Self, QueryError> {
        Self::open_over(lake, options, None).await
    }

    /// Opens a lake to compare two of its runs: `compared_runs` names these and no others, so that `changes_since_previous` tells what changed between them. The
    /// other views are for nothing in such an engine: of the latest run they find the files only where it is one of the two.
    ///
    /// # Errors
    /// When the lake cannot be read, or holds neither a published run nor a published scan.
    pub async fn open_comparing(lake: &Lake, options: EngineOptions, runs: ComparedRuns) -> Result<Self, QueryError> {
        Self::open_over(lake, options, Some(runs)).await
    }

    async fn open_over(lake: &Lake, options: EngineOptions, compared: Option<ComparedRuns>) -> Result<Self, QueryError> {
        let published = published_files(lake).await?;
        if published.runs.is_empty() && published.files.is_empty() {
            return Err(QueryError::EmptyLake { lake: lake.location().to_string() });
        }
        let store = PublishedFiles::new(lake.object_store(), published.files);
        let engine = Self::build(store, options).map_err(|error| QueryError::running(&error, options.memory_limit))?;
        let runs = Arc::new(Runs::new(lake.clone(), published.runs, compared.clone()));

        // Views are planned over tables of the same names that hold the runs only that views can show: else each view would open the files of every run.
        let of_views = Names::default();
        for table in tables::every() {
            let [named, viewed]: [Arc<dyn TableProvider>; 2] = if table.name == tables::runs::TABLE.name {
                let runs = Arc::new(RunsTable::new(Arc::clone(&runs)));
                [Arc::clone(&runs) as _, runs]
            } else if table.partition.is_of_scans() {
                let table =
                    table_of_scans(table, published.mixed.contains(table.name).then_some(&published.scans)).map_err(|error| QueryError::planning(&error))?;
                [Arc::clone(&table), table]
            } else {
                let table = SnapshotTable::new(table).map_err(|error| QueryError::planning(&error))?;
                [Arc::new(table.clone()), Arc::new(table.for_views(Arc::clone(&runs)))]
            };
            engine.names.add(table.name, named);
            of_views.relations().add(table.name, viewed);
        }
        let relations = Arc::clone(of_views.relations());
        let mut state = SessionStateBuilder::new_from_existing(engine.context.state()).with_catalog_list(Arc::new(of_views)).build();
        // A state that is made of another registers what that one has in no order, and aliases with it: the engine's own `element_at` may then stand over Trino's.
        for function in functions::all() {
            state.register_udf(function).map_err(|error| QueryError::running(&error, options.memory_limit))?;
        }
        for (view, statement) in views::in_order()? {
            let statement = match &compared {
                Some(runs) if view.name == compared::VIEW => runs.statement()?,
                _ => statement,
            };
            let plan = engine.plan(&state, statement).await?;
            let table: Arc<dyn TableProvider> = Arc::new(ViewTable::new(plan, Some(view.sql.to_owned())));
            relations.add(view.name, Arc::clone(&table));
            engine.names.add(view.name, table);
        }
        Ok(engine)
    }

    fn build(store: PublishedFiles, options: EngineOptions) -> Result<Self, DataFusionError> {
        let mut config =
            SessionConfig::new().with_default_catalog_and_schema(CATALOG, DATABASE).with_create_default_catalog_and_schema(false).with_information_schema(true);
        if let Some(parallelism) = options.parallelism {
            config = config.with_target_partitions(parallelism.get());
        }
        let settings = config.options_mut();
        // Each sort sets so much aside before its first row. The engine's ten MiB are for few and large ones; a view over views has dozens of small ones.
        settings.execution.sort_spill_reservation_bytes = 1 << 20;
        // One type for text, in files and in what is computed, so that columns of views and tables have the same.
        settings.sql_parser.map_string_types_to_utf8view = false;
        settings.execution.parquet.schema_force_view_types = false;
        // Nulls come last in Trino, whichever way is sorted.
        "nulls_last".clone_into(&mut settings.sql_parser.default_null_ordering);
        // The lake's timestamps are UTC, and so is `current_date`.
        settings.execution.time_zone = Some("+00:00".to_owned());

        let pool = TrackConsumersPool::new(FairSpillPool::new(options.memory_limit), NonZeroUsize::MIN.saturating_add(4));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc()?;
        let url = Url::parse(STORE).map_err(|error| DataFusionError::External(error.into()))?;
        runtime.register_object_store(&url, Arc::new(store));

        let names = Names::default();
        let relations = Arc::clone(names.relations());
        // Before the rules that place sorts, not after them, where `with_physical_optimizer_rule` would put it.
        let mut rules = PhysicalOptimizer::new().rules;
        rules.insert(0, Arc::new(SortsAboveUnions));
        // Behind all others: none of them knows what to do with it.
        rules.push(Arc::new(StoppableJoins));
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_catalog_list(Arc::new(names))
            .with_default_features()
            .with_physical_optimizer_rules(rules)
            .build();
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
        let plan = self.plan(&self.context.state(), statement::parse(sql)?).await?;
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
        let tables = tables::every().map(|table| (table.name, RelationKind::Table, table.description));
        let views = VIEWS.iter().map(|view| (view.name, RelationKind::View, view.description()));
        let mut relations = Vec::new();
        for (name, kind, description) in tables.chain(views) {
            if let Some(provider) = self.names.table(name).await.map_err(|error| QueryError::planning(&error))? {
                relations.push(Relation { name, kind, description, schema: provider.schema() });
            }
        }
        Ok(relations)
    }

    async fn plan(&self, state: &SessionState, statement: Statement) -> Result<LogicalPlan, QueryError> {
        let mut statement = if shows_tables(&statement) { table_listing()? } else { statement };
        statement::read_patterns_as_trino(&mut statement);
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

fn shows_tables(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(statement) if matches!(**statement, ast::Statement::ShowTables { .. }))
}

/// What `SHOW TABLES` means here: the database's tables and views, without the engine's own.
fn table_listing() -> Result<Statement, QueryError> {
    statement::parse(&format!(
        "SELECT table_name, CASE table_type WHEN 'VIEW' THEN 'view' ELSE 'table' END AS kind FROM information_schema.tables WHERE table_schema = '{DATABASE}' ORDER BY table_name"
    ))
}
