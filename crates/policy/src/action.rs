//! The catalogue of KMS actions.

use crate::{ActionSet, document::Actions, wildcard};

/// What holding an action amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Encrypts, or makes new data keys.
    Encrypt,
    /// Decrypts, or moves ciphertext from this key to another.
    Decrypt,
    /// Signs, or verifies signatures.
    Sign,
    /// Makes or verifies message authentication codes.
    Mac,
    /// Derives, encapsulates or decapsulates a shared secret.
    Derive,
    /// Gives the key to others, or takes it back: grants.
    Grant,
    /// Changes the key, its policy, its tags or its aliases.
    Administer,
    /// Tells about the key.
    Read,
    /// Whatever an action amounts to that the catalogue does not know.
    Unrecognized,
}

impl Capability {
    /// Every capability, those that use the key first.
    pub const ALL: [Self; 9] =
        [Self::Encrypt, Self::Decrypt, Self::Sign, Self::Mac, Self::Derive, Self::Grant, Self::Administer, Self::Read, Self::Unrecognized];

    /// The value in tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Sign => "sign",
            Self::Mac => "mac",
            Self::Derive => "derive",
            Self::Grant => "grant",
            Self::Administer => "administer",
            Self::Read => "read",
            Self::Unrecognized => "unrecognized",
        }
    }
}

impl std::fmt::Display for Capability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One action of KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmsAction {
    /// The name without `kms:`.
    pub name: &'static str,
    /// What holding it amounts to.
    pub capability: Capability,
    /// Whether a key policy can allow it: it acts on a key. Others, such as `CreateKey`, are for IAM policies alone.
    pub on_key: bool,
    /// Whether a principal of another account can perform it. Source: AWS KMS Developer Guide, "Allowing users in other accounts to use a KMS key".
    pub cross_account: bool,
    /// Whether a grant can carry it. Source: `GrantOperation` of `kms:CreateGrant`.
    pub grantable: bool,
}

impl KmsAction {
    const fn of(name: &'static str, capability: Capability) -> Self {
        Self { name, capability, on_key: true, cross_account: false, grantable: false }
    }

    const fn abroad(mut self) -> Self {
        self.cross_account = true;
        self
    }

    const fn by_grant(mut self) -> Self {
        self.grantable = true;
        self
    }

    const fn not_on_key(mut self) -> Self {
        self.on_key = false;
        self
    }

    /// Whether the IAM pattern covers this action.
    pub fn is_covered_by(&self, pattern: &str) -> bool {
        // Compared in two pieces so that no text is put together for each question; a pattern whose wildcard spans the colon is the rare one that needs it.
        match pattern.split_once(':') {
            Some((service, name)) if service.eq_ignore_ascii_case("kms") => wildcard::matches(name, self.name),
            Some((service, _)) if !wildcard::has_wildcard(service) => false,
            None if pattern == "*" => true,
            None if !wildcard::has_wildcard(pattern) => false,
            _ => wildcard::matches(pattern, &format!("kms:{}", self.name)),
        }
    }
}

use self::Capability::{Administer, Decrypt, Derive, Encrypt, Grant, Mac, Read, Sign};

