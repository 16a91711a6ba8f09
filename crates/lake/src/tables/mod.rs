//! The tables, one file each: declaration, and the pure function from facts to rows.

use std::collections::BTreeSet;

use kms_insights_model::{ApiAction, Arn};

use crate::table::Table;

pub mod accounts;
pub mod collection_errors;
pub mod findings;
pub mod grants;
pub mod key_access;
pub mod key_events;
pub mod key_last_used;
pub mod key_usage_daily;
pub mod keys;
pub mod policy_statements;
pub mod runs;
pub mod trail_files;
pub mod trail_recording;
pub mod trail_scans;

/// The tables of snapshots, in the order of the documentation.
pub static ALL: &[&Table] = &[
    &runs::TABLE,
    &accounts::TABLE,
    &keys::TABLE,
    &policy_statements::TABLE,
    &grants::TABLE,
    &key_access::TABLE,
    &findings::TABLE,
    &key_last_used::TABLE,
    &trail_recording::TABLE,
    &collection_errors::TABLE,
];

/// The tables of scans of CloudTrail log files, in the order of the documentation.
pub static OF_SCANS: &[&Table] = &[&trail_scans::TABLE, &trail_files::TABLE, &key_usage_daily::TABLE, &key_events::TABLE];

/// Every table, in the order of the documentation.
pub fn every() -> impl Iterator<Item = &'static Table> {
    ALL.iter().chain(OF_SCANS).copied()
}

/// The table of this name.
pub fn find(name: &str) -> Option<&'static Table> {
    every().find(|table| table.name == name)
}

/// The source actions of all tables: all that a collector needs, and so all that its sessions may do.
pub fn required_actions() -> BTreeSet<ApiAction> {
    ALL.iter().flat_map(|table| table.columns).flat_map(|column| column.source).copied().collect()
}

/// Account, Region and id of a key, from the ARN of a log file's record: it may be an alias', whose name then stands for the id.
fn parts_of_key(arn: &str) -> (String, String, String) {
    Arn::parse(arn).map_or_else(Default::default, |arn| {
        (arn.account.to_owned(), arn.region.to_owned(), arn.resource.strip_prefix("key/").unwrap_or(arn.resource).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables_and_columns_are_distinct_and_plain() {
        let plain = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let mut tables = BTreeSet::new();
        for table in every() {
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
    fn every_table_carries_its_run_or_scan_and_every_key_level_table_its_key() {
        for table in every() {
            let first = if table.partition.is_of_scans() { "scan_id" } else { "run_id" };
            assert_eq!(table.columns[0].name, first, "{}", table.name);
            if !["runs", "accounts", "trail_recording", "trail_scans", "trail_files"].contains(&table.name) {
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
