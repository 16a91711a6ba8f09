//! The kinds of keys that real organizations hold.

use crate::dice::Dice;

macro_rules! archetypes {
    ($($(#[$meta:meta])* $name:ident = $weight:literal,)+) => {
        /// What a key was made for, or what became of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Archetype {
            $($(#[$meta])* $name,)+
        }

        impl Archetype {
            /// Every kind. An organization with room for them holds each at least once.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            const WEIGHTS: &[u64] = &[$($weight),+];
        }
    };
}

archetypes! {
    /// An application's key with the policy that the API gives by default: the account decides.
    DefaultPolicy = 240,
    /// A key made in the console: administrators and users are told apart.
    AdminsAndUsers = 120,
    /// Made by a sample stack (Step Functions "process data with encryption"), forgotten, never used.
    ForgottenSample = 30,
    /// Made before use was tracked, and not used since.
    OlderThanTracking = 30,
    /// Last used long ago.
    UsedLongAgo = 30,
    /// Two vendors' accounts may use the key.
    Vendor = 25,
    /// `*`, fenced by `aws:PrincipalOrgID`.
    OrganizationWide = 25,
    /// `*` without any condition.
    Public = 3,
    /// `*` fenced by `kms:CallerAccount` and `kms:ViaService`: not public.
    CallerAccountFenced = 10,
    /// `*` with a condition that fences nothing (`ForAllValues` on an absent key, `StringLike` `*`).
    UselessFence = 3,
    /// A service principal with `aws:SourceAccount`.
    ServiceFenced = 40,
    /// A service principal without any fence.
    ServiceUnfenced = 20,
    /// `NotPrincipal` with Allow, and with Deny.
    NotPrincipal = 3,
    /// `NotAction` with Allow.
    NotAction = 3,
    /// `Statement` is an object, not an array, and `Action` a string.
    SingleObjectStatement = 15,
    /// IAM users by name.
    IamUsers = 25,
    /// Principals that were deleted: `AIDA…`, `AROA…`.
    DeletedPrincipals = 20,
    /// Readable for auditors, but its administrators are gone and the account is not trusted.
    LockOut = 3,
    /// A policy that admits one deleted role: nobody can read anything of the key.
    Unreadable = 3,
    /// The policy denies `kms:GetKeyPolicy`.
    PolicyHidden = 3,
    /// The policy denies `kms:DescribeKey`.
    MetadataHidden = 3,
    /// Deletion is scheduled.
    PendingDeletion = 15,
    /// Disabled for more than a year.
    DisabledLong = 15,
    /// Made for imported material that was never imported.
    PendingImport = 4,
    /// Imported material that expires within days.
    ImportedExpiring = 6,
    /// Imported material without an end.
    Imported = 8,
    /// RSA, to sign.
    RsaSigning = 10,
    /// RSA, to encrypt.
    RsaEncryption = 5,
    /// An elliptic curve, to sign.
    EccSigning = 10,
    /// An elliptic curve, for key agreement.
    KeyAgreement = 3,
    /// HMAC.
    Hmac = 8,
    /// A post-quantum signature.
    MlDsa = 3,
    /// In an AWS CloudHSM key store.
    CloudHsm = 3,
    /// In an external key store.
    ExternalKeyStore = 3,
    /// In a disconnected custom key store.
    Unavailable = 2,
    /// Used by EBS through so many grants that they take several pages.
    Volumes = 6,
    /// Used by RDS, Redshift and Secrets Manager through grants.
    Databases = 25,
    /// Granted to an account outside of the organization.
    GrantedOutside = 6,
    /// Grants to principals that were deleted since.
    DeadGrants = 10,
    /// Shared through AWS RAM: a second policy, `AWS_RAM`.
    RamShared = 5,
    /// Texts that attack whoever renders them.
    HostileTexts = 5,
    /// Many aliases.
    ManyAliases = 4,
    /// No alias.
    NoAlias = 40,
    /// Fifty tags.
    ManyTags = 5,
    /// Rotated on demand, with a history.
    RotatedOnDemand = 10,
    /// An on-demand rotation is under way.
    Rotating = 1,
    /// Imported material that was in use until it expired: KMS deleted it.
    ExpiredImport = 2,
}

impl Archetype {
    /// So many kinds, the last of [`Archetype::ALL`], were added when organizations of known seeds were already compared with what was written down of them.
    /// They are placed after the others, and take their weight from their neighbour: such an organization changes by the keys that become one of them.
    pub(crate) const LATER: usize = 1;

    /// Draws one by weight.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        const TOTAL: u64 = {
            let (mut sum, mut at) = (0, 0);
            while at < Archetype::WEIGHTS.len() {
                sum += Archetype::WEIGHTS[at];
                at += 1;
            }
            sum
        };
        let mut left = dice.below(TOTAL);
        for (kind, weight) in Self::ALL.iter().zip(Self::WEIGHTS) {
            if left < *weight {
                return *kind;
            }
            left -= weight;
        }
        Self::DefaultPolicy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL_OF_THE_FIRST: u64 = 868;

    /// Rows of organizations with known seeds are written down elsewhere.
    #[test]
    fn kinds_that_were_added_later_leave_the_draw_of_the_others_alone() {
        let first = Archetype::ALL.len() - Archetype::LATER;
        assert_eq!((first, Archetype::ALL[first - 1]), (46, Archetype::Rotating));
        assert_eq!(Archetype::WEIGHTS.iter().sum::<u64>(), TOTAL_OF_THE_FIRST);
        assert_eq!(Archetype::WEIGHTS[..first - 1].iter().sum::<u64>(), TOTAL_OF_THE_FIRST - 3, "all before the neighbour that gave its weight");
    }
}
