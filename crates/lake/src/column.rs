//! The Rust types that a table's column may have. The type of a row's field *is* the column's type and nullability, so that the two cannot drift apart.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListBuilder, MapBuilder, MapFieldNames, StringArray, StringBuilder,
        TimestampMillisecondArray,
    },
    datatypes::{DataType, Field, Fields, TimeUnit},
    error::ArrowError,
};
use chrono::DateTime;
use kms_insights_model::Timestamp;

/// The type of a column, in the few kinds that every engine reads alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// True or false.
    Boolean,
    /// A 32-bit integer.
    Integer,
    /// A 64-bit integer.
    BigInt,
    /// A 64-bit floating point number.
    Double,
    /// A moment in UTC, to the millisecond, without a zone: Trino's `timestamp(3)`.
    Timestamp,
    /// A list of texts.
    TextList,
    /// Text by text.
    TextMap,
}

/// Names of nested fields as the Parquet specification gives them; Arrow's own defaults (`item`, `entries`, `keys`) are read by some engines only.
const ELEMENT: &str = "element";
const KEY_VALUE: &str = "key_value";
const KEY: &str = "key";
const VALUE: &str = "value";

impl ColumnType {
    /// The Arrow type, which the Parquet type follows from.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::TextList => DataType::List(element_field()),
            Self::TextMap => {
                let entries = DataType::Struct(Fields::from(vec![key_field(), value_field()]));
                DataType::Map(Arc::new(Field::new(KEY_VALUE, entries, false)), false)
            }
        }
    }

    /// The type in Athena's DDL, which is Hive's.
    pub const fn athena(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Boolean => "boolean",
            Self::Integer => "int",
            Self::BigInt => "bigint",
            Self::Double => "double",
            Self::Timestamp => "timestamp",
            Self::TextList => "array<string>",
            Self::TextMap => "map<string,string>",
        }
    }
}

fn element_field() -> Arc<Field> {
    Arc::new(Field::new(ELEMENT, DataType::Utf8, false))
}

fn key_field() -> Arc<Field> {
    Arc::new(Field::new(KEY, DataType::Utf8, false))
}

fn value_field() -> Arc<Field> {
    Arc::new(Field::new(VALUE, DataType::Utf8, false))
}

/// One value of a row: how it becomes part of a column and is read back.
pub trait Cell: Sized {
    /// The column's type.
    const TYPE: ColumnType;
    /// Whether the column admits null.
    const NULLABLE: bool;

    /// The column of these values, in their order.
    ///
    /// # Errors
    /// When Arrow refuses the values.
    fn column<'a>(values: impl Iterator<Item = &'a Self>) -> Result<ArrayRef, ArrowError>
    where
        Self: 'a;

    /// The values of a column. `None` in place of a value that the column's type or nullability does not admit.
    fn values(column: &dyn Array) -> Vec<Option<Self>>;

    /// Roughly how many bytes the value takes in memory: enough to bound a batch.
    fn size(&self) -> usize;
}

/// Declares the cell of a type with fixed size, and of its option.
macro_rules! fixed_cell {
    ($type:ty, $column_type:ident, $array:ty, |$array_name:ident, $row:ident| $read:expr, |$value:ident| $write:expr) => {
        impl Cell for $type {
            const TYPE: ColumnType = ColumnType::$column_type;
            const NULLABLE: bool = false;

            fn column<'a>(values: impl Iterator<Item = &'a Self>) -> Result<ArrayRef, ArrowError>
            where
                Self: 'a,
            {
                Ok(Arc::new(<$array>::from(values.map(|$value| $write).collect::<Vec<_>>())))
            }

            fn values(column: &dyn Array) -> Vec<Option<Self>> {
                <Option<Self> as Cell>::values(column).into_iter().map(Option::flatten).collect()
            }

            fn size(&self) -> usize {
                size_of::<Self>()
            }
        }

        impl Cell for Option<$type> {
            const TYPE: ColumnType = ColumnType::$column_type;
            const NULLABLE: bool = true;

            fn column<'a>(values: impl Iterator<Item = &'a Self>) -> Result<ArrayRef, ArrowError>
            where
                Self: 'a,
            {
                Ok(Arc::new(<$array>::from(values.map(|value| value.as_ref().map(|$value| $write)).collect::<Vec<_>>())))
            }

            fn values(column: &dyn Array) -> Vec<Option<Self>> {
                let Some($array_name) = column.as_any().downcast_ref::<$array>() else { return vec![None; column.len()] };
                (0..$array_name.len())
                    .map(|$row| {
                        if $array_name.is_null($row) {
                            return Some(None);
                        }
                        let value: Option<$type> = $read;
                        value.map(Some)
                    })
                    .collect()
            }

            fn size(&self) -> usize {
                size_of::<Self>()
            }
        }
    };
}

