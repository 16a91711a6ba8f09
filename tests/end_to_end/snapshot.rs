//! Every row of every table of a published run, made comparable and compared whole.

use std::{collections::BTreeMap, fmt::Debug};

use kms_insights_lake::{
    Lake,
    table::Row,
    tables::{
        accounts::AccountRow, collection_errors::CollectionErrorRow, findings::FindingRow, grants::GrantRow, key_access::KeyAccessRow,
        key_last_used::KeyLastUsedRow, keys::KeyRow, policy_statements::PolicyStatementRow, runs::RunRow, trail_recording::TrailRecordingRow,
    },
};
use kms_insights_model::{RunId, Timestamp};
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// A row that can be found again in another lake.
pub(crate) trait Comparable: Row + Clone + Debug + PartialEq {
    /// What the row is about.
    fn subject(&self) -> String;
    /// Takes away what two observations of the same thing may differ in: moments of observation, and AWS's words.
    fn mask(&mut self);
}

/// The rows of one table of a published run, as they are.
pub(crate) async fn rows<R: Row>(lake: &Lake, run: &RunId) -> Vec<R> {
    let mut rows = Vec::new();
    for file in lake.data_files(R::TABLE, run).await.unwrap() {
        let bytes = lake.object_store().get(&file.location).await.unwrap().bytes().await.unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap() {
            rows.extend(R::read(&batch.unwrap()).unwrap());
        }
    }
    rows
}

impl Comparable for RunRow {
    fn subject(&self) -> String {
        self.run_id.clone()
    }

    fn mask(&mut self) {
        // What the run was limited to, in words; `scope` says whether it was.
        self.selection.iter_mut().for_each(String::clear);
        // How often the run was begun.
        self.generation = 0;
    }
}

impl Comparable for AccountRow {
    fn subject(&self) -> String {
        self.account_id.clone()
    }

    fn mask(&mut self) {
        // Where the role was refused, the reason ends with AWS's words.
        if matches!(self.access_status.as_str(), "denied" | "failed") {
            self.reason = self.reason.as_ref().map(|reason| reason.split(": ").next().unwrap_or_default().to_owned());
        }
    }
}

impl Comparable for KeyRow {
    fn subject(&self) -> String {
        self.key_arn.clone()
    }

    fn mask(&mut self) {
        self.observed_at = Timestamp::UNIX_EPOCH;
    }
}

impl Comparable for PolicyStatementRow {
    fn subject(&self) -> String {
        format!("{} {} {} {} {}", self.key_arn, self.policy_name, self.statement_index, self.principal_type, self.principal)
    }

    fn mask(&mut self) {}
}

impl Comparable for GrantRow {
    fn subject(&self) -> String {
        format!("{} {}", self.key_arn, self.grant_id)
    }

    fn mask(&mut self) {}
}

impl Comparable for KeyAccessRow {
    fn subject(&self) -> String {
        format!("{} {:?} {:?} {:?} {} {}", self.key_arn, self.policy_name, self.statement_index, self.grant_id, self.who, self.capability)
    }

    fn mask(&mut self) {}
}

impl Comparable for FindingRow {
    fn subject(&self) -> String {
        format!("{} {} {}", self.key_arn, self.rule, self.cause)
    }

    fn mask(&mut self) {
        let mut evidence: Value = serde_json::from_str(&self.evidence).expect("evidence is JSON");
        // A window of the event history begins on the first whole day of ninety.
        if let Some(from) = evidence.get("event_history_from").filter(|from| from.is_string()).cloned() {
            for member in ["event_history_from", "unused_since"] {
                if evidence.get(member) == Some(&from) {
                    evidence[member] = Value::Null;
                }
            }
            self.evidence = evidence.to_string();
        }
        if let Some(message) = evidence.get_mut("message") {
            *message = Value::Null;
            self.evidence = evidence.to_string();
        }
    }
}

impl Comparable for KeyLastUsedRow {
    fn subject(&self) -> String {
        self.key_arn.clone()
    }

