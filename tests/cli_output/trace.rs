//! What `trace` says: of a key that log files alone tell of, in both forms, and of names that stand for none.

use std::path::Path;

use serde_json::{Value, json};

use super::{Said, help, run};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER: &str = "arn:aws:kms:eu-central-1:111122223333:key/9999abcd-12ab-34cd-56ef-1234567890ab";
const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io) terraform-provider-aws/6.19.0 aws-sdk-go-v2/1.39.4";
const BROWSER: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

fn role(name: &str, session: &str) -> Value {
    let issuer = json!({"type": "Role", "arn": format!("arn:aws:iam::111122223333:role/{name}"), "accountId": "111122223333"});
    let arn = format!("arn:aws:sts::111122223333:assumed-role/{}/{session}", name.rsplit('/').next().unwrap());
    json!({"type": "AssumedRole", "arn": arn, "accountId": "111122223333", "sessionContext": {"sessionIssuer": issuer}})
}

fn through(mut identity: Value, service: &str) -> Value {
    identity["invokedBy"] = service.into();
    identity
}

/// A record of a call with the key.
fn record(at: &str, name: &str, identity: &Value, agent: &str, request: &Value) -> Value {
    json!({
        "eventVersion": "1.11", "userIdentity": identity, "eventTime": at, "eventSource": "kms.amazonaws.com", "eventName": name, "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.7", "userAgent": agent, "requestParameters": request, "responseElements": {"keyId": KEY}, "eventID": format!("{name}-{at}"),
        "resources": [{"ARN": KEY, "accountId": "111122223333", "type": "AWS::KMS::Key"}], "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
    })
}

fn policy(principals: &[&str]) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"}]}).to_string()
}

/// Puts a log file of a day where a trail would.
fn deliver(folder: &Path, day: &str, records: &[Value]) {
    let (path, compact) = (folder.join(format!("AWSLogs/111122223333/CloudTrail/eu-central-1/{}", day.replace('-', "/"))), day.replace('-', ""));
    std::fs::create_dir_all(&path).unwrap();
    let file = format!("111122223333_CloudTrail_eu-central-1_{compact}T2355Z_ABcd1234EFgh5678.json");
    std::fs::write(path.join(file), json!({ "Records": records }).to_string()).unwrap();
}

