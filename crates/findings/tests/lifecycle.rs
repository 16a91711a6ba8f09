//! Rules about rotation, use and upkeep: when they fire, when they do not, and how sure they are.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use key::{Example, finding};
use kms_insights_findings::{Confidence, Finding, Severity};
use serde_json::{Value, json};

/// A key whose metadata differ so from the plainest, with these facts beside them.
fn key(metadata: &Value, facts: &Value) -> Value {
    let mut facts = facts.clone();
    facts["metadata"] = json!({ "value": metadata });
    json!({ "facts": facts })
}

fn rotation(status: &Value) -> Value {
    json!({ "rotation": { "status": "observed", "value": status } })
}

fn found(fixture: &Value, rule: &str) -> Vec<Finding> {
    Example::new(fixture).analyze().findings.into_iter().filter(|finding| finding.rule == rule).collect()
}

fn weight(fixture: &Value, rule: &str) -> (Severity, Confidence, String) {
    let found = finding(fixture, rule);
    (found.severity, found.confidence, found.title)
}

fn multi_region(key_type: &str) -> Value {
    let key = |region: &str| json!({ "arn": format!("arn:aws:kms:{region}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"), "region": region });
    json!({ "multi_region": { "key_type": key_type, "primary": key("eu-central-1"), "replicas": [key("us-east-1")] } })
}

#[test]
fn rotation_is_missed_only_where_there_could_be_some() {
    let off = rotation(&json!({ "enabled": false }));
    for metadata in [json!({}), json!({ "state": "Updating" }), multi_region("PRIMARY")] {
        let expected = (Severity::Medium, Confidence::Certain, "Automatic rotation is off".to_owned());
        assert_eq!(weight(&key(&metadata, &off), "rotation-off"), expected, "{metadata}");
    }
    let disabled = json!({ "state": "Disabled", "enabled": false });
    let expected = (Severity::Low, Confidence::Certain, "Automatic rotation is off, and the key is disabled".to_owned());
    assert_eq!(weight(&key(&disabled, &off), "rotation-off"), expected);
    for metadata in [json!({ "spec": "SYMMETRIC_NEW" }), json!({ "origin": "AWS_NEW" }), json!({ "spec": null })] {
        let expected = (Severity::Medium, Confidence::Possible, "Automatic rotation is off".to_owned());
        assert_eq!(weight(&key(&metadata, &off), "rotation-off"), expected, "{metadata}");
    }
    for metadata in [
        json!({ "manager": "AWS" }),
        json!({ "spec": "RSA_2048" }),
        json!({ "spec": "HMAC_256" }),
        json!({ "origin": "EXTERNAL" }),
        json!({ "origin": "AWS_CLOUDHSM" }),
        json!({ "state": "PendingDeletion", "enabled": false }),
        json!({ "state": "PendingReplicaDeletion", "enabled": false }),
        multi_region("REPLICA"),
    ] {
        assert_eq!(found(&key(&metadata, &off), "rotation-off"), [], "{metadata}");
    }
    let denied = json!({ "rotation": { "status": "denied", "value": { "action": "kms:GetKeyRotationStatus", "code": "access_denied", "message": "" } } });
    for facts in [denied, json!({}), rotation(&json!({ "enabled": true, "period_days": 365 }))] {
        assert_eq!(found(&key(&json!({}), &facts), "rotation-off"), [], "{facts}");
    }
}

#[test]
fn the_last_rotation_on_demand_is_told() {
    let mut off = rotation(&json!({ "enabled": false }));
    off["rotations"] = json!({ "status": "observed", "value": [
        { "rotated_at": "2026-02-01T00:00:00Z", "rotation_type": "ON_DEMAND" }, { "rotated_at": "2026-10-01T00:00:00Z", "rotation_type": "ON_DEMAND" }, {}
    ] });
    let evidence: Value = serde_json::from_str(&finding(&key(&json!({}), &off), "rotation-off").evidence).unwrap();
    assert_eq!(evidence, json!({ "enabled": false, "key_spec": "SYMMETRIC_DEFAULT", "origin": "AWS_KMS", "last_rotated_at": "2026-10-01T00:00:00+00:00" }));
}

