//! Operations that change lists, or look for something in them. `slots` is the number of slots of one item.

use crate::abi::List;
use crate::arena::Arena;
use crate::exc::{Raised, index_error, memory_error, value_error};
use crate::export::exports;
use crate::export::memory::{new_list, reserve};
use crate::list::{normalize_index, slice_positions};
use crate::shape::Place;
use crate::{interrupt, value};

exports! {
    /// `list.insert(index, item)`; `item` is the address of its slots.
    status fl_list_insert(list: List, index: Int, item: Address, slots: Int) -> [] with arena = {
        // SAFETY: a list of the program, and the slots of one item.
        unsafe { insert(arena, &mut *list, index, item, slots as usize) }
    };
    /// `list.pop(index)`; the item's slots go to `item`.
    status fl_list_pop(list: List, index: Int, item: Address, slots: Int) -> [] = {
        // SAFETY: a list of the program, and room for one item.
        unsafe {
            let list = &mut *list;
            if list.len == 0 {
                return Err(index_error("pop from empty list"));
            }
            let at = normalize_index(index, list.len as usize).ok_or_else(|| index_error("pop index out of range"))?;
            let width = slots as usize;
            if width > 0 {
                std::ptr::copy_nonoverlapping(list.data.add(at * width), item, width);
            }
            remove(list, at, width);
            Ok(())
        }
    };
    /// `del list[index]`.
    status fl_list_delete(list: List, index: Int, slots: Int) -> [] = {
        // SAFETY: a list of the program.
        let list = unsafe { &mut *list };
        let at = normalize_index(index, list.len as usize);
        let at = at.ok_or_else(|| index_error("list assignment index out of range"))?;
        // SAFETY: the position is an item.
        unsafe { remove(list, at, slots as usize) };
        Ok(())
    };
    /// `del list[start:stop:step]`.
    status fl_list_delete_slice(list: List, start: Int, stop: Int, step: Int, slots: Int) -> [] = {
        // SAFETY: a list of the program.
        unsafe { delete_slice(&mut *list, (start, stop, step), slots as usize) }
    };
    /// `list[start:stop:step] = items`.
    status fl_list_set_slice(list: List, start: Int, stop: Int, step: Int, items: List, slots: Int) -> [] with arena = {
        // SAFETY: lists of the program; the items may be the list itself, so they are copied first.
        unsafe {
            let copied = copy_of(&*items, slots as usize);
            set_slice(arena, &mut *list, (start, stop, step), &copied, (*items).len as usize, slots as usize)
        }
    };
    /// `list.extend(items)`.
    status fl_list_extend(list: List, items: List, slots: Int) -> [] with arena = {
        // SAFETY: lists of the program; `extend` reads the items before the list's own data moves.
        unsafe { extend(arena, list, items, slots as usize) }
    };
    status fl_list_reverse(list: List, slots: Int) -> [] = {
        // SAFETY: a list of the program.
        unsafe { reverse(&mut *list, slots as usize) };
        Ok(())
    };
    /// `list * count`.
    status fl_list_repeat(list: List, count: Int, slots: Int) -> [List] with arena = {
        // SAFETY: a list of the program.
        unsafe { repeat(arena, &*list, count, slots) }
    };
    /// Puts the item at `order[n]` to `n`.
    status fl_list_reorder(list: List, order: List, slots: Int) -> [] = {
        // SAFETY: lists of the program, the order one of ints.
        unsafe { reorder(&mut *list, &*order, slots as usize) }
    };
    /// Takes the items of the list over into a new one.
    status fl_list_take(list: List, slots: Int) -> [List] with arena = {
        let taken = new_list(arena, 0, slots)?;
        // SAFETY: two lists of the program.
        unsafe { std::ptr::swap(list, taken) };
        // SAFETY: the same. No room says that nothing has been put into the list since.
        unsafe { (*list).capacity = 0 };
        Ok(taken)
    };
    /// Gives the list what was taken from it; whether it was changed meanwhile.
    status fl_list_give(list: List, taken: List, _slots: Int) -> [Bool] = {
        // SAFETY: two lists of the program, of items of one width.
        unsafe {
            let is_changed = (*list).capacity > 0;
            std::ptr::swap(list, taken);
            Ok(is_changed)
        }
    };
    /// The first position within the bounds whose item equals the value, or -1.
    interruptible fl_list_find(list: List, start: Int, stop: Int, item: Address, own: Str, given: Str) -> [Int] with _arena = {
        let (own, given) = (Place::new(own.as_str().as_bytes()), Place::new(given.as_str().as_bytes()));
        // SAFETY: a list of the program, and a live value of the shape.
        interrupt::unless_too_deep(|| unsafe {
            let list = &*list;
            match slice_positions(list.len as usize, start, stop, 1) {
                Ok(found) => (found.start..found.start + found.count)
                    .find(|at| item_equal(list, *at, own, given, item))
                    .map_or(-1, |at| at as i64),
                Err(_) => -1,
            }
        })
    };
    interruptible fl_list_count(list: List, item: Address, own: Str, given: Str) -> [Int] with _arena = {
        let (own, given) = (Place::new(own.as_str().as_bytes()), Place::new(given.as_str().as_bytes()));
        // SAFETY: a list of the program, and a live value of the shape.
        interrupt::unless_too_deep(|| unsafe {
            let list = &*list;
            (0..list.len as usize).filter(|at| item_equal(list, *at, own, given, item)).count() as i64
        })
    };
}

