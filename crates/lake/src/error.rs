//! What can go wrong with a lake: each error names the path, the reason and what to do next.

use std::{path::PathBuf, sync::Arc};

use kms_insights_model::RunId;
use object_store::path::Path;

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
    #[error("{action} {path}: {source}; {next}", next = store_next_step(source))]
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
    /// The run is not published.
    #[error("run {run} is not published in this lake")]
    NotPublished {
        /// The run.
        run: RunId,
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

fn store_next_step(source: &object_store::Error) -> &'static str {
    match source {
        object_store::Error::NotFound { .. } => "check the bucket or folder and its prefix",
        object_store::Error::PermissionDenied { .. } => {
            "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket (and kms:GenerateDataKey, kms:Decrypt with SSE-KMS), or mend the folder's permissions"
        }
        object_store::Error::Unauthenticated { .. } => "sign in, or choose a profile with AWS_PROFILE",
        _ => "try again; what is staged is kept",
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
