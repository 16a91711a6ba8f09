//! `greatest` and `least`. Source: "Conditional expressions" in the Trino documentation: null where any argument is null, which `DataFusion` passes over.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, BooleanArray},
        compute::nullif,
        datatypes::DataType,
    },
    common::Result,
    functions,
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};

use super::on_arrays;

/// One of the two: `DataFusion`'s own where no argument is null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Extreme {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl Extreme {
    pub(super) fn greatest() -> Self {
        Self::of(functions::core::greatest())
    }

    pub(super) fn least() -> Self {
        Self::of(functions::core::least())
    }

    fn of(inner: Arc<ScalarUDF>) -> Self {
        Self { inner, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        on_arrays(&args, |arrays| {
            let rows = arrays.first().map_or(0, Array::len);
            let columns = arrays.iter().map(|array| ColumnarValue::Array(Arc::clone(array))).collect();
            let found = self.inner.invoke_with_args(ScalarFunctionArgs { args: columns, number_rows: rows, ..args.clone() })?.to_array(rows)?;
            let lacking: BooleanArray = (0..rows).map(|row| Some(arrays.iter().any(|array| array.is_null(row)))).collect();
            Ok(nullif(&found, &lacking)?)
        })
    }
}
