//! The labelled policies of `tests/policies`: what may let outsiders in is never without a finding that says so.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use std::{fs, path::Path};

use key::{Example, finding};
use serde_json::{Value, json};

/// The rules one of which speaks where outsiders may come in.
const OUTSIDERS: [&str; 6] = ["public", "outside-organization", "outside-account", "grant-outside-account", "confused-deputy", "policy-unreadable"];

/// Policies without such a finding, each with the reason.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("grants/outside_issuing_account.json", "the outsider may only retire the grant, which takes access away"),
    ("grants/outside_retiring_principal.json", "the outsider may only retire the grant, which takes access away"),
];

/// The labelled policies, by folder and file.
fn corpus() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/policies");
    let mut cases = Vec::new();
    for topic in fs::read_dir(root).unwrap() {
        let topic = topic.unwrap().path();
        let name = topic.file_name().unwrap().to_string_lossy().into_owned();
        if !topic.is_dir() || name == "peers" {
            continue;
        }
        for file in fs::read_dir(topic).unwrap() {
            let file = file.unwrap().path();
            let case = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            cases.push((format!("{name}/{}", file.file_name().unwrap().to_string_lossy()), case));
        }
    }
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    cases
}

/// The case as a fixture.
fn fixture(case: &Value) -> Value {
    let context = &case["context"];
    let mut fixture = json!({ "policy_text": case["policy"].to_string() });
    if context.get("organization_id").is_none_or(|id| !id.is_null()) {
        fixture["organization_id"] = json!("o-exampleorgid");
        fixture["organization_accounts"] = json!(["111122223333", "222233334444"]);
    }
    if let Some(trusted) = context.get("trusted_accounts") {
        fixture["settings"] = json!({ "trusted_accounts": trusted });
    }
    if context["key_manager"] == "AWS" {
        fixture["facts"] = json!({ "metadata": { "value": { "manager": "AWS" } } });
    }
    if let Some(grants) = case.get("grants") {
        let grants = kms_insights_policy::read_grants(&grants.to_string()).unwrap();
        fixture["grants"] = serde_json::to_value(grants).unwrap();
    }
    fixture
}

#[test]
fn whatever_may_let_outsiders_in_is_found() {
    let cases = corpus();
    assert!(cases.len() >= 150, "{}", cases.len());
    let mut silent = Vec::new();
    for (name, case) in &cases {
        let analysis = Example::new(&fixture(case)).analyze();
        let open = analysis.exposure.outside_account.as_str() != "no";
        if open && !analysis.findings.iter().any(|finding| OUTSIDERS.contains(&finding.rule)) {
            silent.push(name.as_str());
        }
    }
    assert_eq!(silent, EXCEPTIONS.map(|(name, _)| name));
}

#[test]
fn the_grants_of_the_policies_count() {
    let (_, case) = corpus().into_iter().find(|(name, _)| name == "grants/outside_role.json").unwrap();
    assert!(finding(&fixture(&case), "grant-outside-account").cause.starts_with("grant "));
}
