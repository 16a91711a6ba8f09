//! `kms:DescribeKey`.

use chrono::TimeDelta;
use kms_insights_model::{
    ExpirationModel, KeyManager, KeyMetadata, KeySpec, KeyState, KeyUsageType, MultiRegion, MultiRegionKeyType, MultiRegionReplica, Origin, Timestamp,
};

use super::{Key, Kind, Part};
use crate::{Archetype, stores};

const DAY: u64 = 86_400_000;

pub(super) fn millis(value: u64) -> TimeDelta {
    TimeDelta::milliseconds(i64::try_from(value).unwrap_or(0))
}

/// When KMS began to record the use of keys: like every other moment, relative to the one at which the organization is seen, so that a demo tells the same on any day.
pub(crate) fn tracking_start(now: Timestamp) -> Timestamp {
    // 23 April 2026, for the shape's own moment.
    now - TimeDelta::seconds(18_424_980)
}

impl Key<'_> {
    pub(super) fn make_creation_date(&self) -> Timestamp {
        let mut dice = self.part(Part::Created);
        let age = |days: u64| self.now() - millis(days * DAY);
        let since_tracking = u64::try_from((self.now() - tracking_start(self.now())).num_days()).unwrap_or(0);
        let days = match self.archetype() {
            Some(Archetype::ForgottenSample) => dice.between(1.min(since_tracking), since_tracking.saturating_sub(2)),
            Some(Archetype::OlderThanTracking | Archetype::UsedLongAgo | Archetype::DisabledLong) => since_tracking + dice.between(400, 1600),
            Some(Archetype::RotatedOnDemand) => dice.between(500, 1500),
            Some(Archetype::PendingImport) => dice.between(20, 90),
            Some(Archetype::ExpiredImport) => dice.between(100, 900),
            // Most keys are some years old, some are new.
            _ if dice.chance(25) => dice.between(0, 150),
            _ => dice.between(150, 2400),
        };
        age(days) - millis(dice.below(DAY))
    }

    pub(super) fn make_metadata(&self) -> KeyMetadata {
        use Archetype as A;
        let mut dice = self.part(Part::Material);
        let spec = self.spec();
        let (usage, encryption, signing, agreement, mac) = algorithms(&spec, self.archetype());
        let origin = self.origin();
        let state = self.state();
        let store = self.store();
        let deletion_date = match &state {
            KeyState::PendingDeletion => Some(self.now() + millis(dice.between(2, 28) * DAY + dice.below(DAY))),
            _ => None,
        };
        let (valid_to, expiration_model) = match (self.archetype(), &state) {
            (Some(A::ImportedExpiring), _) => (Some(self.now() + millis(dice.between(2, 20) * DAY)), Some(ExpirationModel::Expires)),
            (Some(A::Imported), _) => (None, Some(ExpirationModel::DoesNotExpire)),
            _ => (None, None),
        };
        let waits = state == KeyState::PendingReplicaDeletion;
        KeyMetadata {
            created_at: Some(self.created_at),
            enabled: state == KeyState::Enabled,
            description: self.description(),
            usage: Some(usage),
            deletion_date,
            valid_to,
            current_key_material_id: (spec == KeySpec::SymmetricDefault
                && matches!(origin, Origin::AwsKms | Origin::External)
                // A key stays bound to its material, and keeps the material's id, after the material is gone.
                && self.archetype() != Some(A::PendingImport))
            .then(|| self.material_id(self.material_count())),
            origin: Some(origin),
            custom_key_store_id: store.as_ref().map(|store| store.store.id.clone()),
            cloud_hsm_cluster_id: store.as_ref().and_then(|store| store.cluster_id.clone()),
            xks_key_id: store.as_ref().filter(|store| store.cluster_id.is_none()).map(|_| format!("hsm-slot-{}", dice.between(1, 9000))),
            expiration_model,
            manager: Some(if self.is_aws_managed() { KeyManager::Aws } else { KeyManager::Customer }),
            spec: Some(spec),
            encryption_algorithms: texts(encryption),
            signing_algorithms: texts(signing),
            key_agreement_algorithms: texts(agreement),
            encapsulation_algorithms: Vec::new(),
            mac_algorithms: texts(mac),
            multi_region: self.multi_region(),
            pending_deletion_window_days: waits.then_some(30),
            state: Some(state),
        }
    }

    fn store(&self) -> Option<stores::SimulatedStore> {
        let hsm = match self.archetype()? {
            Archetype::CloudHsm | Archetype::Unavailable => true,
            Archetype::ExternalKeyStore => false,
            _ => return None,
        };
        let connected = self.archetype() != Some(Archetype::Unavailable);
        stores::of_region(self.account, self.unit()).into_iter().find(|store| store.cluster_id.is_some() == hsm && store.is_connected() == connected)
    }

    fn multi_region(&self) -> Option<MultiRegion> {
        let set = self.set()?;
        let member = |at: usize| {
            let region = self.account.regions[at].region.clone();
            MultiRegionReplica { region: region.to_string(), arn: kms_insights_model::KeyArn::new(self.account.id, region, self.id.clone()).to_string() }
        };
        Some(MultiRegion {
            key_type: if self.is_replica() { MultiRegionKeyType::Replica } else { MultiRegionKeyType::Primary },
            primary: member(set.primary),
            replicas: set.replicas.iter().map(|at| member(*at)).collect(),
        })
    }

    pub(crate) fn spec(&self) -> KeySpec {
        use Archetype as A;
        let mut dice = self.part(Part::Material);
        match self.archetype() {
            Some(A::RsaSigning | A::RsaEncryption) => [KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096][dice.index(3)].clone(),
            Some(A::EccSigning) => {
                [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521, KeySpec::EccSecgP256k1, KeySpec::EccNistEdwards25519][dice.index(5)].clone()
            }
            Some(A::KeyAgreement) => [KeySpec::EccNistP256, KeySpec::EccNistP384][dice.index(2)].clone(),
            Some(A::Hmac) => [KeySpec::Hmac224, KeySpec::Hmac256, KeySpec::Hmac384, KeySpec::Hmac512][dice.index(4)].clone(),
            Some(A::MlDsa) => [KeySpec::MlDsa44, KeySpec::MlDsa65, KeySpec::MlDsa87][dice.index(3)].clone(),
            _ => KeySpec::SymmetricDefault,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        use Archetype as A;
        match self.archetype() {
            Some(A::Imported | A::ImportedExpiring | A::PendingImport | A::ExpiredImport) => Origin::External,
            Some(A::CloudHsm | A::Unavailable) => Origin::AwsCloudHsm,
            Some(A::ExternalKeyStore) => Origin::ExternalKeyStore,
            _ => Origin::AwsKms,
        }
    }

    pub(crate) fn state(&self) -> KeyState {
        use Archetype as A;
        match self.kind {
            // The third set of an account is being deleted: the primary waits for its replicas.
            Kind::MultiRegion(2) if self.is_replica() => KeyState::PendingDeletion,
            Kind::MultiRegion(2) => KeyState::PendingReplicaDeletion,
            Kind::AwsManaged(_) | Kind::MultiRegion(_) => KeyState::Enabled,
            Kind::Single(archetype) => match archetype {
                A::PendingDeletion => KeyState::PendingDeletion,
                A::DisabledLong => KeyState::Disabled,
                A::PendingImport | A::ExpiredImport => KeyState::PendingImport,
                A::Unavailable => KeyState::Unavailable,
                // Some of the unused ones were disabled by somebody careful.
                A::UsedLongAgo | A::OlderThanTracking if self.part(Part::Usage).part(3).roll().is_multiple_of(4) => KeyState::Disabled,
                _ => KeyState::Enabled,
            },
        }
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

type Algorithms = (KeyUsageType, &'static [&'static str], &'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// Source: AWS KMS, "Key spec reference".
fn algorithms(spec: &KeySpec, archetype: Option<Archetype>) -> Algorithms {
    const RSA_SIGNING: &[&str] = &[
        "RSASSA_PKCS1_V1_5_SHA_256",
        "RSASSA_PKCS1_V1_5_SHA_384",
        "RSASSA_PKCS1_V1_5_SHA_512",
        "RSASSA_PSS_SHA_256",
        "RSASSA_PSS_SHA_384",
        "RSASSA_PSS_SHA_512",
    ];
    fn sign(algorithms: &'static [&'static str]) -> Algorithms {
        (KeyUsageType::SignVerify, &[], algorithms, &[], &[])
    }
    fn mac(algorithms: &'static [&'static str]) -> Algorithms {
        (KeyUsageType::GenerateVerifyMac, &[], &[], &[], algorithms)
    }
    match spec {
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 if archetype == Some(Archetype::RsaEncryption) => {
            (KeyUsageType::EncryptDecrypt, &["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"], &[], &[], &[])
        }
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => sign(RSA_SIGNING),
        KeySpec::EccNistP256 | KeySpec::EccNistP384 if archetype == Some(Archetype::KeyAgreement) => (KeyUsageType::KeyAgreement, &[], &[], &["ECDH"], &[]),
        KeySpec::EccNistP256 | KeySpec::EccSecgP256k1 => sign(&["ECDSA_SHA_256"]),
        KeySpec::EccNistP384 => sign(&["ECDSA_SHA_384"]),
        KeySpec::EccNistP521 => sign(&["ECDSA_SHA_512"]),
        KeySpec::EccNistEdwards25519 => sign(&["ED25519_SHA_512", "ED25519_PH_SHA_512"]),
        KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => sign(&["ML_DSA_SHAKE_256"]),
        KeySpec::Hmac224 => mac(&["HMAC_SHA_224"]),
        KeySpec::Hmac256 => mac(&["HMAC_SHA_256"]),
        KeySpec::Hmac384 => mac(&["HMAC_SHA_384"]),
        KeySpec::Hmac512 => mac(&["HMAC_SHA_512"]),
        _ => (KeyUsageType::EncryptDecrypt, &["SYMMETRIC_DEFAULT"], &[], &[], &[]),
    }
}
