//! Events that make or change keys, or who can use them: each is told once, as it is.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use std::slice::from_ref;

use kms_insights_trail::{Batch, EventId, EventIds, KeyEvent, LogReader, SeenEvents, Tally, UseEvents};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER_KEY: &str = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn record(name: &str, id: &str, time: &str) -> Value {
    json!({
        "eventSource": "kms.amazonaws.com",
        "eventTime": time,
        "eventName": name,
        "eventID": id,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "cloudformation.amazonaws.com",
        "userAgent": "cloudformation.amazonaws.com",
        "recipientAccountId": "444455556666",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::444455556666:assumed-role/deploy/alice@example.com",
            "accountId": "444455556666",
            "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::444455556666:role/team/deploy" } },
            "invokedBy": "cloudformation.amazonaws.com"
        },
        "requestParameters": { "keyId": "alias/app", "description": "a \"quoted\" name" },
        "responseElements": { "keyId": KEY },
        "resources": [{ "ARN": KEY }]
    })
}

fn event(name: &str, id: &str, time: &str) -> KeyEvent {
    KeyEvent {
        key_arn: KEY.into(),
        at: time.parse().unwrap(),
        name: name.into(),
        principal: "arn:aws:iam::444455556666:role/team/deploy".into(),
        session_name: Some("alice@example.com".into()),
        invoked_by: Some("cloudformation.amazonaws.com".into()),
        user_agent: Some("cloudformation.amazonaws.com".into()),
        source_ip_address: Some("cloudformation.amazonaws.com".into()),
        request: Some(r#"{"keyId":"alias/app","description":"a \"quoted\" name"}"#.into()),
        response: Some(format!(r#"{{"keyId":"{KEY}"}}"#)),
        error_code: None,
        id: id.into(),
        recorded_by: "444455556666".into(),
        ids: IDS,
    }
}

const TEN: &str = "2026-11-22T10:00:00Z";

/// In place of the ids, which are what they are.
const IDS: EventIds = EventIds { own: EventId(0), shared: None };

/// What files tell.
fn told(files: &[&[Value]]) -> Vec<KeyEvent> {
    let (mut tally, mut seen) = (Tally::default(), SeenEvents::default());
    for records in files {
        let mut batch = Batch::default();
        let text = json!({ "Records": records }).to_string();
        LogReader::new().read(text.as_bytes(), |event, record| batch.add(event, record, &UseEvents::default()));
        tally.add(&batch, &mut seen);
    }
    tally.take(None, &mut seen).key_events().into_iter().map(|event| KeyEvent { ids: IDS, ..event }).collect()
}

#[test]
fn an_event_is_told_with_who_caused_it_through_what_and_what_was_asked_and_answered() {
    assert_eq!(told(&[&[record("DisableKey", "e", TEN)]]), [event("DisableKey", "e", TEN)]);
    let mut failed = record("DisableKey", "e", TEN);
    failed["errorCode"] = "AccessDenied".into();
    failed["responseElements"] = Value::Null;
    assert_eq!(told(&[&[failed]]), [KeyEvent { error_code: Some("AccessDenied".into()), response: None, ..event("DisableKey", "e", TEN) }]);
}

#[test]
fn events_that_only_use_or_read_a_key_are_not_told() {
    let names = ["Decrypt", "DescribeKey", "GetKeyPolicy", "ListKeys", "disablekey", "DisableKeys"];
    assert_eq!(told(&[&names.map(|name| record(name, name, TEN))]), []);
}

#[test]
fn an_event_that_is_delivered_more_than_once_is_told_once() {
    let [first, second] = ["e", "f"].map(|id| record("DisableKey", id, TEN));
    let expected = ["e", "f"].map(|id| event("DisableKey", id, TEN));
    let orders: [&[&[Value]]; 3] = [
        &[&[first.clone(), first.clone(), second.clone()]],
        &[&[first.clone(), second.clone(), first.clone()]],
        &[from_ref(&first), &[second.clone(), first.clone()], &[first.clone(), first.clone()]],
    ];
    for files in orders {
        assert_eq!(told(files), expected);
    }
}

#[test]
fn an_event_on_two_keys_is_told_for_each() {
    let mut both = record("ReplicateKey", "e", TEN);
    both["resources"] = json!([{ "ARN": KEY }, { "ARN": OTHER_KEY }]);
    let expected = [event("ReplicateKey", "e", TEN), KeyEvent { key_arn: OTHER_KEY.into(), ..event("ReplicateKey", "e", TEN) }];
    assert_eq!(told(&[&[both.clone()]]), expected);
    assert_eq!(told(&[&[both.clone(), both.clone()], &[both]]), expected);
}

#[test]
fn events_are_told_in_the_order_in_which_they_happened() {
    let times = ["2027-01-01T00:00:00Z", "2026-11-22T10:00:01Z", TEN, "2025-11-22T10:00:00Z"];
    let records: Vec<Value> = times.iter().map(|time| record("EnableKey", time, time)).collect();
    let expected: Vec<KeyEvent> = times.iter().rev().map(|time| event("EnableKey", time, time)).collect();
    assert_eq!(told(&[&records[..2], &records[2..]]), expected);
}

#[test]
fn an_event_that_two_accounts_record_is_told_by_the_callers_record_if_that_is_read() {
    let shared = |id: &str, recipient: &str| {
        let mut record = record("CreateGrant", id, TEN);
        record["sharedEventID"] = "shared".into();
        record["recipientAccountId"] = recipient.into();
        record["userIdentity"]["accountId"] = "111122223333".into();
        record
    };
    let (owners, callers) = (shared("owner", "444455556666"), shared("caller", "111122223333"));
    let by_caller = KeyEvent { recorded_by: "111122223333".into(), ..event("CreateGrant", "caller", TEN) };
    assert_eq!(told(&[from_ref(&owners), from_ref(&callers)]), from_ref(&by_caller));
    assert_eq!(told(&[&[callers, owners.clone()]]), [by_caller]);
    assert_eq!(told(&[&[owners]]), [event("CreateGrant", "owner", TEN)]);
}

#[test]
fn an_event_of_a_service_that_two_accounts_record_is_told_once() {
    let shared = |id: &str, recipient: &str| {
        let mut record = record("CreateGrant", id, TEN);
        record["sharedEventID"] = "shared".into();
        record["recipientAccountId"] = recipient.into();
        record["userIdentity"] = json!({ "type": "AWSService", "invokedBy": "backup.amazonaws.com" });
        record
    };
    let told = told(&[&[shared("owner", "444455556666")], &[shared("other", "111122223333")]]);
    assert_eq!(told.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["owner"]);
}

#[test]
fn what_was_asked_is_cut_between_letters_where_it_is_longer_than_aws_gives() {
    let mut long = record("PutKeyPolicy", "e", TEN);
    long["requestParameters"] = json!({ "policy": "é".repeat(100_000) });
    let told = told(&[&[long]]);
    let request = told[0].request.as_deref().unwrap();
    assert!(request.len() <= 64 << 10 && request.starts_with(r#"{"policy":"éé"#) && request.ends_with("éé"));
}
