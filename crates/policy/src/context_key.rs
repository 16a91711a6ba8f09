//! The catalogue of context keys: who or what gives each its value, and in which requests it can stand.
//!
//! Sources: IAM User Guide, "AWS global condition context keys"; AWS KMS Developer Guide, "AWS KMS condition keys"; Service Authorization Reference, "Actions,
//! resources, and condition keys for AWS Key Management Service".

use std::sync::LazyLock;

use crate::ActionSet;

/// Who or what gives a context key its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ContextKey {
    /// `kms:CallerAccount`. KMS does not say that every request carries it.
    CallerAccount,
    /// `aws:PrincipalAccount`
    PrincipalAccount,
    /// `aws:PrincipalArn`
    PrincipalArn,
    /// `aws:PrincipalOrgID`
    PrincipalOrgId,
    /// `aws:PrincipalOrgPaths`, of several values.
    PrincipalOrgPaths,
    /// `aws:PrincipalType`
    PrincipalType,
    /// `aws:username`
    UserName,
    /// `aws:PrincipalIsAWSService`
    PrincipalIsService,
    /// `aws:PrincipalServiceName`
    ServiceName,
    /// `aws:PrincipalServiceNamesList`, of several values.
    ServiceNames,
    /// `aws:SourceAccount`
    SourceAccount,
    /// `aws:SourceArn`
    SourceArn,
    /// `aws:SourceOrgID`
    SourceOrgId,
    /// `aws:SourceOrgPaths`, of several values.
    SourceOrgPaths,
    /// `aws:ResourceAccount`: the key's.
    ResourceAccount,
    /// `aws:ResourceOrgID`: that of the key's account.
    ResourceOrgId,
    /// `aws:ResourceOrgPaths`, of several values.
    ResourceOrgPaths,
    /// `aws:RequestedRegion`: the key's.
    RequestedRegion,
    /// `aws:SecureTransport`: KMS answers over TLS only.
    SecureTransport,
    /// `aws:CurrentTime`
    CurrentTime,
    /// `aws:EpochTime`
    EpochTime,
    /// Whatever the requester chooses: an encryption context, the service that it goes through, the tags of its own role.
    Chosen,
    /// The same, with several values.
    ChosenList,
    /// `aws:PrincipalTag/…`: whoever owns the principal chooses; a service has none.
    PrincipalTag,
    /// Where the request comes from.
    Network,
    /// `kms:RecipientAttestation:…`: the enclave that asks.
    Attestation,
    /// A fact of the key that its policy does not tell.
    KeyFact,
    /// `aws:userid`: the unique id of a principal, followed for a role by its session's name.
    UserId,
    /// Something that belongs to one principal, nobody can tell whose account's.
    OfPrincipal,
    /// A key that this version does not know.
    Unrecognized,
}

impl ContextKey {
    /// Whether the key has several values.
    pub(crate) const fn is_list(self) -> bool {
        matches!(self, Self::PrincipalOrgPaths | Self::ServiceNames | Self::SourceOrgPaths | Self::ResourceOrgPaths | Self::ChosenList)
    }

    /// Whether the key's value is a text: an account, an ARN, an organization.
    pub(crate) const fn is_text(self) -> bool {
        matches!(
            self,
            Self::CallerAccount
                | Self::PrincipalAccount
                | Self::PrincipalArn
                | Self::PrincipalOrgId
                | Self::PrincipalOrgPaths
                | Self::SourceAccount
                | Self::SourceArn
                | Self::SourceOrgId
                | Self::SourceOrgPaths
        )
    }

    /// Whether the key's value is the number of an account or the id of an organization.
    pub(crate) const fn is_number_or_id(self) -> bool {
        matches!(self, Self::CallerAccount | Self::PrincipalAccount | Self::PrincipalOrgId | Self::SourceAccount | Self::SourceOrgId)
    }

    /// Whether the key names the caller's organization.
    pub(crate) const fn is_organization(self) -> bool {
        matches!(self, Self::PrincipalOrgId | Self::PrincipalOrgPaths)
    }

    /// Why nobody can tell what the key's value will be, for keys whose value the requester does not choose.
    pub(crate) const fn doubt(self) -> &'static str {
        match self {
            Self::Network => "who can send from that network cannot be told",
            Self::KeyFact => "it depends on a fact of the key that is not known here",
            Self::Attestation => "who has that enclave's image cannot be told",
            Self::CallerAccount => "KMS does not document that each request carries the key",
            Self::UserId | Self::OfPrincipal => "whose it is cannot be told",
            Self::Unrecognized => "the condition key is not known to this version",
            Self::PrincipalOrgId | Self::PrincipalOrgPaths | Self::SourceOrgId | Self::SourceOrgPaths | Self::ResourceOrgId | Self::ResourceOrgPaths => {
                "who belongs to that organization is not known"
            }
            Self::PrincipalArn => "the principal's text does not tell the ARN of each of its sessions",
            Self::CurrentTime | Self::EpochTime => "it does not hold yet",
            _ => "its value cannot be told",
        }
    }
}

