//! Lists and arrays in the arena. `slots` is always the number of slots of one item, `ir::layout::slot_count`.

use std::ptr;

use crate::abi::List;
use crate::arena::Arena;
use crate::exc::{Raised, index_error, memory_error, value_error};
use crate::export::exports;
use crate::list::slice_positions;
use crate::shape::Place;
use crate::sort;
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
    /// The stable permutation that sorts the keys as CPython does, as a list of ints. `shape` is that of one key.
    status fl_list_argsort(keys: List, shape: Str, reverse: Bool) -> [List] with arena = {
        // SAFETY: a list of the program whose items have this shape.
        unsafe { argsort(arena, &*keys, Place::new(shape.as_str().as_bytes()), reverse) }
    };
    /// `count` elements of `element_bytes` each, all zero: the address of the first.
    status fl_array_zeros_1d(element_bytes: Int, count: Int) -> [Address] with arena = {
        zeros(arena, element_bytes, &[count])
    };
    /// `rows * columns` elements of `element_bytes` each, all zero: the address of the first.
    status fl_array_zeros_2d(element_bytes: Int, rows: Int, columns: Int) -> [Address] with arena = {
        zeros(arena, element_bytes, &[rows, columns])
    };

    /// Where the arena's next allocation begins, for `arena.rewind`.
    status fl_arena_mark() -> [Int, Int] with arena = {
        let (count, cursor) = arena.mark();
        Ok::<(i64, i64), Raised>((count as i64, cursor as i64))
    };
    /// Forgets what the arena has given since the mark.
    status fl_arena_rewind(count: Int, cursor: Int) -> [] with arena = {
        arena.rewind((count as usize, cursor as usize));
        Ok::<(), Raised>(())
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

pub(super) fn new_list(arena: &mut Arena, capacity: i64, slots: i64) -> Result<*mut List, Raised> {
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

/// A new list of these numbers.
pub(super) fn list_of_ints(arena: &mut Arena, numbers: &[i64]) -> Result<*mut List, Raised> {
    let count = i64::try_from(numbers.len()).map_err(|_| memory_error())?;
    let list = new_list(arena, count, 1)?;
    // SAFETY: the new list has room for a slot a number.
    unsafe {
        for (place, number) in numbers.iter().enumerate() {
            (*list).data.add(place).write(*number as u64);
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

pub(super) fn reserve(arena: &mut Arena, list: &mut List, additional: i64, slots: i64) -> Result<(), Raised> {
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

/// # Safety
/// A list of the program whose items have this shape.
unsafe fn argsort(arena: &mut Arena, keys: &List, shape: Place<'_>, reverse: bool) -> Result<*mut List, Raised> {
    let count = keys.len.max(0) as usize;
    let width = shape.width();
    let slots: &[u64] = if count * width == 0 {
        &[]
    } else {
        // SAFETY: the list holds `count` items of `width` slots.
        unsafe { std::slice::from_raw_parts(keys.data, count * width) }
    };
    // SAFETY: the slots have this shape, so what they refer to is valid.
    let order = unsafe { sort::argsort_slots(slots, count, shape, reverse)? };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{Context, STATUS_OK, Status, Str};
    use crate::exc::ExcClass;

    /// Runs `calls` with a context over an arena of this limit.
    fn with_context<R>(limit_bytes: usize, calls: impl FnOnce(&mut Context) -> R) -> R {
        let mut arena = Arena::with_limit(limit_bytes);
        let mut context = Context {
            arena: &mut arena,
            captures: ptr::null(),
            stack_limit: 0,
            cancel: ptr::null(),
            poll: None,
            object: ptr::null(),
            message: Str { data: ptr::null(), length: 0 },
        };
        calls(&mut context)
    }

    /// Makes a list of the numbers below `count`, two slots each: the number and its negation.
    fn pairs(context: &mut Context, count: i64) -> *mut List {
        let mut out = [0u64];
        // SAFETY: the arguments follow the convention.
        unsafe {
            assert_eq!(fl_list_new(context, 0, 2, out.as_mut_ptr()), STATUS_OK);
            let list = out[0] as *mut List;
            for number in 0..count {
                let mut item = [number as u64, -number as u64];
                assert_eq!(fl_list_append(context, list, item.as_mut_ptr(), 2, ptr::null_mut()), STATUS_OK);
            }
            list
        }
    }

    fn numbers(list: *const List) -> Vec<i64> {
        // SAFETY: a list of pairs made above.
        let slots = unsafe { std::slice::from_raw_parts((*list).data, (*list).len as usize * 2) };
        assert!(slots.chunks(2).all(|pair| (pair[0] as i64) == -(pair[1] as i64)));
        slots.chunks(2).map(|pair| pair[0] as i64).collect()
    }

    #[test]
    fn lists_grow_slice_and_join() {
        with_context(usize::MAX, |context| {
            let list = pairs(context, 1000);
            assert_eq!(numbers(list), (0..1000).collect::<Vec<i64>>());
            let mut out = [0u64];
            // SAFETY: the arguments follow the convention.
            unsafe {
                assert_eq!(fl_list_slice(context, list, i64::MAX, 3, -300, 2, out.as_mut_ptr()), STATUS_OK);
                let part = out[0] as *mut List;
                assert_eq!(numbers(part), [999, 699, 399, 99]);
                assert_eq!(fl_list_concat(context, part, part, 2, out.as_mut_ptr()), STATUS_OK);
                assert_eq!(numbers(out[0] as *const List), [999, 699, 399, 99, 999, 699, 399, 99]);
                assert_eq!(fl_list_slice(context, list, 0, 1, 0, 2, out.as_mut_ptr()), ExcClass::ValueError as Status);
                assert_eq!(
                    Text::from_abi(context.message.data, context.message.length).as_str(),
                    "slice step cannot be zero"
                );
            }
        });
    }

    /// A list of a type without slots (`None`, the empty tuple) is a length only.
    #[test]
    fn lists_of_nothing_have_a_length() {
        with_context(usize::MAX, |context| {
            let mut out = [0u64];
            // SAFETY: the arguments follow the convention.
            unsafe {
                assert_eq!(fl_list_new(context, 0, 0, out.as_mut_ptr()), STATUS_OK);
                let list = out[0] as *mut List;
                for _ in 0..10 {
                    assert_eq!(fl_list_append(context, list, ptr::null_mut(), 0, ptr::null_mut()), STATUS_OK);
                }
                assert_eq!((*list).len, 10);
                assert_eq!(fl_list_slice(context, list, 2, 9, 2, 0, out.as_mut_ptr()), STATUS_OK);
                assert_eq!((*(out[0] as *const List)).len, 4);
                assert_eq!(fl_list_concat(context, list, list, 0, out.as_mut_ptr()), STATUS_OK);
                assert_eq!((*(out[0] as *const List)).len, 20);
            }
        });
    }

    #[test]
    fn sizes_that_cannot_be_are_memory_errors() {
        with_context(100_000, |context| {
            let mut out = [7u64];
            let memory_error = ExcClass::MemoryError as Status;
            // SAFETY: the arguments follow the convention.
            unsafe {
                let list = pairs(context, 4);
                assert_eq!(fl_list_new(context, i64::MAX, 2, out.as_mut_ptr()), memory_error);
                assert_eq!(fl_list_reserve(context, list, i64::MAX, 2, ptr::null_mut()), memory_error);
                assert_eq!(fl_array_zeros_1d(context, 8, 1 << 40, out.as_mut_ptr()), memory_error);
                assert_eq!(fl_array_zeros_2d(context, 8, 1 << 40, 1 << 40, out.as_mut_ptr()), memory_error);
                assert_eq!(fl_array_zeros_2d(context, 8, 3, -1, out.as_mut_ptr()), ExcClass::ValueError as Status);
                assert_eq!(out, [7], "a failed call leaves the results alone");
                assert_eq!(fl_array_zeros_2d(context, 4, 3, 5, out.as_mut_ptr()), STATUS_OK);
                let elements = std::slice::from_raw_parts(out[0] as *const u32, 15);
                assert_eq!(elements, [0; 15]);
                assert_eq!(numbers(list), [0, 1, 2, 3]);
            }
        });
    }
}