/// A lake of log files: a key's life from its making to its deletion, and a second key that took over its alias.
fn lake() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, admin) = (role("deployment/terraform-apply", "GitHubActions"), role("admin", "alice@example.com"));
    let (orders, platform) = (role("orders", "i-0abc"), role("platform", "autoscaling"));
    let owner = "arn:aws:iam::111122223333:root";
    let used = |at: &str, name: &str, error: Option<&str>| {
        let context = json!({"encryptionContext": {"SecretARN": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:orders-AbCdEf"}});
        let mut used = record(at, name, &through(orders.clone(), "secretsmanager.amazonaws.com"), "secretsmanager.amazonaws.com", &context);
        if let Some(error) = error {
            used["errorCode"] = error.into();
        }
        used
    };
    let volume = |at: &str, volume: &str| {
        let grantee = "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc";
        let request =
            json!({"keyId": KEY, "granteePrincipal": grantee, "operations": ["Decrypt"], "constraints": {"encryptionContextSubset": {"aws:ebs:id": volume}}});
        record(at, "CreateGrant", &through(platform.clone(), "ec2.amazonaws.com"), "ec2.amazonaws.com", &request)
    };
    let by_kms = json!({"accountId": "111122223333", "invokedBy": "AWS Internal"});
    let source = folder.path().join("logs");
    let hostile = "a\u{1b}[2J\u{202e}b\nc";
    deliver(
        &source,
        "2026-03-02",
        &[
            record("2026-03-02T10:00:00Z", "CreateKey", &pipeline, TERRAFORM, &json!({"policy": policy(&[owner]), "description": "", "tags": []})),
            record("2026-03-02T10:00:01Z", "CreateAlias", &pipeline, TERRAFORM, &json!({"aliasName": "alias/orders", "targetKeyId": ID})),
            record("2026-03-02T10:00:04Z", "EnableKeyRotation", &pipeline, TERRAFORM, &json!({"keyId": ID, "rotationPeriodInDays": 365})),
            used("2026-03-02T10:05:00Z", "GenerateDataKey", None),
            used("2026-03-02T10:06:00Z", "Decrypt", None),
            used("2026-03-02T10:07:00Z", "Decrypt", Some("AccessDenied")),
        ],
    );
    deliver(
        &source,
        "2026-03-03",
        &[volume("2026-03-03T07:00:00Z", "vol-1"), volume("2026-03-03T08:00:00Z", "vol-2"), used("2026-03-03T10:06:00Z", "Decrypt", None)],
    );
    let wider = json!({"keyId": ID, "policyName": "default", "policy": policy(&[owner, "arn:aws:iam::444455556666:role/partner"])});
    let moved = json!({"aliasName": "alias/orders", "targetKeyId": OTHER});
    let mut move_alias = record("2026-03-05T11:30:00Z", "UpdateAlias", &admin, BROWSER, &moved);
    move_alias["resources"] = json!([{"ARN": KEY}, {"ARN": OTHER}, {"ARN": "arn:aws:kms:eu-central-1:111122223333:alias/orders"}]);
    deliver(
        &source,
        "2026-03-05",
        &[
            record("2026-03-05T09:00:00Z", "PutKeyPolicy", &admin, BROWSER, &wider),
            record("2026-03-05T09:30:00Z", "TagResource", &admin, "aws-cli/2.31.22", &json!({"keyId": ID, "tags": [{"tagKey": "Owner", "tagValue": hostile}]})),
            move_alias,
            record("2026-03-05T12:00:00Z", "ScheduleKeyDeletion", &admin, BROWSER, &json!({"keyId": ID, "pendingWindowInDays": 7})),
        ],
    );
    let mut deleted = record("2026-03-12T12:10:00Z", "DeleteKey", &by_kms, "AWS Internal", &Value::Null);
    deleted["sourceIPAddress"] = "AWS Internal".into();
    deliver(&source, "2026-03-12", &[deleted]);
    let scan = run(folder.path(), &["trail", "scan", "logs", "--lake", "lake", "--quiet"], &[]);
    assert_eq!((scan.code, scan.stderr.as_str()), (Some(0), ""));
    folder
}

/// The answer, with the day of the scan replaced, which is today's.
fn said(mut said: Said) -> Said {
    said.stdout = without(&said.stdout, "that were read on ", 10, "<today>");
    said.stdout = without(&said.stdout, "\"last_scan_at\": \"", 30, "<now>\"");
    let program = env!("CARGO_BIN_EXE_kms-insights");
    (said.stdout, said.stderr) = (said.stdout.replace(program, "kms-insights"), said.stderr.replace(program, "kms-insights"));
    said
}

/// A text without what stands behind a mark, to the end of its word and no further than so many letters.
fn without(text: &str, mark: &str, longest: usize, instead: &str) -> String {
    let Some((before, after)) = text.split_once(mark) else { return text.to_owned() };
    let end = after.char_indices().take(longest + 1).find(|(_, letter)| letter.is_whitespace()).map_or(longest, |(at, _)| at);
    let end = if after[..end].ends_with(['.', ',']) { end - 1 } else { end };
    format!("{before}{mark}{instead}{}", &after[end..])
}

fn trace(folder: &Path, arguments: &[&str]) -> Said {
    said(run(folder, &[&["trace", "--lake", "lake"][..], arguments].concat(), &[]))
}

#[test]
fn trace_tells_its_options() {
    insta::assert_snapshot!(help(&["trace", "--help"]));
}

#[test]
fn a_key_that_is_gone_is_told_from_log_files_for_people_and_for_programs() {
    let folder = lake();
    let human = trace(folder.path(), &[ID]);
    assert_eq!((human.code, human.stderr.as_str()), (Some(3), ""));
    assert!(!human.stdout.contains(['\u{1b}', '\u{202e}']));
    insta::assert_snapshot!("trace_for_people", human.stdout);
    let json = trace(folder.path(), &[KEY, "--format", "json"]);
    assert_eq!((json.code, json.stderr.as_str()), (Some(3), ""));
    insta::assert_snapshot!("trace_for_programs", json.stdout);
}

#[test]
fn an_alias_that_moved_stands_for_both_keys_that_had_it() {
    let folder = lake();
    let both = trace(folder.path(), &["alias/orders"]);
    assert_eq!(
        (both.code, both.stdout.as_str(), both.stderr),
        (
            Some(2),
            "",
            format!(
                "error: alias/orders is the name of 2 keys:\n  {KEY}\n  {OTHER}\n next: name one of them by its ARN, or say which with --account and --region\n"
            )
        )
    );
}

#[test]
fn names_that_stand_for_no_key_are_answered_with_a_next_step() {
    let folder = lake();
    let lines: &[&[&str]] = &[
        &["trace"],
        &["trace", "alias/orders"],
        &["trace", "--lake", "absent", "alias/orders"],
        &["trace", "--lake", "lake", "alias/payroll"],
        &["trace", "--lake", "lake", "payroll", "--account", "111122223333", "--region", "eu-central-1"],
        &["trace", "--lake", "lake", ID, "--region", "us-east-1"],
        &["trace", "--lake", "lake", "x' OR '1'='1"],
        &["trace", "--lake", "lake", "arn:aws:iam::111122223333:role/app"],
        &["trace", "--lake", "lake", ID, "--account", "1"],
        &["trace", "--lake", "lake", ID, "--region", "Frankfurt"],
        &["trace", "--lake", "lake", ID, "--format", "xml"],
    ];
    insta::assert_snapshot!(super::transcript(folder.path(), lines));
}
