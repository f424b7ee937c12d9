//! Hashes of keys. Those of numbers, tuples and frozen sets are CPython's, because the order of a set shows them; those of
//! texts are our own. None is -1, as in CPython.

/// `hash(None)`, as CPython has it from 3.12 on; before, it is an address.
pub const NONE: i64 = 0xfca8_6420;

/// Hashes of numbers are residues modulo this prime.
const PRIME: u64 = (1 << 61) - 1;
/// The bits of a residue; `2**61` is 1.
const PRIME_BITS: i64 = 61;

fn never_minus_one(hash: i64, instead: i64) -> i64 {
    if hash == -1 { instead } else { hash }
}

fn signed(residue: u64, negative: bool) -> i64 {
    never_minus_one(if negative { -(residue as i64) } else { residue as i64 }, -2)
}

pub fn of_int(value: i64) -> i64 {
    let size = value.unsigned_abs();
    signed(if size < PRIME { size } else { size % PRIME }, value < 0)
}

/// A float is a fraction: its mantissa times a power of two, which modulo the prime is a rotation.
pub fn of_float(value: f64) -> i64 {
    if value.is_nan() {
        return 0;
    }
    if value.is_infinite() {
        return if value > 0.0 { 314_159 } else { -314_159 };
    }
    let bits = value.abs().to_bits();
    let (raw, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if raw == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw - 1075) };
    let turned = (u128::from(mantissa) << exponent.rem_euclid(PRIME_BITS)) % u128::from(PRIME);
    signed(turned as u64, value < 0.0)
}

/// The hashes of the items, mixed as xxHash mixes lanes.
pub fn of_tuple(items: impl Iterator<Item = i64>) -> i64 {
    const FIRST: u64 = 11_400_714_785_074_694_791;
    const SECOND: u64 = 14_029_467_366_897_019_727;
    const FIFTH: u64 = 2_870_177_450_012_600_261;
    let (mut sum, mut count) = (FIFTH, 0);
    for item in items {
        sum = sum.wrapping_add((item as u64).wrapping_mul(SECOND)).rotate_left(31).wrapping_mul(FIRST);
        count += 1;
    }
    never_minus_one(sum.wrapping_add(count ^ (FIFTH ^ 3_527_539)) as i64, 1_546_275_796)
}

/// The hashes of the items in any order.
pub fn of_frozenset(items: impl Iterator<Item = i64>, count: i64) -> i64 {
    let spread = |hash: u64| ((hash ^ 89_869_747) ^ (hash << 16)).wrapping_mul(3_644_798_167);
    let mixed = items.fold(0, |mixed, item| mixed ^ spread(item as u64));
    let mixed = mixed ^ (count as u64).wrapping_add(1).wrapping_mul(1_927_868_237);
    let mixed = mixed ^ (mixed >> 11) ^ (mixed >> 25);
    never_minus_one(mixed.wrapping_mul(69_069).wrapping_add(907_133_923) as i64, 590_923_713)
}

/// Ours: eight bytes at a time, multiplied and folded.
pub fn of_bytes(bytes: &[u8]) -> i64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(FACTOR);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let mut hash = FACTOR ^ bytes.len() as u64;
    let mut words = bytes.chunks_exact(8);
    for word in words.by_ref() {
        hash = fold(hash, word.try_into().map_or(0, u64::from_le_bytes));
    }
    let rest = words.remainder().iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    never_minus_one(fold(hash, rest) as i64, -2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_cpythons_hashes() {
        assert_eq!(of_int(-1), -2);
        assert_eq!(of_int(i64::MAX), 3);
        assert_eq!(of_int(i64::MIN), -4);
        assert_eq!(of_int((1 << 61) - 1), 0);
        assert_eq!(of_float(-1.0), -2);
        assert_eq!(of_float(0.5), 1_152_921_504_606_846_976);
        assert_eq!(of_float(1e300), 1_224_995_262_755_759_164);
        assert_eq!(of_float(5e-324), 16_777_216);
        assert_eq!(of_float(f64::NEG_INFINITY), -314_159);
        assert_eq!(of_tuple([1, 2].into_iter()), -3_550_055_125_485_641_917);
        assert_eq!(of_tuple([].into_iter()), 5_740_354_900_026_072_187);
    }
}
