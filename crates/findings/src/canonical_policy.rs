//! One spelling of a key policy, so that policies that say the same are equal texts.

use std::collections::{BTreeMap, BTreeSet};

use kms_insights_model::{Arn, Region};
use kms_insights_policy::{Actions, Condition, PolicyDocument, Principal, PrincipalForm, PrincipalType, Resources, Statement, Test, UnknownElement, parse};
use serde_json::{Map, Value, json};

/// The policy in one spelling; `None` where the text is not a key policy.
///
/// Equal are policies that differ in nothing but
/// - white space, order of elements, statements and lists, repetitions, a single value in place of a list of one;
/// - `Id` and `Sid`, which have no meaning, and `Version`, unless a value has a policy variable;
/// - upper and lower case where IAM knows none: actions, names of condition operators and keys, truth values;
/// - `*` for `{"AWS": "*"}`, an account's id for its root's ARN, `*` for `kms:*` as action, a KMS key's ARN for `*` as resource, `ArnEquals` for `ArnLike`;
/// - the names of Regions in ARNs, in service names (principals and `kms:ViaService`) and in `aws:RequestedRegion`. Keys of a multi-Region set need others in each
///   Region, and a request that comes through a service comes through that of the key's own, so these names say where the key is and not who may use it.
///
/// Everything else is a difference, also where it comes to the same: `kms:Describe*` is not `kms:DescribeKey`.
pub fn canonical_policy(text: &str) -> Option<String> {
    parse(text).ok().map(|document| canonical(&document))
}

/// The same for a policy that has been read.
pub(crate) fn canonical(document: &PolicyDocument) -> String {
    // A BTreeMap serializes its names in order; the maps of serde_json keep that in which they were filled.
    let mut policy = elements(&document.unknown);
    let statements: BTreeSet<String> = document.statements.iter().map(|statement| json!(canonical_statement(statement)).to_string()).collect();
    // What was written by `to_string` reads back.
    let statements: Vec<Value> = statements.iter().filter_map(|statement| serde_json::from_str(statement).ok()).collect();
    policy.insert("Statement".to_owned(), Value::Array(statements));
    policy.insert("Version".to_owned(), Value::String(version(document)));
    json!(policy).to_string()
}

/// What each element of a policy in one spelling says, each statement by itself: what two policies can be compared by.
pub(crate) fn parts(canonical: &str) -> BTreeSet<String> {
    let Ok(Value::Object(policy)) = serde_json::from_str::<Value>(canonical) else { return BTreeSet::new() };
    policy
        .into_iter()
        .flat_map(|(name, value)| match value {
            Value::Array(statements) if name == "Statement" => statements,
            value => vec![json!({ name: value })],
        })
        .map(|part| part.to_string())
        .collect()
}

/// `2008-10-17` differs from later versions in that it knows no policy variables, so it makes a difference only where one is written.
fn version(document: &PolicyDocument) -> String {
    let has_variable = document.statements.iter().any(|statement| statement.text.contains("${"));
    match document.version.as_deref() {
        None | Some("2008-10-17") if has_variable => "2008-10-17".to_owned(),
        None | Some("2008-10-17") => "2012-10-17".to_owned(),
        Some(version) => version.to_owned(),
    }
}

fn canonical_statement(statement: &Statement) -> BTreeMap<String, Value> {
    let mut said = elements(&statement.unknown);
    let mut say = |name: &str, value: Value| said.insert(name.to_owned(), value);
    say("Effect", json!(statement.effect.as_str()));
    let negated = statement.principals.is_negated();
    let mut principals: BTreeMap<PrincipalType, BTreeSet<String>> = BTreeMap::new();
    for principal in statement.principals.listed().iter() {
        principals.entry(principal.principal_type).or_default().insert(canonical_principal(principal));
    }
    let principals: BTreeMap<&str, BTreeSet<String>> = principals.into_iter().map(|(kind, texts)| (kind.as_str(), texts)).collect();
    say(if negated { "NotPrincipal" } else { "Principal" }, json!(principals));
    match &statement.actions {
        Actions::Only(patterns) => say("Action", json!(canonical_actions(patterns))),
        Actions::Except(patterns) => say("NotAction", json!(canonical_actions(patterns))),
        Actions::Absent => None,
    };
    match &statement.resources {
        Resources::Only(patterns) => say("Resource", json!(patterns.iter().map(|pattern| canonical_resource(pattern)).collect::<BTreeSet<_>>())),
        Resources::Except(patterns) => say("NotResource", json!(patterns.iter().map(|pattern| without_region(pattern)).collect::<BTreeSet<_>>())),
        Resources::Absent => None,
    };
    if !statement.conditions.is_empty() {
        // A list and not a map: the same operator and key in two spellings are two conditions, and both must hold.
        say("Condition", json!(statement.conditions.entries.iter().map(canonical_condition).collect::<BTreeSet<_>>()));
    }
    said
}

