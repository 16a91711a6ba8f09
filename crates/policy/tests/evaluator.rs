//! The evaluator that other tests judge by ([`oracle`]), on examples of AWS's documentation.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::collections::BTreeMap;

use oracle::{
    conditions::hold,
    evaluate::{
        CROSS_ACCOUNT,
        Decision::{self, Allowed, AllowedByDelegation, ExplicitDeny, NotAllowed},
        allows,
    },
    generator::Generator,
    grants::allows_with_grants,
    pool::{KEY_ACCOUNT, KEY_ARN, PARTITION, REGION},
    readings::Reading,
    request::{Caller, Membership, Request, Source, World},
    simplify::simplify,
};
use serde_json::{Value, json};

const OTHER: &str = "444455556666";

fn role(account: &str, path: &str) -> Caller {
    Caller::Role { arn: format!("arn:aws:iam::{account}:role/{path}"), session: "build".to_owned() }
}

fn user(account: &str, name: &str) -> Caller {
    Caller::User { arn: format!("arn:aws:iam::{account}:user/{name}") }
}

fn root(account: &str) -> Caller {
    Caller::Root { account: account.to_owned(), partition: PARTITION.to_owned() }
}

fn service(name: &str) -> Caller {
    Caller::Service { name: name.to_owned() }
}

/// The key's account is in an organization, the other is not.
fn world() -> World {
    let member = Membership { organization: "o-aaaaaaaaaa".to_owned(), path: "o-aaaaaaaaaa/r-ab12/ou-ab12-11111111/".to_owned() };
    World {
        partition: PARTITION.to_owned(),
        region: REGION.to_owned(),
        key_account: KEY_ACCOUNT.to_owned(),
        memberships: BTreeMap::from([(KEY_ACCOUNT.to_owned(), member)]),
    }
}

fn request(caller: Caller, action: &str) -> Request {
    world().request(caller, action)
}

