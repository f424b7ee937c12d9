//! The stored form of a fold state and moving values in and out of it. Owns that layout; knows nothing of LLVM.
//!
//! ```text
//! slots of the state's type | elements of its first array | of its second | ..      (everything in 8-byte slots)
//! ```
//! Elements lie row by row without gaps. In the stored form an array's address slot holds the byte offset of its first
//! element from the state's start, because states move when their vector grows. Array shapes are fixed by the initial
//! value.

use ir::Type;
use ir::layout::slot_count;

use crate::error::CodegenError;

/// Where the arrays of a state lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateLayout {
    arrays: Vec<StateArray>,
    value_slots: usize,
    total_slots: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct StateArray {
    /// The slot of the array's descriptor.
    slot: usize,
    elem_bytes: usize,
    /// Lengths, outermost first.
    shape: Vec<usize>,
    offset_bytes: usize,
}

impl StateLayout {
    /// The layout of states of type `ty` whose first value has the slots `initial`.
    pub fn new(ty: &Type, initial: &[u64]) -> Result<StateLayout, CodegenError> {
        check(ty)?;
        if initial.len() != slot_count(ty) {
            return Err(CodegenError::new(format!("a value of type `{ty}` has {} slots", slot_count(ty))));
        }
        let mut layout = StateLayout { arrays: Vec::new(), value_slots: initial.len(), total_slots: initial.len() };
        for array in array_shapes(ty) {
            layout.add(array, initial)?;
        }
        Ok(layout)
    }

    fn add(&mut self, array: ArrayShape, initial: &[u64]) -> Result<(), CodegenError> {
        let lengths = &initial[array.slot + 1..array.slot + 1 + array.ndim];
        let shape: Vec<usize> = lengths.iter().map(|length| *length as usize).collect();
        let bytes = shape.iter().try_fold(array.elem_bytes, |product, length| product.checked_mul(*length));
        let Some(bytes) = bytes.filter(|bytes| *bytes <= isize::MAX as usize / 2) else {
            return Err(CodegenError::new("an array of the initial state is too large"));
        };
        let offset_bytes = self.total_slots * 8;
        self.arrays.push(StateArray { slot: array.slot, elem_bytes: array.elem_bytes, shape, offset_bytes });
        self.total_slots += bytes.div_ceil(8);
        Ok(())
    }

    /// Slots of one state, its arrays' elements included: the distance of states in a vector.
    pub fn slots(&self) -> usize {
        self.total_slots
    }

    /// Slots of the value alone.
    pub fn value_slots(&self) -> usize {
        self.value_slots
    }

    /// Stores a value into `area` ([`StateLayout::slots`] long). Its arrays may lie anywhere but in `area`; an array
    /// whose shape is not the initial one is an error.
    ///
    /// # Safety
    /// The arrays that `value` describes are alive.
    pub unsafe fn pack(&self, value: &[u64], area: &mut [u64]) -> Result<(), CodegenError> {
        if value.len() != self.value_slots || area.len() != self.total_slots {
            return Err(CodegenError::new("a state of the wrong size"));
        }
        area[..self.value_slots].copy_from_slice(value);
        for array in &self.arrays {
            let ndim = array.shape.len();
            let found = &value[array.slot + 1..array.slot + 1 + ndim];
            if !found.iter().zip(&array.shape).all(|(found, expected)| *found as usize == *expected) {
                return Err(CodegenError::new(format!(
                    "an array of shape {found:?} where the state has {:?}",
                    array.shape
                )));
            }
            let strides = &value[array.slot + 1 + ndim..array.slot + 1 + 2 * ndim];
            // SAFETY: the caller vouches for the source; the target lies in `area` by construction of the offsets.
            unsafe {
                let target = area.as_mut_ptr().cast::<u8>().add(array.offset_bytes);
                copy_elements(value[array.slot] as *const u8, &array.shape, strides, array.elem_bytes, target);
            }
            self.write_descriptor(array, array.offset_bytes as u64, area);
        }
        Ok(())
    }

