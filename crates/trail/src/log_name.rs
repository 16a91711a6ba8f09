//! What the name of a log file says.
//!
//! Source: "Finding your CloudTrail log files" and "CloudTrail log file name format" in the AWS CloudTrail User Guide.

use chrono::{NaiveDate, NaiveDateTime};
use kms_insights_model::{AccountId, Region, Timestamp};

/// `111122223333_CloudTrail_eu-central-1_20261122T0605Z_ABcd1234EFgh5678.json.gz`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogName {
    /// The account whose events the file holds.
    pub account: AccountId,
    /// The Region whose events it holds.
    pub region: Region,
    /// When CloudTrail delivered it, to the minute.
    pub delivered_at: Timestamp,
}

impl LogName {
    /// Reads the name of a file, without its folders. `None` for other files: digests, and what other tools put there.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".json")?;
        let mut parts = name.splitn(5, '_');
        let (account, kind, region, time, _unique) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let delivered_at = NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%MZ").ok()?.and_utc();
        (kind == "CloudTrail").then_some(())?;
        Some(Self { account: account.parse().ok()?, region: region.parse().ok()?, delivered_at })
    }

    /// The day on which it was delivered, which is that of its folder.
    pub fn date(&self) -> NaiveDate {
        self.delivered_at.date_naive()
    }
}

/// Whether a file may be a log file at all, by its name.
pub fn may_be_log(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.strip_suffix(".json").is_some() && !name.contains("_CloudTrail-Digest_") && !name.contains("_CloudTrail-Insight_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_files_name_says_whose_events_it_holds_and_when_it_came() {
        let name = LogName::parse("111122223333_CloudTrail_eu-central-1_20261122T0605Z_ABcd1234EFgh5678.json.gz").unwrap();
        assert_eq!((name.account.to_string().as_str(), name.region.as_str()), ("111122223333", "eu-central-1"));
        assert_eq!((name.date().to_string().as_str(), name.delivered_at.to_rfc3339().as_str()), ("2026-11-22", "2026-11-22T06:05:00+00:00"));
        for other in [
            "111122223333_CloudTrail-Digest_eu-central-1_trail_eu-central-1_20261122T060500Z.json.gz",
            "notes.json",
            "x_CloudTrail_eu-west-1_20261122T0605Z_a.json.gz",
            "",
        ] {
            assert_eq!(LogName::parse(other), None, "{other}");
        }
        assert!(may_be_log("export.json.gz") && may_be_log("a.json") && !may_be_log("a.parquet"));
        assert!(!may_be_log("111122223333_CloudTrail-Digest_eu-central-1_trail_eu-central-1_20261122T060500Z.json.gz"));
    }
}
