//! What a key costs each month by itself.

use kms_insights_model::{Fact, KeyManager, KeyMetadata, KeyState, Rotation};

/// The fee of a customer managed key, and of each of its first two rotations.
const DOLLARS: f64 = 1.0;
/// Rotations beyond the second cost nothing more.
const CHARGED_ROTATIONS: usize = 2;

/// US dollars a month, requests apart; `None` where it cannot be told.
///
/// Source: "AWS Key Management Service pricing". A customer managed key costs $1 a month, whatever its spec, origin or state, and each multi-Region primary and replica by itself;
/// the first and second rotation add $1 each. AWS managed keys and keys that wait for their deletion cost nothing. Whether replicas bear the fee of rotations is not
/// documented: they are counted with the rotations that KMS lists for them.
pub fn monthly_cost_usd(metadata: &Fact<KeyMetadata>, rotations: &Fact<Vec<Rotation>>) -> Option<f64> {
    let metadata = metadata.observed()?;
    match (&metadata.manager, &metadata.state) {
        (Some(KeyManager::Aws), _) | (Some(KeyManager::Customer), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)) => Some(0.0),
        (Some(KeyManager::Customer), Some(_)) => {
            let rotations = match rotations {
                Fact::Observed(rotations) => rotations.len(),
                Fact::NotApplicable => 0,
                Fact::Denied(_) | Fact::Failed(_) => return None,
            };
            Some((0..rotations.min(CHARGED_ROTATIONS)).fold(DOLLARS, |sum, _| sum + DOLLARS))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kms_insights_model::{ApiAction, ErrorCode, Failure};

    use super::*;
    use crate::sample;

    fn cost(change: impl FnOnce(&mut KeyMetadata), rotations: &Fact<Vec<Rotation>>) -> Option<f64> {
        let mut metadata = sample::metadata();
        change(&mut metadata);
        monthly_cost_usd(&Fact::Observed(metadata), rotations)
    }

    fn rotated(times: usize) -> Fact<Vec<Rotation>> {
        Fact::Observed(vec![Rotation { rotated_at: None, rotation_type: None, key_material_id: None }; times])
    }

    #[test]
    fn the_first_two_rotations_are_charged_and_no_more() {
        for (times, dollars) in [(0, 1.0), (1, 2.0), (2, 3.0), (9, 3.0)] {
            assert_eq!(cost(|_| {}, &rotated(times)), Some(dollars));
        }
        assert_eq!(cost(|_| {}, &Fact::NotApplicable), Some(1.0));
    }

    #[test]
    fn disabled_keys_cost_and_keys_pending_deletion_do_not() {
        assert_eq!(cost(|key| key.state = Some(KeyState::Disabled), &rotated(0)), Some(1.0));
        assert_eq!(cost(|key| key.state = Some(KeyState::PendingDeletion), &rotated(2)), Some(0.0));
        assert_eq!(cost(|key| key.state = Some(KeyState::PendingReplicaDeletion), &rotated(2)), Some(0.0));
    }

    #[test]
    fn aws_managed_keys_cost_nothing() {
        assert_eq!(cost(|key| key.manager = Some(KeyManager::Aws), &rotated(9)), Some(0.0));
    }

    #[test]
    fn what_was_not_read_gives_no_cost() {
        let denied = Failure::new(ApiAction::KmsListKeyRotations, ErrorCode::AccessDenied, "no");
        assert_eq!(cost(|_| {}, &Fact::lacking(denied.clone())), None);
        assert_eq!(monthly_cost_usd(&Fact::lacking(denied), &rotated(0)), None);
        assert_eq!(cost(|key| key.manager = None, &rotated(0)), None);
        assert_eq!(cost(|key| key.state = None, &rotated(0)), None);
    }
}
