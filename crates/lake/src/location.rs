//! Where a lake is.

use std::{fmt, path::PathBuf, str::FromStr};

use object_store::path::Path;

use crate::LakeError;

/// Where a lake is: `s3://bucket/prefix`, or a local folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LakeLocation {
    /// A local folder.
    Local(PathBuf),
    /// A bucket and a prefix in it.
    S3 {
        /// The bucket.
        bucket: String,
        /// The prefix without slashes at its ends; empty for the bucket's root.
        prefix: String,
    },
}

impl FromStr for LakeLocation {
    type Err = LakeError;

    fn from_str(text: &str) -> Result<Self, LakeError> {
        let invalid = |reason| LakeError::InvalidLocation { text: text.chars().take(200).collect(), reason };
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text {
                "" => Err(invalid("it is empty")),
                // `file:///tmp/lake` would otherwise become a folder named `file:`.
                _ if text.contains("://") => Err(invalid("only s3:// is understood")),
                _ => Ok(Self::Local(PathBuf::from(text))),
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // Source: "General purpose bucket naming rules" in the Amazon S3 User Guide.
        let sound = (3..=63).contains(&bucket.len()) && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
        if !sound {
            return Err(invalid("the bucket's name is not one that S3 admits"));
        }
        let prefix = prefix.trim_matches('/');
        if prefix.split('/').any(|part| part == "." || part == "..") || prefix.contains("//") || prefix.chars().any(char::is_control) {
            return Err(invalid("the prefix has empty, dotted or unprintable parts"));
        }
        // The store would write these percent-encoded, and so elsewhere than where a person and Athena's tables look for them.
        if Path::from(prefix).as_ref() != prefix {
            return Err(invalid("its prefix has characters that object stores advise against: beyond ASCII, or one of \\ { } ^ % ` [ ] \" < > ~ # | * ?"));
        }
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for LakeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_with_and_without_prefix_and_folders_read_back() {
        for (text, shown) in [
            ("s3://kms-lake", "s3://kms-lake"),
            ("s3://kms-lake/", "s3://kms-lake"),
            ("s3://kms-lake/a/b/", "s3://kms-lake/a/b"),
            ("./lake", "./lake"),
            ("/var/lake", "/var/lake"),
        ] {
            assert_eq!(text.parse::<LakeLocation>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn prefixes_that_the_store_would_change_are_refused_and_others_are_kept_to_the_letter() {
        for text in ["s3://kms-lake/team~x", "s3://kms-lake/a%20b", "s3://kms-lake/b\u{fc}ro/lake", "s3://kms-lake/a*", "s3://kms-lake/[x]"] {
            let error = text.parse::<LakeLocation>().unwrap_err().to_string();
            assert!(error.contains("characters") && error.contains("its prefix"), "{error}");
        }
        for prefix in ["a b+c", "inventory/kms_1", "x=1,y@z!(a)'b'&$;:"] {
            let location: LakeLocation = format!("s3://kms-lake/{prefix}").parse().unwrap();
            assert_eq!(location, LakeLocation::S3 { bucket: "kms-lake".to_owned(), prefix: prefix.to_owned() });
            assert_eq!(Path::from(prefix).as_ref(), prefix);
        }
    }

    #[test]
    fn other_schemes_and_odd_buckets_are_refused() {
        for text in ["", "s3://", "s3://AB", "s3://my_bucket/x", "file:///tmp/lake", "s3://kms-lake/../x", "s3://kms-lake/a//b", "gs://bucket/x"] {
            assert!(text.parse::<LakeLocation>().is_err(), "{text}");
        }
    }
}
