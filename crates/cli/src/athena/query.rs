//! `kms-insights query --engine athena`.

use std::{io::IsTerminal, time::Duration};

use clap::Args;
use futures::StreamExt;
use indicatif::ProgressBar;
use kms_insights_athena::{Finished, Limits, Progress, QUERIES, QueryRequest, State, Statement, StopReason, Timer, TokioTimer, VIEWS, execute, rows};
use kms_insights_lake::tables;
use kms_insights_query::{QueryError, QueryResult};

use super::{PlaceArguments, connect, interrupted, trouble};
use crate::{
    exit::{Exit, Trouble},
    settings::Settings,
    terminal::{self, printable},
};

/// What a query on Athena takes.
#[derive(Debug, Args)]
pub(crate) struct AthenaArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// End a query on Athena that has read more than so many bytes; a workgroup's own limit is exact
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    max_scan_bytes: Option<u64>,
    /// End a query on Athena that takes longer than this, such as 10m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    time_limit: Option<Duration>,
}

/// What is asked.
pub(crate) enum Question<'a> {
    Sql(&'a str),
    Relation(&'a str),
}

/// Asks Athena, and gives the rows to `write`.
pub(crate) async fn ask<W>(
    question: Question<'_>,
    arguments: &AthenaArguments,
    settings: &Settings,
    write: impl FnOnce(QueryResult) -> W,
) -> Result<Exit, Trouble>
where
    W: Future<Output = Result<(), Trouble>>,
{
    let place = arguments.place.place(settings)?;
    let statement = match question {
        Question::Sql(sql) => Statement::parse(sql).map_err(|error| trouble(&error))?,
        Question::Relation(name) => Statement::all_of(name),
    };
    let request =
        QueryRequest { sql: statement.as_str().to_owned(), database: Some(place.database), workgroup: place.workgroup, output_location: place.output_location };
    let api = connect().await?;
    let mut teller = Teller::new();
    let limits = Limits { scanned_bytes: arguments.max_scan_bytes };
    let outcome = execute(&api, &request, limits, ended_early(arguments.time_limit), &TokioTimer, |progress| teller.tell(progress)).await;
    teller.end();
    let finished = outcome.map_err(|error| trouble(&error))?;
    if let Some(place) = finished.moved_from(&request) {
        terminal::say(format_args!("the workgroup enforces its own settings: --output-location was passed over, and the result is {}", printable(place)));
    }
    // Nothing runs in Athena any more: an interruption ends the program as it ends any other.
    let answer = async {
        let rows = rows(&api, &finished).await.map_err(|error| trouble(&error))?;
        let batches = rows.batches.map(|batch| batch.map_err(QueryError::from)).boxed();
        write(QueryResult::new(rows.schema, batches)).await
    };
    tokio::select! {
        answer = answer => answer?,
        _ = tokio::signal::ctrl_c() => {
            return Err(Trouble::failed("interrupted while the rows were read").next(format_args!("the answer stays in Athena: query {}", finished.id)));
        }
    }
    terminal::say(bill(&finished));
    Ok(Exit::Done)
}

/// What there is to ask, without asking anybody.
pub(crate) fn list() -> Result<Exit, Trouble> {
    let mut lines = vec!["Name one with --view, or ask in SQL.".to_owned()];
    let views = VIEWS.iter().map(|view| (view.name, view.description()));
    lines.push("\nViews:".to_owned());
    lines.extend(views.map(|(name, description)| format!("  {name:<24}  {description}")));
    lines.push("\nTables:".to_owned());
    lines.extend(tables::every().map(|table| format!("  {:<24}  {}", table.name, table.description)));
    lines.push("\nSaved queries, in the console of Athena:".to_owned());
    lines.extend(QUERIES.iter().map(|query| format!("  {:<29}  {}", query.name, query.description())));
    lines.push(String::new());
    terminal::print(&lines.join("\n"))?;
    Ok(Exit::Done)
}

async fn ended_early(limit: Option<Duration>) -> StopReason {
    match limit {
        None => interrupted().await,
        Some(limit) => tokio::select! {
            reason = interrupted() => reason,
            () = TokioTimer.sleep(limit) => StopReason::TimeLimit(limit),
        },
    }
}

/// What it came to, for stderr.
fn bill(finished: &Finished) -> String {
    let seconds = finished.execution.milliseconds.map_or_else(String::new, |milliseconds| {
        let tenths = (milliseconds + 50) / 100;
        format!(" in {}.{} s", tenths / 10, tenths % 10)
    });
    format!("Athena: {}{seconds} (query {})", finished.scanned(), printable(&finished.id.0))
}

/// Tells on stderr how a query gets on: on a terminal in one line that changes, elsewhere a line for each new state.
struct Teller {
    bar: Option<ProgressBar>,
    told: Option<State>,
}

impl Teller {
    fn new() -> Self {
        Self { bar: std::io::stderr().is_terminal().then(ProgressBar::new_spinner), told: None }
    }

    fn tell(&mut self, progress: Progress<'_>) {
        match &self.bar {
            Some(bar) => {
                let seconds = bar.elapsed().as_secs();
                bar.set_message(format!("Athena: {}, {} read, {seconds} s", progress.state.as_str(), indicatif::BinaryBytes(progress.bytes_scanned)));
                bar.tick();
            }
            None if self.told.as_ref() == Some(progress.state) || *progress.state == State::Succeeded => {}
            None => {
                terminal::say(format_args!("Athena: {} (query {})", progress.state.as_str(), printable(&progress.id.0)));
                self.told = Some(progress.state.clone());
            }
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
