//! What the records of log files come to, day by day: who used which key for what, and how often.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use std::slice::from_ref;

use chrono::NaiveDate;
use kms_insights_trail::{Batch, Calls, DailyUse, EventId, LogReader, SeenEvents, Tally, UseEvents};
use serde_json::{Value, json};

const APP_ACCOUNT: &str = "111122223333";
const KEY_ACCOUNT: &str = "444455556666";
const KEY: &str = "arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER_KEY: &str = "arn:aws:kms:eu-central-1:444455556666:key/9999abcd-12ab-34cd-56ef-1234567890ab";

/// A call of `Decrypt` by a role in the key's account, at a time that no other call of the example has.
fn call(time: &str) -> Value {
    json!({
        "eventSource": "kms.amazonaws.com",
        "eventTime": time,
        "eventName": "Decrypt",
        "eventID": format!("00000000-0000-4000-8000-{:012}", time.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp()),
        "awsRegion": "eu-central-1",
        "recipientAccountId": KEY_ACCOUNT,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::444455556666:assumed-role/app/i-0abc",
            "accountId": KEY_ACCOUNT,
            "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::444455556666:role/app" } }
        },
        "resources": [{ "ARN": KEY }]
    })
}

/// What one such call comes to.
fn row() -> DailyUse {
    DailyUse {
        event_date: date("2026-11-22"),
        key_arn: KEY.into(),
        principal: "arn:aws:iam::444455556666:role/app".into(),
        event_name: "Decrypt".into(),
        resource: None,
        invoked_by: None,
        recorded_by: KEY_ACCOUNT.into(),
        uses: 1,
        errors: 0,
        first_at: at("2026-11-22T10:00:00Z"),
        last_at: at("2026-11-22T10:00:00Z"),
        last_used_at: Some(at("2026-11-22T10:00:00Z")),
    }
}

const TEN: &str = "2026-11-22T10:00:00Z";

fn at(time: &str) -> kms_insights_model::Timestamp {
    time.parse().unwrap()
}

fn date(date: &str) -> NaiveDate {
    date.parse().unwrap()
}

/// The record with these members instead of its own.
fn with(mut record: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("{members} are no members") };
    record.as_object_mut().unwrap().extend(members);
    record
}

/// The events of a file.
fn file(records: &[Value], uses: &UseEvents) -> Batch {
    let mut batch = Batch::default();
    let text = json!({ "Records": records }).to_string();
    let report = LogReader::new().read(text.as_bytes(), |event, record| batch.add(event, record, uses));
    assert!(report.is_whole(), "{report:?}");
    batch
}

/// What files come to, of accounts that are all read.
fn daily<F: AsRef<[Value]>>(files: impl IntoIterator<Item = F>) -> Vec<DailyUse> {
    rows(files, &UseEvents::default())
}

/// What files come to when they are all there is.
fn rows<F: AsRef<[Value]>>(files: impl IntoIterator<Item = F>, uses: &UseEvents) -> Vec<DailyUse> {
    let (mut tally, mut seen) = tallied(files, uses);
    tally.take(None, &mut seen).rows().collect()
}

fn tallied<F: AsRef<[Value]>>(files: impl IntoIterator<Item = F>, uses: &UseEvents) -> (Tally, SeenEvents) {
    let (mut tally, mut seen) = (Tally::default(), SeenEvents::default());
    for records in files {
        tally.add(&file(records.as_ref(), uses), &mut seen);
    }
    (tally, seen)
}

#[test]
fn calls_that_succeeded_are_uses_and_those_that_failed_are_errors_apart() {
    let failed = |time| with(call(time), json!({ "errorCode": "AccessDenied", "errorMessage": "not authorized" }));
    let mut calls = [failed("2026-11-22T09:00:00Z"), call(TEN), call("2026-11-22T11:00:00Z"), failed("2026-11-22T12:00:00Z")];
    let both = DailyUse {
        uses: 2,
        errors: 2,
        first_at: at("2026-11-22T09:00:00Z"),
        last_at: at("2026-11-22T12:00:00Z"),
        last_used_at: Some(at("2026-11-22T11:00:00Z")),
        ..row()
    };
    for _ in 0..calls.len() {
        // In whatever order they come.
        calls.rotate_left(1);
        assert_eq!(daily([&calls]), from_ref(&both));
    }
    assert_eq!(daily([[failed(TEN)]]), [DailyUse { uses: 0, errors: 1, last_used_at: None, ..row() }]);
}

