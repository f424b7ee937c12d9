//! Arrays: every index is checked against the length it belongs to.

use ir::{Elem, Type, Value};

use crate::emit::func::FuncEmitter;
use crate::emit::loop_flags::IndexRange;
use crate::llvm::{CallConv, Val};
use crate::value::{elem_ty, load_elem, store_elem};

impl FuncEmitter<'_, '_> {
    /// The address of the element at these indices; raises `IndexError`. In the collecting mode a bad index gives the
    /// address of a zero instead.
    fn element_address(&mut self, array: Value, indices: &[Value]) -> Val {
        let parts = self.comps_of(array).to_vec();
        let elem = self.elem_of(array);
        let mut positions = Vec::new();
        let mut bad_any = None;
        for (dimension, index) in indices.iter().enumerate() {
            let (position, bad) = self.position(array, dimension, *index);
            positions.push(position);
            if let Some(bad) = bad {
                bad_any = Some(bad_any.map_or(bad, |before| self.em.ll.or(before, bad)));
            }
        }
        let address = self.offset_of(array, &parts, elem, &positions);
        match bad_any {
            Some(bad) if self.collecting() => {
                let zero = self.em.zero_element();
                self.em.ll.select(bad, zero, address)
            }
            Some(_) | None => address,
        }
    }

    /// The address at these positions, which are in range (or never used).
    fn offset_of(&self, array: Value, parts: &[Val], elem: Elem, positions: &[Val]) -> Val {
        let ll = &self.em.ll;
        let ndim = (parts.len() - 1) / 2;
        if self.contiguous[array.index()] {
            let ty = elem_ty(ll, elem);
            let flat = match positions {
                [row, column] => ll.add_nsw(ll.mul_nsw(*row, parts[2]), *column),
                [row] if ndim == 2 => ll.mul_nsw(*row, parts[2]),
                [position] => *position,
                _ => ll.const_i64(0),
            };
            return ll.element(ty, parts[0], flat);
        }
        positions.iter().enumerate().fold(parts[0], |address, (dimension, position)| {
            ll.offset(address, ll.mul(*position, parts[1 + ndim + dimension]))
        })
    }

    /// The position that an index stands for, checked; in the collecting mode also whether it is out of range.
    pub fn position(&mut self, array: Value, dimension: usize, index: Value) -> (Val, Option<Val>) {
        let given = self.scalar(index);
        let length = self.comps_of(array)[1 + dimension];
        match self.index_range(array, dimension, index) {
            IndexRange::Sure => (given, None),
            IndexRange::Flag(flag) => {
                let checked = self.block();
                let join = self.block();
                let before = self.em.ll.current();
                self.em.ll.cond_br(flag, join, checked);
                self.em.ll.position(checked);
                let (position, bad) = self.checked_position(given, length);
                self.fail_index(bad, given, dimension, length);
                let after = self.em.ll.current();
                self.em.ll.br(join);
                self.em.ll.position(join);
                let joined = self.em.ll.phi(self.em.ll.i64());
                self.em.ll.add_incoming(joined, given, before);
                self.em.ll.add_incoming(joined, position, after);
                (joined, None)
            }
            IndexRange::Unknown => {
                let (position, bad) = self.checked_position(given, length);
                self.fail_index(bad, given, dimension, length);
                (position, Some(bad))
            }
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
        let elem = self.elem_of(array);
        let (position, bad) = self.position(array, 0, index);
        let nothing = self.em.ll.const_i64(0);
        let harmless = |value| bad.map_or(value, |bad| self.or_harmless(bad, value, nothing));
        let address = self.offset_of(array, &parts, elem, &[harmless(position)]);
        // A row that is not there has no elements.
        vec![address, harmless(parts[2]), parts[4]]
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

    /// The place of the arena, to go back to.
    pub fn arena_mark(&mut self) -> [Val; 2] {
        let out = self.frame_slots(2);
        let context = self.context_field(0);
        let ll = &self.em.ll;
        let function = ll.declare("fl_arena_mark", ll.i64(), &[ll.ptr(), ll.ptr()]);
        ll.add_attribute(function, "nounwind");
        ll.call(function, CallConv::C, &[context, out]);
        [ll.load(ll.i64(), out), ll.load(ll.i64(), ll.field_at(out, 8))]
    }

    pub fn arena_rewind(&mut self, [count, cursor]: [Val; 2]) {
        let context = self.context_field(0);
        let ll = &self.em.ll;
        let function = ll.declare("fl_arena_rewind", ll.i64(), &[ll.ptr(), ll.i64(), ll.i64(), ll.ptr()]);
        ll.add_attribute(function, "nounwind");
        ll.call(function, CallConv::C, &[context, count, cursor, ll.zero(ll.ptr())]);
    }
}
