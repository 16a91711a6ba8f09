//! The main job: collect into staging, then publish.

use std::{collections::HashMap, sync::Arc};

use kms_insights_collect::{
    CollectError, KnownKey, Observer, Options, Prior, PriorAccount, Sink, SinkError, Stop,
    cloud::Cloud,
    plan::{Plan, PlanError},
};
use kms_insights_lake::{
    Lake, LakeError,
    publish::{PublishedRun, publish},
    staging::{RunInfo, StagedKey, StagedRun, StagingWriter},
};
use kms_insights_model::{AccountId, ErrorCode, Failure, RunId, StagedRecord};
use tokio::sync::OnceCell;

use crate::{exit::Trouble, lake::trouble};

/// A run that is gone on with.
#[derive(Clone, Debug)]
pub(crate) enum Resume {
    /// It was stopped before it was published: it goes on under its own id.
    Unpublished(RunInfo),
    /// It was published as partial. A published run never changes, so a new run takes over what it has.
    Published(RunInfo),
}

impl Resume {
    const fn info(&self) -> &RunInfo {
        match self {
            Self::Unpublished(info) | Self::Published(info) => info,
        }
    }
}

/// A resumed run reads what the first attempt was to read.
pub(crate) fn take_over(options: &mut Options, resume: &Resume) {
    let info = resume.info();
    options.selection.accounts = info.accounts.iter().map(|account| account.id).collect();
    options.selection.organizational_units = Vec::new();
    options.regions.clone_from(&info.regions);
    options.customer_managed_only = info.customer_managed_only;
}

/// Where records go: the staging, which exists only once the plan is known.
#[derive(Default)]
struct Staging {
    writer: OnceCell<StagingWriter>,
    earlier: OnceCell<StagedRun>,
}

impl Staging {
    fn writer(&self) -> Result<&StagingWriter, SinkError> {
        self.writer.get().ok_or_else(|| "nothing can be stored before the plan is".into())
    }
}

impl Sink for Staging {
    async fn record(&self, record: StagedRecord) -> Result<(), SinkError> {
        Ok(self.writer()?.record(record).await?)
    }
}

impl Prior for Staging {
    async fn account(&self, account: AccountId) -> Result<PriorAccount, SinkError> {
        let Some(earlier) = self.earlier.get() else { return Ok(PriorAccount::default()) };
        let staged = earlier.account(account).await?;
        let mut prior = PriorAccount { record: staged.record, units: staged.units.into_iter().collect(), keys: HashMap::new(), usages: HashMap::new() };
        for (arn, key) in staged.keys {
            let known = match key {
                StagedKey::Complete => KnownKey::Complete,
                StagedKey::Lacking(facts) => KnownKey::Lacking(facts),
            };
            prior.keys.entry(arn.region().clone()).or_default().insert(arn.key_id().clone(), known);
        }
        for (arn, usage) in staged.usages {
            prior.usages.entry(arn.region().clone()).or_default().insert(arn.key_id().clone(), usage);
        }
        Ok(prior)
    }
}

/// Collects what `options` ask for and publishes it as one run.
pub(crate) async fn collect_and_publish<C: Cloud>(
    cloud: Arc<C>,
    options: Options,
    lake: &Lake,
    resume: Option<Resume>,
    observer: Observer,
    stop: Stop,
) -> Result<PublishedRun, Trouble> {
    let staging = Arc::new(Staging::default());
    let planned = {
        let staging = Arc::clone(&staging);
        let (regions, customer_managed_only) = (options.regions.clone(), options.customer_managed_only);
        async move |plan: Plan| {
            let (writer, earlier) = begin(lake, resume, plan, regions, customer_managed_only).await?;
            // Both cells are empty: the plan is told once.
            let _ = staging.writer.set(writer);
            if let Some(earlier) = earlier {
                let _ = staging.earlier.set(earlier);
            }
            Ok::<_, SinkError>(())
        }
    };
    let outcome = kms_insights_collect::collect(cloud, options, Arc::clone(&staging), Arc::clone(&staging), observer, stop, planned).await;
    // What was read is stored even where the run failed.
    if let Some(writer) = staging.writer.get() {
        writer.finish().await.map_err(|error| trouble(&error))?;
    }
    let run = staging.writer.get().map(|writer| writer.run_id().clone());
    let outcome = outcome.map_err(|error| collect_trouble(&error, run.as_ref()))?;
    let Some(writer) = staging.writer.get() else { return Err(Trouble::failed("the run ended before it began")) };
    let run = writer.run_id();
    if outcome.interrupted {
        return Err(Trouble::failed(format_args!("the run {run} was stopped; nothing was published, and what was read is kept"))
            .next(format_args!("go on with `kms-insights collect --lake {} --resume {run}`", lake.location())));
    }
    publish(lake, writer, chrono::Utc::now()).await.map_err(|error| publish_trouble(&error, lake, run))
}

