//! From Python objects to slots (`ir::layout`). Strings, bytes and arrays are referred to where they lie, so the objects must
//! outlive the slots: the caller keeps them alive. Containers are copied into a [`Frame`].

use std::sync::Arc;

use ir::layout::{STR_ASCII_BIT, slot_count, variant_slot};
use ir::{Elem, RecordKind, RecordType, Type};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyRange, PySet, PyString, PyTuple};

use crate::frame::Frame;
use crate::instances::dict_of;
use crate::layouts::Layout;
use crate::library::write_library;
use crate::set_layout;
use crate::types::{NumpyTypes, elem_of_array, fields_of};

/// Appends the slots of `object` as a value of type `ty`. False when the object is of another type; some slots may have
/// been appended then.
pub fn write<'t>(object: &Bound<'_, PyAny>, ty: &'t Type, out: &mut Vec<u64>, frame: &mut Frame<'t>) -> PyResult<bool> {
    match ty {
        Type::Float => {
            let Ok(value) = object.cast_exact::<PyFloat>() else { return Ok(false) };
            out.push(value.value().to_bits());
        }
        Type::Int => {
            if !object.is_exact_instance_of::<PyInt>() {
                return Ok(false);
            }
            out.push(int_value(object)? as u64);
        }
        Type::Bool => {
            let Ok(value) = object.cast_exact::<PyBool>() else { return Ok(false) };
            out.push(u64::from(value.is_true()));
        }
        Type::Str => {
            let Ok(value) = object.cast_exact::<PyString>() else { return Ok(false) };
            write_str(value, out)?;
        }
        Type::None => return Ok(object.is_none()),
        Type::Tuple(items) => {
            let Ok(tuple) = object.cast_exact::<PyTuple>() else { return Ok(false) };
            if tuple.len() != items.len() {
                return Ok(false);
            }
            for (item, ty) in tuple.iter_borrowed().zip(items) {
                if !write(&item, ty, out, frame)? {
                    return Ok(false);
                }
            }
        }
        Type::Union(variants) => return write_union(object, variants, out, frame),
        Type::Np(elem) => return write_np(object, *elem, out),
        Type::Array { elem, ndim } => {
            if !write_array(object, *elem, *ndim, out)? {
                return Ok(false);
            }
            let address = out.get(out.len() - 1 - 2 * *ndim as usize).copied().unwrap_or_default();
            frame.arrays.entry(address).or_default().push(object.clone().unbind());
        }
        Type::Bytes => {
            let Ok(bytes) = object.cast_exact::<PyBytes>() else { return Ok(false) };
            out.extend([bytes.as_bytes().as_ptr() as u64, bytes.as_bytes().len() as u64]);
        }
        Type::List(_) | Type::Dict(..) | Type::Set { .. } => return write_container(object, ty, out, frame),
        Type::Range => {
            let Ok(range) = object.cast_exact::<PyRange>() else { return Ok(false) };
            for name in ["start", "stop", "step"] {
                out.push(int_value(&range.getattr(name)?)? as u64);
            }
        }
        Type::Record(record) if record.kind == RecordKind::Library => {
            return write_library(object, ty, record, out, frame);
        }
        Type::Record(record) => return write_record(object, record, out, frame),
        Type::Object(name) => return write_instance(object, ty, name, out, frame),
        Type::Exception => return Ok(false),
    }
    Ok(true)
}

/// An `int` in 64 bits; `OverflowError` beyond.
pub fn int_value(object: &Bound<'_, PyAny>) -> PyResult<i64> {
    let mut overflow = 0;
    // SAFETY: `object` is a live object; an error is taken up below.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &mut overflow) };
    if overflow != 0 {
        return Err(PyOverflowError::new_err("an int outside 64 bits: Fuseline's `int` has 64"));
    }
    if value == -1
        && let Some(error) = PyErr::take(object.py())
    {
        return Err(error);
    }
    Ok(value)
}

fn write_str(value: &Bound<'_, PyString>, out: &mut Vec<u64>) -> PyResult<()> {
    // Python caches the UTF-8 form in the string, so the address holds as long as the object lives.
    let text = value.to_str()?;
    // SAFETY: `value` is a live `str`.
    let code_points = unsafe { ffi::PyUnicode_GetLength(value.as_ptr()) };
    let ascii = if code_points as usize == text.len() { STR_ASCII_BIT } else { 0 };
    out.push(text.as_ptr() as u64);
    out.push(text.len() as u64 | ascii);
    Ok(())
}

fn write_union<'t>(
    object: &Bound<'_, PyAny>,
    variants: &'t [Type],
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    let start = out.len();
    for (tag, variant) in variants.iter().enumerate() {
        out.push(tag as u64);
        out.resize(start + variant_slot(variants, tag), 0);
        if write(object, variant, out, frame)? {
            out.resize(start + variant_slot(variants, variants.len()), 0);
            return Ok(true);
        }
        out.truncate(start);
    }
    Ok(false)
}

