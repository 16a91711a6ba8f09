//! Faults that no retry helps against: rows and `collection_errors` equal the truth under each alone and under all at once, and nothing is invented.

use kms_insights_model::{AccountId, ApiAction, ErrorCode, Fact, Failure, KeyId, StagedRecord};
use kms_insights_sandbox::{Fault, FaultKind, Recurrence};
use serde_json::json;

use crate::harness::{World, behaviour, organization, region};

const REGION: &str = "eu-central-1";

/// Two accounts that can be read, two Regions, some keys in each.
async fn small() -> World {
    World::start(organization(11, 4, 7), behaviour()).await
}

impl World {
    fn member(&self) -> AccountId {
        self.members()[0]
    }

    /// A customer managed key of the member account, of which nothing is denied.
    fn readable_key(&self) -> KeyId {
        let whole = |record: &StagedRecord| match record {
            StagedRecord::Key(key)
                if key.arn.account() == self.member() && key.is_complete() && key.grants.observed().is_some_and(|grants| !grants.is_empty()) =>
            {
                Some(key.arn.key_id().clone())
            }
            _ => None,
        };
        self.expectation().records.iter().find_map(whole).expect("the organization has such a key")
    }
}

/// Collects under one fault and compares every row.
async fn assert_truth_under(fault: impl FnOnce(&World) -> Fault) {
    assert_truth_with(fault, &[]).await;
}

