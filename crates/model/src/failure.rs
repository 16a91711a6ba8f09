//! The closed vocabulary for what can go wrong while reading AWS. The `collection_errors` table uses the codes that a person sees.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ApiAction;

/// Declares the codes with the sentence that explains each and whether asking again later can help.
macro_rules! error_codes {
    ($($(#[$meta:meta])* $variant:ident = $text:literal, retryable: $retryable:literal, $means:literal, next: $next:literal;)+) => {
        /// What went wrong with a request, once and for all its retries.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $($(#[$meta])* #[doc = $means] $variant,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code in tables and messages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether the same request may succeed later without anybody changing anything.
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)+ }
            }

            /// What the code means, as a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $means,)+ }
            }

            /// What a person can do about it.
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next,)+ }
            }
        }
    };
}

error_codes! {
    AccessDenied = "access_denied", retryable: false,
        "AWS refused the request: the key policy, an IAM policy, an SCP or the session policy does not allow it.",
        next: "allow the action named in `operation` for the collector's role, in IAM and in the key policy";
    AssumeRoleDenied = "assume_role_denied", retryable: false,
        "The role in the account could not be assumed: it is missing, or its trust policy or external id does not admit the collector.",
        next: "create the role in the account (StackSet) or mend its trust policy, then `collect --resume`";
    CredentialsUnavailable = "credentials_unavailable", retryable: false,
        "No credentials were found, or those found are not valid.",
        next: "sign in (for example `aws sso login`) or choose a profile with AWS_PROFILE";
    ExpiredCredentials = "expired_credentials", retryable: true,
        "The credentials expired and could not be renewed.",
        next: "sign in again, then `collect --resume`";
    RegionDisabled = "region_disabled", retryable: false,
        "The Region does not know the session's credentials: it is not enabled for the account, or there is none of this name.",
        next: "leave the Region out with `--regions`, or enable it";
    NotFound = "not_found", retryable: false,
        "AWS does not know the thing asked for; it may have been deleted during the run.",
        next: "collect again: a key deleted meanwhile is then no longer listed";
    Throttled = "throttled", retryable: true,
        "AWS went on throttling after every retry.",
        next: "`collect --resume` when other users of the same quota are quiet";
    ServiceError = "service_error", retryable: true,
        "AWS went on answering with a server error after every retry.",
        next: "`collect --resume` later";
    Timeout = "timeout", retryable: true,
        "No whole answer came within the request's deadline, after every retry.",
        next: "`collect --resume`; check the network path if it persists";
    Connection = "connection", retryable: true,
        "The connection could not be made or was lost, after every retry.",
        next: "check network, proxy and AWS_ENDPOINT_URL, then `collect --resume`";
    InvalidResponse = "invalid_response", retryable: true,
        "The answer broke off or was not of the form that the API documents, after every retry.",
        next: "`collect --resume`; report it with the operation and message if it persists";
    EndlessPagination = "endless_pagination", retryable: false,
        "A listing repeated a page marker, or said that there is more without saying where: what came before is kept, the rest is unknown.",
        next: "`collect --resume`; report it to AWS Support if it persists";
    InvalidState = "invalid_state", retryable: false,
        "The key's state does not permit the request.",
        next: "collect again when the key's state has changed";
    UnsupportedByKey = "unsupported_by_key", retryable: false,
        "KMS does not offer the operation for this kind of key.",
        next: "nothing: the fact has no meaning for the key";
    Unsupported = "unsupported", retryable: false,
        "The endpoint does not implement the operation.",
        next: "nothing, where the endpoint is a stand-in or a partition without the operation";
    InvalidRequest = "invalid_request", retryable: false,
        "AWS rejected the request as malformed or out of order.",
        next: "report it with the operation and message";
    Deadline = "deadline", retryable: true,
        "The account's deadline passed before this was read.",
        next: "`collect --resume`, or a longer `--account-deadline`";
    Budget = "budget", retryable: true,
        "The time for last usages, or for CloudTrail's event history, was spent before this was read.",
        next: "`collect --resume`, or a larger `--last-usage-budget` or `--lookup-budget`";
    Interrupted = "interrupted", retryable: true,
        "The run was stopped before this was read.",
        next: "`collect --resume`";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or_else(|| serde::de::Error::custom(format!("unknown error code {text:?}")))
    }
}

/// Why one fact lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{action}: {code}: {message}")]
pub struct Failure {
    /// The API action that was asked.
    pub action: ApiAction,
    /// What went wrong.
    pub code: ErrorCode,
    /// AWS's own words, or the transport's: at most [`Failure::MAX_MESSAGE_CHARS`] characters, control characters replaced.
    pub message: String,
}

impl Failure {
    /// How many characters of a message are kept: an HTML error page or a hostile text must not fill the tables.
    pub const MAX_MESSAGE_CHARS: usize = 500;

    /// A failure with its message bounded and made printable.
    pub fn new(action: ApiAction, code: ErrorCode, message: impl AsRef<str>) -> Self {
        let message =
            message.as_ref().chars().take(Self::MAX_MESSAGE_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned();
        Self { action, code, message }
    }

    /// Whether asking again later can help.
    pub const fn is_retryable(&self) -> bool {
        self.code.is_retryable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_no_control_characters_and_no_endless_text() {
        let failure = Failure::new(ApiAction::KmsGetKeyPolicy, ErrorCode::ServiceError, format!("\u{1b}[31m<html>\n{}", "x".repeat(10_000)));
        assert!(failure.message.starts_with("[31m<html> xxx"), "{}", failure.message);
        assert!(failure.message.chars().count() <= Failure::MAX_MESSAGE_CHARS);
        assert!(!failure.message.chars().any(char::is_control));
    }

    #[test]
    fn error_codes_are_distinct_and_read_back() {
        for code in ErrorCode::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), *code);
        }
    }
}
