//! How a person names a key: by its id, its ARN, an alias or an alias' ARN.

use std::{fmt, str::FromStr};

use kms_insights_model::{AccountId, Arn, KeyArn, KeyId, Region};

/// What all aliases begin with.
const ALIAS: &str = "alias/";

/// The longest alias, its prefix included. Source: AWS KMS API Reference, `CreateAlias`.
const LONGEST_ALIAS: usize = 256;

/// A text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no key")]
pub(super) struct InvalidKeyName(String);

/// An alias, with its prefix. Source: AWS KMS API Reference, `CreateAlias`: letters, digits, `/`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AliasName(String);

impl AliasName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for AliasName {
    type Err = InvalidKeyName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_sound =
            text.strip_prefix(ALIAS).is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte)));
        if is_sound && text.len() <= LONGEST_ALIAS { Ok(Self(text.to_owned())) } else { Err(invalid(text)) }
    }
}

/// How a key was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyName {
    /// By its ARN.
    Arn(KeyArn),
    /// By an alias, of whichever account and Region.
    Alias(AliasName),
    /// By an alias' ARN.
    AliasArn { account: AccountId, region: Region, alias: AliasName },
    /// By its id; by an alias without its prefix where no key has that id.
    Id { id: KeyId, or_alias: Option<AliasName> },
}

impl KeyName {
    /// The alias that it may be.
    pub(super) const fn alias(&self) -> Option<&AliasName> {
        match self {
            Self::Alias(alias) | Self::AliasArn { alias, .. } => Some(alias),
            Self::Id { or_alias, .. } => or_alias.as_ref(),
            Self::Arn(_) => None,
        }
    }
}

fn invalid(text: &str) -> InvalidKeyName {
    InvalidKeyName(text.chars().take(200).collect())
}

impl FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(arn) = Arn::parse(text) {
            if let Ok(alias) = arn.resource.parse::<AliasName>()
                && arn.service == "kms"
                && let (Ok(account), Ok(region)) = (arn.account.parse(), arn.region.parse())
            {
                return Ok(Self::AliasArn { account, region, alias });
            }
            return text.parse().map(Self::Arn).map_err(|_| invalid(text));
        }
        if text.starts_with(ALIAS) {
            return text.parse().map(Self::Alias);
        }
        let or_alias = format!("{ALIAS}{text}").parse::<AliasName>().ok();
        match (text.parse::<KeyId>(), or_alias) {
            (Ok(id), or_alias) => Ok(Self::Id { id, or_alias }),
            (Err(_), Some(alias)) => Ok(Self::Alias(alias)),
            (Err(_), None) => Err(invalid(text)),
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arn(arn) => arn.fmt(f),
            Self::Alias(alias) => alias.fmt(f),
            Self::AliasArn { account, region, alias } => write!(f, "arn:{}:kms:{region}:{account}:{alias}", region.partition()),
            Self::Id { id, .. } => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(text: &str) -> AliasName {
        AliasName(text.to_owned())
    }

    #[test]
    fn a_key_goes_by_its_id_its_arn_an_alias_or_the_arn_of_one() {
        const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        const ALIAS_ARN: &str = "arn:aws:kms:eu-central-1:111122223333:alias/orders/db";
        assert_eq!(ARN.parse(), Ok(KeyName::Arn(ARN.parse().unwrap())));
        assert_eq!(
            ALIAS_ARN.parse(),
            Ok(KeyName::AliasArn { account: "111122223333".parse().unwrap(), region: "eu-central-1".parse().unwrap(), alias: alias("alias/orders/db") })
        );
        assert_eq!("alias/orders".parse(), Ok(KeyName::Alias(alias("alias/orders"))));
        assert_eq!("orders/db".parse(), Ok(KeyName::Alias(alias("alias/orders/db"))));
        assert_eq!(
            " mrk-1234abcd12ab34cd56ef1234567890ab\n".parse(),
            Ok(KeyName::Id {
                id: "mrk-1234abcd12ab34cd56ef1234567890ab".parse().unwrap(),
                or_alias: Some(alias("alias/mrk-1234abcd12ab34cd56ef1234567890ab"))
            })
        );
        for text in [ARN, ALIAS_ARN, "alias/orders", "1234abcd-12ab-34cd-56ef-1234567890ab"] {
            assert_eq!(text.parse::<KeyName>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_be_more_than_a_name_is_none() {
        let long = format!("alias/{}", "a".repeat(251));
        for text in [
            "",
            "alias/",
            "alias/a b",
            "alias/x' OR 1=1 --",
            "x' OR '1'='1",
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:kms:eu-central-1:111122223333:alias/it's",
            "a;b",
            "schl\u{fc}ssel",
            &long,
        ] {
            assert!(text.parse::<KeyName>().is_err(), "{text}");
        }
    }
}
