//! `kms-insights collect`.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use kms_insights_collect::{
    Event, LastUsageBudget, Observer, Options, RetryPolicy, Stop,
    aws::{self, AwsCloud, MemberRole},
    plan::AccountSelection,
};
use kms_insights_lake::{Lake, tables};
use kms_insights_model::{AccountId, Region, RunId};

use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    pipeline::{self, EarlierRole, Job, Remembered, Resume},
    progress::Style,
    settings::Settings,
    summary,
    terminal::say,
    trail,
};

/// The role's name where nothing else is said.
pub(crate) const DEFAULT_ROLE: &str = "kms-insights-reader";

/// How long CloudTrail's event history may be asked in each account and Region where nothing else is said: some 1,200 requests.
pub(crate) const LOOKUP_BUDGET: Duration = Duration::from_mins(10);

/// What `collect` takes.
#[derive(Debug, Args)]
pub(crate) struct CollectArguments {
    #[command(flatten)]
    lake: LakeArguments,
    /// Only these accounts, whether or not Organizations lists them
    #[arg(long, env = "KMS_INSIGHTS_ACCOUNTS", value_delimiter = ',', value_name = "ID,…")]
    accounts: Option<Vec<String>>,
    /// Only accounts in these organizational units or below: ids (ou-…) or paths (/Workloads/Prod)
    #[arg(long, env = "KMS_INSIGHTS_OU", value_delimiter = ',', value_name = "OU,…")]
    ou: Option<Vec<String>>,
    /// Only these Regions, instead of those enabled for each account
    #[arg(long, env = "KMS_INSIGHTS_REGIONS", value_delimiter = ',', value_name = "REGION,…")]
    regions: Option<Vec<String>>,
    /// The role to assume in each account, with its path if it has one [default: kms-insights-reader]
    #[arg(long, env = "KMS_INSIGHTS_ROLE_NAME", value_name = "NAME")]
    role_name: Option<String>,
    /// The external id that the role's trust policy asks for
    #[arg(long, env = "KMS_INSIGHTS_EXTERNAL_ID", value_name = "ID", hide_env_values = true)]
    external_id: Option<String>,
    /// How many accounts are read at once [default: 10]
    #[arg(long, env = "KMS_INSIGHTS_CONCURRENCY", value_parser = at_least_one, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
    /// Leave out AWS managed keys
    #[arg(long, env = "KMS_INSIGHTS_CUSTOMER_MANAGED_ONLY")]
    customer_managed_only: bool,
    /// How long to read last usages in each account and Region, at five a second: 10m, 2h, 0s for none [default: no bound]
    #[arg(long, env = "KMS_INSIGHTS_LAST_USAGE_BUDGET", value_name = "DURATION")]
    last_usage_budget: Option<String>,
    /// How long to look through CloudTrail's event history in each account and Region, at two requests a second, for keys whose last usage KMS does not say; 0s for not at all [default: 10m]
    #[arg(long, env = "KMS_INSIGHTS_LOOKUP_BUDGET", value_name = "DURATION")]
    lookup_budget: Option<String>,
    /// The share of AWS's request quotas to use: 0.5 leaves half to others, more than 1 is for quotas that AWS raised [default: 1]
    #[arg(long, env = "KMS_INSIGHTS_QUOTA_SHARE", value_name = "SHARE")]
    quota_share: Option<f64>,
    /// How many requests may be under way at once; half as many again for last usages
    #[arg(long, env = "KMS_INSIGHTS_MAX_REQUESTS", default_value = "512", value_parser = at_least_one, value_name = "N")]
    max_requests: NonZeroUsize,
    /// How long one attempt at a request may take
    #[arg(long, env = "KMS_INSIGHTS_REQUEST_TIMEOUT", default_value = "20s", value_parser = some_time, value_name = "DURATION")]
    request_timeout: Duration,
    /// How long the reading of one account may take, last usage apart
    #[arg(long, env = "KMS_INSIGHTS_ACCOUNT_DEADLINE", default_value = "4h", value_parser = some_time, value_name = "DURATION")]
    account_deadline: Duration,
    /// The log files of the organization's trail, which say who used each key for what: a bucket and prefix on S3, or a folder. Those of the last 90 days that were
    /// not read yet are scanned before the snapshot is published; `trail scan` reads older ones
    #[arg(long, env = "KMS_INSIGHTS_TRAIL", value_name = "S3-URL|DIR")]
    trail: Option<String>,
    /// Which events of these log files count as uses [default: the cryptographic operations]
    #[arg(long, env = "KMS_INSIGHTS_USE_EVENTS", value_delimiter = ',', value_name = "EVENT,…")]
    use_events: Vec<String>,
    /// Go on with a run that was stopped or is partial, reading only what lacks of what it was to read; without a value, list such runs
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "")]
    resume: Option<String>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// The form of the closing summary on stdout; json also makes the progress on stderr JSON lines
    #[arg(long, value_enum, default_value = "human")]
    format: SummaryFormat,
}