/// An entry of the catalogue.
struct Entry {
    /// The name in lower case; a prefix of names where it ends with `:` or `/`.
    name: &'static str,
    key: ContextKey,
    /// The names of the actions whose requests can carry the key; empty for all.
    actions: &'static [&'static str],
}

const fn entry(name: &'static str, key: ContextKey) -> Entry {
    Entry { name, key, actions: &[] }
}

const fn of(name: &'static str, key: ContextKey, actions: &'static [&'static str]) -> Entry {
    Entry { name, key, actions }
}

const WITH_ENCRYPTION_CONTEXT: &[&str] = &[
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "CreateGrant",
    "RetireGrant",
];
const ATTESTED: &[&str] = &["Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair"];

use ContextKey::{Chosen, ChosenList, KeyFact, Network, OfPrincipal};

/// The keys, those first that key policies use most.
const KEYS: &[Entry] = &[
    entry("kms:calleraccount", ContextKey::CallerAccount),
    entry("kms:viaservice", Chosen),
    of("kms:grantisforawsresource", Chosen, &["CreateGrant", "ListGrants", "RevokeGrant"]),
    entry("aws:principalorgid", ContextKey::PrincipalOrgId),
    entry("aws:sourceaccount", ContextKey::SourceAccount),
    entry("aws:sourcearn", ContextKey::SourceArn),
    entry("aws:principalarn", ContextKey::PrincipalArn),
    entry("aws:principalaccount", ContextKey::PrincipalAccount),
    of("kms:encryptioncontext:", Chosen, WITH_ENCRYPTION_CONTEXT),
    of("kms:encryptioncontextkeys", ChosenList, WITH_ENCRYPTION_CONTEXT),
    entry("aws:principalisawsservice", ContextKey::PrincipalIsService),
    entry("aws:principalorgpaths", ContextKey::PrincipalOrgPaths),
    entry("aws:principaltype", ContextKey::PrincipalType),
    entry("aws:username", ContextKey::UserName),
    entry("aws:principalservicename", ContextKey::ServiceName),
    entry("aws:principalservicenameslist", ContextKey::ServiceNames),
    entry("aws:sourceorgid", ContextKey::SourceOrgId),
    entry("aws:sourceorgpaths", ContextKey::SourceOrgPaths),
    entry("aws:resourceaccount", ContextKey::ResourceAccount),
    entry("aws:resourceorgid", ContextKey::ResourceOrgId),
    entry("aws:resourceorgpaths", ContextKey::ResourceOrgPaths),
    entry("aws:requestedregion", ContextKey::RequestedRegion),
    entry("aws:securetransport", ContextKey::SecureTransport),
    entry("aws:currenttime", ContextKey::CurrentTime),
    entry("aws:epochtime", ContextKey::EpochTime),
    entry("aws:sourceip", Network),
    entry("aws:vpcsourceip", Network),
    entry("aws:sourcevpc", Network),
    entry("aws:sourcevpce", Network),
    entry("aws:sourcevpcarn", Network),
    entry("aws:vpceaccount", Network),
    entry("aws:vpceorgid", Network),
    entry("aws:vpceorgpaths", Network),
    entry("aws:userid", ContextKey::UserId),
    entry("ec2:sourceinstancearn", OfPrincipal),
    entry("ssm:sourceinstancearn", OfPrincipal),
    entry("lambda:sourcefunctionarn", OfPrincipal),
    entry("aws:ec2instancesourcevpc", Network),
    entry("aws:ec2instancesourceprivateipv4", Network),
    entry("aws:principaltag/", ContextKey::PrincipalTag),
    of("aws:requesttag/", Chosen, &["TagResource"]),
    of("aws:tagkeys", ChosenList, &["TagResource", "UntagResource"]),
    entry("aws:multifactorauthpresent", Chosen),
    entry("aws:multifactorauthage", Chosen),
    entry("aws:viaawsservice", Chosen),
    entry("aws:calledvia", ChosenList),
    entry("aws:calledviafirst", Chosen),
    entry("aws:calledvialast", Chosen),
    entry("aws:tokenissuetime", Chosen),
    entry("aws:federatedprovider", Chosen),
    entry("aws:sourceidentity", Chosen),
    entry("sts:rolesessionname", Chosen),
    entry("aws:assumedroot", Chosen),
    entry("aws:useragent", Chosen),
    entry("aws:referer", Chosen),
    of("kms:bypasspolicylockoutsafetycheck", Chosen, &["PutKeyPolicy"]),
    of("kms:datakeypairspec", Chosen, &["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"]),
    of(
        "kms:encryptionalgorithm",
        Chosen,
        &[
            "Encrypt",
            "Decrypt",
            "ReEncryptFrom",
            "ReEncryptTo",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
        ],
    ),
    of("kms:signingalgorithm", Chosen, &["Sign", "Verify"]),
    of("kms:messagetype", Chosen, &["Sign", "Verify"]),
    of("kms:macalgorithm", Chosen, &["GenerateMac", "VerifyMac"]),
    of("kms:keyagreementalgorithm", Chosen, &["DeriveSharedSecret"]),
    of("kms:expirationmodel", Chosen, &["ImportKeyMaterial"]),
    of("kms:validto", Chosen, &["ImportKeyMaterial"]),
    of("kms:wrappingalgorithm", Chosen, &["GetParametersForImport"]),
    of("kms:wrappingkeyspec", Chosen, &["GetParametersForImport"]),
    of("kms:grantconstrainttype", Chosen, &["CreateGrant", "RetireGrant"]),
    of("kms:grantoperations", ChosenList, &["CreateGrant"]),
    of("kms:granteeprincipal", Chosen, &["CreateGrant"]),
    of("kms:granteeserviceprincipal", Chosen, &["CreateGrant"]),
    of("kms:retiringserviceprincipal", Chosen, &["CreateGrant"]),
    of("kms:grantconstraintsourcearn", Chosen, &["CreateGrant"]),
    of("kms:retiringprincipal", Chosen, &["CreateGrant"]),
    of("kms:primaryregion", Chosen, &["UpdatePrimaryRegion"]),
    of("kms:replicaregion", Chosen, &["ReplicateKey"]),
    of("kms:reencryptonsamekey", Chosen, &["ReEncryptFrom", "ReEncryptTo"]),
    of("kms:rotationperiodindays", Chosen, &["EnableKeyRotation"]),
    of("kms:schedulekeydeletionpendingwindowindays", Chosen, &["ScheduleKeyDeletion"]),
    of("kms:trailingdayswithoutkeyusage", KeyFact, &["DisableKey", "ScheduleKeyDeletion"]),
    of("kms:recipientattestation:", ContextKey::Attestation, ATTESTED),
    entry("kms:requestalias", KeyFact),
    entry("kms:resourcealiases", KeyFact),
    entry("kms:keyspec", KeyFact),
    entry("kms:keyusage", KeyFact),
    entry("kms:keyorigin", KeyFact),
    entry("kms:multiregion", KeyFact),
    entry("kms:multiregionkeytype", KeyFact),
    entry("kms:customermasterkeyspec", KeyFact),
    entry("kms:customermasterkeyusage", KeyFact),
    entry("aws:resourcetag/", KeyFact),
];

/// For each entry, the actions whose requests can carry the key.
static ACTIONS_OF: LazyLock<Vec<ActionSet>> = LazyLock::new(|| {
    let all = ActionSet::ALL | ActionSet::UNRECOGNIZED;
    let named = |entry: &Entry| ActionSet::of_names(entry.actions.iter().copied()) | ActionSet::UNRECOGNIZED;
    KEYS.iter().map(|entry| if entry.actions.is_empty() { all } else { named(entry) }).collect()
});

/// The key of that name, in any spelling, and the actions whose requests can carry it.
pub(crate) fn read(name: &str) -> (ContextKey, ActionSet) {
    let is = |entry: &Entry| match entry.name.as_bytes().last() {
        Some(b':' | b'/') => name.get(..entry.name.len()).is_some_and(|head| head.eq_ignore_ascii_case(entry.name)),
        _ => name.eq_ignore_ascii_case(entry.name),
    };
    match KEYS.iter().position(is) {
        Some(at) => (KEYS[at].key, ACTIONS_OF[at]),
        None => (ContextKey::Unrecognized, ActionSet::ALL | ActionSet::UNRECOGNIZED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_spelling_and_by_their_prefix() {
        for (name, key) in [
            ("KMS:CallerAccount", ContextKey::CallerAccount),
            ("kms:EncryptionContext:aws:s3:arn", Chosen),
            ("aws:PrincipalTag/Team", ContextKey::PrincipalTag),
            ("aws:principalorgpaths", ContextKey::PrincipalOrgPaths),
            ("aws:Tomorrow", ContextKey::Unrecognized),
            ("", ContextKey::Unrecognized),
            ("kms:ü", ContextKey::Unrecognized),
        ] {
            assert_eq!(read(name).0, key, "{name}");
        }
    }

    #[test]
    fn names_are_in_lower_case_and_each_action_is_in_the_catalogue() {
        for (at, entry) in KEYS.iter().enumerate() {
            assert_eq!(entry.name, entry.name.to_lowercase());
            assert!(KEYS[..at].iter().all(|earlier| earlier.name != entry.name), "{}", entry.name);
            for action in entry.actions {
                assert!(!ActionSet::of_names([*action]).is_empty(), "{}: {action}", entry.name);
            }
        }
    }
}
