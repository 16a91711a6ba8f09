use kms_insights_query::QUERIES;

use crate::fixture::rows;

async fn saved(name: &str) -> String {
    rows(QUERIES.iter().find(|query| query.name == name).unwrap().sql).await
}

#[tokio::test]
async fn the_workshops_queries_run_as_they_are_and_so_do_those_of_an_audit_and_a_cost_review() {
    for query in QUERIES.iter().filter(|query| !query.name.starts_with("incident_")) {
        insta::assert_snapshot!(query.name, saved(query.name).await);
    }
}

#[tokio::test]
async fn the_queries_of_an_incident_run_where_no_log_file_was_read() {
    for query in QUERIES.iter().filter(|query| query.name.starts_with("incident_")) {
        let rests_on_log_files = !["incident_condemned_keys", "incident_reach_of_an_account"].contains(&query.name);
        assert_eq!(saved(query.name).await.is_empty(), rests_on_log_files, "{}", query.name);
    }
}

#[tokio::test]
async fn the_workshops_join_runs_without_the_databases_name_and_in_any_case() {
    let expected = saved("keys_with_last_use").await;
    assert!(!expected.is_empty());
    for (keys, used) in [
        ("kms_keys_table", "kms_key_last_used_table"),
        ("KMS_Keys_Table", "\"KMS_Key_Last_Used_Table\""),
        ("kms_insights_database.kms_keys_table", "\"KMS_INSIGHTS_DATABASE\".\"kms_key_last_used_table\""),
        ("\"AwsDataCatalog\".\"kms_insights_database\".\"kms_keys_table\"", "awsdatacatalog.kms_insights_database.kms_key_last_used_table"),
    ] {
        let sql = format!(
            "select kms_keys.keyid, kms_keys.alias, kms_keys.accountnumber, last_used.eventtime, last_used.username from {keys} as kms_keys left join {used} as last_used on kms_keys.keyid = last_used.keyid"
        );
        assert_eq!(rows(&sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn the_workshops_join_keeps_apart_the_regions_of_a_multi_region_key() {
    let joined = "SELECT k.keyarn, u.keyarn AS used FROM kms_keys_table k JOIN kms_key_last_used_table u ON k.keyid = u.keyid WHERE k.keyarn LIKE '%/mrk-%'";
    assert_eq!(rows(&format!("SELECT count(*) AS n FROM ({joined}) WHERE keyarn = used")).await, "{\"n\":5}");
    assert_eq!(rows(&format!("SELECT count(*) AS n FROM ({joined}) WHERE keyarn <> used")).await, "{\"n\":0}");
}
