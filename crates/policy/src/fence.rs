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

use kms_insights_model::{AccountId, KeyArn, OrganizationId};

use crate::{
    Condition, Conditions, SetQualifier, Test,
    wildcard::{self, has_wildcard},
};

/// An organization that a condition names. Which one it is decides: the id of a stranger's organization fences as well as one's own, but lets in strangers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedOrganization {
    /// That of the key's account, whichever it is: `${aws:ResourceOrgID}`.
    OfKey,
    /// The one with this id.
    Id(OrganizationId),
}

impl NamedOrganization {
    /// Whether this is the organization `own` of the key's account; where `own` is not known, no id can be said to be.
    pub fn is(&self, own: Option<&OrganizationId>) -> bool {
        match self {
            Self::OfKey => true,
            Self::Id(id) => own == Some(id),
        }
    }
}

/// What one condition demands of the caller's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Narrowing {
    /// The caller belongs to one of these accounts.
    CallerAccounts(Vec<AccountId>),
    /// The caller belongs to one of these organizations.
    CallerOrganization(Vec<NamedOrganization>),
    /// The caller is a service that acts for one of these accounts.
    SourceAccounts(Vec<AccountId>),
    /// The caller is a service that acts for one of these organizations.
    SourceOrganization(Vec<NamedOrganization>),
    /// Nothing, for the reason given.
    Nothing(&'static str),
}

/// What all conditions of a statement together demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    /// The accounts to one of which the caller belongs; `None` where the conditions leave it open. Empty: nobody fulfils the conditions.
    pub caller_accounts: Option<Arc<[AccountId]>>,
    /// The organizations to one of which the caller belongs: a list for each condition that says so, all of which hold.
    pub caller_organizations: Vec<Vec<NamedOrganization>>,
    /// The accounts for one of which a service must act. `aws:SourceAccount` and `aws:SourceArn` are set in calls by service principals only.
    pub source_accounts: Option<Arc<[AccountId]>>,
    /// The organizations for one of which a service must act, likewise.
    pub source_organizations: Vec<Vec<NamedOrganization>>,
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
                Narrowing::CallerOrganization(named) => fence.caller_organizations.push(named),
                Narrowing::SourceOrganization(named) => fence.source_organizations.push(named),
                Narrowing::Nothing(_) => {}
            }
        }
        fence
    }

    /// The accounts left of everyone: those the caller must belong to, else those a service must act for, since then only services pass.
    pub(crate) fn accounts_for_anyone(&self) -> Option<&Arc<[AccountId]>> {
        self.caller_accounts.as_ref().or(self.source_accounts.as_ref())
    }

    /// Whether everyone is confined to organizations, whosever they are.
    pub const fn is_organization(&self) -> bool {
        !self.caller_organizations.is_empty() || !self.source_organizations.is_empty()
    }

    /// Whether everyone is confined to the organization of the key's account, which is `own` where that is known.
    pub fn is_within_organization(&self, own: Option<&OrganizationId>) -> bool {
        self.caller_organizations.iter().chain(&self.source_organizations).any(|named| named.iter().all(|organization| organization.is(own)))
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
        FenceKey::OrganizationId | FenceKey::SourceOrganizationId | FenceKey::OrganizationPaths | FenceKey::SourceOrganizationPaths => {
            let named = |value: &String| {
                let id = if multivalued { value.split_once('/')?.0 } else { value.as_str() };
                organization(id, reading, variables)
            };
            match values.iter().map(named).collect() {
                Some(named) if matches!(fence_key, FenceKey::OrganizationId | FenceKey::OrganizationPaths) => Narrowing::CallerOrganization(named),
                Some(named) => Narrowing::SourceOrganization(named),
                None => Narrowing::Nothing("a value leaves the organization open"),
            }
        }
    }
}

/// Whether the condition tells apart the principals of an account: it demands an ARN that is not every principal's.
pub(crate) fn names_principals(condition: &Condition) -> bool {
    let operator = &condition.operator;
    let everybody = |value: &String| value.splitn(6, ':').nth(5).is_none_or(|resource| resource.bytes().all(|byte| matches!(byte, b'*' | b'?' | b'/')));
    matches!(FenceKey::read(&condition.key), Some((FenceKey::PrincipalArn, _)))
        && !operator.negated
        && matches!(operator.test, Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike | Test::Arn)
        && !condition.values.iter().any(everybody)
}

/// Whether the condition holds for every request to KMS, so that the statement says no more with it than without.
///
/// That is so of a positive operator with a value that matches whatever the key holds, and of a `Null` guard, on the keys that every request carries.
pub fn always_holds(condition: &Condition) -> bool {
    let operator = &condition.operator;
    let Some((fence_key, true)) = FenceKey::read(&condition.key) else { return false };
    if operator.negated {
        return false;
    }
    match operator.test {
        Test::Null => condition.values.iter().any(|value| value.eq_ignore_ascii_case("false")),
        Test::StringLike => condition.values.iter().any(|value| matches_all(value, fence_key)),
        Test::Arn if fence_key == FenceKey::PrincipalArn => condition.values.iter().any(|value| matches_all(value, fence_key) || matches_all_by_parts(value)),
        _ => false,
    }
}

/// Whether a pattern of nothing but wildcards matches every value of the key.
fn matches_all(pattern: &str, key: FenceKey) -> bool {
    let only_wildcards = pattern.bytes().all(|byte| matches!(byte, b'*' | b'?'));
    only_wildcards
        && match key {
            FenceKey::Account => wildcard::matches(pattern, "000000000000"),
            // The ARN of a principal may have any length beyond that of its head.
            _ => pattern.contains('*') && wildcard::matches(pattern, "arn:aws:iam::"),
        }
}

