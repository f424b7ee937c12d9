//! The kernel of a single call: `status kernel(context, slots of the arguments, slots of the result)`.

use crate::emit::{Emitter, Mode, Variant};
use crate::llvm::{CallConv, IntPred};
use crate::value::{comp_count, load_value, store_value};

/// Emits the kernel's function under this name.
pub fn emit(em: &mut Emitter<'_>, symbol: &str) {
    let ptr = em.ll.ptr();
    let kernel = em.ll.define(symbol, em.ll.fn_ty(em.ll.i64(), &[ptr, ptr, ptr]), CallConv::C, false);
    em.ll.add_attribute(kernel, "nounwind");
    let (entry, fine, bad) = (em.ll.block(kernel), em.ll.block(kernel), em.ll.block(kernel));
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
    let returned = em.call(Variant::new(func, Mode::Exact), &around, &args);
    let ll = &em.ll;
    let status = returned.status.unwrap_or_else(|| ll.const_i64(0));
    ll.cond_br_unlikely(ll.icmp(IntPred::LLVMIntNE, status, ll.const_i64(0)), bad, fine);
    ll.position(fine);
    store_value(ll, &em.module.entry_func().result, &returned.value, ll.param(kernel, 2));
    ll.ret(ll.const_i64(0));
    ll.position(bad);
    ll.ret(status);
}
