//! The simulated organization: its units, accounts, and where each key lies.
//!
//! Keys are not stored. A [`Key`] is a position in an account's Region, and everything about it is computed from the seed when it is asked for: an organization of
//! a hundred thousand keys takes no more memory than its list of accounts.

use std::collections::{HashMap, HashSet};

use kms_insights_model::{AccountId, AccountState, KeyArn, KeyId, Partition, Region, Timestamp};

use crate::{
    Archetype, OrganizationShape,
    dice::{Dice, uuid},
    key::Key,
};

/// An organization with all its accounts and keys.
#[derive(Clone, Debug)]
pub struct Organization {
    shape: OrganizationShape,
    id: String,
    root_id: String,
    units: Vec<OrganizationalUnit>,
    accounts: Vec<SimulatedAccount>,
    by_id: HashMap<AccountId, usize>,
    dice: Dice,
}

/// An organizational unit.
#[derive(Clone, Debug)]
pub struct OrganizationalUnit {
    /// Its id: `ou-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The unit above, as an index of [`Organization::units`]; `None` below the root.
    pub parent: Option<usize>,
    /// The names from the root down: `/Workloads/Prod`.
    pub path: String,
}

/// An account of the organization.
#[derive(Clone, Debug)]
pub struct SimulatedAccount {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// The address of its root user.
    pub email: String,
    /// Its state.
    pub state: AccountState,
    /// Its organizational unit, as an index of [`Organization::units`]; `None` directly below the root.
    pub unit: Option<usize>,
    /// When it joined.
    pub joined_at: Timestamp,
    /// The Regions that are enabled for it.
    pub(crate) regions: Vec<AccountRegion>,
    /// Its multi-Region keys.
    pub(crate) sets: Vec<MultiRegionSet>,
    pub(crate) dice: Dice,
}

/// An account in a Region: how many keys, and of which kinds.
#[derive(Clone, Debug)]
pub(crate) struct AccountRegion {
    pub(crate) region: Region,
    pub(crate) keys: u32,
    /// The first so many are AWS managed keys.
    pub(crate) managed: u32,
    /// The next are of these kinds.
    pub(crate) showcase: Vec<Archetype>,
    /// The last are of these multi-Region sets.
    pub(crate) members: Vec<u32>,
    pub(crate) dice: Dice,
    id_offset: u64,
}

/// A primary and its replicas, as indexes of [`SimulatedAccount::regions`].
#[derive(Clone, Debug)]
pub(crate) struct MultiRegionSet {
    pub(crate) primary: usize,
    pub(crate) replicas: Vec<usize>,
}

const UNITS: &[(&str, Option<usize>)] = &[
    ("Security", None),
    ("Infrastructure", None),
    ("Workloads", None),
    ("Prod", Some(2)),
    ("Staging", Some(2)),
    ("EU Regulated", Some(3)),
    ("Sandbox", None),
    ("Suspended", None),
];
const TEAMS: &[&str] = &[
    "Security Tooling",
    "Log Archive",
    "Network Hub",
    "Payments",
    "Orders",
    "Identity",
    "Data Lake",
    "Machine Learning",
    "Mobile",
    "Warehouse",
    "Billing",
    "Customer Care",
    "Search",
    "Partner API",
    "HR Systems",
    "Backup Vault",
];
const ID_MASK: u64 = (1 << 48) - 1;
const ID_FACTOR: u64 = 0x5851_f42d_4c95;
const ID_INVERSE: u64 = inverse(ID_FACTOR);

/// The inverse of an odd number modulo 2^48, by Newton's iteration.
const fn inverse(odd: u64) -> u64 {
    let (mut x, mut round) = (odd, 0);
    while round < 6 {
        x = x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x)));
        round += 1;
    }
    x & ID_MASK
}

