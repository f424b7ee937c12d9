//! The lists that a kernel returns, as columns: their items are rows, those of all lists one after the other.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, NullArray, PrimitiveArray, StringBuilder};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use codegen::LeafKind;
use ir::layout::{STR_ASCII_BIT, slot_count, variant_slot};
use ir::{Elem, Type};
use runtime::abi;

use crate::error::{Error, Result};

/// Where a leaf of an item is among its slots.
struct Place {
    kind: LeafKind,
    slot: usize,
    /// Slots that hold the tag of a union, and the tag with which the leaf is there.
    tags: Vec<(usize, u64)>,
}

/// The items of the lists as columns, one a leaf of an item.
///
/// # Safety
/// `lists` is one array of addresses of living lists of such items, 0 for none.
pub(crate) unsafe fn columns(item: &Type, lists: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    let Some(addresses) = lists.first().map(|array| array.as_primitive::<UInt64Type>()) else {
        return Err(Error::engine("a kernel gave no lists"));
    };
    let width = slot_count(item);
    // SAFETY: the caller's.
    let runs = addresses.values().iter().map(|address| unsafe { slots_of(*address, width) });
    let items = Items { runs: runs.collect(), width };
    let mut places = Vec::new();
    find(item, 0, &[], &mut places);
    // SAFETY: the caller's: the texts of living items are alive.
    places.iter().map(|place| unsafe { items.column(place) }).collect()
}

/// The slots of a list's items, and how many items there are.
///
/// # Safety
/// The address is 0 or that of a living list whose items have so many slots.
unsafe fn slots_of<'a>(address: u64, width: usize) -> (&'a [u64], usize) {
    if address == 0 {
        return (&[], 0);
    }
    // SAFETY: the caller's.
    let header = unsafe { &*(address as *const abi::List) };
    let count = header.len as usize;
    if count * width == 0 {
        return (&[], count);
    }
    // SAFETY: the caller's: the items lie one after the other.
    (unsafe { std::slice::from_raw_parts(header.data, count * width) }, count)
}

/// The leaves of a type whose first slot is `slot`, in the order of `codegen::leaves`.
fn find(ty: &Type, slot: usize, tags: &[(usize, u64)], out: &mut Vec<Place>) {
    let kind = match ty {
        Type::Tuple(_) | Type::Record(_) => {
            let mut first = slot;
            for field in ty.field_types().unwrap_or_default() {
                find(&field, first, tags, out);
                first += slot_count(&field);
            }
            return;
        }
        Type::Union(variants) => {
            let inner = ty.without_none();
            let tag = ty.tag_of(&inner).unwrap_or_default();
            let tags: Vec<(usize, u64)> = tags.iter().copied().chain([(slot, tag as u64)]).collect();
            if matches!(inner, Type::Tuple(_) | Type::Record(_)) {
                out.push(Place { kind: LeafKind::Validity, slot, tags: tags.clone() });
            }
            return find(&inner, slot + variant_slot(variants, tag), &tags, out);
        }
        Type::None => LeafKind::None,
        Type::Bool => LeafKind::Bool,
        Type::Int => LeafKind::Int,
        Type::Float => LeafKind::Float,
        Type::Str => LeafKind::Str,
        Type::Np(elem) => LeafKind::Np(*elem),
        // `codegen` makes no kernel whose items hold these.
        Type::Range
        | Type::Bytes
        | Type::List(_)
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Array { .. }
        | Type::Exception => return,
    };
    out.push(Place { kind, slot, tags: tags.to_vec() });
}

/// The items of many lists.
struct Items<'a> {
    runs: Vec<(&'a [u64], usize)>,
    width: usize,
}

impl<'a> Items<'a> {
    fn count(&self) -> usize {
        self.runs.iter().map(|(_, count)| count).sum()
    }

