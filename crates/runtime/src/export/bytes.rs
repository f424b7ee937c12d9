//! Primitives of `bytes`.

use crate::abi::{Bytes, List};
use crate::arena::Arena;
use crate::exc::Raised;
use crate::export::exports;
use crate::export::memory::new_list;
use crate::{bytes, encoding};

exports! {
    status fl_bytes_index(b: Bytes, index: Int) -> [Int] = bytes::index(b, index);
    status fl_bytes_slice(b: Bytes, start: Int, stop: Int, step: Int) -> [Bytes] with arena = {
        match bytes::slice(b, start, stop, step)? {
            std::borrow::Cow::Borrowed(part) => Ok(view(part)),
            std::borrow::Cow::Owned(made) => arena.alloc_copy(&made),
        }
    };
    status fl_bytes_concat(a: Bytes, b: Bytes) -> [Bytes] with arena = made(arena, bytes::concat(a, b));
    status fl_bytes_repeat(b: Bytes, count: Int) -> [Bytes] with arena = made(arena, bytes::repeat(b, count));
    direct fl_bytes_find(b: Bytes, needle: Bytes, start: Int, end: Int) -> Int = bytes::find(b, needle, start, end);
    direct fl_bytes_rfind(b: Bytes, needle: Bytes, start: Int, end: Int) -> Int = bytes::rfind(b, needle, start, end);
    direct fl_bytes_count(b: Bytes, needle: Bytes, start: Int, end: Int) -> Int = bytes::count(b, needle, start, end);
    direct fl_bytes_startswith(b: Bytes, prefix: Bytes, start: Int, end: Int) -> Bool =
        bytes::startswith(b, prefix, start, end);
    direct fl_bytes_endswith(b: Bytes, suffix: Bytes, start: Int, end: Int) -> Bool =
        bytes::endswith(b, suffix, start, end);
    status fl_bytes_replace(b: Bytes, old: Bytes, new: Bytes, limit: Int) -> [Bytes] with arena =
        made(arena, bytes::replace(b, old, new, limit));
    status fl_bytes_strip(b: Bytes, characters: Bytes, sides: Int) -> [Bytes] =
        Ok::<_, Raised>(view(bytes::strip(b, characters, sides)));
    status fl_bytes_case(b: Bytes, kind: Int) -> [Bytes] with arena = made(arena, Ok(bytes::case(b, kind)));
    direct fl_bytes_test(b: Bytes, kind: Int) -> Bool = bytes::test(b, kind);
    status fl_bytes_split(b: Bytes, separator: Bytes, limit: Int) -> [List] with arena =
        bytes::split(b, separator, limit).and_then(|parts| list(arena, &parts));
    status fl_bytes_rsplit(b: Bytes, separator: Bytes, limit: Int) -> [List] with arena =
        bytes::rsplit(b, separator, limit).and_then(|parts| list(arena, &parts));
    status fl_bytes_split_space(b: Bytes, limit: Int) -> [List] with arena = list(arena, &bytes::split_space(b, limit));
    status fl_bytes_join(separator: Bytes, items: List) -> [Bytes] with arena = {
        // SAFETY: a list of bytes of the program.
        made(arena, bytes::join(separator, unsafe { items_of(&*items) }))
    };
    status fl_bytes_hex(b: Bytes) -> [Str] with arena = arena.build_str(|out| bytes::hex(b, out));
    status fl_bytes_from_hex(text: Str) -> [Bytes] with arena = made(arena, bytes::from_hex(&text));
    status fl_bytes_decode(b: Bytes, encoding: Int, errors: Int) -> [Str] with arena =
        arena.build_str(|out| encoding::decode(b, encoding, errors, out));
    status fl_str_encode(s: Str, encoding: Int, errors: Int) -> [Bytes] with arena = {
        if encoding == 0 || s.is_known_ascii() {
            // These bytes are those of the text already.
            Ok(view(s.as_str().as_bytes()))
        } else {
            made(arena, encoding::encode(&s, encoding, errors))
        }
    };
    status fl_bytes_of_ints(numbers: List) -> [Bytes] with arena = {
        // SAFETY: a list of ints of the program.
        let numbers = unsafe { slots_of(&*numbers, 1) };
        made(arena, bytes::of_ints(numbers.iter().map(|slot| *slot as i64)))
    };
    status fl_int_from_bytes(b: Bytes, little: Bool, signed: Bool) -> [Int] = bytes::int_from(b, little, signed);
    status fl_int_to_bytes(n: Int, length: Int, little: Bool, signed: Bool) -> [Bytes] with arena =
        made(arena, bytes::int_to(n, length, little, signed));
}

fn view(bytes: &[u8]) -> Bytes {
    Bytes { data: bytes.as_ptr(), length: bytes.len() as u64 }
}

fn made(arena: &mut Arena, bytes: Result<Vec<u8>, Raised>) -> Result<Bytes, Raised> {
    arena.alloc_copy(&bytes?)
}

/// A new list of these.
fn list(arena: &mut Arena, items: &[&[u8]]) -> Result<*mut List, Raised> {
    let count = items.len() as i64;
    let list = new_list(arena, count, 2)?;
    // SAFETY: the new list has room for two slots an item.
    unsafe {
        for (place, item) in items.iter().enumerate() {
            (*list).data.add(2 * place).write(item.as_ptr() as u64);
            (*list).data.add(2 * place + 1).write(item.len() as u64);
        }
        (*list).len = count;
    }
    Ok(list)
}

/// The slots of a list's items.
///
/// # Safety
/// The items take `width` slots each.
unsafe fn slots_of(list: &List, width: usize) -> &[u64] {
    if list.len <= 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(list.data, list.len as usize * width) }
}

/// The items of a list of bytes.
///
/// # Safety
/// The items are bytes that live for `'a`.
unsafe fn items_of(list: &List) -> impl Iterator<Item = &[u8]> + Clone {
    // SAFETY: promised by the caller.
    let slots = unsafe { slots_of(list, 2) };
    slots.chunks(2).map(|pair| match pair {
        // SAFETY: promised by the caller.
        [data, length] => unsafe { bytes::from_abi(*data as *const u8, *length) },
        _ => &[],
    })
}