#[test]
fn calls_that_name_no_key_are_counted_as_such_those_that_failed_apart() {
    let lost = with(call(TEN), json!({ "errorCode": "AccessDenied", "resources": null, "requestParameters": null }));
    let used = with(call(TEN), json!({ "eventID": "used", "resources": null, "requestParameters": {} }));
    let (tally, _) = tallied([[lost.clone(), lost, used]], &UseEvents::default());
    assert_eq!((tally.len(), tally.without_key()), (0, Calls { uses: 1, errors: 2 }));
}

#[test]
fn re_encryption_uses_the_key_that_it_decrypts_with_and_the_one_that_it_encrypts_with() {
    let call = with(
        call(TEN),
        json!({
            "eventName": "ReEncrypt",
            "resources": [{ "ARN": KEY }, { "ARN": OTHER_KEY }],
            "requestParameters": { "sourceEncryptionContext": { "aws:ebs:id": "snap-1" }, "destinationEncryptionContext": { "aws:ebs:id": "vol-2" } }
        }),
    );
    let source = DailyUse { event_name: "ReEncrypt".into(), resource: Some("snap-1".into()), ..row() };
    let destination = DailyUse { key_arn: OTHER_KEY.into(), resource: Some("vol-2".into()), ..source.clone() };
    assert_eq!(daily([[call.clone()]]), [source.clone(), destination.clone()]);
    // One event all the same: delivered twice, it counts once for each key.
    assert_eq!(daily([vec![call.clone(), call.clone()], vec![call.clone()]]), [source.clone(), destination.clone()]);
    // From a key to itself it is one use.
    let same = with(call.clone(), json!({ "resources": [{ "ARN": KEY }, { "ARN": KEY }] }));
    assert_eq!(daily([[same]]), from_ref(&DailyUse { key_arn: KEY.into(), ..destination.clone() }));
    // Of one key that is listed alone an alias is another name: another key would be listed beside it.
    let names = |destination: &str| {
        let request = json!({ "sourceKeyId": KEY, "destinationKeyId": destination, "destinationEncryptionContext": { "aws:ebs:id": "vol-2" } });
        with(call.clone(), json!({ "resources": [{ "ARN": KEY }], "requestParameters": request }))
    };
    assert_eq!(daily([[names("alias/app")]]), [DailyUse { key_arn: KEY.into(), ..destination.clone() }]);
    assert_eq!(daily([[names(OTHER_KEY)]]), [DailyUse { resource: None, ..source }, destination]);
}

#[test]
fn an_event_that_is_delivered_more_than_once_counts_once() {
    let other = with(call(TEN), json!({ "eventID": "11111111-0000-4000-8000-000000000000" }));
    assert_eq!(daily([vec![call(TEN), call(TEN)], vec![call(TEN)]]), [row()]);
    assert_eq!(daily([[call(TEN), other]]), [DailyUse { uses: 2, ..row() }]);
    // Nor does one that was counted by an earlier scan.
    let mut seen = SeenEvents::default();
    seen.remember(date("2026-11-22"), [EventId::new(call(TEN)["eventID"].as_str().unwrap())]);
    let mut tally = Tally::default();
    tally.add(&file(&[call(TEN)], &UseEvents::default()), &mut seen);
    assert_eq!((tally.len(), seen.repeated()), (0, 1));
}

#[test]
fn ids_that_are_no_uuids_tell_events_apart_as_well() {
    let with_id = |id: &str| with(call(TEN), json!({ "eventID": id }));
    let near = ["e", "f", "E", "00000000-0000-4000-8000-00000000000A", "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000a "];
    let calls = near.map(with_id);
    assert_eq!(daily([&calls, &calls]), [DailyUse { uses: 6, ..row() }]);
}

/// One event as the caller's account records it, and as the key's does.
fn in_two_accounts(time: &str) -> [Value; 2] {
    let role = json!({ "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/i-0abc", "accountId": APP_ACCOUNT });
    let stranger = json!({ "type": "AWSAccount", "principalId": "AROAEXAMPLE:i-0abc", "accountId": APP_ACCOUNT });
    let shared = format!("shared {time}");
    [
        with(call(time), json!({ "eventID": format!("caller {time}"), "sharedEventID": shared, "recipientAccountId": APP_ACCOUNT, "userIdentity": role })),
        with(call(time), json!({ "eventID": format!("owner {time}"), "sharedEventID": shared, "userIdentity": stranger })),
    ]
}

