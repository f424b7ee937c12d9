//! The methods of `str` that change or ask for letter case, and the questions about all characters of a string.

use crate::exc::Raised;
use crate::string::reserve;
use crate::unicode::{self, has, properties};
use crate::unicode_tables as tables;

/// Appends the characters of `s`, each as `push` writes it. Mappings at most triple the length.
fn map_each(s: &str, out: &mut String, mut push: impl FnMut(char, usize, &mut String)) -> Result<(), Raised> {
    reserve(out, s.len())?;
    for (offset, character) in s.char_indices() {
        push(character, offset, out);
    }
    Ok(())
}

/// Appends `s` after `change`, which works on all of it at once.
fn map_ascii(s: &str, out: &mut String, change: impl FnOnce(&mut str)) -> Result<(), Raised> {
    reserve(out, s.len())?;
    let start = out.len();
    out.push_str(s);
    if let Some(copy) = out.get_mut(start..) {
        change(copy);
    }
    Ok(())
}

/// Whether the sigma at byte `offset` ends a word: a cased letter before it and none after it, looking through
/// characters that case ignores.
fn is_final_sigma(s: &str, offset: usize) -> bool {
    let (before, after) = s.split_at_checked(offset).unwrap_or((s, ""));
    next_is_cased(before.chars().rev()) && !next_is_cased(after.chars().skip(1))
}

/// Whether the first character that case does not ignore is cased.
fn next_is_cased(mut characters: impl Iterator<Item = char>) -> bool {
    characters.find(|c| !has(*c, tables::CASE_IGNORABLE)).is_some_and(|c| has(c, tables::CASED))
}

/// Appends the lower case of the character at `offset` of `s`.
fn push_lower_in(s: &str, character: char, offset: usize, out: &mut String) {
    if character == '\u{3a3}' {
        out.push(if is_final_sigma(s, offset) { '\u{3c2}' } else { '\u{3c3}' });
    } else {
        unicode::push_lower(character, out);
    }
}

/// `s.lower()`.
pub fn lower(s: &str, out: &mut String) -> Result<(), Raised> {
    if s.is_ascii() {
        return map_ascii(s, out, str::make_ascii_lowercase);
    }
    map_each(s, out, |c, offset, out| push_lower_in(s, c, offset, out))
}

/// `s.upper()`.
pub fn upper(s: &str, out: &mut String) -> Result<(), Raised> {
    if s.is_ascii() {
        return map_ascii(s, out, str::make_ascii_uppercase);
    }
    map_each(s, out, |c, _, out| unicode::push_upper(c, out))
}

/// `s.casefold()`.
pub fn casefold(s: &str, out: &mut String) -> Result<(), Raised> {
    map_each(s, out, |c, _, out| unicode::push_folded(c, out))
}

/// `s.swapcase()`.
pub fn swapcase(s: &str, out: &mut String) -> Result<(), Raised> {
    map_each(s, out, |c, offset, out| {
        let properties = properties(c);
        if properties & tables::UPPER != 0 {
            push_lower_in(s, c, offset, out);
        } else if properties & tables::LOWER != 0 {
            unicode::push_upper(c, out);
        } else {
            out.push(c);
        }
    })
}

/// `s.capitalize()`.
pub fn capitalize(s: &str, out: &mut String) -> Result<(), Raised> {
    map_each(s, out, |c, offset, out| match offset {
        0 => unicode::push_title(c, out),
        _ => push_lower_in(s, c, offset, out),
    })
}

/// `s.title()`.
pub fn title(s: &str, out: &mut String) -> Result<(), Raised> {
    let mut after_cased = false;
    map_each(s, out, |c, offset, out| {
        if after_cased {
            push_lower_in(s, c, offset, out);
        } else {
            unicode::push_title(c, out);
        }
        after_cased = has(c, tables::CASED);
    })
}

/// True when there are characters and every one has one of the properties.
fn all_have(s: &str, wanted: unicode::Properties) -> bool {
    !s.is_empty() && s.chars().all(|c| has(c, wanted))
}

/// `s.isalpha()`.
pub fn isalpha(s: &str) -> bool {
    all_have(s, tables::ALPHA)
}

/// `s.isdecimal()`.
pub fn isdecimal(s: &str) -> bool {
    all_have(s, tables::DECIMAL)
}

/// `s.isdigit()`.
pub fn isdigit(s: &str) -> bool {
    all_have(s, tables::DIGIT)
}

/// `s.isnumeric()`.
pub fn isnumeric(s: &str) -> bool {
    all_have(s, tables::NUMERIC)
}

/// `s.isalnum()`.
pub fn isalnum(s: &str) -> bool {
    all_have(s, tables::ALPHA | tables::DECIMAL | tables::DIGIT | tables::NUMERIC)
}

/// `s.isspace()`.
pub fn isspace(s: &str) -> bool {
    !s.is_empty() && s.chars().all(unicode::is_space)
}

/// `s.isprintable()`; true of the empty string.
pub fn isprintable(s: &str) -> bool {
    s.chars().all(unicode::is_printable)
}

/// `s.isidentifier()`.
pub fn isidentifier(s: &str) -> bool {
    let mut characters = s.chars();
    characters.next().is_some_and(|c| c == '_' || has(c, tables::XID_START))
        && characters.all(|c| has(c, tables::XID_CONTINUE))
}

/// True when a character has `wanted` and none has one of `others`.
fn some_and_none(s: &str, wanted: unicode::Properties, others: unicode::Properties) -> bool {
    let mut found = false;
    for character in s.chars() {
        let properties = properties(character);
        if properties & others != 0 {
            return false;
        }
        found |= properties & wanted != 0;
    }
    found
}

/// `s.isupper()`.
pub fn isupper(s: &str) -> bool {
    some_and_none(s, tables::UPPER, tables::LOWER | tables::TITLE)
}

/// `s.islower()`.
pub fn islower(s: &str) -> bool {
    some_and_none(s, tables::LOWER, tables::UPPER | tables::TITLE)
}

/// `s.istitle()`: every word begins with an upper or title case letter and goes on in lower case.
pub fn istitle(s: &str) -> bool {
    let (mut found, mut after_cased) = (false, false);
    for character in s.chars() {
        let properties = properties(character);
        if properties & (tables::UPPER | tables::TITLE) != 0 {
            if after_cased {
                return false;
            }
            (found, after_cased) = (true, true);
        } else if properties & tables::LOWER != 0 {
            if !after_cased {
                return false;
            }
            (found, after_cased) = (true, true);
        } else {
            after_cased = false;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_ends_words() {
        for (s, expected) in [("ΑΣ", "ας"), ("ΑΣΑ", "ασα"), ("Σ", "σ"), ("Α.Σ.", "α.ς."), ("ΑΣ'Α", "ασ'α")]
        {
            let mut out = String::new();
            lower(s, &mut out).unwrap();
            assert_eq!(out, expected);
        }
    }
}
