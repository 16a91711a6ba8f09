use kms_insights_query::{EngineOptions, QueryError};

use crate::fixture::{engine, engine_over, engine_with, failure, key, rows, run, write_rows};

#[tokio::test]
async fn a_syntax_error_shows_its_place() {
    insta::assert_snapshot!(failure("SELECT keyid\nFORM kms_keys_table WHERE").await.to_string());
}

#[tokio::test]
async fn an_open_quote_shows_its_place_and_no_control_characters() {
    insta::assert_snapshot!(failure("SELECT '\u{1b}[2Jkeyid").await.to_string());
}

#[tokio::test]
async fn an_unknown_table_is_answered_with_those_there_are() {
    insta::assert_snapshot!(failure("SELECT * FROM kms_insights_database.kms_key_table").await.to_string());
    assert!(matches!(failure("SELECT * FROM other.keys").await, QueryError::UnknownTable { .. }));
    assert!(matches!(engine().await.query_view("nothing").await, Err(QueryError::UnknownTable { .. })));
}

#[tokio::test]
async fn an_unknown_column_is_answered_with_those_there_are() {
    insta::assert_snapshot!(failure("SELECT k.alas FROM kms_keys_table k JOIN keys ON true").await.to_string());
    insta::assert_snapshot!("unknown_column_unqualified", failure("SELECT statuss FROM runs").await.to_string());
}

#[tokio::test]
async fn tables_and_columns_can_be_listed() {
    insta::assert_snapshot!(rows("SHOW TABLES").await);
    insta::assert_snapshot!("describe_a_view", rows("DESCRIBE kms_key_last_used_table").await);
    assert!(rows("SHOW COLUMNS FROM keys").await.contains("\"column_name\":\"snapshot_date\""));
}

#[tokio::test]
async fn a_lake_without_a_published_run_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    write_rows(
        folder.path(),
        crate::fixture::KILLED,
        &[key(crate::fixture::KILLED, crate::fixture::APP, "eu-central-1", crate::fixture::GHOST, "alias/ghost")],
    );
    let error = engine_over(folder.path()).await.unwrap_err();
    assert!(matches!(&error, QueryError::EmptyLake { lake } if lake.contains(folder.path().to_str().unwrap())), "{error}");
    assert!(error.to_string().contains("kms-insights collect --lake") && error.to_string().contains("kms-insights demo"), "{error}");
}

#[tokio::test]
async fn a_table_without_files_is_empty_and_every_view_still_answers() {
    let folder = tempfile::tempdir().unwrap();
    write_rows(folder.path(), crate::fixture::LATEST, &[run(crate::fixture::LATEST, "complete")]);
    let engine = engine_over(folder.path()).await.unwrap();
    for relation in engine.relations().await.unwrap() {
        let result = engine.query_view(relation.name).await.unwrap();
        let rows: usize = result.collect().await.unwrap().iter().map(datafusion::arrow::array::RecordBatch::num_rows).sum();
        assert_eq!(rows, usize::from(["runs", "latest_run"].contains(&relation.name)), "{}", relation.name);
    }
}

#[tokio::test]
async fn a_query_beyond_its_memory_says_so() {
    let engine = engine_with(EngineOptions { memory_limit: 1024, ..EngineOptions::default() }).await;
    let result = engine.query("SELECT key_arn, count(*) FROM keys GROUP BY key_arn ORDER BY key_arn").await.unwrap();
    let error = result.collect().await.unwrap_err();
    assert!(matches!(error, QueryError::OutOfMemory { limit: 1024, .. }), "{error:?}");
}
