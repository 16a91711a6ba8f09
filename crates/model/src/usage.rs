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

/// Who tells of a use, or that there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// `kms:GetKeyLastUsage`.
    Kms,
    /// A trail's log files, as far as they were read. They prove uses, and never that there was none: an account without activity has no log files of a day, nor has one whose files lack.
    Trail,
    /// CloudTrail's event history.
    Lookup,
}

impl UsageSource {
    /// The value in the tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kms => "kms",
            Self::Trail => "trail",
            Self::Lookup => "lookup",
        }
    }
}

impl fmt::Display for UsageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What all that was asked tells of a key's use: judgements rest on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageEvidence {
    /// What may be concluded.
    pub verdict: LastUsedVerdict,
    /// Who tells of the last use, or that there is none.
    pub source: Option<UsageSource>,
    /// The last use that is known. There may be a later one, unless `unused_since` says otherwise.
    pub used_at: Option<Timestamp>,
    /// The operation of that use.
    pub operation: Option<String>,
    /// The CloudTrail event of that use.
    pub cloudtrail_event_id: Option<String>,
    /// From when on it is known that the key was not used; `None` where nobody can tell.
    pub unused_since: Option<Timestamp>,
    /// Since when KMS records use, as KMS itself says.
    pub tracking_started_at: Option<Timestamp>,
    /// Since when CloudTrail's event history tells of uses, where it was looked through.
    pub event_history_from: Option<Timestamp>,
    /// When the key was made.
    pub created_at: Option<Timestamp>,
}

impl UsageEvidence {
    /// What KMS alone tells. `created_at` is the creation date from `DescribeKey`, used where KMS's answer carries none.
    pub fn of_kms(usage: &LastUsage, created_at: Option<Timestamp>) -> Self {
        let created_at = usage.key_created_at.or(created_at);
        Self {
            verdict: usage.verdict(created_at),
            source: Some(UsageSource::Kms),
            used_at: usage.used_at,
            operation: usage.operation.clone(),
            cloudtrail_event_id: usage.cloudtrail_event_id.clone(),
            unused_since: usage.silent_since().map(|since| created_at.map_or(since, |created| created.max(since))),
            tracking_started_at: usage.tracking_started_at,
            event_history_from: None,
            created_at,
        }
    }
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
        if self.has_use() {
            return LastUsedVerdict::Used;
        }
        match (self.key_created_at.or(created_at), self.tracking_started_at) {
            (Some(created), Some(tracking)) if created >= tracking => LastUsedVerdict::NeverUsed,
            _ => LastUsedVerdict::Unknown,
        }
    }

    /// Whether a use is recorded. One whose time is missing or unreadable is a use all the same.
    pub const fn has_use(&self) -> bool {
        self.used_at.is_some() || self.operation.is_some() || self.cloudtrail_event_id.is_some() || self.kms_request_id.is_some()
    }

    /// From when on KMS records no use: since the last one, or since recording began where there is none; `None` where neither moment is known.
    pub const fn silent_since(&self) -> Option<Timestamp> {
        if self.has_use() { self.used_at } else { self.tracking_started_at }
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

    #[test]
    fn kms_is_silent_since_the_last_use_or_since_it_began_to_record() {
        let (made, tracking, used) = (at("2026-05-01T00:00:00Z"), at("2026-04-23T00:00:00Z"), at("2026-08-01T00:00:00Z"));
        let since = |usage: LastUsage, created| UsageEvidence::of_kms(&usage, created).unused_since;
        assert_eq!(since(LastUsage { used_at: Some(used), ..unused(Some(made), Some(tracking)) }, None), Some(used));
        assert_eq!(since(unused(None, Some(tracking)), None), Some(tracking));
        // Before it was made it was not used either, but that says nothing.
        assert_eq!(since(unused(None, Some(tracking)), Some(made)), Some(made));
        assert_eq!(since(unused(Some(made), None), None), None);
        // Of a use that may have been at any time nothing follows.
        assert_eq!(since(LastUsage { operation: Some("Sign".to_owned()), ..unused(Some(made), Some(tracking)) }, None), None);
    }
}
