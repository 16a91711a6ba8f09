//! Times of records: whole seconds, as CloudTrail gives them.

use chrono::{DateTime, Datelike, NaiveDate};
use kms_insights_model::Timestamp;
use serde::Serializer;

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

/// Writes a number over as many zeros.
fn put(number: u32, zeros: &mut [u8]) {
    let mut rest = number;
    for digit in zeros.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
}

/// Writes a day over `0000-00-00`; whether its year has four digits.
fn put_date(date: NaiveDate, into: &mut [u8]) -> bool {
    let year = u32::try_from(date.year()).ok().filter(|year| *year < 10_000);
    if let (Some(year), [years @ .., _, _, _, _, _, _]) = (year, &mut *into) {
        put(year, years);
        put(date.month(), &mut into[5..7]);
        put(date.day(), &mut into[8..10]);
    }
    year.is_some()
}

/// Writes a day as RFC 3339 has it. Where a hundred thousand rows are written, the general way takes as long as all the rest of them.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
pub(crate) fn serialize_date<S: Serializer>(date: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = *b"0000-00-00";
    match (put_date(*date, &mut text), std::str::from_utf8(&text)) {
        (true, Ok(text)) => serializer.serialize_str(text),
        _ => serializer.collect_str(date),
    }
}

/// Writes a time of whole seconds as RFC 3339 has it.
pub(crate) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let at = EventTime::of_timestamp(*time);
    let second = at.second_of_day();
    let mut text = *b"0000-00-00T00:00:00Z";
    let has_four_digits = put_date(at.date(), &mut text[..10]);
    put(second / 3600, &mut text[11..13]);
    put(second / 60 % 60, &mut text[14..16]);
    put(second % 60, &mut text[17..19]);
    match (has_four_digits, std::str::from_utf8(&text)) {
        (true, Ok(text)) => serializer.serialize_str(text),
        _ => serializer.collect_str(&time.to_rfc3339()),
    }
}

/// The same, of a time that may be none.
#[allow(clippy::ref_option, reason = "serde hands it over so")]
pub(crate) fn serialize_optional<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[derive(serde::Serialize)]
    struct Written {
        #[serde(serialize_with = "serialize_date")]
        date: NaiveDate,
        #[serde(serialize_with = "serialize")]
        at: Timestamp,
        #[serde(serialize_with = "serialize_optional")]
        last: Option<Timestamp>,
    }

    #[test]
    fn days_and_times_are_written_as_chrono_writes_them() {
        let mut at: Timestamp = "0999-12-31T23:59:58Z".parse().unwrap();
        while at.year() < 10_010 {
            let written = serde_json::to_value(Written { date: at.date_naive(), at, last: Some(at) }).unwrap();
            let expected = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, at.year() < 10_000);
            assert_eq!(written, serde_json::json!({ "date": at.date_naive().to_string(), "at": expected, "last": expected }));
            at += TimeDelta::seconds(86_400 * 97 + 3723);
        }
    }
}
