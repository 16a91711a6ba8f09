//! A condition, prepared, and what it comes to for a class of callers.

use std::borrow::Cow;

use kms_insights_model::Timestamp;

use crate::{
    ActionSet, Condition, Operator, PrincipalForm, Surroundings, Test,
    access::{
        Who,
        arn_pattern::{ArnPattern, Matching},
        member::Holds,
        range::{ELSEWHERE, Range, range},
    },
    comparison::{self, Resolved},
    context_key::{self, ContextKey},
    surroundings::OWN_ORGANIZATION,
};

/// A condition, prepared: its key looked up, and what is known of the key put in the place of policy variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The condition.
    pub condition: Condition,
    pub(crate) key: ContextKey,
    /// The actions whose requests can carry the context key.
    pub(crate) actions: ActionSet,
    /// Whether `${…}` in a value is a policy variable.
    pub(crate) variables: bool,
}

impl Term {
    /// Prepares a condition for the key.
    pub(crate) fn new(condition: &Condition, variables: bool, around: &Surroundings<'_>) -> Self {
        let mut condition = condition.clone();
        if variables {
            if let Some(turned) = turned(&condition, around) {
                condition = turned;
            }
            let knows_wildcards = matches!(condition.operator.test, Test::StringLike | Test::Arn);
            for value in &mut condition.values {
                for (escape, text) in [("${*}", "*"), ("${?}", "?")] {
                    if value.contains(escape) {
                        *value = value.replace(escape, &if knows_wildcards { crate::wildcard::escaped(text) } else { text.to_owned() });
                    }
                }
                if value.eq_ignore_ascii_case("${aws:ResourceAccount}") {
                    *value = around.key.account().to_string();
                } else if value.eq_ignore_ascii_case("${aws:ResourceOrgID}") {
                    *value = around.organization().into_owned();
                }
            }
        }
        let (key, actions) = context_key::read(&condition.key);
        Self { condition, key, actions, variables }
    }

    /// Whether the condition holds for these values of its key; `None` where it cannot be told.
    pub(crate) fn holds(&self, values: Option<&[Cow<'_, str>]>, resolve: &dyn Fn(&str) -> Resolved<'static>) -> Option<bool> {
        let operator = self.operator();
        // AWS documents neither a list compared without a qualifier nor a text compared as a number.
        let of_another_kind = self.key.is_text() && !operator.test.is_of_texts() || self.key.is_number_or_id() && operator.test == Test::Arn;
        let undocumented = (self.key.is_list() && operator.set.is_none()) || of_another_kind;
        if undocumented && operator.test != Test::Null && values.is_some() {
            return None;
        }
        comparison::holds(&self.condition, values, self.variables, resolve)
    }

    /// The operator.
    pub(crate) const fn operator(&self) -> &Operator {
        &self.condition.operator
    }

    /// A condition in which `${…}` is text.
    pub(crate) fn prepared(condition: Condition) -> Self {
        let (key, actions) = context_key::read(&condition.key);
        Self { condition, key, actions, variables: false }
    }

    /// Stands for the key of a policy variable.
    pub(crate) fn of_variable(name: &str) -> Self {
        Self::prepared(Condition { operator: Operator::read("StringEquals"), key: name.to_owned(), values: Vec::new() })
    }

    /// Whether the condition, or where `negated` its opposite, holds only for requests whose key has a value that it names.
    pub(crate) const fn demands_a_value(&self, negated: bool) -> bool {
        let operator = &self.condition.operator;
        operator.negated == negated && operator.holds_without_key() == negated
    }

    /// Why AWS's documentation leaves open what the condition comes to for values that are known, where it is its values that do.
    pub(crate) fn undecided(&self) -> Option<&'static str> {
        let test = self.operator().test;
        let is_open = |value: &String| ArnPattern::read(value, test).matching == Matching::Undocumented;
        (test == Test::Arn && self.condition.values.iter().any(is_open)).then_some("AWS does not document ARN patterns of fewer than six parts")
    }

    /// Whether a value has a policy variable that was not replaced.
    pub(crate) fn has_variable(&self) -> bool {
        self.variables && self.condition.values.iter().any(|value| value.contains("${"))
    }

