//! CloudTrail without log files: what the trails record, and the last uses that the event history tells of.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{SubsecRound as _, TimeDelta};
use kms_insights_model::StagedRecord;
use kms_insights_sandbox::{Behaviour, Fault, FaultKind, Outcome, Recorded, TrailSetting};
use serde_json::{Value, json};

use crate::harness::{World, behaviour, organization, region};

const LOOKUP: &str = "cloudtrail:LookupEvents";

fn no_last_usage() -> Fault {
    Fault::always("kms", "GetKeyLastUsage", FaultKind::AccessDenied)
}

/// By the organization itself, and not by what a publication makes of it: when each key that can be read was last used, where the event history goes back so far.
fn last_uses(world: &World) -> BTreeMap<String, Option<String>> {
    let organization = world.sandbox.organization();
    let beginning = organization.now() - TimeDelta::days(90);
    let active = organization.accounts().iter().filter(|account| account.is_active());
    let keys = active.flat_map(|account| account.enabled_regions().flat_map(|region| organization.keys(account, region)));
    let used = |key: kms_insights_sandbox::Key<'_>| {
        let at = key.last_usage().used_at.filter(|at| *at >= beginning);
        (key.arn().to_string(), at.map(|at| at.trunc_subsecs(0).format("%Y-%m-%dT%H:%M:%SZ").to_string()))
    };
    keys.map(used).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_which_kms_says_nothing_have_their_last_use_from_the_event_history_within_its_quota() {
    let world = World::start(organization(101, 4, 14), Behaviour { quotas: true, ..behaviour() }).await;
    world.sandbox.set_faults(vec![no_last_usage()]);
    let collected = world.collect_and_compare(&["--quota-share", "1"]).await;

    let rows = world.query("SELECT key_arn, last_used_at, principal, evidence, verdict, status FROM key_last_used").await;
    let told: BTreeMap<String, Option<String>> =
        rows.as_array().unwrap().iter().map(|row| (row["key_arn"].as_str().unwrap().to_owned(), row["last_used_at"].as_str().map(str::to_owned))).collect();
    assert_eq!(told, last_uses(&world));
    for row in rows.as_array().unwrap() {
        let is_used = row["last_used_at"].is_string();
        assert_eq!((row["evidence"].as_str(), row["status"].as_str(), row["verdict"] == "used"), (Some("lookup"), Some("denied"), is_used), "{row}");
        assert_eq!(row["principal"].is_string(), is_used, "{row}");
        // The collector itself reads every key each day, and is no user of it.
        assert!(!row["principal"].as_str().unwrap_or_default().contains("kms-insights"), "{row}");
    }
    assert!(told.values().flatten().count() > told.len() / 3, "{told:?}");
    let requests = world.sandbox.requests();
    let (lookups, throttled) = (requests.of_outcome(LOOKUP, Outcome::Ok), requests.of_outcome(LOOKUP, Outcome::Throttled));
    println!("{lookups} requests for {} keys in 4 Regions, {throttled} of them throttled before", told.len());
    assert!((8..told.len() as u64 * 3).contains(&lookups), "{lookups} requests for {} keys", told.len());
    // On a busy machine some leave or arrive late and meet those of the next second. Without a pace nearly all would be throttled.
    assert!(throttled * 3 < lookups, "{throttled} of {lookups}");
    assert_eq!(collected.ended.code, Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_looks_for_keys_whose_last_usage_kms_knows() {
    let world = World::start(organization(102, 8, 2), behaviour()).await;
    let sought: BTreeSet<_> =
        world.expectation().records.iter().filter(|record| matches!(record, StagedRecord::History(_))).map(StagedRecord::account).collect();
    let settled = world.members().into_iter().find(|account| !sought.contains(account)).unwrap();
    world.collect(&["--accounts", settled.as_str()]).await;
    assert_eq!(world.sandbox.requests().of(LOOKUP), 0);
    assert_eq!(world.query("SELECT DISTINCT event_history_status FROM key_last_used").await, json!([{"event_history_status": "not_applicable"}]));
}

/// What is said of the two Regions of an organization with such a trail.
async fn recording(trail: TrailSetting) -> Value {
    let world = World::start(organization(103, 2, 2), Behaviour { trail, ..behaviour() }).await;
    world.collect_and_compare(&[]).await;
    world.query("SELECT DISTINCT region, records_kms_reads AS recorded, reason, is_logging, status FROM trail_recording ORDER BY 1").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_account_and_region_says_whether_a_trail_records_uses_and_why_not() {
    let (stopped_days_ago, whole) = (Some(3), TrailSetting::default);
    let stopped = (world_now() - TimeDelta::days(3)).format("%Y-%m-%d");
    let writes = "the trail organization-trail records writes alone, and the use of a key is a read";
    let without_kms = "the trail organization-trail leaves out the events of KMS";
    for (trail, recorded, reason, is_logging) in [
        (whole(), "yes", None, json!(true)),
        (TrailSetting { advanced: true, ..whole() }, "yes", None, json!(true)),
        (TrailSetting { prefix: Some("logs".to_owned()), ..whole() }, "yes", None, json!(true)),
        (TrailSetting::none(), "no", Some("there is no trail".to_owned()), Value::Null),
        (TrailSetting { stopped_days_ago, ..whole() }, "no", Some(format!("the trail organization-trail is stopped since {stopped}")), json!(false)),
        (TrailSetting { records: Recorded::WriteOnly, ..whole() }, "no", Some(writes.to_owned()), json!(true)),
        (TrailSetting { records: Recorded::WriteOnly, advanced: true, ..whole() }, "no", Some(writes.to_owned()), json!(true)),
        (TrailSetting { records: Recorded::WithoutKms, ..whole() }, "no", Some(without_kms.to_owned()), json!(true)),
        (TrailSetting { records: Recorded::WithoutKms, advanced: true, ..whole() }, "no", Some(without_kms.to_owned()), json!(true)),
        (
            TrailSetting { records: Recorded::DataOnly, ..whole() },
            "no",
            Some("the trail organization-trail records no management events".to_owned()),
            json!(true),
        ),
    ] {
        let row = |region| json!({"region": region, "recorded": recorded, "reason": reason, "is_logging": is_logging, "status": "observed"});
        assert_eq!(recording(trail.clone()).await, json!([row("eu-central-1"), row("us-east-1")]), "{trail:?}");
    }
    let refused = (world_now() - TimeDelta::days(3)).format("%Y-%m-%d");
    let reason = format!("the bucket of the trail organization-trail does not take its log files, since {refused}: AccessDenied");
    let row = |region| json!({"region": region, "recorded": "unknown", "reason": reason, "is_logging": true, "status": "observed"});
    assert_eq!(recording(TrailSetting { refused_days_ago: Some(3), ..whole() }).await, json!([row("eu-central-1"), row("us-east-1")]));
    let elsewhere = json!({"region": "eu-central-1", "recorded": "no", "reason": "there is no trail", "is_logging": null, "status": "observed"});
    let home = json!({"region": "us-east-1", "recorded": "yes", "reason": null, "is_logging": true, "status": "observed"});
    assert_eq!(recording(TrailSetting { single_region: true, ..whole() }).await, json!([elsewhere, home]));
}

fn world_now() -> kms_insights_model::Timestamp {
    organization(103, 2, 2).now
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_of_cloudtrail_is_denied_is_told_once_for_each_region_and_the_rest_is_read() {
    let world = World::start(organization(104, 4, 5), behaviour()).await;
    let member = world.members()[0];
    let denied = |operation| Fault::always("cloudtrail", operation, FaultKind::AccessDenied).in_account(member);
    world.sandbox.set_faults(vec![no_last_usage().in_account(member), denied("LookupEvents"), denied("DescribeTrails").in_region(region("us-east-1"))]);
    world.collect_and_compare(&[]).await;
    let told =
        world.query("SELECT account_id, region, fact, operation, code, key_arn FROM collection_errors WHERE operation LIKE 'cloudtrail:%' ORDER BY 2, 3").await;
    let row = |region, fact, operation| json!({"account_id": member, "region": region, "fact": fact, "operation": operation, "code": "access_denied", "key_arn": null});
    let expected = json!([
        row("eu-central-1", "event_history", LOOKUP),
        row("us-east-1", "event_history", LOOKUP),
        row("us-east-1", "trails", "cloudtrail:DescribeTrails"),
    ]);
    assert_eq!(told, expected);
    let recorded = format!("SELECT region, records_kms_reads AS recorded, reason, status FROM trail_recording WHERE account_id = '{member}' ORDER BY 1");
    let unknown = json!({"region": "us-east-1", "recorded": "unknown", "reason": "the trails could not be listed (access_denied)", "status": "denied"});
    let known = json!({"region": "eu-central-1", "recorded": "yes", "reason": null, "status": "observed"});
    assert_eq!(world.query(&recorded).await, json!([known, unknown]));
    let reasons = format!(
        "SELECT DISTINCT verdict, reason LIKE '%event history could not be looked through (access_denied)%' AS told FROM key_last_used WHERE account_id = '{member}'"
    );
    assert_eq!(world.query(&reasons).await, json!([{"verdict": "unknown", "told": true}]));
    // One question in each Region, and no second one for each key.
    assert!((2..=4).contains(&world.sandbox.requests().of_outcome(LOOKUP, Outcome::Fault)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_time_for_the_event_history_its_silence_is_no_silence_of_the_key() {
    let world = World::start(organization(105, 2, 3), behaviour()).await;
    world.sandbox.set_faults(vec![no_last_usage()]);
    world.collect(&["--lookup-budget", "0s"]).await;
    assert_eq!(world.sandbox.requests().of(LOOKUP), 0);
    let told = world.query("SELECT DISTINCT fact, operation, code FROM collection_errors WHERE operation LIKE 'cloudtrail:%'").await;
    assert_eq!(told, json!([{"fact": "event_history", "operation": LOOKUP, "code": "budget"}]));
    assert_eq!(
        world.query("SELECT DISTINCT verdict, event_history_status AS status FROM key_last_used").await,
        json!([{"verdict": "unknown", "status": "failed"}])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_run_keeps_what_cloudtrail_said() {
    let world = World::start(organization(106, 4, 5), behaviour()).await;
    let tags = Fault::always("kms", "ListResourceTags", FaultKind::AccessDenied);
    world.sandbox.set_faults(vec![no_last_usage(), tags]);
    let first = world.collect_and_compare(&[]).await;
    assert!(world.sandbox.requests().of(LOOKUP) > 0 && world.sandbox.requests().of("cloudtrail:DescribeTrails") > 0);

    world.sandbox.set_faults(vec![no_last_usage()]);
    world.sandbox.reset_requests();
    let second = world.collect(&["--resume", first.run.as_str()]).await;
    world.expectation().resumed_from(&first.run).assert_found_by(&second, &world.lake()).await;
    let requests = world.sandbox.requests();
    let asked = [LOOKUP, "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"].map(|operation| requests.of(operation));
    assert_eq!(asked, [0; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_that_the_history_told_before_the_time_was_up_count_as_no_last_ones_and_resuming_finds_these() {
    let world = World::start(organization(106, 1, 40), behaviour()).await;
    world.sandbox.set_faults(vec![no_last_usage()]);
    // Two requests a second: some operations are listed then, and others are not.
    let collected = world.collect(&["--lookup-budget", "4s", "--quota-share", "1"]).await;
    assert_eq!(collected.ended.code, Some(3));
    let sql = "SELECT key_arn, last_used_at, evidence, event_history_status AS status, reason FROM key_last_used WHERE verdict = 'used'";
    let told = world.query(sql).await;
    let last = last_uses(&world);
    assert!(!told.as_array().unwrap().is_empty());
    for row in told.as_array().unwrap() {
        let truth = last[row["key_arn"].as_str().unwrap()].as_deref();
        assert!(row["last_used_at"].as_str() <= truth, "{row} {truth:?}");
        assert_eq!((row["evidence"].as_str(), row["status"].as_str()), (Some("lookup"), Some("failed")), "{row}");
        let reason = row["reason"].as_str().unwrap();
        let why = "CloudTrail's event history could not be looked through as far as it would have had to be (budget)";
        assert!(reason.starts_with("there may be a later use: ") && reason.contains(why), "{row}");
    }
    let lacking = world.query("SELECT DISTINCT code FROM collection_errors WHERE fact = 'event_history'").await;
    assert_eq!(lacking, json!([{"code": "budget"}]));
    let run = world.query("SELECT run_id FROM runs").await[0]["run_id"].as_str().unwrap().to_owned();
    world.collect(&["--resume", &run]).await;
    let rows = world.query("SELECT key_arn, last_used_at FROM key_last_used k JOIN latest_run r ON k.run_id = r.run_id").await;
    let found: BTreeMap<String, Option<String>> =
        rows.as_array().unwrap().iter().map(|row| (row["key_arn"].as_str().unwrap().to_owned(), row["last_used_at"].as_str().map(str::to_owned))).collect();
    assert_eq!(found, last);
}
