use std::collections::BTreeSet;

use kms_insights_sandbox::{Behaviour, RunningSandbox, TrailSetting};
use serde_json::{Value, json};

use super::{api::ask, reading};
use crate::{client::Client, start};

/// All pages of a lookup.
async fn lookup(client: &Client, mut body: Value) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let answer = ask(client, "LookupEvents", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        let list = page["Events"].as_array().unwrap();
        assert!(list.len() <= 50);
        events.extend(list.iter().cloned());
        match page["NextToken"].as_str() {
            Some(token) => body["NextToken"] = token.into(),
            None => return events,
        }
    }
}

fn by(name: &str, value: &str) -> Value {
    json!({"LookupAttributes": [{"AttributeKey": name, "AttributeValue": value}]})
}

fn ids(events: &[Value]) -> BTreeSet<&str> {
    events.iter().map(|event| event["EventId"].as_str().unwrap()).collect()
}

async fn member() -> (RunningSandbox, Client) {
    // What the trail records is nothing to the event history.
    let sandbox = start(Behaviour { trail: TrailSetting::none(), ..Behaviour::default() }).await;
    let account = sandbox.organization().accounts()[1].id.to_string();
    let client = Client::new(&sandbox.endpoint()).with_key(account);
    (sandbox, client)
}

#[tokio::test]
async fn the_history_is_told_newest_first_page_by_page_for_ninety_days() {
    let (sandbox, client) = member().await;
    let events = lookup(&client, json!({})).await;
    let times: Vec<f64> = events.iter().map(|event| event["EventTime"].as_f64().unwrap()).collect();
    assert!(times.len() > 1000 && times.is_sorted_by(|newer, older| newer >= older));
    assert_eq!(ids(&events).len(), events.len());
    let oldest = sandbox.organization().now() - chrono::TimeDelta::days(90);
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let oldest = oldest.timestamp() as f64;
    assert!(*times.last().unwrap() >= oldest && *times.last().unwrap() < oldest + 86_400.0);
    let by_small_pages = lookup(&client, json!({"MaxResults": 7, "StartTime": times[100], "EndTime": times[0]})).await;
    assert_eq!(
        by_small_pages.iter().map(|event| &event["EventId"]).collect::<Vec<_>>(),
        events[..by_small_pages.len()].iter().map(|event| &event["EventId"]).collect::<Vec<_>>()
    );
    assert!((101..=120).contains(&by_small_pages.len()), "{}", by_small_pages.len());
}

/// An attribute, a value, and whether an event has it.
type Case<'a> = (&'a str, &'a str, &'a dyn Fn(&Value) -> bool);

#[tokio::test]
async fn an_attribute_finds_all_that_has_it_and_nothing_else() {
    let (sandbox, client) = member().await;
    let all = lookup(&client, json!({})).await;
    let key = sandbox.truth().keys(sandbox.organization().accounts()[1].id, &"us-east-1".parse().unwrap()).nth(8).unwrap().arn.to_string();
    let resources = |event: &Value, name: &str, value: &str| event["Resources"].as_array().unwrap().iter().any(|resource| resource[name] == value);
    let user = all[0]["Username"].as_str().unwrap_or("kms-insights").to_owned();
    let cases: [Case<'_>; 7] = [
        ("EventName", "Decrypt", &|event| event["EventName"] == "Decrypt"),
        ("EventSource", "kms.amazonaws.com", &|event| event["EventSource"] == "kms.amazonaws.com"),
        ("ResourceName", &key, &|event| resources(event, "ResourceName", &key)),
        ("ResourceType", "AWS::KMS::Alias", &|event| resources(event, "ResourceType", "AWS::KMS::Alias")),
        ("ReadOnly", "false", &|event| event["ReadOnly"] == "false"),
        ("Username", &user, &|event| event["Username"] == user.as_str()),
        ("EventId", all[3]["EventId"].as_str().unwrap(), &|event| event["EventId"] == all[3]["EventId"]),
    ];
    for (name, value, has) in cases {
        let expected: Vec<&Value> = all.iter().filter(|event| has(event)).collect();
        let found = lookup(&client, by(name, value)).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{name}={value}");
        assert!(!expected.is_empty(), "{name}={value}");
    }
    let two = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "Decrypt"}, {"AttributeKey": "ReadOnly", "AttributeValue": "true"}]});
    assert_eq!(ask(&client, "LookupEvents", &two).await.code(), "InvalidLookupAttributesException");
    assert_eq!(ask(&client, "LookupEvents", &json!({"NextToken": "x"})).await.code(), "InvalidNextTokenException");
    assert_eq!(ask(&client, "LookupEvents", &json!({"MaxResults": 51})).await.code(), "InvalidMaxResultsException");
}

#[tokio::test]
async fn the_history_and_the_log_files_tell_the_same_events() {
    let sandbox = start(Behaviour::default()).await;
    let account = sandbox.organization().accounts()[1].id;
    let client = Client::new(&sandbox.endpoint());
    let bucket = reading::bucket(&sandbox);
    let mut logged = BTreeSet::new();
    for (path, _) in reading::listed(&client, &bucket, &format!("AWSLogs/{}/{account}/CloudTrail/us-east-1/", sandbox.organization().id())).await {
        for record in reading::object(&client, &bucket, &path).await["Records"].as_array().unwrap() {
            assert_eq!(record["recipientAccountId"], json!(account));
            logged.insert(record["eventID"].as_str().unwrap().to_owned());
        }
    }
    let first = sandbox.truth().trail_days().unwrap().0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    let history = lookup(&client.with_key(account.to_string()), json!({"StartTime": first})).await;
    assert_eq!(ids(&history), logged.iter().map(String::as_str).collect());
    let event = &history[0];
    let record: Value = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!((&record["eventID"], &record["eventName"], &record["eventSource"]), (&event["EventId"], &event["EventName"], &event["EventSource"]));
}

#[tokio::test]
async fn two_lookups_a_second_are_answered_and_the_third_is_throttled() {
    let sandbox = start(Behaviour { quotas: true, ..Behaviour::default() }).await;
    let client = Client::new(&sandbox.endpoint());
    let nothing = by("EventName", "NoSuchEvent");
    let window = json!({"StartTime": sandbox.organization().now().timestamp() - 60, "LookupAttributes": nothing["LookupAttributes"]});
    let (one, two, three) = tokio::join!(ask(&client, "LookupEvents", &window), ask(&client, "LookupEvents", &window), ask(&client, "LookupEvents", &window));
    let mut codes = [one.status, two.status, three.status];
    codes.sort_unstable();
    assert_eq!(codes, [200, 200, 400]);
}
