//! `cardinality`, `contains` and `element_at`. Source: "Array functions and operators" and "Map functions and operators" in the Trino documentation.
//!
//! `DataFusion` has functions of these names that mean something else: `contains` looks for a text within a text, `element_at` returns a list.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Int64Array, MapArray, UInt64Array},
        compute::{cast, take},
        datatypes::{DataType, Int64Type},
    },
    common::{Result, exec_err, plan_err},
    functions_nested::array_has::array_has_udf,
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility},
};

use super::{is_text, on_arrays, refuse};

fn element_type(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) => Some(field.data_type()),
        _ => None,
    }
}

fn map_types(data_type: &DataType) -> Option<(&DataType, &DataType)> {
    let DataType::Map(entries, _) = data_type else { return None };
    match entries.data_type() {
        DataType::Struct(fields) => Some((fields.first()?.data_type(), fields.get(1)?.data_type())),
        _ => None,
    }
}

/// Where row `row` of a list or map begins and ends among the elements.
fn bounds(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    // Offsets of Arrow arrays are never negative.
    let at = |index: usize| usize::try_from(offsets[index]).unwrap_or_default();
    at(row)..at(row + 1)
}

/// `cardinality(array or map)`: how many elements; 0 for an empty one, null for null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Cardinality {
    signature: Signature,
}

impl Cardinality {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Cardinality {
    fn name(&self) -> &'static str {
        "cardinality"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [list @ (DataType::List(_) | DataType::Map(..))] => Ok(vec![list.clone()]),
            [DataType::LargeList(field)] => Ok(vec![DataType::List(Arc::clone(field))]),
            _ => refuse("cardinality", "an array or a map", arg_types),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        on_arrays(&args, |arrays| {
            let array = &arrays[0];
            let offsets = match array.data_type() {
                DataType::Map(..) => array.as_map().value_offsets(),
                _ => array.as_list::<i32>().value_offsets(),
            };
            let counts: Int64Array =
                (0..array.len()).map(|row| array.is_valid(row).then(|| i64::try_from(bounds(offsets, row).len()).ok()).flatten()).collect();
            Ok(Arc::new(counts) as ArrayRef)
        })
    }
}

/// `contains(array, element)`: whether the element is in the array.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Contains {
    signature: Signature,
}

impl Contains {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Contains {
    fn name(&self) -> &'static str {
        "contains"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [list, _] = arg_types else { return refuse("contains", "an array and an element", arg_types) };
        match element_type(list) {
            Some(element) => Ok(vec![list.clone(), element.clone()]),
            None if is_text(list) => plan_err!("contains takes an array and an element; to look for a text within a text, use LIKE or strpos"),
            None => refuse("contains", "an array and an element", arg_types),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        array_has_udf().invoke_with_args(args)
    }
}

/// `element_at(map, key)` and `element_at(array, index)`: the value, or null where there is none; a negative index counts from the end.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ElementAt {
    signature: Signature,
}

impl ElementAt {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ElementAt {
    fn name(&self) -> &'static str {
        "element_at"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [map, key] if map_types(map).is_some_and(|(of_map, _)| is_text(of_map)) && is_text(key) => Ok(vec![map.clone(), DataType::Utf8]),
            [list @ DataType::List(_), index] if index.is_integer() || index.is_null() => Ok(vec![list.clone(), DataType::Int64]),
            _ => refuse("element_at", "a map and a key, or an array and an index", arg_types),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match map_types(&arg_types[0]).map(|(_, value)| value).or_else(|| element_type(&arg_types[0])) {
            Some(value) => Ok(value.clone()),
            None => refuse("element_at", "a map and a key, or an array and an index", arg_types),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        on_arrays(&args, |arrays| match arrays[0].data_type() {
            DataType::Map(..) => map_values(arrays[0].as_map(), &arrays[1]),
            DataType::List(_) => {
                let list = arrays[0].as_list::<i32>();
                let indices = arrays[1].as_primitive::<Int64Type>();
                let chosen = (0..list.len())
                    .map(|row| {
                        if list.is_null(row) || indices.is_null(row) {
                            return Ok(None);
                        }
                        let bounds = bounds(list.value_offsets(), row);
                        let nth = usize::try_from(indices.value(row).unsigned_abs()).unwrap_or(usize::MAX);
                        Ok(match indices.value(row) {
                            0 => return exec_err!("element_at: array indices begin with 1"),
                            _ if nth > bounds.len() => None,
                            index if index > 0 => Some((bounds.start + nth - 1) as u64),
                            _ => Some((bounds.end - nth) as u64),
                        })
                    })
                    .collect::<Result<UInt64Array>>()?;
                Ok(take(list.values(), &chosen, None)?)
            }
            other => exec_err!("element_at on {other}"),
        })
    }
}

fn map_values(map: &MapArray, wanted: &ArrayRef) -> Result<ArrayRef> {
    let keys = cast(map.keys(), &DataType::Utf8)?;
    let keys = keys.as_string::<i32>();
    let wanted = cast(wanted, &DataType::Utf8)?;
    let wanted = wanted.as_string::<i32>();
    let chosen: UInt64Array = (0..map.len())
        .map(|row| {
            if map.is_null(row) || wanted.is_null(row) {
                return None;
            }
            bounds(map.value_offsets(), row).find(|entry| keys.value(*entry) == wanted.value(row)).map(|entry| entry as u64)
        })
        .collect();
    Ok(take(map.values(), &chosen, None)?)
}