#[test]
fn an_event_that_two_accounts_record_counts_once_by_the_callers_record_if_that_is_read() {
    let [callers, owners] = in_two_accounts(TEN);
    let by_caller = DailyUse { principal: "arn:aws:iam::111122223333:role/app".into(), recorded_by: APP_ACCOUNT.into(), ..row() };
    let by_owner = DailyUse { principal: APP_ACCOUNT.into(), ..row() };
    for files in [[[callers.clone()], [owners.clone()]], [[owners.clone()], [callers.clone()]]] {
        assert_eq!(daily(files), from_ref(&by_caller));
    }
    // Where the caller's record is not read, the owner's is all there is: whether other records of the caller's account are is no matter.
    let another = with(call("2026-11-22T11:00:00Z"), json!({ "eventID": "another", "eventName": "Encrypt", "recipientAccountId": APP_ACCOUNT }));
    let [counted, _] = &daily([[owners.clone()], [another]])[..] else { panic!("a row of each") };
    assert_eq!(counted, &by_owner);
    // On two keys it is still one event, and counts for each.
    let on_both = |record: Value| {
        let record = with(record, json!({ "eventName": "ReEncrypt" }));
        with(record, json!({ "resources": [{ "ARN": KEY }, { "ARN": OTHER_KEY }] }))
    };
    for files in [vec![[on_both(owners.clone())]], vec![[on_both(owners.clone())], [on_both(callers.clone())]]] {
        assert_eq!(daily(files).iter().map(|row| row.uses).collect::<Vec<_>>(), [1, 1]);
    }
}

#[test]
fn an_event_that_counted_by_one_accounts_record_does_not_count_by_another_accounts_later() {
    let [callers, owners] = in_two_accounts(TEN);
    for [first, second] in [[callers.clone(), owners.clone()], [owners, callers]] {
        let (mut tally, mut seen) = tallied([[first]], &UseEvents::default());
        assert_eq!(tally.take(None, &mut seen).rows().count(), 1);
        // As a later scan, which knows the ids that an earlier one wrote down.
        let own = seen.forget(date("2026-11-22")).own;
        assert_eq!(own.len(), 2, "the event's own id, and the one that it shares");
        let mut later = SeenEvents::default();
        later.remember(date("2026-11-22"), own);
        tally.add(&file(&[second], &UseEvents::default()), &mut later);
        assert_eq!((tally.take(None, &mut later).rows().count(), later.repeated()), (0, 0));
    }
}

#[test]
fn what_records_share_is_told_apart_from_the_ids_of_other_events() {
    // Of ids that count up, as no UUIDs do.
    let id = |number: u32| format!("00000000-0000-4000-8000-{number:012x}");
    let [callers, _] = in_two_accounts(TEN);
    let calls: Vec<Value> = (0..64).map(|number| with(callers.clone(), json!({ "eventID": id(2 * number), "sharedEventID": id(2 * number + 1) }))).collect();
    let backwards: Vec<Value> =
        (0..64).map(|number| with(callers.clone(), json!({ "eventID": id(2 * number + 1), "sharedEventID": id(2 * number) }))).collect();
    assert_eq!(daily([calls, backwards]).iter().map(|row| row.uses).sum::<u64>(), 128);
}

#[test]
fn a_day_is_taken_out_with_what_is_held_of_it_and_later_days_stay() {
    let (today, tomorrow) = (in_two_accounts(TEN), in_two_accounts("2026-11-23T10:00:00Z"));
    let [_, owners] = today;
    let [callers, late] = tomorrow;
    let (mut tally, mut seen) = tallied([[owners, late.clone()]], &UseEvents::default());
    let held = tally.held_ids(Some(date("2026-11-23")));
    assert_eq!(held.iter().map(|(date, ids)| (date.to_string(), ids.len())).collect::<Vec<_>>(), [("2026-11-22".to_owned(), 1)]);
    assert_eq!(tally.first_day(), Some(date("2026-11-22")));
    let days = |tally: &Tally| tally.rows().map(|row| (row.event_date, row.principal)).collect::<Vec<_>>();
    assert_eq!(days(&tally.take(Some(date("2026-11-23")), &mut seen)), [(date("2026-11-22"), APP_ACCOUNT.to_owned())]);
    tally.add(&file(&[callers], &UseEvents::default()), &mut seen);
    assert_eq!(days(&tally.take(None, &mut seen)), [(date("2026-11-23"), "arn:aws:iam::111122223333:role/app".to_owned())]);
    assert!(tally.is_empty() && tally.first_day().is_none());
}

