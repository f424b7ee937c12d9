//! Sets. A set of numbers is CPython's hash table: its places, probing and growth decide the order in which it is iterated,
//! so they are the same. Other sets are tables in insertion order ([`tables`]).
//!
//! `item` is the shape of the set's items. Every table here is one of the program's, with items of that shape.

use crate::abi::Table;
use crate::arena::Arena;
use crate::exc::{Raised, memory_error};
use crate::shape::Place;
use crate::tables::{self, Key, with_key};

/// The places of an empty table.
const SIZE_MIN: usize = 8;
/// Neighbours looked at before the next jump.
const LINEAR_PROBES: usize = 9;
/// How many bits of the hash each jump takes in.
const PERTURB_SHIFT: u32 = 5;
/// A set with more items only doubles.
const LARGE: i64 = 50_000;

/// The states of a place.
const EMPTY: u8 = 0;
const DUMMY: u8 = 1;
const LIVE: u8 = 2;

/// The hash of a place that holds nothing.
const GONE: u64 = u64::MAX;

/// An empty set.
pub fn empty(has_table_order: bool) -> Table {
    Table { has_table_order: i64::from(has_table_order), ..tables::empty() }
}

fn is_table(set: &Table) -> bool {
    set.has_table_order != 0
}

fn width_of(item: Place<'_>) -> usize {
    1 + item.width()
}

fn state(set: &Table, place: usize) -> u8 {
    // SAFETY: the places of a table have a byte each.
    unsafe { *set.index.cast::<u8>().add(place) }
}

fn set_state(set: &mut Table, place: usize, state: u8) {
    // SAFETY: as above.
    unsafe { *set.index.cast::<u8>().add(place) = state };
}

fn mask(set: &Table) -> usize {
    (set.used.max(1) - 1) as usize
}

/// The places that a hash leads to, in order, as CPython walks them. Endless: some place is always empty.
struct Probes {
    mask: usize,
    perturb: u64,
    at: usize,
    left: usize,
}

impl Probes {
    fn new(hash: i64, mask: usize) -> Probes {
        let at = hash as usize & mask;
        Probes { mask, perturb: hash as u64, at, left: Probes::neighbours(at, mask) }
    }

    fn neighbours(at: usize, mask: usize) -> usize {
        if at + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 }
    }

    /// The current place; goes on to the next.
    fn step(&mut self) -> usize {
        let offset = Probes::neighbours(self.at, self.mask) - self.left;
        let place = self.at + offset;
        if self.left > 0 {
            self.left -= 1;
        } else {
            self.perturb >>= PERTURB_SHIFT;
            self.at = self.at.wrapping_mul(5).wrapping_add(1).wrapping_add(self.perturb as usize) & self.mask;
            self.left = Probes::neighbours(self.at, self.mask);
        }
        place
    }
}

/// A new table of so many places, all empty.
fn allocate(arena: &mut Arena, set: &mut Table, size: usize, width: usize) -> Result<(), Raised> {
    let slots = size.checked_mul(width).ok_or_else(memory_error)?;
    let entries = arena.alloc_slots(slots)?.as_mut_ptr();
    let states = arena.alloc_slots(size.div_ceil(8))?.as_mut_ptr();
    for place in 0..size {
        // SAFETY: each place has its slots.
        unsafe { *entries.add(place * width) = GONE };
    }
    (set.entries, set.index) = (entries, states.cast());
    (set.used, set.capacity, set.fill, set.len) = (size as i64, size as i64, 0, 0);
    Ok(())
}

/// Puts an item that is not there into the first empty place on its way, or, with `reuse`, into the last place before that
/// where an item was. True when the place was empty.
///
/// # Safety
/// `slots` are those of an item.
unsafe fn insert(set: &mut Table, width: usize, hash: i64, slots: *const u64, reuse: bool) -> bool {
    let mut probes = Probes::new(hash, mask(set));
    let mut dummy = None;
    let place = loop {
        let place = probes.step();
        match state(set, place) {
            EMPTY => break dummy.unwrap_or(place),
            DUMMY if reuse => dummy = Some(place),
            _ => {}
        }
    };
    let target = tables::entry(set, width, place);
    // SAFETY: the place has the slots of an entry.
    unsafe {
        *target = hash as u64;
        std::ptr::copy_nonoverlapping(slots, target.add(1), width - 1);
    }
    set_state(set, place, LIVE);
    set.fill += i64::from(dummy.is_none());
    set.len += 1;
    dummy.is_none()
}

