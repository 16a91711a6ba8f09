//! Daily usage: what the batches add up to.

use std::{collections::BTreeSet, hash::BuildHasher, num::NonZeroU32};

use chrono::NaiveDate;
use hashbrown::{DefaultHashBuilder, HashTable};
use kms_insights_model::Timestamp;
use serde::Serialize;

use crate::{
    EventTime, KeyEvent, SeenEvents,
    batch::{Batch, Ends, Part, Use},
};

/// How often a principal used a key on a day, by an operation, on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DailyUse {
    /// The day, in UTC.
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
    pub first_at: Timestamp,
    /// The last of them all.
    pub last_at: Timestamp,
    /// The last that succeeded.
    pub last_used_at: Option<Timestamp>,
}

impl DailyUse {
    /// What a use is told apart by.
    fn parts(&self) -> impl PartialEq {
        (self.event_date, &self.key_arn, &self.principal, &self.event_name, &self.resource, &self.invoked_by, &self.recorded_by)
    }

    /// Adds another row, if both are of the same use; whether they are.
    fn take_in(&mut self, other: &Self) -> bool {
        let is_same = self.parts() == other.parts();
        if is_same {
            self.uses += other.uses;
            self.errors += other.errors;
            self.first_at = self.first_at.min(other.first_at);
            self.last_at = self.last_at.max(other.last_at);
            self.last_used_at = self.last_used_at.max(other.last_used_at);
        }
        is_same
    }
}

/// What the uses with the same parts on the same day add up to. One line of the processor's cache: on the way through a large log, most of the time is spent waiting for such lines.
#[derive(Clone, Debug)]
struct Row {
    hash: u64,
    day: i32,
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

/// Adds batches up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    texts: String,
    rows: HashTable<Row>,
    hasher: DefaultHashBuilder,
    without_key: u64,
    key_events: Vec<KeyEvent>,
    key_event_bytes: usize,
}

impl Tally {
    /// Adds the events of a file that are not among those seen before.
    pub fn add(&mut self, batch: &Batch, seen: &mut SeenEvents) {
        self.without_key += batch.without_key;
        let mut is_new = false;
        for used in &batch.uses {
            if let Some(id) = used.id {
                is_new = seen.insert(used.at, id);
            }
            if is_new {
                self.count(batch, used);
            }
        }
        let mut last = None;
        for event in &batch.key_events {
            let id = event.event_id();
            // An event may touch two keys. That it touches the first one again is the event delivered once more.
            if last.is_none_or(|(last, key)| last != id || key == &event.key_arn) {
                last = Some((id, &event.key_arn));
                is_new = seen.insert(EventTime::of_timestamp(event.at), id);
            }
            if is_new {
                self.key_event_bytes += event.size();
                self.key_events.push(event.clone());
            }
        }
    }

    fn count(&mut self, batch: &Batch, used: &Use) {
        let parts = batch.parts(used);
        let (day, second) = (used.at.day(), used.at.second_of_day());
        let hash = self.hasher.hash_one((day, used.ends, parts));
        let is_same = |row: &Row| row.hash == hash && row.day == day && row.ends == used.ends && parts_of(&self.texts, row) == parts;
        let row = if let Some(row) = self.rows.find_mut(hash, is_same) {
            row
        } else {
            let start = self.texts.len();
            self.texts.push_str(parts);
            let row = Row { hash, day, start, ends: used.ends, uses: 0, errors: 0, first: second, last: second, last_use: None };
            self.rows.insert_unique(hash, row, |row| row.hash).into_mut()
        };
        row.first = row.first.min(second);
        row.last = row.last.max(second);
        if used.failed {
            row.errors += 1;
        } else {
            row.uses += 1;
            row.last_use = row.last_use.max(NonZeroU32::MIN.checked_add(second));
        }
    }

    /// Events that name no key.
    pub const fn without_key(&self) -> u64 {
        self.without_key
    }

    /// Whether it is time to write the rows and begin anew.
    pub fn is_full(&self) -> bool {
        self.texts.len() + self.key_event_bytes > 16 << 20
    }

    /// The events that change keys, in order. An event that two accounts record is told once, by the caller's record, if `is_recorded` says that the caller's account is read.
    pub fn key_events(&mut self, is_recorded: impl Fn(&str) -> bool) -> Vec<KeyEvent> {
        self.key_event_bytes = 0;
        let mut events = std::mem::take(&mut self.key_events);
        events.retain(|event| event.also_recorded_by.as_deref().is_none_or(|caller| !is_recorded(caller)));
        events.sort_unstable_by(|a, b| (a.at, &a.id, &a.key_arn).cmp(&(b.at, &b.id, &b.key_arn)));
        events
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was added up.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.key_events.is_empty()
    }

    /// The accounts whose own records were added.
    pub fn recipients(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|row| self.part(row, Part::RecordedBy)).collect()
    }

    /// The rows, in order. An event that two accounts record counts in the caller's record alone, if `is_recorded` says that the caller's account is read.
    pub fn rows(&self, is_recorded: impl Fn(&str) -> bool) -> Vec<DailyUse> {
        let text = |row, part| self.part(row, part).to_owned();
        let some = |row, part| Some(text(row, part)).filter(|text| !text.is_empty());
        let counted = self.rows.iter().filter(|row| {
            let caller = self.part(row, Part::AlsoRecordedBy);
            caller.is_empty() || !is_recorded(caller)
        });
        let mut rows: Vec<DailyUse> = counted
            .map(|row| DailyUse {
                event_date: EventTime::of(row.day, 0).date(),
                key_arn: text(row, Part::Key),
                principal: text(row, Part::Principal),
                event_name: text(row, Part::Name),
                resource: some(row, Part::Resource),
                invoked_by: some(row, Part::InvokedBy),
                recorded_by: text(row, Part::RecordedBy),
                uses: row.uses,
                errors: row.errors.into(),
                first_at: EventTime::of(row.day, row.first).timestamp(),
                last_at: EventTime::of(row.day, row.last).timestamp(),
                last_used_at: row.last_use.map(|last| EventTime::of(row.day, last.get() - 1).timestamp()),
            })
            .collect();
        rows.sort_unstable();
        // Rows of a caller whose account is not read may differ only in whether its records share an id with others.
        rows.dedup_by(|row, kept| kept.take_in(row));
        rows
    }

    fn part(&self, row: &Row, part: Part) -> &str {
        let parts = parts_of(&self.texts, row);
        let end = row.ends[part as usize] as usize;
        let start = (part as usize).checked_sub(1).map_or(0, |before| row.ends[before] as usize);
        parts.get(start..end).unwrap_or_default()
    }
}

fn parts_of<'t>(texts: &'t str, row: &Row) -> &'t str {
    texts.get(row.start..row.start + row.ends[Part::COUNT - 1] as usize).unwrap_or_default()
}
