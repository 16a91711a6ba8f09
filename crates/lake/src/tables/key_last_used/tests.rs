use kms_insights_model::{ApiAction, ErrorCode, Failure, Trail};

use super::*;
use crate::sample;

fn at(text: &str) -> Timestamp {
    sample::at(text)
}

fn key() -> KeyFacts {
    sample::key(sample::arn(1, "eu-central-1", 1))
}

/// The key of [`key`], made at this moment.
fn made(created: &str) -> KeyFacts {
    let mut key = key();
    key.metadata = key.metadata.map(|metadata| kms_insights_model::KeyMetadata { created_at: Some(at(created)), ..metadata });
    key
}

fn by_kms(used: Option<&str>, tracking: Option<&str>) -> Fact<LastUsage> {
    Fact::Observed(LastUsage {
        used_at: used.map(at),
        operation: used.map(|_| "Decrypt".to_owned()),
        cloudtrail_event_id: used.map(|_| "kms-event".to_owned()),
        kms_request_id: used.map(|_| "kms-request".to_owned()),
        tracking_started_at: tracking.map(at),
        key_created_at: None,
    })
}

fn denied<T>(action: ApiAction) -> Fact<T> {
    Fact::lacking(sample::denied(action))
}

fn looked_up(used: Option<&str>, is_conclusive: bool) -> Fact<EventHistory> {
    let last_use = used.map(|used| RecordedUse {
        at: at(used),
        operation: "Encrypt".to_owned(),
        principal: Some("arn:aws:iam::000000000001:role/app".to_owned()),
        resource: Some("vol-1".to_owned()),
        cloudtrail_event_id: "history-event".to_owned(),
    });
    Fact::Observed(EventHistory { last_use, reaches_back_to: at("2026-08-24T06:00:00Z"), is_conclusive })
}

fn scanned(key: &KeyFacts, used: Option<&str>) -> TrailUses {
    let last = used.map(|used| TrailUse { at: at(used), principal: "logs.amazonaws.com".to_owned(), event_name: "GenerateDataKey".to_owned(), resource: None });
    TrailUses::of_key(key, last, "2026-10-01".parse().unwrap())
}

fn shown(key: &KeyFacts, usage: &Fact<LastUsage>, history: &Fact<EventHistory>, trail: &TrailUses, trails: Option<&TrailRecord>) -> KeyLastUsedRow {
    row(&sample::run_id(1), key, usage, history, trail, trails)
}

fn text(text: Option<&String>) -> &str {
    text.map_or("", String::as_str)
}

/// Evidence, operation, principal, resource, event and verdict.
fn told(row: &KeyLastUsedRow) -> [&str; 6] {
    let KeyLastUsedRow { evidence, operation, principal, resource, cloudtrail_event_id, verdict, .. } = row;
    [text(evidence.as_ref()), text(operation.as_ref()), text(principal.as_ref()), text(resource.as_ref()), text(cloudtrail_event_id.as_ref()), verdict]
}

const APP: &str = "arn:aws:iam::000000000001:role/app";

#[test]
fn the_latest_use_wins_whoever_knows_of_it() {
    let key = key();
    let (old, middle, new) = (Some("2026-11-01T00:00:00.500Z"), Some("2026-11-02T00:00:00Z"), Some("2026-11-03T00:00:00Z"));
    for (kms, history, log, expected) in [
        (new, middle, old, ["kms", "Decrypt", "", "", "kms-event", "used"]),
        (old, new, middle, ["lookup", "Encrypt", APP, "vol-1", "history-event", "used"]),
        (old, middle, new, ["trail", "GenerateDataKey", "logs.amazonaws.com", "", "", "used"]),
        (None, middle, None, ["lookup", "Encrypt", APP, "vol-1", "history-event", "used"]),
        (None, None, old, ["trail", "GenerateDataKey", "logs.amazonaws.com", "", "", "used"]),
        // One use, told by three: KMS knows the fraction of the second, the others who it was and on what.
        (old, Some("2026-11-01T00:00:00Z"), Some("2026-11-01T00:00:00Z"), ["kms", "Decrypt", APP, "vol-1", "kms-event", "used"]),
    ] {
        let row = shown(&key, &by_kms(kms, Some("2026-04-23T00:00:00Z")), &looked_up(history, true), &scanned(&key, log), None);
        assert_eq!((told(&row), row.reason.as_deref()), (expected, None), "{kms:?} {history:?} {log:?}");
    }
}

