//! AWS Security Token Service. Source: AWS STS API Reference.

use std::fmt::Write as _;

use kms_insights_model::{AccountId, AccountState, Arn};
use quick_xml::escape::escape;

use crate::{
    Behaviour, Organization,
    identity::{Caller, SessionPolicy, Sessions},
    reply::{ApiError, Reply, XML},
    request::form_value,
};

pub(crate) struct Sts<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) sessions: &'a Sessions,
    pub(crate) caller: &'a Caller,
    pub(crate) body: &'a [u8],
    pub(crate) request_id: &'a str,
}

/// The account of the role that a request wants.
pub(crate) fn role_account(body: &[u8]) -> Option<AccountId> {
    let arn = form_value(body, "RoleArn")?;
    Arn::parse(&arn)?.account.parse().ok()
}

impl Sts<'_> {
    pub(crate) fn answer(&self, operation: &str) -> Result<Reply, ApiError> {
        match operation {
            "GetCallerIdentity" => Ok(self.respond(
                operation,
                &format!("<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>", escape(self.caller.arn.as_str()), self.caller.user_id, self.caller.account),
            )),
            _ => self.assume_role(operation),
        }
    }

    fn respond(&self, operation: &str, result: &str) -> Reply {
        let body = format!(
            "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}</{operation}Result>\
             <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{operation}Response>",
            self.request_id
        );
        Reply::new(200, XML, body)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        form_value(self.body, name)
    }

    fn assume_role(&self, operation: &str) -> Result<Reply, ApiError> {
        let arn = self.parameter("RoleArn").unwrap_or_default();
        let session_name = self.parameter("RoleSessionName").unwrap_or_default();
        let invalid = |message: String| ApiError::new(400, "ValidationError", message);
        if session_name.len() < 2 || session_name.len() > 64 || !session_name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_=,.@-".contains(&b)) {
            return Err(invalid(format!("1 validation error detected: Value '{session_name}' at 'roleSessionName' failed to satisfy constraint")));
        }
        let role = Arn::parse(&arn).filter(|arn| arn.service == "iam" && arn.resource.starts_with("role/"));
        let role = role.ok_or_else(|| invalid(format!("{arn} is invalid")))?;
        let seconds = self.parameter("DurationSeconds").map_or(Some(3600), |text| text.parse::<u32>().ok());
        let seconds =
            seconds.filter(|seconds| (900..=43_200).contains(seconds)).ok_or_else(|| invalid("DurationSeconds must be from 900 to 43200".to_owned()))?;
        if self.caller.is_session() && seconds > 3600 {
            return Err(invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining".to_owned()));
        }
        let policy = self.parameter("Policy").map(|text| Self::session_policy(&text)).transpose()?;
        self.caller.check("sts:AssumeRole", &arn).map_err(|_| self.refused(&arn))?;
        if !self.role_admits(&role) {
            return Err(self.refused(&arn));
        }
        let seconds = self.behaviour.session_seconds.map_or(seconds, |most| seconds.min(most));
        let (credentials, session) = self.sessions.assume(self.caller, &arn, &session_name, seconds, policy, self.behaviour);
        let mut result = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            result,
            "<AssumedRoleUser><AssumedRoleId>{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser><Credentials><AccessKeyId>{}</AccessKeyId>\
             <SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
            escape(session.user_id.as_str()),
            escape(session.arn.as_str()),
            credentials.access_key_id,
            credentials.secret,
            credentials.token,
            credentials.expires_at.format("%Y-%m-%dT%H:%M:%SZ")
        );
        Ok(self.respond(operation, &result))
    }

    fn session_policy(text: &str) -> Result<SessionPolicy, ApiError> {
        if text.chars().count() > 2048 {
            return Err(ApiError::new(
                400,
                "ValidationError",
                "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048",
            ));
        }
        SessionPolicy::parse(text).map_err(|why| ApiError::new(400, "MalformedPolicyDocument", format!("Syntax errors in policy: {why}")))
    }

    /// Whether the role exists and its trust policy admits the caller. STS does not tell which of the two it is.
    fn role_admits(&self, role: &Arn<'_>) -> bool {
        let account = role.account.parse().ok().and_then(|id| self.organization.account(id)).filter(|account| account.state == AccountState::Active);
        let Some(account) = account else { return false };
        // A role's path is part of its ARN: who leaves it out names another role.
        let path_and_name = role.resource.strip_prefix("role/").unwrap_or_default();
        let management = account.id == self.organization.management().id;
        role.partition == self.organization.partition().as_str()
            && path_and_name == self.behaviour.role_name.trim_start_matches('/')
            && (!management || self.behaviour.role_in_management)
            && !self.behaviour.roles_missing.contains(&account.id)
            && (self.behaviour.external_id.is_none() || self.behaviour.external_id == self.parameter("ExternalId"))
    }

    fn refused(&self, role: &str) -> ApiError {
        ApiError::new(403, "AccessDenied", format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {role}", self.caller.arn))
    }
}
