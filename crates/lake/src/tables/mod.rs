//! The tables, one file each: declaration, and the pure function from facts to rows.

use std::collections::BTreeSet;

use kms_insights_model::ApiAction;

use crate::table::Table;

pub mod accounts;
pub mod collection_errors;
pub mod findings;
pub mod grants;
pub mod key_access;
pub mod key_last_used;
pub mod keys;
pub mod policy_statements;
pub mod runs;

/// Every table, in the order of the documentation.
pub static ALL: &[&Table] = &[
    &runs::TABLE,
    &accounts::TABLE,
    &keys::TABLE,
    &policy_statements::TABLE,
    &grants::TABLE,
    &key_access::TABLE,
    &findings::TABLE,
    &key_last_used::TABLE,
    &collection_errors::TABLE,
];

/// The table of this name.
pub fn find(name: &str) -> Option<&'static Table> {
    ALL.iter().copied().find(|table| table.name == name)
}

/// The source actions of all tables: all that a collector needs, and so all that its sessions may do.
pub fn required_actions() -> BTreeSet<ApiAction> {
    ALL.iter().flat_map(|table| table.columns).flat_map(|column| column.source).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables_and_columns_are_distinct_and_plain() {
        let plain = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let mut tables = BTreeSet::new();
        for table in ALL {
            assert!(plain(table.name) && tables.insert(table.name), "{}", table.name);
            assert!(!table.description.is_empty(), "{}", table.name);
            let mut columns = BTreeSet::from([table.partition.column()]);
            for column in table.columns {
                assert!(plain(column.name) && columns.insert(column.name), "{}.{}", table.name, column.name);
                assert!(!column.description.is_empty(), "{}.{}", table.name, column.name);
            }
        }
    }

    #[test]
    fn every_table_carries_its_run_and_every_key_level_table_its_key() {
        for table in ALL {
            assert_eq!(table.columns[0].name, "run_id", "{}", table.name);
            if !["runs", "accounts"].contains(&table.name) {
                for column in ["key_arn", "key_id", "account_id", "region"] {
                    assert!(table.column(column).is_some(), "{}.{column}", table.name);
                }
            }
        }
    }

    #[test]
    fn every_action_that_the_collector_knows_is_needed_by_a_column() {
        assert_eq!(required_actions(), ApiAction::ALL.iter().copied().collect());
    }
}
