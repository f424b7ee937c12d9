//! The methods of `bytes`, and its conversions from and to text and ints. Pure functions: views where the answer is a part of
//! the argument, otherwise a new vector.

use std::borrow::Cow;

use crate::exc::{ExcClass, Raised, int_too_large, memory_error, overflow_error, raised, value_error};
use crate::list::{normalize_index, slice_positions};
use crate::string::TEXT_BYTES_MAX;

/// Bytes that came through the ABI.
///
/// # Safety
/// `length` bytes at `data` live for `'a`; `data` may be anything when there are none.
pub unsafe fn from_abi<'a>(data: *const u8, length: u64) -> &'a [u8] {
    if length == 0 || data.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(data, length as usize) }
}

/// `b[index]`.
pub fn index(b: &[u8], index: i64) -> Result<i64, Raised> {
    let found = normalize_index(index, b.len()).and_then(|position| b.get(position));
    found.map(|byte| i64::from(*byte)).ok_or_else(|| raised(ExcClass::IndexError, "index out of range"))
}

/// `b[start:stop:step]`, with the bounds of [`crate::string::slice`].
pub fn slice(b: &[u8], start: i64, stop: i64, step: i64) -> Result<Cow<'_, [u8]>, Raised> {
    let positions = slice_positions(b.len(), start, stop, step)?;
    if positions.count == 0 {
        return Ok(Cow::Borrowed(&[]));
    }
    if positions.step == 1 {
        return Ok(Cow::Borrowed(b.get(positions.start..positions.start + positions.count).unwrap_or(&[])));
    }
    Ok(Cow::Owned(positions.iter().filter_map(|at| b.get(at)).copied().collect()))
}

fn room(total: Option<usize>) -> Result<Vec<u8>, Raised> {
    let total = total.filter(|total| *total <= TEXT_BYTES_MAX).ok_or_else(memory_error)?;
    let mut out = Vec::new();
    out.try_reserve(total).map_err(|_| memory_error())?;
    Ok(out)
}

/// `b * count`.
pub fn repeat(b: &[u8], count: i64) -> Result<Vec<u8>, Raised> {
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    let mut out = room(b.len().checked_mul(count))?;
    if !b.is_empty() {
        (0..count).for_each(|_| out.extend_from_slice(b));
    }
    Ok(out)
}

/// `a + b`.
pub fn concat(a: &[u8], b: &[u8]) -> Result<Vec<u8>, Raised> {
    let mut out = room(a.len().checked_add(b.len()))?;
    out.extend_from_slice(a);
    out.extend_from_slice(b);
    Ok(out)
}

/// The part `b[start:end]` with where it starts; `None` when the start lies beyond the end.
fn between(b: &[u8], start: i64, end: i64) -> Option<(usize, &[u8])> {
    let length = b.len() as i64;
    let clamp = |bound: i64| if bound < 0 { bound.saturating_add(length).max(0) } else { bound };
    let (start, end) = (clamp(start), clamp(end).min(length));
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    b.get(start..end).map(|part| (start, part))
}

fn position(b: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [] => Some(0),
        [one] => b.iter().position(|byte| byte == one),
        _ => b.windows(needle.len()).position(|window| window == needle),
    }
}

/// `b.find(needle, start, end)`.
pub fn find(b: &[u8], needle: &[u8], start: i64, end: i64) -> i64 {
    between(b, start, end).and_then(|(from, part)| Some(from + position(part, needle)?)).map_or(-1, |at| at as i64)
}

/// `b.rfind(needle, start, end)`.
pub fn rfind(b: &[u8], needle: &[u8], start: i64, end: i64) -> i64 {
    let found = between(b, start, end).and_then(|(from, part)| {
        let at = match needle {
            [] => Some(part.len()),
            _ => part.windows(needle.len()).rposition(|window| window == needle),
        };
        Some(from + at?)
    });
    found.map_or(-1, |at| at as i64)
}

/// `b.count(needle, start, end)`.
pub fn count(b: &[u8], needle: &[u8], start: i64, end: i64) -> i64 {
    let Some((_, mut part)) = between(b, start, end) else { return 0 };
    if needle.is_empty() {
        return part.len() as i64 + 1;
    }
    let mut count = 0;
    while let Some(at) = position(part, needle) {
        count += 1;
        part = part.get(at + needle.len()..).unwrap_or(&[]);
    }
    count
}

/// `b.startswith(prefix, start, end)`.
pub fn startswith(b: &[u8], prefix: &[u8], start: i64, end: i64) -> bool {
    between(b, start, end).is_some_and(|(_, part)| part.starts_with(prefix))
}

