//! Rules about the text of a policy: what KMS refuses, and what has no effect.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use key::{Example, finding};
use kms_insights_findings::{Confidence, Finding, Place, Severity};
use kms_insights_policy::access::PolicyName;
use serde_json::{Value, json};

const APP: &str = "arn:aws:iam::111122223333:role/app";

/// A statement for a role, with some elements set otherwise; `null` takes one out.
fn statement(changes: &Value) -> Value {
    let mut statement = json!({ "Effect": "Allow", "Principal": { "AWS": APP }, "Action": "kms:Decrypt", "Resource": "*" });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => _ = statement.as_object_mut().unwrap().remove(name),
            value => statement[name] = value.clone(),
        }
    }
    statement
}

fn of_rule(fixture: &Value, rule: &str) -> Vec<Finding> {
    Example::new(fixture).analyze().findings.into_iter().filter(|finding| finding.rule == rule).collect()
}

fn policy(version: &str, statement: &Value) -> Value {
    json!({ "policy": { "Version": version, "Statement": [statement] } })
}

/// What the rule says of such a statement: severity, confidence, title and the elements that are meant.
fn said(rule: &str, version: &str, changes: &Value) -> Option<(Severity, Confidence, String, Vec<String>)> {
    let mut found = of_rule(&policy(version, &statement(changes)), rule);
    assert!(found.len() <= 1, "{found:#?}");
    let found = found.pop()?;
    assert_eq!((found.place.policy(), found.place.statement()), (Some(PolicyName::Default), Some(0)));
    Some((found.severity, found.confidence, found.title.clone(), found.place.elements().iter().map(|path| path.join(" ")).collect()))
}

#[test]
fn what_is_not_in_the_grammar_is_named_with_its_place() {
    let refused = |changes: &Value| said("kms-refuses", "2012-10-17", changes);
    let is = |what: &str, elements: &[&str]| {
        let title = format!("KMS refuses this, or does not heed it: {what}");
        Some((Severity::Medium, Confidence::Likely, title, elements.iter().map(|&element| element.to_owned()).collect()))
    };
    let other = "arn:aws-cn:iam::111122223333:role/app";
    let (nameless, profile) = ("arn:aws:iam::111122223333:role/", "arn:aws:iam::111122223333:instance-profile/x");
    let (group, wildcard) = ("arn:aws:iam::111122223333:group/staff", "arn:aws:iam::111122223333:role/*");
    for (changes, expected) in [
        (json!({}), None),
        (json!({ "Resorce": "*" }), is("the element Resorce", &["Resorce"])),
        (
            json!({ "Condition": { "StringMatches": { "kms:ViaService": "x", "aws:username": "y" } } }),
            is("the operator StringMatches", &["Condition StringMatches"]),
        ),
        (json!({ "Condition": { "StringEquals": { "kms:Tomorrow": "x" } } }), None),
        (json!({ "Principal": { "AWS": [APP, other] } }), is(&format!("the principal {other} (of another partition)"), &["Principal"])),
        (json!({ "Effect": "Deny", "Principal": null, "NotPrincipal": { "AWS": group } }), is(&format!("the principal {group} (a group)"), &["NotPrincipal"])),
        (json!({ "Principal": { "AWS": wildcard } }), is(&format!("the principal {wildcard} (a wildcard within a name)"), &["Principal"])),
        (json!({ "Principal": { "CanonicalUser": "79a5" } }), None),
        (json!({ "Principal": { "AWS": "11112222333" } }), is("the principal 11112222333 (no principal)", &["Principal"])),
        (json!({ "Principal": { "AWS": "app" } }), is("the principal app (no principal)", &["Principal"])),
        (json!({ "Principal": { "AWS": "arn:aws:s3:::bucket" } }), is("the principal arn:aws:s3:::bucket (no principal)", &["Principal"])),
        (json!({ "Principal": { "AWS": nameless } }), is(&format!("the principal {nameless} (no principal)"), &["Principal"])),
        (json!({ "Principal": { "AWS": profile } }), is(&format!("the principal {profile} (no principal)"), &["Principal"])),
        (json!({ "Condition": { "NullIfExists": { "kms:ViaService": "false" } } }), is("the operator NullIfExists", &["Condition NullIfExists"])),
    ] {
        assert_eq!(refused(&changes), expected, "{changes}");
    }
}

