//! Values to slots and back: how arguments reach compiled code and how results are read. Owns the memory that argument
//! slots point to; the layout itself is `ir::layout`.

use ir::layout::{STR_ASCII_BIT, slot_count};
use ir::{Elem, Type};
use runtime::abi;

use crate::value::Value;

/// Slots and the memory they point to. Nothing moves once it is written.
#[derive(Default)]
pub struct Slots {
    pub slots: Vec<u64>,
    texts: Vec<Box<[u8]>>,
    arrays: Vec<Vec<u64>>,
    #[expect(clippy::vec_box, reason = "slots hold the headers' addresses, which must not move")]
    lists: Vec<Box<abi::List>>,
    /// Where dicts and sets lie.
    arena: runtime::arena::Arena,
    arenas: Vec<runtime::arena::Arena>,
    inner: Vec<Slots>,
}

impl Slots {
    /// Appends the slots of `value` as the type `ty`, which must be the value's type or a union that has it.
    pub fn push(&mut self, value: &Value, ty: &Type) -> Result<(), String> {
        let mismatch = || format!("{value} is not a `{ty}`");
        match (ty, value) {
            (Type::Union(variants), _) => self.push_variant(value, variants).ok_or_else(mismatch)??,
            (Type::None, Value::None) => {}
            (Type::Bool, Value::Bool(value)) => self.slots.push(u64::from(*value)),
            (Type::Int, Value::Int(value)) => self.slots.push(*value as u64),
            (Type::Float, Value::Float(value)) => self.slots.push(value.to_bits()),
            (Type::Str, Value::Str(text)) => self.push_text(text),
            (Type::Range, Value::Range(start, stop, step)) => {
                self.slots.extend([*start as u64, *stop as u64, *step as u64]);
            }
            (Type::Np(elem), Value::Np(other, slot)) if elem == other => self.slots.push(*slot),
            (Type::Tuple(types), Value::Tuple(items)) if types.len() == items.len() => {
                for (item, ty) in items.iter().zip(types) {
                    self.push(item, ty)?;
                }
            }
            (Type::Record(record), Value::Tuple(items)) if let Some(item) = record.tuple_item() => {
                self.push_list(items, item)?;
            }
            (Type::Record(record), Value::Record(kind, _, fields))
                if record.kind == *kind && record.fields.len() == fields.len() =>
            {
                for ((_, item), (_, ty)) in fields.iter().zip(&record.fields) {
                    self.push(item, ty)?;
                }
            }
            (Type::List(item), Value::List(items)) => self.push_list(items, item)?,
            (Type::Dict(key, item), _) => {
                let pairs = value.pairs().ok_or_else(mismatch)?;
                let shape = codegen::shape::shape_of(key);
                let place = runtime::shape::Place::new(shape.as_bytes());
                let mut table = runtime::tables::empty();
                for (found, value) in &pairs {
                    let mut inner = Slots::default();
                    inner.push(found, key)?;
                    inner.push(value, item)?;
                    let (width, slots) = (1 + inner.slots.len(), inner.slots.as_ptr());
                    // SAFETY: the slots are those of a pair.
                    unsafe { runtime::tables::store(&mut self.arena, &mut table, width, place, slots) }
                        .map_err(|(_, message)| message.to_string())?;
                    self.inner.push(inner);
                }
                self.push_table(table)?;
            }
            (Type::Set { item, .. }, Value::Set { items, .. }) => {
                let shape = codegen::shape::shape_of(item);
                let place = runtime::shape::Place::new(shape.as_bytes());
                let mut table = runtime::set::empty(ir::layout::has_table_order(item));
                for value in items {
                    let mut inner = Slots::default();
                    inner.push(value, item)?;
                    // SAFETY: the slots are those of an item.
                    unsafe { runtime::set::add(&mut self.arena, &mut table, place, inner.slots.as_ptr()) }
                        .map_err(|(_, message)| message.to_string())?;
                    self.inner.push(inner);
                }
                self.push_table(table)?;
            }
            (Type::Bytes, Value::Bytes(bytes)) => {
                let bytes: Box<[u8]> = bytes.as_slice().into();
                self.slots.extend([bytes.as_ptr() as u64, bytes.len() as u64]);
                self.texts.push(bytes);
            }
            (Type::Array { elem, ndim }, Value::Array { elem: other, shape, items })
                if elem == other && usize::from(*ndim) == shape.len() =>
            {
                self.push_array(*elem, shape, items);
            }
            _ => return Err(mismatch()),
        }
        Ok(())
    }

