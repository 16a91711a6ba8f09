//! The views, written once in `athena/views` for Athena, Trino and the embedded engine, and the questions of `athena/queries`.

use std::collections::BTreeSet;

use kms_insights_lake::ddl::DATABASE;

use crate::names::Database;

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

/// A text without the comments before its statement: Athena chooses between its engines by how a statement begins.
fn without_leading_comments(sql: &'static str) -> &'static str {
    let mut rest = sql.trim_start();
    while rest.starts_with("--") {
        rest = rest.split_once('\n').map_or("", |(_, after)| after).trim_start();
    }
    rest.trim_end()
}

impl View {
    /// The sentence that says what the view answers.
    pub fn description(&self) -> &'static str {
        description(self.sql)
    }

    /// The statement as Athena is sent it.
    pub fn statement(&self) -> &'static str {
        without_leading_comments(self.sql)
    }

    /// The views among those named that this one reads: what stands behind FROM or JOIN.
    fn reads(&self, names: &BTreeSet<&str>) -> BTreeSet<String> {
        let code: String = self.statement().lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
        let words: Vec<&str> = code.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';')).filter(|word| !word.is_empty()).collect();
        words
            .windows(2)
            .filter(|pair| pair[0].eq_ignore_ascii_case("FROM") || pair[0].eq_ignore_ascii_case("JOIN"))
            .map(|pair| pair[1].trim_matches('"').to_owned())
            .filter(|name| name != self.name && names.contains(name.as_str()))
            .collect()
    }
}

impl SavedQuery {
    /// The sentence that says what the query answers.
    pub fn description(&self) -> &'static str {
        description(self.sql)
    }

    /// The query over a database of this name, with its comment: a person reads it in the console.
    pub fn over(&self, database: &Database) -> String {
        self.sql.trim_end().replace(&format!("\"{DATABASE}\""), &format!("\"{database}\""))
    }
}

/// The views, each after the views that it reads: the order in which to create them. A circle of views, which would be a fault of this program, comes last and as it is.
pub fn views_in_creation_order() -> Vec<View> {
    let names: BTreeSet<&str> = VIEWS.iter().map(|view| view.name).collect();
    let mut waiting: Vec<(View, BTreeSet<String>)> = VIEWS.iter().map(|view| (*view, view.reads(&names))).collect();
    let mut done = BTreeSet::new();
    let mut ordered = Vec::with_capacity(VIEWS.len());
    while !waiting.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, reads)| reads.is_subset(&done));
        if ready.is_empty() {
            ordered.extend(rest.into_iter().map(|(view, _)| view));
            break;
        }
        for (view, _) in ready {
            done.insert(view.name.to_owned());
            ordered.push(view);
        }
        waiting = rest;
    }
    ordered
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
            assert!(view.statement().starts_with(&format!("CREATE OR REPLACE VIEW {} AS\n", view.name)), "{}", view.name);
            assert!(view.description().len() > 20, "{}", view.name);
            assert!(!view.sql.contains(';'), "{}: Athena takes one statement without a semicolon", view.name);
        }
        for query in QUERIES {
            assert!(query.description().len() > 20 && !query.sql.contains(';'), "{}", query.name);
        }
    }

    #[test]
    fn views_are_created_after_those_they_read() {
        let order: Vec<&str> = views_in_creation_order().iter().map(|view| view.name).collect();
        assert_eq!(order.len(), VIEWS.len());
        let at = |name: &str| order.iter().position(|other| *other == name).unwrap();
        let names: BTreeSet<&str> = VIEWS.iter().map(|view| view.name).collect();
        for view in VIEWS {
            assert!(view.reads(&names).iter().all(|read| at(read) < at(view.name)), "{}", view.name);
        }
    }

    #[test]
    fn saved_queries_name_the_database_that_they_are_saved_for() {
        let database: Database = "audit_2026".parse().unwrap();
        for query in QUERIES {
            let text = query.over(&database);
            assert!(text.contains("\"audit_2026\".") && !text.contains(DATABASE), "{}", query.name);
        }
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
