//! A whole run: the plan, then its accounts, a given number at a time.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::FutureExt;
use kms_insights_model::{Account, AccountRecord, ApiAction, Fact, Failure, StagedRecord};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    Event, Observer, Options, Prior, Sink, SinkError, Stop,
    account::{self, AccountReading, Tails, known_before},
    call::Requests,
    cloud::Cloud,
    plan::{self, OrganizationBuckets, Plan, PlanError, PlannedAccount, Tree},
    quota::Bucket,
    region,
    turn::Turns,
};

/// Accounts without keys that may be open at once, most of them waiting for their turn to be read; those with keys take up to [`account::PLACES_TO_OPEN`] places, so that 128 are open of those with 384 keys or more. Enough that the largest of
/// most organizations begin first, and few enough that memory does not grow with the organization.
const ACCOUNTS_OPEN: usize = 512;

/// How a run ended that could store all it read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOutcome {
    /// Whether somebody stopped it: what was read is stored, the rest is `failed: interrupted`.
    pub interrupted: bool,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// There is nothing to read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What was read could not be stored.
    #[error("a record could not be stored: {0}")]
    Sink(#[source] SinkError),
    /// A reading task ended by a defect of the program.
    #[error("a reading task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl From<SinkError> for CollectError {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

/// Plans and reads. `planned` is told the plan before anything is read, so that what was planned is stored even if the run is killed.
pub async fn collect<C, S, P>(
    cloud: Arc<C>,
    options: Options,
    sink: Arc<S>,
    prior: Arc<P>,
    observer: Observer,
    stop: Stop,
    planned: impl AsyncFnOnce(Plan) -> Result<(), SinkError>,
) -> Result<RunOutcome, CollectError>
where
    C: Cloud,
    S: Sink,
    P: Prior,
{
    let options = Arc::new(options);
    let requests = Requests::new(options.retry, options.max_requests, stop.clone());
    let usage_requests = requests.beside(options.max_usage_requests());
    let buckets = Arc::new(OrganizationBuckets::new(options.quota_share));
    let tree = {
        let (cloud, requests, buckets) = (Arc::clone(&cloud), requests.clone(), Arc::clone(&buckets));
        async move { plan::tree(cloud.as_ref(), &requests, &buckets).await.map(Arc::new) }.boxed().shared()
    };
    let walked = tree.clone().map(|tree| tree.map(|tree| Tree::clone(&tree)));
    let plan = plan::plan(cloud.as_ref(), &requests, &buckets, &options.selection, walked).await?;
    let partition = plan.caller.partition;
    let (organization, may_have_organization) = (plan.organization.clone(), plan.may_have_organization);
    let accounts = plan.accounts.clone();
    planned(plan).await?;
    let skipped = accounts.iter().filter(|account| account.way.is_err()).count();
    observer(Event::Planned { organization, accounts: accounts.len() - skipped, skipped });

    // The tree is walked while accounts are read: only the rows of accounts need it.
    if may_have_organization {
        tokio::spawn(tree.clone());
    }
    let usages_waiting = Arc::new(AtomicU64::new(0));
    let reading = Arc::new(AccountReading {
        cloud,
        sink: Arc::clone(&sink),
        requests,
        usage_requests,
        options: Arc::clone(&options),
        observer: Arc::clone(&observer),
        partition,
        turns: Turns::new(options.concurrency),
        may_be_open: Semaphore::new(ACCOUNTS_OPEN.max(options.concurrency.get().saturating_mul(account::PLACES_TO_OPEN.into())).min(Semaphore::MAX_PERMITS)),
        keys_under_way: Arc::new(Semaphore::new(region::KEYS_UNDER_WAY)),
        assume_role: Bucket::new(ApiAction::StsAssumeRole, options.quota_share),
        usages_waiting: Arc::clone(&usages_waiting),
    });
    let mut tasks: JoinSet<Result<Option<Tails>, SinkError>> = JoinSet::new();
    let mut tails: JoinSet<Result<(), SinkError>> = JoinSet::new();
    for (place, PlannedAccount { account, way }) in accounts.into_iter().enumerate() {
        let path = {
            let (tree, id) = (tree.clone(), account.id);
            async move { ou_path(may_have_organization, tree, |tree| tree.path(id)).await }
        };
        let (reading, sink, prior) = (Arc::clone(&reading), Arc::clone(&sink), Arc::clone(&prior));
        tasks.spawn(async move {
            match way {
                Ok(way) => reading.read(place, account, way, prior.as_ref(), path).await.map(Some),
                Err(reason) => {
                    let prior = prior.account(account.id).await?;
                    // Read whole before it came into this state.
                    if prior.is_complete(chrono::Utc::now()) {
                        return Ok(None);
                    }
                    let earlier = prior.record.map(|record| record.account.ou_path);
                    let account = Account { ou_path: known_before(path.await, earlier), ..account };
                    let record = AccountRecord { account, skipped: Some(reason), access: Fact::NotApplicable, regions: Vec::new(), region_listing: None };
                    sink.record(StagedRecord::Account(Box::new(record))).await?;
                    Ok(None)
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Some(mut account_tails) = done?? {
            tails.spawn(async move {
                while let Some(done) = account_tails.join_next().await {
                    done.map_err(SinkError::from)??;
                }
                Ok(())
            });
        }
    }
    let waiting = usages_waiting.load(Ordering::Relaxed);
    if waiting > 0 {
        observer(Event::AwaitingLastUsage { keys: waiting });
    }
    while let Some(done) = tails.join_next().await {
        done??;
    }
    Ok(RunOutcome { interrupted: stop.is_stopped() })
}

/// The path of an account in the organization's tree.
async fn ou_path(
    may_have_organization: bool,
    tree: impl Future<Output = Result<Arc<Tree>, Failure>>,
    path: impl FnOnce(&Tree) -> Fact<String>,
) -> Fact<String> {
    if !may_have_organization {
        return Fact::NotApplicable;
    }
    match tree.await {
        Ok(tree) => path(&tree),
        Err(failure) => Fact::lacking(failure),
    }
}
