//! ARNs, and the ARNs of KMS keys above all.

use std::{fmt, str::FromStr};

use crate::{AccountId, KeyId, Partition, Region, open_enum::serde_as_text};

/// A text that is not the ARN it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not {1}")]
pub struct InvalidArn(String, &'static str);

pub(crate) fn invalid(text: &str, wanted: &'static str) -> InvalidArn {
    InvalidArn(text.chars().take(200).collect(), wanted)
}

/// Any ARN, split into its six parts and no further: `arn:partition:service:region:account:resource`.
///
/// The parts borrow from the text; region and account may be empty, as in the ARN of a role or a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// The partition, not checked against the known ones.
    pub partition: &'a str,
    /// The service, such as `iam`.
    pub service: &'a str,
    /// The Region, or nothing.
    pub region: &'a str,
    /// The account, or nothing.
    pub account: &'a str,
    /// All that follows the fifth colon.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits `text` at its first five colons. `None` when it is not of that form.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (prefix, partition, service, region, account, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (prefix == "arn" && !partition.is_empty() && !service.is_empty() && !resource.is_empty()).then_some(Self {
            partition,
            service,
            region,
            account,
            resource,
        })
    }
}

/// The ARN of a KMS key: `arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyArn {
    partition: Partition,
    account: AccountId,
    region: Region,
    key_id: KeyId,
}

impl KeyArn {
    /// The ARN of the key `key_id` in an account and Region; the partition is the Region's.
    pub fn new(account: AccountId, region: Region, key_id: KeyId) -> Self {
        Self { partition: region.partition(), account, region, key_id }
    }

    /// The partition.
    pub const fn partition(&self) -> Partition {
        self.partition
    }

    /// The account that owns the key.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// The key's Region.
    pub const fn region(&self) -> &Region {
        &self.region
    }

    /// The key's id.
    pub const fn key_id(&self) -> &KeyId {
        &self.key_id
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:kms:{}:{}:key/{}", self.partition, self.region, self.account, self.key_id)
    }
}

impl FromStr for KeyArn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "the ARN of a KMS key";
        let arn = Arn::parse(text).filter(|arn| arn.service == "kms").ok_or_else(|| invalid(text, wanted))?;
        let key_id = arn.resource.strip_prefix("key/").ok_or_else(|| invalid(text, wanted))?;
        Ok(Self {
            partition: arn.partition.parse().map_err(|_| invalid(text, wanted))?,
            account: arn.account.parse().map_err(|_| invalid(text, wanted))?,
            region: arn.region.parse().map_err(|_| invalid(text, wanted))?,
            key_id: key_id.parse().map_err(|_| invalid(text, wanted))?,
        })
    }
}

serde_as_text!(KeyArn);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_arns_of_every_partition_read_back_as_written() {
        for text in [
            "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-eusc:kms:eusc-de-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-iso-b:kms:us-isob-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ] {
            assert_eq!(text.parse::<KeyArn>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn aliases_roles_and_fragments_are_not_key_arns() {
        for text in [
            "arn:aws:kms:eu-central-1:111122223333:alias/app",
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:kms:eu-central-1:111122223333:key/",
            "arn:aws:kms:eu-central-1:111122223333:key/a\nb",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "",
        ] {
            assert!(text.parse::<KeyArn>().is_err(), "{text}");
        }
    }
}
