//! What a call changed in the containers it was handed: stored back into Python's own objects. What did not change is left as it
//! is, the very objects included.

use ir::Type;
use ir::layout::slot_count;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};
use runtime::abi::Table;

use crate::frame::{Held, runs, table_items};
use crate::read::{Reader, list_len, list_slots};

/// Stores what was changed.
///
/// # Safety
/// The containers were copied in this call by a frame that remembers, and are alive.
pub unsafe fn store_back(reader: &Reader<'_, '_>, held: &[Held<'_>], py: Python<'_>) -> PyResult<()> {
    for container in held {
        let object = container.object.bind(py);
        // SAFETY: the caller's.
        unsafe {
            match container.ty {
                Type::List(item) => store_list(reader, container, object.cast::<PyList>()?, item)?,
                Type::Dict(key, value) => store_dict(reader, container, object.cast::<PyDict>()?, key, value)?,
                Type::Set { item, frozen: false } => store_set(reader, container, object.cast::<PySet>()?, item)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// # Safety
/// As of [`store_back`].
unsafe fn store_list(reader: &Reader<'_, '_>, held: &Held<'_>, list: &Bound<'_, PyList>, item: &Type) -> PyResult<()> {
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
    list.set_slice(0, list.len(), PyList::new(list.py(), items)?.as_any())
}

/// # Safety
/// As of [`store_back`].
unsafe fn store_dict(
    reader: &Reader<'_, '_>,
    held: &Held<'_>,
    dict: &Bound<'_, PyDict>,
    key: &Type,
    value: &Type,
) -> PyResult<()> {
    // SAFETY: the caller's.
    let table = unsafe { &*(held.address as *const Table) };
    if table.len as usize == dict.len() && table_items(table, slot_count(key) + slot_count(value)) == held.before {
        return Ok(());
    }
    // SAFETY: the caller's.
    let entries = unsafe { reader.entries(held.address, key, value)? };
    dict.clear();
    for (key, value) in entries {
        dict.set_item(key, value)?;
    }
    Ok(())
}

/// # Safety
/// As of [`store_back`].
unsafe fn store_set(reader: &Reader<'_, '_>, held: &Held<'_>, set: &Bound<'_, PySet>, item: &Type) -> PyResult<()> {
    // SAFETY: the caller's.
    let table = unsafe { &*(held.address as *const Table) };
    if table.len as usize == set.len() && table_items(table, slot_count(item)) == held.before {
        return Ok(());
    }
    // SAFETY: the caller's.
    let items = unsafe { reader.items(held.address, item)? };
    set.clear();
    for item in items {
        set.add(item)?;
    }
    Ok(())
}