async fn assert_truth_with(fault: impl FnOnce(&World) -> Fault, more: &[&str]) {
    let world = small().await;
    let without = world.expectation().records;
    world.sandbox.set_faults(vec![fault(&world)]);
    assert!(world.expectation().records != without, "the fault shows in the truth");
    world.collect_and_compare(more).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_operation_costs_its_own_fact_and_no_other() {
    let world = World::start(organization(13, 4, 4), behaviour()).await;
    for action in ApiAction::ALL.iter().filter(|action| action.service().iam_prefix() == "kms") {
        let denied = Fault::always("kms", action.name(), FaultKind::AccessDenied);
        // A run that can list the keys of no account at all is not published.
        let denied = if *action == ApiAction::KmsListKeys { denied.in_account(world.member()) } else { denied };
        world.sandbox.set_faults(vec![denied]);
        world.collect_and_compare(&[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_list_of_regions_is_told_and_the_usual_regions_are_read() {
    assert_truth_under(|_| Fault::always("account", "ListRegions", FaultKind::AccessDenied)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_list_of_keys_costs_that_account_and_region_visibly() {
    assert_truth_under(|world| Fault::always("kms", "ListKeys", FaultKind::AccessDenied).in_account(world.member()).in_region(region(REGION))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_cannot_be_assumed_costs_that_account() {
    assert_truth_under(|world| Fault::always("sts", "AssumeRole", FaultKind::AccessDenied).in_account(world.member())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_errors_without_end_fail_what_was_asked() {
    assert_truth_under(|world| Fault::always("kms", "ListGrants", FaultKind::Status(500)).in_account(world.member())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_without_end_fails_what_was_asked_and_nothing_beside_it() {
    // Few keys: a request that is throttled is asked a dozen times before it is given up, which takes half a minute.
    let world = World::start(organization(14, 4, 2), behaviour()).await;
    let (member, place) = (world.member(), region(REGION));
    let without = world.expectation().records;
    world.sandbox.set_faults(vec![Fault::always("kms", "ListGrants", FaultKind::Throttle).in_account(member).in_region(place.clone())]);
    let expected = world.expectation().records;
    let is_there = |record: &StagedRecord| matches!(record, StagedRecord::Key(key) if key.arn.account() == member && *key.arn.region() == place);
    assert_eq!(expected.len(), without.len());
    assert!(expected.iter().zip(&without).all(|(record, before)| (record == before) != is_there(record)), "these keys are struck and nothing else");

    let run = world.collect_and_compare(&[]).await.run;
    let here = format!("run_id = '{run}' AND account_id = '{member}' AND region = '{REGION}'");
    let facts = world.query(&format!("SELECT grants_status, count(*) AS keys FROM keys WHERE {here} GROUP BY grants_status")).await;
    assert_eq!(facts, json!([{"grants_status": "failed", "keys": 2}]));
    let told = "SELECT account_id, region, fact, operation, retryable, count(*) AS keys FROM collection_errors WHERE code = 'throttled' GROUP BY ALL";
    let row = json!({"account_id": member, "region": REGION, "fact": "grants", "operation": "kms:ListGrants", "retryable": true, "keys": 2});
    assert_eq!(world.query(told).await, json!([row]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unavailable_sts_fails_the_account_and_not_as_a_missing_role() {
    assert_truth_under(|world| Fault::always("sts", "AssumeRole", FaultKind::Status(503)).in_account(world.member())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_answers_with_a_page_of_html_is_a_server_error() {
    assert_truth_under(|_| Fault::always("kms", "GetKeyLastUsage", FaultKind::HtmlError)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_always_reset_are_told_as_lost() {
    assert_truth_under(|world| Fault::always("kms", "DescribeKey", FaultKind::Reset).for_key(world.readable_key())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_never_comes_is_a_timeout() {
    assert_truth_with(|world| Fault::always("kms", "ListResourceTags", FaultKind::Stall).for_key(world.readable_key()), &["--request-timeout", "500ms"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_is_no_answer() {
    assert_truth_under(|world| Fault::always("kms", "GetKeyPolicy", FaultKind::TruncatedBody).for_key(world.readable_key())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_of_broken_json_lists_nothing() {
    assert_truth_under(|world| Fault::always("kms", "ListKeys", FaultKind::MalformedBody).in_account(world.member()).in_region(region(REGION))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_whose_marker_leads_back_end_and_say_so() {
    for operation in ["ListKeys", "ListAliases", "ListGrants", "DescribeCustomKeyStores"] {
        assert_truth_under(|_| Fault::always("kms", operation, FaultKind::RepeatedMarker)).await;
    }
    assert_truth_under(|_| Fault::always("account", "ListRegions", FaultKind::RepeatedMarker)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_that_are_truncated_without_a_marker_are_not_taken_for_whole() {
    for operation in ["ListKeys", "ListResourceTags", "ListKeyRotations"] {
        assert_truth_under(|world| Fault::always("kms", operation, FaultKind::MissingMarker).in_account(world.member())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_gone_after_the_listing_is_a_row_that_says_so() {
    assert_truth_under(|world| Fault::everywhere(FaultKind::NotFound, Recurrence::Always).for_key(world.readable_key())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_whose_tree_is_hidden_has_accounts_without_paths() {
    let world = small().await;
    world.sandbox.set_faults(vec![Fault::always("organizations", "ListRoots", FaultKind::AccessDenied)]);
    let collected = world.collect(&[]).await;
    let expected = world.expectation().with(|record| {
        if let StagedRecord::Account(record) = record {
            record.account.ou_path = Fact::Denied(Failure::new(ApiAction::OrganizationsListRoots, ErrorCode::AccessDenied, ""));
        }
    });
    expected.assert_found_by(&collected, &world.lake()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_that_may_not_be_described_is_read_all_the_same_and_the_gap_is_told() {
    let world = small().await;
    world.sandbox.set_faults(vec![Fault::always("organizations", "DescribeOrganization", FaultKind::AccessDenied)]);
    let collected = world.collect(&[]).await;
    let mut expected = world.expectation().with(|record| {
        // Which account is the management account nobody else says.
        if let StagedRecord::Account(record) = record {
            record.account.is_management = false;
        }
    });
    expected.organization = None;
    expected.organization_failures = vec![Failure::new(ApiAction::OrganizationsDescribeOrganization, ErrorCode::AccessDenied, "")];
    expected.assert_found_by(&collected, &world.lake()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_faults_at_once_leave_what_is_true_and_say_what_lacks() {
    let world = World::start(organization(12, 7, 9), behaviour()).await;
    let members = world.members();
    let key = world.expectation().records.iter().find_map(|record| match record {
        StagedRecord::Key(key) if key.arn.account() == members[3] && key.is_complete() => Some(key.arn.key_id().clone()),
        _ => None,
    });
    let sometimes = |kind| Fault::everywhere(kind, Recurrence::Sometimes { probability: 0.02, at_most: 1 });
    // Of several faults that strike the same request the first decides: those that stay come first, so that what they leave has one cause.
    world.sandbox.set_faults(vec![
        Fault::always("sts", "AssumeRole", FaultKind::AccessDenied).in_account(members[0]),
        Fault::always("kms", "ListKeys", FaultKind::AccessDenied).in_account(members[1]).in_region(region(REGION)),
        Fault::always("kms", "GetKeyRotationStatus", FaultKind::AccessDenied).in_account(members[1]),
        Fault::always("kms", "GetKeyLastUsage", FaultKind::HtmlError).in_account(members[2]),
        Fault::always("account", "ListRegions", FaultKind::Status(500)).in_account(members[2]),
        Fault::always("kms", "ListAliases", FaultKind::RepeatedMarker).in_account(members[3]),
        Fault::always("kms", "DescribeCustomKeyStores", FaultKind::MissingMarker).in_account(members[3]),
        Fault::always("kms", "GetKeyPolicy", FaultKind::HtmlError).for_key(key.clone().unwrap()),
        Fault::always("kms", "ListGrants", FaultKind::Stall).for_key(key.clone().unwrap()),
        Fault::always("kms", "DescribeKey", FaultKind::Reset).for_key(key.clone().unwrap()),
        Fault::always("kms", "ListResourceTags", FaultKind::NotFound).for_key(key.unwrap()),
        sometimes(FaultKind::Throttle),
        sometimes(FaultKind::Status(500)),
        sometimes(FaultKind::Status(503)),
        sometimes(FaultKind::HtmlError),
        sometimes(FaultKind::Reset),
        sometimes(FaultKind::TruncatedBody),
        sometimes(FaultKind::MalformedBody),
        sometimes(FaultKind::Stall),
        sometimes(FaultKind::Slow(150)),
    ]);
    world.collect_and_compare(&["--request-timeout", "1s"]).await;
    let befallen = world.sandbox.befallen();
    assert!(befallen.iter().all(|struck| *struck > 0), "each of them struck: {befallen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_plan_nothing_is_published() {
    let world = small().await;
    for (service, operation, kind) in [
        ("sts", "GetCallerIdentity", FaultKind::AccessDenied),
        ("organizations", "ListAccounts", FaultKind::AccessDenied),
        ("organizations", "ListAccounts", FaultKind::Status(500)),
        ("organizations", "ListAccounts", FaultKind::RepeatedMarker),
    ] {
        world.sandbox.set_faults(vec![Fault::always(service, operation, kind)]);
        let ended = world.try_collect(&[]).await;
        assert_eq!(ended.code, Some(1), "{service}:{operation} {kind:?}: {ended:?}");
        assert!(ended.stderr.contains(&format!("{service}:{operation}")) && ended.stderr.contains("next: "), "{}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
    assert_eq!(world.lake().published_run_ids().await.unwrap(), []);
    assert_eq!(world.lake().staged_runs().await.unwrap(), []);
}
