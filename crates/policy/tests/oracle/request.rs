//! Requests: who calls which action, and the context that the request carries.

use std::collections::BTreeMap;

/// Context keys that can have several values in one request (IAM User Guide, "AWS global condition context keys", value type "Multivalued"; KMS Developer
/// Guide, "AWS KMS condition keys"). All other keys have one.
pub const MULTIVALUED: [&str; 9] = [
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "kms:encryptioncontextkeys",
    "kms:grantoperations",
    "kms:resourcealiases",
];

/// The cryptographic operations with a symmetric key that take an encryption context (KMS Developer Guide, "Encryption context").
pub const WITH_ENCRYPTION_CONTEXT: [&str; 8] = [
    "Encrypt",
    "Decrypt",
    "ReEncryptFrom",
    "ReEncryptTo",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
];

/// Whose credentials sign the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A session of a role. The role's ARN has its path, the session's has not.
    Role {
        arn: String,
        session: String,
    },
    User {
        arn: String,
    },
    /// The root user of an account.
    Root {
        account: String,
        partition: String,
    },
    /// A session from `sts:GetFederationToken`. The issuer called that: an IAM user's ARN, or `arn:…:iam::A:root`.
    FederatedUser {
        arn: String,
        issuer: String,
    },
    /// An AWS service that acts for itself, not with a caller's credentials.
    Service {
        name: String,
    },
}

impl Caller {
    /// Partition and account id; a service has neither.
    pub fn account(&self) -> Option<(&str, &str)> {
        match self {
            Self::Role { arn, .. } | Self::User { arn } | Self::FederatedUser { arn, .. } => {
                let mut parts = arn.split(':');
                Some((parts.nth(1)?, parts.nth(2)?))
            }
            Self::Root { account, partition } => Some((partition, account)),
            Self::Service { .. } => None,
        }
    }

    /// The principal as the request names it: for a role the session's ARN, for a service its name.
    pub fn principal(&self) -> String {
        match self {
            Self::Role { arn, session } => {
                let (partition, account) = self.account().unwrap_or_default();
                let name = arn.rsplit('/').next().unwrap_or_default();
                format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}")
            }
            Self::User { arn } | Self::FederatedUser { arn, .. } => arn.clone(),
            Self::Root { account, partition } => format!("arn:{partition}:iam::{account}:root"),
            Self::Service { name } => name.clone(),
        }
    }
}

/// One request on the key whose policy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub caller: Caller,
    /// Without `kms:`.
    pub action: String,
    /// Every context key that the request carries, in lower case ("Key names are case-insensitive", IAM User Guide, "IAM policy elements: Variables and tags"),
    /// with its values.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Request {
    /// The values of a key, or nothing: a key without values is as good as absent ("true … the key doesn't exist — it is null", `Null` operator).
    pub fn values(&self, key: &str) -> Option<&[String]> {
        self.context.get(&key.to_ascii_lowercase()).map(Vec::as_slice).filter(|values| !values.is_empty())
    }

    /// The request with one more key.
    #[must_use]
    pub fn with(mut self, key: &str, values: &[&str]) -> Self {
        put(&mut self.context, key, values);
        self
    }

    /// The request without a key.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.context.remove(&key.to_ascii_lowercase());
        self
    }
}

/// Context keys in lower case with their values.
pub type Context = BTreeMap<String, Vec<String>>;

/// Sets a key, whatever the case it is written in.
pub fn put(context: &mut Context, key: &str, values: &[&str]) {
    context.insert(key.to_ascii_lowercase(), values.iter().map(|value| (*value).to_owned()).collect());
}

/// An organization and the path of an account in it, as `aws:PrincipalOrgPaths` has it: `o-…/r-…/ou-…/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub organization: String,
    pub path: String,
}

/// Where the key is, and which account is in which organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    pub partition: String,
    pub region: String,
    pub key_account: String,
    /// Accounts that are in no organization are not here.
    pub memberships: BTreeMap<String, Membership>,
}

/// What a service acts for, when it says so: a resource, and that resource's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub arn: String,
    pub account: String,
}