    /// The slots of the stored value, with addresses that point into `area`.
    pub fn unpack(&self, area: &[u64], value: &mut [u64]) {
        value[..self.value_slots].copy_from_slice(&area[..self.value_slots]);
        for array in &self.arrays {
            self.write_descriptor(array, area.as_ptr() as u64 + array.offset_bytes as u64, value);
        }
    }

    fn write_descriptor(&self, array: &StateArray, address: u64, slots: &mut [u64]) {
        let ndim = array.shape.len();
        slots[array.slot] = address;
        let mut stride = array.elem_bytes;
        for dim in (0..ndim).rev() {
            slots[array.slot + 1 + dim] = array.shape[dim] as u64;
            slots[array.slot + 1 + ndim + dim] = stride as u64;
            stride *= array.shape[dim];
        }
    }
}

/// An array inside the slots of a state type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ArrayShape {
    /// The slot of its descriptor.
    pub slot: usize,
    pub ndim: usize,
    pub elem_bytes: usize,
}

/// The arrays of a state type, in order.
pub(crate) fn array_shapes(ty: &Type) -> Vec<ArrayShape> {
    fn visit(ty: &Type, slot: usize, out: &mut Vec<ArrayShape>) {
        match ty {
            Type::Array { elem, ndim } => {
                out.push(ArrayShape { slot, ndim: *ndim as usize, elem_bytes: elem.size_bytes() });
            }
            Type::Tuple(_) | Type::Record(_) => {
                let mut next = slot;
                for field in ty.field_types().unwrap_or_default() {
                    visit(&field, next, out);
                    next += slot_count(&field);
                }
            }
            Type::None
            | Type::Bool
            | Type::Int
            | Type::Float
            | Type::Str
            | Type::Range
            | Type::Np(_)
            | Type::Union(_)
            | Type::List(_)
            | Type::Dict(..)
            | Type::Set { .. }
            | Type::Object(_)
            | Type::Bytes
            | Type::Exception => {}
        }
    }
    let mut out = Vec::new();
    visit(ty, 0, &mut out);
    out
}

/// The symbol of [`store_arrays`].
pub(crate) const STORE_ARRAYS: &str = "fuseline_store_arrays";

/// Called by fold kernels when a step returned other arrays than the state's: copies their elements into the state. The
/// table holds slot, dimensions and element size of `count` arrays. Returns 1, with nothing copied, when a shape is not
/// the state's, else 0. The arrays may lie in the state itself (`return b, a`), so all are read before any is written.
///
/// # Safety
/// `state` is a state in the stored form, `value` the slots of a value of its type with living arrays.
pub(crate) unsafe extern "C" fn store_arrays(state: *mut u64, value: *const u64, table: *const u64, count: u64) -> u64 {
    let mut copies = Vec::new();
    for index in 0..count as usize {
        // SAFETY: the table has `count` rows; the slots it names are the state's and the value's.
        unsafe {
            let [slot, ndim, elem_bytes] = [0, 1, 2].map(|field| *table.add(3 * index + field) as usize);
            let lengths = |slots: *const u64| std::slice::from_raw_parts(slots.add(slot + 1), ndim);
            if lengths(state) != lengths(value) {
                return 1;
            }
            let shape: Vec<usize> = lengths(value).iter().map(|length| *length as usize).collect();
            let strides = std::slice::from_raw_parts(value.add(slot + 1 + ndim), ndim);
            let mut elements = vec![0u8; elem_bytes * shape.iter().product::<usize>()];
            copy_elements(*value.add(slot) as *const u8, &shape, strides, elem_bytes, elements.as_mut_ptr());
            copies.push((*state.add(slot) as usize, elements));
        }
    }
    for (offset_bytes, elements) in copies {
        // SAFETY: the offset is the place of an array of this size in the state.
        unsafe {
            let target = state.cast::<u8>().add(offset_bytes);
            std::ptr::copy_nonoverlapping(elements.as_ptr(), target, elements.len());
        }
    }
    0
}