fn policy(statements: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// A statement on all actions without a condition.
fn statement(effect: &str, element: &str, principals: &Value) -> Value {
    json!({"Effect": effect, element: principals, "Action": "kms:*", "Resource": "*"})
}

fn decide(policy: &Value, request: &Request) -> Decision {
    allows(policy, request, KEY_ACCOUNT, PARTITION)
}

/// What one Allow for `principals` decides of a Decrypt by the caller.
fn allowed_to(principals: &Value, caller: Caller) -> Decision {
    decide(&policy(&statement("Allow", "Principal", principals)), &request(caller, "Decrypt"))
}

/// Whether a condition holds for a request of the key's account with these keys.
fn holds(condition: &Value, context: &[(&str, &[&str])]) -> bool {
    let request = context.iter().fold(request(role(KEY_ACCOUNT, "app"), "Decrypt"), |request, (key, values)| request.with(key, values));
    hold(Some(condition), &request, true)
}

#[test]
fn the_default_key_policy_leaves_it_to_the_account_and_allows_its_root_user() {
    let account = json!({"AWS": "arn:aws:iam::111122223333:root"});
    assert_eq!(allowed_to(&account, role(KEY_ACCOUNT, "app")), AllowedByDelegation);
    assert_eq!(allowed_to(&account, user(KEY_ACCOUNT, "alice")), AllowedByDelegation);
    assert_eq!(allowed_to(&account, root(KEY_ACCOUNT)), Allowed);
    assert_eq!(allowed_to(&account, role(OTHER, "app")), NotAllowed);
    assert_eq!(allowed_to(&account, service("s3.amazonaws.com")), NotAllowed);
    // "The account ARN and the shortened account ID behave the same way."
    assert_eq!(allowed_to(&json!({"AWS": KEY_ACCOUNT}), role(KEY_ACCOUNT, "app")), AllowedByDelegation);
}

#[test]
fn a_role_stands_for_its_sessions_and_a_session_for_itself() {
    let session = |name: &str| json!({"AWS": format!("arn:aws:sts::111122223333:assumed-role/admin/{name}")});
    assert_eq!(allowed_to(&json!({"AWS": "arn:aws:iam::111122223333:role/team/admin"}), role(KEY_ACCOUNT, "team/admin")), Allowed);
    assert_eq!(allowed_to(&json!({"AWS": "arn:aws:iam::111122223333:role/admin"}), role(KEY_ACCOUNT, "team/admin")), NotAllowed);
    assert_eq!(allowed_to(&session("build"), role(KEY_ACCOUNT, "team/admin")), Allowed);
    assert_eq!(allowed_to(&session("another"), role(KEY_ACCOUNT, "team/admin")), NotAllowed);
    // "you cannot use a wildcard "*" to mean all sessions"
    assert_eq!(allowed_to(&session("*"), role(KEY_ACCOUNT, "team/admin")), NotAllowed);
}

#[test]
fn a_user_stands_for_the_sessions_that_it_federated() {
    let federated = |issuer: &str| Caller::FederatedUser { arn: "arn:aws:sts::111122223333:federated-user/carol".to_owned(), issuer: issuer.to_owned() };
    let alice = "arn:aws:iam::111122223333:user/alice";
    let by_root = "arn:aws:iam::111122223333:root";
    assert_eq!(allowed_to(&json!({"AWS": alice}), federated(alice)), Allowed);
    assert_eq!(allowed_to(&json!({"AWS": alice}), federated(by_root)), NotAllowed);
    assert_eq!(allowed_to(&json!({"AWS": "arn:aws:sts::111122223333:federated-user/carol"}), federated(alice)), Allowed);
    assert_eq!(allowed_to(&json!({"AWS": by_root}), federated(by_root)), AllowedByDelegation);
}

#[test]
fn everybody_includes_services_and_other_accounts() {
    for everybody in [json!("*"), json!({"AWS": "*"}), json!({"AWS": ["*"]})] {
        assert_eq!(allowed_to(&everybody, role(KEY_ACCOUNT, "app")), Allowed);
        assert_eq!(allowed_to(&everybody, user(OTHER, "mallory")), Allowed);
        assert_eq!(allowed_to(&everybody, service("s3.amazonaws.com")), Allowed);
    }
}

#[test]
fn services_are_named_exactly_and_other_kinds_name_nobody() {
    let logs = json!({"Service": ["logs.eu-central-1.amazonaws.com"]});
    assert_eq!(allowed_to(&logs, service("logs.eu-central-1.amazonaws.com")), Allowed);
    assert_eq!(allowed_to(&logs, service("logs.amazonaws.com")), NotAllowed);
    assert_eq!(allowed_to(&json!({"Service": "*"}), service("logs.amazonaws.com")), NotAllowed);
    for nobody in [json!({"Federated": "cognito-identity.amazonaws.com"}), json!({"CanonicalUser": "79a5"}), json!({"AWS": "AROAEXAMPLEDELETED001"})] {
        assert_eq!(allowed_to(&nobody, role(KEY_ACCOUNT, "app")), NotAllowed, "{nobody}");
    }
}

#[test]
fn an_account_of_another_partition_is_another_account() {
    let china = json!({"AWS": "arn:aws-cn:iam::111122223333:root"});
    assert_eq!(allowed_to(&china, role(KEY_ACCOUNT, "app")), NotAllowed);
    let caller = Caller::Root { account: KEY_ACCOUNT.to_owned(), partition: "aws-cn".to_owned() };
    assert_eq!(allowed_to(&json!({"AWS": KEY_ACCOUNT}), caller), NotAllowed);
}

#[test]
fn a_deny_wins_and_one_on_an_account_denies_all_in_it() {
    let both = |denied: &Value| policy(&json!([statement("Allow", "Principal", &json!("*")), statement("Deny", "Principal", denied)]));
    let account = both(&json!({"AWS": KEY_ACCOUNT}));
    assert_eq!(decide(&account, &request(role(KEY_ACCOUNT, "app"), "Decrypt")), ExplicitDeny);
    assert_eq!(decide(&account, &request(root(KEY_ACCOUNT), "Decrypt")), ExplicitDeny);
    assert_eq!(decide(&account, &request(role(OTHER, "app"), "Decrypt")), Allowed);
    assert_eq!(decide(&account, &request(service("s3.amazonaws.com"), "Decrypt")), Allowed);
    let session = both(&json!({"AWS": "arn:aws:sts::111122223333:assumed-role/app/build"}));
    assert_eq!(decide(&session, &request(role(KEY_ACCOUNT, "app"), "Decrypt")), ExplicitDeny);
}

#[test]
fn what_is_allowed_and_delegated_is_allowed() {
    let statements = json!([
        statement("Allow", "Principal", &json!({"AWS": KEY_ACCOUNT})),
        statement("Allow", "Principal", &json!({"AWS": "arn:aws:iam::111122223333:role/app"})),
    ]);
    assert_eq!(decide(&policy(&statements), &request(role(KEY_ACCOUNT, "app"), "Decrypt")), Allowed);
    assert_eq!(decide(&policy(&statements), &request(role(KEY_ACCOUNT, "other"), "Decrypt")), AllowedByDelegation);
}

#[test]
fn an_allow_for_all_but_some_excepts_whom_a_principal_element_would_name() {
    let all_but = |listed: Value, caller: Caller| decide(&policy(&statement("Allow", "NotPrincipal", &listed)), &request(caller, "Decrypt"));
    assert_eq!(all_but(json!({"AWS": KEY_ACCOUNT}), role(KEY_ACCOUNT, "app")), NotAllowed);
    assert_eq!(all_but(json!({"AWS": KEY_ACCOUNT}), root(KEY_ACCOUNT)), NotAllowed);
    assert_eq!(all_but(json!({"AWS": KEY_ACCOUNT}), role(OTHER, "app")), Allowed);
    assert_eq!(all_but(json!({"AWS": "arn:aws:iam::111122223333:role/app"}), role(KEY_ACCOUNT, "app")), NotAllowed);
    assert_eq!(all_but(json!({"AWS": "arn:aws:iam::111122223333:role/app"}), root(KEY_ACCOUNT)), Allowed);
    assert_eq!(all_but(json!({"Service": "s3.amazonaws.com"}), service("s3.amazonaws.com")), NotAllowed);
    assert_eq!(all_but(json!("*"), service("s3.amazonaws.com")), NotAllowed);
}

/// "AWS JSON policy elements: `NotPrincipal`", the examples of Bob and of cross-account-audit-app.
#[test]
fn a_deny_for_all_but_some_excepts_who_is_listed_with_role_and_account() {
    let all_but = |listed: &[&str], caller: Caller| {
        let statements = json!([statement("Allow", "Principal", &json!("*")), statement("Deny", "NotPrincipal", &json!({"AWS": listed}))]);
        decide(&policy(&statements), &request(caller, "Decrypt"))
    };
    let (bob, account) = ("arn:aws:iam::444455556666:user/Bob", "arn:aws:iam::444455556666:root");
    assert_eq!(all_but(&[bob, account], user(OTHER, "Bob")), Allowed);
    assert_eq!(all_but(&[bob, OTHER], user(OTHER, "Bob")), Allowed);
    assert_eq!(all_but(&[bob], user(OTHER, "Bob")), ExplicitDeny);
    assert_eq!(all_but(&[bob, account], user(OTHER, "Alice")), ExplicitDeny);
    assert_eq!(all_but(&[account], root(OTHER)), Allowed);
    assert_eq!(all_but(&[account], service("s3.amazonaws.com")), ExplicitDeny);
    let (session, app) = ("arn:aws:sts::444455556666:assumed-role/app/build", "arn:aws:iam::444455556666:role/app");
    assert_eq!(all_but(&[session, app, account], role(OTHER, "app")), Allowed);
    for part in [[app, account], [session, account], [session, app]] {
        assert_eq!(all_but(&part, role(OTHER, "app")), ExplicitDeny, "{part:?}");
    }
}

#[test]
fn actions_match_in_any_case_and_with_wildcards() {
    let matches = |element: &str, actions: Value, action: &str| {
        let statement = json!({"Effect": "Allow", "Principal": "*", element: actions, "Resource": "*"});
        decide(&policy(&statement), &request(role(KEY_ACCOUNT, "app"), action)) == Allowed
    };
    assert!(matches("Action", json!("KMS:decrypt"), "Decrypt"));
    assert!(matches("Action", json!(["s3:*", "kms:Generate*Key"]), "GenerateDataKey"));
    assert!(!matches("Action", json!("kms:Generate*Key"), "GenerateDataKeyPair"));
    assert!(matches("Action", json!("kms:?ecrypt"), "Decrypt"));
    assert!(matches("Action", json!("*"), "PutKeyPolicy"));
    assert!(!matches("Action", json!("Decrypt"), "Decrypt"));
    assert!(matches("NotAction", json!("kms:Put*"), "Decrypt"));
    assert!(!matches("NotAction", json!(["s3:*", "kms:D*"]), "Decrypt"));
}

#[test]
fn a_statement_without_action_or_resource_has_no_effect() {
    let app = || request(role(KEY_ACCOUNT, "app"), "Decrypt");
    assert_eq!(decide(&policy(&json!({"Effect": "Allow", "Principal": "*", "Action": "kms:*"})), &app()), NotAllowed);
    assert_eq!(decide(&policy(&json!({"Effect": "Allow", "Principal": "*", "Resource": "*"})), &app()), NotAllowed);
    assert_eq!(decide(&policy(&json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"})), &app()), NotAllowed);
}

/// "Allowing users in other accounts to use a KMS key": its own examples, kms:ListKeys aside, which is on no key.
#[test]
fn other_accounts_get_only_the_operations_that_work_across_accounts() {
    let everybody = policy(&statement("Allow", "Principal", &json!("*")));
    for action in CROSS_ACCOUNT {
        assert_eq!(decide(&everybody, &request(role(OTHER, "app"), action)), Allowed, "{action}");
    }
    for action in ["ScheduleKeyDeletion", "PutKeyPolicy", "GetKeyPolicy", "TagResource", "ListKeyRotations", "ReplicateKey"] {
        assert_eq!(decide(&everybody, &request(role(OTHER, "app"), action)), NotAllowed, "{action}");
        assert_eq!(decide(&everybody, &request(role(KEY_ACCOUNT, "app"), action)), Allowed, "{action}");
        assert_eq!(decide(&everybody, &request(service("s3.amazonaws.com"), action)), Allowed, "{action}");
    }
}

/// "Condition operators": the tables of results.
#[test]
fn operators_compare_as_the_guide_tabulates() {
    let job = json!({"StringEquals": {"aws:PrincipalTag/job-category": "iamuser-admin"}});
    assert!(holds(&job, &[("aws:PrincipalTag/job-category", &["iamuser-admin"])]));
    assert!(!holds(&job, &[("aws:PrincipalTag/job-category", &["dev-ops"])]));
    assert!(!holds(&job, &[]));
    let range = json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}});
    assert!(holds(&range, &[("aws:SourceIp", &["203.0.113.1"])]));
    assert!(!holds(&range, &[("aws:SourceIp", &["198.51.100.1"])]));
    let topic = json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-west-2:123456789012:TOPIC-ID"}});
    assert!(holds(&topic, &[("aws:SourceArn", &["arn:aws:sns:us-west-2:123456789012:TOPIC-ID"])]));
    assert!(!holds(&topic, &[("aws:SourceArn", &["arn:aws:sns:us-west-2:777788889999:TOPIC-ID"])]));
    let binary = json!({"BinaryEquals": {"key": "QmluYXJ5VmFsdWVJbkJhc2U2NA=="}});
    assert!(holds(&binary, &[("key", &["QmluYXJ5VmFsdWVJbkJhc2U2NA=="])]));
    assert!(!holds(&binary, &[("key", &["ASIAIOSFODNN7EXAMPLE"])]));
    let insecure = json!({"Bool": {"aws:SecureTransport": "false"}});
    assert!(!holds(&insecure, &[("aws:SecureTransport", &["true"])]));
    assert!(holds(&insecure, &[("aws:SecureTransport", &["false"])]));
    let types = json!({"StringLikeIfExists": {"ec2:InstanceType": ["t1.*", "t2.*", "m3.*"]}});
    assert!(holds(&types, &[("ec2:InstanceType", &["t1.micro"])]));
    assert!(!holds(&types, &[("ec2:InstanceType", &["m2.micro"])]));
    assert!(holds(&types, &[]));
}

#[test]
fn arn_operators_check_each_part_and_string_operators_the_whole() {
    let value: &[&str] = &["arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"];
    let pattern = "arn:aws:someservice:*:111122223333:finance/*";
    assert!(holds(&json!({"StringLike": {"key": pattern}}), &[("key", value)]));
    assert!(!holds(&json!({"ArnLike": {"key": pattern}}), &[("key", value)]));
    assert!(holds(&json!({"ArnNotLike": {"key": pattern}}), &[("key", value)]));
    // The last part runs to the end.
    assert!(holds(&json!({"ArnLike": {"key": "arn:aws:someservice:*:*:store/*"}}), &[("key", value)]));
}

#[test]
fn numbers_dates_and_addresses_compare_by_value() {
    for (operator, holds_at) in [
        ("NumericEquals", [false, true, false]),
        ("NumericNotEquals", [true, false, true]),
        ("NumericLessThan", [true, false, false]),
        ("NumericLessThanEquals", [true, true, false]),
        ("NumericGreaterThan", [false, false, true]),
        ("NumericGreaterThanEquals", [false, true, true]),
    ] {
        for (value, expected) in ["9.5", "10.0", "11"].into_iter().zip(holds_at) {
            assert_eq!(holds(&json!({operator: {"key": 10}}), &[("key", &[value])]), expected, "{value} {operator} 10");
        }
        let operator = operator.replace("Numeric", "Date");
        for (value, expected) in ["2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00.5Z"].into_iter().zip(holds_at) {
            assert_eq!(holds(&json!({operator.as_str(): {"key": "2026-03-01"}}), &[("key", &[value])]), expected, "{value} {operator}");
        }
    }
    let same: &[&str] = &["2020-01-01T00:00:01Z"];
    for written in ["2020-01-01T00:00:01Z", "2020-01-01T01:00:01+01:00", "2019-12-31T23:00:01.0-01:00", "1577836801"] {
        assert!(holds(&json!({"DateEquals": {"key": written}}), &[("key", same)]), "{written}");
    }
    assert!(holds(&json!({"DateGreaterThan": {"key": "2020"}}), &[("key", same)]));
    assert!(holds(&json!({"DateLessThan": {"key": "2020-02"}}), &[("key", same)]));
    for (address, range, inside) in [
        ("203.0.113.255", "203.0.113.0/24", true),
        ("203.0.113.128", "203.0.113.0/25", false),
        ("203.0.113.1", "203.0.113.1", true),
        ("203.0.113.1", "0.0.0.0/0", true),
        ("2001:db8:1234:5678:8000::1", "2001:DB8:1234:5678::/64", true),
        ("2001:db8:1234:5679::1", "2001:db8:1234:5678::/64", false),
        ("2001:db8::1", "2001:db8:0:0::1", true),
        ("2001:db8::1", "0.0.0.0/0", false),
        ("2001:db8::1", "::/0", true),
    ] {
        assert_eq!(holds(&json!({"IpAddress": {"key": range}}), &[("key", &[address])]), inside, "{address} {range}");
        assert_eq!(holds(&json!({"NotIpAddress": {"key": range}}), &[("key", &[address])]), !inside, "{address} {range}");
    }
}

#[test]
fn an_absent_key_fails_positive_operators_and_passes_the_others() {
    for (operator, expected) in [
        ("StringEquals", false),
        ("ArnLike", false),
        ("NumericLessThan", false),
        ("Bool", false),
        ("StringNotEquals", true),
        ("ArnNotLike", true),
        ("NotIpAddress", true),
        ("StringEqualsIfExists", true),
        ("BoolIfExists", true),
        ("ForAllValues:StringEquals", true),
        ("ForAllValues:StringNotEquals", true),
        ("ForAnyValue:StringEquals", false),
        ("ForAnyValue:StringNotEquals", false),
        ("ForAnyValue:StringEqualsIfExists", true),
    ] {
        assert_eq!(holds(&json!({operator: {"aws:PrincipalTag/none": "true"}}), &[]), expected, "{operator}");
    }
    assert!(holds(&json!({"Null": {"aws:TokenIssueTime": "true"}}), &[]));
    assert!(!holds(&json!({"Null": {"aws:TokenIssueTime": true}}), &[("aws:TokenIssueTime", &["2020-01-01T00:00:00Z"])]));
    assert!(holds(&json!({"Null": {"aws:TagKeys": "true"}}), &[("aws:TagKeys", &[])]));
}

#[test]
fn several_values_are_joined_by_or_and_under_negation_by_nor() {
    let tags: (&str, &[&str]) = ("aws:PrincipalTag/team", &["red"]);
    assert!(holds(&json!({"StringEquals": {"aws:PrincipalTag/team": ["blue", "red"]}}), &[tags]));
    assert!(!holds(&json!({"StringNotEquals": {"aws:PrincipalTag/team": ["blue", "red"]}}), &[tags]));
    assert!(holds(&json!({"StringNotEquals": {"aws:PrincipalTag/team": ["blue", "green"]}}), &[tags]));
    // Keys and operators by AND.
    assert!(!holds(&json!({"StringEquals": {"aws:PrincipalTag/team": "red", "aws:PrincipalTag/none": "x"}}), &[tags]));
    assert!(holds(&json!({"StringEquals": {"AWS:principaltag/TEAM": "red"}, "Bool": {"aws:SecureTransport": true}}), &[tags]));
}

/// "Single-valued vs. multivalued context keys".
#[test]
fn set_operators_look_at_every_value_of_the_request() {
    let given: (&str, &[&str]) = ("kms:EncryptionContextKeys", &["stage", "department"]);
    let with = |operator: &str, values: &[&str]| holds(&json!({operator: {"kms:EncryptionContextKeys": values}}), &[given]);
    assert!(with("ForAllValues:StringEquals", &["stage", "department", "other"]));
    assert!(!with("ForAllValues:StringEquals", &["stage"]));
    assert!(with("ForAnyValue:StringEquals", &["stage"]));
    assert!(!with("ForAnyValue:StringEquals", &["Stage"]));
    assert!(with("ForAnyValue:StringNotEquals", &["stage"]));
    assert!(!with("ForAnyValue:StringNotEquals", &["stage", "department"]));
    assert!(!with("ForAllValues:StringNotEquals", &["stage"]));
    assert!(with("ForAllValues:StringNotEquals", &["other"]));
    // Not documented: a multivalued key without a set operator.
    assert!(!with("StringEquals", &["stage"]) && !with("StringNotEquals", &["other"]));
}

/// "IAM policy elements: Variables and tags".
#[test]
fn variables_stand_for_values_of_the_request() {
    let team: (&str, &[&str]) = ("aws:PrincipalTag/Team", &["red"]);
    let project: (&str, &[&str]) = ("kms:EncryptionContext:project", &["red"]);
    let with = |operator: &str, value: &str, context: &[(&str, &[&str])]| holds(&json!({operator: {"kms:EncryptionContext:project": value}}), context);
    assert!(with("StringEquals", "${aws:PrincipalTag/Team}", &[team, project]));
    assert!(with("StringLike", "${aws:principaltag/team}*", &[team, project]));
    // Without a value: "do not match", "Inverted condition operators … do match".
    assert!(!with("StringLike", "*${aws:PrincipalTag/Team}*", &[project]));
    assert!(with("StringNotEquals", "${aws:PrincipalTag/Team}", &[project]));
    assert!(with("StringEquals", "${aws:PrincipalTag/Team, 'red'}", &[project]));
    let literal: (&str, &[&str]) = ("kms:EncryptionContext:project", &["a*b?c$"]);
    assert!(with("StringLike", "a${*}b${?}c${$}", &[literal]));
    assert!(!with("StringLike", "a${*}b${?}c${$}", &[("kms:EncryptionContext:project", &["axbyc$"])]));
    let own = json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:ResourceAccount}:role/*"}});
    assert!(holds(&own, &[]));
    assert!(!hold(Some(&own), &request(role(OTHER, "app"), "Decrypt"), true));
}

#[test]
fn variables_are_plain_text_before_version_2012_10_17() {
    let condition = json!({"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}});
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": condition});
    let app = request(role(KEY_ACCOUNT, "app"), "Decrypt");
    assert_eq!(decide(&json!({"Version": "2012-10-17", "Statement": statement}), &app), Allowed);
    assert_eq!(decide(&json!({"Version": "2008-10-17", "Statement": statement}), &app), NotAllowed);
    assert_eq!(decide(&json!({"Statement": [statement]}), &app), NotAllowed);
}

#[test]
fn requests_carry_the_identity_keys_of_their_caller() {
    let app = request(role(KEY_ACCOUNT, "team/admin"), "Decrypt");
    let values = |key: &str| app.values(key).map(<[String]>::to_vec);
    assert_eq!(values("aws:PrincipalArn"), Some(vec!["arn:aws:iam::111122223333:role/team/admin".to_owned()]));
    assert_eq!(values("kms:CallerAccount"), Some(vec![KEY_ACCOUNT.to_owned()]));
    assert_eq!(values("aws:PrincipalOrgID"), Some(vec!["o-aaaaaaaaaa".to_owned()]));
    assert_eq!(values("aws:PrincipalType"), Some(vec!["AssumedRole".to_owned()]));
    assert_eq!(values("aws:username"), None);
    assert_eq!(request(user(OTHER, "ops/bob"), "Decrypt").values("aws:username"), Some(&["bob".to_owned()][..]));
    assert_eq!(request(role(OTHER, "app"), "Decrypt").values("aws:PrincipalOrgID"), None);
    let mut logs = request(service("logs.amazonaws.com"), "Decrypt");
    logs.context
        .extend(world().source_context(&Source { arn: "arn:aws:logs:eu-central-1:111122223333:log-group:a".to_owned(), account: KEY_ACCOUNT.to_owned() }));
    assert_eq!(logs.values("aws:SourceOrgID"), Some(&["o-aaaaaaaaaa".to_owned()][..]));
    for absent in ["aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "kms:CallerAccount"] {
        assert_eq!(logs.values(absent), None, "{absent}");
    }
}

#[test]
fn a_grant_gives_its_operations_to_its_grantee_unless_the_policy_denies() {
    let silent = policy(&statement("Allow", "Principal", &json!({"AWS": "arn:aws:iam::111122223333:user/nobody"})));
    let grant = json!({
        "GranteePrincipal": "arn:aws:iam::444455556666:role/app",
        "RetiringPrincipal": "arn:aws:iam::111122223333:user/alice",
        "Operations": ["Decrypt", "DescribeKey"],
        "Constraints": {"EncryptionContextSubset": {"Stage": "prod"}},
    });
    let with = |policy: &Value, request: &Request| allows_with_grants(policy, std::slice::from_ref(&grant), request, KEY_ACCOUNT, PARTITION);
    let decrypt = || request(role(OTHER, "app"), "Decrypt").with("kms:EncryptionContext:stage", &["prod"]).with("kms:EncryptionContext:more", &["x"]);
    assert_eq!(with(&silent, &decrypt()), Allowed);
    assert_eq!(with(&silent, &decrypt().with("kms:EncryptionContext:stage", &["PROD"])), NotAllowed);
    assert_eq!(with(&silent, &decrypt().without("kms:EncryptionContext:stage")), NotAllowed);
    assert_eq!(with(&silent, &request(role(OTHER, "app"), "DescribeKey")), Allowed);
    assert_eq!(with(&silent, &request(role(OTHER, "app"), "Encrypt")), NotAllowed);
    assert_eq!(with(&silent, &request(role(OTHER, "other"), "DescribeKey")), NotAllowed);
    assert_eq!(with(&silent, &request(user(KEY_ACCOUNT, "alice"), "RetireGrant")), Allowed);
    assert_eq!(with(&silent, &request(role(OTHER, "app"), "RetireGrant")), NotAllowed);
    assert_eq!(with(&policy(&statement("Deny", "Principal", &json!("*"))), &decrypt()), ExplicitDeny);
}

#[test]
fn grants_to_services_and_constraints_on_the_whole_context_or_the_source() {
    let nothing = policy(&json!([]));
    let with = |grant: &Value, request: &Request| allows_with_grants(&nothing, std::slice::from_ref(grant), request, KEY_ACCOUNT, PARTITION);
    let decrypt = || request(service("rds.amazonaws.com"), "Decrypt").with("kms:EncryptionContext:db", &["orders"]);
    let equals = json!({"GranteePrincipal": "rds.amazonaws.com", "Operations": ["Decrypt"], "Constraints": {"EncryptionContextEquals": {"db": "orders"}}});
    assert_eq!(with(&equals, &decrypt()), Allowed);
    assert_eq!(with(&equals, &decrypt().with("kms:EncryptionContext:more", &["x"])), NotAllowed);
    let orders = "arn:aws:rds:eu-central-1:111122223333:db:orders";
    let source = json!({"GranteeServicePrincipal": "rds.amazonaws.com", "Operations": ["Decrypt"], "Constraints": {"SourceArn": orders}});
    assert_eq!(with(&source, &decrypt()), NotAllowed);
    assert_eq!(with(&source, &decrypt().with("aws:SourceArn", &[orders])), Allowed);
    let account = json!({"GranteePrincipal": "arn:aws:iam::444455556666:root", "Operations": ["Decrypt"]});
    assert_eq!(with(&account, &request(role(OTHER, "app"), "Decrypt")), AllowedByDelegation);
}

#[test]
fn random_grants_are_met_and_missed() {
    let mut generator = Generator::new(1);
    let mut met = [0, 0];
    for _ in 0..2000 {
        let (world, policy) = (generator.world(), generator.policy());
        let grant = generator.grant();
        let request = generator.request_on_grant(&world, &grant);
        let (without, with) = (decide(&policy, &request), allows_with_grants(&policy, std::slice::from_ref(&grant), &request, KEY_ACCOUNT, PARTITION));
        assert!(with == without || (without != ExplicitDeny && with.is_allowed()), "{grant} {request:?}");
        met[usize::from(with != without)] += 1;
    }
    assert!(met.iter().all(|count| *count > 300), "{met:?}");
}

/// "You can add `IfExists` to the end of any condition operator name except the `Null` condition."
#[test]
fn what_is_no_operator_never_holds() {
    for operator in ["NullIfExists", "nullifexists", "StringMatches", "ForAll:StringEquals"] {
        for value in ["true", "false"] {
            assert!(!holds(&json!({operator: {"aws:PrincipalTag/none": value}}), &[]), "{operator} {value}");
        }
    }
}

#[test]
fn a_statement_that_aws_does_not_document_counts_in_one_reading_and_not_in_another() {
    let with = |effect: &str, resource: &str| json!({"Effect": effect, "Principal": "*", "Action": "kms:*", "Resource": resource});
    let misspelt = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Conditon": {}});
    let (own, other) = (KEY_ARN, "arn:aws:kms:eu-central-1:111122223333:alias/app");
    let written = policy(&json!([with("Allow", "*"), with("Allow", own), with("Allow", other), with("Deny", "*"), with("Deny", other), misspelt.clone()]));
    assert_eq!(Reading::AsWritten.of(&written, KEY_ARN), written);
    let generous = policy(&json!([with("Allow", "*"), with("Allow", own), with("Allow", other), with("Deny", "*")]));
    assert_eq!(Reading::Generous.of(&written, KEY_ARN), generous);
    let strict = policy(&json!([with("Allow", "*"), with("Allow", own), with("Deny", "*"), with("Deny", other), misspelt]));
    assert_eq!(Reading::Strict.of(&written, KEY_ARN), strict);
    let root = |partition: &str| request(Caller::Root { account: OTHER.to_owned(), partition: partition.to_owned() }, "Decrypt");
    let admitted = |partition: &str| Reading::ALL.map(|reading| reading.admits(&root(partition), PARTITION));
    assert_eq!([admitted("aws"), admitted("aws-cn")], [[true, true, true], [true, true, false]]);
}

#[test]
fn a_policy_is_simplified_to_what_a_claim_needs() {
    let allow = statement("Allow", "Principal", &json!({"AWS": [KEY_ACCOUNT, OTHER]}));
    let conditioned = json!({"Effect": "Deny", "Principal": "*", "Action": ["kms:Decrypt", "kms:Sign"], "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": [KEY_ACCOUNT, OTHER], "aws:RequestedRegion": REGION}}});
    let app = request(role(KEY_ACCOUNT, "app"), "Decrypt");
    let smallest = simplify(&policy(&json!([allow, conditioned])), |policy| decide(policy, &app) == ExplicitDeny);
    assert_eq!(smallest, policy(&json!([{"Effect": "Deny", "Principal": "*", "Action": ["kms:Decrypt"], "Resource": "*"}])));
}
