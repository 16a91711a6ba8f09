//! What can go wrong with a lake: each error names the path, the reason and what to do next.

use std::{fmt, path::PathBuf, sync::Arc};

use kms_insights_model::RunId;
use object_store::path::Path;

use crate::s3::{S3Failure, S3Stage};

/// What went wrong with a lake.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The text names no lake.
    #[error("{text:?} is not the place of a lake: {reason}; give a folder, or s3://bucket/prefix")]
    InvalidLocation {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no folder to read from.
    #[error("there is no lake at {}: the folder does not exist; check the path, or make a lake with `kms-insights collect --lake DIR`", path.display())]
    NoSuchFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Where a folder was to be is a file.
    #[error("{} is a file and not a folder; give a folder, or s3://bucket/prefix", path.display())]
    NotAFolder {
        /// The file: the lake's path, or one above it.
        path: PathBuf,
    },
    /// A folder could not be made or opened.
    #[error("{}: {source}; check that the folder exists and may be written", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A lake on S3 was asked for without AWS settings.
    #[error("the lake {location} is on S3, but no AWS settings were given")]
    AwsSettings {
        /// The lake.
        location: String,
    },
    /// The store refused or failed.
    #[error("{action} {path}: {reason}; {next}", reason = store_reason(source), next = store_next_step(action, source))]
    Store {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The object or prefix.
        path: String,
        /// Why it failed.
        source: object_store::Error,
    },
    /// A staged part is not what a writer leaves: truncated, damaged, or not this program's.
    #[error(
        "the staged part {path} cannot be read: {reason}; delete this part and run `kms-insights collect --resume`: what it held is then missed and read again"
    )]
    CorruptPart {
        /// The part.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A description of a run is not what a writer leaves.
    #[error("the run's description {path} cannot be read: {reason}; the run cannot be resumed: start a new one and delete this run's folder")]
    CorruptRun {
        /// The description.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A record is larger than a reader would take back.
    #[error("a record of {bytes} bytes for {what} exceeds the limit of {limit} bytes")]
    RecordTooLarge {
        /// What the record describes.
        what: String,
        /// Its size as JSON.
        bytes: usize,
        /// The largest size admitted.
        limit: usize,
    },
    /// A record could not be written as JSON.
    #[error("a record for {what} cannot be written as JSON: {source}")]
    Encode {
        /// What the record describes.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// No such run is staged.
    #[error("no run {run} is staged in this lake; `kms-insights collect --resume` without a value lists those that are")]
    UnknownRun {
        /// The run.
        run: RunId,
    },
    /// The run is published.
    #[error("run {run} is already published, and a published run never changes; resume it under a new run id")]
    AlreadyPublished {
        /// The run.
        run: RunId,
    },
    /// Another scan of log files was published while this one ran.
    #[error(
        "another scan of log files was published to this lake while this one ran, and may have read the same files; nothing of this one was published: run it again"
    )]
    AnotherScan,
    /// A file of this program is not what it wrote.
    #[error("{path} is damaged; delete it: what it prevented is that an event which CloudTrail delivers again is counted again")]
    DamagedEventIds {
        /// The file.
        path: String,
    },
    /// The run is not published.
    #[error("run {run} is not published in this lake")]
    NotPublished {
        /// The run.
        run: RunId,
    },
    /// No account of the run could be read: published, it would hide the snapshot before it.
    #[error("no account could be read: {}; nothing was published", failed_accounts(*accounts, example))]
    NothingRead {
        /// The run. It is staged as it was, and can be resumed.
        run: RunId,
        /// How many accounts failed.
        accounts: u64,
        /// One of them, and why.
        example: String,
    },
    /// Another process took the run over.
    #[error("another process has taken over run {run}; let it finish, it has everything that was staged here")]
    TakenOver {
        /// The run.
        run: RunId,
    },
    /// A table's file could not be written or read.
    #[error("{action} {path}: {source}")]
    Parquet {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file.
        path: String,
        /// Why it failed.
        source: parquet::errors::ParquetError,
    },
    /// The task that wrote staged records ended before its time: it panicked, or the program was ending.
    #[error("writing what was collected broke off, so some of it is lost; `kms-insights collect --resume` reads it again")]
    BrokenOff,
    /// An earlier write of the same staging failed: nothing more is staged, so that nothing is staged in part.
    #[error(transparent)]
    Staging(Arc<LakeError>),
}

