//! `kms-insights policy check`: key policies in files, before they ship. Nothing of it touches AWS or a network.

mod check;
mod human;
mod input;
mod json;
mod places;
mod sarif;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::IsTerminal,
    path::Path,
};

use clap::{
    Args, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use kms_insights_findings::Severity;
use kms_insights_model::{AccountId, Grant, KeyArn, OrganizationId};
use kms_insights_policy::{GrantsError, MAX_GRANTS_BYTES, read_grants};

use self::{
    check::{Question, Report},
    places::GrantPlace,
};
use crate::{
    exit::{Exit, Trouble},
    settings::Settings,
    terminal,
};

/// What `policy` takes.
#[derive(Debug, Args)]
pub(crate) struct PolicyArguments {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Say who key policies let in, and what is wrong with them. Reads the files and nothing else: no AWS, no network, no credentials
    #[command(after_long_help = "Files are policies, or what `aws kms get-key-policy --output json` prints. Thresholds, trusted accounts and waivers are the \
        section [findings] of kms-insights.toml. docs/policy-check.md describes the formats.")]
    Check(CheckArguments),
}

/// What `policy check` takes.
#[derive(Debug, Args)]
struct CheckArguments {
    /// The policies; - for stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// The key that the policies are for: its account and Region tell own from other. Of a key yet to be made, any key id will do
    #[arg(long, value_name = "ARN")]
    key_arn: Option<String>,
    /// The id of the organization of the key's account
    #[arg(long, env = "KMS_INSIGHTS_ORGANIZATION_ID", value_name = "ID")]
    organization_id: Option<String>,
    /// All accounts of that organization
    #[arg(long, env = "KMS_INSIGHTS_ORGANIZATION_ACCOUNTS", value_delimiter = ',', value_name = "ID,…")]
    organization_accounts: Option<Vec<String>>,
    /// Accounts outside the organization that the key's owner trusts
    #[arg(long, env = "KMS_INSIGHTS_TRUSTED_ACCOUNTS", value_delimiter = ',', value_name = "ID,…")]
    trusted_accounts: Option<Vec<String>>,
    /// The key's grants, as `aws kms list-grants` prints them
    #[arg(long, value_name = "FILE")]
    grants: Option<String>,
    /// The form of the answer
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// End with exit code 4 where a finding is as bad as this or worse, and not waived
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    fail_on: Option<Severity>,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<String>,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// For programs: an array with an object for each file.
    Json,
    /// For code review: SARIF 2.1.0.
    Sarif,
}

fn severity() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(Severity::ALL.map(Severity::as_str))
        .map(|text| Severity::ALL.into_iter().find(|severity| severity.as_str() == text).unwrap_or(Severity::Info))
}

/// The file of grants.
struct GrantsFile {
    name: String,
    text: String,
    grants: Vec<Grant>,
    /// Where each stands in the text, by its id.
    places: BTreeMap<String, GrantPlace>,
}

impl GrantsFile {
    fn of(name: &str, text: String) -> Result<Self, GrantsError> {
        Ok(Self { name: name.to_owned(), grants: read_grants(&text)?, places: places::grants(&text), text })
    }
}

/// Runs a command of `policy`.
pub(crate) fn run(arguments: PolicyArguments, settings: &Settings) -> Result<Exit, Trouble> {
    let PolicyCommand::Check(arguments) = arguments.command;
    let question = arguments.question(settings)?;
    if arguments.files.iter().chain(&arguments.grants).filter(|name| *name == "-").count() > 1 {
        return Err(Trouble::usage("stdin can be read once, and - stands for it more than once"));
    }
    let grants = arguments.grants.as_deref().map(grants_file).transpose()?;
    let report = check::check(&question, &arguments.files, grants.as_ref(), arguments.format == Format::Human);
    let text = match arguments.format {
        Format::Human => human::text(&report, arguments.output.is_none().then(human::Look::of_stdout).unwrap_or_default()),
        Format::Json => json::text(&report)?,
        Format::Sarif => sarif::text(&report)?,
    };
    for (name, reason) in report.unread() {
        terminal::say(
            Trouble::failed(format_args!("{name}: {reason}")).next("name a file with a key policy that can be read; the other files are checked all the same"),
        );
    }
    if arguments.format == Format::Human {
        report.idle_waivers().for_each(|(waiver, why)| terminal::say(human::idle(waiver, why)));
    }
    match &arguments.output {
        Some(path) => write_file(Path::new(path), &text)?,
        // Programs escape less than a terminal needs.
        None if arguments.format != Format::Human && std::io::stdout().is_terminal() => terminal::print(&terminal::printable(&text))?,
        None => terminal::print(&text)?,
    }
    Ok(exit(&report, arguments.fail_on))
}

/// What was not checked comes before what was found: nobody should take the rest for the whole.
fn exit(report: &Report<'_>, fail_on: Option<Severity>) -> Exit {
    let fails = |limit: Severity| report.findings().any(|finding| finding.waiver.is_none() && finding.severity >= limit);
    if report.unread().next().is_some() {
        Exit::Failed
    } else if fail_on.is_some_and(fails) {
        Exit::Findings
    } else {
        Exit::Done
    }
}

