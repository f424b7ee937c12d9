//! The methods of `str` that look for, cut and join text. Pure functions: views where the answer is a part of the
//! argument, otherwise the result is appended to `out`. Case is in `case`, conversions are in `parse` and `format`.

use std::borrow::Cow;

use crate::exc::{ExcClass, Raised, memory_error, not_compiled, overflow_error, raised, value_error};
use crate::list::{normalize_index, slice_positions};
use crate::text::Text;
use crate::unicode::{is_printable, is_space};

/// The longest string the runtime makes: what a 32-bit Arrow offset can address.
pub const TEXT_BYTES_MAX: usize = i32::MAX as usize;

/// Makes room for `additional` more bytes, or raises `MemoryError`.
pub(crate) fn reserve(out: &mut String, additional: usize) -> Result<(), Raised> {
    match out.len().checked_add(additional) {
        Some(total) if total <= TEXT_BYTES_MAX => out.try_reserve(additional).map_err(|_| memory_error()),
        _ => Err(memory_error()),
    }
}

/// `len(s)`.
pub fn len(s: Text<'_>) -> i64 {
    if s.is_known_ascii() { s.len() as i64 } else { s.chars().count() as i64 }
}

/// The byte offset of the character at `position`, or of the end.
fn byte_offset(s: Text<'_>, position: usize) -> usize {
    if s.is_known_ascii() {
        return position.min(s.len());
    }
    offset_of_character(s.as_bytes(), position)
}

/// How many bytes are counted at once: as many as can be counted in a byte of each lane.
const COUNTED_BYTES: usize = 64;

/// The offset of the character at `position`. A loop `while i < len(s)` asks for every one of them, so the bytes before it
/// are counted many at a time.
fn offset_of_character(bytes: &[u8], position: usize) -> usize {
    // All bytes of UTF-8 but those that go on with a character.
    let starts = |byte: &u8| (*byte as i8) >= -0x40;
    let (mut left, mut at) = (position, 0);
    for chunk in bytes.chunks_exact(COUNTED_BYTES) {
        let count = usize::from(chunk.iter().map(|byte| u8::from(starts(byte))).sum::<u8>());
        if count > left {
            break;
        }
        left -= count;
        at += COUNTED_BYTES;
    }
    let rest = bytes.get(at..).unwrap_or(&[]);
    let found = rest.iter().enumerate().filter(|(_, byte)| starts(byte)).nth(left);
    found.map_or(bytes.len(), |(distance, _)| at + distance)
}

/// The position of the character that starts at byte `offset`.
fn position_of(s: Text<'_>, offset: usize) -> i64 {
    if s.is_known_ascii() { offset as i64 } else { s.get(..offset).map_or(0, |before| before.chars().count() as i64) }
}

