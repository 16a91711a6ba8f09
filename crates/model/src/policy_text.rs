//! A key policy as KMS returned it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest key policy that KMS stores, in bytes. Source: AWS KMS resource quotas.
pub const MAX_POLICY_BYTES: usize = 32 * 1024;

/// The text of a policy document, kept byte for byte: evidence must be what AWS said. Reading it is the policy crate's business.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyText(pub String);

impl PolicyText {
    /// The document.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PolicyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyText({} bytes)", self.0.len())
    }
}
