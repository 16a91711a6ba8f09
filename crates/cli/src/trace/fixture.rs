//! What a lake might say of a key, for tests.

use kms_insights_model::Timestamp;
use serde_json::{Value, json};

use super::{
    facts::{EventRow, Facts, GrantRow, Inventory, KeyRow, LastUse, LogDay, Logs, Recording, Scan, ShownRun, Use},
    report::Report,
};

pub(super) const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
pub(super) const STACK: &str = "sample-process-data";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A call by a person in the console.
pub(super) fn event(at: &str, name: &str, request: &Value) -> EventRow {
    EventRow {
        key_arn: KEY.to_owned(),
        event_at: at.parse().unwrap(),
        event_name: name.to_owned(),
        principal: "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0a1b".to_owned(),
        session_name: Some("alice@example.com".to_owned()),
        invoked_by: None,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".to_owned()),
        source_ip_address: Some("203.0.113.7".to_owned()),
        request: (!request.is_null()).then(|| request.to_string()),
        response: None,
        error_code: None,
        event_id: format!("{name}-{at}"),
    }
}

/// The same by CloudFormation, for a pipeline.
pub(super) fn by_cloudformation(event: EventRow) -> EventRow {
    EventRow {
        principal: "arn:aws:iam::111122223333:role/deployment".to_owned(),
        session_name: Some("pipeline".to_owned()),
        invoked_by: Some("cloudformation.amazonaws.com".to_owned()),
        user_agent: Some("cloudformation.amazonaws.com".to_owned()),
        source_ip_address: Some("cloudformation.amazonaws.com".to_owned()),
        ..event
    }
}

pub(super) fn used(operation: &str, uses: u64, errors: u64, first: &str, last: &str) -> Use {
    Use {
        key_arn: KEY.to_owned(),
        principal: "arn:aws:iam::111122223333:role/process-data".to_owned(),
        event_name: operation.to_owned(),
        resource: None,
        invoked_by: None,
        uses,
        errors,
        first_at: at(first),
        last_at: at(last),
        first_used_on: (uses > 0).then(|| at(first).date_naive()),
        last_used_at: (uses > 0).then(|| at(last)),
    }
}

/// Log files of every day from one to another.
pub(super) fn logs(first: &str, last: &str) -> Logs {
    let (first, last): (chrono::NaiveDate, chrono::NaiveDate) = (first.parse().unwrap(), last.parse().unwrap());
    let days = first.iter_days().take_while(|day| *day <= last).map(|log_date| LogDay { log_date, files: 3, kms_records: 9 }).collect();
    let use_events = kms_insights_trail::CRYPTOGRAPHIC.iter().map(|name| (*name).to_owned()).collect();
    let scan = Scan { finished_at: last.and_hms_opt(23, 0, 0).unwrap().and_utc(), tool_version: "0.1.0".to_owned(), use_events };
    Logs { days, lake_scanned_at: Some(scan.finished_at), scans: vec![scan], has_uses: true, ..Logs::default() }
}

