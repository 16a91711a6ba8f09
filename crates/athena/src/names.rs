//! Names that go into statements and requests: what is not one of them is refused before anything is sent.

use std::{fmt, str::FromStr};

use kms_insights_lake::LakeLocation;

/// A text that cannot be what it was given as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct InvalidName {
    text: String,
    expected: &'static str,
}

fn invalid(text: &str, expected: &'static str) -> InvalidName {
    InvalidName { text: text.chars().take(200).collect(), expected }
}

/// A database of the AWS Glue Data Catalog.
///
/// Lower case, digits and underscores: Athena admits no other special character, and Glue makes upper case lower. Source: "Name databases, tables, and columns" in the
/// Amazon Athena User Guide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database(String);

impl Database {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Database {
    fn default() -> Self {
        Self(kms_insights_lake::ddl::DATABASE.to_owned())
    }
}

impl FromStr for Database {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let sound = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if sound { Ok(Self(text.to_owned())) } else { Err(invalid(text, "the name of a database: lower-case letters, digits and underscores, at most 255")) }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A workgroup of Athena. Source: `WorkGroup.Name` in the Amazon Athena API Reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkGroup(String);

impl WorkGroup {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for WorkGroup {
    /// The one that every account has.
    fn default() -> Self {
        Self("primary".to_owned())
    }
}

impl FromStr for WorkGroup {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let sound = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if sound { Ok(Self(text.to_owned())) } else { Err(invalid(text, "the name of a workgroup: letters, digits and . _ -, at most 128")) }
    }
}

impl fmt::Display for WorkGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where Athena writes results, where the workgroup does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLocation(String);

impl OutputLocation {
    /// The URL, with a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OutputLocation {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.parse::<LakeLocation>() {
            Ok(location @ LakeLocation::S3 { .. }) => Ok(Self(format!("{location}/"))),
            _ => Err(invalid(text, "a bucket and prefix for results, such as s3://BUCKET/athena/")),
        }
    }
}

impl fmt::Display for OutputLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_end_its_quotes_is_refused() {
        for text in ["", "Audit", "a`b", "a\"b", "a'b", "a b", "kms-insights", "ü", &"a".repeat(256)] {
            assert!(text.parse::<Database>().is_err(), "{text}");
        }
        assert_eq!("kms_2026".parse::<Database>().unwrap().as_str(), "kms_2026");
        for text in ["", "a b", "a/b", "ü", &"a".repeat(129)] {
            assert!(text.parse::<WorkGroup>().is_err(), "{text}");
        }
        assert_eq!("Audit.2-x_y".parse::<WorkGroup>().unwrap().as_str(), "Audit.2-x_y");
    }

    #[test]
    fn results_go_to_a_bucket_and_end_with_a_slash() {
        assert_eq!("s3://results".parse::<OutputLocation>().unwrap().as_str(), "s3://results/");
        assert_eq!("s3://results/a/b/".parse::<OutputLocation>().unwrap().as_str(), "s3://results/a/b/");
        for text in ["", "results", "/tmp/x", "gs://x/y"] {
            assert!(text.parse::<OutputLocation>().is_err(), "{text}");
        }
    }
}
