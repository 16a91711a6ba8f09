//! A fact and how it is known.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Failure};

/// One thing asked of AWS, and how the asking ended. A denied policy is not an empty policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", content = "value", rename_all = "snake_case")]
pub enum Fact<T> {
    /// AWS answered.
    Observed(T),
    /// The question has no meaning here: the rotation of an asymmetric key.
    NotApplicable,
    /// AWS refused: permissions lack.
    Denied(Failure),
    /// There is no answer for another reason; [`Failure::code`] says which.
    Failed(Failure),
}

/// How a fact is known: the values of every `…_status` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactStatus {
    /// AWS answered.
    Observed,
    /// The question has no meaning here.
    NotApplicable,
    /// AWS refused.
    Denied,
    /// No answer for another reason.
    Failed,
}

impl FactStatus {
    /// The value in the tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::NotApplicable => "not_applicable",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for FactStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<T> Fact<T> {
    /// The fact that a failed request leaves: [`Fact::Denied`] when permissions lack, else [`Fact::Failed`].
    pub fn lacking(failure: Failure) -> Self {
        match failure.code {
            ErrorCode::AccessDenied | ErrorCode::AssumeRoleDenied => Self::Denied(failure),
            _ => Self::Failed(failure),
        }
    }

    /// How the fact is known.
    pub const fn status(&self) -> FactStatus {
        match self {
            Self::Observed(_) => FactStatus::Observed,
            Self::NotApplicable => FactStatus::NotApplicable,
            Self::Denied(_) => FactStatus::Denied,
            Self::Failed(_) => FactStatus::Failed,
        }
    }

    /// The value, where it was observed.
    pub const fn observed(&self) -> Option<&T> {
        match self {
            Self::Observed(value) => Some(value),
            _ => None,
        }
    }

    /// Why the fact lacks, where it does.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Denied(failure) | Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Whether the fact lacks: denied or failed.
    pub const fn is_lacking(&self) -> bool {
        self.failure().is_some()
    }

    /// The same fact with its value changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Observed(value) => Fact::Observed(change(value)),
            Self::NotApplicable => Fact::NotApplicable,
            Self::Denied(failure) => Fact::Denied(failure),
            Self::Failed(failure) => Fact::Failed(failure),
        }
    }
}

impl<T> From<Result<T, Failure>> for Fact<T> {
    fn from(result: Result<T, Failure>) -> Self {
        match result {
            Ok(value) => Self::Observed(value),
            Err(failure) => Self::lacking(failure),
        }
    }
}
