//! What is around the records: documents of other forms, none at all, several.

use kms_insights_trail::{
    LogReader,
    Malformation::{Ends, NoJson, NoObject, NoRecord},
    ProblemKind,
    ProblemKind::{NotALog, NotRecords, Truncated},
};
use serde_json::{Value, json};

use crate::sample::{Reading, all_of, gzip, kms, log, mixed, read, reading};

/// What comes of a text, be it compressed or not.
#[track_caller]
fn both(text: impl AsRef<[u8]>) -> Reading {
    let text = text.as_ref();
    let found = read(text);
    assert_eq!(read(gzip(text)), found, "compressed");
    found
}

#[track_caller]
fn assert_problem(text: impl AsRef<[u8]>, records: u64, events: impl IntoIterator<Item = usize>, kind: ProblemKind, offset: usize) {
    let found = both(&text);
    assert!(!found.report.is_whole());
    assert_eq!(found, reading(text.as_ref().len(), records, events, &[(kind, offset)]));
}

#[test]
fn a_log_that_is_not_compressed_is_read_as_well() {
    let text = log(&mixed(7));
    assert_eq!(both(&text), all_of(&text, 7));
    assert_eq!(both(format!(" \r\n\t{text}\n\n")), reading(text.len() + 6, 7, [0, 3, 6], &[]));
}

