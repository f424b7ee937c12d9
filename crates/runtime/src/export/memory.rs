//! Lists and arrays in the arena. `slots` is always the number of slots of one item, `ir::layout::slot_count`.

use std::ptr;

use crate::abi::List;
use crate::arena::Arena;
use crate::exc::{Raised, index_error, memory_error, value_error};
use crate::export::exports;
use crate::list::slice_positions;
use crate::sort;
use crate::table::Kind;
use crate::text::Text;

exports! {
    /// A new empty list with room for `capacity` items.
    status fl_list_new(capacity: Int, slots: Int) -> [List] with arena = new_list(arena, capacity, slots);
    /// Makes room for at least `additional` more items.
    status fl_list_reserve(list: List, additional: Int, slots: Int) -> [] with arena = {
        // SAFETY: a list of the program.
        reserve(arena, unsafe { &mut *list }, additional, slots)
    };
    /// Appends the item whose slots are at `item`.
    status fl_list_append(list: List, item: Address, slots: Int) -> [] with arena = {
        // SAFETY: a list of the program, and the slots of one item.
        unsafe { append(arena, &mut *list, item, slots) }
    };
    /// `list[start:stop:step]`; missing bounds as in `str.slice`.
    status fl_list_slice(list: List, start: Int, stop: Int, step: Int, slots: Int) -> [List] with arena = {
        // SAFETY: a list of the program.
        slice(arena, unsafe { &*list }, (start, stop, step), slots)
    };
    /// `first + second`: a new list.
    status fl_list_concat(first: List, second: List, slots: Int) -> [List] with arena = {
        // SAFETY: lists of the program.
        unsafe { concat(arena, &*first, &*second, slots) }
    };
    /// The stable permutation that sorts the keys as CPython does, as a list of ints. `shape` names the scalars of one
    /// key in order: `i` for bool and int, `f` for float, `s` for str (two slots); nested tuples are written flat.
    status fl_list_argsort(keys: List, shape: Str, reverse: Bool) -> [List] with arena = {
        // SAFETY: a list of the program whose items have this shape.
        argsort(arena, unsafe { &*keys }, shape, reverse)
    };
    /// `count` elements of `element_bytes` each, all zero: the address of the first.
    status fl_array_zeros_1d(element_bytes: Int, count: Int) -> [Address] with arena = {
        zeros(arena, element_bytes, &[count])
    };
    /// `rows * columns` elements of `element_bytes` each, all zero: the address of the first.
    status fl_array_zeros_2d(element_bytes: Int, rows: Int, columns: Int) -> [Address] with arena = {
        zeros(arena, element_bytes, &[rows, columns])
    };

    /// Raises `IndexError`: `index` is not one of the `length` positions of the axis.
    status fl_array_index_error(index: Int, axis: Int, length: Int) -> [] = Err::<(), Raised>(index_error(format!(
        "index {index} is out of bounds for axis {axis} with size {length}"
    )));
}

/// The number of slots of `count` items, or `MemoryError` when no memory could hold them.
fn slots_of(count: i64, slots: i64) -> Result<usize, Raised> {
    let total = count.max(0).checked_mul(slots.max(0)).ok_or_else(memory_error)?;
    usize::try_from(total).map_err(|_| memory_error())
}

fn new_list(arena: &mut Arena, capacity: i64, slots: i64) -> Result<*mut List, Raised> {
    let data = arena.alloc_slots(slots_of(capacity, slots)?)?.as_mut_ptr();
    let header = arena.alloc_bytes(size_of::<List>())?.cast::<List>();
    // SAFETY: just allocated with the size of a `List`; slots have its alignment.
    unsafe { header.write(List { data, len: 0, capacity: capacity.max(0) }) };
    Ok(header.as_ptr())
}

/// A new list of strings.
pub(super) fn list_of_texts<'a>(
    arena: &mut Arena,
    texts: impl ExactSizeIterator<Item = Text<'a>>,
) -> Result<*mut List, Raised> {
    let count = i64::try_from(texts.len()).map_err(|_| memory_error())?;
    let list = new_list(arena, count, 2)?;
    // SAFETY: the new list has room for two slots a text.
    unsafe {
        for (place, text) in texts.map(Text::to_abi).enumerate() {
            (*list).data.add(2 * place).write(text.data as u64);
            (*list).data.add(2 * place + 1).write(text.length);
        }
        (*list).len = count;
    }
    Ok(list)
}

/// The items of a list of strings.
///
/// # Safety
/// The items are strings that live for `'a`.
pub(super) unsafe fn texts_of<'a>(list: &'a List) -> impl Iterator<Item = Text<'a>> + Clone {
    let slots: &[u64] = if list.len <= 0 {
        &[]
    } else {
        // SAFETY: `len` items of two slots.
        unsafe { std::slice::from_raw_parts(list.data, 2 * list.len as usize) }
    };
    slots.chunks_exact(2).map(|pair| match pair {
        // SAFETY: promised by the caller.
        [data, length] => unsafe { Text::from_abi(*data as *const u8, *length) },
        _ => Text::new(""),
    })
}

