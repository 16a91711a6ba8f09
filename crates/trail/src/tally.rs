//! Daily usage: what the batches add up to.

use std::{collections::BTreeMap, hash::BuildHasher, num::NonZeroU32};

use chrono::NaiveDate;
use hashbrown::{DefaultHashBuilder, HashTable};
use kms_insights_model::Timestamp;
use serde::Serialize;

use crate::{
    Calls, EventId, EventIds, EventTime, KeyEvent, SeenEvents, SharedId,
    batch::{BEHIND_PART, Batch, Ends, Part, Use},
    time,
};

/// How often a principal used a key on a day, by an operation, on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DailyUse {
    /// The day, in UTC.
    #[serde(serialize_with = "time::serialize_date")]
    pub event_date: NaiveDate,
    /// The key's ARN, or an alias' where the records name no more.
    pub key_arn: String,
    /// The role, user, account or service; empty where the record does not say.
    pub principal: String,
    /// The operation, such as `Decrypt`.
    pub event_name: String,
    /// The resource that the encryption context names.
    pub resource: Option<String>,
    /// The service that called on somebody's behalf, or on its own.
    pub invoked_by: Option<String>,
    /// The account whose log records it: the caller's, where that is read too.
    pub recorded_by: String,
    /// Calls that succeeded.
    pub uses: u64,
    /// Calls that failed: these used nothing.
    pub errors: u64,
    /// The first of them all.
    #[serde(serialize_with = "time::serialize")]
    pub first_at: Timestamp,
    /// The last of them all.
    #[serde(serialize_with = "time::serialize")]
    pub last_at: Timestamp,
    /// The last that succeeded.
    #[serde(serialize_with = "time::serialize_optional")]
    pub last_used_at: Option<Timestamp>,
}

/// What the uses with the same parts on the same day add up to. One line of the processor's cache: on the way through a large log, most of the time is spent waiting for such lines.
#[derive(Clone, Debug)]
struct Row {
    hash: u64,
    /// Where its parts begin among the texts.
    start: usize,
    ends: Ends,
    uses: u64,
    errors: u32,
    /// Seconds of the day.
    first: u32,
    last: u32,
    last_use: Option<NonZeroU32>,
}

/// The rows of one day. Apart from other days': the less there is to look through, the more of it the processor has at hand.
#[derive(Clone, Debug, Default)]
struct Day {
    texts: String,
    rows: Vec<Row>,
    /// Which row is which.
    places: HashTable<u32>,
    /// Uses by the owner's record, until it is known whether the caller's is read.
    held: Vec<Held>,
}

/// A use that does not count yet.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// `None` for the same event as the one before.
    shared: Option<EventId>,
    row: u32,
    second: u32,
    failed: bool,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Counts,
    /// Counts if the caller's record of it does not.
    IsHeld,
    CountedBefore,
}

impl Fate {
    fn of(seen: &mut SeenEvents, at: EventTime, ids: EventIds) -> Self {
        if !seen.insert(at, ids.own) {
            return Self::CountedBefore;
        }
        match ids.shared {
            Some(SharedId { is_owners: true, .. }) => Self::IsHeld,
            Some(shared) if !seen.mark(at.day(), shared.id) => Self::CountedBefore,
            _ => Self::Counts,
        }
    }
}

/// Adds batches up.
///
/// An event that two accounts record counts once: by the caller's record, which knows the role, if that is there when the day is taken out; else by the owner's.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Counted from the epoch.
    days: BTreeMap<i32, Day>,
    hasher: DefaultHashBuilder,
    without_key: Calls,
    key_events: Vec<KeyEvent>,
    held_key_events: Vec<KeyEvent>,
}

