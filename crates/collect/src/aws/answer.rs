//! SDK results → the collector's answers.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use kms_insights_model::{ErrorCode, Timestamp, cause, causes};

use crate::cloud::{Answer, ApiError};

/// Translates an operation's result; `AccessDeniedException` and `ThrottlingException` are not modelled errors, so codes are read as text.
pub(crate) fn answer<T, E>(result: Result<T, SdkError<E, HttpResponse>>) -> Answer<T>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    result.map_err(|error| api_error(&error))
}

pub(super) fn api_error<E>(error: &SdkError<E, HttpResponse>) -> ApiError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
    let aws_code = metadata.and_then(aws_smithy_types::error::ErrorMetadata::code).map(str::to_owned);
    let code = aws_code.as_deref().and_then(from_aws_code).or_else(|| from_whole_answer(error)).unwrap_or_else(|| from_transport(error));
    let message = match metadata.and_then(aws_smithy_types::error::ErrorMetadata::message) {
        // Below its first line a complaint about a signature repeats the request, session token included.
        Some(message) => message.lines().next().unwrap_or_default().to_owned(),
        None => match status {
            Some(status) if !(200..300).contains(&status) => format!("HTTP status {status}"),
            // The SDK goes on with a paragraph about every place in which it looked.
            _ if matches!(cause(error), Some(CredentialsError::CredentialsNotLoaded(_))) => "no credentials found".to_owned(),
            _ => causes(error),
        },
    };
    ApiError { code, aws_code, message }
}

/// AWS's common error codes and those of the services asked. Source: "Common Error Types" of each service's API reference.
fn from_aws_code(code: &str) -> Option<ErrorCode> {
    Some(match code {
        "AccessDeniedException" | "AccessDenied" | "AccessDeniedForDependencyException" | "UnauthorizedOperation" | "NotAuthorized" => ErrorCode::AccessDenied,
        "ThrottlingException" | "Throttling" | "ThrottledException" | "TooManyRequestsException" | "RequestLimitExceeded" | "RequestThrottled" | "SlowDown" => {
            ErrorCode::Throttled
        }
        "NotFoundException" | "ResourceNotFoundException" | "AccountNotFoundException" => ErrorCode::NotFound,
        // KMS's word for "not for this kind of key"; an endpoint that lacks the operation altogether says it otherwise.
        "UnsupportedOperationException" => ErrorCode::UnsupportedByKey,
        "UnknownOperationException" | "InvalidAction" | "NotImplemented" | "UnsupportedAPIEndpointException" => ErrorCode::Unsupported,
        "KMSInvalidStateException" => ErrorCode::InvalidState,
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => ErrorCode::ExpiredCredentials,
        "RegionDisabledException" => ErrorCode::RegionDisabled,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidClientTokenIdException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => ErrorCode::CredentialsUnavailable,
        "KMSInternalException"
        | "DependencyTimeoutException"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerException"
        | "ServiceException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => ErrorCode::ServiceError,
        "RequestTimeout" | "RequestTimeoutException" => ErrorCode::Timeout,
        "ValidationException"
        | "ValidationError"
        | "InvalidArnException"
        | "InvalidMarkerException"
        | "InvalidInputException"
        | "MalformedPolicyDocument"
        | "PackedPolicyTooLarge"
        | "ConstraintViolationException" => ErrorCode::InvalidRequest,
        _ => return None,
    })
}

/// What the status says of an answer without a code. An answer that broke off, or whose JSON or XML is damaged, says nothing: it is asked for again, so that a refusal
/// is not taken for another.
fn from_whole_answer<E>(error: &SdkError<E, HttpResponse>) -> Option<ErrorCode> {
    let SdkError::ServiceError(context) = error else { return None };
    let response = context.raw();
    let body = response.body().bytes().unwrap_or_default();
    let whole = match response.headers().get("content-type") {
        Some(kind) if kind.contains("json") => serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok(),
        Some(kind) if kind.contains("xml") => body.trim_ascii_end().ends_with(b">"),
        _ => true,
    };
    if whole || body.is_empty() { from_status(response.status().as_u16()) } else { None }
}

