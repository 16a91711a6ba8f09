//! `kms-insights trail`: the use of keys from CloudTrail log files.

mod desk;
mod output;
mod rows;
mod scan;
mod source;
mod spool;

use std::collections::BTreeMap;

#[cfg(feature = "sandbox")]
use aws_config::SdkConfig;
use clap::{Args, Subcommand, ValueEnum};
use kms_insights_lake::{Lake, LakeLocation};
#[cfg(feature = "sandbox")]
use kms_insights_lake::{S3Access, s3::S3Options};
use kms_insights_policy::ACTIONS;
use kms_insights_trail::{KEY_EVENTS, UseEvents};
use tokio::task::JoinHandle;

use self::{
    rows::{JsonArray, Rows},
    scan::{Job, Outcome},
    source::{Source, Wanted},
};
use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    settings::Settings,
    terminal::say,
};

/// What `trail` takes.
#[derive(Debug, Args)]
pub(crate) struct TrailArguments {
    #[command(subcommand)]
    command: TrailCommand,
}

#[derive(Debug, Subcommand)]
enum TrailCommand {
    /// Read the log files of a trail: who used which key when, for what
    Scan(ScanArguments),
}

/// What `trail scan` takes.
#[derive(Debug, Args)]
pub(crate) struct ScanArguments {
    /// Where the log files are: a folder, or a bucket and prefix on S3, of an organization's trail, an account's, or a part of either
    #[arg(value_name = "S3-URL|DIR")]
    source: String,
    #[command(flatten)]
    lake: LakeArguments,
    /// Only log files from this day on, as they are filed: YYYY-MM-DD, in UTC
    #[arg(long, value_name = "DATE")]
    since: Option<chrono::NaiveDate>,
    /// Only log files up to this day
    #[arg(long, value_name = "DATE")]
    until: Option<chrono::NaiveDate>,
    /// Only log files of these accounts
    #[arg(long, env = "KMS_INSIGHTS_ACCOUNTS", value_delimiter = ',', value_name = "ID,…")]
    accounts: Vec<String>,
    /// Only log files of these Regions
    #[arg(long, env = "KMS_INSIGHTS_REGIONS", value_delimiter = ',', value_name = "REGION,…")]
    regions: Vec<String>,
    /// Which events count as uses [default: the cryptographic operations]
    #[arg(long, env = "KMS_INSIGHTS_USE_EVENTS", value_delimiter = ',', value_name = "EVENT,…")]
    use_events: Vec<String>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// What goes to stdout: a summary, or the daily rows as JSON
    #[arg(long, value_enum, default_value = "human")]
    format: ScanFormat,
}

/// What a scan prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScanFormat {
    /// What was read, and the keys that were used most.
    Human,
    /// The rows of daily usage: an array of objects.
    Json,
}

/// Runs the command.
pub(crate) async fn run(arguments: TrailArguments, settings: Settings) -> Result<Exit, Trouble> {
    match arguments.command {
        TrailCommand::Scan(arguments) => run_scan(arguments, settings).await,
    }
}

async fn run_scan(arguments: ScanArguments, settings: Settings) -> Result<Exit, Trouble> {
    let location: LakeLocation = arguments.source.parse().map_err(Trouble::usage)?;
    let wanted = Wanted {
        since: arguments.since,
        until: arguments.until,
        accounts: crate::collect::parsed("--accounts", &arguments.accounts)?.into_iter().collect(),
        regions: crate::collect::parsed("--regions", &arguments.regions)?.into_iter().collect(),
    };
    if let (Some(since), Some(until)) = (wanted.since, wanted.until)
        && since > until
    {
        return Err(Trouble::usage(format_args!("--since {since} is after --until {until}")));
    }
    let use_events = use_events(&arguments.use_events, &settings)?;
    let is_with_lake = arguments.lake.is_named(&settings);
    let lake = if is_with_lake { Some(arguments.lake.open_or_create(&settings).await?) } else { None };
    let source = Source::open(&location, &arguments.lake, &settings).await?;
    let rows = match arguments.format {
        ScanFormat::Json => Rows::ToStdout(JsonArray::default()),
        ScanFormat::Human => Rows::ByKey(BTreeMap::new()),
    };
    let job = Job { source, wanted, use_events, lake, rows };
    let outcome = scan::scan(job, !arguments.quiet).await?;
    output::report_problems(&outcome);
    if let Rows::ByKey(keys) = &outcome.rows {
        output::print_summary(&outcome, keys)?;
    }
    Ok(if outcome.is_whole() { Exit::Done } else { Exit::Partial })
}

