//! One value of a column, as the text formats need it.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta};
use datafusion::arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::{DataType, Date32Type, Float32Type, Float64Type, Int64Type, TimeUnit, UInt64Type},
    error::ArrowError,
    util::display::array_value_to_string,
};
use serde_json::{Map, Number, Value};

/// A value, borrowed from its column where it is text.
#[derive(Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Text, and whatever is shown as such: timestamps, dates, intervals.
    Text(Cow<'a, str>),
    /// A finite number, as JSON writes it.
    Number(String),
    /// True or false.
    Boolean(bool),
    /// A list, map or struct.
    Nested(Value),
}

impl Cell<'_> {
    fn into_json(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Number(number) => number.parse::<Number>().map_or(Value::String(number), Value::Number),
            Self::Boolean(value) => Value::Bool(value),
            Self::Nested(value) => value,
        }
    }
}

/// The value of `array` at `row`.
///
/// # Errors
/// When the array is of a type that cannot be shown, which no query's is.
pub fn cell(array: &dyn Array, row: usize) -> Result<Cell<'_>, ArrowError> {
    if array.is_null(row) {
        return Ok(Cell::Null);
    }
    let text = |text: String| Ok(Cell::Text(Cow::Owned(text)));
    match array.data_type() {
        DataType::Null => Ok(Cell::Null),
        DataType::Utf8 => Ok(Cell::Text(Cow::Borrowed(array.as_string::<i32>().value(row)))),
        DataType::LargeUtf8 => Ok(Cell::Text(Cow::Borrowed(array.as_string::<i64>().value(row)))),
        DataType::Utf8View => Ok(Cell::Text(Cow::Borrowed(array.as_string_view().value(row)))),
        DataType::Boolean => Ok(Cell::Boolean(array.as_boolean().value(row))),
        DataType::Int64 => Ok(Cell::Number(array.as_primitive::<Int64Type>().value(row).to_string())),
        DataType::UInt64 => Ok(Cell::Number(array.as_primitive::<UInt64Type>().value(row).to_string())),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Ok(Cell::Number(array_value_to_string(array, row)?)),
        DataType::Float64 => Ok(float(array.as_primitive::<Float64Type>().value(row))),
        DataType::Float32 => Ok(float(f64::from(array.as_primitive::<Float32Type>().value(row)))),
        DataType::Timestamp(unit, _) => match timestamp(array, *unit, row)? {
            Some(moment) => text(moment),
            None => text(array_value_to_string(array, row)?),
        },
        DataType::Date32 => {
            let days = i64::from(array.as_primitive::<Date32Type>().value(row));
            match TimeDelta::try_days(days).and_then(|days| NaiveDate::default().checked_add_signed(days)) {
                Some(date) => text(date.to_string()),
                None => text(array_value_to_string(array, row)?),
            }
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row)),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let mut object = Map::new();
            for entry in 0..entries.len() {
                let key = match cell(keys, entry)?.into_json() {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                object.insert(key, cell(values, entry)?.into_json());
            }
            Ok(Cell::Nested(Value::Object(object)))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            let mut object = Map::new();
            for (field, column) in fields.iter().zip(columns.columns()) {
                object.insert(field.name().clone(), cell(column, row)?.into_json());
            }
            Ok(Cell::Nested(Value::Object(object)))
        }
        // Intervals, durations, times, binary: rare in results, and shown as Arrow shows them.
        _ => text(array_value_to_string(array, row)?),
    }
}

fn list(elements: &dyn Array) -> Result<Cell<'static>, ArrowError> {
    let values = (0..elements.len()).map(|at| cell(elements, at).map(Cell::into_json)).collect::<Result<Vec<_>, _>>()?;
    Ok(Cell::Nested(Value::Array(values)))
}

/// JSON has no infinity: what is not finite is told as text.
fn float(value: f64) -> Cell<'static> {
    Number::from_f64(value).map_or_else(|| Cell::Text(Cow::Owned(value.to_string())), |number| Cell::Number(number.to_string()))
}

/// ISO 8601 in UTC, with fractions of a second only where there are any. All timestamps of the lake are UTC, with a zone in their type or without.
fn timestamp(array: &dyn Array, unit: TimeUnit, row: usize) -> Result<Option<String>, ArrowError> {
    let value = cast(&array.slice(row, 1), &DataType::Int64)?.as_primitive::<Int64Type>().value(0);
    let moment = match unit {
        TimeUnit::Second => DateTime::from_timestamp(value, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(value),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(value),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(value)),
    };
    Ok(moment.map(|moment| moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
}

/// Whether values of the type are numbers, which tables align to the right and which are never taken for formulas.
pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}
