//! The views over the embedded engine: `kms-insights-athena` has their texts, and the order in which to create them.

use datafusion::sql::{
    parser::Statement,
    sqlparser::ast::{self, Query},
};
use kms_insights_athena::{View, views_in_creation_order};

use crate::{error::QueryError, statement};

/// The query behind a view.
fn query(view: &View) -> Result<Box<Query>, QueryError> {
    let unexpected = || QueryError::Invalid { message: format!("the view {} is not one CREATE VIEW statement", view.name) };
    match statement::parse_all(view.sql)?.pop() {
        Some(Statement::Statement(statement)) => match *statement {
            ast::Statement::CreateView(view) => Ok(view.query),
            _ => Err(unexpected()),
        },
        _ => Err(unexpected()),
    }
}

/// The views with their queries, each after the views that it reads.
///
/// # Errors
/// When a view is not SQL: a fault of this program.
pub(crate) fn in_order() -> Result<Vec<(View, Statement)>, QueryError> {
    let statement = |view: View| Ok((view, Statement::Statement(Box::new(ast::Statement::Query(query(&view)?)))));
    views_in_creation_order().into_iter().map(statement).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use datafusion::{common::TableReference, sql::resolve::resolve_table_references};
    use kms_insights_athena::VIEWS;

    use super::*;

    #[test]
    fn the_order_of_the_texts_is_the_one_that_the_parser_finds() {
        let names: BTreeSet<&str> = VIEWS.iter().map(|view| view.name).collect();
        let mut created = BTreeSet::new();
        for (view, statement) in in_order().unwrap() {
            let (tables, _) = resolve_table_references(&statement, true).unwrap();
            for table in tables.iter().map(TableReference::table).filter(|name| names.contains(name)) {
                assert!(created.contains(table), "{} reads {table}", view.name);
            }
            created.insert(view.name);
        }
        assert_eq!(created, names);
    }
}