/// # Safety
/// As [`insert`]; the table has no dummies.
unsafe fn insert_clean(set: &mut Table, width: usize, hash: i64, slots: *const u64) {
    // SAFETY: promised by the caller.
    unsafe { insert(set, width, hash, slots, false) };
}

/// A new table with more places than `items`, and the same items.
fn resize(arena: &mut Arena, set: &mut Table, width: usize, items: i64) -> Result<(), Raised> {
    let mut size = SIZE_MIN;
    while size as i64 <= items {
        size *= 2;
    }
    let old = Table { ..*set };
    let moved: Vec<*const u64> = tables::live(&old, width).collect();
    allocate(arena, set, size, width)?;
    for entry in moved {
        // SAFETY: the old entries are still in the arena.
        unsafe { insert_clean(set, width, *entry as i64, entry.add(1)) };
    }
    Ok(())
}

fn grown(set: &Table) -> i64 {
    if set.len > LARGE { set.len * 2 } else { set.len * 4 }
}

fn needs_more(set: &Table, more: i64) -> bool {
    (set.fill + more) * 5 >= mask(set) as i64 * 3
}

/// The place of a key.
///
/// # Safety
/// The set's items are such as the key is made for.
unsafe fn find(set: &Table, width: usize, key: &impl Key, hash: i64) -> Option<usize> {
    if set.len == 0 {
        return None;
    }
    if !is_table(set) {
        // SAFETY: promised by the caller.
        return unsafe { tables::find(set, width, key) };
    }
    let mut probes = Probes::new(hash, mask(set));
    loop {
        let place = probes.step();
        match state(set, place) {
            EMPTY => return None,
            LIVE => {
                let entry = tables::entry(set, width, place);
                // SAFETY: a live place is an entry.
                if unsafe { *entry == hash as u64 && key.is(entry.add(1)) } {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
}

/// Adds an item.
///
/// # Safety
/// `slots` are those of a live item.
pub unsafe fn add(arena: &mut Arena, set: &mut Table, item: Place<'_>, slots: *const u64) -> Result<(), Raised> {
    let width = width_of(item);
    // SAFETY: promised by the caller.
    with_key!(item, item, slots, key => unsafe { add_key(arena, set, width, key, slots) })
}

/// # Safety
/// The key is the one of the slots.
unsafe fn add_key(
    arena: &mut Arena,
    set: &mut Table,
    width: usize,
    key: &impl Key,
    slots: *const u64,
) -> Result<(), Raised> {
    let hash = key.hash();
    // SAFETY: promised by the caller.
    unsafe {
        if find(set, width, key, hash).is_some() {
            return Ok(());
        }
        if !is_table(set) {
            return tables::push(arena, set, width, hash, slots).map(drop);
        }
        if set.used == 0 {
            allocate(arena, set, SIZE_MIN, width)?;
        }
        if !insert(set, width, hash, slots, true) {
            return Ok(());
        }
    }
    if needs_more(set, 0) { resize(arena, set, width, grown(set)) } else { Ok(()) }
}

/// Whether the set has an item equal to the value of the shape `given`.
///
/// # Safety
/// `slots` are those of a live value of that shape.
pub unsafe fn contains(set: &Table, item: Place<'_>, given: Place<'_>, slots: *const u64) -> bool {
    // SAFETY: promised by the caller.
    with_key!(item, given, slots, key => unsafe { find(set, width_of(item), key, key.hash()).is_some() })
}

/// Takes an item away; whether it was there.
///
/// # Safety
/// As [`contains`].
pub unsafe fn discard(set: &mut Table, item: Place<'_>, given: Place<'_>, slots: *const u64) -> bool {
    let width = width_of(item);
    // SAFETY: promised by the caller.
    let found = with_key!(item, given, slots, key => unsafe { find(set, width, key, key.hash()) });
    found.is_some_and(|place| {
        remove_at(set, width, place);
        true
    })
}

fn remove_at(set: &mut Table, width: usize, place: usize) {
    if is_table(set) {
        set_state(set, place, DUMMY);
        // SAFETY: the place has the slots of an entry.
        unsafe { *tables::entry(set, width, place) = GONE };
        set.len -= 1;
    } else {
        tables::delete_at(set, width, place as i64);
    }
}

/// Takes the item away that CPython would, or the first from where the last one was; its slots go to `out`.
///
/// # Safety
/// `out` has room for an item.
pub unsafe fn pop(set: &mut Table, width: usize, out: *mut u64) -> bool {
    if set.len == 0 {
        return false;
    }
    let start = if is_table(set) { set.finger & mask(set) as i64 } else { set.finger };
    let found = match tables::next(set, width, start) {
        -1 => tables::next(set, width, 0),
        found => found,
    };
    // SAFETY: the place is a live entry.
    unsafe { std::ptr::copy_nonoverlapping(tables::entry(set, width, found as usize).add(1), out, width - 1) };
    remove_at(set, width, found as usize);
    set.finger = found + 1;
    true
}

pub fn clear(set: &mut Table) {
    *set = empty(is_table(set));
}

/// Where the items of a set are in CPython's table.
pub struct Layout {
    /// The table's places: a power of two, at least 8.
    pub places: usize,
    /// The places that hold an item, in order.
    pub live: Vec<usize>,
    /// The places whose item was removed.
    pub removed: Vec<usize>,
}

/// The layout of a set that is CPython's table.
pub fn layout(set: &Table) -> Layout {
    let mut layout = Layout { places: set.used.max(0) as usize, live: Vec::new(), removed: Vec::new() };
    for place in 0..layout.places {
        match state(set, place) {
            LIVE => layout.live.push(place),
            DUMMY => layout.removed.push(place),
            _ => {}
        }
    }
    layout.places = layout.places.max(SIZE_MIN);
    layout
}

/// A set with this layout; `items` are the slots of its items in the order of their places.
///
/// # Safety
/// The slots are those of live, different items, `item.width()` each.
pub unsafe fn with_layout(arena: &mut Arena, item: Place<'_>, layout: &Layout, items: &[u64]) -> Result<Table, Raised> {
    let (mut set, width) = (empty(true), width_of(item));
    allocate(arena, &mut set, layout.places, width)?;
    for (index, place) in layout.live.iter().enumerate() {
        let slots = items.get(index * item.width()..).unwrap_or_default().as_ptr();
        let target = tables::entry(&set, width, *place);
        // SAFETY: promised by the caller; the place is one of the table's.
        unsafe {
            *target = crate::value::hash_of(item.val(slots)) as u64;
            std::ptr::copy_nonoverlapping(slots, target.add(1), item.width());
        }
        set_state(&mut set, *place, LIVE);
    }
    for place in &layout.removed {
        set_state(&mut set, *place, DUMMY);
    }
    set.len = layout.live.len() as i64;
    set.fill = set.len + layout.removed.len() as i64;
    Ok(set)
}

/// Makes room as CPython does before it takes `count` items from a set or dict.
pub fn reserve(arena: &mut Arena, set: &mut Table, item: Place<'_>, count: i64) -> Result<(), Raised> {
    if !is_table(set) {
        return Ok(());
    }
    let width = width_of(item);
    if set.used == 0 {
        allocate(arena, set, SIZE_MIN, width)?;
    }
    if needs_more(set, count) { resize(arena, set, width, (set.len + count) * 2) } else { Ok(()) }
}

/// `set |= other`, both of the same items.
///
/// # Safety
/// Both are sets of the program.
pub unsafe fn update(arena: &mut Arena, set: &mut Table, other: &Table, item: Place<'_>) -> Result<(), Raised> {
    if other.len == 0 {
        return Ok(());
    }
    let width = width_of(item);
    reserve(arena, set, item, other.len)?;
    if is_table(set) && set.fill == 0 && set.used == other.used && other.fill == other.len {
        // SAFETY: both have as many places.
        unsafe {
            std::ptr::copy_nonoverlapping(other.entries, set.entries, set.used as usize * width);
            std::ptr::copy_nonoverlapping(other.index.cast::<u8>(), set.index.cast::<u8>(), set.used as usize);
        }
        (set.fill, set.len) = (other.fill, other.len);
        return Ok(());
    }
    let is_clean = is_table(set) && set.fill == 0;
    for entry in tables::live(other, width) {
        // SAFETY: a live entry has its hash and an item.
        unsafe {
            if is_clean {
                insert_clean(set, width, *entry as i64, entry.add(1));
            } else {
                add(arena, set, item, entry.add(1))?;
            }
        }
    }
    Ok(())
}

/// A set of the same items.
///
/// # Safety
/// A set of the program.
pub unsafe fn copy(arena: &mut Arena, set: &Table, item: Place<'_>) -> Result<Table, Raised> {
    let mut copy = empty(is_table(set));
    // SAFETY: promised by the caller.
    unsafe { update(arena, &mut copy, set, item)? };
    Ok(copy)
}

/// `a & b`.
///
/// # Safety
/// Both are sets of the program with such items.
pub unsafe fn intersection(arena: &mut Arena, a: &Table, b: &Table, item: Place<'_>) -> Result<Table, Raised> {
    // SAFETY: promised by the caller, here and below.
    if std::ptr::eq(a, b) {
        return unsafe { copy(arena, a, item) };
    }
    let (small, large) = if b.len > a.len { (a, b) } else { (b, a) };
    let mut result = empty(is_table(a));
    for entry in tables::live(small, width_of(item)) {
        unsafe {
            if contains(large, item, item, entry.add(1)) {
                add(arena, &mut result, item, entry.add(1))?;
            }
        }
    }
    Ok(result)
}

/// `a - b`.
///
/// # Safety
/// Both are sets of the program with such items.
pub unsafe fn difference(arena: &mut Arena, a: &Table, b: &Table, item: Place<'_>) -> Result<Table, Raised> {
    // SAFETY: promised by the caller, here and below.
    if a.len >> 2 > b.len {
        let mut result = unsafe { copy(arena, a, item)? };
        unsafe { subtract(arena, &mut result, b, item)? };
        return Ok(result);
    }
    let mut result = empty(is_table(a));
    for entry in tables::live(a, width_of(item)) {
        unsafe {
            if !contains(b, item, item, entry.add(1)) {
                add(arena, &mut result, item, entry.add(1))?;
            }
        }
    }
    Ok(result)
}

/// `set -= other`.
///
/// # Safety
/// Both are sets of the program with such items, and not one.
pub unsafe fn subtract(arena: &mut Arena, set: &mut Table, other: &Table, item: Place<'_>) -> Result<(), Raised> {
    for entry in tables::live(other, width_of(item)) {
        // SAFETY: promised by the caller.
        unsafe { discard(set, item, item, entry.add(1)) };
    }
    if is_table(set) && set.fill - set.len > mask(set) as i64 / 4 {
        return resize(arena, set, width_of(item), grown(set));
    }
    Ok(())
}

/// `set ^= other`.
///
/// # Safety
/// Both are sets of the program with such items, and not one.
pub unsafe fn toggle(arena: &mut Arena, set: &mut Table, other: &Table, item: Place<'_>) -> Result<(), Raised> {
    for entry in tables::live(other, width_of(item)) {
        // SAFETY: promised by the caller.
        unsafe {
            if !discard(set, item, item, entry.add(1)) {
                add(arena, set, item, entry.add(1))?;
            }
        }
    }
    Ok(())
}

/// `a <= b`.
///
/// # Safety
/// Both are sets of the program, with items of these shapes.
pub unsafe fn is_subset(a: &Table, b: &Table, item_a: Place<'_>, item_b: Place<'_>) -> bool {
    // SAFETY: promised by the caller.
    // A set holds its own items, a NaN among them, too.
    std::ptr::eq(a, b)
        || a.len <= b.len
            && tables::live(a, width_of(item_a)).all(|entry| unsafe { contains(b, item_b, item_a, entry.add(1)) })
}

/// Whether no item of one is in the other.
///
/// # Safety
/// As [`is_subset`].
pub unsafe fn is_disjoint(a: &Table, b: &Table, item_a: Place<'_>, item_b: Place<'_>) -> bool {
    // SAFETY: promised by the caller.
    !tables::live(a, width_of(item_a)).any(|entry| unsafe { contains(b, item_b, item_a, entry.add(1)) })
}
