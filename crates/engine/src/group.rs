//! Aggregates of groups and of whole datasets, as DataFusion expressions over a dataset's plan.

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::functions_aggregate::count::{count, count_all, count_distinct};
use datafusion::functions_aggregate::first_last::{first_value, last_value};
use datafusion::functions_aggregate::median::median_udaf;
use datafusion::functions_aggregate::min_max::{max, min};
use datafusion::functions_aggregate::percentile_cont::percentile_cont;
use datafusion::functions_aggregate::stddev::stddev_udaf;
use datafusion::functions_aggregate::variance::var_samp_udaf;
use datafusion::logical_expr::{Expr, cast, lit};

use crate::aggregate::{AggregateKind, Fold};
use crate::dataset::{self, OnError};
use crate::error::{Error, Result};
use crate::names;
use crate::plan::float_key::float_key;
use crate::plan::fold::{FoldOutput, FoldUdaf};
use crate::plan::numeric::{NumericKind, numeric};

/// The number of rows.
pub(crate) fn rows() -> Expr {
    count_all()
}

/// A built-in aggregate of the column `source`, which users know as `shown`.
pub(crate) fn builtin(kind: AggregateKind, source: &str, shown: &str, schema: &SchemaRef) -> Result<Expr> {
    let column = dataset::column(source);
    let data_type = schema.field_with_name(source).map_or(DataType::Null, |field| field.data_type().clone());
    let number = |what: &str| number_of(column.clone(), &data_type, what, shown);
    let float = |what: &str| Ok::<Expr, Error>(cast(number(what)?, DataType::Float64));
    let is_float = data_type.is_floating();
    Ok(match kind {
        AggregateKind::Count => count(column),
        AggregateKind::Sum => numeric(NumericKind::Sum, number("sum")?, shown),
        AggregateKind::Mean => numeric(NumericKind::Mean, number("mean")?, shown),
        AggregateKind::Min if is_float => like(numeric(NumericKind::Min, number("min")?, shown), &data_type),
        AggregateKind::Max if is_float => like(numeric(NumericKind::Max, number("max")?, shown), &data_type),
        AggregateKind::Min => min(column),
        AggregateKind::Max => max(column),
        AggregateKind::Var => var_samp_udaf().call(vec![float("var")?]),
        AggregateKind::Std => stddev_udaf().call(vec![float("std")?]),
        AggregateKind::Median => median_udaf().call(vec![float("median")?]),
        AggregateKind::Quantile(fraction) if (0.0..=1.0).contains(&fraction) => {
            percentile_cont(float("quantile")?.sort(true, false), lit(fraction))
        }
        AggregateKind::Quantile(fraction) => {
            return Err(Error::plan(format!("a quantile lies between 0 and 1, not at {fraction}")));
        }
        AggregateKind::NUnique if is_float => count_distinct(float_key(column)),
        AggregateKind::NUnique => count_distinct(column),
        AggregateKind::First => first_value(column, Vec::new()),
        AggregateKind::Last => last_value(column, Vec::new()),
    })
}

/// A result of type `Float64` in the type of its column.
fn like(expr: Expr, data_type: &DataType) -> Expr {
    match data_type {
        DataType::Float64 => expr,
        other => cast(expr, other.clone()),
    }
}

/// The column as a number of one of the widest types.
fn number_of(column: Expr, data_type: &DataType, what: &str, shown: &str) -> Result<Expr> {
    let value = match data_type {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    let wide = match value {
        DataType::Int64 | DataType::UInt64 | DataType::Float64 => return Ok(cast_from(column, data_type, value)),
        DataType::Boolean | DataType::Null => DataType::Int64,
        DataType::Float32 | DataType::Float16 => DataType::Float64,
        other if other.is_integer() => DataType::Int64,
        DataType::Decimal128(..) | DataType::Decimal256(..) => DataType::Float64,
        other => {
            return Err(Error::plan(format!(
                "`{what}` needs numbers, but `{shown}` is of type `{}`",
                names::data_type(other)
            )));
        }
    };
    Ok(cast(column, wide))
}

fn cast_from(column: Expr, from: &DataType, to: &DataType) -> Expr {
    if from == to { column } else { cast(column, to.clone()) }
}

/// A fold over the rows of a group.
pub(crate) fn fold(fold: &Fold, output: FoldOutput, on_error: OnError) -> Expr {
    let columns = step_reads(fold);
    let mut args: Vec<Expr> = columns.iter().map(|name| dataset::column(name)).collect();
    if args.is_empty() {
        args.push(lit(0i8));
    }
    FoldUdaf::new(fold.clone(), output, on_error, columns).call(args)
}

/// Names of the columns that the step reads.
fn step_reads(fold: &Fold) -> Vec<String> {
    let used = ir::introspect::columns_read(fold.step.module(), fold.step.module().entry, 1);
    match fold.step.param_types().get(1) {
        Some(ir::Type::Record(record)) => {
            used.into_iter().filter_map(|index| record.fields.get(index)).map(|(name, _)| name.clone()).collect()
        }
        _ => Vec::new(),
    }
}

/// A key to group by.
pub(crate) fn key(source: &str, schema: &SchemaRef) -> Expr {
    dataset::plain_key(dataset::column(source), schema, source)
}
