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
    Fact::Observed(EventHistory { last_use, reaches_back_to: at("2026-08-24T06:00:00Z"), is_conclusive, cut_short: None })
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn in_logs(used: &str, operation: &str, principal: &str, resource: Option<&str>) -> TrailUse {
    TrailUse { at: at(used), event_name: operation.to_owned(), principal: principal.to_owned(), resource: resource.map(str::to_owned) }
}

/// What log files of these days record, by these names.
fn of_names(key: &KeyFacts, found: Vec<(String, TrailUse)>) -> TrailUses {
    TrailUses::of_place(&key.arn, found, (day("2026-10-01"), day("2026-11-05")))
}

fn of_key(key: &KeyFacts, found: Vec<TrailUse>) -> TrailUses {
    of_names(key, found.into_iter().map(|found| (key.arn.to_string(), found)).collect())
}

fn scanned(key: &KeyFacts, used: Option<&str>) -> TrailUses {
    of_key(key, used.map(|used| in_logs(used, "GenerateDataKey", "logs.amazonaws.com", None)).into_iter().collect())
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
        // KMS knows the fraction of the second; the others are of another operation, and so other uses.
        (old, Some("2026-11-01T00:00:00Z"), Some("2026-11-01T00:00:00Z"), ["kms", "Decrypt", "", "", "kms-event", "used"]),
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
        assert_eq!((row.verdict.as_str(), row.unused_since.is_some()), (verdict, history == looked_up(None, true)), "{created} {history:?}");
    }
    let row = shown(&made("2026-10-01T00:00:00Z"), &refused, &looked_up(None, true), &TrailUses::default(), None);
    assert_eq!(told(&row), ["lookup", "", "", "", "", "never_used"]);
    let reason = "made on 2026-10-01, and CloudTrail's event history, which goes back to 2026-08-24, has no use of it";
    assert_eq!((row.unused_since, row.reason.as_deref()), (Some(at("2026-10-01T00:00:00Z")), Some(reason)));
    assert_eq!((row.status.as_str(), row.event_history_status.as_str(), row.event_history_from), ("denied", "observed", Some(at("2026-08-24T06:00:00Z"))));
}

/// As an event history tells that was not looked through to its end.
fn cut_short(used: &str) -> Fact<EventHistory> {
    let budget = Failure::new(ApiAction::CloudTrailLookupEvents, ErrorCode::Budget, "");
    looked_up(Some(used), false).map(|history| EventHistory { cut_short: Some(budget), ..history })
}

const REFUSED: &str = "there may be a later use: KMS could not be asked (access_denied)";

#[test]
fn a_use_after_which_there_may_be_a_later_one_is_told_as_that() {
    let (key, used) = (key(), "2026-11-02T00:00:00Z");
    let refused = denied(ApiAction::KmsGetKeyLastUsage);
    let row = shown(&key, &refused, &cut_short(used), &TrailUses::default(), None);
    let cut = format!("{REFUSED}; CloudTrail's event history could not be looked through as far as it would have had to be (budget)");
    assert_eq!((told(&row), row.reason.as_ref()), (["lookup", "Encrypt", APP, "vol-1", "history-event", "used"], Some(&cut)));
    assert_eq!((row.last_used_at, row.unused_since), (Some(at(used)), None));
    assert_eq!((row.event_history_from, row.event_history_status.as_str()), (None, "failed"));
    // A later use by log files is no reason to know of none that is later still; what KMS says is.
    let row = shown(&key, &refused, &cut_short(used), &scanned(&key, Some("2026-11-03T00:00:00Z")), None);
    let reason = format!("{cut}; log files were read up to 2026-11-05");
    assert_eq!((row.evidence.as_deref(), row.unused_since, row.reason), (Some("trail"), None, Some(reason)));
    let row = shown(&key, &by_kms(Some("2026-11-03T00:00:00Z"), None), &cut_short(used), &TrailUses::default(), None);
    assert_eq!((row.evidence.as_deref(), row.unused_since, row.reason), (Some("kms"), Some(at("2026-11-03T00:00:00Z")), None));
    let row = shown(&key, &refused, &looked_up(Some(used), false), &TrailUses::default(), None);
    let reason = format!("{REFUSED}; CloudTrail's event history has uses that do not say of which key they are, or calls the key otherwise");
    assert_eq!((row.unused_since, row.reason, row.event_history_status.as_str()), (None, Some(reason), "observed"));
    for (history, since) in [(cut_short(used), None), (looked_up(Some(used), true), Some(at(used)))] {
        let merged = merged(&key, &refused, &history, &TrailUses::default());
        assert_eq!(merged.observed().map(|usage| (usage.used_at, usage.unused_since)), Some((Some(at(used)), since)));
    }
}

