//! The generated part of `docs/athena.md` is what the declarations make of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{fs, path::PathBuf};

use kms_insights_athena::permissions;

const BEGIN: &str = "<!-- generated: permissions -->\n";
const END: &str = "<!-- generated end -->\n";

#[test]
fn generated_permissions_in_the_documentation_are_current() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/athena.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}\n{}\n{END}{after}", permissions::markdown());
    if std::env::var_os("KMS_INSIGHTS_REGENERATE").is_some_and(|value| value == "1") {
        fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(page == wanted, "docs/athena.md is stale: run `KMS_INSIGHTS_REGENERATE=1 cargo test -p kms-insights-athena generated`");
}
