//! Times of records: whole seconds, as CloudTrail gives them.

use chrono::{DateTime, NaiveDate};
use kms_insights_model::Timestamp;

/// `eventTime`: seconds since the epoch, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventTime(i64);

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

impl EventTime {
    /// Reads `2026-11-22T10:30:00Z`, or any other time that RFC 3339 admits, cut to seconds.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Self::usual(text).or_else(|| {
            let time = DateTime::parse_from_rfc3339(std::str::from_utf8(text).ok()?).ok()?;
            Some(Self(time.timestamp()))
        })
    }

    /// The form that CloudTrail writes, which is all that ever comes, without a detour.
    fn usual(text: &[u8]) -> Option<Self> {
        let text: &[u8; 20] = text.try_into().ok()?;
        let punctuation = [text[4], text[7], text[10], text[13], text[16], text[19]];
        if &punctuation != b"--T::Z" {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            text[range].iter().try_fold(0_u32, |number, digit| Some(10 * number + u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?)))
        };
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let date = NaiveDate::from_ymd_opt(number(0..4)?.cast_signed(), number(5..7)?, number(8..10)?)?;
        Some(Self(i64::from(date.to_epoch_days()) * SECONDS_OF_DAY + i64::from(3600 * hour + 60 * minute + second)))
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// The day, in UTC.
    pub fn date(self) -> NaiveDate {
        DateTime::from_timestamp(self.0, 0).unwrap_or_default().date_naive()
    }

    /// So many days and seconds after the epoch.
    pub(crate) fn of(day: i32, second: u32) -> Self {
        Self(i64::from(day) * SECONDS_OF_DAY + i64::from(second))
    }

    /// A time, cut to seconds.
    pub(crate) const fn of_timestamp(time: Timestamp) -> Self {
        Self(time.timestamp())
    }

    /// The day as a number, counted from the epoch.
    pub(crate) fn day(self) -> i32 {
        // A year of four digits is far within.
        i32::try_from(self.0.div_euclid(SECONDS_OF_DAY)).unwrap_or_default()
    }

    /// The second of the day.
    pub(crate) fn second_of_day(self) -> u32 {
        u32::try_from(self.0.rem_euclid(SECONDS_OF_DAY)).unwrap_or_default()
    }

    /// The same time.
    pub fn timestamp(self) -> Timestamp {
        DateTime::from_timestamp(self.0, 0).unwrap_or_default()
    }
}
