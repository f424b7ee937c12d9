//! Decimal text to the 16 bytes of IEEE 754 decimal128 (binary integer form). A number that they cannot hold exactly is
//! refused, not rounded.

const DIGITS_MAX: usize = 34;
const EXPONENT_MIN: i64 = -6176;
const EXPONENT_MAX: i64 = 6111;

/// The value's bytes, least significant first; `None` when the text is no decimal or cannot be held exactly.
pub(super) fn from_text(text: &str) -> Option<[u8; 16]> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let sign = u128::from(negative) << 127;
    let bits = match rest.to_ascii_lowercase().as_str() {
        "nan" => 0b11111 << 122,
        "inf" | "infinity" => (0b11110 << 122) | sign,
        _ => finite(rest)? | sign,
    };
    Some(bits.to_le_bytes())
}

fn finite(text: &str) -> Option<u128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // Beyond what an i64 holds, only zero could still be clamped; it is refused as well.
            (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>().ok()?)
        }
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent.checked_sub(fraction.len() as i64)?;
    let (digits, exponent) = fit(digits.trim_start_matches('0').to_owned(), exponent)?;
    let coefficient = if digits.is_empty() { 0 } else { digits.parse::<u128>().ok()? };
    Some((((exponent - EXPONENT_MIN) as u128) << 113) | coefficient)
}

/// The same value with at most 34 digits and an exponent in range.
fn fit(mut digits: String, mut exponent: i64) -> Option<(String, i64)> {
    if digits.is_empty() {
        return Some((digits, exponent.clamp(EXPONENT_MIN, EXPONENT_MAX)));
    }
    while digits.len() > DIGITS_MAX || exponent < EXPONENT_MIN {
        if digits.len() <= 1 || digits.pop() != Some('0') {
            return None;
        }
        exponent += 1;
    }
    while exponent > EXPONENT_MAX {
        if digits.len() == DIGITS_MAX {
            return None;
        }
        digits.push('0');
        exponent -= 1;
    }
    Some((digits, exponent))
}
