//! `json_extract_scalar`. Source: "JSON functions and operators" in the Trino documentation.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, StringArray},
        compute::cast,
        datatypes::DataType,
    },
    common::{Result, exec_err},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility},
};
use serde_json::Value;

use super::{is_text, on_arrays, refuse};

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// Parses the part of `JSONPath` that Trino documents for this function: `$.store.book[0]["author name"]`.
fn parse(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, more) = after.split_at(end);
            if name.is_empty() {
                return None;
            }
            steps.push(Step::Member(name.to_owned()));
            rest = more;
        } else {
            let after = rest.strip_prefix('[')?;
            if let Some(quote @ ('"' | '\'')) = after.chars().next() {
                let (name, more) = after[1..].split_once(quote)?;
                steps.push(Step::Member(name.to_owned()));
                rest = more.strip_prefix(']')?;
            } else {
                let (index, more) = after.split_once(']')?;
                steps.push(Step::Element(index.trim().parse().ok()?));
                rest = more;
            }
        }
    }
    Some(steps)
}

/// The text of the scalar at the path; `None` where there is none, or it is an object, an array or null.
fn scalar(json: &str, steps: &[Step]) -> Option<String> {
    // Text that is not JSON has no value at any path.
    let mut value: &Value = &serde_json::from_str(json).ok()?;
    for step in steps {
        value = match step {
            Step::Member(name) => value.get(name)?,
            Step::Element(index) => value.get(*index)?,
        };
    }
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `json_extract_scalar(json, path)`: the scalar at a path of a JSON text, as text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct JsonExtractScalar {
    signature: Signature,
}

impl JsonExtractScalar {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for JsonExtractScalar {
    fn name(&self) -> &'static str {
        "json_extract_scalar"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [json, path] if is_text(json) && is_text(path) => Ok(vec![DataType::Utf8, DataType::Utf8]),
            _ => refuse("json_extract_scalar", "a JSON text and a path, as in json_extract_scalar(condition, '$.StringEquals')", arg_types),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        on_arrays(&args, |arrays| {
            let (documents, paths) = (cast(&arrays[0], &DataType::Utf8)?, cast(&arrays[1], &DataType::Utf8)?);
            let (documents, paths) = (documents.as_string::<i32>(), paths.as_string::<i32>());
            // Nearly always one constant: parsed again only when it changes.
            let mut last: Option<(&str, Vec<Step>)> = None;
            let mut texts: Vec<Option<String>> = Vec::with_capacity(documents.len());
            for row in 0..documents.len() {
                if documents.is_null(row) || paths.is_null(row) {
                    texts.push(None);
                    continue;
                }
                let path = paths.value(row);
                if last.as_ref().is_none_or(|(known, _)| *known != path) {
                    let Some(steps) = parse(path) else { return exec_err!("{path:?} is not a path such as $.name[0][\"other name\"]") };
                    last = Some((path, steps));
                }
                texts.push(last.as_ref().and_then(|(_, steps)| scalar(documents.value(row), steps)));
            }
            Ok(Arc::new(StringArray::from(texts)) as ArrayRef)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_scalars_only() {
        let json = r#"{"StringEquals":{"kms:ViaService":["s3.eu-central-1.amazonaws.com"],"n":1.5},"b":true,"z":null}"#;
        for (path, expected) in [
            ("$.StringEquals[\"kms:ViaService\"][0]", Some("s3.eu-central-1.amazonaws.com")),
            ("$['StringEquals'].n", Some("1.5")),
            ("$.b", Some("true")),
            ("$.z", None),
            ("$.StringEquals", None),
            ("$.missing.deeper", None),
            ("$", None),
        ] {
            assert_eq!(scalar(json, &parse(path).unwrap()).as_deref(), expected, "{path}");
        }
        assert_eq!(scalar("not json", &parse("$.a").unwrap()), None);
        for path in ["", "a", "$.", "$[", "$[x]", "$.a..b", "$[\"a]"] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