impl Tally {
    /// Adds the events of a file that are not among those seen before.
    pub fn add(&mut self, batch: &Batch, seen: &mut SeenEvents) {
        self.without_key = self.without_key.and(batch.without_key);
        let mut fate = Fate::CountedBefore;
        for used in &batch.uses {
            if let Some(ids) = used.ids {
                fate = Fate::of(seen, used.at, ids);
            }
            if fate != Fate::CountedBefore {
                self.count(batch, used, fate);
            }
        }
        let mut last = None;
        for event in &batch.key_events {
            // An event may touch two keys. That it touches the first one again is the event delivered once more.
            if last.is_none_or(|(last, key)| last != event.ids || key == &event.key_arn) {
                last = Some((event.ids, &event.key_arn));
                fate = Fate::of(seen, EventTime::of_timestamp(event.at), event.ids);
            }
            match fate {
                Fate::Counts => self.key_events.push(event.clone()),
                Fate::IsHeld => self.held_key_events.push(event.clone()),
                Fate::CountedBefore => {}
            }
        }
    }

    fn count(&mut self, batch: &Batch, used: &Use, fate: Fate) {
        let parts = batch.parts(used);
        let second = used.at.second_of_day();
        let hash = self.hasher.hash_one(parts);
        let Day { texts, rows, places, held } = self.days.entry(used.at.day()).or_default();
        let is_same = |place: &u32| rows.get(*place as usize).is_some_and(|row| row.hash == hash && row.ends == used.ends && parts_of(texts, row) == parts);
        let place = places.find(hash, is_same).copied().unwrap_or_else(|| {
            // A tally is emptied long before it has so many.
            let place = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            rows.push(Row { hash, start: texts.len(), ends: used.ends, uses: 0, errors: 0, first: u32::MAX, last: 0, last_use: None });
            texts.push_str(parts);
            places.insert_unique(hash, place, |place| rows.get(*place as usize).map_or(0, |row| row.hash));
            place
        });
        if fate == Fate::IsHeld {
            let shared = used.ids.and_then(|ids| ids.shared).map(|shared| shared.id);
            held.push(Held { shared, row: place, second, failed: used.failed });
        } else if let Some(row) = rows.get_mut(place as usize) {
            row.add(second, used.failed);
        }
    }

    /// The first day of which there is anything.
    pub fn first_day(&self) -> Option<NaiveDate> {
        let of_uses = self.days.keys().next().and_then(|day| NaiveDate::from_epoch_days(*day));
        let of_key_events = self.key_events.iter().chain(&self.held_key_events).map(|event| event.at.date_naive());
        of_uses.into_iter().chain(of_key_events).min()
    }

    /// What is to be known of the days before `date` before they are taken out: by day, which ids of theirs were counted before, if [`SeenEvents`] has forgotten them.
    pub fn held_ids(&self, before: Option<NaiveDate>) -> BTreeMap<NaiveDate, Vec<EventId>> {
        let mut ids: BTreeMap<NaiveDate, Vec<EventId>> = BTreeMap::new();
        for (day, of_day) in &self.days {
            let Some(date) = NaiveDate::from_epoch_days(*day).filter(|_| !of_day.held.is_empty()) else { continue };
            ids.entry(date).or_default().extend(of_day.held.iter().filter_map(|held| held.shared));
        }
        for event in &self.held_key_events {
            ids.entry(event.at.date_naive()).or_default().extend(event.ids.shared.map(|shared| shared.id));
        }
        ids.retain(|date, of_day| {
            of_day.sort_unstable();
            before.is_none_or(|before| *date < before)
        });
        ids
    }

    /// Takes out what is of the days before `date`, or everything.
    #[must_use]
    pub fn take(&mut self, before: Option<NaiveDate>, seen: &mut SeenEvents) -> Self {
        let later = before.map_or_else(Self::default, |before| self.split_off(before));
        let mut taken = std::mem::replace(self, later);
        for (day, of_day) in &mut taken.days {
            of_day.release(*day, seen);
        }
        let mut last = None;
        let mut counts = false;
        for event in std::mem::take(&mut taken.held_key_events) {
            if last != Some(event.ids) {
                last = Some(event.ids);
                let day = EventTime::of_timestamp(event.at).day();
                counts = event.ids.shared.is_none_or(|shared| seen.mark(day, shared.id));
            }
            if counts {
                taken.key_events.push(event);
            }
        }
        taken
    }