impl Organization {
    /// Makes the organization of a shape.
    pub fn generate(mut shape: OrganizationShape) -> Self {
        // AWS tells times in milliseconds.
        shape.now = Timestamp::from_timestamp_millis(shape.now.timestamp_millis()).unwrap_or_default();
        let dice = Dice::new(shape.seed);
        let mut names = dice.part(1);
        let id = format!("o-{}", names.lower(10));
        let root_id = format!("r-{}", names.lower(4));
        let units = Self::make_units(&root_id, names);
        let mut taken = HashSet::new();
        let mut accounts: Vec<SimulatedAccount> = (0..shape.accounts.max(1)).map(|at| make_account(&shape, dice, at, &mut taken)).collect();
        place_showcase(&mut accounts, dice.part(3));
        let by_id = accounts.iter().enumerate().map(|(at, account)| (account.id, at)).collect();
        Self { shape, id, root_id, units, accounts, by_id, dice }
    }

    fn make_units(root_id: &str, mut dice: Dice) -> Vec<OrganizationalUnit> {
        let mut units: Vec<OrganizationalUnit> = Vec::new();
        for (name, parent) in UNITS {
            let path = format!("{}/{name}", parent.map_or("", |at| units[at].path.as_str()));
            units.push(OrganizationalUnit {
                id: format!("ou-{}-{}", root_id.trim_start_matches("r-"), dice.lower(8)),
                name: (*name).to_owned(),
                parent: *parent,
                path,
            });
        }
        units
    }

    /// The shape it was made from.
    pub const fn shape(&self) -> &OrganizationShape {
        &self.shape
    }

    /// The moment at which it is seen.
    pub const fn now(&self) -> Timestamp {
        self.shape.now
    }

    /// Its id: `o-…`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of its root: `r-…`.
    pub fn root_id(&self) -> &str {
        &self.root_id
    }

    /// Its organizational units, each after the one above it.
    pub fn units(&self) -> &[OrganizationalUnit] {
        &self.units
    }

    /// Its accounts, the management account first.
    pub fn accounts(&self) -> &[SimulatedAccount] {
        &self.accounts
    }

    /// The management account.
    pub fn management(&self) -> &SimulatedAccount {
        &self.accounts[0]
    }

    /// The account with an id.
    pub fn account(&self, id: AccountId) -> Option<&SimulatedAccount> {
        self.by_id.get(&id).map(|at| &self.accounts[*at])
    }

    /// The partition of all its Regions.
    pub fn partition(&self) -> Partition {
        self.shape.regions.first().map_or(Partition::Aws, Region::partition)
    }

    /// Names of the organizational units from the root down to an account's, such as `/Workloads/Prod`.
    pub fn path_of(&self, account: &SimulatedAccount) -> &str {
        account.unit.map_or("/", |at| self.units[at].path.as_str())
    }

    /// How many keys an account has in a Region.
    pub fn key_count(&self, account: &SimulatedAccount, region: &Region) -> usize {
        account.region(region).map_or(0, |at| account.regions[at].keys as usize)
    }

    /// How many keys there are in all active accounts.
    pub fn total_keys(&self) -> usize {
        let active = self.accounts.iter().filter(|account| account.state == AccountState::Active);
        active.flat_map(|account| &account.regions).map(|region| region.keys as usize).sum()
    }

    /// The keys of an account in a Region, in the order in which `kms:ListKeys` returns them.
    pub fn keys<'a>(&'a self, account: &'a SimulatedAccount, region: &Region) -> impl Iterator<Item = Key<'a>> + use<'a> {
        let at = account.region(region);
        let count = at.map_or(0, |at| account.regions[at].keys);
        (0..count).filter_map(move |index| at.map(|at| Key::new(self, account, at, index)))
    }

    /// The key at a place of the listing.
    pub(crate) fn key_at<'a>(&'a self, account: &'a SimulatedAccount, region: usize, index: u32) -> Key<'a> {
        Key::new(self, account, region, index)
    }

    /// The key with an id, without a search: the id holds the key's place.
    pub fn find_key<'a>(&'a self, account: &'a SimulatedAccount, region: &Region, id: &str) -> Option<Key<'a>> {
        let at = account.region(region)?;
        let unit = &account.regions[at];
        let index = if let Some(hex) = id.strip_prefix("mrk-") {
            let set = u64::from_str_radix(hex.get(20..)?, 16).ok()?;
            let set = u32::try_from(unplace(set, account.id_offset())).ok()?;
            unit.keys - u32::try_from(unit.members.len()).ok()? + u32::try_from(unit.members.iter().position(|member| *member == set)?).ok()?
        } else {
            u32::try_from(unplace(u64::from_str_radix(id.get(24..)?, 16).ok()?, unit.id_offset)).ok()?
        };
        (index < unit.keys).then(|| Key::new(self, account, at, index)).filter(|key| key.id().to_string() == id)
    }

    /// The key with an ARN.
    pub fn find_key_by_arn(&self, arn: &KeyArn) -> Option<Key<'_>> {
        self.find_key(self.account(arn.account())?, arn.region(), &arn.key_id().to_string())
    }

    /// Dice for what belongs to the whole organization.
    pub(crate) const fn dice(&self) -> Dice {
        self.dice
    }

    /// Another active account, for policies and grants that name one.
    pub(crate) fn other_account(&self, not: AccountId, dice: &mut Dice) -> AccountId {
        let at = dice.index(self.accounts.len());
        let chosen = self.accounts[at].id;
        if chosen == not { self.accounts[(at + 1) % self.accounts.len()].id } else { chosen }
    }
}

