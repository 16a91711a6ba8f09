//! Random cases for another evaluator: `tests/conformance/test_policy_iam_simulate.py` has them written and compares.
//!
//! `KMS_INSIGHTS_CASES=<file>` writes them, one JSON object a line; `KMS_INSIGHTS_CASE_COUNT` and `KMS_INSIGHTS_CASE_SEED` say how many and which.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::{collections::BTreeMap, fmt::Write as _};

use kms_insights_model::KeyArn;
use kms_insights_policy::{
    Surroundings,
    access::{self, CallerAccount, KeyPolicies, key_access},
    parse,
};
use oracle::{
    conditions::is_multivalued,
    evaluate::{Decision, allows, policy_decision},
    generator::Generator,
    grants::allows_with_grants,
    pool::{KEY_ACCOUNT, KEY_ARN, PARTITION, REGION},
    readings::Reading,
    request::{Caller, Request, World},
};
use serde_json::{Value, json};

struct Case {
    policy: Value,
    request: Request,
}

/// An operator and an ARN; what the evaluator decides of a request by the role `app` of the key's account where `aws:PrincipalArn` so compared is the condition of
/// the only statement; and whether the reasoning lets that request in. AWS documents nothing of what has fewer than six parts: there the evaluator's answer is one
/// of two, and the reasoning once had an answer of its own.
const ODD_ARNS: [(&str, &str, Decision, LetIn); 13] = [
    ("ArnLike", "*", Decision::NotAllowed, LetIn::Perhaps),
    ("ArnLikeIfExists", "*", Decision::NotAllowed, LetIn::Perhaps),
    ("ArnNotLike", "*", Decision::Allowed, LetIn::Perhaps),
    ("ArnLike", "arn:aws:iam::*", Decision::NotAllowed, LetIn::Perhaps),
    ("ArnLike", "*:role/app", Decision::NotAllowed, LetIn::Perhaps),
    ("ArnEquals", "${aws:PrincipalArn}", Decision::NotAllowed, LetIn::Perhaps),
    ("StringLike", "arn:aws:iam::*", Decision::Allowed, LetIn::Yes),
    ("StringLike", "*:role/app", Decision::Allowed, LetIn::Yes),
    ("ArnLike", "arn:*:iam::111122223333:*", Decision::Allowed, LetIn::Yes),
    ("ArnLike", "*:*:*:*:*:*", Decision::Allowed, LetIn::Yes),
    ("ArnEquals", "arn:aws:iam::111122223333:ROLE/app", Decision::NotAllowed, LetIn::No),
    ("ArnLike", "arn:aws:iam::111122223333:ROLE/*", Decision::NotAllowed, LetIn::No),
    ("StringEqualsIgnoreCase", "ARN:AWS:IAM::111122223333:ROLE/APP", Decision::Allowed, LetIn::Yes),
];

/// What ways in come to for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LetIn {
    Yes,
    No,
    Perhaps,
}

fn with_odd_arn(operator: &str, arn: &str) -> Case {
    let world = World { partition: PARTITION.to_owned(), region: REGION.to_owned(), key_account: KEY_ACCOUNT.to_owned(), memberships: BTreeMap::new() };
    let condition = json!({ operator: { "aws:PrincipalArn": arn } });
    let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": condition });
    let app = Caller::Role { arn: APP.to_owned(), session: "build".to_owned() };
    Case { policy: json!({ "Version": "2012-10-17", "Statement": [statement] }), request: world.request(app, "Decrypt") }
}

const APP: &str = "arn:aws:iam::111122223333:role/app";

