//! The IR type of a live Python object. Owns the list of Python types that can cross the border; knows nothing of how
//! the values are laid out (`write`, `read`).

use std::sync::Arc;

use ir::{Elem, RecordKind, RecordType, Type};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::PyTypeInfo;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyRange, PySet, PyString, PyTuple, PyType,
};

use crate::instances::Instances;
use crate::library::type_of_library;

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

/// How deep containers may nest. A list can hold itself.
pub const DEPTH_MAX: usize = 100;

/// The IR type of a live object, or what it is instead. Instances of the user's classes that can be changed have none.
pub fn type_of(object: &Bound<'_, PyAny>) -> PyResult<Result<Type, Reason>> {
    type_within(object, DEPTH_MAX, None)
}

/// The same of an object within others; `instances` takes up instances of the user's classes, which have no type without it.
pub fn type_within<'py>(
    object: &Bound<'py, PyAny>,
    depth: usize,
    mut instances: Option<&mut Instances<'py>>,
) -> PyResult<Result<Type, Reason>> {
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
    let Some(depth) = depth.checked_sub(1) else {
        return Ok(Err(format!("more than {DEPTH_MAX} containers within each other")));
    };
    if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        let mut items = Vec::with_capacity(tuple.len());
        for item in tuple.iter() {
            match type_within(&item, depth, instances.as_deref_mut())? {
                Ok(ty) => items.push(ty),
                Err(reason) => return Ok(Err(format!("a tuple that holds {reason}"))),
            }
        }
        return Ok(Ok(Type::Tuple(items)));
    }
    if let Ok(list) = object.cast_exact::<PyList>() {
        let item = item_type(list.iter().map(Ok), "list", depth, instances)?;
        return Ok(item.map(|item| Type::List(Box::new(stored_type(item, list.is_empty())))));
    }
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        return type_of_dict(dict, depth, instances);
    }
    if object.is_exact_instance_of::<PySet>() || object.is_exact_instance_of::<PyFrozenSet>() {
        let frozen = object.is_exact_instance_of::<PyFrozenSet>();
        let item = item_type(object.try_iter()?, if frozen { "frozenset" } else { "set" }, depth, instances)?;
        let is_empty = object.len()? == 0;
        let item = item.map(|item| stored_type(item, is_empty));
        return Ok(item.and_then(|item| key_type(item, "set").map(|item| Type::Set { item, frozen })));
    }
    if object.is_exact_instance_of::<PyBytes>() {
        return Ok(Ok(Type::Bytes));
    }
    if object.is_exact_instance_of::<PyRange>() {
        return Ok(Ok(Type::Range));
    }
    type_of_foreign(object, depth, instances)
}

/// The type that holds every item; `None`'s for no items.
pub fn item_type<'py>(
    items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    container: &str,
    depth: usize,
    mut instances: Option<&mut Instances<'py>>,
) -> PyResult<Result<Type, Reason>> {
    let mut found: Option<Type> = None;
    for item in items {
        let ty = match type_within(&item?, depth, instances.as_deref_mut())? {
            Ok(ty) => ty,
            Err(reason) => return Ok(Err(format!("a {container} that holds {reason}"))),
        };
        found = Some(match found {
            None => ty,
            Some(known) => known.join(&ty),
        });
    }
    Ok(Ok(found.unwrap_or(Type::None)))
}

/// A list that holds `None` only is told from an empty one by a variant that it does not use.
pub fn stored_type(item: Type, is_empty: bool) -> Type {
    if item == Type::None && !is_empty { Type::union([Type::None, Type::Bool]) } else { item }
}

pub fn type_of_dict<'py>(
    dict: &Bound<'py, PyDict>,
    depth: usize,
    mut instances: Option<&mut Instances<'py>>,
) -> PyResult<Result<Type, Reason>> {
    let key = match item_type(dict.keys().iter().map(Ok), "dict", depth, instances.as_deref_mut())? {
        Ok(key) => key,
        Err(reason) => return Ok(Err(reason)),
    };
    let value = item_type(dict.values().iter().map(Ok), "dict", depth, instances)?;
    Ok(value.and_then(|value| key_type(key, "dict").map(|key| Type::Dict(key, Box::new(value)))))
}

