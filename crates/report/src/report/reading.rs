//! Reading a lake for a report: a few rows at once where they are few, a stream in the order of the keys where they are many.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use kms_insights_query::{
    Engine, QueryError, QueryResult,
    output::{self, TableLayout},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::ReportError;

/// Accounts are asked for together until they have so many keys: a question each would take longest where accounts are many, and one for all of them would sort
/// every policy and every finding of the organization.
const KEYS_AT_ONCE: u64 = 8_000;

/// The order of everything that belongs to keys.
pub(super) const KEY_ORDER: &str = "account_id, region, key_id, run_id";

/// The snapshots that the views show, and how to ask for what is in them.
pub(super) struct Reader {
    engine: Arc<Engine>,
    /// The condition that a row of a table is of these snapshots: files of others are not opened for it.
    shown: String,
    /// Conditions on the account, whose keys follow one another.
    turns: Vec<String>,
}

/// A text as SQL's literal. In a literal a quote is written twice, and nothing else has a meaning of its own.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn is_one_of<'a>(column: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let literals: Vec<String> = values.into_iter().map(literal).collect();
    // Of nothing, no row.
    if literals.is_empty() { "FALSE".to_owned() } else { format!("{column} IN ({})", literals.join(", ")) }
}

#[derive(Deserialize)]
struct ShownRun {
    run_id: String,
    snapshot_date: String,
}

#[derive(Deserialize)]
struct AccountKeys {
    account_id: String,
    keys: u64,
}

impl Reader {
    /// Finds out which snapshots are shown.
    pub(super) async fn open(engine: Arc<Engine>) -> Result<Self, ReportError> {
        let mut reader = Self { engine, shown: String::new(), turns: Vec::new() };
        let runs: Vec<ShownRun> = reader.rows("the latest run", "SELECT run_id, snapshot_date FROM latest_run").await?;
        if runs.is_empty() {
            return Err(ReportError::NoSnapshot);
        }
        reader.shown = format!(
            "{} AND {}",
            is_one_of("snapshot_date", runs.iter().map(|run| run.snapshot_date.as_str())),
            is_one_of("run_id", runs.iter().map(|run| run.run_id.as_str()))
        );
        let accounts = format!("SELECT account_id, count(*) AS keys FROM keys WHERE {} GROUP BY account_id ORDER BY account_id", reader.shown);
        reader.turns = turns(&reader.rows::<AccountKeys>("the accounts", &accounts).await?);
        Ok(reader)
    }

    /// The condition that a row of a table is of the snapshots that are shown.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The rows of a question that has few.
    pub(super) async fn rows<T: DeserializeOwned>(&self, what: &'static str, sql: &str) -> Result<Vec<T>, ReportError> {
        let mut text = Vec::new();
        output::write(self.engine.query(sql).await?, output::Format::Json, TableLayout::default(), &mut text).await?;
        serde_json::from_slice(&text).map_err(|error| ReportError::Unexpected { what, error })
    }

    /// A question's rows as they come.
    pub(super) async fn stream(&self, sql: &str) -> Result<QueryResult, ReportError> {
        Ok(self.engine.query(sql).await?)
    }

    /// The rows of all accounts, some accounts after others. `{shown}` and `{account}` in the question stand for the conditions on a row's run and account.
    pub(super) async fn stream_by_account(&self, sql: &str) -> Result<QueryResult, ReportError> {
        let questions: Vec<String> = self.turns.iter().map(|turn| sql.replace("{shown}", &self.shown).replace("{account}", turn)).collect();
        let mut questions = questions.into_iter();
        // There is a turn at least, of no account where no account has keys.
        let first = self.engine.query(&questions.next().unwrap_or_default()).await?;
        let schema = Arc::clone(first.schema());
        let engine = Arc::clone(&self.engine);
        let rest = stream::iter(questions).then(move |sql| {
            let engine = Arc::clone(&engine);
            async move { engine.query(&sql).await }
        });
        let batches = stream::iter([Ok::<_, QueryError>(first)]).chain(rest).map_ok(|result| {
            stream::try_unfold(result, |mut result| async move {
                let batch = result.next().await.transpose()?;
                Ok(batch.map(|batch| (batch, result)))
            })
        });
        Ok(QueryResult::new(schema, batches.try_flatten().boxed()))
    }
}

fn turns(accounts: &[AccountKeys]) -> Vec<String> {
    let mut turns = Vec::new();
    let (mut together, mut keys) = (Vec::new(), 0);
    for account in accounts {
        if keys > 0 && keys + account.keys > KEYS_AT_ONCE {
            turns.push(is_one_of("account_id", std::mem::take(&mut together)));
            keys = 0;
        }
        together.push(account.account_id.as_str());
        keys += account.keys;
    }
    turns.push(is_one_of("account_id", together));
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_asked_for_together_until_they_have_many_keys() {
        let accounts = [("1", 10), ("2", 7_000), ("3", 990), ("4", 1), ("5", 100_000), ("6", 1)];
        let accounts = accounts.map(|(id, keys)| AccountKeys { account_id: id.to_owned(), keys });
        assert_eq!(turns(&accounts), ["account_id IN ('1', '2', '3')", "account_id IN ('4')", "account_id IN ('5')", "account_id IN ('6')"]);
        assert_eq!(turns(&[]), ["FALSE"]);
    }

    #[test]
    fn a_literal_ends_where_its_text_does() {
        assert_eq!(is_one_of("run_id", ["x' OR '1'='1"]), "run_id IN ('x'' OR ''1''=''1')");
    }
}
