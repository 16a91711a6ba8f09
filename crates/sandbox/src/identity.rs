//! Who calls, and what the caller's session may do.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{TimeDelta, Utc};
use kms_insights_model::{AccountId, Timestamp};
use serde_json::Value;

use crate::{Behaviour, Organization, dice::Dice, reply::ApiError};

/// Who made a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) arn: String,
    pub(crate) user_id: String,
    /// The static access key behind it: a session's is that of its opener.
    pub(crate) origin: Arc<str>,
    /// What narrows the caller; `None` for static access keys.
    session: Option<Arc<Session>>,
}

/// A session that `sts:AssumeRole` gave out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssumedRole {
    /// The role, as it was asked for.
    pub role_arn: String,
    /// The access key of the session, with which anybody may ask in its name.
    pub access_key_id: String,
    /// The session policy, word for word; `None` where none narrows the role.
    pub policy: Option<String>,
}

#[derive(Debug)]
struct Session {
    role_arn: String,
    expires_at: Timestamp,
    policy: Option<SessionPolicy>,
    role_actions: Option<Vec<String>>,
}

/// New credentials.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

/// The sessions that were handed out.
#[derive(Default)]
pub(crate) struct Sessions(RwLock<HashMap<String, Caller>>);

impl Sessions {
    /// Who an access key belongs to.
    pub(crate) fn caller(&self, organization: &Organization, behaviour: &Behaviour, access_key: &str) -> Result<Caller, IdentityError> {
        if access_key.starts_with("ASIA") {
            let sessions = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let caller = sessions.get(access_key).ok_or(IdentityError::Unknown)?;
            return if caller.session.as_ref().is_some_and(|session| session.expires_at <= Utc::now()) {
                Err(IdentityError::Expired)
            } else {
                Ok(caller.clone())
            };
        }
        let account = match access_key.parse::<AccountId>() {
            Ok(account) if organization.account(account).is_some() => account,
            _ => behaviour.caller_account.unwrap_or(organization.management().id),
        };
        Ok(Caller {
            account,
            arn: format!("arn:{}:iam::{account}:user/operator", organization.partition()),
            user_id: "AIDASANDBOXOPERATOR".to_owned(),
            origin: Arc::from(access_key),
            session: None,
        })
    }

    /// The sessions given out, sorted. Where there are very many, those that have expired are forgotten.
    pub(crate) fn assumed(&self) -> Vec<AssumedRole> {
        let sessions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let assumed = |(access_key_id, caller): (&String, &Caller)| {
            let session = caller.session.as_ref()?;
            let policy = session.policy.as_ref().map(|policy| policy.text.clone());
            Some(AssumedRole { role_arn: session.role_arn.clone(), access_key_id: access_key_id.clone(), policy })
        };
        let mut assumed: Vec<AssumedRole> = sessions.iter().filter_map(assumed).collect();
        assumed.sort();
        assumed
    }

    /// Hands out credentials for a role.
    pub(crate) fn assume(
        &self,
        opener: &Caller,
        role_arn: &str,
        session_name: &str,
        seconds: u32,
        policy: Option<SessionPolicy>,
        behaviour: &Behaviour,
    ) -> (Credentials, Caller) {
        let mut sessions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let now = Utc::now();
        if sessions.len() > 10_000 {
            sessions.retain(|_, caller| caller.session.as_ref().is_some_and(|session| session.expires_at > now));
        }
        // Unlike everything else, keys must differ between two sandboxes that a test runs at once.
        let mut dice = Dice::new(u64::try_from(now.timestamp_micros()).unwrap_or(0)).part(sessions.len() as u64);
        let credentials = Credentials {
            access_key_id: format!("ASIA{}", dice.base32(16)),
            secret: dice.base32(40),
            token: format!("FwoGZXIvYXdzE{}==", dice.base32(300)),
            expires_at: now + TimeDelta::seconds(i64::from(seconds)),
        };
        let mut parts = role_arn.split(':');
        let partition = parts.nth(1).unwrap_or("aws");
        let account = parts.nth(2).unwrap_or_default();
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        let caller = Caller {
            account: account.parse().unwrap_or_else(|_| unreachable!("the role's account was found before")),
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session_name}"),
            user_id: format!("AROA{}:{session_name}", Dice::new(account.parse().unwrap_or(0)).base32(17)),
            origin: Arc::clone(&opener.origin),
            session: Some(Arc::new(Session {
                role_arn: role_arn.to_owned(),
                expires_at: credentials.expires_at,
                policy,
                role_actions: behaviour.role_actions.clone(),
            })),
        };
        sessions.insert(credentials.access_key_id.clone(), caller.clone());
        (credentials, caller)
    }
}

