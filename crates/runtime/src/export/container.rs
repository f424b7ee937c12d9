//! Dicts, sets and whole values. A key or item comes as the address of its slots; `own` is the shape of the
//! container's keys or items, `given` that of the value. `width` is the number of slots of a table's entry.

use crate::abi::Table;
use crate::arena::Arena;
use crate::exc::{ExcClass, Raised, memory_error, raised};
use crate::export::exports;
use crate::shape::Place;
use crate::tables::with_key;
use crate::text::Text;
use crate::value::Order;
use crate::{copy, interrupt, set, tables, value};

exports! {
    /// `a == b`.
    interruptible fl_value_eq(a: Address, b: Address, shape_a: Str, shape_b: Str) -> [Bool] with _arena = {
        // SAFETY: live values of these shapes.
        interrupt::unless_too_deep(|| unsafe { value::equal(place(&shape_a).val(a), place(&shape_b).val(b)) })
    };
    /// `a < b` and its like, by number: `<`, `<=`, `>`, `>=`.
    interruptible fl_value_compare(order: Int, a: Address, b: Address, shape_a: Str, shape_b: Str) -> [Bool] with _arena = {
        // SAFETY: live values of these shapes.
        interrupt::unless_too_deep(|| unsafe {
            value::compare(Order::from_number(order), place(&shape_a).val(a), place(&shape_b).val(b))
        })?
    };
    direct fl_value_hash(a: Address, shape: Str) -> Int = {
        // SAFETY: a live value of this shape.
        unsafe { value::hash_of(place(&shape).val(a)) }
    };
    interruptible fl_value_repr(a: Address, shape: Str) -> [Str] with arena = {
        // SAFETY: a live value of this shape.
        arena.build_str(|out| interrupt::unless_too_deep(|| unsafe { value::repr(place(&shape).val(a), out) })?)
    };

    /// Makes the value in the slots own what it refers to.
    status fl_value_copy(a: Address, shape: Str) -> [] with arena = {
        // SAFETY: the slots of a live value of this shape, which are the caller's.
        unsafe { copy::own(arena, place(&shape), a) }
    };

    status fl_dict_new() -> [Address] with arena = new_table(arena, tables::empty());
    /// The address of the key's value; raises `KeyError`.
    status fl_dict_get(dict: Address, key: Address, own: Str, given: Str, width: Int) -> [Address] = {
        find(dict, key, own, given, width).map_or_else(
            || Err(key_error(key, given)),
            |position| Ok(tables::entry(table(dict), width as usize, position).wrapping_add(1 + place(&own).width()).cast::<u8>()),
        )
    };
    direct fl_dict_find(dict: Address, key: Address, own: Str, given: Str, width: Int) -> Int = {
        find(dict, key, own, given, width).map_or(-1, |position| position as i64)
    };
    /// `pair` is the key and the value.
    status fl_dict_set(dict: Address, pair: Address, own: Str, width: Int) -> [] with arena = {
        // SAFETY: a dict of the program; the pair has the slots of an entry.
        unsafe { tables::store(arena, table(dict), width as usize, place(&own), pair) }
    };
    status fl_dict_delete(dict: Address, key: Address, own: Str, given: Str, width: Int) -> [] = {
        match find(dict, key, own, given, width) {
            Some(position) => {
                tables::delete_at(table(dict), width as usize, position as i64);
                Ok(())
            }
            None => Err(key_error(key, given)),
        }
    };
    status fl_dict_delete_at(dict: Address, position: Int, width: Int) -> [] = {
        match tables::delete_at(table(dict), width as usize, position) {
            true => Ok(()),
            false => Err(raised(ExcClass::RuntimeError, "the container changed during iteration")),
        }
    };
    direct fl_dict_next(dict: Address, position: Int, width: Int) -> Int = {
        tables::next(table(dict), width as usize, position)
    };
    direct fl_dict_last(dict: Address, width: Int) -> Int = tables::last(table(dict), width as usize);
    status fl_dict_clear(dict: Address, _width: Int) -> [] = {
        tables::clear(table(dict));
        Ok(())
    };
    status fl_dict_copy(dict: Address, width: Int) -> [Address] with arena = {
        let copy = tables::copy(arena, table(dict), width as usize)?;
        new_table(arena, copy)
    };

    status fl_set_new(has_table_order: Bool, _width: Int) -> [Address] with arena = {
        new_table(arena, set::empty(has_table_order))
    };
    status fl_set_add(set: Address, item: Address, own: Str) -> [] with arena = {
        // SAFETY: a live item of the shape.
        unsafe { set::add(arena, table(set), place(&own), item) }
    };
    status fl_set_discard(set: Address, item: Address, own: Str, given: Str, _width: Int) -> [Bool] = {
        // SAFETY: a live value of the shape.
        Ok(unsafe { set::discard(table(set), place(&own), place(&given), item) })
    };
    direct fl_set_contains(set: Address, item: Address, own: Str, given: Str, _width: Int) -> Bool = {
        // SAFETY: a live value of the shape.
        unsafe { set::contains(table(set), place(&own), place(&given), item) }
    };
    direct fl_set_next(set: Address, position: Int, width: Int) -> Int = tables::next(table(set), width as usize, position);
    status fl_set_clear(set: Address, _own: Str) -> [] = {
        set::clear(table(set));
        Ok(())
    };
    /// The item's slots go to `item`; there are `slots` of them.
    status fl_set_pop(set: Address, item: Address, slots: Int) -> [] = {
        // SAFETY: there is room for an item.
        match unsafe { set::pop(table(set), 1 + slots as usize, item) } {
            true => Ok(()),
            false => Err(raised(ExcClass::KeyError, "'pop from an empty set'")),
        }
    };
    status fl_set_copy(set: Address, own: Str) -> [Address] with arena = {
        // SAFETY: sets of the program, here and below.
        let made = unsafe { set::copy(arena, table(set), place(&own))? };
        new_table(arena, made)
    };
    status fl_set_reserve(set: Address, count: Int, own: Str) -> [] with arena = {
        set::reserve(arena, table(set), place(&own), count)
    };
    status fl_set_update(set: Address, other: Address, own: Str) -> [] with arena = {
        if set == other {
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { set::update(arena, table(set), seen(other), place(&own)) }
    };
    status fl_set_intersection(a: Address, b: Address, own: Str) -> [Address] with arena = {
        // SAFETY: as above.
        let made = unsafe { set::intersection(arena, seen(a), seen(b), place(&own))? };
        new_table(arena, made)
    };
    status fl_set_difference(a: Address, b: Address, own: Str) -> [Address] with arena = {
        // SAFETY: as above.
        let made = unsafe { set::difference(arena, seen(a), seen(b), place(&own))? };
        new_table(arena, made)
    };
    status fl_set_symmetric_difference(a: Address, b: Address, own: Str) -> [Address] with arena = {
        let item = place(&own);
        // As CPython: a copy of the second, in which the first is toggled.
        // SAFETY: as above.
        let made = unsafe {
            if a == b {
                set::empty(seen(a).has_table_order != 0)
            } else {
                let mut made = set::copy(arena, seen(b), item)?;
                set::toggle(arena, &mut made, seen(a), item)?;
                made
            }
        };
        new_table(arena, made)
    };
    status fl_set_intersection_update(set: Address, other: Address, own: Str) -> [] with arena = {
        // SAFETY: as above.
        *table(set) = unsafe { set::intersection(arena, seen(set), seen(other), place(&own))? };
        Ok(())
    };
    status fl_set_difference_update(set: Address, other: Address, own: Str) -> [] with arena = {
        let item = place(&own);
        if set == other {
            set::clear(table(set));
            return Ok(());
        }
        // SAFETY: as above.
        unsafe {
            // Of a much larger set only what is in this one is looked at.
            if seen(other).len >> 3 > seen(set).len {
                let common = set::intersection(arena, seen(set), seen(other), item)?;
                return set::subtract(arena, table(set), &common, item);
            }
            set::subtract(arena, table(set), seen(other), item)
        }
    };
    status fl_set_symmetric_update(set: Address, other: Address, own: Str) -> [] with arena = {
        if set == other {
            set::clear(table(set));
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { set::toggle(arena, table(set), seen(other), place(&own)) }
    };
    direct fl_set_is_subset(a: Address, b: Address, item_a: Str, item_b: Str) -> Bool = {
        // SAFETY: as above.
        unsafe { set::is_subset(seen(a), seen(b), place(&item_a), place(&item_b)) }
    };
    direct fl_set_is_disjoint(a: Address, b: Address, item_a: Str, item_b: Str) -> Bool = {
        // SAFETY: as above.
        unsafe { set::is_disjoint(seen(a), seen(b), place(&item_a), place(&item_b)) }
    };
}

fn place<'a>(shape: &Text<'a>) -> Place<'a> {
    Place::new(shape.as_str().as_bytes())
}