    /// Splits off what is of a day and of those after it.
    #[must_use]
    pub fn split_off(&mut self, from: NaiveDate) -> Self {
        let split = |events: &mut Vec<KeyEvent>| {
            let (later, earlier) = std::mem::take(events).into_iter().partition(|event| event.at.date_naive() >= from);
            *events = earlier;
            later
        };
        Self {
            days: self.days.split_off(&from.to_epoch_days()),
            hasher: self.hasher.clone(),
            without_key: Calls::default(),
            key_events: split(&mut self.key_events),
            held_key_events: split(&mut self.held_key_events),
        }
    }

    /// Events that name no key.
    pub const fn without_key(&self) -> Calls {
        self.without_key
    }

    /// Roughly how many bytes it takes in memory.
    pub fn size(&self) -> usize {
        let days = self.days.values().map(|day| day.texts.len() + size_of_val(&*day.rows) + size_of_val(&*day.held));
        days.sum::<usize>() + self.key_events.iter().chain(&self.held_key_events).map(KeyEvent::size).sum::<usize>()
    }

    /// The events that change keys, in order.
    pub fn key_events(&mut self) -> Vec<KeyEvent> {
        let mut events = std::mem::take(&mut self.key_events);
        events.sort_unstable_by(|a, b| (a.at, &a.id, &a.key_arn).cmp(&(b.at, &b.id, &b.key_arn)));
        events
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.days.values().map(|day| day.rows.len()).sum()
    }

    /// Whether nothing was added up.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.key_events.is_empty() && self.held_key_events.is_empty()
    }

    /// The rows, in order, made one by one.
    pub fn rows(&self) -> impl Iterator<Item = DailyUse> {
        let days = self.days.iter().map(|(day, of_day)| {
            let mut rows: Vec<&Row> = of_day.rows.iter().filter(|row| row.uses > 0 || row.errors > 0).collect();
            rows.sort_unstable_by(|a, b| parts_of(&of_day.texts, a).cmp(parts_of(&of_day.texts, b)));
            (*day, of_day, rows)
        });
        days.flat_map(|(day, of_day, rows)| rows.into_iter().map(move |row| of_day.used(day, row)))
    }
}

impl Row {
    fn add(&mut self, second: u32, failed: bool) {
        self.first = self.first.min(second);
        self.last = self.last.max(second);
        if failed {
            self.errors += 1;
        } else {
            self.uses += 1;
            self.last_use = self.last_use.max(NonZeroU32::MIN.checked_add(second));
        }
    }
}

impl Day {
    /// Counts what was held, unless the caller's record of it was counted.
    fn release(&mut self, day: i32, seen: &mut SeenEvents) {
        let mut counts = false;
        for Held { shared, row, second, failed } in std::mem::take(&mut self.held) {
            if let Some(shared) = shared {
                counts = seen.mark(day, shared);
            }
            if counts && let Some(row) = self.rows.get_mut(row as usize) {
                row.add(second, failed);
            }
        }
    }

    fn used(&self, day: i32, row: &Row) -> DailyUse {
        let text = |part| self.part(row, part).to_owned();
        let some = |part| Some(text(part)).filter(|text| !text.is_empty());
        DailyUse {
            event_date: EventTime::of(day, 0).date(),
            key_arn: text(Part::Key),
            principal: text(Part::Principal),
            event_name: text(Part::Name),
            resource: some(Part::Resource),
            invoked_by: some(Part::InvokedBy),
            recorded_by: text(Part::RecordedBy),
            uses: row.uses,
            errors: row.errors.into(),
            first_at: EventTime::of(day, row.first).timestamp(),
            last_at: EventTime::of(day, row.last).timestamp(),
            last_used_at: row.last_use.map(|last| EventTime::of(day, last.get() - 1).timestamp()),
        }
    }

    fn part(&self, row: &Row, part: Part) -> &str {
        let parts = parts_of(&self.texts, row);
        let end = row.ends[part as usize] as usize;
        let start = (part as usize).checked_sub(1).map_or(0, |before| row.ends[before] as usize + BEHIND_PART.len_utf8());
        parts.get(start..end).unwrap_or_default()
    }
}

fn parts_of<'t>(texts: &'t str, row: &Row) -> &'t str {
    texts.get(row.start..row.start + row.ends[Part::COUNT - 1] as usize).unwrap_or_default()
}