fn canonical_principal(principal: &Principal) -> String {
    match principal.form {
        PrincipalForm::Account(account) => account.to_string(),
        PrincipalForm::Service => without_region_label(&principal.text),
        _ => without_region(&principal.text),
    }
}

fn canonical_actions(patterns: &[String]) -> BTreeSet<String> {
    // Nothing but KMS acts on a key.
    patterns.iter().map(|pattern| if pattern == "*" { "kms:*".to_owned() } else { pattern.to_ascii_lowercase() }).collect()
}

/// In a key policy a key as resource can only be the one that carries the policy. Source: AWS KMS Developer Guide, "Key policies: Elements".
fn canonical_resource(pattern: &str) -> String {
    let is_key = Arn::parse(pattern).is_some_and(|arn| arn.service == "kms" && arn.resource.starts_with("key/"));
    if is_key { "*".to_owned() } else { without_region(pattern) }
}

/// Operator, key and values.
fn canonical_condition(condition: &Condition) -> (String, String, BTreeSet<String>) {
    let operator = condition.operator.text.to_ascii_lowercase().replace("arnequals", "arnlike").replace("arnnotequals", "arnnotlike");
    let key = condition.key.to_ascii_lowercase();
    let ignores_case = matches!(condition.operator.test, Test::Bool | Test::Null | Test::StringEqualsIgnoreCase);
    let value = |value: &String| {
        let value = match key.as_str() {
            "kms:viaservice" => without_region_label(value),
            "aws:requestedregion" if value.parse::<Region>().is_ok() => REGION.to_owned(),
            _ => without_region(value),
        };
        if ignores_case { value.to_lowercase() } else { value }
    };
    let values = condition.values.iter().map(value).collect();
    (operator, key, values)
}

/// Stands for the name of a Region; no text of a policy that names one can be this.
const REGION: &str = "<region>";

/// An ARN without the name of its Region; any other text as it is.
fn without_region(text: &str) -> String {
    match Arn::parse(text) {
        Some(arn) if arn.region.parse::<Region>().is_ok() => {
            format!("arn:{}:{}:{REGION}:{}:{}", arn.partition, arn.service, arn.account, arn.resource)
        }
        _ => text.to_owned(),
    }
}

/// The name of a service, such as `s3.eu-central-1.amazonaws.com`, without the name of its Region.
fn without_region_label(text: &str) -> String {
    let labels: Vec<&str> = text.split('.').map(|label| if label.parse::<Region>().is_ok() { REGION } else { label }).collect();
    labels.join(".")
}

fn elements(unknown: &[UnknownElement]) -> BTreeMap<String, Value> {
    // An element that nests too deep to be read stays as it is written.
    let value = |text: &str| serde_json::from_str(text).map_or_else(|_| Value::String(text.to_owned()), in_order);
    unknown.iter().map(|element| (element.name.clone(), value(&element.text))).collect()
}

