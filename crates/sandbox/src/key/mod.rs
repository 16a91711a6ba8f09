//! One key: everything that AWS knows of it, computed from its place and the organization's seed.

mod aliases;
mod denial;
mod grants;
mod labels;
mod lifecycle;
mod metadata;
mod policies;

use kms_insights_model::{Alias, Fact, Grant, KeyArn, KeyFacts, KeyId, KeyMetadata, KeyUsage, LastUsage, PolicyText, Rotation, RotationStatus, Tag, Timestamp};

use crate::{
    Archetype, Organization, SimulatedAccount,
    dice::Dice,
    organization::{AccountRegion, MultiRegionSet},
};

pub(crate) use aliases::SERVICES;
pub use denial::Denial;
pub(crate) use policies::OUTSIDE;

/// A key of the simulated organization.
#[derive(Clone, Debug)]
pub struct Key<'a> {
    organization: &'a Organization,
    account: &'a SimulatedAccount,
    region: usize,
    index: u32,
    id: KeyId,
    kind: Kind,
    dice: Dice,
    created_at: Timestamp,
}

/// Where the key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Made by AWS for the service at this place of [`SERVICES`].
    AwsManaged(usize),
    /// Of this multi-Region set.
    MultiRegion(u32),
    /// One of the others.
    Single(Archetype),
}

/// Parts of a key that draw from dice of their own.
#[derive(Clone, Copy)]
enum Part {
    Kind = 20,
    Created,
    Aliases,
    Labels,
    Policy,
    Grants,
    Rotation,
    Usage,
    Material,
    Trail,
}

impl<'a> Key<'a> {
    pub(crate) fn new(organization: &'a Organization, account: &'a SimulatedAccount, region: usize, index: u32) -> Self {
        let unit = &account.regions[region];
        let first_member = unit.keys - u32::try_from(unit.members.len()).unwrap_or(0);
        let mut dice = unit.dice.part(u64::from(index) + 1000);
        let (kind, id) = if index < unit.managed {
            (Kind::AwsManaged(index as usize % SERVICES.len()), unit.key_id(index))
        } else if let Some(member) = index.checked_sub(first_member) {
            let set = unit.members[member as usize];
            dice = account.dice.part(u64::from(set) + 1_000_000);
            (Kind::MultiRegion(set), account.multi_region_id(set))
        } else {
            let shown = unit.showcase.get((index - unit.managed) as usize).copied();
            (Kind::Single(shown.unwrap_or_else(|| Archetype::draw(&mut dice.part(Part::Kind as u64)))), unit.key_id(index))
        };
        let mut key = Self { organization, account, region, index, id, kind, dice, created_at: organization.now() };
        key.created_at = key.make_creation_date();
        key
    }

    fn part(&self, part: Part) -> Dice {
        self.dice.part(part as u64)
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.organization.now()
    }

    fn unit(&self) -> &'a AccountRegion {
        &self.account.regions[self.region]
    }

    pub(crate) fn set(&self) -> Option<&'a MultiRegionSet> {
        match self.kind {
            Kind::MultiRegion(set) => self.account.sets.get(set as usize),
            _ => None,
        }
    }

    pub(crate) fn is_replica(&self) -> bool {
        self.set().is_some_and(|set| set.primary != self.region)
    }

    /// Dice for what was done with the key. Of a multi-Region set each key has its own.
    pub(crate) fn trail_dice(&self) -> Dice {
        self.part(Part::Trail).part(self.region as u64)
    }

    /// The organization.
    pub(crate) const fn organization(&self) -> &'a Organization {
        self.organization
    }

    /// When it was made.
    pub(crate) const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The place of the key among those of its account and Region.
    pub(crate) const fn index(&self) -> u32 {
        self.index
    }

    /// The place of its Region among those of the account.
    pub(crate) const fn region_index(&self) -> usize {
        self.region
    }

    /// For an AWS managed key, the service that it is for.
    pub(crate) fn serves(&self) -> Option<&'static str> {
        match self.kind {
            Kind::AwsManaged(service) => Some(SERVICES[service]),
            _ => None,
        }
    }

    /// The kind of a customer managed single-Region key.
    pub const fn archetype(&self) -> Option<Archetype> {
        match self.kind {
            Kind::Single(archetype) => Some(archetype),
            _ => None,
        }
    }

    /// Whether AWS manages the key.
    pub const fn is_aws_managed(&self) -> bool {
        matches!(self.kind, Kind::AwsManaged(_))
    }

    /// The account that owns the key.
    pub const fn account(&self) -> &'a SimulatedAccount {
        self.account
    }

    /// The key's id.
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The key's ARN.
    pub fn arn(&self) -> KeyArn {
        KeyArn::new(self.account.id, self.unit().region.clone(), self.id.clone())
    }

    /// Everything about the key, last usage apart, as somebody sees it to whom nothing is denied.
    pub fn facts_without_denials(&self) -> KeyFacts {
        KeyFacts {
            arn: self.arn(),
            observed_at: self.now(),
            metadata: Fact::Observed(self.metadata()),
            aliases: Fact::Observed(self.aliases()),
            policy: Fact::Observed(self.policy()),
            ram_policy: self.ram_policy().map_or(Fact::NotApplicable, Fact::Observed),
            grants: Fact::Observed(self.grants()),
            tags: Fact::Observed(self.tags()),
            rotation: self.rotation().map_or(Fact::NotApplicable, Fact::Observed),
            rotations: self.rotations().map_or(Fact::NotApplicable, Fact::Observed),
        }
    }

    /// The key's last usage, as somebody sees it to whom nothing is denied.
    pub fn usage_without_denials(&self) -> KeyUsage {
        KeyUsage { arn: self.arn(), last_usage: Fact::Observed(self.last_usage()) }
    }

    /// What `kms:DescribeKey` says.
    pub fn metadata(&self) -> KeyMetadata {
        self.make_metadata()
    }

    /// The aliases that point at the key, by name.
    pub fn aliases(&self) -> Vec<Alias> {
        (0..self.alias_count()).map(|at| self.alias(at)).collect()
    }

    /// The policy `default`.
    pub fn policy(&self) -> PolicyText {
        PolicyText(self.make_policy())
    }

    /// The policy `AWS_RAM`.
    pub fn ram_policy(&self) -> Option<PolicyText> {
        self.make_ram_policy().map(PolicyText)
    }

    /// The key's grants, in the order of `kms:ListGrants`.
    pub fn grants(&self) -> Vec<Grant> {
        self.make_grants()
    }

    /// The key's tags.
    pub fn tags(&self) -> Vec<Tag> {
        self.make_tags()
    }

    /// What `kms:GetKeyRotationStatus` says; `None` where it answers `UnsupportedOperationException`.
    pub fn rotation(&self) -> Option<RotationStatus> {
        self.make_rotation()
    }

    /// What `kms:ListKeyRotations` says; `None` where it answers `UnsupportedOperationException`.
    pub fn rotations(&self) -> Option<Vec<Rotation>> {
        self.make_rotations()
    }

    /// What `kms:GetKeyLastUsage` says.
    pub fn last_usage(&self) -> LastUsage {
        self.make_last_usage()
    }
}
