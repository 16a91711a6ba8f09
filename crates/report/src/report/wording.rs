//! Words and numbers as people read them, and the sentences on what is not known, which every format for people shows.

use chrono::{DateTime, Utc};
use kms_insights_findings::RULES;

use super::summary::{Run, Summary};

/// From the worst to the least.
pub(super) const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];

/// How whole the snapshots are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Every fact that applies was observed.
    Complete,
    /// Something lacks.
    Partial,
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
        }
    }
}

/// Something that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    /// The sentence.
    pub(super) says: String,
    /// Where in the page it is told in full.
    pub(super) route: &'static str,
}

/// Digits in groups of three: `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun: `1 key`, `2 keys`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(count)) }
}

/// An amount in US dollars, to the dollar: prices of keys are whole ones.
pub(super) fn dollars(amount: f64) -> String {
    // An amount has no sign here; what is not a number is shown as nothing by the cast, and counted apart before.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "dollars of a bill fit, and are not negative")]
    let whole = amount.round() as u64;
    format!("${}", grouped(whole))
}

/// A moment to the minute.
pub(super) fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// What a rule looks for; its id, where this version does not know it.
pub(super) fn rule_title(id: &str) -> &str {
    RULES.iter().find(|rule| rule.id == id).map_or(id, |rule| rule.title)
}

/// `Keys`, `1 key`: with the verb that agrees.
fn are(count: u64, noun: &str, one: &str, many: &str) -> String {
    format!("{} {}", counted(count, noun), if count == 1 { one } else { many })
}

impl Run {
    /// What the run is about, as a title.
    pub(super) fn subject(&self) -> String {
        match &self.organization_id {
            Some(id) => format!("organization {id}"),
            None => counted(self.accounts_planned, "account"),
        }
    }
}

impl Summary {
    /// How whole the snapshots are: as whole as the least of them.
    pub(super) fn status(&self) -> Status {
        if self.runs.iter().all(|run| run.status == "complete") { Status::Complete } else { Status::Partial }
    }

    /// The organizations that the report is about; a null stands for accounts without one.
    pub(super) fn organizations(&self) -> Vec<Option<&str>> {
        self.runs.iter().map(|run| run.organization_id.as_deref()).collect()
    }

    /// The report's subject.
    pub(super) fn subject(&self) -> String {
        self.runs.iter().map(Run::subject).collect::<Vec<_>>().join(", ")
    }

    fn of_runs(&self, count: impl Fn(&Run) -> u64) -> u64 {
        self.runs.iter().map(count).sum()
    }

    /// What is not known, the widest first.
    pub(super) fn unknowns(&self) -> Vec<Unknown> {
        let mut unknowns = Vec::new();
        let mut tell = |count: u64, route: &'static str, says: String| {
            if count > 0 {
                unknowns.push(Unknown { says, route });
            }
        };
        for run in &self.runs {
            let limits = run.selection.as_deref().unwrap_or("some accounts or Regions");
            tell(u64::from(run.scope != "whole"), "accounts", format!("The run was limited to {limits}: what is elsewhere is in no number here."));
        }
        let (failed, partial) = (self.of_runs(|run| run.accounts_failed), self.of_runs(|run| run.accounts_partial));
        let skipped = self.of_runs(|run| run.accounts_skipped);
        tell(
            failed,
            "accounts?outcome=failed",
            format!("{} not be read at all: the keys there are in no number here.", are(failed, "account", "could", "could")),
        );
        tell(partial, "accounts?outcome=partial", format!("{} read in part.", are(partial, "account", "was", "were")));
        tell(
            skipped,
            "accounts?outcome=skipped",
            format!("{} left out, being suspended, closed or not yet active: the keys there are in no number here.", are(skipped, "account", "was", "were")),
        );
        tell(u64::from(self.runs.iter().any(|run| run.customer_managed_only)), "accounts", "AWS managed keys were left out of the run.".to_owned());
        let keys = &self.keys;
        tell(
            keys.lacking_facts,
            "keys?facts_lacking=*",
            format!(
                "{} of {} {} at least one fact. What rests on it is counted as not known, never as fine.",
                grouped(keys.lacking_facts),
                counted(keys.keys, "key"),
                if keys.lacking_facts == 1 { "lacks" } else { "lack" }
            ),
        );
        tell(
            keys.outside_account_unknown,
            "keys?outside_account=unknown",
            format!("Whether {} open to anyone outside the account is not known.", are(keys.outside_account_unknown, "key", "is", "are")),
        );
        let of_use = Self::named(&self.usage, "not known");
        tell(of_use, "unused?verdict=unknown", format!("Whether {} ever used is not known.", are(of_use, "customer managed key", "was", "were")));
        let lately = Self::named(&self.usage, "used, and it is not known whether lately");
        tell(
            lately,
            "keys?usage_verdict=used",
            format!("Of {} the last known use is long ago or without a date, and there may be a later one.", counted(lately, "key")),
        );
        tell(keys.without_price, "keys?monthly_cost_usd=-", format!("Of {} the price is not known.", counted(keys.without_price, "key")));
        tell(
            self.deletion.unknown,
            "deletion?state=unknown",
            format!("Whether {} about to be deleted is not known.", are(self.deletion.unknown, "key", "is", "are")),
        );
        let (off, unclear) = (Self::named(&self.trails, "no"), Self::named(&self.trails, "unknown"));
        tell(
            off,
            "trails?records_kms_reads=no",
            format!("In {} no trail records the use of keys.", counted(off, "Region of an account").replace("Region of an accounts", "Regions of accounts")),
        );
        tell(
            unclear,
            "trails?records_kms_reads=unknown",
            format!(
                "In {} it is not known whether a trail records the use of keys.",
                counted(unclear, "Region of an account").replace("Region of an accounts", "Regions of accounts")
            ),
        );
        tell(
            u64::from(self.log_files.scans == 0),
            "unknown",
            "No log files of CloudTrail were read: who uses a key is known only where the event history was asked.".to_owned(),
        );
        tell(
            u64::from(self.runs.iter().any(|run| run.previous_run.is_none())),
            "changes",
            "There is no earlier run to compare with: what changed is not known.".to_owned(),
        );
        unknowns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_agree_with_their_nouns() {
        assert_eq!([counted(0, "key"), counted(1, "key"), counted(1_234_567, "key")], ["0 keys", "1 key", "1,234,567 keys"]);
        assert_eq!([dollars(0.0), dollars(1234.5), dollars(12.4)], ["$0", "$1,235", "$12"]);
    }

    #[test]
    fn a_rule_of_another_version_is_named_by_its_id() {
        assert_eq!([rule_title("public"), rule_title("of-tomorrow")], ["Principals of every AWS account are allowed", "of-tomorrow"]);
    }
}
