//! The decimal digits of floats: shortest, or correctly rounded to a number of digits, half to even on the exact value.
//! Formatting and rounding are made of these.

use std::fmt::Write;

/// More fraction digits than any float has (1074); more significant digits than any float has (767).
const FRACTION_DIGITS_MAX: usize = 1074;
const SIGNIFICANT_DIGITS_MAX: usize = 767;

/// Room for the shortest digits (`1.7976931348623157e-308`), and for all digits (309, a dot, and 1074).
const SHORT: usize = 32;
const LONG: usize = 1408;

/// A positive number 0.DIGITS * 10**point; no leading or trailing zeros. No digits at all: zero.
#[derive(Clone)]
pub(crate) struct Decimal<const SIZE: usize> {
    digits: Buffer<SIZE>,
    pub(crate) point: i64,
}

/// Text of bounded size on the stack.
#[derive(Clone)]
struct Buffer<const SIZE: usize> {
    bytes: [u8; SIZE],
    length: usize,
}

impl<const SIZE: usize> Buffer<SIZE> {
    fn new() -> Self {
        Buffer { bytes: [0; SIZE], length: 0 }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}

impl<const SIZE: usize> Write for Buffer<SIZE> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl Decimal<SHORT> {
    /// The fewest digits that read back as `x`, which is finite; its sign is not looked at.
    pub(crate) fn shortest(x: f64) -> Self {
        let shortest = Self::written(format_args!("{:e}", x.abs()));
        // Where the value lies exactly between two candidates the standard library takes the upper one and CPython
        // the even one. Such a value has one decimal place more than the candidates.
        let places = shortest.digits.length as i64 - shortest.point;
        if decimal_places(x) == places + 1 {
            let decimals = shortest.digits.length.max(1) - 1;
            let even = Self::written(format_args!("{:.decimals$e}", x.abs()));
            if even.to_float() == x.abs() {
                return even;
            }
        }
        shortest
    }

    /// [`Decimal::fixed`] where it is quick.
    pub(crate) fn fixed_quickly(x: f64, count: i64) -> Option<Self> {
        let (scaled, _) = scaled_and_rounded(x, count)?;
        let mut decimal = Self::written(format_args!("{}", scaled.abs() as u64));
        decimal.point -= if decimal.digits.length == 0 { 0 } else { count };
        Some(decimal)
    }
}

/// `x * 10**count` rounded to an integer, and the power, where plain floating-point arithmetic is certain to give the
/// same as decimal arithmetic on the exact value.
pub(crate) fn scaled_and_rounded(x: f64, count: i64) -> Option<(f64, f64)> {
    /// The powers of ten that are exact floats.
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ];
    let power = *POWERS.get(usize::try_from(count).ok()?)?;
    let scaled = x * power;
    let rounded = scaled.round_ties_even();
    // The product is off by less than this; a value that is further from a tie rounds the same way. For large values
    // the bound is above one half, so what is returned is below 2**52.
    let error = scaled.abs() * f64::EPSILON;
    (0.5 - (scaled - rounded).abs() > error).then_some((rounded, power))
}

impl Decimal<LONG> {
    /// `count` significant digits, at least one.
    pub(crate) fn significant(x: f64, count: usize) -> Self {
        let decimals = count.clamp(1, SIGNIFICANT_DIGITS_MAX) - 1;
        Self::written(format_args!("{:.decimals$e}", x.abs()))
    }

    /// Rounded at `count` digits after the decimal point; a negative count rounds to tens, hundreds, ...
    pub(crate) fn fixed(x: f64, count: i64) -> Self {
        if let Ok(count) = usize::try_from(count) {
            let decimals = count.min(FRACTION_DIGITS_MAX);
            return Self::written(format_args!("{:.decimals$}", x.abs()));
        }
        let exact = Self::significant(x, SIGNIFICANT_DIGITS_MAX);
        exact.rounded_at(count)
    }
}

impl<const SIZE: usize> Decimal<SIZE> {
    /// The digits, without leading or trailing zeros.
    pub(crate) fn digits(&self) -> &[u8] {
        self.digits.as_bytes()
    }

    /// Reads back a number that the standard library wrote: `ddd.ddd` or `d.ddde-dd`.
    fn written(number: std::fmt::Arguments<'_>) -> Self {
        let mut text = Buffer::<SIZE>::new();
        // It fits: see the size of the buffer.
        let _ = text.write_fmt(number);
        let mut digits = Buffer::new();
        let (mut point, mut after_dot) = (0i64, false);
        let mut bytes = text.as_bytes().iter();
        for byte in bytes.by_ref() {
            match byte {
                b'.' => after_dot = true,
                b'e' => break,
                _ => {
                    if digits.length == 0 && *byte == b'0' {
                        // A leading zero: after the dot it moves the number down.
                        point -= i64::from(after_dot);
                        continue;
                    }
                    if let Some(place) = digits.bytes.get_mut(digits.length) {
                        *place = *byte;
                        digits.length += 1;
                    }
                    point += i64::from(!after_dot);
                }
            }
        }
        let exponent = std::str::from_utf8(bytes.as_slice()).ok().and_then(|text| text.parse::<i64>().ok());
        Decimal { digits, point: point + exponent.unwrap_or(0) }.trimmed()
    }

