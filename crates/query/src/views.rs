//! The views, written once in `athena/views` for Athena, Trino and the embedded engine, and the questions of `athena/queries`.

use std::collections::BTreeSet;

use datafusion::sql::{
    parser::Statement,
    resolve::resolve_table_references,
    sqlparser::ast::{self, Query},
};

use crate::{error::QueryError, statement};

/// A view of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The view's name, which is also its file's.
    pub name: &'static str,
    /// `CREATE OR REPLACE VIEW …`, with its comment.
    pub sql: &'static str,
}

/// A question that is asked often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// The query's name, which is also its file's.
    pub name: &'static str,
    /// `SELECT …`, with its comment.
    pub sql: &'static str,
}

macro_rules! files {
    ($kind:ident, $folder:literal: $($name:literal),+ $(,)?) => {
        &[$($kind { name: $name, sql: include_str!(concat!("../../../athena/", $folder, "/", $name, ".sql")) }),+]
    };
}

/// Every view, by name.
pub const VIEWS: &[View] = files!(View, "views":
    "changes_since_previous", "compared_runs", "costs_by_tag", "coverage_gaps", "external_access", "key_costs", "key_overview",
    "kms_key_last_used_table", "kms_keys_table", "latest_run", "monthly_savings", "overly_permissive_keys", "pending_deletion", "rotation_gaps",
    "stale_keys_90d", "unused_keys",
);

/// Every saved query, by name.
pub const QUERIES: &[SavedQuery] = files!(SavedQuery, "queries":
    "audit_administers_and_decrypts", "audit_changes_of_access", "audit_findings_by_account", "audit_not_known", "audit_open_findings",
    "audit_outside_access", "audit_rotation_gaps", "audit_who_can_decrypt", "cost_by_tag", "cost_disabled_keys", "cost_savings", "cost_surcharges",
    "cost_unneeded_keys", "incident_changes_of_keys", "incident_condemned_keys", "incident_failed_calls", "incident_keys_of_a_principal",
    "incident_new_users", "incident_reach_of_an_account", "incident_uses_of_a_key", "keys_not_used_for_90_days", "keys_open_to_external_accounts",
    "keys_overly_permissive", "keys_with_last_use", "keys_without_recorded_use",
);

/// What a file's first line says.
fn description(sql: &'static str) -> &'static str {
    sql.lines().next().and_then(|line| line.strip_prefix("--")).unwrap_or_default().trim()
}

impl View {
    /// The sentence that says what the view answers.
    pub fn description(&self) -> &'static str {
        description(self.sql)
    }

    /// The query behind the view.
    pub(crate) fn query(&self) -> Result<Box<Query>, QueryError> {
        let unexpected = || QueryError::Invalid { message: format!("the view {} is not one CREATE VIEW statement", self.name) };
        match statement::parse_all(self.sql)?.pop() {
            Some(Statement::Statement(statement)) => match *statement {
                ast::Statement::CreateView(view) => Ok(view.query),
                _ => Err(unexpected()),
            },
            _ => Err(unexpected()),
        }
    }
}

impl SavedQuery {
    /// The sentence that says what the query answers.
    pub fn description(&self) -> &'static str {
        description(self.sql)
    }
}

/// The views with their queries, each after the views that it reads.
///
/// # Errors
/// When a view is not SQL, or views read each other in a circle: a fault of this program.
pub(crate) fn in_order() -> Result<Vec<(View, Statement)>, QueryError> {
    let names: BTreeSet<&str> = VIEWS.iter().map(|view| view.name).collect();
    let mut waiting = Vec::new();
    for view in VIEWS {
        let statement = Statement::Statement(Box::new(ast::Statement::Query(view.query()?)));
        let (tables, _) = resolve_table_references(&statement, true).map_err(|error| QueryError::planning(&error))?;
        let reads: BTreeSet<String> = tables.iter().map(|table| table.table().to_owned()).filter(|name| names.contains(name.as_str())).collect();
        waiting.push((*view, statement, reads));
    }
    let mut done = BTreeSet::new();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, _, reads)| reads.is_subset(&done));
        if ready.is_empty() {
            let names: Vec<&str> = rest.iter().map(|(view, ..)| view.name).collect();
            return Err(QueryError::Invalid { message: format!("the views {} read each other", names.join(", ")) });
        }
        for (view, statement, _) in ready {
            done.insert(view.name.to_owned());
            ordered.push((view, statement));
        }
        waiting = rest;
    }
    Ok(ordered)
}

/// The views, each after the views that it reads: the order in which to create them.
///
/// # Errors
/// When a view is not SQL, or views read each other in a circle: a fault of this program.
pub fn views_in_creation_order() -> Result<Vec<View>, QueryError> {
    Ok(in_order()?.into_iter().map(|(view, _)| view).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &str) -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../athena").join(folder);
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn every_file_of_views_and_queries_is_embedded() {
        assert_eq!(names_in("views"), VIEWS.iter().map(|view| view.name).collect::<Vec<_>>());
        assert_eq!(names_in("queries"), QUERIES.iter().map(|query| query.name).collect::<Vec<_>>());
    }

    #[test]
    fn every_view_creates_what_its_file_is_named_for_and_says_what_it_answers() {
        for view in VIEWS {
            assert!(view.sql.contains(&format!("\nCREATE OR REPLACE VIEW {} AS\n", view.name)), "{}", view.name);
            assert!(view.description().len() > 20, "{}", view.name);
            assert!(!view.sql.contains(';'), "{}: Athena takes one statement without a semicolon", view.name);
        }
        for query in QUERIES {
            assert!(query.description().len() > 20 && !query.sql.contains(';'), "{}", query.name);
        }
    }

    #[test]
    fn views_are_created_after_those_they_read() {
        let order: Vec<&str> = views_in_creation_order().unwrap().iter().map(|view| view.name).collect();
        assert_eq!(order.len(), VIEWS.len());
        let at = |name: &str| order.iter().position(|other| *other == name).unwrap();
        assert!(at("latest_run") < at("kms_keys_table"));
    }

    #[test]
    fn views_keep_to_syntax_that_trino_has_too() {
        for view in VIEWS {
            let upper = view.sql.to_uppercase();
            for foreign in [" QUALIFY ", " EXCLUDE ", "::", " ILIKE ", "ARRAY_LENGTH", "LIST_", "TO_TIMESTAMP", "NOW()", "STRING_AGG", " INTO "] {
                assert!(!upper.contains(foreign), "{}: {foreign}", view.name);
            }
        }
    }
}