#[test]
fn log_files_tell_of_uses_and_never_that_there_was_no_later_one() {
    let key = made("2020-01-01T00:00:00Z");
    let (old, recent) = (Some("2026-10-02T10:00:00Z"), Some("2026-11-03T00:00:00Z"));
    let (refused, unasked) = (denied(ApiAction::KmsGetKeyLastUsage), denied(ApiAction::CloudTrailLookupEvents));
    let tracking = Some("2026-10-20T00:00:00Z");
    let until = |day: &str| Some(format!("there may be a later use, until {day}: from then on none is recorded"));
    let logs = "log files were read up to 2026-11-05";
    for (usage, history, since, reason) in [
        (refused.clone(), Fact::NotApplicable, None, Some(format!("{REFUSED}; {logs}"))),
        (refused.clone(), unasked, None, Some(format!("{REFUSED}; CloudTrail's event history could not be looked through (access_denied); {logs}"))),
        (
            by_kms(None, None),
            Fact::NotApplicable,
            None,
            Some(format!("there may be a later use: KMS records none, and does not say since when it records uses; {logs}")),
        ),
        // Since then there was none: KMS says so, or the event history, or both, and who proves more counts.
        (by_kms(None, tracking), Fact::NotApplicable, Some("2026-10-20T00:00:00Z"), until("2026-10-20")),
        (refused, looked_up(None, true), old, None),
        (by_kms(None, tracking), looked_up(None, true), old, None),
    ] {
        let row = shown(&key, &usage, &history, &scanned(&key, old), None);
        assert_eq!((row.evidence.as_deref(), row.last_used_at), (Some("trail"), old.map(at)), "{usage:?} {history:?}");
        assert_eq!((row.unused_since, row.reason), (since.map(at), reason), "{usage:?} {history:?}");
        let evidence = merged(&key, &usage, &history, &scanned(&key, old));
        assert_eq!(evidence.observed().map(|usage| (usage.source, usage.unused_since)), Some((Some(UsageSource::Trail), since.map(at))));
    }
    // What a source proves does not outweigh a use that another has.
    let row = shown(&key, &by_kms(old, tracking), &looked_up(None, true), &scanned(&key, recent), None);
    assert_eq!((row.last_used_at, row.unused_since, row.reason), (recent.map(at), recent.map(at), None));
    assert_eq!((row.trail_started_at, row.trail_ended_at), (Some(at("2026-10-01T00:00:00Z")), Some(at("2026-11-05T00:00:00Z"))));
}

