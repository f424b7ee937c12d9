//! Captured values as bytes: what their slots hold, with the texts, containers and elements that the slots point to. A
//! container that is captured twice travels once and is one container there too.

use std::collections::HashMap;
use std::sync::Arc;

use ir::Type;
use ir::layout::{STR_ASCII_BIT, has_table_order, slot_count};
use runtime::arena::Arena;
use runtime::set::Layout;
use runtime::shape::Place;
use runtime::{abi, set, tables, value};

use super::bytes::{Reader, Writer, malformed};
use crate::error::{Error, Result};
use crate::function::{CaptureValues, Keepalive};

/// Elements that one list or array may have on the wire.
const ELEMENTS_MAX: u64 = 1 << 32;

/// Slots that a byte of a container may become.
const SLOTS_PER_BYTE_MAX: u64 = 128;

/// The bytes of values of these types.
///
/// # Safety
/// The slots hold values of the types, and what they point to is alive.
pub(super) unsafe fn encode(types: &[Type], slots: &[u64]) -> Result<Vec<u8>> {
    let mut encoder = Encoder::default();
    let mut rest = slots;
    for ty in types {
        let (value, after) = rest.split_at_checked(slot_count(ty)).ok_or_else(malformed)?;
        // SAFETY: the caller's.
        unsafe { encoder.write(ty, value) }?;
        rest = after;
    }
    Ok(encoder.writer.finish())
}

#[derive(Default)]
struct Encoder {
    writer: Writer,
    /// The containers written so far: their numbers by the addresses of their headers.
    known: HashMap<u64, u64>,
}

impl Encoder {
    /// # Safety
    /// As for [`encode`].
    unsafe fn write(&mut self, ty: &Type, slots: &[u64]) -> Result<()> {
        let slot = |index: usize| slots.get(index).copied().ok_or_else(malformed);
        match ty {
            Type::None => {}
            Type::Bool | Type::Int | Type::Float | Type::Np(_) => self.writer.word(slot(0)?),
            Type::Str => {
                let length = (slot(1)? & !STR_ASCII_BIT) as usize;
                // SAFETY: the caller's: the bytes of a living text.
                self.writer.block(unsafe { bytes_at(slot(0)?, length) });
                self.writer.flag(slot(1)? & STR_ASCII_BIT != 0);
            }
            // SAFETY: the caller's: the bytes of a living object.
            Type::Bytes => self.writer.block(unsafe { bytes_at(slot(0)?, slot(1)? as usize) }),
            Type::Range => {
                for index in 0..3 {
                    self.writer.word(slot(index)?);
                }
            }
            // SAFETY: the caller's.
            Type::Tuple(items) => unsafe { self.write_all(items.iter(), slots) }?,
            // SAFETY: the caller's.
            Type::Record(record) => unsafe { self.write_all(record.fields.iter().map(|(_, ty)| ty), slots) }?,
            Type::Union(variants) => {
                let tag = slot(0)? as usize;
                let variant = variants.get(tag).ok_or_else(malformed)?;
                self.writer.number(tag as u64);
                let first = ir::layout::variant_slot(variants, tag);
                // SAFETY: the caller's.
                unsafe { self.write(variant, slots.get(first..).unwrap_or_default()) }?;
            }
            Type::List(_) | Type::Dict(..) | Type::Set { .. } => {
                let address = slot(0)?;
                self.writer.flag(self.known.contains_key(&address));
                if let Some(number) = self.known.get(&address) {
                    self.writer.number(*number);
                    return Ok(());
                }
                // SAFETY: the caller's: the header of a living container.
                unsafe { self.write_container(ty, address) }?;
                // Those inside have their numbers before it.
                self.known.insert(address, self.known.len() as u64);
            }
            Type::Array { elem, ndim } => {
                let ndim = usize::from(*ndim);
                let lengths: Vec<u64> = (0..ndim).map(|dim| slot(1 + dim)).collect::<Result<_>>()?;
                let strides: Vec<u64> = (0..ndim).map(|dim| slot(1 + ndim + dim)).collect::<Result<_>>()?;
                for length in &lengths {
                    self.writer.number(*length);
                }
                // SAFETY: the caller's: the elements of a living array.
                unsafe { write_elements(&mut self.writer, slot(0)?, &lengths, &strides, elem.size_bytes()) };
            }
            Type::Object(_) | Type::Exception => return Err(cannot_travel(ty)),
        }
        Ok(())
    }

