//! Log files that are sound, to be damaged; and what is to come of them.

use std::io::Write as _;

use flate2::{Compression, Crc, GzBuilder};
use kms_insights_trail::{
    EventTime, FileReport, LogReader, NamedResource, Problem, ProblemKind,
    event::{Identity, KmsEvent, Request},
};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// 2026-11-22T10:00:00Z
const TEN_O_CLOCK: i64 = 1_795_341_600;

/// A record of KMS, told from others by its number.
pub(crate) fn kms(number: usize) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLEEXAMPLE:i-0abc",
            "arn": "arn:aws:sts::111122223333:assumed-role/app/i-0abc",
            "accountId": "111122223333",
            "accessKeyId": "ASIAEXAMPLEEXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLEEXAMPLE",
                    "arn": "arn:aws:iam::111122223333:role/team/app",
                    "accountId": "111122223333",
                    "userName": "app"
                },
                "attributes": { "creationDate": "2026-11-22T05:00:00Z", "mfaAuthenticated": "false" }
            },
            "invokedBy": "secretsmanager.amazonaws.com"
        },
        "eventTime": format!("2026-11-22T10:{:02}:{:02}Z", number / 60 % 60, number % 60),
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "secretsmanager.amazonaws.com",
        "userAgent": "secretsmanager.amazonaws.com",
        "requestParameters": {
            "encryptionContext": {
                "SecretARN": format!("arn:aws:secretsmanager:eu-central-1:111122223333:secret:database-{number}"),
                "SecretVersionId": "c6a3e3f4-98d5-4a9e-8e2a-6f1b2c3d4e5f"
            },
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT"
        },
        "responseElements": null,
        "requestID": "5b1d8b1a-0000-4000-8000-000000000000",
        "eventID": id(number),
        "readOnly": true,
        "resources": [{ "accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": KEY }],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management"
    })
}

/// What that record says.
pub(crate) fn event(number: usize) -> KmsEvent<'static> {
    let second = i64::try_from(number % 3600).unwrap();
    let mut context = NamedResource::default();
    context.consider("SecretARN", || format!("arn:aws:secretsmanager:eu-central-1:111122223333:secret:database-{number}").into());
    KmsEvent {
        at: EventTime::parse(chrono::DateTime::from_timestamp(TEN_O_CLOCK + second, 0).unwrap().to_rfc3339().as_bytes()).unwrap(),
        name: "Decrypt".into(),
        id: id(number).into(),
        region: "eu-central-1".into(),
        recipient: Some("111122223333".into()),
        identity: Identity {
            kind: Some("AssumedRole".into()),
            arn: Some("arn:aws:sts::111122223333:assumed-role/app/i-0abc".into()),
            account: Some("111122223333".into()),
            principal_id: Some("AROAEXAMPLEEXAMPLE:i-0abc".into()),
            invoked_by: Some("secretsmanager.amazonaws.com".into()),
            issuer_arn: Some("arn:aws:iam::111122223333:role/team/app".into()),
            ..Identity::default()
        },
        resources: vec![KEY.into()],
        request: Request { context, ..Request::default() },
        ..KmsEvent::default()
    }
}

fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A record of another service, which mentions KMS as many do.
pub(crate) fn s3(number: usize) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": { "type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com" },
        "eventTime": "2026-11-22T10:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "PutObject",
        "awsRegion": "eu-central-1",
        "requestParameters": {
            "bucketName": "reports",
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": KEY,
            "key": format!("a \"quoted\" name\\{number}")
        },
        "responseElements": { "x-amz-server-side-encryption": "aws:kms" },
        "eventID": format!("ffffffff-0000-4000-8000-{number:012}"),
        "resources": [{ "type": "AWS::S3::Object", "ARN": "arn:aws:s3:::reports/a" }, { "ARN": KEY }],
        "recipientAccountId": "111122223333"
    })
}

