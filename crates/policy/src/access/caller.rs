//! A caller of KMS, and its request.

use std::collections::BTreeMap;

use crate::access::{CallerAccount, member};

/// Somebody who calls KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A session of a role.
    Role {
        /// The role's account.
        account: CallerAccount,
        /// The role's ARN, `arn:aws:iam::…:role/…`.
        arn: String,
        /// The session's name.
        session: String,
    },
    /// An IAM user.
    User {
        /// The user's account.
        account: CallerAccount,
        /// The user's ARN.
        arn: String,
    },
    /// The root user of an account.
    Root {
        /// The account.
        account: CallerAccount,
        /// `arn:aws:iam::…:root`
        arn: String,
    },
    /// A session from `sts:GetFederationToken`.
    FederatedUser {
        /// Its account.
        account: CallerAccount,
        /// `arn:aws:sts::…:federated-user/…`
        arn: String,
    },
    /// An AWS service in its own name.
    Service {
        /// Such as `logs.amazonaws.com`.
        name: String,
    },
}

impl Caller {
    /// The caller's account.
    pub const fn account(&self) -> Option<CallerAccount> {
        match self {
            Self::Role { account, .. } | Self::User { account, .. } | Self::Root { account, .. } | Self::FederatedUser { account, .. } => Some(*account),
            Self::Service { .. } => None,
        }
    }

    /// `aws:PrincipalArn` of its requests.
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Role { arn, .. } | Self::User { arn, .. } | Self::Root { arn, .. } | Self::FederatedUser { arn, .. } => Some(arn),
            Self::Service { .. } => None,
        }
    }

    pub(crate) fn role_name(&self) -> Option<&str> {
        match self {
            Self::Role { arn, .. } => member::role_name(arn),
            _ => None,
        }
    }
}

/// A request to KMS about the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who calls.
    pub caller: Caller,
    /// The action without `kms:`.
    pub action: String,
    /// The context: key in lower case to its values. A key that is not in it is not in the request.
    pub context: BTreeMap<String, Vec<String>>,
}
