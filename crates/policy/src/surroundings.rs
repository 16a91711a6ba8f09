//! What is known of the key and of the organization around it.

use std::{borrow::Cow, collections::BTreeSet};

use kms_insights_model::{AccountId, KeyArn, KeyManager, KeyUsageType, OrganizationId, Timestamp};

use crate::{ActionSet, Capability};

/// What is known of a key and of where it lives, when it is asked who can use it. What is not known makes answers uncertain, never better.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The key.
    pub key: &'a KeyArn,
    /// Who manages it: `KeyManager` of `kms:DescribeKey`.
    pub manager: Option<&'a KeyManager>,
    /// What the key is made for: `KeyUsage` of `kms:DescribeKey`. A key for encryption signs nothing, whatever its policy allows.
    pub usage: Option<&'a KeyUsageType>,
    /// The id of the organization of the key's account; `None` where it is not known, or there is none.
    pub organization_id: Option<&'a OrganizationId>,
    /// All accounts of that organization; `None` where they are not known.
    pub organization_accounts: Option<&'a BTreeSet<AccountId>>,
    /// Accounts outside the organization that its owner trusts.
    pub trusted_accounts: Option<&'a BTreeSet<AccountId>>,
    /// The moment for which terms of time are weighed.
    pub now: Timestamp,
}

/// Stands for the organization of the key where its id is not known.
pub(crate) const OWN_ORGANIZATION: &str = "o-ownorganization";

impl<'a> Surroundings<'a> {
    /// Where only the key is known.
    pub const fn of_key(key: &'a KeyArn, now: Timestamp) -> Self {
        Self { key, manager: None, usage: None, organization_id: None, organization_accounts: None, trusted_accounts: None, now }
    }

    /// Whether the account belongs to the organization of the key's account; `None` where that is not known.
    pub fn is_in_organization(&self, account: AccountId) -> Option<bool> {
        if account == self.key.account() {
            return Some(true);
        }
        self.organization_accounts.map(|accounts| accounts.contains(&account))
    }

    /// Whether that is the organization of the key's account, by its id or by what stands for it in a [`Who`](crate::access::Who); `None` where that is not known.
    pub fn is_own_organization(&self, id: &str) -> Option<bool> {
        if id == OWN_ORGANIZATION { Some(true) } else { self.organization_id.map(|own| own.0 == id) }
    }

    /// Whether AWS manages the key: it then serves principals of its own account alone. Source: AWS KMS Developer Guide, "AWS managed keys".
    pub(crate) fn is_aws_managed(&self) -> bool {
        self.manager == Some(&KeyManager::Aws)
    }

    /// The actions that can have an effect on a key of this usage.
    ///
    /// Source: AWS KMS API Reference, the operations' requirements on `KeyUsage`. A usage that this version does not know permits all.
    pub(crate) fn possible_actions(&self) -> ActionSet {
        let uses: &[Capability] = match self.usage {
            Some(KeyUsageType::EncryptDecrypt) => &[Capability::Sign, Capability::Mac, Capability::Derive],
            Some(KeyUsageType::SignVerify) => &[Capability::Encrypt, Capability::Decrypt, Capability::Mac, Capability::Derive],
            Some(KeyUsageType::GenerateVerifyMac) => &[Capability::Encrypt, Capability::Decrypt, Capability::Sign, Capability::Derive],
            Some(KeyUsageType::KeyAgreement) => &[Capability::Encrypt, Capability::Decrypt, Capability::Sign, Capability::Mac],
            Some(KeyUsageType::Unrecognized(_)) | None => &[],
        };
        let all = ActionSet::ALL | ActionSet::UNRECOGNIZED;
        uses.iter().fold(all, |set, capability| set - all.of(*capability))
    }

    /// The organization's id, or what stands for it.
    pub(crate) fn organization(&self) -> Cow<'a, str> {
        self.organization_id.map_or(Cow::Borrowed(OWN_ORGANIZATION), |id| Cow::Borrowed(id.0.as_str()))
    }
}
