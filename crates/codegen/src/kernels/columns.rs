//! Reading a parameter's value for one row from Arrow columns.

use ir::{Elem, Type};
use runtime::abi;

use crate::emit::Emitter;
use crate::error::CodegenError;
use crate::input::{ColumnType, Physical};
use crate::llvm::{IntPred, Llvm, Val};
use crate::value::{load_elem, zero_value};

/// The longest text that lies in the view itself.
const INLINE_VIEW_BYTES: i64 = 12;

/// A column in a kernel: addresses moved to the first row of the run where a row takes whole bytes.
#[derive(Clone, Debug)]
pub struct Column {
    pub ty: ColumnType,
    values: Val,
    offsets: Val,
    validity: Val,
    /// The first row's position in bitmaps.
    first_bit: Val,
    /// The ASCII bit of the length words.
    ascii: Val,
}

/// A parameter's value for a row.
#[derive(Debug)]
pub struct Loaded {
    pub value: Vec<Val>,
    /// True when the value does not fit Python's `int` in 64 bits.
    pub overflow: Option<Val>,
}

impl Loaded {
    fn fine(value: Vec<Val>) -> Loaded {
        Loaded { value, overflow: None }
    }
}

/// The variant of `ty` that the column's values are, without its nulls.
fn target_of(ty: &Type, physical: Physical) -> Option<Type> {
    let fits = |variant: &Type| match (physical, variant) {
        (Physical::Bool, Type::Bool | Type::Np(Elem::Bool)) => true,
        (Physical::Number(elem), Type::Np(other)) => elem == *other,
        (Physical::Number(elem), Type::Bool | Type::Int | Type::Float) => elem.python_type() == *variant,
        (Physical::Utf8 | Physical::LargeUtf8 | Physical::Utf8View, Type::Str) => true,
        (Physical::FixedSizeList(elem, _), Type::Array { elem: other, ndim: 1 }) => {
            elem == *other && elem != Elem::Bool
        }
        (Physical::Null, Type::None) => true,
        _ => false,
    };
    ty.variants().iter().find(|variant| fits(variant)).cloned()
}

/// The largest row of a fixed-size list that a function which stores into arrays can get a copy of, on its stack.
const OWN_ARRAY_BYTES_MAX: usize = 64 << 10;

/// Whether a parameter of this type can be read from this column; `writes` when the function stores into arrays.
pub fn check(name: &str, ty: &Type, column: ColumnType, writes: bool) -> Result<(), CodegenError> {
    let physical = column.physical;
    if target_of(ty, physical).is_none() {
        return Err(CodegenError::new(format!("`{name}: {ty}` cannot be read from a column of {physical:?}")));
    }
    if column.nullable && !ty.admits_none() {
        return Err(CodegenError::new(format!("`{name}: {ty}` cannot be read from a column with nulls")));
    }
    match physical {
        Physical::FixedSizeList(elem, length)
            if writes && elem.size_bytes() * length as usize > OWN_ARRAY_BYTES_MAX =>
        {
            Err(CodegenError::new(format!("`{name}: {ty}` is stored into, and {length} elements are too many to copy")))
        }
        _ => Ok(()),
    }
}

/// Whether a load of this parameter can raise.
pub fn can_overflow(ty: &Type, column: ColumnType) -> bool {
    column.physical == Physical::Number(Elem::U64) && target_of(ty, column.physical) == Some(Type::Int)
}