    /// What the condition comes to for the requests of these callers, of an action that can carry the key or not.
    pub(crate) fn weigh(&self, who: &Who, applies: bool, around: &Surroundings<'_>) -> Holds {
        let resolve = |name: &str| match range(context_key::read(name).0, who, around) {
            Range::Exactly(value) => Resolved::Value(Cow::Owned(value.into_owned())),
            Range::Lacking => Resolved::Absent,
            _ => Resolved::Open,
        };
        let at = |value: Option<&str>| match value {
            Some(value) => self.holds(Some(&[Cow::Borrowed(value)]), &resolve),
            None => self.holds(None, &resolve),
        };
        let decided = |outcome: Option<bool>| match outcome {
            Some(true) => Holds::Always,
            Some(false) => Holds::Never,
            None => Holds::Depends,
        };
        let agreed = |values: &mut dyn Iterator<Item = Option<String>>| {
            let mut outcomes = values.map(|value| decided(at(value.as_deref())));
            let first = outcomes.next().unwrap_or(Holds::Depends);
            if outcomes.all(|outcome| outcome == first) { first } else { Holds::Depends }
        };
        if !applies {
            return decided(at(None));
        }
        match self.range(who, around) {
            Range::Exactly(value) => decided(at(Some(&value))),
            Range::Lacking => decided(at(None)),
            Range::OneOf(values) => {
                if self.goes_beyond(who, around) {
                    return Holds::Depends;
                }
                agreed(&mut values.into_iter())
            }
            Range::Time(now) => agreed(&mut self.moments(now).into_iter().map(Some)),
            Range::Open { may_lack } => {
                let present = self.weigh_present(who, around);
                match decided(at(None)) {
                    lacking if may_lack && lacking != present => Holds::Depends,
                    _ => present,
                }
            }
        }
    }

    /// What the requests of these callers carry for the key. Of an organization that is not known, what the condition names is possible too.
    pub(crate) fn range<'a>(&self, who: &'a Who, around: &Surroundings<'a>) -> Range<'a> {
        match range(self.key, who, around) {
            Range::OneOf(mut values) if self.key.is_organization() => {
                values.extend(self.organizations(&values, around));
                Range::OneOf(values)
            }
            Range::Exactly(id) if self.key.is_organization() => match self.organizations_like(&id, around) {
                Some(ids) => Range::OneOf(ids.into_iter().map(Some).collect()),
                None => Range::Exactly(id),
            },
            range => range,
        }
    }

    /// Where the organization of the key is not known, ids that may be the same as this one: that stands for the own, which any id may be; `None` where it is sure.
    pub(crate) fn organizations_like(&self, id: &str, around: &Surroundings<'_>) -> Option<Vec<String>> {
        let names_own = self.condition.values.iter().any(|value| value.starts_with(OWN_ORGANIZATION));
        if around.organization_id.is_some() || (id != OWN_ORGANIZATION && !names_own) {
            return None;
        }
        let named = self.condition.values.iter().filter_map(|value| value.split('/').next()).map(instance);
        let others: Vec<String> = if id == OWN_ORGANIZATION { named.collect() } else { vec![OWN_ORGANIZATION.to_owned()] };
        Some(others.into_iter().chain([id.to_owned()]).collect())
    }

    /// Whether a value says something that the caller's text leaves open: of a role's path, which the ARN of its session does not tell, or of the sessions that a user
    /// may federate.
    pub(crate) fn goes_beyond(&self, who: &Who, around: &Surroundings<'_>) -> bool {
        let Who::Named(principal) = who else { return false };
        let beyond = |value: &String| {
            let other_account =
                ArnPattern::read(value, self.operator().test).account.is_some_and(|account| who.account(around).is_none_or(|own| own.id != account));
            let mut parts = value.splitn(6, ':');
            let (service, resource) = (parts.nth(2), parts.nth(2));
            let told = match (principal.form, service, resource) {
                (PrincipalForm::AssumedRole(_), _, Some(resource)) => {
                    matches!(resource, "*" | "role/*")
                        || (resource.matches('/').count() <= 1 && resource.starts_with("role/") && !crate::wildcard::has_wildcard(resource))
                }
                (PrincipalForm::User(_), Some(service), Some(_)) => service == "iam",
                (PrincipalForm::AssumedRole(_) | PrincipalForm::User(_), _, _) => value.trim_matches('*').is_empty(),
                _ => true,
            };
            !other_account && !told
        };
        self.key == ContextKey::PrincipalArn && self.condition.values.iter().any(beyond)
    }

    /// What the condition comes to for requests that carry the key with a value that the callers' class leaves open.
    fn weigh_present(&self, who: &Who, around: &Surroundings<'_>) -> Holds {
        let operator = self.operator();
        if operator.test == Test::Null {
            let wanted = |wanted: &str| self.condition.values.iter().any(|value| value.eq_ignore_ascii_case(wanted));
            return match (wanted("false"), wanted("true")) {
                (true, _) => Holds::Always,
                (false, true) => Holds::Never,
                (false, false) => Holds::Depends,
            };
        }
        if operator.test == Test::Unrecognized || self.has_variable() || self.condition.values.is_empty() || (self.key.is_list() && operator.set.is_none()) {
            return Holds::Depends;
        }
        let fits: Vec<Holds> = self.condition.values.iter().map(|value| fit(operator.test, self.key, value, who, around)).collect();
        let matched = if fits.contains(&Holds::Always) {
            Holds::Always
        } else if fits.iter().all(|fit| *fit == Holds::Never) {
            Holds::Never
        } else {
            Holds::Depends
        };
        if operator.negated { matched.not() } else { matched }
    }

