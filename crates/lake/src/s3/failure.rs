//! Errors of S3 as errors of an object store.

use std::fmt;

use aws_sdk_s3::{
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use object_store::{Error, path::Path};

pub(super) const STORE: &str = "S3";

/// What S3 answered, or why it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Failure {
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// S3's error code, such as `NoSuchBucket`.
    pub code: Option<String>,
    /// S3's own words, or the transport's.
    pub message: String,
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
        if let Some(region) = &self.bucket_region {
            write!(f, " (the bucket is in {region}: set AWS_REGION to it)")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for S3Failure {}

impl S3Failure {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let response = error.raw_response();
        let code = error.code().map(str::to_owned);
        let message = match error.message() {
            Some(message) => message.to_owned(),
            None if code.is_some() => "no further explanation".to_owned(),
            // A failed HEAD has no body, and a lost connection no answer: then the chain of causes is all there is.
            None => DisplayErrorContext(error).to_string(),
        };
        Self {
            status: response.map(|response| response.status().as_u16()),
            code,
            message: message.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect(),
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
        let unauthenticated = matches!(
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

/// Turns the SDK's error into the store's.
pub(super) fn failed<E>(path: &Path) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    move |error| S3Failure::of(&error).into_error(path)
}

/// An answer that is not of the form that S3 documents.
pub(super) fn unusable(message: String) -> Error {
    Error::Generic { store: STORE, source: message.into() }
}
