//! What a run reads is what it was told to read.

use kms_insights_model::{Account, AccountId, AccountRecord, ApiAction, ErrorCode, Fact, Failure, StagedRecord};
use kms_insights_sandbox::Behaviour;
use serde_json::json;

use crate::harness::{World, behaviour, organization, region};

async fn world() -> World {
    World::start(organization(71, 9, 4), behaviour()).await
}

impl World {
    /// The accounts whose organizational unit is this one or below it.
    fn accounts_below(&self, path: &str) -> Vec<AccountId> {
        let organization = self.sandbox.organization();
        let below = |place: &str| place == path || place.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        organization.accounts().iter().filter(|account| below(organization.path_of(account))).map(|account| account.id).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_without_gaps_make_a_complete_run_and_exit_0() {
    let world = world().await;
    let whole: Vec<AccountId> = world.members().into_iter().filter(|account| world.expectation().of_accounts(&[*account]).is_whole()).take(2).collect();
    let collected = world.collect(&["--accounts", &format!("{},{}", whole[1], whole[0])]).await;
    assert_eq!(collected.ended.code, Some(0));
    world.expectation().of_accounts(&whole).assert_found_by(&collected, &world.lake()).await;
    assert_eq!(world.query("SELECT count(*) AS gaps FROM collection_errors").await, json!([{"gaps": 0}]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_account_of_another_organization_is_tried_and_told_of() {
    let world = world().await;
    let (stranger, member) = ("999988887777".parse::<AccountId>().unwrap(), world.members()[0]);
    let collected = world.collect(&["--accounts", &format!("{stranger},{member}")]).await;
    let mut expected = world.expectation().of_accounts(&[member]);
    expected.records.push(StagedRecord::Account(Box::new(AccountRecord {
        account: Account { id: stranger, name: None, state: None, ou_path: Fact::NotApplicable, is_management: false },
        skipped: None,
        access: Fact::lacking(Failure::new(ApiAction::StsAssumeRole, ErrorCode::AssumeRoleDenied, "")),
        regions: Vec::new(),
        region_listing: None,
    })));
    expected.assert_found_by(&collected, &world.lake()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organizational_units_are_named_by_path_or_id_and_hold_those_below_them() {
    let world = world().await;
    let units = world.sandbox.organization().units().to_vec();
    let workloads = units.iter().find(|unit| unit.path == "/Workloads").unwrap();
    let security = units.iter().find(|unit| unit.path == "/Security").unwrap();
    let expected: Vec<AccountId> = [world.accounts_below("/Workloads"), world.accounts_below("/Security")].concat();
    assert!(!world.accounts_below("/Workloads").is_empty() && !world.accounts_below("/Security").is_empty());
    for (first, second) in [(&workloads.path, &security.id), (&workloads.id, &security.path)] {
        let collected = world.collect(&["--ou", &format!("{first},{second}")]).await;
        world.expectation().of_accounts(&expected).assert_found_by(&collected, &world.lake()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_of_closed_accounts_gives_their_rows_with_their_reasons() {
    let world = world().await;
    let collected = world.collect(&["--ou", "/Suspended"]).await;
    assert_eq!(collected.ended.code, Some(0), "nothing that was to be read lacks");
    world.expectation().of_accounts(&world.accounts_below("/Suspended")).assert_found_by(&collected, &world.lake()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_does_not_exist_is_a_mistake_and_no_empty_run() {
    let world = world().await;
    let ended = world.try_collect(&["--ou", "/Workloads/Production"]).await;
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr.trim_end(),
        "error: the organization has no organizational unit \"/Workloads/Production\"\n next: name it by its id (ou-…) or its path from the root (/Workloads/Prod)"
    );
    assert_eq!(world.lake().published_run_ids().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_regions_replace_those_of_the_accounts() {
    let world = world().await;
    // eu-west-3 is enabled everywhere, and nobody has keys there.
    let collected = world.collect(&["--regions", "eu-west-3,us-east-1"]).await;
    assert_eq!(world.sandbox.requests().of("account:ListRegions"), 0);
    let (used, empty) = (region("us-east-1"), region("eu-west-3"));
    let truth = world.sandbox.truth();
    let mut expected = world.expectation().in_regions(&[empty.clone(), used]);
    let readable: Vec<AccountId> = truth.accounts().filter(|record| record.access.observed().is_some()).map(|record| record.account.id).collect();
    expected.records.extend(readable.into_iter().map(|account| StagedRecord::Unit(Box::new(truth.unit(account, &empty)))));
    expected.assert_found_by(&collected, &world.lake()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_an_account_has_not_enabled_is_told_of_and_not_taken_for_empty() {
    let world = world().await;
    let member = world.members()[0];
    let collected = world.collect(&["--accounts", member.as_str(), "--regions", "af-south-1,us-east-1"]).await;
    assert_eq!(collected.ended.code, Some(3));
    let told = world.query("SELECT account_id, region, fact, operation, code FROM collection_errors ORDER BY fact").await;
    let row =
        |fact: &str, operation: &str| json!({"account_id": member, "region": "af-south-1", "fact": fact, "operation": operation, "code": "region_disabled"});
    assert_eq!(told, json!([row("custom_key_stores", "kms:DescribeCustomKeyStores"), row("key_listing", "kms:ListKeys")]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_could_read_no_account_hides_no_snapshot() {
    let world = world().await;
    let whole = world.collect(&[]).await;
    let member = world.members()[0];
    let nothing = world.try_collect(&["--accounts", member.as_str(), "--regions", "af-south-1"]).await;
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert_eq!(nothing.stdout, "");
    let told = nothing.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(told.contains("no account could be read") && told.contains(member.as_str()) && told.contains("region_disabled"), "{told}");
    assert_eq!(world.query("SELECT run_id FROM runs").await, json!([{"run_id": whole.run}]));
    assert_eq!(world.lake().staged_runs().await.unwrap().len(), 2, "the partial run, and this one, which can be gone on with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_managed_keys_are_left_out_on_demand() {
    let world = world().await;
    let collected = world.collect(&["--customer-managed-only"]).await;
    world.expectation().customer_managed_only().assert_found_by(&collected, &world.lake()).await;
    assert_eq!(world.query("SELECT count(*) AS managed FROM keys WHERE manager = 'AWS'").await, json!([{"managed": 0}]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_organization_the_own_account_is_read() {
    let world = World::start(organization(72, 5, 6), Behaviour { organization_in_use: false, ..behaviour() }).await;
    let collected = world.collect_and_compare(&[]).await;
    assert_eq!(collected.summary["organization_id"], json!(null));
    assert_eq!(collected.summary["accounts"]["planned"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegated_administrator_reads_the_organization_with_its_own_credentials_for_itself() {
    let shape = organization(73, 6, 4);
    let administrator = kms_insights_sandbox::Organization::generate(shape.clone()).accounts()[1].id;
    let delegated = Behaviour { delegated_administrator: Some(administrator), caller_account: Some(administrator), ..behaviour() };
    // The management account has no role unless somebody made one there.
    let world = World::start(shape.clone(), delegated.clone()).await;
    world.collect_and_compare(&[]).await;
    let world = World::start(shape, Behaviour { role_in_management: true, ..delegated }).await;
    let collected = world.collect_and_compare(&[]).await;
    assert_eq!(collected.summary["accounts"]["failed"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_account_cannot_list_the_organization_but_can_read_accounts_by_name() {
    let shape = organization(74, 6, 3);
    let member = kms_insights_sandbox::Organization::generate(shape.clone()).accounts()[1].id;
    let world = World::start(shape, Behaviour { caller_account: Some(member), ..behaviour() }).await;
    let refused = world.try_collect(&[]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("name accounts with --accounts"), "{}", refused.stderr);
    let collected = world.collect(&["--accounts", member.as_str()]).await;
    let keys = world.expectation().of_accounts(&[member]).records.iter().filter(|record| matches!(record, StagedRecord::Key(_))).count();
    assert_eq!(collected.summary["keys"], keys);
}