    /// The moments at which the condition may change: now, around each date that it names, and a late one.
    pub(crate) fn moments(&self, now: Timestamp) -> Vec<String> {
        let written = |moment: Timestamp| {
            if self.key == ContextKey::EpochTime { moment.timestamp().to_string() } else { moment.to_rfc3339() }
        };
        let second = chrono::TimeDelta::seconds(1);
        let dates = self.condition.values.iter().filter_map(|value| comparison::date(value));
        let around = dates.flat_map(|date| [date.checked_sub_signed(second), Some(date), date.checked_add_signed(second)]).flatten();
        let late = chrono::DateTime::from_timestamp(32_503_680_000, 0);
        around.filter(|moment| *moment > now).chain([now]).chain(late).map(written).collect()
    }

    /// Values that the key may have beside those of `known`: what the condition names of the same organizations, or if these may be any, of all but the own.
    fn organizations(&self, known: &[Option<String>], around: &Surroundings<'_>) -> Vec<Option<String>> {
        let id = |value: &str| value.split('/').next().unwrap_or_default().to_owned();
        let ids: Vec<String> = known.iter().flatten().map(|value| id(value)).collect();
        let any = ids.iter().any(|id| id == ELSEWHERE || id == OWN_ORGANIZATION);
        let own = around.organization_id.map(|id| id.0.as_str());
        let possible = |value: &&String| ids.contains(&id(value)) || (any && own != Some(id(value).as_str()));
        self.condition.values.iter().filter(possible).map(|value| Some(instance(value))).collect()
    }
}

/// A condition on the key's account or organization that compares it with a policy variable of the caller, turned round: `aws:ResourceAccount` equals
/// `${aws:PrincipalAccount}` where `aws:PrincipalAccount` equals the key's account.
fn turned(condition: &Condition, around: &Surroundings<'_>) -> Option<Condition> {
    let [value] = condition.values.as_slice() else { return None };
    let name = value.strip_prefix("${")?.strip_suffix('}')?;
    let own = match context_key::read(&condition.key).0 {
        ContextKey::ResourceAccount => around.key.account().to_string(),
        ContextKey::ResourceOrgId => around.organization().into_owned(),
        _ => return None,
    };
    let of_caller = matches!(
        context_key::read(name).0,
        ContextKey::PrincipalAccount | ContextKey::CallerAccount | ContextKey::PrincipalOrgId | ContextKey::SourceAccount | ContextKey::SourceOrgId
    );
    // A variable without a value matches nothing, whereas a negated operator holds for a request without the key.
    let plain = condition.operator.set.is_none() && !condition.operator.if_exists && !condition.operator.negated;
    (of_caller && plain).then(|| Condition { operator: condition.operator.clone(), key: name.to_owned(), values: vec![own] })
}

/// Whether all values that the key can have for these callers match the value of a condition, or none.
fn fit(test: Test, key: ContextKey, value: &str, who: &Who, around: &Surroundings<'_>) -> Holds {
    let stars = !value.is_empty() && value.bytes().all(|byte| byte == b'*');
    if test == Test::StringLike && stars {
        return Holds::Always;
    }
    match key {
        ContextKey::PrincipalAccount | ContextKey::CallerAccount | ContextKey::SourceAccount => match test {
            Test::StringLike if value.bytes().all(|byte| matches!(byte, b'*' | b'?')) && crate::wildcard::matches(value, "000000000000") => Holds::Always,
            Test::StringLike if !value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'?')) && !value.contains("${") => Holds::Never,
            // A number that JSON spells in another way may still be an account: only what has no digit at all is certain to match none.
            Test::StringEquals | Test::StringEqualsIgnoreCase if !value.bytes().any(|byte| byte.is_ascii_digit()) => Holds::Never,
            _ => Holds::Depends,
        },
        ContextKey::PrincipalArn => {
            let pattern = ArnPattern::read(value, test);
            match who.account(around) {
                _ if pattern.matching == Matching::All => Holds::Always,
                _ if pattern.matching == Matching::Nobody => Holds::Never,
                Some(account) if pattern.excludes(account, around.key) => Holds::Never,
                _ => Holds::Depends,
            }
        }
        // Ids of organizations are in lower case.
        ContextKey::PrincipalOrgId | ContextKey::SourceOrgId if test == Test::StringEquals => {
            let is_id = value.strip_prefix("o-").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
            if is_id { Holds::Depends } else { Holds::Never }
        }
        _ => Holds::Depends,
    }
}

/// A text that the pattern matches.
pub(crate) fn instance(pattern: &str) -> String {
    pattern.chars().filter(|c| *c != '*').map(|c| if c == '?' { '0' } else { c }).collect()
}
