//! The table `trail_scans`: which scans of CloudTrail log files there were. A scan's row publishes its rows in the other tables.

use kms_insights_model::Timestamp;

use crate::table::table;

/// The `tool_version` of a scan that SQL made (`athena/usage`): it counts uses, and has no rows in `key_events`.
pub const BY_SQL: &str = "sql";

table! {
    /// One row per scan of CloudTrail log files. A scan's rows in `trail_files`, `key_usage_daily` and `key_events` count only if it has a row here, which is written last.
    TrailScanRow in "trail_scans" by ScanDate {
        /// The scan: when it began, and eight random characters.
        scan_id: String, from [];
        /// Where the log files are: a folder, or a bucket and prefix on S3.
        source: String, from [];
        /// `complete`, or `partial` where a log file could not be read whole: `trail_files` says which.
        status: String, from [];
        /// When the scan began.
        started_at: Timestamp, from [];
        /// When it ended.
        finished_at: Timestamp, from [];
        /// The version of kms-insights; `sql` where SQL made the scan, which counts cryptographic operations alone and has no rows in `key_events`.
        tool_version: String, from [];
        /// The names of the events that the scan counted as uses.
        use_events: Vec<String>, from [];
        /// Log files that were there.
        files_listed: i64, from [];
        /// Log files that earlier scans had read.
        files_known: i64, from [];
        /// Log files that this scan read whole.
        files_read: i64, from [];
        /// Log files of which something could not be read.
        files_failed: i64, from [];
        /// Bytes of the log files, compressed as they are.
        bytes: i64, from [];
        /// Records of all services.
        records: i64, from [];
        /// Records of KMS.
        kms_records: i64, from [];
        /// Records of KMS that had been counted before: CloudTrail may deliver an event more than once. Null where SQL made the scan: it does not count them.
        repeated_records: i64, from [];
        /// Calls that used a key and do not say which: of each key in their account and Region it may have been the last use. Null where SQL made the scan.
        uses_without_key: i64, from [];
        /// Calls that failed before it was known which key they were to use. Null where SQL made the scan.
        errors_without_key: i64, from [];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_by_sql_say_so() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../athena/usage");
        let sql = std::fs::read_to_string(folder.join("trail_scans.sql")).unwrap();
        assert!(sql.contains(&format!("'{BY_SQL}' AS tool_version,")), "{sql}");
    }
}