/// `s[index]`: one character.
pub fn index(s: Text<'_>, index: i64) -> Result<Text<'_>, Raised> {
    let position = normalize_index(index, len(s) as usize);
    let found = position.and_then(|position| {
        let start = byte_offset(s, position);
        let rest = s.as_str().get(start..)?;
        rest.get(..rest.chars().next()?.len_utf8())
    });
    found.map(|text| s.part(text)).ok_or_else(|| raised(ExcClass::IndexError, "string index out of range"))
}

/// The character that starts at a byte offset.
pub fn char_at(s: Text<'_>, offset: i64) -> Result<Text<'_>, Raised> {
    let rest = usize::try_from(offset).ok().and_then(|offset| s.as_str().get(offset..));
    let found = rest.and_then(|rest| rest.get(..rest.chars().next()?.len_utf8()));
    found.map(|text| s.part(text)).ok_or_else(|| raised(ExcClass::IndexError, "string index out of range"))
}

/// The part between two byte offsets.
pub fn byte_slice(s: Text<'_>, start: i64, end: i64) -> Result<Text<'_>, Raised> {
    let bounds = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let found = bounds.and_then(|(start, end)| s.as_str().get(start..end));
    found.map(|text| s.part(text)).ok_or_else(|| raised(ExcClass::IndexError, "string index out of range"))
}

/// How many characters lie before a byte offset; -1 for an offset that is negative.
pub fn position(s: Text<'_>, offset: i64) -> i64 {
    usize::try_from(offset).map_or(-1, |offset| position_of(s, offset.min(s.len())))
}

/// The byte offset of a position, which may lie before or behind the text.
pub fn offset_of(s: Text<'_>, position: i64) -> i64 {
    byte_offset(s, usize::try_from(position).unwrap_or(0)) as i64
}

/// `s[start:stop:step]`: a view for step 1. A missing bound is `i64::MAX` or `i64::MIN`, whichever lies beyond the end
/// it stands for.
pub fn slice(s: Text<'_>, start: i64, stop: i64, step: i64) -> Result<Cow<'_, str>, Raised> {
    let positions = slice_positions(len(s) as usize, start, stop, step)?;
    if positions.count == 0 {
        return Ok(Cow::Borrowed(""));
    }
    if positions.step == 1 || positions.count == 1 {
        let first = byte_offset(s, positions.start);
        let rest = s.as_str().get(first..).unwrap_or("");
        let length = byte_offset(s.part(rest), positions.count);
        return Ok(Cow::Borrowed(rest.get(..length).unwrap_or("")));
    }
    let mut out = String::new();
    if s.is_known_ascii() {
        out.extend(positions.iter().filter_map(|at| s.as_bytes().get(at)).map(|byte| char::from(*byte)));
        return Ok(Cow::Owned(out));
    }
    let skip = usize::try_from(positions.step.unsigned_abs()).unwrap_or(usize::MAX) - 1;
    let mut chars: Box<dyn Iterator<Item = char>> = if positions.step > 0 {
        Box::new(s.chars().skip(positions.start))
    } else {
        Box::new(s.chars().rev().skip(len(s) as usize - 1 - positions.start))
    };
    for _ in 0..positions.count {
        out.extend(chars.next());
        if skip > 0 {
            chars.nth(skip - 1);
        }
    }
    Ok(Cow::Owned(out))
}

/// `s + t`.
pub fn concat(s: &str, t: &str, out: &mut String) -> Result<(), Raised> {
    reserve(out, s.len().saturating_add(t.len()))?;
    out.push_str(s);
    out.push_str(t);
    Ok(())
}

/// The bytes of `s * count`, when a string can be that long.
pub(crate) fn repeated_bytes(s: &str, count: i64) -> Result<usize, Raised> {
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    s.len().checked_mul(count).filter(|total| *total <= TEXT_BYTES_MAX).ok_or_else(memory_error)
}

/// `s * count`.
pub fn repeat(s: &str, count: i64, out: &mut String) -> Result<(), Raised> {
    let total = repeated_bytes(s, count)?;
    reserve(out, total)?;
    let end = out.len() + total;
    while !s.is_empty() && out.len() < end {
        out.push_str(s);
    }
    Ok(())
}

/// `s.find(needle)`: the first position or -1.
pub fn find(s: Text<'_>, needle: &str) -> i64 {
    s.find(needle).map_or(-1, |offset| position_of(s, offset))
}

/// `s.rfind(needle)`: the last position or -1.
pub fn rfind(s: Text<'_>, needle: &str) -> i64 {
    s.rfind(needle).map_or(-1, |offset| position_of(s, offset))
}

/// `s.count(needle)`: occurrences that do not overlap; an empty needle is found between all characters.
pub fn count(s: Text<'_>, needle: &str) -> i64 {
    if needle.is_empty() { len(s) + 1 } else { s.matches(needle).count() as i64 }
}

/// `s.replace(old, new, limit)`; a negative limit replaces all.
pub fn replace(s: Text<'_>, old: &str, new: &str, limit: i64, out: &mut String) -> Result<(), Raised> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if old.is_empty() {
        let hits = limit.min(len(s) as usize + 1);
        reserve(out, hits.saturating_mul(new.len()).saturating_add(s.len()))?;
        let mut characters = s.chars();
        for _ in 0..hits {
            out.push_str(new);
            out.extend(characters.next());
        }
        out.push_str(characters.as_str());
        return Ok(());
    }
    let hits = if new.len() > old.len() { s.matches(old).take(limit).count() } else { 0 };
    reserve(out, hits.saturating_mul(new.len()).saturating_add(s.len()))?;
    let mut copied = 0;
    for (start, _) in s.match_indices(old).take(limit) {
        out.push_str(s.get(copied..start).unwrap_or(""));
        out.push_str(new);
        copied = start + old.len();
    }
    out.push_str(s.get(copied..).unwrap_or(""));
    Ok(())
}

/// `s.strip()`.
pub fn strip(s: &str) -> &str {
    s.trim_matches(is_space)
}

/// `s.lstrip()`.
pub fn lstrip(s: &str) -> &str {
    s.trim_start_matches(is_space)
}

/// `s.rstrip()`.
pub fn rstrip(s: &str) -> &str {
    s.trim_end_matches(is_space)
}

/// `s.strip(characters)`.
pub fn strip_chars<'a>(s: &'a str, characters: &str) -> &'a str {
    s.trim_matches(|c| characters.contains(c))
}

/// `s.lstrip(characters)`.
pub fn lstrip_chars<'a>(s: &'a str, characters: &str) -> &'a str {
    s.trim_start_matches(|c| characters.contains(c))
}

