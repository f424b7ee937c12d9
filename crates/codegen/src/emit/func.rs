//! One IR function to one LLVM function: blocks, phis, terminators and the edges that exceptions take.

use std::collections::BTreeMap;

use ir::{BlockId, Const, ExcClass, ExcKind, Func, Prim, Span, Target, Term, Type, Value, messages};
use runtime::abi;

use crate::emit::loop_flags::{LoopFlags, Strip};
use crate::emit::{Emitter, Mode, Surroundings, Variant};
use crate::facts::{self, Facts};
use crate::llvm::{Bb, Fun, IntPred, Val};
use crate::loops::Analysis;
use crate::value::{Comp, comp_count, comps, zero_value};

/// What `unreachable` says when it is reached.
const UNREACHABLE: &str = "unreachable code was reached";

/// What a handler is told of an exception beside its status.
#[derive(Clone, Copy)]
struct Carried {
    text: [Val; 2],
    /// An object where the class has objects; else nobody looks at it.
    object: Option<Val>,
}

/// Set in the class number of an exception that has not been raised yet: its status has no place.
pub const NEW_EXCEPTION: i64 = 1 << 8;

/// Emits the body of one variant of a function.
pub struct FuncEmitter<'e, 'm> {
    pub em: &'e mut Emitter<'m>,
    pub func: &'m Func,
    pub facts: Facts,
    pub variant: Variant,
    pub around: Surroundings,
    /// Which values' arrays lie row by row without gaps.
    pub contiguous: Vec<bool>,
    /// The constants among the values.
    pub constants: Vec<Option<&'m Const>>,
    /// The place of the instruction that is being emitted.
    pub span: Span,
    function: Fun,
    /// Components of each value that is emitted already.
    values: Vec<Vec<Val>>,
    blocks: Vec<Option<BlockParts>>,
    handler: Option<&'m Target>,
    /// Where exceptions leave the function: a block that returns the status its phi receives.
    exit: Option<(Bb, Val)>,
    /// The block that holds the frame's variables.
    frame: Bb,
    /// Variables of the frame, by their number of slots. Each is used from a call to the loads right behind it.
    scratch: BTreeMap<usize, Val>,
    /// In the collecting mode: the word whose sign bit is the flag.
    flag: Option<Val>,
    /// The arena's place when the function was entered, where it goes back to that when it returns.
    entry_mark: Option<[Val; 2]>,
    /// By loop: whether the arena is taken back after each round, and its place before the loop.
    pub rewinding: Vec<bool>,
    loop_marks: Vec<Option<[Val; 2]>>,
    pub loops: Analysis<'m>,
    /// What was found out before each loop, by its number.
    pub loop_flags: Vec<LoopFlags>,
    /// The strips that have been begun and not ended, by the number of their loops.
    pub strips: Vec<Option<Strip>>,
    /// The block that is being emitted.
    pub current: BlockId,
}

#[derive(Clone)]
struct BlockParts {
    start: Bb,
    /// One phi per component of the block's parameters.
    phis: Vec<Val>,
    /// Of a loop's header with flags: the block that edges from outside the loop go to, with phis of its own.
    entry: Option<(Bb, Vec<Val>)>,
}

impl<'e, 'm> FuncEmitter<'e, 'm> {
    pub fn new(em: &'e mut Emitter<'m>, variant: Variant, function: Fun) -> FuncEmitter<'e, 'm> {
        let func = em.module.func(variant.func);
        let facts = em.facts_of(variant.func).clone();
        let frame = em.ll.block(function);
        let loops = Analysis::new(em.module, func, &facts.order);
        FuncEmitter {
            func,
            facts,
            variant,
            around: Surroundings::default(),
            contiguous: crate::contiguous::values(func, variant.contiguous, &em.returns_contiguous),
            constants: facts::constants(func),
            span: func.span,
            function,
            values: vec![Vec::new(); func.values.len()],
            blocks: vec![None; func.blocks.len()],
            handler: None,
            exit: None,
            frame,
            scratch: BTreeMap::new(),
            flag: None,
            entry_mark: None,
            rewinding: em.regions.rewinding_loops(func, &loops),
            loop_marks: vec![None; loops.loops.len()],
            loop_flags: vec![LoopFlags::default(); loops.loops.len()],
            strips: vec![None; loops.loops.len()],
            loops,
            current: BlockId(0),
            em,
        }
    }

