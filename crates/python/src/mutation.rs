//! What a call changed in the containers it was handed: stored back into Python's own objects. What did not change is left as it
//! is, the very objects included.

use ir::Type;
use ir::layout::slot_count;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};
use runtime::abi::Table;

use crate::frame::{Frame, Held, runs, table_items};
use crate::layouts::Layouts;
use crate::library::{deque_slots, store_deque};
use crate::read::{Reader, list_len, list_slots, set_attribute};

/// Stores what was changed.
///
/// # Safety
/// The containers were copied in this call by a frame that remembers, and are alive.
pub unsafe fn store_back<'py>(reader: &Reader<'_, 'py>, frame: &Frame<'_>, py: Python<'py>) -> PyResult<()> {
    let twins = frame.held.iter().filter(|held| frame.twins.contains(&(held.object.as_ptr() as usize)));
    for held in twins {
        // SAFETY: the caller's.
        if unsafe { slots_now(held, frame.layouts) } != held.before {
            let shown = held.object.bind(py).get_type().qualname()?;
            return Err(PyTypeError::new_err(format!(
                "compiled code cannot take the same {shown} twice, as `{}` and as another type: the function changes it",
                held.ty
            )));
        }
    }
    for container in &frame.held {
        let object = container.object.bind(py);
        // SAFETY: the caller's.
        unsafe {
            match container.ty {
                Type::List(item) => store_list(reader, container, object.cast::<PyList>()?, item)?,
                Type::Dict(key, value) => store_dict(reader, container, object.cast::<PyDict>()?, (key, value))?,
                Type::Set { item, frozen: false } => store_set(reader, container, object.cast::<PySet>()?, item)?,
                Type::Record(record) => store_deque(reader, container, record)?,
                Type::Object(_) => store_instance(reader, container, frame.layouts, object)?,
                _ => {}
            }
        }
    }
    // SAFETY: the caller's.
    unsafe { reader.fill_instances() }
}

/// The slots of what is in a copy now.
///
/// # Safety
/// As of [`store_back`].
pub unsafe fn slots_now(held: &Held<'_>, layouts: Option<&Layouts>) -> Vec<u64> {
    // SAFETY: the caller's; each copy is of its type.
    unsafe {
        match held.ty {
            Type::List(item) => list_slots(held.address, item).to_vec(),
            Type::Dict(key, value) => {
                table_items(&*(held.address as *const Table), slot_count(key) + slot_count(value))
            }
            Type::Set { item, .. } => table_items(&*(held.address as *const Table), slot_count(item)),
            Type::Record(record) => deque_slots(held, record),
            Type::Object(_) => {
                let slots = layouts.and_then(|layouts| layouts.classes.get(held.layout)).map_or(0, |known| known.slots);
                std::slice::from_raw_parts(held.address as *const u64, slots).to_vec()
            }
            _ => Vec::new(),
        }
    }
}

/// # Safety
/// As of [`store_back`].
unsafe fn store_instance<'py>(
    reader: &Reader<'_, 'py>,
    held: &Held<'_>,
    layouts: Option<&Layouts>,
    object: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let Some(layout) = layouts.and_then(|layouts| layouts.classes.get(held.layout)) else { return Ok(()) };
    // SAFETY: the caller's; an instance has the slots of its class.
    let slots = unsafe { std::slice::from_raw_parts(held.address as *const u64, layout.slots) };
    for field in &layout.fields {
        let places = field.slot..field.slot + slot_count(&field.ty);
        let (now, before) = (slots.get(places.clone()), held.before.get(places));
        let flag = |slots: &[u64]| field.flag.and_then(|flag| slots.get(flag).copied());
        if (now == before && flag(slots) == flag(&held.before)) || flag(slots) == Some(0) {
            continue;
        }
        // SAFETY: the caller's.
        let value = unsafe { reader.read(&field.ty, now.unwrap_or_default())? };
        let attribute = field.attribute.bind(object.py());
        reader.outlive(object.getattr_opt(attribute)?);
        set_attribute(object, attribute, &value)?;
    }
    Ok(())
}

/// # Safety
/// As of [`store_back`].
unsafe fn store_list<'py>(
    reader: &Reader<'_, 'py>,
    held: &Held<'_>,
    list: &Bound<'py, PyList>,
    item: &Type,
) -> PyResult<()> {
    let width = slot_count(item);
    // SAFETY: the caller's.
    let (slots, len) = unsafe { (list_slots(held.address, item), list_len(held.address)) };
    if len == list.len() && slots == held.before {
        return Ok(());
    }
    let before: Vec<&[u64]> = runs(&held.before, width, list.len()).collect();
    let mut items = Vec::with_capacity(len);
    for (index, slots) in runs(slots, width, len).enumerate() {
        // An item that stayed where it was is the object that it was.
        items.push(match before.get(index) {
            Some(same) if *same == slots => list.get_item(index)?,
            // SAFETY: the caller's.
            _ => unsafe { reader.read(item, slots)? },
        });
    }
    reader.outlive(list.iter());
    list.set_slice(0, list.len(), PyList::new(list.py(), items)?.as_any())
}

/// # Safety
/// As of [`store_back`].
unsafe fn store_dict<'py>(
    reader: &Reader<'_, 'py>,
    held: &Held<'_>,
    dict: &Bound<'py, PyDict>,
    (key, value): (&Type, &Type),
) -> PyResult<()> {
    // SAFETY: the caller's.
    let table = unsafe { &*(held.address as *const Table) };
    if table.len as usize == dict.len() && table_items(table, slot_count(key) + slot_count(value)) == held.before {
        return Ok(());
    }
    // SAFETY: the caller's.
    let entries = unsafe { reader.entries(held.address, key, value)? };
    // Of a class that derives from `dict` by its own methods: an `OrderedDict` knows its order itself.
    reader.outlive(dict.iter().flat_map(|(key, value)| [key, value]));
    let dict = dict.as_any();
    dict.call_method0(intern!(dict.py(), "clear"))?;
    for (key, value) in entries {
        dict.set_item(key, value)?;
    }
    Ok(())
}

/// # Safety
/// As of [`store_back`].
unsafe fn store_set<'py>(
    reader: &Reader<'_, 'py>,
    held: &Held<'_>,
    set: &Bound<'py, PySet>,
    item: &Type,
) -> PyResult<()> {
    // SAFETY: the caller's.
    let table = unsafe { &*(held.address as *const Table) };
    if table.len as usize == set.len() && table_items(table, slot_count(item)) == held.before {
        return Ok(());
    }
    // SAFETY: the caller's.
    let items = unsafe { reader.items(held.address, item)? };
    reader.outlive(set.iter());
    set.clear();
    for item in items {
        set.add(item)?;
    }
    Ok(())
}
