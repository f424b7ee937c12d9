//! Where the items of a Python set are in its hash table. The order in which a set is iterated, also after it has grown, follows
//! from nothing else, and Python has no function that tells it: so the table is read where CPython keeps it. Everything read
//! is held against what Python says of the set before it is used.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use runtime::set::Layout;

/// The start of CPython's `PySetObject`, alike from 3.10 on, in builds with a global lock.
#[repr(C)]
struct SetObject {
    header: pyo3::ffi::PyObject,
    fill: isize,
    used: isize,
    mask: isize,
    table: *const Entry,
}

#[repr(C)]
struct Entry {
    key: *const pyo3::ffi::PyObject,
    hash: isize,
}

/// The hash of a place whose item was removed.
const REMOVED: isize = -1;
/// The size in bytes of a set without a table of its own, and of a place in one; up to [`PLACES_INSIDE`] are in the set itself.
const SET_BYTES: usize = 200;
const PLACE_BYTES: usize = 16;
const PLACES_INSIDE: usize = 8;

/// The layout of a `set` or `frozenset` whose items, in the order of iteration, are `values`.
pub fn of(object: &Bound<'_, PyAny>, values: &[Bound<'_, PyAny>]) -> PyResult<Layout> {
    let bytes: usize = object.call_method0("__sizeof__")?.extract()?;
    let places = (bytes.saturating_sub(SET_BYTES) / PLACE_BYTES).max(PLACES_INSIDE);
    let unknown = || PyTypeError::new_err("the order of this set cannot be told: this Python keeps sets otherwise");
    // SAFETY: the object is a set and at least as large as this start of it.
    let set = unsafe { &*object.as_ptr().cast::<SetObject>() };
    let as_said = set.used == values.len() as isize && set.mask == places as isize - 1 && set.fill >= set.used;
    if !as_said || !places.is_power_of_two() || set.table.is_null() {
        return Err(unknown());
    }
    let mut layout = Layout { places, live: Vec::with_capacity(values.len()), removed: Vec::new() };
    for place in 0..places {
        // SAFETY: the number of places is the one that both the set and its size say.
        let entry = unsafe { &*set.table.add(place) };
        if entry.key.is_null() {
            continue;
        }
        if entry.hash == REMOVED {
            layout.removed.push(place);
            continue;
        }
        if values.get(layout.live.len()).is_none_or(|value| !std::ptr::eq(value.as_ptr(), entry.key)) {
            return Err(unknown());
        }
        layout.live.push(place);
    }
    if layout.live.len() == values.len() { Ok(layout) } else { Err(unknown()) }
}
