//! Sums, means and extremes as Python has them. DataFusion's own wrap integers around, begin a grouped maximum of floats at
//! the smallest finite one (wrong for minus infinity), and take NaN differently with and without groups.
//!
//! Rows are added one after the other, as a Python loop does. NaN makes any of these results NaN, as in NumPy.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{Result as DataFusionResult, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, Signature, Volatility,
};

use crate::error::{Error, RowError};
use crate::failure;

/// Digits of the decimal that carries an exact sum of integers between two operators.
const SUM_DIGITS: u8 = 38;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum NumericKind {
    /// 0 over no values.
    Sum,
    /// Null over no values, as those below.
    Mean,
    Min,
    Max,
}

/// The aggregate of an expression whose type is `Int64`, `UInt64` or `Float64`; extremes only of floats.
pub(crate) fn numeric(kind: NumericKind, of: Expr, shown: &str) -> Expr {
    Arc::new(udaf(kind, shown)).call(vec![of])
}

/// The aggregate function itself.
pub(crate) fn udaf(kind: NumericKind, shown: &str) -> AggregateUDF {
    let types = vec![DataType::Int64, DataType::UInt64, DataType::Float64];
    let signature = Signature::uniform(1, types, Volatility::Immutable);
    AggregateUDF::from(Numeric { kind, shown: shown.to_owned(), signature })
}

/// What [`udaf`] made the function from, if it did.
pub(crate) fn parts(aggregate: &AggregateUDF) -> Option<(NumericKind, &str)> {
    let numeric = aggregate.inner().downcast_ref::<Numeric>()?;
    Some((numeric.kind, &numeric.shown))
}

#[derive(PartialEq, Eq, Hash, Debug)]
struct Numeric {
    kind: NumericKind,
    /// What is summed up, for messages.
    shown: String,
    signature: Signature,
}

impl Numeric {
    fn cells(&self, of: &DataType) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        let shown = self.shown.clone();
        Ok(match of {
            DataType::Float64 => Box::new(Cells::<Floats>::new(self.kind, shown)),
            DataType::UInt64 => Box::new(Cells::<Unsigned>::new(self.kind, shown)),
            DataType::Int64 => Box::new(Cells::<Signed>::new(self.kind, shown)),
            other => return internal_err!("a numeric aggregate of {other}"),
        })
    }
}

