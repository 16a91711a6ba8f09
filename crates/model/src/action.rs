//! The API actions that the collector calls: the only ones its session policy admits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An AWS service, as IAM prefixes its actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// AWS Account Management
    Account,
    /// AWS CloudTrail
    CloudTrail,
    /// AWS Key Management Service
    Kms,
    /// AWS Organizations
    Organizations,
    /// AWS Security Token Service
    Sts,
}

impl Service {
    /// The prefix of the service's IAM actions.
    pub const fn iam_prefix(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::CloudTrail => "cloudtrail",
            Self::Kms => "kms",
            Self::Organizations => "organizations",
            Self::Sts => "sts",
        }
    }
}

macro_rules! api_actions {
    ($($variant:ident = $service:ident : $name:literal;)+) => {
        /// One API operation; for all of these the IAM action has the operation's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ApiAction {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl ApiAction {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The service.
            pub const fn service(self) -> Service {
                match self { $(Self::$variant => Service::$service,)+ }
            }

            /// The operation's name, such as `GetKeyPolicy`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

api_actions! {
    AccountListRegions = Account: "ListRegions";
    CloudTrailDescribeTrails = CloudTrail: "DescribeTrails";
    CloudTrailGetEventSelectors = CloudTrail: "GetEventSelectors";
    CloudTrailGetTrailStatus = CloudTrail: "GetTrailStatus";
    CloudTrailLookupEvents = CloudTrail: "LookupEvents";
    KmsDescribeCustomKeyStores = Kms: "DescribeCustomKeyStores";
    KmsDescribeKey = Kms: "DescribeKey";
    KmsGetKeyLastUsage = Kms: "GetKeyLastUsage";
    KmsGetKeyPolicy = Kms: "GetKeyPolicy";
    KmsGetKeyRotationStatus = Kms: "GetKeyRotationStatus";
    KmsListAliases = Kms: "ListAliases";
    KmsListGrants = Kms: "ListGrants";
    KmsListKeyRotations = Kms: "ListKeyRotations";
    KmsListKeys = Kms: "ListKeys";
    KmsListResourceTags = Kms: "ListResourceTags";
    OrganizationsDescribeOrganization = Organizations: "DescribeOrganization";
    OrganizationsListAccounts = Organizations: "ListAccounts";
    OrganizationsListAccountsForParent = Organizations: "ListAccountsForParent";
    OrganizationsListOrganizationalUnitsForParent = Organizations: "ListOrganizationalUnitsForParent";
    OrganizationsListRoots = Organizations: "ListRoots";
    StsAssumeRole = Sts: "AssumeRole";
    StsGetCallerIdentity = Sts: "GetCallerIdentity";
}

impl fmt::Display for ApiAction {
    /// The IAM action: `kms:GetKeyPolicy`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service().iam_prefix(), self.name())
    }
}

impl Serialize for ApiAction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApiAction {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::ALL.iter().copied().find(|action| action.to_string() == text).ok_or_else(|| serde::de::Error::custom(format!("unknown API action {text:?}")))
    }
}
