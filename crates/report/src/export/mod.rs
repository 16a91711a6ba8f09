//! Findings in the formats of other tools: code scanning (SARIF), security lakes (OCSF), AWS Security Hub (ASFF).
//!
//! Rows come as a stream and go out one by one: memory does not grow with their number. What each becomes is a pure function of it.

mod asff;
mod ocsf;
mod sarif;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
};

use chrono::{DateTime, Utc};
use kms_insights_findings::{Confidence, RULES, RuleInfo, Severity};
use kms_insights_query::{Engine, QueryError, output};
use serde::Deserialize;
use serde_json::Value;

use crate::asked;

/// A format of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// SARIF 2.1.0: one document.
    Sarif,
    /// Compliance Findings (class 2003) of the Open Cybersecurity Schema Framework 1.8.0, one JSON object per line.
    Ocsf,
    /// The AWS Security Finding Format, version 2018-10-08: one JSON array, a finding per line.
    Asff,
}

impl Standard {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Sarif, Self::Ocsf, Self::Asff];

    /// The format's name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sarif => "sarif",
            Self::Ocsf => "ocsf",
            Self::Asff => "asff",
        }
    }
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is not the name of a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a format of findings (sarif, ocsf, asff)")]
pub struct UnknownStandard(String);

impl FromStr for Standard {
    type Err = UnknownStandard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|standard| standard.as_str() == text).ok_or_else(|| UnknownStandard(text.chars().take(64).collect()))
    }
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The lake holds scans of log files, and no inventory.
    #[error("the lake has no snapshot whose findings could be exported: no run of `collect` was published in it")]
    NoSnapshot,
    /// The lake cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A row is not what the tables say: a fault of this program, or of whoever wrote the lake.
    #[error("a finding of the lake cannot be understood: {0}")]
    Unexpected(#[from] serde_json::Error),
    /// What was written could not be.
    #[error("the output: {0}")]
    Output(#[from] io::Error),
}

impl ExportError {
    /// Whether the reader went away.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) | Self::Query(QueryError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The runs whose findings are exported.
#[derive(Clone, Debug, Deserialize)]
struct Snapshot {
    run_id: String,
    status: String,
    organization_id: Option<String>,
    facts_lacking: i64,
    finished_at: DateTime<Utc>,
}

impl Snapshot {
    /// What a reader of its findings must know.
    fn in_words(&self) -> String {
        let organization = self.organization_id.as_deref().unwrap_or("accounts without an organization");
        let lacks = if self.facts_lacking > 0 {
            format!("; {} facts could not be read (view coverage_gaps), so that findings may be missing", self.facts_lacking)
        } else {
            String::new()
        };
        format!("Findings of run {} of {organization}, {}{lacks}", self.run_id, self.status)
    }
}

/// A finding, with what other tools ask of its key.
#[derive(Clone, Debug, Deserialize)]
struct Finding {
    #[serde(rename = "finding_id")]
    id: String,
    rule: String,
    severity: Severity,
    confidence: Confidence,
    title: String,
    cause: Option<String>,
    evidence: Option<String>,
    remediation: Option<String>,
    is_waived: bool,
    waived_until: Option<String>,
    waiver_reason: Option<String>,
    key_arn: String,
    key_id: String,
    account_id: String,
    account_name: Option<String>,
    region: String,
    aliases: Option<Vec<String>>,
    description: Option<String>,
    manager: Option<String>,
    state: Option<String>,
    origin: Option<String>,
    created_at: Option<DateTime<Utc>>,
    organization_id: Option<String>,
    finished_at: DateTime<Utc>,
}

/// The findings of the runs that are shown. Whether one is waived is as of the day of the run: docs/findings.md.
const FINDINGS: &str = "SELECT f.finding_id, f.rule, f.severity, f.confidence, f.title, f.cause, f.evidence, f.remediation, \
    COALESCE(f.waived_until >= CAST(CAST(r.finished_at AS date) AS varchar), false) AS is_waived, f.waived_until, f.waiver_reason, f.key_arn, f.key_id, f.account_id, \
    a.name AS account_name, f.region, k.aliases, k.description, k.manager, k.state, k.origin, k.created_at, r.organization_id, r.finished_at \
    FROM findings f JOIN latest_run r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id \
    JOIN keys k ON k.snapshot_date = f.snapshot_date AND k.run_id = f.run_id AND k.key_arn = f.key_arn \
    LEFT JOIN accounts a ON a.snapshot_date = f.snapshot_date AND a.run_id = f.run_id AND a.account_id = f.account_id \
    WHERE f.severity IN ({severities}) ORDER BY f.account_id, f.region, f.key_arn, f.rule, f.finding_id";

impl Finding {
    fn rule(&self) -> Option<&'static RuleInfo> {
        RULES.iter().find(|rule| rule.id == self.rule)
    }

    /// The partition of the key: the second part of its ARN.
    fn partition(&self) -> &str {
        self.key_arn.split(':').nth(1).unwrap_or("aws")
    }

    /// What a person calls the key.
    fn name(&self) -> &str {
        self.aliases.as_ref().and_then(|aliases| aliases.first()).map_or(&self.key_id, String::as_str)
    }

    /// The evidence as it is: JSON, or text where it is none.
    fn evidence(&self) -> Option<Value> {
        self.evidence.as_deref().map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
    }

    /// Who puts up with it, until when.
    fn waiver(&self) -> Option<String> {
        self.is_waived
            .then(|| format!("{} (until {})", self.waiver_reason.as_deref().unwrap_or("no reason given"), self.waived_until.as_deref().unwrap_or("?")))
    }

    /// Whether it says that something is not known, and not that something is wrong.
    fn is_of_the_unknown(&self) -> bool {
        matches!(self.rule.as_str(), "policy-unreadable" | "usage-unknown")
    }
}

/// The beginning of a text, of at most so many characters; what is cut ends with `…`.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

/// Writes the findings of the runs that are shown, at least as bad as `at_least`. Returns how many.
///
/// # Errors
/// When the lake cannot be asked, or `out` fails; what was written before that remains.
pub async fn write<W: Write + Send>(engine: &Engine, standard: Standard, at_least: Severity, out: &mut W) -> Result<u64, ExportError> {
    let shown = "SELECT run_id, status, organization_id, facts_lacking, finished_at FROM latest_run ORDER BY run_id";
    let snapshots: Vec<Snapshot> = asked::rows(engine, shown).await?;
    if snapshots.is_empty() {
        return Err(ExportError::NoSnapshot);
    }
    let severities: Vec<String> = Severity::ALL.into_iter().filter(|severity| *severity >= at_least).map(|severity| format!("'{severity}'")).collect();
    let mut found = engine.query(&FINDINGS.replace("{severities}", &severities.join(", "))).await?;
    let mut written = 0_u64;
    out.write_all(
        match standard {
            Standard::Sarif => sarif::head(&snapshots),
            Standard::Ocsf => String::new(),
            Standard::Asff => "[".to_owned(),
        }
        .as_bytes(),
    )?;
    while let Some(batch) = found.next().await {
        for finding in output::objects(&batch?)? {
            let finding: Finding = serde_json::from_str(&finding)?;
            let (before, object) = match standard {
                Standard::Sarif => (if written == 0 { "\n" } else { ",\n" }, sarif::result(&finding)),
                Standard::Ocsf => ("", ocsf::event(&finding)),
                Standard::Asff => (if written == 0 { "\n" } else { ",\n" }, asff::finding(&finding)),
            };
            let after = if standard == Standard::Ocsf { "\n" } else { "" };
            write!(out, "{before}{}{after}", serde_json::to_string(&object)?)?;
            written += 1;
        }
    }
    out.write_all(
        match standard {
            Standard::Sarif => sarif::TAIL,
            Standard::Ocsf => "",
            Standard::Asff => "\n]\n",
        }
        .as_bytes(),
    )?;
    out.flush()?;
    Ok(written)
}