    fn push_variant(&mut self, value: &Value, variants: &[Type]) -> Option<Result<(), String>> {
        let tag = variants.iter().position(|variant| fits(value, variant))?;
        self.slots.push(tag as u64);
        for (index, variant) in variants.iter().enumerate() {
            if index != tag {
                self.slots.extend(std::iter::repeat_n(0, slot_count(variant)));
            } else if let Err(error) = self.push(value, variant) {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }

    /// Appends the address of a header that lives in the arena.
    fn push_table(&mut self, table: abi::Table) -> Result<(), String> {
        let header = self.arena.alloc_bytes(size_of::<abi::Table>()).map_err(|(_, message)| message.to_string())?;
        let header = header.cast::<abi::Table>();
        // SAFETY: just allocated with this size.
        unsafe { header.write(table) };
        self.slots.push(header.as_ptr() as u64);
        Ok(())
    }

    fn push_text(&mut self, text: &str) {
        let bytes: Box<[u8]> = text.as_bytes().into();
        let ascii = if text.is_ascii() { STR_ASCII_BIT } else { 0 };
        self.slots.extend([bytes.as_ptr() as u64, bytes.len() as u64 | ascii]);
        self.texts.push(bytes);
    }

    fn push_list(&mut self, items: &[Value], item: &Type) -> Result<(), String> {
        let mut inner = Slots::default();
        for value in items {
            inner.push(value, item)?;
        }
        let mut data = inner.slots;
        let header = abi::List { data: data.as_mut_ptr(), len: items.len() as i64, capacity: items.len() as i64 };
        self.lists.push(Box::new(header));
        self.slots.push(self.lists.last().map_or(0, |list| std::ptr::from_ref::<abi::List>(list) as u64));
        self.arrays.push(data);
        self.texts.extend(inner.texts);
        self.arrays.extend(inner.arrays);
        self.lists.extend(inner.lists);
        self.inner.extend(inner.inner);
        self.arenas.push(inner.arena);
        Ok(())
    }

    fn push_array(&mut self, elem: Elem, shape: &[usize], items: &[u64]) {
        let size = elem.size_bytes();
        // Words, so that every element type is aligned.
        let mut words = vec![0_u64; (items.len() * size).div_ceil(8)];
        let base = words.as_mut_ptr().cast::<u8>();
        for (index, slot) in items.iter().enumerate() {
            let bytes = element_bytes(elem, *slot);
            // SAFETY: the vector has room for `items.len()` elements of `size` bytes.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), base.add(index * size), size) };
        }
        self.slots.push(base as u64);
        self.slots.extend(shape.iter().map(|length| *length as u64));
        for dimension in 0..shape.len() {
            let stride: usize = shape.iter().skip(dimension + 1).product::<usize>() * size;
            self.slots.push(stride as u64);
        }
        self.arrays.push(words);
    }
}

/// Whether a value can be stored as this type.
pub fn fits(value: &Value, ty: &Type) -> bool {
    match (ty, value) {
        (Type::Union(variants), _) => variants.iter().any(|variant| fits(value, variant)),
        (Type::Tuple(types), Value::Tuple(items)) => {
            types.len() == items.len() && items.iter().zip(types).all(|(item, ty)| fits(item, ty))
        }
        (Type::Record(record), Value::Tuple(items)) if let Some(item) = record.tuple_item() => {
            items.iter().all(|value| fits(value, item))
        }
        (Type::Record(record), Value::Record(kind, _, fields)) => {
            record.kind == *kind
                && record.fields.len() == fields.len()
                && fields.iter().zip(&record.fields).all(|((na, value), (nb, ty))| na == nb && fits(value, ty))
        }
        (Type::List(item), Value::List(items)) => items.iter().all(|value| fits(value, item)),
        (Type::Set { item, frozen }, Value::Set { frozen: own, items }) => {
            frozen == own && items.iter().all(|value| fits(value, item))
        }
        (Type::Dict(key, item), _) => {
            value.pairs().is_some_and(|pairs| pairs.iter().all(|(found, value)| fits(found, key) && fits(value, item)))
        }
        _ => value.type_of().is_ok_and(|own| own == *ty),
    }
}

fn element_bytes(elem: Elem, slot: u64) -> [u8; 8] {
    match elem {
        Elem::F32 => {
            let mut bytes = [0; 8];
            bytes[..4].copy_from_slice(&(f64::from_bits(slot) as f32).to_le_bytes());
            bytes
        }
        // Two's complement: the low bytes are the narrower number.
        _ => slot.to_le_bytes(),
    }
}

/// Reads the slots of a value of type `ty` from the front of `slots`.
///
/// # Safety
/// The slots are those of a live value of this type.
pub unsafe fn read(slots: &mut &[u64], ty: &Type) -> Result<Value, String> {
    let mut take = || -> Result<u64, String> {
        let (first, rest) = slots.split_first().ok_or("too few slots")?;
        *slots = rest;
        Ok(*first)
    };
    Ok(match ty {
        Type::None => Value::None,
        Type::Bool => match take()? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => return Err(format!("a bool slot of {other}")),
        },
        Type::Int => Value::Int(take()? as i64),
        Type::Float => Value::Float(f64::from_bits(take()?)),
        Type::Np(elem) => Value::Np(*elem, take()?),
        Type::Range => Value::Range(take()? as i64, take()? as i64, take()? as i64),
        Type::Str => {
            let (address, length) = (take()?, take()?);
            // SAFETY: the caller vouches for the value.
            Value::Str(unsafe { text_at(address, length) }?)
        }
        Type::Tuple(types) => {
            // SAFETY: the fields follow one another.
            Value::Tuple(types.iter().map(|ty| unsafe { read(slots, ty) }).collect::<Result<_, _>>()?)
        }
        Type::Record(record) if let Some(item) = record.tuple_item() => {
            let header = take()?;
            // SAFETY: the caller vouches for the list inside.
            match unsafe { list_at(header, item) }? {
                Value::List(items) => Value::Tuple(items),
                other => other,
            }
        }
        Type::Record(record) => {
            let mut fields = Vec::new();
            for (name, ty) in &record.fields {
                // SAFETY: the fields follow one another.
                fields.push((name.clone(), unsafe { read(slots, ty) }?));
            }
            Value::Record(record.kind, record.name.clone(), fields)
        }
        Type::Union(variants) => {
            let tag = take()? as usize;
            let mut chosen = Err(format!("tag {tag} of `{ty}`"));
            for (index, variant) in variants.iter().enumerate() {
                let (mut own, rest) = slots.split_at_checked(slot_count(variant)).ok_or("too few slots")?;
                *slots = rest;
                if index == tag {
                    // SAFETY: the tag says that this variant is live.
                    chosen = unsafe { read(&mut own, variant) };
                }
            }
            chosen?
        }
        Type::List(item) => {
            let header = take()?;
            // SAFETY: the caller vouches for the list.
            unsafe { list_at(header, item) }?
        }
        Type::Array { elem, ndim } => {
            let address = take()?;
            let shape = (0..*ndim).map(|_| take()).collect::<Result<Vec<_>, _>>()?;
            let strides = (0..*ndim).map(|_| take()).collect::<Result<Vec<_>, _>>()?;
            // SAFETY: the caller vouches for the array.
            unsafe { array_at(*elem, address, &shape, &strides) }
        }
        Type::Bytes => {
            let (address, length) = (take()?, take()?);
            // SAFETY: the caller vouches for the value.
            Value::Bytes(unsafe { bytes_at(address, length as usize) }.to_vec())
        }
        Type::Dict(key, item) => {
            // SAFETY: the caller vouches for the dict.
            let entries = unsafe { entries_at(take()?, slot_count(key) + slot_count(item)) };
            let mut pairs = Vec::new();
            for mut entry in entries {
                // SAFETY: an entry has the slots of its key and its value.
                pairs.push(unsafe { (read(&mut entry, key)?, read(&mut entry, item)?) });
            }
            Value::Dict(pairs)
        }
        Type::Set { item, frozen } => {
            // SAFETY: the caller vouches for the set.
            let entries = unsafe { entries_at(take()?, slot_count(item)) };
            // SAFETY: an entry has the slots of its item.
            let items = entries.into_iter().map(|mut entry| unsafe { read(&mut entry, item) });
            Value::Set { frozen: *frozen, items: items.collect::<Result<_, _>>()? }
        }
        Type::Object(class) => return Err(format!("an object of `{class}` is no answer yet")),
        Type::Exception => return Err("an exception is no answer".to_string()),
    })
}

/// The slots of the live entries of a table, without their hashes.
unsafe fn entries_at<'a>(header: u64, width: usize) -> Vec<&'a [u64]> {
    // SAFETY: the caller vouches for the header and its entries.
    let table = unsafe { &*(header as *const abi::Table) };
    let entry = |at: usize| {
        // SAFETY: as above; each entry is its hash and `width` slots.
        unsafe { std::slice::from_raw_parts(table.entries.add(at * (width + 1)), width + 1) }
    };
    let live = (0..table.used as usize).map(entry).filter(|entry| entry[0] != u64::MAX);
    live.map(|entry| &entry[1..]).collect()
}

unsafe fn bytes_at<'a>(address: u64, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller vouches for the bytes.
    unsafe { std::slice::from_raw_parts(address as *const u8, length) }
}