    fn each(&self) -> impl Iterator<Item = &'a [u64]> {
        let width = self.width;
        self.runs.iter().flat_map(move |(slots, count)| {
            (0..*count).map(move |index| slots.get(index * width..(index + 1) * width).unwrap_or_default())
        })
    }

    /// `None` when the leaf is there in every item.
    fn nulls(&self, place: &Place) -> Option<NullBuffer> {
        if place.tags.is_empty() {
            return None;
        }
        Some(NullBuffer::new(self.each().map(|item| is_there(item, place)).collect::<BooleanBuffer>()))
    }

    fn numbers<T: ArrowPrimitiveType>(&self, place: &Place, convert: impl Fn(u64) -> T::Native) -> ArrayRef {
        let values: Vec<T::Native> = self.each().map(|item| convert(slot(item, place.slot))).collect();
        Arc::new(PrimitiveArray::<T>::new(values.into(), self.nulls(place)))
    }

    fn bools(&self, place: &Place) -> ArrayRef {
        let values: BooleanBuffer = self.each().map(|item| slot(item, place.slot) != 0).collect();
        Arc::new(BooleanArray::new(values, self.nulls(place)))
    }

    /// # Safety
    /// The texts of the items are alive.
    unsafe fn column(&self, place: &Place) -> Result<ArrayRef> {
        Ok(match place.kind {
            LeafKind::None => Arc::new(NullArray::new(self.count())),
            LeafKind::Bool | LeafKind::Np(Elem::Bool) => self.bools(place),
            LeafKind::Validity => {
                let there: BooleanBuffer = self.each().map(|item| is_there(item, place)).collect();
                Arc::new(BooleanArray::new(there, None))
            }
            LeafKind::Int | LeafKind::Np(Elem::I64) => self.numbers::<Int64Type>(place, |slot| slot as i64),
            LeafKind::Float | LeafKind::Np(Elem::F64) => self.numbers::<Float64Type>(place, f64::from_bits),
            LeafKind::Np(Elem::I8) => self.numbers::<Int8Type>(place, |slot| slot as i8),
            LeafKind::Np(Elem::I16) => self.numbers::<Int16Type>(place, |slot| slot as i16),
            LeafKind::Np(Elem::I32) => self.numbers::<Int32Type>(place, |slot| slot as i32),
            LeafKind::Np(Elem::U8) => self.numbers::<UInt8Type>(place, |slot| slot as u8),
            LeafKind::Np(Elem::U16) => self.numbers::<UInt16Type>(place, |slot| slot as u16),
            LeafKind::Np(Elem::U32) => self.numbers::<UInt32Type>(place, |slot| slot as u32),
            LeafKind::Np(Elem::U64) => self.numbers::<UInt64Type>(place, |slot| slot),
            LeafKind::Np(Elem::F32) => self.numbers::<Float32Type>(place, |slot| f64::from_bits(slot) as f32),
            LeafKind::Str => {
                let mut texts = StringBuilder::with_capacity(self.count(), 0);
                let mut bytes = 0usize;
                for item in self.each() {
                    if !is_there(item, place) {
                        texts.append_null();
                        continue;
                    }
                    // SAFETY: the caller's.
                    let text = unsafe { text_of(slot(item, place.slot), slot(item, place.slot + 1)) };
                    bytes += text.len();
                    if bytes > i32::MAX as usize {
                        return Err(Error::engine_hint(
                            "a function made more than 2 GiB of text of a few rows",
                            "make shorter texts",
                        ));
                    }
                    texts.append_value(text);
                }
                Arc::new(texts.finish())
            }
            LeafKind::List => return Err(Error::engine("an item of a list that is a list")),
        })
    }
}

fn slot(item: &[u64], index: usize) -> u64 {
    item.get(index).copied().unwrap_or_default()
}

fn is_there(item: &[u64], place: &Place) -> bool {
    place.tags.iter().all(|(index, tag)| slot(item, *index) == *tag)
}

/// # Safety
/// The slots are those of a living `str`.
unsafe fn text_of<'a>(address: u64, length: u64) -> &'a str {
    let count = (length & !STR_ASCII_BIT) as usize;
    if count == 0 {
        return "";
    }
    // SAFETY: the caller's: a `str` of compiled code is UTF-8.
    unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(address as *const u8, count)) }
}
