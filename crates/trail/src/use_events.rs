//! Which events count as uses of a key.

use std::collections::BTreeSet;

/// The operations that work with key material.
///
/// Source: "Cryptographic operations" in the AWS KMS Developer Guide. `GenerateRandom` works without a key.
pub const CRYPTOGRAPHIC: &[&str] = &[
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// The names of events that count as uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseEvents(BTreeSet<String>);

impl Default for UseEvents {
    fn default() -> Self {
        CRYPTOGRAPHIC.iter().copied().collect()
    }
}

impl<T: Into<String>> FromIterator<T> for UseEvents {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }
}

impl UseEvents {
    /// Whether an event of that name counts.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