/// # Safety
/// The position is an item of this shape; the value lives.
unsafe fn item_equal(list: &List, at: usize, own: Place<'_>, given: Place<'_>, value: *const u64) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        match (own.letter(), given.letter()) {
            (b'i', b'i') => *list.data.add(at) == *value,
            (b'f', b'f') => f64::from_bits(*list.data.add(at)) == f64::from_bits(*value),
            _ => value::equal(own.val(list.data.wrapping_add(at * own.width())), given.val(value)),
        }
    }
}

/// # Safety
/// The item has so many slots.
unsafe fn insert(arena: &mut Arena, list: &mut List, index: i64, item: *const u64, width: usize) -> Result<(), Raised> {
    reserve(arena, list, 1, width as i64)?;
    let at = if index < 0 { index.saturating_add(list.len).max(0) } else { index.min(list.len) };
    if width > 0 {
        // SAFETY: there is room for one more item.
        unsafe {
            let place = list.data.add(at as usize * width);
            std::ptr::copy(place, place.add(width), (list.len - at) as usize * width);
            std::ptr::copy_nonoverlapping(item, place, width);
        }
    }
    list.len += 1;
    Ok(())
}

/// # Safety
/// The position is an item.
unsafe fn remove(list: &mut List, at: usize, width: usize) {
    let after = list.len as usize - at - 1;
    if width > 0 {
        // SAFETY: the items after it move down.
        unsafe {
            let place = list.data.add(at * width);
            std::ptr::copy(place.add(width), place, after * width);
        }
    }
    list.len -= 1;
}

/// # Safety
/// A list of items of this width.
unsafe fn delete_slice(list: &mut List, bounds: (i64, i64, i64), width: usize) -> Result<(), Raised> {
    let length = list.len as usize;
    let taken = slice_positions(length, bounds.0, bounds.1, bounds.2)?;
    if taken.count == 0 {
        return Ok(());
    }
    let mut gone: Vec<usize> = taken.iter().collect();
    gone.sort_unstable();
    let first = gone[0];
    let mut kept = first;
    let mut next = gone.iter().copied().peekable();
    for at in first..length {
        if next.next_if_eq(&at).is_some() {
            continue;
        }
        if width > 0 {
            // SAFETY: items move down.
            unsafe { std::ptr::copy(list.data.add(at * width), list.data.add(kept * width), width) };
        }
        kept += 1;
    }
    list.len = kept as i64;
    Ok(())
}

/// # Safety
/// A list of items of this width.
unsafe fn copy_of(list: &List, width: usize) -> Vec<u64> {
    let slots = list.len.max(0) as usize * width;
    // SAFETY: so many slots lie at `data`.
    if slots == 0 { Vec::new() } else { unsafe { std::slice::from_raw_parts(list.data, slots) }.to_vec() }
}

