//! Numbers and strings to text: `str(x)`, `repr(x)` and `format(value, spec)` with Python's format mini-language. The
//! spec is parsed in `format_spec`.

use std::fmt::Write;

use crate::decimal::Decimal;
use crate::exc::{Raised, overflow_error, value_error};
use crate::format_spec::{Align, Grouping, Sign, Spec};
use crate::string::{chr, reserve};

/// `str(n)`.
pub fn int_to_str(n: i64, out: &mut String) {
    if n < 0 {
        out.push('-');
    }
    push_digits(n.unsigned_abs(), 10, false, out);
}

/// `hex(n)`, `oct(n)` or `bin(n)`: the base is 16, 8 or 2.
pub fn int_to_base(n: i64, base: i64, out: &mut String) -> Result<(), Raised> {
    let (prefix, radix) = match base {
        16 => ("0x", 16),
        8 => ("0o", 8),
        2 => ("0b", 2),
        _ => return Err(value_error("base must be 2, 8 or 16")),
    };
    if n < 0 {
        out.push('-');
    }
    out.push_str(prefix);
    push_digits(n.unsigned_abs(), radix, false, out);
    Ok(())
}

pub(crate) fn push_digits(magnitude: u64, radix: u32, upper: bool, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match (radix, upper) {
        (16, true) => write!(out, "{magnitude:X}"),
        (16, false) => write!(out, "{magnitude:x}"),
        (8, _) => write!(out, "{magnitude:o}"),
        (2, _) => write!(out, "{magnitude:b}"),
        _ => write!(out, "{magnitude}"),
    };
}

/// `repr(x)`, which is also `str(x)`: the shortest digits that read back as the same float.
pub fn float_to_str(x: f64, out: &mut String) {
    // Without a precision nothing can be too large.
    let _ =
        push_float(x, FloatStyle { code: FloatCode::Repr, precision: 0, add_dot_0: true, ..FloatStyle::PLAIN }, out);
}

/// The presentation types of floats, in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FloatCode {
    Repr,
    Exponent,
    Fixed,
    General,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatStyle {
    pub(crate) code: FloatCode,
    pub(crate) precision: usize,
    pub(crate) upper: bool,
    /// `#`: keep the dot and the trailing zeros.
    pub(crate) alternate: bool,
    /// Write `1.0`, not `1`.
    pub(crate) add_dot_0: bool,
    /// `z`: no sign for what rounds to zero.
    pub(crate) no_negative_zero: bool,
}

impl FloatStyle {
    pub(crate) const PLAIN: FloatStyle = FloatStyle {
        code: FloatCode::Repr,
        precision: 6,
        upper: false,
        alternate: false,
        add_dot_0: false,
        no_negative_zero: false,
    };
}

/// Appends `x` with a `-` where it has one.
pub(crate) fn push_float(x: f64, style: FloatStyle, out: &mut String) -> Result<(), Raised> {
    if !x.is_finite() {
        let text = match (x.is_nan(), style.upper) {
            (true, false) => "nan",
            (true, true) => "NAN",
            (false, false) => "inf",
            (false, true) => "INF",
        };
        if x == f64::NEG_INFINITY {
            out.push('-');
        }
        out.push_str(text);
        return Ok(());
    }
    let precision = if style.code == FloatCode::General { style.precision.max(1) } else { style.precision };
    let places = i64::try_from(precision).unwrap_or(i64::MAX);
    let quick = match style.code {
        FloatCode::Repr => Some(Decimal::shortest(x)),
        FloatCode::Fixed => Decimal::fixed_quickly(x, places),
        FloatCode::Exponent | FloatCode::General => None,
    };
    match quick {
        Some(decimal) => push_decimal(x, style, precision, (decimal.digits(), decimal.point), out),
        None => {
            let decimal = match style.code {
                FloatCode::Fixed => Decimal::fixed(x, places),
                FloatCode::Exponent => Decimal::significant(x, precision.saturating_add(1)),
                FloatCode::General | FloatCode::Repr => Decimal::significant(x, precision),
            };
            push_decimal(x, style, precision, (decimal.digits(), decimal.point), out)
        }
    }
}

