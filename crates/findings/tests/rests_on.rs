//! What a rule rests on: where one of these facts was not read, that the rule found nothing means nothing; where another was not, the rule speaks all the same.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use std::{fs, path::Path};

use key::{Example, finding};
use kms_insights_findings::{RULES, RestsOn, RuleInfo};
use serde_json::{Value, json};

const FACTS: [RestsOn; 7] = [RestsOn::Metadata, RestsOn::Policies, RestsOn::Grants, RestsOn::LastUsage, RestsOn::Aliases, RestsOn::Tags, RestsOn::Rotation];

/// The fixture on which the rule fires.
fn fires(rule: &RuleInfo) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{}.fires.json", rule.id));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The same key, of which a fact was denied.
fn without(fixture: &Value, fact: RestsOn) -> Value {
    let mut fixture = fixture.clone();
    let names: &[&str] = match fact {
        RestsOn::Policies => &["policy", "ram_policy"],
        RestsOn::LastUsage => {
            fixture.as_object_mut().unwrap().remove("last_usage");
            return fixture;
        }
        RestsOn::Metadata | RestsOn::Grants | RestsOn::Aliases | RestsOn::Tags | RestsOn::Rotation => &[fact.as_str()],
    };
    if fixture.get("facts").is_none() {
        fixture["facts"] = json!({});
    }
    for name in names {
        fixture["facts"][name] = json!({ "status": "denied", "value": { "action": "kms:DescribeKey", "code": "access_denied", "message": "" } });
    }
    fixture
}

fn speaks(rule: &RuleInfo, fixture: &Value) -> bool {
    Example::new(fixture).analyze().findings.iter().any(|finding| finding.rule == rule.id)
}

#[test]
fn a_rule_speaks_without_the_facts_that_it_does_not_rest_on() {
    for rule in RULES {
        for fact in FACTS.into_iter().filter(|fact| !rule.rests_on.contains(fact)) {
            assert!(speaks(rule, &without(&fires(rule), fact)), "{} does rest on {}", rule.id, fact.as_str());
        }
    }
}

#[test]
fn a_rule_about_one_thing_says_nothing_without_the_facts_that_it_rests_on() {
    // Rules about access have more than one source of it, and speak when one is left.
    for id in [
        "material-expiring",
        "pending-deletion",
        "rotation-off",
        "rotation-period",
        "disabled-long",
        "never-used",
        "not-used",
        "usage-unknown",
        "no-alias",
        "required-tags",
        "replica-policies-differ",
    ] {
        let rule = RULES.iter().find(|rule| rule.id == id).unwrap();
        assert!(!rule.rests_on.is_empty(), "{id}");
        for fact in rule.rests_on {
            assert!(!speaks(rule, &without(&fires(rule), *fact)), "{id} does not rest on {}", fact.as_str());
        }
    }
}

#[test]
fn a_last_use_that_was_not_read_keeps_no_disabled_key_from_being_reported() {
    // A last use that was not read may have been yesterday: the key is reported, and the evidence says what was not known.
    let rule = RULES.iter().find(|rule| rule.id == "disabled-long").unwrap();
    let evidence: Value = serde_json::from_str(&finding(&without(&fires(rule), RestsOn::LastUsage), rule.id).evidence).unwrap();
    assert_eq!((&evidence["last_used_at"], &evidence["last_usage_status"]), (&Value::Null, &json!("not_applicable")));
}