/// The value with the names of its objects in order. What its lists mean is not known, so they stay.
fn in_order(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<String, Value> = map.into_iter().map(|(name, value)| (name, in_order(value))).collect();
            Value::Object(Map::from_iter(sorted))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(in_order).collect()),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{
        "Version": "2012-10-17", "Id": "primary",
        "Statement": [
            {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:role/b", "arn:aws:iam::111122223333:role/a"], "Service": "logs.eu-central-1.amazonaws.com"},
             "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
             "Condition": {"StringEquals": {"kms:ViaService": ["s3.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com"], "aws:RequestedRegion": "eu-central-1"},
                           "ArnEquals": {"aws:SourceArn": "arn:aws:logs:eu-central-1:111122223333:*"}, "Bool": {"kms:GrantIsForAWSResource": true}}}
        ]
    }"#;

    fn spelled(text: &str) -> String {
        canonical_policy(text).unwrap()
    }

    #[test]
    fn the_one_spelling_is_sorted_json_without_regions() {
        let expected = concat!(
            r#"{"Statement":[{"Action":["kms:*"],"Effect":"Allow","Principal":{"AWS":["111122223333"]},"Resource":["*"]},"#,
            r#"{"Action":["kms:decrypt","kms:generatedatakey*"],"Condition":[["arnlike","aws:sourcearn",["arn:aws:logs:<region>:111122223333:*"]],"#,
            r#"["bool","kms:grantisforawsresource",["true"]],["stringequals","aws:requestedregion",["<region>"]],"#,
            r#"["stringequals","kms:viaservice",["s3.<region>.amazonaws.com","sqs.<region>.amazonaws.com"]]],"Effect":"Allow","#,
            r#""Principal":{"AWS":["arn:aws:iam::111122223333:role/a","arn:aws:iam::111122223333:role/b"],"Service":["logs.<region>.amazonaws.com"]},"Resource":["*"]}],"#,
            r#""Version":"2012-10-17"}"#
        );
        assert_eq!(spelled(POLICY), expected);
    }

    #[test]
    fn policies_that_say_the_same_are_equal() {
        let other = r#"{"Statement": [
            {"Condition": {"bool": {"KMS:GrantIsForAWSResource": "True"}, "ArnLike": {"AWS:SourceArn": ["arn:aws:logs:us-east-1:111122223333:*"]},
                           "StringEquals": {"aws:RequestedRegion": ["us-east-1"], "kms:viaService": ["sqs.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]}},
             "Resource": ["*"], "Action": ["KMS:GenerateDataKey*", "kms:decrypt", "kms:Decrypt"],
             "Principal": {"Service": ["logs.us-east-1.amazonaws.com"], "AWS": ["arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/b"]}, "Effect": "Allow"},
            {"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": ["111122223333"]}, "Action": ["*"], "Resource": ["*"]},
            {"Sid": "Again", "Effect": "Allow", "Principal": {"AWS": ["111122223333"]}, "Action": "KMS:*", "Resource": "*"}
        ]}"#;
        assert_eq!(spelled(other), spelled(POLICY));
        let anyone =
            |principal: &str| spelled(&format!(r#"{{"Statement": {{"Effect": "Deny", "Principal": {principal}, "Action": "kms:*", "Resource": "*"}}}}"#));
        assert_eq!(anyone(r#""*""#), anyone(r#"{"AWS": ["*"]}"#));
    }

    #[test]
    fn whatever_is_said_otherwise_is_a_difference() {
        for (from, to) in [
            ("Allow", "Deny"),
            ("role/a", "role/A"),
            (r#""Principal""#, r#""NotPrincipal""#),
            (r#""Action""#, r#""NotAction""#),
            (r#""kms:Decrypt", "#, ""),
            ("kms:GenerateDataKey*", "kms:GenerateDataKey"),
            ("StringEquals", "StringLike"),
            ("s3.eu-central-1", "ec2.eu-central-1"),
            ("s3.eu-central-1", "s3.*"),
            ("logs:eu-central-1:111122223333", "logs:eu-central-1:444455556666"),
            ("kms:ViaService", "kms:CallerAccount"),
            (r#", "Bool": {"kms:GrantIsForAWSResource": true}"#, ""),
            (r#""Resource": "*""#, r#""NotResource": "*""#),
            (r#""Sid": "Root""#, r#""NotYetKnown": 1"#),
            ("2012-10-17", "2026-01-01"),
        ] {
            let changed = POLICY.replace(from, to);
            assert_ne!(changed, POLICY, "{from}");
            assert_ne!(spelled(&changed), spelled(POLICY), "{from} {to}");
        }
    }

    #[test]
    fn a_region_in_a_name_that_is_no_place_stays() {
        let role = |name: &str| {
            spelled(&format!(
                r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::111122223333:role/{name}"}}, "Action": "kms:Decrypt", "Resource": "*"}}}}"#
            ))
        };
        assert_ne!(role("app-eu-central-1"), role("app-us-east-1"));
    }

    #[test]
    fn the_version_counts_only_where_there_is_a_variable() {
        let policy = |version: &str, tag: &str| {
            let condition = format!(r#"{{"StringEquals": {{"aws:PrincipalTag/team": "{tag}"}}}}"#);
            spelled(&format!(
                r#"{{{version} "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {condition}}}}}"#
            ))
        };
        let (new, old) = (r#""Version": "2012-10-17","#, r#""Version": "2008-10-17","#);
        assert_eq!(policy(new, "a"), policy(old, "a"));
        assert_eq!(policy(old, "${aws:username}"), policy("", "${aws:username}"));
        assert_ne!(policy(new, "${aws:username}"), policy(old, "${aws:username}"));
    }

    #[test]
    fn two_conditions_of_one_operator_and_key_stay_two() {
        let policy = |condition: &str| {
            spelled(&format!(r#"{{"Statement": {{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {condition}}}}}"#))
        };
        let both = policy(r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}, "stringequals": {"kms:CallerAccount": "444455556666"}}"#);
        assert_ne!(both, policy(r#"{"StringEquals": {"kms:CallerAccount": ["111122223333", "444455556666"]}}"#));
    }

    #[test]
    fn elements_of_tomorrow_count_whatever_the_order_of_their_names() {
        let policy = |element: &str| {
            spelled(&format!(r#"{{"Statement": {{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Tomorrow": {element}}}}}"#))
        };
        assert_eq!(policy(r#"{"a": 1, "b": [2, 3]}"#), policy(r#"{ "b": [2,3], "a": 1 }"#));
        assert_ne!(policy(r#"{"a": 1, "b": [2, 3]}"#), policy(r#"{"a": 1, "b": [3, 2]}"#));
    }

    #[test]
    fn what_is_not_a_policy_has_no_spelling() {
        for text in ["", "{}", r#"{"Statement": [{"Effect": "Allow"}]}"#] {
            assert_eq!(canonical_policy(text), None, "{text}");
        }
    }
}
