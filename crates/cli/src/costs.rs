//! `kms-insights costs`.

use clap::Args;
use kms_insights_report::costs::{Costs, CostsError};

use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    query,
    settings::Settings,
    sheet::{Format, SheetArguments},
};

/// What `costs` takes.
#[derive(Debug, Args)]
pub(crate) struct CostsArguments {
    /// Divide the bill by this tag; without it, by every tag that keys bear
    #[arg(long, value_name = "KEY")]
    tag: Option<String>,
    #[command(flatten)]
    lake: LakeArguments,
    #[command(flatten)]
    sheet: SheetArguments,
}

/// Adds up what the keys cost.
pub(crate) async fn run(arguments: CostsArguments, settings: Settings) -> Result<Exit, Trouble> {
    let lake = arguments.lake.open(&settings).await?;
    let failed = |error: CostsError| match error {
        CostsError::NoSuchTag { .. } => Trouble::usage(&error),
        CostsError::Query(error) => query::trouble(&error),
        error => Trouble::failed(&error),
    };
    let costs = Costs::open(&lake, arguments.sheet.engine(), arguments.tag).await.map_err(failed)?;
    match arguments.sheet.format {
        Format::Table => arguments.sheet.put(&costs.sheet().await.map_err(failed)?.text())?,
        Format::Markdown => arguments.sheet.put(&costs.sheet().await.map_err(failed)?.markdown())?,
        Format::Json => arguments.sheet.put(&costs.json().await.map_err(failed)?)?,
        Format::Csv => arguments.sheet.put_rows(costs.result().await.map_err(failed)?).await?,
    }
    Ok(Exit::Done)
}
