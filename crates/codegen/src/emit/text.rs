//! Strings: the few operations that are quick in line, with the runtime for the rest.

use ir::{ExcKind, Prim, Value};

use crate::emit::func::FuncEmitter;
use crate::llvm::{CallConv, IntPred, Val};

impl FuncEmitter<'_, '_> {
    fn text_parts(&self, text: Value) -> (Val, Val) {
        let parts = self.comps_of(text);
        (parts[0], parts[1])
    }

    fn byte_length(&self, length_word: Val) -> Val {
        let ll = &self.em.ll;
        ll.and(length_word, ll.const_i64(i64::MAX))
    }

    /// `len(s)`: the byte length when all is ASCII.
    pub fn str_len(&mut self, text: Value) -> Vec<Val> {
        let (data, word) = self.text_parts(text);
        let unknown = self.em.ll.icmp(IntPred::LLVMIntSGE, word, self.em.ll.const_i64(0));
        if self.collecting() {
            return self.runtime_call(Prim::StrLen.name(), &[data, word]);
        }
        self.fast_or_slow(
            unknown,
            |this| vec![this.byte_length(word)],
            |this| this.runtime_call(Prim::StrLen.name(), &[data, word]),
        )
    }

    /// `s[i]`: one byte when all is ASCII.
    pub fn str_index(&mut self, text: Value, index: Value) -> Vec<Val> {
        let (data, word) = self.text_parts(text);
        let index = self.scalar(index);
        let unknown = self.em.ll.icmp(IntPred::LLVMIntSGE, word, self.em.ll.const_i64(0));
        self.fast_or_slow(
            unknown,
            |this| {
                let length = this.byte_length(word);
                let (position, bad) = this.checked_position(index, length);
                this.fail_prim(bad, Prim::StrIndex, ExcKind::IndexError);
                let ascii = |length| this.em.ll.int(this.em.ll.i64(), length | ir::layout::STR_ASCII_BIT);
                let position = this.or_harmless(bad, position, this.em.ll.const_i64(0));
                let length = this.or_harmless(bad, ascii(1), ascii(0));
                vec![this.em.ll.offset(data, position), length]
            },
            |this| this.runtime_call(Prim::StrIndex.name(), &[data, word, index]),
        )
    }

    /// The length in bytes.
    pub fn str_byte_len(&mut self, text: Value) -> Val {
        let (_, word) = self.text_parts(text);
        self.byte_length(word)
    }

    /// The character at a byte offset: one byte when all is ASCII.
    pub fn str_char_at(&mut self, text: Value, offset: Value) -> Vec<Val> {
        let (data, word) = self.text_parts(text);
        let offset = self.scalar(offset);
        let unknown = self.em.ll.icmp(IntPred::LLVMIntSGE, word, self.em.ll.const_i64(0));
        self.fast_or_slow(
            unknown,
            |this| {
                let length = this.byte_length(word);
                let bad = this.em.ll.icmp(IntPred::LLVMIntUGE, offset, length);
                this.fail_prim(bad, Prim::StrCharAt, ExcKind::IndexError);
                let ascii = |length| this.em.ll.int(this.em.ll.i64(), length | ir::layout::STR_ASCII_BIT);
                let offset = this.or_harmless(bad, offset, this.em.ll.const_i64(0));
                let length = this.or_harmless(bad, ascii(1), ascii(0));
                vec![this.em.ll.offset(data, offset), length]
            },
            |this| this.runtime_call(Prim::StrCharAt.name(), &[data, word, offset]),
        )
    }

    /// The position from the start of an index that may count from the end, and whether it is out of range.
    pub fn checked_position(&self, index: Val, length: Val) -> (Val, Val) {
        let ll = &self.em.ll;
        let negative = ll.icmp(IntPred::LLVMIntSLT, index, ll.const_i64(0));
        let position = ll.select(negative, ll.add(index, length), index);
        (position, ll.icmp(IntPred::LLVMIntUGE, position, length))
    }

    /// `a == b`: equal strings have equal bytes. One byte is compared in line, as loops over the characters of a text do.
    pub fn str_eq(&mut self, a: Value, b: Value) -> Val {
        let ((a_data, a_word), (b_data, b_word)) = (self.text_parts(a), self.text_parts(b));
        let (a_length, b_length) = (self.byte_length(a_word), self.byte_length(b_word));
        let ll = &self.em.ll;
        let same_length = ll.icmp(IntPred::LLVMIntEQ, a_length, b_length);
        let one_byte = ll.icmp(IntPred::LLVMIntEQ, a_length, ll.const_i64(1));
        let equal = self.either(
            ll.and(same_length, one_byte),
            |this| {
                let ll = &this.em.ll;
                let [a, b] = [a_data, b_data].map(|data| ll.load(ll.int_ty(8), data));
                vec![ll.icmp(IntPred::LLVMIntEQ, a, b)]
            },
            |this| {
                let ll = &this.em.ll;
                let compare = ll.declare("memcmp", ll.int_ty(32), &[ll.ptr(), ll.ptr(), ll.i64()]);
                ll.mark_reader(compare);
                // Strings of different lengths are not compared: then no byte is.
                let count = ll.select(same_length, a_length, ll.const_i64(0));
                let difference = ll.call(compare, CallConv::C, &[a_data, b_data, count]);
                let same_bytes = ll.icmp(IntPred::LLVMIntEQ, difference, ll.zero(ll.int_ty(32)));
                vec![ll.and(same_length, same_bytes)]
            },
        );
        equal.first().copied().unwrap_or(same_length)
    }
}
