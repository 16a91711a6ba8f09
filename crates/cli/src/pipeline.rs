//! The main job: collect into staging, then publish.

use std::sync::Arc;

use kms_insights_collect::{
    CollectError, Event, KnownKey, Observer, Options, Prior, PriorAccount, Sink, SinkError, Stop,
    cloud::Cloud,
    plan::{EarlierPlan, Plan, PlanError},
};
use kms_insights_lake::{
    Lake, LakeError,
    publish::{FindingSettings, PublishedRun, publish},
    staging::{RunInfo, StagedKey, StagedRun, StagingWriter},
};
use kms_insights_model::{AccountId, ErrorCode, Failure, RunId, StagedRecord};
use tokio::sync::OnceCell;

use crate::{
    exit::Trouble,
    lake::{Storage, trouble},
    selection,
    summary::resume_command,
};

/// A run that is gone on with.
#[derive(Clone, Debug)]
pub(crate) enum Resume {
    /// It was stopped before it was published: it goes on under its own id.
    Unpublished(RunInfo),
    /// It was published as partial. A published run never changes, so a new run takes over what it has.
    Published(RunInfo),
}

/// What is remembered of the role with a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct EarlierRole {
    /// Its name.
    pub(crate) name: Option<String>,
    /// The external id.
    pub(crate) external_id: Option<String>,
}

/// What is remembered with a run, so that resuming it needs no flags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    /// The role in the members.
    pub(crate) role: EarlierRole,
    /// How the lake is written.
    pub(crate) storage: Storage,
}

const ROLE_NAME: &str = "role_name";
const EXTERNAL_ID: &str = "external_id";
const STORAGE: &str = "storage";

impl Resume {
    const fn info(&self) -> &RunInfo {
        match self {
            Self::Unpublished(info) | Self::Published(info) => info,
        }
    }

    /// The role that the earlier attempt used.
    pub(crate) fn role(&self) -> EarlierRole {
        let text = |name: &str| self.info().settings.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        EarlierRole { name: text(ROLE_NAME), external_id: text(EXTERNAL_ID) }
    }

    /// How the earlier attempt wrote the lake. A run of an earlier version did not say.
    pub(crate) fn storage(&self) -> Storage {
        self.info().settings.get(STORAGE).and_then(|storage| serde_json::from_value(storage.clone()).ok()).unwrap_or_default()
    }
}

/// What is to be done.
pub(crate) struct Job {
    pub(crate) options: Options,
    pub(crate) remembered: Option<Remembered>,
    pub(crate) resume: Option<Resume>,
    /// What findings are judged by.
    pub(crate) findings: FindingSettings,
}

/// A resumed run reads what the first attempt was to read, and no other selection can be made.
pub(crate) fn take_over(options: &mut Options, resume: &Resume) -> Result<(), Trouble> {
    let info = resume.info();
    let asked = selection::in_words(options);
    if asked.is_some() && asked != info.selection {
        let was = info.selection.as_deref().unwrap_or("everything");
        return Err(Trouble::usage(format_args!(
            "--resume {} reads what that run was to read, {was}; it cannot be limited to {}",
            info.run_id,
            asked.unwrap_or_default()
        ))
        .next("leave out --accounts, --ou and --regions (and KMS_INSIGHTS_ACCOUNTS, …), or begin a new run without --resume"));
    }
    if options.customer_managed_only && !info.customer_managed_only {
        return Err(Trouble::usage(format_args!("--resume {} reads AWS managed keys too, as that run did", info.run_id))
            .next("leave out --customer-managed-only, or begin a new run without --resume"));
    }
    options.selection.accounts = info.accounts.iter().map(|account| account.id).collect();
    options.selection.organizational_units = Vec::new();
    options.selection.earlier = Some(EarlierPlan {
        organization: info.organization_id.clone(),
        organization_accounts: info.organization_accounts.clone(),
        accounts: info.accounts.clone(),
    });
    options.regions.clone_from(&info.regions);
    options.customer_managed_only = info.customer_managed_only;
    Ok(())
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
        let mut prior = PriorAccount {
            record: staged.record,
            units: staged.units.into_iter().collect(),
            trails: staged.trails.into_iter().collect(),
            ..PriorAccount::default()
        };
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
        for (arn, history) in staged.histories {
            prior.histories.entry(arn.region().clone()).or_default().insert(arn.key_id().clone(), history);
        }
        Ok(prior)
    }
}

/// Collects what `options` ask for and publishes it as one run, not before `ready` has come to its end: what a snapshot rests on beside what was collected.
pub(crate) async fn collect_and_publish<C: Cloud>(
    cloud: Arc<C>,
    job: Job,
    lake: &Lake,
    ready: impl Future<Output = ()>,
    observer: Observer,
    stop: Stop,
) -> Result<PublishedRun, Trouble> {
    let (options, findings) = (job.options.clone(), job.findings.clone());
    let staging = Arc::new(Staging::default());
    let planned = {
        let staging = Arc::clone(&staging);
        async move |plan: Plan| {
            let (writer, earlier) = begin(lake, job, plan).await?;
            // Both cells are empty: the plan is told once.
            let _ = staging.writer.set(writer);
            if let Some(earlier) = earlier {
                let _ = staging.earlier.set(earlier);
            }
            Ok::<_, SinkError>(())
        }
    };
    let outcome = kms_insights_collect::collect(cloud, options, Arc::clone(&staging), Arc::clone(&staging), Arc::clone(&observer), stop.clone(), planned).await;
    // What was read is stored even where the run failed; and if the run failed because that did not work, its own words say more.
    let stored = match staging.writer.get() {
        Some(writer) => writer.finish().await,
        None => Ok(()),
    };
    let run = staging.writer.get().map(|writer| writer.run_id().clone());
    let outcome = outcome.map_err(|error| collect_trouble(&error, lake, run.as_ref()))?;
    stored.map_err(|error| collect_trouble(&CollectError::Sink(error.into()), lake, run.as_ref()))?;
    let Some(writer) = staging.writer.get() else { return Err(Trouble::failed("the run ended before it began")) };
    let run = writer.run_id();
    if outcome.interrupted || stop.is_stopped() {
        return Err(Trouble::failed(format_args!("the run {run} was stopped; nothing was published, and what was read is kept"))
            .next(format_args!("go on with `{}`", resume_command(lake, run))));
    }
    ready.await;
    observer(Event::Publishing);
    publish(lake, writer, chrono::Utc::now(), &findings).await.map_err(|error| publish_trouble(&error, lake, run))
}

