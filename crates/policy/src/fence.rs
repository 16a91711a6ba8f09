//! Fences: conditions that confine a statement to the callers of certain accounts.
//!
//! Each condition is asked one question: *whatever it says, to which accounts must the caller belong for it to hold?* What the answer leaves open counts as
//! open. All conditions of a statement must hold, so their answers narrow one another.
//!
//! What fences nothing, and why (IAM User Guide, "Condition operators", "Multivalued context keys"; AWS KMS Developer Guide, "AWS KMS condition keys"):
//! - negated operators: they hold when the request lacks the key, and admit everybody but those named;
//! - `…IfExists`: holds when the request lacks the key; on keys that every request carries it is the plain operator;
//! - `ForAllValues:` holds when the request lacks the key, unless a `Null` guard demands the key;
//! - wildcards in the place of the account, and policy variables other than the account or organization of the key itself;
//! - `kms:ViaService` names the service a request comes through, not whose request it is; `kms:GrantIsForAWSResource`, encryption contexts, networks, tags
//!   and times say nothing of the caller's account.

use std::sync::Arc;

use kms_insights_model::{AccountId, KeyArn};

use crate::{Condition, Conditions, SetQualifier, Test, wildcard::has_wildcard};

/// What one condition demands of the caller's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Narrowing {
    /// The caller belongs to one of these accounts.
    CallerAccounts(Vec<AccountId>),
    /// The caller belongs to a certain organization.
    CallerOrganization,
    /// The caller is a service that acts for one of these accounts.
    SourceAccounts(Vec<AccountId>),
    /// The caller is a service that acts for a certain organization.
    SourceOrganization,
    /// Nothing, for the reason given.
    Nothing(&'static str),
}

/// What all conditions of a statement together demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    /// The accounts to one of which the caller belongs; `None` where the conditions leave it open. Empty: nobody fulfils the conditions.
    pub caller_accounts: Option<Arc<[AccountId]>>,
    /// Whether the caller belongs to a certain organization.
    pub caller_organization: bool,
    /// The accounts for one of which a service must act. `aws:SourceAccount` and `aws:SourceArn` are set in calls by service principals only.
    pub source_accounts: Option<Arc<[AccountId]>>,
    /// Whether a service must act for a certain organization.
    pub source_organization: bool,
}

impl Fence {
    /// The fence that the conditions raise around `key`; `variables` says whether `${…}` is a policy variable
    /// ([`PolicyDocument::has_variables`](crate::PolicyDocument::has_variables)).
    pub fn of(conditions: &Conditions, key: &KeyArn, variables: bool) -> Self {
        let mut fence = Self::default();
        for condition in &conditions.entries {
            match narrowing(condition, conditions, key, variables) {
                Narrowing::CallerAccounts(accounts) => intersect(&mut fence.caller_accounts, &accounts),
                Narrowing::SourceAccounts(accounts) => intersect(&mut fence.source_accounts, &accounts),
                Narrowing::CallerOrganization => fence.caller_organization = true,
                Narrowing::SourceOrganization => fence.source_organization = true,
                Narrowing::Nothing(_) => {}
            }
        }
        fence
    }

    /// The accounts left of everyone: those the caller must belong to, else those a service must act for, since then only services pass.
    pub(crate) fn accounts_for_anyone(&self) -> Option<&Arc<[AccountId]>> {
        self.caller_accounts.as_ref().or(self.source_accounts.as_ref())
    }

    /// Whether everyone is confined to an organization.
    pub const fn is_organization(&self) -> bool {
        self.caller_organization || self.source_organization
    }
}

fn intersect(known: &mut Option<Arc<[AccountId]>>, accounts: &[AccountId]) {
    *known = Some(match known {
        Some(known) => known.iter().copied().filter(|account| accounts.contains(account)).collect(),
        None => accounts.into(),
    });
}

/// The context keys that tell whose request it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FenceKey {
    Account,
    PrincipalArn,
    OrganizationId,
    OrganizationPaths,
    SourceAccount,
    SourceArn,
    SourceOrganizationId,
    SourceOrganizationPaths,
}

impl FenceKey {
    /// The key of that name, and whether every request carries it. IAM documents that of `aws:PrincipalAccount` and `aws:PrincipalArn` (signed requests,
    /// and KMS takes no others); KMS does not say it of `kms:CallerAccount`.
    fn read(name: &str) -> Option<(Self, bool)> {
        const KEYS: [(&str, FenceKey, bool); 9] = [
            ("kms:CallerAccount", FenceKey::Account, false),
            ("aws:PrincipalAccount", FenceKey::Account, true),
            ("aws:PrincipalOrgID", FenceKey::OrganizationId, false),
            ("aws:PrincipalArn", FenceKey::PrincipalArn, true),
            ("aws:SourceAccount", FenceKey::SourceAccount, false),
            ("aws:SourceArn", FenceKey::SourceArn, false),
            ("aws:PrincipalOrgPaths", FenceKey::OrganizationPaths, false),
            ("aws:SourceOrgID", FenceKey::SourceOrganizationId, false),
            ("aws:SourceOrgPaths", FenceKey::SourceOrganizationPaths, false),
        ];
        KEYS.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(name)).map(|(_, key, always)| (*key, *always))
    }
}

