//! A compiled function over columns: one call for each row, on all cores.

use arrow::array::Array;
use engine::Argument;
use ir::Type;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrow_io::{ArrowArray, import_array};
use crate::dataset::Session;
use crate::errors::guard;
use crate::frame::Frame;
use crate::function::Function;
use crate::query;
use crate::specialise::Request;
use crate::types::type_of;
use crate::write::write;

/// The type a function sees of each row of an Arrow array; `None` when it cannot be read.
pub fn row_type(array: &dyn Array) -> Option<Type> {
    let ty = engine::types::column_type(array.data_type())?;
    Some(if array.null_count() > 0 { ty.optional() } else { ty })
}

/// The type a function sees of each row of an Arrow array, as the IR spells it; `None` when it cannot be read.
#[pyfunction]
pub fn column_type_name(array: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    Ok(row_type(import_array(array)?.as_ref()).map(|ty| ty.to_string()))
}

/// Calls `function` for each of `rows` rows. Each argument is a pair: whether it is a column (an Arrow array), and the
/// array or the value that is the same for every row. Gives one array, or one for each field of a tuple or record,
/// and the names of a record's fields.
#[pyfunction]
pub fn elementwise<'py>(
    py: Python<'py>,
    session: &Bound<'py, Session>,
    function: &Bound<'py, Function>,
    arguments: Vec<(bool, Bound<'py, PyAny>)>,
    rows: usize,
    bar: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyList>, Option<Vec<String>>)> {
    guard(py, || {
        let function = function.get();
        let mut types = Vec::new();
        let mut columns = Vec::new();
        for ((is_column, value), name) in arguments.iter().zip(function.names()) {
            let bad = |reason: &str| {
                PyTypeError::new_err(format!("argument `{name}` is {reason}, which compiled code cannot take"))
            };
            let (ty, column) = if *is_column {
                let array = import_array(value)?;
                let ty = row_type(array.as_ref())
                    .ok_or_else(|| bad(&format!("a column of type `{}`", array.data_type())))?;
                (ty, Some(array))
            } else {
                (type_of(value)?.map_err(|reason| bad(&reason))?, None)
            };
            types.push(ty);
            columns.push(column);
        }
        let mut frame = Frame::default();
        let mut inputs = Vec::new();
        for (((_, value), ty), column) in arguments.iter().zip(&types).zip(columns) {
            inputs.push(match column {
                Some(array) => Argument::Column(array),
                None => {
                    let mut slots = Vec::new();
                    write(value, ty, &mut slots, &mut frame)?;
                    Argument::Broadcast(slots)
                }
            });
        }
        let compiled = function.for_engine(py, Request::of(types.clone()).for_columns())?;
        let session = session.get().engine();
        let columns = query::run(py, bar, |watch| engine::elementwise(session, &compiled, &inputs, rows, watch))?;
        let list = PyList::empty(py);
        for column in columns {
            list.append(Bound::new(py, ArrowArray(column))?)?;
        }
        let fields = match compiled.result_type() {
            Type::Record(record) => Some(record.fields.iter().map(|(name, _)| name.clone()).collect()),
            Type::Tuple(_) => Some(Vec::new()),
            _ => None,
        };
        Ok((list, fields))
    })
}