fixed_cell!(bool, Boolean, BooleanArray, |array, row| Some(array.value(row)), |value| *value);
fixed_cell!(i32, Integer, Int32Array, |array, row| Some(array.value(row)), |value| *value);
fixed_cell!(i64, BigInt, Int64Array, |array, row| Some(array.value(row)), |value| *value);
fixed_cell!(f64, Double, Float64Array, |array, row| Some(array.value(row)), |value| *value);
fixed_cell!(Timestamp, Timestamp, TimestampMillisecondArray, |array, row| DateTime::from_timestamp_millis(array.value(row)), |value| value.timestamp_millis());

/// Declares the cell of a type that is a text, and of its option.
macro_rules! text_cell {
    ($($type:ty),+ $(,)?) => {$(
        impl Cell for $type {
            const TYPE: ColumnType = ColumnType::Text;
            const NULLABLE: bool = false;

            fn column<'a>(values: impl Iterator<Item = &'a Self>) -> Result<ArrayRef, ArrowError>
            where
                Self: 'a,
            {
                Ok(Arc::new(StringArray::from_iter_values(values.map(|value| &**value))))
            }

            fn values(column: &dyn Array) -> Vec<Option<Self>> {
                <Option<Self> as Cell>::values(column).into_iter().map(Option::flatten).collect()
            }

            fn size(&self) -> usize {
                size_of::<Self>() + self.len()
            }
        }

        impl Cell for Option<$type> {
            const TYPE: ColumnType = ColumnType::Text;
            const NULLABLE: bool = true;

            fn column<'a>(values: impl Iterator<Item = &'a Self>) -> Result<ArrayRef, ArrowError>
            where
                Self: 'a,
            {
                Ok(Arc::new(values.map(Option::as_deref).collect::<StringArray>()))
            }

            fn values(column: &dyn Array) -> Vec<Option<Self>> {
                let Some(array) = column.as_string_opt::<i32>() else { return vec![None; column.len()] };
                array.iter().map(|value| Some(value.map(|text| text.to_owned().into()))).collect()
            }

            fn size(&self) -> usize {
                size_of::<Self>() + self.as_ref().map_or(0, |text| text.len())
            }
        }
    )+};
}

// Beside a row's own text, what many rows have in common, and what is one of a few words.
text_cell!(String, Arc<str>, Cow<'static, str>);

fn list_column<'a>(values: impl Iterator<Item = Option<&'a Vec<String>>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element_field());
    for value in values {
        for text in value.into_iter().flatten() {
            builder.values().append_value(text);
        }
        builder.append(value.is_some());
    }
    Arc::new(builder.finish())
}

impl Cell for Vec<String> {
    const TYPE: ColumnType = ColumnType::TextList;
    const NULLABLE: bool = false;

    fn column<'a>(values: impl Iterator<Item = &'a Self>) -> Result<ArrayRef, ArrowError> {
        Ok(list_column(values.map(Some)))
    }

    fn values(column: &dyn Array) -> Vec<Option<Self>> {
        <Option<Self> as Cell>::values(column).into_iter().map(Option::flatten).collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.iter().map(Cell::size).sum::<usize>()
    }
}

impl Cell for Option<Vec<String>> {
    const TYPE: ColumnType = ColumnType::TextList;
    const NULLABLE: bool = true;

    fn column<'a>(values: impl Iterator<Item = &'a Self>) -> Result<ArrayRef, ArrowError> {
        Ok(list_column(values.map(Option::as_ref)))
    }

    fn values(column: &dyn Array) -> Vec<Option<Self>> {
        let Some(array) = column.as_list_opt::<i32>() else { return vec![None; column.len()] };
        array
            .iter()
            .map(|list| match list {
                None => Some(None),
                Some(list) => Some(Some(String::values(list.as_ref()).into_iter().collect::<Option<Vec<_>>>()?)),
            })
            .collect()
    }

    fn size(&self) -> usize {
        self.as_ref().map_or(size_of::<Self>(), Cell::size)
    }
}

impl Cell for Option<BTreeMap<String, String>> {
    const TYPE: ColumnType = ColumnType::TextMap;
    const NULLABLE: bool = true;

    fn column<'a>(values: impl Iterator<Item = &'a Self>) -> Result<ArrayRef, ArrowError> {
        let names = MapFieldNames { entry: KEY_VALUE.to_owned(), key: KEY.to_owned(), value: VALUE.to_owned() };
        let mut builder =
            MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new()).with_keys_field(key_field()).with_values_field(value_field());
        for value in values {
            for (key, text) in value.iter().flatten() {
                builder.keys().append_value(key);
                builder.values().append_value(text);
            }
            builder.append(value.is_some())?;
        }
        Ok(Arc::new(builder.finish()))
    }

    fn values(column: &dyn Array) -> Vec<Option<Self>> {
        let Some(array) = column.as_map_opt() else { return vec![None; column.len()] };
        (0..array.len())
            .map(|row| {
                if array.is_null(row) {
                    return Some(None);
                }
                let entries = array.value(row);
                let keys = String::values(entries.column(0).as_ref());
                let values = String::values(entries.column(1).as_ref());
                keys.into_iter().zip(values).map(|(key, value)| Some((key?, value?))).collect::<Option<BTreeMap<_, _>>>().map(Some)
            })
            .collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.iter().flatten().map(|(key, value)| key.size() + value.size()).sum::<usize>()
    }
}
