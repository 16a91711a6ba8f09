//! The table `trail_files`: which CloudTrail log files were read, and what could not be.

use kms_insights_model::Timestamp;

use crate::table::table;

table! {
    /// One row per CloudTrail log file that a scan read or could not read. What is not listed here nobody has read: a day without rows for an account and Region is a day that nobody knows of.
    TrailFileRow in "trail_files" by LogDate {
        /// The scan that read it.
        scan_id: String, from [];
        /// Where the log files are: a folder, or a bucket and prefix on S3.
        source: String, from [];
        /// The file, below the source.
        path: String, from [];
        /// The account whose events it holds, from its name.
        account_id: Option<String>, from [];
        /// The Region whose events it holds, from its name.
        region: Option<String>, from [];
        /// When CloudTrail delivered it, to the minute, from its name.
        delivered_at: Option<Timestamp>, from [];
        /// Its bytes, compressed as it is.
        bytes: i64, from [];
        /// Records of all services in it.
        records: i64, from [];
        /// Records of KMS in it.
        kms_records: i64, from [];
        /// `read`; `partial` where something of it could not be read; `unread` where nothing could.
        status: String, from [];
        /// What is wrong with it, such as `truncated` or `bad_checksum`.
        problem: Option<String>, from [];
        /// At which byte: of its text, or of the file where the text cannot be known.
        problem_offset: Option<i64>, from [];
    }
}
