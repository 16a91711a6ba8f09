//! Reading rows with SQL: the one place where text becomes part of a statement, and where rows become values.

use std::sync::Arc;

use kms_insights_query::{
    Engine,
    output::{self, Format, TableLayout},
};
use serde::de::DeserializeOwned;

use crate::{exit::Trouble, query};

/// A text as SQL's literal. In a literal a quote is written twice, and nothing else has a meaning of its own.
pub(crate) fn literal(text: impl std::fmt::Display) -> String {
    format!("'{}'", text.to_string().replace('\'', "''"))
}

/// Texts as a list of literals; a list that nothing is in where there are none.
pub(crate) fn literals<T: std::fmt::Display>(texts: impl IntoIterator<Item = T>) -> String {
    let list: Vec<String> = texts.into_iter().map(literal).collect();
    if list.is_empty() { "(NULL)".to_owned() } else { format!("({})", list.join(", ")) }
}

/// The tables of a lake.
pub(crate) struct Ledger {
    engine: Arc<Engine>,
}

impl Ledger {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// The rows of a statement that is known to give few.
    pub(crate) async fn rows<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>, Trouble> {
        let failed = |error: &dyn std::fmt::Display| Trouble::failed(format_args!("the lake: {error}"));
        let result = self.engine.query(sql).await.map_err(|error| query::trouble(&error))?;
        let mut lines = Vec::new();
        output::write(result, Format::JsonLines, TableLayout::default(), &mut lines).await.map_err(|error| query::trouble(&error))?;
        serde_json::Deserializer::from_slice(&lines).into_iter().collect::<Result<_, _>>().map_err(|error| failed(&error))
    }

    /// The only row of a statement that counts.
    pub(crate) async fn count(&self, sql: &str) -> Result<u64, Trouble> {
        #[derive(serde::Deserialize)]
        struct Counted {
            counted: Option<u64>,
        }
        let rows: Vec<Counted> = self.rows(sql).await?;
        Ok(rows.first().and_then(|row| row.counted).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_ends_where_its_text_does() {
        assert_eq!(literal("alias/app"), "'alias/app'");
        assert_eq!(literal("x' OR '1'='1"), "'x'' OR ''1''=''1'");
        assert_eq!(literal("\\'; --"), "'\\''; --'");
        assert_eq!(literals(["a", "b'"]), "('a', 'b''')");
        assert_eq!(literals::<&str>([]), "(NULL)");
    }
}
