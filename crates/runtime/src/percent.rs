//! `template % value` for one conversion: its flags, width, precision and type, such as `-08.3f`. Taking a template apart
//! is the compiler's business; what the conversion means for a value is here, with CPython's rules and messages.

use crate::exc::{ExcClass, Raised, overflow_error, raised, value_error};
use crate::format::{FloatCode, FloatStyle, push_digits, push_float};
use crate::string::{chr, reserve};

/// A conversion of a template, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Conversion {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

impl Conversion {
    /// Reads `FLAGS WIDTH .PRECISION TYPE`. A `*` before the precision says that it came from an argument, where CPython
    /// words a number that is too large in another way and takes a negative one for 0.
    fn parse(text: &str) -> Result<Conversion, Raised> {
        let mut conversion = Conversion::default();
        let mut rest = text;
        while let Some(flag) = rest.chars().next().filter(|flag| matches!(flag, '-' | '+' | ' ' | '#' | '0')) {
            match flag {
                '-' => conversion.left = true,
                '+' => conversion.plus = true,
                ' ' => conversion.blank = true,
                '#' => conversion.alternate = true,
                _ => conversion.zero = true,
            }
            rest = rest.get(1..).unwrap_or("");
        }
        let (width, after) = digits(rest);
        conversion.width = match width {
            "" => 0,
            width => width.parse().ok().filter(|width| *width <= isize::MAX as usize).ok_or_else(too_wide)?,
        };
        rest = after;
        if let Some(precision) = rest.strip_prefix('.') {
            let (from_argument, precision) = match precision.strip_prefix('*') {
                Some(precision) => (true, precision),
                None => (false, precision),
            };
            let (negative, precision) = match precision.strip_prefix('-') {
                Some(precision) => (true, precision),
                None => (false, precision),
            };
            let (number, after) = digits(precision);
            let number = if number.is_empty() { Some(0) } else { number.parse().ok() };
            let number = number.filter(|number| *number <= i32::MAX as usize);
            conversion.precision = Some(match number {
                _ if negative => 0,
                Some(number) => number,
                None if from_argument => return Err(overflow_error("Python int too large to convert to C int")),
                None => return Err(value_error("precision too big")),
            });
            rest = after;
        }
        conversion.kind = rest.chars().next().unwrap_or('s');
        Ok(conversion)
    }
}

fn too_wide() -> Raised {
    value_error("width too big")
}

/// The digits at the start, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// An int by `d i u x X o c`.
pub fn percent_int(n: i64, conversion: &str, out: &mut String) -> Result<(), Raised> {
    let conversion = Conversion::parse(conversion)?;
    let (radix, upper, prefix) = match conversion.kind {
        'c' => {
            if !(0..0x110000).contains(&n) {
                return Err(overflow_error("%c arg not in range(0x110000)"));
            }
            return push_text(chr(n)?.encode_utf8(&mut [0; 4]), &conversion, out);
        }
        'x' => (16, false, "0x"),
        'X' => (16, true, "0X"),
        'o' => (8, false, "0o"),
        _ => (10, false, ""),
    };
    let mut shown = String::new();
    push_digits(n.unsigned_abs(), radix, upper, &mut shown);
    let zeros = conversion.precision.unwrap_or(0).saturating_sub(shown.len());
    let mut number = String::new();
    reserve(&mut number, zeros.saturating_add(shown.len()))?;
    number.extend(std::iter::repeat_n('0', zeros));
    number.push_str(&shown);
    let prefix = if conversion.alternate { prefix } else { "" };
    push_number(n < 0, prefix, &number, &conversion, out)
}

/// A float by `e E f F g G`.
pub fn percent_float(x: f64, conversion: &str, out: &mut String) -> Result<(), Raised> {
    let conversion = Conversion::parse(conversion)?;
    let style = FloatStyle {
        code: match conversion.kind {
            'e' | 'E' => FloatCode::Exponent,
            'g' | 'G' => FloatCode::General,
            _ => FloatCode::Fixed,
        },
        precision: conversion.precision.unwrap_or(FloatStyle::PLAIN.precision),
        upper: conversion.kind.is_ascii_uppercase(),
        alternate: conversion.alternate,
        ..FloatStyle::PLAIN
    };
    let mut text = String::new();
    push_float(x, style, &mut text)?;
    match text.strip_prefix('-') {
        Some(magnitude) => push_number(true, "", magnitude, &conversion, out),
        None => push_number(false, "", &text, &conversion, out),
    }
}

/// Text by `s`, `r` and `a`, cut to the precision, or by `c`, which takes one character.
pub fn percent_str(s: &str, conversion: &str, out: &mut String) -> Result<(), Raised> {
    let conversion = Conversion::parse(conversion)?;
    if conversion.kind == 'c' {
        return match s.chars().count() {
            1 => push_text(s, &conversion, out),
            _ => Err(raised(ExcClass::TypeError, "%c requires int or char")),
        };
    }
    let cut = conversion.precision.and_then(|count| s.char_indices().nth(count));
    let end = cut.map_or(s.len(), |(offset, _)| offset);
    push_text(s.get(..end).unwrap_or(s), &conversion, out)
}

fn push_text(text: &str, conversion: &Conversion, out: &mut String) -> Result<(), Raised> {
    let padding = conversion.width.saturating_sub(text.chars().count());
    reserve(out, padding.saturating_add(text.len()))?;
    if conversion.left {
        out.push_str(text);
    }
    out.extend(std::iter::repeat_n(' ', padding));
    if !conversion.left {
        out.push_str(text);
    }
    Ok(())
}

/// Zeros come between the sign and the digits, blanks around both.
fn push_number(
    negative: bool,
    prefix: &str,
    digits: &str,
    conversion: &Conversion,
    out: &mut String,
) -> Result<(), Raised> {
    let sign = match (negative, conversion.plus, conversion.blank) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    };
    let used = sign.len().saturating_add(prefix.len()).saturating_add(digits.len());
    let padding = conversion.width.saturating_sub(used);
    reserve(out, padding.saturating_add(used))?;
    let (before, zeros, after) = match (conversion.left, conversion.zero) {
        (true, _) => (0, 0, padding),
        (false, true) => (0, padding, 0),
        (false, false) => (padding, 0, 0),
    };
    out.extend(std::iter::repeat_n(' ', before));
    out.push_str(sign);
    out.push_str(prefix);
    out.extend(std::iter::repeat_n('0', zeros));
    out.push_str(digits);
    out.extend(std::iter::repeat_n(' ', after));
    Ok(())
}