#[test]
fn a_rotation_period_is_measured_by_the_setting() {
    let period = |days: &Value, longest: u32, metadata: &Value| {
        let mut fixture = key(metadata, &rotation(&json!({ "enabled": true, "period_days": days })));
        fixture["settings"] = json!({ "rotation_period_days": longest });
        fixture
    };
    for (days, longest) in [(json!(180), 180), (json!(null), 365), (json!(90), 365)] {
        assert_eq!(found(&period(&days, longest, &json!({})), "rotation-period"), [], "{days} {longest}");
    }
    let long = |days: i32, longest: u32| format!("The key is rotated every {days} days; {longest} are the longest that is fine");
    assert_eq!(weight(&period(&json!(181), 180, &json!({})), "rotation-period"), (Severity::Low, Confidence::Certain, long(181, 180)));
    let untold = weight(&period(&json!(null), 364, &json!({})), "rotation-period");
    assert_eq!(untold, (Severity::Low, Confidence::Likely, long(365, 364)), "KMS takes a year where none is named");
    for metadata in [multi_region("REPLICA"), json!({ "manager": "AWS" }), json!({ "state": "PendingDeletion", "enabled": false })] {
        assert_eq!(found(&period(&json!(2560), 365, &metadata), "rotation-period"), [], "{metadata}");
    }
    let off = key(&json!({}), &rotation(&json!({ "enabled": false, "period_days": 2560 })));
    assert_eq!(found(&off, "rotation-period"), [], "rotation that is off has no period");
}

/// A key that is disabled, with these facts beside the metadata.
fn disabled(metadata: &Value, facts: &Value) -> Value {
    let mut whole = json!({ "state": "Disabled", "enabled": false });
    whole.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    key(&whole, facts)
}

fn earliest(day: &str, what: &str) -> (Severity, Confidence, String) {
    (Severity::Low, Confidence::Possible, format!("The key is disabled, since {day} at the earliest, when it was {what}"))
}

#[test]
fn a_disabled_key_was_enabled_at_the_latest_thing_that_only_an_enabled_key_does() {
    let rotations = |at: &str| json!({ "rotations": { "status": "observed", "value": [{ "rotated_at": "2025-02-01T00:00:00Z" }, { "rotated_at": at }] } });
    let used = |at: &str, mut fixture: Value| {
        fixture["last_usage"] = json!({ "used_at": at, "operation": "Decrypt", "tracking_started_at": "2026-04-23T00:00:00Z" });
        fixture
    };
    let granted = |at: &str, mut fixture: Value| {
        fixture["grants"] = json!([{ "id": "g", "created_at": at, "grantee_principal": "arn:aws:iam::111122223333:role/r", "operations": ["Decrypt"] }]);
        fixture
    };
    let plain = || disabled(&json!({}), &json!({}));
    let old = "2026-06-01T00:00:00Z";
    let new = "2026-11-01T00:00:00Z";
    for (fixture, expected) in [
        (plain(), earliest("2025-01-01", "made")),
        (used(old, plain()), earliest("2026-06-01", "last used")),
        (disabled(&json!({}), &rotations(old)), earliest("2026-06-01", "last rotated")),
        (granted(old, plain()), earliest("2026-06-01", "last given a grant")),
        (used("2026-05-01T00:00:00Z", granted(old, plain())), earliest("2026-06-01", "last given a grant")),
        (disabled(&multi_region("REPLICA"), &rotations(new)), earliest("2025-01-01", "made")),
    ] {
        assert_eq!(weight(&fixture, "disabled-long"), expected, "{fixture}");
    }
    for fixture in [
        used(new, plain()),
        disabled(&json!({}), &rotations(new)),
        granted(new, plain()),
        used(old, granted(new, plain())),
        disabled(&json!({ "created_at": new }), &json!({})),
        disabled(&json!({ "manager": "AWS" }), &json!({})),
        key(&json!({}), &json!({})),
        key(&json!({ "state": "PendingDeletion", "enabled": false }), &json!({})),
    ] {
        assert_eq!(found(&fixture, "disabled-long"), [], "{fixture}");
    }
    let nothing = (Severity::Low, Confidence::Possible, "The key is disabled; since when cannot be told".to_owned());
    assert_eq!(weight(&disabled(&json!({ "created_at": null }), &json!({})), "disabled-long"), nothing);
}

