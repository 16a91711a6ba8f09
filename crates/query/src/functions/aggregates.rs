//! `count_if`. Source: "Aggregate functions" in the Trino documentation.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray},
        datatypes::{DataType, Int64Type},
    },
    common::{Result, ScalarValue},
    logical_expr::{Accumulator, AggregateUDF, Volatility, create_udaf},
};

/// `count_if(condition)`: how many rows the condition holds for; 0 where there is none.
pub(super) fn count_if() -> AggregateUDF {
    create_udaf(
        "count_if",
        vec![DataType::Boolean],
        Arc::new(DataType::Int64),
        Volatility::Immutable,
        Arc::new(|_| Ok(Box::new(CountIf::default()))),
        Arc::new(vec![DataType::Int64]),
    )
}

#[derive(Debug, Default)]
struct CountIf {
    count: i64,
}

impl Accumulator for CountIf {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // Where the condition is null it does not hold.
        let held = values.first().map_or(0, |array| array.as_boolean().iter().flatten().filter(|held| *held).count());
        self.count += i64::try_from(held).unwrap_or(i64::MAX);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.count)))
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.count += states.first().map_or(0, |array| array.as_primitive::<Int64Type>().iter().flatten().sum());
        Ok(())
    }
}
