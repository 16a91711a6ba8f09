//! The table `trail_scans`: which scans of CloudTrail log files there were. A scan's row publishes its rows in the other tables.

use kms_insights_model::Timestamp;

use crate::table::table;

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
        /// The version of kms-insights.
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
        /// Records of KMS that had been counted before: CloudTrail may deliver an event more than once.
        repeated_records: i64, from [];
        /// Uses, and failed attempts at them, that name no key: calls that failed before they got that far.
        uses_without_key: i64, from [];
    }
}