    pub fn emit(mut self) {
        self.bind_params();
        self.em.ll.position(self.frame);
        if self.variant.mode == Mode::Collect && self.facts.can_raise {
            let flag = self.em.ll.alloca(self.em.ll.i64());
            self.em.ll.store(self.em.ll.zero(self.em.ll.i64()), flag);
            self.flag = Some(flag);
        }
        if self.em.regions.rewinds_function(self.variant.func.index(), self.func) {
            self.entry_mark = Some(self.arena_mark());
        }
        let order = self.facts.order.clone();
        for id in &order {
            self.open_block(*id);
        }
        for id in &order {
            self.emit_block(*id);
        }
        self.close_exit();
        self.em.ll.position(self.frame);
        if let Some(entry) = &self.blocks[0] {
            self.em.ll.br(entry.start);
        }
    }

    /// Gives the context, the captures and the parameters their LLVM parameters.
    fn bind_params(&mut self) {
        let mut next = 0;
        let slots: usize = self.em.module.captures.iter().map(|capture| ir::layout::slot_count(&capture.ty)).sum();
        let ll = &self.em.ll;
        let mut take = |count: usize| {
            let taken: Vec<Val> = (next..next + count).map(|index| ll.param(self.function, index)).collect();
            next += count;
            taken
        };
        if self.facts.context {
            self.around.context = take(1).first().copied();
            ll.add_param_attribute(self.function, 0, "noalias", 0);
            ll.add_param_attribute(self.function, 0, "dereferenceable", size_of::<abi::Context>() as u64);
        }
        if self.facts.captures {
            self.around.captures = take(1).first().copied();
            let index = usize::from(self.facts.context);
            ll.add_param_attribute(self.function, index, "noalias", 0);
            ll.add_param_attribute(self.function, index, "readonly", 0);
            ll.add_param_attribute(self.function, index, "dereferenceable", 8 * slots as u64);
        }
        for capture in &self.facts.passed_captures {
            let count = comp_count(&self.em.module.captures[capture.index()].ty);
            self.around.passed.insert(*capture, take(count));
        }
        for param in self.func.params() {
            self.values[param.index()] = take(comp_count(self.func.type_of(*param)));
        }
    }

    /// Makes a block and the phis of its parameters.
    fn open_block(&mut self, id: BlockId) {
        let entry = self.needs_flags(id).then(|| {
            let entry = self.em.ll.block(self.function);
            self.em.ll.position(entry);
            (entry, self.param_phis(id).into_iter().flatten().collect())
        });
        let start = self.em.ll.block(self.function);
        let mut phis = Vec::new();
        if id != BlockId(0) {
            self.em.ll.position(start);
            for (param, own) in self.func.block(id).params.iter().zip(self.param_phis(id)) {
                phis.extend(&own);
                self.values[param.index()] = own;
            }
        }
        self.blocks[id.index()] = Some(BlockParts { start, phis, entry });
    }

    /// Phis for the components of each parameter of a block.
    fn param_phis(&self, id: BlockId) -> Vec<Vec<Val>> {
        let params = self.func.block(id).params.iter();
        let phi = |comp: Comp| self.em.ll.phi(comp.ty(&self.em.ll));
        params.map(|param| comps(self.func.type_of(*param)).into_iter().map(phi).collect()).collect()
    }

    /// Emits what comes before a loop: its flags.
    fn enter_loop(&mut self, id: BlockId, parts: &BlockParts) {
        let Some((entry, phis)) = &parts.entry else { return };
        self.em.ll.position(*entry);
        self.compute_flags(id, phis);
        if let Some(index) = self.loops.loop_of_header(id).filter(|index| self.rewinding[*index]) {
            self.loop_marks[index] = Some(self.arena_mark());
        }
        let phis = self.open_strip(id, phis).unwrap_or_else(|| phis.clone());
        let from = self.em.ll.current();
        for (phi, value) in parts.phis.iter().zip(&phis) {
            self.em.ll.add_incoming(*phi, *value, from);
        }
        self.em.ll.br(parts.start);
    }

