//! What is read, what is kept, and what is refused with its place.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use kms_insights_model::KeyArn;
use kms_insights_policy::{
    Actions, Concern, Effect, MAX_TEXT_BYTES, PolicyDocument, PolicyError, Principal, PrincipalForm, Principals, Resources, SetQualifier, Surroundings, Test,
    access::{KeyAccess, KeyPolicies, key_access},
    parse,
};
use proptest::prelude::*;

fn key() -> KeyArn {
    "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap()
}

fn analyzed(document: &PolicyDocument) -> KeyAccess {
    let key = key();
    let around = Surroundings::of_key(&key, "2026-11-22T06:00:00Z".parse().unwrap());
    key_access(KeyPolicies { default: Some(document), ram: None }, &[], &around)
}

#[test]
fn every_element_is_read_and_nothing_is_dropped() {
    let statement = r#"{ "Sid":"A\u0020b", "Effect" : "Deny", "NotPrincipal": {"AWS": ["111122223333"], "Service": "x.amazonaws.com"},
        "NotAction": ["kms:Get*"], "NotResource": "arn:x", "Condition": {"ForAllValues:StringNotLikeIfExists": {"aws:TagKeys": ["a", true, 1.50]}, "Bool": {}},
        "Futurism": {"deep": [[[1]]]} }"#;
    let text = format!(r#"{{"Version": "2031-01-01", "Id": "id", "Statement": [{statement}], "Extra": null}}"#);
    let document = parse(&text).unwrap();
    assert_eq!(document.version.as_deref(), Some("2031-01-01"));
    assert_eq!(document.id.as_deref(), Some("id"));
    assert_eq!((document.unknown[0].name.as_str(), document.unknown[0].text.as_str()), ("Extra", "null"));
    let read = &document.statements[0];
    assert_eq!(&*read.text, statement, "the statement as written");
    assert_eq!(read.sid.as_deref(), Some("A b"));
    assert_eq!(read.effect, Effect::Deny);
    assert!(matches!(&read.principals, Principals::Except(listed) if listed.len() == 2));
    assert!(matches!(&read.actions, Actions::Except(listed) if **listed == ["kms:Get*".to_owned()]));
    assert_eq!(read.resources, Resources::Except(vec!["arn:x".to_owned()]));
    assert_eq!(read.unknown[0].text, r#"{"deep": [[[1]]]}"#);
    let condition = &read.conditions.entries[0];
    assert_eq!(condition.values, ["a", "true", "1.50"]);
    let operator = &condition.operator;
    assert_eq!((operator.set, operator.test, operator.negated, operator.if_exists), (Some(SetQualifier::ForAllValues), Test::StringLike, true, true));
    assert!(read.conditions.text.as_deref().unwrap().starts_with(r#"{"ForAllValues:"#));
}

#[test]
fn faults_are_told_with_statement_and_element() {
    let one = |statement: &str| format!(r#"{{"Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}, {statement}]}}"#);
    let faults = [
        (String::new(), "the policy is not JSON: EOF while parsing a value (line 1, column 0)"),
        ("[]".to_owned(), "the policy document: found a list, where an object with Version and Statement is legal"),
        ("{\n \"Statement\": [,]}".to_owned(), "the policy is not JSON: expected value (line 2, column 16)"),
        (r#"{"Version": "2012-10-17"}"#.to_owned(), "the policy document: Statement is missing"),
        (r#"{"Version": 2012, "Statement": []}"#.to_owned(), "element Version: found 2012, where a version string, such as \"2012-10-17\" is legal"),
        (r#"{"statement": []}"#.to_owned(), "the policy document: found the element \"statement\", where Statement is legal"),
        (r#"{"Statement": [], "Statement": []}"#.to_owned(), "the policy document: the name \"Statement\" occurs twice"),
        (one("7"), "statement 1: found 7, where a statement, which is an object, is legal"),
        (one(r#"{"Principal": "*"}"#), "statement 1: Effect is missing"),
        (one(r#"{"Effect": "allow", "Principal": "*"}"#), "statement 1, element Effect: found \"allow\", where \"Allow\" or \"Deny\" is legal"),
        (one(r#"{"Effect": "Allow"}"#), "statement 1: Principal or NotPrincipal is missing"),
        (one(r#"{"Effect": "Allow", "Principal": "*", "NotPrincipal": "*"}"#), "statement 1: Principal and NotPrincipal exclude each other"),
        (one(r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "NotAction": "*"}"#), "statement 1: Action and NotAction exclude each other"),
        (
            one(r#"{"Effect": "Allow", "Principal": "111122223333"}"#),
            "statement 1, element Principal: found \"111122223333\", where \"*\" or an object of AWS, Service, Federated or CanonicalUser is legal",
        ),
        (
            one(r#"{"Effect": "Allow", "NotPrincipal": {"AWS": []}}"#),
            "statement 1, element NotPrincipal: found an object, where at least one principal is legal",
        ),
        (
            one(r#"{"Effect": "Allow", "Principal": {"aws": "*"}}"#),
            "statement 1, element Principal: found \"aws\", where \"*\" or an object of AWS, Service, Federated or CanonicalUser is legal",
        ),
        (
            one(r#"{"Effect": "Allow", "Principal": {"AWS": ["*", null]}}"#),
            "statement 1, element Principal.AWS: found null, where a principal or a list of principals is legal",
        ),
        (
            one(r#"{"Effect": "Allow", "Principal": "*", "Action": {}}"#),
            "statement 1, element Action: found an object, where an action or a list of actions is legal",
        ),
        (one(r#"{"Effect": "Allow", "Principal": "*", "action": "kms:*"}"#), "statement 1: found the element \"action\", where Action is legal"),
        (
            one(r#"{"Effect": "Allow", "Principal": "*", "Condition": {"StringEquals": {"kms:CallerAccount": {"a": 1}}}}"#),
            "statement 1, element Condition.StringEquals.kms:CallerAccount: found an object, where a string, a number, true, false or a list of them is legal",
        ),
        (
            one(r#"{"Effect": "Allow", "Principal": "*", "Condition": {"StringEquals": {"a": "1", "a": "2"}}}"#),
            "statement 1, element Condition.StringEquals: the name \"a\" occurs twice",
        ),
    ];
    for (text, message) in faults {
        assert_eq!(parse(&text).unwrap_err().to_string(), message, "{text}");
    }
    assert_eq!(parse(&" ".repeat(MAX_TEXT_BYTES + 1)).unwrap_err(), PolicyError::TooLarge { bytes: MAX_TEXT_BYTES + 1, limit: MAX_TEXT_BYTES });
}

#[test]
fn hostile_nesting_and_half_characters_are_refused_or_kept_without_harm() {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(parse(&deep("")).is_err());
    let statement = format!(r#"{{"Statement": [], "Extra": {}}}"#, deep("1"));
    assert_eq!(parse(&statement).unwrap().unknown[0].text.len(), 40_001);
    assert!(parse(&format!(r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": {}}}}}}}"#, deep(""))).is_err());
    assert!(parse(r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Sid": "\ud800"}}"#).is_err());
    let message = parse("{\"Statement\": {\"Effect\": \"\\u001b[31m\", \"Principal\": \"*\"}}").unwrap_err().to_string();
    assert!(!message.chars().any(char::is_control), "{message}");
}

/// The largest policy KMS stores, full of the smallest statements and of the names that a quadratic reader would choke on.
#[test]
fn the_largest_policies_are_read_whole() {
    let statement = r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*a*b*c*d*e*"},"#;
    let count = 32 * 1024 / statement.len();
    let text = format!(r#"{{"Statement":[{}]}}"#, statement.repeat(count).trim_end_matches(','));
    let document = parse(&text).unwrap();
    assert_eq!(analyzed(&document).statements.len(), count);

    let names: String = (0..3_000).map(|number| format!(r#""n{number}":1"#)).collect::<Vec<_>>().join(",");
    let document = parse(&format!(r#"{{{names},"Statement":[]}}"#)).unwrap();
    assert_eq!(document.unknown.len(), 3_000);
}

fn any_json() -> impl Strategy<Value = String> {
    let words = [
        "Statement",
        "Effect",
        "Allow",
        "Deny",
        "Principal",
        "NotPrincipal",
        "AWS",
        "Service",
        "*",
        "Action",
        "NotAction",
        "kms:*",
        "Resource",
        "Condition",
        "StringEquals",
        "Null",
        "kms:CallerAccount",
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "o-a",
        "ForAllValues:StringLikeIfExists",
        "é\u{1F511}",
    ];
    let leaf = prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(|word| serde_json::Value::from(word).to_string()),
        any::<i32>().prop_map(|number| number.to_string()),
        Just("null".to_owned()),
        Just("true".to_owned()),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((proptest::sample::select(words.to_vec()), inner), 0..6).prop_map(|entries| {
                let entries: Vec<String> = entries.into_iter().map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name))).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(document) = parse(&text) {
            analyzed(&document);
        }
    }

    #[test]
    fn arbitrary_json_never_panics(text in any_json()) {
        for text in [format!(r#"{{"Statement":{text}}}"#), text] {
            if let Ok(document) = parse(&text) {
                analyzed(&document);
            }
        }
    }

    #[test]
    fn a_policy_cut_short_or_changed_in_one_byte_never_panics(at in 0_usize..400, byte in any::<u8>()) {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":["*","arn:aws:iam::111122223333:root"],"Service":"x"},"Action":["kms:*","kms:De?rypt"],"Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"111122223333"},"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a/*"]}}}]}"#;
        let at = at.min(policy.len());
        let mut changed = policy.as_bytes().to_vec();
        if let Some(place) = changed.get_mut(at) {
            *place = byte;
        }
        for text in [String::from_utf8_lossy(&policy.as_bytes()[..at]), String::from_utf8_lossy(&changed)] {
            if let Ok(document) = parse(&text) {
                analyzed(&document);
            }
        }
    }

    #[test]
    fn every_principal_of_every_statement_is_a_row(
        statements in proptest::collection::vec((any::<bool>(), any::<bool>(), proptest::collection::vec("[ -~]{1,40}|[0-9]{12}|\\*", 1..6)), 0..6)
    ) {
        let written: Vec<serde_json::Value> = statements.iter().map(|(allow, negated, principals)| serde_json::json!({
            "Effect": if *allow { "Allow" } else { "Deny" },
            (if *negated { "NotPrincipal" } else { "Principal" }): { "AWS": principals },
            "Action": "kms:Decrypt",
            "Resource": "*",
        })).collect();
        let document = parse(&serde_json::json!({ "Statement": written }).to_string()).unwrap();
        let rows = analyzed(&document);
        let expected: Vec<(usize, bool, &str)> = statements
            .iter()
            .enumerate()
            .flat_map(|(index, (_, negated, principals))| principals.iter().map(move |principal| (index, *negated, principal.as_str())))
            .collect();
        let found: Vec<(usize, bool, &str)> = rows.statements.iter().map(|row| (row.statement_index, row.negated_principal, &*row.principal)).collect();
        prop_assert_eq!(found, expected);
        for row in &rows.statements {
            prop_assert!(row.effect == Effect::Allow || row.concerns.is_empty(), "a Deny is no grant");
            let principal = Principal::read(row.principal_type, row.principal.clone());
            let foreign = principal.account() != Some(key().account()) && principal.form != PrincipalForm::Deleted;
            let outside = foreign && row.effect == Effect::Allow && !row.negated_principal;
            prop_assert!(!outside || row.concerns.contains(&Concern::ExternalAccount), "nothing unfenced and foreign is fine: {:?}", row);
        }
    }
}
