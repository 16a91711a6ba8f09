//! `date_add` and `date_diff`. Source: "Date and time functions and operators" in the Trino documentation.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta};
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Int64Array},
        compute::cast,
        datatypes::{DataType, Int64Type, TimeUnit},
    },
    common::{Result, exec_err},
    error::DataFusionError,
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility},
};

use super::{is_text, on_arrays, refuse};

/// A unit of `date_add` and `date_diff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A fixed length in milliseconds, of a day or more.
    Days(i64),
    /// A fixed length in milliseconds, below a day: not for dates.
    Millis(i64),
    /// Calendar months.
    Months(i64),
}

impl Unit {
    fn parse(text: &str) -> Result<Self> {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        Ok(match text.to_ascii_lowercase().as_str() {
            "millisecond" => Self::Millis(1),
            "second" => Self::Millis(1000),
            "minute" => Self::Millis(60 * 1000),
            "hour" => Self::Millis(60 * 60 * 1000),
            "day" => Self::Days(DAY),
            "week" => Self::Days(7 * DAY),
            "month" => Self::Months(1),
            "quarter" => Self::Months(3),
            "year" => Self::Months(12),
            _ => return exec_err!("{text:?} is not a unit of time: millisecond, second, minute, hour, day, week, month, quarter, year"),
        })
    }

    /// `at` plus `count` units; `None` beyond the calendar. In a month that is too short the day becomes its last one.
    fn add(self, at: NaiveDateTime, count: i64) -> Option<NaiveDateTime> {
        match self {
            Self::Days(length) | Self::Millis(length) => at.checked_add_signed(TimeDelta::try_milliseconds(length.checked_mul(count)?)?),
            Self::Months(months) => {
                let months = months.checked_mul(count)?;
                let magnitude = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
                if months < 0 { at.checked_sub_months(magnitude) } else { at.checked_add_months(magnitude) }
            }
        }
    }

    /// How many whole units lie between `from` and `to`, negative when `to` is earlier.
    fn between(self, from: NaiveDateTime, to: NaiveDateTime) -> i64 {
        match self {
            Self::Days(length) | Self::Millis(length) => (to - from).num_milliseconds() / length,
            Self::Months(months) if from <= to => whole_months(from, to) / months,
            Self::Months(months) => -(whole_months(to, from) / months),
        }
    }
}

/// Whole months from `from` to the later `to`. As adding a month to January 31st ends on the last of February, from the one to the other is a month.
fn whole_months(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    let months = i64::from(to.year() - from.year()) * 12 + i64::from(to.month()) - i64::from(from.month());
    let to_is_last_of_month = to.date().succ_opt().is_none_or(|next| next.month() != to.month());
    let from_day = if to_is_last_of_month { from.day().min(to.day()) } else { from.day() };
    if (to.day(), to.time()) < (from_day, from.time()) { months - 1 } else { months }
}

/// What a type counts: days, or so many ticks a second.
fn ticks_per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn to_datetime(value: i64, data_type: &DataType) -> Option<NaiveDateTime> {
    if let DataType::Timestamp(unit, _) = data_type {
        let ticks = ticks_per_second(*unit);
        let nanos = u32::try_from(value.rem_euclid(ticks) * (1_000_000_000 / ticks)).ok()?;
        return Some(DateTime::from_timestamp(value.div_euclid(ticks), nanos)?.naive_utc());
    }
    NaiveDate::default().checked_add_signed(TimeDelta::try_days(value)?)?.and_hms_opt(0, 0, 0)
}

fn from_datetime(at: NaiveDateTime, data_type: &DataType) -> Option<i64> {
    if let DataType::Timestamp(unit, _) = data_type {
        let ticks = ticks_per_second(*unit);
        let at = at.and_utc();
        return at.timestamp().checked_mul(ticks)?.checked_add(i64::from(at.timestamp_subsec_nanos()) / (1_000_000_000 / ticks));
    }
    Some(at.date().signed_duration_since(NaiveDate::default()).num_days())
}

/// Days or ticks as 64-bit integers.
fn numbers(array: &ArrayRef) -> Result<Int64Array> {
    let array = if array.data_type() == &DataType::Date32 { cast(array, &DataType::Int32)? } else { Arc::clone(array) };
    Ok(cast(&array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

fn from_numbers(numbers: Int64Array, data_type: &DataType) -> Result<ArrayRef> {
    let numbers: ArrayRef = Arc::new(numbers);
    Ok(if data_type == &DataType::Date32 { cast(&cast(&numbers, &DataType::Int32)?, data_type)? } else { cast(&numbers, data_type)? })
}

/// The type that a moment is computed in: dates and timestamps as they are. Text is not a moment, here as in Trino.
fn moment_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Date32 | DataType::Timestamp(..) => Some(data_type.clone()),
        DataType::Date64 => Some(DataType::Date32),
        DataType::Null => Some(DataType::Timestamp(TimeUnit::Millisecond, None)),
        _ => None,
    }
}

fn out_of_range(value: i64) -> DataFusionError {
    DataFusionError::Execution(format!("the date is beyond the calendar (computed from {value})"))
}

/// The units of a column of them; a null unit makes a null result.
fn units(array: &ArrayRef, date_only: bool, function: &str) -> Result<Vec<Option<Unit>>> {
    let texts = cast(array, &DataType::Utf8)?;
    // Nearly always one constant: parsed again only when it changes.
    let mut last: Option<(&str, Unit)> = None;
    let mut units = Vec::with_capacity(texts.len());
    for text in texts.as_string::<i32>() {
        let Some(text) = text else {
            units.push(None);
            continue;
        };
        let unit = match last {
            Some((known, unit)) if known == text => unit,
            _ => Unit::parse(text)?,
        };
        if date_only && matches!(unit, Unit::Millis(_)) {
            return exec_err!("{function}: {text:?} is not a unit of a date; cast the date to a timestamp");
        }
        last = Some((text, unit));
        units.push(Some(unit));
    }
    Ok(units)
}

/// `date_add(unit, count, moment)`: the moment, later by so many units (earlier where negative), of the moment's type.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DateAdd {
    signature: Signature,
}