#[test]
fn an_event_of_two_accounts_whose_caller_nobody_names_counts_once_by_whichever_record_came_first() {
    let identity = json!({ "type": "AWSService", "invokedBy": "backup.amazonaws.com" });
    let [first, second] = in_two_accounts(TEN).map(|record| with(record, json!({ "userIdentity": identity })));
    let recorded_by = |account: &str| DailyUse {
        principal: "backup.amazonaws.com".into(),
        invoked_by: Some("backup.amazonaws.com".into()),
        recorded_by: account.into(),
        ..row()
    };
    assert_eq!(daily([[first.clone()], [second.clone()]]), [recorded_by(APP_ACCOUNT)]);
    assert_eq!(daily([[second], [first]]), [recorded_by(KEY_ACCOUNT)]);
}

#[test]
fn whether_records_name_an_id_that_they_share_divides_no_row() {
    let [_, shared] = in_two_accounts(TEN);
    let alone = with(shared.clone(), json!({ "eventID": "alone", "sharedEventID": null, "eventTime": "2026-11-22T09:00:00Z", "errorCode": "AccessDenied" }));
    let expected = DailyUse { principal: APP_ACCOUNT.into(), errors: 1, first_at: at("2026-11-22T09:00:00Z"), ..row() };
    for files in [[shared.clone(), alone.clone()], [alone, shared]] {
        assert_eq!(daily([&files]), from_ref(&expected));
    }
}

#[test]
fn principals_are_roles_users_roots_accounts_and_services() {
    let role_with_path = json!({
        "type": "AssumedRole",
        "arn": "arn:aws:sts::444455556666:assumed-role/app/i-0abc",
        "accountId": KEY_ACCOUNT,
        "sessionContext": { "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::444455556666:role/team/app" } }
    });
    let cases = [
        (role_with_path, "arn:aws:iam::444455556666:role/team/app"),
        (
            json!({ "type": "AssumedRole", "arn": "arn:aws:sts::444455556666:assumed-role/app/i-0abc", "accountId": KEY_ACCOUNT }),
            "arn:aws:iam::444455556666:role/app",
        ),
        (json!({ "type": "AssumedRole", "arn": "arn:aws-cn:sts::444455556666:assumed-role/app/i-0abc" }), "arn:aws-cn:iam::444455556666:role/app"),
        (
            json!({ "type": "IAMUser", "arn": "arn:aws:iam::444455556666:user/team/alice", "userName": "alice", "accountId": KEY_ACCOUNT }),
            "arn:aws:iam::444455556666:user/team/alice",
        ),
        (json!({ "type": "Root", "arn": "arn:aws:iam::444455556666:root", "accountId": KEY_ACCOUNT }), "arn:aws:iam::444455556666:root"),
        (json!({ "type": "AWSAccount", "accountId": APP_ACCOUNT, "principalId": "AROAEXAMPLE:i-0abc" }), APP_ACCOUNT),
        (json!({ "type": "AWSAccount", "accountId": APP_ACCOUNT, "invokedBy": "ec2.amazonaws.com" }), APP_ACCOUNT),
        (json!({ "type": "AWSService", "invokedBy": "logs.amazonaws.com" }), "logs.amazonaws.com"),
        (json!({ "type": "Unknown", "principalId": "AROAEXAMPLE" }), "AROAEXAMPLE"),
        (json!(null), ""),
    ];
    for (identity, principal) in cases {
        let rows = daily([[with(call(TEN), json!({ "userIdentity": identity }))]]);
        let invoked_by = identity["invokedBy"].as_str().map(str::to_owned);
        assert_eq!(rows, [DailyUse { principal: principal.into(), invoked_by, ..row() }], "{identity}");
    }
}

