//! Folds in plain Python as aggregates: `state = step(state, row)` for each row of a group in order, `merge` for the states
//! of two parts, `finish` for the result.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, LargeBinaryArray, LargeBinaryBuilder};
use arrow::datatypes::{DataType, Field, FieldRef};
use codegen::{FoldKernel, MapInput, MapKernel, MapOutcome, MergeKernel, ParamInput, StatesView};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result as DataFusionResult, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, LogicalPlan, Signature, Volatility,
};
use runtime::abi;
use runtime::arena::Arena;

use super::one_group::OneGroup;
use crate::aggregate::Fold;
use crate::dataset::OnError;
use crate::error::{Error, Result};
use crate::failure;
use crate::function::{CompiledFunction, StateValue};
use crate::kernel::inputs::Columns;
use crate::kernel::outputs::Outputs;
use crate::kernel::runner::{self, BoundRow, RowPlace};
use crate::kernel::{self, fold_kernel, map_kernel, merge_kernel};
use crate::run::RunState;

/// What a fold gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum FoldOutput {
    /// What `finish` returns of the state.
    Value,
    /// The state in its stored form, as bytes.
    State,
}

/// A fold as DataFusion knows it. Equal when it computes the same; the run it belongs to does not count.
#[derive(Clone, Debug)]
pub(crate) struct FoldUdaf {
    fold: Fold,
    output: FoldOutput,
    on_error: OnError,
    /// Names of the columns that the step reads, in the order of the arguments.
    columns: Vec<String>,
    signature: Signature,
    run: Option<Arc<RunState>>,
}

impl FoldUdaf {
    /// `columns`: names of the columns that the step reads, which are the arguments of the aggregate.
    pub fn new(fold: Fold, output: FoldOutput, on_error: OnError, columns: Vec<String>) -> FoldUdaf {
        let signature = Signature::any(columns.len().max(1), Volatility::Immutable);
        FoldUdaf { fold, output, on_error, columns, signature, run: None }
    }

    pub fn call(self, args: Vec<Expr>) -> Expr {
        Arc::new(AggregateUDF::from(self)).call(args)
    }

    /// The same fold, seeing the run's cancel flag and counting into its report.
    pub fn bound(&self, run: &Arc<RunState>) -> FoldUdaf {
        FoldUdaf { run: Some(run.clone()), ..self.clone() }
    }

    pub fn fold(&self) -> &Fold {
        &self.fold
    }

    pub fn output(&self) -> FoldOutput {
        self.output
    }

    pub fn on_error(&self) -> OnError {
        self.on_error
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    fn work(&self, fields: &[FieldRef]) -> Result<FoldGroups> {
        let run = self.run.clone().ok_or_else(|| Error::engine("a fold was not started by a session"))?;
        // A step that reads nothing of the row has one argument all the same, which says how many rows there are.
        let fields: Vec<Field> = fields
            .iter()
            .zip(&self.columns)
            .map(|(field, name)| Field::new(name, field.data_type().clone(), field.is_nullable()))
            .collect();
        let row = BoundRow::new(&self.fold.step, 1, &arrow::datatypes::Schema::new(fields))?;
        let merge = self.fold.merge.as_ref().map(|merge| Ok((merge.clone(), merge_kernel(merge)?))).transpose()?;
        Ok(FoldGroups {
            step: self.fold.step.clone(),
            step_kernel: fold_kernel(&self.fold.step, std::slice::from_ref(&row.input))?,
            row,
            merge,
            finish: match self.output {
                FoldOutput::Value => Some(finish_function(&self.fold)?),
                FoldOutput::State => None,
            },
            columns: self.columns.clone(),
            init: self.fold.init.clone(),
            on_error: self.on_error,
            run,
            arena: Box::default(),
            states: Vec::new(),
            begun: Vec::new(),
            first_row: 0,
        })
    }
}

/// `finish`, or the identity.
fn finish_function(fold: &Fold) -> Result<CompiledFunction> {
    if let Some(finish) = &fold.finish {
        return Ok(finish.clone());
    }
    let ty = fold.init.ty();
    let text = format!("entry f0\nfunc f0 state(state) -> {ty} {{\nb0(v0: {ty}):\n  return v0\n}}\n");
    let module =
        ir::text::parse(&text).map_err(|error| Error::engine(format!("identity of `{ty}`: {}", error.message)))?;
    Ok(CompiledFunction::new("state", Arc::new(module), crate::function::CaptureValues::none()))
}

impl PartialEq for FoldUdaf {
    fn eq(&self, other: &Self) -> bool {
        self.fold == other.fold
            && self.output == other.output
            && self.on_error == other.on_error
            && self.columns == other.columns
    }
}

impl Eq for FoldUdaf {}

impl Hash for FoldUdaf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fold.step.hash(state);
        self.fold.init.hash(state);
        self.columns.hash(state);
    }
}

