//! What an assistant may ask for, and the conditions that this is in SQL.

use kms_insights_findings::Severity;
use kms_insights_model::{AccountId, Region};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

use crate::{exit::Trouble, ledger::literal};

/// So many rows are shown where nobody says how many.
const ROWS: u32 = 50;

/// Which rows of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Page {
    /// So many rows at most.
    pub(super) limit: Option<u32>,
    /// So many rows are left out first.
    pub(super) offset: Option<u32>,
}

impl Page {
    /// How many rows, of at most so many.
    pub(super) fn rows(self, most: usize) -> usize {
        (self.limit.unwrap_or(ROWS) as usize).min(most)
    }

    /// With what the order is ended. Trino has `OFFSET` before `LIMIT`; how many rows are taken says the reader.
    pub(super) fn clause(self) -> String {
        self.offset.filter(|offset| *offset > 0).map(|offset| format!(" OFFSET {offset}")).unwrap_or_default()
    }
}

/// Which key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRequest {
    /// The key's ARN, its id, an alias such as `alias/orders`, or an alias' ARN.
    pub(super) key: String,
    /// The key's account, twelve digits, where the name alone does not tell.
    pub(super) account: Option<String>,
    /// The key's Region, where the name alone does not tell.
    pub(super) region: Option<String>,
}

/// Which ways into a key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessRequest {
    /// The key's ARN, its id, an alias such as `alias/orders`, or an alias' ARN.
    pub(super) key: String,
    /// The key's account, twelve digits, where the name alone does not tell.
    pub(super) account: Option<String>,
    /// The key's Region, where the name alone does not tell.
    pub(super) region: Option<String>,
    /// Only this capability.
    pub(super) capability: Option<Capability>,
    /// So many rows at most; 50 if not given.
    pub(super) limit: Option<u32>,
    /// So many rows are left out first.
    pub(super) offset: Option<u32>,
}

/// What somebody can do with a key.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Capability {
    /// Encrypt data.
    Encrypt,
    /// Decrypt data.
    Decrypt,
    /// Sign or verify.
    Sign,
    /// Make or verify message authentication codes.
    Mac,
    /// Derive shared secrets.
    Derive,
    /// Give others access by grants.
    Grant,
    /// Change or delete the key.
    Administer,
    /// Read about the key.
    Read,
}

impl Capability {
    /// As the tables have it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Sign => "sign",
            Self::Mac => "mac",
            Self::Derive => "derive",
            Self::Grant => "grant",
            Self::Administer => "administer",
            Self::Read => "read",
        }
    }
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Nobody can tell.
    Unknown,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a key was used.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Usage {
    /// A use is recorded.
    Used,
    /// It is known that there was none.
    NeverUsed,
    /// No use is recorded, and that proves nothing.
    Unknown,
}

impl Usage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::NeverUsed => "never_used",
            Self::Unknown => "unknown",
        }
    }
}

/// By what keys are ordered.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// By account, Region and ARN.
    #[default]
    Place,
    /// The dearest first.
    Cost,
    /// The oldest first.
    Age,
    /// Those with the most findings first.
    Findings,
    /// Those not used for longest first; keys without a known use last.
    LongestUnused,
}

impl Order {
    const fn clause(self) -> &'static str {
        match self {
            Self::Place => "account_id, region, key_arn",
            Self::Cost => "monthly_cost_usd DESC, key_arn",
            Self::Age => "created_at, key_arn",
            Self::Findings => "findings DESC, key_arn",
            Self::LongestUnused => "last_used_at, key_arn",
        }
    }
}

/// Which keys.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct KeysRequest {
    /// Only keys of this account, twelve digits.
    account: Option<String>,
    /// Only keys of this Region, such as `eu-central-1`.
    region: Option<String>,
    /// Only keys whose ARN, alias, description or account's name holds this text, in whatever case.
    text: Option<String>,
    /// Only keys in this state, as AWS writes it: `Enabled`, `Disabled`, `PendingDeletion`, …
    state: Option<String>,
    /// Only keys with this answer to whether they were used.
    usage: Option<Usage>,
    /// Only keys that somebody outside their account can use: `yes`, `no` or `unknown`.
    outside_account: Option<Verdict>,
    /// Only keys that somebody outside the organization can use.
    outside_organization: Option<Verdict>,
    /// Only keys that anybody can use.
    public: Option<Verdict>,
    /// Whether keys that AWS manages are listed too; they are not by default.
    aws_managed: bool,
    /// How the keys are ordered.
    order: Order,
    /// So many rows at most; 50 if not given.
    limit: Option<u32>,
    /// So many rows are left out first.
    offset: Option<u32>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Badness {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Tidy it up.
    Low,
    /// Plan to change it.
    Medium,
    /// Change it soon.
    High,
    /// Change it now.
    Critical,
}

