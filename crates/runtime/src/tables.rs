//! Tables in insertion order: dicts, and sets whose order CPython does not fix. Entries follow one another; an index of
//! their numbers, found by hash, leads to them. Sizes grow as CPython's dicts do, so that what moves during an iteration
//! moves in both.
//!
//! `width` is always the number of slots of an entry: hash, key, value. Every table here is one of the program's, with
//! entries of that width.

use crate::abi::Table;
use crate::arena::Arena;
use crate::exc::{Raised, memory_error};
use crate::hash;
use crate::shape::Place;
use crate::value;

/// The hash of what is no entry.
const GONE: u64 = u64::MAX;
/// The size of the smallest table; it has no index, its few entries are looked at one by one.
const SIZE_MIN: usize = 8;
/// More entries do not fit the index.
const ENTRIES_MAX: usize = u32::MAX as usize - 1;

/// A key to look for.
pub trait Key {
    fn hash(&self) -> i64;

    /// Whether the key of an entry equals it.
    ///
    /// # Safety
    /// The key is one of the table's.
    unsafe fn is(&self, key: *const u64) -> bool;
}

/// An `int` in a table of ints.
pub struct IntKey(pub i64);

/// A `str` in a table of texts, or `bytes` in one of bytes.
pub struct TextKey<'a>(pub &'a [u8]);

/// A key of any shape in a table of any shape.
pub struct AnyKey<'a> {
    own: Place<'a>,
    given: Place<'a>,
    slots: *const u64,
}

/// The key with these slots, of the shape `given`, in a table whose keys have the shape `own`.
pub fn any_key<'a>(own: Place<'a>, given: Place<'a>, slots: *const u64) -> AnyKey<'a> {
    AnyKey { own, given, slots }
}

impl Key for IntKey {
    fn hash(&self) -> i64 {
        hash::of_int(self.0)
    }

    unsafe fn is(&self, key: *const u64) -> bool {
        // SAFETY: an int is one slot.
        unsafe { *key as i64 == self.0 }
    }
}

impl Key for TextKey<'_> {
    fn hash(&self) -> i64 {
        hash::of_bytes(self.0)
    }

    unsafe fn is(&self, key: *const u64) -> bool {
        // SAFETY: a text is two slots.
        let (data, length) = unsafe { (*key, (*key.add(1) & !crate::abi::STR_ASCII_BIT) as usize) };
        length == self.0.len()
            // SAFETY: the bytes of a living text.
            && (length == 0 || unsafe { std::slice::from_raw_parts(data as *const u8, length) } == self.0)
    }
}

impl Key for AnyKey<'_> {
    fn hash(&self) -> i64 {
        // SAFETY: the key lives.
        unsafe { value::hash_of(self.given.val(self.slots)) }
    }

    unsafe fn is(&self, key: *const u64) -> bool {
        // SAFETY: both keys live.
        unsafe { value::equal(self.given.val(self.slots), self.own.val(key)) }
    }
}

/// Runs `then` with the key in the form that is quickest.
///
/// # Safety
/// The slots are those of a live value of the shape `given`; the table's keys have the shape `own`.
macro_rules! with_key {
    ($own:expr, $given:expr, $slots:expr, $key:ident => $then:expr) => {{
        let (own, given, slots): (crate::shape::Place<'_>, crate::shape::Place<'_>, *const u64) =
            ($own, $given, $slots);
        match (own.letter(), given.letter()) {
            (b'i', b'i') => {
                // SAFETY: an int is one slot.
                let $key = &crate::tables::IntKey(unsafe { *slots as i64 });
                $then
            }
            (b's', b's') => {
                // SAFETY: a text is two slots, and lives.
                let text = unsafe { crate::text::Text::from_abi(*slots as *const u8, *slots.add(1)) };
                let $key = &crate::tables::TextKey(text.as_bytes());
                $then
            }
            _ => {
                let $key = &crate::tables::any_key(own, given, slots);
                $then
            }
        }
    }};
}
pub(crate) use with_key;

/// An empty table: nothing is allocated before the first entry.
pub fn empty() -> Table {
    Table {
        entries: std::ptr::null_mut(),
        len: 0,
        used: 0,
        capacity: 0,
        index: std::ptr::null_mut(),
        index_mask: 0,
        fill: 0,
        finger: 0,
        has_table_order: 0,
    }
}

/// The entry at a position below `used`.
pub fn entry(table: &Table, width: usize, position: usize) -> *mut u64 {
    table.entries.wrapping_add(position * width)
}

fn hash_at(table: &Table, width: usize, position: usize) -> u64 {
    // SAFETY: a position below `used` is an entry, whose first slot is its hash.
    unsafe { *entry(table, width, position) }
}

/// The live entries in order.
pub fn live(table: &Table, width: usize) -> impl Iterator<Item = *const u64> {
    let (entries, used) = (table.entries, table.used.max(0) as usize);
    let all = (0..used).map(move |position| entries.wrapping_add(position * width).cast_const());
    // SAFETY: a position below `used` is an entry, whose first slot is its hash.
    all.filter(|entry| unsafe { **entry } != GONE)
}

/// The first live position from one on, or -1.
pub fn next(table: &Table, width: usize, position: i64) -> i64 {
    let used = table.used.max(0) as usize;
    let from = usize::try_from(position).unwrap_or(0);
    (from..used).find(|at| hash_at(table, width, *at) != GONE).map_or(-1, |at| at as i64)
}

/// The last live position, or -1.
pub fn last(table: &Table, width: usize) -> i64 {
    let used = table.used.max(0) as usize;
    (0..used).rev().find(|at| hash_at(table, width, *at) != GONE).map_or(-1, |at| at as i64)
}