/// `b.endswith(suffix, start, end)`.
pub fn endswith(b: &[u8], suffix: &[u8], start: i64, end: i64) -> bool {
    between(b, start, end).is_some_and(|(_, part)| part.ends_with(suffix))
}

/// `b.replace(old, new, limit)`; a negative limit replaces all.
pub fn replace(b: &[u8], old: &[u8], new: &[u8], limit: i64) -> Result<Vec<u8>, Raised> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let hits = limit.min(count(b, old, 0, i64::MAX) as usize);
    let mut out = room(hits.checked_mul(new.len()).and_then(|more| more.checked_add(b.len())))?;
    let mut rest = b;
    for _ in 0..hits {
        let at = position(rest, old).unwrap_or(rest.len());
        if old.is_empty() {
            out.extend_from_slice(new);
            out.extend(rest.first());
            rest = rest.get(1..).unwrap_or(&[]);
        } else {
            out.extend_from_slice(rest.get(..at).unwrap_or(&[]));
            out.extend_from_slice(new);
            rest = rest.get(at + old.len()..).unwrap_or(&[]);
        }
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// `b.strip(characters)` on the left (1), on the right (2) or on both sides (3).
pub fn strip<'a>(b: &'a [u8], characters: &[u8], sides: i64) -> &'a [u8] {
    let keeps = |byte: &u8| !characters.contains(byte);
    let start = if sides & 1 != 0 { b.iter().position(keeps).unwrap_or(b.len()) } else { 0 };
    let end = if sides & 2 != 0 { b.iter().rposition(keeps).map_or(start, |at| at + 1) } else { b.len() };
    b.get(start..end.max(start)).unwrap_or(&[])
}

/// `lower`, `upper`, `swapcase`, `capitalize` and `title`, by number. Only ASCII letters have a case.
pub fn case(b: &[u8], kind: i64) -> Vec<u8> {
    let mut after_letter = false;
    let change = |(place, byte): (usize, &u8)| {
        let first = match kind {
            3 => place == 0,
            _ => !after_letter,
        };
        after_letter = byte.is_ascii_alphabetic();
        match kind {
            0 => byte.to_ascii_lowercase(),
            1 => byte.to_ascii_uppercase(),
            2 if byte.is_ascii_lowercase() => byte.to_ascii_uppercase(),
            2 => byte.to_ascii_lowercase(),
            _ if first => byte.to_ascii_uppercase(),
            _ => byte.to_ascii_lowercase(),
        }
    };
    b.iter().enumerate().map(change).collect()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// `isalnum`, `isalpha`, `isascii`, `isdigit`, `islower`, `isspace`, `istitle` and `isupper`, by number.
pub fn test(b: &[u8], kind: i64) -> bool {
    let all = |holds: fn(&u8) -> bool| !b.is_empty() && b.iter().all(holds);
    match kind {
        0 => all(u8::is_ascii_alphanumeric),
        1 => all(u8::is_ascii_alphabetic),
        2 => b.is_ascii(),
        3 => all(u8::is_ascii_digit),
        4 => b.iter().any(u8::is_ascii_lowercase) && !b.iter().any(u8::is_ascii_uppercase),
        5 => all(|byte| is_space(*byte)),
        6 => {
            let (mut after_letter, mut letters) = (false, false);
            b.iter().all(|byte| {
                let fits = !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() != after_letter;
                after_letter = byte.is_ascii_alphabetic();
                letters |= after_letter;
                fits
            }) && letters
        }
        _ => b.iter().any(u8::is_ascii_uppercase) && !b.iter().any(u8::is_ascii_lowercase),
    }
}

/// `b.split(separator, limit)`; a negative limit splits everywhere.
pub fn split<'a>(b: &'a [u8], separator: &[u8], limit: i64) -> Result<Vec<&'a [u8]>, Raised> {
    if separator.is_empty() {
        return Err(value_error("empty separator"));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut pieces, mut rest) = (Vec::new(), b);
    while pieces.len() < limit
        && let Some(at) = position(rest, separator)
    {
        pieces.push(rest.get(..at).unwrap_or(&[]));
        rest = rest.get(at + separator.len()..).unwrap_or(&[]);
    }
    pieces.push(rest);
    Ok(pieces)
}

/// `b.rsplit(separator, limit)`.
pub fn rsplit<'a>(b: &'a [u8], separator: &[u8], limit: i64) -> Result<Vec<&'a [u8]>, Raised> {
    if separator.is_empty() {
        return Err(value_error("empty separator"));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut pieces, mut rest) = (Vec::new(), b);
    while pieces.len() < limit
        && let Some(at) = rest.windows(separator.len()).rposition(|window| window == separator)
    {
        pieces.push(rest.get(at + separator.len()..).unwrap_or(&[]));
        rest = rest.get(..at).unwrap_or(&[]);
    }
    pieces.push(rest);
    pieces.reverse();
    Ok(pieces)
}

