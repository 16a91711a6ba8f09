//! Which runs the views show, of one organization and of several, and what they say changed in each.

use kms_insights_lake::tables::{keys::KeyRow, runs::RunRow};
use tempfile::TempDir;

use crate::{
    fixture::{
        APP, DATA, REGION, account, arn, at, completion, error, finding, grant, key, last_used, numbered, publish, rows_of, run_of, selected, statement,
        write_rows,
    },
    ways::{access, by_grant},
};

#[tokio::test]
async fn an_old_run_completed_after_a_newer_one_is_not_shown_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let old = RunRow { status: "partial".to_owned(), ..run_of(Some("o-1"), 1, 1) };
    let newer = run_of(Some("o-1"), 2, 2);
    let completed = completion(&old, 3, 3);
    for (run, state) in [(&old, "Enabled"), (&newer, "PendingDeletion"), (&completed, "Enabled")] {
        publish(folder.path(), run, APP, &[KeyRow { state: Some(state.to_owned()), ..numbered(run, APP, 1, 1) }]);
    }
    assert_eq!(rows_of(&folder, "SELECT run_id, snapshot_date FROM latest_run").await, ["20261102T060000Z-00000002 2026-11-02"]);
    assert_eq!(rows_of(&folder, "SELECT state, run_id FROM key_overview").await, ["PendingDeletion 20261102T060000Z-00000002"]);
    assert_eq!(
        rows_of(&folder, "SELECT subject, change, value_before, value_now FROM changes_since_previous").await,
        ["state changed Enabled PendingDeletion"]
    );

    let alone = tempfile::tempdir().unwrap();
    for run in [&old, &completed] {
        publish(alone.path(), run, APP, &[numbered(run, APP, 1, 1)]);
    }
    assert_eq!(rows_of(&alone, "SELECT run_id FROM latest_run").await, ["20261101T060000Z-00000003"], "of the two it has more");
}

#[tokio::test]
async fn each_organization_has_a_run_that_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let unnamed = run_of(None, 4, 8);
    for run in [
        run_of(Some("o-1"), 1, 1),
        run_of(Some("o-1"), 2, 2),
        selected(run_of(Some("o-1"), 9, 3)),
        run_of(Some("o-2"), 3, 4),
        selected(run_of(Some("o-3"), 4, 5)),
        selected(run_of(Some("o-3"), 5, 6)),
        run_of(None, 2, 7),
        // Which organization it was of became known when it was completed.
        RunRow { organization_id: Some("o-4".to_owned()), ..completion(&unnamed, 5, 9) },
        unnamed,
    ] {
        write_rows(folder.path(), &run.run_id, std::slice::from_ref(&run));
    }
    assert_eq!(
        rows_of(&folder, "SELECT COALESCE(organization_id, 'none'), scope, run_id FROM latest_run").await,
        [
            "none whole 20261102T060000Z-00000007",
            "o-1 whole 20261102T060000Z-00000002",
            "o-2 whole 20261103T060000Z-00000004",
            "o-3 selection 20261105T060000Z-00000006",
            "o-4 whole 20261104T060000Z-00000009",
        ]
    );
}

/// A lake of two organizations and of an account that was read by itself, which one of them has too.
fn several_organizations() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (run, account_id) in [(run_of(Some("o-1"), 20, 1), APP), (run_of(Some("o-2"), 21, 2), DATA), (run_of(None, 22, 3), APP)] {
        let (root, id) = (folder.path(), run.run_id.as_str());
        let named = |region: &str, key_id: &str| KeyRow { created_at: Some(at("2026-05-01T00:00:00Z")), ..key(id, account_id, region, key_id, "alias/app") };
        let set = "mrk-22222222000000000000000000000000";
        let replicas = Some(vec![arn(account_id, "eu-west-1", set)]);
        let primary = KeyRow { multi_region_replica_arns: replicas.clone(), ..named(REGION, set) };
        let replica = KeyRow { multi_region_replica_arns: replicas, ..named("eu-west-1", set) };
        let mut open = named(REGION, OPEN);
        open.state = Some("PendingDeletion".to_owned());
        open.aliases_status = String::from("denied");
        open.outside_account = String::from("yes");
        let mut unrotated = named(REGION, "33333333-0000-0000-0000-000000000000");
        (unrotated.rotation_enabled, unrotated.last_rotated_at) = (Some(false), None);
        write_rows(root, id, &[account(id, account_id, "app", "partial", None)]);
        write_rows(root, id, &[statement(&open, 0, None, "*", "kms:*", "Key policy overly permissive;External account")]);
        let reader = access(&open, "arn:aws:iam::888888888888:role/reader", "outside", "decrypt", &["kms:Decrypt"]);
        write_rows(root, id, &[access(&open, "everyone", "public", "decrypt", &["kms:Decrypt"]), by_grant("g-1", reader)]);
        write_rows(root, id, &[grant(&open, "g-1", "arn:aws:iam::888888888888:role/reader")]);
        write_rows(root, id, &[finding(&open, "f-1", "public", "critical")]);
        write_rows(root, id, &[error(id, account_id, Some(REGION), None, "alias_listing", "kms:ListAliases", "access_denied")]);
        // Used in June in one Region; for the account that was read by itself not at all.
        let used = run.organization_id.as_ref().map(|_| "2026-06-01T00:00:00Z");
        let verdict = if used.is_some() { "used" } else { "never_used" };
        write_rows(
            root,
            id,
            &[last_used(&primary, used, verdict, None), last_used(&replica, None, "never_used", None), last_used(&unrotated, None, "never_used", None)],
        );
        let mut keys = vec![primary, replica, open, unrotated];
        if run.organization_id.is_none() {
            keys.push(KeyRow { manager: Some("AWS".to_owned()), ..named(REGION, "44444444-0000-0000-0000-000000000000") });
        }
        write_rows(root, id, &keys);
        write_rows(root, id, std::slice::from_ref(&run));
    }
    folder
}

