//! `math.gamma` and `math.lgamma` by Lanczos' approximation, arranged as CPython arranges it so that the results have
//! the same bits: C. Lanczos, "A precision approximation of the gamma function" (1964), with N = 13 and the g for which
//! the error is least.

use std::f64::consts::PI;

use crate::exc::Raised;
use crate::math::{domain_error, libm, range_error};

const G: f64 = 6.02468004077673;
const G_MINUS_HALF: f64 = 5.52468004077673;

/// The Lanczos sum is a rational function: coefficients from the lowest power.
const NUMERATOR: [f64; 13] = [
    23531376880.41076,
    42919803642.6491,
    35711959237.35567,
    17921034426.03721,
    6039542586.352028,
    1439720407.3117216,
    248874557.86205417,
    31426415.585400194,
    2876370.6289353725,
    186056.26539522348,
    8071.672002365816,
    210.82427775157936,
    2.5066282746310002,
];

/// x (x + 1) ... (x + 11) multiplied out.
const DENOMINATOR: [f64; 13] = [
    0.0,
    39916800.0,
    120543840.0,
    150917976.0,
    105258076.0,
    45995730.0,
    13339535.0,
    2637558.0,
    357423.0,
    32670.0,
    1925.0,
    66.0,
    1.0,
];

fn lanczos_sum(x: f64) -> f64 {
    // Large arguments are put in by powers of 1/x, which cannot overflow.
    let (numerator, denominator) = if x < 5.0 {
        let horner = |coefficients: &[f64; 13]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
        (horner(&NUMERATOR), horner(&DENOMINATOR))
    } else {
        let horner = |coefficients: &[f64; 13]| coefficients.iter().fold(0.0, |sum, c| sum / x + c);
        (horner(&NUMERATOR), horner(&DENOMINATOR))
    };
    numerator / denominator
}

/// sin(pi * x), accurate also near the integers.
fn sin_pi(x: f64) -> f64 {
    let y = libm::fmod(x.abs(), 2.0);
    let r = match (2.0 * y).round() as i64 {
        0 => libm::sin(PI * y),
        1 => libm::cos(PI * (y - 0.5)),
        // Not sin(pi * (y - 1)): that would be -0.0 for integers.
        2 => libm::sin(PI * (1.0 - y)),
        3 => -libm::cos(PI * (y - 1.5)),
        _ => libm::sin(PI * (y - 2.0)),
    };
    1.0f64.copysign(x) * r
}

/// `math.gamma(x)`.
pub fn gamma(x: f64) -> Result<f64, Raised> {
    if x.is_nan() || x == f64::INFINITY {
        return Ok(x);
    }
    let whole = x == x.floor();
    if x == f64::NEG_INFINITY || x == 0.0 || (whole && x < 0.0) {
        return Err(domain_error());
    }
    if whole && x <= 23.0 {
        // Factorials up to 22! are exact.
        return Ok((2..x as i64).fold(1.0, |product, n| product * n as f64));
    }
    let magnitude = x.abs();
    let r = if magnitude < 1e-20 {
        1.0 / x
    } else if magnitude > 200.0 {
        if x > 0.0 { f64::INFINITY } else { 0.0 / sin_pi(x) }
    } else {
        lanczos_gamma(x, magnitude)
    };
    if r.is_infinite() { Err(range_error()) } else { Ok(r) }
}

fn lanczos_gamma(x: f64, magnitude: f64) -> f64 {
    let y = magnitude + G_MINUS_HALF;
    // What rounding lost in `y`, by which the result is corrected.
    let lost = if magnitude > G_MINUS_HALF { (y - magnitude) - G_MINUS_HALF } else { (y - G_MINUS_HALF) - magnitude };
    let correction = lost * G / y;
    // The power in two steps where one would overflow.
    let in_one_step = magnitude < 140.0;
    let power = if in_one_step { libm::pow(y, magnitude - 0.5) } else { libm::pow(y, magnitude / 2.0 - 0.25) };
    if x < 0.0 {
        let mut r = -PI / sin_pi(magnitude) / magnitude * libm::exp(y) / lanczos_sum(magnitude);
        r -= correction * r;
        r /= power;
        if in_one_step { r } else { r / power }
    } else {
        let mut r = lanczos_sum(magnitude) / libm::exp(y);
        r += correction * r;
        r *= power;
        if in_one_step { r } else { r * power }
    }
}

/// `math.lgamma(x)`.
pub fn lgamma(x: f64) -> Result<f64, Raised> {
    if x.is_nan() {
        return Ok(x);
    }
    if x.is_infinite() {
        return Ok(f64::INFINITY);
    }
    if x == x.floor() && x <= 2.0 {
        return if x <= 0.0 { Err(domain_error()) } else { Ok(0.0) };
    }
    let magnitude = x.abs();
    if magnitude < 1e-20 {
        return Ok(-libm::log(magnitude));
    }
    let mut r = libm::log(lanczos_sum(magnitude)) - G;
    r += (magnitude - 0.5) * (libm::log(magnitude + G - 0.5) - 1.0);
    if x < 0.0 {
        const LOG_PI: f64 = 1.1447298858494002;
        r = LOG_PI - libm::log(sin_pi(magnitude).abs()) - libm::log(magnitude) - r;
    }
    if r.is_infinite() { Err(range_error()) } else { Ok(r) }
}
