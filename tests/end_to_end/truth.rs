//! Rows equal the truth, whole values compared.

use kms_insights_sandbox::{Archetype, KeyCount, OrganizationShape};

use kms_insights_model::{Fact, StagedRecord};

use crate::harness::{World, behaviour, organization, region};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_every_table_equals_the_truth() {
    let regions = vec![region("us-east-1"), region("eu-central-1"), region("eu-south-2")];
    let shape = OrganizationShape { accounts: 9, regions, keys: KeyCount::LogUniform { min: 6, max: 30 }, ..organization(7, 9, 0) };
    let world = World::start(shape, behaviour()).await;
    let organization = world.sandbox.organization();
    let keys = organization.accounts().iter().flat_map(|account| account.enabled_regions().flat_map(|region| organization.keys(account, region)));
    let kinds: std::collections::BTreeSet<Archetype> = keys.filter_map(|key| key.archetype()).collect();
    assert_eq!(kinds.len(), Archetype::ALL.len(), "the organization holds a key of every kind");

    let collected = world.collect(&[]).await;
    world.expectation().assert_found_by(&collected, &world.lake()).await;
    crate::spot_checks::assert_known_rows(&world).await;
    crate::access::assert_ways_into_every_key(&world, &world.lake(), &collected).await;
}

/// The comparison itself is put to the test: it must see one tag of one key, and a key too many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_difference_from_the_truth_is_seen() {
    let world = World::start(organization(8, 2, 4), behaviour()).await;
    let collected = world.collect_and_compare(&[]).await;
    let changed = world.expectation().with({
        let mut untouched = true;
        move |record| {
            if let StagedRecord::Key(key) = record
                && let Fact::Observed(tags) = &mut key.tags
                && let Some(tag) = tags.first_mut().filter(|_| std::mem::take(&mut untouched))
            {
                tag.value.push('!');
            }
        }
    });
    let mut fewer = world.expectation();
    fewer.records.retain({
        let mut others = 0;
        move |record| {
            others += u32::from(matches!(record, StagedRecord::Key(_)));
            !matches!(record, StagedRecord::Key(_)) || others > 1
        }
    });
    for (expected, what) in [(changed, "1 differences from the truth"), (fewer, "keys: invented: ")] {
        let (lake, run) = (world.lake(), collected.run.clone());
        let failed = tokio::spawn(async move { expected.assert_in(&lake, &run).await }).await.unwrap_err();
        let message = failed.into_panic().downcast::<String>().unwrap();
        assert!(message.contains(what), "{message}");
    }
}
