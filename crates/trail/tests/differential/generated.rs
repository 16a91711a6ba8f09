//! Random log files.

use kms_insights_trail::RESOURCE_KEYS;
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

use crate::written::Pen;

/// Text as it occurs, as it looks like something else, and as nobody would expect it.
fn text() -> BoxedStrategy<String> {
    let usual = select(vec![
        "",
        "Decrypt",
        "111122223333",
        "444455556666",
        "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:sts::111122223333:assumed-role/app/i-0abc",
        "arn:aws:s3:::reports/2026/11.csv",
        "alias/app",
        "kms.amazonaws.com",
        "eventSource",
        r#""eventSource":"kms.amazonaws.com""#,
        r#"{"eventSource":"kms.amazonaws.com"}"#,
        r#"\","eventSource":"kms.amazonaws.com","a":"\"#,
        r#"{\"eventSource\":\"kms.amazonaws.com\"}"#,
        r"\u006bms.amazonaws.com",
        "\\",
        "\"",
        "\\\"",
        "}]}",
        "[{\"",
        "Schlüssel \u{1f511}\n\r\t\u{7f}\u{2028}",
    ]);
    prop_oneof![
        40 => usual.prop_map(str::to_owned),
        5 => prop::collection::vec(32..127_u8, 0..80).prop_map(|letters| letters.into_iter().map(char::from).collect()),
        5 => prop::collection::vec(any::<char>(), 0..12).prop_map(|letters| letters.into_iter().collect()),
        1 => Just("\u{0}\u{8}\u{c}\u{1b}".to_owned()),
        2 => (0..70_usize).prop_map(|count| "\\".repeat(count)),
    ]
    .boxed()
}

fn name() -> BoxedStrategy<String> {
    let names = select(vec![
        "eventSource",
        "eventTime",
        "eventName",
        "eventID",
        "userIdentity",
        "requestParameters",
        "responseElements",
        "resources",
        "ARN",
        "arn",
        "keyId",
        "type",
        "accountId",
        "encryptionContext",
        "constraints",
        "Records",
        "theeventSource",
        "a\"eventSource",
        "eventSource ",
        "kms.amazonaws.com",
        "aws:ebs:id",
    ]);
    prop_oneof![4 => names.prop_map(str::to_owned), 1 => text()].boxed()
}

/// Any JSON.
pub(crate) fn any_value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        3 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => select(vec![Value::Null, Value::Bool(true), Value::Bool(false), json!(0), json!(u64::MAX), json!([]), json!({})]),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

/// An object with these members as they should be, or otherwise, or without them, and with others, in any order.
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let known: Vec<_> = members
        .into_iter()
        .map(|(name, value)| {
            // A record of KMS without one of these is none.
            let (sound, odd) = if ["eventTime", "eventName", "eventID"].contains(&name) { (60, 1) } else { (14, 3) };
            let value = prop_oneof![sound => value.prop_map(Some), 1 => any_value().prop_map(Some), odd => Just(None)];
            value.prop_map(move |value| Some((name.to_owned(), value?)))
        })
        .collect();
    let others = prop_oneof![5 => Just(Vec::new()), 1 => prop::collection::vec((name(), any_value()), 1..3)];
    (others, known)
        .prop_flat_map(|(others, known)| {
            // Each name once: an unknown member is replaced by the known one of its name.
            let members: Map<String, Value> = others.into_iter().chain(known.into_iter().flatten()).collect();
            Just(members.into_iter().collect::<Vec<_>>()).prop_shuffle()
        })
        .prop_map(|members| Value::Object(members.into_iter().collect()))
        .boxed()
}

fn texts() -> BoxedStrategy<Value> {
    text().prop_map(Value::from).boxed()
}

fn context() -> BoxedStrategy<Value> {
    let name = prop_oneof![3 => select(RESOURCE_KEYS.to_vec()).prop_map(str::to_owned), 1 => name()];
    prop::collection::vec((name, prop_oneof![4 => texts(), 1 => any_value()]), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())).boxed()
}

