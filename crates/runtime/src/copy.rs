//! `copy.deepcopy`: a value of any shape made anew, with everything that can be changed in it. What is met twice is copied
//! once, so that the copy hangs together as the value does.

use std::collections::HashMap;

use crate::abi::{List, Table};
use crate::arena::Arena;
use crate::exc::Raised;
use crate::shape::{Fields, Part, Place, Val};
use crate::{set, tables};

/// Values that were moved and still refer to what they were copied from.
struct Work<'a> {
    arena: &'a mut Arena,
    /// The copies, by what they are copies of.
    copies: HashMap<u64, u64>,
    open: Vec<(Place<'a>, *mut u64)>,
}

/// Makes the value in these slots own everything that it refers to.
///
/// # Safety
/// The slots are those of a live value of this shape, and nobody else's.
pub unsafe fn own<'a>(arena: &'a mut Arena, place: Place<'a>, slots: *mut u64) -> Result<(), Raised> {
    let mut work = Work { arena, copies: HashMap::new(), open: vec![(place, slots)] };
    while let Some((place, slots)) = work.open.pop() {
        // SAFETY: the slots are those of the value, or of a part of it that was moved.
        unsafe { work.one(place, slots)? };
    }
    Ok(())
}

fn is_flat(place: Place<'_>) -> bool {
    matches!(place.letter(), b'n' | b'b' | b'i' | b'f' | b'p' | b's' | b'y' | b'r')
}

impl<'a> Work<'a> {
    /// # Safety
    /// As [`own`].
    unsafe fn one(&mut self, place: Place<'a>, slots: *mut u64) -> Result<(), Raised> {
        let value = place.val(slots);
        // SAFETY: promised by the caller, here and below.
        if let Some(variant) = unsafe { value.chosen() } {
            self.open.push((variant.place(), variant.slots().cast_mut()));
            return Ok(());
        }
        match unsafe { value.part() } {
            Part::Tuple(fields) | Part::Record(_, _, fields) => self.fields(fields),
            Part::List(address, item) | Part::Items(address, item) => unsafe { self.list(address, item, slots)? },
            Part::Dict(address, key, value) => unsafe { self.dict(address, key, value, slots)? },
            Part::Set(address, item, _) => unsafe { self.set(address, item, slots)? },
            Part::Object(address, _, _, fields) => unsafe { self.object(address, fields, slots)? },
            Part::None
            | Part::Bool(_)
            | Part::Int(_)
            | Part::Float(_)
            | Part::Np(..)
            | Part::Str(_)
            | Part::Bytes(_)
            | Part::Range(_) => {}
        }
        Ok(())
    }

    fn fields(&mut self, fields: Fields<'a>) {
        self.open.extend(fields.map(|(_, val)| (val.place(), val.slots().cast_mut())));
    }

    /// Puts the copy that there is already into the slot; whether there was one.
    ///
    /// # Safety
    /// The slot can be written.
    unsafe fn is_known(&self, address: u64, slot: *mut u64) -> bool {
        match self.copies.get(&address) {
            Some(copy) => {
                // SAFETY: promised by the caller.
                unsafe { *slot = *copy };
                true
            }
            None => false,
        }
    }

    /// # Safety
    /// As [`own`]; the address is that of a live list of such items, and in the slot.
    unsafe fn list(&mut self, address: u64, item: Place<'a>, slot: *mut u64) -> Result<(), Raised> {
        // SAFETY: promised by the caller, here and below.
        if unsafe { self.is_known(address, slot) } {
            return Ok(());
        }
        let list = unsafe { &*(address as *const List) };
        let (width, count) = (item.width(), list.len.max(0) as usize);
        let data = self.arena.alloc_slots(width * count)?.as_mut_ptr();
        if width * count > 0 {
            unsafe { std::ptr::copy_nonoverlapping(list.data.cast_const(), data, width * count) };
        }
        let header = self.arena.alloc_bytes(size_of::<List>())?.cast::<List>();
        // SAFETY: just allocated with the size of a list's header.
        unsafe { header.write(List { data, len: count as i64, capacity: count as i64 }) };
        unsafe { self.moved(address, header.as_ptr() as u64, slot) };
        if !is_flat(item) {
            self.open.extend((0..count).map(|index| (item, data.wrapping_add(index * width))));
        }
        Ok(())
    }

    /// # Safety
    /// As [`Work::list`], of a dict. Its keys cannot be changed.
    unsafe fn dict(&mut self, address: u64, key: Place<'a>, value: Place<'a>, slot: *mut u64) -> Result<(), Raised> {
        // SAFETY: promised by the caller, here and below.
        if unsafe { self.is_known(address, slot) } {
            return Ok(());
        }
        let width = 1 + key.width() + value.width();
        let table = tables::copy(self.arena, unsafe { &*(address as *const Table) }, width)?;
        let values: Vec<*mut u64> =
            tables::live(&table, width).map(|entry| entry.wrapping_add(1 + key.width()).cast_mut()).collect();
        unsafe { self.table(address, table, slot)? };
        if !is_flat(value) {
            self.open.extend(values.into_iter().map(|slots| (value, slots)));
        }
        Ok(())
    }

    /// # Safety
    /// As [`Work::list`], of a set, whose items cannot be changed. CPython makes the copy from a list of the items.
    unsafe fn set(&mut self, address: u64, item: Place<'a>, slot: *mut u64) -> Result<(), Raised> {
        // SAFETY: promised by the caller, here and below.
        if unsafe { self.is_known(address, slot) } {
            return Ok(());
        }
        let from = unsafe { &*(address as *const Table) };
        let mut table = set::empty(from.has_table_order != 0);
        for entry in tables::live(from, 1 + item.width()) {
            unsafe { set::add(self.arena, &mut table, item, entry.wrapping_add(1))? };
        }
        unsafe { self.table(address, table, slot) }
    }

    /// # Safety
    /// The slot can be written.
    unsafe fn table(&mut self, address: u64, table: Table, slot: *mut u64) -> Result<(), Raised> {
        let header = self.arena.alloc_bytes(size_of::<Table>())?.cast::<Table>();
        // SAFETY: just allocated with the size of a table's header.
        unsafe { header.write(table) };
        // SAFETY: promised by the caller.
        unsafe { self.moved(address, header.as_ptr() as u64, slot) };
        Ok(())
    }

    /// # Safety
    /// As [`Work::list`], of an object with these fields.
    unsafe fn object(&mut self, address: u64, fields: Fields<'a>, slot: *mut u64) -> Result<(), Raised> {
        // SAFETY: promised by the caller, here and below.
        if unsafe { self.is_known(address, slot) } {
            return Ok(());
        }
        let parts: Vec<Val<'a>> = fields.map(|(_, val)| val).collect();
        let width: usize = parts.iter().map(|val| val.place().width()).sum();
        let made = self.arena.alloc_slots(width.max(1))?.as_mut_ptr();
        unsafe { std::ptr::copy_nonoverlapping(address as *const u64, made, width) };
        unsafe { self.moved(address, made as u64, slot) };
        let mut at = 0;
        for val in parts {
            self.open.push((val.place(), made.wrapping_add(at)));
            at += val.place().width();
        }
        Ok(())
    }

    /// # Safety
    /// The slot can be written.
    unsafe fn moved(&mut self, from: u64, to: u64, slot: *mut u64) {
        self.copies.insert(from, to);
        // SAFETY: promised by the caller.
        unsafe { *slot = to };
    }
}
