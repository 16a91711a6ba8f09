//! `kms-insights trace`: what a key was made for, by whom, and what uses it, from what `collect` and `trail scan` wrote to the lake.
//!
//! [`reading`] asks the lake, and [`report`] makes the answer of that: no other part of it knows of a lake, a terminal or the time.

mod change;
mod conclusion;
mod facts;
#[cfg(test)]
mod fixture;
mod human;
mod layout;
mod making;
mod name;
mod policy_change;
mod reading;
mod report;
mod service;
mod through;
mod timeline;
mod trail_end;
mod usage;
mod who;

use std::{io::IsTerminal, sync::Arc};

use clap::{Args, ValueEnum};
use kms_insights_model::{AccountId, KeyArn, Region};

use self::{
    name::KeyName,
    reading::{Candidate, ShownRuns},
    report::Report,
};
use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    ledger::Ledger,
    settings::Settings,
    terminal::{self, counted, quoted},
};

/// What a trace may hold in memory, in MiB, before it spills to disk.
const MEMORY: usize = 512;
/// How wide an answer is that is not for a terminal.
const WIDTH: usize = 120;
/// A terminal's width is used between these.
const WIDTHS: std::ops::RangeInclusive<usize> = 72..=160;
/// So many keys are named that a name may stand for.
const MOST_CANDIDATES: usize = 20;

/// What `trace` takes.
#[derive(Debug, Args)]
pub(crate) struct TraceArguments {
    /// The key: its id, its ARN, an alias, or an alias' ARN
    #[arg(value_name = "KEY|ALIAS|ARN")]
    key: String,
    #[command(flatten)]
    lake: LakeArguments,
    /// The account of the key, where the name alone does not tell
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The key's Region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The form of the answer
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A conclusion, a timeline, what uses the key, and what is not known.
    Human,
    /// One object; docs/trace.md describes it.
    Json,
}

pub(crate) use self::reading::Question;

impl Question {
    /// What is asked for by a name, and by the account and Region where the name alone does not tell.
    pub(crate) fn parse(key: &str, account: Option<&str>, region: Option<&str>) -> Result<Self, Trouble> {
        let name: KeyName = key.parse().map_err(|error| {
            Trouble::usage(error).next("name it by its id, its ARN (arn:aws:kms:REGION:ACCOUNT:key/ID), an alias (alias/NAME) or an alias' ARN")
        })?;
        let account: Option<AccountId> =
            account.map(|text| text.trim().parse().map_err(|error| Trouble::usage(format_args!("--account: {error}")))).transpose()?;
        let region: Option<Region> = region.map(|text| text.trim().parse().map_err(|error| Trouble::usage(format_args!("--region: {error}")))).transpose()?;
        Ok(Self { name, account, region })
    }
}

/// The key that is asked for, in the lake at `place`.
pub(crate) async fn find(ledger: &Ledger, question: &Question, place: &str) -> Result<KeyArn, Trouble> {
    let shown = ShownRuns::read(ledger).await?;
    Ok(the_only(reading::candidates(ledger, question, &shown).await?, question, &shown, place)?.key)
}

/// All that is told of the key that is asked for, in the lake at `place`.
pub(crate) async fn report(ledger: &Ledger, question: &Question, place: &str) -> Result<Report, Trouble> {
    let shown = ShownRuns::read(ledger).await?;
    let candidate = the_only(reading::candidates(ledger, question, &shown).await?, question, &shown, place)?;
    let facts = reading::facts(ledger, candidate, &shown).await?;
    Ok(Report::of(&facts, place, &terminal::program()))
}

/// Runs the command.
pub(crate) async fn run(arguments: TraceArguments, settings: Settings) -> Result<Exit, Trouble> {
    let question = Question::parse(&arguments.key, arguments.account.as_deref(), arguments.region.as_deref())?;
    let lake = arguments.lake.open(&settings).await?;
    let ledger = Ledger::new(Arc::new(crate::query::open(&lake, MEMORY).await?));
    let report = report(&ledger, &question, &lake.location().to_string()).await?;
    match arguments.format {
        Format::Human => terminal::print(&human::text(&report, width()))?,
        Format::Json => print_json(&report)?,
    }
    Ok(if report.lacks_log_files() { Exit::Partial } else { Exit::Done })
}

fn width() -> usize {
    let columns = terminal_size::terminal_size().filter(|_| std::io::stdout().is_terminal());
    columns.map_or(WIDTH, |(terminal_size::Width(columns), _)| usize::from(columns).clamp(*WIDTHS.start(), *WIDTHS.end()))
}

fn print_json(report: &Report) -> Result<(), Trouble> {
    let text = serde_json::to_string_pretty(report).map_err(|error| Trouble::failed(format_args!("the answer: {error}")))? + "\n";
    terminal::print(&terminal::printable_json(&text))
}

/// The one key that a name stands for.
fn the_only(mut candidates: Vec<Candidate>, question: &Question, shown: &ShownRuns, lake: &str) -> Result<Candidate, Trouble> {
    let name = &question.name;
    match (candidates.pop(), candidates.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(unknown(question, shown, lake)),
        (Some(last), _) => {
            candidates.push(last);
            let shown: Vec<String> = candidates.iter().take(MOST_CANDIDATES).map(|candidate| format!("\n  {}", candidate.key)).collect();
            let more = candidates.len().saturating_sub(MOST_CANDIDATES);
            let more = if more > 0 { format!("\n  and {}", counted(more as u64, "more key")) } else { String::new() };
            Err(Trouble::usage(format_args!("{name} is the name of {}:{}{more}", counted(candidates.len() as u64, "key"), shown.concat()))
                .next("name one of them by its ARN, or say which with --account and --region"))
        }
    }
}

/// Where a key was looked for that was found nowhere.
fn unknown(question: &Question, shown: &ShownRuns, lake: &str) -> Trouble {
    let account = question.account.map(|account| format!(" of account {account}")).unwrap_or_default();
    let region = question.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    let inventory = match shown.days().as_slice() {
        [] => "the lake has no inventory".to_owned(),
        days => format!("the inventory of {} and those before it do not list it", days.join(", ")),
    };
    let what = if question.name.alias().is_some() { "no key of that name" } else { "no such key" };
    Trouble::failed(format_args!("{}: {what}{account}{region} in {lake}: {inventory}, and no log file that was read tells of it", question.name)).next(format_args!(
        "check the name; read its account with `{program} collect --lake {lake}`, and the trail's log files with `{program} trail scan SOURCE --lake {lake}`",
        program = terminal::program(),
        lake = quoted(lake),
    ))
}
