//! Which grants came and went from one run to the next, and of which nobody can tell.

use kms_insights_lake::tables::{grants::GrantRow, keys::KeyRow, runs::RunRow};
use tempfile::TempDir;

use crate::fixture::{APP, at, grant, numbered, publish, rows_of, run_of, write_rows};

const READER: &str = "arn:aws:iam::111122223333:role/reader";

fn runs() -> [RunRow; 2] {
    [run_of(Some("o-1"), 10, 1), run_of(Some("o-1"), 20, 2)]
}

/// A lake of both runs, each with these keys and grants.
fn lake(runs: &[RunRow; 2], keys: [Vec<KeyRow>; 2], grants: [Vec<GrantRow>; 2]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for ((run, keys), grants) in runs.iter().zip(keys).zip(grants) {
        write_rows(folder.path(), &run.run_id, &grants);
        publish(folder.path(), run, APP, &keys);
    }
    folder
}

const ALL: &str = "SELECT split_part(key_arn, '-', 7), subject, grant_id, change, value_before, value_now FROM changes_since_previous";

#[tokio::test]
async fn a_grant_came_or_went_where_both_runs_read_the_grants_of_its_key() {
    let runs = runs();
    let [before, now] = [0, 1].map(|at: usize| numbered(&runs[at], APP, 1, 1));
    let grants = [vec![grant(&before, "g-kept", READER), grant(&before, "g-gone", READER)], vec![grant(&now, "g-kept", READER), grant(&now, "g-new", READER)]];
    assert_eq!(
        rows_of(&lake(&runs, [vec![before], vec![now]], grants), ALL).await,
        [
            "000000000001 grant g-gone gone \"arn:aws:iam::111122223333:role/reader: Decrypt  CreateGrant\" ",
            "000000000001 grant g-new appeared  \"arn:aws:iam::111122223333:role/reader: Decrypt  CreateGrant\"",
        ]
    );
}

#[tokio::test]
async fn of_grants_that_one_run_could_not_read_nobody_says_that_they_came_or_went() {
    let runs = runs();
    let [mut hidden_before, now_read] = [0, 1].map(|at: usize| numbered(&runs[at], APP, 1, 1));
    let [was_read, mut hidden_now] = [0, 1].map(|at: usize| numbered(&runs[at], APP, 2, 1));
    hidden_before.grants_status = "denied".to_owned();
    hidden_now.grants_status = "failed".to_owned();
    // Whatever the earlier run could read: this one was not there yet.
    let made_since = GrantRow { created_at: Some(at("2026-11-15T00:00:00Z")), ..grant(&now_read, "g-made", READER) };
    let grants = [vec![grant(&was_read, "g-lost", READER)], vec![grant(&now_read, "g-found", READER), made_since]];
    let told =
        rows_of(&lake(&runs, [vec![hidden_before, was_read], vec![now_read, hidden_now]], grants), "SELECT grant_id, change FROM changes_since_previous").await;
    assert_eq!(told, ["g-found first_read", "g-lost not_read", "g-made appeared"]);
}

#[tokio::test]
async fn grants_on_keys_that_appeared_or_went_go_with_their_keys() {
    let runs = runs();
    let [gone, abroad] = [(2, "eu-central-1"), (3, "us-east-1")].map(|(number, region)| KeyRow {
        key_arn: numbered(&runs[0], APP, number, 1).key_arn.replace("eu-central-1", region),
        region: region.to_owned(),
        ..numbered(&runs[0], APP, number, 1)
    });
    let [new, old] = [(4, 15), (5, 5)].map(|(number, day)| numbered(&runs[1], APP, number, day));
    let grants = [vec![grant(&gone, "g", READER), grant(&abroad, "g", READER)], vec![grant(&new, "g", READER), grant(&old, "g", READER)]];
    let sql = "SELECT split_part(key_arn, '-', 7), subject, change FROM changes_since_previous";
    assert_eq!(
        rows_of(&lake(&runs, [vec![gone, abroad], vec![new, old]], grants), sql).await,
        [
            "000000000002 grant gone",
            "000000000002 key gone",
            "000000000003 grant not_read",
            "000000000003 key not_read",
            "000000000004 grant appeared",
            "000000000004 key appeared",
            "000000000005 grant first_read",
            "000000000005 key first_read",
        ]
    );
}
