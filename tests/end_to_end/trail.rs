//! `trail scan`: log files of an organization's trail, into daily usage that equals the truth.

use std::collections::BTreeMap;

use kms_insights_sandbox::{Behaviour, Corpus, CorpusShape, Tally, TrailSetting, UseCount, UseOf};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Ended, World, behaviour, organization};

/// Log files in a folder, and what a scan of them must find.
struct Logs {
    folder: TempDir,
    files: Vec<String>,
    truth: Tally,
}

impl Logs {
    fn write(files: usize) -> Self {
        let corpus = Corpus::new(CorpusShape { seed: 5, files, bytes_per_file: 200_000 });
        let mut logs = Self { folder: tempfile::tempdir().unwrap(), files: Vec::new(), truth: Tally::default() };
        for number in 0..files {
            let file = corpus.file(number).unwrap();
            logs.put(&file.path, &file.compressed);
            logs.truth.add(&file.tally);
            logs.files.push(file.path);
        }
        logs
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn get(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(path)).unwrap()
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.folder.path().join(path)).unwrap();
    }
}

async fn world() -> World {
    World::start(organization(1, 2, 3), behaviour()).await
}

/// What a scan must give: by key, principal, operation and resource, as the truth is told.
fn told(rows: &Value) -> BTreeMap<UseOf, UseCount> {
    let mut told: BTreeMap<UseOf, UseCount> = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let of = UseOf { key_arn: text("key_arn"), principal: text("principal"), event_name: text("event_name"), resource: text("resource") };
        let count = told.entry(of).or_default();
        count.uses += row["uses"].as_u64().unwrap();
        count.errors += row["errors"].as_u64().unwrap();
        count.last_at = count.last_at.clone().max(text("last_at"));
    }
    told
}

