//! What changed between two published runs of a lake: the view `changes_since_previous` over two runs that somebody chose.

mod choice;

use std::collections::BTreeMap;

use kms_insights_lake::{Lake, tables::runs::RunRow};
use kms_insights_query::{ComparedRuns, Engine, EngineOptions, QueryError, QueryResult, text::fit};
use serde::{Deserialize, Serialize};

pub use choice::{ChoiceError, Pair, choose};

use crate::{
    asked::rows,
    sheet::{Column, Sheet},
};

/// One row of the view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The key.
    pub key_arn: String,
    /// Its account.
    pub account_id: String,
    /// Its Region.
    pub region: String,
    /// What changed: `key`, a fact of it, `grant`, `finding`, `severity` or `waiver`.
    pub subject: String,
    /// Of a finding its id.
    pub finding_id: Option<String>,
    /// Of a finding its rule.
    pub rule: Option<String>,
    /// Of a grant its id.
    pub grant_id: Option<String>,
    /// How it changed.
    pub change: String,
    /// What the earlier run says of it.
    pub value_before: Option<String>,
    /// What the later run says.
    pub value_now: Option<String>,
}

/// How many changes there are of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What changed.
    pub subject: String,
    /// How.
    pub change: String,
    /// How many.
    pub changes: usize,
}

/// A run as the answer names it.
#[derive(Clone, Debug, Serialize)]
struct Named<'a> {
    run_id: &'a str,
    snapshot_date: &'a str,
    status: &'a str,
    started_at: String,
    organization_id: Option<&'a str>,
    scope: &'a str,
    selection: Option<&'a str>,
    customer_managed_only: bool,
    keys: i64,
}

/// The answer of `diff --format json`; docs/diff.md describes it.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    earlier: Named<'a>,
    later: Named<'a>,
    notes: Vec<String>,
    summary: Vec<Count>,
    changes: &'a [Change],
}

/// The widest that either of two values beside each other is shown.
const WIDEST_OF_TWO: usize = 48;

const COLUMNS: &str = "key_arn, account_id, region, subject, finding_id, rule, grant_id, change, value_before, value_now";

/// What changed from one run to another.
#[derive(Debug)]
pub struct Diff {
    pair: Pair,
    engine: Engine,
}

impl Diff {
    /// Opens the lake to compare these runs.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn open(lake: &Lake, options: EngineOptions, pair: Pair) -> Result<Self, QueryError> {
        let engine = Engine::open_comparing(lake, options, ComparedRuns { earlier: pair.earlier.id.clone(), later: pair.later.id.clone() }).await?;
        Ok(Self { pair, engine })
    }

    /// The changes as rows, key by key.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn result(&self) -> Result<QueryResult, QueryError> {
        self.engine.query(&statement()).await
    }

    async fn changes(&self) -> Result<Vec<Change>, QueryError> {
        rows(&self.engine, &statement()).await
    }

    /// The answer as one JSON object.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn json(&self) -> Result<String, QueryError> {
        let changes = self.changes().await?;
        let Pair { earlier, later } = &self.pair;
        let answer = Answer {
            earlier: named(&earlier.row, &earlier.day),
            later: named(&later.row, &later.day),
            notes: self.pair.notes(),
            summary: counted(&changes),
            changes: &changes,
        };
        serde_json::to_string_pretty(&answer).map(|text| text + "\n").map_err(|error| QueryError::Failed { message: error.to_string() })
    }

    /// The answer for people: how many changes of each kind there are, and then what they are, key by key.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn sheet(&self) -> Result<Sheet, QueryError> {
        Ok(page(&self.pair, &self.changes().await?))
    }
}

fn page(pair: &Pair, changes: &[Change]) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.heading(format!("What changed from {} to {}", pair.earlier, pair.later));
    for note in pair.notes() {
        sheet.sentence(note);
    }
    if changes.is_empty() {
        sheet.sentence("Nothing that both runs read has changed.");
        return sheet;
    }
    let counts = counted(changes).into_iter().map(|count| vec![count.subject, count.change, count.changes.to_string()]).collect();
    sheet.table(&[Column::Text("subject"), Column::Text("change"), Column::Number("changes")], counts);
    for of_key in changes.chunk_by(|a, b| a.key_arn == b.key_arn) {
        sheet.group(of_key[0].key_arn.clone(), of_key.iter().map(Change::told).collect());
    }
    sheet
}

