//! A logical node that asks for all rows in one part, in order: below what cannot be done in parts.

use std::cmp::Ordering;
use std::fmt;

use datafusion::common::{DFSchemaRef, Result as DataFusionResult, internal_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct GatherNode {
    pub input: LogicalPlan,
}

impl PartialOrd for GatherNode {
    fn partial_cmp(&self, _other: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for GatherNode {
    fn name(&self) -> &str {
        "Gather"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Gather: all rows in order")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DataFusionResult<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(GatherNode { input }),
            _ => internal_err!("a gather node has one input"),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
}
