//! Which records are of KMS: those whose own `eventSource` says so, however it is written.

use kms_insights_trail::LogReader;
use serde_json::{Value, json};

use crate::sample::{gzip, joined, kms, read, reading, s3};

/// A record as it is written, changed.
fn rewritten(record: &Value, from: &str, to: &str) -> String {
    let text = record.to_string();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

/// That all of these records are of KMS, and say what the sample does.
#[track_caller]
fn assert_kms(records: &[String]) {
    for record in records {
        // With others around it, and at each place within the 64 bytes that are looked at together.
        for shift in [0, 1, 17, 31, 63] {
            let text = format!(r#"{{{:shift$}"Records":[{},{record},{}]}}"#, "", s3(1), kms(0));
            assert_eq!(read(gzip(&text)), reading(text.len(), 3, [0, 0], &[]), "{record}");
        }
    }
}

/// That none of these records is of KMS.
#[track_caller]
fn assert_others(records: &[String]) {
    for record in records {
        for shift in [0, 1, 17, 31, 63] {
            let text = format!(r#"{{{:shift$}"Records":[{},{record},{}]}}"#, "", s3(1), kms(0));
            assert_eq!(read(gzip(&text)), reading(text.len(), 3, [0], &[]), "{record}");
        }
    }
}

const SOURCE: &str = r#""eventSource":"kms.amazonaws.com""#;

#[test]
fn the_members_may_stand_in_any_order() {
    let Value::Object(members) = kms(0) else { unreachable!() };
    let reversed: serde_json::Map<String, Value> = members.clone().into_iter().rev().collect();
    let mut last = members.clone();
    let source = last.remove("eventSource").unwrap();
    last.insert("eventSource".into(), source.clone());
    let mut first = serde_json::Map::from_iter([("eventSource".to_owned(), source)]);
    first.extend(members);
    assert_kms(&[reversed, last, first].map(|members| Value::from(members).to_string()));
}

#[test]
fn white_space_may_stand_around_every_token() {
    let spaced = |space: &str| rewritten(&kms(0), SOURCE, &format!(r#"{space}"eventSource"{space}:{space}"kms.amazonaws.com"{space}"#));
    assert_kms(&[spaced(" "), spaced("\n"), spaced("\r\n\t "), spaced(&" ".repeat(64)), spaced(&"\t".repeat(1000))]);
}

#[test]
fn the_services_name_may_be_written_with_escapes() {
    let named = |name: &str| rewritten(&kms(0), SOURCE, &format!(r#""eventSource":"{name}""#));
    assert_kms(&[
        named(r"\u006bms.amazonaws.com"),
        named(r"\u006Bms.amazonaws.com"),
        named(r"kms\u002eamazonaws\u002ecom"),
        named(r"kms.amazonaws.co\u006d"),
        named(r"\u006b\u006d\u0073\u002e\u0061\u006d\u0061\u007a\u006f\u006e\u0061\u0077\u0073\u002e\u0063\u006f\u006d"),
    ]);
}

#[test]
fn the_members_names_may_be_written_with_escapes() {
    let renamed = |from: &str, to: &str| rewritten(&kms(0), &format!(r#""{from}":"#), &format!(r#""{to}":"#));
    assert_kms(&[
        renamed("eventSource", r"\u0065ventSource"),
        renamed("eventSource", r"event\u0053ource"),
        renamed("eventTime", r"event\u0054ime"),
        renamed("eventName", r"eventNam\u0065"),
        renamed("eventID", r"event\u0049\u0044"),
        renamed("userIdentity", r"user\u0049dentity"),
        renamed("sessionIssuer", r"session\u0049ssuer"),
        renamed("requestParameters", r"\u0072equestParameters"),
        renamed("encryptionContext", r"encryption\u0043ontext"),
        renamed("SecretARN", r"Secret\u0041\u0052\u004e"),
        renamed("recipientAccountId", r"\u0072ecipientAccountId"),
        rewritten(&kms(0), "Decrypt", r"\u0044ecrypt"),
        rewritten(&kms(0), "T10:00:00Z", r"\u005410\u003a00:00Z"),
        rewritten(&kms(0), r#"secret:database-0""#, r#"secret\u003adatabase\u002d0""#),
        // And all of them.
        kms(0).to_string().replace("event", r"\u0065vent").replace("kms", r"\u006bms"),
    ]);
}

#[test]
fn escapes_are_understood_whatever_else_the_record_has() {
    let escaped = rewritten(&kms(0), SOURCE, r#""event\u0053ource":"\u006bms.amazonaws.com""#);
    let with = |member: &str| format!("{},{member}}}", escaped.strip_suffix('}').unwrap());
    assert_kms(&[
        with(&format!(r#""deep":{}{}"#, "[".repeat(1000), "]".repeat(1000))),
        with(r#""number":1e999"#),
        with(r#""number":123456789012345678901234567890.000"#),
        with(r#""half":"\ud83d of a pair","\udd11":1"#),
        with("\"control\":\"\u{1}\""),
        with(r#""no escape":"\x""#),
        with(r#""eventSource2":"s3.amazonaws.com""#),
    ]);
}

#[test]
fn a_source_within_another_member_is_not_the_records() {
    let with = |name: &str, value: Value| {
        let mut record = s3(5);
        record[name] = value;
        record.to_string()
    };
    assert_others(&[
        with("requestParameters", json!({ "eventSource": "kms.amazonaws.com" })),
        with("requestParameters", json!([{ "eventSource": "kms.amazonaws.com" }])),
        with("requestParameters", json!({ "a": { "b": [{ "eventSource": "kms.amazonaws.com" }] } })),
        with("userIdentity", json!({ "sessionContext": { "eventSource": "kms.amazonaws.com" } })),
        with("additionalEventData", json!(["eventSource", "kms.amazonaws.com"])),
        with("additionalEventData", json!([["eventSource"], { "kms.amazonaws.com": "eventSource" }])),
        with("eventSource", json!({ "eventSource": "kms.amazonaws.com" })),
        with("eventSource", json!(["kms.amazonaws.com"])),
        with("kms.amazonaws.com", json!("eventSource")),
        with("kms.amazonaws.com", json!({ "eventSource": null })),
    ]);
}

#[test]
fn a_source_within_a_string_is_not_the_records() {
    let with = |text: &str| {
        let mut record = s3(5);
        record["requestParameters"] = json!({ "body": text });
        record["userAgent"] = text.into();
        record[text] = text.into();
        record.to_string()
    };
    let nested = json!({ "eventSource": "kms.amazonaws.com" }).to_string();
    assert_others(&[
        with(SOURCE),
        with(&nested),
        with(&Value::from(nested.as_str()).to_string()),
        with(&format!("{}{nested}", "\\".repeat(63))),
        with(&format!("{}{nested}", "\\".repeat(64))),
        with(r#"","eventSource":"kms.amazonaws.com","a":""#),
        with(r#"\","eventSource":"kms.amazonaws.com","a":"\"#),
        with("}"),
        with(r#"}],"Records":[{"eventSource":"kms.amazonaws.com"#),
        with("kms.amazonaws.com"),
    ]);
}

#[test]
fn a_member_whose_name_ends_alike_is_another() {
    let renamed = |name: &str| rewritten(&s3(5), r#""eventSource":"s3.amazonaws.com""#, &format!(r#""{name}":"kms.amazonaws.com""#));
    assert_others(&[
        renamed("theeventSource"),
        renamed(r#"a\"eventSource"#),
        renamed(r#"\\\"eventSource"#),
        renamed(r"\\eventSource"),
        renamed(" eventSource"),
        renamed("eventSource "),
        renamed("eventsource"),
        renamed("EventSource"),
        renamed("eventSourc"),
        renamed(""),
        renamed(r"\\u0065ventSource"),
        renamed(r"\u0000eventSource"),
        renamed(r"\u0022eventSource"),
    ]);
}

#[test]
fn a_service_whose_name_begins_or_ends_alike_is_another() {
    let named = |name: &str| rewritten(&s3(5), "s3.amazonaws.com", name);
    assert_others(&[
        named("kms.amazonaws.com.cn"),
        named("kms.amazonaws.company"),
        named(r#"kms.amazonaws.com\""#),
        named(r"kms.amazonaws.com\u0000"),
        named("xkms.amazonaws.com"),
        named(" kms.amazonaws.com"),
        named("kms.amazonaws.com "),
        named("KMS.amazonaws.com"),
        named("kms.amazonaws,com"),
        named("k"),
        named(""),
        named(r"\\u006bms.amazonaws.com"),
        named(r#"\"kms.amazonaws.com"#),
    ]);
}

#[test]
fn a_record_of_kms_that_quotes_other_sources_is_of_kms() {
    let others = json!({
        "eventSource": "s3.amazonaws.com",
        "text": "\"eventSource\":\"s3.amazonaws.com\"}",
        "list": [{ "eventSource": "kms.amazonaws.com" }, "}", "\\", "\\\""],
    });
    let with = |name: &str| {
        let mut record = kms(0);
        record[name] = others.clone();
        record.to_string()
    };
    assert_kms(&[with("additionalEventData"), with("tlsDetails"), with("responseElements"), with("\"eventSource")]);
}

#[test]
fn of_two_sources_either_makes_it_a_record_of_kms() {
    let both = |first: &str, second: &str| rewritten(&kms(0), SOURCE, &format!(r#""eventSource":"{first}","eventSource":"{second}""#));
    assert_kms(&[
        both("kms.amazonaws.com", "s3.amazonaws.com"),
        both("s3.amazonaws.com", "kms.amazonaws.com"),
        both("kms.amazonaws.com", "kms.amazonaws.com"),
        both(r"\u006bms.amazonaws.com", "s3.amazonaws.com"),
        both("s3.amazonaws.com", r"kms.amazonaws\u002ecom"),
    ]);
}

#[test]
fn the_record_is_handed_on_as_it_is_written_and_with_plain_letters_where_it_was_spelt_out() {
    let plain = rewritten(&kms(0), SOURCE, "\"eventSource\" :\t\"kms.amazonaws.com\",\"number\":1.000e0");
    let spelt_out = plain.replace("\"eventSource\"", r#""\u0065ventSource""#).replace("i-0abc", r"i\u002d0abc");
    let mut texts = Vec::new();
    LogReader::new().read(joined(&[&plain, &spelt_out]).as_bytes(), |_, text| texts.push(text.to_owned()));
    assert_eq!(texts, [plain.clone(), plain]);
}
