//! The rows of a statement that succeeded, page by page.
//!
//! They are asked of `GetQueryResults` and not read from the file that Athena leaves in S3: the API tells null from empty text and names the types, and needs no permission to read the bucket's
//! objects beyond Athena's own. Source: `GetQueryResults` in the Amazon Athena API Reference.

use std::sync::Arc;

use arrow::{
    array::{RecordBatch, RecordBatchOptions},
    datatypes::{Field, Schema, SchemaRef},
};
use futures::{StreamExt, stream, stream::BoxStream};

use crate::{
    api::{AthenaApi, ColumnInfo, ExecutionId, ResultPage, StatementType},
    error::AthenaError,
    query::Finished,
    value::Kind,
};

/// The rows, as they come.
pub struct RowStream {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: BoxStream<'static, Result<RecordBatch, AthenaError>>,
}

impl std::fmt::Debug for RowStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The rows of a statement. The first page is asked for at once: it has the columns.
///
/// # Errors
/// When the first page cannot be had, or is not what the API documents.
pub async fn rows<A: AthenaApi>(api: &Arc<A>, finished: &Finished) -> Result<RowStream, AthenaError> {
    let id = finished.id.clone();
    let mut first = api.results(&id, None).await?;
    if has_header(&first, finished.execution.statement_type) {
        first.rows.remove(0);
    }
    let is_of_tables = finished.execution.statement_type == Some(StatementType::Dml);
    if !is_of_tables {
        align(&mut first.rows, first.columns.len());
    }
    let kinds: Vec<Kind> =
        (0..first.columns.len()).map(|at| Kind::of(&first.columns[at], first.rows.iter().filter_map(|row| row.get(at).and_then(Option::as_deref)))).collect();
    let fields: Vec<Field> = first.columns.iter().zip(&kinds).map(|(column, kind)| Field::new(&column.name, kind.arrow(), true)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let reader = Reader { api: Arc::clone(api), id, columns: std::mem::take(&mut first.columns), kinds, schema: Arc::clone(&schema) };
    let batches = stream::try_unfold(Some((reader, Next::Page(first))), move |state| async move {
        let Some((reader, next)) = state else { return Ok(None) };
        let page = match next {
            Next::Page(page) => page,
            Next::Token(token) => {
                let mut page = reader.api.results(&reader.id, Some(&token)).await?;
                if page.next.as_ref() == Some(&token) {
                    return Err(AthenaError::Answer(format!("a page of the query {} names itself as the next one", reader.id)));
                }
                if !is_of_tables {
                    align(&mut page.rows, reader.columns.len());
                }
                page
            }
        };
        let batch = reader.batch(&page)?;
        Ok(Some((batch, page.next.map(|token| (reader, Next::Token(token))))))
    });
    Ok(RowStream { schema, batches: batches.boxed() })
}

enum Next {
    Page(ResultPage),
    Token(String),
}

/// Whether the first row of the first page repeats the columns' names. It does so for statements that give rows of tables, never for answers of the catalog, whose first row may happen to read
/// alike; and a row that reads otherwise is a row, whatever is said of it.
fn has_header(first: &ResultPage, statement: Option<StatementType>) -> bool {
    let repeats = |row: &Vec<Option<String>>| {
        row.len() == first.columns.len() && row.iter().zip(&first.columns).all(|(value, column)| value.as_deref() == Some(column.name.as_str()))
    };
    statement == Some(StatementType::Dml) && first.rows.first().is_some_and(repeats)
}

/// Answers of the catalog, such as that of DESCRIBE, have a row's columns in one text, with tabs between them and spaces behind.
fn align(rows: &mut [Vec<Option<String>>], width: usize) {
    for row in rows.iter_mut().filter(|row| width > 1 && row.len() == 1) {
        let text = row.pop().flatten().unwrap_or_default();
        row.extend(text.splitn(width, '\t').map(|part| Some(part.trim().to_owned())));
        row.resize(width, None);
    }
}

struct Reader<A> {
    api: Arc<A>,
    id: ExecutionId,
    columns: Vec<ColumnInfo>,
    kinds: Vec<Kind>,
    schema: SchemaRef,
}

impl<A> Reader<A> {
    fn batch(&self, page: &ResultPage) -> Result<RecordBatch, AthenaError> {
        if let Some(row) = page.rows.iter().find(|row| row.len() != self.kinds.len()) {
            return Err(AthenaError::Answer(format!("a row of {} values for {} columns (query {})", row.len(), self.kinds.len(), self.id)));
        }
        let mut arrays = Vec::with_capacity(self.kinds.len());
        for (at, (kind, column)) in self.kinds.iter().zip(&self.columns).enumerate() {
            let array = kind.array(page.rows.iter().map(|row| row[at].as_deref())).map_err(|value| AthenaError::Unreadable {
                id: self.id.clone(),
                column: column.name.clone(),
                type_name: column.type_name.clone(),
                value: value.chars().take(100).collect(),
            })?;
            arrays.push(array);
        }
        // An answer without columns has rows all the same.
        let options = RecordBatchOptions::new().with_row_count(Some(page.rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(|error| AthenaError::Answer(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(names: &[&str], rows: &[&[Option<&str>]]) -> ResultPage {
        ResultPage {
            columns: names.iter().map(|name| ColumnInfo { name: (*name).to_owned(), type_name: "varchar".to_owned(), precision: 0, scale: 0 }).collect(),
            rows: rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect(),
            next: None,
        }
    }

    #[test]
    fn a_row_of_the_catalog_is_taken_apart_at_its_tabs() {
        let rows: &[&[Option<&str>]] =
            &[&[Some("run_id              \tstring              \tThe run.")], &[Some("\t")], &[Some("# Partition")], &[Some("1\t2"), None, None]];
        let mut described = page(&["col_name", "data_type", "comment"], rows).rows;
        align(&mut described, 3);
        let rows: Vec<Vec<Option<&str>>> = described.iter().map(|row| row.iter().map(Option::as_deref).collect()).collect();
        let expected =
            [[Some("run_id"), Some("string"), Some("The run.")], [Some(""), Some(""), None], [Some("# Partition"), None, None], [Some("1\t2"), None, None]];
        assert_eq!(rows, expected);
    }

    #[test]
    fn the_names_of_columns_are_no_row_of_a_select_and_a_table_of_that_name_is_one_of_show() {
        let named = page(&["a", "b"], &[&[Some("a"), Some("b")], &[Some("a"), Some("b")]]);
        assert!(has_header(&named, Some(StatementType::Dml)));
        assert!(!has_header(&named, Some(StatementType::Utility)));
        assert!(!has_header(&named, Some(StatementType::Ddl)));
        assert!(!has_header(&page(&["a", "b"], &[&[Some("a"), None]]), Some(StatementType::Dml)));
        assert!(!has_header(&page(&["a"], &[]), Some(StatementType::Dml)));
    }
}