const OPEN: &str = "11111111-0000-0000-0000-000000000000";

/// A query, the rows of each organization's run, and those of the account's where they differ.
type Case = (&'static str, &'static [&'static str], Option<&'static [&'static str]>);

#[tokio::test]
async fn views_show_the_runs_of_several_organizations_side_by_side() {
    let folder = several_organizations();
    let runs = ["20261120T060000Z-00000001", "20261121T060000Z-00000002", "20261122T060000Z-00000003"];
    let cases: [Case; 12] = [
        (
            "SELECT run_id, key_id, region, findings FROM key_overview",
            &[
                "11111111-0000-0000-0000-000000000000 eu-central-1 1",
                "33333333-0000-0000-0000-000000000000 eu-central-1 0",
                "mrk-22222222000000000000000000000000 eu-central-1 0",
                "mrk-22222222000000000000000000000000 eu-west-1 0",
            ],
            Some(&[
                "11111111-0000-0000-0000-000000000000 eu-central-1 1",
                "33333333-0000-0000-0000-000000000000 eu-central-1 0",
                "44444444-0000-0000-0000-000000000000 eu-central-1 0",
                "mrk-22222222000000000000000000000000 eu-central-1 0",
                "mrk-22222222000000000000000000000000 eu-west-1 0",
            ]),
        ),
        ("SELECT run_id, fact, keys_affected FROM coverage_gaps", &["alias_listing 3"], Some(&["alias_listing 4"])),
        ("SELECT run_id, way_in, source FROM external_access", &["grant g-1", "key policy statement 0"], None),
        ("SELECT run_id, key_id FROM overly_permissive_keys", &[OPEN], None),
        ("SELECT run_id, key_id FROM pending_deletion", &[OPEN], None),
        ("SELECT run_id, key_id FROM rotation_gaps", &["33333333-0000-0000-0000-000000000000"], None),
        ("SELECT run_id, region, set_last_used_at FROM stale_keys_90d", &["eu-central-1 2026-06-01T00:00:00Z"], Some(&[])),
        (
            "SELECT run_id, region, set_last_used_at FROM unused_keys WHERE key_id LIKE 'mrk-%'",
            &["eu-west-1 2026-06-01T00:00:00Z"],
            Some(&["eu-central-1 ", "eu-west-1 "]),
        ),
        (
            "SELECT run_id, reason, certainty, keys FROM monthly_savings",
            &["never used recorded 2", "not used for 90 days recorded 1"],
            Some(&["never used recorded 3"]),
        ),
        ("SELECT run_id, count(*) FROM kms_keys_table GROUP BY run_id", &["4"], Some(&["5"])),
        ("SELECT run_id, count(*) FROM kms_key_last_used_table GROUP BY run_id", &["3"], None),
        ("SELECT key_arn FROM changes_since_previous", &[], None),
    ];
    for (sql, of_organization, of_account) in cases {
        let of_each = [of_organization, of_organization, of_account.unwrap_or(of_organization)];
        let expected: Vec<String> = runs.iter().zip(of_each).flat_map(|(run, rows)| rows.iter().map(move |row| format!("{run} {row}"))).collect();
        assert_eq!(rows_of(&folder, sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn what_changed_is_told_of_each_organization_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    // Between the runs of the first organization lies one of the second, which has another key; its own earlier run had the same one.
    for (run, account_id, numbers) in [
        (run_of(Some("o-1"), 1, 1), APP, 1..2),
        (run_of(Some("o-2"), 2, 2), DATA, 8..9),
        (run_of(Some("o-1"), 3, 3), APP, 1..3),
        (run_of(Some("o-2"), 4, 4), DATA, 8..9),
    ] {
        let keys: Vec<KeyRow> = numbers.map(|number| numbered(&run, account_id, number, number)).collect();
        write_rows(folder.path(), &run.run_id, &[finding(&keys[0], "f-1", "public", "high")]);
        publish(folder.path(), &run, account_id, &keys);
    }
    // A third was read once, and with a key that the first has too: nothing was there before.
    let once = run_of(Some("o-3"), 5, 5);
    publish(folder.path(), &once, APP, &[numbered(&once, APP, 1, 1), numbered(&once, APP, 7, 4)]);
    let changes = rows_of(&folder, "SELECT split_part(key_arn, '-', 7), subject, change FROM changes_since_previous").await;
    assert_eq!(changes, ["000000000002 key appeared"]);
}
