//! A run that was published as partial is completed by a new run that asks only for what lacked.

use std::collections::{BTreeMap, BTreeSet};

use kms_insights_model::{AccountId, Fact, KeyArn, KeyFacts, KeyMetadata, Region, StagedRecord};
use kms_insights_sandbox::{Fault, FaultKind};

use crate::{
    expectation::Expectation,
    harness::{World, behaviour, organization, region},
};

/// How often a collector asks each operation that tells one thing a request, where it knows `before` and the truth is `after`.
fn questions(before: &Expectation, after: &Expectation) -> BTreeMap<&'static str, u64> {
    let mut known: BTreeMap<&KeyArn, &KeyFacts> = BTreeMap::new();
    let mut used: BTreeSet<&KeyArn> = BTreeSet::new();
    let mut listed: BTreeSet<(AccountId, &Region)> = BTreeSet::new();
    let mut entered: BTreeSet<AccountId> = BTreeSet::new();
    let mut seen: BTreeSet<(AccountId, &Region)> = BTreeSet::new();
    for record in &before.records {
        match record {
            StagedRecord::Key(key) => {
                known.insert(&key.arn, key);
            }
            StagedRecord::Usage(usage) if !usage.last_usage.is_lacking() => {
                used.insert(&usage.arn);
            }
            StagedRecord::Trails(trails) if !trails.is_lacking() => {
                seen.insert((trails.account, &trails.region));
            }
            StagedRecord::Unit(unit) if unit.key_listing.is_none() => {
                listed.insert((unit.account, &unit.region));
            }
            StagedRecord::Account(account) if account.access.observed().is_some() && account.region_listing.is_none() => {
                entered.insert(account.account.id);
            }
            _ => {}
        }
    }
    let mut questions: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut ask = |operation, times: bool| *questions.entry(operation).or_default() += u64::from(times);
    for record in &after.records {
        match record {
            StagedRecord::Account(account) if account.skipped.is_none() => ask("account:ListRegions", !entered.contains(&account.account.id)),
            StagedRecord::Unit(unit) => ask("kms:ListKeys", !listed.contains(&(unit.account, &unit.region))),
            StagedRecord::Usage(usage) => ask("kms:GetKeyLastUsage", !used.contains(&usage.arn)),
            StagedRecord::Key(key) => {
                let known = known.get(&key.arn);
                let metadata = key.metadata.observed();
                let lacks = |fact: Option<bool>| fact.unwrap_or(true);
                ask("kms:DescribeKey", lacks(known.map(|known| known.metadata.is_lacking())));
                ask("kms:GetKeyPolicy", lacks(known.map(|known| known.policy.is_lacking())));
                ask("kms:GetKeyPolicy", lacks(known.map(|known| known.ram_policy.is_lacking())) && !metadata.is_some_and(KeyMetadata::is_aws_managed));
                ask(
                    "kms:GetKeyRotationStatus",
                    lacks(known.map(|known| known.rotation.is_lacking())) && metadata.is_none_or(KeyMetadata::may_have_rotation_status),
                );
                ask("kms:ListResourceTags", lacks(known.map(|known| known.tags.is_lacking())));
            }
            StagedRecord::Trails(trails) => ask("cloudtrail:DescribeTrails", !seen.contains(&(trails.account, &trails.region))),
            StagedRecord::Account(_) | StagedRecord::History(_) => {}
        }
    }
    questions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_run_is_completed_by_asking_only_for_what_lacked() {
    let world = World::start(organization(61, 6, 8), behaviour()).await;
    let members = world.members();
    world.sandbox.set_faults(vec![
        Fault::always("sts", "AssumeRole", FaultKind::AccessDenied).in_account(members[0]),
        Fault::always("kms", "ListKeys", FaultKind::AccessDenied).in_account(members[1]).in_region(region("eu-central-1")),
        Fault::always("kms", "GetKeyPolicy", FaultKind::AccessDenied).in_account(members[2]),
        Fault::always("kms", "ListAliases", FaultKind::AccessDenied).in_account(members[2]).in_region(region("us-east-1")),
        Fault::always("kms", "GetKeyLastUsage", FaultKind::AccessDenied).in_account(world.management()),
        Fault::always("kms", "DescribeKey", FaultKind::NotFound).in_account(world.management()).in_region(region("us-east-1")),
    ]);
    let first = world.collect_and_compare(&[]).await;
    let before = world.expectation();
    let listing = world.try_collect(&["--resume"]).await;
    assert!(listing.stdout.contains(&format!("{}  6 accounts, published as partial", first.run)), "{}", listing.stdout);

    world.sandbox.clear_faults();
    world.sandbox.reset_requests();
    let resumed = world.collect(&["--resume", first.run.as_str()]).await;
    let requests = world.sandbox.requests();
    assert_ne!(resumed.run, first.run, "a published run never changes");
    assert_eq!(resumed.summary["resumed_from"], first.run.as_str());
    world.expectation().resumed_from(&first.run).with_histories_of(&before).assert_found_by(&resumed, &world.lake()).await;
    before.assert_in(&world.lake(), &first.run).await;
    let asked: BTreeMap<&str, u64> = questions(&before, &world.expectation()).into_keys().map(|operation| (operation, requests.of(operation))).collect();
    assert_eq!(asked, questions(&before, &world.expectation()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_run_reads_what_the_first_was_to_read_and_nothing_else() {
    let world = World::start(organization(62, 6, 6), behaviour()).await;
    let (member, regions) = (world.members()[1], [region("us-east-1")]);
    let suspended = world.sandbox.organization().accounts().iter().find(|account| !account.is_active()).unwrap().id;
    world.sandbox.set_faults(vec![Fault::always("kms", "ListGrants", FaultKind::AccessDenied)]);
    let accounts = format!("{member},{suspended}");
    let selection = ["--accounts", &accounts, "--regions", "us-east-1", "--customer-managed-only"];
    let first = world.collect(&selection).await;
    world.expectation().of_accounts(&[member, suspended]).in_regions(&regions).customer_managed_only().assert_found_by(&first, &world.lake()).await;

    world.sandbox.clear_faults();
    let resumed = world.collect(&["--resume", first.run.as_str()]).await;
    let expected = world.expectation().of_accounts(&[member, suspended]).in_regions(&regions).customer_managed_only().resumed_from(&first.run);
    expected.assert_found_by(&resumed, &world.lake()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complete_run_keeps_no_staging_and_cannot_be_resumed() {
    let world = World::start(organization(63, 10, 3), behaviour()).await;
    let whole = world.members().into_iter().find(|account| world.expectation().of_accounts(&[*account]).is_whole()).unwrap();
    let more = ["--accounts", whole.as_str()];
    let lacking = Fault::always("kms", "ListResourceTags", FaultKind::AccessDenied);
    world.sandbox.set_faults(vec![lacking]);
    let first = world.collect(&more).await;
    assert_eq!(first.ended.code, Some(3));
    world.sandbox.clear_faults();
    let second = world.collect(&["--resume", first.run.as_str()]).await;
    world.expectation().of_accounts(&[whole]).resumed_from(&first.run).assert_found_by(&second, &world.lake()).await;
    assert_eq!(second.ended.code, Some(0));
    assert_eq!(world.lake().staged_runs().await.unwrap(), []);
    for run in [first.run.as_str(), second.run.as_str(), "20260101T000000Z-00000000"] {
        let refused = world.try_collect(&["--resume", run]).await;
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(&format!("no run {run} that could be resumed")), "{}", refused.stderr);
    }
}

/// Budgeted last usages are no exception: they are asked for when somebody has the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_usages_left_unread_are_unread_and_not_unused_until_a_run_reads_them() {
    let world = World::start(organization(64, 4, 6), behaviour()).await;
    let first = world.collect(&["--last-usage-budget", "0s"]).await;
    assert_eq!(world.sandbox.requests().of("kms:GetKeyLastUsage"), 0);
    let expected = world.expectation().with(crate::expectation::without_last_usages);
    expected.assert_found_by(&first, &world.lake()).await;
    let verdicts = world.query("SELECT DISTINCT verdict, status, reason LIKE 'budget: %' AS told FROM key_last_used").await;
    assert_eq!(verdicts, serde_json::json!([{"verdict": "unknown", "status": "failed", "told": true}]));

    world.sandbox.reset_requests();
    let second = world.collect(&["--resume", first.run.as_str()]).await;
    world.expectation().resumed_from(&first.run).assert_found_by(&second, &world.lake()).await;
    let keys = world.expectation().records.iter().filter(|record| matches!(record, StagedRecord::Key(_))).count();
    assert_eq!(world.sandbox.requests().of("kms:GetKeyLastUsage"), keys as u64);
    assert_eq!(world.sandbox.requests().of("kms:ListKeys"), 0);
    let unread = |record: &StagedRecord| matches!(record, StagedRecord::Usage(usage) if matches!(usage.last_usage, Fact::Observed(_)));
    assert!(world.expectation().records.iter().any(unread));
}
