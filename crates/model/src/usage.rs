//! When a key was last used, and what may be concluded where no use is recorded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Source: `kms:GetKeyLastUsage`, which records successful cryptographic operations since `TrackingStartDate`, up to an hour late, `GetPublicKey` excepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUsage {
    /// `KeyLastUsage.Timestamp`; `None` when no use is recorded.
    pub used_at: Option<Timestamp>,
    /// `KeyLastUsage.Operation`
    pub operation: Option<String>,
    /// `KeyLastUsage.CloudTrailEventId`
    pub cloudtrail_event_id: Option<String>,
    /// `KeyLastUsage.KmsRequestId`
    pub kms_request_id: Option<String>,
    /// `TrackingStartDate`: since when KMS records use in this Region.
    pub tracking_started_at: Option<Timestamp>,
    /// `KeyCreationDate`
    pub key_created_at: Option<Timestamp>,
}

/// What the evidence allows to be said about a key's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastUsedVerdict {
    /// A use is recorded.
    Used,
    /// No use is recorded, and recording began before the key was made.
    NeverUsed,
    /// No use is recorded, but the key is older than the records, or there are none.
    Unknown,
}

impl LastUsedVerdict {
    /// The value in the tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::NeverUsed => "never_used",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for LastUsedVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl LastUsage {
    /// "No recorded use" is not "never used": only a key created on or after the start of tracking can be said never to have been used.
    ///
    /// `created_at` is the creation date from `DescribeKey`, used where this answer carries none.
    pub fn verdict(&self, created_at: Option<Timestamp>) -> LastUsedVerdict {
        // A use whose time is missing or unreadable is a use all the same.
        if self.used_at.is_some() || self.operation.is_some() || self.cloudtrail_event_id.is_some() || self.kms_request_id.is_some() {
            return LastUsedVerdict::Used;
        }
        match (self.key_created_at.or(created_at), self.tracking_started_at) {
            (Some(created), Some(tracking)) if created >= tracking => LastUsedVerdict::NeverUsed,
            _ => LastUsedVerdict::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn unused(created: Option<Timestamp>, tracking: Option<Timestamp>) -> LastUsage {
        LastUsage { used_at: None, operation: None, cloudtrail_event_id: None, kms_request_id: None, tracking_started_at: tracking, key_created_at: created }
    }

    #[test]
    fn no_recorded_use_is_never_used_only_for_keys_made_since_tracking_began() {
        let tracking = Some(at("2026-04-23T00:00:00Z"));
        assert_eq!(unused(Some(at("2026-04-23T00:00:00Z")), tracking).verdict(None), LastUsedVerdict::NeverUsed);
        assert_eq!(unused(Some(at("2026-04-22T23:59:59Z")), tracking).verdict(None), LastUsedVerdict::Unknown);
        assert_eq!(unused(None, tracking).verdict(Some(at("2026-05-01T00:00:00Z"))), LastUsedVerdict::NeverUsed);
        assert_eq!(unused(None, tracking).verdict(None), LastUsedVerdict::Unknown);
        assert_eq!(unused(Some(at("2026-05-01T00:00:00Z")), None).verdict(None), LastUsedVerdict::Unknown);
    }

    #[test]
    fn a_use_without_a_readable_time_is_no_missing_use() {
        let usage = LastUsage { operation: Some("Decrypt".to_owned()), ..unused(Some(at("2026-05-01T00:00:00Z")), Some(at("2026-04-23T00:00:00Z"))) };
        assert_eq!(usage.verdict(None), LastUsedVerdict::Used);
    }
}
