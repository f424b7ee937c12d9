//! Views of arrays: address, lengths and strides of the view from those of the array.

use ir::{ExcKind, Op, Type, Value, View, messages};

use crate::emit::func::FuncEmitter;
use crate::llvm::{IntPred, Val};

impl FuncEmitter<'_, '_> {
    pub fn array_view(&mut self, view: View, args: &[Value], result: &Type) -> Vec<Val> {
        let array = args[0];
        let (address, lengths, strides) = self.parts_of(array);
        let ints: Vec<Val> = args[1..].iter().map(|arg| self.scalar(*arg)).collect();
        match (view, ints.as_slice()) {
            (View::Slice(dimension), [start, stop, step]) => {
                let dimension = usize::from(dimension);
                let (first, count) = self.slice_bounds(view, lengths[dimension], [*start, *stop, *step]);
                let ll = &self.em.ll;
                let (mut lengths, mut strides) = (lengths, strides);
                let address = ll.offset(address, ll.mul(first, strides[dimension]));
                lengths[dimension] = count;
                strides[dimension] = ll.mul(strides[dimension], *step);
                [vec![address], lengths, strides].concat()
            }
            (View::Column, [_]) => {
                let (position, _) = self.position(array, 1, args[1]);
                let ll = &self.em.ll;
                vec![ll.offset(address, ll.mul(position, strides[1])), lengths[0], strides[0]]
            }
            (View::Transpose, []) => vec![address, lengths[1], lengths[0], strides[1], strides[0]],
            (View::Broadcast, wanted) => self.broadcast(address, &lengths, &strides, wanted),
            (View::Flat, [length]) => {
                let flat = self.is_flat(array);
                let ll = &self.em.ll;
                let count = lengths.iter().fold(ll.const_i64(1), |count, length| ll.mul(count, *length));
                let right = ll.and(flat, ll.icmp(IntPred::LLVMIntEQ, count, *length));
                self.refuse(view, right);
                let bytes = self.element_bytes(result);
                vec![address, *length, bytes]
            }
            (View::Fold, [rows, columns]) => {
                let ll = &self.em.ll;
                let nothing = ll.const_i64(0);
                let positive = ll.icmp(IntPred::LLVMIntSGE, ll.or(*rows, *columns), nothing);
                let product = ll.intrinsic("llvm.smul.with.overflow", &[ll.i64()], &[*rows, *columns]);
                let (count, wrapped) = (ll.extract(product, 0), ll.extract(product, 1));
                let equal = ll.and(ll.icmp(IntPred::LLVMIntEQ, count, lengths[0]), ll.not(wrapped));
                let right = ll.and(positive, equal);
                let row = ll.mul(*columns, strides[0]);
                self.refuse(view, right);
                vec![address, *rows, *columns, row, strides[0]]
            }
            _ => Vec::new(),
        }
    }

    /// Raises the view's `ValueError` unless `right`.
    fn refuse(&mut self, view: View, right: Val) {
        let wrong = self.em.ll.not(right);
        self.fail_if(wrong, ExcKind::ValueError, messages::of_op(&Op::ArrayView(view), ExcKind::ValueError));
    }

    /// Address, lengths and strides.
    pub fn parts_of(&self, array: Value) -> (Val, Vec<Val>, Vec<Val>) {
        let parts = self.comps_of(array).to_vec();
        let ndim = (parts.len() - 1) / 2;
        let lengths = parts[1..=ndim].to_vec();
        let mut strides = parts[1 + ndim..].to_vec();
        if self.contiguous[array.index()] {
            let ll = &self.em.ll;
            let mut stride = self.element_bytes(self.type_of(array));
            for (own, length) in strides.iter_mut().zip(&lengths).rev() {
                *own = stride;
                stride = ll.mul(stride, *length);
            }
        }
        (parts[0], lengths, strides)
    }

    fn element_bytes(&self, array: &Type) -> Val {
        match array {
            Type::Array { elem, .. } => self.em.ll.const_i64(elem.size_bytes() as i64),
            _ => self.em.ll.const_i64(1),
        }
    }

    /// Where a slice begins and how many positions it takes; raises `ValueError` for step 0.
    fn slice_bounds(&mut self, view: View, length: Val, [start, stop, step]: [Val; 3]) -> (Val, Val) {
        let moves = self.em.ll.icmp(IntPred::LLVMIntNE, step, self.em.ll.const_i64(0));
        self.refuse(view, moves);
        let ll = &self.em.ll;
        let (zero, one) = (ll.const_i64(0), ll.const_i64(1));
        let backward = ll.icmp(IntPred::LLVMIntSLT, step, zero);
        let low = ll.select(backward, ll.const_i64(-1), zero);
        let high = ll.select(backward, ll.sub(length, one), length);
        let bound = |given: Val| {
            let negative = ll.icmp(IntPred::LLVMIntSLT, given, zero);
            let from_start = ll.select(negative, ll.add(given, length), given);
            let above = ll.intrinsic("llvm.smax", &[ll.i64()], &[from_start, low]);
            ll.intrinsic("llvm.smin", &[ll.i64()], &[above, high])
        };
        let (first, end) = (bound(start), bound(stop));
        let distance = ll.select(backward, ll.sub(first, end), ll.sub(end, first));
        let size = ll.select(backward, ll.neg(step), step);
        // Also where the slice is empty the divisor is not 0.
        let divisor = ll.select(moves, size, one);
        let count = ll.add(ll.udiv(ll.sub(distance, one), divisor), one);
        let any = ll.icmp(IntPred::LLVMIntSGT, distance, zero);
        (ll.select(any, first, zero), ll.select(any, count, zero))
    }

