//! The functions of Trino (Athena's engine) that views and queries use and `DataFusion` lacks, or has under the same name with another meaning.
//!
//! Source: "Functions and operators" in the Trino documentation; Athena engine version 3 follows it.

mod aggregates;
mod arrays;
mod dates;
mod extremes;
mod json_path;
mod texts;

use std::sync::Arc;

use datafusion::{
    arrow::{array::ArrayRef, datatypes::DataType},
    common::{Result, ScalarValue, plan_err},
    logical_expr::{AggregateUDF, ColumnarValue, ScalarFunctionArgs, ScalarUDF},
};

/// Every function of this module, to be registered over `DataFusion`'s own.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(ScalarUDF::from(dates::DateAdd::new())),
        Arc::new(ScalarUDF::from(dates::DateDiff::new())),
        Arc::new(ScalarUDF::from(arrays::Cardinality::new())),
        Arc::new(ScalarUDF::from(arrays::Contains::new())),
        Arc::new(ScalarUDF::from(arrays::ElementAt::new())),
        Arc::new(ScalarUDF::from(json_path::JsonExtractScalar::new())),
        Arc::new(ScalarUDF::from(texts::Concat::new())),
        Arc::new(ScalarUDF::from(texts::SplitPart::new())),
        Arc::new(ScalarUDF::from(extremes::Extreme::greatest())),
        Arc::new(ScalarUDF::from(extremes::Extreme::least())),
    ]
}

/// Every aggregate function of this module.
pub(crate) fn aggregates() -> Vec<AggregateUDF> {
    vec![aggregates::count_if()]
}

/// Applies `body` to the arguments as arrays of one length; a call with constants only yields a constant, which the planner can then prune files with.
fn on_arrays(args: &ScalarFunctionArgs, body: impl FnOnce(&[ArrayRef]) -> Result<ArrayRef>) -> Result<ColumnarValue> {
    let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { args.number_rows };
    let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
    let result = body(&arrays)?;
    if constant { ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar) } else { Ok(ColumnarValue::Array(result)) }
}

/// Whether values of the type are text; null counts, as it can become any type.
fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null)
}

/// Refuses a call whose arguments have other types than the function takes.
fn refuse<T>(function: &str, takes: &str, arg_types: &[DataType]) -> Result<T> {
    let types: Vec<String> = arg_types.iter().map(ToString::to_string).collect();
    plan_err!("{function} takes {takes}, not ({})", types.join(", "))
}