impl AggregateUDFImpl for FoldUdaf {
    fn name(&self) -> &str {
        self.fold.step.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(result_type(&self.fold, self.output).map_err(failure::wrap)?.0)
    }

    fn is_nullable(&self) -> bool {
        result_type(&self.fold, self.output).map_or(true, |(_, nullable)| nullable)
    }

    fn default_value(&self, data_type: &DataType) -> DataFusionResult<ScalarValue> {
        ScalarValue::try_from(data_type)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "state"), DataType::LargeBinary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> DataFusionResult<Box<dyn Accumulator>> {
        let groups = self.work(args.expr_fields).map_err(failure::wrap)?;
        Ok(Box::new(OneGroup::new(Box::new(groups), args.expr_fields)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.work(args.expr_fields).map_err(failure::wrap)?))
    }
}

/// The type of a fold's result as a column, and whether it can be null.
pub(crate) fn result_type(fold: &Fold, output: FoldOutput) -> Result<(DataType, bool)> {
    let ty = match (output, &fold.finish) {
        (FoldOutput::State, _) => return Ok((DataType::LargeBinary, false)),
        (FoldOutput::Value, Some(finish)) => finish.result_type(),
        (FoldOutput::Value, None) => fold.init.ty(),
    };
    crate::types::arrow_type(ty)
}

