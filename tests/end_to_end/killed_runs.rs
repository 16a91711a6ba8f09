//! Runs that are killed or stopped lose nothing, show nothing, and end like an undisturbed run when they are resumed.

use std::collections::BTreeSet;

use kms_insights_lake::{
    Lake,
    staging::{StagedKey, StagedRun, StagedRunEntry},
};
use kms_insights_model::{KeyArn, RunId, StagedRecord};
use kms_insights_sandbox::{Behaviour, Fault, FaultKind, Latency};
use serde_json::json;

use crate::{
    expectation::Expectation,
    harness::{Collected, World, behaviour, finish, interrupt, kill, organization, region, told},
};

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
    /// Another sequence in every run of the tests. The seed is shown with a test that fails; given in the environment, it repeats the sequence.
    fn fresh() -> Self {
        const SEED: &str = "KMS_INSIGHTS_TEST_SEED";
        let seed = std::env::var(SEED).map_or_else(|_| rand::random(), |text| text.parse().unwrap());
        eprintln!("{SEED}={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

impl World {
    async fn resume(&self, run: &RunId) -> Collected {
        self.collect(&[SLOWLY, &["--resume", run.as_str()]].concat()).await
    }

    /// How many keys there are that are not among these.
    fn keys_beside(&self, known: &BTreeSet<KeyArn>) -> u64 {
        self.expectation().records.iter().filter(|record| matches!(record, StagedRecord::Key(key) if !known.contains(&key.arn))).count() as u64
    }

    /// A reader of a lake sees these runs and nothing of any other.
    async fn assert_readers_see_only(&self, lake: (&Lake, &str), runs: &[RunId]) {
        const TABLES: [&str; 4] = ["accounts", "key_last_used", "keys", "runs"];
        let each = TABLES.map(|table| format!("SELECT '{table}' AS seen_in, run_id FROM {table}"));
        let seen = self.query_in(lake.1, &format!("SELECT DISTINCT seen_in, run_id FROM ({}) ORDER BY seen_in, run_id", each.join(" UNION ALL "))).await;
        let mut runs = runs.to_vec();
        runs.sort();
        let expected: Vec<_> = TABLES.iter().flat_map(|table| runs.iter().map(move |run| json!({"seen_in": table, "run_id": run}))).collect();
        assert_eq!(seen, json!(expected));
        let mut published = lake.0.published_run_ids().await.unwrap();
        published.sort();
        assert_eq!(published, runs);
    }

    /// The same of the lake in a folder.
    async fn assert_readers_of_the_folder_see_only(&self, runs: &[RunId]) {
        self.assert_readers_see_only((&self.lake(), self.lake_folder().to_str().unwrap()), runs).await;
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
        world.assert_readers_of_the_folder_see_only(std::slice::from_ref(&undisturbed.run)).await;
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
    assert_eq!(world.sandbox.requests().of("kms:DescribeKey"), world.keys_beside(&known), "keys read before are not read again; {} were", known.len());
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

/// Begins a collection with these arguments, kills it, and what resumes it, at random moments, and lets the last resumption come to its end. `requests` is how many an
/// undisturbed one makes. In a fifth of the cases the moment is that at which the run says that it publishes.
async fn assert_killing_at_random_costs_nothing(world: &World, begin: &[&str], requests: u64, chance: &mut Chance, expected: impl Fn() -> Expectation) {
    let lake = world.lake();
    let mut published = lake.published_run_ids().await.unwrap();
    let mut killed: Option<RunId> = None;
    for _ in 0..2 {
        world.sandbox.reset_requests();
        let resume: Vec<&str> = killed.as_ref().map_or_else(|| begin.to_vec(), |run| vec!["--resume", run.as_str()]);
        let mut process = world.begin_collect(&[SLOWLY, &resume].concat());
        let moment = chance.below(requests * 5 / 4);
        let reached = if moment < requests {
            eprintln!("{resume:?}: killed at request {} of {requests}", moment + 1);
            world.was_asked(moment + 1, &mut process).await
        } else {
            eprintln!("{resume:?}: killed when it says that it publishes");
            told(&mut process, "publishing").await
        };
        if reached {
            kill(process).await;
        } else {
            let ended = finish(process).await;
            assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
        }
        // One that needed fewer requests, or was quicker than the signal, is published, and whole.
        let now = lake.published_run_ids().await.unwrap();
        if let Some(run) = now.iter().find(|run| !published.contains(run)) {
            return expected().assert_in(&lake, run).await;
        }
        assert!(reached, "what ends by itself is published");
        world.assert_readers_of_the_folder_see_only(&published).await;
        killed = killed_run(&lake).await.or(killed);
    }
    let resume: Vec<&str> = killed.as_ref().map_or_else(|| begin.to_vec(), |run| vec!["--resume", run.as_str()]);
    let resumed = world.collect(&[SLOWLY, &resume].concat()).await;
    assert!(killed.is_none_or(|run| run == resumed.run), "a run that was not published goes on under its own id");
    expected().assert_found_by(&resumed, &lake).await;
    published.push(resumed.run);
    world.assert_readers_of_the_folder_see_only(&published).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_at_random_and_resumed_ends_like_an_undisturbed_one() {
    let mut chance = Chance::fresh();
    let world = slow_world(55).await;
    world.collect_and_compare(SLOWLY).await;
    let requests = world.sandbox.requests().total;
    for _ in 0..2 {
        assert_killing_at_random_costs_nothing(&world, &[], requests, &mut chance, || world.expectation()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_completion_of_a_partial_run_killed_at_random_and_resumed_ends_like_an_undisturbed_one() {
    let mut chance = Chance::fresh();
    let world = slow_world(56).await;
    let members = world.members();
    world.sandbox.set_faults(vec![
        Fault::always("sts", "AssumeRole", FaultKind::AccessDenied).in_account(members[0]),
        Fault::always("kms", "ListKeys", FaultKind::AccessDenied).in_account(members[1]).in_region(region("eu-central-1")),
        Fault::always("kms", "GetKeyPolicy", FaultKind::AccessDenied).in_account(world.management()),
        Fault::always("kms", "GetKeyLastUsage", FaultKind::AccessDenied),
    ]);
    let partial = world.collect_and_compare(SLOWLY).await;
    let before = world.expectation();
    world.sandbox.clear_faults();
    world.sandbox.reset_requests();
    let begin = ["--resume", partial.run.as_str()];
    let expected = || world.expectation().resumed_from(&partial.run).with_histories_of(&before);
    let completed = world.collect(&[SLOWLY, &begin].concat()).await;
    expected().assert_found_by(&completed, &world.lake()).await;
    let requests = world.sandbox.requests().total;
    for _ in 0..2 {
        assert_killing_at_random_costs_nothing(&world, &begin, requests, &mut chance, expected).await;
    }
    before.assert_in(&world.lake(), &partial.run).await;
}

/// What is written into a table's folder of a lake on S3 is never answered, and there the run is killed: with some of its files in the lake, or with all but its row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_while_it_is_published_shows_nothing_and_is_published_by_resuming_it() {
    let world = World::start(organization(57, 4, 4), behaviour()).await;
    let place = "s3://kms-insights-lake/killed";
    let lake = world.lake_on_s3(place);
    let mut published = vec![world.collect_into(place, &[]).await.run];
    for table in ["keys", "accounts", "runs"] {
        world.sandbox.set_faults(vec![Fault::always("s3", "PutObject", FaultKind::Stall).for_objects(&format!("killed/{table}/"))]);
        let mut process = world.begin_collect_into(place, &[]);
        assert!(told(&mut process, "publishing").await);
        assert!(world.came_to(&mut process, |sandbox| sandbox.befallen()[0] > 0).await, "{table}");
        kill(process).await;
        world.sandbox.clear_faults();
        world.assert_readers_see_only((&lake, place), &published).await;

        let run = killed_run(&lake).await.unwrap();
        let known = described(&lake, &run).await;
        world.sandbox.reset_requests();
        let resumed = world.collect_into(place, &["--resume", run.as_str()]).await;
        assert_eq!(resumed.run, run);
        world.expectation().assert_found_by(&resumed, &lake).await;
        assert_eq!(world.sandbox.requests().of("kms:DescribeKey"), world.keys_beside(&known), "nothing that was read is read again");
        published.push(run);
        world.assert_readers_see_only((&lake, place), &published).await;
    }
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