/// Where the search for a hash starts in an index of this mask.
fn place_of(hash: i64, mask: usize) -> usize {
    // Neighbouring ints are spread by their product's upper half.
    ((hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask
}

/// The position of a key.
///
/// # Safety
/// The table's keys are such as the key is made for.
pub unsafe fn find(table: &Table, width: usize, key: &impl Key) -> Option<usize> {
    if table.len == 0 {
        return None;
    }
    let hash = key.hash();
    // SAFETY: promised by the caller.
    let matches =
        |at: usize| hash_at(table, width, at) == hash as u64 && unsafe { key.is(entry(table, width, at).add(1)) };
    if table.index.is_null() {
        return (0..table.used as usize).find(|at| matches(*at));
    }
    let mask = table.index_mask as usize;
    let mut place = place_of(hash, mask);
    loop {
        // SAFETY: the index has `mask + 1` places, some of them empty.
        match unsafe { *table.index.add(place) } {
            0 => return None,
            number if matches(number as usize - 1) => return Some(number as usize - 1),
            _ => place = (place + 1) & mask,
        }
    }
}

/// Adds an entry for a key that is not there: its position. The slots after the hash are copied from `slots`.
///
/// # Safety
/// `slots` has `width - 1` slots.
pub unsafe fn push(
    arena: &mut Arena,
    table: &mut Table,
    width: usize,
    hash: i64,
    slots: *const u64,
) -> Result<usize, Raised> {
    if table.used >= table.capacity {
        grow(arena, table, width)?;
    }
    let position = table.used as usize;
    let target = entry(table, width, position);
    // SAFETY: there is room for one more entry.
    unsafe {
        *target = hash as u64;
        std::ptr::copy_nonoverlapping(slots, target.add(1), width - 1);
    }
    table.used += 1;
    table.len += 1;
    if !table.index.is_null() {
        add_to_index(table, hash, position);
    }
    Ok(position)
}

/// `dict[key] = value`: sets the value of a key that is there, or adds both.
///
/// # Safety
/// `pair` is a key of the shape `own` and a value, `width - 1` slots.
pub unsafe fn store(
    arena: &mut Arena,
    dict: &mut Table,
    width: usize,
    own: Place<'_>,
    pair: *const u64,
) -> Result<(), Raised> {
    // SAFETY: promised by the caller.
    with_key!(own, own, pair, key => unsafe {
        match find(dict, width, key) {
            Some(position) => {
                let key_width = own.width();
                let target = entry(dict, width, position).add(1 + key_width);
                std::ptr::copy_nonoverlapping(pair.add(key_width), target, width - 1 - key_width);
                Ok(())
            }
            None => push(arena, dict, width, key.hash(), pair).map(drop),
        }
    })
}

fn add_to_index(table: &mut Table, hash: i64, position: usize) {
    let mask = table.index_mask as usize;
    let mut place = place_of(hash, mask);
    // SAFETY: the index has `mask + 1` places, more than there are entries.
    unsafe {
        while *table.index.add(place) != 0 {
            place = (place + 1) & mask;
        }
        *table.index.add(place) = position as u32 + 1;
    }
}

/// Makes room as CPython does: a table three times as large as what lives in it, of which two thirds are used.
fn grow(arena: &mut Arena, table: &mut Table, width: usize) -> Result<(), Raised> {
    let wanted = (table.len.max(0) as usize).checked_mul(3).ok_or_else(memory_error)?;
    let mut size = SIZE_MIN;
    while size < wanted {
        size *= 2;
    }
    let capacity = size * 2 / 3;
    if capacity > ENTRIES_MAX {
        return Err(memory_error());
    }
    let old = table.entries;
    if capacity as i64 > table.capacity {
        table.entries = arena.alloc_slots(capacity.checked_mul(width).ok_or_else(memory_error)?)?.as_mut_ptr();
        if size > SIZE_MIN {
            table.index = arena.alloc_slots(size / 2)?.as_mut_ptr().cast();
            table.index_mask = size as i64 - 1;
        }
    } else if !table.index.is_null() {
        // SAFETY: the index has that many places.
        unsafe { table.index.write_bytes(0, table.index_mask as usize + 1) };
    }
    table.capacity = table.capacity.max(capacity as i64);
    let mut kept = 0;
    for position in 0..table.used as usize {
        let source = old.wrapping_add(position * width);
        // SAFETY: entries move down, or to a new place with room for all of them.
        unsafe {
            if *source != GONE {
                std::ptr::copy(source, entry(table, width, kept), width);
                kept += 1;
            }
        }
    }
    table.used = kept as i64;
    if !table.index.is_null() {
        for position in 0..kept {
            add_to_index(table, hash_at(table, width, position) as i64, position);
        }
    }
    Ok(())
}

/// Takes the entry at a position away; false when there is none.
pub fn delete_at(table: &mut Table, width: usize, position: i64) -> bool {
    let Some(position) = usize::try_from(position).ok().filter(|at| (*at as i64) < table.used) else { return false };
    if hash_at(table, width, position) == GONE {
        return false;
    }
    // SAFETY: the position is an entry. The index leads to it still, and finds it gone.
    unsafe { *entry(table, width, position) = GONE };
    table.len -= 1;
    true
}

/// Takes all entries away.
pub fn clear(table: &mut Table) {
    *table = empty();
}

/// A copy in the same order, without what is gone.
pub fn copy(arena: &mut Arena, table: &Table, width: usize) -> Result<Table, Raised> {
    let mut copy = empty();
    for source in live(table, width) {
        // SAFETY: a live entry has its hash and `width - 1` slots more.
        unsafe { push(arena, &mut copy, width, *source as i64, source.add(1))? };
    }
    Ok(copy)
}
