//! Changed policies: what a finding proposes is a policy, makes the finding go away, brings nothing as bad, and locks nobody out.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use std::{fs, path::Path};

use key::{Example, finding};
use kms_insights_findings::{Finding, KeyAnalysis, RULES};
use serde_json::{Value, json};

/// Every fixture, by its file's name.
fn fixtures() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let fixture = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), fixture)
    };
    let mut all: Vec<(String, Value)> = files.map(read).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The analysis of the fixture with the changed policy in the place of its own.
fn with_policy(fixture: &Value, text: &str) -> KeyAnalysis {
    let mut changed = fixture.clone();
    changed["policy"] = serde_json::from_str(text).unwrap();
    changed["as_written"] = json!(true);
    Example::new(&changed).analyze()
}

/// Tries every proposal out that the analysis of the fixture makes.
fn assert_proposals_hold(name: &str, fixture: &Value) -> usize {
    let before = Example::new(fixture).analyze();
    let proposing: Vec<&Finding> = before.findings.iter().filter(|finding| finding.changed_policy.is_some()).collect();
    for finding in &proposing {
        let text = finding.changed_policy.as_deref().unwrap();
        let rule = finding.rule;
        assert!(kms_insights_policy::parse(text).is_ok(), "{name}, {rule}: {text}");
        let after = with_policy(fixture, text);
        // Of statements that say the same, nobody can say which is left.
        let has_twin = before.findings.iter().any(|other| other.rule == rule && other.id != finding.id && other.evidence == finding.evidence);
        assert!(has_twin || after.findings.iter().all(|left| left.id != finding.id), "{name}, {rule}: the finding stays\n{text}");
        let of_rule = |findings: &[Finding]| findings.iter().filter(|other| other.rule == rule).count();
        assert!(of_rule(&after.findings) < of_rule(&before.findings), "{name}, {rule}: the rule fires as often\n{text}");
        let as_bad = |findings: &[Finding]| findings.iter().filter(|other| other.severity >= finding.severity).count();
        assert!(as_bad(&after.findings) < as_bad(&before.findings), "{name}, {rule}: something as bad in its place: {:#?}", after.findings);
        let locked = |analysis: &KeyAnalysis| analysis.findings.iter().any(|finding| finding.rule == "locked-out");
        assert!(!locked(&after) || locked(&before), "{name}, {rule}: nobody could change it back\n{text}");
    }
    proposing.len()
}

#[test]
fn what_a_finding_proposes_makes_it_go_away_and_nothing_worse() {
    for (name, fixture) in fixtures() {
        assert_proposals_hold(&name, &fixture);
    }
}

#[test]
fn proposals_hold_whatever_else_the_policy_says() {
    let statements = |fixture: &Value| fixture["policy"]["Statement"].as_array().cloned();
    let all: Vec<(String, Value, Vec<Value>)> =
        fixtures().into_iter().filter_map(|(name, fixture)| Some((name, fixture.clone(), statements(&fixture)?))).collect();
    let mut tried = 0;
    for (name, fixture, own) in &all {
        for (other, _, more) in all.iter().filter(|(name, ..)| name.ends_with(".fires.json")) {
            for as_written in [false, true] {
                let mut both = fixture.clone();
                both["policy"]["Statement"] = json!([own.clone(), more.clone()].concat());
                both["as_written"] = json!(as_written);
                tried += assert_proposals_hold(&format!("{name} and {other}"), &both);
            }
        }
    }
    assert!(tried > 1000, "{tried} proposals");
}

#[test]
fn rules_whose_matter_a_change_of_the_policy_settles_propose_one() {
    let proposing = [
        "public",
        "outside-organization",
        "outside-account",
        "locked-out",
        "not-action",
        "unfenced-create-grant",
        "toothless-condition",
        "confused-deputy",
        "outside-intent",
        "deleted-principal",
    ];
    for rule in RULES {
        let (_, fixture) = fixtures().into_iter().find(|(name, _)| *name == format!("{}.fires.json", rule.id)).unwrap();
        let proposes = Example::new(&fixture).analyze().findings.iter().any(|finding| finding.rule == rule.id && finding.changed_policy.is_some());
        assert_eq!(proposes, proposing.contains(&rule.id), "{}", rule.id);
    }
}

