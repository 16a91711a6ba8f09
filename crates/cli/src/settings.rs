//! Settings that hold for many runs: flags first, then `KMS_INSIGHTS_…` variables, then the file `kms-insights.toml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::exit::Trouble;

/// The file that is read where `--config` names no other.
pub const DEFAULT_FILE: &str = "kms-insights.toml";

/// The content of `kms-insights.toml`: each setting is named as its flag, with underscores.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `--lake`
    pub lake: Option<String>,
    /// `--accounts`
    pub accounts: Option<Vec<String>>,
    /// `--ou`
    pub ou: Option<Vec<String>>,
    /// `--regions`
    pub regions: Option<Vec<String>>,
    /// `--role-name`
    pub role_name: Option<String>,
    /// `--external-id`
    pub external_id: Option<String>,
    /// `--concurrency`
    pub concurrency: Option<std::num::NonZeroUsize>,
    /// `--customer-managed-only`
    pub customer_managed_only: Option<bool>,
    /// `--last-usage-budget`
    pub last_usage_budget: Option<String>,
    /// `--quota-share`
    pub quota_share: Option<f64>,
    /// `--s3-kms-key`
    pub s3_kms_key: Option<String>,
    /// `--s3-bucket-owner`
    pub s3_bucket_owner: Option<String>,
    /// `--s3-region`
    pub s3_region: Option<String>,
}

impl Settings {
    /// Reads the file. Without `named`, the default file is read if there is one.
    pub fn load(named: Option<&Path>) -> Result<Self, Trouble> {
        let path = named.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Trouble::usage(format_args!("{}: {error}", path.display())).next("name a file that can be read with --config")),
        };
        Self::parse(&text).map_err(|error| {
            Trouble::usage(format_args!("{}: {error}", path.display())).next("mend the file; its settings are named as the flags, with underscores")
        })
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_an_error_and_not_ignored() {
        let error = Settings::parse("role_nam = \"x\"").unwrap_err().to_string();
        assert!(error.contains("unknown field `role_nam`"), "{error}");
    }

    #[test]
    fn settings_are_named_as_their_flags() {
        let settings = Settings::parse("lake = \"s3://audit/kms\"\nregions = [\"eu-central-1\"]\nconcurrency = 4\n").unwrap();
        assert_eq!(settings.lake.as_deref(), Some("s3://audit/kms"));
        assert_eq!(settings.concurrency.map(std::num::NonZeroUsize::get), Some(4));
    }
}
