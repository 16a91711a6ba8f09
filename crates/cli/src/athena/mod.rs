//! `kms-insights athena`, and what `query --engine athena` shares with it.

#[cfg(feature = "sql")]
pub(crate) mod query;
mod setup;

use std::sync::Arc;

use clap::{Args, Subcommand};
use kms_insights_athena::{AthenaError, AwsAthena, Database, InvalidName, OutputLocation, StopReason, WorkGroup};

use crate::{
    exit::{Exit, Trouble},
    settings::Settings,
    terminal,
};

/// What `athena` takes.
#[derive(Debug, Args)]
pub(crate) struct AthenaCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make or update database, tables, views and saved queries over a lake on S3
    ///
    /// It can be run again at any time: what is as it should be is left alone, tables that changed are replaced (they are external, so that no data goes with them), views are always replaced, since
    /// Athena tells nobody what they are. docs/athena.md has the permissions.
    Setup(setup::SetupArguments),
}

/// Runs a command of `athena`.
pub(crate) async fn run(command: AthenaCommand, settings: Settings) -> Result<Exit, Trouble> {
    match command.action {
        Action::Setup(arguments) => setup::run(arguments, &settings).await,
    }
}

/// Where Athena works.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlaceArguments {
    /// Athena's database; `kms_insights_database` where not given
    #[arg(long, env = "KMS_INSIGHTS_DATABASE", value_name = "NAME")]
    database: Option<String>,
    /// Athena's workgroup; `primary` where not given
    #[arg(long, env = "KMS_INSIGHTS_WORKGROUP", value_name = "NAME")]
    workgroup: Option<String>,
    /// Where Athena leaves results, where the workgroup does not say
    #[arg(long, env = "KMS_INSIGHTS_OUTPUT_LOCATION", value_name = "S3-URL")]
    output_location: Option<String>,
}

/// The same, where each is what it should be.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) database: Database,
    pub(crate) workgroup: WorkGroup,
    pub(crate) output_location: Option<OutputLocation>,
}

impl PlaceArguments {
    /// From the flags or the settings.
    pub(crate) fn place(&self, settings: &Settings) -> Result<Place, Trouble> {
        fn parse<T: std::str::FromStr<Err = InvalidName>>(name: &str, flag: Option<&String>, set: Option<&String>) -> Result<Option<T>, Trouble> {
            flag.or(set).map(|text| text.parse()).transpose().map_err(|error| Trouble::usage(format_args!("{name}: {error}")))
        }
        Ok(Place {
            database: parse("--database", self.database.as_ref(), settings.database.as_ref())?.unwrap_or_default(),
            workgroup: parse("--workgroup", self.workgroup.as_ref(), settings.workgroup.as_ref())?.unwrap_or_default(),
            output_location: parse("--output-location", self.output_location.as_ref(), settings.output_location.as_ref())?,
        })
    }
}

/// Athena in the Region of the AWS settings.
async fn connect() -> Result<Arc<AwsAthena>, Trouble> {
    let config = kms_insights_collect::aws::load_regional_config()
        .await
        .ok_or_else(|| Trouble::usage("no Region is configured, and each has databases of its own").next("set AWS_REGION, or choose a profile that has one"))?;
    Ok(Arc::new(AwsAthena::new(&config)))
}

/// The first Ctrl-C. A second one ends the program at once, whatever Athena was told.
async fn interrupted() -> StopReason {
    // Without a handler the signal ends the program in the system's own way.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            terminal::say("ended at once; a query that is under way in Athena may go on");
            std::process::exit(130);
        }
    });
    terminal::say("stopping: Athena is told; Ctrl-C once more ends this at once");
    StopReason::Interrupted
}

/// A failure of Athena with its next step.
pub(crate) fn trouble(error: &AthenaError) -> Trouble {
    let trouble = if error.is_usage() { Trouble::usage(error) } else { Trouble::failed(error) };
    match error.next_step() {
        Some(step) => trouble.next(step),
        None => trouble,
    }
}