    fn emit_block(&mut self, id: BlockId) {
        let Some(parts) = self.blocks[id.index()].clone() else { return };
        self.current = id;
        self.enter_loop(id, &parts);
        self.em.ll.position(parts.start);
        let block = self.func.block(id);
        if self.variant.mode == Mode::Collect && self.facts.doomed[id.index()] {
            self.flag_always();
            self.return_zero();
            return;
        }
        self.handler = block.handler.as_ref();
        if self.facts.polls[id.index()] {
            self.poll_in_loop(id);
        }
        for inst in &block.insts {
            self.span = inst.span;
            let value = self.op(inst);
            self.values[inst.result.index()] = value;
        }
        self.span = block.term_span;
        self.terminator(&block.term);
    }

    fn terminator(&mut self, term: &'m Term) {
        match term {
            Term::Jump(target) => self.jump(target),
            Term::Branch { cond, then, otherwise } => {
                let cond = self.scalar(*cond);
                self.branch(cond, then, otherwise);
            }
            Term::Return(value) => {
                let value = self.comps_of(*value).to_vec();
                self.return_value(&value);
            }
            Term::Raise { class, message } => self.raise_message(*class, *message),
            Term::Reraise(exception) => self.reraise(*exception),
            Term::Unreachable => self.raise(ExcKind::RuntimeError, UNREACHABLE),
        }
    }

    /// The arena's place before the loop with this header, when going there from here ends a round that is taken back.
    fn round_mark(&self, header: BlockId) -> Option<[Val; 2]> {
        let index = self.loops.loop_of_header(header).filter(|_| !self.enters_loop(header))?;
        self.loop_marks[index]
    }

    fn jump(&mut self, target: &Target) {
        if let Some(mark) = self.round_mark(target.block) {
            self.arena_rewind(mark);
        }
        let from = self.em.ll.current();
        if let Some(start) = self.add_edge(target, &[], from) {
            self.em.ll.br(start);
        }
    }

    fn branch(&mut self, cond: Val, then: &Target, otherwise: &Target) {
        let from = self.em.ll.current();
        if then.block == otherwise.block {
            if let Some(mark) = self.round_mark(then.block) {
                self.arena_rewind(mark);
            }
            // One edge: LLVM takes two values from one predecessor only if they are equal, and what differs is computed
            // already.
            let pairs = self.args_of(then).into_iter().zip(self.args_of(otherwise));
            let chosen: Vec<Val> = pairs.map(|(then, otherwise)| self.em.ll.select(cond, then, otherwise)).collect();
            if let Some(start) = self.feed(then.block, &chosen, from) {
                self.em.ll.br(start);
            }
            return;
        }
        if let Some((strip, goes_on)) = self.take_strip() {
            return self.branch_of_strip(&strip, [goes_on, cond], then, otherwise);
        }
        let (first, second) = (self.branch_edge(then, from), self.branch_edge(otherwise, from));
        self.em.ll.position(from);
        if let (Some(first), Some(second)) = (first, second) {
            self.em.ll.cond_br(cond, first, second);
        }
    }

    /// The branch of a header: into the loop as long as the strip goes on, then to the next strip or out of the loop.
    fn branch_of_strip(&mut self, strip: &Strip, [goes_on, cond]: [Val; 2], then: &Target, otherwise: &Target) {
        let (from, end) = (self.em.ll.current(), self.block());
        let (first, after) = (self.branch_edge(then, from), self.branch_edge(otherwise, end));
        let (Some(first), Some(after)) = (first, after) else { return };
        self.em.ll.position(from);
        self.em.ll.cond_br(goes_on, first, end);
        self.em.ll.position(end);
        let header = self.blocks[self.current.index()].as_ref().map(|parts| parts.phis.clone());
        self.close_strip(strip, cond, &header.unwrap_or_default(), after);
    }

    /// Where a branch goes for this target: to it, or to a block that ends the round of a loop first.
    fn branch_edge(&mut self, target: &Target, from: Bb) -> Option<Bb> {
        if self.round_mark(target.block).is_none() {
            return self.add_edge(target, &[], from);
        }
        let between = self.block();
        self.em.ll.position(between);
        self.jump(target);
        Some(between)
    }

    fn args_of(&self, target: &Target) -> Vec<Val> {
        target.args.iter().flat_map(|arg| &self.values[arg.index()]).copied().collect()
    }

