//! What a rule rests on: where one of these facts was not read, that the rule found nothing means nothing; where another was not, the rule speaks all the same.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use std::{collections::BTreeSet, fs, path::Path};

use key::{Example, finding};
use kms_insights_findings::{RULES, RestsOn, RuleInfo};
use serde_json::{Value, json};

const FACTS: [RestsOn; 9] = [
    RestsOn::Metadata,
    RestsOn::Policies,
    RestsOn::Grants,
    RestsOn::LastUsage,
    RestsOn::Aliases,
    RestsOn::Tags,
    RestsOn::Rotation,
    RestsOn::Organization,
    RestsOn::ReplicaPolicies,
];

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
        RestsOn::Organization => return without_organization(&fixture),
        RestsOn::ReplicaPolicies => {
            for replica in fixture.get_mut("replicas").and_then(Value::as_array_mut).into_iter().flatten() {
                replica["policy"] = Value::Null;
            }
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

/// The same key, of whose organization nothing is known.
fn without_organization(fixture: &Value) -> Value {
    let mut fixture = fixture.clone();
    for name in ["organization_id", "organization_accounts"] {
        fixture.as_object_mut().unwrap().remove(name);
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

/// Every labelled policy, as a fixture in which the organization is known.
fn labelled() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/policies");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir() && !path.ends_with("peers"));
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let fixture = |path: std::path::PathBuf| {
        let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut fixture = json!({ "policy_text": case["policy"].to_string(), "organization_id": "o-exampleorgid", "organization_accounts": ["111122223333", "222233334444"] });
        if let Some(grants) = case.get("grants") {
            fixture["grants"] = serde_json::to_value(kms_insights_policy::read_grants(&grants.to_string()).unwrap()).unwrap();
        }
        (path.display().to_string(), fixture)
    };
    files.map(fixture).collect()
}

#[test]
fn what_is_found_only_where_the_organization_is_known_is_of_rules_that_rest_on_it() {
    let cases = labelled();
    assert!(cases.len() > 150, "{}", cases.len());
    let mut differing = BTreeSet::new();
    for (name, fixture) in cases {
        let ids = |fixture: &Value| Example::new(fixture).analyze().findings.into_iter().map(|finding| (finding.id, finding.rule)).collect::<BTreeSet<_>>();
        for (_, rule) in ids(&fixture).difference(&ids(&without_organization(&fixture))) {
            let rests_on = RULES.iter().find(|known| known.id == *rule).unwrap().rests_on;
            assert!(rests_on.contains(&RestsOn::Organization), "{name}: {rule}");
            differing.insert(*rule);
        }
    }
    assert!(differing.contains("outside-organization"), "{differing:?}");
}

#[test]
fn outsiders_are_the_same_finding_where_the_organization_is_not_known() {
    const TWO: [&str; 2] = ["outside-organization", "outside-account"];
    let mut compared = 0;
    for (name, fixture) in labelled() {
        let of_two = |fixture: &Value| {
            let found = Example::new(fixture).analyze().findings;
            found.into_iter().filter(|finding| TWO.contains(&finding.rule)).map(|finding| (finding.place.statement(), finding)).collect::<Vec<_>>()
        };
        let (known, unknown) = (of_two(&fixture), of_two(&without_organization(&fixture)));
        let ids: BTreeSet<&str> = known.iter().map(|(_, finding)| finding.id.as_str()).collect();
        assert_eq!(ids.len(), known.len(), "{name}: two findings of one id");
        for (statement, finding) in &unknown {
            assert_eq!(finding.rule, "outside-account", "{name}");
            let same: Vec<(&str, bool)> = known.iter().filter(|(of, _)| of == statement).map(|(_, other)| (other.rule, other.id == finding.id)).collect();
            let is_inside = finding.title.contains("inside the organization");
            match same.as_slice() {
                [] => continue,
                // Who is known to be inside is another matter, unless that was known before.
                [("outside-account", is_same)] => assert_eq!(*is_same, is_inside, "{name}, statement {statement:?}"),
                [(_, is_same)] => assert!(is_same, "{name}, statement {statement:?}"),
                // A finding about both is none about either.
                several => assert!(several.iter().all(|(_, is_same)| !is_same), "{name}, statement {statement:?}"),
            }
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}