/// Appends the sign of `x` and the number 0.DIGITS * 10**point in this style.
fn push_decimal(
    x: f64,
    style: FloatStyle,
    precision: usize,
    (digits, point): (&[u8], i64),
    out: &mut String,
) -> Result<(), Raised> {
    // Zero counts as one digit before the point.
    let point = if digits.is_empty() { 1 } else { point };
    let precision_signed = i64::try_from(precision).unwrap_or(i64::MAX);
    let use_exponent = match style.code {
        FloatCode::Exponent => true,
        FloatCode::Fixed => false,
        FloatCode::General => point <= -4 || point > precision_signed - i64::from(style.add_dot_0),
        FloatCode::Repr => point <= -4 || point > 16,
    };
    let (point, exponent) = if use_exponent { (1, Some(point - 1)) } else { (point, None) };
    // How many digits are written after the point: zeros follow those there are.
    let stored = (digits.len() as i64).saturating_sub(point).max(0);
    let fraction = match style.code {
        FloatCode::Fixed | FloatCode::Exponent => precision_signed,
        FloatCode::General if style.alternate => (precision_signed - point).max(stored),
        FloatCode::General | FloatCode::Repr => stored,
    };
    let fraction = if style.add_dot_0 && exponent.is_none() { fraction.max(1) } else { fraction };

    let size = point.max(1).saturating_add(fraction).saturating_add(8);
    reserve(out, usize::try_from(size).unwrap_or(usize::MAX))?;
    if x.is_sign_negative() && !(style.no_negative_zero && digits.is_empty()) {
        out.push('-');
    }
    push_places(digits, 0, point, out);
    if point <= 0 {
        out.push('0');
    }
    if fraction > 0 || style.alternate {
        out.push('.');
    }
    push_places(digits, point, point.saturating_add(fraction), out);
    if let Some(exponent) = exponent {
        out.push(if style.upper { 'E' } else { 'e' });
        out.push(if exponent < 0 { '-' } else { '+' });
        if exponent.abs() < 10 {
            out.push('0');
        }
        push_digits(exponent.unsigned_abs(), 10, false, out);
    }
    Ok(())
}

/// Appends the digits at the places `first..end`, where place 0 is that of the first digit; others are zeros.
fn push_places(digits: &[u8], first: i64, end: i64, out: &mut String) {
    for place in first..end {
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(b'0');
        out.push(char::from(digit));
    }
}

/// The parts of a number as they are padded: sign, prefix, digits (which may be grouped), and what follows them.
struct Parts<'a> {
    negative: bool,
    prefix: &'a str,
    digits: &'a str,
    rest: &'a str,
}

/// Appends the parts with sign, grouping, fill and alignment.
fn push_number(parts: &Parts<'_>, spec: &Spec, out: &mut String) -> Result<(), Raised> {
    let sign = match (parts.negative, spec.sign) {
        (true, _) => "-",
        (false, Some(Sign::Plus)) => "+",
        (false, Some(Sign::Space)) => " ",
        (false, Some(Sign::Minus) | None) => "",
    };
    let width = spec.width.unwrap_or(0);
    let others = sign.len() + parts.prefix.len() + parts.rest.chars().count();
    let zero_padded = spec.fill == '0' && spec.align == Align::AfterSign;
    let mut grouped = String::new();
    if !parts.digits.is_empty() {
        let width_min = if zero_padded { width.saturating_sub(others) } else { 0 };
        push_grouped(parts.digits, spec.grouping, width_min, &mut grouped)?;
    }
    let padding = width.saturating_sub(others.saturating_add(grouped.chars().count()));
    let (left, inner, right) = match spec.align {
        Align::Left => (0, 0, padding),
        Align::Right => (padding, 0, 0),
        Align::Center => (padding / 2, 0, padding - padding / 2),
        Align::AfterSign => (0, padding, 0),
    };
    reserve(
        out,
        padding.saturating_mul(spec.fill.len_utf8()).saturating_add(others * 4).saturating_add(grouped.len()),
    )?;
    push_fill(spec.fill, left, out);
    out.push_str(sign);
    out.push_str(parts.prefix);
    push_fill(spec.fill, inner, out);
    out.push_str(&grouped);
    out.push_str(parts.rest);
    push_fill(spec.fill, right, out);
    Ok(())
}

fn push_fill(fill: char, count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(fill, count));
}

/// Appends digits with separators, with zeros in front until the whole is `width_min` wide. A separator never comes
/// first, so the result may be one wider.
fn push_grouped(digits: &str, grouping: Grouping, width_min: usize, out: &mut String) -> Result<(), Raised> {
    let (separator, group) = match grouping {
        Grouping::None => (None, usize::MAX),
        Grouping::Comma => (Some(','), 3),
        Grouping::Underscore => (Some('_'), 3),
        Grouping::UnderscoreFour => (Some('_'), 4),
    };
    // How many digits, zeros included, make at least `width_min` characters: a full group and the separator before it
    // are `group + 1` wide.
    let separators = if separator.is_some() { width_min.saturating_sub(1) / (group + 1) } else { 0 };
    let count = (width_min - separators).max(digits.len());
    reserve(out, count.saturating_mul(2))?;
    let zeros = count - digits.len();
    for (place, digit) in std::iter::repeat_n('0', zeros).chain(digits.chars()).enumerate() {
        if let Some(separator) = separator.filter(|_| place > 0 && (count - place).is_multiple_of(group)) {
            out.push(separator);
        }
        out.push(digit);
    }
    Ok(())
}