impl World {
    /// What every request on the key carries (IAM User Guide, "AWS global condition context keys", "Properties of the resource" and "of the request"; KMS is
    /// among the services of which AWS says that they carry the resource keys).
    pub fn resource_context(&self) -> Context {
        let mut context = Context::new();
        put(&mut context, "aws:ResourceAccount", &[&self.key_account]);
        if let Some(member) = self.memberships.get(&self.key_account) {
            put(&mut context, "aws:ResourceOrgID", &[&member.organization]);
            put(&mut context, "aws:ResourceOrgPaths", &[&member.path]);
        }
        put(&mut context, "aws:RequestedRegion", &[&self.region]);
        put(&mut context, "aws:SecureTransport", &["true"]);
        context
    }

    /// What the request says of its caller (same page, "Properties of the principal", and "Principal key values" of "IAM policy elements: Variables and tags").
    ///
    /// `names_caller_account`: whether the request carries `kms:CallerAccount`. KMS lists the key for nearly all operations but nowhere promises it for each
    /// request.
    pub fn identity_context(&self, caller: &Caller, names_caller_account: bool) -> Context {
        let mut context = Context::new();
        let Some((partition, account)) = caller.account() else {
            put(&mut context, "aws:PrincipalIsAWSService", &["true"]);
            let name = caller.principal();
            put(&mut context, "aws:PrincipalServiceName", &[&name]);
            // The page: "a list of all service principal names that belong to the service", the regional ones among them.
            let regional = name.replacen(".amazonaws.com", &format!(".{}.amazonaws.com", self.region), 1);
            let names = if name.contains(&self.region) { vec![name.as_str()] } else { vec![name.as_str(), regional.as_str()] };
            put(&mut context, "aws:PrincipalServiceNamesList", &names);
            put(&mut context, "aws:ViaAWSService", &["false"]);
            return context;
        };
        put(&mut context, "aws:PrincipalIsAWSService", &["false"]);
        put(&mut context, "aws:PrincipalAccount", &[account]);
        if names_caller_account {
            put(&mut context, "kms:CallerAccount", &[account]);
        }
        if let Some(member) = self.memberships.get(account) {
            put(&mut context, "aws:PrincipalOrgID", &[&member.organization]);
            put(&mut context, "aws:PrincipalOrgPaths", &[&member.path]);
        }
        let (arn, kind, user_id) = match caller {
            Caller::Role { arn, session } => (arn.clone(), "AssumedRole", format!("{}:{session}", unique_id("AROA", arn))),
            Caller::User { arn } => (arn.clone(), "User", unique_id("AIDA", arn)),
            Caller::FederatedUser { arn, .. } => (arn.clone(), "FederatedUser", format!("{account}:{}", arn.split_once('/').map_or("", |(_, name)| name))),
            Caller::Root { .. } | Caller::Service { .. } => (format!("arn:{partition}:iam::{account}:root"), "Account", account.to_owned()),
        };
        put(&mut context, "aws:PrincipalArn", &[&arn]);
        put(&mut context, "aws:PrincipalType", &[kind]);
        put(&mut context, "aws:userid", &[&user_id]);
        if let Caller::User { arn } = caller {
            put(&mut context, "aws:username", &[arn.rsplit('/').next().unwrap_or_default()]);
        }
        context
    }

    /// What a service tells of the resource for which it calls (same page, "aws:SourceArn" and its kin: only in calls by a service principal).
    pub fn source_context(&self, source: &Source) -> Context {
        let mut context = Context::new();
        put(&mut context, "aws:SourceArn", &[&source.arn]);
        put(&mut context, "aws:SourceAccount", &[&source.account]);
        if let Some(member) = self.memberships.get(&source.account) {
            put(&mut context, "aws:SourceOrgID", &[&member.organization]);
            put(&mut context, "aws:SourceOrgPaths", &[&member.path]);
        }
        context
    }

    /// A request with the keys that it must carry and no more.
    pub fn request(&self, caller: Caller, action: &str) -> Request {
        let mut context = self.resource_context();
        context.extend(self.identity_context(&caller, true));
        if caller.account().is_some() {
            put(&mut context, "aws:ViaAWSService", &["false"]);
        }
        Request { caller, action: action.to_owned(), context }
    }
}

/// A unique id that is the same for the same ARN ("IAM identifiers": `AROA…` for roles, `AIDA…` for users).
pub fn unique_id(prefix: &str, arn: &str) -> String {
    let hash = arn.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{prefix}{hash:016X}")
}