impl DateAdd {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for DateAdd {
    fn name(&self) -> &'static str {
        "date_add"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [unit, count, moment] if is_text(unit) && (count.is_integer() || count.is_null()) => {
                if let Some(moment) = moment_type(moment) {
                    return Ok(vec![DataType::Utf8, DataType::Int64, moment]);
                }
            }
            _ => {}
        }
        refuse("date_add", "a unit in quotes, a whole number, and a date or timestamp, as in date_add('day', -90, current_date)", arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(arg_types[2].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        on_arrays(&args, |arrays| {
            let data_type = arrays[2].data_type();
            let units = units(&arrays[0], data_type == &DataType::Date32, "date_add")?;
            let (counts, moments) = (numbers(&arrays[1])?, numbers(&arrays[2])?);
            let added = units
                .into_iter()
                .zip(counts.iter().zip(moments.iter()))
                .map(|row| {
                    let (Some(unit), (Some(count), Some(moment))) = row else { return Ok(None) };
                    let added = to_datetime(moment, data_type).and_then(|at| unit.add(at, count)).and_then(|at| from_datetime(at, data_type));
                    added.map(Some).ok_or_else(|| out_of_range(moment))
                })
                .collect::<Result<Int64Array>>()?;
            from_numbers(added, data_type)
        })
    }
}

/// `date_diff(unit, from, to)`: how many whole units lie between two moments.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DateDiff {
    signature: Signature,
}

impl DateDiff {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for DateDiff {
    fn name(&self) -> &'static str {
        "date_diff"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [unit, from, to] if is_text(unit) => {
                if let (Some(from), Some(to)) = (moment_type(from), moment_type(to)) {
                    return Ok(vec![DataType::Utf8, from, to]);
                }
            }
            _ => {}
        }
        refuse("date_diff", "a unit in quotes and two dates or timestamps, as in date_diff('day', created_at, current_date)", arg_types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        on_arrays(&args, |arrays| {
            let (from_type, to_type) = (arrays[1].data_type(), arrays[2].data_type());
            let dates_only = from_type == &DataType::Date32 && to_type == &DataType::Date32;
            let units = units(&arrays[0], dates_only, "date_diff")?;
            let (from, to) = (numbers(&arrays[1])?, numbers(&arrays[2])?);
            let counted = units
                .into_iter()
                .zip(from.iter().zip(to.iter()))
                .map(|row| {
                    let (Some(unit), (Some(from), Some(to))) = row else { return Ok(None) };
                    let from_at = to_datetime(from, from_type).ok_or_else(|| out_of_range(from))?;
                    let to_at = to_datetime(to, to_type).ok_or_else(|| out_of_range(to))?;
                    Ok(Some(unit.between(from_at, to_at)))
                })
                .collect::<Result<Int64Array>>()?;
            Ok(Arc::new(counted) as ArrayRef)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn months_end_on_the_last_day_where_they_are_too_short() {
        let month = Unit::parse("MONTH").unwrap();
        assert_eq!(month.add(at("2024-01-31T08:00:00"), 1), Some(at("2024-02-29T08:00:00")));
        assert_eq!(month.add(at("2024-03-31T08:00:00"), -1), Some(at("2024-02-29T08:00:00")));
        assert_eq!(Unit::parse("year").unwrap().add(at("2024-02-29T00:00:00"), 1), Some(at("2025-02-28T00:00:00")));
        assert_eq!(Unit::parse("quarter").unwrap().add(at("2024-11-30T00:00:00"), 1), Some(at("2025-02-28T00:00:00")));
        assert_eq!(month.add(at("2024-01-31T08:00:00"), i64::MAX), None);
    }

    #[test]
    fn only_whole_units_count_and_an_earlier_end_counts_backwards() {
        for (unit, from, to, count) in [
            ("day", "2024-01-01T12:00:00", "2024-01-02T11:59:59", 0),
            ("day", "2024-01-02T11:59:59", "2024-01-01T12:00:00", 0),
            ("day", "2024-01-03T12:00:00", "2024-01-01T12:00:00", -2),
            ("week", "2024-01-01T00:00:00", "2024-01-14T23:59:59", 1),
            ("month", "2024-01-31T00:00:00", "2024-02-29T00:00:00", 1),
            ("month", "2024-01-31T00:00:01", "2024-02-29T00:00:00", 0),
            ("month", "2024-01-15T00:00:00", "2024-02-14T23:59:59", 0),
            ("month", "2024-02-29T00:00:00", "2024-01-31T00:00:00", -1),
            ("quarter", "2024-01-01T00:00:00", "2024-12-31T00:00:00", 3),
            ("year", "2024-02-29T00:00:00", "2025-02-28T00:00:00", 1),
            ("year", "2024-03-01T00:00:00", "2025-02-28T00:00:00", 0),
            ("hour", "2024-01-01T00:00:00", "2024-01-02T00:30:00", 24),
        ] {
            assert_eq!(Unit::parse(unit).unwrap().between(at(from), at(to)), count, "{unit} {from} {to}");
        }
    }
}
