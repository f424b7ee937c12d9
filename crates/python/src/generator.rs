//! A generator of compiled code as Python goes on with it: the arena, the copies of the arguments and the state of the function
//! live as long as the generator. Between two values the caller's containers are stored back, and nothing may be done to them
//! that the copies do not know. The iterator that users see is a generator of Python around this (`fuseline._generator`).

use std::sync::{Arc, Mutex, PoisonError};

use ir::Type;
use ir::layout::slot_count;
use ir::passes::generator::{ITEM, RETURNED};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use runtime::abi;
use runtime::arena::Arena;

use crate::errors::{engine_error, guard};
use crate::frame::{Frame, Held};
use crate::instances::attributes;
use crate::mutation::store_back;
use crate::read::Reader;
use crate::scalar::{Call, Outcome, raised, run, write_call};
use crate::specialise::Specialisation;

/// What `fuseline._generator` goes on with.
#[pyclass(frozen, module = "fuseline._core")]
pub struct Generator(Mutex<Option<Suspended>>);

/// A function between two of its values.
struct Suspended {
    /// Refers to the types of `code`, which is dropped behind it.
    frame: Frame<'static>,
    captures: Vec<u64>,
    /// The captured values, and whatever else the slots may refer to.
    captured: Vec<Py<PyAny>>,
    /// The address of the function's state.
    state: u64,
    /// What the caller's containers hold, by the addresses of the objects.
    contents: Vec<Vec<usize>>,
    arguments: Vec<Py<PyAny>>,
    names: Vec<String>,
    code: Arc<Specialisation>,
}

/// Calls a generator function: an iterator that has not begun.
pub fn start<'py>(
    py: Python<'py>,
    code: &Arc<Specialisation>,
    args: &[Bound<'py, PyAny>],
    captures: &[Bound<'py, PyAny>],
    names: &[String],
) -> PyResult<Outcome<'py>> {
    // SAFETY: the reference is used in the frame only, which `Suspended` drops before the code it keeps.
    let types: &'static Specialisation = unsafe { &*Arc::as_ptr(code) };
    let code = code.clone();
    let mut frame = Frame::new(Arena::new(), true, &types.layouts);
    for class in &types.layouts.named {
        frame.add_class(class.bind(py));
    }
    let (mut arg_slots, mut capture_slots) = (Vec::new(), Vec::new());
    if !write_call(py, types, (args, captures), (&mut arg_slots, &mut capture_slots), &mut frame)? {
        return Ok(Outcome::OtherTypes);
    }
    let kernel = code.call_kernel(py)?;
    let mut state = [0];
    let call = Call { kernel, can_run_long: code.can_run_long, args: &arg_slots, captures: &capture_slots };
    let (status, context) = run(py, &call, &mut frame.arena, &mut state);
    if status != abi::STATUS_OK {
        return Err(raised(py, &code, kernel, status, &context, args, names));
    }
    let suspended = Suspended {
        frame,
        captures: capture_slots,
        captured: captures.iter().map(|value| value.clone().unbind()).collect(),
        state: state[0],
        contents: Vec::new(),
        arguments: args.iter().map(|value| value.clone().unbind()).collect(),
        names: names.to_vec(),
        code,
    };
    let suspended = Suspended { contents: suspended.look(py)?, ..suspended };
    let name = suspended.code.module.entry_func().name.clone();
    let step = Bound::new(py, Generator(Mutex::new(Some(suspended))))?;
    let made = py.import(intern!(py, "fuseline._generator"))?.getattr(intern!(py, "generator"))?;
    Ok(Outcome::Returned(made.call1((step, name))?))
}

#[pymethods]
impl Generator {
    /// Goes on to the next value: `(True, value)`, or `(False, what the function returned)`.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        guard(py, || {
            // Taken out while it runs: a generator that asks itself for a value finds none.
            let Some(mut suspended) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                return Err(PyValueError::new_err("generator already executing"));
            };
            let stepped = suspended.step(py);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(suspended);
            let (has_value, value) = stepped?;
            PyTuple::new(py, [has_value.into_pyobject(py)?.to_owned().into_any(), value])
        })
    }
}

impl Suspended {
    fn step<'py>(&mut self, py: Python<'py>) -> PyResult<(bool, Bound<'py, PyAny>)> {
        if self.look(py)? != self.contents {
            return Err(PyTypeError::new_err(
                "what was handed to this generator has been changed since its last value, which compiled code does not see",
            ));
        }
        let code = self.code.clone();
        let Some(resume) = &code.resume else { return Err(engine_error(py, "this function is no generator")) };
        let kernel = code.resume_kernel(py)?;
        let mut has_value = [0];
        let state = [self.state];
        let call = Call { kernel, can_run_long: true, args: &state, captures: &self.captures };
        let (status, context) = run(py, &call, &mut self.frame.arena, &mut has_value);
        let reader = Reader::of_call(py, &self.frame);
        // SAFETY: the kernel has returned and the arena lives.
        unsafe { store_back(&reader, &self.frame, py)? };
        if status != abi::STATUS_OK {
            let args: Vec<Bound<'py, PyAny>> = self.arguments.iter().map(|value| value.bind(py).clone()).collect();
            return Err(raised(py, &code, kernel, status, &context, &args, &self.names));
        }
        let (field, ty) = if has_value[0] != 0 { (ITEM, &resume.item) } else { (RETURNED, &resume.returned) };
        let Some(class) = code.module.class(&resume.class) else { return Err(engine_error(py, "a class is missing")) };
        let stored = class.fields.get(field as usize).map_or(&Type::None, |(_, ty)| ty);
        let slot: usize = class.fields.iter().take(field as usize).map(|(_, ty)| slot_count(ty)).sum();
        // SAFETY: the state is an object of this class in the arena.
        let value = unsafe {
            let slots = std::slice::from_raw_parts((self.state as *const u64).add(slot), slot_count(stored));
            reader.read_all(stored, slots)?
        };
        // A type without a value to begin with is in a tuple of its own.
        let value = if stored == ty || value.is_none() { value } else { value.get_item(0)? };
        // Texts in the state may lie in what was replaced.
        self.captured.extend(reader.into_replaced().into_iter().map(Bound::unbind));
        // SAFETY: the arena lives.
        unsafe { self.frame.remember_all() };
        self.contents = self.look(py)?;
        Ok((has_value[0] != 0, value))
    }

    /// The addresses of what the caller's containers hold.
    fn look(&self, py: Python<'_>) -> PyResult<Vec<Vec<usize>>> {
        self.frame.held.iter().map(|held| contents(held, py)).collect()
    }
}

/// The addresses of the objects in a container or an instance.
fn contents(held: &Held<'_>, py: Python<'_>) -> PyResult<Vec<usize>> {
    let object = held.object.bind(py);
    let address = |object: &Bound<'_, PyAny>| object.as_ptr() as usize;
    if let Type::Object(_) = held.ty {
        let attributes = attributes(object)?;
        return Ok(attributes.iter().flat_map(|(name, value)| [address(name.as_any()), address(value)]).collect());
    }
    let mut found = Vec::new();
    if let Ok(dict) = object.cast::<PyDict>() {
        for (key, value) in dict.iter() {
            found.extend([address(&key), address(&value)]);
        }
        return Ok(found);
    }
    for item in object.try_iter()? {
        found.push(address(&item?));
    }
    Ok(found)
}
