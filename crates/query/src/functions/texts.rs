//! `concat` and `split_part`. Source: "String functions and operators" in the Trino documentation.
//!
//! `DataFusion` has both: its `concat` passes over nulls, and its `split_part` returns empty text where there is no such part.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, StringArray, StringBuilder},
        datatypes::{DataType, Int64Type},
    },
    common::{Result, exec_err},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility},
};

use super::{is_text, on_arrays, refuse};

/// `concat(text, text, …)`: the texts one after the other; null where any is null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Concat {
    signature: Signature,
}

impl Concat {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if arg_types.len() >= 2 && arg_types.iter().all(is_text) {
            Ok(vec![DataType::Utf8; arg_types.len()])
        } else {
            refuse("concat", "two texts or more (cast what is none, and join arrays with ||)", arg_types)
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        on_arrays(&args, |arrays| {
            let texts: Vec<&StringArray> = arrays.iter().map(AsArray::as_string::<i32>).collect();
            let rows = arrays.first().map_or(0, Array::len);
            let mut joined = StringBuilder::new();
            for row in 0..rows {
                if texts.iter().any(|text| text.is_null(row)) {
                    joined.append_null();
                } else {
                    joined.append_value(texts.iter().map(|text| text.value(row)).collect::<String>());
                }
            }
            Ok(Arc::new(joined.finish()) as ArrayRef)
        })
    }
}

/// `split_part(text, delimiter, index)`: the part of this index, from 1; null where there are fewer.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct SplitPart {
    signature: Signature,
}

impl SplitPart {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for SplitPart {
    fn name(&self) -> &'static str {
        "split_part"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [text, delimiter, index] if is_text(text) && is_text(delimiter) && (index.is_integer() || index.is_null()) => {
                Ok(vec![DataType::Utf8, DataType::Utf8, DataType::Int64])
            }
            _ => refuse("split_part", "a text, a delimiter and an index", arg_types),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        on_arrays(&args, |arrays| {
            let (texts, delimiters, indices) = (arrays[0].as_string::<i32>(), arrays[1].as_string::<i32>(), arrays[2].as_primitive::<Int64Type>());
            let mut parts = StringBuilder::new();
            for ((text, delimiter), index) in texts.iter().zip(delimiters).zip(indices) {
                let (Some(text), Some(delimiter), Some(index)) = (text, delimiter, index) else {
                    parts.append_null();
                    continue;
                };
                let Some(before) = index.checked_sub(1).and_then(|before| usize::try_from(before).ok()) else {
                    return exec_err!("split_part: the index must be 1 or more, not {index}");
                };
                parts.append_option(part(text, delimiter, before));
            }
            Ok(Arc::new(parts.finish()) as ArrayRef)
        })
    }
}

/// The part after so many others. An empty delimiter makes every character a part.
fn part<'a>(text: &'a str, delimiter: &str, before: usize) -> Option<&'a str> {
    if !delimiter.is_empty() {
        return text.split(delimiter).nth(before);
    }
    let (start, character) = text.char_indices().nth(before)?;
    text.get(start..start + character.len_utf8())
}