    /// # Safety
    /// As for [`encode`]; values of these types, one after the other.
    unsafe fn write_all<'t>(&mut self, types: impl Iterator<Item = &'t Type>, slots: &[u64]) -> Result<()> {
        let mut rest = slots;
        for ty in types {
            let (value, after) = rest.split_at_checked(slot_count(ty)).ok_or_else(malformed)?;
            // SAFETY: the caller's.
            unsafe { self.write(ty, value) }?;
            rest = after;
        }
        Ok(())
    }

    /// # Safety
    /// The address is that of the header of a living container of this type.
    unsafe fn write_container(&mut self, ty: &Type, address: u64) -> Result<()> {
        // SAFETY: the caller's: elements are `len` runs of slots, an entry is its hash and then its slots.
        let run = |first: *const u64, width: usize| unsafe { std::slice::from_raw_parts(first, width) };
        match ty {
            Type::List(item) => {
                // SAFETY: the caller's.
                let header = unsafe { &*(address as *const abi::List) };
                let width = slot_count(item);
                self.writer.number(header.len as u64);
                for index in 0..header.len as usize {
                    let first = header.data.wrapping_add(index * width);
                    // SAFETY: the caller's. Items without slots have no memory.
                    unsafe { self.write(item, if width == 0 { &[] } else { run(first, width) }) }?;
                }
            }
            Type::Dict(key, item) => {
                // SAFETY: the caller's.
                let table = unsafe { &*(address as *const abi::Table) };
                let width = slot_count(key) + slot_count(item);
                self.writer.number(table.len as u64);
                for entry in tables::live(table, 1 + width) {
                    // SAFETY: the caller's.
                    unsafe { self.write_all([&**key, &**item].into_iter(), run(entry.wrapping_add(1), width)) }?;
                }
            }
            Type::Set { item, .. } => {
                // SAFETY: the caller's.
                let table = unsafe { &*(address as *const abi::Table) };
                let width = slot_count(item);
                self.writer.number(table.len as u64);
                if has_table_order(item) {
                    let layout = set::layout(table);
                    self.writer.number(layout.places as u64);
                    for places in [&layout.live, &layout.removed] {
                        self.writer.list(places.iter(), |writer, place| writer.number(*place as u64));
                    }
                }
                for entry in tables::live(table, 1 + width) {
                    // SAFETY: the caller's.
                    unsafe { self.write(item, run(entry.wrapping_add(1), width)) }?;
                }
            }
            other => return Err(cannot_travel(other)),
        }
        Ok(())
    }
}