fn unplace(low: u64, offset: u64) -> u64 {
    (low & ID_MASK).wrapping_sub(offset).wrapping_mul(ID_INVERSE) & ID_MASK
}

fn id_bits(dice: Dice, index: u32, offset: u64) -> (u64, u64) {
    let mut dice = dice.part(u64::from(index));
    let place = (u64::from(index).wrapping_mul(ID_FACTOR).wrapping_add(offset)) & ID_MASK;
    (dice.roll(), (dice.roll() & !ID_MASK) | place)
}

impl SimulatedAccount {
    /// The place of a Region among the account's enabled ones.
    pub(crate) fn region(&self, region: &Region) -> Option<usize> {
        self.regions.iter().position(|unit| unit.region == *region)
    }

    /// The Regions enabled for the account.
    pub fn enabled_regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().map(|unit| &unit.region)
    }

    /// Whether the account can be read.
    pub fn is_active(&self) -> bool {
        self.state == AccountState::Active
    }

    fn id_offset(&self) -> u64 {
        let mut dice = self.dice.part(11);
        dice.roll() & ID_MASK
    }

    pub(crate) fn multi_region_id(&self, set: u32) -> KeyId {
        let (high, low) = id_bits(self.dice.part(12), set, self.id_offset());
        key_id(&format!("mrk-{}", uuid(high, low).replace('-', "")))
    }
}

impl AccountRegion {
    pub(crate) fn key_id(&self, index: u32) -> KeyId {
        let (high, low) = id_bits(self.dice.part(12), index, self.id_offset);
        key_id(&uuid(high, low))
    }
}

fn key_id(text: &str) -> KeyId {
    // Hexadecimal digits and hyphens always are an id.
    text.parse().unwrap_or_else(|_| unreachable!("{text} is made of hexadecimal digits"))
}

