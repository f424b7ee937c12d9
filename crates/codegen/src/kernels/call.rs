//! The kernel of a single call: `status kernel(context, slots of the arguments, slots of the result)`.

use crate::emit::{Emitter, Mode, Surroundings, Variant};
use crate::llvm::{CallConv, Fun, IntPred, Val};
use crate::loops::Known;
use crate::value::{comp_count, load_value, store_value};

/// Emits the kernel's function under this name.
pub fn emit(em: &mut Emitter<'_>, symbol: &str) {
    let ptr = em.ll.ptr();
    let kernel = em.ll.define(symbol, em.ll.fn_ty(em.ll.i64(), &[ptr, ptr, ptr]), CallConv::C, false);
    em.ll.add_attribute(kernel, "nounwind");
    let entry = em.ll.block(kernel);
    em.ll.position(entry);
    let func = em.module.entry;
    let around = em.surroundings_of(func, em.ll.param(kernel, 0));
    let arguments = em.ll.param(kernel, 1);
    let mut args = Vec::new();
    let mut slot = 0;
    for ty in em.module.entry_func().param_types() {
        args.extend(load_value(&em.ll, &ty, em.ll.field_at(arguments, 8 * slot)));
        slot += comp_count(&ty);
    }
    let out = em.ll.param(kernel, 2);
    emit_call(em, kernel, &around, &args, &|em, value| {
        store_value(&em.ll, &em.module.entry_func().result, value, out);
    });
}

/// Emits the call of the entry function, in the form that fits its arrays; `store` emits what is done with the result.
/// The kernel returns the status.
pub fn emit_call(
    em: &mut Emitter<'_>,
    kernel: Fun,
    around: &Surroundings,
    args: &[Val],
    store: &dyn Fn(&Emitter<'_>, &[Val]),
) {
    let variant = Variant::new(em.module.entry, Mode::Exact);
    if em.has_arrays && em.arrays_are_plain {
        let (plain, strided) = (em.ll.block(kernel), em.ll.block(kernel));
        let usual = em.ll.and(contiguity(em, around, args), assumptions_hold(em, around, args));
        em.ll.cond_br(usual, plain, strided);
        em.ll.position(strided);
        finish(em, kernel, variant, around, args, store);
        em.ll.position(plain);
        finish(em, kernel, Variant { contiguous: true, ..variant }, around, args, store);
    } else {
        finish(em, kernel, variant, around, args, store);
    }
}

/// Whether the arrays among the arguments and passed captures all lie without gaps.
fn contiguity(em: &Emitter<'_>, around: &Surroundings, args: &[Val]) -> Val {
    let mut all = em.ll.const_bool(true);
    let mut first = 0;
    for ty in em.module.entry_func().param_types() {
        let count = comp_count(&ty);
        all = em.ll.and(all, em.is_contiguous(&ty, &args[first..first + count]));
        first += count;
    }
    em.ll.and(all, captures_contiguity(em, around))
}

/// Whether what the entry's contiguous form takes for granted is so.
fn assumptions_hold(em: &Emitter<'_>, around: &Surroundings, args: &[Val]) -> Val {
    let func = em.module.entry_func();
    em.assumptions_hold(&|known| match known {
        Known::Const(value) => em.ll.const_i64(value),
        Known::Capture(capture, component) => around.passed[&capture][component],
        Known::Component(value, component) => {
            let before = func.params().iter().take_while(|param| **param != value);
            let first: usize = before.map(|param| comp_count(func.type_of(*param))).sum();
            args[first + component]
        }
    })
}

/// Whether the arrays in the passed captures all lie without gaps.
pub fn captures_contiguity(em: &Emitter<'_>, around: &Surroundings) -> Val {
    around.passed.iter().fold(em.ll.const_bool(true), |all, (capture, value)| {
        em.ll.and(all, em.is_contiguous(&em.module.captures[capture.index()].ty, value))
    })
}

/// Calls the function, stores its result and returns.
fn finish(
    em: &mut Emitter<'_>,
    kernel: Fun,
    variant: Variant,
    around: &Surroundings,
    args: &[Val],
    store: &dyn Fn(&Emitter<'_>, &[Val]),
) {
    let returned = em.call(variant, around, args);
    let ll = &em.ll;
    let (fine, bad) = (ll.block(kernel), ll.block(kernel));
    let status = returned.status.unwrap_or_else(|| ll.const_i64(0));
    ll.cond_br_unlikely(ll.icmp(IntPred::LLVMIntNE, status, ll.const_i64(0)), bad, fine);
    ll.position(fine);
    store(em, &returned.value);
    ll.ret(ll.const_i64(0));
    ll.position(bad);
    ll.ret(status);
}