impl Column {
    /// Reads the column's [`abi::ColumnView`] at `view` and moves its addresses to row `start`.
    pub fn read(ll: &Llvm, ty: ColumnType, view: Val, start: Val) -> Column {
        let ptr = |field| ll.load(ll.ptr(), ll.field_at(view, field));
        let int = |field| ll.load(ll.i64(), ll.field_at(view, field));
        let (values, offsets) =
            (ptr(std::mem::offset_of!(abi::ColumnView, values)), ptr(std::mem::offset_of!(abi::ColumnView, offsets)));
        let validity = ptr(std::mem::offset_of!(abi::ColumnView, validity));
        let first = ll.add(int(std::mem::offset_of!(abi::ColumnView, first_row)), start);
        let ascii = ll.shl(int(std::mem::offset_of!(abi::ColumnView, ascii)), ll.const_i64(63));
        let moved = |base, bytes: usize| ll.offset(base, ll.mul(first, ll.const_i64(bytes as i64)));
        let (values, offsets) = match ty.physical {
            Physical::Null | Physical::Bool => (values, offsets),
            Physical::Number(elem) => (moved(values, elem.size_bytes()), offsets),
            Physical::FixedSizeList(elem, length) => (moved(values, elem.size_bytes() * length as usize), offsets),
            Physical::Utf8 => (values, moved(offsets, 4)),
            Physical::LargeUtf8 => (values, moved(offsets, 8)),
            Physical::Utf8View => (moved(values, 16), offsets),
        };
        Column { ty, values, offsets, validity, first_bit: first, ascii }
    }

    /// Applies `change` to every LLVM value, in a fixed order.
    pub fn map(&self, change: &mut dyn FnMut(Val) -> Val) -> Column {
        Column {
            ty: self.ty,
            values: change(self.values),
            offsets: change(self.offsets),
            validity: change(self.validity),
            first_bit: change(self.first_bit),
            ascii: change(self.ascii),
        }
    }

    /// True when the column has no validity bitmap.
    pub fn all_valid(&self, ll: &Llvm) -> Val {
        ll.icmp(IntPred::LLVMIntEQ, self.validity, ll.zero(ll.ptr()))
    }

    fn bit(&self, ll: &Llvm, bitmap: Val, row: Val) -> Val {
        let position = ll.add(self.first_bit, row);
        let byte = ll.load(ll.i8(), ll.offset(bitmap, ll.lshr(position, ll.const_i64(3))));
        let shift = ll.trunc(ll.and(position, ll.const_i64(7)), ll.i8());
        ll.trunc(ll.lshr(byte, shift), ll.i1())
    }

    /// Whether the row is valid; a null bitmap address says yes.
    fn is_valid(&self, em: &mut Emitter<'_>, row: Val) -> Val {
        let nothing = em.zero_element();
        let ll = &em.ll;
        let position = ll.add(self.first_bit, row);
        let present = ll.not(self.all_valid(ll));
        let address = ll.offset(self.validity, ll.lshr(position, ll.const_i64(3)));
        let byte = ll.load(ll.i8(), ll.select(present, address, nothing));
        let shift = ll.trunc(ll.and(position, ll.const_i64(7)), ll.i8());
        ll.or(ll.not(present), ll.trunc(ll.lshr(byte, shift), ll.i1()))
    }

    /// The parameter's value for a row. With `known_valid` no row is null.
    pub fn load(&self, em: &mut Emitter<'_>, ty: &Type, row: Val, known_valid: bool) -> Loaded {
        let Some(target) = target_of(ty, self.ty.physical) else { return Loaded::fine(zero_value(&em.ll, ty)) };
        let valid = (self.ty.nullable && !known_valid && target != Type::None).then(|| self.is_valid(em, row));
        let mut loaded = self.load_present(em, &target, row, valid);
        let (Some(tag), Type::Union(variants)) = (ty.tag_of(&target), ty) else { return loaded };
        let first = ir::layout::variant_slot(variants, tag);
        let mut value = zero_value(&em.ll, ty);
        let ll = &em.ll;
        let present_tag = ll.const_i64(tag as i64);
        value[0] = match (valid, ty.tag_of(&Type::None)) {
            (Some(valid), Some(none)) => ll.select(valid, present_tag, ll.const_i64(none as i64)),
            (_, _) => present_tag,
        };
        value[first..first + loaded.value.len()].copy_from_slice(&loaded.value);
        loaded.value = value;
        loaded
    }

