use std::collections::BTreeSet;

use kms_insights_sandbox::{Behaviour, KeyCount, Organization, OrganizationShape, Outcome, Sandbox};
use serde_json::json;

use crate::{client::Client, shape, start};

#[tokio::test]
async fn keys_come_in_pages_of_a_hundred_or_as_many_as_asked_up_to_a_thousand() {
    let shape = OrganizationShape { accounts: 1, keys: KeyCount::Fixed(1234), ..shape() };
    let sandbox = Sandbox::start(Organization::generate(shape), Behaviour::default(), "127.0.0.1:0").await.unwrap();
    let client = Client::new(&sandbox.endpoint());
    let first = client.kms("ListKeys", &json!({})).await.unwrap().json();
    assert_eq!((first["Keys"].as_array().unwrap().len(), first["Truncated"].as_bool()), (100, Some(true)));
    let all = client.all("ListKeys", "Keys", json!({"Limit": 1000})).await.unwrap();
    let ids: BTreeSet<&str> = all.iter().map(|key| key["KeyId"].as_str().unwrap()).collect();
    assert_eq!((all.len(), ids.len()), (1234, 1234));
    assert_eq!(client.kms("ListKeys", &json!({"Limit": 1001})).await.unwrap().code(), "ValidationException");
    assert_eq!(client.kms("ListKeys", &json!({"Marker": "mine"})).await.unwrap().code(), "InvalidMarkerException");
    assert_eq!(sandbox.requests().of_outcome("kms:ListKeys", Outcome::Ok), 3);
    assert_eq!(sandbox.requests().of_outcome("kms:ListKeys", Outcome::Error), 2);
}

#[tokio::test]
async fn aliases_are_each_listed_once_whatever_the_page() {
    let shape = OrganizationShape { accounts: 1, keys: KeyCount::Fixed(300), ..shape() };
    let sandbox = Sandbox::start(Organization::generate(shape), Behaviour::default(), "127.0.0.1:0").await.unwrap();
    let client = Client::new(&sandbox.endpoint());
    let mut seen = Vec::new();
    for limit in [7, 50, 100] {
        let all = client.all("ListAliases", "Aliases", json!({"Limit": limit})).await.unwrap();
        let names: BTreeSet<String> = all.iter().map(|alias| alias["AliasName"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names.len(), all.len());
        seen.push(names);
    }
    assert!(seen[0] == seen[1] && seen[1] == seen[2]);
    // The names that AWS reserves have no target.
    let all = client.all("ListAliases", "Aliases", json!({})).await.unwrap();
    assert!(all.iter().any(|alias| alias.get("TargetKeyId").is_none()));
    let key = all.iter().find_map(|alias| alias["TargetKeyId"].as_str()).unwrap();
    let of_key = client.all("ListAliases", "Aliases", json!({"KeyId": key})).await.unwrap();
    assert!(!of_key.is_empty() && of_key.iter().all(|alias| alias["TargetKeyId"] == key));
}

#[tokio::test]
async fn accounts_come_in_pages_of_twenty_with_state_and_status() {
    let shape = OrganizationShape { accounts: 45, keys: KeyCount::Fixed(1), ..shape() };
    let sandbox = Sandbox::start(Organization::generate(shape), Behaviour::default(), "127.0.0.1:0").await.unwrap();
    let client = Client::new(&sandbox.endpoint());
    let mut body = json!({});
    let mut pages = Vec::new();
    let mut states = BTreeSet::new();
    loop {
        let page = client.organizations("ListAccounts", &body).await.json();
        let accounts = page["Accounts"].as_array().unwrap().clone();
        states.extend(accounts.iter().map(|account| (account["State"].as_str().unwrap().to_owned(), account["Status"].as_str().unwrap().to_owned())));
        pages.push(accounts.len());
        let Some(token) = page["NextToken"].as_str() else { break };
        body = json!({"NextToken": token});
    }
    assert_eq!(pages, [20, 20, 5]);
    let expected =
        [("ACTIVE", "ACTIVE"), ("CLOSED", "SUSPENDED"), ("PENDING_ACTIVATION", "ACTIVE"), ("PENDING_CLOSURE", "PENDING_CLOSURE"), ("SUSPENDED", "SUSPENDED")];
    assert_eq!(states, expected.iter().map(|(state, status)| ((*state).to_owned(), (*status).to_owned())).collect());
}

#[tokio::test]
async fn quotas_refuse_what_is_beyond_them_in_the_service_s_own_words() {
    let sandbox = start(Behaviour { quotas: true, ..Behaviour::default() }).await;
    let client = Client::new(&sandbox.endpoint());
    let key = client.all("ListKeys", "Keys", json!({})).await.unwrap()[0]["KeyId"].clone();
    let body = json!({"KeyId": key});
    let ask = || client.kms("GetKeyLastUsage", &body);
    let (one, two, three, four, five, six) = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask());
    let refused = [one, two, three, four, five, six].into_iter().map(Result::unwrap).find(|answer| answer.status != 200).expect("one of six within a second");
    assert_eq!((refused.status, refused.json()), (400, json!({"__type": "ThrottlingException", "message": "Rate exceeded"})));
    assert_eq!(sandbox.requests().of_outcome("kms:GetKeyLastUsage", Outcome::Throttled), 1);
    // Another Region has a quota of its own.
    let elsewhere = client.in_region("eu-central-1").kms("GetKeyLastUsage", &json!({"KeyId": key})).await.unwrap();
    assert_eq!(elsewhere.code(), "NotFoundException");
}

#[tokio::test]
async fn the_sandbox_tells_how_many_requests_and_accounts_were_under_way_at_once() {
    let behaviour = Behaviour { latency: kms_insights_sandbox::Latency { fixed_ms: 200, jitter_ms: 0 }, ..Behaviour::default() };
    let sandbox = start(behaviour).await;
    let client = Client::new(&sandbox.endpoint());
    let member = sandbox.organization().accounts()[1].id;
    let other = client.with_key(member.to_string());
    let empty = json!({});
    let (one, two, three) = tokio::join!(client.kms("ListKeys", &empty), client.kms("ListKeys", &empty), other.kms("ListKeys", &empty));
    assert!([one, two, three].iter().all(|answer| answer.as_ref().unwrap().status == 200));
    let counts = sandbox.requests();
    assert_eq!((counts.peak_requests, counts.peak_accounts), (3, 2));
    assert_eq!((counts.peak_requests_by_account[&sandbox.caller_account()], counts.peak_requests_by_account[&member]), (2, 1));
}