fn reserve(arena: &mut Arena, list: &mut List, additional: i64, slots: i64) -> Result<(), Raised> {
    let needed = list.len.checked_add(additional.max(0)).ok_or_else(memory_error)?;
    if needed <= list.capacity {
        return Ok(());
    }
    // The old items stay in the arena until the batch ends; doubling keeps that waste below the list's size.
    let capacity = needed.max(list.capacity.saturating_mul(2)).max(4);
    let data = arena.alloc_slots(slots_of(capacity, slots)?)?.as_mut_ptr();
    if list.len > 0 {
        // SAFETY: `len` items lie at `data`, and the new region is larger.
        unsafe { ptr::copy_nonoverlapping(list.data, data, slots_of(list.len, slots)?) };
    }
    list.data = data;
    list.capacity = capacity;
    Ok(())
}

/// # Safety
/// `item` points at `slots` slots.
unsafe fn append(arena: &mut Arena, list: &mut List, item: *const u64, slots: i64) -> Result<(), Raised> {
    reserve(arena, list, 1, slots)?;
    let width = slots_of(1, slots)?;
    if width > 0 {
        // SAFETY: `reserve` made room for one more item after the last.
        unsafe { ptr::copy_nonoverlapping(item, list.data.add(slots_of(list.len, slots)?), width) };
    }
    list.len += 1;
    Ok(())
}

fn slice(arena: &mut Arena, list: &List, bounds: (i64, i64, i64), slots: i64) -> Result<*mut List, Raised> {
    let positions = slice_positions(list.len.max(0) as usize, bounds.0, bounds.1, bounds.2)?;
    let result = new_list(arena, positions.count as i64, slots)?;
    let width = slots_of(1, slots)?;
    // SAFETY: the new list has room for `count` items, and every position is below `len`.
    unsafe {
        let mut target = (*result).data;
        for position in positions.iter().take_while(|_| width > 0) {
            ptr::copy_nonoverlapping(list.data.add(position * width), target, width);
            target = target.add(width);
        }
        (*result).len = positions.count as i64;
    }
    Ok(result)
}

/// # Safety
/// Both lists have items of `slots` slots.
unsafe fn concat(arena: &mut Arena, first: &List, second: &List, slots: i64) -> Result<*mut List, Raised> {
    let total = first.len.checked_add(second.len).ok_or_else(memory_error)?;
    let result = new_list(arena, total, slots)?;
    let (first_slots, second_slots) = (slots_of(first.len, slots)?, slots_of(second.len, slots)?);
    // SAFETY: the new list has room for the items of both.
    unsafe {
        if first_slots > 0 {
            ptr::copy_nonoverlapping(first.data, (*result).data, first_slots);
        }
        if second_slots > 0 {
            ptr::copy_nonoverlapping(second.data, (*result).data.add(first_slots), second_slots);
        }
        (*result).len = total;
    }
    Ok(result)
}

fn argsort(arena: &mut Arena, keys: &List, shape: Text<'_>, reverse: bool) -> Result<*mut List, Raised> {
    let shape: Vec<Kind> = shape
        .bytes()
        .map(|letter| match letter {
            b'f' => Kind::Float,
            b's' => Kind::Str,
            _ => Kind::Int,
        })
        .collect();
    let count = keys.len.max(0) as usize;
    let width: usize = shape.iter().map(|kind| if *kind == Kind::Str { 2 } else { 1 }).sum();
    let slots: &[u64] = if count * width == 0 {
        &[]
    } else {
        // SAFETY: the list holds `count` items of `width` slots.
        unsafe { std::slice::from_raw_parts(keys.data, count * width) }
    };
    // SAFETY: the slots have this shape, so the strings in them are valid.
    let order = unsafe { sort::argsort_slots(slots, count, &shape, reverse) };
    let result = new_list(arena, count as i64, 1)?;
    // SAFETY: the new list has room for `count` slots.
    unsafe {
        for (offset, position) in order.iter().enumerate() {
            (*result).data.add(offset).write(*position as u64);
        }
        (*result).len = order.len() as i64;
    }
    Ok(result)
}

fn zeros(arena: &mut Arena, element_bytes: i64, lengths: &[i64]) -> Result<*mut u8, Raised> {
    if lengths.iter().any(|length| *length < 0) {
        return Err(value_error("negative dimensions are not allowed"));
    }
    let bytes = lengths.iter().try_fold(element_bytes, |product, length| product.checked_mul(*length));
    let slots = usize::try_from(bytes.ok_or_else(memory_error)?).map_err(|_| memory_error())?.div_ceil(8);
    Ok(arena.alloc_slots(slots)?.as_mut_ptr().cast())
}