    /// Feeds the phis of the target for the edge from `from`: first `leading` components, then the arguments.
    fn add_edge(&mut self, target: &Target, leading: &[Val], from: Bb) -> Option<Bb> {
        let values = [leading, &self.args_of(target)].concat();
        self.feed(target.block, &values, from)
    }

    /// Feeds the phis of a block for the edge from `from`; where the edge goes to.
    fn feed(&self, block: BlockId, values: &[Val], from: Bb) -> Option<Bb> {
        let parts = self.blocks[block.index()].as_ref()?;
        let (start, phis) = match &parts.entry {
            Some((entry, phis)) if self.enters_loop(block) => (*entry, phis),
            Some(_) | None => (parts.start, &parts.phis),
        };
        for (phi, value) in phis.iter().zip(values) {
            self.em.ll.add_incoming(*phi, *value, from);
        }
        Some(start)
    }

    /// A new LLVM block of this function.
    pub fn block(&self) -> Bb {
        self.em.ll.block(self.function)
    }

    // Values.

    /// The components of a value.
    pub fn comps_of(&self, value: Value) -> &[Val] {
        &self.values[value.index()]
    }

    /// The only component of a value of a one-slot type.
    pub fn scalar(&self, value: Value) -> Val {
        self.values[value.index()][0]
    }

