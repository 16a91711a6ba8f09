//! KMS keys as `kms:DescribeKey`, `kms:ListAliases`, `kms:ListResourceTags` and `kms:DescribeCustomKeyStores` describe them.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, open_enum::open_enum};

open_enum! {
    /// `KeyMetadata.KeyState`.
    KeyState {
        Creating = "Creating",
        Enabled = "Enabled",
        Disabled = "Disabled",
        PendingDeletion = "PendingDeletion",
        PendingImport = "PendingImport",
        PendingReplicaDeletion = "PendingReplicaDeletion",
        Unavailable = "Unavailable",
        Updating = "Updating",
    }
}

open_enum! {
    /// `KeyMetadata.KeySpec`.
    KeySpec {
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        EccNistP256 = "ECC_NIST_P256",
        EccNistP384 = "ECC_NIST_P384",
        EccNistP521 = "ECC_NIST_P521",
        EccSecgP256k1 = "ECC_SECG_P256K1",
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        Hmac224 = "HMAC_224",
        Hmac256 = "HMAC_256",
        Hmac384 = "HMAC_384",
        Hmac512 = "HMAC_512",
        Sm2 = "SM2",
        MlDsa44 = "ML_DSA_44",
        MlDsa65 = "ML_DSA_65",
        MlDsa87 = "ML_DSA_87",
    }
}

open_enum! {
    /// `KeyMetadata.KeyUsage`.
    KeyUsageType {
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        SignVerify = "SIGN_VERIFY",
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        KeyAgreement = "KEY_AGREEMENT",
    }
}

open_enum! {
    /// `KeyMetadata.Origin`: where the key material comes from.
    Origin {
        AwsKms = "AWS_KMS",
        External = "EXTERNAL",
        AwsCloudHsm = "AWS_CLOUDHSM",
        ExternalKeyStore = "EXTERNAL_KEY_STORE",
    }
}

open_enum! {
    /// `KeyMetadata.KeyManager`.
    KeyManager {
        Aws = "AWS",
        Customer = "CUSTOMER",
    }
}

open_enum! {
    /// `KeyMetadata.ExpirationModel` of imported key material.
    ExpirationModel {
        Expires = "KEY_MATERIAL_EXPIRES",
        DoesNotExpire = "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
}

open_enum! {
    /// `MultiRegionConfiguration.MultiRegionKeyType`.
    MultiRegionKeyType {
        Primary = "PRIMARY",
        Replica = "REPLICA",
    }
}

/// One key of a multi-Region set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiRegionReplica {
    /// The key's ARN, as KMS wrote it.
    pub arn: String,
    /// The key's Region.
    pub region: String,
}

/// `KeyMetadata.MultiRegionConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiRegion {
    /// Whether this key is the primary or a replica.
    pub key_type: MultiRegionKeyType,
    /// The primary.
    pub primary: MultiRegionReplica,
    /// The replicas.
    pub replicas: Vec<MultiRegionReplica>,
}

/// Every field of `kms:DescribeKey`'s `KeyMetadata` beyond the ids, which [`KeyArn`](crate::KeyArn) holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMetadata {
    /// `CreationDate`
    pub created_at: Option<Timestamp>,
    /// `Enabled`
    pub enabled: bool,
    /// `Description`
    pub description: String,
    /// `KeyUsage`
    pub usage: Option<KeyUsageType>,
    /// `KeyState`
    pub state: Option<KeyState>,
    /// `DeletionDate`: when the key will be deleted, while deletion is pending.
    pub deletion_date: Option<Timestamp>,
    /// `ValidTo`: when imported key material expires.
    pub valid_to: Option<Timestamp>,
    /// `Origin`
    pub origin: Option<Origin>,
    /// `CustomKeyStoreId`
    pub custom_key_store_id: Option<String>,
    /// `CloudHsmClusterId`
    pub cloud_hsm_cluster_id: Option<String>,
    /// `ExpirationModel`
    pub expiration_model: Option<ExpirationModel>,
    /// `KeyManager`
    pub manager: Option<KeyManager>,
    /// `KeySpec`
    pub spec: Option<KeySpec>,
    /// `EncryptionAlgorithms`
    pub encryption_algorithms: Vec<String>,
    /// `SigningAlgorithms`
    pub signing_algorithms: Vec<String>,
    /// `EncapsulationAlgorithms`
    pub encapsulation_algorithms: Vec<String>,
    /// `KeyAgreementAlgorithms`
    pub key_agreement_algorithms: Vec<String>,
    /// `MacAlgorithms`
    pub mac_algorithms: Vec<String>,
    /// `MultiRegionConfiguration`; `None` for a single-Region key.
    pub multi_region: Option<MultiRegion>,
    /// `PendingDeletionWindowInDays`: the waiting period of a primary that waits for its replicas.
    pub pending_deletion_window_days: Option<i32>,
    /// `XksKeyConfiguration.Id`: the key's id in an external key store.
    pub xks_key_id: Option<String>,
    /// `CurrentKeyMaterialId`
    pub current_key_material_id: Option<String>,
}

impl KeyMetadata {
    /// Whether AWS manages the key: its policy cannot be changed, and AWS rotates it.
    pub fn is_aws_managed(&self) -> bool {
        self.manager == Some(KeyManager::Aws)
    }

    /// Whether KMS may keep a rotation status for the key: it does for symmetric keys with material from KMS or imported. Of a spec or origin that is missing or new to
    /// this version it cannot be known, so it may.
    ///
    /// Source: `kms:GetKeyRotationStatus`, which answers `UnsupportedOperationException` for other keys.
    pub fn may_have_rotation_status(&self) -> bool {
        let spec = matches!(self.spec, None | Some(KeySpec::SymmetricDefault | KeySpec::Unrecognized(_)));
        let origin = matches!(self.origin, None | Some(Origin::AwsKms | Origin::External | Origin::Unrecognized(_)));
        spec && origin
    }
}

/// An alias that points at a key. Source: `kms:ListAliases`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alias {
    /// The name with its prefix, such as `alias/orders`.
    pub name: String,
    /// `CreationDate`
    pub created_at: Option<Timestamp>,
    /// `LastUpdatedDate`: when the alias was last pointed at another key.
    pub updated_at: Option<Timestamp>,
}

/// A tag of a key. Source: `kms:ListResourceTags`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// `TagKey`
    pub key: String,
    /// `TagValue`
    pub value: String,
}

open_enum! {
    /// `CustomKeyStoreType`
    CustomKeyStoreType {
        AwsCloudHsm = "AWS_CLOUDHSM",
        ExternalKeyStore = "EXTERNAL_KEY_STORE",
    }
}

/// A custom key store. Source: `kms:DescribeCustomKeyStores`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomKeyStore {
    /// `CustomKeyStoreId`
    pub id: String,
    /// `CustomKeyStoreName`
    pub name: Option<String>,
    /// `CustomKeyStoreType`
    pub store_type: Option<CustomKeyStoreType>,
    /// `ConnectionState`, such as `CONNECTED`
    pub connection_state: Option<String>,
    /// `ConnectionErrorCode`
    pub connection_error_code: Option<String>,
}