async fn begin(lake: &Lake, job: Job, plan: Plan) -> Result<(StagingWriter, Option<StagedRun>), LakeError> {
    let Job { options, remembered, resume, .. } = job;
    // A snapshot belongs to the day on which its facts were read: the run that completes another belongs to that one's day.
    let started_at = match &resume {
        Some(Resume::Published(earlier)) => earlier.started_at,
        _ => chrono::Utc::now(),
    };
    let mut settings = serde_json::Map::new();
    if let Some(Remembered { role: EarlierRole { name, external_id }, storage }) = remembered {
        // Three optional texts are always JSON.
        let storage = serde_json::to_value(storage).unwrap_or_default();
        settings.extend([(ROLE_NAME.to_owned(), name.into()), (EXTERNAL_ID.to_owned(), external_id.into()), (STORAGE.to_owned(), storage)]);
    }
    // A resumed run names every account of the first: what that one was limited to, it alone knows.
    let selection = resume.as_ref().map_or_else(|| selection::in_words(&options), |resume| resume.info().selection.clone());
    let info = RunInfo {
        run_id: RunId::new(started_at, rand::random()),
        started_at,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        organization_id: plan.organization,
        accounts: plan.accounts.into_iter().map(|planned| planned.account).collect(),
        organization_accounts: plan.organization_accounts,
        organization_failures: plan.failures,
        regions: options.regions,
        selection,
        customer_managed_only: options.customer_managed_only,
        resumed_from: match &resume {
            Some(Resume::Published(earlier)) => Some(earlier.run_id.clone()),
            _ => None,
        },
        settings,
    };
    match resume {
        None => Ok((StagingWriter::begin(lake, &info).await?, None)),
        Some(Resume::Published(_)) => {
            let (writer, earlier) = StagingWriter::begin_from(lake, &info).await?;
            Ok((writer, Some(earlier)))
        }
        Some(Resume::Unpublished(earlier)) => {
            let (writer, staged) = StagingWriter::resume(lake, &earlier.run_id).await?;
            writer
                .describe(|known| {
                    known.organization_id = info.organization_id;
                    known.organization_accounts = info.organization_accounts;
                    known.organization_failures = info.organization_failures;
                })
                .await?;
            Ok((writer, Some(staged)))
        }
    }
}

fn collect_trouble(error: &CollectError, lake: &Lake, run: Option<&RunId>) -> Trouble {
    let next = match error {
        CollectError::Plan(PlanError::Accounts(failure)) if failure.code == ErrorCode::AccessDenied => {
            "run it from the management account or a delegated administrator account, or name accounts with --accounts".to_owned()
        }
        CollectError::Plan(PlanError::Caller(failure) | PlanError::Accounts(failure) | PlanError::Tree(failure)) => first_step(failure),
        CollectError::Plan(PlanError::UnknownUnit(_)) => "name it by its id (ou-…) or its path from the root (/Workloads/Prod)".to_owned(),
        CollectError::Plan(PlanError::NothingSelected) => "check --accounts and --ou".to_owned(),
        CollectError::Plan(PlanError::AnotherOrganization { .. }) => "choose the profile that the run was begun with (AWS_PROFILE)".to_owned(),
        CollectError::Sink(_) | CollectError::Task(_) => match run {
            Some(run) => format!("mend the cause, then go on with `{}`", resume_command(lake, run)),
            None => "mend the cause and start again".to_owned(),
        },
    };
    let trouble = match error {
        CollectError::Plan(PlanError::UnknownUnit(_) | PlanError::NothingSelected | PlanError::AnotherOrganization { .. }) => Trouble::usage(error),
        _ => Trouble::failed(error),
    };
    trouble.next(next)
}

/// What to do when a run could not even be planned: there is nothing to resume yet.
fn first_step(failure: &Failure) -> String {
    match failure.code {
        ErrorCode::Connection | ErrorCode::Timeout => match std::env::var("AWS_ENDPOINT_URL") {
            Ok(endpoint) => {
                // A password in it is nobody's business.
                let shown = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest.rsplit_once('@').map_or(rest, |(_, host)| host));
                format!("check that AWS_ENDPOINT_URL, {shown}, is where AWS or its stand-in answers")
            }
            Err(_) => "check the network, and HTTPS_PROXY where there is a proxy".to_owned(),
        },
        code if code.is_retryable() => "try again later".to_owned(),
        code => code.next_step().to_owned(),
    }
}

fn publish_trouble(error: &LakeError, lake: &Lake, run: &RunId) -> Trouble {
    let resume = resume_command(lake, run);
    trouble(error).next(match error {
        LakeError::NothingRead { .. } => format!("mend the cause, then go on with `{resume}`"),
        _ => format!("nothing is lost: publish it with `{resume}`"),
    })
}
