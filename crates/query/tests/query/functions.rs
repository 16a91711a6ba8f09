use kms_insights_query::QueryError;

use crate::fixture::{failure, rows, value};

#[tokio::test]
async fn date_functions_follow_trino() {
    for (expression, expected) in [
        ("date_add('day', -90, DATE '2026-11-20')", "\"2026-08-22\""),
        ("date_add('month', 1, DATE '2024-01-31')", "\"2024-02-29\""),
        ("date_add('MONTH', -1, TIMESTAMP '2024-03-31 08:00:00')", "\"2024-02-29T08:00:00Z\""),
        ("date_add('hour', 25, CAST(TIMESTAMP '2024-02-28 23:30:00' AS timestamp))", "\"2024-03-01T00:30:00Z\""),
        ("date_add('day', NULL, DATE '2024-01-31')", "null"),
        ("date_add('day', 1, CAST(NULL AS date))", "null"),
        ("date_diff('day', DATE '2024-02-28', DATE '2024-03-01')", "2"),
        ("date_diff('day', TIMESTAMP '2024-02-28 12:00:00', DATE '2024-03-01')", "1"),
        ("date_diff('month', DATE '2024-01-31', DATE '2024-02-29')", "1"),
        ("date_diff('second', TIMESTAMP '2024-01-01 00:01:00', TIMESTAMP '2024-01-01 00:00:00')", "-60"),
        ("date_add('day', -90, current_date) < current_timestamp", "true"),
        ("TIMESTAMP '2026-01-01 00:00:00' = DATE '2026-01-01'", "true"),
        ("date_diff('day', current_date, date_add('week', 2, current_date))", "14"),
        ("current_date - INTERVAL '1' DAY = date_add('day', -1, current_date)", "true"),
    ] {
        assert_eq!(value(expression).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn a_timestamp_column_compares_with_a_date() {
    assert_eq!(
        rows("SELECT count(*) AS n FROM keys WHERE created_at < DATE '2026-01-01' AND snapshot_date = '2026-11-20' AND date_add('year', 1, created_at) > DATE '2026-01-01'").await,
        "{\"n\":9}"
    );
}

#[tokio::test]
async fn array_and_map_functions_follow_trino() {
    let key = "FROM keys WHERE key_id LIKE '55555555%' AND snapshot_date = '2026-11-20'";
    let other = "FROM keys WHERE key_id LIKE '11111111%' AND snapshot_date = '2026-11-20'";
    for (sql, expected) in [
        (
            format!("SELECT cardinality(aliases) AS a, cardinality(tags) AS t, cardinality(multi_region_replica_arns) AS r {key}"),
            "{\"a\":2,\"t\":0,\"r\":null}",
        ),
        (format!("SELECT contains(aliases, 'alias/second') AS y, contains(aliases, 'alias/third') AS n {key}"), "{\"y\":true,\"n\":false}"),
        (
            format!("SELECT element_at(aliases, 1) AS f, element_at(aliases, -1) AS l, element_at(aliases, 3) AS x {key}"),
            "{\"f\":\"alias/=open\",\"l\":\"alias/second\",\"x\":null}",
        ),
        (format!("SELECT element_at(tags, 'owner') AS o {key}"), "{\"o\":null}"),
        (
            format!("SELECT element_at(tags, 'owner') AS o, tags['owner'] AS s, tags {other}"),
            "{\"o\":\"payments\",\"s\":\"payments\",\"tags\":{\"owner\":\"payments\"}}",
        ),
        (format!("SELECT array_join(aliases, '; ') AS a {key}"), "{\"a\":\"alias/=open; alias/second\"}"),
        (format!("SELECT aliases[1] AS a {key}"), "{\"a\":\"alias/=open\"}"),
    ] {
        assert_eq!(rows(&sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn json_text_is_looked_into() {
    assert_eq!(value("json_extract_scalar('{\"a\":{\"b c\":[1,\"x\"]}}', '$.a[\"b c\"][1]')").await, "\"x\"");
    assert_eq!(rows("SELECT DISTINCT json_extract_scalar(constraints, '$.SourceArn') AS a FROM grants").await, "{\"a\":\"arn:aws:s3:::b\"}");
}

#[tokio::test]
async fn everyday_functions_of_trino_are_there() {
    for (expression, expected) in [
        ("round(2.345, 1)", "2.3"),
        ("abs(-3)", "3"),
        ("lower('ABC')", "\"abc\""),
        ("split_part('a:b:c', ':', 2)", "\"b\""),
        ("strpos('abc', 'c')", "3"),
        ("substr('abcdef', 2, 3)", "\"bcd\""),
        ("regexp_like('alias/aws/s3', '^alias/aws/')", "true"),
        ("coalesce(NULL, 'x')", "\"x\""),
        ("concat_ws(',', 'a', NULL, 'b')", "\"a,b\""),
        ("try_cast('x' AS integer)", "null"),
        ("CAST(12 AS varchar)", "\"12\""),
        ("date_trunc('month', DATE '2026-11-20') = DATE '2026-11-01'", "true"),
        ("greatest(1, 2)", "2"),
        ("least(1, 2)", "1"),
    ] {
        assert_eq!(value(expression).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn nulls_are_passed_on_as_in_trino() {
    for (expression, expected) in [
        ("concat('a', NULL)", "null"),
        ("concat('a', 'b', 'c')", "\"abc\""),
        ("'a' || NULL", "null"),
        ("'a' || 'b'", "\"ab\""),
        ("greatest(1, NULL)", "null"),
        ("least(DATE '2026-01-01', NULL)", "null"),
        ("greatest(DATE '2026-01-01', DATE '2026-01-02')", "\"2026-01-02\""),
        ("split_part('a:b', ':', 3)", "null"),
        ("split_part('a::b', ':', 2)", "\"\""),
        ("split_part('äb', '', 1)", "\"ä\""),
        ("split_part(NULL, ':', 1)", "null"),
    ] {
        assert_eq!(value(expression).await, expected, "{expression}");
    }
    let columns = "SELECT concat(key_id, ':', alias) AS c, greatest(key_id, alias) AS g FROM (SELECT key_id, NULLIF(state, 'Enabled') AS alias FROM keys \
        WHERE snapshot_date = '2026-08-20' AND key_id LIKE '11111111%')";
    assert_eq!(rows(columns).await, "{\"c\":null,\"g\":null}");
}

#[tokio::test]
async fn nulls_come_last_whichever_way_is_sorted() {
    for order in ["a", "a ASC", "a DESC"] {
        let sql = format!("SELECT a FROM (VALUES (1), (NULL), (2)) AS t(a) ORDER BY {order} LIMIT 2");
        assert_eq!(rows(&sql).await, "{\"a\":1}\n{\"a\":2}", "{order}");
    }
    assert_eq!(rows("SELECT a FROM (VALUES (1), (NULL)) AS t(a) ORDER BY a NULLS FIRST LIMIT 1").await, "{\"a\":null}");
}

#[tokio::test]
async fn a_backslash_in_a_pattern_is_a_backslash() {
    for (expression, expected) in [
        (r"'a\b' LIKE 'a\b'", "true"),
        (r"'a\b' LIKE '%\%'", "true"),
        (r"'ab' LIKE 'a\b'", "false"),
        (r"'a_b' LIKE 'a\_b'", "false"),
        (r"'a_b' NOT LIKE 'a\_b' ESCAPE '\'", "false"),
    ] {
        assert_eq!(value(expression).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn rows_that_a_condition_holds_for_are_counted() {
    assert_eq!(rows("SELECT count_if(a > 1) AS n, count_if(NULL) AS z FROM (VALUES (1), (2), (3), (NULL)) AS t(a)").await, "{\"n\":2,\"z\":0}");
    assert_eq!(
        rows("SELECT account_id, count_if(state = 'Disabled') AS n FROM keys WHERE snapshot_date = '2026-11-20' GROUP BY account_id").await,
        "{\"account_id\":\"111122223333\",\"n\":2}\n{\"account_id\":\"444455556666\",\"n\":1}"
    );
    assert_eq!(rows("SELECT count_if(a > 1) AS n FROM (VALUES (1)) AS t(a) WHERE a > 5").await, "{\"n\":0}");
}

#[tokio::test]
async fn wrong_arguments_are_told_before_the_query_runs() {
    for (sql, words) in [
        ("SELECT date_add('day', 'x', current_date)", "date_add takes a unit in quotes"),
        ("SELECT date_add('day', 1, '2026-01-01')", "date_add takes"),
        ("SELECT date_add('fortnight', 1, current_date)", "\"fortnight\" is not a unit of time"),
        ("SELECT date_add('hour', 1, current_date)", "not a unit of a date"),
        ("SELECT contains('abc', 'b')", "use LIKE or strpos"),
        ("SELECT concat('a', 1)", "concat takes two texts or more"),
        ("SELECT split_part('a', ':', 0)", "the index must be 1 or more"),
        ("SELECT cardinality('abc')", "cardinality takes an array or a map"),
        ("SELECT a FROM keys CROSS JOIN UNNEST(aliases) AS t(a)", "UNNEST of a column"),
    ] {
        let error = failure(sql).await;
        assert!(matches!(error, QueryError::Invalid { .. } | QueryError::Failed { .. }) && error.to_string().contains(words), "{sql}: {error}");
    }
}