    pub fn type_of(&self, value: Value) -> &'m Type {
        self.func.type_of(value)
    }

    /// The constant integer that a value is.
    pub fn constant_int(&self, value: Value) -> Option<i64> {
        match self.constants[value.index()] {
            Some(Const::Int(value)) => Some(*value),
            Some(Const::None | Const::Bool(_) | Const::Float(_) | Const::Str(_) | Const::Bytes(_)) | None => None,
        }
    }

    pub fn collecting(&self) -> bool {
        self.variant.mode == Mode::Collect
    }

    /// A variable of the frame, for what a runtime function reads or writes. The same one for the same size: frames stay
    /// small however many calls there are.
    pub fn frame_slots(&mut self, count: usize) -> Val {
        if let Some(found) = self.scratch.get(&count) {
            return *found;
        }
        let current = self.em.ll.current();
        self.em.ll.position(self.frame);
        let address = self.em.ll.alloca(self.em.ll.array_ty(self.em.ll.i64(), count));
        self.em.ll.position(current);
        self.scratch.insert(count, address);
        address
    }

    /// The address of a field of the context. Functions that ask have a context by their facts.
    pub fn context_field(&self, offset: usize) -> Val {
        let context = self.around.context.unwrap_or_else(|| self.em.ll.zero(self.em.ll.ptr()));
        self.em.ll.field_at(context, offset)
    }

    // Returning.

    fn return_value(&mut self, value: &[Val]) {
        if let Some(mark) = self.entry_mark {
            self.arena_rewind(mark);
        }
        let mut fields = Vec::with_capacity(value.len() + 1);
        if self.facts.can_raise {
            fields.push(self.final_flag());
        }
        fields.extend(value);
        self.return_fields(&fields);
    }

    fn return_fields(&self, fields: &[Val]) {
        let ll = &self.em.ll;
        match fields {
            [] => ll.ret_void(),
            [one] => ll.ret(*one),
            _ => ll.ret(ll.aggregate(self.em.result_ty(self.variant.func), fields)),
        }
    }

    fn return_zero(&mut self) {
        let value = zero_value(&self.em.ll, &self.func.result);
        self.return_value(&value);
    }

    /// The status of a function that returns: 0, or the flag.
    fn final_flag(&self) -> Val {
        match self.flag {
            Some(flag) => self.em.ll.load(self.em.ll.i64(), flag),
            None => self.em.ll.zero(self.em.ll.i64()),
        }
    }

    // Failing.

    /// Sets the flag where the sign bit of the word is set.
    pub fn flag_sign(&mut self, word: Val) {
        let Some(flag) = self.flag else { return };
        let ll = &self.em.ll;
        let now = ll.or(ll.load(ll.i64(), flag), word);
        ll.store(now, flag);
    }

    fn flag_always(&mut self) {
        self.flag_sign(self.em.ll.const_i64(i64::MIN));
    }

    /// Raises when `bad` is true: in the exact mode the code after it runs only when it is false; in the collecting mode
    /// the flag is set and the code goes on.
    pub fn fail_if(&mut self, bad: Val, class: ExcKind, message: &str) {
        self.fail_if_with(bad, |this, _| this.raise(class, message));
    }

    /// As [`FuncEmitter::fail_if`], with the text that belongs to the primitive.
    pub fn fail_prim(&mut self, bad: Val, prim: Prim, class: ExcKind) {
        self.fail_if(bad, class, messages::of_prim(prim, class));
    }

    /// As [`FuncEmitter::fail_if`]; `cold` emits the code that raises, in a block of its own that it must end. It is
    /// given the block where the code after goes on.
    pub fn fail_if_with(&mut self, bad: Val, cold: impl FnOnce(&mut Self, Bb)) {
        if self.collecting() {
            let word = self.em.ll.sext(bad, self.em.ll.i64());
            self.flag_sign(word);
            return;
        }
        let (rare, next) = (self.em.ll.block(self.function), self.em.ll.block(self.function));
        self.em.ll.cond_br_unlikely(bad, rare, next);
        self.em.ll.position(rare);
        cold(self, next);
        self.em.ll.position(next);
    }

    /// In the collecting mode, `harmless` where `bad` is true, for operations that must not see the bad value.
    pub fn or_harmless(&self, bad: Val, value: Val, harmless: Val) -> Val {
        if self.collecting() { self.em.ll.select(bad, harmless, value) } else { value }
    }

    /// Runs `slow` where `rare` is true and `fast` elsewhere, and gives the result of the one that ran. In the
    /// collecting mode the rare case sets the flag and only `fast` is emitted.
    pub fn fast_or_slow(
        &mut self,
        rare: Val,
        fast: impl FnOnce(&mut Self) -> Vec<Val>,
        slow: impl FnOnce(&mut Self) -> Vec<Val>,
    ) -> Vec<Val> {
        if self.collecting() {
            let word = self.em.ll.sext(rare, self.em.ll.i64());
            self.flag_sign(word);
            return fast(self);
        }
        self.join_branches(rare, fast, slow)
    }

    /// Runs `usual` where `cond` is true and `other` elsewhere, in every mode, and gives the result of the one that ran.
    pub fn either(
        &mut self,
        cond: Val,
        usual: impl FnOnce(&mut Self) -> Vec<Val>,
        other: impl FnOnce(&mut Self) -> Vec<Val>,
    ) -> Vec<Val> {
        let rare = self.em.ll.not(cond);
        self.join_branches(rare, usual, other)
    }

    fn join_branches(
        &mut self,
        rare: Val,
        fast: impl FnOnce(&mut Self) -> Vec<Val>,
        slow: impl FnOnce(&mut Self) -> Vec<Val>,
    ) -> Vec<Val> {
        let [slow_start, fast_start, join] = [(); 3].map(|()| self.em.ll.block(self.function));
        self.em.ll.cond_br_unlikely(rare, slow_start, fast_start);
        self.em.ll.position(slow_start);
        let slow_values = slow(self);
        let slow_end = self.em.ll.current();
        self.em.ll.br(join);
        self.em.ll.position(fast_start);
        let fast_values = fast(self);
        let fast_end = self.em.ll.current();
        self.em.ll.br(join);
        self.em.ll.position(join);
        let ll = &self.em.ll;
        let joined = slow_values.into_iter().zip(fast_values).map(|(slow, fast)| {
            let phi = ll.phi(ll.type_of(fast));
            ll.add_incoming(phi, slow, slow_end);
            ll.add_incoming(phi, fast, fast_end);
            phi
        });
        joined.collect()
    }

    /// Raises an exception with a fixed message at the current place; ends the LLVM block.
    pub fn raise(&mut self, class: impl Into<ExcClass>, message: &str) {
        let status = self.em.status(class, self.span, Some(message));
        let status = self.em.ll.int(self.em.ll.i64(), status);
        let text = self.handler.map(|_| self.em.text(message));
        self.leave(status, text.map(|text| Carried { text, object: None }));
    }

    /// Raises the first of these whose condition holds, else the last; ends the LLVM block.
    pub fn raise_first(&mut self, choices: &[(Val, ExcKind, &str)], last: (ExcKind, &str)) {
        for (cond, class, message) in choices {
            let (hit, next) = (self.em.ll.block(self.function), self.em.ll.block(self.function));
            self.em.ll.cond_br(*cond, hit, next);
            self.em.ll.position(hit);
            self.raise(*class, message);
            self.em.ll.position(next);
        }
        self.raise(last.0, last.1);
    }

    fn raise_message(&mut self, class: ExcClass, message: Option<Value>) {
        if self.collecting() {
            self.flag_always();
            return self.return_zero();
        }
        let fixed = match message {
            None => Some(""),
            Some(message) => match self.constants[message.index()] {
                Some(Const::Str(text)) => Some(&**text),
                Some(Const::None | Const::Bool(_) | Const::Int(_) | Const::Float(_) | Const::Bytes(_)) | None => None,
            },
        };
        if let Some(text) = fixed {
            return self.raise(class, text);
        }
        if let Some([data, length]) = message.and_then(|message| self.comps_of(message).first_chunk::<2>()).copied() {
            let status = self.em.status(class, self.span, None);
            let status = self.em.ll.int(self.em.ll.i64(), status);
            self.set_message([data, length]);
            self.leave(status, Some(Carried { text: [data, length], object: None }));
        }
    }

    fn reraise(&mut self, exception: Value) {
        if let Some([class, status, data, length, object]) = self.comps_of(exception).first_chunk::<5>().copied() {
            let here = self.em.place(self.span, None);
            let ll = &self.em.ll;
            let is_new = ll.icmp(IntPred::LLVMIntUGE, class, ll.const_i64(NEW_EXCEPTION));
            let placed = ll.or(status, ll.int(ll.i64(), here));
            let status = ll.select(is_new, placed, status);
            self.set_message([data, length]);
            self.em.ll.store(object, self.context_field(std::mem::offset_of!(abi::Context, object)));
            self.leave(status, Some(Carried { text: [data, length], object: Some(object) }));
        }
    }

    fn set_message(&mut self, [data, length]: [Val; 2]) {
        let field = std::mem::offset_of!(abi::Context, message);
        self.em.ll.store(data, self.context_field(field));
        self.em.ll.store(length, self.context_field(field + 8));
    }

    fn context_message(&mut self) -> [Val; 2] {
        let field = std::mem::offset_of!(abi::Context, message);
        let ll = &self.em.ll;
        [ll.load(ll.ptr(), self.context_field(field)), ll.load(ll.i64(), self.context_field(field + 8))]
    }

    /// An exception that a runtime function raised: the class number; the message is in the context. Ends the block.
    pub fn leave_with_class(&mut self, class: Val) {
        let place = self.em.place(self.span, None);
        let status = self.em.ll.or(class, self.em.ll.int(self.em.ll.i64(), place));
        let text = self.handler.map(|_| self.context_message());
        self.leave(status, text.map(|text| Carried { text, object: None }));
    }

    /// Leaves when a callee's status is not 0. The exceptions of a callee of the library are given this place.
    pub fn check_status(&mut self, status: Val, of_library: bool) {
        if self.collecting() {
            return self.flag_sign(status);
        }
        let bad = self.em.ll.icmp(IntPred::LLVMIntNE, status, self.em.ll.zero(self.em.ll.i64()));
        self.fail_if_with(bad, |this, _| {
            let status = if of_library && this.span.line > 0 { this.with_place(status) } else { status };
            this.leave_with_status(status);
        });
    }

    /// The status with the current place, when it has none.
    fn with_place(&mut self, status: Val) -> Val {
        let given = self.em.given_place(self.span);
        let ll = &self.em.ll;
        let bit = ll.int(ll.i64(), abi::STATUS_PLACELESS);
        let placeless = ll.icmp(IntPred::LLVMIntNE, ll.and(status, bit), ll.zero(ll.i64()));
        let placed = ll.or(ll.and(status, ll.not(bit)), ll.int(ll.i64(), given));
        ll.select(placeless, placed, status)
    }

    /// An exception that came out of a callee, or its cancellation, which nothing can catch. Ends the block.
    fn leave_with_status(&mut self, status: Val) {
        if self.handler.is_none() {
            return self.leave(status, None);
        }
        self.leave_if_cancelled(status);
        let table = self.em.message_table();
        let ll = &self.em.ll;
        let start = ll.lshr(status, ll.const_i64(i64::from(abi::STATUS_START_BIT)));
        let number = ll.and(start, ll.const_i64((1 << abi::STATUS_START_BITS) - 1));
        let offset = ll.shl(number, ll.const_i64(4));
        let entry = ll.offset(table, offset);
        let (data, length) = (ll.load(ll.ptr(), entry), ll.load(ll.i64(), ll.field_at(entry, 8)));
        let dynamic = ll.icmp(IntPred::LLVMIntEQ, data, ll.zero(ll.ptr()));
        let [context_data, context_length] = self.context_message();
        let ll = &self.em.ll;
        let text = [ll.select(dynamic, context_data, data), ll.select(dynamic, context_length, length)];
        let object = ll.load(ll.ptr(), self.context_field(std::mem::offset_of!(abi::Context, object)));
        self.leave(status, Some(Carried { text, object: Some(object) }));
    }

    /// Leaves the function when the status says that the kernel shall stop.
    pub fn leave_if_cancelled(&mut self, status: Val) {
        let ll = &self.em.ll;
        let cancelled = ll.icmp(IntPred::LLVMIntEQ, status, ll.int(ll.i64(), abi::STATUS_CANCELLED));
        let (out, caught) = (self.block(), self.block());
        ll.cond_br(cancelled, out, caught);
        ll.position(out);
        self.leave_function(status);
        self.em.ll.position(caught);
    }

    /// Goes to the handler with the exception, or out of the function. Ends the block.
    fn leave(&mut self, status: Val, carried: Option<Carried>) {
        let Some(handler) = self.handler else { return self.leave_function(status) };
        let ll = &self.em.ll;
        let class = ll.and(status, ll.const_i64(0xff));
        let [data, length] = carried.map_or([ll.zero(ll.ptr()), ll.zero(ll.i64())], |carried| carried.text);
        let object = carried.and_then(|carried| carried.object).unwrap_or(ll.zero(ll.ptr()));
        let from = ll.current();
        if let Some(start) = self.add_edge(handler, &[class, status, data, length, object], from) {
            self.em.ll.br(start);
        }
    }

    fn leave_function(&mut self, status: Val) {
        let from = self.em.ll.current();
        let (exit, phi) = match self.exit {
            Some(exit) => exit,
            None => {
                let exit = self.em.ll.block(self.function);
                self.em.ll.position(exit);
                let phi = self.em.ll.phi(self.em.ll.i64());
                self.em.ll.position(from);
                self.exit = Some((exit, phi));
                (exit, phi)
            }
        };
        self.em.ll.add_incoming(phi, status, from);
        self.em.ll.br(exit);
    }

    fn close_exit(&mut self) {
        let Some((exit, status)) = self.exit else { return };
        self.em.ll.position(exit);
        let mut fields = vec![status];
        fields.extend(zero_value(&self.em.ll, &self.func.result));
        self.return_fields(&fields);
    }

    // What is looked at on the way.

    /// Raises `RecursionError` when the stack is used up, and looks at the cancel flag: a recursion may never end without
    /// going deep. Before calls of recursive functions.
    pub fn check_stack(&mut self) {
        let ll = &self.em.ll;
        let here = ll.intrinsic("llvm.addressofreturnaddress", &[ll.ptr()], &[]);
        let here = ll.ptrtoint(here, ll.i64());
        let limit = self.context_field(std::mem::offset_of!(abi::Context, stack_limit));
        let limit = self.em.ll.load_invariant(self.em.ll.i64(), limit);
        let low = self.em.ll.icmp(IntPred::LLVMIntULT, here, limit);
        self.fail_if(low, ExcKind::RecursionError, messages::RECURSION);
        self.poll();
    }

    /// Leaves with `STATUS_CANCELLED` when the kernel shall stop.
    pub fn poll(&mut self) {
        let Some(context) = self.around.context else { return };
        let requested = self.em.cancel_requested(context);
        self.fail_if_with(requested, |this, next| {
            let poll = this.em.poll_function();
            let stop = this.em.ll.call(poll, crate::llvm::CallConv::Fast, &[context]);
            let out = this.em.ll.block(this.function);
            this.em.ll.cond_br(stop, out, next);
            this.em.ll.position(out);
            this.leave_function(this.em.ll.int(this.em.ll.i64(), abi::STATUS_CANCELLED));
        });
    }
}