#[test]
fn who_it_was_is_taken_from_records_of_the_same_operation_alone() {
    let key = key();
    let kms = by_kms(Some("2026-11-01T10:00:00.400Z"), None);
    let second = "2026-11-01T10:00:00Z";
    let other = in_logs(second, "GenerateDataKey", "role/b", Some("vol-2"));
    let same = in_logs(second, "Decrypt", "role/a", Some("vol-1"));
    for (found, expected) in [
        (vec![other.clone(), same.clone()], ["role/a", "vol-1"]),
        (vec![other.clone()], ["", ""]),
        (vec![in_logs("2026-11-01T09:59:59Z", "Decrypt", "role/a", None)], ["", ""]),
        // Of several in that second nobody can tell which it was.
        (vec![same.clone(), in_logs(second, "Decrypt", "role/c", Some("vol-1"))], ["", "vol-1"]),
        (vec![same.clone(), in_logs(second, "Decrypt", "role/a", None)], ["role/a", ""]),
    ] {
        let row = shown(&key, &kms, &Fact::NotApplicable, &of_key(&key, found.clone()), None);
        assert_eq!(told(&row), ["kms", "Decrypt", expected[0], expected[1], "kms-event", "used"], "{found:?}");
    }
    // The event history knows the event.
    let recorded = |event: &str| {
        looked_up(Some(second), true).map(|history| EventHistory {
            last_use: history.last_use.map(|last| RecordedUse { operation: "Decrypt".to_owned(), cloudtrail_event_id: event.to_owned(), ..last }),
            ..history
        })
    };
    for (event, expected) in [("kms-event", [APP, "vol-1"]), ("another-event", ["", ""])] {
        let row = shown(&key, &kms, &recorded(event), &TrailUses::default(), None);
        assert_eq!(told(&row), ["kms", "Decrypt", expected[0], expected[1], "kms-event", "used"], "{event}");
    }
}

#[test]
fn a_key_never_used_by_what_kms_says_is_told_with_why() {
    let key = made("2026-05-01T00:00:00Z");
    let row = shown(&key, &by_kms(None, Some("2026-04-23T00:00:00Z")), &Fact::NotApplicable, &TrailUses::default(), None);
    let reason = "made on 2026-05-01, and KMS, which records uses since 2026-04-23, has none";
    assert_eq!((told(&row), row.reason.as_deref()), (["kms", "", "", "", "", "never_used"], Some(reason)));
    assert_eq!(row.unused_since, Some(at("2026-05-01T00:00:00Z")));
}

#[test]
fn a_use_whose_time_is_not_known_proves_nothing_since() {
    let usage = by_kms(None, Some("2026-04-23T00:00:00Z")).map(|usage| LastUsage { operation: Some("Sign".to_owned()), ..usage });
    let row = shown(&key(), &usage, &Fact::NotApplicable, &TrailUses::default(), None);
    assert_eq!((told(&row), row.unused_since), (["kms", "Sign", "", "", "", "used"], None));
    assert_eq!(row.reason.as_deref(), Some("KMS records a use, and not when it was"));
}

#[test]
fn uses_that_may_have_been_of_the_key_are_told_where_none_is_known() {
    let key = made("2026-05-01T00:00:00Z");
    let refused = denied(ApiAction::KmsGetKeyLastUsage);
    let kms = "access_denied: AWS refused the request: the key policy, an IAM policy, an SCP or the session policy does not allow it";
    let logs = "the CloudTrail log files that were read, from 2026-10-01 to 2026-11-05, record none either";
    let named = |alias: &str, used: &str| (format!("arn:aws:kms:eu-central-1:000000000001:{alias}"), in_logs(used, "Decrypt", APP, None));
    let reason = |key: &KeyFacts, trail: &TrailUses| shown(key, &refused, &Fact::NotApplicable, trail, None).reason.unwrap();
    assert_eq!(reason(&key, &of_names(&key, vec![])), format!("{kms}; {logs}"));

    let nameless = "among all that was read of log files are 2 calls that used a key and do not say which";
    assert_eq!(reason(&key, &of_names(&key, vec![]).with_nameless(&key.arn, 2)), format!("{kms}; {logs}; {nameless}"));

    let recent = "2026-10-02T00:00:00Z";
    // Not by an alias that only AWS's own keys have, and not before the key was made.
    let others = vec![named("alias/aws/ebs", recent), named("alias/older", "2026-04-30T23:59:59Z"), named("alias/moved", recent)];
    let moved = "log files record uses by alias/moved, which may have been an alias of this key";
    assert_eq!(reason(&key, &of_names(&key, others.clone())), format!("{kms}; {logs}; {moved}"));
    let elsewhere = ("arn:aws:kms:eu-west-1:000000000001:alias/moved".to_owned(), in_logs(recent, "Decrypt", APP, None));
    assert_eq!(reason(&key, &of_names(&key, vec![elsewhere])), format!("{kms}; {logs}"));
    // A key's aliases that were not read may be any.
    let own = key.aliases.observed().unwrap()[0].name.clone();
    let hidden = KeyFacts { aliases: denied(ApiAction::KmsListAliases), ..key.clone() };
    let several = vec![named("alias/moved", recent), named(&own, recent)];
    assert!(reason(&hidden, &of_names(&key, several.clone())).ends_with(" and 1 other alias, any of which may have been an alias of this key"));
    // By its own alias it is used.
    let row = shown(&key, &refused, &Fact::NotApplicable, &of_names(&key, several), None);
    assert_eq!((row.verdict.as_str(), row.reason), ("used", Some(format!("{REFUSED}; log files were read up to 2026-11-05; {moved}"))));
}