/// Every action of KMS. Those a narrow policy least likely lists come first, so that the question "does it cover nearly all?" mostly ends soon.
///
/// Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Key Management Service".
pub const ACTIONS: &[KmsAction] = &[
    KmsAction::of("SynchronizeMultiRegionKey", Administer),
    KmsAction::of("UpdatePrimaryRegion", Administer),
    KmsAction::of("CancelKeyDeletion", Administer),
    KmsAction::of("CreateAlias", Administer),
    KmsAction::of("CreateGrant", Grant).abroad().by_grant(),
    KmsAction::of("Decapsulate", Derive).abroad().by_grant(),
    KmsAction::of("Decrypt", Decrypt).abroad().by_grant(),
    KmsAction::of("DeleteAlias", Administer),
    KmsAction::of("DeleteImportedKeyMaterial", Administer),
    KmsAction::of("DeriveSharedSecret", Derive).abroad().by_grant(),
    KmsAction::of("DescribeKey", Read).abroad().by_grant(),
    KmsAction::of("DisableKey", Administer),
    KmsAction::of("DisableKeyRotation", Administer),
    KmsAction::of("EnableKey", Administer),
    KmsAction::of("EnableKeyRotation", Administer),
    KmsAction::of("Encapsulate", Derive).abroad().by_grant(),
    KmsAction::of("Encrypt", Encrypt).abroad().by_grant(),
    KmsAction::of("GenerateDataKey", Encrypt).abroad().by_grant(),
    KmsAction::of("GenerateDataKeyPair", Encrypt).abroad().by_grant(),
    KmsAction::of("GenerateDataKeyPairWithoutPlaintext", Encrypt).abroad().by_grant(),
    KmsAction::of("GenerateDataKeyWithoutPlaintext", Encrypt).abroad().by_grant(),
    KmsAction::of("GenerateMac", Mac).abroad().by_grant(),
    KmsAction::of("GetKeyLastUsage", Read),
    KmsAction::of("GetKeyPolicy", Read),
    KmsAction::of("GetKeyRotationStatus", Read).abroad(),
    KmsAction::of("GetParametersForImport", Read),
    KmsAction::of("GetPublicKey", Read).abroad().by_grant(),
    KmsAction::of("ImportKeyMaterial", Administer),
    KmsAction::of("ListGrants", Read).abroad(),
    KmsAction::of("ListKeyPolicies", Read),
    KmsAction::of("ListKeyRotations", Read),
    KmsAction::of("ListResourceTags", Read),
    KmsAction::of("PutKeyPolicy", Administer),
    KmsAction::of("ReEncryptFrom", Decrypt).abroad().by_grant(),
    KmsAction::of("ReEncryptTo", Encrypt).abroad().by_grant(),
    KmsAction::of("ReplicateKey", Administer),
    KmsAction::of("RetireGrant", Grant).abroad().by_grant(),
    KmsAction::of("RevokeGrant", Grant).abroad(),
    KmsAction::of("RotateKeyOnDemand", Administer),
    KmsAction::of("ScheduleKeyDeletion", Administer),
    KmsAction::of("Sign", Sign).abroad().by_grant(),
    KmsAction::of("TagResource", Administer),
    KmsAction::of("UntagResource", Administer),
    KmsAction::of("UpdateAlias", Administer),
    KmsAction::of("UpdateKeyDescription", Administer),
    KmsAction::of("Verify", Sign).abroad().by_grant(),
    KmsAction::of("VerifyMac", Mac).abroad().by_grant(),
    KmsAction::of("ConnectCustomKeyStore", Administer).not_on_key(),
    KmsAction::of("CreateCustomKeyStore", Administer).not_on_key(),
    KmsAction::of("CreateKey", Administer).not_on_key(),
    KmsAction::of("DeleteCustomKeyStore", Administer).not_on_key(),
    KmsAction::of("DescribeCustomKeyStores", Read).not_on_key(),
    KmsAction::of("DisconnectCustomKeyStore", Administer).not_on_key(),
    KmsAction::of("GenerateRandom", Read).not_on_key(),
    KmsAction::of("ListAliases", Read).not_on_key(),
    KmsAction::of("ListKeys", Read).not_on_key(),
    KmsAction::of("ListRetirableGrants", Read).not_on_key(),
    KmsAction::of("UpdateCustomKeyStore", Administer).not_on_key(),
];

/// To use the key, to hand it on, to rewrite its policy, to destroy it: who lacks one of these does not hold the key entirely.
const DECISIVE: [&str; 4] = ["Decrypt", "CreateGrant", "PutKeyPolicy", "ScheduleKeyDeletion"];

/// Whether the pattern may cover an action on a key, known to this version or not. Only the full name of an action that acts on no key certainly does not.
pub(crate) fn may_act_on_key(pattern: &str) -> bool {
    match pattern.split_once(':') {
        Some((service, name)) if service.eq_ignore_ascii_case("kms") => !ACTIONS.iter().any(|action| !action.on_key && action.name.eq_ignore_ascii_case(name)),
        Some((service, _)) => service.contains('*') || wildcard::matches(service, "kms"),
        None => wildcard::has_wildcard(pattern),
    }
}

/// Whether the pattern certainly covers every action of KMS, also those that this version does not know.
pub(crate) fn covers_all_of_kms(pattern: &str) -> bool {
    // What ends with `*` and matches two names that share no letter reads neither letter: its wildcards take whatever follows the colon.
    pattern.ends_with('*') && ["kms:a", "kms:z"].into_iter().all(|shortest| wildcard::matches(pattern, shortest))
}

