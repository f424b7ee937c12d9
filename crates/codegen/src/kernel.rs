//! The compiled kernels and how they are called. Owns the Rust faces of machine code; how the code is made is
//! `kernels`' business.

use runtime::abi;

use crate::emit::Emitter;
use crate::error::CodegenError;
use crate::input::{MapInput, Options, ParamInput};
use crate::kernels::rows::{self, Run, Work};
use crate::kernels::{self, SYMBOLS, call, states};
use crate::leaf::{self, Leaf};
use crate::llvm::jit::Code;
use crate::spans::SpanTable;

pub use crate::kernels::compile_count;

/// One call of the entry function.
#[derive(Debug)]
pub struct CallKernel {
    code: Code,
    spans: SpanTable,
}

type CallFn = unsafe extern "C" fn(*mut abi::Context, *const u64, *mut u64) -> abi::Status;
type RowsFn = unsafe extern "C" fn(*mut abi::Context, *mut Run) -> abi::Status;
type MergeFn = unsafe extern "C" fn(*mut abi::Context, *mut u64, *mut u64) -> abi::Status;

impl CallKernel {
    /// Calls the function. On a status other than 0 nothing is written to `out`.
    ///
    /// # Safety
    /// `args` points to the slots of all parameters, one after the other, `out` to room for the slots of the result;
    /// strings, arrays and lists in `args` and in `ctx.captures` are alive and as their types say; `ctx` has an arena
    /// and a cancel flag.
    pub unsafe fn call(&self, ctx: &mut abi::Context, args: *const u64, out: *mut u64) -> abi::Status {
        // SAFETY: the code was compiled with this signature and lives as long as `self`; the rest is the caller's.
        unsafe { self.function()(ctx, args, out) }
    }

    fn function(&self) -> CallFn {
        // SAFETY: the address is that of the kernel's function, which has this type.
        unsafe { std::mem::transmute::<usize, CallFn>(self.code.address(0)) }
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

/// Calls a kernel over rows.
///
/// # Safety
/// As [`MapKernel::run`] says.
unsafe fn run_rows(
    address: usize,
    ctx: &mut abi::Context,
    run: &mut Run,
    statuses: Option<&mut [abi::Status]>,
) -> MapOutcome {
    if let Some(statuses) = statuses {
        statuses.fill(abi::STATUS_OK);
        run.statuses = statuses.as_mut_ptr();
    }
    // SAFETY: the address is that of a kernel over rows; the rest is the caller's.
    let status = unsafe { std::mem::transmute::<usize, RowsFn>(address)(ctx, run) };
    match status {
        abi::STATUS_OK => MapOutcome::Done { failed: run.failed_count as usize },
        abi::STATUS_CANCELLED => MapOutcome::Cancelled,
        status => MapOutcome::Failed { row: run.failed_row as usize, status },
    }
}

impl Run {
    fn new(input: &MapInput<'_>) -> Run {
        Run {
            columns: input.columns.as_ptr(),
            broadcast: input.broadcast.as_ptr(),
            states: input.states.map_or(std::ptr::null_mut(), |view| view.states),
            state_stride_slots: input.states.map_or(0, |view| view.stride_slots as u64),
            groups: std::ptr::null(),
            outputs: std::ptr::null(),
            statuses: std::ptr::null_mut(),
            start: input.start as i64,
            rows: input.rows as i64,
            failed_row: 0,
            failed_count: 0,
        }
    }
}

/// The entry function over whole columns.
#[derive(Debug)]
pub struct MapKernel {
    code: Code,
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
    /// room for `rows` rows and overlap with nothing else; broadcast slots, captures and states are alive and as their
    /// types say; `ctx` has an arena and a cancel flag.
    pub unsafe fn run(
        &self,
        ctx: &mut abi::Context,
        input: &MapInput<'_>,
        outputs: &[abi::OutputView],
        statuses: Option<&mut [abi::Status]>,
    ) -> MapOutcome {
        let mut run = Run { outputs: outputs.as_ptr(), ..Run::new(input) };
        // SAFETY: the caller's.
        unsafe { run_rows(self.code.address(0), ctx, &mut run, statuses) }
    }

    /// Turns a status into an exception.
    pub fn spans(&self) -> &SpanTable {
        &self.spans
    }
}

/// A fold's step function over whole columns: `state = step(state, row..)` for each row in order.
#[derive(Debug)]
pub struct FoldKernel {
    code: Code,
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
        let mut run = Run { states, state_stride_slots: stride_slots as u64, ..Run::new(input) };
        let address = match groups {
            Some(groups) => {
                run.groups = groups.as_ptr();
                self.code.address(1)
            }
            None => self.code.address(0),
        };
        // SAFETY: the caller's.
        unsafe { run_rows(address, ctx, &mut run, statuses) }
    }

    /// Turns a status into an exception.
    pub fn spans(&self) -> &SpanTable {
        &self.spans
    }
}

/// A fold's merge function: `into = merge(into, from)`.
#[derive(Debug)]
pub struct MergeKernel {
    code: Code,
    spans: SpanTable,
}

impl MergeKernel {
    /// Merges the state `from` into the state `into`; on a status other than 0 the scalars of `into` are as before.
    ///
    /// # Safety
    /// Both are states in the stored form, of the merge function's parameter types, and do not overlap.
    pub unsafe fn merge(&self, ctx: &mut abi::Context, into: *mut u64, from: *mut u64) -> abi::Status {
        // SAFETY: the address is that of the merge function, which has this type; the rest is the caller's.
        unsafe { std::mem::transmute::<usize, MergeFn>(self.code.address(0))(ctx, into, from) }
    }

