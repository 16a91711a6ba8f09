//! Who called: the element `userIdentity`. Source: AWS CloudTrail User Guide, "CloudTrail `userIdentity` element".

use kms_insights_model::{AccountId, Partition, Timestamp};
use serde_json::{Map, Value, json};

use super::event::iso;
use crate::dice::Dice;

/// Who called.
#[allow(clippy::enum_variant_names, reason = "the names are CloudTrail's")]
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// The account's root user.
    Root {
        account: AccountId,
    },
    User {
        account: AccountId,
        /// With its path: `ci/deployer`.
        name: String,
        /// When a session of the console began; `None` for access keys.
        console_since: Option<Timestamp>,
        /// The service that passed the request on.
        via: Option<String>,
    },
    Role(RoleSession),
    /// `GetFederationToken`: a user lends its rights to somebody.
    Federated {
        account: AccountId,
        name: String,
        issuer: &'static str,
        since: Timestamp,
    },
    /// Nobody yet: the caller of `AssumeRoleWithWebIdentity`.
    WebIdentity {
        provider: &'static str,
        subject: String,
    },
    /// Nobody yet: the caller of `AssumeRoleWithSAML`.
    Saml {
        provider: &'static str,
        subject: String,
    },
    /// IAM Identity Center: a person before any role.
    IdentityCenter {
        account: AccountId,
        user: String,
    },
    /// Of another account: all that a key's owner is told.
    Account {
        account: AccountId,
        principal_id: String,
    },
    Service(String),
    /// KMS itself, for what it does to a key of its own accord.
    Internal {
        account: AccountId,
    },
}

/// A session of a role.
#[derive(Clone, Debug)]
pub(crate) struct RoleSession {
    pub(crate) account: AccountId,
    /// With its path: `aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS`.
    pub(crate) role: String,
    pub(crate) session: String,
    pub(crate) since: Timestamp,
    /// The service that passed the request on (a forward access session).
    pub(crate) via: Option<String>,
    pub(crate) kind: SessionKind,
}

/// How a session came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionKind {
    Plain,
    /// An instance's profile.
    Instance,
    /// A person in the console, with a second factor.
    Console,
    /// A pod or a pipeline, by a token of an identity provider.
    WebIdentity(&'static str),
    /// EBS on behalf of an instance: `aws:ec2-infrastructure` has no unique id and no access key.
    Infrastructure,
}

/// An id that IAM would make: the same for the same thing, and of another thing another.
pub(crate) fn unique_id(prefix: &str, of: &str) -> String {
    let state = of.bytes().fold(Dice::new(of.len() as u64), |state, byte| state.part(u64::from(byte)));
    format!("{prefix}{}", { state }.base32(17))
}