pub(super) fn policy(principals: &[&str]) -> String {
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

pub(super) fn key() -> KeyRow {
    KeyRow {
        run_id: "20260331T060000Z-3f9a1c07".to_owned(),
        snapshot_date: "2026-03-31".parse().unwrap(),
        key_arn: KEY.parse().unwrap(),
        observed_at: at("2026-03-31T06:01:00Z"),
        created_at: Some(at("2026-03-02T10:00:00Z")),
        state: Some("Enabled".to_owned()),
        description: Some("Sample key".to_owned()),
        spec: Some("SYMMETRIC_DEFAULT".to_owned()),
        usage: Some("ENCRYPT_DECRYPT".to_owned()),
        origin: Some("AWS_KMS".to_owned()),
        manager: Some("CUSTOMER".to_owned()),
        multi_region_type: None,
        multi_region_primary_arn: None,
        deletion_date: None,
        aliases: Some(vec!["alias/sample-process-data".to_owned()]),
        tags: Some([("aws:cloudformation:stack-name".to_owned(), STACK.to_owned())].into()),
        policy: Some(policy(&["arn:aws:iam::111122223333:root"])),
        grant_count: Some(0),
    }
}

/// KMS records no use.
pub(super) fn never_used() -> LastUse {
    LastUse {
        last_used_at: None,
        operation: None,
        principal: None,
        resource: None,
        evidence: Some("kms".to_owned()),
        tracking_started_at: Some(at("2026-02-23T00:00:00Z")),
        event_history_from: None,
        verdict: "never_used".to_owned(),
        reason: None,
        status: "observed".to_owned(),
    }
}

/// The key of a sample, forgotten: made through a stack, named, asked for a data key once and in vain.
pub(super) fn forgotten() -> Facts {
    let tried = Use { invoked_by: Some("states.amazonaws.com".to_owned()), ..used("GenerateDataKey", 0, 1, "2026-03-02T10:09:00Z", "2026-03-02T10:09:00Z") };
    let tags = json!([{"tagKey": "aws:cloudformation:stack-name", "tagValue": STACK}]);
    Facts {
        now: at("2026-04-01T06:00:00Z"),
        key: KEY.parse().unwrap(),
        account_name: Some("Research".to_owned()),
        inventory: Inventory::Listed(Box::new(key())),
        events: vec![
            by_cloudformation(event("2026-03-02T10:00:00Z", "CreateKey", &json!({"policy": policy(&["arn:aws:iam::111122223333:root"]), "tags": tags}))),
            by_cloudformation(event(
                "2026-03-02T10:00:00Z",
                "CreateAlias",
                &json!({"aliasName": "alias/sample-process-data", "targetKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}),
            )),
        ],
        events_left_out: 0,
        uses: vec![tried],
        uses_left_out: 0,
        last_use: Some(never_used()),
        recording: Some(Recording { records_kms_reads: "yes".to_owned(), reason: None }),
        grants: Vec::new(),
        logs: logs("2026-03-01", "2026-03-31"),
    }
}

/// The same key without anything but its row.
pub(super) fn bare() -> Facts {
    Facts { events: Vec::new(), uses: Vec::new(), last_use: None, logs: Logs::default(), ..forgotten() }
}

/// A key with a long life, of which much is known and some is not.
pub(super) fn busy() -> Facts {
    let row = KeyRow {
        aliases: Some(vec!["alias/orders".to_owned(), "alias/orders-old\u{1b}[2J".to_owned()]),
        description: Some("Orders\nof \u{202e}all kinds".to_owned()),
        state: Some("PendingDeletion".to_owned()),
        deletion_date: Some(at("2026-04-27T08:00:00Z")),
        tags: Some([("Owner".to_owned(), "blue".to_owned())].into()),
        grant_count: Some(3),
        ..key()
    };
    let terraform = |event: EventRow| EventRow {
        principal: "arn:aws:iam::111122223333:role/deployment/terraform-apply".to_owned(),
        session_name: Some("GitHubActions".to_owned()),
        user_agent: Some("APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io)".to_owned()),
        ..event
    };
    let grant = |at: &str, volume: &str| EventRow {
        principal: "arn:aws:iam::111122223333:role/platform".to_owned(),
        session_name: None,
        invoked_by: Some("ec2.amazonaws.com".to_owned()),
        ..event(
            at,
            "CreateGrant",
            &json!({"granteePrincipal": "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc", "operations": ["Decrypt"],
                "constraints": {"encryptionContextSubset": {"aws:ebs:id": volume}}}),
        )
    };
    let owner = "arn:aws:iam::111122223333:root";
    let events = vec![
        terraform(event("2026-03-02T10:00:00Z", "CreateKey", &json!({"policy": policy(&[owner])}))),
        terraform(event("2026-03-02T10:00:01Z", "CreateAlias", &json!({"aliasName": "alias/orders"}))),
        terraform(event("2026-03-02T10:00:04Z", "EnableKeyRotation", &json!({"rotationPeriodInDays": 365}))),
        grant("2026-03-03T07:00:00Z", "vol-1"),
        event("2026-03-04T09:30:00Z", "PutKeyPolicy", &json!({"policy": policy(&[owner, "arn:aws:iam::444455556666:role/partner"])})),
        grant("2026-03-05T07:00:00Z", "vol-2"),
        EventRow { error_code: Some("AccessDenied".to_owned()), ..event("2026-03-20T11:00:00Z", "ScheduleKeyDeletion", &json!({})) },
        event("2026-03-28T08:00:00Z", "ScheduleKeyDeletion", &json!({"pendingWindowInDays": 30})),
    ];
    let secret = |number: u32, uses, errors| Use {
        principal: "arn:aws:iam::111122223333:role/orders".to_owned(),
        resource: Some(format!("arn:aws:secretsmanager:eu-central-1:111122223333:secret:orders/{number}-AbCdEf")),
        invoked_by: Some("secretsmanager.amazonaws.com".to_owned()),
        ..used("Decrypt", uses, errors, "2026-03-02T11:00:00Z", "2026-03-27T23:00:00Z")
    };
    let mut logs = logs("2026-03-01", "2026-03-29");
    logs.days.retain(|day| !["2026-03-10", "2026-03-11", "2026-03-14"].contains(&day.log_date.to_string().as_str()));
    logs.unread_count = 1;
    logs.unread = vec![super::facts::UnreadFile {
        log_date: "2026-03-12".parse().unwrap(),
        source: "s3://trail".to_owned(),
        path: "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/03/12/a.json.gz".to_owned(),
        status: "partial".to_owned(),
        problem: Some("truncated".to_owned()),
    }];
    logs.scans[0].finished_at = at("2026-03-31T05:00:00Z");
    let volume = |number: u32| GrantRow {
        grant_id: format!("g{number}"),
        created_at: Some(at("2026-03-03T07:00:00Z")),
        grantee_principal: Some("arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc".to_owned()),
        operations: vec!["Decrypt".to_owned()],
        constraints: Some(json!({"EncryptionContextSubset": {"aws:ebs:id": format!("vol-{number}")}}).to_string()),
    };
    Facts {
        inventory: Inventory::Listed(Box::new(row)),
        events,
        uses: vec![
            secret(1, 1200, 0),
            secret(2, 30, 2),
            used("Encrypt", 4, 0, "2026-03-05T11:00:00Z", "2026-03-06T11:00:00Z"),
            Use {
                key_arn: KEY.replace("key/1234abcd-12ab-34cd-56ef-1234567890ab", "alias/orders"),
                ..used("Decrypt", 1, 0, "2026-03-05T11:00:00Z", "2026-03-05T11:00:00Z")
            },
        ],
        last_use: Some(LastUse {
            last_used_at: Some(at("2026-03-30T01:02:03Z")),
            operation: Some("Decrypt".to_owned()),
            verdict: "used".to_owned(),
            ..never_used()
        }),
        grants: vec![volume(1), volume(2)],
        logs,
        ..forgotten()
    }
}

pub(super) fn shown() -> ShownRun {
    ShownRun { run_id: "20260430T060000Z-3f9a1c07".to_owned(), snapshot_date: "2026-04-30".parse().unwrap(), account_outcome: Some("complete".to_owned()) }
}

pub(super) fn report(facts: &Facts) -> Report {
    Report::of(facts, "s3://audit/kms", "kms-insights")
}