/// A record, of KMS more often than not.
pub(crate) fn record() -> BoxedStrategy<Value> {
    let source = prop_oneof![5 => Just("kms.amazonaws.com".to_owned()), 2 => Just("s3.amazonaws.com".to_owned()), 1 => text()].prop_map(Value::from).boxed();
    let time = prop_oneof![
        8 => (0_i64..4_102_444_800).prop_map(|second| chrono::DateTime::from_timestamp(second, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        1 => select(vec!["2026-12-31T23:59:60Z", "2026-11-22T10:00:00.123+01:30", "2026-02-30T10:00:00Z", "2026-11-22 10:00:00Z", "0000-00-00T00:00:00Z"]).prop_map(str::to_owned),
    ]
    .prop_map(Value::from)
    .boxed();
    let some = |usual: Vec<&'static str>| prop_oneof![9 => select(usual).prop_map(Value::from), 1 => texts()].boxed();
    let issuer = object(vec![("type", texts()), ("arn", texts()), ("accountId", texts())]);
    let session = object(vec![("sessionIssuer", issuer), ("attributes", any_value())]);
    let identity = object(vec![
        ("type", texts()),
        ("arn", texts()),
        ("accountId", texts()),
        ("principalId", texts()),
        ("userName", texts()),
        ("invokedBy", texts()),
        ("sessionContext", session),
    ]);
    let constraints = object(vec![("encryptionContextSubset", context()), ("encryptionContextEquals", context())]);
    let request = object(vec![
        ("keyId", texts()),
        ("sourceKeyId", texts()),
        ("destinationKeyId", texts()),
        ("targetKeyId", texts()),
        ("encryptionContext", context()),
        ("sourceEncryptionContext", context()),
        ("destinationEncryptionContext", context()),
        ("constraints", constraints),
    ]);
    let metadata = object(vec![("arn", texts()), ("keyId", texts())]);
    let response = object(vec![("keyId", texts()), ("keyMetadata", metadata.clone()), ("replicaKeyMetadata", metadata)]);
    let resource = object(vec![("ARN", texts()), ("arn", texts()), ("accountId", texts())]);
    let resources = prop::collection::vec(prop_oneof![5 => resource, 1 => any_value()], 0..4).prop_map(Value::from).boxed();
    object(vec![
        ("eventSource", source),
        ("eventTime", time),
        ("eventName", some(vec!["Decrypt", "ReEncrypt", "CreateGrant"])),
        ("eventID", some(vec!["1234abcd-12ab-34cd-56ef-1234567890ab", "e"])),
        ("sharedEventID", texts()),
        ("awsRegion", texts()),
        ("recipientAccountId", texts()),
        ("errorCode", texts()),
        ("userIdentity", identity),
        ("requestParameters", request),
        ("responseElements", response),
        ("resources", resources),
    ])
}

/// The text of a log file.
pub(crate) fn log() -> BoxedStrategy<String> {
    // `None` is a list of records.
    let member = prop_oneof![
        5 => prop::collection::vec(record(), 0..5).prop_map(|records| ("Records".to_owned(), Value::from(records))),
        1 => (name(), any_value()).prop_filter("it would be another log", |(name, _)| name != "Records"),
        1 => Just(("Records".to_owned(), Value::Null)),
    ];
    let document = prop::collection::vec(member, 1..4);
    (any::<u64>(), any::<bool>(), prop::collection::vec(document, 1..3))
        .prop_map(|(seed, has_mark, documents)| {
            let mut pen = Pen::new(seed);
            if has_mark {
                pen.text.push('\u{feff}');
            }
            for members in documents {
                pen.mark('{');
                pen.joined(members, |pen, (name, value)| match value {
                    Value::Array(records) if name == "Records" => pen.records(&records),
                    other => pen.member(&name, &other),
                });
                pen.mark('}');
            }
            pen.text
        })
        .boxed()
}
