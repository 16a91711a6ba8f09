//! Records of KMS that are unusual, damaged, or say less than others.

use kms_insights_trail::{
    EventTime, FileReport, LogReader, MOST_PROBLEMS,
    Malformation::Ends,
    NamedResource, Problem,
    ProblemKind::{BadRecord, NotRecords, NotUtf8},
    event::{Identity, KmsEvent, Request, Response},
};
use serde_json::{Value, json};

use crate::sample::{event, gzip, joined, kms, log, mixed, read, reading, s3};

/// What a record says, alone in a file that has nothing wrong.
#[track_caller]
fn says(record: &str, check: impl Fn(&KmsEvent<'_>)) {
    let text = joined(&[record]);
    let mut count = 0;
    let report = LogReader::new().read(&gzip(&text), |found, _| {
        count += 1;
        check(found);
    });
    assert_eq!((report, count), (FileReport { text_bytes: text.len() as u64, records: 1, kms_records: 1, ..FileReport::default() }, 1), "{record}");
}

fn without(mut record: Value, member: &str) -> Value {
    record.as_object_mut().unwrap().remove(member).unwrap();
    record
}

fn with(mut record: Value, member: &str, value: Value) -> Value {
    record[member] = value;
    record
}

#[test]
fn a_record_that_says_no_more_than_it_must_is_one() {
    let record = json!({ "eventSource": "kms.amazonaws.com", "eventTime": "2026-11-22T10:00:00Z", "eventName": "Decrypt", "eventID": "e" });
    let at = EventTime::parse(b"2026-11-22T10:00:00Z").unwrap();
    says(&record.to_string(), |found| assert_eq!(*found, KmsEvent { at, name: "Decrypt".into(), id: "e".into(), ..KmsEvent::default() }));
}

#[test]
fn every_part_is_found_where_it_stands() {
    let record = json!({
        "eventSource": "kms.amazonaws.com",
        "eventTime": "2026-11-22T10:00:00Z",
        "eventName": "ReEncrypt",
        "eventID": "e",
        "sharedEventID": "shared",
        "awsRegion": "eu-west-1",
        "recipientAccountId": "444455556666",
        "errorCode": "AccessDenied",
        "userIdentity": {
            "type": "IAMUser",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
            "principalId": "AIDAEXAMPLE",
            "userName": "alice",
            "invokedBy": "ec2.amazonaws.com",
            "sessionContext": { "arn": "no", "sessionIssuer": { "arn": "issuer", "accountId": "no" }, "attributes": {} },
        },
        "requestParameters": {
            "keyId": "key",
            "sourceKeyId": "source",
            "destinationKeyId": "destination",
            "targetKeyId": "target",
            "encryptionContext": { "aws:rds:db-id": "db-1" },
            "sourceEncryptionContext": { "aws:ebs:id": "snap-1" },
            "destinationEncryptionContext": { "aws:s3:arn": "arn:aws:s3:::reports/a" },
            "constraints": { "encryptionContextSubset": { "aws:ebs:id": "vol-1" }, "encryptionContextEquals": { "aws:rds:dbc-id": "cluster-1" } },
        },
        "responseElements": { "keyId": "answered", "keyMetadata": { "arn": "made", "keyId": "no" } },
        "resources": [{ "accountId": "no", "ARN": "first" }, { "arn": "second", "type": "AWS::KMS::Key" }],
    });
    let context = |name: &str, value: &'static str| {
        let mut named = NamedResource::default();
        named.consider(name, || value.into());
        named
    };
    let expected = KmsEvent {
        at: EventTime::parse(b"2026-11-22T10:00:00Z").unwrap(),
        name: "ReEncrypt".into(),
        id: "e".into(),
        shared_id: Some("shared".into()),
        region: "eu-west-1".into(),
        recipient: Some("444455556666".into()),
        error_code: Some("AccessDenied".into()),
        identity: Identity {
            kind: Some("IAMUser".into()),
            arn: Some("arn:aws:iam::111122223333:user/alice".into()),
            account: Some("111122223333".into()),
            principal_id: Some("AIDAEXAMPLE".into()),
            user_name: Some("alice".into()),
            invoked_by: Some("ec2.amazonaws.com".into()),
            issuer_arn: Some("issuer".into()),
        },
        resources: vec!["first".into(), "second".into()],
        request: Request {
            key_id: Some("key".into()),
            source_key_id: Some("source".into()),
            destination_key_id: Some("destination".into()),
            target_key_id: Some("target".into()),
            context: context("aws:ebs:id", "vol-1"),
            source_context: context("aws:ebs:id", "snap-1"),
            destination_context: context("aws:s3:arn", "arn:aws:s3:::reports/a"),
        },
        response: Response { key_id: Some("answered".into()), key_arn: Some("made".into()) },
    };
    says(&record.to_string(), |found| assert_eq!(*found, expected));
}