/// `s.rstrip(characters)`.
pub fn rstrip_chars<'a>(s: &'a str, characters: &str) -> &'a str {
    s.trim_end_matches(|c| characters.contains(c))
}

/// `s.split()`: the words between runs of white space.
pub fn split_whitespace(s: &str) -> Vec<&str> {
    s.split(is_space).filter(|word| !word.is_empty()).collect()
}

/// `s.split(separator, limit)`; a negative limit splits everywhere.
pub fn split<'a>(s: &'a str, separator: &str, limit: i64) -> Result<Vec<&'a str>, Raised> {
    if separator.is_empty() {
        return Err(value_error("empty separator"));
    }
    let pieces = usize::try_from(limit).map_or(usize::MAX, |limit| limit.saturating_add(1));
    Ok(s.splitn(pieces, separator).collect())
}

/// `s.split(None, limit)`; a negative limit splits everywhere. The rest keeps its trailing white space.
pub fn split_whitespace_max(s: &str, limit: i64) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = lstrip(s);
    while !rest.is_empty() {
        let full = usize::try_from(limit).is_ok_and(|limit| words.len() >= limit);
        let end = if full { rest.len() } else { rest.find(is_space).unwrap_or(rest.len()) };
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        words.push(word);
        rest = lstrip(after);
    }
    words
}

/// `s.rsplit(None, limit)`: as [`split_whitespace_max`], from the end.
pub fn rsplit_whitespace(s: &str, limit: i64) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = rstrip(s);
    while !rest.is_empty() {
        let full = usize::try_from(limit).is_ok_and(|limit| words.len() >= limit);
        let space = if full { None } else { rest.char_indices().rev().find(|(_, c)| is_space(*c)) };
        let start = space.map_or(0, |(offset, c)| offset + c.len_utf8());
        let (before, word) = rest.split_at_checked(start).unwrap_or(("", rest));
        words.push(word);
        rest = rstrip(before);
    }
    words.reverse();
    words
}

/// `s.rsplit(separator, limit)`: as [`split`], from the end.
pub fn rsplit<'a>(s: &'a str, separator: &str, limit: i64) -> Result<Vec<&'a str>, Raised> {
    if separator.is_empty() {
        return Err(value_error("empty separator"));
    }
    let pieces = usize::try_from(limit).map_or(usize::MAX, |limit| limit.saturating_add(1));
    let mut parts: Vec<&str> = s.rsplitn(pieces, separator).collect();
    parts.reverse();
    Ok(parts)
}

/// `s.splitlines(keep_ends)`.
pub fn splitlines(s: &str, keep_ends: bool) -> Vec<&str> {
    let is_end =
        |c: char| matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut lines = Vec::new();
    let mut rest = s;
    while !rest.is_empty() {
        let text_end = rest.find(is_end).unwrap_or(rest.len());
        let (text, after) = rest.split_at_checked(text_end).unwrap_or((rest, ""));
        let end_bytes = if after.starts_with("\r\n") { 2 } else { after.chars().next().map_or(0, char::len_utf8) };
        lines.push(if keep_ends { rest.get(..text_end + end_bytes).unwrap_or(text) } else { text });
        rest = after.get(end_bytes..).unwrap_or("");
    }
    lines
}

/// `s.partition(separator)`: before the first one, it, and after it; all of `s` first when there is none.
pub fn partition<'a>(s: &'a str, separator: &str) -> Result<[&'a str; 3], Raised> {
    if separator.is_empty() {
        return Err(value_error("empty separator"));
    }
    Ok(s.find(separator).map_or([s, "", ""], |at| cut_out(s, at, separator.len())))
}

/// `s.rpartition(separator)`: as [`partition`] at the last one; all of `s` last when there is none.
pub fn rpartition<'a>(s: &'a str, separator: &str) -> Result<[&'a str; 3], Raised> {
    if separator.is_empty() {
        return Err(value_error("empty separator"));
    }
    Ok(s.rfind(separator).map_or(["", "", s], |at| cut_out(s, at, separator.len())))
}