/// Why an access key is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdentityError {
    Unknown,
    Expired,
}

impl Caller {
    pub(crate) const fn is_session(&self) -> bool {
        self.session.is_some()
    }

    /// The error for an action that the caller's role or session policy does not allow.
    pub(crate) fn check(&self, action: &str, resource: &str) -> Result<(), ApiError> {
        let Some(session) = &self.session else { return Ok(()) };
        if session.role_actions.as_ref().is_some_and(|actions| !actions.iter().any(|pattern| matches(pattern, action))) {
            return Err(self.denied(action, resource, &format!("because no identity-based policy allows the {action} action")));
        }
        match session.policy.as_ref().map_or(Verdict::Allow, |policy| policy.verdict(action, resource)) {
            Verdict::Allow => Ok(()),
            Verdict::Silent => Err(self.denied(action, resource, &format!("because no session policy allows the {action} action"))),
            Verdict::Deny => Err(self.denied(action, resource, "with an explicit deny in a session policy")),
        }
    }

    /// AWS's words for a refusal.
    pub(crate) fn denied(&self, action: &str, resource: &str, why: &str) -> ApiError {
        ApiError::new(400, "AccessDeniedException", format!("User: {} is not authorized to perform: {action} on resource: {resource} {why}", self.arn))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Allow,
    Silent,
    Deny,
}

/// The policy that a session was narrowed by.
#[derive(Clone, Debug)]
pub(crate) struct SessionPolicy {
    text: String,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    allow: bool,
    actions: Vec<String>,
    negated_actions: bool,
    resources: Vec<String>,
}

impl SessionPolicy {
    /// Reads the policy as far as sessions need it: effects, actions and resources. Conditions are refused rather than ignored.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let statements = match &document["Statement"] {
            Value::Array(statements) => statements.clone(),
            statement @ Value::Object(_) => vec![statement.clone()],
            _ => return Err("no Statement".to_owned()),
        };
        let rules = statements.iter().map(|statement| {
            let allow = match statement["Effect"].as_str() {
                Some("Allow") => true,
                Some("Deny") => false,
                _ => return Err("Effect is neither Allow nor Deny".to_owned()),
            };
            if statement.get("Principal").is_some() || statement.get("Condition").is_some() {
                return Err("Principal and Condition are not supported".to_owned());
            }
            let actions = texts(&statement["Action"]);
            let negated = texts(&statement["NotAction"]);
            let resources = texts(&statement["Resource"]).ok_or("no Resource")?;
            match (actions, negated) {
                (Some(actions), None) => Ok(Rule { allow, actions, negated_actions: false, resources }),
                (None, Some(actions)) => Ok(Rule { allow, actions, negated_actions: true, resources }),
                _ => Err("neither Action nor NotAction".to_owned()),
            }
        });
        Ok(Self { text: text.to_owned(), rules: rules.collect::<Result<_, _>>()? })
    }

    fn verdict(&self, action: &str, resource: &str) -> Verdict {
        let applying = |rule: &&Rule| {
            rule.actions.iter().any(|pattern| matches(pattern, action)) != rule.negated_actions
                && rule.resources.iter().any(|pattern| matches(pattern, resource))
        };
        self.rules.iter().filter(applying).fold(Verdict::Silent, |verdict, rule| match (verdict, rule.allow) {
            (Verdict::Deny, _) | (_, false) => Verdict::Deny,
            _ => Verdict::Allow,
        })
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => list.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// Whether a pattern with `*` and `?` matches a text, whatever the case.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p].eq_ignore_ascii_case(&text[t])) {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            p = star_p + 1;
            t = star_t + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_policies_allow_what_they_name_and_denials_win() {
        let policy = r#"{"Statement":[{"Effect":"Allow","Action":["kms:List*","kms:Get*"],"Resource":"*"},{"Effect":"Deny","Action":"kms:GetKeyPolicy","Resource":"*"}]}"#;
        let policy = SessionPolicy::parse(policy).unwrap();
        assert!(policy.verdict("kms:ListKeys", "*") == Verdict::Allow);
        assert!(policy.verdict("kms:DescribeKey", "*") == Verdict::Silent);
        assert!(policy.verdict("kms:GetKeyPolicy", "*") == Verdict::Deny);
        assert!(SessionPolicy::parse(r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#).is_err());
    }

    #[test]
    fn wildcards_match_as_iam_matches() {
        assert!(matches("kms:*key*", "kms:DescribeKey") && matches("KMS:listkeys", "kms:ListKeys") && matches("*", ""));
        assert!(!matches("kms:List?", "kms:List") && !matches("kms:List*", "kms:GetKeyPolicy"));
    }
}