/// The type of what `**kwargs` takes: a dict, where its values are of one type, else a record of which each keyword is a field.
pub fn type_of_keywords<'py>(
    keywords: &Bound<'py, PyDict>,
    instances: &mut Instances<'py>,
) -> PyResult<Result<Type, Reason>> {
    if keywords.is_empty() {
        // Any types will do.
        return Ok(Ok(Type::Dict(Box::new(Type::Str), Box::new(Type::Int))));
    }
    if let Ok(dict @ Type::Dict(..)) = type_of_dict(keywords, DEPTH_MAX, Some(instances))?
        && !matches!(&dict, Type::Dict(_, value) if matches!(**value, Type::Union(_)))
    {
        return Ok(Ok(dict));
    }
    let mut fields = Vec::with_capacity(keywords.len());
    for (name, value) in keywords.iter() {
        match type_within(&value, DEPTH_MAX, Some(instances))? {
            Ok(ty) => fields.push((name.extract()?, ty)),
            Err(reason) => return Ok(Err(format!("keywords of which `{name}` is {reason}"))),
        }
    }
    Ok(Ok(Type::Record(Arc::new(RecordType { kind: RecordKind::Dict, name: String::new(), fields }))))
}

fn key_type(key: Type, container: &str) -> Result<Box<Type>, Reason> {
    if key.is_hashable() { Ok(Box::new(key)) } else { Err(format!("a {container} with keys of type `{key}`")) }
}

/// NumPy's objects, rows, named tuples and frozen dataclasses, and what is left: instances that can be changed.
fn type_of_foreign<'py>(
    object: &Bound<'py, PyAny>,
    depth: usize,
    mut instances: Option<&mut Instances<'py>>,
) -> PyResult<Result<Type, Reason>> {
    let py = object.py();
    let numpy = NumpyTypes::get(py)?;
    if let Some(elem) = numpy.elem_of(object) {
        return Ok(Ok(Type::Np(elem)));
    }
    if let Some(array) = numpy.plain_array(object) {
        return Ok(type_of_array(array));
    }
    if let Some(known) = type_of_library(object, depth, instances.as_deref_mut())? {
        return Ok(known);
    }
    let Some(fields) = fields_of(object)? else {
        return match instances {
            Some(instances) => instances.meet(object),
            None => Ok(Err(format!("an object of class `{}`", object.get_type().qualname()?))),
        };
    };
    let mut types = Vec::with_capacity(fields.values.len());
    for (name, value) in &fields.values {
        match type_within(value, depth, instances.as_deref_mut())? {
            Ok(ty) => types.push((name.clone(), ty)),
            Err(reason) => return Ok(Err(format!("a {} whose field `{name}` is {reason}", fields.noun()))),
        }
    }
    if let Some(instances) = instances
        && fields.kind != RecordKind::Row
    {
        instances.meet_record(&object.get_type());
    }
    Ok(Ok(Type::Record(Arc::new(RecordType { kind: fields.kind, name: fields.name, fields: types }))))
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

/// The fields of an object that is a record.
pub struct Fields<'py> {
    pub kind: RecordKind,
    /// The class name; empty for rows.
    pub name: String,
    pub values: Vec<(String, Bound<'py, PyAny>)>,
}

impl Fields<'_> {
    fn noun(&self) -> &str {
        if self.kind == RecordKind::Row { "row" } else { &self.name }
    }
}

/// The fields of a `fuseline.Row`, a named tuple or a frozen dataclass, in order; `None` for other objects.
pub fn fields_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Fields<'py>>> {
    static ROW: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = object.py();
    let class = object.get_type();
    if class.is(ROW.import(py, "fuseline._row", "Row")?) {
        let mut values = Vec::new();
        for pair in object.call_method0(intern!(py, "items"))?.try_iter()? {
            values.push(pair?.extract()?);
        }
        return Ok(Some(Fields { kind: RecordKind::Row, name: String::new(), values }));
    }
    let Some((kind, names)) = field_names(&class)? else { return Ok(None) };
    let mut values = Vec::with_capacity(names.len());
    for name in names {
        let value = object.getattr(name.as_str())?;
        values.push((name, value));
    }
    Ok(Some(Fields { kind, name: class.name()?.extract()?, values }))
}

/// The names of the fields of a named tuple's or a frozen dataclass's class.
fn field_names(class: &Bound<'_, PyType>) -> PyResult<Option<(RecordKind, Vec<String>)>> {
    let py = class.py();
    if class.is_subclass_of::<PyTuple>()? {
        let names = class.getattr_opt(intern!(py, "_fields"))?;
        return Ok(names.map(|names| names.extract()).transpose()?.map(|names| (RecordKind::NamedTuple, names)));
    }
    let Some(params) = class.getattr_opt(intern!(py, "__dataclass_params__"))? else { return Ok(None) };
    if !params.getattr(intern!(py, "frozen"))?.is_truthy()? {
        return Ok(None);
    }
    let fields = py.import(intern!(py, "dataclasses"))?.call_method1(intern!(py, "fields"), (class,))?;
    let names = fields.try_iter()?.map(|field| field?.getattr(intern!(py, "name"))?.extract());
    let names = names.collect::<PyResult<Vec<String>>>()?;
    Ok(Some((RecordKind::Dataclass, names)))
}
