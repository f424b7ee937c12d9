//! The IR type of a live Python object. Owns the list of Python types that can cross the border; knows nothing of how
//! the values are laid out (`write`, `read`).

use std::sync::Arc;

use ir::{Elem, RecordKind, RecordType, Type};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::PyTypeInfo;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyRange, PyString, PyTuple, PyType};

/// NumPy's scalar classes and those arrays are accepted of, in the order of [`Elem::ALL`].
pub struct NumpyTypes {
    scalars: Vec<Py<PyType>>,
    memmap: Py<PyType>,
}

static NUMPY: PyOnceLock<NumpyTypes> = PyOnceLock::new();

impl NumpyTypes {
    /// Imported at first use.
    pub fn get(py: Python<'_>) -> PyResult<&NumpyTypes> {
        NUMPY.get_or_try_init(py, || {
            let numpy = py.import("numpy")?;
            let scalar = |elem: Elem| -> PyResult<Py<PyType>> {
                // `numpy.bool` is Python's own `bool` before NumPy 2.
                let name = if elem == Elem::Bool { "bool_" } else { elem.name() };
                Ok(numpy.getattr(name)?.cast_into::<PyType>()?.unbind())
            };
            Ok(NumpyTypes {
                scalars: Elem::ALL.into_iter().map(scalar).collect::<PyResult<_>>()?,
                memmap: numpy.getattr("memmap")?.cast_into::<PyType>()?.unbind(),
            })
        })
    }

    /// The class of the scalars of this element type.
    pub fn scalar<'py>(&self, py: Python<'py>, elem: Elem) -> Option<&Bound<'py, PyType>> {
        let index = Elem::ALL.iter().position(|other| *other == elem)?;
        Some(self.scalars.get(index)?.bind(py))
    }

    /// The element type whose scalar class is exactly the class of `object`.
    pub fn elem_of(&self, object: &Bound<'_, PyAny>) -> Option<Elem> {
        let class = object.get_type_ptr();
        let index = self.scalars.iter().position(|scalar| scalar.as_ptr().cast() == class)?;
        Elem::ALL.get(index).copied()
    }

    /// An array whose elements can be read as they lie in memory: not a masked array or a matrix, whose indexing means
    /// something else.
    pub fn plain_array<'a, 'py>(&self, object: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, PyUntypedArray>> {
        let array = object.cast::<PyUntypedArray>().ok()?;
        let class = object.get_type_ptr();
        let ndarray = numpy::PyUntypedArray::type_object_raw(object.py());
        (class == ndarray || class.cast() == self.memmap.as_ptr()).then_some(array)
    }
}

/// The element type of an array, when it is native and one of ours.
pub fn elem_of_array(array: &Bound<'_, PyUntypedArray>) -> Option<Elem> {
    let dtype = array.dtype();
    if dtype.is_native_byteorder() == Some(false) {
        return None;
    }
    // NumPy's type numbers. `longlong` (9, 10) is a class of its own that prints like `int64` and is not it.
    Some(match dtype.num() {
        0 => Elem::Bool,
        1 => Elem::I8,
        2 => Elem::U8,
        3 => Elem::I16,
        4 => Elem::U16,
        5 => Elem::I32,
        6 => Elem::U32,
        7 if dtype.itemsize() == 8 => Elem::I64,
        8 if dtype.itemsize() == 8 => Elem::U64,
        11 => Elem::F32,
        12 => Elem::F64,
        _ => return None,
    })
}

/// Why an object has no IR type, as a noun: "an object of class `Foo`".
pub type Reason = String;

/// The IR type of a live object, or what it is instead.
pub fn type_of(object: &Bound<'_, PyAny>) -> PyResult<Result<Type, Reason>> {
    if object.is_none() {
        return Ok(Ok(Type::None));
    }
    if object.is_exact_instance_of::<PyFloat>() {
        return Ok(Ok(Type::Float));
    }
    if object.is_exact_instance_of::<PyInt>() {
        return Ok(Ok(Type::Int));
    }
    if object.is_exact_instance_of::<PyBool>() {
        return Ok(Ok(Type::Bool));
    }
    if object.is_exact_instance_of::<PyString>() {
        return Ok(Ok(Type::Str));
    }
    if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        let mut items = Vec::with_capacity(tuple.len());
        for item in tuple.iter() {
            match type_of(&item)? {
                Ok(ty) => items.push(ty),
                Err(reason) => return Ok(Err(format!("a tuple that holds {reason}"))),
            }
        }
        return Ok(Ok(Type::Tuple(items)));
    }
    if let Ok(list) = object.cast_exact::<PyList>() {
        return type_of_list(list);
    }
    if object.is_exact_instance_of::<PyRange>() {
        return Ok(Ok(Type::Range));
    }
    type_of_foreign(object)
}

fn type_of_list(list: &Bound<'_, PyList>) -> PyResult<Result<Type, Reason>> {
    let mut found: Option<Type> = None;
    for item in list.iter() {
        let ty = match type_of(&item)? {
            Ok(ty) => ty,
            Err(reason) => return Ok(Err(format!("a list that holds {reason}"))),
        };
        found = Some(match found {
            None => ty,
            Some(known) => known.join(&ty),
        });
    }
    Ok(Ok(Type::List(Box::new(found.unwrap_or(Type::None)))))
}

/// NumPy's objects and rows.
fn type_of_foreign(object: &Bound<'_, PyAny>) -> PyResult<Result<Type, Reason>> {
    let py = object.py();
    let numpy = NumpyTypes::get(py)?;
    if let Some(elem) = numpy.elem_of(object) {
        return Ok(Ok(Type::Np(elem)));
    }
    if let Some(array) = numpy.plain_array(object) {
        return Ok(type_of_array(array));
    }
    if let Some(fields) = row_fields(object)? {
        let mut types = Vec::with_capacity(fields.len());
        for (name, value) in fields.iter() {
            match type_of(value)? {
                Ok(ty) => types.push((name.clone(), ty)),
                Err(reason) => return Ok(Err(format!("a row whose field `{name}` is {reason}"))),
            }
        }
        let record = RecordType { kind: RecordKind::Row, name: String::new(), fields: types };
        return Ok(Ok(Type::Record(Arc::new(record))));
    }
    Ok(Err(format!("an object of class `{}`", object.get_type().qualname()?)))
}

fn type_of_array(array: &Bound<'_, PyUntypedArray>) -> Result<Type, Reason> {
    let shown = || format!("an array of dtype `{}` and {} dimensions", array.dtype(), array.ndim());
    let elem = elem_of_array(array).ok_or_else(shown)?;
    if !array.is_aligned() {
        return Err("an array whose elements are not aligned in memory".to_owned());
    }
    match array.ndim() {
        1 | 2 => Ok(Type::Array { elem, ndim: array.ndim() as u8 }),
        _ => Err(shown()),
    }
}

/// The fields of a `fuseline.Row` in order; `None` for other objects.
pub fn row_fields<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Vec<(String, Bound<'py, PyAny>)>>> {
    static ROW: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = object.py();
    let class = ROW.import(py, "fuseline._row", "Row")?;
    if !object.get_type().is(class) {
        return Ok(None);
    }
    let mut fields = Vec::new();
    for pair in object.call_method0("items")?.try_iter()? {
        fields.push(pair?.extract()?);
    }
    Ok(Some(fields))
}
