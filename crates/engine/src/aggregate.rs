//! What `agg`, `aggregate` and `reduce` can be asked for.

use crate::dataset::Column;
use crate::function::{CompiledFunction, StateValue};
use crate::run::Report;

/// A built-in aggregate. Nulls are left out, as in SQL; over no values the result is null, but 0 for the counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AggregateKind {
    /// Values that are not null.
    Count,
    Sum,
    Mean,
    Min,
    Max,
    /// Sample variance (divided by `n - 1`).
    Var,
    /// Sample standard deviation.
    Std,
    Median,
    /// The quantile at this fraction from 0 to 1, linearly interpolated.
    Quantile(f64),
    /// Distinct values that are not null.
    NUnique,
    /// The first row's value, in the data's order.
    First,
    /// The last row's value.
    Last,
}

/// A fold in plain Python: `state = step(state, row)` from `init`, for every row.
#[derive(Clone, PartialEq, Debug)]
pub struct Fold {
    pub init: StateValue,
    /// `(state, row) -> state`.
    pub step: CompiledFunction,
    /// `(state, state) -> state`: joins the states of two parts of the rows, the earlier part first. Without it the fold
    /// runs over all rows in one sequence.
    pub merge: Option<CompiledFunction>,
    /// `(state) -> value`; the state itself without.
    pub finish: Option<CompiledFunction>,
}

/// An aggregate of a group or of a whole dataset.
#[expect(clippy::large_enum_variant, reason = "a plan has a few of them")]
#[derive(Clone, PartialEq, Debug)]
pub enum Aggregate {
    /// The number of rows.
    Rows,
    Builtin {
        kind: AggregateKind,
        of: Column,
    },
    Fold(Fold),
}

/// What `reduce` gives back.
#[derive(Clone, Debug)]
pub struct FoldResult {
    pub value: StateValue,
    pub report: Report,
}
