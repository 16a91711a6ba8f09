use kms_insights_query::QueryError;

use crate::fixture::{failure, rows};

#[tokio::test]
async fn statements_that_write_are_refused() {
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW kms_keys_table AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc'",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "DROP TABLE keys",
        "DROP VIEW kms_keys_table",
        "INSERT INTO keys SELECT * FROM keys",
        "DELETE FROM keys",
        "UPDATE keys SET state = 'Enabled'",
        "MERGE INTO keys USING runs ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE TABLE keys",
        "ALTER TABLE keys ADD COLUMN x INT",
        "COPY keys TO '/tmp/keys.parquet'",
        "COPY (SELECT * FROM keys) TO '/tmp/keys.csv' STORED AS CSV",
        "SELECT * INTO other FROM keys",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "EXPLAIN INSERT INTO keys SELECT * FROM keys",
        "EXPLAIN ANALYZE INSERT INTO keys SELECT * FROM keys",
        "EXPLAIN COPY keys TO '/tmp/keys.parquet'",
        "WITH x AS (INSERT INTO keys SELECT * FROM keys RETURNING *) SELECT * FROM x",
    ] {
        let error = failure(sql).await;
        assert!(matches!(error, QueryError::ReadOnly { .. } | QueryError::Syntax { .. }), "{sql}: {error:?}");
    }
    assert_eq!(
        failure("DROP TABLE keys").await.to_string(),
        "DROP TABLE is not accepted: the lake is only read (SELECT, WITH, VALUES, EXPLAIN, SHOW TABLES, SHOW COLUMNS, DESCRIBE)"
    );
}

#[tokio::test]
async fn no_other_file_can_be_named() {
    let passwd = "/etc/passwd";
    for sql in [
        format!("SELECT * FROM '{passwd}'"),
        format!("SELECT * FROM \"{passwd}\""),
        format!("SELECT * FROM \"file://{passwd}\""),
        "SELECT * FROM 'lake://published/keys/'".to_owned(),
        format!("SELECT * FROM read_csv('{passwd}')"),
        format!("SELECT * FROM parquet_metadata('{passwd}')"),
        "SELECT * FROM read_parquet('lake://published/_staging/x')".to_owned(),
    ] {
        let error = failure(&sql).await;
        assert!(matches!(error, QueryError::UnknownTable { .. } | QueryError::Invalid { .. } | QueryError::Syntax { .. }), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn one_statement_is_run_at_a_time() {
    assert!(matches!(failure("SELECT 1; DROP TABLE keys").await, QueryError::SeveralStatements { count: 2 }));
    assert!(matches!(failure(" -- nothing\n").await, QueryError::NoStatement));
    assert_eq!(rows("SELECT 1 AS v;").await, "{\"v\":1}");
}

#[tokio::test]
async fn statements_that_read_are_accepted() {
    for sql in [
        "EXPLAIN SELECT * FROM key_overview",
        "EXPLAIN ANALYZE SELECT count(*) FROM keys",
        "WITH k AS (SELECT * FROM keys) SELECT count(*) FROM k",
        "VALUES (1), (2)",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT table_name FROM information_schema.tables",
    ] {
        assert!(!rows(sql).await.is_empty(), "{sql}");
    }
}

/// Statements as deep or long as they can be written, on the small stack that a test's thread has.
#[tokio::test]
async fn endless_statements_are_refused_and_overflow_no_stack() {
    let parentheses = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    let or = format!("SELECT 1 WHERE {}", vec!["1=1"; 20_000].join("OR "));
    let plus = format!("SELECT 1{}", "+1".repeat(100_000));
    let not = format!("SELECT {}true", "NOT ".repeat(50_000));
    let minus = format!("SELECT {}1", "- ".repeat(100_000));
    let union = vec!["SELECT 1"; 10_000].join(" UNION ");
    let case = format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(5_000), " END".repeat(5_000));
    let call = format!("SELECT {}1{}", "abs(".repeat(50_000), ")".repeat(50_000));
    let index = format!("SELECT a{}", "[1]".repeat(50_000));
    let casts = format!("SELECT 1{}", "::int".repeat(40_000));
    for sql in [parentheses, or, plus, not, minus, union, case, call, index, casts] {
        let error = failure(&sql).await;
        assert!(matches!(error, QueryError::TooComplex { .. } | QueryError::TooLong { .. } | QueryError::Syntax { .. }), "{}: {error}", &sql[..40]);
    }
}

#[tokio::test]
async fn long_lists_are_no_complexity() {
    let list: Vec<String> = (0..5_000).map(|n| format!("'{n:036}'")).collect();
    assert_eq!(rows(&format!("SELECT count(*) AS n FROM keys WHERE key_id IN ({})", list.join(","))).await, "{\"n\":0}");
    let or: Vec<String> = (0..400).map(|n| format!("key_id = '{n}'")).collect();
    assert_eq!(rows(&format!("SELECT count(*) AS n FROM keys WHERE {}", or.join(" OR "))).await, "{\"n\":0}");
}
