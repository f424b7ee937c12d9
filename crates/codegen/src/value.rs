//! How an IR value is held in LLVM: one LLVM value per slot, in its natural type. Owns that mapping and moving values
//! to and from slots in memory.

use ir::{Elem, Type};

use crate::llvm::{Llvm, Ty, Val};

/// One component of a value; component `i` of a value is its slot `i` in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Comp {
    /// `i1`.
    Bool,
    /// `i64`: ints, lengths, strides, tags.
    Int,
    /// `double`.
    Float,
    /// A NumPy scalar in its own width, a bool as `i1`.
    Np(Elem),
    Ptr,
}

/// The components of a value of this type.
pub fn comps(ty: &Type) -> Vec<Comp> {
    let mut out = Vec::new();
    push_comps(ty, &mut out);
    out
}

/// How many components a value of this type has.
pub fn comp_count(ty: &Type) -> usize {
    ir::layout::slot_count(ty)
}

fn push_comps(ty: &Type, out: &mut Vec<Comp>) {
    match ty {
        Type::None => {}
        Type::Bool => out.push(Comp::Bool),
        Type::Int => out.push(Comp::Int),
        Type::Float => out.push(Comp::Float),
        Type::Str | Type::Bytes => out.extend([Comp::Ptr, Comp::Int]),
        Type::Range => out.extend([Comp::Int; 3]),
        Type::Np(elem) => out.push(Comp::Np(*elem)),
        Type::Tuple(items) => items.iter().for_each(|item| push_comps(item, out)),
        Type::Record(record) => record.fields.iter().for_each(|(_, field)| push_comps(field, out)),
        Type::Union(variants) => {
            out.push(Comp::Int);
            variants.iter().for_each(|variant| push_comps(variant, out));
        }
        Type::List(_) | Type::Dict(..) | Type::Set { .. } | Type::Object(_) => out.push(Comp::Ptr),
        Type::Array { ndim, .. } => {
            out.push(Comp::Ptr);
            out.extend(std::iter::repeat_n(Comp::Int, 2 * *ndim as usize));
        }
        // Class, status, message, and the object that it carries, if its class has objects.
        Type::Exception => out.extend([Comp::Int, Comp::Int, Comp::Ptr, Comp::Int, Comp::Ptr]),
    }
}

impl Comp {
    pub fn ty(self, ll: &Llvm) -> Ty {
        match self {
            Comp::Bool | Comp::Np(Elem::Bool) => ll.i1(),
            Comp::Int => ll.i64(),
            Comp::Float => ll.f64(),
            Comp::Np(elem) => elem_ty(ll, elem),
            Comp::Ptr => ll.ptr(),
        }
    }
}

/// An element as it lies in an array; a bool is a byte there.
pub fn elem_ty(ll: &Llvm, elem: Elem) -> Ty {
    match elem {
        Elem::F32 => ll.f32(),
        Elem::F64 => ll.f64(),
        Elem::Bool | Elem::I8 | Elem::I16 | Elem::I32 | Elem::I64 | Elem::U8 | Elem::U16 | Elem::U32 | Elem::U64 => {
            ll.int_ty(8 * elem.size_bytes() as u32)
        }
    }
}

/// Loads an element as a component of kind `Comp::Np(elem)`. NumPy may give arrays that are not aligned.
pub fn load_elem(ll: &Llvm, elem: Elem, address: Val) -> Val {
    let loaded = ll.load_aligned(elem_ty(ll, elem), address, 1);
    match elem {
        Elem::Bool => ll.icmp(crate::llvm::IntPred::LLVMIntNE, loaded, ll.zero(ll.i8())),
        Elem::I8
        | Elem::I16
        | Elem::I32
        | Elem::I64
        | Elem::U8
        | Elem::U16
        | Elem::U32
        | Elem::U64
        | Elem::F32
        | Elem::F64 => loaded,
    }
}

/// Stores a component of kind `Comp::Np(elem)` as an element.
pub fn store_elem(ll: &Llvm, elem: Elem, value: Val, address: Val) {
    let stored = if elem == Elem::Bool { ll.zext(value, ll.i8()) } else { value };
    ll.store_aligned(stored, address, 1);
}

/// Loads a component from its slot.
pub fn load_slot(ll: &Llvm, comp: Comp, address: Val) -> Val {
    match comp {
        Comp::Int | Comp::Float | Comp::Ptr => ll.load(comp.ty(ll), address),
        Comp::Bool | Comp::Np(_) => slot_to_comp(ll, comp, ll.load(ll.i64(), address)),
    }
}

/// Stores a component into its slot.
pub fn store_slot(ll: &Llvm, comp: Comp, value: Val, address: Val) {
    match comp {
        Comp::Int | Comp::Float | Comp::Ptr => ll.store(value, address),
        Comp::Bool | Comp::Np(_) => ll.store(comp_to_slot(ll, comp, value), address),
    }
}

/// The component that the 64 bits of a slot stand for.
pub fn slot_to_comp(ll: &Llvm, comp: Comp, word: Val) -> Val {
    match comp {
        Comp::Bool | Comp::Np(Elem::Bool) => ll.icmp(crate::llvm::IntPred::LLVMIntNE, word, ll.zero(ll.i64())),
        Comp::Int => word,
        Comp::Float | Comp::Np(Elem::F64) => ll.bitcast(word, ll.f64()),
        Comp::Np(Elem::F32) => ll.fptrunc(ll.bitcast(word, ll.f64()), ll.f32()),
        Comp::Np(Elem::I64 | Elem::U64) => word,
        Comp::Np(elem @ (Elem::I8 | Elem::I16 | Elem::I32 | Elem::U8 | Elem::U16 | Elem::U32)) => {
            ll.trunc(word, elem_ty(ll, elem))
        }
        Comp::Ptr => ll.inttoptr(word, ll.ptr()),
    }
}

/// The 64 bits of a component's slot.
pub fn comp_to_slot(ll: &Llvm, comp: Comp, value: Val) -> Val {
    match comp {
        Comp::Bool | Comp::Np(Elem::Bool) => ll.zext(value, ll.i64()),
        Comp::Int => value,
        Comp::Float | Comp::Np(Elem::F64) => ll.bitcast(value, ll.i64()),
        Comp::Np(Elem::F32) => ll.bitcast(ll.fpext(value, ll.f64()), ll.i64()),
        Comp::Np(Elem::I64 | Elem::U64) => value,
        Comp::Np(Elem::I8 | Elem::I16 | Elem::I32) => ll.sext(value, ll.i64()),
        Comp::Np(Elem::U8 | Elem::U16 | Elem::U32) => ll.zext(value, ll.i64()),
        Comp::Ptr => ll.ptrtoint(value, ll.i64()),
    }
}

/// Loads the components of a value whose first slot is at `base`.
pub fn load_value(ll: &Llvm, ty: &Type, base: Val) -> Vec<Val> {
    let comps = comps(ty);
    comps.iter().enumerate().map(|(index, comp)| load_slot(ll, *comp, ll.field_at(base, 8 * index))).collect()
}

/// Stores the components of a value to the slots from `base`.
pub fn store_value(ll: &Llvm, ty: &Type, values: &[Val], base: Val) {
    for (index, (comp, value)) in comps(ty).into_iter().zip(values).enumerate() {
        store_slot(ll, comp, *value, ll.field_at(base, 8 * index));
    }
}

/// The value of this type whose slots are all zero.
pub fn zero_value(ll: &Llvm, ty: &Type) -> Vec<Val> {
    comps(ty).into_iter().map(|comp| ll.zero(comp.ty(ll))).collect()
}
