//! `kms-insights demo`: the main job on a simulated organization, with the real code, ending in answers.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use clap::Args;
use kms_insights_collect::{
    LastUsageBudget, Options, RetryPolicy, Stop,
    aws::{AwsCloud, MemberRole, direct_http_client},
    plan::AccountSelection,
};
use kms_insights_lake::{Lake, LakeLocation, publish::FindingSettings, tables};
use kms_insights_sandbox::{Behaviour, Latency, Organization, Sandbox, TrailSetting};

use crate::{
    collect::{DEFAULT_ROLE, SummaryFormat, stop_on_signal},
    exit::{Exit, Trouble},
    lake::trouble,
    pipeline::{self, Job},
    progress::Style,
    sandbox::ShapeArguments,
    summary,
    terminal::{program, quoted, say},
};

/// What `demo` takes.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Keep the lake in this folder; without it the lake is gone when the demo ends
    #[arg(long, value_parser = folder, value_name = "DIR")]
    lake: Option<PathBuf>,
    #[command(flatten)]
    shape: ShapeArguments,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// The form of the summary; json leaves out the tables
    #[arg(long, value_enum, default_value = "human")]
    format: SummaryFormat,
}

/// An answer at the end.
#[cfg(feature = "sql")]
struct Answer {
    question: &'static str,
    /// The view that has all of it.
    view: &'static str,
    columns: &'static str,
    /// What a person wants to see first: a total order, or the engine would show other rows on another day.
    order: &'static str,
}

#[cfg(feature = "sql")]
const ANSWERS: &[Answer] = &[
    Answer {
        question: "Who outside the owning account can use our keys?",
        view: "external_access",
        columns: "account_id, key_id, way_in, coalesce(principal, source) AS who, trust, capabilities, condition, certainty",
        // Some of each way in, key policies, grants, and keys of which nobody could say; each key once before any key twice, and whoever is furthest away first.
        order: "row_number() OVER (PARTITION BY way_in, key_arn ORDER BY source, principal, condition, certainty), \
            row_number() OVER (PARTITION BY way_in ORDER BY CASE trust WHEN 'public' THEN 0 WHEN 'outside' THEN 1 ELSE 2 END, account_id, key_arn, source, principal, condition, certainty), \
            way_in",
    },
    Answer {
        question: "Which keys is nobody known to use, and what do they cost?",
        view: "unused_keys",
        columns: "account_id, key_id, description, verdict, reason, monthly_cost_usd",
        order: "row_number() OVER (PARTITION BY verdict ORDER BY monthly_cost_usd DESC, account_id, key_arn), verdict",
    },
    Answer {
        question: "Who used which key last, and on what?",
        view: "kms_key_last_used_table",
        columns: "accountnumber, keyid, eventtime, username, eventname, resource",
        // Those of whom it is known, the last first.
        order: "username IS NULL, eventtime DESC, accountnumber, keyid",
    },
    Answer {
        question: "What does this snapshot not know?",
        view: "coverage_gaps",
        columns: "account_id, account_name, region, fact, operation, code, keys_affected",
        order: "account_id, region, fact, operation, code",
    },
];

/// So many days of the trail's log files there are.
const DAYS_OF_LOGS: u32 = 4;

/// So many rows of each answer are shown.
#[cfg(feature = "sql")]
const SHOWN: usize = 8;

