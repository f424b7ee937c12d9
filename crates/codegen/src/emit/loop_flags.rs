//! What is found out before a loop begins: whether the indices that follow its counter are all in range, and how often
//! it looks at the cancel flag. The flag of the range does not change in the loop, so LLVM makes a copy of a small loop
//! without the checks.

use ir::{BlockId, Value};

use crate::emit::func::FuncEmitter;
use crate::facts;
use crate::llvm::{Bb, IntPred, Val};
use crate::loops::{Analysis, Assumption, InRange, Known, Loop, STRIP_ROUNDS};

/// Iterations of the innermost loops that may pass between two looks at the cancel flag: about a millisecond.
const UNPOLLED_ITERATIONS_MAX: f64 = 1_000_000.0;

/// The flags of one loop, once they are emitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoopFlags {
    /// All of [`crate::loops::Loop::in_range`] holds.
    in_range: Option<Val>,
    /// The bits of the counter that are all set when it is time to look at the cancel flag.
    poll_mask: Option<Val>,
}

/// A strip of a loop that has been begun.
#[derive(Clone, Debug)]
pub struct Strip {
    start: Bb,
    phis: Vec<Val>,
    limit: Val,
}

/// What is known of an index.
pub enum IndexRange {
    /// It is in range.
    Sure,
    /// It is in range where the flag is set.
    Flag(Val),
    Unknown,
}

impl FuncEmitter<'_, '_> {
    /// Whether something must be emitted before the loop with this header.
    pub fn needs_flags(&self, header: BlockId) -> bool {
        let Some(index) = self.loops.loop_of_header(header) else { return false };
        !self.loops.loops[index].in_range.is_empty()
            || self.polls_rarely(index)
            || self.runs_in_strips(index)
            || self.rewinding[index]
    }

    /// Whether the current block is outside the loop with this header.
    pub fn enters_loop(&self, header: BlockId) -> bool {
        let index = self.loops.loop_of_header(header);
        index.is_none_or(|index| !self.loops.loops[index].body.contains(&self.current))
    }

    /// Whether it can be told before the loop begins how long one round takes at most.
    fn polls_rarely(&self, index: usize) -> bool {
        let found = &self.loops.loops[index];
        self.facts.polls[found.header.index()]
            && !self.is_assumed_short(found.header)
            && found.counter.is_some()
            && found.inner_counters.is_some()
            && !facts::has_slow_call(self.func, found)
    }

    /// Whether the loop is cut into strips, between which the cancel flag is looked at.
    fn runs_in_strips(&self, index: usize) -> bool {
        let header = self.loops.loops[index].header;
        self.facts.strips[header.index()] && !self.is_assumed_short(header)
    }

    /// Begins a strip of the loop with this header, whose parameters have these components on entry: a block of its own,
    /// to which the loop comes back when the strip has ended and its bound is not reached. The components from there on.
    ///
    /// ```text
    /// strip:   limit = min(bound, counter + STRIP_ROUNDS)
    /// header:  counter < limit ? body : end
    /// end:     counter < bound ? poll, strip : what follows the loop
    /// ```
    pub fn open_strip(&mut self, header: BlockId, params: &[Val]) -> Option<Vec<Val>> {
        let index = self.loops.loop_of_header(header).filter(|index| self.runs_in_strips(*index))?;
        let counter = self.loops.loops[index].counter?;
        let position = self.component_of(header, counter.param);
        let bound = self.known(counter.bound);
        let ll = &self.em.ll;
        let (from, start) = (ll.current(), self.block());
        ll.br(start);
        ll.position(start);
        let phis: Vec<Val> = params.iter().map(|param| ll.phi(ll.type_of(*param))).collect();
        for (phi, param) in phis.iter().zip(params) {
            ll.add_incoming(*phi, *param, from);
        }
        let rounds = ll.const_i64(STRIP_ROUNDS);
        let end = ll.intrinsic("llvm.sadd.sat", &[ll.i64()], &[phis[position], rounds]);
        let limit = ll.intrinsic("llvm.smin", &[ll.i64()], &[bound, end]);
        self.strips[index] = Some(Strip { start, phis: phis.clone(), limit });
        Some(phis)
    }

    /// The strip that the block being emitted ends, when it is the header of a loop in strips, with the condition that
    /// the strip goes on.
    pub fn take_strip(&mut self) -> Option<(Strip, Val)> {
        let index = self.loops.loop_of_header(self.current)?;
        let strip = self.strips[index].take()?;
        let counter = self.loops.loops[index].counter?;
        let goes_on = self.em.ll.icmp(IntPred::LLVMIntSLT, self.scalar(counter.param), strip.limit);
        Some((strip, goes_on))
    }

    /// Emits the end of a strip: what follows the loop, or the next strip with these components of the header.
    pub fn close_strip(&mut self, strip: &Strip, cond: Val, header: &[Val], after: Bb) {
        let again = self.block();
        self.em.ll.cond_br_unlikely(cond, again, after);
        self.em.ll.position(again);
        self.poll();
        let ll = &self.em.ll;
        for (phi, value) in strip.phis.iter().zip(header) {
            ll.add_incoming(*phi, *value, ll.current());
        }
        ll.br(strip.start);
    }