/// As the flag says, else the settings, else the cryptographic operations.
fn use_events(given: &[String], settings: &Settings) -> Result<UseEvents, Trouble> {
    match &settings.use_events {
        _ if !given.is_empty() => named_events(given.iter().map(|name| name.trim())),
        Some(set) => named_events(set.iter().map(String::as_str)),
        None => Ok(UseEvents::default()),
    }
}

/// The events of these names. A name that KMS does not record would count nothing, and nobody would know.
fn named_events<'n>(names: impl Iterator<Item = &'n str>) -> Result<UseEvents, Trouble> {
    let known = || ACTIONS.iter().map(|action| action.name).chain(KEY_EVENTS.iter().copied());
    names
        .map(|name| {
            if known().any(|known| known == name) {
                return Ok(name);
            }
            let meant = known().find(|known| known.eq_ignore_ascii_case(name)).map(|meant| format!("; {meant} is meant?")).unwrap_or_default();
            Err(Trouble::usage(format_args!("--use-events: KMS records no event named {name}{meant}")))
        })
        .collect()
}

/// So many days back a collection looks for log files that were not read yet.
const DAYS_BESIDE_COLLECTION: u64 = 90;

/// A scan that runs beside a collection.
pub(crate) struct ScanBeside(JoinHandle<Result<Outcome, Trouble>>);

/// Begins to scan the log files of the last days into the lake of a collection. `given` names the events that count as uses, where the flag does.
pub(crate) async fn beside_collection(
    source: &str,
    given: &[String],
    arguments: &LakeArguments,
    settings: &Settings,
    lake: &Lake,
) -> Result<ScanBeside, Trouble> {
    let location: LakeLocation = source.parse().map_err(|error| Trouble::usage(format_args!("--trail: {error}")))?;
    let source = Source::open(&location, arguments, settings).await?;
    let since = chrono::Utc::now().date_naive().checked_sub_days(chrono::Days::new(DAYS_BESIDE_COLLECTION));
    let wanted = Wanted { since, ..Wanted::default() };
    let job = Job { source, wanted, use_events: use_events(given, settings)?, lake: Some(lake.clone()), rows: Rows::ToLake };
    Ok(ScanBeside(tokio::spawn(scan::scan(job, false))))
}

/// Begins to scan all log files of a bucket of the simulated organization.
#[cfg(feature = "sandbox")]
pub(crate) fn beside_demo(bucket: &str, config: SdkConfig, lake: &Lake) -> Result<ScanBeside, Trouble> {
    let location = LakeLocation::S3 { bucket: bucket.to_owned(), prefix: String::new() };
    let source = Source::on_s3(&location, &S3Access { config, options: S3Options::default() })?;
    let job = Job { source, wanted: Wanted::default(), use_events: UseEvents::default(), lake: Some(lake.clone()), rows: Rows::ToLake };
    Ok(ScanBeside(tokio::spawn(scan::scan(job, false))))
}

impl ScanBeside {
    /// Waits for its end; whether all that the log files say is known. What went wrong with it does not keep a snapshot from being published: it is told.
    pub(crate) async fn ended(self) -> bool {
        let outcome = self.0.await.unwrap_or_else(|error| Err(Trouble::failed(format_args!("the program has a defect: {error}"))));
        match outcome {
            Ok(outcome) => {
                output::report_problems(&outcome);
                outcome.is_whole()
            }
            Err(trouble) => {
                say(format_args!(
                    "warning: the trail's log files could not be scanned, and the snapshot knows of them what earlier scans found: {}",
                    trouble.message
                ));
                if let Some(step) = trouble.next_step {
                    say(format_args!(" next: {step}"));
                }
                false
            }
        }
    }
}
