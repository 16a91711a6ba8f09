//! When a key ceased to be usable, and what KMS says to whoever tries it then.

use chrono::TimeDelta;
use kms_insights_model::{KeyState, Timestamp};

use super::event::Refusal;
use crate::{Archetype, dice::Dice, key::Key};

/// From when on a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blocked {
    pub(crate) since: Timestamp,
    pub(crate) refusal: Refusal,
}

/// A moment between two, neither included where there is room.
pub(crate) fn between(low: Timestamp, high: Timestamp, dice: &mut Dice) -> Timestamp {
    let span = u64::try_from((high - low).num_milliseconds()).unwrap_or(0);
    low + TimeDelta::milliseconds(i64::try_from(dice.between(span / 20, span - span / 20)).unwrap_or(0))
}

/// The moment of the key's last use by all that KMS records; its creation where there is none.
fn floor(key: &Key<'_>) -> Timestamp {
    key.last_usage().used_at.unwrap_or_else(|| key.created_at()).max(key.created_at()) + TimeDelta::seconds(2)
}

/// From when on the key could not be used any more, and why.
pub(crate) fn blocked(key: &Key<'_>) -> Option<Blocked> {
    let mut dice = key.trail_dice().part(2);
    let (arn, now) = (key.arn(), key.now());
    let anytime = |dice: &mut Dice| between(floor(key).min(now), now, dice);
    let invalid = |what: &str| Refusal { code: "KMSInvalidStateException", message: format!("{arn} {what}.") };
    let (since, refusal) = match key.state() {
        KeyState::Disabled => {
            let since = if key.archetype() == Some(Archetype::DisabledLong) {
                // For more than a year.
                between(floor(key), now - TimeDelta::days(366), &mut dice)
            } else {
                anytime(&mut dice)
            };
            (since, Refusal { code: "DisabledException", message: format!("{arn} is disabled.") })
        }
        KeyState::PendingDeletion => {
            // Deletion was scheduled thirty days ahead, unless the key was in use after that.
            let scheduled = key.metadata().deletion_date.map(|date| date - TimeDelta::days(30)).filter(|at| *at > floor(key) && *at < now);
            (scheduled.unwrap_or_else(|| anytime(&mut dice)), invalid("is pending deletion"))
        }
        KeyState::PendingReplicaDeletion => (anytime(&mut dice), invalid("is pending replica deletion")),
        KeyState::PendingImport if key.archetype() == Some(Archetype::PendingImport) => (key.created_at(), invalid("is pending import")),
        KeyState::PendingImport => (anytime(&mut dice), invalid("is pending import")),
        KeyState::Unavailable => (anytime(&mut dice), invalid("is unavailable because its key store is not connected")),
        _ => return None,
    };
    Some(Blocked { since, refusal })
}
