//! One call of a compiled function with single values: slots in, slots out. Owns the per-thread buffers that make it
//! cheap; knows nothing of which specialisation to call.

use std::cell::RefCell;
use std::sync::Arc;

use codegen::CallKernel;
use ir::layout::slot_count;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use runtime::abi;
use runtime::arena::Arena;

use crate::errors::RowError;
use crate::frame::Frame;
use crate::generator;
use crate::interrupt::{self, Calls, Running};
use crate::mutation::store_back;
use crate::read::Reader;
use crate::specialise::Specialisation;
use crate::write::{check_writeable, write, write_fields};

/// Stack left to what compiled code calls when it finds its own share used up.
const STACK_RESERVE_BYTES: usize = 256 * 1024;

/// What a call needs besides its arguments; each thread keeps one.
struct Scratch {
    args: Vec<u64>,
    captures: Vec<u64>,
    out: Vec<u64>,
    arena: Arena,
}

/// What is known of this thread.
struct Thread {
    calls: Arc<Calls>,
    stack_limit: usize,
}

impl Scratch {
    fn new() -> Scratch {
        Scratch { args: Vec::new(), captures: Vec::new(), out: Vec::new(), arena: Arena::new() }
    }
}

thread_local! {
    static THREAD: Thread =
        Thread { calls: interrupt::calls(), stack_limit: stack_end() + STACK_RESERVE_BYTES };
    static SCRATCH: RefCell<Option<Box<Scratch>>> = const { RefCell::new(None) };
}

/// The lowest address of this thread's stack.
fn stack_end() -> usize {
    // SAFETY: the attributes are initialised by `pthread_getattr_np` before they are read and destroyed after.
    unsafe {
        let mut attributes = std::mem::zeroed::<libc::pthread_attr_t>();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return 0;
        }
        let mut address = std::ptr::null_mut();
        let mut size_bytes = 0;
        libc::pthread_attr_getstack(&attributes, &mut address, &mut size_bytes);
        libc::pthread_attr_destroy(&mut attributes);
        address as usize
    }
}

/// What happened to a call.
pub enum Outcome<'py> {
    Returned(Bound<'py, PyAny>),
    /// An argument or a captured value is not of the type this specialisation was made for.
    OtherTypes,
}

/// Calls `code` with `args`; `captures` are the captured values.
pub fn call<'py>(
    py: Python<'py>,
    code: &Arc<Specialisation>,
    args: &[Bound<'py, PyAny>],
    captures: &[Bound<'py, PyAny>],
    names: &[String],
) -> PyResult<Outcome<'py>> {
    if code.resume.is_some() {
        return generator::start(py, code, args, captures, names);
    }
    // A signal handler may call compiled code while a call on this thread is at `poll`: it finds no scratch and makes one.
    let mut scratch = SCRATCH.with(|scratch| scratch.borrow_mut().take()).unwrap_or_else(|| Box::new(Scratch::new()));
    let result = scratch.call(py, code, args, captures, names);
    scratch.arena.reset();
    SCRATCH.with(|kept| *kept.borrow_mut() = Some(scratch));
    result
}

/// A kernel and the slots it is called with.
pub struct Call<'a> {
    pub kernel: &'a CallKernel,
    pub can_run_long: bool,
    pub args: &'a [u64],
    pub captures: &'a [u64],
}

/// A kernel call's addresses, to be used without the GIL.
struct Job<'a> {
    kernel: &'a CallKernel,
    context: &'a mut abi::Context,
    args: *const u64,
    out: *mut u64,
}

// SAFETY: the addresses are of buffers that the waiting caller owns.
unsafe impl Send for Job<'_> {}

impl Job<'_> {
    fn run(self) -> abi::Status {
        // SAFETY: the caller of `run` filled the slots by the types of the specialisation.
        unsafe { self.kernel.call(self.context, self.args, self.out) }
    }
}

/// Runs a kernel: its status, and the context, whose message belongs to the status.
pub fn run(py: Python<'_>, call: &Call<'_>, arena: &mut Arena, out: &mut [u64]) -> (abi::Status, abi::Context) {
    THREAD.with(|thread| {
        let mut context = abi::Context {
            arena,
            captures: call.captures.as_ptr(),
            stack_limit: thread.stack_limit,
            cancel: &thread.calls.flag,
            message: abi::Str { data: std::ptr::null(), length: 0 },
            poll: Some(interrupt::poll),
            object: std::ptr::null(),
        };
        let job = Job { kernel: call.kernel, context: &mut context, args: call.args.as_ptr(), out: out.as_mut_ptr() };
        let status = if call.can_run_long {
            let running = Running::new(&thread.calls);
            let status = py.detach(|| job.run());
            drop(running);
            status
        } else {
            job.run()
        };
        (status, context)
    })
}