#[test]
fn members_that_are_null_or_of_another_type_are_as_if_they_were_not_there() {
    let members = [
        ("userIdentity", KmsEvent { identity: Identity::default(), ..event(0) }),
        ("requestParameters", KmsEvent { request: Request::default(), ..event(0) }),
        ("responseElements", event(0)),
        ("resources", KmsEvent { resources: vec![], ..event(0) }),
        ("recipientAccountId", KmsEvent { recipient: None, ..event(0) }),
        ("awsRegion", KmsEvent { region: "".into(), ..event(0) }),
        ("errorCode", event(0)),
        ("sharedEventID", event(0)),
    ];
    for (member, expected) in members {
        for other in [json!(null), json!(0), json!(-1.5e300), json!(true), json!([]), json!({}), json!([[{ "a": ["b"] }], 1, "x"])] {
            says(&with(kms(0), member, other).to_string(), |found| assert_eq!(*found, expected));
        }
    }
    says(&without(kms(0), "resources").to_string(), |found| assert_eq!(*found, KmsEvent { resources: vec![], ..event(0) }));
}

#[test]
fn odd_items_among_the_resources_are_passed_over() {
    let resources =
        json!([null, 1, "x", [], [{ "ARN": "nested" }], {}, { "ARN": null }, { "ARN": { "ARN": "deeper" } }, { "ARN": "one" }, true, { "ARN": "two" }]);
    let expected = KmsEvent { resources: vec!["one".into(), "two".into()], ..event(0) };
    says(&with(kms(0), "resources", resources).to_string(), |found| assert_eq!(*found, expected));
}

#[test]
fn unknown_members_of_all_forms_are_passed_over() {
    let odd =
        json!({ "a": [1, -0.0, 1e-300, 12_345_678_901_234_567_890_u64, true, false, null, "", [[], {}], { "": {} }], "ARN": "x", "keyId": "x", "arn": "x" });
    let mut record = kms(0);
    for name in ["", " ", "\u{1f511}", "eventTime2", "userIdentity.arn", "\u{0}", "\"", "\\"] {
        record[name] = odd.clone();
    }
    record["requestParameters"]["more"] = odd.clone();
    record["requestParameters"]["constraints"] = json!({ "granteePrincipal": odd });
    record["userIdentity"]["sessionContext"]["webIdFederationData"] = odd.clone();
    record["responseElements"] = json!({ "keyMetadata": [odd], "grantId": odd });
    says(&record.to_string(), |found| assert_eq!(*found, event(0)));
}

#[test]
fn of_a_member_that_is_given_twice_the_last_counts() {
    let record = kms(7).to_string().replacen(
        '{',
        r#"{"eventName":"Encrypt","eventID":"x","eventTime":"2020-01-01T00:00:00Z","awsRegion":"x","resources":[{"ARN":"x"}],"userIdentity":{"arn":"x"},"#,
        1,
    );
    let text = joined(&[record]);
    assert_eq!(read(&text), reading(text.len(), 1, [7], &[]));
}

#[test]
fn escapes_in_values_are_what_they_stand_for() {
    let record = with(kms(0), "errorCode", json!("a \"quoted\\ / \u{8}\u{c}\n\r\t \u{1f511} é \u{0}"));
    let expected = KmsEvent { error_code: Some("a \"quoted\\ / \u{8}\u{c}\n\r\t \u{1f511} é \u{0}".into()), ..event(0) };
    says(&record.to_string(), |found| assert_eq!(*found, expected));
    let escaped = record.to_string().replace('é', r"\u00E9").replace('\u{1f511}', r"\ud83d\udd11").replace('/', r"\/");
    assert!(escaped.contains(r"\u00E9") && escaped.contains(r"\/") && escaped.contains(r"\ud83d"));
    says(&escaped, |found| assert_eq!(*found, expected));
}

