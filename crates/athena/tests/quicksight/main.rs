//! What QuickSight is given: the payloads of `quicksight/`, and of the same data the template `deploy/quicksight.yaml`, so that the two cannot drift apart.
//!
//! `KMS_INSIGHTS_REGENERATE=1 cargo test -p kms-insights-athena generated` writes them anew. `tests/conformance/test_quicksight_*.py` holds them to AWS's own service model.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod check;
mod dashboard;
mod data_sets;
mod sheets;
mod template;
mod topic;
mod visuals;
mod yaml;

use std::{fs, path::PathBuf};

use serde_json::Value;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The payloads, each with its file's name and the operation that takes it.
pub(crate) fn payloads() -> Vec<(String, Value)> {
    let mut payloads = vec![("data_source".to_owned(), data_sets::data_source())];
    payloads.extend(data_sets::all().into_iter().map(|set| (format!("data_set_{}", set.name), set.payload())));
    payloads.extend(data_sets::all().into_iter().map(|set| (format!("refresh_schedule_{}", set.name), set.refresh_schedule())));
    payloads.push(("analysis".to_owned(), dashboard::analysis()));
    payloads.push(("dashboard".to_owned(), dashboard::dashboard()));
    payloads.push(("topic".to_owned(), topic::topic()));
    payloads
}

fn generated(relative: &str, wanted: &str) {
    let path = repository().join(relative);
    if std::env::var_os("KMS_INSIGHTS_REGENERATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{relative} is stale: run `KMS_INSIGHTS_REGENERATE=1 cargo test -p kms-insights-athena generated`");
}

#[test]
fn generated_payloads_are_current_and_no_others_are_there() {
    let payloads = payloads();
    for (name, payload) in &payloads {
        generated(&format!("quicksight/{name}.json"), &format!("{payload:#}\n"));
    }
    let mut found: Vec<String> =
        fs::read_dir(repository().join("quicksight")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut wanted: Vec<String> = payloads.iter().map(|(name, _)| format!("{name}.json")).collect();
    wanted.extend(["README.md".to_owned(), "views.json".to_owned()]);
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn generated_template_is_current() {
    generated("deploy/quicksight.yaml", &template::yaml());
}