#[test]
fn how_long_a_key_may_be_disabled_is_a_setting() {
    let after = |days: u32| {
        let mut fixture = disabled(&json!({ "created_at": "2026-10-23T06:00:00Z" }), &json!({}));
        fixture["settings"] = json!({ "disabled_days": days });
        found(&fixture, "disabled-long").len()
    };
    assert_eq!((after(30), after(31)), (1, 0));
}

#[test]
fn a_rotation_that_is_due_and_did_not_come_says_that_the_key_was_disabled_then() {
    let due = |at: &str| rotation(&json!({ "enabled": true, "period_days": 365, "next_at": at }));
    let since = (Severity::Low, Confidence::Likely, "The key is disabled, since 2026-03-01 at the latest, when its rotation was due".to_owned());
    assert_eq!(weight(&disabled(&json!({}), &due("2026-03-01T00:00:00Z")), "disabled-long"), since);
    for (fixture, why) in [
        (disabled(&json!({}), &due("2026-11-01T00:00:00Z")), "due for less than a month"),
        (disabled(&json!({}), &due("2027-03-01T00:00:00Z")), "not due yet"),
        (disabled(&json!({}), &rotation(&json!({ "enabled": false, "next_at": "2026-03-01T00:00:00Z" }))), "rotation is off"),
        (disabled(&multi_region("REPLICA"), &due("2026-03-01T00:00:00Z")), "its primary rotates it"),
        (disabled(&json!({ "created_at": "2025-01-01T00:00:00Z" }), &due("2024-03-01T00:00:00Z")), "before there was the key"),
    ] {
        assert_eq!(weight(&fixture, "disabled-long"), earliest("2025-01-01", "made"), "{why}");
    }
}

#[test]
fn an_alias_is_missed_only_of_keys_in_use_whose_aliases_were_read() {
    let none = || json!({ "aliases": { "value": [] } });
    assert_eq!(weight(&key(&json!({}), &none()), "no-alias"), (Severity::Info, Confidence::Certain, "No alias points at the key".to_owned()));
    for (fixture, why) in [
        (key(&json!({ "manager": "AWS" }), &none()), "an AWS managed key"),
        (key(&json!({ "state": "Disabled", "enabled": false }), &none()), "disabled"),
        (key(&json!({ "state": "PendingDeletion", "enabled": false }), &none()), "about to be deleted"),
        (key(&json!({}), &json!({ "aliases": { "value": [{ "name": "alias/orders" }] } })), "it has one"),
    ] {
        assert_eq!(found(&fixture, "no-alias"), [], "{why}");
    }
}

#[test]
fn each_missing_tag_is_a_finding_of_its_own() {
    let tagged = |required: &Value, tags: &[&str]| {
        let tags: Vec<Value> = tags.iter().map(|tag| json!({ "key": tag, "value": "v" })).collect();
        let mut fixture = key(&json!({}), &json!({ "tags": { "value": tags } }));
        fixture["settings"] = json!({ "required_tags": required });
        fixture
    };
    let two = json!(["Owner", "CostCenter", "Owner"]);
    let missing = found(&tagged(&two, &["owner"]), "required-tags");
    assert_eq!(
        missing.iter().map(|finding| (finding.severity, finding.confidence, finding.title.as_str(), finding.cause.as_str())).collect::<Vec<_>>(),
        [
            (Severity::Low, Confidence::Certain, "The tag CostCenter is missing", "tag CostCenter"),
            (Severity::Low, Confidence::Certain, "The tag Owner is missing", "tag Owner"),
        ]
    );
    assert_eq!(found(&tagged(&two, &["Owner", "team"]), "required-tags")[0].id, missing[0].id, "another tag more or less changes nothing");
    assert_eq!(found(&tagged(&two, &["Owner", "CostCenter"]), "required-tags"), []);
    assert_eq!(found(&tagged(&json!([]), &[]), "required-tags"), [], "none is required");
    for (metadata, tags) in [
        (json!({ "manager": "AWS" }), json!({ "value": [] })),
        (json!({ "state": "PendingDeletion", "enabled": false }), json!({ "value": [] })),
        (json!({}), json!({ "status": "denied", "value": { "action": "kms:ListResourceTags", "code": "access_denied", "message": "" } })),
    ] {
        let mut fixture = key(&metadata, &json!({ "tags": tags }));
        fixture["settings"] = json!({ "required_tags": two });
        assert_eq!(found(&fixture, "required-tags"), [], "{fixture}");
    }
}