impl CheckArguments {
    /// Flags before settings.
    fn question(&self, settings: &Settings) -> Result<Question, Trouble> {
        const ANY_KEY: &str = "arn:aws:kms:REGION:ACCOUNT:key/00000000-0000-0000-0000-000000000000";
        let key: KeyArn = self
            .key_arn
            .as_deref()
            .ok_or_else(|| {
                Trouble::usage("--key-arn is missing, and a policy does not say whose key it is for")
                    .next(format_args!("name the key with --key-arn; for one that is yet to be made, any key id will do: {ANY_KEY}"))
            })?
            .parse()
            .map_err(|error| Trouble::usage(format_args!("--key-arn: {error}")).next(format_args!("name the key by its ARN: {ANY_KEY}")))?;
        let organization_id = self.organization_id.as_ref().or(settings.organization_id.as_ref()).cloned().map(OrganizationId);
        if let Some(id) = organization_id.as_ref().filter(|id| !is_organization_id(&id.0)) {
            return Err(Trouble::usage(format_args!("--organization-id {:?} is not the id of an organization (such as o-exampleorgid)", id.0)));
        }
        let organization_accounts = accounts("--organization-accounts", self.organization_accounts.as_ref().or(settings.organization_accounts.as_ref()))?;
        if organization_accounts.as_ref().is_some_and(|accounts| !accounts.contains(&key.account())) {
            return Err(Trouble::usage(format_args!("--organization-accounts does not have {}, the account of the key", key.account()))
                .next("name all accounts of the organization to which the key's account belongs"));
        }
        let mut findings = settings.findings.clone();
        if let Some(trusted) = accounts("--trusted-accounts", self.trusted_accounts.as_ref())? {
            findings.trusted_accounts = trusted;
        }
        Ok(Question { key, organization_id, organization_accounts, settings: findings, now: chrono::Utc::now() })
    }
}

/// Source: AWS Organizations API Reference, `Organization.Id`.
fn is_organization_id(text: &str) -> bool {
    text.strip_prefix("o-").is_some_and(|id| (10..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

fn accounts(flag: &str, texts: Option<&Vec<String>>) -> Result<Option<BTreeSet<AccountId>>, Trouble> {
    let read = |text: &String| text.trim().parse().map_err(|error| Trouble::usage(format_args!("{flag}: {error}")));
    texts.map(|texts| texts.iter().map(read).collect()).transpose()
}

fn grants_file(name: &str) -> Result<GrantsFile, Trouble> {
    let failed = |reason: &dyn std::fmt::Display| {
        Trouble::failed(format_args!("--grants {name}: {reason}")).next("give what `aws kms list-grants --key-id KEY --output json` prints, whole")
    };
    let text = input::read_text(name, MAX_GRANTS_BYTES).map_err(|error| match error {
        input::InputError::TooLarge { limit } => failed(&format_args!("the file has more than {limit} bytes")),
        error => failed(&error),
    })?;
    GrantsFile::of(name, text).map_err(|error| failed(&error))
}

/// A file that is there whole or not at all.
fn write_file(path: &Path, text: &str) -> Result<(), Trouble> {
    let failed = |error: &std::io::Error| {
        // The kind alone: the error itself names the file that is written before it gets the name asked for.
        Trouble::failed(format_args!("{}: {}", path.display(), error.kind())).next("name a file in a folder that exists and may be written")
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".kms-insights-").tempfile_in(folder).map_err(|error| failed(&error))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: CheckArguments,
    }

    fn question(flags: &[&str], settings: &str) -> Result<Question, String> {
        let settings: Settings = toml::from_str(settings).unwrap();
        let line = Line::parse_from([&["check", "p.json"], flags].concat());
        line.arguments.question(&settings).map_err(|trouble| {
            assert_eq!(trouble.exit, Exit::Usage);
            trouble.to_string()
        })
    }

    #[test]
    fn flags_go_before_settings() {
        let settings = "organization_id = \"o-fromthefile\"\norganization_accounts = [\"111122223333\", \"222233334444\"]\n[findings]\ntrusted_accounts = [\"444455556666\"]\n";
        let from_file = question(&["--key-arn", KEY], settings).unwrap();
        assert_eq!(from_file.organization_id, Some(OrganizationId("o-fromthefile".to_owned())));
        assert_eq!(from_file.organization_accounts.unwrap().len(), 2);
        assert_eq!(from_file.settings.trusted_accounts.len(), 1);
        let flags = [
            "--key-arn",
            KEY,
            "--organization-id",
            "o-fromtheflag",
            "--organization-accounts",
            "111122223333",
            "--trusted-accounts",
            "555566667777, 666677778888",
        ];
        let from_flags = question(&flags, settings).unwrap();
        assert_eq!(from_flags.organization_id, Some(OrganizationId("o-fromtheflag".to_owned())));
        assert_eq!((from_flags.organization_accounts.unwrap().len(), from_flags.settings.trusted_accounts.len()), (1, 2));
    }

    #[test]
    fn what_is_not_said_is_not_guessed() {
        let asked = question(&["--key-arn", KEY], "").unwrap();
        assert_eq!((asked.organization_id, asked.organization_accounts), (None, None));
        assert!(question(&[], "").unwrap_err().contains("--key-arn"));
    }

    #[test]
    fn mistakes_name_the_flag() {
        for (flags, named) in [
            (&["--key-arn", "alias/app"][..], "--key-arn"),
            (&["--key-arn", KEY, "--organization-id", "example"], "--organization-id"),
            (&["--key-arn", KEY, "--organization-accounts", "111122223333,1"], "--organization-accounts"),
            (&["--key-arn", KEY, "--organization-accounts", "222233334444"], "--organization-accounts"),
            (&["--key-arn", KEY, "--trusted-accounts", "partner"], "--trusted-accounts"),
        ] {
            assert!(question(flags, "").unwrap_err().contains(named), "{flags:?}");
        }
    }
}
