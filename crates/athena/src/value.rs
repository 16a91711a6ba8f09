//! Athena's values, which come as text, as values of Arrow's types.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder,
        StringBuilder, TimestampMillisecondBuilder,
    },
    datatypes::{DataType, TimeUnit},
};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use crate::api::ColumnInfo;

/// What a column of a result becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    Decimal(u8, i8),
    Date,
    Timestamp,
    /// With a zone: as a moment in UTC.
    Moment,
    /// Text, and all that Athena writes in a form of its own: arrays, maps, rows, intervals, binary.
    Text,
}

impl Kind {
    /// The kind of a column. `values` are some of its first: moments are moments only if their zones can be told without a table of the world's zones.
    ///
    /// Source: "Data types in Amazon Athena" in the Amazon Athena User Guide; the names are those of Trino, but for `float`.
    pub(crate) fn of<'a>(column: &ColumnInfo, mut values: impl Iterator<Item = &'a str>) -> Self {
        match column.type_name.as_str() {
            "boolean" => Self::Boolean,
            "tinyint" => Self::TinyInt,
            "smallint" => Self::SmallInt,
            "integer" | "int" => Self::Integer,
            "bigint" => Self::BigInt,
            "float" | "real" => Self::Real,
            "double" => Self::Double,
            "decimal" => match (u8::try_from(column.precision), i8::try_from(column.scale)) {
                (Ok(precision @ 1..=38), Ok(scale @ 0..=38)) if i16::from(scale) <= i16::from(precision) => Self::Decimal(precision, scale),
                _ => Self::Text,
            },
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "timestamp with time zone" if values.all(|value| moment(value).is_some()) => Self::Moment,
            _ => Self::Text,
        }
    }

    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::Moment => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Text => DataType::Utf8,
        }
    }

    /// The column of these values; the first that is none of the kind is given back.
    pub(crate) fn array<'a>(self, values: impl Iterator<Item = Option<&'a str>>) -> Result<ArrayRef, &'a str> {
        macro_rules! build {
            ($builder:expr, $read:expr) => {{
                let mut builder = $builder;
                for value in values {
                    match value {
                        None => builder.append_null(),
                        Some(text) => builder.append_value($read(text).ok_or(text)?),
                    }
                }
                Ok(Arc::new(builder.finish()))
            }};
        }
        match self {
            Self::Boolean => build!(BooleanBuilder::new(), |text: &str| text.parse().ok()),
            Self::TinyInt => build!(Int8Builder::new(), |text: &str| text.parse().ok()),
            Self::SmallInt => build!(Int16Builder::new(), |text: &str| text.parse().ok()),
            Self::Integer => build!(Int32Builder::new(), |text: &str| text.parse().ok()),
            Self::BigInt => build!(Int64Builder::new(), |text: &str| text.parse().ok()),
            Self::Real => build!(Float32Builder::new(), |text: &str| text.parse().ok()),
            Self::Double => build!(Float64Builder::new(), |text: &str| text.parse().ok()),
            Self::Decimal(precision, scale) => {
                build!(Decimal128Builder::new().with_data_type(DataType::Decimal128(precision, scale)), |text| decimal(text, precision, scale))
            }
            Self::Date => build!(Date32Builder::new(), date),
            Self::Timestamp => build!(TimestampMillisecondBuilder::new(), timestamp),
            Self::Moment => build!(TimestampMillisecondBuilder::new().with_timezone("UTC"), moment),
            Self::Text => build!(StringBuilder::new(), Some),
        }
    }
}

/// `-12.340` of so many digits, as the number without its point.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::try_from(scale).ok()?;
    if fraction.len() > scale || whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i128 = format!("{whole}{fraction:0<scale$}").parse().ok()?;
    let number = if negative { -number } else { number };
    (number.unsigned_abs() < 10_u128.pow(precision.into())).then_some(number)
}

