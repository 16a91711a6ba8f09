//! What a run came to: for people on stdout, or as one JSON object.

use std::fmt::Write as _;

use kms_insights_lake::{Lake, publish::PublishedRun, staging::StagedRunEntry};
use kms_insights_model::{AccountOutcome, RunId, RunStatus};
use serde_json::json;

use crate::{
    collect::SummaryFormat,
    exit::{Exit, Trouble},
    terminal::{counted, grouped, printable, program, quoted, say},
};

/// The command that goes on with a run. The role and how the lake is written are remembered with the run.
pub(crate) fn resume_command(lake: &Lake, run: &RunId) -> String {
    format!("{} collect --lake {} --resume {run}", program(), quoted(&lake.location().to_string()))
}

/// What to do with a lake that was just written.
pub(crate) fn next_commands(run: &PublishedRun, lake: &Lake) -> String {
    let (program, place) = (program(), quoted(&lake.location().to_string()));
    let ask = format!("Ask it: {program} query --lake {place} --view key_overview\n");
    match run.status {
        RunStatus::Complete => ask,
        RunStatus::Partial => format!("{ask}Read what lacks: {}\n", resume_command(lake, &run.run_id)),
    }
}

/// What a person must know who reads only some accounts or Regions into a lake whose views show a whole run: they go on showing that one.
pub(crate) async fn not_shown(run: &PublishedRun, lake: &Lake) -> Option<String> {
    let selection = run.row.selection.as_deref()?;
    // The run is published: that the lake cannot be read now is no matter of this run.
    let shown = lake.shown_run(run.row.organization_id.as_deref()).await.ok().flatten().filter(|shown| shown.run_id != run.row.run_id)?;
    Some(format!(
        "warning: this run is limited to {}; the views go on showing {}, the latest run of everything\n   next: ask the tables for it with WHERE run_id = '{}', or collect without a selection",
        printable(selection),
        shown.run_id,
        run.run_id
    ))
}

/// How many accounts and findings a person is shown; the tables hold the rest.
const SHOWN: usize = 8;

/// How the program ends after a published run.
pub(crate) const fn exit(run: &PublishedRun) -> Exit {
    match run.status {
        RunStatus::Complete => Exit::Done,
        RunStatus::Partial => Exit::Partial,
    }
}