    /// The position of a one-component parameter among the components of a block's parameters.
    fn component_of(&self, block: BlockId, param: Value) -> usize {
        let before = self.func.block(block).params.iter().take_while(|other| **other != param);
        before.map(|other| ir::layout::slot_count(self.type_of(*other))).sum()
    }

    /// Emits the flags of the loop with this header, whose parameters have these components on entry.
    pub fn compute_flags(&mut self, header: BlockId, params: &[Val]) {
        let Some(index) = self.loops.loop_of_header(header) else { return };
        let Some(counter) = self.loops.loops[index].counter else { return };
        let start = params[self.component_of(header, counter.param)];
        let found = self.loops.loops[index].clone();
        let open = found.in_range.iter().copied().filter(|range| !self.is_assumed(&found, *range));
        let conditions: Vec<InRange> = open.collect();
        if !conditions.is_empty() {
            let bound = self.known(counter.bound);
            let mut all = self.em.ll.const_bool(true);
            for condition in conditions {
                let length = self.known(condition.length);
                all = self.em.ll.and(all, self.em.in_range(condition, start, bound, length));
            }
            self.loop_flags[index].in_range = Some(all);
        }
        if self.polls_rarely(index) {
            self.loop_flags[index].poll_mask = Some(self.poll_mask(index));
        }
    }

    /// One less than the power of two that is next below the rounds that fit between two looks.
    fn poll_mask(&self, index: usize) -> Val {
        let ll = &self.em.ll;
        let inner = self.loops.loops[index].inner_counters.iter().flatten();
        let round = inner.fold(ll.const_f64(1.0), |product, counter| {
            ll.fmul(product, self.em.loop_length(*counter, self.known(counter.bound)))
        });
        let rounds = ll.fdiv(ll.const_f64(UNPOLLED_ITERATIONS_MAX), round);
        let rounds = ll.or(ll.fptosi(rounds, ll.i64()), ll.const_i64(1));
        let zeros = ll.intrinsic("llvm.ctlz", &[ll.i64()], &[rounds, ll.const_bool(true)]);
        let power = ll.lshr(ll.const_i64(i64::MIN), zeros);
        ll.sub(power, ll.const_i64(1))
    }

    fn known(&self, known: Known) -> Val {
        match known {
            Known::Const(value) => self.em.ll.const_i64(value),
            Known::Component(value, component) => self.comps_of(value)[component],
            Known::Capture(capture, component) => self.around.passed[&capture][component],
        }
    }

    /// What the loops around the current block tell of an index.
    pub fn index_range(&self, array: Value, dimension: usize, index: Value) -> IndexRange {
        for (number, around) in self.loops.loops.iter().enumerate() {
            if around.header == self.current || !around.body.contains(&self.current) {
                continue;
            }
            if let Some(condition) = self.loops.condition(around, array, dimension, index) {
                if Analysis::is_sure(around, condition) || self.is_assumed(around, condition) {
                    return IndexRange::Sure;
                }
                if let Some(flag) = self.loop_flags[number].in_range {
                    return IndexRange::Flag(flag);
                }
            }
        }
        IndexRange::Unknown
    }

    /// Whether the kernel has tested the condition before it called this function.
    fn is_assumed(&self, around: &Loop, condition: InRange) -> bool {
        self.is_tested()
            && around
                .counter
                .is_some_and(|counter| self.em.assumptions.contains(&Assumption::InRange(counter, condition)))
    }

    /// Whether this is what a kernel calls after it has tested the assumptions.
    fn is_tested(&self) -> bool {
        self.variant.contiguous && self.variant.func == self.em.module.entry
    }

    /// Whether the kernel has tested that the loop is short.
    fn is_assumed_short(&self, header: BlockId) -> bool {
        let is_same = |assumption: &Assumption| matches!(assumption, Assumption::Short(other, _) if *other == header);
        self.is_tested() && self.em.assumptions.iter().any(is_same)
    }

    /// Looks at the cancel flag at the start of a loop's header: in every round, or once in many short ones.
    pub fn poll_in_loop(&mut self, header: BlockId) {
        if self.is_assumed_short(header) {
            return;
        }
        let index = self.loops.loop_of_header(header);
        let mask = index.and_then(|index| self.loop_flags[index].poll_mask);
        let counter = index.and_then(|index| self.loops.loops[index].counter);
        let (Some(mask), Some(counter)) = (mask, counter) else { return self.poll() };
        let (ask, next) = (self.block(), self.block());
        let ll = &self.em.ll;
        let now = ll.icmp(IntPred::LLVMIntEQ, ll.and(self.scalar(counter.param), mask), mask);
        ll.cond_br_unlikely(now, ask, next);
        self.em.ll.position(ask);
        self.poll();
        self.em.ll.br(next);
        self.em.ll.position(next);
    }
}
