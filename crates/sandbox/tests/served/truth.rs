use std::collections::BTreeSet;

use kms_insights_model::{Fact, Grant, KeyFacts, KeyState, LastUsage, Origin, StagedRecord, Timestamp};
use kms_insights_sandbox::{Archetype, Behaviour, KeyCount, Organization, OrganizationShape};
use serde_json::{Value, json};

use crate::{client::Client, shape, start};

fn time(value: &Value) -> Option<Timestamp> {
    #[allow(clippy::cast_possible_truncation, reason = "milliseconds of a date")]
    value.as_f64().and_then(|seconds| Timestamp::from_timestamp_millis((seconds * 1000.0).round() as i64))
}

/// The answer to one question about a key, or the code of the refusal.
async fn ask(client: &Client, operation: &str, key: &KeyFacts, more: Value) -> Result<Value, String> {
    let mut body = more;
    body["KeyId"] = json!(key.arn);
    let answer = client.kms(operation, &body).await.unwrap();
    if answer.status == 200 { Ok(answer.json()) } else { Err(answer.code()) }
}

fn expected<T, U>(fact: &Fact<T>, value: impl Fn(&T) -> U, not_applicable: &str) -> Result<U, String> {
    match fact {
        Fact::Observed(observed) => Ok(value(observed)),
        Fact::NotApplicable => Err(not_applicable.to_owned()),
        Fact::Denied(_) | Fact::Failed(_) => Err("AccessDeniedException".to_owned()),
    }
}

#[tokio::test]
async fn the_truth_is_what_is_served() {
    let sandbox = start(Behaviour::default()).await;
    let truth = sandbox.truth();
    let mut keys = 0;
    for account in truth.accounts().filter(|account| account.skipped.is_none()) {
        for region in ["us-east-1", "eu-central-1"] {
            let client = Client::new(&sandbox.endpoint()).with_key(account.account.id.to_string()).in_region(region);
            let place = region.parse().unwrap();
            let listed = client.all("ListKeys", "Keys", json!({})).await.unwrap();
            let aliases = client.all("ListAliases", "Aliases", json!({})).await.unwrap();
            let known: Vec<KeyFacts> = truth.keys(account.account.id, &place).collect();
            assert_eq!(listed.iter().map(|key| key["KeyArn"].clone()).collect::<Vec<_>>(), known.iter().map(|key| json!(key.arn)).collect::<Vec<_>>());
            for (key, usage) in known.iter().zip(truth.usages(account.account.id, &place)) {
                keys += 1;
                let state = ask(&client, "DescribeKey", key, json!({}))
                    .await
                    .map(|answer| (answer["KeyMetadata"]["KeyState"].clone(), time(&answer["KeyMetadata"]["CreationDate"])));
                assert_eq!(state, expected(&key.metadata, |metadata| (json!(metadata.state), metadata.created_at), ""));
                let policy = ask(&client, "GetKeyPolicy", key, json!({"PolicyName": "default"})).await.map(|answer| answer["Policy"].clone());
                assert_eq!(policy, expected(&key.policy, |policy| json!(policy), ""));
                let ram = ask(&client, "GetKeyPolicy", key, json!({"PolicyName": "AWS_RAM"})).await.map(|answer| answer["Policy"].clone());
                assert_eq!(ram, expected(&key.ram_policy, |policy| json!(policy), "NotFoundException"));
                let tags = ask(&client, "ListResourceTags", key, json!({})).await.map(|answer| answer["Tags"].clone());
                let wire = |tags: &Vec<kms_insights_model::Tag>| tags.iter().map(|tag| json!({"TagKey": tag.key, "TagValue": tag.value})).collect::<Value>();
                assert_eq!(tags, expected(&key.tags, wire, ""));
                let grants = client.all("ListGrants", "Grants", json!({"KeyId": key.arn, "Limit": 100})).await;
                let served = |grant: &Value| ["GrantId", "GranteePrincipal", "GranteeServicePrincipal"].map(|field| grant[field].clone());
                let ids = grants.map(|grants| grants.iter().map(served).collect::<Vec<_>>());
                let known = |grant: &Grant| [json!(grant.id), json!(grant.grantee_principal), json!(grant.grantee_service_principal)];
                assert_eq!(ids, expected(&key.grants, |grants| grants.iter().map(known).collect(), ""));
                let rotation = ask(&client, "GetKeyRotationStatus", key, json!({}))
                    .await
                    .map(|answer| (answer["KeyRotationEnabled"].clone(), time(&answer["NextRotationDate"])));
                assert_eq!(rotation, expected(&key.rotation, |rotation| (json!(rotation.enabled), rotation.next_at), "UnsupportedOperationException"));
                let rotations = ask(&client, "ListKeyRotations", key, json!({})).await.map(|answer| answer["Rotations"].as_array().unwrap().len());
                assert_eq!(rotations, expected(&key.rotations, Vec::len, "UnsupportedOperationException"));
                let used = ask(&client, "GetKeyLastUsage", key, json!({})).await.map(|answer| time(&answer["KeyLastUsage"]["Timestamp"]));
                assert_eq!(used, expected(&usage.last_usage, |usage| usage.used_at, ""));
                let names: BTreeSet<&str> =
                    aliases.iter().filter(|alias| alias["TargetKeyId"] == json!(key.arn.key_id())).filter_map(|alias| alias["AliasName"].as_str()).collect();
                assert_eq!(names, key.aliases.observed().unwrap().iter().map(|alias| alias.name.as_str()).collect());
            }
        }
    }
    assert_eq!(keys, 160);
}