/// Whether an ARN with a wildcard in the place of each part matches every ARN: `arn:*:*:*:*:*`.
fn matches_all_by_parts(pattern: &str) -> bool {
    let mut parts = pattern.split(':');
    let open = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte == b'*');
    parts.next().is_some_and(|part| part == "arn" || open(part)) && parts.clone().count() == 5 && parts.all(open)
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

fn organization(value: &str, reading: Reading, variables: bool) -> Option<NamedOrganization> {
    if variables && value.eq_ignore_ascii_case("${aws:ResourceOrgID}") {
        return Some(NamedOrganization::OfKey);
    }
    let certain = value.starts_with("o-") && !value.contains("${") && !(reading.wildcards && has_wildcard(value));
    certain.then(|| NamedOrganization::Id(OrganizationId(value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(condition: &str) -> Conditions {
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {condition}}}}}"#
        );
        crate::parse(&policy).unwrap().statements.remove(0).conditions
    }

    fn fence(condition: &str) -> Fence {
        Fence::of(&statement(condition), &"arn:aws:kms:eu-central-1:111122223333:key/k".parse().unwrap(), true)
    }

    #[test]
    fn an_organization_is_the_keys_own_only_by_its_id_or_by_the_variable() {
        let own = OrganizationId("o-own".to_owned());
        for (condition, within_own, within_unknown) in [
            (r#"{"StringEquals": {"aws:PrincipalOrgID": "o-own"}}"#, true, false),
            (r#"{"StringEquals": {"aws:PrincipalOrgID": "o-other"}}"#, false, false),
            (r#"{"StringEquals": {"aws:PrincipalOrgID": ["o-own", "o-other"]}}"#, false, false),
            (r#"{"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}}"#, true, true),
            (r#"{"StringEquals": {"aws:PrincipalOrgID": ["${aws:ResourceOrgID}", "o-own"]}}"#, true, false),
            (r#"{"StringEquals": {"aws:PrincipalOrgID": ["${aws:ResourceOrgID}", "o-other"]}}"#, false, false),
            (r#"{"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-own/r-ab12/*"}}"#, true, false),
            (r#"{"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-other/r-ab12/*"}}"#, false, false),
            (r#"{"StringEquals": {"aws:SourceOrgID": "o-own"}}"#, true, false),
            (r#"{"StringEquals": {"aws:SourceOrgID": "o-other"}}"#, false, false),
            // Every condition must hold, so one that demands the own organization is enough.
            (r#"{"StringEquals": {"aws:PrincipalOrgID": "o-own", "aws:SourceOrgID": "o-other"}}"#, true, false),
        ] {
            let fence = fence(condition);
            assert!(fence.is_organization(), "{condition}");
            assert_eq!(fence.is_within_organization(Some(&own)), within_own, "{condition}");
            assert_eq!(fence.is_within_organization(None), within_unknown, "{condition}");
        }
        let open = fence(r#"{"StringLike": {"aws:PrincipalOrgID": "o-*"}}"#);
        assert!(!open.is_organization() && !open.is_within_organization(Some(&own)));
    }

    #[test]
    fn what_every_request_fulfils_is_told_from_what_some_may_not() {
        for (condition, always) in [
            (r#"{"StringLike": {"aws:PrincipalArn": "*"}}"#, true),
            (r#"{"StringLike": {"AWS:principalarn": ["arn:aws:iam::111122223333:root", "**"]}}"#, true),
            (r#"{"StringLikeIfExists": {"aws:PrincipalArn": "*"}}"#, true),
            (r#"{"ForAllValues:StringLike": {"aws:PrincipalArn": "*"}}"#, true),
            (r#"{"ArnLike": {"aws:PrincipalArn": "*"}}"#, true),
            (r#"{"ArnEquals": {"aws:PrincipalArn": "arn:*:*:*:*:*"}}"#, true),
            (r#"{"StringLike": {"aws:PrincipalAccount": "*"}}"#, true),
            (r#"{"StringLike": {"aws:PrincipalAccount": "????????????"}}"#, true),
            (r#"{"Null": {"aws:PrincipalArn": "false"}}"#, true),
            (r#"{"StringLike": {"aws:PrincipalAccount": "???????????"}}"#, false),
            (r#"{"StringLike": {"aws:PrincipalAccount": "1*"}}"#, false),
            (r#"{"StringLike": {"aws:PrincipalArn": ""}}"#, false),
            (r#"{"StringLike": {"aws:PrincipalArn": "????????????????????????????"}}"#, false),
            (r#"{"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}"#, false),
            (r#"{"ArnLike": {"aws:PrincipalArn": "arn:*:iam:*:*:*"}}"#, false),
            (r#"{"ArnLike": {"aws:PrincipalArn": "arn:*:*:*:*"}}"#, false),
            (r#"{"StringEquals": {"aws:PrincipalArn": "*"}}"#, false),
            (r#"{"StringNotLike": {"aws:PrincipalArn": "*"}}"#, false),
            (r#"{"Null": {"aws:PrincipalArn": "true"}}"#, false),
            (r#"{"StringLike": {"aws:PrincipalOrgID": "*"}}"#, false),
            (r#"{"StringLike": {"kms:CallerAccount": "*"}}"#, false),
            (r#"{"StringLike": {"aws:SourceArn": "*"}}"#, false),
            (r#"{"StringLike": {"kms:EncryptionContext:app": "*"}}"#, false),
        ] {
            assert_eq!(statement(condition).entries.iter().all(always_holds), always, "{condition}");
        }
    }
}