/// A folder: `s3://…` would become one of that name.
fn folder(text: &str) -> Result<PathBuf, String> {
    match text.parse() {
        Ok(LakeLocation::Local(folder)) => Ok(folder),
        Ok(LakeLocation::S3 { .. }) => Err("the demo's lake is a folder: a simulated snapshot has no place among real ones".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Starts the organization, collects from it, and shows what can be asked.
pub(crate) async fn run(arguments: DemoArguments) -> Result<Exit, Trouble> {
    let kept = if arguments.lake.is_none() {
        let temporary = tempfile::Builder::new().prefix("kms-insights-demo-").tempdir();
        Some(temporary.map_err(|error| Trouble::failed(format_args!("no temporary folder: {error}")))?)
    } else {
        None
    };
    let folder = arguments.lake.clone().or_else(|| kept.as_ref().map(|kept| kept.path().to_owned())).unwrap_or_default();
    let lake = Lake::open_or_create(&LakeLocation::Local(folder), None).map_err(|error| trouble(&error))?;
    let behaviour = Behaviour { role_name: DEFAULT_ROLE.to_owned(), quotas: true, latency: Latency::fixed(Duration::from_millis(5)), ..Behaviour::default() };
    let behaviour = Behaviour { trail: TrailSetting { days: DAYS_OF_LOGS, ..TrailSetting::default() }, ..behaviour };
    let organization = Organization::generate(arguments.shape.shape());
    let bucket = TrailSetting::bucket(&organization);
    refuse_another_organization(&lake, organization.id()).await?;
    let sandbox = Sandbox::start(organization, behaviour, ("127.0.0.1", 0)).await.map_err(|error| Trouble::failed(format_args!("127.0.0.1: {error}")))?;
    say(format_args!("A simulated organization answers at {}, with AWS's quotas; the collector is the real one.", sandbox.endpoint()));

    let role = MemberRole { name: DEFAULT_ROLE.to_owned(), external_id: None, session_name: "kms-insights-demo".to_owned(), session_seconds: 3600 };
    let options = options();
    let cloud = Arc::new(AwsCloud::new(config(&sandbox.endpoint(), options.max_connections()), role, &tables::required_actions()));
    let json = arguments.format == SummaryFormat::Json;
    let observer = Style::fitting(json, arguments.quiet).observer();
    let stop = Stop::default();
    stop_on_signal(stop.clone(), Arc::clone(&observer));
    let job = Job { options, remembered: None, resume: None, findings: FindingSettings::default() };
    let scan = crate::trail::beside_demo(&bucket, config(&sandbox.endpoint(), job.options.max_connections()), &lake)?;
    let scanned = async {
        // What could not be read it tells itself.
        let _ = scan.ended().await;
    };
    let published = pipeline::collect_and_publish(cloud, job, &lake, scanned, observer, stop).await?;
    sandbox.shutdown().await;
    let place = match kept {
        Some(_) if !json => "in a temporary folder that goes with the demo: --lake DIR keeps it".to_owned(),
        _ => lake.location().to_string(),
    };
    summary::print(&published, &place, arguments.format)?;
    #[cfg(feature = "sql")]
    if !json {
        answers(&lake).await?;
        crate::terminal::print(&next_commands(arguments.lake.as_deref()))?;
    }
    drop(kept);
    Ok(Exit::Done)
}

/// A simulated snapshot must not become the latest of a real lake.
async fn refuse_another_organization(lake: &Lake, id: &str) -> Result<(), Trouble> {
    let runs = lake.published_runs().await.map_err(|error| trouble(&error))?;
    match runs.iter().find(|run| run.organization_id.as_deref() != Some(id)) {
        Some(run) => Err(Trouble::usage(format_args!("the lake {} holds a snapshot of another organization (run {})", lake.location(), run.run_id))
            .next("name a folder of its own with --lake")),
        None => Ok(()),
    }
}

/// AWS settings that lead to the sandbox and nowhere else: nothing of the environment is looked at.
fn config(endpoint: &str, connections: NonZeroUsize) -> SdkConfig {
    let credentials = Credentials::new("AKIASANDBOXMANAGEMENT", "sandbox", None, None, "sandbox");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(direct_http_client(connections))
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .build()
}

fn options() -> Options {
    Options {
        selection: AccountSelection::default(),
        regions: None,
        concurrency: const { NonZeroUsize::new(10).unwrap() },
        customer_managed_only: false,
        last_usage: LastUsageBudget::Unlimited,
        lookup_budget: crate::collect::LOOKUP_BUDGET,
        quota_share: 1.0,
        max_requests: const { NonZeroUsize::new(512).unwrap() },
        retry: RetryPolicy::default(),
        account_deadline: None,
    }
}

#[cfg(feature = "sql")]
async fn answers(lake: &Lake) -> Result<(), Trouble> {
    let engine = crate::query::open(lake, 512).await?;
    for Answer { question, view, columns, order } in ANSWERS {
        crate::terminal::print(&format!("\n{question}\n"))?;
        let failed = |error| crate::query::trouble(&error);
        let shown = engine.query(&format!("SELECT {columns} FROM {view} ORDER BY {order} LIMIT {SHOWN}")).await.map_err(failed)?;
        let rows = crate::query::write_stdout(shown, kms_insights_query::output::Format::Table).await?;
        let mut all = engine.query(&format!("SELECT 1 FROM {view}")).await.map_err(failed)?;
        let mut more = 0;
        while let Some(batch) = all.next().await {
            more += batch.map_err(failed)?.num_rows() as u64;
        }
        more = more.saturating_sub(rows);
        if more > 0 {
            crate::terminal::print(&format!("and {} more: `query --view {view}` has all\n", crate::terminal::grouped(more)))?;
        }
    }
    Ok(())
}

/// What to try next: on the lake that was kept, or after keeping one.
fn next_commands(lake: Option<&std::path::Path>) -> String {
    let program = program();
    let place = quoted(&lake.map_or_else(|| "demo-lake".to_owned(), |folder| folder.display().to_string()));
    let mut lines = vec!["\nNext:".to_owned()];
    if lake.is_none() {
        lines.push(format!("  {program} demo --lake {place}                     keep the lake"));
    }
    lines.extend([
        format!("  {program} query --lake {place}                    which tables and views there are"),
        format!("  {program} query --lake {place} --view unused_keys"),
        format!("  {program} query --lake {place} \"SELECT severity, rule, count(*) AS found FROM findings GROUP BY severity, rule ORDER BY found DESC\""),
        format!("  {program} report --lake {place} --output report.html   all of it, as a page for a browser"),
        format!("  {program} collect --lake s3://BUCKET/PREFIX        your own organization, with your AWS credentials\n"),
    ]);
    lines.join("\n")
}