/// `format(n, spec)` of an int.
pub fn format_int(n: i64, spec: &str, out: &mut String) -> Result<(), Raised> {
    if spec.is_empty() {
        int_to_str(n, out);
        return Ok(());
    }
    let spec = Spec::parse(spec, Some('d'), Align::Right, "int")?;
    let kind = spec.kind.unwrap_or('d');
    let (radix, prefix) = match kind {
        'd' | 'n' => (10, ""),
        'b' => (2, "0b"),
        'o' => (8, "0o"),
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        'c' => (0, ""),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' => return push_formatted_float(n as f64, &spec, out),
        _ => return Err(spec.unknown_kind("int")),
    };
    if spec.precision.is_some() {
        return Err(value_error("Precision not allowed in integer format specifier"));
    }
    if spec.no_negative_zero {
        return Err(value_error("Negative zero coercion (z) not allowed in integer format specifier"));
    }
    if kind == 'c' {
        return format_character(n, &spec, out);
    }
    let mut digits = String::new();
    push_digits(n.unsigned_abs(), radix, kind == 'X', &mut digits);
    let prefix = if spec.alternate { prefix } else { "" };
    push_number(&Parts { negative: n < 0, prefix, digits: &digits, rest: "" }, &spec, out)
}

/// The presentation type `c`.
fn format_character(n: i64, spec: &Spec, out: &mut String) -> Result<(), Raised> {
    if spec.sign.is_some() {
        return Err(value_error("Sign not allowed with integer format specifier 'c'"));
    }
    if spec.alternate {
        return Err(value_error("Alternate form (#) not allowed with integer format specifier 'c'"));
    }
    if !(0..0x110000).contains(&n) {
        return Err(overflow_error("%c arg not in range(0x110000)"));
    }
    let mut text = [0; 4];
    let rest = chr(n)?.encode_utf8(&mut text);
    push_number(&Parts { negative: false, prefix: "", digits: "", rest }, spec, out)
}

/// `format(x, spec)` of a float.
pub fn format_float(x: f64, spec: &str, out: &mut String) -> Result<(), Raised> {
    if spec.is_empty() {
        float_to_str(x, out);
        return Ok(());
    }
    let spec = Spec::parse(spec, None, Align::Right, "float")?;
    match spec.kind {
        None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%') => push_formatted_float(x, &spec, out),
        Some(_) => Err(spec.unknown_kind("float")),
    }
}

fn push_formatted_float(mut x: f64, spec: &Spec, out: &mut String) -> Result<(), Raised> {
    if spec.precision.is_some_and(|precision| precision > i32::MAX as usize) {
        return Err(value_error("precision too big"));
    }
    let code = match (spec.kind, spec.precision) {
        (None, None) => FloatCode::Repr,
        (Some('e' | 'E'), _) => FloatCode::Exponent,
        (Some('f' | 'F' | '%'), _) => FloatCode::Fixed,
        _ => FloatCode::General,
    };
    let percent = spec.kind == Some('%');
    if percent {
        x *= 100.0;
    }
    let style = FloatStyle {
        code,
        precision: spec.precision.unwrap_or(FloatStyle::PLAIN.precision),
        upper: matches!(spec.kind, Some('E' | 'F' | 'G')),
        alternate: spec.alternate,
        add_dot_0: spec.kind.is_none(),
        no_negative_zero: spec.no_negative_zero,
    };
    if spec.is_plain() {
        push_float(x, style, out)?;
        out.extend(percent.then_some('%'));
        return Ok(());
    }
    let mut text = String::new();
    push_float(x, style, &mut text)?;
    text.extend(percent.then_some('%'));
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(magnitude) => (true, magnitude),
        None => (false, text.as_str()),
    };
    let whole = magnitude.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = magnitude.split_at_checked(whole).unwrap_or((magnitude, ""));
    push_number(&Parts { negative, prefix: "", digits, rest }, spec, out)
}

/// `format(s, spec)` of a string.
pub fn format_str(s: &str, spec: &str, out: &mut String) -> Result<(), Raised> {
    if spec.is_empty() {
        reserve(out, s.len())?;
        out.push_str(s);
        return Ok(());
    }
    let spec = Spec::parse(spec, Some('s'), Align::Left, "str")?;
    if spec.kind != Some('s') {
        return Err(spec.unknown_kind("str"));
    }
    match spec.sign {
        Some(Sign::Space) => return Err(value_error("Space not allowed in string format specifier")),
        Some(Sign::Plus | Sign::Minus) => return Err(value_error("Sign not allowed in string format specifier")),
        None => {}
    }
    if spec.no_negative_zero {
        return Err(value_error("Negative zero coercion (z) not allowed in string format specifier"));
    }
    if spec.alternate {
        return Err(value_error("Alternate form (#) not allowed in string format specifier"));
    }
    if spec.align == Align::AfterSign {
        return Err(value_error("'=' alignment not allowed in string format specifier"));
    }
    let end = spec.precision.and_then(|count| s.char_indices().nth(count)).map_or(s.len(), |(offset, _)| offset);
    let shown = s.get(..end).unwrap_or(s);
    let padding = spec.width.unwrap_or(0).saturating_sub(shown.chars().count());
    reserve(out, padding.saturating_mul(spec.fill.len_utf8()).saturating_add(shown.len()))?;
    let (left, right) = match spec.align {
        Align::Left | Align::AfterSign => (0, padding),
        Align::Right => (padding, 0),
        Align::Center => (padding / 2, padding - padding / 2),
    };
    push_fill(spec.fill, left, out);
    out.push_str(shown);
    push_fill(spec.fill, right, out);
    Ok(())
}