#[test]
fn sessions_of_a_role_are_one_principal() {
    let session = |time, name: &str| {
        let mut call = call(time);
        call["userIdentity"]["arn"] = format!("arn:aws:sts::444455556666:assumed-role/app/{name}").into();
        call
    };
    let calls = [session("2026-11-22T09:00:00Z", "i-0abc"), session(TEN, "i-0def")];
    assert_eq!(daily([&calls]), [DailyUse { uses: 2, first_at: at("2026-11-22T09:00:00Z"), ..row() }]);
}

#[test]
fn a_service_that_calls_on_a_roles_behalf_is_told_apart_from_the_role_itself() {
    let mut through = call("2026-11-22T11:00:00Z");
    through["userIdentity"]["invokedBy"] = "secretsmanager.amazonaws.com".into();
    let at_eleven = at("2026-11-22T11:00:00Z");
    let by_service =
        DailyUse { invoked_by: Some("secretsmanager.amazonaws.com".into()), first_at: at_eleven, last_at: at_eleven, last_used_at: Some(at_eleven), ..row() };
    assert_eq!(daily([[through, call(TEN)]]), [row(), by_service]);
}

#[test]
fn an_alias_or_id_is_the_key_that_the_record_lists_and_else_what_it_says() {
    let asked = |key_id: &str| with(call(TEN), json!({ "requestParameters": { "keyId": key_id } }));
    for key_id in ["alias/app", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:eu-central-1:444455556666:alias/app", KEY, "no key at all"] {
        assert_eq!(daily([[asked(key_id)]]), [row()], "{key_id}");
    }
    let unlisted = |key_id: &str, region: &str| with(asked(key_id), json!({ "resources": null, "awsRegion": region }));
    let cases = [
        ("alias/app", "eu-central-1", "arn:aws:kms:eu-central-1:444455556666:alias/app"),
        ("arn:aws:kms:eu-west-1:111122223333:alias/app", "eu-central-1", "arn:aws:kms:eu-west-1:111122223333:alias/app"),
        ("mrk-1234abcd12ab34cd56ef1234567890ab", "us-gov-west-1", "arn:aws-us-gov:kms:us-gov-west-1:444455556666:key/mrk-1234abcd12ab34cd56ef1234567890ab"),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", "cn-north-1", "arn:aws-cn:kms:cn-north-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        (KEY, "eu-central-1", KEY),
    ];
    for (key_id, region, key_arn) in cases {
        assert_eq!(daily([[unlisted(key_id, region)]]), [DailyUse { key_arn: key_arn.into(), ..row() }], "{key_id}");
    }
}

#[test]
fn aliases_that_are_listed_beside_a_key_are_no_uses_of_their_own_nor_is_a_key_that_is_listed_twice() {
    let alias = "arn:aws:kms:eu-central-1:444455556666:alias/app";
    let listed = with(call(TEN), json!({ "resources": [{ "ARN": alias }, { "ARN": KEY }, { "ARN": KEY }] }));
    assert_eq!(daily([[listed]]), [row()]);
}

#[test]
fn the_resource_is_what_the_encryption_context_names_and_an_object_counts_as_its_bucket() {
    let on = |time, name: &str, value: &str| with(call(time), json!({ "requestParameters": { "encryptionContext": { name: value, "tenant": "42" } } }));
    let calls = [
        on("2026-11-22T10:00:00Z", "aws:s3:arn", "arn:aws:s3:::reports/2026/11/22.csv"),
        on("2026-11-22T10:00:01Z", "aws:s3:arn", "arn:aws:s3:::reports/2026/11/23.csv"),
        on("2026-11-22T10:00:02Z", "aws:s3:arn", "arn:aws:s3:::reports"),
        on("2026-11-22T10:00:03Z", "aws:s3:arn", "arn:aws:s3:::reports-2/2026/11/22.csv"),
        on("2026-11-22T10:00:04Z", "aws:ebs:id", "vol-0abc"),
        on("2026-11-22T10:00:05Z", "unknown", "x"),
    ];
    let rows: Vec<_> = daily([&calls]).into_iter().map(|row| (row.resource, row.uses)).collect();
    let some = |resource: &str| Some(resource.to_owned());
    assert_eq!(rows, [(None, 1), (some("arn:aws:s3:::reports"), 3), (some("arn:aws:s3:::reports-2"), 1), (some("vol-0abc"), 1)]);
}