/// # Safety
/// `items` are `count` items of this width.
unsafe fn set_slice(
    arena: &mut Arena,
    list: &mut List,
    (start, stop, step): (i64, i64, i64),
    items: &[u64],
    count: usize,
    width: usize,
) -> Result<(), Raised> {
    let length = list.len as usize;
    let taken = slice_positions(length, start, stop, step)?;
    if step != 1 {
        if taken.count != count {
            let wanted = taken.count;
            return Err(value_error(format!(
                "attempt to assign sequence of size {count} to extended slice of size {wanted}"
            )));
        }
        for (at, item) in taken.iter().zip(items.chunks(width.max(1))) {
            // SAFETY: the position is an item.
            unsafe { std::ptr::copy_nonoverlapping(item.as_ptr(), list.data.add(at * width), width) };
        }
        return Ok(());
    }
    reserve(arena, list, count as i64, width as i64)?;
    let (first, after) = (taken.start, taken.start + taken.count);
    if width > 0 {
        // SAFETY: there is room for `count` more items.
        unsafe {
            let (hole, rest) = (list.data.add(first * width), list.data.add(after * width));
            std::ptr::copy(rest, hole.add(count * width), (length - after) * width);
            std::ptr::copy_nonoverlapping(items.as_ptr(), hole, items.len());
        }
    }
    list.len = (length - taken.count + count) as i64;
    Ok(())
}

/// # Safety
/// Both are lists of items of this width; they may be one.
unsafe fn extend(arena: &mut Arena, list: *mut List, items: *mut List, width: usize) -> Result<(), Raised> {
    // SAFETY: promised by the caller.
    let (source, count) = unsafe { ((*items).data, (*items).len) };
    let list = unsafe { &mut *list };
    reserve(arena, list, count, width as i64)?;
    if width > 0 && count > 0 {
        // SAFETY: there is room; the old data of a list that moved is still in the arena.
        unsafe {
            let end = list.data.add(list.len as usize * width);
            std::ptr::copy_nonoverlapping(source, end, count as usize * width);
        }
    }
    list.len += count;
    Ok(())
}

/// # Safety
/// A list of items of this width.
unsafe fn reverse(list: &mut List, width: usize) {
    let slots = list.len.max(0) as usize * width;
    if slots == 0 {
        return;
    }
    // SAFETY: so many slots lie at `data`.
    let slots = unsafe { std::slice::from_raw_parts_mut(list.data, slots) };
    slots.reverse();
    // The items are in order now, each of them backwards.
    slots.chunks_mut(width).for_each(<[u64]>::reverse);
}

/// # Safety
/// A list of items of this width.
unsafe fn repeat(arena: &mut Arena, list: &List, count: i64, slots: i64) -> Result<*mut List, Raised> {
    let total = list.len.checked_mul(count.max(0)).ok_or_else(memory_error)?;
    let result = new_list(arena, total, slots)?;
    let once = list.len.max(0) as usize * slots as usize;
    if once > 0 {
        for turn in 0..count.max(0) as usize {
            // SAFETY: the new list has room for all of them.
            unsafe { std::ptr::copy_nonoverlapping(list.data, (*result).data.add(turn * once), once) };
        }
    }
    // SAFETY: the header was just made.
    unsafe { (*result).len = total };
    Ok(result)
}

/// # Safety
/// A list of items of this width; the order is a list of ints.
unsafe fn reorder(list: &mut List, order: &List, width: usize) -> Result<(), Raised> {
    // SAFETY: promised by the caller.
    let (items, places) = unsafe { (copy_of(list, width), copy_of(order, 1)) };
    let length = list.len as usize;
    if places.len() != length || places.iter().any(|place| *place >= length as u64) {
        return Err(value_error("list modified during sort"));
    }
    if width > 0 {
        for (to, from) in places.iter().enumerate() {
            let from = *from as usize * width;
            // SAFETY: both places are items.
            unsafe { std::ptr::copy_nonoverlapping(items.as_ptr().add(from), list.data.add(to * width), width) };
        }
    }
    Ok(())
}