fn statement(principal: &Value, action: &Value) -> Value {
    json!({ "Sid": "S", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*" })
}

fn proposed(statements: &[Value], rule: &str) -> Option<Value> {
    let fixture = json!({ "policy": { "Version": "2012-10-17", "Id": "key", "Statement": statements } });
    finding(&fixture, rule).changed_policy.map(|text| serde_json::from_str(&text).unwrap())
}

#[test]
fn the_rest_of_the_policy_stays_as_it_is_written() {
    let other = json!({ "Effect": "Allow", "Principal": { "AWS": "111122223333" }, "Action": ["kms:Get*", "KMS:list*"], "Resource": "*" });
    let changed = proposed(&[other.clone(), statement(&json!("*"), &json!("kms:Encrypt"))], "public").unwrap();
    assert_eq!((&changed["Version"], &changed["Id"], &changed["Statement"][0]), (&json!("2012-10-17"), &json!("key"), &other));
    let expected = json!({ "Sid": "S", "Effect": "Allow", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*", "Condition": { "StringEquals": { "kms:CallerAccount": "111122223333" } } });
    assert_eq!(changed["Statement"][1], expected);
    assert_eq!(changed["Statement"].as_array().unwrap().len(), 3, "and the keeper");
}

#[test]
fn principals_are_taken_out_of_their_list_and_the_statement_with_the_last() {
    let (vendor, app) = ("arn:aws:iam::444455556666:role/vendor", "arn:aws:iam::111122223333:role/app");
    let both = statement(&json!({ "AWS": [vendor, app], "Service": "logs.amazonaws.com" }), &json!("kms:DescribeKey"));
    let left = proposed(&[both], "outside-account").unwrap();
    assert_eq!(left["Statement"][0]["Principal"], json!({ "AWS": [app], "Service": "logs.amazonaws.com" }));
    let alone = proposed(&[statement(&json!({ "AWS": vendor }), &json!("kms:Decrypt"))], "outside-account").unwrap();
    assert_eq!(alone["Statement"].as_array().unwrap().len(), 1, "the keeper");
}

#[test]
fn making_grants_is_put_into_a_statement_of_its_own() {
    let app = json!({ "AWS": "arn:aws:iam::111122223333:role/app" });
    let changed = proposed(&[statement(&app, &json!(["kms:Decrypt", "kms:CreateGrant"]))], "unfenced-create-grant").unwrap();
    let fence = json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } });
    assert_eq!(changed["Statement"][0], statement(&app, &json!(["kms:Decrypt"])));
    assert_eq!(changed["Statement"][1], json!({ "Effect": "Allow", "Principal": app, "Action": "kms:CreateGrant", "Resource": "*", "Condition": fence }));
    assert_eq!(proposed(&[statement(&app, &json!("kms:*Grant"))], "unfenced-create-grant"), None, "what else the wildcard stands for, a person has to say");
}

#[test]
fn what_would_lock_the_account_out_is_not_proposed() {
    let only = json!({ "policy": { "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "AWS": ["444455556666", "111122223333"] },
        "Action": "kms:*", "Resource": "*" }] }, "as_written": true });
    assert!(finding(&only, "outside-account").changed_policy.is_some(), "the own account stays");
    let deputy = json!({ "policy": { "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "Service": "logs.amazonaws.com", "AWS": "111122223333" },
        "Action": "kms:*", "Resource": "*" }] }, "as_written": true });
    assert_eq!(finding(&deputy, "confused-deputy").changed_policy, None, "the account acts for nobody");
}

#[test]
fn the_policy_of_a_shared_resource_is_not_for_the_key_s_owner_to_write() {
    let shared = json!({ "ram_policy": { "Version": "2012-10-17", "Statement": [statement(&json!({ "AWS": "444455556666" }), &json!("kms:Decrypt"))] } });
    assert_eq!(finding(&shared, "outside-account").changed_policy, None);
}