/// What one condition of a statement demands; `all` are the statement's conditions, in which a `Null` guard may stand.
pub fn narrowing(condition: &Condition, all: &Conditions, key: &KeyArn, variables: bool) -> Narrowing {
    let operator = &condition.operator;
    let Some((fence_key, always_present)) = FenceKey::read(&condition.key) else {
        return Narrowing::Nothing(if condition.key.eq_ignore_ascii_case("kms:ViaService") {
            "it names a service, not whose request comes through it"
        } else {
            "it does not restrict the caller's account"
        });
    };
    if operator.negated {
        return Narrowing::Nothing("a negated operator admits everyone but those named, and requests without the key");
    }
    let may_be_absent = !always_present && !all.require_presence_of(&condition.key);
    if operator.if_exists && may_be_absent {
        return Narrowing::Nothing("IfExists holds for requests without the key");
    }
    if operator.set == Some(SetQualifier::ForAllValues) && may_be_absent {
        return Narrowing::Nothing("ForAllValues holds for requests without the key");
    }
    let multivalued = matches!(fence_key, FenceKey::OrganizationPaths | FenceKey::SourceOrganizationPaths);
    if multivalued && operator.set.is_none() {
        return Narrowing::Nothing("a key of several values needs ForAnyValue");
    }
    if condition.values.is_empty() {
        return Narrowing::Nothing("it has no values");
    }
    let reading = match operator.test {
        Test::StringEquals | Test::StringEqualsIgnoreCase => Reading { wildcards: false, by_parts: false },
        Test::StringLike => Reading { wildcards: true, by_parts: false },
        Test::Arn if matches!(fence_key, FenceKey::PrincipalArn | FenceKey::SourceArn) => Reading { wildcards: true, by_parts: true },
        _ => return Narrowing::Nothing("its operator does not compare accounts"),
    };
    let values = &condition.values;
    match fence_key {
        FenceKey::Account | FenceKey::SourceAccount => match collect(values, |value| account(value, reading, key, variables)) {
            Some(accounts) if fence_key == FenceKey::Account => Narrowing::CallerAccounts(accounts),
            Some(accounts) => Narrowing::SourceAccounts(accounts),
            None => Narrowing::Nothing("a value has a wildcard or variable in the place of the account"),
        },
        FenceKey::PrincipalArn | FenceKey::SourceArn => match collect(values, |value| account_of_arn(value, reading)) {
            Some(accounts) if fence_key == FenceKey::PrincipalArn => Narrowing::CallerAccounts(accounts),
            Some(accounts) => Narrowing::SourceAccounts(accounts),
            None => Narrowing::Nothing("a value leaves the account of the ARN open"),
        },
        FenceKey::OrganizationId | FenceKey::SourceOrganizationId => {
            if values.iter().all(|value| is_organization(value, reading, variables)) {
                if fence_key == FenceKey::OrganizationId { Narrowing::CallerOrganization } else { Narrowing::SourceOrganization }
            } else {
                Narrowing::Nothing("a value leaves the organization open")
            }
        }
        FenceKey::OrganizationPaths | FenceKey::SourceOrganizationPaths => {
            let certain = |value: &String| value.split_once('/').is_some_and(|(id, _)| is_organization(id, reading, variables));
            if values.iter().all(certain) {
                if fence_key == FenceKey::OrganizationPaths { Narrowing::CallerOrganization } else { Narrowing::SourceOrganization }
            } else {
                Narrowing::Nothing("a value leaves the organization open")
            }
        }
    }
}

/// How an operator reads its values.
#[derive(Clone, Copy)]
struct Reading {
    /// `*` and `?` stand for other characters.
    wildcards: bool,
    /// A wildcard does not reach beyond its part of an ARN.
    by_parts: bool,
}

/// What a value says of the account.
enum Value {
    Account(AccountId),
    /// No request can match the value.
    Never,
    Open,
}

fn collect(values: &[String], read: impl Fn(&str) -> Value) -> Option<Vec<AccountId>> {
    let mut accounts = Vec::with_capacity(values.len());
    for value in values {
        match read(value) {
            Value::Account(account) => accounts.push(account),
            Value::Never => {}
            Value::Open => return None,
        }
    }
    accounts.sort_unstable();
    accounts.dedup();
    Some(accounts)
}

fn account(value: &str, reading: Reading, key: &KeyArn, variables: bool) -> Value {
    if let Ok(account) = value.parse() {
        return Value::Account(account);
    }
    if variables && value.eq_ignore_ascii_case("${aws:ResourceAccount}") {
        return Value::Account(key.account());
    }
    // A number that JSON spells in another way may still be an account: only what has no digit at all is certain to match none.
    let open = value.contains("${") || (reading.wildcards && has_wildcard(value)) || value.bytes().any(|byte| byte.is_ascii_digit());
    if open { Value::Open } else { Value::Never }
}

fn account_of_arn(value: &str, reading: Reading) -> Value {
    let mut parts = value.splitn(6, ':');
    let head: [&str; 4] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let (Some(account), Some(_)) = (parts.next(), parts.next()) else { return Value::Open };
    // Read as one text, `arn:aws:iam::1*:…` may match an ARN in which the account stands elsewhere: then only a literal head holds the account in its place.
    let head_may_shift = !reading.by_parts && reading.wildcards && head.iter().any(|part| has_wildcard(part));
    let head_varies = head.iter().any(|part| part.contains("${"));
    match account.parse() {
        Ok(account) if !head_may_shift && !head_varies => Value::Account(account),
        _ => Value::Open,
    }
}

fn is_organization(value: &str, reading: Reading, variables: bool) -> bool {
    if variables && value.eq_ignore_ascii_case("${aws:ResourceOrgID}") {
        return true;
    }
    value.starts_with("o-") && !value.contains("${") && !(reading.wildcards && has_wildcard(value))
}