    /// The value of a row; of a null row something harmless.
    fn load_present(&self, em: &mut Emitter<'_>, target: &Type, row: Val, valid: Option<Val>) -> Loaded {
        let ll = &em.ll;
        match self.ty.physical {
            Physical::Null => Loaded::fine(Vec::new()),
            Physical::Bool => Loaded::fine(vec![self.bit(ll, self.values, row)]),
            Physical::Number(elem) => {
                let address = ll.offset(self.values, ll.mul(row, ll.const_i64(elem.size_bytes() as i64)));
                let raw = load_elem(ll, elem, address);
                self.number(ll, elem, target, raw, valid)
            }
            Physical::Utf8 => Loaded::fine(self.text(ll, row, 4)),
            Physical::LargeUtf8 => Loaded::fine(self.text(ll, row, 8)),
            Physical::Utf8View => Loaded::fine(self.text_view(em, row, valid)),
            Physical::FixedSizeList(elem, length) => {
                let bytes = elem.size_bytes() as i64;
                let address = ll.offset(self.values, ll.mul(row, ll.const_i64(bytes * i64::from(length))));
                Loaded::fine(vec![address, ll.const_i64(i64::from(length)), ll.const_i64(bytes)])
            }
        }
    }

    fn number(&self, ll: &Llvm, elem: Elem, target: &Type, raw: Val, valid: Option<Val>) -> Loaded {
        if matches!(target, Type::Np(_)) {
            return Loaded::fine(vec![raw]);
        }
        match elem {
            Elem::Bool | Elem::I64 | Elem::F64 => Loaded::fine(vec![raw]),
            Elem::I8 | Elem::I16 | Elem::I32 => Loaded::fine(vec![ll.sext(raw, ll.i64())]),
            Elem::U8 | Elem::U16 | Elem::U32 => Loaded::fine(vec![ll.zext(raw, ll.i64())]),
            Elem::F32 => Loaded::fine(vec![ll.fpext(raw, ll.f64())]),
            Elem::U64 => {
                let high = ll.icmp(IntPred::LLVMIntSLT, raw, ll.const_i64(0));
                let overflow = valid.map_or(high, |valid| ll.and(valid, high));
                Loaded { value: vec![raw], overflow: Some(overflow) }
            }
        }
    }

    fn text(&self, ll: &Llvm, row: Val, offset_bytes: i64) -> Vec<Val> {
        let address = ll.offset(self.offsets, ll.mul(row, ll.const_i64(offset_bytes)));
        let read = |address| {
            let raw = ll.load(ll.int_ty(8 * offset_bytes as u32), address);
            if offset_bytes == 4 { ll.sext(raw, ll.i64()) } else { raw }
        };
        let (from, to) = (read(address), read(ll.field_at(address, offset_bytes as usize)));
        vec![ll.offset(self.values, from), ll.or(ll.sub(to, from), self.ascii)]
    }

    /// A view: the length, then the text itself when it is short, else prefix, buffer number and offset.
    fn text_view(&self, em: &mut Emitter<'_>, row: Val, valid: Option<Val>) -> Vec<Val> {
        let nothing = em.zero_element();
        let ll = &em.ll;
        let view = ll.offset(self.values, ll.mul(row, ll.const_i64(16)));
        let field = |bytes| ll.zext(ll.load(ll.int_ty(32), ll.field_at(view, bytes)), ll.i64());
        // The view of a null row may hold anything.
        let length = valid.map_or(field(0), |valid| ll.select(valid, field(0), ll.const_i64(0)));
        let long = ll.icmp(IntPred::LLVMIntUGT, length, ll.const_i64(INLINE_VIEW_BYTES));
        let entry = ll.offset(self.offsets, ll.mul(field(8), ll.const_i64(8)));
        let buffer = ll.load(ll.ptr(), ll.select(long, entry, nothing));
        let far = ll.offset(buffer, field(12));
        vec![ll.select(long, far, ll.field_at(view, 4)), ll.or(length, self.ascii)]
    }
}
