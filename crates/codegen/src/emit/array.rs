//! Arrays: every index is checked against the length it belongs to.

use ir::{Elem, Type, Value};

use crate::emit::func::FuncEmitter;
use crate::llvm::Val;
use crate::value::{load_elem, store_elem};

impl FuncEmitter<'_, '_> {
    /// The address of the element at these indices; raises `IndexError`. In the collecting mode a bad index gives the
    /// address of a zero instead.
    fn element_address(&mut self, array: Value, indices: &[Value]) -> Val {
        let parts = self.comps_of(array).to_vec();
        let ndim = (parts.len() - 1) / 2;
        let mut address = parts[0];
        let mut bad_any = None;
        for (dimension, index) in indices.iter().enumerate() {
            let index = self.scalar(*index);
            let (position, bad) = self.checked_position(index, parts[1 + dimension]);
            self.fail_index(bad, index, dimension, parts[1 + dimension]);
            bad_any = Some(bad_any.map_or(bad, |before| self.em.ll.or(before, bad)));
            let ll = &self.em.ll;
            address = ll.offset(address, ll.mul(position, parts[1 + ndim + dimension]));
        }
        match bad_any {
            Some(bad) if self.collecting() => {
                let zero = self.em.zero_element();
                self.em.ll.select(bad, zero, address)
            }
            Some(_) | None => address,
        }
    }

    /// Raises `IndexError` with NumPy's text.
    fn fail_index(&mut self, bad: Val, index: Val, axis: usize, length: Val) {
        self.fail_if_with(bad, |this, next| {
            let axis = this.em.ll.const_i64(axis as i64);
            this.runtime_call("array.index_error", &[index, axis, length]);
            this.em.ll.br(next);
        });
    }

    fn elem_of(&self, array: Value) -> Elem {
        match self.type_of(array) {
            Type::Array { elem, .. } => *elem,
            _ => Elem::U8,
        }
    }

    pub fn array_get(&mut self, args: &[Value]) -> Val {
        let elem = self.elem_of(args[0]);
        let address = self.element_address(args[0], &args[1..]);
        load_elem(&self.em.ll, elem, address)
    }

    pub fn array_set(&mut self, args: &[Value]) -> Vec<Val> {
        if let [array, indices @ .., value] = args {
            let elem = self.elem_of(*array);
            let address = self.element_address(*array, indices);
            store_elem(&self.em.ll, elem, self.scalar(*value), address);
        }
        Vec::new()
    }

    /// A view of one row.
    pub fn array_row(&mut self, array: Value, index: Value) -> Vec<Val> {
        let parts = self.comps_of(array).to_vec();
        let index = self.scalar(index);
        let (position, bad) = self.checked_position(index, parts[1]);
        self.fail_index(bad, index, 0, parts[1]);
        let ll = &self.em.ll;
        let position = self.or_harmless(bad, position, ll.const_i64(0));
        let address = ll.offset(parts[0], ll.mul(position, parts[3]));
        // A row that is not there has no elements.
        let length = self.or_harmless(bad, parts[2], ll.const_i64(0));
        vec![address, length, parts[4]]
    }

    pub fn array_zeros(&mut self, args: &[Value], result: &Type) -> Vec<Val> {
        let Type::Array { elem, .. } = result else { return Vec::new() };
        let bytes = self.em.ll.const_i64(elem.size_bytes() as i64);
        let lengths: Vec<Val> = args.iter().map(|arg| self.scalar(*arg)).collect();
        let name = if lengths.len() == 1 { "array.zeros_1d" } else { "array.zeros_2d" };
        let mut out = self.runtime_call(name, &[&[bytes], lengths.as_slice()].concat());
        out.extend(&lengths);
        if let [_, columns] = lengths.as_slice() {
            out.push(self.em.ll.mul(*columns, bytes));
        }
        out.push(bytes);
        out
    }
}
