//! The rules, one file each; file, rule id, fixtures and section of `docs/findings.md` share one name.

use crate::{Finding, Severity, subject::Subject};

mod broad_decrypt;
mod confused_deputy;
mod deleted_principal;
mod disabled_long;
mod grant_outside_account;
mod iam_user;
mod kms_refuses;
mod locked_out;
mod material_expiring;
mod never_used;
mod no_alias;
mod no_effect;
mod not_action;
mod not_principal;
mod not_used;
mod outside_account;
mod outside_intent;
mod outside_organization;
mod pending_deletion;
mod policy_unreadable;
mod public;
mod replica_policies_differ;
mod required_tags;
mod rotation_off;
mod rotation_period;
mod separation_of_duty;
mod stale_grant;
mod toothless_condition;
mod unfenced_create_grant;
mod usage_unknown;
mod whole_account;
mod wildcard_actions;

/// A fact that a rule rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RestsOn {
    /// `kms:DescribeKey`
    Metadata,
    /// `kms:GetKeyPolicy`
    Policies,
    /// `kms:ListGrants`
    Grants,
    /// `kms:GetKeyLastUsage`
    LastUsage,
    /// `kms:ListAliases`
    Aliases,
    /// `kms:ListResourceTags`
    Tags,
    /// `kms:GetKeyRotationStatus`
    Rotation,
    /// `organizations:DescribeOrganization` and `organizations:ListAccounts`: the organization of the key's account
    Organization,
    /// `kms:GetKeyPolicy` of the other keys of the multi-Region set
    ReplicaPolicies,
}

impl RestsOn {
    /// The value in the tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Policies => "policies",
            Self::Grants => "grants",
            Self::LastUsage => "last_usage",
            Self::Aliases => "aliases",
            Self::Tags => "tags",
            Self::Rotation => "rotation",
            Self::Organization => "organization",
            Self::ReplicaPolicies => "replica_policies",
        }
    }
}

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
    /// The facts without which the rule cannot say anything: where one was not read, that nothing was found means nothing.
    pub rests_on: &'static [RestsOn],
    /// What to do about it, in a sentence or two.
    pub remediation: &'static str,
    pub(crate) check: fn(&Subject<'_>, &mut Vec<Finding>),
}

/// Every rule, in the order of the documentation.
pub const RULES: &[RuleInfo] = &[
    public::RULE,
    outside_organization::RULE,
    outside_account::RULE,
    grant_outside_account::RULE,
    locked_out::RULE,
    policy_unreadable::RULE,
    wildcard_actions::RULE,
    not_action::RULE,
    not_principal::RULE,
    broad_decrypt::RULE,
    unfenced_create_grant::RULE,
    toothless_condition::RULE,
    confused_deputy::RULE,
    separation_of_duty::RULE,
    iam_user::RULE,
    whole_account::RULE,
    outside_intent::RULE,
    kms_refuses::RULE,
    no_effect::RULE,
    deleted_principal::RULE,
    stale_grant::RULE,
    replica_policies_differ::RULE,
    pending_deletion::RULE,
    material_expiring::RULE,
    rotation_off::RULE,
    rotation_period::RULE,
    disabled_long::RULE,
    never_used::RULE,
    not_used::RULE,
    usage_unknown::RULE,
    no_alias::RULE,
    required_tags::RULE,
];