fn date(text: &str) -> Option<i32> {
    let days = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

/// `2026-11-22 06:03:00.000`. More than milliseconds would be lost: such a value is not read at all.
fn timestamp(text: &str) -> Option<i64> {
    let (day, time) = text.split_once(' ')?;
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S%.f").ok()?;
    let moment = NaiveDateTime::new(NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?, time).and_utc();
    moment.timestamp_subsec_nanos().is_multiple_of(1_000_000).then(|| moment.timestamp_millis())
}

/// `2026-11-22 06:03:00.000 UTC`, or an offset such as `+01:00` for the zone.
fn moment(text: &str) -> Option<i64> {
    let (moment, zone) = text.rsplit_once(' ')?;
    let millis = timestamp(moment)?;
    let offset = match zone {
        "UTC" | "Z" | "GMT" | "Etc/UTC" => TimeDelta::zero(),
        _ => {
            let offset: FixedOffset = DateTime::parse_from_str(&format!("1970-01-01 00:00:00 {zone}"), "%Y-%m-%d %H:%M:%S %:z").ok()?.timezone();
            TimeDelta::seconds(offset.local_minus_utc().into())
        }
    };
    millis.checked_sub(offset.num_milliseconds())
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_columns;

    use super::*;

    fn column(type_name: &str, precision: i32, scale: i32) -> ColumnInfo {
        ColumnInfo { name: "x".to_owned(), type_name: type_name.to_owned(), precision, scale }
    }

    fn shown(type_name: &str, precision: i32, scale: i32, values: &[Option<&str>]) -> (DataType, String) {
        let kind = Kind::of(&column(type_name, precision, scale), values.iter().flatten().copied());
        let array = kind.array(values.iter().copied()).unwrap();
        assert_eq!(array.data_type(), &kind.arrow());
        let table = pretty_format_columns("x", &[array]).unwrap().to_string();
        let rows: Vec<String> = table.lines().skip(3).filter_map(|line| line.strip_prefix('|')).map(|line| line.trim_matches([' ', '|']).to_owned()).collect();
        (kind.arrow(), rows.join(","))
    }

    #[test]
    fn every_type_of_the_views_becomes_arrows() {
        assert_eq!(shown("varchar", i32::MAX, 0, &[Some("a"), Some(""), None]), (DataType::Utf8, "a,,".to_owned()));
        assert_eq!(shown("bigint", 19, 0, &[Some("-9223372036854775808"), None]), (DataType::Int64, "-9223372036854775808,".to_owned()));
        assert_eq!(shown("integer", 10, 0, &[Some("7")]), (DataType::Int32, "7".to_owned()));
        assert_eq!(shown("smallint", 5, 0, &[Some("7")]), (DataType::Int16, "7".to_owned()));
        assert_eq!(shown("tinyint", 3, 0, &[Some("-7")]), (DataType::Int8, "-7".to_owned()));
        assert_eq!(
            shown("double", 17, 0, &[Some("1.5"), Some("NaN"), Some("-Infinity"), Some("1.0E10")]),
            (DataType::Float64, "1.5,NaN,-inf,10000000000.0".to_owned())
        );
        assert_eq!(shown("float", 17, 0, &[Some("0.25")]), (DataType::Float32, "0.25".to_owned()));
        assert_eq!(
            shown("decimal", 10, 2, &[Some("-1.5"), Some("12345678.90"), Some("3")]),
            (DataType::Decimal128(10, 2), "-1.50,12345678.90,3.00".to_owned())
        );
        assert_eq!(shown("boolean", 0, 0, &[Some("true"), Some("false"), None]), (DataType::Boolean, "true,false,".to_owned()));
        assert_eq!(shown("date", 0, 0, &[Some("2026-11-22"), Some("1969-12-31")]), (DataType::Date32, "2026-11-22,1969-12-31".to_owned()));
        assert_eq!(
            shown("timestamp", 3, 0, &[Some("2026-11-22 06:03:00.123"), Some("1969-12-31 23:59:59")]),
            (Kind::Timestamp.arrow(), "2026-11-22T06:03:00.123,1969-12-31T23:59:59".to_owned())
        );
        assert_eq!(
            shown("timestamp with time zone", 3, 0, &[Some("2026-11-22 06:03:00.000 UTC"), Some("2026-11-22 06:03:00.000 +01:30")]),
            (Kind::Moment.arrow(), "2026-11-22T06:03:00Z,2026-11-22T04:33:00Z".to_owned())
        );
        assert_eq!(
            shown("timestamp with time zone", 3, 0, &[Some("2026-11-22 06:03:00.000 Europe/Berlin")]),
            (DataType::Utf8, "2026-11-22 06:03:00.000 Europe/Berlin".to_owned())
        );
        for (type_name, value) in
            [("array", "[a, b]"), ("map", "{k=v}"), ("row", "{a=1}"), ("varbinary", "00 ff"), ("json", "{}"), ("interval day to second", "1 00:00:00.000")]
        {
            assert_eq!(shown(type_name, 0, 0, &[Some(value)]), (DataType::Utf8, value.to_owned()));
        }
    }

    #[test]
    fn a_value_that_its_type_does_not_have_is_not_guessed_at() {
        let refused = |kind: Kind, value: &'static str| kind.array([Some("1"), Some(value)].into_iter().skip(1)).unwrap_err();
        for (kind, value) in [
            (Kind::Integer, "3000000000"),
            (Kind::Integer, ""),
            (Kind::Boolean, "yes"),
            (Kind::Decimal(4, 2), "100.00"),
            (Kind::Decimal(4, 2), "1.005"),
            (Kind::Decimal(4, 2), "."),
            (Kind::Date, "22.11.2026"),
            (Kind::Timestamp, "2026-11-22"),
            (Kind::Timestamp, "2026-11-22 06:03:00.000001"),
            (Kind::Moment, "2026-11-22 06:03:00.000 Europe/Berlin"),
        ] {
            assert_eq!(refused(kind, value), value);
        }
    }
}
