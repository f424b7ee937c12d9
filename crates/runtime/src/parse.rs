//! `int(s)` and `float(s)`.

use std::borrow::Cow;

use crate::exc::{Raised, int_too_large, value_error};
use crate::string::repr;
use crate::unicode::{decimal_value, is_space};

/// CPython refuses to convert longer decimal text, to bound the time it takes.
const DECIMAL_DIGITS_MAX: usize = 4300;

/// Whether the C library's idea of white space (CPython's `Py_ISSPACE`) has this character.
fn is_c_space(character: char) -> bool {
    matches!(character, '\t'..='\r' | ' ')
}

/// The text as CPython's number parsers see it: the digits of every script are read as ASCII, and white space beyond
/// ASCII as a space. Anything else stays.
fn normalized(s: &str) -> Cow<'_, str> {
    if s.is_ascii() {
        return Cow::Borrowed(s);
    }
    let normal = |c: char| match decimal_value(c).and_then(|value| char::from_digit(value, 10)) {
        Some(digit) => digit,
        None if !c.is_ascii() && is_space(c) => ' ',
        None => c,
    };
    Cow::Owned(s.chars().map(normal).collect())
}

/// `int(s, base)`; base 10 is `int(s)`, base 0 reads the prefix as Python source does.
pub fn to_int(s: &str, base: i64) -> Result<i64, Raised> {
    let Some(base) = u32::try_from(base).ok().filter(|base| *base == 0 || (2..=36).contains(base)) else {
        return Err(value_error("int() base must be >= 2 and <= 36, or 0"));
    };
    match parse_int(&normalized(s), base) {
        Some(result) => result,
        None => {
            let mut shown = String::new();
            repr(s, &mut shown)?;
            // CPython cuts the text it shows.
            let shown: String = shown.chars().take(200).collect();
            Err(value_error(format!("invalid literal for int() with base {base}: {shown}")))
        }
    }
}

/// The value, or `None` when the text is no integer.
fn parse_int(s: &str, mut base: u32) -> Option<Result<i64, Raised>> {
    let s = s.trim_matches(is_c_space);
    let negative = s.starts_with('-');
    let mut digits = s.strip_prefix(['+', '-']).unwrap_or(s);
    let prefix_base = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => Some(16),
        [b'0', b'o' | b'O', ..] => Some(8),
        [b'0', b'b' | b'B', ..] => Some(2),
        _ => None,
    };
    let zero_only = base == 0 && prefix_base.is_none() && digits.starts_with('0');
    if base == 0 {
        base = prefix_base.unwrap_or(10);
    }
    if prefix_base == Some(base) {
        let rest = digits.get(2..)?;
        digits = rest.strip_prefix('_').unwrap_or(rest);
    }
    let count = digits.bytes().filter(|byte| *byte != b'_').count();
    let value = digits_value(digits, base)?;
    if !base.is_power_of_two() && count > DECIMAL_DIGITS_MAX {
        return Some(Err(value_error(format!(
            "Exceeds the limit ({DECIMAL_DIGITS_MAX} digits) for integer string conversion: value has {count} digits; \
             use sys.set_int_max_str_digits() to increase the limit"
        ))));
    }
    if zero_only && value != Some(0) {
        return None;
    }
    let signed = value.map(i128::from).map(|value| if negative { -value } else { value });
    let result = signed.and_then(|value| i64::try_from(value).ok());
    Some(result.ok_or_else(int_too_large))
}

/// The value of digits with single underscores between them: `None` when they are malformed, `Some(None)` when the
/// value is beyond 64 bits.
fn digits_value(digits: &str, base: u32) -> Option<Option<u64>> {
    let mut value = Some(0u64);
    let mut after_digit = false;
    for character in digits.chars() {
        if character == '_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = character.to_digit(base)?;
        value = value.and_then(|value| value.checked_mul(u64::from(base))?.checked_add(u64::from(digit)));
        after_digit = true;
    }
    after_digit.then_some(value)
}

/// `float(s)`.
pub fn to_float(s: &str) -> Result<f64, Raised> {
    match parse_float(normalized(s).trim_matches(is_c_space)) {
        Some(value) => Ok(value),
        None => {
            let mut message = String::from("could not convert string to float: ");
            repr(s, &mut message)?;
            Err(value_error(message))
        }
    }
}

fn parse_float(s: &str) -> Option<f64> {
    let unsigned = s.strip_prefix(['+', '-']).unwrap_or(s);
    if ["inf", "infinity", "nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return s.parse().ok();
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    if !has_digits
        || !is_digits(whole)
        || !is_digits(fraction)
        || !exponent.is_none_or(|e| !e.is_empty() && is_digits(e))
    {
        return None;
    }
    if s.contains('_') { s.replace('_', "").parse().ok() } else { s.parse().ok() }
}

/// Nothing, or ASCII digits with single underscores between them.
fn is_digits(s: &str) -> bool {
    s.is_empty() || s.split('_').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()))
}
