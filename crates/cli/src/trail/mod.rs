//! `kms-insights trail`: the use of keys from CloudTrail log files.

mod output;
mod scan;
mod source;

use clap::{Args, Subcommand, ValueEnum};
use kms_insights_lake::LakeLocation;
use kms_insights_trail::UseEvents;

use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    settings::Settings,
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
    let wanted = source::Wanted {
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
    let use_events = match (&arguments.use_events, &settings.use_events) {
        (given, _) if !given.is_empty() => given.iter().map(|name| name.trim().to_owned()).collect(),
        (_, Some(set)) => set.iter().cloned().collect(),
        _ => UseEvents::default(),
    };
    let is_with_lake = arguments.lake.is_named(&settings);
    let lake = if is_with_lake { Some(arguments.lake.open_or_create(&settings).await?) } else { None };
    let source = source::Source::open(&location, &arguments.lake, &settings).await?;
    let job = scan::Job { source, wanted, use_events, lake, keeps_rows: !is_with_lake || arguments.format == ScanFormat::Json };
    let outcome = scan::scan(job, !arguments.quiet).await?;
    output::report_problems(&outcome);
    match arguments.format {
        ScanFormat::Json => output::print_rows(&outcome.rows)?,
        ScanFormat::Human => output::print_summary(&outcome)?,
    }
    Ok(if outcome.is_whole() { Exit::Done } else { Exit::Partial })
}