    /// Without trailing zeros.
    fn trimmed(mut self) -> Self {
        while self.digits.as_bytes().last() == Some(&b'0') {
            self.digits.length -= 1;
        }
        if self.digits.length == 0 {
            self.point = 0;
        }
        self
    }

    /// Rounds exact digits at a place before (negative) or after the point, half to even.
    fn rounded_at(mut self, count: i64) -> Self {
        let kept = self.point.saturating_add(count);
        let Some(kept) = usize::try_from(kept).ok().filter(|kept| *kept < self.digits.length) else {
            if kept < 0 {
                self.digits.length = 0;
            }
            return self.trimmed();
        };
        let digits = self.digits.as_bytes();
        let (head, tail) = digits.split_at_checked(kept).unwrap_or((digits, &[]));
        let odd = head.last().is_some_and(|digit| digit % 2 == 1);
        let up = match tail {
            // Exactly half: trailing zeros are never stored.
            [b'5'] => odd,
            [first, ..] => *first >= b'5',
            [] => false,
        };
        self.digits.length = kept;
        if up {
            self.increment();
        }
        self.trimmed()
    }

    /// Adds one in the last digit.
    fn increment(&mut self) {
        let length = self.digits.length;
        for digit in self.digits.bytes.iter_mut().take(length).rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        // All were nines (or there were none): the number becomes the next power of ten.
        if let Some(first) = self.digits.bytes.first_mut() {
            *first = b'1';
        }
        self.digits.length = length.max(1);
        self.point += 1;
    }

    /// The nearest float, infinity when there is none.
    pub(crate) fn to_float(&self) -> f64 {
        let mut text = Buffer::<LONG>::new();
        let digits = std::str::from_utf8(self.digits()).unwrap_or("");
        let written = write!(text, "0.{digits}e{}", self.point);
        let parsed = written.ok().and_then(|()| std::str::from_utf8(text.as_bytes()).ok()?.parse().ok());
        parsed.unwrap_or(0.0)
    }
}

/// How many digits after the decimal point the exact value of a finite float has.
fn decimal_places(x: f64) -> i64 {
    const FRACTION_BITS: u32 = 52;
    let bits = x.to_bits();
    let biased = (bits >> FRACTION_BITS & 0x7ff) as i64;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let mantissa = if biased == 0 { fraction } else { fraction | 1 << FRACTION_BITS };
    if mantissa == 0 {
        return 0;
    }
    // x is an odd number times this power of two; each halving takes one more decimal place.
    let exponent = biased.max(1) - 1075 + i64::from(mantissa.trailing_zeros());
    (-exponent).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<const SIZE: usize>(decimal: &Decimal<SIZE>) -> String {
        format!("{}@{}", String::from_utf8_lossy(decimal.digits()), decimal.point)
    }

    #[test]
    fn digits_of_floats() {
        assert_eq!(shown(&Decimal::shortest(0.1)), "1@0");
        assert_eq!(shown(&Decimal::shortest(1234.5)), "12345@4");
        assert_eq!(shown(&Decimal::shortest(5e-324)), "5@-323");
        assert_eq!(shown(&Decimal::shortest(0.0)), "@0");
        assert_eq!(shown(&Decimal::fixed(0.5, 0)), "@0");
        assert_eq!(shown(&Decimal::fixed(1.5, 0)), "2@1");
        assert_eq!(shown(&Decimal::fixed(0.05, 1)), "1@0");
        assert_eq!(shown(&Decimal::fixed(2.675, 2)), "267@1");
        assert_eq!(shown(&Decimal::fixed(1e-5, 2)), "@0");
        assert_eq!(shown(&Decimal::fixed(f64::MAX, 1074)).len(), 309 + 4);
        assert_eq!(shown(&Decimal::fixed(5e-324, 2000)).len(), 751 + 5);
    }

    #[test]
    fn rounding_to_tens() {
        assert_eq!(shown(&Decimal::fixed(1250.0, -2)), "12@4");
        assert_eq!(shown(&Decimal::fixed(1350.0, -2)), "14@4");
        assert_eq!(shown(&Decimal::fixed(1250.1, -2)), "13@4");
        assert_eq!(shown(&Decimal::fixed(50.0, -2)), "@0");
        assert_eq!(shown(&Decimal::fixed(50.1, -2)), "1@3");
        assert_eq!(shown(&Decimal::fixed(49.0, -2)), "@0");
        assert_eq!(shown(&Decimal::fixed(996.0, -1)), "1@4");
        assert_eq!(shown(&Decimal::fixed(4.0, -2)), "@0");
    }
}
