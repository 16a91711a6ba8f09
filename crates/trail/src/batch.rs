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
    /// Events that count as uses and name no key.
    pub(crate) without_key: Calls,
}

/// Calls, and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// That succeeded.
    pub uses: u64,
    /// That failed.
    pub errors: u64,
}

impl Calls {
    const fn add(&mut self, has_failed: bool) {
        if has_failed {
            self.errors += 1;
        } else {
            self.uses += 1;
        }
    }

    /// With others.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self { uses: self.uses + others.uses, errors: self.errors + others.errors }
    }
}

/// One use of one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    pub(crate) at: EventTime,
    /// `None` for the same event as the use before: its second key.
    pub(crate) ids: Option<EventIds>,
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

/// What a use is told apart by, beside its day; in the order in which rows are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Principal,
    Name,
    /// Empty where none is named.
    Resource,
    /// Empty where no service called.
    InvokedBy,
    /// The account whose record this is.
    RecordedBy,
}

impl Part {
    pub(crate) const COUNT: usize = Self::RecordedBy as usize + 1;
}

/// Stands behind each part, so that the order of the parts is that of their texts put together.
pub(crate) const BEHIND_PART: char = '\0';

/// A number for the id of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub u128);

impl EventId {
    /// The number that a UUID is; any other text is hashed to one.
    pub fn new(text: &str) -> Self {
        Self(uuid(text.as_bytes()).unwrap_or_else(|| fnv(text.as_bytes())))
    }
}

/// What tells an event from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventIds {
    /// `eventID`: the same however often CloudTrail delivers the record.
    pub own: EventId,
    /// `sharedEventID`: the same in each account that records the event.
    pub shared: Option<SharedId>,
}

/// What an event is told by that more than one account records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedId {
    /// Another number than any event's own.
    pub id: EventId,
    /// Whether this is not the caller's record: that one knows the role, and counts if it is read.
    pub is_owners: bool,
}

/// Tells the ids that records share from those of events: random bits, far from any that ids count up by.
const SHARED: u128 = 0x5d1c_93ab_08e7_4f26_b1f0_6a2d_c47e_9358;

/// Tells events that change keys from the same ones that count as uses.
const CHANGES_KEY: u128 = 0xe4a6_2f17_7b3d_4c90_8d52_f8c1_0b9e_6a73;

impl EventIds {
    /// The ids of an event.
    pub fn of(event: &KmsEvent<'_>) -> Self {
        let caller = event.identity.account.as_deref();
        let shared = event.shared_id.as_deref().map(|shared| SharedId {
            id: EventId(EventId::new(shared).0 ^ SHARED),
            // Where nobody tells the caller's account, no record knows more than another.
            is_owners: caller.is_some_and(|caller| caller != event.recorded_by()),
        });
        Self { own: EventId::new(&event.id), shared }
    }

    /// The same as of an event that changes a key.
    pub(crate) fn of_change(self) -> Self {
        let changes = |id: EventId| EventId(id.0 ^ CHANGES_KEY);
        Self { own: changes(self.own), shared: self.shared.map(|shared| SharedId { id: changes(shared.id), ..shared }) }
    }

    fn each(self) -> impl Iterator<Item = EventId> {
        [Some(self.own), self.shared.map(|shared| shared.id)].into_iter().flatten()
    }
}

fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut wrong = 0;
    let mut number = |range: std::ops::Range<usize>| {
        text[range].iter().fold(0_u64, |number, byte| {
            let digit = DIGITS[usize::from(*byte)];
            wrong |= digit;
            number << 4 | u64::from(digit & 0xf)
        })
    };
    let upper = number(0..8) << 32 | number(9..13) << 16 | number(14..18);
    let lower = number(19..23) << 48 | number(24..36);
    let is_uuid = wrong < 16 && [text[8], text[13], text[18], text[23]] == [b'-'; 4];
    is_uuid.then_some(u128::from(upper) << 64 | u128::from(lower))
}

/// What each byte is as a hexadecimal digit, and more than 15 if it is none. A table, because which digit comes next is what a processor cannot foresee.
const DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
};

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
        self.without_key = Calls::default();
    }

    /// The days of its events.
    pub fn dates(&self) -> BTreeSet<NaiveDate> {
        // Nearly all events of a file are of one day.
        let mut days: Vec<i32> = self.uses.iter().map(|used| used.at.day()).collect();
        days.dedup();
        let of_uses = days.into_iter().filter_map(NaiveDate::from_epoch_days);
        of_uses.chain(self.key_events.iter().map(|event| event.at.date_naive())).collect()
    }

    /// What tells its events of a day from others, in order.
    pub fn event_ids(&self, date: NaiveDate) -> Vec<EventId> {
        let day = date.to_epoch_days();
        let of_uses = self.uses.iter().filter(|used| used.at.day() == day).filter_map(|used| used.ids);
        let of_key_events = self.key_events.iter().filter(|event| event.at.date_naive() == date).map(|event| event.ids);
        let mut ids: Vec<EventId> = of_uses.chain(of_key_events).flat_map(EventIds::each).collect();
        ids.sort_unstable();
        ids
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
        let principal = principal(&event.identity);
        let invoked_by = event.identity.invoked_by.as_deref().unwrap_or_default();
        let mut ids = Some(EventIds::of(event));
        touched(event, |Touched { key, resource }| {
            let parts = [&*key, &*principal, &*event.name, resource.unwrap_or_default(), invoked_by, event.recorded_by()];
            let start = self.texts.len();
            let ends = parts.map(|part| {
                if part.len() <= LONGEST_PART {
                    self.texts.push_str(part);
                } else {
                    push_cut(&mut self.texts, part);
                }
                // Six parts of that length fit.
                let end = u16::try_from(self.texts.len() - start).unwrap_or(u16::MAX);
                self.texts.push(BEHIND_PART);
                end
            });
            // A batch is handed on long before it is as long as that: see `is_full`.
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            self.uses.push(Use { at: event.at, ids: ids.take(), failed: event.error_code.is_some(), start, ends });
        });
        if ids.is_some() {
            self.without_key.add(event.error_code.is_some());
        }
    }
}
