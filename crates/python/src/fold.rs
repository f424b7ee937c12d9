//! Folds in plain Python: finds the state's type from the initial value and the step function, and turns states into
//! Python values. Knows nothing of how a fold is run.

use std::sync::Arc;

use engine::{CompiledFunction, Fold, StateValue};
use ir::{RecordType, Type};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyTuple};

use crate::errors::{dataset_error, usage_error};
use crate::frame::Frame;
use crate::function::Function;
use crate::read::Reader;
use crate::specialise::Request;
use crate::types::{NumpyTypes, type_of};
use crate::write::write;

/// How often the state's type may grow before it is taken to be growing for ever.
const ROUNDS_MAX: usize = 8;

/// The functions of a fold as Python gave them.
pub struct Functions<'a, 'py> {
    pub step: &'a Bound<'py, Function>,
    pub merge: Option<&'a Bound<'py, Function>>,
    pub finish: Option<&'a Bound<'py, Function>>,
}

/// Compiles a fold over rows of type `row`.
pub fn compile<'py>(
    py: Python<'py>,
    row: &Type,
    init: &Bound<'py, PyAny>,
    functions: &Functions<'_, 'py>,
) -> PyResult<Fold> {
    let first = type_of(init)?.map_err(|reason| {
        usage_error(py, "fold-state", &format!("the initial state is {reason}, which compiled code cannot take"), None)
    })?;
    let (state, step) = step_function(py, row, &first, functions.step.get())?;
    let merge = match functions.merge {
        Some(merge) => {
            let request = Request::of(vec![state.clone(), state.clone()]);
            Some(merge.get().for_engine(py, Request { expected_result: Some(state.clone()), ..request })?)
        }
        None => None,
    };
    let finish = match functions.finish {
        Some(finish) => Some(finish.get().for_engine(py, Request::of(vec![state.clone()]).for_columns())?),
        None => None,
    };
    let mut slots = Vec::new();
    let mut frame = Frame::default();
    let init = convert(init, &first, &state)?;
    write(&init, &state, &mut slots, &mut frame)?;
    // SAFETY: `init` and `frame` keep alive what the slots point to.
    let init = unsafe { StateValue::new(state, &slots) }.map_err(|error| dataset_error(py, error))?;
    Ok(Fold { init, step, merge, finish })
}

/// Compiles the step until its result is of the state's type: an `int` of the initial value becomes a `float` where the
/// step makes it one.
fn step_function(py: Python<'_>, row: &Type, first: &Type, step: &Function) -> PyResult<(Type, CompiledFunction)> {
    let mut state = first.clone();
    let mut result = None;
    for _ in 0..ROUNDS_MAX {
        let request = Request::of(vec![state.clone(), row.clone()]);
        let compiled = step.for_engine(py, request.clone())?;
        let found = result.insert(compiled.result_type().clone());
        if *found == state {
            return Ok((state, compiled));
        }
        let Some(wider) = widen(&state, found) else { break };
        if wider == state {
            let request = Request { expected_result: Some(state.clone()), ..request };
            return Ok((state, step.for_engine(py, request)?));
        }
        state = wider;
    }
    let found = result.map(|ty| ty.to_string()).unwrap_or_default();
    let message = format!("the step function of the fold returns `{found}` where the state is `{state}`");
    Err(usage_error(py, "fold-state", &message, Some("let the initial value have the type that the step returns")))
}

/// The state's type that holds what the step returned: numbers go up from `bool` to `int` to `float` to NumPy's.
fn widen(state: &Type, result: &Type) -> Option<Type> {
    if state == result {
        return Some(state.clone());
    }
    Some(match (state, result) {
        (Type::Bool | Type::Int, Type::Bool | Type::Int) => Type::Int,
        (Type::Bool | Type::Int | Type::Float, Type::Bool | Type::Int | Type::Float) => Type::Float,
        (Type::Bool | Type::Int | Type::Float, Type::Np(elem))
        | (Type::Np(elem), Type::Bool | Type::Int | Type::Float) => Type::Np(*elem),
        (Type::Tuple(one), Type::Tuple(other)) if one.len() == other.len() => {
            Type::Tuple(one.iter().zip(other).map(|(one, other)| widen(one, other)).collect::<Option<_>>()?)
        }
        (Type::Record(one), Type::Record(other)) if one.fields.len() == other.fields.len() => {
            let mut fields = Vec::with_capacity(one.fields.len());
            for ((name, one), (other_name, other)) in one.fields.iter().zip(&other.fields) {
                if name != other_name {
                    return None;
                }
                fields.push((name.clone(), widen(one, other)?));
            }
            Type::Record(Arc::new(RecordType { kind: one.kind, name: one.name.clone(), fields }))
        }
        (Type::None | Type::Union(_), _) | (_, Type::None | Type::Union(_)) => widen_optional(state, result)?,
        _ => return None,
    })
}

fn widen_optional(state: &Type, result: &Type) -> Option<Type> {
    let inner = match (state.without_none(), result.without_none()) {
        (Type::None, other) | (other, Type::None) => other,
        (Type::Union(_), _) | (_, Type::Union(_)) => return None,
        (one, other) => widen(&one, &other)?,
    };
    Some(inner.optional())
}

/// The initial value as a value of the state's type.
fn convert<'py>(value: &Bound<'py, PyAny>, from: &Type, to: &Type) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if from == to {
        return Ok(value.clone());
    }
    Ok(match (from, to) {
        (_, Type::Union(_)) => {
            let inner = to.without_none();
            if *from == Type::None { value.clone() } else { convert(value, from, &inner)? }
        }
        (_, Type::Int) => py.get_type::<PyInt>().call1((value,))?,
        (_, Type::Float) => py.get_type::<PyFloat>().call1((value,))?,
        (_, Type::Np(elem)) => match NumpyTypes::get(py)?.scalar(py, *elem) {
            Some(class) => class.call1((value,))?,
            None => value.clone(),
        },
        (Type::Tuple(from), Type::Tuple(to)) => {
            let items = value.cast::<PyTuple>()?.iter().zip(from.iter().zip(to));
            let items = items.map(|(item, (from, to))| convert(&item, from, to)).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any()
        }
        _ => value.clone(),
    })
}

/// A state as a new Python value.
pub fn value<'py>(py: Python<'py>, state: &StateValue) -> PyResult<Bound<'py, PyAny>> {
    let slots = state.slots();
    // SAFETY: the slots are of the state's type and point into it; it outlives the reading.
    unsafe { Reader::new(py).read(state.ty(), &slots) }
}