    /// Turns a status into an exception.
    pub fn spans(&self) -> &SpanTable {
        &self.spans
    }
}

/// Compiles the module's entry function to be called with single values. The module must be verified.
pub fn compile_call(module: &ir::Module, options: &Options) -> Result<CallKernel, CodegenError> {
    let module = &kernels::prepared(module, options);
    let mut em = Emitter::new(module);
    call::emit(&mut em, SYMBOLS[0]);
    let (code, spans) = kernels::load(&mut em, 1, options)?;
    Ok(CallKernel { code, spans })
}

/// Compiles the module's entry function to be run over columns; `inputs` says where each parameter comes from. The
/// module must be verified.
///
/// A result type that cannot be a column, or an input that does not fit its parameter's type, is an error.
pub fn compile_map(module: &ir::Module, inputs: &[ParamInput], options: &Options) -> Result<MapKernel, CodegenError> {
    let module = &kernels::prepared(module, options);
    let outputs = leaf::outputs(&module.entry_func().result)?;
    let work = Work::Map(outputs.clone());
    rows::check_inputs(module, &work, inputs)?;
    let mut em = Emitter::new(module);
    rows::emit(&mut em, SYMBOLS[0], &work, inputs);
    let (code, spans) = kernels::load(&mut em, 1, options)?;
    Ok(MapKernel { code, spans, outputs })
}

/// Compiles a fold's step: parameter 0 is the state, `inputs` says where the others come from; the result has the
/// state's type. The module must be verified.
pub fn compile_fold(step: &ir::Module, inputs: &[ParamInput], options: &Options) -> Result<FoldKernel, CodegenError> {
    let step = &kernels::prepared(step, options);
    let mut em = Emitter::new(step);
    for (symbol, grouped) in SYMBOLS.into_iter().zip([false, true]) {
        let work = Work::Fold { grouped };
        rows::check_inputs(step, &work, inputs)?;
        rows::emit(&mut em, symbol, &work, inputs);
    }
    let (code, spans) = kernels::load(&mut em, SYMBOLS.len(), options)?;
    Ok(FoldKernel { code, spans })
}

/// Compiles a fold's merge: two parameters and a result of the state's type. The module must be verified.
pub fn compile_merge(merge: &ir::Module, options: &Options) -> Result<MergeKernel, CodegenError> {
    let func = merge.entry_func();
    let types = func.param_types();
    crate::state::check(&func.result)?;
    if types != [func.result.clone(), func.result.clone()] {
        let message = format!("`{}` must take two states of type `{}`, its result", func.name, func.result);
        return Err(CodegenError::new(message));
    }
    let merge = &kernels::prepared(merge, options);
    let mut em = Emitter::new(merge);
    states::emit_merge(&mut em, SYMBOLS[0]);
    let (code, spans) = kernels::load(&mut em, 1, options)?;
    Ok(MergeKernel { code, spans })
}

/// Whether values of this type can be a fold's state: numbers, `None`, tuples, records and unions of such, and arrays
/// outside unions.
pub fn check_state_type(ty: &ir::Type) -> Result<(), CodegenError> {
    crate::state::check(ty)
}