/// Each policy is asked several times, so that most are met at least once. The odd ARNs come first.
fn cases(count: usize, seed: u64) -> Vec<Case> {
    let mut generator = Generator::new(seed);
    let mut cases: Vec<Case> = ODD_ARNS.iter().map(|(operator, arn, ..)| with_odd_arn(operator, arn)).collect();
    while cases.len() < count {
        generator.undocumented = generator.chance(30);
        let (world, policy) = (generator.world(), generator.policy());
        for _ in 0..5 {
            cases.push(Case { policy: policy.clone(), request: generator.request(&world, &policy) });
        }
    }
    cases.truncate(count);
    cases
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn line(case: &Case) -> Value {
    let Case { policy, request } = case;
    let context: BTreeMap<&String, Value> =
        request.context.iter().map(|(key, values)| (key, if is_multivalued(key) { json!(values) } else { json!(values[0]) })).collect();
    let issuer = match &request.caller {
        Caller::FederatedUser { issuer, .. } => Some(issuer),
        _ => None,
    };
    json!({
        "policy": policy,
        "request": {
            "principal": request.caller.principal(),
            "account": request.caller.account().map(|(_, account)| account),
            "issuer": issuer,
            "action": format!("kms:{}", request.action),
            "resource": KEY_ARN,
            "resource_account": KEY_ACCOUNT,
            "context": context,
        },
        // Of the policy alone, and with what KMS does not do for other accounts.
        "policy_decision": policy_decision(policy, request, PARTITION).as_str(),
        "decision": allows(policy, request, KEY_ACCOUNT, PARTITION).as_str(),
    })
}

#[test]
fn arns_are_compared_part_by_part_and_with_regard_to_case() {
    for (operator, arn, decision, let_in) in ODD_ARNS {
        let case = with_odd_arn(operator, arn);
        assert_eq!(allows(&case.policy, &case.request, KEY_ACCOUNT, PARTITION), decision, "{operator} {arn}");
        assert_eq!(told(&case), let_in, "{operator} {arn}");
    }
}

/// What the reasoning says of a request by the role `app`.
fn told(case: &Case) -> LetIn {
    let key: KeyArn = KEY_ARN.parse().unwrap();
    let around = Surroundings::of_key(&key, "2026-03-01T12:00:00Z".parse().unwrap());
    let document = parse(&case.policy.to_string()).unwrap();
    let ways = key_access(KeyPolicies { default: Some(&document), ram: None }, &[], &around).ways;
    let account = CallerAccount { id: KEY_ACCOUNT.parse().unwrap(), other_partition: None };
    let caller = access::Caller::Role { account, arn: APP.to_owned(), session: "build".to_owned() };
    let request = access::Request { caller, action: case.request.action.clone(), context: case.request.context.clone() };
    let admitting: Vec<bool> = ways.iter().filter(|way| way.admits(&request, &around)).map(|way| way.certainty.is_certain()).collect();
    match admitting.as_slice() {
        [] => LetIn::No,
        ways if ways.contains(&true) => LetIn::Yes,
        _ => LetIn::Perhaps,
    }
}

/// Of what AWS does not document no outcome is certain, and none that a reading of it has is overlooked.
#[test]
fn statements_that_aws_does_not_document_are_certain_only_where_every_reading_agrees() {
    let statement = |effect: &str, more: Value| {
        let mut statement = json!({"Effect": effect, "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"});
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        statement
    };
    let allow = |more: Value| statement("Allow", more);
    let deny = |more: Value| statement("Deny", more);
    let other = json!({"Resource": "arn:aws:kms:eu-central-1:111122223333:alias/app"});
    let misspelt = json!({"Conditon": {"StringNotEquals": {"aws:PrincipalAccount": KEY_ACCOUNT}}});
    for (statements, let_in) in [
        (json!([allow(other.clone())]), LetIn::Perhaps),
        (json!([allow(json!({"Resource": "arn:aws:kms:*:111122223333:key/*"}))]), LetIn::Yes),
        (json!([allow(json!({})), allow(other.clone())]), LetIn::Yes),
        (json!([allow(json!({})), deny(other.clone())]), LetIn::Perhaps),
        (json!([allow(json!({})), deny(json!({})), deny(other)]), LetIn::No),
        (json!([allow(json!({})), deny(misspelt.clone())]), LetIn::Perhaps),
        (json!([allow(misspelt)]), LetIn::Yes),
        (json!([allow(json!({"Condition": {"NullIfExists": {"aws:PrincipalArn": "false"}}}))]), LetIn::Perhaps),
        (json!([allow(json!({"Principal": {"AWS": "arn:aws-cn:iam::111122223333:role/app"}}))]), LetIn::No),
    ] {
        let case = Case { policy: json!({"Version": "2012-10-17", "Statement": statements}), ..with_odd_arn("ArnLike", "*") };
        let allowed =
            Reading::ALL.map(|reading| allows_with_grants(&reading.of(&case.policy, KEY_ARN), &[], &case.request, KEY_ACCOUNT, PARTITION).is_allowed());
        assert_eq!(told(&case), let_in, "{statements}");
        let agrees = match let_in {
            LetIn::Yes => allowed == [true; 3],
            LetIn::No => allowed == [false; 3],
            LetIn::Perhaps => allowed.contains(&false),
        };
        assert!(agrees, "{statements}: {allowed:?}");
    }
}

#[test]
fn random_cases_reach_every_decision_often() {
    let mut counts = BTreeMap::new();
    for case in cases(4000, 1) {
        *counts.entry(allows(&case.policy, &case.request, KEY_ACCOUNT, PARTITION)).or_insert(0) += 1;
    }
    for decision in [Decision::Allowed, Decision::AllowedByDelegation, Decision::ExplicitDeny, Decision::NotAllowed] {
        assert!(counts.get(&decision).copied().unwrap_or(0) >= 80, "{counts:?}");
    }
}

#[test]
fn a_seed_gives_the_same_cases_each_time() {
    let text = |seed| cases(50, seed).iter().map(|case| line(case).to_string()).collect::<Vec<_>>();
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}

#[test]
fn cases_are_written_where_asked() {
    let Ok(path) = std::env::var("KMS_INSIGHTS_CASES") else { return };
    let count = usize::try_from(number("KMS_INSIGHTS_CASE_COUNT", 3000)).unwrap();
    let mut text = String::new();
    for case in cases(count, number("KMS_INSIGHTS_CASE_SEED", 20_260_301)) {
        writeln!(text, "{}", line(&case)).unwrap();
    }
    std::fs::write(path, text).unwrap();
}
