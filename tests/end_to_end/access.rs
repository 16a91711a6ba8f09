//! Who can do what with a key: the rows of `key_access` against the policies and grants that the sandbox knows, read here by the letter and without the code that weighs them.

use std::collections::{BTreeMap, BTreeSet};

use kms_insights_lake::{
    Lake,
    tables::{key_access::KeyAccessRow, keys::KeyRow},
};
use kms_insights_model::{KeyFacts, RunId, StagedRecord};
use serde_json::Value;

use crate::{
    harness::{Collected, World, behaviour, organization},
    snapshot::rows,
};

/// The places of the policy's statements that hand the key over to its own account's IAM, without any condition. None of a policy that denies anything.
fn handing_over(key: &KeyFacts) -> Vec<i32> {
    let Some(text) = key.policy.observed() else { return Vec::new() };
    let Ok(policy) = serde_json::from_str::<Value>(text.as_str()) else { return Vec::new() };
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    if statements.iter().any(|statement| statement["Effect"] != "Allow") {
        return Vec::new();
    }
    let root = format!("arn:{}:iam::{}:root", key.arn.partition(), key.arn.account());
    let handed = |statement: &Value| {
        statement["Principal"]["AWS"] == root.as_str() && statement["Action"] == "kms:*" && statement["Resource"] == "*" && statement.get("Condition").is_none()
    };
    (0..).zip(&statements).filter(|(_, statement)| handed(statement)).map(|(index, _)| index).collect()
}

/// The rows say what the truth says, key by key, and `keys` and `external_access` say the same.
pub(crate) async fn assert_ways_into_every_key(world: &World, lake: &Lake, collected: &Collected) {
    let run: &RunId = &collected.run;
    let mut ways: BTreeMap<String, Vec<KeyAccessRow>> = BTreeMap::new();
    for row in rows::<KeyAccessRow>(lake, run).await {
        ways.entry(row.key_arn.to_string()).or_default().push(row);
    }
    let (mut delegations, mut grants) = (0, 0);
    for record in world.sandbox.truth().records() {
        let StagedRecord::Key(key) = record else { continue };
        let ways = ways.remove(&key.arn.to_string()).unwrap_or_default();
        for index in handing_over(&key) {
            let handed = |row: &&KeyAccessRow| row.statement_index == Some(index) && row.policy_name.as_deref() == Some("default");
            let capabilities: BTreeSet<&str> = ways.iter().filter(handed).map(|row| &*row.capability).collect();
            assert!(["grant", "administer", "read"].iter().all(|capability| capabilities.contains(capability)), "{}: {capabilities:?}", key.arn);
            for row in ways.iter().filter(handed) {
                assert_eq!((&*row.kind, &*row.trust, &*row.certainty), ("delegation", "own_account", "certain"), "{row:?}");
            }
            delegations += 1;
        }
        for grant in key.grants.observed().into_iter().flatten() {
            let by_grant: Vec<&KeyAccessRow> = ways.iter().filter(|row| row.grant_id.as_ref() == Some(&grant.id)).collect();
            assert!(!by_grant.is_empty() && by_grant.iter().all(|row| row.cause == "grant" && row.statement_index.is_none()), "{}: {grant:?}", key.arn);
            grants += 1;
        }
        let unread = (key.policy.observed().is_none() && key.ram_policy.observed().is_none(), key.grants.observed().is_none());
        let invented = |row: &&KeyAccessRow| if row.cause == "grant" { unread.1 } else { unread.0 };
        assert_eq!(ways.iter().find(invented), None, "nobody comes in by what was not read");
    }
    assert!(ways.is_empty(), "keys that there are not: {:?}", ways.keys());
    assert!(delegations > 20 && grants > 20, "{delegations} delegations and {grants} grants are too few to tell anything");

    let verdicts: BTreeMap<String, String> = rows::<KeyRow>(lake, run).await.into_iter().map(|key| (key.key_arn, key.outside_account)).collect();
    let shown = world.query("SELECT key_arn, max(CASE WHEN certainty = 'certain' THEN 1 ELSE 0 END) AS certain FROM external_access GROUP BY key_arn").await;
    let shown: BTreeMap<&str, bool> =
        shown.as_array().unwrap().iter().map(|row| (row["key_arn"].as_str().unwrap(), row["certain"].as_i64() == Some(1))).collect();
    for (arn, verdict) in &verdicts {
        let expected = match verdict.as_str() {
            "yes" => Some(true),
            "unknown" => Some(false),
            _ => None,
        };
        assert_eq!(shown.get(arn.as_str()).copied(), expected, "{arn}: keys.outside_account is {verdict}");
    }
    assert!(["yes", "no", "unknown"].iter().all(|verdict| verdicts.values().any(|found| found == verdict)), "each verdict is put to the test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_are_judged_by_the_configuration_of_the_moment() {
    let world = World::start(organization(8, 3, 12), behaviour()).await;
    world.configure(
        "[findings]\ntrusted_accounts = [\"900100200301\", \"900100200302\", \"900100200303\"]\n\
         [[findings.waivers]]\nrule = \"pending-deletion\"\nreason = \"they were copied\"\nuntil = \"2999-12-31\"\n",
    );
    world.collect(&[]).await;
    let count = async |sql: &str| world.query(&format!("SELECT count(*) AS n FROM {sql}")).await[0]["n"].as_u64().unwrap();
    assert!(count("key_access WHERE trust = 'trusted'").await > 0);
    assert_eq!(count("key_access WHERE who_account LIKE '9001002003%' AND trust <> 'trusted'").await, 0);
    let waived = count("findings WHERE waived_until = '2999-12-31' AND waiver_reason = 'they were copied'").await;
    assert!(waived > 0);
    assert_eq!(waived, count("findings WHERE rule = 'pending-deletion'").await);
    assert_eq!(waived, count("findings WHERE waived_until IS NOT NULL").await);
    // A trusted account is outside all the same.
    assert!(count("external_access WHERE trust = 'trusted'").await > 0);
}