/// Writes captured values and arguments; false when one is of another type than the code was made for.
pub fn write_call<'t>(
    py: Python<'_>,
    code: &'t Specialisation,
    (args, captures): (&[Bound<'_, PyAny>], &[Bound<'_, PyAny>]),
    (arg_slots, capture_slots): (&mut Vec<u64>, &mut Vec<u64>),
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    if args.len() != code.params.len() || captures.len() != code.captures.len() {
        return Ok(false);
    }
    for (value, ty) in captures.iter().zip(&code.captures) {
        if !write(value, ty, capture_slots, frame)? {
            return Ok(false);
        }
        if code.writes_elsewhere {
            check_writeable(value)?;
        }
    }
    for ((value, ty), writes) in args.iter().zip(&code.params).zip(&code.writes) {
        if !write(value, ty, arg_slots, frame)? {
            return Ok(false);
        }
        if *writes {
            check_writeable(value)?;
        }
    }
    Ok(!frame.has_open() || write_fields(frame, py)?)
}

impl Scratch {
    fn call<'py>(
        &mut self,
        py: Python<'py>,
        code: &Specialisation,
        args: &[Bound<'py, PyAny>],
        captures: &[Bound<'py, PyAny>],
        names: &[String],
    ) -> PyResult<Outcome<'py>> {
        let remembers = code.writes_elsewhere || code.writes.contains(&true);
        let mut frame = Frame::new(std::mem::take(&mut self.arena), remembers, &code.layouts);
        let outcome = self.call_within(py, code, args, captures, names, &mut frame);
        self.arena = frame.arena;
        outcome
    }

    fn call_within<'py, 't>(
        &mut self,
        py: Python<'py>,
        code: &'t Specialisation,
        args: &[Bound<'py, PyAny>],
        captures: &[Bound<'py, PyAny>],
        names: &[String],
        frame: &mut Frame<'t>,
    ) -> PyResult<Outcome<'py>> {
        self.args.clear();
        self.captures.clear();
        if !write_call(py, code, (args, captures), (&mut self.args, &mut self.captures), frame)? {
            return Ok(Outcome::OtherTypes);
        }
        let kernel = code.call_kernel(py)?;
        self.out.clear();
        self.out.resize(slot_count(&code.result).max(1), 0);
        let call = Call { kernel, can_run_long: code.can_run_long, args: &self.args, captures: &self.captures };
        let (status, context) = run(py, &call, &mut frame.arena, &mut self.out);
        for class in &code.layouts.named {
            frame.add_class(class.bind(py));
        }
        let reader = Reader::of_call(py, frame);
        if code.writes_elsewhere || code.writes.contains(&true) {
            // SAFETY: the kernel has returned and the arena is not reset yet.
            unsafe { store_back(&reader, frame, py)? };
        }
        if status != abi::STATUS_OK {
            return Err(raised(py, code, kernel, status, &context, args, names));
        }
        // SAFETY: the kernel returned without an error, so `out` holds the result; the arena is not reset yet.
        let value = unsafe { reader.read_all(&code.result, &self.out)? };
        Ok(Outcome::Returned(value))
    }
}

/// The exception of a status that is not fine.
pub fn raised(
    py: Python<'_>,
    code: &Specialisation,
    kernel: &CallKernel,
    status: abi::Status,
    context: &abi::Context,
    args: &[Bound<'_, PyAny>],
    names: &[String],
) -> PyErr {
    if status == abi::STATUS_CANCELLED {
        return cancelled(py);
    }
    // SAFETY: the kernel just ran with this context and its arena is not reset yet.
    let Some(raised) = (unsafe { kernel.spans().raised(status, context) }) else {
        return crate::errors::engine_error(py, &format!("compiled code returned the unknown status {status:#x}"));
    };
    if raised.class.kind == ir::ExcKind::NotImplementedError && raised.message == frontend::DEFERRED {
        let (files, diagnostics) = &code.deferred;
        return crate::errors::compile_error(py, files, diagnostics);
    }
    let inputs = PyDict::new(py);
    for (name, value) in names.iter().zip(args) {
        if let Err(error) = inputs.set_item(name, value) {
            return error;
        }
    }
    RowError {
        class: raised.class,
        message: raised.message,
        file: code.module.files.get(raised.span.file as usize).cloned(),
        line: raised.span.line,
        function: code.module.entry_func().name.clone(),
        row: None,
        inputs,
    }
    .into_exception(py)
}

/// What the signal handler raised; a plain `KeyboardInterrupt` when it is not known.
fn cancelled(py: Python<'_>) -> PyErr {
    interrupt::take_raised()
        .or_else(|| PyErr::take(py))
        .unwrap_or_else(|| pyo3::exceptions::PyKeyboardInterrupt::new_err(()))
}
