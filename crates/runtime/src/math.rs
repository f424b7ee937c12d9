//! The functions of Python's `math` module. Pure; those that CPython takes from the C library come from the same one, so
//! the results have the same bits. `gamma` and `lgamma` are in `gamma`.

use std::ffi::c_int;

use crate::exc::{Raised, int_too_large, overflow_error, value_error};

/// The C library's functions, under their C names.
pub mod libm {
    macro_rules! libm {
        ($( $(#[$attribute:meta])* $name:ident ( $($arg:ident : $kind:ident),* ); )*) => {
            unsafe extern "C" {
                $(
                    #[doc = concat!("C's `", stringify!($name), "`.")]
                    $(#[$attribute])*
                    pub safe fn $name($($arg: f64),*) -> f64;
                )*
            }

            /// Name, address and signature of each, for callers that have dealt with the special cases themselves.
            pub fn symbols() -> Vec<crate::table::Symbol> {
                vec![ $( crate::table::Symbol {
                    name: stringify!($name),
                    address: $name as *const () as usize,
                    signature: crate::table::Signature {
                        params: &[ $( crate::table::Kind::$kind ),* ],
                        convention: crate::table::Convention::Direct(crate::table::Kind::Float),
                    },
                } ),* ]
            }
        };
    }

    unsafe extern "C" {
        /// C's `ldexp`.
        pub(super) safe fn ldexp(x: f64, exponent: std::ffi::c_int) -> f64;
    }

    libm! {
        acos(x: Float);
        acosh(x: Float);
        asin(x: Float);
        asinh(x: Float);
        atan(x: Float);
        atan2(y: Float, x: Float);
        atanh(x: Float);
        // Rust's own support library has a `cbrt` too, with other last bits, and the linker would take that one.
        #[cfg_attr(target_env = "gnu", link_name = "cbrtf64")]
        cbrt(x: Float);
        cos(x: Float);
        cosh(x: Float);
        erf(x: Float);
        erfc(x: Float);
        exp(x: Float);
        exp2(x: Float);
        expm1(x: Float);
        fmod(x: Float, y: Float);
        log(x: Float);
        log10(x: Float);
        log1p(x: Float);
        log2(x: Float);
        nextafter(x: Float, y: Float);
        pow(x: Float, y: Float);
        sin(x: Float);
        sinh(x: Float);
        tan(x: Float);
        tanh(x: Float);
    }
}

pub(crate) fn domain_error() -> Raised {
    value_error("math domain error")
}

pub(crate) fn range_error() -> Raised {
    overflow_error("math range error")
}

/// What an infinite result of finite arguments means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Infinity {
    /// The function has a pole there: `ValueError`.
    Pole,
    /// The result is too large: `OverflowError`.
    TooLarge,
}

/// The result `r` of a function of `x`, or the exception that it stands for.
fn checked(x: f64, r: f64, infinity: Infinity) -> Result<f64, Raised> {
    if r.is_nan() && !x.is_nan() {
        return Err(domain_error());
    }
    if r.is_infinite() && x.is_finite() {
        return Err(if infinity == Infinity::Pole { domain_error() } else { range_error() });
    }
    Ok(r)
}

macro_rules! checked_functions {
    ($( $name:ident $infinity:ident; )*) => {
        $(
            #[doc = concat!("`math.", stringify!($name), "(x)`.")]
            pub fn $name(x: f64) -> Result<f64, Raised> {
                checked(x, libm::$name(x), Infinity::$infinity)
            }
        )*
    };
}

checked_functions! {
    acos Pole;
    acosh Pole;
    asin Pole;
    atanh Pole;
    cos Pole;
    cosh TooLarge;
    exp TooLarge;
    exp2 TooLarge;
    expm1 TooLarge;
    log Pole;
    log10 Pole;
    log1p Pole;
    log2 Pole;
    sin Pole;
    sinh TooLarge;
    tan Pole;
}

/// `math.sqrt(x)`.
pub fn sqrt(x: f64) -> Result<f64, Raised> {
    checked(x, x.sqrt(), Infinity::Pole)
}

/// `math.pow(x, y)`.
pub fn pow(x: f64, y: f64) -> Result<f64, Raised> {
    let r = libm::pow(x, y);
    if x.is_finite() && y.is_finite() {
        if r.is_nan() || (r.is_infinite() && x == 0.0) {
            return Err(domain_error());
        }
        if r.is_infinite() {
            return Err(range_error());
        }
    }
    Ok(r)
}

/// `math.fmod(x, y)`.
pub fn fmod(x: f64, y: f64) -> Result<f64, Raised> {
    let r = libm::fmod(x, y);
    if r.is_nan() && !x.is_nan() && !y.is_nan() { Err(domain_error()) } else { Ok(r) }
}

/// `math.remainder(x, y)`: x minus the nearest multiple of y, ties to the even one. Not the C library's, which loses the
/// sign of a zero for tiny divisors.
pub fn remainder(x: f64, y: f64) -> Result<f64, Raised> {
    if x.is_nan() || y.is_nan() {
        return Ok(f64::NAN);
    }
    if x.is_infinite() || y == 0.0 {
        return Err(domain_error());
    }
    if y.is_infinite() {
        return Ok(x);
    }
    let (magnitude, divisor) = (x.abs(), y.abs());
    let below = libm::fmod(magnitude, divisor);
    let above = divisor - below;
    let r = if below < above {
        below
    } else if below > above {
        -above
    } else {
        // Half-way: the quotient's parity decides, which a division by twice the divisor shows.
        below - 2.0 * libm::fmod(0.5 * (magnitude - below), divisor)
    };
    Ok(r * 1.0f64.copysign(x))
}

/// A float as a number of pieces whose squares and products are exact: the upper half of the bits and the rest.
fn halves(x: f64) -> (f64, f64) {
    const SPLITTER: f64 = 134_217_729.0; // 2**27 + 1
    let scaled = x * SPLITTER;
    let high = scaled - (scaled - x);
    (high, x - high)
}

/// A sum that starts at 1 and keeps what rounding loses of it.
struct CompensatedSum {
    total: f64,
    lost: [f64; 3],
}

impl CompensatedSum {
    fn add(&mut self, term: f64, lane: usize) {
        let before = self.total;
        self.total += term;
        if let Some(lost) = self.lost.get_mut(lane) {
            *lost += (before - self.total) + term;
        }
    }

    fn value(&self) -> f64 {
        let [first, second, third] = self.lost;
        self.total - 1.0 + (first + second + third)
    }
}

/// `math.hypot(x, y)`. As CPython: scaled by a power of two, squares summed in two parts each, and the root corrected by
/// one Newton step with the exact residual, so that nearly all results are correctly rounded.
pub fn hypot(x: f64, y: f64) -> f64 {
    let coordinates = [x.abs(), y.abs()];
    let [a, b] = coordinates;
    if a.is_infinite() || b.is_infinite() {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    let largest = a.max(b);
    if largest == 0.0 {
        return 0.0;
    }
    let exponent = frexp(largest).1;
    let mut sum = CompensatedSum { total: 1.0, lost: [0.0; 3] };
    if exponent < -1023 {
        // The reciprocal of the scale would overflow.
        for coordinate in coordinates {
            let ratio = coordinate / largest;
            sum.add(ratio * ratio, 0);
        }
        return largest * sum.value().sqrt();
    }
    let scale = libm::ldexp(1.0, -exponent as c_int);
    for coordinate in coordinates {
        let (high, low) = halves(coordinate * scale);
        sum.add(high * high, 0);
        sum.add(2.0 * high * low, 1);
        let [_, _, third] = &mut sum.lost;
        *third += low * low;
    }
    let root = sum.value().sqrt();
    let (high, low) = halves(root);
    sum.add(-high * high, 0);
    sum.add(-2.0 * high * low, 1);
    sum.add(-low * low, 2);
    (root + sum.value() / (2.0 * root)) / scale
}

/// `math.ldexp(x, exponent)`.
pub fn ldexp(x: f64, exponent: i64) -> Result<f64, Raised> {
    if x == 0.0 || !x.is_finite() {
        return Ok(x);
    }
    // Further out the result is an overflow or zero whatever `x` is.
    let r = libm::ldexp(x, exponent.clamp(-5000, 5000) as c_int);
    if r.is_infinite() { Err(range_error()) } else { Ok(r) }
}

/// `math.frexp(x)`: mantissa in 0.5..1 and exponent.
pub fn frexp(x: f64) -> (f64, i64) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    const EXPONENT_MASK: u64 = 0x7ff << 52;
    // A subnormal is made normal first.
    let (normal, shift) = if x.is_subnormal() { (x * (1u64 << 54) as f64, 54) } else { (x, 0) };
    let bits = normal.to_bits();
    let exponent = ((bits & EXPONENT_MASK) >> 52) as i64 - 1022 - shift;
    (f64::from_bits(bits & !EXPONENT_MASK | 1022 << 52), exponent)
}

/// `math.modf(x)`: the fraction and the whole part, both with the sign of `x`.
pub fn modf(x: f64) -> (f64, f64) {
    if x.is_infinite() {
        return (0.0f64.copysign(x), x);
    }
    let whole = x.trunc();
    ((x - whole).copysign(x), whole)
}

/// `math.ulp(x)`.
pub fn ulp(x: f64) -> f64 {
    let x = x.abs();
    if !x.is_finite() {
        return x;
    }
    let above = libm::nextafter(x, f64::INFINITY);
    if above.is_infinite() { x - libm::nextafter(x, 0.0) } else { above - x }
}

/// `math.degrees(x)`.
pub fn degrees(x: f64) -> f64 {
    x * (180.0 / std::f64::consts::PI)
}

/// `math.radians(x)`.
pub fn radians(x: f64) -> f64 {
    x * (std::f64::consts::PI / 180.0)
}

/// `math.isclose(a, b, rel_tol=, abs_tol=)`.
pub fn isclose(a: f64, b: f64, relative: f64, absolute: f64) -> Result<bool, Raised> {
    if relative < 0.0 || absolute < 0.0 {
        return Err(value_error("tolerances must be non-negative"));
    }
    if a == b {
        return Ok(true);
    }
    if a.is_infinite() || b.is_infinite() {
        return Ok(false);
    }
    let difference = (b - a).abs();
    Ok(difference <= (relative * b).abs() || difference <= (relative * a).abs() || difference <= absolute)
}

fn gcd_of(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn to_int(magnitude: impl TryInto<i64>) -> Result<i64, Raised> {
    magnitude.try_into().map_err(|_| int_too_large())
}

/// `math.gcd(a, b)`.
pub fn gcd(a: i64, b: i64) -> Result<i64, Raised> {
    to_int(gcd_of(a.unsigned_abs(), b.unsigned_abs()))
}

/// `math.lcm(a, b)`.
pub fn lcm(a: i64, b: i64) -> Result<i64, Raised> {
    if a == 0 || b == 0 {
        return Ok(0);
    }
    let (a, b) = (a.unsigned_abs(), b.unsigned_abs());
    to_int(u128::from(a / gcd_of(a, b)) * u128::from(b))
}

/// `math.isqrt(n)`.
pub fn isqrt(n: i64) -> Result<i64, Raised> {
    n.checked_isqrt().ok_or_else(|| value_error("isqrt() argument must be nonnegative"))
}

/// `math.factorial(n)`.
pub fn factorial(n: i64) -> Result<i64, Raised> {
    if n < 0 {
        return Err(value_error("factorial() not defined for negative values"));
    }
    if n > 20 {
        return Err(int_too_large());
    }
    Ok((2..=n).product())
}

fn check_choice(n: i64, k: i64) -> Result<(), Raised> {
    if n < 0 {
        return Err(value_error("n must be a non-negative integer"));
    }
    if k < 0 {
        return Err(value_error("k must be a non-negative integer"));
    }
    Ok(())
}

/// `math.comb(n, k)`.
pub fn comb(n: i64, k: i64) -> Result<i64, Raised> {
    check_choice(n, k)?;
    if k > n {
        return Ok(0);
    }
    let mut result = 1i64;
    // The partial results only grow, so the first that does not fit decides, after 62 steps or fewer.
    for step in 0..k.min(n - k) {
        result = to_int(i128::from(result) * i128::from(n - step) / i128::from(step + 1))?;
    }
    Ok(result)
}

/// `math.perm(n, k)`.
pub fn perm(n: i64, k: i64) -> Result<i64, Raised> {
    check_choice(n, k)?;
    if k > n {
        return Ok(0);
    }
    let mut result = 1i64;
    for step in 0..k {
        result = to_int(i128::from(result) * i128::from(n - step))?;
    }
    Ok(result)
}
