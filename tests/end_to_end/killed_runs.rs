//! Runs that are killed or stopped lose nothing, show nothing, and end like an undisturbed run when they are resumed.

use std::collections::BTreeSet;

use kms_insights_lake::{
    Lake,
    staging::{StagedKey, StagedRun, StagedRunEntry},
};
use kms_insights_model::{KeyArn, RunId, StagedRecord};
use kms_insights_sandbox::{Behaviour, Latency};
use serde_json::json;

use crate::harness::{Collected, World, behaviour, finish, interrupt, kill, organization};

/// One account after another and few requests at once, each of which takes its time: a run of some seconds, in which much can happen.
const SLOWLY: &[&str] = &["--concurrency", "1", "--max-requests", "6"];

async fn slow_world(seed: u64) -> World {
    World::start(organization(seed, 5, 8), Behaviour { latency: Latency { fixed_ms: 15, jitter_ms: 5 }, ..behaviour() }).await
}

/// The run that is staged and not published: the one that was killed.
async fn killed_run(lake: &Lake) -> Option<RunId> {
    let mut left = Vec::new();
    for entry in lake.staged_runs().await.unwrap() {
        match entry {
            StagedRunEntry::Sound(staged) if staged.published => {}
            StagedRunEntry::Sound(staged) => left.push(staged.info.run_id),
            damaged @ StagedRunEntry::Damaged { .. } => panic!("killing damages nothing: {damaged:?}"),
        }
    }
    assert!(left.len() <= 1, "a resumed run goes on under its own id: {left:?}");
    left.pop()
}

/// The keys of which a staged run has the metadata.
async fn described(lake: &Lake, run: &RunId) -> BTreeSet<KeyArn> {
    let staged = StagedRun::load(lake, run).await.unwrap();
    let mut described = BTreeSet::new();
    for account in staged.accounts().collect::<Vec<_>>() {
        let keys = staged.account(account).await.unwrap().keys;
        described.extend(keys.into_iter().filter_map(|(arn, key)| match key {
            StagedKey::Lacking(facts) if facts.metadata.is_lacking() => None,
            _ => Some(arn),
        }));
    }
    described
}

/// A sequence of numbers that looks like chance and is the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

impl World {
    async fn resume(&self, run: &RunId) -> Collected {
        self.collect(&[SLOWLY, &["--resume", run.as_str()]].concat()).await
    }

    /// A reader sees these runs and nothing of any other.
    async fn assert_readers_see_only(&self, run: &RunId) {
        for table in ["runs", "keys", "accounts", "key_last_used"] {
            let seen = self.query(&format!("SELECT DISTINCT run_id FROM {table}")).await;
            assert_eq!(seen, json!([{"run_id": run}]), "{table}");
        }
        assert_eq!(self.lake().published_run_ids().await.unwrap(), std::slice::from_ref(run));
    }
}

/// Kills a run three times at moments that follow from `seed`, and resumes it.
async fn assert_killing_costs_nothing(seed: u64) {
    let world = slow_world(seed).await;
    let undisturbed = world.collect(SLOWLY).await;
    let requests = world.sandbox.requests().total;
    world.sandbox.reset_requests();
    let mut chance = Chance(seed);
    let mut run: Option<RunId> = None;
    for _ in 0..3 {
        let resume: Vec<&str> = run.as_ref().map_or_else(Vec::new, |run| vec!["--resume", run.as_str()]);
        let mut process = world.begin_collect(&[SLOWLY, &resume].concat());
        let moment = 20 + chance.below(requests * 2 / 3);
        assert!(world.was_asked(moment, &mut process).await, "a run ends before it is killed after {moment} of {requests} requests");
        kill(process).await;
        world.assert_readers_see_only(&undisturbed.run).await;
        world.sandbox.reset_requests();
        run = killed_run(&world.lake()).await;
        if run.is_some() && chance.below(2) == 0 {
            break;
        }
    }
    let run = run.expect("the run is staged before anything is read of the accounts");
    let known = described(&world.lake(), &run).await;
    let resumed = world.resume(&run).await;
    assert_eq!(resumed.run, run, "a run that was not published goes on under its own id");
    assert!(world.lake().published_run(&run).await.unwrap().generation > 1);
    world.expectation().assert_found_by(&resumed, &world.lake()).await;
    let keys = world.expectation().records.iter().filter(|record| matches!(record, StagedRecord::Key(key) if !known.contains(&key.arn))).count();
    assert_eq!(world.sandbox.requests().of("kms:DescribeKey"), keys as u64, "keys read before are not read again; {} were", known.len());
    assert!(known.is_empty() || world.sandbox.requests().total < requests);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_and_resumed_ends_like_an_undisturbed_one() {
    assert_killing_costs_nothing(51).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_at_other_moments_and_resumed_ends_like_an_undisturbed_one() {
    assert_killing_costs_nothing(53).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_stopped_by_ctrl_c_publishes_nothing_and_says_how_to_go_on() {
    let world = slow_world(52).await;
    let mut process = world.begin_collect(SLOWLY);
    assert!(world.was_asked(250, &mut process).await);
    interrupt(&process).await;
    let ended = finish(process).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    let run = killed_run(&world.lake()).await.unwrap();
    assert!(ended.stderr.contains(&format!("--resume {run}")), "{}", ended.stderr);
    assert_eq!(world.lake().published_run_ids().await.unwrap(), []);

    let listed = world.try_collect(&["--resume"]).await;
    assert_eq!(listed.code, Some(0));
    assert!(listed.stdout.contains(&format!("{run}  5 accounts, stopped before it was published")), "{}", listed.stdout);

    let known = described(&world.lake(), &run).await;
    assert!(!known.is_empty(), "what was read is kept");
    let resumed = world.resume(&run).await;
    assert_eq!(resumed.run, run);
    world.expectation().assert_found_by(&resumed, &world.lake()).await;
}
