//! Keys whose own policy keeps the collector out.

use super::Key;
use crate::Archetype;

/// Why the key's policy refuses an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No statement allows it, and the account is not trusted either.
    NotAllowed,
    /// A statement denies it.
    Explicit,
}

impl Key<'_> {
    /// Whether, and why, the key's policy refuses an operation of KMS, such as `GetKeyPolicy`.
    pub fn denial(&self, operation: &str) -> Option<Denial> {
        match (self.archetype()?, operation) {
            (Archetype::Unreadable, _) => Some(Denial::NotAllowed),
            (Archetype::PolicyHidden, "GetKeyPolicy") | (Archetype::MetadataHidden, "DescribeKey") => Some(Denial::Explicit),
            _ => None,
        }
    }
}