#[test]
fn a_condition_is_added_under_the_operator_that_is_there_however_it_is_spelled() {
    let mut written = statement(&json!({ "Service": "logs.amazonaws.com" }), &json!("kms:Decrypt"));
    written["Condition"] = json!({ "stringequals": { "kms:EncryptionContext:app": "x" } });
    let changed = proposed(&[written], "confused-deputy").unwrap();
    assert_eq!(changed["Statement"][0]["Condition"], json!({ "stringequals": { "kms:EncryptionContext:app": "x", "aws:SourceAccount": "111122223333" } }));
}

#[test]
fn a_policy_of_hundreds_of_statements_is_not_copied_for_each_of_them() {
    let public: Vec<Value> = (0..100).map(|number| json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*", "Condition": { "StringEquals": { "kms:EncryptionContext:n": number } } })).collect();
    let found = Example::new(&json!({ "policy": { "Statement": public } })).analyze().findings;
    assert_eq!(found.iter().filter(|finding| finding.rule == "public").count(), 100);
    assert_eq!(found.iter().filter(|finding| finding.changed_policy.is_some()).count(), 20);
}

#[test]
fn proposals_that_come_to_nothing_have_a_bound_of_their_own() {
    // What else the wildcard stands for a person has to say, so no policy is proposed for these; for the services one is.
    let granting = |number: usize| statement(&json!({ "AWS": format!("arn:aws:iam::111122223333:role/r{number}") }), &json!("kms:CreateGran*"));
    let serving = |number: usize| statement(&json!({ "Service": format!("s{number}.amazonaws.com") }), &json!("kms:Encrypt"));
    let shown = |nothing: usize, something: usize| {
        let statements: Vec<Value> = (0..nothing).map(granting).chain((0..something).map(serving)).collect();
        let found = Example::new(&json!({ "policy": { "Version": "2012-10-17", "Statement": statements } })).analyze().findings;
        let of_rule = |rule: &str| found.iter().filter(|finding| finding.rule == rule).count();
        assert_eq!((of_rule("unfenced-create-grant"), of_rule("confused-deputy")), (nothing, something));
        found.iter().filter(|finding| finding.changed_policy.is_some()).count()
    };
    assert_eq!([shown(0, 15), shown(30, 15), shown(30, 30), shown(95, 15), shown(100, 15)], [15, 15, 20, 5, 0]);
}

/// What is said beside the proposal of the rule's one finding.
fn said(fixture: &Value, rule: &str) -> String {
    let found = finding(fixture, rule);
    assert!(found.changed_policy.is_some(), "{found:#?}");
    found.remediation.split_once("With the changed policy, ").unwrap().1.to_owned()
}

#[test]
fn a_proposal_says_who_loses_what_by_it() {
    let (vendor, app) = ("arn:aws:iam::444455556666:role/vendor", "arn:aws:iam::111122223333:role/app");
    let of = |statements: &[Value]| json!({ "policy": { "Version": "2012-10-17", "Statement": statements } });
    let decrypt = |principal: &Value| statement(principal, &json!(["kms:Decrypt", "kms:DescribeKey"]));
    let both = decrypt(&json!({ "AWS": [vendor, app] }));
    assert_eq!(said(&of(std::slice::from_ref(&both)), "outside-account"), format!("{vendor} can no longer decrypt or read about the key."));

    let mut granted = of(&[both]);
    granted["grants"] = json!([{ "id": "g", "grantee_principal": vendor, "operations": ["Decrypt"] }]);
    assert_eq!(said(&granted, "outside-account"), format!("{vendor} can no longer read about the key."), "the grant stays");

    let everyone = of(&[decrypt(&json!("*"))]);
    assert_eq!(said(&everyone, "public"), "everyone can no longer decrypt or read about the key, save every principal of account 111122223333.");

    let twice = of(&[decrypt(&json!("*")), statement(&json!({ "AWS": vendor }), &json!("kms:Decrypt"))]);
    assert_eq!(said(&twice, "outside-account"), "nobody loses access.", "everyone may, and so may the vendor");

    let session = "arn:aws:sts::444455556666:assumed-role/vendor/night";
    let as_role = of(&[decrypt(&json!({ "AWS": session })), statement(&json!({ "AWS": vendor }), &json!("kms:Decrypt"))]);
    let of_session = Example::new(&as_role).analyze().findings.into_iter().find(|finding| finding.rule == "outside-account").unwrap().remediation;
    assert!(of_session.ends_with(&format!("{session} can no longer read about the key.")), "as the role it decrypts: {of_session}");

    let roles: Vec<String> = (0..20).map(|number| format!("arn:aws:iam::444455556666:role/r{number}")).collect();
    let many = said(&of(&[decrypt(&json!({ "AWS": roles }))]), "outside-account");
    assert!(many.ends_with("role/r2, 17 more can no longer decrypt or read about the key."), "{many}");

    let locked = json!({ "policy": { "Version": "2012-10-17", "Statement": [decrypt(&json!({ "AWS": app }))] }, "as_written": true });
    let gains = "account 111122223333 can now encrypt, decrypt, make or end grants, administer the key or read about the key, by its IAM policies";
    assert_eq!(said(&locked, "locked-out"), format!("nobody loses access; {gains}."));
}

#[test]
fn if_exists_is_taken_away_where_the_key_is_to_be_there() {
    let app = "arn:aws:iam::111122223333:role/app";
    for (operator, plain, key, value, fence) in [
        ("BoolIfExists", "Bool", "aws:MultiFactorAuthPresent", "true", "is true"),
        ("NumericLessThanIfExists", "NumericLessThan", "aws:MultiFactorAuthAge", "3600", "< 3600"),
        ("IpAddressIfExists", "IpAddress", "aws:SourceIp", "203.0.113.0/24", "is in 203.0.113.0/24"),
        ("StringEqualsIfExists", "StringEquals", "aws:SourceVpce", "vpce-1a2b3c4d", "is vpce-1a2b3c4d"),
    ] {
        let mut fenced = statement(&json!({ "AWS": app }), &json!("kms:Decrypt"));
        fenced["Condition"] = json!({ operator: { key: value } });
        let fixture = json!({ "policy": { "Version": "2012-10-17", "Statement": [fenced] } });
        let changed: Value = serde_json::from_str(finding(&fixture, "toothless-condition").changed_policy.as_deref().unwrap()).unwrap();
        assert_eq!(changed["Statement"][0]["Condition"], json!({ plain: { key: value } }));
        assert_eq!(said(&fixture, "toothless-condition"), format!("{app} can decrypt only if {key} {fence}."));
    }
}

#[test]
fn a_deny_that_names_nobody_alive_is_dropped_and_keeps_nobody_out_before_or_after() {
    let deny = |principals: Value| {
        let statement = json!({ "Effect": "Deny", "Principal": { "AWS": principals }, "Action": "kms:*", "Resource": "*" });
        json!({ "policy": { "Version": "2012-10-17", "Statement": [statement] } })
    };
    let alone = finding(&deny(json!("AROACKCEVSQ6C2EXAMPLE")), "deleted-principal");
    let changed: Value = serde_json::from_str(alone.changed_policy.as_deref().unwrap()).unwrap();
    assert_eq!(changed["Statement"].as_array().map(Vec::len), Some(1), "the keeper");
    assert!(alone.remediation.starts_with("The Deny names nobody who is left, so it denies nobody anything"), "{}", alone.remediation);
    assert!(alone.remediation.ends_with("With the changed policy, nobody loses access."), "{}", alone.remediation);
    let beside = finding(&deny(json!(["AROACKCEVSQ6C2EXAMPLE", "arn:aws:iam::111122223333:role/app"])), "deleted-principal");
    assert_eq!(
        beside.remediation,
        "Remove the id, with which KMS refuses the policy when it is put again; if the principal was made anew, write its ARN. With the changed policy, nobody loses access."
    );
}