    fn broadcast(&mut self, address: Val, lengths: &[Val], strides: &[Val], wanted: &[Val]) -> Vec<Val> {
        let ll = &self.em.ll;
        let (zero, one) = (ll.const_i64(0), ll.const_i64(1));
        let new = wanted.len() - lengths.len();
        let mut right = ll.const_bool(true);
        let mut out_strides = vec![zero; new];
        for (axis, length) in wanted.iter().enumerate() {
            right = ll.and(right, ll.icmp(IntPred::LLVMIntSGE, *length, zero));
            let Some(own) = axis.checked_sub(new) else { continue };
            let same = ll.icmp(IntPred::LLVMIntEQ, lengths[own], *length);
            let single = ll.icmp(IntPred::LLVMIntEQ, lengths[own], one);
            right = ll.and(right, ll.or(same, single));
            out_strides.push(ll.select(same, strides[own], zero));
        }
        self.refuse(View::Broadcast, right);
        [vec![address], wanted.to_vec(), out_strides].concat()
    }

    /// Whether the elements lie one behind the other in row order.
    pub fn is_flat(&self, array: Value) -> Val {
        let ll = &self.em.ll;
        if self.contiguous[array.index()] {
            return ll.const_bool(true);
        }
        let (_, lengths, strides) = self.parts_of(array);
        let mut expected = self.element_bytes(self.type_of(array));
        let mut flat = ll.const_bool(true);
        let mut empty = ll.const_bool(false);
        for (length, stride) in lengths.iter().zip(&strides).rev() {
            let single = ll.icmp(IntPred::LLVMIntEQ, *length, ll.const_i64(1));
            let follows = ll.icmp(IntPred::LLVMIntEQ, *stride, expected);
            flat = ll.and(flat, ll.or(single, follows));
            empty = ll.or(empty, ll.icmp(IntPred::LLVMIntEQ, *length, ll.const_i64(0)));
            expected = ll.mul(expected, *length);
        }
        ll.or(flat, empty)
    }

    /// Whether the memory of two arrays has a part in common, unless they are the same view.
    pub fn arrays_overlap(&self, a: Value, b: Value) -> Val {
        let ll = &self.em.ll;
        let (extent_a, extent_b) = (self.extent(a), self.extent(b));
        let low = ll.icmp(IntPred::LLVMIntULT, extent_a.0, extent_b.1);
        let high = ll.icmp(IntPred::LLVMIntULT, extent_b.0, extent_a.1);
        let touch = ll.and(low, high);
        let ((address_a, lengths_a, strides_a), (address_b, lengths_b, strides_b)) =
            (self.parts_of(a), self.parts_of(b));
        if lengths_a.len() != lengths_b.len() || self.type_of(a) != self.type_of(b) {
            return touch;
        }
        let mut same = ll.icmp(IntPred::LLVMIntEQ, ll.ptrtoint(address_a, ll.i64()), ll.ptrtoint(address_b, ll.i64()));
        let pairs = lengths_a.iter().zip(&lengths_b).chain(strides_a.iter().zip(&strides_b));
        for (own, other) in pairs {
            same = ll.and(same, ll.icmp(IntPred::LLVMIntEQ, *own, *other));
        }
        ll.and(touch, ll.not(same))
    }

    /// The first address of an array and the one behind its last byte; equal when it is empty.
    fn extent(&self, array: Value) -> (Val, Val) {
        let ll = &self.em.ll;
        let (zero, one) = (ll.const_i64(0), ll.const_i64(1));
        let (address, lengths, strides) = self.parts_of(array);
        let start = ll.ptrtoint(address, ll.i64());
        let (mut low, mut high) = (start, ll.add(start, self.element_bytes(self.type_of(array))));
        let mut empty = ll.const_bool(false);
        for (length, stride) in lengths.iter().zip(&strides) {
            let reach = ll.mul(*stride, ll.sub(*length, one));
            low = ll.add(low, ll.intrinsic("llvm.smin", &[ll.i64()], &[reach, zero]));
            high = ll.add(high, ll.intrinsic("llvm.smax", &[ll.i64()], &[reach, zero]));
            empty = ll.or(empty, ll.icmp(IntPred::LLVMIntEQ, *length, zero));
        }
        (ll.select(empty, zero, low), ll.select(empty, zero, high))
    }
}