#[test]
fn the_same_seed_gives_the_same_organization_and_another_seed_another() {
    let tell = |seed| {
        let organization = Organization::generate(OrganizationShape { seed, ..shape() });
        let truth = kms_insights_sandbox::Truth::new(organization.into(), Behaviour::default(), Vec::new());
        serde_json::to_string(&truth.records().collect::<Vec<StagedRecord>>()).unwrap()
    };
    assert_eq!(tell(1), tell(1));
    assert_ne!(tell(1), tell(2));
}

#[test]
fn every_kind_of_key_is_there_when_there_is_room_and_every_id_is_found_again() {
    let organization = Organization::generate(shape());
    let mut kinds = BTreeSet::new();
    for account in organization.accounts().iter().filter(|account| account.is_active()) {
        for region in account.enabled_regions() {
            let mut ids = BTreeSet::new();
            for key in organization.keys(account, region) {
                assert!(ids.insert(key.id().to_owned()));
                assert_eq!(organization.find_key_by_arn(&key.arn()).unwrap().id(), key.id());
                kinds.extend(key.archetype());
                // What a policy holds is within KMS's quota, and JSON.
                assert!(key.policy().as_str().len() < 32 * 1024);
                assert!(serde_json::from_str::<Value>(key.policy().as_str()).is_ok());
            }
            assert_eq!(ids.len(), 20);
            assert!(organization.find_key(account, region, "1234abcd-12ab-34cd-56ef-1234567890ab").is_none());
        }
    }
    assert_eq!(kinds, Archetype::ALL.iter().copied().collect());
}

fn of_kind(organization: &Organization, kind: Archetype) -> Vec<(KeyFacts, LastUsage)> {
    let active = organization.accounts().iter().filter(|account| account.is_active());
    let keys = active.flat_map(|account| account.enabled_regions().flat_map(|region| organization.keys(account, region)));
    keys.filter(|key| key.archetype() == Some(kind)).map(|key| (key.facts_without_denials(), key.last_usage())).collect()
}

#[test]
fn expired_material_is_gone_and_leaves_its_traces() {
    let organization = Organization::generate(OrganizationShape { accounts: 20, keys: KeyCount::Fixed(200), ..shape() });
    let keys = of_kind(&organization, Archetype::ExpiredImport);
    assert!(keys.len() > 1, "also beyond the one that every organization has");
    for (facts, _) in &keys {
        let metadata = facts.metadata.observed().unwrap();
        assert_eq!((metadata.origin.as_ref(), metadata.state.as_ref()), (Some(&Origin::External), Some(&KeyState::PendingImport)));
        assert_eq!((metadata.enabled, metadata.valid_to, metadata.expiration_model.as_ref()), (false, None, None));
        assert!(metadata.current_key_material_id.is_some());
    }
    assert!(keys.iter().any(|(_, usage)| usage.used_at.is_some()), "it was in use");
    for (facts, usage) in of_kind(&organization, Archetype::PendingImport) {
        assert_eq!((facts.metadata.observed().unwrap().current_key_material_id.as_ref(), usage.used_at), (None, None), "no material was ever there");
    }
}

#[test]
fn some_grants_name_their_service_in_a_field_of_its_own_and_nowhere_else() {
    let organization = Organization::generate(shape());
    let keys = of_kind(&organization, Archetype::Databases);
    let grants: Vec<&Grant> = keys.iter().flat_map(|(facts, _)| facts.grants.observed().unwrap()).collect();
    assert!(grants.iter().any(|grant| grant.grantee_principal.is_none() && grant.grantee_service_principal.as_deref() == Some("dynamodb.amazonaws.com")));
    assert!(grants.iter().all(|grant| grant.grantee_principal.is_some() || grant.grantee_service_principal.is_some()));
}

#[test]
fn a_hundred_thousand_keys_take_no_memory_until_they_are_asked_for() {
    let organization = Organization::generate(OrganizationShape { accounts: 100, keys: KeyCount::Fixed(500), ..shape() });
    assert_eq!(organization.total_keys(), 96_000);
    let account = organization.accounts().iter().rev().find(|account| account.is_active()).unwrap();
    let last = organization.keys(account, &"eu-central-1".parse().unwrap()).last().unwrap();
    assert_eq!(organization.find_key_by_arn(&last.arn()).unwrap().facts_without_denials(), last.facts_without_denials());
}
