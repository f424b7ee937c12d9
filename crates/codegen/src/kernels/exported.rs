//! The functions of artifacts: `status NAME(context, arguments.., result *)`, to be called from C. Which C type each
//! parameter has is said in `artifact::header`.

use ir::{Elem, Type};

use crate::emit::{Emitter, symbol_name};
use crate::kernels::call;
use crate::llvm::{CallConv, Llvm, Ty, Val};
use crate::value::{elem_ty, load_value, store_elem, store_value};

/// How a value crosses to C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passing {
    /// Not at all: there is only one value of its type.
    Nothing,
    /// A C scalar.
    Scalar,
    /// The address of its slots.
    Slots,
}

/// How values of this type cross.
pub fn passing(ty: &Type) -> Passing {
    match ty {
        _ if ir::layout::slot_count(ty) == 0 => Passing::Nothing,
        Type::Bool | Type::Int | Type::Float | Type::Np(_) => Passing::Scalar,
        Type::None
        | Type::Str
        | Type::Range
        | Type::Tuple(_)
        | Type::Record(_)
        | Type::Union(_)
        | Type::List(_)
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Bytes
        | Type::Array { .. }
        | Type::Exception => Passing::Slots,
    }
}

/// The LLVM type of a C scalar, and the attribute that says how it fills a register.
fn scalar_ty(ll: &Llvm, ty: &Type) -> (Ty, Option<&'static str>) {
    match ty {
        Type::Bool | Type::Np(Elem::Bool) => (ll.i1(), Some("zeroext")),
        Type::Float => (ll.f64(), None),
        Type::Np(elem @ (Elem::I8 | Elem::I16 | Elem::I32)) => (elem_ty(ll, *elem), Some("signext")),
        Type::Np(elem @ (Elem::U8 | Elem::U16 | Elem::U32)) => (elem_ty(ll, *elem), Some("zeroext")),
        Type::Np(elem) => (elem_ty(ll, *elem), None),
        Type::Int
        | Type::None
        | Type::Str
        | Type::Range
        | Type::Tuple(_)
        | Type::Record(_)
        | Type::Union(_)
        | Type::List(_)
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Bytes
        | Type::Array { .. }
        | Type::Exception => (ll.i64(), None),
    }
}

/// Emits the exported function of the module's entry under the entry's name.
pub fn emit(em: &mut Emitter<'_>) {
    let func = em.module.entry_func();
    let types = func.param_types();
    let mut params = vec![(em.ll.ptr(), None)];
    for ty in &types {
        match passing(ty) {
            Passing::Nothing => {}
            Passing::Scalar => params.push(scalar_ty(&em.ll, ty)),
            Passing::Slots => params.push((em.ll.ptr(), None)),
        }
    }
    if passing(&func.result) != Passing::Nothing {
        params.push((em.ll.ptr(), None));
    }
    let param_types: Vec<Ty> = params.iter().map(|(ty, _)| *ty).collect();
    let ty = em.ll.fn_ty(em.ll.i64(), &param_types);
    let exported = em.ll.define(&symbol_name(&func.name), ty, CallConv::C, false);
    em.ll.add_attribute(exported, "nounwind");
    for (index, (_, attribute)) in params.iter().enumerate() {
        if let Some(attribute) = attribute {
            em.ll.add_param_attribute(exported, index, attribute, 0);
        }
    }
    let entry = em.ll.block(exported);
    em.ll.position(entry);
    let mut next = 1;
    let mut args: Vec<Val> = Vec::new();
    for ty in &types {
        match passing(ty) {
            Passing::Nothing => continue,
            Passing::Scalar => args.push(em.ll.param(exported, next)),
            Passing::Slots => args.extend(load_value(&em.ll, ty, em.ll.param(exported, next))),
        }
        next += 1;
    }
    let around = em.surroundings_of(em.module.entry, em.ll.param(exported, 0));
    call::emit_call(em, exported, &around, &args, &|em, value| {
        let result = &em.module.entry_func().result;
        match (passing(result), value.first()) {
            (Passing::Scalar, Some(scalar)) => store_scalar(&em.ll, result, *scalar, em.ll.param(exported, next)),
            (Passing::Slots, _) => store_value(&em.ll, result, value, em.ll.param(exported, next)),
            (Passing::Nothing | Passing::Scalar, _) => {}
        }
    });
}

fn store_scalar(ll: &Llvm, ty: &Type, value: Val, address: Val) {
    match ty {
        Type::Bool => ll.store(ll.zext(value, ll.i8()), address),
        Type::Np(elem) => store_elem(ll, *elem, value, address),
        Type::Int
        | Type::Float
        | Type::None
        | Type::Str
        | Type::Range
        | Type::Tuple(_)
        | Type::Record(_)
        | Type::Union(_)
        | Type::List(_)
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Bytes
        | Type::Array { .. }
        | Type::Exception => ll.store(value, address),
    }
}
