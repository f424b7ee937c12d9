//! Writing the result of one row to the output columns.

use ir::Type;
use runtime::abi;

use crate::leaf::{Leaf, LeafKind};
use crate::llvm::{Bb, Fun, IntPred, Llvm, Val};
use crate::value::{comp_count, store_elem};

/// An output column in a kernel.
#[derive(Clone, Debug)]
pub struct Output {
    pub leaf: Leaf,
    values: Val,
    validity: Val,
}

/// What one leaf of a result is.
struct LeafValue {
    comps: Vec<Val>,
    /// True when it is there; `None`: always.
    valid: Option<Val>,
}

impl Output {
    /// Reads the [`abi::OutputView`] at `view`.
    pub fn read(ll: &Llvm, leaf: Leaf, view: Val) -> Output {
        let values = ll.load(ll.ptr(), ll.field_at(view, std::mem::offset_of!(abi::OutputView, values)));
        let validity = ll.load(ll.ptr(), ll.field_at(view, std::mem::offset_of!(abi::OutputView, validity)));
        Output { leaf, values, validity }
    }

    /// Applies `change` to every LLVM value, in a fixed order.
    pub fn map(&self, change: &mut dyn FnMut(Val) -> Val) -> Output {
        Output { leaf: self.leaf.clone(), values: change(self.values), validity: change(self.validity) }
    }

    fn place(&self, ll: &Llvm, row: Val, bytes: usize) -> Val {
        ll.offset(self.values, ll.mul(row, ll.const_i64(bytes as i64)))
    }

    fn store(&self, ll: &Llvm, row: Val, value: &LeafValue) {
        if let (true, Some(valid)) = (self.leaf.nullable, value.valid) {
            ll.store(ll.zext(valid, ll.i8()), ll.offset(self.validity, row));
        }
        let Some(first) = value.comps.first().copied() else { return };
        match self.leaf.kind {
            LeafKind::None | LeafKind::Validity => {}
            LeafKind::Bool => ll.store(ll.zext(first, ll.i8()), ll.offset(self.values, row)),
            LeafKind::Int | LeafKind::Float | LeafKind::List => ll.store(first, self.place(ll, row, 8)),
            LeafKind::Np(elem) => store_elem(ll, elem, first, self.place(ll, row, elem.size_bytes())),
            LeafKind::Str => {
                let address = self.place(ll, row, size_of::<abi::Str>());
                ll.store(first, address);
                ll.store(value.comps[1], ll.field_at(address, std::mem::offset_of!(abi::Str, length)));
            }
        }
    }

    /// A failing row: zero and, where there is validity, null.
    pub fn store_failed(&self, ll: &Llvm, kernel: Fun, row: Val) {
        let zero = |bytes: usize| {
            let ty = ll.int_ty(8 * bytes as u32);
            ll.store_aligned(ll.zero(ty), self.place(ll, row, bytes), 1);
        };
        match self.leaf.kind {
            LeafKind::None | LeafKind::Validity => {}
            LeafKind::Bool => zero(1),
            LeafKind::Int | LeafKind::Float | LeafKind::List => zero(8),
            LeafKind::Np(elem) => zero(elem.size_bytes()),
            LeafKind::Str => zero(size_of::<abi::Str>()),
        }
        let (write, next): (Bb, Bb) = (ll.block(kernel), ll.block(kernel));
        ll.cond_br(ll.icmp(IntPred::LLVMIntNE, self.validity, ll.zero(ll.ptr())), write, next);
        ll.position(write);
        ll.store(ll.zero(ll.i8()), ll.offset(self.validity, row));
        ll.br(next);
        ll.position(next);
    }
}

/// Writes a result.
pub fn store(ll: &Llvm, outputs: &[Output], ty: &Type, value: &[Val], row: Val) {
    let mut found = Vec::new();
    flatten(ll, ty, value, None, &mut found);
    for (output, leaf) in outputs.iter().zip(&found) {
        output.store(ll, row, leaf);
    }
}

/// The leaves of a value, in the order of [`crate::leaf::leaves`].
fn flatten(ll: &Llvm, ty: &Type, value: &[Val], valid: Option<Val>, out: &mut Vec<LeafValue>) {
    match ty {
        Type::Tuple(_) | Type::Record(_) => {
            let mut first = 0;
            for field in ty.field_types().unwrap_or_default() {
                let count = comp_count(&field);
                flatten(ll, &field, &value[first..first + count], valid, out);
                first += count;
            }
        }
        Type::Union(variants) => {
            let inner = ty.without_none();
            let tag = ty.tag_of(&inner).unwrap_or_default();
            let here = ll.icmp(IntPred::LLVMIntEQ, value[0], ll.const_i64(tag as i64));
            let valid = valid.map_or(here, |outer| ll.and(outer, here));
            let first = ir::layout::variant_slot(variants, tag);
            if matches!(inner, Type::Tuple(_) | Type::Record(_)) {
                out.push(LeafValue { comps: Vec::new(), valid: Some(valid) });
            }
            flatten(ll, &inner, &value[first..first + comp_count(&inner)], Some(valid), out);
        }
        Type::None => out.push(LeafValue { comps: Vec::new(), valid: Some(ll.const_bool(false)) }),
        Type::Bool
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
        | Type::Array { .. }
        | Type::Exception => out.push(LeafValue { comps: value.to_vec(), valid }),
    }
}