fn cannot_travel(ty: &Type) -> Error {
    Error::plan(format!("a captured value of type `{ty}` cannot travel to a cluster"))
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

/// What decoded slots point to. It never changes once made.
struct Memory {
    _arena: Arena,
}

// SAFETY: nothing in it is used but to be freed.
unsafe impl Sync for Memory {}

/// The values of these types that the bytes hold.
pub(super) fn decode(types: &[Type], bytes: &[u8]) -> Result<CaptureValues> {
    let mut decoder = Decoder { reader: Reader::new(bytes), arena: Arena::new(), known: Vec::new() };
    let mut slots = Vec::with_capacity(types.iter().map(slot_count).sum());
    for ty in types {
        decoder.read(ty, &mut slots)?;
    }
    decoder.reader.end()?;
    let keepalive: Keepalive = Arc::new(Memory { _arena: decoder.arena });
    Ok(CaptureValues::new(slots, keepalive))
}

struct Decoder<'a> {
    reader: Reader<'a>,
    arena: Arena,
    /// The containers read so far: their types and the addresses of their headers.
    known: Vec<(&'a Type, u64)>,
}

impl<'a> Decoder<'a> {
    fn read(&mut self, ty: &'a Type, slots: &mut Vec<u64>) -> Result<()> {
        match ty {
            Type::None => {}
            Type::Bool => slots.push(match self.reader.word()? {
                value @ (0 | 1) => value,
                _ => return Err(malformed()),
            }),
            Type::Int | Type::Float | Type::Np(_) => slots.push(self.reader.word()?),
            Type::Str => {
                let text = self.reader.block()?;
                std::str::from_utf8(text).map_err(|_| malformed())?;
                let ascii = self.reader.flag()?;
                if ascii && !text.is_ascii() {
                    return Err(malformed());
                }
                slots.push(self.keep(text)?);
                slots.push(text.len() as u64 | if ascii { STR_ASCII_BIT } else { 0 });
            }
            Type::Bytes => {
                let bytes = self.reader.block()?;
                slots.push(self.keep(bytes)?);
                slots.push(bytes.len() as u64);
            }
            Type::Range => {
                for _ in 0..3 {
                    slots.push(self.reader.word()?);
                }
            }
            Type::Tuple(items) => {
                for item in items {
                    self.read(item, slots)?;
                }
            }
            Type::Record(record) => {
                for (_, field) in &record.fields {
                    self.read(field, slots)?;
                }
            }
            Type::Union(variants) => self.read_union(variants, slots)?,
            Type::List(_) | Type::Dict(..) | Type::Set { .. } => {
                let address = if self.reader.flag()? { self.read_known(ty)? } else { self.read_container(ty)? };
                slots.push(address);
            }
            Type::Array { elem, ndim } => self.read_array(elem.size_bytes(), usize::from(*ndim), slots)?,
            Type::Object(_) | Type::Exception => return Err(cannot_travel(ty)),
        }
        Ok(())
    }

    fn read_union(&mut self, variants: &'a [Type], slots: &mut Vec<u64>) -> Result<()> {
        let tag = usize::try_from(self.reader.number()?).map_err(|_| malformed())?;
        if tag >= variants.len() {
            return Err(malformed());
        }
        slots.push(tag as u64);
        for (index, variant) in variants.iter().enumerate() {
            match index == tag {
                true => self.read(variant, slots)?,
                false => slots.extend(std::iter::repeat_n(0, slot_count(variant))),
            }
        }
        Ok(())
    }

    /// A container that was read before.
    fn read_known(&mut self, ty: &Type) -> Result<u64> {
        let number = usize::try_from(self.reader.number()?).map_err(|_| malformed())?;
        match self.known.get(number) {
            Some((known, address)) if *known == ty => Ok(*address),
            _ => Err(malformed()),
        }
    }

    fn read_container(&mut self, ty: &'a Type) -> Result<u64> {
        let address = match ty {
            Type::List(item) => {
                let items = self.items(&[&**item])?;
                let len = items.count as i64;
                let data = self.arena.alloc_slots(items.slots.len()).map_err(|_| out_of_memory())?;
                data.copy_from_slice(&items.slots);
                let data = data.as_mut_ptr();
                self.header(abi::List { data, len, capacity: len })?
            }
            Type::Dict(key, item) => {
                let entries = self.items(&[&**key, &**item])?;
                let (shape, width) = (codegen::shape_of(key), slot_count(key) + slot_count(item));
                if width == 0 && entries.count > 1 {
                    return Err(malformed());
                }
                let mut table = tables::empty();
                for entry in entries.runs(width) {
                    // SAFETY: the slots are those of a key that was just read, and its value.
                    unsafe {
                        let hash = value::hash_of(Place::new(shape.as_bytes()).val(entry.as_ptr()));
                        tables::push(&mut self.arena, &mut table, 1 + width, hash, entry.as_ptr())
                    }
                    .map_err(|_| out_of_memory())?;
                }
                self.header(table)?
            }
            Type::Set { item, .. } => {
                let table = self.read_set(item)?;
                self.header(table)?
            }
            other => return Err(cannot_travel(other)),
        };
        self.known.push((ty, address));
        Ok(address)
    }

    fn read_set(&mut self, item: &'a Type) -> Result<abi::Table> {
        let count = self.reader.number()?;
        let layout = if has_table_order(item) { Some(self.read_layout(count)?) } else { None };
        let items = self.counted(count, &[item])?;
        let shape = codegen::shape_of(item);
        let place = Place::new(shape.as_bytes());
        if let Some(layout) = layout {
            // SAFETY: the slots are those of items that were just read. The places are those of the table; items that are
            // not where their hash leads are not found, which harms nobody else.
            return unsafe { set::with_layout(&mut self.arena, place, &layout, &items.slots) }
                .map_err(|_| out_of_memory());
        }
        let mut table = set::empty(false);
        for slots in items.runs(slot_count(item)) {
            // SAFETY: as above.
            unsafe { set::add(&mut self.arena, &mut table, place, slots.as_ptr()) }.map_err(|_| out_of_memory())?;
        }
        Ok(table)
    }

    /// Where the items of a set are: in different places of the table, some of which stay empty, or a search would not end.
    fn read_layout(&mut self, count: u64) -> Result<Layout> {
        let places = usize::try_from(self.reader.number()?).map_err(|_| malformed())?;
        let mut positions = || self.reader.list(|reader| Ok(reader.number()? as usize));
        let layout = Layout { places, live: positions()?, removed: positions()? };
        let filled = layout.live.len() + layout.removed.len();
        let mut taken: Vec<usize> = layout.live.iter().chain(&layout.removed).copied().collect();
        taken.sort_unstable();
        taken.dedup();
        // CPython's tables are never this empty, but for the smallest.
        let bounded = places <= 64 * (filled + 1) && filled < places && places.is_power_of_two() && places >= 8;
        let right = layout.live.len() as u64 == count
            && layout.live.is_sorted()
            && taken.len() == filled
            && taken.last().is_none_or(|last| *last < places);
        if bounded && right { Ok(layout) } else { Err(malformed()) }
    }

    /// A count, and so many items, each a value of these types.
    fn items(&mut self, types: &[&'a Type]) -> Result<Items> {
        let count = self.reader.number()?;
        self.counted(count, types)
    }

    fn counted(&mut self, count: u64, types: &[&'a Type]) -> Result<Items> {
        let width: usize = types.iter().map(|ty| slot_count(ty)).sum();
        let rest = self.reader.rest().len() as u64;
        // What is small on the wire, as the absent variants of a union are, must not fill the memory.
        let room = rest.saturating_mul(SLOTS_PER_BYTE_MAX).saturating_add(1 << 16);
        if count > ELEMENTS_MAX || width > 0 && (count > rest || count.saturating_mul(width as u64) > room) {
            return Err(malformed());
        }
        let mut slots = Vec::new();
        // Items without slots have no bytes either.
        for _ in 0..if width == 0 { 0 } else { count } {
            for &ty in types {
                self.read(ty, &mut slots)?;
            }
        }
        Ok(Items { slots, count: count as usize })
    }

    fn header<T>(&mut self, header: T) -> Result<u64> {
        let room = self.arena.alloc_slots(size_of::<T>().div_ceil(8)).map_err(|_| out_of_memory())?;
        let address = room.as_mut_ptr().cast::<T>();
        // SAFETY: the room is large enough and aligned as slots are, which headers need no more of.
        unsafe { address.write(header) };
        Ok(address as u64)
    }

    fn read_array(&mut self, elem_bytes: usize, ndim: usize, slots: &mut Vec<u64>) -> Result<()> {
        let lengths: Vec<u64> = (0..ndim).map(|_| self.reader.number()).collect::<Result<_>>()?;
        let bytes = lengths.iter().try_fold(elem_bytes as u64, |bytes, length| bytes.checked_mul(*length));
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(malformed)?;
        let elements = self.reader.raw(bytes)?;
        slots.push(self.keep(elements)?);
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

    /// The address of a copy, aligned for every element type.
    fn keep(&mut self, bytes: &[u8]) -> Result<u64> {
        let room = self.arena.alloc_bytes(bytes.len().max(1)).map_err(|_| out_of_memory())?;
        // SAFETY: the room is for so many bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), room.as_ptr(), bytes.len()) };
        Ok(room.as_ptr() as u64)
    }
}

/// The slots of items that were read.
struct Items {
    slots: Vec<u64>,
    count: usize,
}

impl Items {
    fn runs(&self, width: usize) -> impl Iterator<Item = &[u64]> {
        (0..self.count).map(move |index| self.slots.get(index * width..(index + 1) * width).unwrap_or_default())
    }
}

fn out_of_memory() -> Error {
    Error::engine("captured values do not fit into memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::Elem;

    fn types() -> Vec<Type> {
        let array = Type::Array { elem: Elem::F64, ndim: 2 };
        let words = Type::List(Box::new(Type::Str));
        let numbers = Type::Set { item: Box::new(Type::Int), frozen: true };
        let names = Type::Set { item: Box::new(Type::Str), frozen: false };
        let table = Type::Dict(Box::new(Type::Str), Box::new(words.clone()));
        let pair = Type::Tuple(vec![Type::Int, Type::Float.optional()]);
        vec![Type::Str, pair, array, words, Type::Bytes, numbers, names, table]
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
        let bytes = [0u8, 255, 7];
        slots.extend([bytes.as_ptr() as u64, 3]);
        let mut arena = Arena::new();
        let mut tables = [set::empty(true), set::empty(false), tables::empty()];
        for number in [5u64, 2, 1 << 40, 9] {
            unsafe { set::add(&mut arena, &mut tables[0], Place::new(b"i"), &raw const number) }.unwrap();
        }
        let removed = 9u64;
        unsafe { set::discard(&mut tables[0], Place::new(b"i"), Place::new(b"i"), &raw const removed) };
        unsafe { set::add(&mut arena, &mut tables[1], Place::new(b"s"), slots.as_ptr()) }.unwrap();
        // Both values are the list that is captured by itself as well.
        for key in ["a", "bc"] {
            let entry = [key.as_ptr() as u64, key.len() as u64, (&raw const list) as u64];
            let hash = unsafe { value::hash_of(Place::new(b"s").val(entry.as_ptr())) };
            unsafe { tables::push(&mut arena, &mut tables[2], 4, hash, entry.as_ptr()) }.unwrap();
        }
        slots.extend(tables.iter().map(|table| table as *const abi::Table as u64));
        unsafe { encode(&types(), &slots) }.unwrap()
    }

    #[test]
    fn containers_are_found_again_and_shared_ones_stay_one() {
        let values = decode(&types(), &sample()).unwrap();
        let slots = values.slots();
        let [numbers, names, table] = slots[slots.len() - 3..] else { panic!() };
        let (numbers, names, table) = unsafe {
            (&*(numbers as *const abi::Table), &*(names as *const abi::Table), &*(table as *const abi::Table))
        };
        let int = Place::new(b"i");
        for (number, expected) in [(5u64, true), (1 << 40, true), (9, false), (3, false)] {
            assert_eq!(unsafe { set::contains(numbers, int, int, &raw const number) }, expected, "{number}");
        }
        let text = Place::new(b"s");
        assert!(unsafe { set::contains(names, text, text, slots.as_ptr()) });
        let entry = unsafe { tables::find(table, 4, &tables::TextKey(b"bc")) }.unwrap();
        assert_eq!(unsafe { *tables::entry(table, 4, entry).add(3) }, slots[slots.len() - 6]);
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
