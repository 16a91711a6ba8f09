//! What the fence of a way demands, for rules that ask for one kind of fence.

use kms_insights_policy::{
    Condition, SetQualifier,
    access::{Clause, Literal, WayIn},
};

/// Whether a clause of the way's fence demands conditions of all of which `test` holds, so that one of them must hold of every request.
pub(crate) fn is_fenced_by(way: &WayIn, test: impl Fn(&Condition, bool) -> bool) -> bool {
    way.fence.0.iter().any(|clause| all(clause, &test))
}

/// Whether something is demanded beside that the caller is of an account or an organization.
pub(crate) fn is_fenced_further(way: &WayIn) -> bool {
    const BORDERS: [&str; 4] = ["kms:CallerAccount", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"];
    way.fence.0.iter().any(|clause| !all(clause, &|condition, _| BORDERS.iter().any(|key| condition.key.eq_ignore_ascii_case(key))))
}

fn all(clause: &Clause, test: &impl Fn(&Condition, bool) -> bool) -> bool {
    clause.0.iter().all(|literal| matches!(literal, Literal::Condition { term, negated } if test(&term.condition, *negated)))
}

/// Whether the condition, or where `negated` its opposite, holds only for requests whose key has a value that it names.
pub(crate) fn demands_a_value(condition: &Condition, negated: bool) -> bool {
    let operator = &condition.operator;
    let holds_without = match operator.set {
        _ if operator.if_exists => true,
        Some(SetQualifier::ForAllValues) => true,
        Some(SetQualifier::ForAnyValue) => false,
        None => operator.negated,
    };
    operator.negated == negated && holds_without == negated
}

/// Whether the text has a wildcard.
pub(crate) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether the text is the id of an account.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