/// Instances are copied, each once; their fields by [`write_fields`].
fn write_instance<'t>(
    object: &Bound<'_, PyAny>,
    ty: &'t Type,
    name: &Arc<str>,
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    let Some((index, layout)) = frame.layouts.and_then(|layouts| layouts.find(name)) else { return Ok(false) };
    if !object.get_type().is(&layout.class) {
        return Ok(false);
    }
    out.push(match frame.known(object, ty) {
        Some(address) => address,
        None => frame.add_instance(object, ty, index)?,
    });
    Ok(true)
}

/// Copies the fields of the instances that were written, and of those found on the way: a loop, for there may be many behind
/// each other. False when one has other fields than the code was made for.
pub fn write_fields(frame: &mut Frame<'_>, py: Python<'_>) -> PyResult<bool> {
    let mut slots = Vec::new();
    while let Some(index) = frame.next_open() {
        let Some(held) = frame.held.get(index) else { continue };
        let object = held.object.bind(py).clone();
        let Some(layout) = frame.layouts.and_then(|layouts| layouts.classes.get(held.layout)) else { return Ok(false) };
        slots.clear();
        if !write_attributes(&object, layout, &mut slots, frame)? {
            return Ok(false);
        }
        frame.fill_instance(index, &slots);
    }
    Ok(true)
}

fn write_attributes<'t>(
    object: &Bound<'_, PyAny>,
    layout: &'t Layout,
    slots: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    let py = object.py();
    let dict = dict_of(object)?;
    let mut own = 0;
    slots.resize(layout.slots, 0);
    let mut value_slots = Vec::new();
    for field in &layout.fields {
        let attribute = field.attribute.bind(py);
        let in_dict = dict.as_ref().map(|dict| dict.get_item(attribute)).transpose()?.flatten();
        own += usize::from(in_dict.is_some());
        // A slot, or what its class has in its place.
        let value = match in_dict {
            Some(value) => Some(value),
            None => object.getattr_opt(attribute)?,
        };
        value_slots.clear();
        match (&value, field.flag) {
            (Some(value), flag) => {
                if !write(value, &field.ty, &mut value_slots, frame)? {
                    return Ok(false);
                }
                if let Some(flag) = flag.and_then(|flag| slots.get_mut(flag)) {
                    *flag = 1;
                }
            }
            (None, Some(_)) => write_stand_in(&field.ty, &mut value_slots, frame)?,
            (None, None) => return Ok(false),
        }
        if let Some(place) = slots.get_mut(field.slot..field.slot + value_slots.len()) {
            place.copy_from_slice(&value_slots);
        }
    }
    let Some(dict) = dict else { return Ok(true) };
    for attribute in &layout.ignored {
        own += usize::from(dict.contains(attribute)?);
    }
    // An attribute that the code was not made for may mean anything.
    Ok(own == dict.len())
}

/// The slots of a field that has no value.
fn write_stand_in(ty: &Type, out: &mut Vec<u64>, frame: &mut Frame<'_>) -> PyResult<()> {
    match ty {
        Type::List(_) | Type::Dict(..) | Type::Set { .. } | Type::Object(_) => out.push(frame.stand_in()?),
        Type::Tuple(items) => items.iter().try_for_each(|ty| write_stand_in(ty, out, frame))?,
        Type::Record(record) => record.fields.iter().try_for_each(|(_, ty)| write_stand_in(ty, out, frame))?,
        Type::Union(variants) => {
            let start = out.len();
            out.push(0);
            if let Some(variant) = variants.first() {
                write_stand_in(variant, out, frame)?;
            }
            out.resize(start + slot_count(ty), 0);
        }
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Range
        | Type::Np(_)
        | Type::Array { .. }
        | Type::Exception
        | Type::Bytes => out.resize(out.len() + slot_count(ty), 0),
    }
    Ok(())
}

fn write_np(object: &Bound<'_, PyAny>, elem: Elem, out: &mut Vec<u64>) -> PyResult<bool> {
    if NumpyTypes::get(object.py())?.elem_of(object) != Some(elem) {
        return Ok(false);
    }
    out.push(match elem {
        Elem::Bool => u64::from(object.is_truthy()?),
        Elem::F32 | Elem::F64 => object.extract::<f64>()?.to_bits(),
        Elem::U64 => object.call_method0("__int__")?.extract::<u64>()?,
        _ => object.call_method0("__int__")?.extract::<i64>()? as u64,
    });
    Ok(true)
}

fn write_array(object: &Bound<'_, PyAny>, elem: Elem, ndim: u8, out: &mut Vec<u64>) -> PyResult<bool> {
    let Some(array) = NumpyTypes::get(object.py())?.plain_array(object) else { return Ok(false) };
    if elem_of_array(array) != Some(elem) || array.ndim() != ndim as usize || !array.is_aligned() {
        return Ok(false);
    }
    out.push(array_address(array));
    out.extend(array.shape().iter().map(|length| *length as u64));
    out.extend(array.strides().iter().map(|stride| *stride as u64));
    Ok(true)
}