unsafe fn text_at(address: u64, length_word: u64) -> Result<String, String> {
    let length = (length_word & !STR_ASCII_BIT) as usize;
    // SAFETY: the caller vouches for the bytes.
    let bytes = unsafe { bytes_at(address, length) };
    let text = std::str::from_utf8(bytes).map_err(|error| format!("a str that is not UTF-8: {error}"))?;
    if length_word & STR_ASCII_BIT != 0 && !text.is_ascii() {
        return Err(format!("the str {text:?} is marked as ASCII"));
    }
    Ok(text.to_string())
}

unsafe fn list_at(header: u64, item: &Type) -> Result<Value, String> {
    // SAFETY: the caller vouches for the header and its items.
    let list = unsafe { &*(header as *const abi::List) };
    let words = list.len as usize * slot_count(item);
    let mut slots: &[u64] =
        // SAFETY: as above; an empty list may have no data.
        if words == 0 { &[] } else { unsafe { std::slice::from_raw_parts(list.data, words) } };
    let mut items = Vec::new();
    for _ in 0..list.len {
        // SAFETY: as above.
        items.push(unsafe { read(&mut slots, item) }?);
    }
    Ok(Value::List(items))
}

unsafe fn array_at(elem: Elem, address: u64, shape: &[u64], strides: &[u64]) -> Value {
    let mut items = Vec::new();
    let count: u64 = shape.iter().product();
    for index in 0..count {
        let mut rest = index;
        let mut offset = 0_i64;
        for (length, stride) in shape.iter().zip(strides).rev() {
            offset += (rest % length) as i64 * *stride as i64;
            rest /= length;
        }
        // SAFETY: the caller vouches for every element of the shape.
        items.push(unsafe { element_at(elem, (address as i64 + offset) as *const u8) });
    }
    Value::Array { elem, shape: shape.iter().map(|length| *length as usize).collect(), items }
}

