//! The events of one log file, small enough to be handed from one thread to another.

use std::{collections::BTreeSet, fmt::Write as _};

use chrono::NaiveDate;

use crate::{
    EventTime, KeyEvent,
    event::KmsEvent,
    principal::principal,
    touched::{Touched, touched},
    use_events::UseEvents,
};

/// The events that a log file records, as far as they matter.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    texts: String,
    /// Events that change keys.
    pub key_events: Vec<KeyEvent>,
    pub(crate) uses: Vec<Use>,
    /// Events that count as uses and name no key, such as failed calls that did not get that far.
    pub(crate) without_key: u64,
}

/// One use of one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    pub(crate) at: EventTime,
    /// `None` for the same event as the use before: its second key.
    pub(crate) id: Option<EventId>,
    pub(crate) failed: bool,
    /// Where its parts begin among the texts, one behind the other.
    start: u32,
    /// Where each part ends, counted from there.
    pub(crate) ends: Ends,
}

/// Where the parts of a use end, in the order of [`Part`].
pub(crate) type Ends = [u16; Part::COUNT];

/// A part is cut to so many bytes. Whatever AWS gives is shorter: an encryption context has at most 8,192 characters, an ARN 2,048.
const LONGEST_PART: usize = 8192;

/// What a use is told apart by, beside its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Principal,
    /// Empty where no service called.
    InvokedBy,
    /// The account whose record this is.
    RecordedBy,
    /// The account of the caller, where it records the same event itself; else empty.
    AlsoRecordedBy,
    Key,
    /// Empty where none is named.
    Resource,
}

impl Part {
    pub(crate) const COUNT: usize = Self::Resource as usize + 1;
}

/// What tells one event from another: `eventID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub u128);

impl EventId {
    /// The number that a UUID is; any other text is hashed to one.
    pub fn new(text: &str) -> Self {
        Self(uuid(text.as_bytes()).unwrap_or_else(|| fnv(text.as_bytes())))
    }
}

fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut number = 0;
    for (at, byte) in text.iter().enumerate() {
        let digit = match (at, byte) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (_, b'0'..=b'9') => byte - b'0',
            (_, b'a'..=b'f') => byte - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u128::from(digit);
    }
    Some(number)
}

/// Adds the beginning of a part, and a number that tells it from others that begin alike.
#[cold]
fn push_cut(texts: &mut String, part: &str) {
    texts.push_str(&part[..part.floor_char_boundary(LONGEST_PART - 33)]);
    // Writing to a String cannot fail.
    let _ = write!(texts, "#{:032x}", fnv(part.as_bytes()));
}

/// FNV-1a in 128 bits, the same in every run and program.
fn fnv(text: &[u8]) -> u128 {
    let (basis, prime) = (0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, 0x0000_0000_0100_0000_0000_0000_0000_013b);
    text.iter().fold(basis, |hash: u128, byte| (hash ^ u128::from(*byte)).wrapping_mul(prime))
}

impl Batch {
    /// Without anything, the memory kept.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.uses.clear();
        self.key_events.clear();
        self.without_key = 0;
    }

    /// The days of its events.
    pub fn dates(&self) -> BTreeSet<NaiveDate> {
        // Nearly all events of a file are of one day.
        let mut days: Vec<i32> = self.uses.iter().map(|used| used.at.day()).collect();
        days.dedup();
        let of_uses = days.into_iter().filter_map(NaiveDate::from_epoch_days);
        of_uses.chain(self.key_events.iter().map(|event| event.at.date_naive())).collect()
    }

    /// Whether it holds no memory.
    pub fn is_without_memory(&self) -> bool {
        self.texts.capacity() == 0
    }

    /// Whether it is time to hand it on.
    pub fn is_full(&self) -> bool {
        self.texts.len() > 4 << 20
    }

    /// What the use is told apart by.
    pub(crate) fn parts(&self, used: &Use) -> &str {
        let end = used.start as usize + used.ends[Part::COUNT - 1] as usize;
        self.texts.get(used.start as usize..end).unwrap_or_default()
    }

    /// Adds an event, with its record, if it is of those that count as uses or that change keys.
    pub fn add(&mut self, event: &KmsEvent<'_>, record: &str, counted: &UseEvents) {
        self.key_events.extend(KeyEvent::of(event, record));
        if !counted.contains(&event.name) {
            return;
        }
        let (recorded_by, also_recorded_by) = (event.recorded_by(), event.also_recorded_by().unwrap_or_default());
        // Where nobody tells the caller's account, both records go by the id that they share.
        let id = EventId::new(event.shared_id.as_deref().filter(|_| event.identity.account.is_none()).unwrap_or(&event.id));
        let principal = principal(&event.identity);
        let invoked_by = event.identity.invoked_by.as_deref().unwrap_or_default();
        let mut id = Some(id);
        touched(event, |Touched { key, resource }| {
            let parts = [&*event.name, &*principal, invoked_by, recorded_by, also_recorded_by, &*key, resource.unwrap_or_default()];
            let start = self.texts.len();
            let ends = parts.map(|part| {
                if part.len() <= LONGEST_PART {
                    self.texts.push_str(part);
                } else {
                    push_cut(&mut self.texts, part);
                }
                // Seven parts of that length fit.
                u16::try_from(self.texts.len() - start).unwrap_or(u16::MAX)
            });
            // A batch is handed on long before it is as long as that: see `is_full`.
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            self.uses.push(Use { at: event.at, id: id.take(), failed: event.error_code.is_some(), start, ends });
        });
        if id.is_some() {
            self.without_key += 1;
        }
    }
}