fn access_key(of: &str, since: Timestamp) -> String {
    unique_id("ASIA", &format!("{of}{}", since.timestamp()))[..20].to_owned()
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl RoleSession {
    fn role_arn(&self, partition: Partition) -> String {
        format!("arn:{partition}:iam::{}:role/{}", self.account, self.role)
    }

    fn role_id(&self) -> String {
        match self.kind {
            SessionKind::Infrastructure => format!("{}:{}", self.account, self.role),
            _ => unique_id("AROA", &format!("{}{}", self.account, self.role)),
        }
    }

    fn json(&self, partition: Partition) -> Value {
        let (account, name) = (self.account, last(&self.role));
        let id = self.role_id();
        let infrastructure = self.kind == SessionKind::Infrastructure;
        let issuer = json!({"type": "Role", "principalId": id, "arn": self.role_arn(partition), "accountId": account, "userName": name});
        let mfa = self.kind == SessionKind::Console;
        let mut context = json!({"sessionIssuer": issuer, "attributes": {"creationDate": iso(self.since), "mfaAuthenticated": mfa.to_string()}});
        match self.kind {
            SessionKind::Instance => context["ec2RoleDelivery"] = "2.0".into(),
            SessionKind::WebIdentity(provider) => {
                context["webIdFederationData"] =
                    json!({"federatedProvider": format!("arn:{partition}:iam::{account}:oidc-provider/{provider}"), "attributes": {}});
            }
            _ => {}
        }
        let mut value = json!({
            "type": "AssumedRole",
            "principalId": format!("{id}:{}", self.session),
            "arn": format!("arn:{partition}:sts::{account}:assumed-role/{name}/{}", self.session),
            "accountId": account,
        });
        // A request that a service passed on tells no key of the caller.
        if infrastructure || self.via.is_none() {
            value["accessKeyId"] = if infrastructure { String::new() } else { access_key(&format!("{id}{}", self.session), self.since) }.into();
        }
        value["sessionContext"] = context;
        if let Some(service) = &self.via {
            value["invokedBy"] = service.as_str().into();
        }
        value
    }
}

impl Identity {
    pub(crate) fn json(&self, partition: Partition) -> Value {
        match self {
            Self::Root { account } => json!({
                "type": "Root",
                "principalId": account,
                "arn": format!("arn:{partition}:iam::{account}:root"),
                "accountId": account,
                "accessKeyId": unique_id("AKIA", account.as_str())[..20],
            }),
            Self::User { account, name, console_since, via } => {
                let arn = format!("arn:{partition}:iam::{account}:user/{name}");
                let mut value = json!({"type": "IAMUser", "principalId": unique_id("AIDA", &arn), "arn": arn, "accountId": account});
                value["accessKeyId"] = match console_since {
                    Some(since) => access_key(&arn, *since),
                    None => unique_id("AKIA", &arn)[..20].to_owned(),
                }
                .into();
                value["userName"] = last(name).into();
                if let Some(since) = console_since {
                    value["sessionContext"] = json!({"attributes": {"creationDate": iso(*since), "mfaAuthenticated": "true"}});
                }
                if let Some(service) = via {
                    value["invokedBy"] = service.as_str().into();
                }
                value
            }
            Self::Role(session) => session.json(partition),
            Self::Federated { account, name, issuer, since } => {
                let user = format!("arn:{partition}:iam::{account}:user/{issuer}");
                json!({
                    "type": "FederatedUser",
                    "principalId": format!("{account}:{name}"),
                    "arn": format!("arn:{partition}:sts::{account}:federated-user/{name}"),
                    "accountId": account,
                    "accessKeyId": access_key(&format!("{user}{name}"), *since),
                    "sessionContext": {
                        "sessionIssuer": {"type": "IAMUser", "principalId": unique_id("AIDA", &user), "arn": user, "accountId": account, "userName": issuer},
                        "attributes": {"creationDate": iso(*since), "mfaAuthenticated": "false"},
                    },
                })
            }
            Self::WebIdentity { provider, subject } => json!({
                "type": "WebIdentityUser",
                "principalId": format!("{provider}:sts.amazonaws.com:{subject}"),
                "userName": subject,
                "identityProvider": provider,
            }),
            Self::Saml { provider, subject } => json!({
                "type": "SAMLUser",
                "principalId": format!("{}:{subject}", unique_id("", provider)),
                "userName": subject,
                "identityProvider": unique_id("", provider),
            }),
            Self::IdentityCenter { account, user } => json!({
                "type": "IdentityCenterUser",
                "accountId": account,
                "onBehalfOf": {"userId": user, "identityStoreArn": format!("arn:{partition}:identitystore::{account}:identitystore/d-9067642ac7")},
                "credentialId": unique_id("", user),
            }),
            Self::Account { account, principal_id } => json!({"type": "AWSAccount", "principalId": principal_id, "accountId": account}),
            Self::Service(name) => json!({"type": "AWSService", "invokedBy": name}),
            Self::Internal { account } => {
                let fields = [("accountId".to_owned(), json!(account)), ("invokedBy".to_owned(), json!("AWS Internal"))];
                Value::Object(Map::from_iter(fields))
            }
        }
    }

    /// `principalId`, which is all that another account's log tells besides the account.
    pub(crate) fn principal_id(&self, partition: Partition) -> String {
        self.json(partition)["principalId"].as_str().unwrap_or_default().to_owned()
    }

    /// The principal to whom uses are reckoned: a role and never its session, a user, the account where no more is known, or the service.
    pub(crate) fn principal(&self, partition: Partition) -> String {
        match self {
            Self::Root { account } => format!("arn:{partition}:iam::{account}:root"),
            Self::User { account, name, .. } => format!("arn:{partition}:iam::{account}:user/{name}"),
            Self::Role(session) => session.role_arn(partition),
            Self::Federated { account, name, .. } => format!("arn:{partition}:sts::{account}:federated-user/{name}"),
            Self::WebIdentity { subject, .. } | Self::Saml { subject, .. } => subject.clone(),
            Self::IdentityCenter { user, .. } => user.clone(),
            Self::Account { account, .. } | Self::Internal { account } => account.to_string(),
            Self::Service(name) => name.clone(),
        }
    }

    /// The service that passed the request on, or that called.
    pub(crate) fn invoked_by(&self) -> Option<&str> {
        match self {
            Self::User { via, .. } | Self::Role(RoleSession { via, .. }) => via.as_deref(),
            Self::Service(name) => Some(name),
            Self::Internal { .. } => Some("AWS Internal"),
            _ => None,
        }
    }

    /// The account of whoever called; `None` for services and those who are nobody yet.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::Role(RoleSession { account, .. })
            | Self::Federated { account, .. }
            | Self::IdentityCenter { account, .. }
            | Self::Account { account, .. }
            | Self::Internal { account } => Some(*account),
            Self::WebIdentity { .. } | Self::Saml { .. } | Self::Service(_) => None,
        }
    }

    /// `LookupEvents`' `Username`: a role's session goes by its session name.
    pub(crate) fn user_name(&self) -> Option<&str> {
        match self {
            Self::Root { .. } => Some("root"),
            Self::User { name, .. } => Some(last(name)),
            Self::Role(session) => Some(&session.session),
            Self::Federated { name, .. } => Some(name),
            Self::WebIdentity { subject, .. } | Self::Saml { subject, .. } => Some(subject),
            Self::IdentityCenter { user, .. } => Some(user),
            Self::Account { .. } | Self::Service(_) | Self::Internal { .. } => None,
        }
    }

    /// Whether a person clicked it in the console.
    pub(crate) fn is_console(&self) -> bool {
        matches!(self, Self::User { console_since: Some(_), .. } | Self::Role(RoleSession { kind: SessionKind::Console, .. }))
    }
}