/// The table at an address, to be read.
fn seen<'a>(address: *mut u64) -> &'a Table {
    // SAFETY: headers live as long as the arena.
    unsafe { &*address.cast::<Table>() }
}

/// The table at an address that compiled code handed over.
fn table<'a>(address: *mut u64) -> &'a mut Table {
    // SAFETY: headers live as long as the arena; a function here that changes one holds no other reference to it.
    unsafe { &mut *address.cast::<Table>() }
}

fn new_table(arena: &mut Arena, made: Table) -> Result<*mut u8, Raised> {
    let header = arena.alloc_bytes(size_of::<Table>())?.cast::<Table>();
    // SAFETY: just allocated with the size of a `Table`; slots have its alignment.
    unsafe { header.write(made) };
    Ok(header.as_ptr().cast())
}

fn find(dict: *mut u64, key: *const u64, own: Text<'_>, given: Text<'_>, width: i64) -> Option<usize> {
    // SAFETY: a dict of the program and a live key of the shape.
    with_key!(place(&own), place(&given), key, key => unsafe { tables::find(table(dict), width as usize, key) })
}

/// `KeyError` with the key's `repr`, as CPython's `str(e)` has it.
fn key_error(key: *const u64, given: Text<'_>) -> Raised {
    let mut shown = String::new();
    // SAFETY: a live key of the shape.
    match unsafe { value::repr(place(&given).val(key), &mut shown) } {
        Ok(()) => (ExcClass::KeyError, shown.into()),
        Err(_) => memory_error(),
    }
}
