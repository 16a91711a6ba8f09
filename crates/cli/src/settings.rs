//! Settings that hold for many runs: flags first, then `KMS_INSIGHTS_…` variables, then the file `kms-insights.toml`. An empty variable counts as none.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use kms_insights_findings::FindingSettings;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

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
    /// `--lookup-budget`
    pub lookup_budget: Option<String>,
    /// `--quota-share`
    pub quota_share: Option<f64>,
    /// `--s3-kms-key`
    pub s3_kms_key: Option<String>,
    /// `--s3-bucket-owner`
    pub s3_bucket_owner: Option<String>,
    /// `--s3-region`
    pub s3_region: Option<String>,
    /// `--database`
    pub database: Option<String>,
    /// `--workgroup`
    pub workgroup: Option<String>,
    /// `--output-location`
    pub output_location: Option<String>,
    /// `--organization-id`
    pub organization_id: Option<String>,
    /// `--organization-accounts`
    pub organization_accounts: Option<Vec<String>>,
    /// `--trail`
    pub trail: Option<String>,
    /// `--use-events` of `trail scan`
    pub use_events: Option<Vec<String>>,
    /// What the organization decides for itself about findings; `--trusted-accounts` goes before its own list.
    #[serde(default)]
    pub findings: FindingSettings,
}

/// The command without the environment variables that are empty: whoever passes on a setting that nobody made, as a pipeline's `${…}` does, means none.
pub(crate) fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |argument: &clap::Arg| argument.get_env().is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
    command.mut_args(|argument| if is_empty(&argument) { argument.env(None::<&str>) } else { argument }).mut_subcommands(without_empty_variables)
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
        let wrong_waiver = |error: &dyn std::fmt::Display| {
            Trouble::usage(format_args!("{}: {error}", path.display()))
                .next("mend the waiver under [[findings.waivers]]; the rules are those of docs/findings.md")
        };
        let settings = Self::parse(&text).map_err(|error| {
            Trouble::usage(format_args!("{}: {error}", path.display())).next("mend the file; its settings are named as the flags, with underscores")
        })?;
        settings.findings.check().map_err(|error| wrong_waiver(&error))?;
        if let Some(id) = settings.findings.waivers.iter().filter_map(|waiver| waiver.finding.as_ref()).find(|id| !is_finding_id(id)) {
            return Err(wrong_waiver(&format_args!("a waiver names the finding {id:?}, and the id of a finding is 16 hexadecimal digits, in lower case")));
        }
        Ok(settings)
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(&with_quoted_dates(text)?)
    }
}

/// As findings are named: digits and letters in lower case.
fn is_finding_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The text with quotes around each `until`: TOML has dates of its own, which nobody thinks of quoting. All else stays as it is, and on its line.
fn with_quoted_dates(text: &str) -> Result<String, toml::de::Error> {
    fn dates(value: &DeValue<'_>, found: &mut Vec<Range<usize>>) {
        match value {
            DeValue::Array(values) => values.iter().for_each(|value| dates(value.get_ref(), found)),
            DeValue::Table(table) => table.iter().for_each(|(name, value)| match value.get_ref() {
                DeValue::Datetime(_) if name.get_ref() == "until" => found.push(value.span()),
                value => dates(value, found),
            }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    DeTable::parse(text)?.get_ref().values().for_each(|value| dates(value.get_ref(), &mut found));
    // From the last on, so that the others stay where they are.
    found.sort_unstable_by_key(|place| std::cmp::Reverse(place.start));
    let mut quoted = text.to_owned();
    for place in found {
        quoted.insert(place.end, '"');
        quoted.insert(place.start, '"');
    }
    Ok(quoted)
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

    #[test]
    fn findings_have_a_section_of_their_own_and_a_date_needs_no_quotes() {
        let waiver =
            |until: &str| format!("[findings]\nunused_days = 30\n[[findings.waivers]]\nrule = \"public\"\nreason = \"moved in May\"\nuntil = {until}\n");
        let settings = Settings::parse(&waiver("2026-05-31")).unwrap();
        assert_eq!(settings, Settings::parse(&waiver("\"2026-05-31\"")).unwrap());
        assert_eq!((settings.findings.unused_days.get(), settings.findings.waivers[0].until.to_string().as_str()), (30, "2026-05-31"));
        let error = Settings::parse("[findings]\nunused_day = 30\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("unknown field `unused_day`"), "{error}");
    }

    #[test]
    fn a_mistake_is_told_and_not_the_date_beside_it() {
        let waiver = |until: &str| format!("[[findings.waivers]]\nrule = \"public\"\nreason = \"moved in May\"\nuntil = {until}\n");
        for mark in ["", "\u{feff}"] {
            let error = Settings::parse(&format!("{mark}role_nam = \"x\"\n{}", waiver("2026-05-31"))).unwrap_err().to_string();
            assert!(error.contains("line 1") && error.contains("unknown field `role_nam`"), "{error}");
        }
        let error = Settings::parse(&[waiver("2026-05-31"), waiver("2026-05-31T10:00:00Z")].concat()).unwrap_err().to_string();
        assert!(error.contains("line 8"), "{error}");
        let error = Settings::parse("lake = 2026-05-31\n").unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("string"), "{error}");
    }

    #[test]
    fn a_waiver_of_a_finding_names_it_by_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        let load = |id: &str| {
            std::fs::write(&file, format!("[[findings.waivers]]\nfinding = \"{id}\"\nreason = \"a sandbox\"\nuntil = 2026-12-31\n")).unwrap();
            Settings::load(Some(&file))
        };
        assert!(load("0123456789abcdef").is_ok());
        for id in ["public", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdefa"] {
            let trouble = load(id).unwrap_err();
            assert_eq!(trouble.exit, crate::exit::Exit::Usage);
            assert!(trouble.message.contains(&format!("{id:?}")), "{}", trouble.message);
        }
    }

    #[test]
    fn a_waiver_of_everything_is_a_mistake_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, "[[findings.waivers]]\nreason = \"we are in a hurry\"\nuntil = 2026-12-31\n").unwrap();
        let trouble = Settings::load(Some(&file)).unwrap_err();
        assert_eq!(trouble.exit, crate::exit::Exit::Usage);
        assert!(trouble.message.contains("we are in a hurry"), "{}", trouble.message);
    }
}