/// The rules that speak of a key's use.
fn about_use(fixture: &Value) -> Vec<(&'static str, Severity, Confidence, String)> {
    let about = |finding: &Finding| ["never-used", "not-used", "usage-unknown"].contains(&finding.rule);
    let findings = Example::new(fixture).analyze().findings.into_iter().filter(about);
    findings.map(|finding| (finding.rule, finding.severity, finding.confidence, finding.title)).collect()
}

#[test]
fn of_a_keys_use_one_rule_speaks_at_most() {
    let usage = |usage: &Value| json!({ "last_usage": usage });
    let tracked = |mut value: Value| {
        value["tracking_started_at"] = json!("2026-04-23T00:00:00Z");
        usage(&value)
    };
    let unknown = |title: &str| vec![("usage-unknown", Severity::Info, Confidence::Certain, title.to_owned())];
    for (fixture, expected) in [
        (tracked(json!({ "used_at": "2026-11-20T00:00:00Z" })), vec![]),
        (
            tracked(json!({ "used_at": "2026-08-01T00:00:00Z", "operation": "Decrypt" })),
            vec![("not-used", Severity::Info, Confidence::Likely, "The last recorded use is 113 days ago: 2026-08-01 (Decrypt)".to_owned())],
        ),
        (
            tracked(json!({ "key_created_at": "2026-06-01T00:00:00Z" })),
            vec![("never-used", Severity::Info, Confidence::Likely, "No use is recorded since it was made on 2026-06-01".to_owned())],
        ),
        (tracked(json!({})), unknown("No use is recorded since 2026-04-23; whether the key, made on 2025-01-01, was used before is not known")),
        (usage(&json!({})), unknown("No use is recorded, and it is not known since when uses are")),
        (tracked(json!({ "operation": "Sign" })), unknown("A use is recorded, but not when it was")),
        (json!({}), vec![]),
    ] {
        assert_eq!(about_use(&fixture), expected, "{fixture}");
    }
    let mut managed = tracked(json!({}));
    managed["facts"] = json!({ "metadata": { "value": { "manager": "AWS" } } });
    assert_eq!(about_use(&managed), []);
}

/// A key of which KMS records no use, and others say this.
fn told_by_others(evidence: &Value) -> Value {
    json!({ "last_usage": {}, "usage_evidence": evidence })
}

#[test]
fn a_key_is_idle_from_when_on_it_is_known_not_to_have_been_used() {
    let last = |source: &str, used_at: &str, unused_since: &Value| {
        told_by_others(&json!({ "verdict": "used", "source": source, "used_at": used_at, "operation": "Decrypt", "unused_since": unused_since }))
    };
    let likely = |title: &str| vec![("not-used", Severity::Info, Confidence::Likely, title.to_owned())];
    let old = "2025-11-05T10:00:00Z";
    for (fixture, expected) in [
        // It may have been used yesterday.
        (last("trail", old, &Value::Null), vec![]),
        (last("trail", old, &json!("2026-08-25T00:00:00Z")), vec![]),
        (
            last("trail", old, &json!("2026-04-23T00:00:00Z")),
            likely("The last recorded use is 381 days ago: 2025-11-05 (Decrypt), by CloudTrail's log files; none since 2026-04-23 for certain"),
        ),
        (
            last("lookup", "2026-08-24T06:00:00Z", &json!("2026-08-24T06:00:00Z")),
            likely("The last recorded use is 90 days ago: 2026-08-24 (Decrypt), by CloudTrail's event history"),
        ),
    ] {
        assert_eq!(about_use(&fixture), expected, "{fixture}");
    }
}

