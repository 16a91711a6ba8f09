//! Rotation and last usage: `kms:GetKeyRotationStatus`, `kms:ListKeyRotations`, `kms:GetKeyLastUsage`.

use kms_insights_model::{KeySpec, KeyState, LastUsage, Origin, Rotation, RotationStatus, RotationType, Timestamp};

use super::{
    Key, Kind, Part,
    metadata::{millis, tracking_start},
};
use crate::{Archetype, dice::Dice};

const DAY: u64 = 86_400_000;
const OPERATIONS: &[&str] = &["Decrypt", "GenerateDataKey", "Encrypt", "GenerateDataKeyWithoutPlaintext", "ReEncrypt"];

impl Key<'_> {
    fn rotates(&self) -> bool {
        self.spec() == KeySpec::SymmetricDefault && matches!(self.origin(), Origin::AwsKms | Origin::External)
    }

    /// The period of automatic rotation, where it is on.
    pub(crate) fn rotation_period(&self) -> Option<u64> {
        let mut dice = self.part(Part::Rotation);
        match self.kind {
            _ if self.origin() != Origin::AwsKms => None,
            Kind::AwsManaged(_) => Some(365),
            Kind::Single(Archetype::ForgottenSample | Archetype::OlderThanTracking | Archetype::PendingDeletion) => None,
            _ if !matches!(self.state(), KeyState::Enabled | KeyState::Disabled) => None,
            _ if dice.chance(45) => None,
            _ => Some([365, 365, 365, 180, 90, 730][dice.index(6)]),
        }
    }

    pub(super) fn make_rotation(&self) -> Option<RotationStatus> {
        if !self.rotates() {
            return None;
        }
        let period = self.rotation_period();
        let next_at = period.map(|days| {
            let age = u64::try_from((self.now() - self.created_at).num_milliseconds()).unwrap_or(0);
            self.created_at + millis((age / (days * DAY) + 1) * days * DAY)
        });
        let rotating = self.archetype() == Some(Archetype::Rotating);
        Some(RotationStatus {
            enabled: period.is_some(),
            period_days: period.and_then(|days| i32::try_from(days).ok()),
            // A disabled key is not rotated, though its status stays.
            next_at: next_at.filter(|_| self.state() == KeyState::Enabled),
            on_demand_started_at: rotating.then(|| self.now() - millis(self.part(Part::Rotation).part(1).between(60_000, 3_600_000))),
        })
    }

    pub(crate) fn rotation_moments(&self) -> Vec<(Timestamp, RotationType)> {
        let mut moments = Vec::new();
        if let Some(days) = self.rotation_period() {
            let mut at = self.created_at + millis(days * DAY);
            while at < self.now() {
                moments.push((at, RotationType::Automatic));
                at += millis(days * DAY);
            }
        }
        if self.archetype() == Some(Archetype::RotatedOnDemand) {
            let mut dice = self.part(Part::Rotation).part(2);
            let age = u64::try_from((self.now() - self.created_at).num_milliseconds()).unwrap_or(0);
            // KMS allows ten on-demand rotations of a key, twenty-five since 2025.
            for _ in 0..dice.between(2, 10) {
                moments.push((self.created_at + millis(dice.below(age)), RotationType::OnDemand));
            }
        }
        moments.sort_by_key(|(at, _)| *at);
        moments
    }

    /// How many times the key's material was replaced.
    pub(super) fn material_count(&self) -> usize {
        self.rotation_moments().len()
    }

    pub(super) fn material_id(&self, number: usize) -> String {
        self.part(Part::Rotation).part(100 + number as u64).hex(64)
    }

    /// The id of the material that encrypts at a moment, for keys whose uses tell it.
    pub(crate) fn material_at(&self, at: Timestamp) -> Option<String> {
        self.rotates().then(|| self.material_id(self.rotation_moments().iter().filter(|(moment, _)| *moment <= at).count()))
    }

    /// The id of the material that the key was made with.
    pub(crate) fn first_material_id(&self) -> String {
        self.material_id(0)
    }

    pub(super) fn make_rotations(&self) -> Option<Vec<Rotation>> {
        self.rotates().then(|| {
            let moments = self.rotation_moments().into_iter().enumerate();
            let entry = |(at, (moment, rotation_type))| Rotation {
                rotated_at: Some(moment),
                rotation_type: Some(rotation_type),
                key_material_id: Some(self.material_id(at + 1)),
            };
            moments.map(entry).collect()
        })
    }

    pub(super) fn make_last_usage(&self) -> LastUsage {
        let mut dice = self.part(Part::Usage).part(self.region as u64);
        let used_at = self.last_used_at(&mut dice);
        let operation = match self.spec() {
            KeySpec::SymmetricDefault | KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 if self.archetype() != Some(Archetype::RsaSigning) => {
                match (dice.pick(OPERATIONS), self.spec()) {
                    (operation, KeySpec::SymmetricDefault) => operation,
                    // An asymmetric key makes no data keys.
                    ("GenerateDataKey" | "GenerateDataKeyWithoutPlaintext", _) => "Decrypt",
                    (operation, _) => operation,
                }
            }
            KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => "GenerateMac",
            _ if self.archetype() == Some(Archetype::KeyAgreement) => "DeriveSharedSecret",
            _ => "Sign",
        };
        LastUsage {
            used_at,
            operation: used_at.map(|_| operation.to_owned()),
            cloudtrail_event_id: used_at.map(|_| dice.uuid()),
            kms_request_id: used_at.map(|_| dice.uuid()),
            tracking_started_at: Some(tracking_start(self.now())),
            key_created_at: Some(self.created_at),
        }
    }

    fn last_used_at(&self, dice: &mut Dice) -> Option<Timestamp> {
        use Archetype as A;
        let since = self.created_at.max(tracking_start(self.now()));
        let window = u64::try_from((self.now() - since).num_milliseconds()).unwrap_or(0);
        // KMS tells of a use up to an hour late.
        let recently = |dice: &mut Dice| (window > 2 * 3_600_000).then(|| self.now() - millis(dice.between(3_600_000, (7 * DAY).min(window))));
        match (self.kind, self.state()) {
            (Kind::Single(A::PendingImport | A::ForgottenSample | A::OlderThanTracking | A::DisabledLong), _) => None,
            (Kind::Single(A::UsedLongAgo), _) => Some(since + millis(dice.below((30 * DAY).min(window)))),
            (_, KeyState::Enabled) if dice.chance(70) => recently(dice),
            (_, KeyState::Enabled) if dice.chance(50) => Some(since + millis(dice.below(window))),
            (_, KeyState::Enabled) => None,
            (_, _) => dice.chance(50).then(|| since + millis(dice.below(window / 2))),
        }
    }
}