#[test]
fn the_id_of_a_deleted_principal_is_refused_where_the_policy_has_yet_to_be_put() {
    let id = "AROACKCEVSQ6C2EXAMPLE";
    let title = format!("KMS refuses this, or does not heed it: the principal {id} (the id of a deleted principal, which KMS refuses in a policy that is put)");
    let of = |principal: Value| {
        said("kms-refuses", "2012-10-17", &json!({ "Principal": principal })).map(|(severity, confidence, title, _)| (severity, confidence, title))
    };
    assert_eq!(of(json!({ "AWS": [APP, id] })), Some((Severity::Low, Confidence::Likely, title)), "of a policy that is stored it means nothing");
    assert_eq!(of(json!({ "AWS": ["app", id] })).map(|(severity, ..)| severity), Some(Severity::Medium));
    // A proposal that keeps such an id says that KMS refuses it.
    let vendor = statement(&json!({ "Principal": { "AWS": ["arn:aws:iam::444455556666:role/vendor", id] } }));
    let remediation = finding(&policy("2012-10-17", &vendor), "outside-account").remediation;
    assert!(remediation.ends_with(&format!("KMS refuses it as long as it names ids of deleted principals: {id}.")), "{remediation}");
    let without = finding(&policy("2012-10-17", &vendor), "deleted-principal").remediation;
    assert!(without.ends_with("With the changed policy, nobody loses access."), "{without}");
}