fn stopped() -> TrailRecord {
    let stopped_at = Some(at("2026-11-10T00:00:00Z"));
    let status = kms_insights_model::TrailStatus { is_logging: false, started_at: None, stopped_at, last_delivery_at: None, delivery_error: None };
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
    TrailRecord { account: sample::account_id(1), region: sample::region("eu-central-1"), asked_at: None, trails: Fact::Observed(vec![trail]) }
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
            "no use is recorded since 2026-04-23, but the key is older than that; the CloudTrail log files that were read, from 2026-10-01 to 2026-11-05, record none \
             either, and at present they cannot: the trail t is stopped since 2026-11-10"
                .to_owned(),
        ),
        (&refused, Fact::NotApplicable, &unseen, Some(stopped()), format!("{kms}; no log file would tell: the trail t is stopped since 2026-11-10")),
    ] {
        let row = shown(&key, usage, &looked, trail, trails.as_ref());
        assert_eq!((row.verdict.as_str(), row.reason), ("unknown", Some(expected)));
    }
}

#[test]
fn findings_rest_on_the_same_answer_and_know_who_gave_it() {
    let (key, made) = (made("2026-10-01T00:00:00Z"), Some(at("2026-10-01T00:00:00Z")));
    let refused = denied(ApiAction::KmsGetKeyLastUsage);
    let used = merged(&key, &refused, &looked_up(Some("2026-11-03T00:00:00Z"), true), &TrailUses::default());
    let expected = UsageEvidence {
        verdict: LastUsedVerdict::Used,
        source: Some(UsageSource::Lookup),
        used_at: Some(at("2026-11-03T00:00:00Z")),
        operation: Some("Encrypt".to_owned()),
        cloudtrail_event_id: Some("history-event".to_owned()),
        unused_since: Some(at("2026-11-03T00:00:00Z")),
        tracking_started_at: None,
        event_history_from: Some(at("2026-08-24T06:00:00Z")),
        created_at: made,
    };
    assert_eq!(used, Fact::Observed(expected.clone()));
    // When KMS began to record KMS alone says.
    let never =
        UsageEvidence { verdict: LastUsedVerdict::NeverUsed, used_at: None, operation: None, cloudtrail_event_id: None, unused_since: made, ..expected };
    assert_eq!(merged(&key, &refused, &looked_up(None, true), &TrailUses::default()), Fact::Observed(never));
    // Of an older key nothing is known that its own failure does not say.
    let older = self::made("2020-01-01T00:00:00Z");
    assert_eq!(merged(&older, &refused, &looked_up(None, true), &TrailUses::default()), denied(ApiAction::KmsGetKeyLastUsage));
}