#[test]
fn what_is_no_escape_is_shown_as_it_stands() {
    for written in [r"half \ud83d of a pair", r"\udd11", r"\x", r"\u12", "tab\tin it"] {
        let record = with(kms(0), "errorCode", json!("X")).to_string().replace(r#""X""#, &format!(r#""{written}""#));
        says(&record, |found| assert_eq!(*found, KmsEvent { error_code: Some(written.into()), ..event(0) }));
    }
}

#[test]
fn a_record_of_kms_that_is_not_utf_8_counts_with_a_replacement_and_is_told() {
    let records: Vec<Value> = vec![kms(0), with(kms(3), "errorCode", json!("damag?d")), with(kms(6), "userAgent", json!("damag?d")), kms(9)];
    let mut text = log(&records).into_bytes();
    let mut offsets = Vec::new();
    while let Some(place) = text.windows(7).position(|window| window == b"damag?d") {
        text[place + 5] = 0xe9;
        let begin = text[..place].windows(17).rposition(|window| window == br#"{"eventVersion":""#).unwrap();
        offsets.push(Problem { kind: NotUtf8, offset: begin as u64 });
    }
    let mut events = Vec::new();
    let mut texts = Vec::new();
    let report = LogReader::new().read(&gzip(&text), |found, record| {
        events.push((found.id.to_string(), found.error_code.as_deref().map(str::to_owned)));
        texts.push(record.to_owned());
    });
    let ids = [0, 3, 6, 9].map(|number| event(number).id.into_owned());
    assert_eq!(events, ids.into_iter().zip([None, Some("damag\u{fffd}d".to_owned()), None, None]).collect::<Vec<_>>());
    assert!(texts[2].contains(r#""userAgent":"damag�d""#));
    assert!(report.is_whole());
    assert_eq!(report, FileReport { text_bytes: text.len() as u64, records: 4, kms_records: 4, problems: offsets, problem_count: 2 });
}

#[test]
fn a_record_of_another_service_that_is_not_utf_8_is_none_of_ours() {
    let mut text = log(&[kms(0), s3(1), kms(3)]).into_bytes();
    let place = text.windows(9).position(|window| window == b"PutObject").unwrap();
    text[place..place + 9].fill(0xff);
    assert_eq!(read(gzip(&text)), reading(text.len(), 3, [0, 3], &[]));
}

#[test]
fn bytes_that_are_not_utf_8_hide_neither_quotes_nor_brackets() {
    // The first byte of a sequence of four, with what ends the string right behind it.
    let mut text = log(&[kms(0), with(s3(1), "userAgent", json!("x?")), kms(3)]).into_bytes();
    let place = text.windows(4).position(|window| window == b"\"x?\"").unwrap();
    text[place + 2] = 0xf0;
    assert_eq!(read(gzip(&text)), reading(text.len(), 3, [0, 3], &[]));
}

#[test]
fn a_record_of_kms_without_time_name_or_id_is_told_and_the_others_count() {
    let sound = [kms(0), kms(3)].map(|record| record.to_string());
    let offset = r#"{"Records":["#.len() + sound[0].len() + 1;
    let mut bad = Vec::new();
    for member in ["eventTime", "eventName", "eventID"] {
        bad.push(without(kms(1), member));
        bad.extend([json!(null), json!(7), json!(""), json!([]), json!({ "eventTime": "2026-11-22T10:00:00Z" })].map(|other| with(kms(1), member, other)));
    }
    for time in [
        "2026-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22",
        "1795341600",
        "2026-11-22T10:00:00",
        "yesterday",
        "2026-11-22T10:00:0\u{660}Z",
    ] {
        bad.push(with(kms(1), "eventTime", json!(time)));
    }
    for bad in bad {
        let text = joined(&[&sound[0], &bad.to_string(), &sound[1]]);
        let found = read(gzip(&text));
        assert!(!found.report.is_whole());
        assert_eq!(found, reading(text.len(), 3, [0, 3], &[(BadRecord, offset)]), "{bad}");
    }
}

#[test]
fn a_record_of_kms_that_is_no_json_is_told_where_and_the_others_count() {
    let sound = [kms(0), kms(3)].map(|record| record.to_string());
    let start = r#"{"Records":["#.len() + sound[0].len() + 1;
    let record = kms(1).to_string();
    for (from, to, what) in [
        (r#""eventName":"#, r#""eventName""#, r#""Decrypt""#),
        (r#""eventName":"#, r#""eventName"="#, r#"="Decrypt""#),
        (r#""Decrypt""#, "", r#","awsRegion""#),
        (r#""Decrypt""#, "DECRYPT", "DECRYPT"),
        (r#""resources":["#, r#""resources":[}"#, "}{\"accountId"),
        (r#""requestParameters":{"#, r#""requestParameters":{["x"],"#, r#"["x"]"#),
    ] {
        let bad = record.replacen(from, to, 1);
        assert_ne!(bad, record);
        // A bracket too many closes the record early, which the next test is about.
        if to.ends_with('}') {
            continue;
        }
        let text = joined(&[&sound[0], &bad, &sound[1]]);
        let offset = start + bad.find(what).unwrap();
        assert_eq!(read(gzip(&text)), reading(text.len(), 3, [0, 3], &[(BadRecord, offset)]), "{bad}");
    }
}

#[test]
fn records_out_of_order_and_over_the_years_end_are_handed_on_as_they_stand() {
    let times = [
        "2027-01-01T00:00:00Z",
        "2026-12-31T23:59:59Z",
        "2026-01-01T00:00:00Z",
        "2028-02-29T12:00:00Z",
        "1970-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ];
    let text = log(&times.map(|time| with(kms(0), "eventTime", json!(time))));
    let mut found = Vec::new();
    LogReader::new().read(&gzip(&text), |event, _| found.push(event.at.timestamp().format("%Y-%m-%dT%H:%M:%SZ").to_string()));
    assert_eq!(found, times);
}

#[test]
fn times_of_other_forms_are_cut_to_seconds_of_utc() {
    for time in ["2026-11-22T10:00:00.999Z", "2026-11-22T12:30:00+02:30", "2026-11-22T10:00:00+00:00", "2026-11-22t10:00:00z", "2026-11-21T23:00:00.5-11:00"] {
        says(&with(kms(0), "eventTime", json!(time)).to_string(), |found| assert_eq!(*found, event(0)));
    }
}

#[test]
fn the_first_problems_are_told_and_all_are_counted() {
    let bad = without(kms(1), "eventID");
    let text = log(&vec![bad.clone(); 1000]);
    let len = bad.to_string().len() + 1;
    let report = LogReader::new().read(&gzip(&text), |_, _| panic!("none is sound"));
    let problems = (0..MOST_PROBLEMS).map(|number| Problem { kind: BadRecord, offset: (12 + number * len) as u64 }).collect();
    assert_eq!(report, FileReport { text_bytes: text.len() as u64, records: 1000, kms_records: 1000, problems, problem_count: 1000 });
}

#[test]
fn a_loss_is_told_however_many_lesser_problems_stand_before_it() {
    let mut text = log(&vec![with(kms(0), "userAgent", json!("?")); 20]).into_bytes();
    text.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xff);
    text.truncate(text.len() - 1);
    let report = LogReader::new().read(&gzip(&text), |_, _| {});
    assert!(!report.is_whole());
    assert_eq!((report.problems.len(), report.problem_count), (MOST_PROBLEMS, 21));
    assert_eq!(report.problems.last(), Some(&Problem { kind: NotRecords(Ends), offset: text.len() as u64 }));
}

#[test]
fn numbers_and_words_of_odd_forms_are_scalars() {
    let record = kms(0).to_string();
    let with = |value: &str| record.replacen('{', &format!(r#"{{"odd":{value},"list":[{value},{value}],"#), 1);
    for value in ["0", "-0", "1e999", "-1E-999", "123456789012345678901234567890", "0.1e+2", "true", "false", "null"] {
        let text = format!(r#"{{"a":{value},"Records":[{{"b":{value}}},{}],"c":{value}}}"#, with(value));
        assert_eq!(read(gzip(&text)), reading(text.len(), 2, [0], &[]), "{value}");
    }
}

#[test]
fn a_log_without_any_record_of_kms_has_none() {
    let records: Vec<Value> = mixed(9).into_iter().filter(|record| record["eventSource"] != "kms.amazonaws.com").collect();
    let text = log(&records);
    assert_eq!(read(gzip(&text)), reading(text.len(), 6, [], &[]));
}
