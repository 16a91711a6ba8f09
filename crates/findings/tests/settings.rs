//! What an organization decides for itself: thresholds and waivers, read as a person would write them.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use std::{collections::BTreeSet, num::NonZeroU32};

use key::{Example, finding};
use kms_insights_findings::{Finding, FindingSettings, InvalidWaiver, Waiver};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn read(text: &str) -> FindingSettings {
    toml::from_str(text).unwrap()
}

/// A key without rotation and aliases, under these waivers.
fn key(waivers: &Value) -> Value {
    let facts = json!({ "aliases": { "value": [] }, "rotation": { "status": "observed", "value": { "enabled": false } } });
    json!({ "facts": facts, "settings": { "waivers": waivers } })
}

/// What is found of that key's rotation and aliases.
fn waived(waivers: &Value) -> Vec<Finding> {
    let findings = Example::new(&key(waivers)).analyze().findings;
    findings.into_iter().filter(|finding| ["rotation-off", "no-alias"].contains(&finding.rule)).collect()
}

/// The rules whose findings are covered by this waiver, which holds until `until` on a day that is 2026-11-22.
fn covered(waiver: &Value) -> Vec<&'static str> {
    let mut whole = json!({ "reason": "why not", "until": "2026-12-31" });
    whole.as_object_mut().unwrap().extend(waiver.as_object().unwrap().clone());
    waived(&json!([whole])).into_iter().filter(|finding| finding.waiver.is_some()).map(|finding| finding.rule).collect()
}

#[test]
fn what_is_not_said_has_its_default() {
    let days = |days: u32| NonZeroU32::new(days).unwrap();
    let defaults = FindingSettings {
        rotation_period_days: days(365),
        unused_days: days(90),
        disabled_days: days(30),
        expiring_days: days(30),
        required_tags: Vec::new(),
        trusted_accounts: BTreeSet::new(),
        waivers: Vec::new(),
    };
    assert_eq!(read(""), defaults);
    assert_eq!(FindingSettings::default(), defaults);
    assert_eq!(read("unused_days = 180"), FindingSettings { unused_days: days(180), ..defaults });
}

#[test]
fn what_is_not_known_or_makes_no_sense_is_an_error() {
    let waiver = |line: &str| format!("[[waivers]]\nrule = \"no-alias\"\nreason = \"a\"\n{line}\n");
    assert!(toml::from_str::<FindingSettings>(&waiver("until = \"2027-01-01\"")).is_ok());
    for (text, what) in [
        ("unused_day = 180".to_owned(), "unknown field `unused_day`"),
        ("unused_days = 0".to_owned(), "nonzero"),
        ("trusted_accounts = [\"vendor\"]".to_owned(), "is not an AWS account id"),
        (waiver("until = \"2027-01-01\"\nregion = \"eu-central-1\""), "unknown field `region`"),
        (waiver("until = \"2027-02-30\""), "out of range"),
        (waiver(""), "missing field `until`"),
        (waiver("until = \"2027-01-01\"\nkey = \"alias/orders\""), "is not the ARN of a KMS key"),
    ] {
        let error = toml::from_str::<FindingSettings>(&text).unwrap_err().to_string();
        assert!(error.contains(what), "{text}: {error}");
    }
}

#[test]
fn waivers_that_cannot_be_meant_are_errors() {
    let waiver = |names: &str, reason: &str| read(&format!("[[waivers]]\n{names}\nreason = \"{reason}\"\nuntil = \"2027-01-01\"")).check();
    assert_eq!(waiver("rule = \"public\"", "a test"), Ok(()));
    assert_eq!(waiver("", "a test"), Err(InvalidWaiver::Everything("a test".to_owned())));
    assert_eq!(waiver("rule = \"pubic\"", "a test"), Err(InvalidWaiver::UnknownRule("pubic".to_owned())));
    assert_eq!(waiver("rule = \"public\"", " "), Err(InvalidWaiver::NoReason("2027-01-01".parse().unwrap())));
    assert_eq!(
        InvalidWaiver::Everything("a test".to_owned()).to_string(),
        "a waiver names a finding, a rule, a key or an account; this one (\"a test\") names none"
    );
}