/// What `--resume` asks for.
enum Wish {
    /// It is not given.
    NewRun,
    /// It has no value: which runs could be resumed?
    ListResumable,
    /// This run.
    Resume(RunId),
}

/// The form of a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// For people.
    Human,
    /// For programs: one object.
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error} (examples: 90s, 10m, 2h)"))
}

/// A duration in which something can be done.
fn some_time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| if time.is_zero() { Err("nothing can be read in no time".to_owned()) } else { Ok(time) })
}

/// Whether IAM admits the name of a role, with its path if it has one. Source: IAM API Reference, `CreateRole`.
fn is_role_name(name: &str) -> bool {
    let name = name.trim_start_matches('/');
    let (path, name) = name.rsplit_once('/').unwrap_or(("", name));
    let sound = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(sound) && path.len() <= 510 && path.chars().all(|c| c.is_ascii_graphic())
}

/// A count that cannot be zero.
pub(crate) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "a whole number from 1".to_owned())
}

pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(flag: &str, texts: &[String]) -> Result<Vec<T>, Trouble> {
    texts.iter().map(|text| text.trim().parse().map_err(|error| Trouble::usage(format_args!("{flag}: {error}")))).collect()
}

impl CollectArguments {
    fn options(&self, settings: &Settings) -> Result<Options, Trouble> {
        let list = |flag: Option<&Vec<String>>, setting: Option<&Vec<String>>| flag.or(setting).cloned().unwrap_or_default();
        let accounts: Vec<AccountId> = parsed("--accounts", &list(self.accounts.as_ref(), settings.accounts.as_ref()))?;
        let regions: Vec<Region> = parsed("--regions", &list(self.regions.as_ref(), settings.regions.as_ref()))?;
        let last_usage = match self.last_usage_budget.as_ref().or(settings.last_usage_budget.as_ref()) {
            None => LastUsageBudget::Unlimited,
            Some(text) => LastUsageBudget::PerRegion(duration(text).map_err(|error| Trouble::usage(format_args!("--last-usage-budget {text:?}: {error}")))?),
        };
        let lookup_budget = match self.lookup_budget.as_ref().or(settings.lookup_budget.as_ref()) {
            None => LOOKUP_BUDGET,
            Some(text) => duration(text).map_err(|error| Trouble::usage(format_args!("--lookup-budget {text:?}: {error}")))?,
        };
        let quota_share = self.quota_share.or(settings.quota_share).unwrap_or(1.0);
        if !(quota_share > 0.0 && quota_share <= 100_000.0) {
            return Err(Trouble::usage(format_args!("--quota-share {quota_share}: must be more than 0 and at most 100000")));
        }
        Ok(Options {
            selection: AccountSelection {
                accounts: accounts.into_iter().collect(),
                organizational_units: list(self.ou.as_ref(), settings.ou.as_ref()),
                earlier: None,
            },
            regions: (!regions.is_empty()).then_some(regions),
            concurrency: self.concurrency.or(settings.concurrency).unwrap_or(const { NonZeroUsize::new(10).unwrap() }),
            customer_managed_only: self.customer_managed_only || settings.customer_managed_only.unwrap_or(false),
            last_usage,
            lookup_budget,
            quota_share,
            max_requests: self.max_requests,
            retry: RetryPolicy { attempt_timeout: self.request_timeout, ..RetryPolicy::default() },
            account_deadline: Some(self.account_deadline),
        })
    }

    /// The role: as told now, else as the resumed run had it.
    fn role(&self, settings: &Settings, resume: Option<&Resume>) -> Result<MemberRole, Trouble> {
        let earlier = resume.map(Resume::role).unwrap_or_default();
        let name = self.role_name.clone().or_else(|| settings.role_name.clone()).or(earlier.name).unwrap_or_else(|| DEFAULT_ROLE.to_owned());
        if !is_role_name(&name) {
            return Err(Trouble::usage(format_args!("--role-name {name:?} is no name of an IAM role"))
                .next("name the role alone, with its path if it has one: kms-insights-reader, audit/kms-insights-reader"));
        }
        Ok(MemberRole {
            name,
            external_id: self.external_id.clone().or_else(|| settings.external_id.clone()).or(earlier.external_id),
            session_name: "kms-insights".to_owned(),
            session_seconds: 3600,
        })
    }

