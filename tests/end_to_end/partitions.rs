//! Whole organizations in the partitions of China and of the US government.

use kms_insights_lake::tables::{findings::FindingRow, grants::GrantRow, keys::KeyRow, policy_statements::PolicyStatementRow};
use kms_insights_model::Partition;
use kms_insights_sandbox::{Fault, FaultKind, OrganizationShape};

use crate::{
    harness::{Collected, ROLE, World, behaviour, organization, region},
    snapshot::rows,
};

/// An organization in two Regions; where an account's Regions cannot be listed, all that its partition's accounts have are read.
async fn assert_read_whole(partition: Partition, seed: u64, regions: [&str; 2]) {
    let shape = OrganizationShape { regions: regions.map(region).to_vec(), ..organization(seed, 5, 12) };
    let world = World::start(shape, behaviour()).await;
    let collected = world.collect_and_compare(&[]).await;
    world.assert_all_arns_are_of(&collected, partition).await;
    let mut roles: Vec<String> = world.sandbox.assumed_roles().into_iter().map(|session| session.role_arn).collect();
    let mut expected: Vec<String> = world.members().iter().map(|account| format!("arn:{partition}:iam::{account}:role/{ROLE}")).collect();
    roles.sort();
    expected.sort();
    assert_eq!(roles, expected);

    world.sandbox.set_faults(vec![Fault::always("account", "ListRegions", FaultKind::AccessDenied)]);
    world.collect_and_compare(&[]).await;
}

impl World {
    async fn assert_all_arns_are_of(&self, collected: &Collected, partition: Partition) {
        let (lake, run) = (self.lake(), &collected.run);
        let texts = [
            format!("{:?}", rows::<KeyRow>(&lake, run).await),
            format!("{:?}", rows::<PolicyStatementRow>(&lake, run).await),
            format!("{:?}", rows::<GrantRow>(&lake, run).await),
            format!("{:?}", rows::<FindingRow>(&lake, run).await),
        ];
        for text in texts {
            let begin = format!("arn:{partition}:");
            assert!(text.contains(&begin), "{begin} occurs");
            let others = text.match_indices("arn:aws").map(|(at, _)| &text[at..]).filter(|arn| !arn.starts_with(&begin));
            let others: Vec<String> = others.map(|arn| arn.chars().take(80).collect()).collect();
            assert!(others.is_empty(), "{others:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_in_china_is_read_whole() {
    assert_read_whole(Partition::China, 91, ["cn-north-1", "cn-northwest-1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_in_govcloud_is_read_whole() {
    assert_read_whole(Partition::UsGov, 92, ["us-gov-west-1", "us-gov-east-1"]).await;
}
