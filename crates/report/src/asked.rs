//! Rows of a statement as values.

use kms_insights_query::{
    Engine, QueryError,
    output::{self, Format, TableLayout},
};
use serde::de::DeserializeOwned;

/// The rows of a statement; all of them are held in memory.
pub(crate) async fn rows<T: DeserializeOwned>(engine: &Engine, sql: &str) -> Result<Vec<T>, QueryError> {
    let mut lines = Vec::new();
    output::write(engine.query(sql).await?, Format::JsonLines, TableLayout::default(), &mut lines).await?;
    let rows = serde_json::Deserializer::from_slice(&lines).into_iter().collect::<Result<_, _>>();
    rows.map_err(|error| QueryError::Failed { message: format!("a row is not what it should be: {error}") })
}
