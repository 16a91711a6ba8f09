//! Lets a query be stopped between the rows that a join makes.
//!
//! `DataFusion` gives way to other tasks wherever rows are read. A join makes any number of rows of those that it has read, and an aggregation over it takes them all before it gives way: a query with a
//! few `CROSS JOIN`s kept its thread to itself, so that no time limit and no Ctrl-C could end it.

use std::sync::Arc;

use datafusion::{
    common::{
        config::ConfigOptions,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan,
        coop::CooperativeExec,
        joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec},
        unnest::UnnestExec,
    },
};

/// Puts a [`CooperativeExec`] over whatever makes many rows of few.
#[derive(Debug)]
pub(crate) struct StoppableJoins;

impl PhysicalOptimizerRule for StoppableJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let multiplies = plan.is::<CrossJoinExec>()
                || plan.is::<NestedLoopJoinExec>()
                || plan.is::<HashJoinExec>()
                || plan.is::<SortMergeJoinExec>()
                || plan.is::<UnnestExec>();
            Ok(if multiplies { Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _) } else { Transformed::no(plan) })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "stoppable_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