impl From<Badness> for Severity {
    fn from(badness: Badness) -> Self {
        match badness {
            Badness::Info => Self::Info,
            Badness::Low => Self::Low,
            Badness::Medium => Self::Medium,
            Badness::High => Self::High,
            Badness::Critical => Self::Critical,
        }
    }
}

/// Which findings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FindingsRequest {
    /// Only findings at least as bad.
    at_least: Option<Badness>,
    /// Only findings of this rule, by its id.
    rule: Option<String>,
    /// Only findings on keys of this account, twelve digits.
    account: Option<String>,
    /// Only findings on this key, by its ARN.
    key_arn: Option<String>,
    /// Whether findings that somebody puts up with are listed too.
    waived: bool,
    /// So many rows at most; 50 if not given.
    limit: Option<u32>,
    /// So many rows are left out first.
    offset: Option<u32>,
}

/// Which account.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AccountRequest {
    /// Only this account, twelve digits.
    pub(super) account: Option<String>,
    /// So many rows at most; 50 if not given.
    pub(super) limit: Option<u32>,
    /// So many rows are left out first.
    pub(super) offset: Option<u32>,
}

/// A statement.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlRequest {
    /// One SELECT in Trino's SQL over the tables and views of the resource `kms-insights://schema`.
    pub(super) sql: String,
    /// So many rows at most; 50 if not given.
    pub(super) limit: Option<u32>,
}

/// Conditions, all of which must hold.
#[derive(Debug, Default)]
struct Conditions(Vec<String>);

impl Conditions {
    fn is(&mut self, column: &str, value: Option<&str>) {
        self.0.extend(value.map(|value| format!("{column} = {}", literal(value))));
    }

    fn account(&mut self, account: Option<&str>) -> Result<(), Trouble> {
        let account: Option<AccountId> =
            account.map(|text| text.trim().parse().map_err(|error| Trouble::usage(format_args!("account: {error}")))).transpose()?;
        self.is("account_id", account.map(|account| account.to_string()).as_deref());
        Ok(())
    }

    fn region(&mut self, region: Option<&str>) -> Result<(), Trouble> {
        let region: Option<Region> = region.map(|text| text.trim().parse().map_err(|error| Trouble::usage(format_args!("region: {error}")))).transpose()?;
        self.is("region", region.as_ref().map(Region::as_str));
        Ok(())
    }

    fn clause(&self) -> String {
        if self.0.is_empty() { "TRUE".to_owned() } else { self.0.join(" AND ") }
    }
}

impl KeysRequest {
    pub(super) const fn page(&self) -> Page {
        Page { limit: self.limit, offset: self.offset }
    }

    /// The condition on rows of `key_overview`.
    pub(super) fn condition(&self) -> Result<String, Trouble> {
        let mut all = Conditions::default();
        all.account(self.account.as_deref())?;
        all.region(self.region.as_deref())?;
        all.is("state", self.state.as_deref());
        all.is("usage_verdict", self.usage.map(Usage::as_str));
        all.is("outside_account", self.outside_account.map(Verdict::as_str));
        all.is("outside_organization", self.outside_organization.map(Verdict::as_str));
        all.is("public", self.public.map(Verdict::as_str));
        if let Some(text) = &self.text {
            let text = literal(text);
            let has = ["key_arn", "aliases", "description", "account_name"].map(|column| format!("strpos(lower({column}), lower({text})) > 0"));
            all.0.push(format!("({})", has.join(" OR ")));
        }
        if !self.aws_managed {
            // A key whose manager could not be read may be anybody's.
            all.0.push("COALESCE(manager, 'CUSTOMER') = 'CUSTOMER'".to_owned());
        }
        Ok(all.clause())
    }

