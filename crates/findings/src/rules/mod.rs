//! The rules, one file each; file, rule id, fixtures and section of `docs/findings.md` share one name.

use crate::{Finding, Severity, subject::Subject};

mod deleted_principal;
mod grant_outside_account;
mod iam_user;
mod material_expiring;
mod never_used;
mod outside_account;
mod pending_deletion;
mod policy_unreadable;
mod public;
mod whole_account;
mod wildcard_actions;

/// A rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo {
    /// The id in the `findings` table, such as `outside-account`.
    pub id: &'static str,
    /// What the rule looks for, in a few words.
    pub title: &'static str,
    /// The worst severity of its findings; one finding may weigh less.
    pub severity: Severity,
    /// What it means, when it fires and when it does not, and what the judgement rests on. Markdown.
    pub documentation: &'static str,
    /// What to do about it, in a sentence or two.
    pub remediation: &'static str,
    pub(crate) check: fn(&Subject<'_>, &mut Vec<Finding>),
}

/// Every rule, in the order of the documentation.
pub const RULES: &[RuleInfo] = &[
    public::RULE,
    outside_account::RULE,
    policy_unreadable::RULE,
    grant_outside_account::RULE,
    wildcard_actions::RULE,
    iam_user::RULE,
    whole_account::RULE,
    deleted_principal::RULE,
    pending_deletion::RULE,
    material_expiring::RULE,
    never_used::RULE,
];