/// The plan with its folds bound to the run, so that they see its cancel flag and count into its report.
pub(crate) fn bind(plan: LogicalPlan, run: &Arc<RunState>) -> DataFusionResult<LogicalPlan> {
    let bind_expr = |expr: Expr| {
        let Expr::AggregateFunction(mut call) = expr else { return Ok(Transformed::no(expr)) };
        let Some(udaf) = call.func.inner().downcast_ref::<FoldUdaf>() else {
            return Ok(Transformed::no(Expr::AggregateFunction(call)));
        };
        call.func = Arc::new(AggregateUDF::from(udaf.bound(run)));
        Ok(Transformed::yes(Expr::AggregateFunction(call)))
    };
    let bound = plan.transform_up(|node| match node {
        LogicalPlan::Aggregate(_) => node.map_expressions(|expr| expr.transform_up(bind_expr)),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(bound.data)
}

/// The states of the groups, one after the other in their stored form.
struct FoldGroups {
    step: CompiledFunction,
    step_kernel: Arc<FoldKernel>,
    row: BoundRow,
    merge: Option<(CompiledFunction, Arc<MergeKernel>)>,
    /// `None`: the state itself is the result.
    finish: Option<CompiledFunction>,
    columns: Vec<String>,
    init: StateValue,
    on_error: OnError,
    run: Arc<RunState>,
    arena: Box<Arena>,
    states: Vec<u64>,
    /// Whether a row, or a part's state, has gone into the group. A state that has not is the initial one, which must not
    /// be merged into another.
    begun: Vec<bool>,
    /// Rows of earlier batches.
    first_row: u64,
}

impl FoldGroups {
    /// Slots from one state to the next. A state without slots still has a place.
    fn stride(&self) -> usize {
        self.init.area().len()
    }

    fn grow(&mut self, groups: usize) {
        self.states.reserve(groups.saturating_sub(self.begun.len()) * self.stride());
        for _ in self.begun.len()..groups {
            self.states.extend_from_slice(self.init.area());
        }
        self.begun.resize(groups.max(self.begun.len()), false);
    }

    fn update(&mut self, values: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let arrays: Vec<ArrayRef> = self.row.columns.iter().filter_map(|index| values.get(*index).cloned()).collect();
        let columns = Columns::new(&arrays, &self.row.types)?;
        let rows = groups.len();
        let input = MapInput { columns: columns.views(), broadcast: &[], states: None, start: 0, rows };
        let numbers: Option<Vec<u32>> = match self.begun.len() {
            1 => None,
            _ => Some(groups.iter().map(|group| *group as u32).collect()),
        };
        if self.begun.len() > u32::MAX as usize {
            return Err(Error::engine("a fold has more than four thousand million groups"));
        }
        for group in groups {
            if let Some(begun) = self.begun.get_mut(*group) {
                *begun = true;
            }
        }
        let may_fail = self.on_error != OnError::Raise;
        let mut statuses = if may_fail { vec![abi::STATUS_OK; rows] } else { Vec::new() };
        let stride = self.stride();
        let mut context = kernel::context(&mut self.arena, &self.step, self.run.cancel_flag());
        // SAFETY: `Columns` checked the types; every group number is below the number of states, by `grow`.
        let outcome = unsafe {
            self.step_kernel.update(
                &mut context,
                &input,
                numbers.as_deref(),
                self.states.as_mut_ptr(),
                stride,
                may_fail.then_some(statuses.as_mut_slice()),
            )
        };
        match outcome {
            MapOutcome::Done { failed: 0 } => {}
            MapOutcome::Done { .. } => {
                runner::count_failures(&self.run, &self.step, self.step_kernel.spans(), &statuses);
            }
            MapOutcome::Cancelled => return Err(Error::Cancelled),
            MapOutcome::Failed { row, status } => {
                let inputs = runner::printed(&arrays, &self.columns, row);
                let place = RowPlace { row: Some(self.first_row + row as u64), inputs };
                // SAFETY: the kernel has just run with this context.
                return Err(unsafe {
                    runner::row_error(&self.step, self.step_kernel.spans(), status, &context, place)
                });
            }
        }
        self.arena.reset();
        self.first_row += rows as u64;
        Ok(())
    }

    /// Merges the stored state `from` into that of the group.
    fn merge_into(&mut self, group: usize, from: &[u8]) -> Result<()> {
        let stride = self.stride();
        if from.len() != stride * 8 {
            return Err(Error::engine("a state of another size than planned"));
        }
        let mut from: Vec<u64> =
            from.chunks_exact(8).map(|slot| u64::from_le_bytes(slot.try_into().unwrap_or_default())).collect();
        let Some(into) = self.states.get_mut(group * stride..(group + 1) * stride) else {
            return Err(Error::engine("a state of no group"));
        };
        if let Some(begun) = self.begun.get_mut(group).filter(|begun| !**begun) {
            *begun = true;
            into.copy_from_slice(&from);
            return Ok(());
        }
        let Some((merge, merge_kernel)) = &self.merge else {
            return Err(Error::engine("a fold without a merge was run in parts"));
        };
        let mut context = kernel::context(&mut self.arena, merge, self.run.cancel_flag());
        // SAFETY: both are states in the stored form of the fold's layout, in memory of their own.
        let status = unsafe { merge_kernel.merge(&mut context, into.as_mut_ptr(), from.as_mut_ptr()) };
        let result = match status {
            abi::STATUS_OK => Ok(()),
            abi::STATUS_CANCELLED => Err(Error::Cancelled),
            // SAFETY: the kernel has just run with this context.
            status => {
                Err(unsafe { runner::row_error(merge, merge_kernel.spans(), status, &context, RowPlace::default()) })
            }
        };
        self.arena.reset();
        result
    }

    /// Takes the states of the groups that are given out.
    fn take(&mut self, emit_to: EmitTo) -> (Vec<u64>, Vec<bool>) {
        let begun = emit_to.take_needed(&mut self.begun);
        let slots = begun.len() * self.stride();
        let states = match emit_to {
            EmitTo::All => std::mem::take(&mut self.states),
            EmitTo::First(_) => self.states.drain(..slots).collect(),
        };
        (states, begun)
    }

    fn stored(&self, states: &[u64], begun: &[bool], all: bool) -> LargeBinaryArray {
        let stride = self.stride();
        let mut builder = LargeBinaryBuilder::with_capacity(begun.len(), states.len() * 8);
        let mut bytes = Vec::with_capacity(stride * 8);
        for (group, begun) in begun.iter().enumerate() {
            if !begun && !all {
                builder.append_null();
                continue;
            }
            bytes.clear();
            let state = states.get(group * stride..(group + 1) * stride).unwrap_or_default();
            bytes.extend(state.iter().flat_map(|slot| slot.to_le_bytes()));
            builder.append_value(&bytes);
        }
        builder.finish()
    }

    /// What `finish` returns of each state.
    fn finished(&mut self, finish: &CompiledFunction, states: &mut [u64], rows: usize) -> Result<ArrayRef> {
        let kernel: Arc<MapKernel> = map_kernel(finish, &[ParamInput::State])?;
        let view = StatesView { states: states.as_mut_ptr(), stride_slots: self.stride() };
        let input = MapInput { columns: &[], broadcast: &[], states: Some(view), start: 0, rows };
        let mut outputs = Outputs::new(kernel.outputs(), rows, false);
        let views = outputs.views(0);
        let mut context = kernel::context(&mut self.arena, finish, self.run.cancel_flag());
        // SAFETY: the states are in the stored form of the fold's layout; the outputs have `rows` rows.
        let arrays = match unsafe { kernel.run(&mut context, &input, &views, None) } {
            // SAFETY: the kernel wrote every row, and the arena is reset below.
            MapOutcome::Done { .. } => unsafe { outputs.finish() }?,
            MapOutcome::Cancelled => return Err(Error::Cancelled),
            MapOutcome::Failed { status, .. } => {
                // SAFETY: the kernel has just run with this context.
                return Err(unsafe {
                    runner::row_error(finish, kernel.spans(), status, &context, RowPlace::default())
                });
            }
        };
        self.arena.reset();
        arrays.into_iter().next().ok_or_else(|| Error::engine("a fold gave no value"))
    }

    fn result(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (mut states, begun) = self.take(emit_to);
        match self.finish.clone() {
            Some(finish) => self.finished(&finish, &mut states, begun.len()),
            None => Ok(Arc::new(self.stored(&states, &begun, true))),
        }
    }
}

impl GroupsAccumulator for FoldGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        if opt_filter.is_some() {
            return internal_err!("a fold has no filter of its own");
        }
        self.grow(total_num_groups);
        self.update(values, group_indices).map_err(failure::wrap)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.grow(total_num_groups);
        let Some(states) = values.first().and_then(|array| array.as_binary_opt::<i64>()) else {
            return internal_err!("the state of a fold is one column of bytes");
        };
        for (group, state) in group_indices.iter().zip(states) {
            if let Some(state) = state {
                self.merge_into(*group, state).map_err(failure::wrap)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        self.result(emit_to).map_err(failure::wrap)
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let (states, begun) = self.take(emit_to);
        Ok(vec![Arc::new(self.stored(&states, &begun, false))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |array| array.len());
        let mut each = FoldGroups {
            step: self.step.clone(),
            step_kernel: self.step_kernel.clone(),
            row: self.row.clone(),
            merge: self.merge.clone(),
            finish: None,
            columns: self.columns.clone(),
            init: self.init.clone(),
            on_error: self.on_error,
            run: self.run.clone(),
            arena: Box::default(),
            states: Vec::new(),
            begun: Vec::new(),
            first_row: 0,
        };
        let groups: Vec<usize> = (0..rows).collect();
        each.update_batch(values, &groups, opt_filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.states.capacity() * 8 + self.begun.capacity() + self.arena.reserved_bytes()
    }
}

/// Whether a part may begin with the initial state. It may when merging the initial state with itself changes nothing;
/// else the fold runs over all rows in one sequence, which is what the Python loop does.
pub(crate) fn runs_in_parts(fold: &Fold) -> Result<bool> {
    let Some(merge) = &fold.merge else { return Ok(false) };
    let merge_kernel = merge_kernel(merge)?;
    let (mut into, mut from) = (fold.init.area().to_vec(), fold.init.area().to_vec());
    let cancel = std::sync::atomic::AtomicU8::new(0);
    let mut arena = Box::<Arena>::default();
    let mut context = kernel::context(&mut arena, merge, &cancel);
    // SAFETY: both are states in the stored form of the fold's layout, in memory of their own.
    let status = unsafe { merge_kernel.merge(&mut context, into.as_mut_ptr(), from.as_mut_ptr()) };
    Ok(status == abi::STATUS_OK && into == fold.init.area())
}