fn cut_out(s: &str, start: usize, length: usize) -> [&str; 3] {
    let end = start + length;
    [s.get(..start), s.get(start..end), s.get(end..)].map(Option::unwrap_or_default)
}

/// `s.removeprefix(prefix)`.
pub fn removeprefix<'a>(s: &'a str, prefix: &str) -> &'a str {
    s.strip_prefix(prefix).unwrap_or(s)
}

/// `s.removesuffix(suffix)`.
pub fn removesuffix<'a>(s: &'a str, suffix: &str) -> &'a str {
    s.strip_suffix(suffix).unwrap_or(s)
}

/// The part `s[start:end]` with the position where it starts; `None` when the start lies beyond the end of `s`, where
/// not even the empty string is found.
fn between(s: Text<'_>, start: i64, end: i64) -> Option<(i64, Text<'_>)> {
    let length = len(s);
    let clamp = |bound: i64| if bound < 0 { bound.saturating_add(length).max(0) } else { bound };
    let (start, end) = (clamp(start), clamp(end).min(length));
    if start > end {
        return None;
    }
    let from = byte_offset(s, usize::try_from(start).ok()?);
    let to = byte_offset(s, usize::try_from(end).ok()?);
    Some((start, s.part(s.as_str().get(from..to)?)))
}

/// `s.find(needle, start, end)`; missing bounds are `i64::MIN` and `i64::MAX`, here and below.
pub fn find_between(s: Text<'_>, needle: &str, start: i64, end: i64) -> i64 {
    between(s, start, end).map_or(-1, |(start, part)| after_start(start, find(part, needle)))
}

/// `s.rfind(needle, start, end)`.
pub fn rfind_between(s: Text<'_>, needle: &str, start: i64, end: i64) -> i64 {
    between(s, start, end).map_or(-1, |(start, part)| after_start(start, rfind(part, needle)))
}

fn after_start(start: i64, position: i64) -> i64 {
    if position < 0 { -1 } else { start + position }
}

/// `s.count(needle, start, end)`.
pub fn count_between(s: Text<'_>, needle: &str, start: i64, end: i64) -> i64 {
    between(s, start, end).map_or(0, |(_, part)| count(part, needle))
}

/// `s.startswith(prefix, start, end)`.
pub fn startswith_between(s: Text<'_>, prefix: &str, start: i64, end: i64) -> bool {
    between(s, start, end).is_some_and(|(_, part)| part.starts_with(prefix))
}

/// `s.endswith(suffix, start, end)`.
pub fn endswith_between(s: Text<'_>, suffix: &str, start: i64, end: i64) -> bool {
    between(s, start, end).is_some_and(|(_, part)| part.ends_with(suffix))
}

/// `separator.join(items)`.
pub fn join<'a>(separator: &str, items: impl Iterator<Item = &'a str> + Clone, out: &mut String) -> Result<(), Raised> {
    let total = items.clone().fold(0usize, |sum, item| sum.saturating_add(item.len()).saturating_add(separator.len()));
    reserve(out, total)?;
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push_str(separator);
        }
        out.push_str(item);
    }
    Ok(())
}

/// `ord(s)`.
pub fn ord(s: &str) -> Result<i64, Raised> {
    let mut characters = s.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(i64::from(u32::from(character))),
        _ => {
            let length = s.chars().count();
            let message = format!("ord() expected a character, but string of length {length} found");
            Err((ExcClass::TypeError, message.into()))
        }
    }
}

/// `chr(code_point)`. A surrogate, which CPython would give as a string that is not text, is `NotCompiled`.
pub fn chr(code_point: i64) -> Result<char, Raised> {
    if i32::try_from(code_point).is_err() {
        return Err(overflow_error("Python int too large to convert to C int"));
    }
    match u32::try_from(code_point).ok().filter(|code| *code < 0x110000) {
        None => Err(value_error("chr() arg not in range(0x110000)")),
        Some(code) => char::from_u32(code).ok_or_else(|| not_compiled("chr() of a surrogate is not text")),
    }
}

/// `repr(s)`.
pub fn repr(s: &str, out: &mut String) -> Result<(), Raised> {
    quoted(s, is_printable, out)
}

/// `ascii(s)`: as `repr`, with everything beyond ASCII escaped.
pub fn ascii(s: &str, out: &mut String) -> Result<(), Raised> {
    quoted(s, |character| character.is_ascii() && is_printable(character), out)
}

