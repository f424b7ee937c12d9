//! Slots: how values cross the border between compiled code and everything else (scalar calls, captured values, fold
//! states, list elements). A value is a flat run of 8-byte slots; this file is the one place that says which.
//!
//! | type | slots |
//! | --- | --- |
//! | `none` | none |
//! | `bool`, `int`, `float`, `np.*` | one: 0 or 1; the integer, sign- or zero-extended; the bits of the f64 (`np.float32`: widened to f64) |
//! | `str` | address of the UTF-8 bytes; length word: bytes in the low 63 bits, top bit set when all are ASCII (clear: not known) |
//! | `range` | start, stop, step |
//! | tuple, record | its fields, one after the other |
//! | union | the tag, then the slots of every variant in order; those of the others are zero |
//! | `list` | address of its header (`runtime::abi::List`) |
//! | array | address of the first element; per dimension its length; per dimension its stride in bytes |
//! | `exception` | class number; place (status word); message as a `str` |
//! | `bytes` | address of the bytes; their number |
//! | `dict`, `set`, `frozenset` | address of its header (`runtime::abi::Table`) |
//! | `object` | address of its fields, one after the other as in a record |

use crate::types::Type;

/// The bit of a string's length word that says "all ASCII".
pub const STR_ASCII_BIT: u64 = 1 << 63;

/// How many 8-byte slots a value of this type takes.
pub fn slot_count(ty: &Type) -> usize {
    match ty {
        Type::None => 0,
        Type::Bool | Type::Int | Type::Float | Type::Np(_) | Type::List(_) => 1,
        Type::Dict(..) | Type::Set { .. } | Type::Object(_) => 1,
        Type::Str | Type::Bytes => 2,
        Type::Range => 3,
        Type::Tuple(items) => items.iter().map(slot_count).sum(),
        Type::Record(record) => record.fields.iter().map(|(_, ty)| slot_count(ty)).sum(),
        Type::Union(variants) => 1 + variants.iter().map(slot_count).sum::<usize>(),
        Type::Array { ndim, .. } => 1 + 2 * *ndim as usize,
        Type::Exception => 5,
    }
}

/// Whether a set of such items has CPython's table and iterates in its order: the hashes of numbers are fixed, those of
/// texts and addresses are not. A set of other items iterates in insertion order.
pub fn has_table_order(item: &Type) -> bool {
    match item {
        Type::None | Type::Bool | Type::Int | Type::Float => true,
        Type::Tuple(items) | Type::Union(items) => items.iter().all(has_table_order),
        Type::Record(record) if let Some(item) = record.tuple_item() => has_table_order(item),
        Type::Record(record) => record.fields.iter().all(|(_, ty)| has_table_order(ty)),
        Type::Set { item, .. } => has_table_order(item),
        Type::Str
        | Type::Bytes
        | Type::Range
        | Type::Np(_)
        | Type::List(_)
        | Type::Dict(..)
        | Type::Object(_)
        | Type::Array { .. }
        | Type::Exception => false,
    }
}

/// The first slot of the field at `index` of a tuple or record.
pub fn field_slot(fields: &[Type], index: usize) -> usize {
    fields.iter().take(index).map(slot_count).sum()
}

/// The first slot of the variant with this tag in a union.
pub fn variant_slot(variants: &[Type], tag: usize) -> usize {
    1 + variants.iter().take(tag).map(slot_count).sum::<usize>()
}