#[test]
fn a_waiver_covers_exactly_what_it_names() {
    let all = ["rotation-off", "no-alias"];
    assert_eq!(waived(&json!([])).iter().map(|finding| finding.rule).collect::<Vec<_>>(), all);
    let alias = finding(&key(&json!([])), "no-alias").id;
    let other_key = KEY.replace("eu-central-1", "us-east-1");
    for (waiver, rules) in [
        (json!({ "rule": "no-alias" }), &all[1..]),
        (json!({ "rule": "public" }), &[]),
        (json!({ "finding": alias }), &all[1..]),
        (json!({ "finding": alias[..15] }), &[]),
        (json!({ "key": KEY }), &all[..]),
        (json!({ "key": other_key }), &[]),
        (json!({ "account": "111122223333" }), &all[..]),
        (json!({ "account": "444455556666" }), &[]),
        (json!({ "rule": "no-alias", "account": "111122223333", "key": KEY, "finding": alias }), &all[1..]),
        (json!({ "rule": "rotation-off", "finding": alias }), &[]),
        (json!({ "rule": "no-alias", "account": "444455556666" }), &[]),
    ] {
        assert_eq!(covered(&waiver), rules, "{waiver}");
    }
}

#[test]
fn a_waiver_holds_to_the_end_of_its_last_day() {
    for (until, rules) in [("2026-11-21", &[][..]), ("2026-11-22", &["no-alias"]), ("2026-11-23", &["no-alias"])] {
        assert_eq!(covered(&json!({ "rule": "no-alias", "until": until })), rules, "{until}");
    }
}

#[test]
fn a_waived_finding_stays_as_it_is_and_names_the_waiver_that_holds_longest() {
    let waiver = |until: &str, reason: &str| json!({ "rule": "no-alias", "reason": reason, "until": until });
    let without = waived(&json!([]));
    let with = waived(&json!([waiver("2026-12-01", "short"), waiver("2027-12-01", "long"), waiver("2026-11-01", "over")]));
    let long: Waiver = serde_json::from_value(waiver("2027-12-01", "long")).unwrap();
    let expected: Vec<Finding> = without.into_iter().map(|finding| Finding { waiver: (finding.rule == "no-alias").then(|| long.clone()), ..finding }).collect();
    assert_eq!(with, expected);
}

#[test]
fn a_waiver_given_for_outsiders_holds_while_nothing_is_known_of_the_organization() {
    let vendor = json!({ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::444455556666:role/vendor" }, "Action": "kms:Encrypt", "Resource": "*" });
    let organization = json!({ "organization_id": "o-example", "organization_accounts": ["111122223333"] });
    let inside = json!({ "organization_id": "o-example", "organization_accounts": ["111122223333", "444455556666"] });
    let of = |organization: &Value, waiver: &Value| {
        let mut fixture = organization.clone();
        fixture["policy"] = json!({ "Version": "2012-10-17", "Statement": [vendor] });
        let mut whole = json!({ "reason": "a contract", "until": "2026-12-31" });
        whole.as_object_mut().unwrap().extend(waiver.as_object().unwrap().clone());
        fixture["settings"] = json!({ "waivers": [whole] });
        let found = Example::new(&fixture).analyze().findings.pop().unwrap();
        (found.rule, found.waiver.is_some(), found.id)
    };
    let nothing = json!({});
    let id = of(&organization, &json!({ "rule": "no-alias" })).2;
    for (waiver, covered) in [
        (json!({ "finding": id, "key": KEY }), [true, true, false]),
        // Inside the organization it is another matter, and no part of what was put up with.
        (json!({ "rule": "outside-organization", "key": KEY }), [true, true, false]),
        // That the account is outside is more than was put up with.
        (json!({ "rule": "outside-account", "key": KEY }), [false, true, true]),
        (json!({ "rule": "public", "key": KEY }), [false, false, false]),
    ] {
        let rules = ["outside-organization", "outside-account", "outside-account"];
        let found = [&organization, &nothing, &inside].map(|organization| of(organization, &waiver));
        assert_eq!(found.clone().map(|(rule, ..)| rule), rules);
        assert_eq!(found.map(|(_, waived, _)| waived), covered, "{waiver}");
    }
}