    fn mask(&mut self) {
        // Ninety days before the moment at which the event history was asked, and said so in the reason.
        if self.unused_since == self.event_history_from {
            self.unused_since = self.unused_since.map(|_| Timestamp::UNIX_EPOCH);
        }
        self.event_history_from = self.event_history_from.map(|_| Timestamp::UNIX_EPOCH);
        let before = "event history, which goes back to ";
        if let Some(reason) = &mut self.reason
            && let Some(at) = reason.find(before)
        {
            let day = at + before.len();
            reason.replace_range(day..day + "2026-11-22".len(), "a day");
        }
    }
}

impl Comparable for TrailRecordingRow {
    fn subject(&self) -> String {
        format!("{} {}", self.account_id, self.region)
    }

    fn mask(&mut self) {
        // A moment before it was asked for.
        self.last_delivery_at = self.last_delivery_at.map(|_| Timestamp::UNIX_EPOCH);
    }
}

impl Comparable for CollectionErrorRow {
    fn subject(&self) -> String {
        format!("{:?} {:?} {:?} {}", self.account_id, self.region, self.key_id, self.fact)
    }

    fn mask(&mut self) {
        self.message.clear();
    }
}

/// The rows of a table by what they are about.
async fn masked<R: Comparable>(lake: &Lake, run: &RunId) -> BTreeMap<String, Vec<R>> {
    let mut by_subject: BTreeMap<String, Vec<R>> = BTreeMap::new();
    for mut row in rows::<R>(lake, run).await {
        row.mask();
        by_subject.entry(row.subject()).or_default().push(row);
    }
    for rows in by_subject.values_mut() {
        rows.sort_by_key(|row| format!("{row:?}"));
    }
    by_subject
}

/// The lines in which two rows differ, each a field.
fn fields(actual: &impl Debug, expected: &impl Debug) -> String {
    let (actual, expected) = (format!("{actual:#?}"), format!("{expected:#?}"));
    let (actual, expected): (Vec<&str>, Vec<&str>) = (actual.lines().collect(), expected.lines().collect());
    let lines = (0..actual.len().max(expected.len())).filter(|at| actual.get(*at) != expected.get(*at)).take(6);
    lines.map(|at| format!("\n    is {:?}\n    should be {:?}", actual.get(at), expected.get(at))).collect::<Vec<_>>().concat()
}

async fn differences<R: Comparable>(actual: (&Lake, &RunId), expected: (&Lake, &RunId)) -> Vec<String> {
    let table = R::TABLE.name;
    let (actual, mut expected) = (masked::<R>(actual.0, actual.1).await, masked::<R>(expected.0, expected.1).await);
    let mut differences = Vec::new();
    for (subject, rows) in actual {
        match expected.remove(&subject) {
            None => differences.push(format!("{table}: invented: {subject}: {rows:#?}")),
            Some(wanted) if wanted.len() != rows.len() => differences.push(format!("{table}: {subject}: {} rows, should be {}", rows.len(), wanted.len())),
            Some(wanted) => {
                let unequal = rows.iter().zip(&wanted).filter(|(row, wanted)| row != wanted);
                differences.extend(unequal.map(|(row, wanted)| format!("{table}: {subject}:{}", fields(row, wanted))));
            }
        }
    }
    differences.extend(expected.keys().map(|subject| format!("{table}: missing: {subject}")));
    differences
}

/// Compares two published runs, every row of every table.
pub(crate) async fn assert_same(actual: (&Lake, &RunId), expected: (&Lake, &RunId)) {
    let all = [
        differences::<RunRow>(actual, expected).await,
        differences::<AccountRow>(actual, expected).await,
        differences::<KeyRow>(actual, expected).await,
        differences::<PolicyStatementRow>(actual, expected).await,
        differences::<GrantRow>(actual, expected).await,
        differences::<KeyAccessRow>(actual, expected).await,
        differences::<FindingRow>(actual, expected).await,
        differences::<KeyLastUsedRow>(actual, expected).await,
        differences::<TrailRecordingRow>(actual, expected).await,
        differences::<CollectionErrorRow>(actual, expected).await,
    ]
    .concat();
    let shown: Vec<&str> = all.iter().take(8).map(String::as_str).collect();
    assert!(all.is_empty(), "{} differences from the truth:\n{}", all.len(), shown.join("\n"));
}
