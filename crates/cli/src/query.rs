//! `kms-insights query`.

use std::{
    io::{BufWriter, IsTerminal, Read, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use kms_insights_lake::Lake;
use kms_insights_query::{
    Engine, EngineOptions, QueryError, QueryResult, RelationKind,
    output::{self, Format, TableLayout, TerminalWriter},
};

use crate::{
    athena::query::{self as athena, AthenaArguments, Question},
    exit::{Exit, Trouble},
    lake::LakeArguments,
    output_file::OutputFile,
    settings::Settings,
};

/// The longest statement that is read from stdin, in bytes; the engine's own limit is lower.
const MAX_STATEMENT: u64 = 4 << 20;

/// What `query` takes.
#[derive(Debug, Args)]
pub(crate) struct QueryArguments {
    /// The statement, `-` for stdin; without one, the tables and views are listed
    #[arg(value_name = "SQL", conflicts_with = "view")]
    sql: Option<String>,
    #[command(flatten)]
    lake: LakeArguments,
    /// All rows of this view or table
    #[arg(long, value_name = "NAME")]
    view: Option<String>,
    /// How the rows are written: table, csv, json, jsonl, parquet
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    format: Format,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How much memory a query may use before it spills to disk, in MiB
    #[arg(long, default_value = "512", value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..))]
    memory: u32,
    /// Who answers: the engine in this program, from --lake, or Amazon Athena, from the database that `athena setup` made
    #[arg(long, default_value = "local", value_name = "ENGINE")]
    engine: EngineName,
    #[command(flatten)]
    athena: AthenaArguments,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    Local,
    Athena,
}

/// Runs one statement and writes its rows.
pub(crate) async fn run(arguments: QueryArguments, settings: Settings) -> Result<Exit, Trouble> {
    if arguments.format.is_binary() && arguments.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Trouble::usage("a Parquet file is no text for a terminal").next("name a file with --output, or redirect stdout"));
    }
    let sql = match arguments.sql.as_deref() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().take(MAX_STATEMENT).read_to_string(&mut text).map_err(|error| Trouble::usage(format_args!("stdin: {error}")))?;
            Some(text)
        }
        sql => sql.map(str::to_owned),
    };
    if arguments.engine == EngineName::Athena {
        let question = match (&sql, &arguments.view) {
            (Some(sql), _) => Question::Sql(sql),
            (None, Some(view)) => Question::Relation(view),
            (None, None) => return athena::list(),
        };
        return athena::ask(question, &arguments.athena, &settings, |result| write(result, arguments.format, arguments.output.as_deref())).await;
    }
    let lake = arguments.lake.open(&settings).await?;
    let engine = open(&lake, arguments.memory as usize).await?;
    let result = match (&sql, &arguments.view) {
        (Some(sql), _) => engine.query(sql).await,
        (None, Some(view)) => engine.query_view(view).await,
        (None, None) => return list(&engine).await,
    };
    write(result.map_err(|error| trouble(&error))?, arguments.format, arguments.output.as_deref()).await?;
    Ok(Exit::Done)
}

/// The rows, to a file or to stdout.
async fn write(result: QueryResult, format: Format, output: Option<&std::path::Path>) -> Result<(), Trouble> {
    match output {
        Some(path) => write_file(result, format, path).await,
        None => write_stdout(result, format).await.map(drop),
    }
}

/// The engine over a lake.
pub(crate) async fn open(lake: &Lake, memory_mib: usize) -> Result<Engine, Trouble> {
    let options = EngineOptions { memory_limit: memory_mib << 20, ..EngineOptions::default() };
    Engine::open_with(lake, options).await.map_err(|error| trouble(&error))
}

/// Rows on stdout, as wide as the terminal is. A reader that went away, such as `head`, is no failure.
///
/// Returns how many rows there were.
pub(crate) async fn write_stdout(result: QueryResult, format: Format) -> Result<u64, Trouble> {
    // A table is printable already; the other formats are made for files and pipes, where values stay as they are.
    let stdout = std::io::stdout();
    let shown = stdout.is_terminal() && format != Format::Table;
    let mut out: Box<dyn Write + Send> = if shown { Box::new(TerminalWriter::new(BufWriter::new(stdout))) } else { Box::new(BufWriter::new(stdout)) };
    let layout = TableLayout { terminal_width: terminal_width(), ..TableLayout::default() };
    let written = output::write(result, format, layout, &mut out).await;
    match written.and_then(|rows| out.flush().map(|()| rows).map_err(QueryError::from)) {
        Err(QueryError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(0),
        other => other.map_err(|error| trouble(&error)),
    }
}

/// A file that is there whole or not at all.
async fn write_file(result: QueryResult, format: Format, path: &std::path::Path) -> Result<(), Trouble> {
    let mut file = OutputFile::create(path)?;
    output::write(result, format, TableLayout::default(), file.writer()).await.map_err(|error| trouble(&error))?;
    file.keep()
}

fn terminal_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| usize::from(columns))
}

async fn list(engine: &Engine) -> Result<Exit, Trouble> {
    let relations = engine.relations().await.map_err(|error| trouble(&error))?;
    let mut lines = vec!["Name one with --view, or ask in SQL.".to_owned()];
    for (kind, title) in [(RelationKind::View, "Views"), (RelationKind::Table, "Tables")] {
        lines.push(format!("\n{title}:"));
        lines.extend(relations.iter().filter(|relation| relation.kind == kind).map(|relation| format!("  {:<24}  {}", relation.name, relation.description)));
    }
    lines.push(String::new());
    crate::terminal::print(&lines.join("\n"))?;
    Ok(Exit::Done)
}

/// A mistake in the statement is one of usage; all else is a failure.
pub(crate) fn trouble(error: &QueryError) -> Trouble {
    match error {
        QueryError::Athena(error) => super::athena::trouble(error),
        QueryError::Syntax { .. }
        | QueryError::NoStatement
        | QueryError::SeveralStatements { .. }
        | QueryError::TooLong { .. }
        | QueryError::TooComplex { .. }
        | QueryError::ReadOnly { .. }
        | QueryError::UnknownTable { .. }
        | QueryError::UnknownColumn { .. }
        | QueryError::Invalid { .. } => Trouble::usage(error),
        _ => Trouble::failed(error),
    }
}