#[test]
fn which_events_are_uses_can_be_chosen() {
    let names =
        ["Decrypt", "Encrypt", "GenerateDataKey", "Sign", "CreateGrant", "DisableKeyRotation", "GetKeyPolicy", "PutKeyPolicy", "DescribeKey", "ListKeys"];
    let calls: Vec<Value> =
        names.iter().enumerate().map(|(second, name)| with(call(&format!("2026-11-22T10:00:{second:02}Z")), json!({ "eventName": name }))).collect();
    let counted = |uses: &UseEvents| -> Vec<String> { rows([&calls], uses).into_iter().map(|row| row.event_name).collect() };
    assert_eq!(counted(&UseEvents::default()), ["Decrypt", "Encrypt", "GenerateDataKey", "Sign"]);
    let workshop = ["Decrypt", "Encrypt", "GenerateDataKey"];
    assert_eq!(counted(&workshop.into_iter().collect()), workshop);
    let permissions = ["CreateGrant", "DisableKeyRotation", "GetKeyPolicy", "PutKeyPolicy"];
    assert_eq!(counted(&permissions.into_iter().collect()), permissions);
    assert_eq!(counted(&UseEvents::from_iter::<[&str; 0]>([])), <[&str; 0]>::default());
}

#[test]
fn a_grant_is_made_for_the_resource_that_its_constraints_name() {
    for constraint in ["encryptionContextSubset", "encryptionContextEquals"] {
        let grant = with(
            call(TEN),
            json!({ "eventName": "CreateGrant", "requestParameters": { "keyId": KEY, "constraints": { constraint: { "aws:rds:db-id": "db-1" } } } }),
        );
        let expected = DailyUse { event_name: "CreateGrant".into(), resource: Some("db-1".into()), ..row() };
        assert_eq!(rows([[grant]], &["CreateGrant"].into_iter().collect()), [expected]);
    }
}

#[test]
fn a_day_begins_at_midnight_of_utc_and_a_year_with_its_first_day() {
    let one = |time: &str| DailyUse { event_date: date(&time[..10]), first_at: at(time), last_at: at(time), last_used_at: Some(at(time)), ..row() };
    let times = [
        "1999-12-31T23:59:59Z",
        "2026-11-21T23:59:59Z",
        "2026-11-22T00:00:00Z",
        "2026-11-23T00:00:00Z",
        "2026-12-31T23:59:59Z",
        "2027-01-01T00:00:00Z",
        "2028-02-28T23:59:59Z",
        "2028-02-29T00:00:00Z",
        "2028-03-01T00:00:00Z",
    ];
    let mut calls: Vec<Value> = times.iter().rev().map(|time| call(time)).collect();
    assert_eq!(daily([&calls]), times.map(one));
    calls.push(call("2026-11-22T23:59:59Z"));
    let whole_day = DailyUse { uses: 2, last_at: at("2026-11-22T23:59:59Z"), last_used_at: Some(at("2026-11-22T23:59:59Z")), ..one("2026-11-22T00:00:00Z") };
    assert_eq!(daily([&calls])[2], whole_day);
    // As UTC has it, not the place where it was written down.
    let elsewhere = with(call(TEN), json!({ "eventTime": "2027-01-01T01:30:00+02:00" }));
    assert_eq!(daily([[elsewhere]]), [one("2026-12-31T23:30:00Z")]);
}

