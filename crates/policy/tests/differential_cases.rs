//! Random cases for another evaluator: `tests/conformance/test_policy_iam_simulate.py` has them written and compares.
//!
//! `KMS_INSIGHTS_CASES=<file>` writes them, one JSON object a line; `KMS_INSIGHTS_CASE_COUNT` and `KMS_INSIGHTS_CASE_SEED` say how many and which.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::{collections::BTreeMap, fmt::Write as _};

use oracle::{
    conditions::is_multivalued,
    evaluate::{Decision, allows, policy_decision},
    generator::Generator,
    pool::{KEY_ACCOUNT, KEY_ARN, PARTITION},
    request::Request,
};
use serde_json::{Value, json};

struct Case {
    policy: Value,
    request: Request,
}

/// Each policy is asked several times, so that most are met at least once.
fn cases(count: usize, seed: u64) -> Vec<Case> {
    let mut generator = Generator::new(seed);
    let mut cases = Vec::with_capacity(count);
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
        oracle::request::Caller::FederatedUser { issuer, .. } => Some(issuer),
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
fn random_cases_reach_every_decision_often() {
    let mut counts = BTreeMap::new();
    for case in cases(2000, 1) {
        *counts.entry(allows(&case.policy, &case.request, KEY_ACCOUNT, PARTITION)).or_insert(0) += 1;
    }
    for decision in [Decision::Allowed, Decision::AllowedByDelegation, Decision::ExplicitDeny, Decision::NotAllowed] {
        assert!(counts.get(&decision).copied().unwrap_or(0) >= 60, "{counts:?}");
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
