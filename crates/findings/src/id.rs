//! Ids by which a finding is known again in the next run.
//!
//! Tickets and waivers refer to these ids: a waiver must go on covering what it was given for, wherever that stands, and nothing else. So the cause of which an id is
//! made is *what* causes the finding, not where it stands:
//! - of a grant, its id;
//! - of a statement, what it says ([`statement_cause`]): whoever changes a principal, an action, a condition or the effect makes another finding. A new `Sid`, another
//!   place in the policy and another order or spelling of the same lists change nothing;
//! - of any other fact, its name: there is one for each key.
//!
//! The rule is part of the id, too, save where two rules speak of one matter, each as far as is known: whether outsiders are also outside the organization may be known
//! in one run and not in the next, and they stay the same finding.

use std::{collections::BTreeMap, fmt::Write as _};

use kms_insights_model::KeyArn;
use kms_insights_policy::{Actions, PolicyDocument, Statement};
use serde_json::json;
use sha2::{Digest, Sha256};

/// For each statement of a policy, in order, what its findings' ids are made of. Statements that say the same are counted, so that each has ids of its own; which of
/// them goes when one is removed, nobody can say.
pub(crate) fn statement_causes(policy: &str, document: &PolicyDocument) -> Vec<String> {
    let mut same: BTreeMap<String, usize> = BTreeMap::new();
    document
        .statements
        .iter()
        .map(|statement| {
            let cause = statement_cause(policy, statement);
            let before = same.entry(cause.clone()).or_default();
            *before += 1;
            format!("{cause} {before}")
        })
        .collect()
}

/// What a statement of the policy `policy` says, in one spelling: effect, principals, actions and conditions as JSON, lists sorted and without repetitions, actions and
/// the names of operators and keys in lower case, for IAM compares them so.
fn statement_cause(policy: &str, statement: &Statement) -> String {
    let (negated_actions, actions) = match &statement.actions {
        Actions::Only(patterns) => (false, &patterns[..]),
        Actions::Except(patterns) => (true, &patterns[..]),
        Actions::Absent => (false, &[][..]),
    };
    let principals = sorted(statement.principals.listed().iter().map(|principal| (principal.principal_type.as_str(), &*principal.text)));
    let conditions = sorted(statement.conditions.entries.iter().map(|condition| {
        let values = sorted(condition.values.iter().map(String::as_str));
        (condition.operator.text.to_ascii_lowercase(), condition.key.to_ascii_lowercase(), values)
    }));
    let actions = sorted(actions.iter().map(|pattern| pattern.to_ascii_lowercase()));
    json!([policy, statement.effect.as_str(), statement.principals.is_negated(), principals, negated_actions, actions, conditions]).to_string()
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// The first sixteen hexadecimal digits of the SHA-256 of key ARN, rule and cause, each followed by a zero byte, which none of them holds.
pub(crate) fn stable_id(key: &KeyArn, rule: &str, cause: &str) -> String {
    let mut hash = Sha256::new();
    for part in [key.to_string().as_str(), rule, cause] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(8).fold(String::with_capacity(16), |mut id, byte| {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_in_every_run_and_differ_by_key_rule_and_cause() {
        let key: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        let other: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/9999abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        // Waivers and tickets refer to these ids: this value must never change.
        assert_eq!(stable_id(&key, "public", "statement 0"), "860d28723fd06b39");
        let mut ids = vec![
            stable_id(&key, "public", "statement 0"),
            stable_id(&key, "public", "statement 1"),
            stable_id(&key, "iam-user", "statement 0"),
            stable_id(&other, "public", "statement 0"),
        ];
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }

    const VENDOR: &str = r#"{"Sid": "Vendor", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::444455556666:role/a", "999999999999"]},
        "Action": ["kms:Decrypt", "kms:Encrypt"], "Resource": "*", "Condition": {"StringEquals": {"kms:CallerAccount": ["444455556666", "999999999999"]}}}"#;

    /// The causes of a policy of these statements.
    fn causes(statements: &[&str]) -> Vec<String> {
        statement_causes("default", &kms_insights_policy::parse(&format!(r#"{{"Statement": [{}]}}"#, statements.join(","))).unwrap())
    }

    #[test]
    fn what_a_statement_says_is_its_cause() {
        // As above: this text must never change.
        let cause = concat!(
            r#"["default","Allow",false,[["AWS","999999999999"],["AWS","arn:aws:iam::444455556666:role/a"]],false,["kms:decrypt","kms:encrypt"],"#,
            r#"[["stringequals","kms:calleraccount",["444455556666","999999999999"]]]] 1"#
        );
        assert_eq!(causes(&[VENDOR]), [cause]);
    }

    #[test]
    fn another_place_or_spelling_is_the_same_cause() {
        let other = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}"#;
        let spelled = r#"{"Condition": {"stringEquals": {"KMS:CallerAccount": ["999999999999", "444455556666", "999999999999"]}}, "Resource": ["*"],
            "Action": ["KMS:encrypt", "kms:Decrypt"], "Principal": {"AWS": ["999999999999", "arn:aws:iam::444455556666:role/a"]}, "Sid": "V2", "Effect": "Allow"}"#;
        assert_eq!(causes(&[other, VENDOR])[1], causes(&[VENDOR])[0]);
        assert_eq!(causes(&[spelled]), causes(&[VENDOR]));
    }

    #[test]
    fn whatever_a_statement_says_otherwise_is_another_cause() {
        let mut all = causes(&[VENDOR]);
        for (from, to) in [
            ("Allow", "Deny"),
            ("role/a", "role/b"),
            ("role/a", "role/A"),
            (r#""Principal""#, r#""NotPrincipal""#),
            (r#"{"AWS": ["arn:aws:iam::444455556666:role/a", "999999999999"]}"#, r#"{"CanonicalUser": ["arn:aws:iam::444455556666:role/a", "999999999999"]}"#),
            (r#""kms:Decrypt", "#, ""),
            (r#""Action""#, r#""NotAction""#),
            ("StringEquals", "StringNotEquals"),
            ("kms:CallerAccount", "aws:PrincipalAccount"),
            (r#"["444455556666", "999999999999"]}}"#, r#""444455556666"}}"#),
            (r#", "Condition": {"StringEquals": {"kms:CallerAccount": ["444455556666", "999999999999"]}}"#, ""),
        ] {
            assert!(VENDOR.contains(from), "{from}");
            all.extend(causes(&[&VENDOR.replace(from, to)]));
        }
        all.extend(statement_causes("AWS_RAM", &kms_insights_policy::parse(&format!(r#"{{"Statement": {VENDOR}}}"#)).unwrap()));
        let number = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), number, "{all:#?}");
    }

    #[test]
    fn statements_that_say_the_same_are_told_apart_by_their_count() {
        let twice = causes(&[VENDOR, VENDOR]);
        assert_eq!(twice[0], causes(&[VENDOR])[0]);
        assert_eq!(twice[1], twice[0].replace("]] 1", "]] 2"));
    }
}