/// `b.split(None, limit)`.
pub fn split_space(b: &[u8], limit: i64) -> Vec<&[u8]> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let start_of = |rest: &[u8]| rest.iter().position(|byte| !is_space(*byte)).unwrap_or(rest.len());
    let (mut pieces, mut rest) = (Vec::new(), b);
    rest = rest.get(start_of(rest)..).unwrap_or(&[]);
    while !rest.is_empty() {
        let end = match rest.iter().position(|byte| is_space(*byte)) {
            Some(end) if pieces.len() < limit => end,
            // The rest keeps the white space inside it, and at its end.
            _ => rest.len(),
        };
        pieces.push(rest.get(..end).unwrap_or(&[]));
        rest = rest.get(end..).unwrap_or(&[]);
        rest = rest.get(start_of(rest)..).unwrap_or(&[]);
    }
    pieces
}

/// `separator.join(items)`.
pub fn join<'a>(separator: &[u8], items: impl Iterator<Item = &'a [u8]> + Clone) -> Result<Vec<u8>, Raised> {
    let mut out =
        room(items.clone().try_fold(0usize, |sum, item| {
            sum.checked_add(item.len()).and_then(|sum| sum.checked_add(separator.len()))
        }))?;
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(item);
    }
    Ok(out)
}

fn push_hex(byte: u8, out: &mut String) {
    for digit in [byte >> 4, byte & 15] {
        out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
    }
}

/// `b.hex()`.
pub fn hex(b: &[u8], out: &mut String) -> Result<(), Raised> {
    crate::string::reserve(out, b.len().saturating_mul(2))?;
    b.iter().for_each(|byte| push_hex(*byte, out));
    Ok(())
}

/// `bytes.fromhex(text)`: pairs of digits, with white space between them.
pub fn from_hex(text: &str) -> Result<Vec<u8>, Raised> {
    let mut out = room(Some(text.len() / 2))?;
    let mut characters = text.chars().enumerate();
    while let Some((place, character)) = characters.next() {
        if u8::try_from(character).is_ok_and(is_space) {
            continue;
        }
        let bad =
            |place: usize| value_error(format!("non-hexadecimal number found in fromhex() arg at position {place}"));
        let high = character.to_digit(16).ok_or_else(|| bad(place))?;
        let low = characters.next().and_then(|(_, low)| low.to_digit(16)).ok_or_else(|| bad(place + 1))?;
        out.push((high * 16 + low) as u8);
    }
    Ok(out)
}

/// `bytes(numbers)`.
pub fn of_ints(numbers: impl Iterator<Item = i64>) -> Result<Vec<u8>, Raised> {
    let byte = |number: i64| u8::try_from(number).map_err(|_| value_error("bytes must be in range(0, 256)"));
    numbers.map(byte).collect()
}

/// `int.from_bytes(b, order, signed=signed)`; beyond 64 bits `IntTooLarge`.
pub fn int_from(b: &[u8], little: bool, signed: bool) -> Result<i64, Raised> {
    let negative = signed && (if little { b.last() } else { b.first() }).is_some_and(|byte| *byte >= 128);
    let mut value: i128 = if negative { -1 } else { 0 };
    let mut add = |byte: &u8| {
        // Beyond this no further byte can bring it back.
        if value.unsigned_abs() < 1 << 100 {
            value = value << 8 | i128::from(*byte);
        }
    };
    if little {
        b.iter().rev().for_each(&mut add)
    } else {
        b.iter().for_each(&mut add)
    }
    i64::try_from(value).map_err(|_| int_too_large())
}

/// `n.to_bytes(length, order, signed=signed)`.
pub fn int_to(n: i64, length: i64, little: bool, signed: bool) -> Result<Vec<u8>, Raised> {
    let length = usize::try_from(length).map_err(|_| value_error("length argument must be non-negative"))?;
    if n < 0 && !signed {
        return Err(overflow_error("can't convert negative int to unsigned"));
    }
    let bits = 8 * length.min(9) as u32;
    let n = i128::from(n);
    let fits = match (signed, bits) {
        (_, 0) => n == 0,
        (true, bits) => (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&n),
        (false, bits) => n < 1i128 << bits,
    };
    if !fits {
        return Err(overflow_error("int too big to convert"));
    }
    let mut out = room(Some(length))?;
    out.extend((0..length).map(|place| if place < 16 { (n >> (8 * place)) as u8 } else { (n >> 127) as u8 }));
    if !little {
        out.reverse();
    }
    Ok(out)
}