impl Change {
    /// What changed, how, and what it was and is.
    fn told(&self) -> Vec<String> {
        let what = match &self.grant_id {
            Some(id) => format!("grant {id}"),
            None if self.subject != "finding" => self.rule.as_ref().map_or_else(|| self.subject.clone(), |rule| format!("{} of {rule}", self.subject)),
            None => self.subject.clone(),
        };
        let values = match (&self.value_before, &self.value_now) {
            // Of two policies something of each is shown.
            (Some(before), Some(now)) => format!("{} → {}", fit(before, WIDEST_OF_TWO), fit(now, WIDEST_OF_TWO)),
            (Some(value), None) | (None, Some(value)) => value.clone(),
            (None, None) => String::new(),
        };
        vec![what, self.change.clone(), values]
    }
}

fn statement() -> String {
    // Whether the key itself came or went is said first.
    format!("SELECT {COLUMNS} FROM changes_since_previous ORDER BY account_id, region, key_arn, CASE subject WHEN 'key' THEN 0 ELSE 1 END, {COLUMNS}")
}

fn counted(changes: &[Change]) -> Vec<Count> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for change in changes {
        *counts.entry((&change.subject, &change.change)).or_default() += 1;
    }
    counts.into_iter().map(|((subject, change), changes)| Count { subject: subject.to_owned(), change: change.to_owned(), changes }).collect()
}

fn named<'a>(run: &'a RunRow, day: &'a str) -> Named<'a> {
    Named {
        run_id: &run.run_id,
        snapshot_date: day,
        status: &run.status,
        started_at: run.started_at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        organization_id: run.organization_id.as_deref(),
        scope: &run.scope,
        selection: run.selection.as_deref(),
        customer_managed_only: run.customer_managed_only,
        keys: run.keys,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::choice::sample;

    fn change(key: &str, subject: &str, change: &str, values: [Option<&str>; 2]) -> Change {
        let [value_before, value_now] = values.map(|value| value.map(str::to_owned));
        Change {
            key_arn: format!("arn:aws:kms:eu-central-1:111122223333:key/{key}"),
            account_id: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
            subject: subject.to_owned(),
            finding_id: None,
            rule: None,
            grant_id: None,
            change: change.to_owned(),
            value_before,
            value_now,
        }
    }

    fn changes() -> Vec<Change> {
        let policies = [format!("{{\"Version\":\"2012-10-17\",\n{}}}", " ".repeat(80)), "{}".to_owned()];
        vec![
            change("a", "key", "appeared", [None, Some("Enabled")]),
            Change {
                finding_id: Some("f-1".to_owned()),
                rule: Some("public".to_owned()),
                ..change("a", "finding", "appeared", [None, Some("public: Everyone can decrypt")])
            },
            change("b", "aliases", "changed", [Some("alias/\u{1b}]0;x\u{7}"), Some("=cmd|' /C calc'!A0")]),
            Change { grant_id: Some("0d2c".to_owned()), ..change("b", "grant", "gone", [Some("arn:aws:iam::444455556666:role/<b>: Decrypt"), None]) },
            change("b", "policy", "changed", [Some(&policies[0]), Some(&policies[1])]),
            Change { rule: Some("public".to_owned()), ..change("b", "severity", "rose", [Some("high"), Some("critical")]) },
            Change { rule: Some("no-alias".to_owned()), ..change("b", "waiver", "began", [None, Some("until 2027-01-31: as agreed")]) },
        ]
    }

    #[test]
    fn the_difference_is_told_in_numbers_first_and_then_key_by_key() {
        let pair = choose(&sample::runs(), None, None).unwrap();
        insta::assert_snapshot!("text", page(&pair, &changes()).text());
        insta::assert_snapshot!("markdown", page(&pair, &changes()).markdown());
    }

    #[test]
    fn where_nothing_changed_the_page_says_so() {
        let pair = choose(&sample::runs(), None, None).unwrap();
        insta::assert_snapshot!(page(&pair, &[]).text());
    }
}
