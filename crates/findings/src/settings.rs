//! What an organization decides for itself: thresholds, whom it trusts, and what it puts up with for a time.

use std::{collections::BTreeSet, num::NonZeroU32};

use chrono::NaiveDate;
use kms_insights_model::{AccountId, KeyArn};
use serde::{Deserialize, Serialize};

use crate::{Finding, RULES};

/// The section `[findings]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FindingSettings {
    /// The longest rotation period that is fine, in days.
    pub rotation_period_days: NonZeroU32,
    /// A key whose last recorded use is so many days ago is reported.
    pub unused_days: NonZeroU32,
    /// A key that may have been disabled for so many days is reported.
    pub disabled_days: NonZeroU32,
    /// Imported key material that expires within so many days is reported.
    pub expiring_days: NonZeroU32,
    /// Tags that every customer managed key must have, by their keys.
    pub required_tags: Vec<String>,
    /// Accounts outside the organization that its owner trusts.
    pub trusted_accounts: BTreeSet<AccountId>,
    /// What is put up with.
    pub waivers: Vec<Waiver>,
}

impl Default for FindingSettings {
    fn default() -> Self {
        let days = |days: u32| NonZeroU32::new(days).unwrap_or(NonZeroU32::MIN);
        Self {
            rotation_period_days: days(365),
            unused_days: days(90),
            disabled_days: days(30),
            expiring_days: days(30),
            required_tags: Vec::new(),
            trusted_accounts: BTreeSet::new(),
            waivers: Vec::new(),
        }
    }
}

/// Findings that somebody puts up with until a date, and why. What is said narrows it down; all that is said must fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The id of one finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// A rule, such as `outside-account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// A key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyArn>,
    /// All keys of an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: NaiveDate,
}

/// A waiver that says too little or names what there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWaiver {
    /// It would cover every finding there is.
    #[error("a waiver names a finding, a rule, a key or an account; this one (\"{0}\") names none")]
    Everything(String),
    /// There is no such rule.
    #[error("a waiver names the rule {0:?}, and there is none of that name")]
    UnknownRule(String),
    /// It gives no reason.
    #[error("a waiver has a reason; the one until {0} has none")]
    NoReason(NaiveDate),
}

impl FindingSettings {
    /// Whether the waivers can be understood.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), InvalidWaiver> {
        for waiver in &self.waivers {
            if waiver.reason.trim().is_empty() {
                return Err(InvalidWaiver::NoReason(waiver.until));
            }
            if waiver.finding.is_none() && waiver.rule.is_none() && waiver.key.is_none() && waiver.account.is_none() {
                return Err(InvalidWaiver::Everything(waiver.reason.clone()));
            }
            if let Some(rule) = waiver.rule.as_ref().filter(|rule| RULES.iter().all(|known| known.id != **rule)) {
                return Err(InvalidWaiver::UnknownRule(rule.clone()));
            }
        }
        Ok(())
    }

    /// The waiver that covers the finding on the key on that day: the one that holds longest.
    pub(crate) fn waiver(&self, finding: &Finding, key: &KeyArn, today: NaiveDate) -> Option<&Waiver> {
        self.waivers.iter().filter(|waiver| waiver.until >= today && waiver.covers(finding, key)).max_by_key(|waiver| waiver.until)
    }
}

impl Waiver {
    /// Whether all that it names fits the finding on the key; its term is not asked.
    pub fn covers(&self, finding: &Finding, key: &KeyArn) -> bool {
        self.finding.as_ref().is_none_or(|id| *id == finding.id)
            && self.rule.as_ref().is_none_or(|rule| rule == finding.rule || finding.also_waived_by == Some(rule.as_str()))
            && self.key.as_ref().is_none_or(|wanted| wanted == key)
            && self.account.is_none_or(|account| account == key.account())
    }
}
