//! What a run knew of its organization stands when it is resumed, whatever the caller may ask by then.

use kms_insights_model::{Fact, StagedRecord};
use kms_insights_sandbox::{Fault, FaultKind, Recurrence};

use crate::harness::{World, behaviour, finish, interrupt, organization};

fn no_grants() -> Fault {
    Fault::always("kms", "ListGrants", FaultKind::AccessDenied)
}

fn no_organizations() -> Fault {
    Fault { service: Some("organizations".to_owned()), ..Fault::everywhere(FaultKind::AccessDenied, Recurrence::Always) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organizations_that_cannot_be_asked_any_more_take_nothing_from_what_was_known() {
    let world = World::start(organization(91, 6, 8), behaviour()).await;
    world.sandbox.set_faults(vec![no_grants()]);
    let first = world.collect(&[]).await;
    world.sandbox.set_faults(vec![no_organizations()]);
    let second = world.collect(&["--resume", first.run.as_str()]).await;
    assert!(world.sandbox.requests().of("organizations:DescribeOrganization") > 0);
    // Every row is as if Organizations had answered: the organization's id, its accounts' paths, and whether a principal is of one of them.
    world.expectation().resumed_from(&first.run).assert_found_by(&second, &world.lake()).await;
    assert!(
        world
            .expectation()
            .records
            .iter()
            .any(|record| matches!(record, StagedRecord::Account(account) if matches!(account.account.ou_path, Fact::Observed(_))))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_first_attempt_could_not_learn_of_the_organization_the_next_one_does() {
    let world = World::start(organization(92, 6, 60), behaviour()).await;
    let accounts = world.sandbox.organization().accounts().iter().map(|account| account.id.to_string()).collect::<Vec<_>>().join(",");
    world.sandbox.set_faults(vec![no_organizations()]);
    let mut process = world.begin_collect(&["--accounts", &accounts]);
    assert!(world.was_asked(300, &mut process).await);
    interrupt(&process).await;
    let stopped = finish(process).await;
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    let run = world.lake().staged_runs().await.unwrap().remove(0);
    let kms_insights_lake::staging::StagedRunEntry::Sound(run) = run else { panic!("{run:?}") };

    world.sandbox.clear_faults();
    let resumed = world.collect(&["--resume", run.info.run_id.as_str()]).await;
    assert_eq!(resumed.run, run.info.run_id);
    assert_eq!(resumed.summary["organization_id"], world.sandbox.organization().id());
    assert_eq!(world.query("SELECT fact FROM collection_errors WHERE account_id IS NULL").await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_not_gone_on_with_from_another_organization() {
    let world = World::start(organization(93, 4, 4), behaviour()).await;
    world.sandbox.set_faults(vec![no_grants()]);
    let first = world.collect(&[]).await;
    let elsewhere = World::start(organization(94, 4, 4), behaviour()).await;
    let lake = world.lake_folder();
    let refused = elsewhere.run(&["collect", "--lake", lake.to_str().unwrap(), "--resume", first.run.as_str()]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let ids = [world.sandbox.organization().id(), elsewhere.sandbox.organization().id()];
    let expected = format!("error: the run is of the organization {}, and the caller's account is in {}\n next: choose the profile", ids[0], ids[1]);
    assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_run_cannot_be_limited_otherwise() {
    let world = World::start(organization(95, 4, 4), behaviour()).await;
    world.sandbox.set_faults(vec![no_grants()]);
    let limited = ["--regions", "us-east-1"];
    let first = world.collect(&limited).await;
    for more in [&["--regions", "eu-central-1"][..], &["--accounts", world.management().as_str()], &["--regions", "us-east-1", "--customer-managed-only"]] {
        let refused = world.try_collect(&[&["--resume", first.run.as_str()], more].concat()).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("or begin a new run without --resume"), "{}", refused.stderr);
    }
    // The same selection once more is no other.
    let resumed = world.collect(&[&["--resume", first.run.as_str()], &limited[..]].concat()).await;
    assert_eq!(resumed.summary["resumed_from"], first.run.as_str());
}