/// Copies the elements of a strided array one after the other.
///
/// # Safety
/// The source has the elements; the target has room for them and does not overlap.
unsafe fn copy_elements(source: *const u8, shape: &[usize], strides: &[u64], elem_bytes: usize, target: *mut u8) {
    let Some((length, inner_shape)) = shape.split_first() else {
        // SAFETY: the caller's.
        unsafe { std::ptr::copy_nonoverlapping(source, target, elem_bytes) };
        return;
    };
    let inner_bytes = elem_bytes * inner_shape.iter().product::<usize>();
    if inner_bytes == 0 {
        return;
    }
    for index in 0..*length {
        // SAFETY: the caller's; both stay within the array.
        unsafe {
            let from = source.offset(index as isize * strides[0] as isize);
            copy_elements(from, inner_shape, &strides[1..], elem_bytes, target.add(index * inner_bytes));
        }
    }
}

/// Whether values of this type can be a state.
pub(crate) fn check(ty: &Type) -> Result<(), CodegenError> {
    match ty {
        Type::None | Type::Bool | Type::Int | Type::Float | Type::Range | Type::Np(_) | Type::Array { .. } => Ok(()),
        Type::Tuple(_) | Type::Record(_) => ty.field_types().unwrap_or_default().iter().try_for_each(check),
        Type::Union(variants) => variants.iter().try_for_each(|variant| {
            if holds_array(variant) {
                return Err(CodegenError::new(format!("a fold's state cannot hold `{ty}`: an array in a union")));
            }
            check(variant)
        }),
        Type::Str
        | Type::Bytes
        | Type::List(_)
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Exception => Err(CodegenError::new(format!("a fold's state cannot hold a value of type `{ty}`"))),
    }
}

fn holds_array(ty: &Type) -> bool {
    match ty {
        Type::Array { .. } => true,
        Type::Tuple(_) | Type::Record(_) => ty.field_types().unwrap_or_default().iter().any(holds_array),
        Type::Union(variants) => variants.iter().any(holds_array),
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Range
        | Type::Np(_)
        | Type::List(_)
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Bytes
        | Type::Exception => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ir::Elem;

    #[test]
    fn arrays_travel_with_the_state_and_strides_are_removed() {
        let ty = Type::Tuple(vec![Type::Int, Type::Array { elem: Elem::F64, ndim: 2 }]);
        // A 2x2 array stored column by column.
        let data = [1.0f64, 3.0, 2.0, 4.0];
        let value = [7, data.as_ptr() as u64, 2, 2, 8, 16];
        let layout = StateLayout::new(&ty, &value).unwrap();
        assert_eq!((layout.value_slots(), layout.slots()), (6, 10));
        let mut area = vec![0; layout.slots()];
        unsafe { layout.pack(&value, &mut area) }.unwrap();
        assert_eq!(area[..6], [7, 48, 2, 2, 16, 8]);
        assert_eq!(area[6..].iter().map(|bits| f64::from_bits(*bits)).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0]);
        let mut slots = [0; 6];
        layout.unpack(&area, &mut slots);
        assert_eq!(slots, [7, area.as_ptr() as u64 + 48, 2, 2, 16, 8]);
        let other = [7, data.as_ptr() as u64, 1, 2, 8, 16];
        assert!(unsafe { layout.pack(&other, &mut area) }.is_err());
    }

    #[test]
    fn strings_and_arrays_in_unions_are_no_states() {
        assert!(check(&Type::Str).is_err());
        assert!(check(&Type::Array { elem: Elem::F64, ndim: 1 }.optional()).is_err());
        assert!(check(&Type::Float.optional()).is_ok());
    }
}
