//! The compiled kernels and how they are called. Owns the Rust faces of machine code; knows nothing of how it is made.

use ir::Type;
use runtime::abi;

use crate::error::CodegenError;
use crate::input::{MapInput, Options, ParamInput};
use crate::leaf::Leaf;
use crate::spans::SpanTable;

/// One call of the entry function.
#[derive(Debug)]
pub struct CallKernel {
    spans: SpanTable,
}

impl CallKernel {
    /// Calls the function. On a status other than 0 nothing is written to `out`.
    ///
    /// # Safety
    /// `args` points to the slots of all parameters, one after the other, `out` to room for the slots of the result
    /// (never null, not even for no slots); strings, arrays and lists in `args` and in `ctx.captures` are alive and as
    /// their types say; `ctx` has an arena and a cancel flag.
    pub unsafe fn call(&self, ctx: &mut abi::Context, args: *const u64, out: *mut u64) -> abi::Status {
        let _ = (ctx, args, out);
        abi::STATUS_CANCELLED
    }

    /// Turns a status into an exception.
    pub fn spans(&self) -> &SpanTable {
        &self.spans
    }
}

/// How a run over rows ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapOutcome {
    /// Every row was run; so many failed (0 unless statuses were asked for).
    Done { failed: usize },
    /// The row (from 0 to `rows`) raised and the run stopped there.
    Failed { row: usize, status: abi::Status },
    /// The cancel flag was seen.
    Cancelled,
}

/// The entry function over whole columns.
#[derive(Debug)]
pub struct MapKernel {
    spans: SpanTable,
    outputs: Vec<Leaf>,
}

impl MapKernel {
    /// The output columns, in the order of the `outputs` of [`MapKernel::run`].
    pub fn outputs(&self) -> &[Leaf] {
        &self.outputs
    }

    /// Runs the function on every row and writes row `i` (from 0) of each output.
    ///
    /// Without `statuses` the run stops at the first failing row. With them (one a row) every row gets its status; a
    /// failing row's outputs are zero and, where validity is given, null, and the run goes on. The validity of a leaf
    /// that is not nullable is written for failing rows only: who passes it sets it to 1 before.
    ///
    /// # Safety
    /// The columns are of the types the kernel was compiled for and have rows `start .. start + rows`; the outputs have
    /// room for `rows` rows; broadcast slots, captures and states are alive and as their types say; `ctx` has an arena
    /// and a cancel flag.
    pub unsafe fn run(
        &self,
        ctx: &mut abi::Context,
        input: &MapInput<'_>,
        outputs: &[abi::OutputView],
        statuses: Option<&mut [abi::Status]>,
    ) -> MapOutcome {
        let _ = (ctx, input, outputs, statuses);
        MapOutcome::Cancelled
    }

    /// Turns a status into an exception.
    pub fn spans(&self) -> &SpanTable {
        &self.spans
    }
}

/// A fold's step function over whole columns: `state = step(state, row..)` for each row in order.
#[derive(Debug)]
pub struct FoldKernel {
    spans: SpanTable,
}

impl FoldKernel {
    /// Folds every row into its state: row `i` (from 0) into the state number `groups[i]`, or number 0 without groups.
    ///
    /// Without `statuses` the run stops at the first failing row; with them a failing row is skipped: the scalars of
    /// its state stay as they were before it (elements that the step stored into arrays before it failed stay too).
    ///
    /// # Safety
    /// As for [`MapKernel::run`]; `states` are in the stored form, `stride_slots` apart, and every group number names
    /// one.
    pub unsafe fn update(
        &self,
        ctx: &mut abi::Context,
        input: &MapInput<'_>,
        groups: Option<&[u32]>,
        states: *mut u64,
        stride_slots: usize,
        statuses: Option<&mut [abi::Status]>,
    ) -> MapOutcome {
        let _ = (ctx, input, groups, states, stride_slots, statuses);
        MapOutcome::Cancelled
    }

    /// Turns a status into an exception.
    pub fn spans(&self) -> &SpanTable {
        &self.spans
    }
}

/// A fold's merge function: `into = merge(into, from)`.
#[derive(Debug)]
pub struct MergeKernel {
    spans: SpanTable,
}

impl MergeKernel {
    /// Merges the state `from` into the state `into`; on a status other than 0 the scalars of `into` are as before.
    ///
    /// # Safety
    /// Both are states in the stored form, of the merge function's parameter types, and do not overlap.
    pub unsafe fn merge(&self, ctx: &mut abi::Context, into: *mut u64, from: *mut u64) -> abi::Status {
        let _ = (ctx, into, from);
        abi::STATUS_CANCELLED
    }

    /// Turns a status into an exception.
    pub fn spans(&self) -> &SpanTable {
        &self.spans
    }
}

/// Compiles the module's entry function to be called with single values.
pub fn compile_call(module: &ir::Module, options: &Options) -> Result<CallKernel, CodegenError> {
    let _ = (module, options);
    Err(CodegenError::new("not built yet"))
}

/// Compiles the module's entry function to be run over columns; `inputs` says where each parameter comes from.
///
/// A result type that cannot be a column, or an input that does not fit its parameter's type, is an error.
pub fn compile_map(module: &ir::Module, inputs: &[ParamInput], options: &Options) -> Result<MapKernel, CodegenError> {
    let _ = (module, inputs, options);
    Err(CodegenError::new("not built yet"))
}

/// Compiles a fold's step: parameter 0 is the state, `inputs` says where the others come from; the result has the
/// state's type.
pub fn compile_fold(step: &ir::Module, inputs: &[ParamInput], options: &Options) -> Result<FoldKernel, CodegenError> {
    let _ = (step, inputs, options);
    Err(CodegenError::new("not built yet"))
}

/// Compiles a fold's merge: two parameters and a result of the state's type.
pub fn compile_merge(merge: &ir::Module, options: &Options) -> Result<MergeKernel, CodegenError> {
    let _ = (merge, options);
    Err(CodegenError::new("not built yet"))
}

/// How many kernels this process has compiled so far: a cache that works does not move it.
pub fn compile_count() -> u64 {
    0
}

/// Whether values of this type can be a fold's state: numbers, `None`, tuples, records and unions of such, and arrays
/// outside unions.
pub fn check_state_type(ty: &Type) -> Result<(), CodegenError> {
    crate::state::check(ty)
}