fn rows(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

const SUMS: &str = "SELECT key_arn, principal, event_name, resource, sum(uses) AS uses, sum(errors) AS errors, max(last_at) AS last_at \
    FROM key_usage_daily GROUP BY key_arn, principal, event_name, resource";

/// All that the lake has of scans, but for when they were.
async fn lake_of_scans(world: &World) -> Value {
    json!({
        "usage": world.query(&format!("{SUMS} ORDER BY 1, 2, 3, 4")).await,
        "rows": world.query("SELECT count(*) AS rows FROM key_usage_daily").await,
        "events": world.query("SELECT event_id, key_arn, event_name FROM key_events ORDER BY 1, 2").await,
        "files": world.query("SELECT path, status, problem, records FROM trail_files ORDER BY 1, 2, 3, 4").await,
    })
}

#[tokio::test]
async fn the_daily_rows_of_a_folder_are_the_truth_and_each_is_told_in_the_form_that_is_documented() {
    let (world, logs) = (world().await, Logs::write(6));
    let ended = world.run(&["trail", "scan", logs.path(), "--format", "json", "--quiet"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let rows = rows(&ended);
    assert_eq!(told(&rows), logs.truth.uses);
    let names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["event_date", "key_arn", "principal", "event_name", "resource", "invoked_by", "recorded_by", "uses", "errors", "first_at", "last_at", "last_used_at"]
    );
    for row in rows.as_array().unwrap() {
        assert_eq!(row["event_date"].as_str().unwrap(), &row["first_at"].as_str().unwrap()[..10]);
        assert_eq!(row["event_date"].as_str().unwrap(), &row["last_at"].as_str().unwrap()[..10]);
        assert_eq!(row["last_used_at"].is_null(), row["uses"] == 0, "{row}");
    }
}

#[tokio::test]
async fn each_file_is_read_once_late_ones_are_found_and_scanning_again_changes_nothing() {
    let (world, logs) = (world().await, Logs::write(6));
    let lake = world.lake_folder();
    let scan = ["trail", "scan", logs.path(), "--lake", lake.to_str().unwrap(), "--quiet"];
    // The first file of all comes last.
    let bytes = logs.get(&logs.files[0]);
    logs.remove(&logs.files[0]);
    assert_eq!(world.run(&scan).await.code, Some(0));
    logs.put(&logs.files[0], &bytes);
    let second = world.run(&scan).await;
    assert!(second.stdout.contains("1 read, 0 unread or in part, 5 known from earlier scans, 6 in all"), "{second:?}");
    let after_two = lake_of_scans(&world).await;
    assert_eq!(told(&after_two["usage"]), logs.truth.uses);

    let third = world.run(&scan).await;
    assert!(third.stdout.contains("0 read, 0 unread or in part, 6 known from earlier scans, 6 in all"), "{third:?}");
    assert_eq!(lake_of_scans(&world).await, after_two);
    assert_eq!(world.query("SELECT count(*) AS scans FROM trail_scans").await, json!([{"scans": 2}]));
}

#[tokio::test]
async fn events_that_are_delivered_again_in_a_later_file_count_once() {
    let (world, logs) = (world().await, Logs::write(3));
    let lake = world.lake_folder();
    let scan = ["trail", "scan", logs.path(), "--lake", lake.to_str().unwrap(), "--quiet"];
    assert_eq!(world.run(&scan).await.code, Some(0));
    let again = logs.files[0].replace("_2026", "_2027").replace("/2026/", "/2027/");
    logs.put(&again, &logs.get(&logs.files[0]));
    let second = world.run(&scan).await;
    assert!(second.stdout.contains("1 read, 0 unread or in part, 3 known from earlier scans, 4 in all"), "{second:?}");
    assert_eq!(told(&world.query(SUMS).await), logs.truth.uses);
}

#[tokio::test]
async fn a_file_that_was_cut_counts_as_far_as_it_goes_is_named_and_counts_whole_when_it_is_whole() {
    let (world, logs) = (world().await, Logs::write(3));
    let lake = world.lake_folder();
    let scan = ["trail", "scan", logs.path(), "--lake", lake.to_str().unwrap(), "--quiet"];
    let whole = logs.get(&logs.files[1]);
    logs.put(&logs.files[1], &whole[..whole.len() / 2]);
    let cut = world.run(&scan).await;
    assert_eq!(cut.code, Some(3), "{cut:?}");
    assert!(cut.stderr.contains(&format!("partial {}: truncated at byte {}; ", logs.files[1], whole.len() / 2)), "{cut:?}");
    let partial = told(&world.query(SUMS).await);
    let uses = |told: &BTreeMap<UseOf, UseCount>| told.values().map(|count| count.uses).sum::<u64>();
    let without = {
        let mut tally = Tally::default();
        let corpus = Corpus::new(CorpusShape { seed: 5, files: 3, bytes_per_file: 200_000 });
        for number in [0, 2] {
            tally.add(&corpus.file(number).unwrap().tally);
        }
        uses(&tally.uses)
    };
    assert!(uses(&partial) > without && uses(&partial) < uses(&logs.truth.uses), "{} {without}", uses(&partial));

    let unchanged = world.run(&scan).await;
    assert_eq!(unchanged.code, Some(3), "what is not known is not forgotten: {unchanged:?}");
    assert!(unchanged.stderr.contains("1 file that an earlier scan could not read whole"), "{unchanged:?}");

    logs.put(&logs.files[1], &whole);
    let mended = world.run(&scan).await;
    assert_eq!(mended.code, Some(0), "{mended:?}");
    assert_eq!(told(&world.query(SUMS).await), logs.truth.uses);
}

#[tokio::test]
async fn files_that_are_damaged_are_named_with_reason_and_place_and_the_others_count() {
    let (world, logs) = (world().await, Logs::write(2));
    let sound = logs.get(&logs.files[0]);
    let mut wrong_sum = sound.clone();
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    let name = |unique: &str| logs.files[0].rsplit_once('_').unwrap().0.to_owned() + "_" + unique + ".json.gz";
    logs.put(&name("sum"), &wrong_sum);
    logs.put(&name("text"), b"<html>Access denied</html>");
    logs.put(&name("empty"), b"");
    let ended = world.run(&["trail", "scan", logs.path(), "--format", "json", "--quiet"]).await;
    assert_eq!(ended.code, Some(3));
    let folder = logs.files[0].rsplit_once('/').unwrap().0;
    let mut lines: Vec<&str> = ended.stderr.lines().collect();
    lines.sort_unstable();
    let file = |unique: &str| format!("{folder}/{}", name(unique).rsplit_once('/').unwrap().1);
    assert_eq!(
        lines,
        [
            format!("unread {}: bad_checksum at byte 0", file("sum")),
            format!("unread {}: truncated at byte 0", file("empty")),
            format!("unread {}: not_a_log at byte 0", file("text")),
        ]
        .iter()
        .map(String::as_str)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    assert_eq!(told(&rows(&ended)), logs.truth.uses);
}

#[tokio::test]
async fn of_two_scans_side_by_side_one_alone_is_published() {
    let (world, logs) = (world().await, Logs::write(4));
    let lake = world.lake_folder();
    std::fs::create_dir_all(&lake).unwrap();
    let scan = ["trail", "scan", logs.path(), "--lake", lake.to_str().unwrap(), "--quiet"];
    let (one, other) = tokio::join!(world.run(&scan), world.run(&scan));
    for ended in [&one, &other] {
        let lost = ended.code == Some(1) && ended.stderr.contains("another scan of log files was published to this lake while this one ran");
        // The one that came late enough to see the other's row has nothing left to read.
        assert!(ended.code == Some(0) || lost, "{ended:?}");
    }
    assert!(one.code == Some(0) || other.code == Some(0));
    assert_eq!(told(&world.query(SUMS).await), logs.truth.uses);
    assert_eq!(world.run(&scan).await.code, Some(0));
    assert_eq!(told(&world.query(SUMS).await), logs.truth.uses);
}

#[tokio::test]
async fn days_accounts_and_regions_are_selected_by_the_folders_of_a_trail() {
    let (world, logs) = (world().await, Logs::write(8));
    let all = rows(&world.run(&["trail", "scan", logs.path(), "--format", "json", "--quiet"]).await);
    let parts: Vec<&str> = logs.files[3].split('/').collect();
    let (account, region, day) = (parts[2], parts[4], parts[5..8].join("-"));
    let selected = world
        .run(&["trail", "scan", logs.path(), "--format", "json", "--quiet", "--accounts", account, "--regions", region, "--since", &day, "--until", &day])
        .await;
    assert_eq!(selected.code, Some(0), "{selected:?}");
    let selected = rows(&selected);
    assert!(!selected.as_array().unwrap().is_empty());
    for row in selected.as_array().unwrap() {
        assert!(all.as_array().unwrap().iter().any(|other| other["key_arn"] == row["key_arn"] && other["principal"] == row["principal"]), "{row}");
        assert_eq!(row["recorded_by"], account);
    }
    // From any folder below, and of one file.
    let below = logs.folder.path().join(parts[..5].join("/"));
    let below = rows(&world.run(&["trail", "scan", below.to_str().unwrap(), "--format", "json", "--quiet", "--since", &day, "--until", &day]).await);
    assert_eq!(below, selected);
    let wrong = world.run(&["trail", "scan", logs.path(), "--since", "2026-11-02", "--until", "2026-11-01"]).await;
    assert_eq!((wrong.code, wrong.stderr.as_str()), (Some(2), "error: --since 2026-11-02 is after --until 2026-11-01\n"));
    let missing = world.run(&["trail", "scan", "/nowhere/at/all"]).await;
    assert_eq!(missing.code, Some(1));
    assert_eq!(missing.stderr, "error: /nowhere/at/all: there is no such folder or file\n next: name the folder, or the bucket, that the trail delivers to\n");
}

#[tokio::test]
async fn the_trail_of_an_organization_is_read_from_its_bucket_and_equals_the_truth() {
    let behaviour = Behaviour { trail: TrailSetting { days: 2, ..TrailSetting::default() }, ..behaviour() };
    let world = World::start(organization(3, 4, 6), behaviour).await;
    let organization = world.sandbox.organization();
    let source = format!("s3://{}", TrailSetting::bucket(organization));
    let ended = world.run(&["trail", "scan", &source, "--format", "json", "--quiet"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let today = organization.now().date_naive();
    let truth = world.sandbox.truth().daily_usage(today - chrono::Days::new(40), today);
    let mut truth: Vec<Value> = truth.iter().map(|row| serde_json::to_value(row).unwrap()).collect();
    let mut found: Vec<Value> = rows(&ended).as_array().unwrap().clone();
    for row in &mut found {
        for ours in ["recorded_by", "last_used_at"] {
            row.as_object_mut().unwrap().shift_remove(ours);
        }
    }
    truth.sort_by_key(ToString::to_string);
    found.sort_by_key(ToString::to_string);
    assert!(!truth.is_empty());
    assert_eq!(found, truth);
}

#[tokio::test]
async fn a_snapshot_knows_the_last_use_that_the_log_files_tell_where_kms_tells_none() {
    let behaviour = Behaviour { trail: TrailSetting { days: 3, ..TrailSetting::default() }, ..behaviour() };
    let world = World::start(organization(3, 3, 8), behaviour).await;
    world.sandbox.set_faults(vec![serde_json::from_value(json!({"operation": "GetKeyLastUsage", "kind": "access_denied"})).unwrap()]);
    let organization = world.sandbox.organization();
    let source = format!("s3://{}", TrailSetting::bucket(organization));
    // What the event history tells of older uses is left out.
    world.collect(&["--trail", &source, "--lookup-budget", "0s"]).await;

    let today = organization.now().date_naive();
    let mut last: BTreeMap<String, (String, String)> = BTreeMap::new();
    for used in world.sandbox.truth().daily_usage(today - chrono::Days::new(40), today) {
        // Of a row in which some calls failed the truth does not say which was the last.
        if used.errors == 0 {
            let at = used.last_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
            let known = last.entry(used.key_arn).or_default();
            *known = known.clone().max((at, used.principal));
        }
    }
    let rows =
        world.query("SELECT key_arn, last_used_at, unused_since, principal, evidence, verdict, status, reason, trail_started_at FROM key_last_used").await;
    let by_trail: Vec<&Value> = rows.as_array().unwrap().iter().filter(|row| row["evidence"] == "trail").collect();
    assert!(by_trail.len() > 3, "{rows}");
    for row in by_trail {
        let (at, _) = &last[row["key_arn"].as_str().unwrap()];
        assert!(row["last_used_at"].as_str().unwrap() >= at.as_str(), "{row} {at}");
        assert_eq!((row["verdict"].as_str(), row["status"].as_str()), (Some("used"), Some("denied")), "{row}");
        assert!(row["principal"].is_string() && row["trail_started_at"].is_string(), "{row}");
        // Log files do not tell that it was the last.
        assert!(row["unused_since"].is_null() && row["reason"].as_str().unwrap().starts_with("there may be a later use: KMS could not be asked"), "{row}");
    }
    for row in rows.as_array().unwrap().iter().filter(|row| row["evidence"] != "trail") {
        assert!(!last.contains_key(row["key_arn"].as_str().unwrap()), "{row}");
        assert_eq!(row["verdict"], "unknown", "{row}");
    }
    let findings = world.query("SELECT DISTINCT rule FROM findings WHERE rule IN ('never-used', 'usage-unknown')").await;
    assert_eq!(findings, json!([]), "nothing is said of keys of which nobody knows");
}

#[tokio::test]
async fn what_counts_as_a_use_for_a_scan_counts_as_one_for_the_scan_beside_a_collection() {
    let behaviour = Behaviour { trail: TrailSetting { days: 1, ..TrailSetting::default() }, ..behaviour() };
    let world = World::start(organization(3, 1, 1), behaviour).await;
    let source = format!("s3://{}", TrailSetting::bucket(world.sandbox.organization()));
    let mut by_variable = world.collect_command(&["--trail", &source]);
    // One of the sandbox's keys hides something, so that the run is partial.
    by_variable.env("KMS_INSIGHTS_USE_EVENTS", "Encrypt,Decrypt").output().await.unwrap();
    let counted = world.query("SELECT use_events FROM trail_scans").await;
    assert_eq!(counted, json!([{"use_events": ["Decrypt", "Encrypt"]}]));
    let mut misspelt = world.collect_command(&["--trail", &source, "--use-events", "decrypt"]);
    let ended = misspelt.output().await.unwrap();
    assert_eq!(ended.status.code(), Some(2), "{}", String::from_utf8_lossy(&ended.stderr));
}