impl Actions {
    /// Whether an Allow of these is all or nearly all of KMS.
    ///
    /// `Action` is wide when its patterns together cover the four actions by which one uses the key, hands it on, rewrites its policy and destroys it, and nine
    /// tenths of all that do more than read about it: `kms:*` however it is spelled, and lists that leave out a few. `NotAction` allows all that it does not
    /// name, also what KMS will learn tomorrow; it is wide unless nothing is left of what KMS can do today save reading about the key: a person who writes
    /// `NotAction` with all but `kms:Describe*` has said what `Action: kms:Describe*` says.
    pub fn is_wide(&self) -> bool {
        match self {
            Self::Only(patterns) => {
                if patterns.iter().any(|pattern| pattern == "*" || pattern.eq_ignore_ascii_case("kms:*")) {
                    return true;
                }
                let weighty = ActionSet::ALL - ActionSet::ALL.of(Read);
                let covered = ActionSet::allowed_by(self);
                (weighty - covered).len() <= weighty.len() / 10 && covered.contains(ActionSet::of_names(DECISIVE))
            }
            Self::Except(_) => !(ActionSet::allowed_by(self) - ActionSet::ALL.of(Read)).is_empty(),
            Self::Absent => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(patterns: &[&str]) -> Actions {
        Actions::Only(patterns.iter().map(|&pattern| pattern.to_owned()).collect())
    }

    fn except(patterns: &[&str]) -> Actions {
        Actions::Except(patterns.iter().map(|&pattern| pattern.to_owned()).collect())
    }

    #[test]
    fn every_spelling_of_all_actions_is_wide() {
        for patterns in [&["*"][..], &["kms:*"], &["KMS:*"], &["k*:*"], &["kms:?*"], &["kms:**"], &["k?s:*"], &["*:*"], &["km*"], &["kms:Decrypt", "Kms:*"]] {
            assert!(only(patterns).is_wide(), "{patterns:?}");
        }
        let letters: Vec<String> = ('a'..='z').map(|letter| format!("kms:{letter}*")).collect();
        assert!(Actions::Only(letters.into()).is_wide(), "twenty-six patterns that cover all");
        assert!(all_but(|_| false).is_wide(), "a list of every action");
    }

    fn all_but(left_out: impl Fn(&KmsAction) -> bool) -> Actions {
        Actions::Only(ACTIONS.iter().filter(|action| !left_out(action)).map(|action| format!("kms:{}", action.name)).collect())
    }

    #[test]
    fn a_list_that_leaves_out_little_is_wide() {
        for left_out in [&["SynchronizeMultiRegionKey"][..], &["GetKeyLastUsage"], &["RotateKeyOnDemand", "SynchronizeMultiRegionKey", "Encapsulate"]] {
            assert!(all_but(|action| left_out.contains(&action.name)).is_wide(), "{left_out:?}");
        }
        assert!(all_but(|action| action.capability == Read).is_wide(), "reading about the key weighs nothing");
        assert!(all_but(|action| !action.on_key).is_wide(), "nor does what acts on no key");
    }

    #[test]
    fn a_list_that_leaves_out_much_or_what_decides_is_not_wide() {
        for left_out in [&["Decrypt"][..], &["CreateGrant"], &["PutKeyPolicy"], &["ScheduleKeyDeletion"], &["Sign", "Verify", "VerifyMac", "GenerateMac"]] {
            assert!(!all_but(|action| left_out.contains(&action.name)).is_wide(), "{left_out:?}");
        }
        assert_eq!(ActionSet::of_names(DECISIVE).len(), 4);
    }

    #[test]
    fn part_of_the_actions_is_not_wide() {
        for patterns in [&["kms:Decrypt"][..], &["kms:*crypt"], &["kms:Get*", "kms:List*"], &["s3:*"], &["kms:"], &["kms:?"], &["km"], &[]] {
            assert!(!only(patterns).is_wide(), "{patterns:?}");
        }
        assert!(!Actions::Absent.is_wide());
    }

    #[test]
    fn not_action_is_wide_unless_only_reading_is_left() {
        assert!(except(&["kms:ScheduleKeyDeletion"]).is_wide());
        assert!(except(&["s3:*"]).is_wide());
        assert!(except(&[]).is_wide());
        assert!(!except(&["kms:*"]).is_wide());
        assert!(!except(&["*"]).is_wide());
        let all_but_reading: Vec<String> = ACTIONS.iter().filter(|action| action.capability != Read).map(|action| format!("kms:{}", action.name)).collect();
        assert!(!Actions::Except(all_but_reading.into()).is_wide());
    }

    #[test]
    fn only_full_names_of_actions_without_a_key_act_on_none() {
        for (pattern, acts) in [
            ("kms:ListKeys", false),
            ("KMS:createkey", false),
            ("s3:ListKeys", false),
            ("ListKeys", false),
            ("kms:ListKey*", true),
            ("kms:ListKeys*", true),
            ("k?s:ListKeys", true),
            ("kms:Decrypt", true),
            ("kms:ListKeysOfTomorrow", true),
            ("*", true),
        ] {
            assert_eq!(may_act_on_key(pattern), acts, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_covers_all_of_kms_only_if_no_name_can_escape_it() {
        for (pattern, all) in [
            ("*", true),
            ("kms:*", true),
            ("KMS:**", true),
            ("kms:?*", true),
            ("k*", true),
            ("k?s:*", true),
            ("*:*", true),
            ("*s*", true),
            ("kms:??*", false),
            ("kms:a*", false),
            ("kms:*a*", false),
            ("kms:*t", false),
            ("kms:\0*", false),
            ("s3:*", false),
            ("kms", false),
            ("", false),
        ] {
            assert_eq!(covers_all_of_kms(pattern), all, "{pattern}");
        }
    }

    #[test]
    fn the_catalogue_names_each_action_once() {
        let mut names: Vec<&str> = ACTIONS.iter().map(|action| action.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ACTIONS.len());
        assert!(ACTIONS.iter().all(|action| action.on_key || !(action.cross_account || action.grantable)));
    }
}
