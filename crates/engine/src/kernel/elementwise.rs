//! Direct calls of a function over whole columns, on all threads of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, ArrayRef};
use codegen::{ColumnType, MapInput, MapKernel, MapOutcome, ParamInput};
use datafusion::common::runtime::SpawnedTask;
use futures::StreamExt;
use runtime::abi::OutputView;
use runtime::arena::Arena;

use super::inputs::{self, Columns};
use super::outputs::{self, Outputs};
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
    let threads = session.threads();
    if outputs::fixed_width(call.kernel.outputs()) {
        let room = Arc::new(SharedOutputs::new(&call, rows));
        let write = {
            let (call, run, room) = (call.clone(), run.clone(), room.clone());
            move |chunk: usize, first: usize, rows: usize| room.write(&call, &run, chunk, first, rows)
        };
        run::drive(session, &run, None, watch, in_chunks(rows, threads, write))?;
        let room = Arc::into_inner(room).ok_or_else(|| Error::engine("a worker thread still holds the result"))?;
        // SAFETY: every chunk was written, and values of a fixed width point to nothing.
        return unsafe { room.outputs.finish() };
    }
    let make = {
        let (call, run) = (call.clone(), run.clone());
        move |_chunk: usize, first: usize, rows: usize| call_rows(&call, &run, first, rows)
    };
    let parts = run::drive(session, &run, None, watch, in_chunks(rows, threads, make))?;
    concatenate(&parts)
}

/// Does `work` (number of the chunk, its first row, its rows) on so many threads. The results in order, or the error of the
/// first chunk that failed.
async fn in_chunks<T, Work>(rows: usize, threads: usize, work: Work) -> Result<Vec<T>>
where
    T: Send + 'static,
    Work: Fn(usize, usize, usize) -> Result<T> + Send + Sync + 'static,
{
    let work = Arc::new(work);
    let failed_chunk = Arc::new(AtomicUsize::new(usize::MAX));
    let chunks = rows.div_ceil(CHUNK_ROWS);
    let start = |chunk: usize| {
        let (work, failed_chunk) = (work.clone(), failed_chunk.clone());
        SpawnedTask::spawn(async move {
            if failed_chunk.load(Ordering::Relaxed) < chunk {
                return Err(Error::Cancelled);
            }
            let first = chunk * CHUNK_ROWS;
            let result = work(chunk, first, CHUNK_ROWS.min(rows - first));
            // What the work holds is given back before anyone hears of its end.
            drop(work);
            if result.is_err() {
                failed_chunk.fetch_min(chunk, Ordering::Relaxed);
            }
            result
        })
    };
    let mut tasks = futures::stream::iter(0..chunks).map(start).buffered(threads);
    let mut parts = Vec::with_capacity(chunks);
    // In order, so the first error is that of the first failing row.
    while let Some(part) = tasks.next().await {
        parts.push(part.map_err(|error| Error::engine(format!("a worker thread failed: {error}")))??);
    }
    Ok(parts)
}

/// One output that all threads write, each its own rows: nothing is copied afterwards.
struct SharedOutputs {
    outputs: Outputs,
    /// Where each chunk writes.
    chunks: Vec<Vec<OutputView>>,
}

// SAFETY: the addresses are those of `outputs`, which lives as long; no two chunks have a row in common, and each is
// written by one thread.
unsafe impl Send for SharedOutputs {}
// SAFETY: as above.
unsafe impl Sync for SharedOutputs {}

impl SharedOutputs {
    fn new(call: &Call, rows: usize) -> SharedOutputs {
        let mut outputs = Outputs::new(call.kernel.outputs(), rows, false);
        let chunks = (0..rows.div_ceil(CHUNK_ROWS)).map(|chunk| outputs.views(chunk * CHUNK_ROWS)).collect();
        SharedOutputs { outputs, chunks }
    }

    fn write(&self, call: &Call, run: &RunState, chunk: usize, first: usize, rows: usize) -> Result<()> {
        let views = self.chunks.get(chunk).ok_or_else(|| Error::engine("a chunk has no room in the result"))?;
        run_rows(call, run, first, rows, views, &mut Box::<Arena>::default())
    }
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
    // A list of each row is for those who take it apart.
    codegen::leaves(function.result_type()).map_err(|error| Error::plan(error.message))?;
    let kernel = super::map_kernel(function, &call_inputs)?;
    Ok(Call { function: function.clone(), kernel, arrays, types, names, broadcast, rows })
}

/// Calls the function for rows `first .. first + rows`; the results as arrays of their own.
fn call_rows(call: &Call, run: &RunState, first: usize, rows: usize) -> Result<Vec<ArrayRef>> {
    let mut outputs = Outputs::new(call.kernel.outputs(), rows, false);
    let views = outputs.views(0);
    let mut arena = Box::<Arena>::default();
    run_rows(call, run, first, rows, &views, &mut arena)?;
    // SAFETY: the kernel wrote every row, and the arena lives until the end of this function.
    unsafe { outputs.finish() }
}

/// Calls the function for rows `first .. first + rows` and writes what it gives to `views`, which have room for them.
fn run_rows(
    call: &Call,
    run: &RunState,
    first: usize,
    rows: usize,
    views: &[OutputView],
    arena: &mut Box<Arena>,
) -> Result<()> {
    let arrays: Vec<ArrayRef> = call.arrays.iter().map(|array| array.slice(first, rows)).collect();
    let columns = Columns::new(&arrays, &call.types)?;
    let input = MapInput { columns: columns.views(), broadcast: &call.broadcast, states: None, start: 0, rows };
    let mut context = super::context(arena, &call.function, run.cancel_flag());
    // SAFETY: the arrays were bound to the types the kernel was compiled for; the outputs have `rows` rows.
    match unsafe { call.kernel.run(&mut context, &input, views, None) } {
        MapOutcome::Done { .. } => Ok(()),
        MapOutcome::Cancelled => Err(Error::Cancelled),
        MapOutcome::Failed { row, status } => {
            let place =
                RowPlace { row: Some((first + row) as u64), inputs: runner::printed(&arrays, &call.names, row) };
            // SAFETY: the kernel has just run with this context.
            Err(unsafe { runner::row_error(&call.function, call.kernel.spans(), status, &context, place) })
        }
    }
}