#[test]
fn a_pretty_printed_log_is_read_as_well() {
    let records = json!({ "Records": mixed(7) });
    for indent in [&b" "[..], b"    ", b"\t", b"                                                                         "] {
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(indent);
        serde::Serialize::serialize(&records, &mut serde_json::Serializer::with_formatter(&mut text, formatter)).unwrap();
        let dos = String::from_utf8(text.clone()).unwrap().replace('\n', "\r\n");
        assert_eq!(both(&text), reading(text.len(), 7, [0, 3, 6], &[]));
        assert_eq!(both(&dos), reading(dos.len(), 7, [0, 3, 6], &[]));
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let text = format!("\u{feff}{}", log(&mixed(4)));
    assert_eq!(both(&text), reading(text.len(), 4, [0, 3], &[]));
    assert_problem(b"\xef\xbb\xbf", 0, [], NotRecords(Ends), 3);
    assert_problem(b"\xef\xbb", 0, [], NotRecords(Ends), 0);
    assert_problem(b"\xef\xbb{}", 0, [], NotRecords(NoObject), 0);
}

#[test]
fn a_document_without_records_has_none() {
    let digest = json!({
        "awsAccountId": "111122223333",
        "digestStartTime": "2026-11-22T09:00:00Z",
        "logFiles": [{ "s3Object": "AWSLogs/a.json.gz", "hashAlgorithm": "SHA-256", "eventSource": "kms.amazonaws.com" }],
        "previousDigestSignature": null
    });
    for text in [digest.to_string(), "{}".into(), "{ \n }".into(), r#"{"records":[{}],"Record":[{}],"Records ":[{}],"a\"Records":[{}]}"#.into()] {
        assert_eq!(both(&text), reading(text.len(), 0, [], &[]), "{text}");
    }
}

#[test]
fn whether_there_are_records_is_told_apart_from_how_many() {
    let mut reader = LogReader::new();
    for (text, has_records) in [(r#"{"Records":[]}"#, true), (r#"{"message":"Access Denied"}"#, false), (r#"{"a":1,"Records":null}"#, true), ("{}", false)] {
        let mut report = reader.read(text.as_bytes(), |_, _| {});
        assert_eq!((report.is_whole(), reader.found_records()), (true, has_records), "{text}");
        report.lacks_records();
        assert_eq!((report.is_whole(), report.problems.len()), (false, 1));
    }
}

#[test]
fn records_may_be_empty_or_null() {
    for text in [r#"{"Records":[]}"#, r#"{"Records": [ ] }"#, r#"{"Records":null}"#, r#"{"a":1,"Records":null,"b":{}}"#] {
        assert_eq!(both(text), reading(text.len(), 0, [], &[]), "{text}");
    }
}

#[test]
fn records_that_are_no_list_are_told() {
    for value in [r#""none""#, "{}", r#"{"a":[{"eventSource":"kms.amazonaws.com"}]}"#, "0", "true", "false"] {
        assert_problem(format!(r#"{{"Records":{value}}}"#), 0, [], NotRecords(NoRecord), 11);
        let text = format!(r#"{{"Records":{},"Records":{value}}}"#, Value::from(mixed(4)));
        assert_problem(&text, 4, [0, 3], NotRecords(NoRecord), text.len() - 1 - value.len());
    }
}

#[test]
fn records_may_stand_behind_other_members_and_before_more() {
    let records = Value::from(mixed(4));
    for (before, after) in [
        (json!({ "Records": 1 }), json!([])),
        (json!([[[{ "a": "]}" }]], "\\\""]), json!("Records")),
        (json!("{\"Records\":["), json!(-1.5e-7)),
        (json!(null), json!(true)),
    ] {
        let text = format!(r#"{{"before":{before},"Records":{records},"after":{after}}}"#);
        assert_eq!(both(&text), reading(text.len(), 4, [0, 3], &[]), "{text}");
    }
}

#[test]
fn records_that_are_given_twice_all_count() {
    let text = format!(r#"{{"Records":{},"x":0,"Records":[],"Records":{}}}"#, Value::from(mixed(4)), Value::from(mixed(1)));
    assert_eq!(both(&text), reading(text.len(), 5, [0, 3, 0], &[]));
}

#[test]
fn records_whose_name_is_written_with_escapes_are_the_records() {
    for name in [r"\u0052ecords", r"Recor\u0064\u0073", r"\u0052\u0065\u0063\u006F\u0072\u0064\u0073"] {
        let text = log(&mixed(4)).replacen("Records", name, 1);
        assert_eq!(both(&text), reading(text.len(), 4, [0, 3], &[]), "{name}");
    }
}

#[test]
fn a_name_that_has_records_within_is_another() {
    for name in [r"Records\u0000", r#"\"Records"#, r"\\u0052ecords", r"\ud800Records", r"Records\"] {
        let text = log(&mixed(4)).replacen(r#""Records""#, &format!(r#""{name}{}""#, if name.ends_with('\\') { "\"" } else { "" }), 1);
        assert_eq!(both(&text), reading(text.len(), 0, [], &[]), "{name}");
    }
}

#[test]
fn several_documents_strung_together_all_count() {
    let (first, second) = (log(&mixed(4)), log(&mixed(7)));
    for between in ["", "\n", " \u{feff}"] {
        let text = format!("{first}{between}{{}}{second}{between}");
        assert_eq!(both(&text), reading(text.len(), 11, [0, 3, 0, 3, 6], &[]), "{between:?}");
    }
}

#[test]
fn what_is_behind_the_document_and_is_none_is_told_and_what_is_before_counts() {
    let text = log(&mixed(4));
    for behind in ["x", "]", "}", ",", "\0\0\0\0", "[{}]", "null", "\"\""] {
        assert_problem(format!("{text}{behind}"), 4, [0, 3], NotRecords(NoObject), text.len());
    }
}

#[test]
fn a_file_that_is_no_log_at_all_is_told() {
    let picture: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0\x1f\xf3\xffa";
    let utf_16 = log(&mixed(1)).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for other in [picture, b"Not a log file.\n", b"<html></html>", b"[]", b"\"Records\"", b"null", b"PK\x03\x04", b"\0\0\0\0", b"\xff\xfe{\0", b"\x1f\x8b\x07"]
    {
        assert_eq!(read(other), reading(other.len(), 0, [], &[(NotALog, 0)]), "{other:?}");
        assert_eq!(read(gzip(other)), reading(other.len(), 0, [], &[(NotRecords(NoObject), 0)]), "{other:?}");
    }
    assert_problem(&utf_16, 0, [], NotRecords(NoJson), 1);
}

#[test]
fn a_file_without_anything_is_no_log_of_nothing() {
    assert_eq!(read(b""), reading(0, 0, [], &[(Truncated, 0)]));
    assert_eq!(read(b" \n"), reading(2, 0, [], &[(NotALog, 0)]));
    // Compressed it is sound, and no document all the same.
    assert_eq!(read(gzip(b"")), reading(0, 0, [], &[(NotRecords(Ends), 0)]));
    assert_eq!(read(gzip(b" \n")), reading(2, 0, [], &[(NotRecords(Ends), 2)]));
}

#[test]
fn commas_too_many_or_too_few_are_told_and_the_records_before_count() {
    let [first, second] = [0, 3].map(|number| kms(number).to_string());
    let start = r#"{"Records":["#.len();
    let cases = [
        (format!(r#"{{"Records":[{first},]}}"#), 1, NoRecord, start + first.len() + 1),
        (format!(r#"{{"Records":[{first},,{second}]}}"#), 1, NoRecord, start + first.len() + 1),
        (format!(r#"{{"Records":[,{first}]}}"#), 0, NoRecord, start),
        (format!(r#"{{"Records":[{first} {second}]}}"#), 1, NoRecord, start + first.len() + 1),
        (format!(r#"{{"Records":[{first}],}}"#), 1, NoJson, start + first.len() + 2),
        (format!(r#"{{"Records":[{first}]"more":1}}"#), 1, NoJson, start + first.len() + 1),
        (format!(r#"{{,"Records":[{first}]}}"#), 0, NoJson, 1),
        (format!(r#"{{"Records" [{first}]}}"#), 0, NoJson, 11),
        (format!(r#"{{"a":,"Records":[{first}]}}"#), 0, NoJson, 5),
        (format!(r#"{{"Records":[{first}}}"#), 1, NoRecord, start + first.len()),
    ];
    for (text, records, what, offset) in cases {
        assert_problem(&text, records, [0].into_iter().take(usize::try_from(records).unwrap()), NotRecords(what), offset);
    }
}

#[test]
fn what_stands_among_the_records_and_is_none_is_told() {
    let first = kms(0).to_string();
    for other in ["null", "1", "\"x\"", "[]", "true", "\0", "}"] {
        let text = format!(r#"{{"Records":[{first},{other},{first}]}}"#);
        assert_problem(&text, 1, [0], NotRecords(NoRecord), 13 + first.len());
    }
}

#[test]
fn zeros_within_the_text_are_told_where_they_are_not_in_a_string() {
    let text = log(&mixed(4));
    let between = text.find("},{").unwrap() + 1;
    assert_problem(format!("{}\0{}", &text[..between], &text[between..]), 1, [0], NotRecords(NoRecord), between);
    assert_problem(format!("{{\0{}", &text[1..]), 0, [], NotRecords(NoJson), 1);
    let in_string = text.replace("PutObject", "Put\0Object");
    assert_eq!(both(&in_string), reading(in_string.len(), 4, [0, 3], &[]));
}

#[test]
fn values_nested_a_hundred_thousand_times_are_passed_over() {
    let deep = |open: &str, close: &str| open.repeat(100_000) + "1" + &close.repeat(100_000);
    for deep in [deep("[", "]"), deep(r#"{"a":"#, "}"), deep(r#"[{"eventSource":"#, "}]"), deep(r#"{"Records":["#, "]}")] {
        let text = format!(r#"{{"before":{deep},"Records":[{{"a":{deep}}},{}],"after":{deep}}}"#, kms(0));
        assert_eq!(both(&text), reading(text.len(), 2, [0], &[]));
        // In each member of a record of KMS that is looked into.
        for member in ["requestParameters", "responseElements", "userIdentity", "resources", "additionalEventData"] {
            let mut record = kms(0);
            record[member] = json!("DEEP");
            let text = log(&[record, kms(3)]).replace("\"DEEP\"", &deep);
            let mut ids = Vec::new();
            let report = kms_insights_trail::LogReader::new().read(&gzip(&text), |event, _| ids.push(event.id.to_string()));
            assert_eq!((report, ids.len()), (reading(text.len(), 2, [0, 3], &[]).report, 2), "{member}");
        }
    }
}

#[test]
fn brackets_that_never_close_end_in_the_midst_of_something() {
    for open in ["[", r#"{"a":"#] {
        let text = format!(r#"{{"Records":[{},{{"a":{}"#, kms(0), open.repeat(100_000));
        let record = text.find(r#"{"a":"#).unwrap();
        assert_problem(&text, 1, [0], NotRecords(Ends), record);
    }
    assert_problem("{".repeat(100_000), 0, [], NotRecords(NoJson), 1);
}