impl AggregateUDFImpl for Numeric {
    fn name(&self) -> &str {
        match self.kind {
            NumericKind::Sum => "sum",
            NumericKind::Mean => "mean",
            NumericKind::Min => "min",
            NumericKind::Max => "max",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        match (self.kind, arg_types) {
            (NumericKind::Sum, [DataType::Int64 | DataType::UInt64]) => Ok(DataType::Int64),
            (_, [_]) => Ok(DataType::Float64),
            _ => internal_err!("a numeric aggregate has one argument"),
        }
    }

    fn is_nullable(&self) -> bool {
        self.kind != NumericKind::Sum
    }

    fn default_value(&self, data_type: &DataType) -> DataFusionResult<ScalarValue> {
        match self.kind {
            NumericKind::Sum => ScalarValue::new_zero(data_type),
            _ => ScalarValue::try_from(data_type),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> DataFusionResult<Vec<FieldRef>> {
        let value = match args.input_fields {
            [input] if input.data_type() == &DataType::Float64 => DataType::Float64,
            _ => DataType::Decimal128(SUM_DIGITS, 0),
        };
        Ok(vec![
            Arc::new(Field::new(format_state_name(args.name, "value"), value, false)),
            Arc::new(Field::new(format_state_name(args.name, "count"), DataType::Int64, false)),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> DataFusionResult<Box<dyn Accumulator>> {
        let Some(field) = args.expr_fields.first() else {
            return internal_err!("a numeric aggregate has one argument");
        };
        let shown = self.shown.clone();
        Ok(match field.data_type() {
            DataType::Float64 => Box::new(Whole::<Floats>::new(self.kind, shown)),
            DataType::UInt64 => Box::new(Whole::<Unsigned>::new(self.kind, shown)),
            DataType::Int64 => Box::new(Whole::<Signed>::new(self.kind, shown)),
            other => return internal_err!("a numeric aggregate of {other}"),
        })
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        let Some(field) = args.expr_fields.first() else {
            return internal_err!("a numeric aggregate has one argument");
        };
        self.cells(field.data_type())
    }
}

/// A type of input and how its values are added up.
trait Numbers: Send + Sync + 'static {
    type Input: ArrowPrimitiveType;
    /// The type of a state between two operators.
    type State: ArrowPrimitiveType;

    fn start(kind: NumericKind) -> <Self::State as ArrowPrimitiveType>::Native;

    fn widen(value: <Self::Input as ArrowPrimitiveType>::Native) -> <Self::State as ArrowPrimitiveType>::Native;

    fn combine(
        kind: NumericKind,
        state: <Self::State as ArrowPrimitiveType>::Native,
        value: <Self::State as ArrowPrimitiveType>::Native,
    ) -> <Self::State as ArrowPrimitiveType>::Native;

    fn state_array(values: Vec<<Self::State as ArrowPrimitiveType>::Native>) -> DataFusionResult<ArrayRef>;

    fn finish(
        kind: NumericKind,
        values: &[<Self::State as ArrowPrimitiveType>::Native],
        counts: &[i64],
        shown: &str,
    ) -> DataFusionResult<ArrayRef>;
}

struct Floats;

impl Numbers for Floats {
    type Input = Float64Type;
    type State = Float64Type;

    fn start(kind: NumericKind) -> f64 {
        match kind {
            NumericKind::Sum | NumericKind::Mean => 0.0,
            NumericKind::Min => f64::INFINITY,
            NumericKind::Max => f64::NEG_INFINITY,
        }
    }

    fn widen(value: f64) -> f64 {
        value
    }

    #[inline]
    fn combine(kind: NumericKind, state: f64, value: f64) -> f64 {
        match kind {
            NumericKind::Sum | NumericKind::Mean => state + value,
            NumericKind::Min if value < state || value.is_nan() => value,
            NumericKind::Max if value > state || value.is_nan() => value,
            NumericKind::Min | NumericKind::Max => state,
        }
    }

    fn state_array(values: Vec<f64>) -> DataFusionResult<ArrayRef> {
        Ok(Arc::new(Float64Array::from(values)))
    }

    fn finish(kind: NumericKind, values: &[f64], counts: &[i64], _shown: &str) -> DataFusionResult<ArrayRef> {
        let result = |(value, count): (&f64, &i64)| match kind {
            NumericKind::Sum => Some(*value),
            _ if *count == 0 => None,
            NumericKind::Mean => Some(*value / *count as f64),
            NumericKind::Min | NumericKind::Max => Some(*value),
        };
        Ok(Arc::new(values.iter().zip(counts).map(result).collect::<Float64Array>()))
    }
}

/// Sums of integers are exact in 128 bits; only the result must fit into 64.
fn finish_ints(kind: NumericKind, values: &[i128], counts: &[i64], shown: &str) -> DataFusionResult<ArrayRef> {
    if kind == NumericKind::Sum {
        let sums: Option<Vec<i64>> = values.iter().map(|sum| i64::try_from(*sum).ok()).collect();
        let Some(sums) = sums else { return Err(failure::wrap(overflow(shown))) };
        return Ok(Arc::new(Int64Array::from(sums)));
    }
    let mean = |(sum, count): (&i128, &i64)| (*count != 0).then(|| *sum as f64 / *count as f64);
    Ok(Arc::new(values.iter().zip(counts).map(mean).collect::<Float64Array>()))
}

fn overflow(shown: &str) -> Error {
    Error::Row(Box::new(RowError {
        class: ir::ExcKind::OverflowError.into(),
        message: format!("the sum of `{shown}` does not fit into 64 bits"),
        file: None,
        line: 0,
        function: "sum".to_owned(),
        row: None,
        inputs: Vec::new(),
    }))
}

fn decimals(values: Vec<i128>) -> DataFusionResult<ArrayRef> {
    Ok(Arc::new(Decimal128Array::from(values).with_precision_and_scale(SUM_DIGITS, 0)?))
}

macro_rules! integers {
    ($name:ident, $input:ty, $native:ty) => {
        struct $name;

        impl Numbers for $name {
            type Input = $input;
            type State = Decimal128Type;

            fn start(_kind: NumericKind) -> i128 {
                0
            }

            fn widen(value: $native) -> i128 {
                i128::from(value)
            }

            #[inline]
            fn combine(_kind: NumericKind, state: i128, value: i128) -> i128 {
                // 2**63 rows of 2**64 fit.
                state.wrapping_add(value)
            }

            fn state_array(values: Vec<i128>) -> DataFusionResult<ArrayRef> {
                decimals(values)
            }

            fn finish(kind: NumericKind, values: &[i128], counts: &[i64], shown: &str) -> DataFusionResult<ArrayRef> {
                finish_ints(kind, values, counts, shown)
            }
        }
    };
}

integers!(Signed, Int64Type, i64);
integers!(Unsigned, UInt64Type, u64);

/// A value and a count for each group.
struct Cells<N: Numbers> {
    kind: NumericKind,
    shown: String,
    values: Vec<<N::State as ArrowPrimitiveType>::Native>,
    counts: Vec<i64>,
}

impl<N: Numbers> Cells<N> {
    fn new(kind: NumericKind, shown: String) -> Cells<N> {
        Cells { kind, shown, values: Vec::new(), counts: Vec::new() }
    }

    fn grow(&mut self, groups: usize) {
        self.values.resize(groups, N::start(self.kind));
        self.counts.resize(groups, 0);
    }

    fn add(&mut self, group: usize, value: <N::State as ArrowPrimitiveType>::Native, count: i64) {
        if let (Some(state), Some(counted)) = (self.values.get_mut(group), self.counts.get_mut(group)) {
            *state = N::combine(self.kind, *state, value);
            *counted += count;
        }
    }
}

/// All rows as one group: its value stays in a register while a batch is added up.
struct Whole<N: Numbers>(Cells<N>);

impl<N: Numbers> Whole<N> {
    fn new(kind: NumericKind, shown: String) -> Whole<N> {
        let mut cells = Cells::new(kind, shown);
        cells.grow(1);
        Whole(cells)
    }
}

impl<N: Numbers> std::fmt::Debug for Whole<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Whole")
    }
}

impl<N: Numbers> Accumulator for Whole<N> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let Some(input) = values.first().and_then(|array| array.as_primitive_opt::<N::Input>()) else {
            return internal_err!("a numeric aggregate of another type than planned");
        };
        let kind = self.0.kind;
        let (Some(state), Some(count)) = (self.0.values.first_mut(), self.0.counts.first_mut()) else {
            return internal_err!("a numeric aggregate without a group");
        };
        *state = match input.null_count() {
            0 => input.values().iter().fold(*state, |state, value| N::combine(kind, state, N::widen(*value))),
            _ => input.iter().flatten().fold(*state, |state, value| N::combine(kind, state, N::widen(value))),
        };
        *count += (input.len() - input.null_count()) as i64;
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = states.first().map_or(0, |array| array.len());
        self.0.merge_batch(states, &vec![0; rows], 1)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let Cells { kind, shown, values, counts } = &self.0;
        ScalarValue::try_from_array(&N::finish(*kind, values, counts, shown)?, 0)
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let state = N::state_array(self.0.values.clone())?;
        Ok(vec![ScalarValue::try_from_array(&state, 0)?, ScalarValue::from(self.0.counts.first().copied())])
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

impl<N: Numbers> GroupsAccumulator for Cells<N> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.grow(total_num_groups);
        let Some(input) = values.first().and_then(|array| array.as_primitive_opt::<N::Input>()) else {
            return internal_err!("a numeric aggregate of another type than planned");
        };
        if input.null_count() == 0 && opt_filter.is_none() {
            for (group, value) in group_indices.iter().zip(input.values()) {
                self.add(*group, N::widen(*value), 1);
            }
            return Ok(());
        }
        for (row, (group, value)) in group_indices.iter().zip(input.iter()).enumerate() {
            let taken = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if let (Some(value), true) = (value, taken) {
                self.add(*group, N::widen(value), 1);
            }
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.grow(total_num_groups);
        let [states, counts] = values else { return internal_err!("the state of a numeric aggregate has two columns") };
        let (states, counts) = (states.as_primitive::<N::State>(), counts.as_primitive::<Int64Type>());
        for ((group, state), count) in group_indices.iter().zip(states.values()).zip(counts.values()) {
            self.add(*group, *state, *count);
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let (values, counts) = (emit_to.take_needed(&mut self.values), emit_to.take_needed(&mut self.counts));
        N::finish(self.kind, &values, &counts, &self.shown)
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let (values, counts) = (emit_to.take_needed(&mut self.values), emit_to.take_needed(&mut self.counts));
        Ok(vec![N::state_array(values)?, Arc::new(Int64Array::from(counts))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |array| array.len());
        let mut each = Cells::<N>::new(self.kind, self.shown.clone());
        let groups: Vec<usize> = (0..rows).collect();
        each.update_batch(values, &groups, opt_filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.values.capacity() * size_of::<<N::State as ArrowPrimitiveType>::Native>() + self.counts.capacity() * 8
    }
}