#[test]
fn characters_that_kms_does_not_take_are_named() {
    let of = |sid: &str| {
        let found = of_rule(&policy("2012-10-17", &statement(&json!({ "Sid": sid }))), "kms-refuses");
        found.into_iter().map(|finding| (finding.severity, finding.confidence, finding.title, finding.evidence, finding.id)).collect::<Vec<_>>()
    };
    assert_eq!(of("Für die Müllabfuhr, ÿ"), []);
    let title = "KMS refuses this, or does not heed it: characters other than those of Latin-1, U+0153, U+65E5".to_owned();
    let found = of("日œ日");
    assert_eq!(
        found.iter().map(|(severity, confidence, title, evidence, _)| (*severity, *confidence, title.clone(), evidence.clone())).collect::<Vec<_>>(),
        [(Severity::Medium, Confidence::Likely, title, r#"{"characters":["U+0153","U+65E5"]}"#.to_owned())]
    );
    assert_ne!(of("日")[0].4, found[0].4, "a waiver is for these characters");
}

#[test]
fn a_sid_that_two_statements_have_is_named() {
    let of = |sids: &[&str]| {
        let statements: Vec<Value> = sids.iter().map(|sid| statement(&json!({ "Sid": sid }))).collect();
        let found = of_rule(&json!({ "policy": { "Version": "2012-10-17", "Statement": statements } }), "kms-refuses");
        found.into_iter().map(|finding| (finding.title, finding.evidence)).collect::<Vec<_>>()
    };
    assert_eq!(of(&["a", "b", "A"]), []);
    let title = "KMS refuses this, or does not heed it: the Sid a of more than one statement".to_owned();
    assert_eq!(of(&["a", "b", "a", "a"]), [(title, r#"{"Sid":["a"]}"#.to_owned())]);
}

#[test]
fn a_waiver_of_one_fault_is_none_of_another_in_the_same_statement() {
    let id = |rule: &str, changes: &Value| {
        let found = of_rule(&policy("2012-10-17", &statement(changes)), rule);
        found.first().map(|finding| finding.id.clone()).unwrap()
    };
    let refused =
        [json!({ "Foo": 1 }), json!({ "Foo": 2 }), json!({ "Conditions": { "StringEquals": { "kms:ViaService": "x" } } }), json!({ "Foo": 1, "Bar": 1 })]
            .map(|changes| id("kms-refuses", &changes));
    assert_eq!(refused.iter().collect::<std::collections::BTreeSet<_>>().len(), refused.len(), "{refused:?}");
    let deny = |more: Value| {
        let mut changes = json!({ "Effect": "Deny", "Action": ["kms:Decypt", "kms:Encrypt"] });
        changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        id("no-effect", &changes)
    };
    let idle = [deny(json!({})), deny(json!({ "Resource": null })), deny(json!({ "Resource": "arn:aws:s3:::bucket" }))];
    assert_eq!(idle.iter().collect::<std::collections::BTreeSet<_>>().len(), idle.len(), "{idle:?}");
    assert_eq!(deny(json!({ "Sid": "Named" })), idle[0], "the same faults of the same statement");
}

#[test]
fn the_principals_that_kms_refuses_are_told_from_the_others() {
    let other = "arn:aws-cn:iam::111122223333:role/app";
    let found = finding(&policy("2012-10-17", &statement(&json!({ "Principal": { "AWS": [APP, other] } }))), "kms-refuses");
    assert_eq!(found.principals.iter().map(|principal| &**principal).collect::<Vec<_>>(), [other]);
}

#[test]
fn a_version_that_there_is_not_and_elements_of_the_policy_are_one_finding() {
    let with = |version: &str, more: &[&str]| {
        let mut fixture = policy(version, &statement(&json!({})));
        for name in more {
            fixture["policy"][name] = json!("x");
        }
        of_rule(&fixture, "kms-refuses")
    };
    assert_eq!([with("2012-10-17", &[]), with("2008-10-17", &[])], [vec![], vec![]]);
    let found = with("2026-11-22", &["Comment"]);
    let [found] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((found.severity, found.confidence), (Severity::Medium, Confidence::Likely));
    assert_eq!(found.title, "KMS refuses this, or does not heed it: Version 2026-11-22, the element Comment");
    let elements = vec![vec!["Version".to_owned()], vec!["Comment".to_owned()]];
    assert_eq!(found.place, Place::Policy { policy: PolicyName::Default, elements });
    assert_eq!(serde_json::from_str::<Value>(&found.evidence).unwrap(), json!({ "Version": "2026-11-22", "Comment": "x" }));
    assert_ne!(with("2026-11-22", &[])[0].id, found.id, "a waiver of the one is none of the other");
}

#[test]
fn a_policy_is_too_long_by_its_bytes_and_perhaps_by_its_white_space() {
    let of_length = |roles: usize, pretty: bool| {
        let principals: Vec<String> = (0..roles).map(|role| format!("arn:aws:iam::111122223333:role/r{role:012}")).collect();
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement(&json!({ "Principal": { "AWS": principals }, "Action": "kms:PutKeyPolicy" }))] });
        let text = if pretty { serde_json::to_string_pretty(&policy).unwrap() } else { policy.to_string() };
        let length = text.len();
        let found = of_rule(&json!({ "policy_text": text }), "kms-refuses");
        assert!(found.len() <= 1);
        (length, found.first().map(|finding| (finding.severity, finding.confidence, finding.title.clone())))
    };
    let (length, found) = of_length(550, true);
    assert!(length < 32_768 && found.is_none(), "{length} {found:?}");
    let (length, found) = of_length(600, true);
    let title = format!("The policy has {length} bytes, and KMS stores 32768 at most, which it has without the white space between its elements");
    assert_eq!(found, Some((Severity::Low, Confidence::Possible, title)));
    let (length, found) = of_length(800, false);
    assert_eq!(found, Some((Severity::Medium, Confidence::Certain, format!("The policy has {length} bytes, and KMS stores 32768 at most"))));
}

#[test]
fn nobody_is_told_of_the_policies_that_aws_writes() {
    let mut managed = policy("2026-11-22", &statement(&json!({ "Resource": null, "Resorce": "*" })));
    managed["facts"] = json!({ "metadata": { "value": { "manager": "AWS" } } });
    assert_eq!(Example::new(&managed).analyze().findings, []);
    let shared = json!({ "ram_policy": { "Version": "2012-10-17", "Statement": [statement(&json!({ "Resource": null, "Resorce": "*" }))] } });
    assert_eq!((of_rule(&shared, "kms-refuses"), of_rule(&shared, "no-effect")), (vec![], vec![]));
}

#[test]
fn a_statement_without_effect_weighs_by_what_it_was_to_protect() {
    let idle = |changes: &Value| said("no-effect", "2012-10-17", changes);
    let is = |severity, confidence, what: &str, elements: &[&str]| {
        let doubt = if confidence == Confidence::Certain { "" } else { " (not certain: AWS does not document it, or may have added it)" };
        Some((severity, confidence, format!("This has no effect: {what}{doubt}"), elements.iter().map(|&element| element.to_owned()).collect()))
    };
    let (certain, possible) = (Confidence::Certain, Confidence::Possible);
    let deny = |mut more: Value| {
        more["Effect"] = json!("Deny");
        more
    };
    let key = |id: &str| json!({ "Resource": format!("arn:aws:kms:eu-central-1:111122223333:key/{id}") });
    let elsewhere = "the statement, whose Resource names something else than the key";
    for (changes, expected) in [
        (json!({}), None),
        (json!({ "Resource": null }), is(Severity::Low, certain, "the statement, which has no Resource", &[])),
        (deny(json!({ "Resource": null })), is(Severity::Medium, certain, "the statement, which has no Resource", &[])),
        (deny(json!({ "Action": null })), is(Severity::Medium, certain, "the statement, which has no Action", &[])),
        (json!({ "Action": null, "Resource": null }), is(Severity::Low, certain, "the statement, which has neither Action nor Resource", &[])),
        (json!({ "Resource": [] }), is(Severity::Low, certain, "the statement, whose Resource is empty", &["Resource"])),
        (json!({ "Resource": null, "NotResource": "*" }), is(Severity::Low, certain, "the statement, whose NotResource excludes the key", &["NotResource"])),
        (json!({ "Action": ["kms:ListKeys", "s3:GetObject"] }), is(Severity::Low, certain, "the statement, none of whose actions acts on a key", &["Action"])),
        (key("1234abcd-12ab-34cd-56ef-1234567890ab"), None),
        (key("*"), None),
        (key("9999abcd-12ab-34cd-56ef-1234567890ab"), is(Severity::Low, possible, elsewhere, &["Resource"])),
        (deny(json!({ "Resource": "arn:aws:s3:::bucket" })), is(Severity::Medium, possible, elsewhere, &["Resource"])),
        (json!({ "Action": ["kms:Decypt", "kms:Encrypt"] }), is(Severity::Low, possible, "the action kms:Decypt, which KMS does not have", &["Action"])),
        (deny(json!({ "Action": ["kms:PutKeyPolcy"] })), is(Severity::Medium, possible, "the action kms:PutKeyPolcy, which KMS does not have", &["Action"])),
        (
            json!({ "Action": null, "NotAction": ["kms:Decypt", "kms:Put*"] }),
            is(Severity::Medium, possible, "the action kms:Decypt, which KMS does not have", &["NotAction"]),
        ),
        (deny(json!({ "Action": ["ksm:Decrypt", "kms:Encrypt"] })), is(Severity::Medium, certain, "the action ksm:Decrypt, which acts on no key", &["Action"])),
        (
            json!({ "Action": ["kms:Decrypt", "s3:GetObject", "kms:ListKeys"] }),
            is(Severity::Low, certain, "the action s3:GetObject, which acts on no key, the action kms:ListKeys, which acts on no key", &["Action"]),
        ),
        (json!({ "Action": ["kms:Decrypt", "kms:List*", "*"] }), None),
        (json!({ "Condition": { "StringEquals": { "aws:PrincipalAccount": "${aws:ResourceAccount}" } } }), None),
    ] {
        assert_eq!(idle(&changes), expected, "{changes}");
    }
}

#[test]
fn a_policy_variable_is_plain_text_in_a_policy_of_2008() {
    let condition =
        json!({ "Condition": { "StringEquals": { "aws:PrincipalAccount": ["111122223333", "${aws:ResourceAccount}"], "aws:username": "${no variable}" } } });
    let expected = (
        Severity::Low,
        Confidence::Certain,
        "This does not do what it says: the policy variable ${aws:ResourceAccount}, which is plain text without Version 2012-10-17".to_owned(),
        vec!["Condition StringEquals aws:PrincipalAccount".to_owned()],
    );
    assert_eq!(said("no-effect", "2008-10-17", &condition), Some(expected));
    let mut unversioned = policy("", &statement(&condition));
    unversioned["policy"].as_object_mut().unwrap().remove("Version");
    assert_eq!(of_rule(&unversioned, "no-effect").len(), 1);
    assert_eq!(said("no-effect", "2012-10-17", &condition), None);
}

#[test]
fn a_negated_condition_of_plain_text_alone_holds_for_everybody_and_is_not_said_to_have_no_effect() {
    let of = |effect: &str, operator: &str, values: Value| {
        let changes = json!({ "Effect": effect, "Principal": "*", "Condition": { operator: { "aws:PrincipalOrgID": values } } });
        said("no-effect", "2008-10-17", &changes).map(|(severity, confidence, title, _)| (severity, confidence, title))
    };
    let plain = "This does not do what it says: the policy variable ${aws:ResourceOrgID}, which is plain text without Version 2012-10-17";
    let own = || json!("${aws:ResourceOrgID}");
    let for_all = || format!("{plain}, so that StringNotEquals aws:PrincipalOrgID holds for everybody");
    for (effect, operator, values, severity, title) in [
        ("Deny", "StringNotEquals", own(), Severity::Medium, for_all()),
        ("Allow", "StringNotEquals", own(), Severity::Medium, for_all()),
        ("Deny", "StringNotEquals", json!(["o-example", "${aws:ResourceOrgID}"]), Severity::Medium, plain.to_owned()),
        ("Deny", "StringEquals", own(), Severity::Medium, plain.to_owned()),
        ("Allow", "StringEquals", own(), Severity::Low, plain.to_owned()),
    ] {
        assert_eq!(of(effect, operator, values.clone()), Some((severity, Confidence::Certain, title)), "{effect} {operator} {values}");
    }
}
