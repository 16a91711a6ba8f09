//! What a collection yields, piece by piece: the unit in which facts are staged until the run is published.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, AccountRecord, Alias, CustomKeyStore, Fact, FactStatus, Failure, Grant, KeyArn, KeyHistory, KeyMetadata, LastUsage, PolicyText, Region,
    Rotation, RotationStatus, Tag, Timestamp, TrailRecord,
};

/// Everything read about one key in one Region, last usage apart: that comes at five requests a second and must not hold back the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFacts {
    /// The key.
    pub arn: KeyArn,
    /// When the key was read; where a later attempt read only what lacked, when the rest was.
    pub observed_at: Timestamp,
    /// `kms:DescribeKey`
    pub metadata: Fact<KeyMetadata>,
    /// `kms:ListAliases` of the account and Region, those that point at this key.
    pub aliases: Fact<Vec<Alias>>,
    /// `kms:GetKeyPolicy` of the policy `default`.
    pub policy: Fact<PolicyText>,
    /// `kms:GetKeyPolicy` of the policy `AWS_RAM`, which a key shared through AWS RAM carries; not applicable where KMS has none.
    pub ram_policy: Fact<PolicyText>,
    /// `kms:ListGrants`
    pub grants: Fact<Vec<Grant>>,
    /// `kms:ListResourceTags`
    pub tags: Fact<Vec<Tag>>,
    /// `kms:GetKeyRotationStatus`
    pub rotation: Fact<RotationStatus>,
    /// `kms:ListKeyRotations`
    pub rotations: Fact<Vec<Rotation>>,
}

/// The names of a key's facts: each has a `…_status` column in the `keys` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactName {
    /// [`KeyFacts::metadata`]
    Metadata,
    /// [`KeyFacts::aliases`]
    Aliases,
    /// [`KeyFacts::policy`]
    Policy,
    /// [`KeyFacts::ram_policy`]
    RamPolicy,
    /// [`KeyFacts::grants`]
    Grants,
    /// [`KeyFacts::tags`]
    Tags,
    /// [`KeyFacts::rotation`]
    Rotation,
    /// [`KeyFacts::rotations`]
    Rotations,
    /// [`KeyUsage::last_usage`]
    LastUsage,
}

impl FactName {
    /// Every fact of a key.
    pub const ALL: [Self; 9] =
        [Self::Metadata, Self::Aliases, Self::Policy, Self::RamPolicy, Self::Grants, Self::Tags, Self::Rotation, Self::Rotations, Self::LastUsage];

    /// The name in tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Aliases => "aliases",
            Self::Policy => "policy",
            Self::RamPolicy => "ram_policy",
            Self::Grants => "grants",
            Self::Tags => "tags",
            Self::Rotation => "rotation",
            Self::Rotations => "rotations",
            Self::LastUsage => "last_usage",
        }
    }
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl KeyFacts {
    /// The facts that lack, with the reason of each.
    pub fn failures(&self) -> impl Iterator<Item = (FactName, &Failure)> {
        [
            (FactName::Metadata, self.metadata.failure()),
            (FactName::Aliases, self.aliases.failure()),
            (FactName::Policy, self.policy.failure()),
            (FactName::RamPolicy, self.ram_policy.failure()),
            (FactName::Grants, self.grants.failure()),
            (FactName::Tags, self.tags.failure()),
            (FactName::Rotation, self.rotation.failure()),
            (FactName::Rotations, self.rotations.failure()),
        ]
        .into_iter()
        .filter_map(|(name, failure)| Some((name, failure?)))
    }

    /// Whether any fact was observed.
    pub fn has_observations(&self) -> bool {
        [
            self.metadata.status(),
            self.aliases.status(),
            self.policy.status(),
            self.ram_policy.status(),
            self.grants.status(),
            self.tags.status(),
            self.rotation.status(),
            self.rotations.status(),
        ]
        .contains(&FactStatus::Observed)
    }

    /// Whether every fact that applies was observed.
    pub fn is_complete(&self) -> bool {
        self.failures().next().is_none()
    }
}

/// The last usage of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUsage {
    /// The key.
    pub arn: KeyArn,
    /// `kms:GetKeyLastUsage`
    pub last_usage: Fact<LastUsage>,
}

/// What is known of one account in one Region, beyond its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRecord {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// How many keys `kms:ListKeys` returned, whether or not the listing came to its end.
    pub keys_listed: u64,
    /// How many keys were staged: those listed, each once, without those that the run leaves out. Fewer staged keys than this mean that some were lost since.
    #[serde(default)]
    pub keys_staged: u64,
    /// Why the listing of keys did not come to its end.
    pub key_listing: Option<Failure>,
    /// Why the listing of aliases did not come to its end. It is told once here, and every key of the unit carries it as the state of its aliases.
    pub alias_listing: Option<Failure>,
    /// `kms:DescribeCustomKeyStores`
    pub custom_key_stores: Fact<Vec<CustomKeyStore>>,
}

/// One piece of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StagedRecord {
    /// An account, when its collection ended.
    Account(Box<AccountRecord>),
    /// An account's Region, when its keys are all staged.
    Unit(Box<UnitRecord>),
    /// A key.
    Key(Box<KeyFacts>),
    /// A key's last usage.
    Usage(Box<KeyUsage>),
    /// What CloudTrail's event history tells of a key.
    History(Box<KeyHistory>),
    /// The trails that an account sees in a Region.
    Trails(Box<TrailRecord>),
}

impl StagedRecord {
    /// The account the record belongs to.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Account(record) => record.account.id,
            Self::Unit(record) => record.account,
            Self::Key(record) => record.arn.account(),
            Self::Usage(record) => record.arn.account(),
            Self::History(record) => record.arn.account(),
            Self::Trails(record) => record.account,
        }
    }
}
