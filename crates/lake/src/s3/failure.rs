//! Errors of S3 as errors of an object store, each in words that a person can act on.

use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use kms_insights_model::{cause, causes};
use object_store::{Error, path::Path};

use super::store::S3Options;

pub(super) const STORE: &str = "S3";
const MAX_MESSAGE_CHARS: usize = 500;

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S3Stage {
    /// There were no credentials to sign it with.
    Credentials,
    /// It could not be sent, or no whole answer came.
    Transport,
    /// S3 answered.
    Answer,
}

/// What S3 answered, or why it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Failure {
    /// How far the request came.
    pub stage: S3Stage,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// S3's error code, such as `NoSuchBucket`.
    pub code: Option<String>,
    /// S3's own words, or the transport's.
    pub message: String,
    /// The account that was to own the bucket, where access was denied: S3 gives the same answer to whoever expects another owner.
    pub expected_owner: Option<String>,
    /// The Region of the bucket, where S3 says that the request went to the wrong one.
    pub bucket_region: Option<String>,
    /// The request's id, for AWS Support.
    pub request_id: Option<String>,
}

impl fmt::Display for S3Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(owner) = &self.expected_owner {
            write!(f, ", or the bucket does not belong to account {owner} (--s3-bucket-owner)")?;
        }
        if let Some(region) = &self.bucket_region {
            write!(f, " (the bucket is in {region}: give --s3-region {region}, or set AWS_REGION to it)")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for S3Failure {}

impl S3Failure {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, options: &S3Options) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        // A failed HEAD has no body, and a code is then the SDK's own.
        let has_body = response.and_then(|response| response.body().bytes()).is_some_and(|body| !body.is_empty());
        let code = error.code().filter(|_| has_body).map(str::to_owned);
        let credentials = cause::<CredentialsError>(error);
        let message = match (error.message().filter(|message| !message.is_empty()), status) {
            (Some(message), _) => message.to_owned(),
            (None, Some(status)) => status_in_words(status),
            // The SDK goes on with a paragraph about every place in which it looked.
            _ if matches!(credentials, Some(CredentialsError::CredentialsNotLoaded(_))) => "no credentials found".to_owned(),
            _ => causes(error),
        };
        let is_denied = status == Some(403) && matches!(code.as_deref(), None | Some("AccessDenied"));
        Self {
            stage: match (response, credentials) {
                (Some(_), _) => S3Stage::Answer,
                (None, Some(CredentialsError::ProviderTimedOut(_)) | None) => S3Stage::Transport,
                (None, Some(_)) => S3Stage::Credentials,
            },
            status,
            code,
            message: message.chars().take(MAX_MESSAGE_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect(),
            expected_owner: options.expected_bucket_owner.clone().filter(|_| is_denied),
            bucket_region: response
                .filter(|response| matches!(response.status().as_u16(), 301 | 307 | 400))
                .and_then(|response| response.headers().get("x-amz-bucket-region"))
                .map(str::to_owned),
            request_id: response.and_then(|response| response.request_id()).map(str::to_owned),
        }
    }

    /// Whether two conditional writes met: S3 then asks to repeat the request. Source: "Add preconditions to S3 operations" in the Amazon S3 User Guide.
    pub(super) fn is_conflict(&self) -> bool {
        self.status == Some(409)
    }

    pub(super) fn into_error(self, path: &Path) -> Error {
        let location = path.to_string();
        let unauthenticated = self.stage == S3Stage::Credentials
            || matches!(
                self.code.as_deref(),
                Some("ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "TokenRefreshRequired" | "RequestTimeTooSkewed")
            );
        match self.status {
            _ if unauthenticated => Error::Unauthenticated { path: location, source: Box::new(self) },
            Some(304) => Error::NotModified { path: location, source: Box::new(self) },
            Some(401) => Error::Unauthenticated { path: location, source: Box::new(self) },
            Some(403) => Error::PermissionDenied { path: location, source: Box::new(self) },
            Some(404) => Error::NotFound { path: location, source: Box::new(self) },
            Some(412) => Error::Precondition { path: location, source: Box::new(self) },
            _ => Error::Generic { store: STORE, source: Box::new(self) },
        }
    }
}

/// An answer without words of its own, as to every HEAD, and what it usually means. Source: "Error responses" in the Amazon S3 API Reference.
fn status_in_words(status: u16) -> String {
    let meaning = match status {
        200..=299 => ": the answer broke off, or is not of the form that S3 documents",
        301 | 307 => ": the request went to the wrong Region",
        400 => ": usually credentials that expired, or the wrong Region",
        401 | 403 => ": access is denied",
        404 => ": there is no such object or bucket",
        408 | 429 | 500..=599 => ": S3, or what stands before it, is busy or out of order",
        _ => "",
    };
    format!("HTTP status {status}{meaning}")
}

/// Turns the SDK's error into the store's.
pub(super) fn failed<E>(options: &S3Options, path: &Path) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    move |error| S3Failure::of(&error, options).into_error(path)
}

/// An answer that is not of the form that S3 documents.
pub(super) fn unusable(message: String) -> Error {
    Error::Generic { store: STORE, source: message.into() }
}