#[test]
fn rows_are_in_one_order_whatever_the_order_of_records_and_files() {
    let day = |day: &str, members: Value| with(call(&format!("2026-11-{day}T10:00:00Z")), members);
    let mut role = call("2026-11-22T10:00:09Z");
    role["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] = "arn:aws:iam::444455556666:role/another".into();
    let calls = [
        day("20", json!({})),
        day("21", json!({ "resources": [{ "ARN": OTHER_KEY }] })),
        role,
        day("22", json!({})),
        with(call("2026-11-22T10:00:01Z"), json!({ "eventName": "Encrypt" })),
        with(call("2026-11-22T10:00:02Z"), json!({ "eventName": "Encrypt", "requestParameters": { "encryptionContext": { "aws:ebs:id": "vol-1" } } })),
        with(call("2026-11-22T10:00:03Z"), json!({ "eventName": "Encrypt", "requestParameters": { "encryptionContext": { "aws:ebs:id": "vol-2" } } })),
        with(call("2026-11-22T10:00:04Z"), json!({ "resources": [{ "ARN": OTHER_KEY }] })),
    ];
    let in_order = daily([&calls]);
    let seconds: Vec<i64> = in_order.iter().map(|row| row.first_at.timestamp() % 60).collect();
    assert_eq!((in_order.len(), seconds), (8, vec![0, 0, 9, 0, 1, 2, 3, 4]));
    assert!(in_order.is_sorted());
    let mut turned = calls.clone();
    for _ in 0..calls.len() {
        turned.rotate_left(1);
        assert_eq!(daily([&turned]), in_order);
        assert_eq!(daily(turned.each_ref().map(from_ref)), in_order);
        turned.reverse();
        assert_eq!(daily([&turned[..3], &turned[3..]]), in_order);
    }
}

#[test]
fn what_is_longer_than_aws_gives_is_cut_between_letters_and_still_told_apart() {
    // Each letter takes two bytes; those before it make one of them stand where a cut would be.
    for shift in ["", "x"] {
        let long = |end: &str| format!("{shift}{}{end}", "é".repeat(40_000));
        let calls: Vec<Value> = ["", "1", "2"]
            .iter()
            .enumerate()
            .map(|(second, end)| {
                let text = long(end);
                let members = json!({
                    "eventName": "Decrypt",
                    "recipientAccountId": text,
                    "userIdentity": { "arn": text, "accountId": text, "invokedBy": text },
                    "resources": [{ "ARN": format!("arn:aws:kms:eu-central-1:444455556666:key/{text}") }],
                    "requestParameters": { "encryptionContext": { "aws:ebs:id": text } }
                });
                with(call(&format!("2026-11-22T10:00:{second:02}Z")), members)
            })
            .collect();
        let rows = daily([&calls]);
        assert_eq!(rows.len(), 3);
        for row in rows {
            let texts = [&row.key_arn, &row.principal, &row.recorded_by, row.resource.as_ref().unwrap(), row.invoked_by.as_ref().unwrap()];
            assert!(texts.iter().all(|text| text.len() <= 8192 && text.contains(&"é".repeat(4000))));
        }
    }
}

#[test]
fn parts_that_run_into_each_other_are_different_uses() {
    let of = |second: usize, principal: &str, resource: &str| {
        let members = json!({ "userIdentity": { "arn": principal }, "requestParameters": { "encryptionContext": { "aws:ebs:id": resource } } });
        with(call(&format!("2026-11-22T10:00:{second:02}Z")), members)
    };
    let service = |second: usize, principal: &str, invoked_by: &str| {
        with(call(&format!("2026-11-22T10:00:{second:02}Z")), json!({ "userIdentity": { "arn": principal, "invokedBy": invoked_by } }))
    };
    let calls = [of(0, "ab", "c"), of(1, "a", "bc"), of(2, "abc", ""), service(3, "ab", "c"), service(4, "a", "bc"), service(5, "abc", "")];
    assert_eq!(daily([&calls]).len(), 5, "an empty name is none: the third and the last are alike");
}

#[test]
fn a_batch_says_when_it_is_full_and_a_tally_how_large_it_is() {
    let long = with(call(TEN), json!({ "requestParameters": { "encryptionContext": { "aws:ebs:id": "v".repeat(8000) } } }));
    let uses = UseEvents::default();
    let mut batch = file(&vec![long.clone(); 700], &uses);
    assert!(batch.is_full() && !file(&vec![long; 400], &uses).is_full());
    batch.clear();
    assert!(!batch.is_full());
    let (mut tally, mut seen) = (Tally::default(), SeenEvents::default());
    tally.add(&batch, &mut seen);
    assert!(tally.is_empty() && tally.size() == 0);
    for number in 0..1000 {
        let resource = format!("{number:08000}");
        let call = with(call(TEN), json!({ "eventID": resource, "requestParameters": { "encryptionContext": { "aws:ebs:id": resource } } }));
        tally.add(&file(&[call], &uses), &mut seen);
    }
    assert!((8_000_000..9_000_000).contains(&tally.size()), "{}", tally.size());
    assert_eq!((tally.len(), tally.rows().count()), (1000, 1000));
}
