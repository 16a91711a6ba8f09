//! What a simulated organization is made from: its seed and its size.

use kms_insights_model::{Region, Timestamp};
use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// The size of an organization. The same shape gives the same organization, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationShape {
    /// All choices follow from it.
    pub seed: u64,
    /// How many accounts, the management account included.
    pub accounts: usize,
    /// The Regions in use. Those that AWS enables only on request are enabled in some of the accounts.
    pub regions: Vec<Region>,
    /// How many keys an account has in a Region.
    pub keys: KeyCount,
    /// The moment at which the organization is seen: ages and dates are relative to it.
    pub now: Timestamp,
    /// Whether some accounts are suspended, closed or not yet active (from 4, 4 and 8 accounts on).
    pub inactive_accounts: bool,
}

/// How many keys an account has in a Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCount {
    /// As real organizations have them: few almost everywhere, none in many Regions, some tens in a few.
    Realistic,
    /// Evenly distributed over the orders of magnitude between the two bounds, both included.
    LogUniform {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// The same number everywhere.
    Fixed(u32),
}

impl Default for OrganizationShape {
    fn default() -> Self {
        let regions = ["us-east-1", "eu-central-1", "eu-west-1", "eu-south-2"];
        Self {
            seed: 1,
            accounts: 12,
            regions: regions.iter().filter_map(|region| region.parse().ok()).collect(),
            keys: KeyCount::Realistic,
            now: Timestamp::from_timestamp(1_795_327_380, 0).unwrap_or_default(),
            inactive_accounts: true,
        }
    }
}

impl KeyCount {
    /// Draws the number of keys of one account in one Region; `home` is the Region in which the account does most of its work.
    pub(crate) fn draw(self, dice: &mut Dice, home: bool) -> u32 {
        match self {
            Self::Fixed(count) => count,
            Self::LogUniform { min, max } => {
                let (low, high) = (f64::from(min.max(1)), f64::from(max.max(min).max(1)));
                bounded(low * (high / low).powf(dice.fraction()), max)
            }
            Self::Realistic => {
                if !home && dice.chance(35) {
                    return 0;
                }
                let scale = if home { 9.0 } else { 3.0 };
                bounded(scale * (1.0 - dice.fraction()).max(1e-6).powf(-0.7), 60)
            }
        }
    }
}

fn bounded(value: f64, max: u32) -> u32 {
    // `value` is positive and far below 2^32.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and far below 2^32")]
    let rounded = value.round() as u32;
    rounded.min(max)
}
