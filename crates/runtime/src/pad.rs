//! The methods of `str` that fill up to a width. Widths count code points.

use crate::exc::{ExcClass, Raised, raised};
use crate::string::{len, reserve};
use crate::text::Text;

/// Appends `s` with so many fill characters on each side.
fn padded(s: Text<'_>, left: i64, right: i64, fill: char, out: &mut String) -> Result<(), Raised> {
    let (left, right) = (usize::try_from(left).unwrap_or(0), usize::try_from(right).unwrap_or(0));
    let fills = left.saturating_add(right).saturating_mul(fill.len_utf8());
    reserve(out, fills.saturating_add(s.len()))?;
    out.extend(std::iter::repeat_n(fill, left));
    out.push_str(s.as_str());
    out.extend(std::iter::repeat_n(fill, right));
    Ok(())
}

fn fill_character(fill: &str) -> Result<char, Raised> {
    let mut characters = fill.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(raised(ExcClass::TypeError, "The fill character must be exactly one character long")),
    }
}

/// The missing width; not negative.
fn missing(s: Text<'_>, width: i64) -> i64 {
    width.saturating_sub(len(s)).max(0)
}

/// `s.ljust(width, fill)`.
pub fn ljust(s: Text<'_>, width: i64, fill: &str, out: &mut String) -> Result<(), Raised> {
    padded(s, 0, missing(s, width), fill_character(fill)?, out)
}

/// `s.rjust(width, fill)`.
pub fn rjust(s: Text<'_>, width: i64, fill: &str, out: &mut String) -> Result<(), Raised> {
    padded(s, missing(s, width), 0, fill_character(fill)?, out)
}

/// `s.center(width, fill)`. An odd padding has its larger half on the left when the width is odd.
pub fn center(s: Text<'_>, width: i64, fill: &str, out: &mut String) -> Result<(), Raised> {
    let padding = missing(s, width);
    let left = padding / 2 + (padding & width & 1);
    padded(s, left, padding - left, fill_character(fill)?, out)
}

/// `s.zfill(width)`: zeros after the sign, if there is one.
pub fn zfill(s: Text<'_>, width: i64, out: &mut String) -> Result<(), Raised> {
    let padding = missing(s, width);
    match s.chars().next().filter(|first| matches!(first, '+' | '-') && padding > 0) {
        Some(sign) => {
            out.push(sign);
            padded(s.part(s.as_str().get(1..).unwrap_or("")), padding, 0, '0', out)
        }
        None => padded(s, padding, 0, '0', out),
    }
}

/// `s.expandtabs(size)`: every tab becomes spaces up to the next multiple of `size` in its line.
pub fn expandtabs(s: Text<'_>, size: i64, out: &mut String) -> Result<(), Raised> {
    let mut column = 0i64;
    for character in s.chars() {
        match character {
            '\t' if size > 0 => {
                let spaces = size - column % size;
                column = column.saturating_add(spaces);
                padded(Text::new(""), spaces, 0, ' ', out)?;
            }
            '\t' => {}
            _ => {
                column = if matches!(character, '\n' | '\r') { 0 } else { column.saturating_add(1) };
                reserve(out, character.len_utf8())?;
                out.push(character);
            }
        }
    }
    Ok(())
}
