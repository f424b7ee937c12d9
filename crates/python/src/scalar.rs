//! One call of a compiled function with single values: slots in, slots out. Owns the per-thread buffers that make it
//! cheap; knows nothing of which specialisation to call.

use std::cell::RefCell;
use std::sync::Arc;

use ir::Type;
use ir::layout::slot_count;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use runtime::abi;
use runtime::arena::Arena;

use crate::errors::RowError;
use crate::interrupt::{self, Calls, Running};
use crate::read::Reader;
use crate::specialise::Specialisation;
use crate::write::{Frame, check_writeable, write};

/// Stack left to what compiled code calls when it finds its own share used up.
const STACK_RESERVE_BYTES: usize = 256 * 1024;

/// What a call needs besides its arguments; each thread keeps one.
struct Scratch {
    args: Vec<u64>,
    captures: Vec<u64>,
    out: Vec<u64>,
    frame: Frame,
    arena: Box<Arena>,
    calls: Arc<Calls>,
    stack_limit: usize,
}

impl Scratch {
    fn new() -> Scratch {
        Scratch {
            args: Vec::new(),
            captures: Vec::new(),
            out: Vec::new(),
            frame: Frame::default(),
            arena: Box::default(),
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
    scratch.frame.clear();
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
        self.args.clear();
        self.captures.clear();
        if args.len() != code.params.len() || captures.len() != code.captures.len() {
            return Ok(Outcome::OtherTypes);
        }
        for (value, ty) in captures.iter().zip(&code.captures) {
            if !write(value, ty, &mut self.captures, &mut self.frame)? {
                return Ok(Outcome::OtherTypes);
            }
            if code.writes_elsewhere {
                check_writeable(value)?;
            }
        }
        for ((value, ty), writes) in args.iter().zip(&code.params).zip(&code.writes) {
            if !write(value, ty, &mut self.args, &mut self.frame)? {
                return Ok(Outcome::OtherTypes);
            }
            if *writes {
                check_writeable(value)?;
            }
        }
        let kernel = code.call_kernel(py)?;
        self.out.clear();
        self.out.resize(slot_count(&code.result).max(1), 0);
        let mut context = abi::Context {
            arena: self.arena.as_mut(),
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
        self.store_lists(py, code, args)?;
        match status {
            abi::STATUS_OK => {}
            abi::STATUS_CANCELLED => return Err(cancelled(py)),
            status => return Err(self.raised(py, code, status, &context, args, names)),
        }
        let arrays: Vec<Bound<'py, PyAny>> =
            if holds_array(&code.result) { args.iter().chain(captures).cloned().collect() } else { Vec::new() };
        // SAFETY: the kernel returned without an error, so `out` holds the result; the arena is not reset yet.
        let value = unsafe { Reader { py, arrays: &arrays }.read(&code.result, &self.out)? };
        Ok(Outcome::Returned(value))
    }

    /// Lists were handed over as copies: what the function stored into one is stored into the Python list.
    fn store_lists(&self, py: Python<'_>, code: &Specialisation, args: &[Bound<'_, PyAny>]) -> PyResult<()> {
        let mut slot = 0;
        for ((value, ty), writes) in args.iter().zip(&code.params).zip(&code.writes) {
            if *writes && matches!(ty, Type::List(_)) {
                let slots = self.args.get(slot..).unwrap_or_default();
                // SAFETY: the slot holds the list's header, which the frame and the arena keep alive.
                let now = unsafe { Reader { py, arrays: &[] }.read(ty, slots)? };
                let list = value.cast::<PyList>()?;
                list.set_slice(0, list.len(), &now)?;
            }
            slot += slot_count(ty);
        }
        Ok(())
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
        other => other.field_types().is_some_and(|fields| fields.iter().any(holds_array)),
    }
}