/// An answer without a code that AWS documents: a proxy's page, or a stand-in's.
const fn from_status(status: u16) -> Option<ErrorCode> {
    match status {
        401 | 403 => Some(ErrorCode::AccessDenied),
        404 | 405 | 501 => Some(ErrorCode::Unsupported),
        408 => Some(ErrorCode::Timeout),
        429 => Some(ErrorCode::Throttled),
        400..=499 => Some(ErrorCode::InvalidRequest),
        500..=599 => Some(ErrorCode::ServiceError),
        _ => None,
    }
}

fn from_transport<E>(error: &SdkError<E, HttpResponse>) -> ErrorCode
where
    E: std::error::Error + 'static,
{
    // A session that could not be renewed. Only below this error: it may be of that type itself.
    if let Some(error) = std::error::Error::source(error).and_then(cause::<SdkError<AssumeRoleError, HttpResponse>>) {
        return api_error(error).code;
    }
    match cause::<CredentialsError>(error) {
        Some(CredentialsError::ProviderTimedOut(_)) => return ErrorCode::Timeout,
        Some(_) => return ErrorCode::CredentialsUnavailable,
        None => {}
    }
    match error {
        SdkError::TimeoutError(_) => ErrorCode::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ErrorCode::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_user() => ErrorCode::InvalidRequest,
        SdkError::DispatchFailure(_) => ErrorCode::Connection,
        SdkError::ConstructionFailure(_) => ErrorCode::InvalidRequest,
        // An answer cut off in its middle, or not of the documented form.
        _ => ErrorCode::InvalidResponse,
    }
}

/// An answer whose content cannot be what the API documents.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError { code: ErrorCode::InvalidResponse, aws_code: None, message: message.into() }
}

/// A time of the SDK, to the nearest millisecond; a time beyond the calendar is no time.
///
/// AWS writes `1795327380.123`, which as a binary fraction is a little less or more: cut off instead of rounded, every other time would be a millisecond early.
pub(crate) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    let millis = time.secs().checked_mul(1000)?.checked_add((i64::from(time.subsec_nanos()) + 500_000) / 1_000_000)?;
    Timestamp::from_timestamp_millis(millis)
}

#[cfg(test)]
mod tests {
    use aws_sdk_kms::operation::describe_key::DescribeKeyError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn code_of(status: u16, kind: &'static str, body: &'static str) -> ErrorCode {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        response.headers_mut().insert("content-type", kind);
        let unread = DescribeKeyError::unhandled("no code");
        answer::<(), _>(Err(SdkError::service_error(unread, response))).unwrap_err().code
    }

    #[test]
    fn a_lost_connection_is_told_as_that_of_sts_too() {
        let lost = || ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
        let sts: SdkError<AssumeRoleError, HttpResponse> = SdkError::dispatch_failure(lost());
        assert_eq!(answer::<(), _>(Err(sts)).unwrap_err().code, ErrorCode::Connection);
        let renewal: SdkError<AssumeRoleError, HttpResponse> = SdkError::dispatch_failure(lost());
        let kms: SdkError<DescribeKeyError, HttpResponse> = SdkError::construction_failure(CredentialsError::provider_error(renewal));
        assert_eq!(answer::<(), _>(Err(kms)).unwrap_err().code, ErrorCode::Connection);
    }

    #[test]
    fn a_damaged_refusal_is_not_taken_for_another_refusal() {
        let json = "application/x-amz-json-1.1";
        assert_eq!(code_of(400, json, r#"{"__type":"AccessDeniedExcep"#), ErrorCode::InvalidResponse);
        assert_eq!(code_of(403, "text/xml", "<ErrorResponse><Error><Co"), ErrorCode::InvalidResponse);
        assert_eq!(code_of(400, json, r#"{"message":"no"}"#), ErrorCode::InvalidRequest);
        assert_eq!(code_of(403, "text/html", "<html>Blocked by proxy"), ErrorCode::AccessDenied);
        assert_eq!(code_of(503, json, ""), ErrorCode::ServiceError);
    }

    #[test]
    fn times_are_rounded_to_the_millisecond_that_aws_wrote() {
        let time = aws_smithy_types::DateTime::from_secs_f64(1_795_327_380.123);
        assert_eq!(timestamp(&time).unwrap().timestamp_millis(), 1_795_327_380_123);
        assert_eq!(timestamp(&aws_smithy_types::DateTime::from_secs(i64::MAX)), None);
    }
}