/// Records of which every third is of KMS: numbers 0, 3, 6 …
pub(crate) fn mixed(count: usize) -> Vec<Value> {
    (0..count).map(|number| if number % 3 == 0 { kms(number) } else { s3(number) }).collect()
}

/// A log file's text.
pub(crate) fn log(records: &[Value]) -> String {
    joined(&records.iter().map(Value::to_string).collect::<Vec<_>>())
}

/// The same of records as they are written.
pub(crate) fn joined(records: &[impl AsRef<str>]) -> String {
    let records: Vec<&str> = records.iter().map(AsRef::as_ref).collect();
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

/// The text compressed, as one member of gzip.
pub(crate) fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut file = GzBuilder::new().write(Vec::new(), Compression::new(1));
    file.write_all(text.as_ref()).unwrap();
    file.finish().unwrap()
}

/// The text as one member of gzip that leaves it as it is: blocks of so many bytes, each with five bytes before it, between a header of ten bytes and a trailer of eight.
pub(crate) fn stored(text: impl AsRef<[u8]>, block: u16) -> Vec<u8> {
    let text = text.as_ref();
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = text.chunks(block.into()).peekable();
    while let Some(block) = blocks.next() {
        let len = u16::try_from(block.len()).unwrap();
        file.push(u8::from(blocks.peek().is_none()));
        file.extend(len.to_le_bytes());
        file.extend((!len).to_le_bytes());
        file.extend(block);
    }
    let mut crc = Crc::new();
    crc.update(text);
    file.extend(crc.sum().to_le_bytes());
    file.extend(crc.amount().to_le_bytes());
    file
}

/// What came of a file: its report, and the numbers of the records that were handed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) report: FileReport,
    pub(crate) events: Vec<usize>,
}

/// Reads a file of records by their numbers: each that is handed on says what that record says. Whatever the file was, the next one is read as ever.
pub(crate) fn read(file: impl AsRef<[u8]>) -> Reading {
    let mut reader = LogReader::new();
    let mut events = Vec::new();
    let report = reader.read(file.as_ref(), |found, _| {
        let number = found.id.rsplit('-').next().unwrap().parse().unwrap();
        assert_eq!(*found, event(number));
        events.push(number);
    });
    let mut next = Vec::new();
    let text = log(&mixed(4));
    let after = reader.read(&gzip(&text), |found, _| next.push(found.id.to_string()));
    assert_eq!((after, next), (reading(text.len(), 4, [0, 3], &[]).report, vec![id(0), id(3)]));
    Reading { report, events }
}

/// A file of so many bytes of text and records. Each record of KMS is handed on or is a problem.
pub(crate) fn reading(text_bytes: usize, records: u64, events: impl IntoIterator<Item = usize>, problems: &[(ProblemKind, usize)]) -> Reading {
    let events: Vec<usize> = events.into_iter().collect();
    let bad = problems.iter().filter(|(kind, _)| *kind == ProblemKind::BadRecord).count();
    let report = FileReport {
        text_bytes: text_bytes as u64,
        records,
        kms_records: (events.len() + bad) as u64,
        problems: problems.iter().map(|(kind, offset)| Problem { kind: *kind, offset: *offset as u64 }).collect(),
        problem_count: problems.len() as u64,
    };
    Reading { report, events }
}

/// What comes of a sound text of [`mixed`] records.
pub(crate) fn all_of(text: &str, count: usize) -> Reading {
    reading(text.len(), count as u64, (0..count).step_by(3), &[])
}

/// What comes of the first bytes of a text of [`mixed`] records: its whole records.
pub(crate) fn before(text: &str, len: usize, problems: &[(ProblemKind, usize)]) -> Reading {
    // Between two records stands a comma, behind the last a bracket; no string of the records looks so.
    let count = text.match_indices(r#""},{"eventVersion""#).filter(|(at, _)| at + 2 <= len).count() + usize::from(text.len() - 2 <= len);
    reading(len, count as u64, (0..count).step_by(3), problems)
}