#[test]
fn a_key_made_within_an_event_history_that_has_no_use_of_it_was_never_used() {
    let refused = denied(ApiAction::KmsGetKeyLastUsage);
    for (created, history, verdict) in [
        ("2026-08-24T06:00:00Z", looked_up(None, true), "never_used"),
        ("2026-08-24T05:59:59Z", looked_up(None, true), "unknown"),
        // The history may call this key otherwise.
        ("2026-10-01T00:00:00Z", looked_up(None, false), "unknown"),
        ("2026-10-01T00:00:00Z", denied(ApiAction::CloudTrailLookupEvents), "unknown"),
        ("2026-10-01T00:00:00Z", Fact::NotApplicable, "unknown"),
    ] {
        let key = made(created);
        let row = shown(&key, &refused, &history, &TrailUses::default(), None);
        assert_eq!((row.verdict.as_str(), row.reason.is_some()), (verdict, verdict == "unknown"), "{created} {history:?}");
    }
    let row = shown(&made("2026-10-01T00:00:00Z"), &refused, &looked_up(None, true), &TrailUses::default(), None);
    assert_eq!(told(&row), ["lookup", "", "", "", "", "never_used"]);
    assert_eq!((row.status.as_str(), row.event_history_status.as_str(), row.event_history_from), ("denied", "observed", Some(at("2026-08-24T06:00:00Z"))));
}

#[test]
fn what_kms_rules_stays_where_nobody_knows_more() {
    let key = made("2026-05-01T00:00:00Z");
    let row = shown(&key, &by_kms(None, Some("2026-04-23T00:00:00Z")), &Fact::NotApplicable, &TrailUses::default(), None);
    assert_eq!((told(&row), row.reason.as_deref()), (["kms", "", "", "", "", "never_used"], None));
}

fn stopped() -> TrailRecord {
    let status = kms_insights_model::TrailStatus { is_logging: false, started_at: None, stopped_at: Some(at("2026-11-10T00:00:00Z")) };
    let trail = Trail {
        arn: "arn:aws:cloudtrail:us-east-1:000000000001:trail/t".to_owned(),
        home_region: None,
        is_multi_region: true,
        is_organization_trail: true,
        bucket: None,
        prefix: None,
        status: Fact::Observed(status),
        selectors: denied(ApiAction::CloudTrailGetEventSelectors),
    };
    TrailRecord { account: sample::account_id(1), region: sample::region("eu-central-1"), trails: Fact::Observed(vec![trail]) }
}

#[test]
fn what_is_not_known_says_who_was_asked_and_what_they_cannot_know() {
    let key = key();
    let (refused, unseen) = (denied(ApiAction::KmsGetKeyLastUsage), TrailUses::default());
    let kms = "access_denied: AWS refused the request: the key policy, an IAM policy, an SCP or the session policy does not allow it";
    let history = "CloudTrail's event history, which goes back to 2026-08-24, has no use either and cannot tell of earlier ones";
    let failed = Fact::lacking(Failure::new(ApiAction::CloudTrailLookupEvents, ErrorCode::Budget, ""));
    let scanned = scanned(&key, None);
    for (usage, looked, trail, trails, expected) in [
        (&refused, looked_up(None, true), &unseen, None, format!("{kms}; {history}")),
        (&refused, failed, &unseen, None, format!("{kms}; CloudTrail's event history could not be looked through (budget)")),
        (
            &by_kms(None, Some("2026-04-23T00:00:00Z")),
            Fact::NotApplicable,
            &scanned,
            Some(stopped()),
            "no use is recorded since 2026-04-23, but the key is older than that; the CloudTrail log files that were read, from 2026-10-01 on, record none either, and at \
             present they cannot: the trail t is stopped since 2026-11-10"
                .to_owned(),
        ),
        (&refused, Fact::NotApplicable, &unseen, Some(stopped()), format!("{kms}; no log file would tell: the trail t is stopped since 2026-11-10")),
    ] {
        let row = shown(&key, usage, &looked, trail, trails.as_ref());
        assert_eq!((row.verdict.as_str(), row.reason), ("unknown", Some(expected)));
    }
}

#[test]
fn findings_rest_on_the_same_answer() {
    let key = made("2026-10-01T00:00:00Z");
    let refused = denied(ApiAction::KmsGetKeyLastUsage);
    let used = merged(&key, refused.clone(), &looked_up(Some("2026-11-03T00:00:00Z"), true), &TrailUses::default());
    let expected = LastUsage {
        used_at: Some(at("2026-11-03T00:00:00Z")),
        operation: Some("Encrypt".to_owned()),
        cloudtrail_event_id: Some("history-event".to_owned()),
        kms_request_id: None,
        tracking_started_at: None,
        key_created_at: None,
    };
    assert_eq!(used, Fact::Observed(expected));
    let never = merged(&key, refused.clone(), &looked_up(None, true), &TrailUses::default());
    assert_eq!(never.observed().unwrap().verdict(Some(at("2026-10-01T00:00:00Z"))), LastUsedVerdict::NeverUsed);
    // Of an older key nothing is known that its own failure does not say.
    assert_eq!(merged(&made("2020-01-01T00:00:00Z"), refused.clone(), &looked_up(None, true), &TrailUses::default()), refused);
}