#[test]
fn findings_of_use_say_who_tells() {
    let evidence = |fixture: &Value, rule: &str| -> Value { serde_json::from_str(&found(fixture, rule)[0].evidence).unwrap() };
    let used = told_by_others(
        &json!({ "verdict": "used", "source": "trail", "used_at": "2025-11-05T10:00:00Z", "unused_since": "2026-04-23T00:00:00Z", "tracking_started_at": "2026-04-23T00:00:00Z" }),
    );
    assert_eq!(
        evidence(&used, "not-used"),
        json!({
            "evidence": "trail", "used_at": "2025-11-05T10:00:00+00:00", "unused_since": "2026-04-23T00:00:00+00:00", "operation": null,
            "cloudtrail_event_id": null, "tracking_started_at": "2026-04-23T00:00:00+00:00", "event_history_from": null, "unused_days": 90,
        })
    );
    let never = told_by_others(
        &json!({ "verdict": "never_used", "source": "lookup", "created_at": "2026-10-01T00:00:00Z", "unused_since": "2026-10-01T00:00:00Z", "event_history_from": "2026-08-24T00:00:00Z" }),
    );
    assert_eq!(found(&never, "never-used")[0].title, "No use is recorded since it was made on 2026-10-01, by CloudTrail's event history");
    assert_eq!(
        evidence(&never, "never-used"),
        json!({
            "evidence": "lookup", "tracking_started_at": null, "event_history_from": "2026-08-24T00:00:00+00:00",
            "key_created_at": "2026-10-01T00:00:00+00:00", "used_at": null,
        })
    );
}

#[test]
fn a_key_that_cannot_be_used_is_not_said_to_be_idle() {
    let idle = |metadata: &Value| {
        let mut fixture = key(metadata, &json!({}));
        fixture["last_usage"] = json!({ "used_at": "2026-08-01T00:00:00Z", "operation": "Decrypt", "tracking_started_at": "2026-04-23T00:00:00Z" });
        found(&fixture, "not-used").len()
    };
    assert_eq!(idle(&json!({})), 1);
    assert_eq!(idle(&json!({ "state": "Disabled", "enabled": false })), 0);
    assert_eq!(idle(&json!({ "state": "PendingDeletion", "enabled": false })), 0);
}

#[test]
fn how_long_a_key_may_be_idle_is_a_setting() {
    let idle = |days: u32| {
        let fixture = json!({
            "last_usage": { "used_at": "2026-11-12T06:00:00Z", "tracking_started_at": "2026-04-23T00:00:00Z" },
            "settings": { "unused_days": days },
        });
        found(&fixture, "not-used").len()
    };
    assert_eq!((idle(10), idle(11)), (1, 0));
}

#[test]
fn the_notice_of_expiring_material_is_a_setting() {
    let expiring = |days: u32| {
        let mut fixture = key(&json!({ "origin": "EXTERNAL", "valid_to": "2026-12-31T06:00:00Z" }), &json!({}));
        fixture["settings"] = json!({ "expiring_days": days });
        found(&fixture, "material-expiring").len()
    };
    assert_eq!((expiring(38), expiring(39)), (0, 1));
}

fn replica_policy(role: &str, region: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::111122223333:role/{role}") }, "Action": "kms:Decrypt", "Resource": "*",
          "Condition": { "StringEquals": { "kms:ViaService": format!("s3.{region}.amazonaws.com") } } },
    ] })
}

