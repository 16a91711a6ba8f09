//! What a rule says.

use std::{fmt, sync::Arc};

use kms_insights_policy::access::PolicyName;
use serde::{Deserialize, Serialize};

use crate::Waiver;

/// How bad it is, if it is so. Orders from [`Severity::Info`] to [`Severity::Critical`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Tidy it up.
    Low,
    /// Plan to change it.
    Medium,
    /// Change it soon.
    High,
    /// Change it now.
    Critical,
}

impl Severity {
    /// Every severity, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The value in the tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How sure it is that it is so. Orders from [`Confidence::Possible`] to [`Confidence::Certain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// It cannot be ruled out.
    Possible,
    /// It is so unless a condition that could not be weighed prevents it.
    Likely,
    /// It is so.
    Certain,
}

impl Confidence {
    /// Every confidence, the surest first.
    pub const ALL: [Self; 3] = [Self::Certain, Self::Likely, Self::Possible];

    /// The value in the tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The names that lead to an element, from the outermost: `Condition`, `StringLike`, `aws:PrincipalArn`.
pub type ElementPath = Vec<String>;

/// What of a key a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The key as a whole, or a fact of it that is neither policy nor grant.
    Key,
    /// A policy as a whole.
    Policy {
        /// The policy.
        policy: PolicyName,
        /// The elements beside its statements that are meant; none where it is all of it.
        elements: Vec<ElementPath>,
    },
    /// A statement.
    Statement {
        /// The policy in which it stands.
        policy: PolicyName,
        /// Its place there, from 0.
        index: usize,
        /// The elements of the statement that are meant; none where it is all of it.
        elements: Vec<ElementPath>,
    },
    /// A grant, by its id.
    Grant(String),
}

impl Place {
    /// The policy, where it is one, or a statement of one.
    pub const fn policy(&self) -> Option<PolicyName> {
        match self {
            Self::Policy { policy, .. } | Self::Statement { policy, .. } => Some(*policy),
            Self::Key | Self::Grant(_) => None,
        }
    }

    /// The statement, from 0.
    pub const fn statement(&self) -> Option<usize> {
        match self {
            Self::Statement { index, .. } => Some(*index),
            Self::Key | Self::Policy { .. } | Self::Grant(_) => None,
        }
    }

    /// The grant's id.
    pub fn grant(&self) -> Option<&str> {
        match self {
            Self::Grant(id) => Some(id),
            Self::Key | Self::Policy { .. } | Self::Statement { .. } => None,
        }
    }

    /// The elements that are meant.
    pub fn elements(&self) -> &[ElementPath] {
        match self {
            Self::Policy { elements, .. } | Self::Statement { elements, .. } => elements,
            Self::Key | Self::Grant(_) => &[],
        }
    }
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The same in every run, as long as key, rule and cause are: sixteen hexadecimal digits. A statement is the same cause as long as its effect, principals, actions
    /// and conditions are, wherever it stands.
    pub id: String,
    /// The rule's id, such as `outside-account`.
    pub rule: &'static str,
    /// How bad it is, if it is so.
    pub severity: Severity,
    /// How sure it is that it is so.
    pub confidence: Confidence,
    /// What was found, in one sentence that names who.
    pub title: String,
    /// What causes it, such as `statement 2 (AllowVendor)` or `grant 0c23…`. Statements count from 0, as in the `policy_statements` table.
    pub cause: String,
    /// The same as data.
    pub place: Place,
    /// The principals of that place that it is about, as they are written there; none where it is about all of them, or about none.
    pub principals: Vec<Arc<str>>,
    /// The cause itself as JSON: the statement as written, or the grant or fact as observed; the names of several.
    pub evidence: String,
    /// What to do about it, and who loses access by the changed policy.
    pub remediation: String,
    /// The whole policy with the change that would do it, where a change of the policy does: JSON text for a person to look at before it is used.
    pub changed_policy: Option<String>,
    /// The rule that would speak of the same if more were known: a waiver of that rule covers the finding, too.
    pub also_waived_by: Option<&'static str>,
    /// Who puts up with it for how long: the finding stands, but does not fail a check.
    pub waiver: Option<Waiver>,
}
