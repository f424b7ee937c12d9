//! The memory behind the slots of a call: what Python's containers are copied into, and which Python object each copy stands
//! for, so that it is seen changed by the caller and comes back as itself. Knows layouts, nothing of functions.

use std::collections::{HashMap, HashSet};

use ir::Type;
use ir::layout::slot_count;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use runtime::abi::{List, Table};
use runtime::arena::Arena;
use runtime::exc::Raised;
use runtime::set::Layout;
use runtime::shape::Place;
use runtime::{set, tables, value};

use crate::layouts::Layouts;

/// A container of Python's that was copied.
pub struct Held<'t> {
    pub object: Py<PyAny>,
    pub ty: &'t Type,
    /// The header of the copy.
    pub address: u64,
    /// The slots of its items as they were, when the frame remembers them.
    pub before: Vec<u64>,
    /// Of an instance, the number of its class among the layouts.
    pub layout: usize,
    /// Of a deque, the address of the list that says where in the other its first item is.
    pub state: u64,
}

/// Copies of Python's containers.
#[derive(Default)]
pub struct Frame<'t> {
    /// Where the copies lie, and what compiled code makes as well.
    pub arena: Arena,
    pub held: Vec<Held<'t>>,
    by_object: HashMap<usize, usize>,
    /// The classes of the records that were copied, by name.
    classes: Vec<Py<PyType>>,
    /// The arrays that are referred to where they lie, by the addresses of their first elements.
    pub arrays: HashMap<u64, Vec<Py<PyAny>>>,
    /// How instances lie in memory.
    pub layouts: Option<&'t Layouts>,
    /// Instances whose fields are not copied yet, by their numbers among what is held.
    open: Vec<usize>,
    /// The function may store into its arguments: what was in them is remembered.
    remembers: bool,
    /// Objects of which there are copies of several types, as of an empty list: none may be changed.
    pub twins: HashSet<usize>,
}

impl<'t> Frame<'t> {
    /// A frame of a call. `remembers`: what the function stores into containers shall be found afterwards.
    pub fn new(arena: Arena, remembers: bool, layouts: &'t Layouts) -> Frame<'t> {
        Frame { arena, remembers, layouts: Some(layouts), ..Frame::default() }
    }

    /// Room for an instance, whose fields are copied later: they may lead back to it.
    pub fn add_instance(&mut self, object: &Bound<'_, PyAny>, ty: &'t Type, layout: usize) -> PyResult<u64> {
        let slots = self.layouts.and_then(|layouts| layouts.classes.get(layout)).map_or(1, |layout| layout.slots);
        let room = self.arena.alloc_slots(slots).map_err(out_of_memory)?;
        room.fill(0);
        let address = room.as_mut_ptr() as u64;
        self.hold(object, ty, address, &[]);
        if let Some(held) = self.held.last_mut() {
            held.layout = layout;
        }
        self.open.push(self.held.len() - 1);
        Ok(address)
    }

    pub fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// What is in the containers now is what a later look compares with.
    ///
    /// # Safety
    /// The arena lives, and what is held was copied by this frame.
    pub unsafe fn remember_all(&mut self) {
        let layouts = self.layouts;
        for held in &mut self.held {
            // SAFETY: the caller's.
            held.before = unsafe { crate::mutation::slots_now(held, layouts) };
        }
    }

    /// An instance whose fields are to be copied.
    pub fn next_open(&mut self) -> Option<usize> {
        self.open.pop()
    }

    /// The slots of an instance's fields, now all there.
    pub fn fill_instance(&mut self, index: usize, slots: &[u64]) {
        let Some(held) = self.held.get_mut(index) else { return };
        // SAFETY: `add_instance` made room for as many slots as its class has.
        unsafe { std::ptr::copy_nonoverlapping(slots.as_ptr(), held.address as *mut u64, slots.len()) };
        if self.remembers {
            held.before = slots.to_vec();
        }
    }

    /// The address of an empty container: what stands in a field that has no value and is never read.
    pub fn stand_in(&mut self) -> PyResult<u64> {
        let room = self.arena.alloc_slots(size_of::<Table>().div_ceil(8)).map_err(out_of_memory)?;
        room.fill(0);
        Ok(room.as_mut_ptr() as u64)
    }

    /// The copy of an object that was copied before: one object has one copy, for the function may compare or change it.
    pub fn known(&mut self, object: &Bound<'_, PyAny>, ty: &Type) -> Option<u64> {
        let place = object.as_ptr() as usize;
        let held = self.by_object.get(&place).and_then(|index| self.held.get(*index))?;
        if held.ty == ty {
            return Some(held.address);
        }
        if self.remembers {
            self.twins.insert(place);
        }
        None
    }

    /// A list's items, `slots` of each one after the other.
    pub fn add_list(&mut self, object: &Bound<'_, PyAny>, ty: &'t Type, items: &[u64], len: usize) -> PyResult<u64> {
        let address = self.add_items(items, len)?;
        self.hold(object, ty, address, items);
        Ok(address)
    }

    /// A list that stands for no object of its own.
    pub fn add_items(&mut self, items: &[u64], len: usize) -> PyResult<u64> {
        let data = self.arena.alloc_slots(items.len()).map_err(out_of_memory)?;
        data.copy_from_slice(items);
        let data = data.as_mut_ptr();
        self.add_header(List { data, len: len as i64, capacity: len as i64 })
    }

    /// A deque's items: the addresses of their list and of the deque's state.
    pub fn add_deque(
        &mut self,
        object: &Bound<'_, PyAny>,
        ty: &'t Type,
        items: &[u64],
        len: usize,
    ) -> PyResult<(u64, u64)> {
        let state = self.add_items(&[0, 0], 2)?;
        let address = self.add_list(object, ty, items, len)?;
        if let Some(held) = self.held.last_mut() {
            held.state = state;
        }
        Ok((address, state))
    }

    /// The state of the deque whose items are at this address.
    pub fn state_of(&self, address: u64) -> u64 {
        self.held.iter().find(|held| held.address == address).map_or(0, |held| held.state)
    }

    /// The name of the built-in class that makes the missing values of a `defaultdict`, by the number in its type.
    pub fn factory(&self, number: &str) -> Option<&'t str> {
        self.layouts?.factories.get(number.parse::<usize>().ok()?)?.as_deref()
    }

