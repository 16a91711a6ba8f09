//! Accounts at a time, runs at a time, quotas, sessions that expire, and the lake on S3.

use std::collections::BTreeSet;

use kms_insights_model::StagedRecord;
use kms_insights_sandbox::{Behaviour, Fault, FaultKind, KeyCount, Latency, OrganizationShape, Outcome, Recurrence};
use serde_json::json;

use crate::{
    expectation::without_last_usages,
    harness::{Collected, World, behaviour, finish, organization, region},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_accounts_are_read_at_once_than_allowed() {
    let world = World::start(organization(81, 10, 4), Behaviour { latency: Latency { fixed_ms: 10, jitter_ms: 0 }, ..behaviour() }).await;
    let accounts: Vec<String> = world.members().iter().map(ToString::to_string).collect();
    for concurrency in [1, 2] {
        world.sandbox.reset_requests();
        let (allowed, accounts) = (concurrency.to_string(), accounts.join(","));
        world.collect(&["--concurrency", &allowed, "--accounts", &accounts, "--last-usage-budget", "0s"]).await;
        let requests = world.sandbox.requests();
        // Sessions are asked for, and the tree is walked, in the name of the management account.
        assert!((concurrency..=concurrency + 1).contains(&requests.peak_accounts), "--concurrency {concurrency}: {}", requests.peak_accounts);
        assert!(requests.peak_requests_by_account.values().any(|peak| *peak > 8), "inside an account all Regions and operations are asked at once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_requests_are_under_way_than_allowed() {
    let world = World::start(organization(82, 6, 5), Behaviour { latency: Latency { fixed_ms: 10, jitter_ms: 0 }, ..behaviour() }).await;
    world.collect(&["--max-requests", "5", "--last-usage-budget", "0s"]).await;
    assert_eq!(world.sandbox.requests().peak_requests, 5);
    world.sandbox.reset_requests();
    world.collect_and_compare(&["--max-requests", "5"]).await;
    // Half as many again for last usages.
    let peak = world.sandbox.requests().peak_requests;
    assert!((6..=8).contains(&peak), "{peak}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once_do_not_disturb_each_other() {
    let world = World::start(organization(83, 6, 6), Behaviour { latency: Latency { fixed_ms: 10, jitter_ms: 0 }, ..behaviour() }).await;
    // By its access key the sandbox knows whose a request is.
    let begin = |key: &str, more: &[&str]| world.collect_command(&[&["--max-requests", "8"], more].concat()).env("AWS_ACCESS_KEY_ID", key).spawn().unwrap();
    let (one, other) = (begin("ONE", &[]), begin("OTHER", &["--regions", "us-east-1"]));
    let (one, other) = tokio::join!(finish(one), finish(other));
    let (one, other) = (Collected::from(one), Collected::from(other));
    let requests = world.sandbox.requests();
    assert!(requests.overlapping > requests.total / 4, "both were at work for a good while: {} of {}", requests.overlapping, requests.total);
    assert_ne!(one.run, other.run);
    world.expectation().assert_found_by(&one, &world.lake()).await;
    world.expectation().in_regions(&[region("us-east-1")]).assert_found_by(&other, &world.lake()).await;
    let runs = world.query("SELECT count(*) AS runs FROM runs").await;
    assert_eq!(runs, json!([{"runs": 2}]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_expire_during_the_run_are_renewed() {
    let short = Behaviour { session_seconds: Some(2), latency: Latency { fixed_ms: 30, jitter_ms: 0 }, ..behaviour() };
    let world = World::start(organization(84, 4, 6), short).await;
    let accounts = world.members().len() as u64;
    world.collect_and_compare(&["--max-requests", "3"]).await;
    let requests = world.sandbox.requests();
    assert!(requests.of("sts:AssumeRole") > accounts, "{requests:?}");
}

/// The sandbox counts in every window of a second; a collector that keeps to the quota is hardly ever told to slow down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_at_aws_quotas_is_hardly_ever_throttled() {
    let shape = OrganizationShape { regions: vec![region("us-east-1")], keys: KeyCount::Fixed(150), ..organization(85, 1, 0) };
    let world = World::start(shape, Behaviour { quotas: true, ..behaviour() }).await;
    let collected = world.collect(&["--quota-share", "1", "--last-usage-budget", "2500ms"]).await;
    let requests = world.sandbox.requests();
    assert!(requests.of("kms:ListGrants") >= 150 && requests.of("kms:GetKeyLastUsage") >= 10);
    // On a busy machine some requests leave or arrive late and meet those of the next second. Without a pace there would be a throttle for nearly every key.
    let usage = requests.of_outcome("kms:GetKeyLastUsage", Outcome::Throttled);
    let throttled = requests.with_outcome(Outcome::Throttled);
    assert!(usage <= 3 && throttled <= requests.total / 8, "{throttled} of {} requests were throttled: {requests:?}", requests.total);
    // What the budget left is told as that, and the rest is true.
    let unread = world.query("SELECT key_id FROM key_last_used WHERE reason LIKE 'budget: %'").await;
    let unread: BTreeSet<&str> = unread.as_array().unwrap().iter().map(|row| row["key_id"].as_str().unwrap()).collect();
    assert!(unread.len() > 100, "{}", unread.len());
    let expected = world.expectation().with(|record| match record {
        StagedRecord::Usage(usage) if unread.contains(usage.arn.key_id().to_string().as_str()) => without_last_usages(record),
        StagedRecord::History(history) if unread.contains(history.arn.key_id().to_string().as_str()) => without_last_usages(record),
        _ => {}
    });
    expected.assert_found_by(&collected, &world.lake()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_on_s3_equals_the_truth_as_a_local_one_does() {
    let world = World::start(organization(86, 5, 5), behaviour()).await;
    let place = "s3://kms-insights-lake/audit/kms";
    // S3 itself has its moments, too.
    let sometimes = |kind| Fault::everywhere(kind, Recurrence::Sometimes { probability: 0.2, at_most: 1 });
    let mut faults = [FaultKind::Status(503), FaultKind::Throttle, FaultKind::Reset].map(sometimes).to_vec();
    for fault in &mut faults {
        fault.service = Some("s3".to_owned());
    }
    world.sandbox.set_faults(faults);
    let first = world.collect_into(place, &[]).await;
    let befallen = world.sandbox.befallen();
    assert!(befallen.iter().all(|struck| *struck > 0), "each kind struck: {befallen:?}");
    world.sandbox.clear_faults();
    let lake = world.lake_on_s3(place);
    world.expectation().assert_found_by(&first, &lake).await;
    let resumed = world.collect_into(place, &["--resume", first.run.as_str()]).await;
    world.expectation().resumed_from(&first.run).assert_found_by(&resumed, &lake).await;
    assert!(!world.lake_folder().exists());

    let asked = world.run(&["query", "--lake", place, "--format", "json", "SELECT run_id, count(*) AS keys FROM keys GROUP BY run_id ORDER BY run_id"]).await;
    let mut runs = [&first, &resumed].map(|collected| json!({"run_id": collected.run, "keys": collected.summary["keys"]}));
    runs.sort_by_key(|run| run["run_id"].to_string());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&asked.stdout).unwrap(), json!(runs));
}
