//! Primitives of `str`.

use crate::abi::{List, Str};
use crate::arena::Arena;
use crate::exc::Raised;
use crate::export::exports;
use crate::export::memory::{list_of_texts, texts_of};
use crate::text::Text;
use crate::{case, format, pad, percent, string};

exports! {
    direct fl_str_len(s: Str) -> Int = string::len(s);
    status fl_str_concat(s: Str, t: Str) -> [Str] with arena = arena.alloc_concat([s, t].into_iter());
    status fl_str_repeat(s: Str, count: Int) -> [Str] with arena = repeat(arena, s, count);
    status fl_str_index(s: Str, index: Int) -> [Str] = string::index(s, index);
    status fl_str_char_at(s: Str, offset: Int) -> [Str] = string::char_at(s, offset);
    status fl_str_slice(s: Str, start: Int, stop: Int, step: Int) -> [Str] with arena = {
        match string::slice(s, start, stop, step)? {
            std::borrow::Cow::Borrowed(view) => Ok(s.part(view).to_abi()),
            std::borrow::Cow::Owned(text) => arena.alloc_str(&text),
        }
    };
    direct fl_str_eq(s: Str, t: Str) -> Bool = s.as_str() == t.as_str();
    direct fl_str_ne(s: Str, t: Str) -> Bool = s.as_str() != t.as_str();
    // The order of UTF-8 bytes is that of code points.
    direct fl_str_lt(s: Str, t: Str) -> Bool = s.as_str() < t.as_str();
    direct fl_str_le(s: Str, t: Str) -> Bool = s.as_str() <= t.as_str();
    direct fl_str_gt(s: Str, t: Str) -> Bool = s.as_str() > t.as_str();
    direct fl_str_ge(s: Str, t: Str) -> Bool = s.as_str() >= t.as_str();
    direct fl_str_contains(s: Str, needle: Str) -> Bool = s.contains(needle.as_str());
    direct fl_str_startswith(s: Str, prefix: Str) -> Bool = s.starts_with(prefix.as_str());
    direct fl_str_endswith(s: Str, suffix: Str) -> Bool = s.ends_with(suffix.as_str());
    direct fl_str_find(s: Str, needle: Str) -> Int = string::find(s, &needle);
    direct fl_str_rfind(s: Str, needle: Str) -> Int = string::rfind(s, &needle);
    direct fl_str_count(s: Str, needle: Str) -> Int = string::count(s, &needle);
    status fl_str_replace(s: Str, old: Str, new: Str, limit: Int) -> [Str] with arena =
        arena.build_str(|out| string::replace(s, &old, &new, limit, out));
    status fl_str_lower(s: Str) -> [Str] with arena = arena.build_str(|out| case::lower(&s, out));
    status fl_str_upper(s: Str) -> [Str] with arena = arena.build_str(|out| case::upper(&s, out));
    status fl_str_strip(s: Str) -> [Str] = view(s, string::strip(s.as_str()));
    status fl_str_lstrip(s: Str) -> [Str] = view(s, string::lstrip(s.as_str()));
    status fl_str_rstrip(s: Str) -> [Str] = view(s, string::rstrip(s.as_str()));
    status fl_str_strip_chars(s: Str, characters: Str) -> [Str] = view(s, string::strip_chars(s.as_str(), &characters));
    status fl_str_lstrip_chars(s: Str, characters: Str) -> [Str] = view(s, string::lstrip_chars(s.as_str(), &characters));
    status fl_str_rstrip_chars(s: Str, characters: Str) -> [Str] = view(s, string::rstrip_chars(s.as_str(), &characters));
    status fl_str_casefold(s: Str) -> [Str] with arena = arena.build_str(|out| case::casefold(&s, out));
    status fl_str_capitalize(s: Str) -> [Str] with arena = arena.build_str(|out| case::capitalize(&s, out));
    status fl_str_swapcase(s: Str) -> [Str] with arena = arena.build_str(|out| case::swapcase(&s, out));
    status fl_str_title(s: Str) -> [Str] with arena = arena.build_str(|out| case::title(&s, out));
    direct fl_str_isdecimal(s: Str) -> Bool = case::isdecimal(&s);
    direct fl_str_isnumeric(s: Str) -> Bool = case::isnumeric(&s);
    direct fl_str_isprintable(s: Str) -> Bool = case::isprintable(&s);
    direct fl_str_isidentifier(s: Str) -> Bool = case::isidentifier(&s);
    direct fl_str_isascii(s: Str) -> Bool = s.is_known_ascii() || s.is_ascii();
    direct fl_str_istitle(s: Str) -> Bool = case::istitle(&s);
    direct fl_str_isdigit(s: Str) -> Bool = case::isdigit(&s);
    direct fl_str_isalpha(s: Str) -> Bool = case::isalpha(&s);
    direct fl_str_isalnum(s: Str) -> Bool = case::isalnum(&s);
    direct fl_str_isspace(s: Str) -> Bool = case::isspace(&s);
    direct fl_str_isupper(s: Str) -> Bool = case::isupper(&s);
    direct fl_str_islower(s: Str) -> Bool = case::islower(&s);
    status fl_str_split_whitespace(s: Str) -> [List] with arena = split(arena, s, string::split_whitespace(s.as_str()));
    status fl_str_split(s: Str, separator: Str, limit: Int) -> [List] with arena =
        string::split(s.as_str(), &separator, limit).and_then(|parts| split(arena, s, parts));
    status fl_str_split_whitespace_max(s: Str, limit: Int) -> [List] with arena =
        split(arena, s, string::split_whitespace_max(s.as_str(), limit));
    status fl_str_rsplit_whitespace(s: Str, limit: Int) -> [List] with arena =
        split(arena, s, string::rsplit_whitespace(s.as_str(), limit));
    status fl_str_rsplit(s: Str, separator: Str, limit: Int) -> [List] with arena =
        string::rsplit(s.as_str(), &separator, limit).and_then(|parts| split(arena, s, parts));
    status fl_str_splitlines(s: Str, keep_ends: Bool) -> [List] with arena =
        split(arena, s, string::splitlines(s.as_str(), keep_ends));
    status fl_str_partition(s: Str, separator: Str) -> [Str, Str, Str] =
        string::partition(s.as_str(), &separator).map(|parts| three_views(s, parts));
    status fl_str_rpartition(s: Str, separator: Str) -> [Str, Str, Str] =
        string::rpartition(s.as_str(), &separator).map(|parts| three_views(s, parts));
    status fl_str_removeprefix(s: Str, prefix: Str) -> [Str] = view(s, string::removeprefix(s.as_str(), &prefix));
    status fl_str_removesuffix(s: Str, suffix: Str) -> [Str] = view(s, string::removesuffix(s.as_str(), &suffix));
    direct fl_str_find_between(s: Str, needle: Str, start: Int, end: Int) -> Int =
        string::find_between(s, &needle, start, end);
    direct fl_str_rfind_between(s: Str, needle: Str, start: Int, end: Int) -> Int =
        string::rfind_between(s, &needle, start, end);
    direct fl_str_count_between(s: Str, needle: Str, start: Int, end: Int) -> Int =
        string::count_between(s, &needle, start, end);
    direct fl_str_startswith_between(s: Str, prefix: Str, start: Int, end: Int) -> Bool =
        string::startswith_between(s, &prefix, start, end);
    direct fl_str_endswith_between(s: Str, suffix: Str, start: Int, end: Int) -> Bool =
        string::endswith_between(s, &suffix, start, end);
    status fl_str_ljust(s: Str, width: Int, fill: Str) -> [Str] with arena =
        arena.build_str(|out| pad::ljust(s, width, &fill, out));
    status fl_str_rjust(s: Str, width: Int, fill: Str) -> [Str] with arena =
        arena.build_str(|out| pad::rjust(s, width, &fill, out));
    status fl_str_center(s: Str, width: Int, fill: Str) -> [Str] with arena =
        arena.build_str(|out| pad::center(s, width, &fill, out));
    status fl_str_zfill(s: Str, width: Int) -> [Str] with arena = arena.build_str(|out| pad::zfill(s, width, out));
    status fl_str_expandtabs(s: Str, size: Int) -> [Str] with arena =
        arena.build_str(|out| pad::expandtabs(s, size, out));
    status fl_str_join(separator: Str, items: List) -> [Str] with arena = {
        // SAFETY: a list of strings of the program.
        join(arena, separator, unsafe { texts_of(&*items) })
    };
    status fl_str_ord(s: Str) -> [Int] = string::ord(&s);
    status fl_str_repr(s: Str) -> [Str] with arena = arena.build_str(|out| string::repr(&s, out));
    status fl_str_ascii(s: Str) -> [Str] with arena = arena.build_str(|out| string::ascii(&s, out));
    status fl_str_escape(s: Str) -> [Str] with arena = arena.build_str(|out| string::escape(&s, out));
    status fl_str_percent(s: Str, conversion: Str) -> [Str] with arena =
        arena.build_str(|out| percent::percent_str(&s, &conversion, out));
    status fl_str_format(s: Str, spec: Str) -> [Str] with arena =
        arena.build_str(|out| format::format_str(&s, &spec, out));
}

fn view<'a>(s: Text<'a>, part: &'a str) -> Result<Text<'a>, Raised> {
    Ok(s.part(part))
}

fn three_views<'a>(s: Text<'a>, parts: [&'a str; 3]) -> (Text<'a>, (Text<'a>, Text<'a>)) {
    let [first, second, third] = parts.map(|part| s.part(part));
    (first, (second, third))
}

fn repeat(arena: &mut Arena, s: Text<'_>, count: i64) -> Result<Str, Raised> {
    let total = string::repeated_bytes(&s, count)?;
    if total == s.len() {
        return Ok(s.to_abi());
    }
    arena.alloc_repeat(s, total)
}

fn split(arena: &mut Arena, s: Text<'_>, parts: Vec<&str>) -> Result<*mut List, Raised> {
    list_of_texts(arena, parts.into_iter().map(|part| s.part(part)))
}

fn join<'a>(
    arena: &mut Arena,
    separator: Text<'a>,
    items: impl Iterator<Item = Text<'a>> + Clone,
) -> Result<Str, Raised> {
    let parts = items.enumerate().flat_map(move |(place, item)| {
        let before = if place == 0 { Text::new("") } else { separator };
        [before, item]
    });
    arena.alloc_concat(parts)
}
