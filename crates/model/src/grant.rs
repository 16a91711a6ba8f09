//! Grants: access that no key policy shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// `GrantListEntry.Constraints`: when the grant's cryptographic operations are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantConstraints {
    /// `EncryptionContextSubset`: pairs that the request's encryption context must include.
    pub encryption_context_subset: BTreeMap<String, String>,
    /// `EncryptionContextEquals`: the whole encryption context that the request must have.
    pub encryption_context_equals: BTreeMap<String, String>,
    /// `SourceArn`: the resource for which a service must act.
    pub source_arn: Option<String>,
}

impl GrantConstraints {
    /// Whether the grant has no constraint at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One grant of a key. Source: `kms:ListGrants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// `GrantId`, unique within the key.
    pub id: String,
    /// `Name`: the friendly name that its creator gave it.
    pub name: Option<String>,
    /// `CreationDate`
    pub created_at: Option<Timestamp>,
    /// `GranteePrincipal`: who may use the key. `None` only if KMS did not say.
    pub grantee_principal: Option<String>,
    /// `GranteeServicePrincipal`: the AWS service that may use the key, where the grantee is a service.
    pub grantee_service_principal: Option<String>,
    /// `RetiringPrincipal`: who may retire the grant.
    pub retiring_principal: Option<String>,
    /// `RetiringServicePrincipal`: the AWS service that may retire the grant.
    pub retiring_service_principal: Option<String>,
    /// `IssuingAccount`: the account under which the grant was made.
    pub issuing_account: Option<String>,
    /// `Operations`, as KMS spells them.
    pub operations: Vec<String>,
    /// `Constraints`
    pub constraints: GrantConstraints,
}
