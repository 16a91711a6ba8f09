//! Policies that are written to take long: each is weighed within its bound, and what is left undone makes ways uncertain, never narrower.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use kms_insights_model::KeyArn;
use kms_insights_policy::{
    Surroundings,
    access::{Certainty, KeyPolicies, Verdict, WayIn, key_access},
    parse,
};

const LIMIT: usize = 32 * 1024;

/// A policy of 32 KiB whose statements are made one after the other.
fn policy(statement: impl Fn(usize) -> String) -> String {
    let mut statements: Vec<String> = Vec::new();
    let mut length = 0;
    loop {
        let next = statement(statements.len());
        length += next.len() + 1;
        if length > LIMIT - 100 {
            return format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
        }
        statements.push(next);
    }
}

fn ways(text: &str) -> Vec<WayIn> {
    let key: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
    let document = parse(text).unwrap();
    key_access(KeyPolicies { default: Some(&document), ram: None }, &[], &Surroundings::of_key(&key, "2026-11-22T06:00:00Z".parse().unwrap())).ways
}

const EVERYONE: &str = r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}"#;

fn deny(actions: &str, conditions: &str) -> String {
    format!(r#"{{"Effect":"Deny","Principal":"*","Action":"{actions}","Resource":"*","Condition":{{"StringNotEquals":{{{conditions}}}}}}}"#)
}

#[test]
fn denies_that_multiply_every_allow_end_and_leave_no_way_out() {
    let actions = ["kms:Decrypt", "kms:Encrypt", "kms:Sign", "kms:Verify", "kms:GenerateMac", "kms:CreateGrant", "kms:PutKeyPolicy", "kms:DescribeKey"];
    let text = policy(|at| {
        if at % 2 == 0 {
            EVERYONE.to_owned()
        } else {
            deny(actions[at / 2 % actions.len()], &format!(r#""aws:PrincipalTag/t{at}":"v{at}","aws:SourceVpce":"vpce-{at}""#))
        }
    });
    let found = ways(&text);
    assert!(found.iter().any(|way| way.who.kind() == "every_principal"));
}

#[test]
fn alternatives_that_each_name_another_account_are_not_all_followed() {
    let text = policy(|at| {
        if at == 0 {
            EVERYONE.to_owned()
        } else {
            deny(
                "kms:*",
                &format!(r#""aws:PrincipalOrgID":"o-a{at}","aws:PrincipalAccount":"{at:012}","kms:CallerAccount":"{at:012}","aws:PrincipalTag/x":"y{at}""#),
            )
        }
    });
    let found = ways(&text);
    assert!(!found.is_empty() && found.len() < 10_000, "{}", found.len());
}

#[test]
fn what_was_not_weighed_is_said_and_not_taken_for_decided() {
    let principals: Vec<String> = (0..600).map(|at| format!("\"{at:012}\"")).collect();
    let allow = format!(r#"{{"Effect":"Allow","Principal":{{"AWS":[{}]}},"Action":"kms:*","Resource":"*"}}"#, principals.join(","));
    let text = policy(|at| if at == 0 { allow.clone() } else { deny("kms:*", &format!(r#""aws:SourceVpce":"y{at}","aws:PrincipalTag/{at}":"a""#)) });
    let found = ways(&text);
    assert_eq!(found.iter().filter(|way| way.is_open()).count(), 600, "each account is still there");
    let last = found.iter().rfind(|way| way.is_open()).unwrap();
    assert_eq!(last.certainty, Certainty::Unknown("the policy, or the grants, are too large to be weighed in full".into()));
    let key: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
    let around = Surroundings::of_key(&key, "2026-11-22T06:00:00Z".parse().unwrap());
    assert_eq!(kms_insights_policy::access::Exposure::of(&found, true, &around).outside_account, Verdict::Unknown);
}

#[test]
fn patterns_of_many_stars_are_matched_without_going_back_twice() {
    let text = policy(|at| {
        format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{{"StringLike":{{"aws:PrincipalArn":"{}b{at}","kms:ViaService":"{}"}}}}}}"#,
            "*a".repeat(40),
            "*a".repeat(40)
        )
    });
    assert!(!ways(&text).is_empty());
}
