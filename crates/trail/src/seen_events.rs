//! Which events were counted before: CloudTrail may deliver an event more than once.

use std::{
    collections::BTreeMap,
    hash::{BuildHasherDefault, Hasher},
};

use chrono::NaiveDate;
use hashbrown::HashSet;

use crate::{EventId, EventTime};

/// The ids of events, by their days: twenty bytes for each.
#[derive(Clone, Debug, Default)]
pub struct SeenEvents {
    days: BTreeMap<i32, Day>,
    repeated: u64,
}

#[derive(Clone, Debug, Default)]
struct Day {
    /// Those that were counted before this scan.
    earlier: Ids,
    /// Those that this scan counted.
    own: Ids,
}

type Ids = HashSet<EventId, BuildHasherDefault<RandomAlready>>;

impl SeenEvents {
    /// Takes note of an event; whether it is new. One that is not was delivered before.
    pub fn insert(&mut self, at: EventTime, id: EventId) -> bool {
        let is_new = self.mark(at.day(), id);
        self.repeated += u64::from(!is_new);
        is_new
    }

    /// Takes note of what records of two accounts share; whether it is new.
    pub(crate) fn mark(&mut self, day: i32, id: EventId) -> bool {
        let day = self.days.entry(day).or_default();
        !day.earlier.contains(&id) && day.own.insert(id)
    }

    /// Events that came more than once.
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.days.values().map(|day| day.earlier.len() + day.own.len()).sum()
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Takes events of a day as counted by earlier scans.
    pub fn remember(&mut self, date: NaiveDate, ids: impl IntoIterator<Item = EventId>) {
        self.days.entry(date.to_epoch_days()).or_default().earlier.extend(ids);
    }

    /// The days of which events are kept.
    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.days.keys().filter_map(|day| NaiveDate::from_epoch_days(*day))
    }

    /// Forgets a day, and gives back what it knew of it.
    pub fn forget(&mut self, date: NaiveDate) -> Forgotten {
        let Day { earlier, own } = self.days.remove(&date.to_epoch_days()).unwrap_or_default();
        let in_order = |ids: Ids| {
            let mut ids: Vec<EventId> = ids.into_iter().collect();
            ids.sort_unstable();
            ids
        };
        Forgotten { earlier: in_order(earlier), own: in_order(own) }
    }
}

/// The events of a day that are forgotten, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Those that were counted before this scan.
    pub earlier: Vec<EventId>,
    /// Those that this scan counted.
    pub own: Vec<EventId>,
}

/// The hash of an id is what it is made of: random bits.
#[derive(Clone, Debug, Default)]
struct RandomAlready(u64);

impl Hasher for RandomAlready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, id: u128) {
        // The version of a UUID stands in the upper half, its variant in the lower one.
        let [low, high] = [id & u128::from(u64::MAX), id >> 64].map(|half| u64::try_from(half).unwrap_or_default());
        self.0 = low ^ high.rotate_left(32);
    }
}
