//! Generated files are what the declarations make of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{fs, path::PathBuf};

use kms_insights_lake::{ddl, documentation, role_policy, tables};

const REGENERATE: &str = "KMS_INSIGHTS_REGENERATE";

/// Compares a generated file with what it should be, or writes it anew.
fn check(relative: &str, wanted: &str) -> Result<(), String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative);
    if std::env::var_os(REGENERATE).is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    if found == wanted { Ok(()) } else { Err(format!("{relative} is stale: run `{REGENERATE}=1 cargo test -p kms-insights-lake generated`")) }
}

#[test]
fn generated_athena_tables_are_current_and_no_others_are_there() {
    for table in tables::every() {
        let sql = ddl::create_table_sql(table, ddl::DATABASE, ddl::LOCATION_PLACEHOLDER);
        check(&format!("athena/tables/{}.sql", table.name), &format!("{sql}\n")).unwrap();
    }

    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../athena/tables");
    let mut found: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut wanted: Vec<String> = tables::every().map(|table| format!("{}.sql", table.name)).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn generated_documentation_is_current() {
    check("docs/tables.md", &documentation::markdown()).unwrap();
}

#[test]
fn generated_role_policy_is_current() {
    check("deploy/member-role-policy.json", &role_policy::member_role_policy()).unwrap();
}