    /// A dict's entries, key and value one after the other.
    pub fn add_dict(
        &mut self,
        object: &Bound<'_, PyAny>,
        ty: &'t Type,
        entries: &[u64],
        count: usize,
    ) -> PyResult<u64> {
        let Type::Dict(key, item) = ty else { return Err(PyTypeError::new_err("not the type of a dict")) };
        let shape = codegen::shape_of(key);
        let width = slot_count(key) + slot_count(item);
        let mut table = tables::empty();
        for entry in runs(entries, width, count) {
            // SAFETY: the slots are those of a key that was just written, and its value.
            unsafe {
                let hash = value::hash_of(Place::new(shape.as_bytes()).val(entry.as_ptr()));
                tables::push(&mut self.arena, &mut table, 1 + width, hash, entry.as_ptr()).map_err(out_of_memory)?;
            }
        }
        let address = self.add_header(table)?;
        self.hold(object, ty, address, entries);
        Ok(address)
    }

    /// A set's items in the order in which Python iterates over them; `layout` says where they are in its table.
    pub fn add_set(
        &mut self,
        object: &Bound<'_, PyAny>,
        ty: &'t Type,
        items: &[u64],
        layout: &Layout,
    ) -> PyResult<u64> {
        let Type::Set { item, .. } = ty else { return Err(PyTypeError::new_err("not the type of a set")) };
        let shape = codegen::shape_of(item);
        let place = Place::new(shape.as_bytes());
        let table = if ir::layout::has_table_order(item) {
            // SAFETY: the slots are those of items that were just written, and differ as Python's do.
            unsafe { set::with_layout(&mut self.arena, place, layout, items) }.map_err(out_of_memory)?
        } else {
            let mut table = set::empty(false);
            for slots in runs(items, slot_count(item), layout.live.len()) {
                // SAFETY: the slots are those of an item that was just written.
                unsafe { set::add(&mut self.arena, &mut table, place, slots.as_ptr()).map_err(out_of_memory)? };
            }
            table
        };
        let address = self.add_header(table)?;
        self.hold(object, ty, address, items);
        Ok(address)
    }

    /// Remembers the class of a record; false when the program's class of that name is another one.
    pub fn add_class(&mut self, class: &Bound<'_, PyType>) -> bool {
        if self.classes.iter().any(|known| known.is(class)) {
            return true;
        }
        let py = class.py();
        let name = |class: &Bound<'_, PyType>| class.name().ok()?.extract::<String>().ok();
        let named = self.layouts.map_or(&[][..], |layouts| &layouts.named);
        if named.iter().map(|known| known.bind(py)).any(|known| !known.is(class) && name(known) == name(class)) {
            return false;
        }
        self.classes.push(class.clone().unbind());
        true
    }

    pub fn classes(&self) -> &[Py<PyType>] {
        &self.classes
    }

    fn hold(&mut self, object: &Bound<'_, PyAny>, ty: &'t Type, address: u64, items: &[u64]) {
        let before = if self.remembers { items.to_vec() } else { Vec::new() };
        self.by_object.insert(object.as_ptr() as usize, self.held.len());
        self.held.push(Held { object: object.clone().unbind(), ty, address, before, layout: 0, state: 0 });
    }

    fn add_header<T>(&mut self, header: T) -> PyResult<u64> {
        let room = self.arena.alloc_slots(size_of::<T>().div_ceil(8)).map_err(out_of_memory)?;
        let address = room.as_mut_ptr().cast::<T>();
        // SAFETY: the room is large enough and aligned as slots are, which headers need no more of.
        unsafe { address.write(header) };
        Ok(address as u64)
    }
}

/// What captured values refer to, for as long as a plan may read them.
pub struct Kept {
    _objects: Vec<Py<PyAny>>,
    _arena: Arena,
}

// SAFETY: nothing in it is used but to be freed.
unsafe impl Sync for Kept {}

impl Kept {
    pub fn new(objects: Vec<Py<PyAny>>, arena: Arena) -> Kept {
        Kept { _objects: objects, _arena: arena }
    }
}

/// The slots of `count` items of `width` slots each.
pub fn runs(items: &[u64], width: usize, count: usize) -> impl Iterator<Item = &[u64]> {
    (0..count).map(move |index| items.get(index * width..(index + 1) * width).unwrap_or_default())
}

/// What is in a table now, in order: the slots of its entries without the hashes.
pub fn table_items(table: &Table, width: usize) -> Vec<u64> {
    let mut items = Vec::with_capacity(table.len.max(0) as usize * width);
    for entry in tables::live(table, 1 + width) {
        // SAFETY: an entry of the table has its hash and so many slots.
        items.extend(unsafe { std::slice::from_raw_parts(entry.add(1), width) });
    }
    items
}

fn out_of_memory(_: Raised) -> PyErr {
    pyo3::exceptions::PyMemoryError::new_err(())
}
