//! Partitions and Regions.

use std::{fmt, str::FromStr, sync::Arc};

use crate::open_enum::serde_as_text;

/// An AWS partition: a group of Regions with its own accounts, credentials and ARNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    /// `aws`, the commercial Regions.
    Aws,
    /// `aws-cn`, China.
    China,
    /// `aws-us-gov`, `GovCloud` (US).
    UsGov,
    /// `aws-eusc`, the European Sovereign Cloud.
    EuSovereign,
    /// `aws-iso`
    Iso,
    /// `aws-iso-b`
    IsoB,
    /// `aws-iso-e`
    IsoE,
    /// `aws-iso-f`
    IsoF,
}

impl Partition {
    /// Every partition.
    pub const ALL: [Self; 8] = [Self::Aws, Self::China, Self::UsGov, Self::EuSovereign, Self::Iso, Self::IsoB, Self::IsoE, Self::IsoF];

    /// The partition as ARNs spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
            Self::EuSovereign => "aws-eusc",
            Self::Iso => "aws-iso",
            Self::IsoB => "aws-iso-b",
            Self::IsoE => "aws-iso-e",
            Self::IsoF => "aws-iso-f",
        }
    }

    /// The Regions that every account of the partition has without opting in: what can be read even where `account:ListRegions` is denied.
    ///
    /// Source: AWS Account Management, "Enable or disable AWS Regions in your account" (Regions enabled by default).
    pub const fn default_regions(self) -> &'static [&'static str] {
        match self {
            Self::Aws => &[
                "ap-northeast-1",
                "ap-northeast-2",
                "ap-northeast-3",
                "ap-south-1",
                "ap-southeast-1",
                "ap-southeast-2",
                "ca-central-1",
                "eu-central-1",
                "eu-north-1",
                "eu-west-1",
                "eu-west-2",
                "eu-west-3",
                "sa-east-1",
                "us-east-1",
                "us-east-2",
                "us-west-1",
                "us-west-2",
            ],
            Self::China => &["cn-north-1", "cn-northwest-1"],
            Self::UsGov => &["us-gov-east-1", "us-gov-west-1"],
            Self::EuSovereign => &["eusc-de-east-1"],
            Self::Iso => &["us-iso-east-1", "us-iso-west-1"],
            Self::IsoB => &["us-isob-east-1", "us-isob-west-1"],
            Self::IsoE => &["eu-isoe-west-1"],
            Self::IsoF => &["us-isof-east-1", "us-isof-south-1"],
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Partition {
    type Err = InvalidRegion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|partition| partition.as_str() == text).ok_or_else(|| InvalidRegion(text.to_owned()))
    }
}

serde_as_text!(Partition);

/// The name of an AWS Region, such as `eu-central-1`. Shared, because millions of rows carry one of some thirty names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(Arc<str>);

/// A text that is not the name of a Region or partition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of an AWS Region or partition (an example: eu-central-1)")]
pub struct InvalidRegion(String);

impl Region {
    /// The Region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition, told from the name's prefix as the SDKs' partition metadata does.
    pub fn partition(&self) -> Partition {
        const PREFIXES: [(&str, Partition); 7] = [
            ("cn-", Partition::China),
            ("us-gov-", Partition::UsGov),
            ("eusc-", Partition::EuSovereign),
            ("us-isob-", Partition::IsoB),
            ("us-isof-", Partition::IsoF),
            ("eu-isoe-", Partition::IsoE),
            ("us-iso-", Partition::Iso),
        ];
        PREFIXES.iter().find(|(prefix, _)| self.0.starts_with(prefix)).map_or(Partition::Aws, |(_, partition)| *partition)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;

    /// Accepts lower-case letters, digits and hyphens in at least three parts: a Region that AWS opens tomorrow passes, a host name or path does not.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        let sound = text.len() <= 32
            && parts.len() >= 3
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            && parts.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if sound { Ok(Self(Arc::from(text))) } else { Err(InvalidRegion(text.chars().take(64).collect())) }
    }
}

serde_as_text!(Region);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_region_is_a_region_of_its_partition() {
        for partition in Partition::ALL {
            for name in partition.default_regions() {
                let region: Region = name.parse().unwrap();
                assert_eq!(region.partition(), partition, "{name}");
            }
        }
    }

    #[test]
    fn hosts_paths_and_empty_names_are_not_regions() {
        for text in ["", "us-east", "evil.example.com/us-east-1", "US-EAST-1", "us-east-1 ", "../us-east-1", "us--1"] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }
}
