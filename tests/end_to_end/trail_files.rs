//! `trail scan` on log files as accounts, tools and accidents leave them.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Ended, World, behaviour, organization};

const CALLER: &str = "111122223333";
const OWNER: &str = "444455556666";
const KEY: &str = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";

struct Logs {
    world: World,
    folder: TempDir,
}

impl Logs {
    async fn new() -> Self {
        Self { world: World::start(organization(1, 1, 1), behaviour()).await, folder: tempfile::tempdir().unwrap() }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn records(&self, path: &str, records: &[Value]) {
        self.put(path, json!({ "Records": records }).to_string().as_bytes());
    }

    async fn scan(&self, flags: &[&str]) -> Ended {
        self.scan_of("", flags).await
    }

    async fn scan_of(&self, below: &str, flags: &[&str]) -> Ended {
        let source = self.folder.path().join(below);
        self.world.run(&[&["trail", "scan", source.to_str().unwrap(), "--quiet"], flags].concat()).await
    }

    async fn scan_into_lake(&self, flags: &[&str]) -> Ended {
        let lake = self.world.lake_folder();
        self.scan(&[&["--lake", lake.to_str().unwrap()], flags].concat()).await
    }

    async fn in_lake(&self) -> Value {
        self.world.query("SELECT principal, event_name, recorded_by, sum(uses) AS uses FROM key_usage_daily GROUP BY 1, 2, 3 ORDER BY 1, 2, 3").await
    }
}

fn path(account: &str, unique: &str) -> String {
    format!("AWSLogs/o-abc/{account}/CloudTrail/eu-west-1/2026/11/20/{account}_CloudTrail_eu-west-1_20261120T1005Z_{unique}.json")
}

fn record(id: &str, name: &str) -> Value {
    json!({
        "eventTime": "2026-11-20T10:00:00Z", "eventSource": "kms.amazonaws.com", "eventName": name, "eventID": id, "awsRegion": "eu-west-1", "recipientAccountId": OWNER,
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::444455556666:user/alice", "accountId": OWNER }, "resources": [{ "ARN": KEY }]
    })
}

/// Five calls from one account with another one's key, as the caller's account records them, and as the key's does.
fn in_two_accounts() -> [Vec<Value>; 2] {
    let with = |number: u32, identity: &Value, recipient: &str| {
        let mut record = record(&format!("{recipient} {number}"), "Decrypt");
        record["sharedEventID"] = format!("shared {number}").into();
        record["recipientAccountId"] = recipient.into();
        record["userIdentity"] = identity.clone();
        record
    };
    let role = json!({ "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/i-0abc", "accountId": CALLER });
    let stranger = json!({ "type": "AWSAccount", "principalId": "AROAEXAMPLE:i-0abc", "accountId": CALLER });
    [(0..5).map(|number| with(number, &role, CALLER)).collect(), (0..5).map(|number| with(number, &stranger, OWNER)).collect()]
}

fn rows(ended: &Ended) -> Value {
    let rows: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    rows.iter().map(|row| json!([row["principal"], row["event_name"], row["recorded_by"], row["uses"]])).collect()
}

fn by_caller() -> Value {
    json!([["arn:aws:iam::111122223333:role/app", "Decrypt", CALLER, 5]])
}

fn by_owner() -> Value {
    json!([[CALLER, "Decrypt", OWNER, 5]])
}

#[tokio::test]
async fn calls_that_the_owners_log_records_count_whatever_of_the_callers_log_is_read() {
    let logs = Logs::new().await;
    let [callers, owners] = in_two_accounts();
    logs.records(&path(OWNER, "a"), &owners);
    // The caller's account has a log, without these calls: its own trail leaves out KMS.
    logs.records(&path(CALLER, "a"), &[]);
    let read = |ended: Ended| (ended.code, rows(&ended));
    assert_eq!(read(logs.scan(&["--format", "json"]).await), (Some(0), by_owner()));
    // It is damaged.
    logs.put(&path(CALLER, "a"), b"<html>");
    assert_eq!(read(logs.scan(&["--format", "json"]).await), (Some(3), by_owner()));
    // It has them, and is not wanted.
    logs.records(&path(CALLER, "a"), &callers);
    assert_eq!(read(logs.scan(&["--format", "json", "--accounts", OWNER]).await), (Some(0), by_owner()));
    // It has them: the role is known.
    assert_eq!(read(logs.scan(&["--format", "json"]).await), (Some(0), by_caller()));
}

#[tokio::test]
async fn calls_that_two_accounts_record_count_once_over_all_scans() {
    let logs = Logs::new().await;
    let [callers, owners] = in_two_accounts();
    logs.records(&path(CALLER, "a"), &callers);
    logs.records(&path(OWNER, "a"), &owners);
    let counted = json!([{ "principal": CALLER, "event_name": "Decrypt", "recorded_by": OWNER, "uses": 5 }]);
    assert_eq!(logs.scan_into_lake(&["--accounts", OWNER]).await.code, Some(0));
    assert_eq!(logs.in_lake().await, counted);
    let whole = logs.scan_into_lake(&[]).await;
    assert!(whole.stdout.contains("1 read, 0 unread or in part, 1 known from earlier scans"), "{whole:?}");
    assert_eq!(logs.in_lake().await, counted);
}

#[tokio::test]
async fn events_that_an_earlier_scan_did_not_count_are_counted_when_they_are_wanted() {
    let logs = Logs::new().await;
    logs.records(&path(OWNER, "a"), &[record("d", "Decrypt"), record("e", "Encrypt"), record("p", "GetKeyPolicy")]);
    let refused = logs.scan_into_lake(&["--use-events", "decrypt"]).await;
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--use-events: KMS records no event named decrypt; Decrypt is meant?"), "{refused:?}");
    let row = |name: &str| json!({ "principal": "arn:aws:iam::444455556666:user/alice", "event_name": name, "recorded_by": OWNER, "uses": 1 });
    assert_eq!(logs.scan_into_lake(&["--use-events", "Encrypt"]).await.code, Some(0));
    assert_eq!(logs.in_lake().await, json!([row("Encrypt")]));
    let second = logs.scan_into_lake(&[]).await;
    assert!(second.stdout.contains("1 read, 0 unread or in part, 0 known from earlier scans"), "{second:?}");
    assert_eq!(logs.in_lake().await, json!([row("Decrypt"), row("Encrypt")]));
    let third = logs.scan_into_lake(&["--use-events", "Decrypt"]).await;
    assert!(third.stdout.contains("0 read, 0 unread or in part, 1 known from earlier scans"), "{third:?}");
    assert_eq!(logs.in_lake().await, json!([row("Decrypt"), row("Encrypt")]));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_at_all_is_in_the_lake_once_and_tried_again() {
    let logs = Logs::new().await;
    logs.records(&path(OWNER, "a"), &[record("d", "Decrypt")]);
    let large = logs.folder.path().join(path(OWNER, "b"));
    std::fs::File::create(&large).unwrap().set_len(65 << 20).unwrap();
    logs.put(&path(OWNER, "c"), br#"{"message":"Access Denied"}"#);
    let first = logs.scan_into_lake(&[]).await;
    assert_eq!(first.code, Some(3));
    let mut named: Vec<&str> = first.stderr.lines().collect();
    named.sort_unstable();
    let lines = [format!("unread {}: no_records at byte 0", path(OWNER, "c")), format!("unread {}: too_large: it has {} bytes", path(OWNER, "b"), 65 << 20)];
    assert_eq!(named.iter().map(|line| line.replace("\u{fffd}", "")).collect::<std::collections::BTreeSet<_>>(), lines.into_iter().collect());
    let files = "SELECT path, status, problem FROM trail_files ORDER BY path";
    let known = json!([
        { "path": path(OWNER, "a"), "status": "read", "problem": null },
        { "path": path(OWNER, "b"), "status": "unread", "problem": "too_large" },
        { "path": path(OWNER, "c"), "status": "unread", "problem": "no_records" },
    ]);
    assert_eq!(logs.world.query(files).await, known);
    let second = logs.scan_into_lake(&[]).await;
    assert_eq!(second.code, Some(3), "{second:?}");
    assert!(second.stderr.contains("2 files that an earlier scan could not read whole are as they were then"), "{second:?}");
    assert_eq!(logs.world.query(files).await, known);
    assert_eq!(logs.world.query("SELECT count(*) AS scans FROM trail_scans").await, json!([{ "scans": 1 }]), "nothing new, no scan");
    // What they should have been.
    std::fs::remove_file(large).unwrap();
    logs.records(&path(OWNER, "c"), &[record("e", "Encrypt")]);
    assert_eq!(logs.scan_into_lake(&[]).await.code, Some(0));
    assert_eq!(logs.in_lake().await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_damaged_file_that_is_put_right_is_read_though_its_length_is_the_same() {
    let logs = Logs::new().await;
    let whole = json!({ "Records": [record("d", "Decrypt"), record("e", "Encrypt")] }).to_string();
    let cut = whole[..whole.len() / 2 + 60].to_owned() + &" ".repeat(whole.len() - whole.len() / 2 - 60);
    logs.put(&path(OWNER, "a"), cut.as_bytes());
    assert_eq!(logs.scan_into_lake(&[]).await.code, Some(3));
    logs.put(&path(OWNER, "a"), whole.as_bytes());
    let mended = logs.scan_into_lake(&[]).await;
    assert_eq!(mended.code, Some(0), "{mended:?}");
    let uses: Vec<u64> = logs.in_lake().await.as_array().unwrap().iter().map(|row| row["uses"].as_u64().unwrap()).collect();
    assert_eq!(uses, [1, 1], "what was sound before counts once");
}

#[tokio::test]
async fn log_files_are_found_below_days_and_in_whatever_folder_a_trail_is_named_for() {
    let logs = Logs::new().await;
    let moved = |id: &str, from: &str, to: &str| logs.records(&path(OWNER, id).replace(from, to), &[record(id, "Decrypt")]);
    moved("a", "2026/11/20/", "2026/11/20/10/");
    moved("b", "AWSLogs/", "Config/AWSLogs/");
    // Not a trail's: AWS Config files beside it.
    logs.put(&path(OWNER, "c").replace("CloudTrail/", "Config/"), b"{}");
    let found = logs.scan(&["--format", "json"]).await;
    assert_eq!((found.code, rows(&found)), (Some(0), json!([["arn:aws:iam::444455556666:user/alice", "Decrypt", OWNER, 2]])));
}

#[tokio::test]
async fn a_place_without_any_log_file_is_an_error_and_no_answer() {
    let logs = Logs::new().await;
    logs.put("elsewhere/notes.txt", b"");
    let nothing = logs.scan_of("elsewhere", &["--format", "json"]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(1), ""));
    assert!(nothing.stderr.contains("there is no log file of a trail"), "{nothing:?}");
    // Where there are some, of other days, that is an answer.
    logs.records(&path(OWNER, "a"), &[record("d", "Decrypt")]);
    let none = logs.scan(&["--format", "json", "--since", "2026-11-21"]).await;
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), "[]\n"));
}

#[tokio::test]
async fn a_file_with_more_than_is_handed_on_at_once_counts_whole_and_once() {
    let logs = Logs::new().await;
    let of = |number: usize| {
        let mut record = record(&format!("{number}"), "Decrypt");
        record["requestParameters"] = json!({ "encryptionContext": { "aws:ebs:id": format!("{number:06000}") } });
        record
    };
    logs.records(&path(OWNER, "a"), &(0..1500).map(of).collect::<Vec<_>>());
    let printed = logs.scan(&["--format", "json"]).await;
    assert_eq!((printed.code, rows(&printed).as_array().unwrap().len()), (Some(0), 1500));
    assert_eq!(logs.scan_into_lake(&[]).await.code, Some(0));
    assert_eq!(
        logs.world.query("SELECT count(DISTINCT resource) AS resources, sum(uses) AS uses FROM key_usage_daily").await,
        json!([{ "resources": 1500, "uses": 1500 }])
    );
}

#[tokio::test]
async fn what_a_terminal_would_obey_is_escaped_in_json() {
    let logs = Logs::new().await;
    let mut hostile = record("d", "Decrypt");
    hostile["requestParameters"] = json!({ "encryptionContext": { "aws:ebs:id": "\u{9b}2J\u{202e}evil" } });
    logs.records(&path(OWNER, "a"), &[hostile]);
    let ended = logs.scan(&["--format", "json"]).await;
    assert!(ended.stdout.contains(r#""resource":"\u009b2J\u202eevil""#), "{ended:?}");
}