fn failed_accounts(accounts: u64, example: &str) -> String {
    if accounts > 1 { format!("all {accounts} failed, such as {example}") } else { example.to_owned() }
}

/// What S3 said, where it was S3: the store's own words around it name the path once more.
fn store_reason(source: &object_store::Error) -> &dyn fmt::Display {
    match s3_failure(source) {
        Some(failure) => failure,
        None => source,
    }
}

fn s3_failure(source: &object_store::Error) -> Option<&S3Failure> {
    std::error::Error::source(source)?.downcast_ref()
}

fn store_next_step(action: &str, source: &object_store::Error) -> &'static str {
    let failure = s3_failure(source);
    let (reads, stages) = (matches!(action, "read" | "list"), matches!(action, "write" | "copy"));
    match source {
        object_store::Error::NotFound { .. } => "check the bucket or folder and its prefix",
        object_store::Error::PermissionDenied { .. } if failure.is_none() => "mend the folder's permissions",
        object_store::Error::PermissionDenied { .. } if reads => "allow s3:GetObject and s3:ListBucket (and kms:Decrypt with SSE-KMS)",
        object_store::Error::PermissionDenied { .. } => {
            "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket (and kms:GenerateDataKey, kms:Decrypt with SSE-KMS)"
        }
        object_store::Error::Unauthenticated { .. } => "sign in, or choose a profile with AWS_PROFILE",
        _ => match failure.map(|failure| failure.stage) {
            Some(S3Stage::Transport) if stages => "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then try again; what is staged is kept",
            Some(S3Stage::Transport) => "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then try again",
            _ if stages => "try again; what is staged is kept",
            _ => "try again",
        },
    }
}

impl LakeError {
    pub(crate) fn store(action: &'static str, path: &Path) -> impl FnOnce(object_store::Error) -> Self + use<> {
        let path = path.to_string();
        move |source| Self::Store { action, path, source }
    }

    pub(crate) fn parquet(action: &'static str, path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self + use<> {
        let path = path.to_string();
        move |source| Self::Parquet { action, path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(action: &'static str, source: object_store::Error) -> String {
        LakeError::store(action, &Path::from("keys/x"))(source).to_string()
    }

    fn failure(stage: S3Stage, status: Option<u16>, message: &str) -> S3Failure {
        S3Failure { stage, status, code: None, message: message.to_owned(), expected_owner: None, bucket_region: None, request_id: None }
    }

    #[test]
    fn the_next_step_fits_what_was_tried_and_where() {
        let generic = |failure| object_store::Error::Generic { store: "S3", source: Box::new(failure) };
        let denied = |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::PermissionDenied { path: "keys/x".to_owned(), source };
        let lost = || generic(failure(S3Stage::Transport, None, "dispatch failure: io error: reset"));
        let busy = || generic(failure(S3Stage::Answer, Some(503), "HTTP status 503"));
        let network = "dispatch failure: io error: reset; check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then try again";
        assert_eq!(told("read", lost()), format!("read keys/x: {network}"));
        assert_eq!(told("write", lost()), format!("write keys/x: {network}; what is staged is kept"));
        assert_eq!(told("list", busy()), "list keys/x: HTTP status 503; try again");
        assert_eq!(told("copy", busy()), "copy keys/x: HTTP status 503; try again; what is staged is kept");
        assert_eq!(told("delete", busy()), "delete keys/x: HTTP status 503; try again");

        let refusal = || denied(failure(S3Stage::Answer, Some(403), "HTTP status 403: access is denied").into());
        assert!(told("write", refusal()).contains("s3:PutObject"));
        let read = told("read", refusal());
        assert!(read.contains("s3:GetObject") && !read.contains("s3:PutObject"), "{read}");
        let local = told("write", denied("Permission denied (os error 13)".into()));
        assert!(local.ends_with("; mend the folder's permissions"), "{local}");
    }
}