/// Appends `s` in quotes; what `stays` does not hold for is escaped.
fn quoted(s: &str, stays: impl Fn(char) -> bool, out: &mut String) -> Result<(), Raised> {
    // The longest escape, `\U0001f600`, stands for four bytes of text, `\x00` for one.
    reserve(out, s.len().saturating_mul(4).saturating_add(2))?;
    let quote = if s.contains('\'') && !s.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in s.chars() {
        push_escaped(character, quote, &stays, out);
    }
    out.push(quote);
    Ok(())
}

fn push_escaped(character: char, quote: char, stays: impl Fn(char) -> bool, out: &mut String) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        _ if character == quote => {
            out.push('\\');
            out.push(quote);
        }
        _ if stays(character) => out.push(character),
        _ => push_code_point(character, out),
    }
}

/// `\xe9`, `\u20ac` or `\U0001f600`.
fn push_code_point(character: char, out: &mut String) {
    let code_point = u32::from(character);
    let (letter, digits) = match code_point {
        0..=0xff => ('x', 2),
        0x100..=0xffff => ('u', 4),
        _ => ('U', 8),
    };
    out.push('\\');
    out.push(letter);
    for digit in (0..digits).rev() {
        out.push(char::from_digit(code_point >> (4 * digit) & 15, 16).unwrap_or('0'));
    }
}

/// `s` with everything beyond ASCII as an escape: `ascii(x)` is this of `repr(x)`.
pub fn escape(s: &str, out: &mut String) -> Result<(), Raised> {
    // Two bytes of text become four, three become six, four become ten.
    reserve(out, s.len().saturating_mul(3))?;
    for character in s.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            push_code_point(character, out);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut String) -> Result<(), Raised>) -> String {
        let mut out = String::new();
        write(&mut out).unwrap();
        out
    }

    #[test]
    fn positions_count_code_points() {
        let s = Text::new("a\u{e9}\u{1f600}b");
        assert_eq!(len(s), 4);
        assert_eq!(index(s, -2).unwrap().as_str(), "\u{1f600}");
        assert_eq!(slice(s, 1, 3, 1).unwrap(), "\u{e9}\u{1f600}");
        assert_eq!(slice(s, i64::MAX, i64::MIN, -1).unwrap(), "b\u{1f600}\u{e9}a");
        assert_eq!(slice(s, i64::MIN, i64::MAX, 2).unwrap(), "a\u{1f600}");
        assert_eq!(find(s, "b"), 3);
        assert_eq!(index(s, 4).unwrap_err(), (ExcClass::IndexError, "string index out of range".into()));
    }

    #[test]
    fn characters_of_long_texts_are_found() {
        let long = "a\u{e9}\u{20ac}\u{1f600}".repeat(50);
        let offsets: Vec<usize> = long.char_indices().map(|(offset, _)| offset).chain([long.len(); 3]).collect();
        for (position, offset) in offsets.into_iter().enumerate() {
            assert_eq!(offset_of_character(long.as_bytes(), position), offset);
        }
    }

    #[test]
    fn huge_results_are_memory_errors() {
        let mut out = String::new();
        assert_eq!(repeat("ab", i64::MAX, &mut out), Err(memory_error()));
        let long = "a".repeat(100_000);
        assert_eq!(replace(Text::new(&long), "a", &long, -1, &mut out), Err(memory_error()));
        assert_eq!(out.capacity(), 0);
    }

    #[test]
    fn replace_of_nothing_inserts() {
        assert_eq!(text(|out| replace(Text::new("ab"), "", "-", -1, out)), "-a-b-");
        assert_eq!(text(|out| replace(Text::new("ab"), "", "-", 2, out)), "-a-b");
        assert_eq!(text(|out| replace(Text::new(""), "", "-", -1, out)), "-");
        assert_eq!(text(|out| replace(Text::new("aXbX"), "X", "yy", 1, out)), "ayybX");
    }

    #[test]
    fn repr_chooses_quotes_and_escapes() {
        assert_eq!(text(|out| repr("it's", out)), "\"it's\"");
        assert_eq!(text(|out| repr("it's \"so\"", out)), "'it\\'s \"so\"'");
        assert_eq!(
            text(|out| repr("\0\u{7f}\u{ad}\u{200b}\u{e0001}\n\u{e9}", out)),
            "'\\x00\\x7f\\xad\\u200b\\U000e0001\\n\u{e9}'"
        );
    }
}
