//! Numbers without loss: a BSON number becomes a column's number only when the value stays the same.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

/// A column's number type with its exact conversions.
pub trait Number: ArrowPrimitiveType {
    /// The same value, if this type has it.
    fn from_int(value: i64) -> Option<Self::Native>;
    /// The same value, if this type has it. `float` rounds, as a caller who asks for it expects, but never to infinity.
    fn from_double(value: f64) -> Option<Self::Native>;
}

/// The integer that `value` is exactly. -0.0 is 0; NaN and infinities are none.
fn exact_int(value: f64) -> Option<i64> {
    // 2**63 is a double and the first value outside; every integral double below it fits.
    let inside = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    (inside && value.trunc() == value).then_some(value as i64)
}

macro_rules! integer {
    ($($arrow:ty),*) => { $(
        impl Number for $arrow {
            #[inline]
            fn from_int(value: i64) -> Option<Self::Native> {
                value.try_into().ok()
            }

            #[inline]
            fn from_double(value: f64) -> Option<Self::Native> {
                exact_int(value).and_then(Self::from_int)
            }
        }
    )* };
}

integer!(Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type);

impl Number for Float64Type {
    #[inline]
    fn from_int(value: i64) -> Option<f64> {
        let double = value as f64;
        (exact_int(double) == Some(value)).then_some(double)
    }

    #[inline]
    fn from_double(value: f64) -> Option<f64> {
        Some(value)
    }
}

impl Number for Float32Type {
    #[inline]
    fn from_int(value: i64) -> Option<f32> {
        let single = value as f32;
        (exact_int(f64::from(single)) == Some(value)).then_some(single)
    }

    #[inline]
    fn from_double(value: f64) -> Option<f32> {
        let single = value as f32;
        (single.is_finite() || !value.is_finite()).then_some(single)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_become_integers_only_exactly() {
        assert_eq!(Int64Type::from_double(3.0), Some(3));
        assert_eq!(Int64Type::from_double(-0.0), Some(0));
        assert_eq!(Int64Type::from_double(1.9), None);
        assert_eq!(Int64Type::from_double(f64::NAN), None);
        assert_eq!(Int64Type::from_double(f64::INFINITY), None);
        assert_eq!(Int64Type::from_double(9_223_372_036_854_775_808.0), None);
        assert_eq!(Int64Type::from_double(-9_223_372_036_854_775_808.0), Some(i64::MIN));
        assert_eq!(Int8Type::from_double(128.0), None);
        assert_eq!(UInt8Type::from_int(-1), None);
    }

    #[test]
    fn integers_become_floats_only_exactly() {
        assert_eq!(Float64Type::from_int(1 << 53), Some(9_007_199_254_740_992.0));
        assert_eq!(Float64Type::from_int((1 << 53) + 1), None);
        assert_eq!(Float64Type::from_int(i64::MAX), None);
        assert_eq!(Float32Type::from_int(16_777_217), None);
        assert_eq!(Float32Type::from_double(0.1), Some(0.1_f32));
        assert_eq!(Float32Type::from_double(1e300), None);
        assert_eq!(Float32Type::from_double(f64::INFINITY), Some(f32::INFINITY));
    }
}
