//! Questions about single characters, answered as CPython answers them. Knows nothing of strings; the data is in
//! `unicode_tables`.

use crate::unicode_tables as tables;

/// A set of the properties in `unicode_tables`.
pub(crate) type Properties = u16;

/// Code points below this have their properties in a plain array.
const COMMON_END: usize = 0x400;

static COMMON: [Properties; COMMON_END] = common_properties();

/// Walks the runs while the compiler runs.
const fn common_properties() -> [Properties; COMMON_END] {
    let mut result = [0; COMMON_END];
    let (mut code_point, mut run) = (0, 0);
    while code_point < COMMON_END {
        while run + 1 < tables::RUNS.len() && (tables::RUNS[run + 1] >> 6) as usize <= code_point {
            run += 1;
        }
        result[code_point] = tables::RECORDS[(tables::RUNS[run] & 63) as usize];
        code_point += 1;
    }
    result
}

/// The properties of a character.
pub(crate) fn properties(character: char) -> Properties {
    let code_point = u32::from(character);
    if let Some(properties) = COMMON.get(code_point as usize) {
        return *properties;
    }
    // A run is stored as its first code point times 64 plus its record, so the largest key of this code point finds it.
    let after = tables::RUNS.partition_point(|run| *run <= code_point << 6 | 63);
    let record = after.checked_sub(1).and_then(|at| tables::RUNS.get(at)).map_or(0, |run| (run & 63) as usize);
    tables::RECORDS.get(record).copied().unwrap_or(0)
}

/// Whether the character has one of these properties.
pub(crate) fn has(character: char, wanted: Properties) -> bool {
    properties(character) & wanted != 0
}

/// Python's white space, `str.isspace`.
pub fn is_space(character: char) -> bool {
    if character.is_ascii() { matches!(character, '\t'..='\r' | '\x1c'..=' ') } else { has(character, tables::SPACE) }
}

/// `str.isprintable` of one character: `repr` leaves it as it is.
pub fn is_printable(character: char) -> bool {
    if character.is_ascii() { matches!(character, ' '..='~') } else { has(character, tables::PRINTABLE) }
}

/// `str.isalnum` of one character.
pub fn is_alnum(character: char) -> bool {
    has(character, tables::ALPHA | tables::DECIMAL | tables::DIGIT | tables::NUMERIC)
}

/// The value of a decimal digit of any script.
pub fn decimal_value(character: char) -> Option<u32> {
    if character.is_ascii() {
        return character.to_digit(10);
    }
    let code_point = u32::from(character);
    let after = tables::ZEROS.partition_point(|zero| *zero <= code_point);
    let zero = after.checked_sub(1).and_then(|at| tables::ZEROS.get(at))?;
    Some(code_point - zero).filter(|value| *value < 10)
}

/// A case mapping: ranges (first, last, step, difference) and the characters that become several.
type CaseMap = (&'static [(u32, u32, u32, i32)], &'static [(u32, &'static str)]);

const LOWER: CaseMap = (&tables::LOWER_MAP, &tables::LOWER_MAP_SPECIAL);
const UPPER: CaseMap = (&tables::UPPER_MAP, &tables::UPPER_MAP_SPECIAL);
const TITLE: CaseMap = (&tables::TITLE_MAP, &tables::TITLE_MAP_SPECIAL);
const FOLD: CaseMap = (&tables::FOLD_MAP, &tables::FOLD_MAP_SPECIAL);

/// Appends what the mapping makes of the character; false when it has no entry.
fn push_mapped(character: char, map: CaseMap, out: &mut String) -> bool {
    let code_point = u32::from(character);
    let (ranges, specials) = map;
    if let Ok(at) = specials.binary_search_by_key(&code_point, |(from, _)| *from) {
        out.push_str(specials.get(at).map_or("", |(_, text)| *text));
        return true;
    }
    match mapped(character, ranges) {
        Some(mapped) => {
            out.push(mapped);
            true
        }
        None => false,
    }
}

/// What the ranges of a mapping make of the character.
fn mapped(character: char, ranges: &[(u32, u32, u32, i32)]) -> Option<char> {
    let code_point = u32::from(character);
    let after = ranges.partition_point(|(first, ..)| *first <= code_point);
    let (first, last, step, difference) = ranges.get(after.checked_sub(1)?)?;
    let inside = code_point <= *last && (code_point - first).is_multiple_of(*step);
    inside.then(|| code_point.checked_add_signed(*difference).and_then(char::from_u32).unwrap_or(character))
}

/// The lower case of a character by itself, which is one character: how `re` compares letters.
pub fn simple_lower(character: char) -> char {
    match character {
        // The only one whose full lower case is longer.
        '\u{130}' => 'i',
        _ if character.is_ascii() => character.to_ascii_lowercase(),
        _ => mapped(character, LOWER.0).unwrap_or(character),
    }
}

/// Appends the lower case of a character (the capital sigma needs its context: see `case`).
pub(crate) fn push_lower(character: char, out: &mut String) {
    if character.is_ascii() {
        out.push(character.to_ascii_lowercase());
    } else if !push_mapped(character, LOWER, out) {
        out.push(character);
    }
}

/// Appends the upper case of a character.
pub(crate) fn push_upper(character: char, out: &mut String) {
    if character.is_ascii() {
        out.push(character.to_ascii_uppercase());
    } else if !push_mapped(character, UPPER, out) {
        out.push(character);
    }
}

/// Appends the title case of a character.
pub(crate) fn push_title(character: char, out: &mut String) {
    if character.is_ascii() || !push_mapped(character, TITLE, out) {
        push_upper(character, out);
    }
}

/// Appends the folded case of a character.
pub(crate) fn push_folded(character: char, out: &mut String) {
    if character.is_ascii() || !push_mapped(character, FOLD, out) {
        push_lower(character, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_cuts_agree_with_the_tables() {
        for character in '\0'..=char::MAX {
            assert_eq!(is_space(character), has(character, tables::SPACE), "{character:?}");
            assert_eq!(is_printable(character), has(character, tables::PRINTABLE), "{character:?}");
            assert_eq!(decimal_value(character).is_some(), has(character, tables::DECIMAL), "{character:?}");
        }
    }
}