async fn begin(
    lake: &Lake,
    resume: Option<Resume>,
    plan: Plan,
    regions: Option<Vec<kms_insights_model::Region>>,
    customer_managed_only: bool,
) -> Result<(StagingWriter, Option<StagedRun>), LakeError> {
    let started_at = chrono::Utc::now();
    let info = RunInfo {
        run_id: RunId::new(started_at, rand::random()),
        started_at,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        organization_id: plan.organization,
        accounts: plan.accounts.into_iter().map(|planned| planned.account).collect(),
        organization_accounts: plan.organization_accounts,
        regions,
        customer_managed_only,
        resumed_from: match &resume {
            Some(Resume::Published(earlier)) => Some(earlier.run_id.clone()),
            _ => None,
        },
        settings: serde_json::Map::new(),
    };
    match resume {
        None => Ok((StagingWriter::begin(lake, &info).await?, None)),
        Some(Resume::Published(_)) => {
            let (writer, earlier) = StagingWriter::begin_from(lake, &info).await?;
            Ok((writer, Some(earlier)))
        }
        Some(Resume::Unpublished(info)) => {
            let (writer, earlier) = StagingWriter::resume(lake, &info.run_id).await?;
            Ok((writer, Some(earlier)))
        }
    }
}

fn collect_trouble(error: &CollectError, run: Option<&RunId>) -> Trouble {
    let next = match error {
        CollectError::Plan(PlanError::Accounts(failure)) if failure.code == ErrorCode::AccessDenied => {
            "run it from the management account or a delegated administrator account, or name accounts with --accounts".to_owned()
        }
        CollectError::Plan(PlanError::Caller(failure) | PlanError::Accounts(failure) | PlanError::Tree(failure)) => first_step(failure),
        CollectError::Plan(PlanError::UnknownUnit(_)) => "name it by its id (ou-…) or its path from the root (/Workloads/Prod)".to_owned(),
        CollectError::Plan(PlanError::NothingSelected) => "check --accounts and --ou".to_owned(),
        CollectError::Sink(_) | CollectError::Task(_) => match run {
            Some(run) => format!("mend the cause, then go on with `kms-insights collect --resume {run}`"),
            None => "mend the cause and start again".to_owned(),
        },
    };
    let trouble = match error {
        CollectError::Plan(PlanError::UnknownUnit(_) | PlanError::NothingSelected) => Trouble::usage(error),
        _ => Trouble::failed(error),
    };
    trouble.next(next)
}

/// What to do when a run could not even be planned: there is nothing to resume yet.
fn first_step(failure: &Failure) -> String {
    match failure.code {
        ErrorCode::Connection | ErrorCode::Timeout => match std::env::var("AWS_ENDPOINT_URL") {
            Ok(endpoint) => format!("check that AWS_ENDPOINT_URL, {endpoint}, is where AWS or its stand-in answers"),
            Err(_) => "check the network, and HTTPS_PROXY where there is a proxy".to_owned(),
        },
        code if code.is_retryable() => "try again later".to_owned(),
        code => code.next_step().to_owned(),
    }
}

fn publish_trouble(error: &LakeError, lake: &Lake, run: &RunId) -> Trouble {
    trouble(error).next(format_args!("nothing is lost: publish it with `kms-insights collect --lake {} --resume {run}`", lake.location()))
}