unsafe fn element_at(elem: Elem, address: *const u8) -> u64 {
    // SAFETY: the caller vouches for the element; NumPy arrays may be unaligned.
    unsafe {
        match elem {
            Elem::Bool | Elem::U8 => u64::from(address.read()),
            Elem::I8 => i64::from(address.cast::<i8>().read()) as u64,
            Elem::I16 => i64::from(address.cast::<i16>().read_unaligned()) as u64,
            Elem::U16 => u64::from(address.cast::<u16>().read_unaligned()),
            Elem::I32 => i64::from(address.cast::<i32>().read_unaligned()) as u64,
            Elem::U32 => u64::from(address.cast::<u32>().read_unaligned()),
            Elem::I64 | Elem::U64 => address.cast::<u64>().read_unaligned(),
            Elem::F32 => f64::from(address.cast::<f32>().read_unaligned()).to_bits(),
            Elem::F64 => address.cast::<u64>().read_unaligned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: &Value, ty: &Type) -> Value {
        let mut slots = Slots::default();
        slots.push(value, ty).unwrap();
        assert_eq!(slots.slots.len(), slot_count(ty));
        // SAFETY: the slots were just written and `slots` is alive.
        unsafe { read(&mut slots.slots.as_slice(), ty) }.unwrap()
    }

    #[test]
    fn values_survive_the_crossing() {
        let values = [
            Value::Int(-5),
            Value::Float(-0.0),
            Value::Str("äb".to_string()),
            Value::Tuple(vec![Value::None, Value::Bool(true), Value::Str(String::new())]),
            Value::List(vec![Value::Str("a".to_string()), Value::Str("bc".to_string())]),
            Value::Array { elem: Elem::I8, shape: vec![2, 3], items: (0..6).map(|n| (n - 3_i64) as u64).collect() },
            Value::Array { elem: Elem::F32, shape: vec![1], items: vec![1.5_f64.to_bits()] },
        ];
        for value in &values {
            let ty = value.type_of().unwrap();
            assert!(round_trip(value, &ty).same(value), "{value}");
            let wider = Type::union([ty, Type::Range]);
            assert!(round_trip(value, &wider).same(value), "{value} as {wider}");
        }
    }
}
