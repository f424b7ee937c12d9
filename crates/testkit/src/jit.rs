//! Runs a module's entry function as machine code. Owns the context a kernel needs; knows nothing of Python.

use std::sync::atomic::AtomicU8;

use codegen::{CallKernel, Options, compile_call};
use ir::Type;
use ir::layout::slot_count;
use runtime::abi;

use crate::slots::{self, Slots};
use crate::value::{Outcome, Value};

/// How much stack a call may use before it raises `RecursionError`.
const STACK_BYTES: usize = 1 << 20;

/// What a call gave, and what it left in its arguments and captures.
pub struct Ran {
    pub outcome: Outcome,
    /// `str(e)` of the exception.
    pub message: Option<String>,
    pub args_after: Vec<Value>,
    pub captures_after: Vec<Value>,
}

/// A compiled entry function.
pub struct Jit {
    kernel: CallKernel,
    params: Vec<Type>,
    captures: Vec<Type>,
    result: Type,
}

impl Jit {
    /// Compiles the entry function at an optimisation level.
    pub fn compile(module: &ir::Module, optimization: u8) -> Result<Jit, String> {
        crate::prepare_machine_code();
        let kernel = compile_call(module, &Options { optimization }).map_err(|error| error.to_string())?;
        let entry = module.entry_func();
        Ok(Jit {
            kernel,
            params: entry.param_types(),
            captures: module.captures.iter().map(|capture| capture.ty.clone()).collect(),
            result: entry.result.clone(),
        })
    }

    /// Calls the function.
    pub fn call(&self, args: &[Value], captures: &[Value]) -> Result<Ran, String> {
        let mut arguments = Slots::default();
        push_all(&mut arguments, args, &self.params)?;
        let mut captured = Slots::default();
        push_all(&mut captured, captures, &self.captures)?;
        let mut out = vec![0_u64; slot_count(&self.result).max(1)];
        let mut arena = runtime::arena::Arena::default();
        let cancel = AtomicU8::new(0);
        // Tests print enough of their own.
        runtime::log::set_sink(|_, _| {});
        let here = std::ptr::from_ref(&cancel) as usize;
        let mut context = abi::Context {
            arena: &raw mut arena,
            captures: captured.slots.as_ptr(),
            stack_limit: here.saturating_sub(STACK_BYTES),
            cancel: &raw const cancel,
            message: abi::Str { data: std::ptr::null(), length: 0 },
            poll: None,
            object: std::ptr::null(),
        };
        // SAFETY: the slots were made for the function's own types and live until the end of this function.
        let status = unsafe { self.kernel.call(&mut context, arguments.slots.as_ptr(), out.as_mut_ptr()) };
        // SAFETY: the kernel just ran with this context.
        let message = unsafe { self.kernel.spans().raised(status, &context) }.map(|raised| raised.message);
        let outcome = if status == abi::STATUS_OK {
            // SAFETY: the call succeeded, and the arena is alive.
            Outcome::Value(unsafe { slots::read(&mut out.as_slice(), &self.result) }?)
        } else {
            let (class, span) = self
                .kernel
                .spans()
                .class_and_span(status)
                .ok_or_else(|| format!("a call ended with status {status:#x}"))?;
            Outcome::Raises { class: class.name().to_string(), line: span.line }
        };
        // SAFETY: both still hold the values they were given, with what the call stored in place.
        unsafe {
            Ok(Ran {
                outcome,
                message,
                args_after: read_all(&arguments.slots, &self.params)?,
                captures_after: read_all(&captured.slots, &self.captures)?,
            })
        }
    }
}

fn push_all(slots: &mut Slots, values: &[Value], types: &[Type]) -> Result<(), String> {
    if values.len() != types.len() {
        return Err(format!("{} values for {} parameters", values.len(), types.len()));
    }
    values.iter().zip(types).try_for_each(|(value, ty)| slots.push(value, ty))
}

unsafe fn read_all(slots: &[u64], types: &[Type]) -> Result<Vec<Value>, String> {
    let mut rest = slots;
    // SAFETY: the caller vouches for the slots.
    types.iter().map(|ty| unsafe { slots::read(&mut rest, ty) }).collect()
}