/// The address of the first element.
pub fn array_address(array: &Bound<'_, PyUntypedArray>) -> u64 {
    // SAFETY: the array is alive.
    unsafe { (*array.as_array_ptr()).fields.data as u64 }
}

/// Whether Python may store into the array.
pub fn is_writeable(array: &Bound<'_, PyUntypedArray>) -> bool {
    // SAFETY: the array is alive.
    unsafe { (*array.as_array_ptr()).fields.flags & numpy::npyffi::NPY_ARRAY_WRITEABLE != 0 }
}

/// `ValueError` as NumPy raises it when `object` is an array that Python may not store into.
pub fn check_writeable(object: &Bound<'_, PyAny>) -> PyResult<()> {
    match object.cast::<PyUntypedArray>() {
        Ok(array) if !is_writeable(array) => Err(PyValueError::new_err("assignment destination is read-only")),
        _ => Ok(()),
    }
}

/// Containers are copied, each object once.
fn write_container<'t>(
    object: &Bound<'_, PyAny>,
    ty: &'t Type,
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    if let Some(address) = frame.known(object, ty) {
        out.push(address);
        return Ok(true);
    }
    let written = match ty {
        Type::List(item) => write_list(object, ty, item, frame)?,
        Type::Dict(key, value) => write_dict(object, ty, (key, value), frame)?,
        Type::Set { item, frozen } => write_set(object, ty, item, *frozen, frame)?,
        _ => None,
    };
    out.extend(written);
    Ok(written.is_some())
}

fn write_list<'t>(
    object: &Bound<'_, PyAny>,
    ty: &'t Type,
    item: &'t Type,
    frame: &mut Frame<'t>,
) -> PyResult<Option<u64>> {
    let Ok(list) = object.cast_exact::<PyList>() else { return Ok(None) };
    let mut items = Vec::with_capacity(list.len() * slot_count(item));
    for value in list.iter() {
        if !write(&value, item, &mut items, frame)? {
            return Ok(None);
        }
    }
    frame.add_list(object, ty, &items, list.len()).map(Some)
}

fn write_dict<'t>(
    object: &Bound<'_, PyAny>,
    ty: &'t Type,
    (key_type, value_type): (&'t Type, &'t Type),
    frame: &mut Frame<'t>,
) -> PyResult<Option<u64>> {
    let Ok(dict) = object.cast_exact::<PyDict>() else { return Ok(None) };
    let mut entries = Vec::with_capacity(dict.len() * (slot_count(key_type) + slot_count(value_type)));
    for (key, value) in dict.iter() {
        if !write(&key, key_type, &mut entries, frame)? || !write(&value, value_type, &mut entries, frame)? {
            return Ok(None);
        }
    }
    frame.add_dict(object, ty, &entries, dict.len()).map(Some)
}

fn write_set<'t>(
    object: &Bound<'_, PyAny>,
    ty: &'t Type,
    item: &'t Type,
    frozen: bool,
    frame: &mut Frame<'t>,
) -> PyResult<Option<u64>> {
    let is_set = object.is_exact_instance_of::<PySet>();
    if is_set == frozen || (frozen && !object.is_exact_instance_of::<PyFrozenSet>()) {
        return Ok(None);
    }
    let values = object.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let mut items = Vec::new();
    for value in &values {
        if !write(value, item, &mut items, frame)? {
            return Ok(None);
        }
    }
    let layout = set_layout::of(object, &values)?;
    frame.add_set(object, ty, &items, &layout).map(Some)
}

/// What `**kwargs` takes.
fn write_keywords<'t>(
    object: &Bound<'_, PyAny>,
    record: &'t RecordType,
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    let Ok(keywords) = object.cast_exact::<PyDict>() else { return Ok(false) };
    if keywords.len() != record.fields.len() {
        return Ok(false);
    }
    for ((name, value), (expected, ty)) in keywords.iter().zip(&record.fields) {
        if name.extract::<String>()? != *expected || !write(&value, ty, out, frame)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_record<'t>(
    object: &Bound<'_, PyAny>,
    record: &'t RecordType,
    out: &mut Vec<u64>,
    frame: &mut Frame<'t>,
) -> PyResult<bool> {
    if record.kind == RecordKind::Dict {
        return write_keywords(object, record, out, frame);
    }
    let Some(fields) = fields_of(object)? else { return Ok(false) };
    if fields.kind != record.kind || fields.name != record.name || fields.values.len() != record.fields.len() {
        return Ok(false);
    }
    for ((name, value), (expected, ty)) in fields.values.iter().zip(&record.fields) {
        if name != expected || !write(value, ty, out, frame)? {
            return Ok(false);
        }
    }
    // Methods of a record are found by the name of its class, so it must be the class that the program means.
    Ok(record.kind == RecordKind::Row || frame.add_class(&object.get_type()))
}
