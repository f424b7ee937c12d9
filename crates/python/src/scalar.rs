//! One call of a compiled function with single values: slots in, slots out. Owns the per-thread buffers that make it
//! cheap; knows nothing of which specialisation to call.

use std::cell::RefCell;
use std::sync::Arc;

use ir::Type;
use ir::layout::slot_count;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use runtime::abi;
use runtime::arena::Arena;

use crate::errors::RowError;
use crate::frame::Frame;
use crate::interrupt::{self, Calls, Running};
use crate::mutation::store_back;
use crate::read::Reader;
use crate::specialise::Specialisation;
use crate::write::{check_writeable, write};

/// Stack left to what compiled code calls when it finds its own share used up.
const STACK_RESERVE_BYTES: usize = 256 * 1024;

/// What a call needs besides its arguments; each thread keeps one.
struct Scratch {
    args: Vec<u64>,
    captures: Vec<u64>,
    out: Vec<u64>,
    arena: Arena,
    calls: Arc<Calls>,
    stack_limit: usize,
}

impl Scratch {
    fn new() -> Scratch {
        Scratch {
            args: Vec::new(),
            captures: Vec::new(),
            out: Vec::new(),
            arena: Arena::new(),
            calls: interrupt::calls(),
            stack_limit: stack_end() + STACK_RESERVE_BYTES,
        }
    }
}

thread_local! {
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
    code: &Specialisation,
    args: &[Bound<'py, PyAny>],
    captures: &[Bound<'py, PyAny>],
    names: &[String],
) -> PyResult<Outcome<'py>> {
    // A signal handler may call compiled code while a call on this thread is at `poll`: it finds no scratch and makes one.
    let mut scratch = SCRATCH.with(|scratch| scratch.borrow_mut().take()).unwrap_or_else(|| Box::new(Scratch::new()));
    let result = scratch.call(py, code, args, captures, names);
    scratch.arena.reset();
    SCRATCH.with(|kept| *kept.borrow_mut() = Some(scratch));
    result
}

/// A kernel call's addresses, to be used without the GIL.
struct Job<'a> {
    code: &'a codegen::CallKernel,
    context: &'a mut abi::Context,
    args: *const u64,
    out: *mut u64,
}

// SAFETY: the addresses are of buffers that the waiting caller owns.
unsafe impl Send for Job<'_> {}

impl Job<'_> {
    fn run(self) -> abi::Status {
        // SAFETY: the caller of `Scratch::call` filled the slots by the types of the specialisation.
        unsafe { self.code.call(self.context, self.args, self.out) }
    }
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
        let mut frame = Frame::new(std::mem::take(&mut self.arena), remembers);
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
        if !self.write(code, args, captures, frame)? {
            return Ok(Outcome::OtherTypes);
        }
        let kernel = code.call_kernel(py)?;
        self.out.clear();
        self.out.resize(slot_count(&code.result).max(1), 0);
        let mut context = abi::Context {
            arena: &mut frame.arena,
            captures: self.captures.as_ptr(),
            stack_limit: self.stack_limit,
            cancel: &self.calls.flag,
            message: abi::Str { data: std::ptr::null(), length: 0 },
            poll: Some(interrupt::poll),
        };
        let job = Job { code: kernel, context: &mut context, args: self.args.as_ptr(), out: self.out.as_mut_ptr() };
        let status = if code.can_run_long {
            let running = Running::new(&self.calls);
            let status = py.detach(|| job.run());
            drop(running);
            status
        } else {
            job.run()
        };
        let arrays: Vec<Bound<'py, PyAny>> =
            if holds_array(&code.result) { args.iter().chain(captures).cloned().collect() } else { Vec::new() };
        for class in &code.classes {
            frame.add_class(class.bind(py));
        }
        let reader = Reader::of_call(py, &arrays, frame.classes(), &frame.held);
        if code.writes_elsewhere || code.writes.contains(&true) {
            // SAFETY: the kernel has returned and the arena is not reset yet.
            unsafe { store_back(&reader, &frame.held, py)? };
        }
        match status {
            abi::STATUS_OK => {}
            abi::STATUS_CANCELLED => return Err(cancelled(py)),
            status => return Err(self.raised(py, code, status, &context, args, names)),
        }
        // SAFETY: the kernel returned without an error, so `out` holds the result; the arena is not reset yet.
        let value = unsafe { reader.read(&code.result, &self.out)? };
        Ok(Outcome::Returned(value))
    }

    /// Writes captured values and arguments; false when one is of another type than the code was made for.
    fn write<'t>(
        &mut self,
        code: &'t Specialisation,
        args: &[Bound<'_, PyAny>],
        captures: &[Bound<'_, PyAny>],
        frame: &mut Frame<'t>,
    ) -> PyResult<bool> {
        self.args.clear();
        self.captures.clear();
        if args.len() != code.params.len() || captures.len() != code.captures.len() {
            return Ok(false);
        }
        for (value, ty) in captures.iter().zip(&code.captures) {
            if !write(value, ty, &mut self.captures, frame)? {
                return Ok(false);
            }
            if code.writes_elsewhere {
                check_writeable(value)?;
            }
        }
        for ((value, ty), writes) in args.iter().zip(&code.params).zip(&code.writes) {
            if !write(value, ty, &mut self.args, frame)? {
                return Ok(false);
            }
            if *writes {
                check_writeable(value)?;
            }
        }
        Ok(true)
    }

    fn raised(
        &self,
        py: Python<'_>,
        code: &Specialisation,
        status: abi::Status,
        context: &abi::Context,
        args: &[Bound<'_, PyAny>],
        names: &[String],
    ) -> PyErr {
        let Ok(kernel) = code.call_kernel(py) else { return cancelled(py) };
        // SAFETY: the kernel just ran with this context and the arena is not reset yet.
        let Some(raised) = (unsafe { kernel.spans().raised(status, context) }) else {
            return crate::errors::engine_error(py, &format!("compiled code returned the unknown status {status:#x}"));
        };
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
}

/// What the signal handler raised; a plain `KeyboardInterrupt` when it is not known.
fn cancelled(py: Python<'_>) -> PyErr {
    interrupt::take_raised()
        .or_else(|| PyErr::take(py))
        .unwrap_or_else(|| pyo3::exceptions::PyKeyboardInterrupt::new_err(()))
}

fn holds_array(ty: &Type) -> bool {
    match ty {
        Type::Array { .. } => true,
        Type::Union(variants) => variants.iter().any(holds_array),
        Type::List(item) => holds_array(item),
        Type::Dict(_, value) => holds_array(value),
        other => other.field_types().is_some_and(|fields| fields.iter().any(holds_array)),
    }
}
