//! Fold states in kernels: from the stored form to components and back. The layout is `state`'s.

use ir::{ExcKind, Type};

use crate::emit::{Emitter, Mode, Variant};
use crate::llvm::{CallConv, Fun, IntPred, Val};
use crate::state::{ArrayShape, STORE_ARRAYS, array_shapes};
use crate::value::{comp_to_slot, comps, load_slot, store_slot};

/// The text of the `ValueError` when a step returns an array of another shape than the state's.
pub const SHAPE_CHANGED: &str = "an array of the state changed its shape";

/// A state's value and where it lies.
#[derive(Clone, Debug)]
pub struct StateValue {
    pub base: Val,
    pub value: Vec<Val>,
}

/// The components of the state at `base`, with the addresses of its arrays.
pub fn load(em: &Emitter<'_>, ty: &Type, base: Val) -> StateValue {
    let ll = &em.ll;
    let kinds = comps(ty);
    let mut value: Vec<Val> =
        kinds.iter().enumerate().map(|(slot, comp)| load_slot(ll, *comp, ll.field_at(base, 8 * slot))).collect();
    for array in array_shapes(ty) {
        let offset = ll.load(ll.i64(), ll.field_at(base, 8 * array.slot));
        value[array.slot] = ll.offset(base, offset);
        // Elements lie without gaps; saying so lets loops over them be vectorised.
        let mut stride = ll.const_i64(array.elem_bytes as i64);
        for dimension in (0..array.ndim).rev() {
            value[array.slot + 1 + array.ndim + dimension] = stride;
            stride = ll.mul(stride, value[array.slot + 1 + dimension]);
        }
    }
    StateValue { base, value }
}

/// Copies the arrays of a step's result into the state where the result holds other arrays than the state's own. Gives
/// the word that is not 0 when a shape differs from the state's; then nothing was copied.
pub fn store_arrays(em: &mut Emitter<'_>, kernel: Fun, ty: &Type, state: &StateValue, result: &[Val]) -> Option<Val> {
    let arrays = array_shapes(ty);
    if arrays.is_empty() {
        return None;
    }
    let ll = &em.ll;
    let mut moved = ll.const_bool(false);
    for array in &arrays {
        let slots = array.slot..array.slot + 1 + 2 * array.ndim;
        for (old, new) in state.value[slots.clone()].iter().zip(&result[slots]) {
            moved = ll.or(moved, ll.icmp(IntPred::LLVMIntNE, *old, *new));
        }
    }
    let (copy, next, before) = (ll.block(kernel), ll.block(kernel), ll.current());
    ll.cond_br_unlikely(moved, copy, next);
    ll.position(copy);
    let wrong = call_store_arrays(em, &arrays, ty, state.base, result);
    let ll = &em.ll;
    let copied = ll.current();
    ll.br(next);
    ll.position(next);
    let answer = ll.phi(ll.i64());
    ll.add_incoming(answer, ll.const_i64(0), before);
    ll.add_incoming(answer, wrong, copied);
    Some(answer)
}

fn call_store_arrays(em: &mut Emitter<'_>, arrays: &[ArrayShape], ty: &Type, base: Val, result: &[Val]) -> Val {
    let ll = &em.ll;
    // The result's slots and the table of arrays as memory that the helper reads.
    let slots = ll.frame_alloca(ll.array_ty(ll.i64(), result.len()));
    for (slot, (comp, value)) in comps(ty).into_iter().zip(result).enumerate() {
        ll.store(comp_to_slot(ll, comp, *value), ll.field_at(slots, 8 * slot));
    }
    let word = |value: usize| ll.const_i64(value as i64);
    let table: Vec<Val> =
        arrays.iter().flat_map(|array| [word(array.slot), word(array.ndim), word(array.elem_bytes)]).collect();
    let table = ll.private_constant(ll.array_ty(ll.i64(), table.len()), ll.const_array(ll.i64(), &table));
    let helper = ll.declare(STORE_ARRAYS, ll.i64(), &[ll.ptr(), ll.ptr(), ll.ptr(), ll.i64()]);
    ll.add_attribute(helper, "nounwind");
    ll.call(helper, CallConv::C, &[base, slots, table, word(arrays.len())])
}

/// Stores everything but the arrays, which keep their place.
pub fn store_scalars(em: &Emitter<'_>, ty: &Type, base: Val, value: &[Val]) {
    let fixed: Vec<bool> = array_slots(ty);
    for (slot, (comp, value)) in comps(ty).into_iter().zip(value).enumerate() {
        if !fixed[slot] {
            store_slot(&em.ll, comp, *value, em.ll.field_at(base, 8 * slot));
        }
    }
}

/// Which slots belong to array descriptors.
pub fn array_slots(ty: &Type) -> Vec<bool> {
    let mut fixed = vec![false; ir::layout::slot_count(ty)];
    for array in array_shapes(ty) {
        fixed[array.slot..array.slot + 1 + 2 * array.ndim].fill(true);
    }
    fixed
}

/// Emits `status kernel(context, into, from)`: `into = merge(into, from)`.
pub fn emit_merge(em: &mut Emitter<'_>, symbol: &str) {
    let ptr = em.ll.ptr();
    let kernel = em.ll.define(symbol, em.ll.fn_ty(em.ll.i64(), &[ptr, ptr, ptr]), CallConv::C, false);
    em.ll.add_attribute(kernel, "nounwind");
    let entry = em.ll.block(kernel);
    em.ll.position(entry);
    let func = em.module.entry;
    let ty = em.module.entry_func().result.clone();
    let around = em.surroundings_of(func, em.ll.param(kernel, 0));
    let into = load(em, &ty, em.ll.param(kernel, 1));
    let from = load(em, &ty, em.ll.param(kernel, 2));
    let args = [into.value.as_slice(), &from.value].concat();
    // Nothing is tested here, so the function tests for itself.
    em.assumptions.clear();
    let contiguous = em.arrays_are_plain && around.passed.is_empty();
    let variant = Variant { contiguous, ..Variant::new(func, Mode::Exact) };
    let returned = em.call(variant, &around, &args);
    let stop_unless_zero = |em: &Emitter<'_>, status: Val| {
        let ll = &em.ll;
        let (bad, fine) = (ll.block(kernel), ll.block(kernel));
        ll.cond_br_unlikely(ll.icmp(IntPred::LLVMIntNE, status, ll.const_i64(0)), bad, fine);
        ll.position(bad);
        ll.ret(status);
        ll.position(fine);
    };
    if let Some(status) = returned.status {
        stop_unless_zero(em, status);
    }
    if let Some(wrong) = store_arrays(em, kernel, &ty, &into, &returned.value) {
        let span = em.module.entry_func().span;
        let status = em.status(ExcKind::ValueError, span, Some(SHAPE_CHANGED));
        let ll = &em.ll;
        let bad = ll.icmp(IntPred::LLVMIntNE, wrong, ll.const_i64(0));
        stop_unless_zero(em, ll.select(bad, ll.int(ll.i64(), status), ll.const_i64(0)));
    }
    store_scalars(em, &ty, into.base, &returned.value);
    em.ll.ret(em.ll.const_i64(0));
}
