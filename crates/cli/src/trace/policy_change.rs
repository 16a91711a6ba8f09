//! What a new key policy changed, in one line.

use std::collections::BTreeSet;

use kms_insights_model::AccountId;
use kms_insights_policy::{Effect, Statement, parse};
use serde_json::Value;

use super::who::principal;

/// So many principals are named.
const MOST_NAMED: usize = 4;

/// What a policy says of principals: those that it lets in, and those that it denies.
type Named = BTreeSet<String>;

/// The principals that a policy names, in words; `None` for what is no policy.
fn named(policy: &str, account: AccountId) -> Option<Named> {
    let document = parse(policy).ok()?;
    Some(document.statements.iter().flat_map(|statement| of_statement(statement, account)).collect())
}

fn of_statement(statement: &Statement, account: AccountId) -> Vec<String> {
    let principals = statement.principals.listed().iter().map(|listed| principal(&listed.text, account));
    let whom = |name: String| match (statement.effect, statement.principals.is_negated()) {
        (Effect::Allow, false) => name,
        (Effect::Allow, true) => format!("everyone but {name}"),
        (Effect::Deny, false) => format!("a denial of {name}"),
        (Effect::Deny, true) => format!("a denial of everyone but {name}"),
    };
    principals.map(whom).collect()
}

fn list(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    let shown = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whom a policy names, with which a key begins.
pub(super) fn first(policy: &str, account: AccountId) -> Option<String> {
    named(policy, account).map(|names| format!("policy for {}", list(names)))
}

/// What became of a policy, `before` being the one before it where that is known.
pub(super) fn change(before: Option<&str>, after: Option<&str>, account: AccountId) -> String {
    let Some(after) = after else { return "policy changed; the record does not hold its text".to_owned() };
    let Some(now) = named(after, account) else { return "policy changed; its text could not be understood".to_owned() };
    let Some(was) = before.and_then(|before| named(before, account)) else {
        return format!("policy put, for {}; the one before is not known", list(now));
    };
    let (appeared, gone): (Vec<String>, Vec<String>) = (now.difference(&was).cloned().collect(), was.difference(&now).cloned().collect());
    match (appeared.is_empty(), gone.is_empty()) {
        (true, true) if before.is_some_and(|before| is_same(before, after)) => "policy put again, unchanged".to_owned(),
        (true, true) => "policy changed, for the same principals".to_owned(),
        (false, true) => format!("policy changed: {} added", list(appeared)),
        (true, false) => format!("policy changed: {} taken out", list(gone)),
        (false, false) => format!("policy changed: {} added, {} taken out", list(appeared), list(gone)),
    }
}

/// Whether two policies say the same, however they are laid out.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || read(one).is_some_and(|one| read(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(principals: &[&str], action: &str) -> String {
        let statement = serde_json::json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": action, "Resource": "*"});
        serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    }

    const ROOT: &str = "arn:aws:iam::111122223333:root";
    const APP: &str = "arn:aws:iam::111122223333:role/app";
    const PARTNER: &str = "arn:aws:iam::444455556666:role/partner";

    #[test]
    fn a_change_of_policy_names_who_came_and_who_went() {
        let own = "111122223333".parse().unwrap();
        let said = |before: Option<&str>, after: &str| change(before, Some(after), own);
        let (root, both, partner) = (policy(&[ROOT], "kms:*"), policy(&[ROOT, APP], "kms:*"), policy(&[ROOT, PARTNER], "kms:*"));
        assert_eq!(said(Some(&root), &both), "policy changed: role app added");
        assert_eq!(said(Some(&both), &root), "policy changed: role app taken out");
        assert_eq!(said(Some(&both), &partner), "policy changed: role partner of account 444455556666 added, role app taken out");
        assert_eq!(said(Some(&root), &policy(&[ROOT], "kms:Decrypt")), "policy changed, for the same principals");
        assert_eq!(said(Some(&root), &serde_json::to_string_pretty(&serde_json::from_str::<Value>(&root).unwrap()).unwrap()), "policy put again, unchanged");
        assert_eq!(said(None, &both), "policy put, for its own account, role app; the one before is not known");
        assert_eq!(said(Some(&root), "{"), "policy changed; its text could not be understood");
        assert_eq!(change(Some(&root), None, own), "policy changed; the record does not hold its text");
        let denial =
            r#"{"Statement": [{"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:role/app"}, "Action": "kms:*", "Resource": "*"}]}"#;
        assert_eq!(said(Some(&root), denial), "policy changed: a denial of everyone but role app added, its own account taken out");
        let many: Vec<String> = (0..6).map(|at| format!("arn:aws:iam::111122223333:role/r{at}")).collect();
        let many = policy(&many.iter().map(String::as_str).collect::<Vec<_>>(), "kms:*");
        assert_eq!(first(&many, own).unwrap(), "policy for role r0, role r1, role r2, role r3 and 2 more");
    }
}