    fn wish(&self) -> Result<Wish, Trouble> {
        match self.resume.as_deref() {
            None => Ok(Wish::NewRun),
            Some("") => Ok(Wish::ListResumable),
            Some(run) => run.parse().map(Wish::Resume).map_err(|error| Trouble::usage(format_args!("--resume: {error}"))),
        }
    }
}

async fn staged_run(lake: &Lake, run: &RunId) -> Result<Resume, Trouble> {
    let staged = lake.staged_run(run).await.map_err(|error| crate::lake::trouble(&error))?.ok_or_else(|| {
        Trouble::usage(format_args!("--resume: the lake has no run {run} that could be resumed"))
            .next("`kms-insights collect --resume` without a value lists those it has")
    })?;
    Ok(if staged.published { Resume::Published(staged.info) } else { Resume::Unpublished(staged.info) })
}

/// Collects, analyzes, publishes, and sums up.
pub(crate) async fn run(arguments: CollectArguments, settings: Settings) -> Result<Exit, Trouble> {
    let mut options = arguments.options(&settings)?;
    // What is wrong with the command line is told before anything is touched.
    arguments.role(&settings, None)?;
    let (lake, resume) = match arguments.wish()? {
        Wish::NewRun => (arguments.lake.open_or_create(&settings).await?, None),
        Wish::ListResumable => {
            let staged = arguments.lake.open(&settings).await?.staged_runs().await;
            crate::terminal::print(&summary::resumable(&staged.map_err(|error| crate::lake::trouble(&error))?))?;
            return Ok(Exit::Done);
        }
        Wish::Resume(run) => {
            let lake = arguments.lake.open(&settings).await?;
            let resume = staged_run(&lake, &run).await?;
            pipeline::take_over(&mut options, &resume)?;
            // What protected the run's objects so far protects those that are still to come.
            (arguments.lake.open_as(&settings, &resume.storage()).await?.unwrap_or(lake), Some(resume))
        }
    };
    let role = arguments.role(&settings, resume.as_ref())?;
    let config = aws::load_config(options.retry.attempt_timeout, options.max_connections()).await;
    let json = arguments.format == SummaryFormat::Json;
    let observer = Style::fitting(json, arguments.quiet).observer();
    let stop = Stop::default();
    stop_on_signal(stop.clone(), Arc::clone(&observer));
    let remembered = Remembered {
        role: EarlierRole { name: Some(role.name.clone()), external_id: role.external_id.clone() },
        storage: arguments.lake.storage(&settings, resume.as_ref().map(Resume::storage)),
    };
    let scan = match arguments.trail.as_ref().or(settings.trail.as_ref()) {
        Some(source) => Some(trail::beside_collection(source, &arguments.use_events, &arguments.lake, &settings, &lake).await?),
        None => None,
    };
    let job = Job { remembered: Some(remembered), options, resume, findings: settings.findings };
    let cloud = Arc::new(AwsCloud::new(config, role, &tables::required_actions()));
    let mut is_trail_whole = true;
    let scanned = async {
        if let Some(scan) = scan {
            is_trail_whole = scan.ended().await;
        }
    };
    let published = pipeline::collect_and_publish(cloud, job, &lake, scanned, observer, stop).await?;
    let mut printed = summary::print(&published, &lake.location().to_string(), arguments.format);
    if let Some(warning) = summary::not_shown(&published, &lake).await {
        say(warning);
    }
    if !json {
        printed = printed.and_then(|()| crate::terminal::print(&summary::next_commands(&published, &lake)));
    }
    // The snapshot is there all the same, and a scheduler must not collect it again.
    if let Err(trouble) = printed {
        say(format_args!("warning: the run {} is published, but its summary could not be printed: {}", published.run_id, trouble.message));
    }
    Ok(match summary::exit(&published) {
        Exit::Done if !is_trail_whole => Exit::Partial,
        exit => exit,
    })
}

/// The first Ctrl-C (or SIGTERM) ends the run cleanly, a second one at once.
pub(crate) fn stop_on_signal(stop: Stop, observer: Observer) {
    tokio::spawn(async move {
        signal().await;
        stop.stop();
        observer(Event::Stopping);
        signal().await;
        std::process::exit(130);
    });
}

pub(crate) async fn signal() {
    #[cfg(unix)]
    {
        if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    // Without a handler the signal ends the program in the system's own way.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
