//! `kms-insights diff`.

use clap::Args;
use kms_insights_query::QueryError;
use kms_insights_report::diff::{Diff, choose};

use crate::{
    exit::{Exit, Trouble},
    lake::{self, LakeArguments},
    query,
    settings::Settings,
    sheet::{Format, SheetArguments},
};

/// What `diff` takes.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// A run: its id or the beginning of it, the day of its snapshot, `latest` or `previous`
    #[arg(value_name = "RUN1", default_value = "previous")]
    first: String,
    /// The run to compare it with
    #[arg(value_name = "RUN2", default_value = "latest")]
    second: String,
    #[command(flatten)]
    lake: LakeArguments,
    #[command(flatten)]
    sheet: SheetArguments,
}

/// Compares two runs and writes what changed.
pub(crate) async fn run(arguments: DiffArguments, settings: Settings) -> Result<Exit, Trouble> {
    let lake = arguments.lake.open(&settings).await?;
    let runs = lake.published_runs().await.map_err(|error| lake::trouble(&error))?;
    if runs.is_empty() {
        return Err(query::trouble(&QueryError::EmptyLake { lake: lake.location().to_string() }));
    }
    let pair = choose(&runs, Some(&arguments.first), Some(&arguments.second)).map_err(|error| {
        let trouble = if error.is_usage() { Trouble::usage(&error) } else { Trouble::failed(format_args!("{}: {error}", lake.location())) };
        trouble.next("name a run by its id or the beginning of it, by the day of its snapshot, or as latest or previous")
    })?;
    let failed = |error: QueryError| query::trouble(&error);
    let diff = Diff::open(&lake, arguments.sheet.engine(), pair).await.map_err(failed)?;
    match arguments.sheet.format {
        Format::Table => arguments.sheet.put(&diff.sheet().await.map_err(failed)?.text())?,
        Format::Markdown => arguments.sheet.put(&diff.sheet().await.map_err(failed)?.markdown())?,
        Format::Json => arguments.sheet.put(&diff.json().await.map_err(failed)?)?,
        Format::Csv => arguments.sheet.put_rows(diff.result().await.map_err(failed)?).await?,
    }
    Ok(Exit::Done)
}
