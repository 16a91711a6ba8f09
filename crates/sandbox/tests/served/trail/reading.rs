//! Reads log files as anybody would who takes his time: whole, with `serde_json`, record by record.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
};

use kms_insights_sandbox::{DailyUse, RunningSandbox, TrailSetting};
use serde_json::Value;

use crate::client::Client;

pub(crate) fn bucket(sandbox: &RunningSandbox) -> String {
    TrailSetting::bucket(sandbox.organization())
}

/// The keys of the bucket that begin with a prefix, page by page.
pub(crate) async fn listed(client: &Client, bucket: &str, prefix: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut more = String::new();
    loop {
        let answer = client.send("s3", &format!("GET /{bucket}?list-type=2&prefix={prefix}{more}"), &[], b"").await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        for object in text.split("<Contents>").skip(1) {
            let value = |name: &str| object.split_once(&format!("<{name}>")).unwrap().1.split_once('<').unwrap().0.to_owned();
            found.push((value("Key"), value("Size").parse().unwrap()));
        }
        match text.split_once("<NextContinuationToken>") {
            Some((_, token)) => more = format!("&continuation-token={}", token.split_once('<').unwrap().0),
            None => return found,
        }
    }
}

pub(crate) async fn object(client: &Client, bucket: &str, path: &str) -> Value {
    let answer = client.send("s3", &format!("GET /{bucket}/{path}"), &[], b"").await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(answer.body.as_slice()).read_to_end(&mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// All records of all log files, with those that were delivered twice.
pub(crate) async fn records(sandbox: &RunningSandbox) -> Vec<Value> {
    let client = Client::new(&sandbox.endpoint());
    let bucket = bucket(sandbox);
    let mut records = Vec::new();
    for (path, _) in listed(&client, &bucket, "").await {
        let mut file = object(&client, &bucket, &path).await;
        match &mut file["Records"] {
            Value::Array(list) => {
                assert!(!list.is_empty(), "CloudTrail delivers no empty file: {path}");
                records.append(list);
            }
            _ => assert!(path.contains("/CloudTrail-Digest/"), "{path}"),
        }
    }
    records
}

const CRYPTOGRAPHIC: &[&str] = &[
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "ReEncrypt",
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
];

pub(crate) fn is_use(record: &Value) -> bool {
    record["eventSource"] == "kms.amazonaws.com" && CRYPTOGRAPHIC.contains(&record["eventName"].as_str().unwrap())
}

fn resource(record: &Value) -> Option<String> {
    let request = &record["requestParameters"];
    let context = ["encryptionContext", "sourceEncryptionContext"].iter().find_map(|name| request[*name].as_object())?;
    let names = [
        "aws:ebs:id",
        "aws:rds:db-id",
        "aws:s3:arn",
        "aws:dynamodb:tableName",
        "SecretARN",
        "PARAMETER_ARN",
        "aws:lambda:FunctionArn",
        "aws:sqs:arn",
        "aws:sns:topicArn",
        "aws:logs:arn",
        "aws:redshift:arn",
        "aws:elasticfilesystem:filesystem:id",
        "aws:states:stateMachineArn",
    ];
    let (name, value) = names.iter().find_map(|name| Some((*name, context.get(*name)?.as_str()?)))?;
    Some(if name == "aws:s3:arn" { value.split('/').next().unwrap() } else { value }.to_owned())
}

/// Daily usage of the records, in the order of the truth's.
pub(crate) fn daily_usage(records: &[Value]) -> Vec<DailyUse> {
    let mut seen = BTreeSet::new();
    let callers: BTreeSet<&str> =
        records.iter().filter(|record| record["userIdentity"]["type"] != "AWSAccount").filter_map(|record| record["sharedEventID"].as_str()).collect();
    let mut rows: BTreeMap<_, DailyUse> = BTreeMap::new();
    for record in records.iter().filter(|record| is_use(record)) {
        let identity = &record["userIdentity"];
        let told_by_the_caller_too = identity["type"] == "AWSAccount" && record["sharedEventID"].as_str().is_some_and(|id| callers.contains(id));
        if told_by_the_caller_too || !seen.insert(record["eventID"].as_str().unwrap()) {
            continue;
        }
        let principal = [&identity["sessionContext"]["sessionIssuer"]["arn"], &identity["arn"], &identity["invokedBy"], &identity["accountId"]];
        let principal = principal.iter().find_map(|value| value.as_str()).unwrap();
        let at: kms_insights_model::Timestamp = record["eventTime"].as_str().unwrap().parse().unwrap();
        let keys: BTreeSet<&str> = record["resources"].as_array().unwrap().iter().map(|resource| resource["ARN"].as_str().unwrap()).collect();
        for key in keys {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let name = record["eventName"].as_str().unwrap();
            let of = (at.date_naive(), key.to_owned(), principal.to_owned(), name.to_owned(), resource(record), text(&identity["invokedBy"]));
            let row = rows.entry(of.clone()).or_insert_with(|| DailyUse {
                event_date: of.0,
                key_arn: of.1,
                principal: of.2,
                event_name: of.3,
                resource: of.4,
                invoked_by: of.5,
                uses: 0,
                errors: 0,
                first_at: at,
                last_at: at,
            });
            if record.get("errorCode").is_some() {
                row.errors += 1;
            } else {
                row.uses += 1;
            }
            (row.first_at, row.last_at) = (row.first_at.min(at), row.last_at.max(at));
        }
    }
    rows.into_values().collect()
}