fn make_account(shape: &OrganizationShape, dice: Dice, at: usize, taken: &mut HashSet<AccountId>) -> SimulatedAccount {
    let seed = dice.part(2).part(at as u64);
    let mut dice = seed;
    let id = loop {
        // One account's id begins with zeros: it must never pass through a number.
        let text = if at == 2 { format!("00{}", dice.digits(10)) } else { format!("{}{}", dice.between(1, 9), dice.digits(11)) };
        if let Ok(id) = text.parse::<AccountId>()
            && taken.insert(id)
        {
            break id;
        }
    };
    let last = shape.accounts.saturating_sub(at);
    let state = match last {
        1 if shape.inactive_accounts && shape.accounts >= 4 => AccountState::Suspended,
        2 if shape.inactive_accounts && shape.accounts >= 4 => AccountState::Closed,
        3 if shape.inactive_accounts && shape.accounts >= 8 => AccountState::PendingActivation,
        4 if shape.inactive_accounts && shape.accounts >= 16 => AccountState::PendingClosure,
        _ => AccountState::Active,
    };
    let (name, unit) = match (at, &state) {
        (0, _) => ("Management".to_owned(), None),
        (_, AccountState::Suspended | AccountState::Closed | AccountState::PendingClosure) => (format!("Old {} {at}", dice.pick(TEAMS)), Some(7)),
        (1, _) => ("Security Tooling".to_owned(), Some(0)),
        (2, _) => ("Log Archive".to_owned(), Some(0)),
        (3, _) => ("Network Hub".to_owned(), Some(1)),
        // What the console admits in an account's name is everything printable of ASCII.
        (5, _) => (r#"=1+1 R&D "Sandbox" <eu>, ltd."#.to_owned(), Some(6)),
        _ => {
            let unit = [3, 3, 4, 5, 6, 1][dice.index(6)];
            (format!("{} {}", dice.pick(TEAMS), ["", "Infra", "", "Prod", "Staging", "EU", "Dev"][unit]), Some(unit))
        }
    };
    let mut account = SimulatedAccount {
        id,
        name: name.trim().to_owned(),
        email: format!("aws+{id}@example.com"),
        state,
        unit,
        joined_at: shape.now - chrono::TimeDelta::milliseconds(i64::try_from(dice.between(200, 4000) * 86_400_000 + dice.below(86_400_000)).unwrap_or(0)),
        regions: Vec::new(),
        sets: Vec::new(),
        dice: seed.part(9),
    };
    let defaults = shape.regions.first().map_or(&[][..], |region| region.partition().default_regions());
    for (place, region) in shape.regions.iter().enumerate() {
        // Regions that must be opted into are enabled in the management account and in some of the others.
        if place > 0 && at > 0 && !defaults.contains(&region.as_str()) && !dice.chance(40) {
            continue;
        }
        let mut unit = seed.part(100 + place as u64);
        let keys = shape.keys.draw(&mut unit, place == at % shape.regions.len().clamp(1, 2));
        let managed = (keys / 4).min(u32::try_from(unit.between(2, 7)).unwrap_or(2));
        let id_offset = unit.roll() & ID_MASK;
        account.regions.push(AccountRegion { region: region.clone(), keys, managed, showcase: Vec::new(), members: Vec::new(), dice: unit, id_offset });
    }
    make_multi_region_sets(&mut account, dice);
    account
}

fn make_multi_region_sets(account: &mut SimulatedAccount, mut dice: Dice) {
    let candidates: Vec<usize> = (0..account.regions.len()).filter(|at| account.regions[*at].keys >= 4).collect();
    let room = candidates.iter().map(|at| account.regions[*at].keys / 4).min().unwrap_or(0).min(8);
    if candidates.len() < 2 {
        return;
    }
    for set in 0..room {
        let primary = dice.index(candidates.len());
        let replicas = (1..=dice.between(1, 2).min(candidates.len() as u64 - 1)).filter_map(|step| {
            let step = usize::try_from(step).ok()?;
            candidates.get((primary + step) % candidates.len()).copied()
        });
        let made = MultiRegionSet { primary: candidates[primary], replicas: replicas.collect() };
        for at in std::iter::once(made.primary).chain(made.replicas.iter().copied()) {
            account.regions[at].members.push(set);
        }
        account.sets.push(made);
    }
}

/// Gives every kind of key a place, spread over the active accounts, as long as there is room.
fn place_showcase(accounts: &mut [SimulatedAccount], mut dice: Dice) {
    let (first, later) = Archetype::ALL.split_at(Archetype::ALL.len() - Archetype::LATER);
    let mut kinds = first.to_vec();
    for at in (1..kinds.len()).rev() {
        kinds.swap(at, dice.index(at + 1));
    }
    // The kinds whose loss would matter most to a test come first, should there not be room for all.
    kinds.sort_by_key(|kind| !matches!(kind, Archetype::Unreadable | Archetype::PolicyHidden | Archetype::MetadataHidden | Archetype::ForgottenSample));
    kinds.extend(later);
    let mut units: Vec<&mut AccountRegion> = accounts.iter_mut().filter(|account| account.is_active()).flat_map(|account| &mut account.regions).collect();
    for at in (1..units.len()).rev() {
        units.swap(at, dice.index(at + 1));
    }
    while !kinds.is_empty() {
        let before = kinds.len();
        for unit in &mut units {
            let free = (unit.keys as usize).saturating_sub(unit.managed as usize + unit.members.len() + unit.showcase.len());
            if free > 0 && !kinds.is_empty() {
                unit.showcase.push(kinds.remove(0));
            }
        }
        if kinds.len() == before {
            return;
        }
    }
}