    pub(super) const fn order(&self) -> &'static str {
        self.order.clause()
    }
}

impl FindingsRequest {
    pub(super) const fn page(&self) -> Page {
        Page { limit: self.limit, offset: self.offset }
    }

    /// The condition on findings of the runs that are shown, with `waived`.
    pub(super) fn condition(&self) -> Result<String, Trouble> {
        let mut all = Conditions::default();
        all.account(self.account.as_deref())?;
        all.is("rule", self.rule.as_deref());
        all.is("key_arn", self.key_arn.as_deref());
        if let Some(least) = self.at_least.map(Severity::from) {
            let bad: Vec<String> = Severity::ALL.into_iter().filter(|severity| *severity >= least).map(|severity| literal(severity.as_str())).collect();
            all.0.push(format!("severity IN ({})", bad.join(", ")));
        }
        if !self.waived {
            all.0.push("NOT waived".to_owned());
        }
        Ok(all.clause())
    }
}

impl AccountRequest {
    pub(super) const fn page(&self) -> Page {
        Page { limit: self.limit, offset: self.offset }
    }

    /// The condition on rows with an account.
    pub(super) fn condition(&self) -> Result<String, Trouble> {
        let mut all = Conditions::default();
        all.account(self.account.as_deref())?;
        Ok(all.clause())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(json: &str) -> String {
        serde_json::from_str::<KeysRequest>(json).unwrap().condition().unwrap()
    }

    #[test]
    fn what_is_asked_for_is_a_condition() {
        assert_eq!(keys("{}"), "COALESCE(manager, 'CUSTOMER') = 'CUSTOMER'");
        assert_eq!(
            keys(r#"{"account": "111122223333", "region": "eu-central-1", "usage": "never_used", "outside_organization": "yes", "aws_managed": true}"#),
            "account_id = '111122223333' AND region = 'eu-central-1' AND usage_verdict = 'never_used' AND outside_organization = 'yes'"
        );
    }

    #[test]
    fn a_text_stays_a_text() {
        let condition = keys(r#"{"text": "x') OR 1 = 1 --", "aws_managed": true, "state": "Enabled' OR 'a' = 'a"}"#);
        assert_eq!(
            condition,
            "state = 'Enabled'' OR ''a'' = ''a' AND (strpos(lower(key_arn), lower('x'') OR 1 = 1 --')) > 0 OR strpos(lower(aliases), lower('x'') OR 1 = 1 --')) > 0 \
             OR strpos(lower(description), lower('x'') OR 1 = 1 --')) > 0 OR strpos(lower(account_name), lower('x'') OR 1 = 1 --')) > 0)"
        );
    }

    #[test]
    fn what_is_no_account_or_severity_is_said() {
        let wrong = |json: &str| serde_json::from_str::<KeysRequest>(json).unwrap().condition().unwrap_err().message;
        assert_eq!(wrong(r#"{"account": "prod"}"#), "account: \"prod\" is not an AWS account id (twelve digits, such as 111122223333)");
        let wrong = serde_json::from_str::<FindingsRequest>(r#"{"at_least": "awful"}"#).unwrap_err().to_string();
        assert!(wrong.starts_with("unknown variant `awful`, expected one of `info`, `low`"), "{wrong}");
        assert!(serde_json::from_str::<KeysRequest>(r#"{"acount": "111122223333"}"#).is_err(), "a name that is misspelt would be left out in silence");
    }

    #[test]
    fn findings_are_those_that_nobody_puts_up_with_and_at_least_as_bad() {
        let of = |json: &str| serde_json::from_str::<FindingsRequest>(json).unwrap().condition().unwrap();
        assert_eq!(of("{}"), "NOT waived");
        assert_eq!(of(r#"{"at_least": "high", "waived": true}"#), "severity IN ('critical', 'high')");
    }

    #[test]
    fn no_page_is_longer_than_an_answer_may_be() {
        let page = |limit, offset| Page { limit, offset };
        assert_eq!((page(None, None).rows(500), page(Some(9_000), None).rows(500), page(Some(7), None).rows(500)), (50, 500, 7));
        assert_eq!(
            (page(None, None).clause(), page(None, Some(0)).clause(), page(None, Some(10)).clause()),
            (String::new(), String::new(), " OFFSET 10".to_owned())
        );
    }
}
