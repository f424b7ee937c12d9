//! Captured values as bytes: what their slots hold, with the texts, lists and elements that the slots point to.

use std::sync::Arc;

use ir::Type;
use ir::layout::{STR_ASCII_BIT, slot_count};
use runtime::abi;

use super::bytes::{Reader, Writer, malformed};
use crate::error::{Error, Result};
use crate::function::{CaptureValues, Keepalive};

/// Elements that one list or array may have on the wire.
const ELEMENTS_MAX: u64 = 1 << 32;

/// The bytes of values of these types.
///
/// # Safety
/// The slots hold values of the types, and what they point to is alive.
pub(super) unsafe fn encode(types: &[Type], slots: &[u64]) -> Result<Vec<u8>> {
    let mut writer = Writer::default();
    let mut rest = slots;
    for ty in types {
        let (value, after) = rest.split_at_checked(slot_count(ty)).ok_or_else(malformed)?;
        // SAFETY: the caller's.
        unsafe { write(&mut writer, ty, value) }?;
        rest = after;
    }
    Ok(writer.finish())
}

/// # Safety
/// As for [`encode`].
unsafe fn write(writer: &mut Writer, ty: &Type, slots: &[u64]) -> Result<()> {
    let slot = |index: usize| slots.get(index).copied().ok_or_else(malformed);
    match ty {
        Type::None => {}
        Type::Bool | Type::Int | Type::Float | Type::Np(_) => writer.word(slot(0)?),
        Type::Str => {
            let length = (slot(1)? & !STR_ASCII_BIT) as usize;
            // SAFETY: the caller's: the bytes of a living text.
            writer.block(unsafe { bytes_at(slot(0)?, length) });
            writer.flag(slot(1)? & STR_ASCII_BIT != 0);
        }
        Type::Range => {
            for index in 0..3 {
                writer.word(slot(index)?);
            }
        }
        Type::Tuple(_) | Type::Record(_) => {
            let mut rest = slots;
            for field in ty.field_types().unwrap_or_default() {
                let (value, after) = rest.split_at_checked(slot_count(&field)).ok_or_else(malformed)?;
                // SAFETY: the caller's.
                unsafe { write(writer, &field, value) }?;
                rest = after;
            }
        }
        Type::Union(variants) => {
            let tag = slot(0)? as usize;
            let variant = variants.get(tag).ok_or_else(malformed)?;
            writer.number(tag as u64);
            let first = ir::layout::variant_slot(variants, tag);
            // SAFETY: the caller's.
            unsafe { write(writer, variant, slots.get(first..).unwrap_or_default()) }?;
        }
        Type::List(item) => {
            // SAFETY: the caller's: the header of a living list, whose elements are `len` runs of slots.
            unsafe {
                let header = &*(slot(0)? as *const abi::List);
                let width = slot_count(item);
                writer.number(header.len as u64);
                for index in 0..header.len as usize {
                    let value = std::slice::from_raw_parts(header.data.add(index * width), width);
                    write(writer, item, value)?;
                }
            }
        }
        Type::Array { elem, ndim } => {
            let ndim = usize::from(*ndim);
            let lengths: Vec<u64> = (0..ndim).map(|dim| slot(1 + dim)).collect::<Result<_>>()?;
            let strides: Vec<u64> = (0..ndim).map(|dim| slot(1 + ndim + dim)).collect::<Result<_>>()?;
            for length in &lengths {
                writer.number(*length);
            }
            // SAFETY: the caller's: the elements of a living array.
            unsafe { write_elements(writer, slot(0)?, &lengths, &strides, elem.size_bytes()) };
        }
        other => return Err(Error::plan(format!("a captured value of type `{other}` cannot travel to a cluster yet"))),
    }
    Ok(())
}

/// # Safety
/// The address is that of so many living bytes, or the count is 0.
unsafe fn bytes_at<'a>(address: u64, count: usize) -> &'a [u8] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(address as *const u8, count) }
}

/// # Safety
/// The address and strides are those of a living array.
unsafe fn write_elements(writer: &mut Writer, address: u64, lengths: &[u64], strides: &[u64], elem_bytes: usize) {
    let (Some((length, inner)), Some((stride, inner_strides))) = (lengths.split_first(), strides.split_first()) else {
        // SAFETY: the caller's.
        writer.raw(unsafe { bytes_at(address, elem_bytes) });
        return;
    };
    if inner.is_empty() && *stride as usize == elem_bytes {
        // SAFETY: the caller's: the elements lie one after the other.
        writer.raw(unsafe { bytes_at(address, *length as usize * elem_bytes) });
        return;
    }
    for index in 0..*length {
        let at = address.wrapping_add(index.wrapping_mul(*stride));
        // SAFETY: the caller's.
        unsafe { write_elements(writer, at, inner, inner_strides, elem_bytes) };
    }
}

/// What decoded slots point to. The vectors never change once made, so their elements stay where they are.
#[derive(Default)]
struct Memory {
    bytes: Vec<Box<[u64]>>,
    lists: Vec<Box<ListMemory>>,
}

struct ListMemory {
    header: abi::List,
    _slots: Box<[u64]>,
}

// SAFETY: nothing writes to it after it was made; the headers' pointers lead into `_slots`.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// The values of these types that the bytes hold.
pub(super) fn decode(types: &[Type], bytes: &[u8]) -> Result<CaptureValues> {
    let mut reader = Reader::new(bytes);
    let mut memory = Memory::default();
    let mut slots = Vec::with_capacity(types.iter().map(slot_count).sum());
    for ty in types {
        read(&mut reader, ty, &mut slots, &mut memory)?;
    }
    reader.end()?;
    let keepalive: Keepalive = Arc::new(memory);
    Ok(CaptureValues::new(slots, keepalive))
}

