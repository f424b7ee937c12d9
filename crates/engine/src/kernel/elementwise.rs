//! Direct calls of a function over whole columns, on all threads of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, ArrayRef};
use codegen::{ColumnType, MapInput, MapKernel, MapOutcome, ParamInput};
use datafusion::common::runtime::SpawnedTask;
use futures::StreamExt;
use runtime::arena::Arena;

use super::inputs::{self, Columns};
use super::outputs::Outputs;
use super::runner::{self, RowPlace};
use crate::error::{Error, Result};
use crate::function::CompiledFunction;
use crate::run::{self, RunState, Watch};
use crate::session::Session;

/// Rows a thread takes at a time.
const CHUNK_ROWS: usize = 64 * 1024;

/// An argument of an elementwise call.
#[derive(Clone)]
pub enum Argument {
    /// One value a row.
    Column(ArrayRef),
    /// The same value for every row, as the slots of the parameter's type. What they point to must live as long as the
    /// call.
    Broadcast(Vec<u64>),
}

struct Call {
    function: CompiledFunction,
    kernel: Arc<MapKernel>,
    arrays: Vec<ArrayRef>,
    types: Vec<ColumnType>,
    /// Names of the parameters that are columns.
    names: Vec<String>,
    broadcast: Vec<u64>,
    rows: usize,
}

/// Calls the function once for each of `rows` rows over all threads. The result is one array, or one per field when the
/// function returns a tuple or record. The first failing row is the error.
pub fn elementwise(
    session: &Session,
    function: &CompiledFunction,
    arguments: &[Argument],
    rows: usize,
    watch: Watch<'_>,
) -> Result<Vec<ArrayRef>> {
    let call = Arc::new(bind(function, arguments, rows)?);
    let run = RunState::new(session.threads(), false);
    if rows <= CHUNK_ROWS {
        // Not worth another thread, but its stack is: that of the caller may be small.
        let task_run = run.clone();
        return run::drive(session, &run, None, watch, async move { call_rows(&call, &task_run, 0, call.rows) });
    }
    let chunks = rows.div_ceil(CHUNK_ROWS);
    let threads = session.threads();
    let parts = {
        let run = run.clone();
        async move {
            let failed_chunk = Arc::new(AtomicUsize::new(usize::MAX));
            let start = |chunk: usize| {
                let (call, run, failed_chunk) = (call.clone(), run.clone(), failed_chunk.clone());
                SpawnedTask::spawn(async move {
                    if failed_chunk.load(Ordering::Relaxed) < chunk {
                        return Err(Error::Cancelled);
                    }
                    let first = chunk * CHUNK_ROWS;
                    let result = call_rows(&call, &run, first, CHUNK_ROWS.min(call.rows - first));
                    if result.is_err() {
                        failed_chunk.fetch_min(chunk, Ordering::Relaxed);
                    }
                    result
                })
            };
            let mut tasks = futures::stream::iter(0..chunks).map(start).buffered(threads);
            let mut parts: Vec<Vec<ArrayRef>> = Vec::with_capacity(chunks);
            // In order, so the first error is that of the first failing row.
            while let Some(part) = tasks.next().await {
                parts.push(part.map_err(|error| Error::engine(format!("a worker thread failed: {error}")))??);
            }
            Ok(parts)
        }
    };
    let parts = run::drive(session, &run, None, watch, parts)?;
    concatenate(&parts)
}

fn concatenate(parts: &[Vec<ArrayRef>]) -> Result<Vec<ArrayRef>> {
    let columns = parts.first().map_or(0, Vec::len);
    let column = |index: usize| {
        let pieces: Vec<&dyn Array> =
            parts.iter().filter_map(|part| part.get(index)).map(|array| array.as_ref()).collect();
        arrow::compute::concat(&pieces).map_err(|error| Error::engine(format!("the result is too large: {error}")))
    };
    (0..columns).map(column).collect()
}

fn bind(function: &CompiledFunction, arguments: &[Argument], rows: usize) -> Result<Call> {
    let params = function.param_types();
    if params.len() != arguments.len() {
        return Err(Error::plan(format!(
            "`{}` takes {} arguments, but {} are given",
            function.name(),
            params.len(),
            arguments.len()
        )));
    }
    let mut call_inputs = Vec::new();
    let (mut arrays, mut types, mut names, mut broadcast) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let param_names = &function.module().entry_func().param_names;
    for (index, (argument, ty)) in arguments.iter().zip(&params).enumerate() {
        match argument {
            Argument::Broadcast(slots) => {
                if slots.len() != ir::layout::slot_count(ty) {
                    return Err(Error::plan(format!("argument {} is not of type `{ty}`", index + 1)));
                }
                broadcast.extend_from_slice(slots);
                call_inputs.push(ParamInput::Broadcast);
            }
            Argument::Column(array) => {
                let name = param_names.get(index).map_or("?", String::as_str);
                if array.len() != rows {
                    return Err(Error::plan(format!("`{name}` has {} rows where {rows} are expected", array.len())));
                }
                let Some(physical) = inputs::physical(array.data_type()) else {
                    return Err(Error::plan(format!(
                        "`{name}` is of type `{}`, which functions cannot read",
                        array.data_type()
                    )));
                };
                let column_type = ColumnType { physical, nullable: ty.admits_none() };
                call_inputs.push(ParamInput::Column(column_type));
                types.push(column_type);
                names.push(name.to_owned());
                arrays.push(array.clone());
            }
        }
    }
    let kernel = super::map_kernel(function, &call_inputs)?;
    Ok(Call { function: function.clone(), kernel, arrays, types, names, broadcast, rows })
}

/// Calls the function for rows `first .. first + rows`.
fn call_rows(call: &Call, run: &RunState, first: usize, rows: usize) -> Result<Vec<ArrayRef>> {
    let arrays: Vec<ArrayRef> = call.arrays.iter().map(|array| array.slice(first, rows)).collect();
    let columns = Columns::new(&arrays, &call.types)?;
    let input = MapInput { columns: columns.views(), broadcast: &call.broadcast, states: None, start: 0, rows };
    let mut outputs = Outputs::new(call.kernel.outputs(), rows, false);
    let views = outputs.views(0);
    let mut arena = Box::<Arena>::default();
    let mut context = super::context(&mut arena, &call.function, run.cancel_flag());
    // SAFETY: the arrays were bound to the types the kernel was compiled for; the outputs have `rows` rows.
    match unsafe { call.kernel.run(&mut context, &input, &views, None) } {
        // SAFETY: the kernel wrote every row, and the arena lives until the end of this function.
        MapOutcome::Done { .. } => unsafe { outputs.finish() },
        MapOutcome::Cancelled => Err(Error::Cancelled),
        MapOutcome::Failed { row, status } => {
            let place =
                RowPlace { row: Some((first + row) as u64), inputs: runner::printed(&arrays, &call.names, row) };
            // SAFETY: the kernel has just run with this context.
            Err(unsafe { runner::row_error(&call.function, call.kernel.spans(), status, &context, place) })
        }
    }
}