/// Prints the summary; `lake` says where it is.
pub(crate) fn print(run: &PublishedRun, lake: &str, format: SummaryFormat) -> Result<(), Trouble> {
    let text = match format {
        SummaryFormat::Human => human(run, lake),
        SummaryFormat::Json => format!("{}\n", json(run, lake)),
    };
    crate::terminal::print(&text)?;
    if let Some(error) = &run.cleanup_error {
        say(format_args!("warning: {}", printable(&error.to_string())));
    }
    Ok(())
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The summary for people. The order is that of the questions: is it whole, what lacks, what was found, where is it.
pub(crate) fn human(run: &PublishedRun, lake: &str) -> String {
    let row = &run.row;
    let mut text = String::new();
    let took = (row.finished_at - row.started_at).num_seconds().max(0);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Run {} is {}, in {}.", run.run_id, run.status, duration(took));
    let by_outcome = |outcome| run.accounts.get(&outcome).copied().unwrap_or_default();
    let outcomes: Vec<String> = [AccountOutcome::Complete, AccountOutcome::Partial, AccountOutcome::Failed, AccountOutcome::Skipped]
        .into_iter()
        .filter(|outcome| by_outcome(*outcome) > 0)
        .map(|outcome| format!("{} {outcome}", grouped(by_outcome(outcome))))
        .collect();
    let _ = writeln!(text, "  accounts  {:>9}   {}", grouped(count(row.accounts_planned)), outcomes.join(", "));
    let _ = writeln!(text, "  Regions   {:>9}   account by account", grouped(count(row.regions_read)));
    let incomplete = if row.keys_incomplete > 0 {
        format!("{} with a fact lacking", grouped(count(row.keys_incomplete)))
    } else if run.facts_lacking.is_empty() {
        "every fact that applies observed".to_owned()
    } else {
        "every fact of these observed".to_owned()
    };
    let _ = writeln!(text, "  keys      {:>9}   {incomplete}", grouped(count(row.keys)));
    if !run.facts_lacking.is_empty() {
        let _ = writeln!(text, "\nWhat lacks (table collection_errors, view coverage_gaps):");
        for (code, number) in &run.facts_lacking {
            let _ = writeln!(text, "  {:>9}   {:<24}{}", grouped(*number), code.as_str(), code.meaning());
        }
    }
    if !run.incomplete_accounts.is_empty() {
        let _ = writeln!(text, "\nAccounts that are not whole:");
        for account in run.incomplete_accounts.iter().take(SHOWN) {
            let name = account.name.as_deref().map(printable).unwrap_or_default();
            let _ = writeln!(text, "  {}  {:<24}  {:<8}{}", account.id, clipped(&name, 24), account.outcome, clipped(&printable(&account.reason), 100));
        }
        more(&mut text, run.incomplete_accounts.len());
    }
    let _ = writeln!(text, "\nFindings: {}", grouped(count(row.findings)));
    for found in run.findings.iter().take(SHOWN) {
        let _ = writeln!(text, "  {:>9}   {:<10}{}", grouped(found.count), found.severity.to_string(), found.rule);
    }
    more(&mut text, run.findings.len());
    let _ = writeln!(text, "\nThe lake is {}.", printable(lake));
    text
}

fn more(text: &mut String, all: usize) {
    if all > SHOWN {
        let _ = writeln!(text, "  {:>9}   more", grouped((all - SHOWN) as u64));
    }
}

fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width { text.to_owned() } else { text.chars().take(width - 1).chain(['…']).collect() }
}

fn duration(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The summary for programs. Its fields are stable: a field may be added, none is renamed or removed.
fn json(run: &PublishedRun, lake: &str) -> serde_json::Value {
    let row = &run.row;
    json!({
        "run_id": run.run_id,
        "status": run.status,
        "lake": lake,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "organization_id": row.organization_id,
        "scope": row.scope,
        "selection": row.selection,
        "resumed_from": row.resumed_from,
        "accounts": {
            "planned": row.accounts_planned,
            "complete": row.accounts_complete,
            "partial": row.accounts_partial,
            "failed": row.accounts_failed,
            "skipped": row.accounts_skipped,
        },
        "regions_read": row.regions_read,
        "keys": row.keys,
        "keys_incomplete": row.keys_incomplete,
        "facts_lacking": run.facts_lacking.iter().map(|(code, count)| (code.as_str(), count)).collect::<std::collections::BTreeMap<_, _>>(),
        "incomplete_accounts": run.incomplete_accounts.iter().map(|account| json!({
            "account_id": account.id, "name": account.name, "outcome": account.outcome, "reason": account.reason,
        })).collect::<Vec<_>>(),
        "findings": run.findings.iter().map(|found| json!({
            "severity": found.severity.to_string(), "rule": found.rule, "count": found.count,
        })).collect::<Vec<_>>(),
    })
}

/// The runs that `--resume` takes, a line each, and those that can no longer be resumed.
pub(crate) fn resumable(staged: &[StagedRunEntry]) -> String {
    if staged.is_empty() {
        return "The lake has no run that could be resumed.\n".to_owned();
    }
    let line = |entry: &StagedRunEntry| match entry {
        StagedRunEntry::Sound(run) => {
            let state = if run.published { "published as partial" } else { "stopped before it was published" };
            format!("{}  {}, {state}\n", run.info.run_id, counted(run.info.accounts.len() as u64, "account"))
        }
        StagedRunEntry::Damaged { run_id, reason } => format!("{run_id}  damaged: {}\n", printable(reason)),
    };
    staged.iter().map(line).collect()
}
