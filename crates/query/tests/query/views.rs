use kms_insights_lake::tables::findings::FindingRow;
use kms_insights_query::VIEWS;

use crate::fixture::{APP, BEFORE, DATA, GHOST, LATEST, SELECTION, account, engine, engine_over, finding, key, rows, rows_of, run, selected, write_rows};

/// The rows of a view, whole; `pending_deletion` apart, whose days left are told from today.
async fn whole(view: &str) -> String {
    rows(&format!("SELECT * FROM {view}")).await
}

macro_rules! whole_rows {
    ($($view:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $view() {
            insta::assert_snapshot!(stringify!($view), whole(stringify!($view)).await);
        })+

        #[test]
        fn every_view_is_compared() {
            let mut compared = vec!["pending_deletion", $(stringify!($view)),+];
            compared.sort_unstable();
            assert_eq!(compared, VIEWS.iter().map(|view| view.name).collect::<Vec<_>>());
        }
    };
}

whole_rows!(
    changes_since_previous,
    compared_runs,
    costs_by_tag,
    coverage_gaps,
    external_access,
    key_costs,
    key_overview,
    kms_key_last_used_table,
    kms_keys_table,
    latest_run,
    monthly_savings,
    overly_permissive_keys,
    rotation_gaps,
    stale_keys_90d,
    unused_keys,
);

#[tokio::test]
async fn pending_deletion() {
    let days_left = "days_left - date_diff('day', current_date, DATE '2099-01-01') AS days_left_off_by";
    insta::assert_snapshot!(
        "pending_deletion",
        rows(&format!(
            "SELECT key_arn, account_name, aliases, state, deletion_date, {days_left}, usage_verdict, last_used_at, unused_since, failed_uses, log_days, run_id FROM pending_deletion"
        ))
        .await
    );
}

#[tokio::test]
async fn a_run_that_was_not_published_is_not_seen() {
    assert_eq!(rows(&format!("SELECT key_arn FROM keys WHERE key_id = '{GHOST}'")).await, "");
    assert_eq!(
        rows("SELECT DISTINCT snapshot_date FROM keys").await,
        "{\"snapshot_date\":\"2026-08-20\"}\n{\"snapshot_date\":\"2026-11-19\"}\n{\"snapshot_date\":\"2026-11-20\"}\n{\"snapshot_date\":\"2026-11-22\"}"
    );
}

/// The number of rows of a query in a lake of its own.
async fn count(folder: &tempfile::TempDir, sql: &str) -> usize {
    let result = engine_over(folder.path()).await.unwrap().query(sql).await.unwrap();
    result.collect().await.unwrap().iter().map(datafusion::arrow::array::RecordBatch::num_rows).sum()
}

#[tokio::test]
async fn a_lake_of_selections_only_shows_the_latest_of_them() {
    let folder = tempfile::tempdir().unwrap();
    for id in [BEFORE, LATEST] {
        write_rows(folder.path(), id, &[selected(run(id, "complete"))]);
    }
    assert_eq!(count(&folder, &format!("SELECT 1 FROM latest_run WHERE run_id = '{LATEST}' AND scope = 'selection'")).await, 1);
    write_rows(folder.path(), BEFORE, &[run(BEFORE, "complete")]);
    assert_eq!(count(&folder, &format!("SELECT 1 FROM latest_run WHERE run_id = '{BEFORE}' AND scope = 'whole'")).await, 1);
}

#[tokio::test]
async fn what_a_run_was_not_to_read_is_not_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut managed = key(BEFORE, APP, "eu-central-1", "88888888-0000-0000-0000-000000000000", "alias/aws/s3");
    managed.manager = Some("AWS".to_owned());
    let mut unknown = key(BEFORE, APP, "eu-central-1", "88888888-0000-0000-0000-000000000001", "alias/hidden");
    unknown.manager = None;
    let abroad = key(BEFORE, APP, "us-east-1", "88888888-0000-0000-0000-000000000002", "alias/abroad");
    let elsewhere = key(BEFORE, DATA, "eu-central-1", "88888888-0000-0000-0000-000000000003", "alias/elsewhere");
    let gone = key(BEFORE, APP, "eu-central-1", "88888888-0000-0000-0000-000000000004", "alias/gone");
    write_rows(folder.path(), BEFORE, &[managed, unknown, abroad, elsewhere, gone]);
    write_rows(folder.path(), BEFORE, &[selected(run(BEFORE, "complete"))]);
    let later = kms_insights_lake::tables::runs::RunRow { customer_managed_only: true, ..selected(run(SELECTION, "complete")) };
    write_rows(folder.path(), SELECTION, &[account(SELECTION, APP, "app", "complete", None)]);
    write_rows(folder.path(), SELECTION, &[later]);
    assert_eq!(count(&folder, "SELECT 1 FROM changes_since_previous WHERE change = 'not_read'").await, 4);
    assert_eq!(count(&folder, "SELECT 1 FROM changes_since_previous WHERE change = 'gone' AND key_arn LIKE '%4'").await, 1);
}

#[tokio::test]
async fn a_waiver_is_counted_as_of_the_day_of_its_run_however_late_one_looks() {
    let folder = tempfile::tempdir().unwrap();
    let used = key(LATEST, APP, "eu-central-1", "11111111-0000-0000-0000-000000000000", "alias/app");
    // The run ended on the 20th of November.
    let findings: Vec<FindingRow> = [("f-1", "2026-11-19", "high"), ("f-2", "2026-11-20", "critical"), ("f-3", "2026-11-21", "critical")]
        .map(|(id, until, severity)| FindingRow { waived_until: Some(until.to_owned()), ..finding(&used, id, "public", severity) })
        .into();
    write_rows(folder.path(), LATEST, &findings);
    write_rows(folder.path(), LATEST, &[used]);
    write_rows(folder.path(), LATEST, &[run(LATEST, "complete")]);
    assert_eq!(rows_of(&folder, "SELECT findings, waived_findings, worst_severity FROM key_overview").await, ["1 2 high"]);
}

#[tokio::test]
async fn files_of_other_days_are_not_opened_when_the_date_is_given() {
    let plan = rows("EXPLAIN SELECT key_arn FROM keys WHERE snapshot_date = '2026-08-20'").await;
    assert!(plan.contains("snapshot_date=2026-08-20") && !plan.contains("snapshot_date=2026-11-20"), "{plan}");
}

#[tokio::test]
async fn views_read_no_rows_of_earlier_runs() {
    // Of the run that is shown and the one before it, which other views compare with it.
    let plan = rows("EXPLAIN ANALYZE SELECT * FROM kms_keys_table").await;
    assert!(plan.contains("files_ranges_pruned_statistics=2 total → 1 matched"), "{plan}");
}

#[tokio::test]
async fn row_groups_are_pruned_by_account() {
    let plan = rows("EXPLAIN SELECT key_arn FROM keys WHERE account_id = '111122223333'").await;
    assert!(plan.contains("pruning_predicate"), "{plan}");
}

#[tokio::test]
async fn every_relation_says_what_it_is() {
    let relations = engine().await.relations().await.unwrap();
    assert_eq!(relations.len(), kms_insights_lake::tables::every().count() + VIEWS.len());
    assert!(relations.iter().all(|relation| !relation.description.is_empty() && !relation.schema.fields().is_empty()));
}
