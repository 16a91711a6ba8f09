//! Views are planned over the files of those runs only that they can show: they must show what they would over all files.

use std::path::Path;

use kms_insights_lake::tables::runs::RunRow;
use kms_insights_query::{
    Engine, VIEWS, View,
    output::{Format, TableLayout, write},
    views_in_creation_order,
};

use crate::{
    fixture::{account, at, engine_over, error, finding, grant, key, last_used, run, selected, statement, write_rows},
    ways::access,
};

/// A run of an organization, one hour after midnight of that day.
fn run_of(organization: Option<&str>, day: u32, number: u32) -> RunRow {
    let id = format!("202611{day:02}T010000Z-{number:08}");
    let started_at = at(&format!("2026-11-{day:02}T01:00:00Z"));
    let finished_at = at(&format!("2026-11-{day:02}T02:00:00Z"));
    RunRow { organization_id: organization.map(str::to_owned), started_at, finished_at, ..run(&id, "complete") }
}

/// That run, published only on another day.
fn published_on(day: u32, run: RunRow) -> RunRow {
    RunRow { finished_at: at(&format!("2026-11-{day:02}T02:00:00Z")), ..run }
}

fn completing(earlier: &RunRow, run: RunRow) -> RunRow {
    RunRow { resumed_from: Some(earlier.run_id.clone()), ..run }
}

/// Writes a run with rows that no other run has, and some that change from run to run.
fn write_run(root: &Path, run: &RunRow, account_id: &str) {
    let (id, region) = (run.run_id.as_str(), "eu-central-1");
    let nonce = &id[17..];
    let mut same = key(id, account_id, region, "11111111-0000-0000-0000-000000000000", &format!("alias/{nonce}"));
    same.policy_status = String::from("denied");
    let mut own = key(id, account_id, region, &format!("{nonce}-0000-0000-0000-000000000000"), "alias/own");
    (own.rotation_enabled, own.last_rotated_at) = (Some(false), None);
    own.outside_account = String::from("yes");
    let mut pending = key(id, account_id, region, &format!("{nonce}-0000-0000-0000-000000000001"), "alias/pending");
    pending.state = Some(String::from("PendingDeletion"));
    pending.deletion_date = Some(at("2099-01-01T00:00:00Z"));
    write_rows(root, id, &[account(id, account_id, nonce, "complete", None), account(id, "999999999999", nonce, "skipped", Some("closed"))]);
    write_rows(root, id, &[statement(&own, 0, None, "*", "kms:*", "Key policy overly permissive;External account")]);
    write_rows(root, id, &[finding(&own, &format!("f-{nonce}"), "public", "high"), finding(&same, &format!("f-{nonce}-same"), "public", "high")]);
    write_rows(root, id, &[error(id, account_id, Some(region), Some(&same), "policy", "kms:GetKeyPolicy", "access_denied")]);
    write_rows(root, id, &[access(&own, "everyone", "public", "decrypt", &[nonce])]);
    write_rows(root, id, &[grant(&own, &format!("g-{nonce}"), "arn:aws:iam::888888888888:role/reader")]);
    write_rows(root, id, &[last_used(&same, Some("2025-06-01T00:00:00Z"), "used", None), last_used(&own, None, "never_used", None)]);
    write_rows(root, id, &[same, own, pending]);
    write_rows(root, id, std::slice::from_ref(run));
}

/// Organizations in one lake, each with runs of another kind.
fn lake() -> tempfile::TempDir {
    let partial = run_of(Some("o-completed"), 3, 21);
    let unnamed = run_of(None, 3, 61);
    let organizations: [Vec<RunRow>; 6] = [
        (11..=13).map(|number| run_of(Some("o-at-once"), 9, number)).collect(),
        // Completed after the next run was made: the facts are as old as they were.
        vec![
            run_of(Some("o-completed"), 2, 23),
            completing(&partial, published_on(5, run_of(Some("o-completed"), 3, 22))),
            partial,
            run_of(Some("o-completed"), 4, 24),
        ],
        vec![run_of(Some("o-selections"), 1, 41), run_of(Some("o-selections"), 2, 42), selected(run_of(Some("o-selections"), 3, 43))],
        (2..=4).map(|day| selected(run_of(Some("o-only-selections"), day, 50 + day))).collect(),
        // Which organization it was could not be read at first.
        vec![selected(run_of(None, 1, 62)), completing(&unnamed, published_on(4, run_of(Some("o-unnamed"), 3, 63))), unnamed],
        // The slowest ended last.
        (1..=3).map(|day| published_on(7 - day, run_of(Some("o-overlapping"), day, 70 + day))).collect(),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (number, runs) in organizations.iter().enumerate() {
        for run in runs {
            write_run(folder.path(), run, &format!("{number:012}"));
        }
    }
    folder
}

async fn rows(engine: &Engine, sql: &str) -> Vec<String> {
    let mut out = Vec::new();
    write(engine.query(sql).await.unwrap(), Format::JsonLines, TableLayout::default(), &mut out).await.unwrap();
    let mut rows: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
    rows.sort_unstable();
    rows
}

/// The view and those that it reads as parts of a query, which reads the tables with every published run in them.
fn over_every_run(view: &str) -> String {
    let views = views_in_creation_order();
    let mut read = vec![view];
    let mut parts: Vec<String> = Vec::new();
    for View { name, sql } in views.iter().rev() {
        if !read.contains(name) {
            continue;
        }
        let (_, query) = sql.split_once(&format!("CREATE OR REPLACE VIEW {name} AS\n")).unwrap();
        parts.push(format!("{name} AS (\n{query}\n)"));
        read.extend(views.iter().map(|view| view.name).filter(|name| query.contains(name)));
    }
    parts.reverse();
    format!("WITH {}\nSELECT * FROM {view}", parts.join(",\n"))
}

#[tokio::test]
async fn views_show_what_they_would_over_the_files_of_every_run() {
    let folder = lake();
    let engine = engine_over(folder.path()).await.unwrap();
    for view in VIEWS {
        let shown = rows(&engine, &format!("SELECT * FROM {}", view.name)).await;
        assert!(!shown.is_empty(), "{}", view.name);
        assert_eq!(shown, rows(&engine, &over_every_run(view.name)).await, "{}", view.name);
    }
}