fn read(reader: &mut Reader<'_>, ty: &Type, slots: &mut Vec<u64>, memory: &mut Memory) -> Result<()> {
    match ty {
        Type::None => {}
        Type::Bool => slots.push(match reader.word()? {
            value @ (0 | 1) => value,
            _ => return Err(malformed()),
        }),
        Type::Int | Type::Float | Type::Np(_) => slots.push(reader.word()?),
        Type::Str => {
            let text = reader.block()?;
            std::str::from_utf8(text).map_err(|_| malformed())?;
            let ascii = reader.flag()?;
            if ascii && !text.is_ascii() {
                return Err(malformed());
            }
            slots.push(memory.keep(text));
            slots.push(text.len() as u64 | if ascii { STR_ASCII_BIT } else { 0 });
        }
        Type::Range => {
            for _ in 0..3 {
                slots.push(reader.word()?);
            }
        }
        Type::Tuple(_) | Type::Record(_) => {
            for field in ty.field_types().unwrap_or_default() {
                read(reader, &field, slots, memory)?;
            }
        }
        Type::Union(variants) => {
            let tag = usize::try_from(reader.number()?).map_err(|_| malformed())?;
            slots.push(tag as u64);
            for (index, variant) in variants.iter().enumerate() {
                match index == tag {
                    true => read(reader, variant, slots, memory)?,
                    false => slots.extend(std::iter::repeat_n(0, slot_count(variant))),
                }
            }
            if tag >= variants.len() {
                return Err(malformed());
            }
        }
        Type::List(item) => {
            let count = reader.number()?;
            if count > ELEMENTS_MAX || (count as usize > reader.rest().len() && slot_count(item) > 0) {
                return Err(malformed());
            }
            let mut items = Vec::new();
            for _ in 0..count {
                read(reader, item, &mut items, memory)?;
            }
            let mut items = items.into_boxed_slice();
            let header = abi::List { data: items.as_mut_ptr(), len: count as i64, capacity: count as i64 };
            let list = Box::new(ListMemory { header, _slots: items });
            slots.push((&raw const list.header) as u64);
            memory.lists.push(list);
        }
        Type::Array { elem, ndim } => read_array(reader, elem.size_bytes(), usize::from(*ndim), slots, memory)?,
        other => return Err(Error::plan(format!("a captured value of type `{other}` cannot travel to a cluster yet"))),
    }
    Ok(())
}

fn read_array(
    reader: &mut Reader<'_>,
    elem_bytes: usize,
    ndim: usize,
    slots: &mut Vec<u64>,
    memory: &mut Memory,
) -> Result<()> {
    let lengths: Vec<u64> = (0..ndim).map(|_| reader.number()).collect::<Result<_>>()?;
    let bytes = lengths.iter().try_fold(elem_bytes as u64, |bytes, length| bytes.checked_mul(*length));
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(malformed)?;
    slots.push(memory.keep(reader.raw(bytes)?));
    slots.extend_from_slice(&lengths);
    let mut stride = elem_bytes as u64;
    let mut strides = vec![0; ndim];
    for (dim, length) in lengths.iter().enumerate().rev() {
        strides[dim] = stride;
        stride = stride.wrapping_mul(*length);
    }
    slots.extend_from_slice(&strides);
    Ok(())
}

impl Memory {
    /// The address of a copy, aligned for every element type.
    fn keep(&mut self, bytes: &[u8]) -> u64 {
        let mut words = vec![0u64; bytes.len().div_ceil(8).max(1)].into_boxed_slice();
        // SAFETY: the words have room for the bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), words.as_mut_ptr().cast(), bytes.len()) };
        let address = words.as_ptr() as u64;
        self.bytes.push(words);
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::Elem;

    fn types() -> Vec<Type> {
        let array = Type::Array { elem: Elem::F64, ndim: 2 };
        vec![Type::Str, Type::Tuple(vec![Type::Int, Type::Float.optional()]), array, Type::List(Box::new(Type::Str))]
    }

    /// The bytes of a value of each of the types.
    fn sample() -> Vec<u8> {
        let elements = [1.0f64, 3.0, 2.0, 4.0];
        let optional = Type::Float.optional();
        let Type::Union(variants) = &optional else { panic!() };
        let tag = variants.iter().position(|variant| *variant == Type::Float).unwrap();
        let mut items =
            ["a", "né"].iter().flat_map(|text| [text.as_ptr() as u64, text.len() as u64]).collect::<Vec<_>>();
        let list = abi::List { data: items.as_mut_ptr(), len: 2, capacity: 2 };
        let text = "word";
        let mut slots = vec![text.as_ptr() as u64, text.len() as u64 | STR_ASCII_BIT, 7, tag as u64, 2.5f64.to_bits()];
        // Stored column by column.
        slots.extend([elements.as_ptr() as u64, 2, 2, 8, 16, (&raw const list) as u64]);
        unsafe { encode(&types(), &slots) }.unwrap()
    }

    #[test]
    fn values_come_back_the_same() {
        let bytes = sample();
        let values = decode(&types(), &bytes).unwrap();
        assert_eq!(unsafe { encode(&types(), values.slots()) }.unwrap(), bytes);
        let address = values.slots()[5] as *const f64;
        assert_eq!(unsafe { std::slice::from_raw_parts(address, 4) }, [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn bytes_that_were_cut_or_changed_never_crash() {
        let bytes = sample();
        for end in 0..bytes.len() {
            assert!(decode(&types(), &bytes[..end]).is_err(), "{end}");
        }
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[position] ^= 1 << bit;
                let _ = decode(&types(), &changed);
            }
        }
    }
}