fn set(own: &Value, others: &[(&str, Value)]) -> Value {
    let arn = |region: &str| format!("arn:aws:kms:{region}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab");
    let replicas: Vec<Value> = others.iter().map(|(region, policy)| json!({ "arn": arn(region), "policy": policy })).collect();
    json!({ "facts": { "arn": arn("eu-central-1") }, "policy": own, "replicas": replicas })
}

#[test]
fn a_multi_region_key_is_told_once_which_keys_have_another_policy() {
    let own = replica_policy("orders", "eu-central-1");
    let fixture = set(
        &own,
        &[
            ("us-west-2", replica_policy("billing", "us-west-2")),
            ("us-east-1", replica_policy("orders", "us-east-1")),
            ("eu-west-1", replica_policy("billing", "eu-west-1")),
            ("eu-west-2", Value::Null),
        ],
    );
    let found = finding(&fixture, "replica-policies-differ");
    let (first, second) = (
        "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        "arn:aws:kms:us-west-2:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
    );
    assert_eq!(
        (found.severity, found.confidence, found.title, found.cause),
        (
            Severity::Medium,
            Confidence::Certain,
            "The policy differs from that of the multi-Region key in eu-west-1, us-west-2".to_owned(),
            format!("policy of {first}, {second}")
        )
    );
    let statement = |role: &str| {
        json!({ "Action": ["kms:decrypt"], "Condition": [["stringequals", "kms:viaservice", ["s3.<region>.amazonaws.com"]]], "Effect": "Allow",
                "Principal": { "AWS": [format!("arn:aws:iam::111122223333:role/{role}")] }, "Resource": ["*"] })
    };
    let compared = |key: &str| json!({ "key": key, "only_here": [statement("orders")], "only_there": [statement("billing")] });
    let evidence: Value = serde_json::from_str(&found.evidence).unwrap();
    assert_eq!(evidence, json!({ "differs_from": [compared(first), compared(second)], "not_shown": 0 }));
}

#[test]
fn another_difference_between_the_same_keys_is_another_finding() {
    let own = replica_policy("orders", "eu-central-1");
    let id = |role: &str| finding(&set(&own, &[("us-east-1", replica_policy(role, "us-east-1"))]), "replica-policies-differ").id;
    assert_eq!(id("billing"), id("billing"));
    assert_ne!(id("billing"), id("everybody"), "a waiver of the one is none of the other");
}

#[test]
fn a_policy_that_was_not_read_differs_from_none() {
    let own = replica_policy("orders", "eu-central-1");
    let other = || ("us-east-1", replica_policy("billing", "us-east-1"));
    let silent = |fixture: &Value| found(fixture, "replica-policies-differ").is_empty();
    assert!(silent(&set(&own, &[("us-east-1", Value::Null)])));
    assert!(silent(&set(&own, &[])));
    let mut unread = set(&own, &[other()]);
    unread["facts"]["policy"] = json!({ "status": "denied", "value": { "action": "kms:GetKeyPolicy", "code": "access_denied", "message": "" } });
    assert!(silent(&unread));
    assert!(silent(&set(&json!({ "Statement": [{}] }), &[other()])), "no policy");
    let mut unknown = set(&own, &[other()]);
    unknown["facts"]["metadata"] = json!({ "status": "failed", "value": { "action": "kms:DescribeKey", "code": "timeout", "message": "" } });
    assert!(!silent(&unknown), "the policies alone tell it");
}

#[test]
fn many_keys_with_another_policy_are_all_named_and_three_compared() {
    let regions = ["ap-south-1", "eu-west-1", "sa-east-1", "us-east-1", "us-west-2"];
    let others: Vec<(&str, Value)> = regions.iter().map(|region| (*region, replica_policy("billing", region))).collect();
    let found = finding(&set(&replica_policy("orders", "eu-central-1"), &others), "replica-policies-differ");
    assert_eq!(found.title, format!("The policy differs from that of the multi-Region key in {}", regions.join(", ")));
    let evidence: Value = serde_json::from_str(&found.evidence).unwrap();
    assert_eq!((evidence["differs_from"].as_array().unwrap().len(), &evidence["not_shown"]), (3, &json!(2)));
}
