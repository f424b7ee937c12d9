//! What is known of the size of ints: the ranges of values, sharpened by the branches that lead to where they are used. A
//! comparison that the ranges decide becomes a constant; a checked sum that cannot overflow becomes a plain one.
//!
//! The analysis assumes the least (no value yet) and grows until nothing changes; a bound that keeps moving goes to the
//! end of the 64-bit range. A value that never comes to be has no range.

use super::edit::edge_counts;
use crate::cfg::{self, Dominators};
use crate::module::{BlockId, Const, Func, Inst, Op, Term, Value};
use crate::prim::Prim;
use crate::types::{Elem, Type};

/// An inclusive range of ints, not empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    low: i64,
    high: i64,
}

const ANY: Range = Range { low: i64::MIN, high: i64::MAX };
const LENGTH: Range = Range { low: 0, high: i64::MAX };

impl Range {
    /// The range between the bounds, cut to 64 bits; any when nothing of it is left.
    fn checked(low: i128, high: i128) -> Range {
        let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
        if low > max || high < min {
            return ANY;
        }
        Range { low: low.max(min) as i64, high: high.min(max) as i64 }
    }

    fn joined(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// What is in both; this one when nothing is, for then the place is not reached and anything is true there.
    fn met(self, other: Range) -> Range {
        let both = Range { low: self.low.max(other.low), high: self.high.min(other.high) };
        if both.low <= both.high { both } else { self }
    }

    fn shifted(self, by: i128) -> Range {
        Range::checked(i128::from(self.low) + by, i128::from(self.high) + by)
    }

    fn fits(low: i128, high: i128) -> bool {
        low >= i128::from(i64::MIN) && high <= i128::from(i64::MAX)
    }
}

/// Replaces comparisons of ints whose answer is known.
pub fn decide_comparisons(func: &mut Func) {
    let Some(analysis) = Analysis::new(func) else { return };
    let mut decided = Vec::new();
    for block in cfg::reverse_postorder(func) {
        for (position, inst) in func.block(block).insts.iter().enumerate() {
            let (Op::Prim(prim), [a, b]) = (&inst.op, inst.args.as_slice()) else { continue };
            let (Some(a), Some(b)) = (analysis.at(*a, block), analysis.at(*b, block)) else { continue };
            if let Some(answer) = decide(*prim, a, b) {
                decided.push((block, position, answer));
            }
        }
    }
    for (block, position, answer) in decided {
        let inst = &mut func.blocks[block.index()].insts[position];
        inst.op = Op::Const(Const::Bool(answer));
        inst.args.clear();
    }
}

fn decide(prim: Prim, a: Range, b: Range) -> Option<bool> {
    let less = if a.high < b.low {
        Some(true)
    } else if a.low >= b.high {
        Some(false)
    } else {
        None
    };
    let less_equal = if a.high <= b.low {
        Some(true)
    } else if a.low > b.high {
        Some(false)
    } else {
        None
    };
    let apart = a.high < b.low || b.high < a.low;
    let equal = if apart {
        Some(false)
    } else if a.low == a.high && a == b {
        Some(true)
    } else {
        None
    };
    match prim {
        Prim::IntLt => less,
        Prim::IntGe => less.map(|less| !less),
        Prim::IntLe => less_equal,
        Prim::IntGt => less_equal.map(|less_equal| !less_equal),
        Prim::IntEq => equal,
        Prim::IntNe => equal.map(|equal| !equal),
        _ => None,
    }
}

/// Replaces checked sums, differences and products that cannot overflow by those that do not look.
pub fn drop_overflow_checks(func: &mut Func) {
    let Some(analysis) = Analysis::new(func) else { return };
    let mut unchecked = Vec::new();
    for block in cfg::reverse_postorder(func) {
        for (position, inst) in func.block(block).insts.iter().enumerate() {
            let (Op::Prim(prim), [a, b]) = (&inst.op, inst.args.as_slice()) else { continue };
            let wrapping = match prim {
                Prim::IntAdd => Prim::IntAddWrap,
                Prim::IntSub => Prim::IntSubWrap,
                Prim::IntMul => Prim::IntMulWrap,
                _ => continue,
            };
            let (Some(a), Some(b)) = (analysis.at(*a, block), analysis.at(*b, block)) else { continue };
            let (low, high) = bounds(*prim, a, b);
            if Range::fits(low, high) {
                unchecked.push((block, position, wrapping));
            }
        }
    }
    for (block, position, prim) in unchecked {
        func.blocks[block.index()].insts[position].op = Op::Prim(prim);
    }
}

/// The bounds of the exact result of a sum, difference or product.
fn bounds(prim: Prim, a: Range, b: Range) -> (i128, i128) {
    let wide = |range: Range| (i128::from(range.low), i128::from(range.high));
    let ((al, ah), (bl, bh)) = (wide(a), wide(b));
    match prim {
        Prim::IntAdd | Prim::IntAddWrap => (al + bl, ah + bh),
        Prim::IntSub | Prim::IntSubWrap => (al - bh, ah - bl),
        _ => {
            let products = [al * bl, al * bh, ah * bl, ah * bh];
            (products.into_iter().min().unwrap_or(i128::MIN), products.into_iter().max().unwrap_or(i128::MAX))
        }
    }
}

/// How many blocks up the dominator tree facts are looked for.
const DEPTH_MAX: usize = 64;
/// After so many rounds a bound that still moves goes to the end.
const ROUNDS_EXACT: usize = 3;
/// After so many rounds the analysis gives up.
const ROUNDS_MAX: usize = 40;

struct Analysis {
    /// The range of each value wherever it is defined; `None` when it has none yet or is no int.
    ranges: Vec<Option<Range>>,
    /// What is known on entering each block beyond that.
    facts: Vec<Vec<(Value, Range)>>,
    /// The block whose facts hold in this one too.
    parents: Vec<Option<BlockId>>,
    /// Checked sums of a value and a constant.
    sums: Vec<Option<(Value, i128)>>,
}

/// How control comes to a block.
struct Edge {
    from: BlockId,
    /// Whether the branch's condition was true, where it is a branch.
    truth: Option<bool>,
    args: Vec<Option<Value>>,
}

impl Analysis {
    /// `None` when the ranges did not settle.
    fn new(func: &Func) -> Option<Analysis> {
        let order = cfg::reverse_postorder(func);
        let dominators = Dominators::new(func);
        let mut analysis = Analysis {
            ranges: vec![None; func.values.len()],
            facts: vec![Vec::new(); func.blocks.len()],
            parents: (0..func.blocks.len()).map(|index| dominators.parent(BlockId(index as u32))).collect(),
            sums: sums(func),
        };
        for param in func.params().iter().filter(|param| *func.type_of(**param) == Type::Int) {
            analysis.ranges[param.index()] = Some(ANY);
        }
        let definitions = comparisons(func);
        let edges = edges(func, &order);
        let counts = edge_counts(func);
        for round in 0..ROUNDS_MAX {
            let mut changed = false;
            for block in &order {
                if let ([edge], 1) = (edges[block.index()].as_slice(), counts[block.index()]) {
                    analysis.facts[block.index()] = analysis.edge_facts(func, edge, &definitions);
                }
                changed |= analysis.params(func, *block, &edges[block.index()], &definitions, round);
                for inst in &func.block(*block).insts {
                    changed |= analysis.inst(func, inst, *block);
                }
            }
            if !changed {
                return Some(analysis);
            }
        }
        None
    }

    fn grow(&mut self, value: Value, range: Range, round: usize) -> bool {
        let known = &mut self.ranges[value.index()];
        let grown = match *known {
            None => range,
            Some(before) => {
                let mut joined = before.joined(range);
                if round >= ROUNDS_EXACT {
                    joined.low = if joined.low == before.low { joined.low } else { i64::MIN };
                    joined.high = if joined.high == before.high { joined.high } else { i64::MAX };
                }
                joined
            }
        };
        known.replace(grown) != Some(grown)
    }

    fn params(
        &mut self,
        func: &Func,
        block: BlockId,
        edges: &[Edge],
        definitions: &[Option<(Prim, Value, Value)>],
        round: usize,
    ) -> bool {
        let mut changed = false;
        for edge in edges {
            let facts = self.edge_facts(func, edge, definitions);
            for (param, arg) in func.block(block).params.iter().zip(&edge.args) {
                let Some(arg) = arg else { continue };
                let Some(mut range) = self.at(*arg, edge.from) else { continue };
                for (value, fact) in &facts {
                    range = if value == arg { range.met(*fact) } else { range };
                }
                changed |= self.grow(*param, range, round);
            }
        }
        changed
    }

    /// The range of a value where it is used in the block.
    fn at(&self, value: Value, block: BlockId) -> Option<Range> {
        let mut range = self.ranges.get(value.index()).copied().flatten()?;
        let sum = self.sums[value.index()];
        let mut place = Some(block);
        for _ in 0..DEPTH_MAX {
            let Some(here) = place else { break };
            for (known, fact) in &self.facts[here.index()] {
                if *known == value {
                    range = range.met(*fact);
                }
                if let Some((root, offset)) = sum
                    && *known == root
                {
                    range = range.met(fact.shifted(offset));
                }
            }
            place = self.parents[here.index()];
        }
        Some(range)
    }

    /// What the branch that the edge comes from says of ints.
    fn edge_facts(
        &self,
        func: &Func,
        edge: &Edge,
        definitions: &[Option<(Prim, Value, Value)>],
    ) -> Vec<(Value, Range)> {
        let (Some(truth), Term::Branch { cond, .. }) = (edge.truth, &func.block(edge.from).term) else {
            return Vec::new();
        };
        let Some((prim, a, b)) = definitions[cond.index()] else { return Vec::new() };
        let (Some(left), Some(right)) = (self.at(a, edge.from), self.at(b, edge.from)) else { return Vec::new() };
        let mut facts = Vec::new();
        for (value, fact) in [(a, bound(prim, truth, left, right)), (b, bound(swapped(prim), truth, right, left))] {
            let Some(fact) = fact else { continue };
            facts.push((value, fact));
            if let Some((root, offset)) = self.sums[value.index()] {
                facts.push((root, fact.shifted(-offset)));
            }
        }
        facts
    }

    fn inst(&mut self, func: &Func, inst: &Inst, block: BlockId) -> bool {
        if *func.type_of(inst.result) != Type::Int {
            return false;
        }
        let args: Option<Vec<Range>> = inst
            .args
            .iter()
            .map(|arg| if *func.type_of(*arg) == Type::Int { self.at(*arg, block) } else { Some(ANY) })
            .collect();
        let Some(args) = args else { return false };
        let range = match (&inst.op, args.as_slice()) {
            (Op::Const(Const::Int(value)), _) => Range { low: *value, high: *value },
            (Op::Prim(prim), args) => prim_range(*prim, args),
            (Op::Select, [_, a, b]) => a.joined(*b),
            (Op::ListLen | Op::ArrayShape(_), _) => LENGTH,
            (Op::FromNp, _) => match func.type_of(inst.args[0]) {
                Type::Np(elem) => elem_range(*elem),
                _ => ANY,
            },
            _ => ANY,
        };
        self.grow(inst.result, range, 0)
    }
}

/// The range that `a` is cut to by `a prim b` having this truth.
fn bound(prim: Prim, truth: bool, a: Range, b: Range) -> Option<Range> {
    let below = |limit: i64| Range { low: i64::MIN, high: limit };
    let above = |limit: i64| Range { low: limit, high: i64::MAX };
    match (prim, truth) {
        (Prim::IntLt, true) | (Prim::IntGe, false) => b.high.checked_sub(1).map(below),
        (Prim::IntLe, true) | (Prim::IntGt, false) => Some(below(b.high)),
        (Prim::IntGt, true) | (Prim::IntLe, false) => b.low.checked_add(1).map(above),
        (Prim::IntGe, true) | (Prim::IntLt, false) => Some(above(b.low)),
        (Prim::IntEq, true) | (Prim::IntNe, false) => Some(b),
        (Prim::IntNe, true) | (Prim::IntEq, false) if b.low == b.high && a.low < a.high => {
            if a.low == b.low {
                Some(above(a.low + 1))
            } else if a.high == b.low {
                Some(below(a.high - 1))
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The comparison with its sides exchanged.
fn swapped(prim: Prim) -> Prim {
    match prim {
        Prim::IntLt => Prim::IntGt,
        Prim::IntGt => Prim::IntLt,
        Prim::IntLe => Prim::IntGe,
        Prim::IntGe => Prim::IntLe,
        other => other,
    }
}

fn elem_range(elem: Elem) -> Range {
    match elem {
        Elem::I8 => Range { low: i64::from(i8::MIN), high: i64::from(i8::MAX) },
        Elem::I16 => Range { low: i64::from(i16::MIN), high: i64::from(i16::MAX) },
        Elem::I32 => Range { low: i64::from(i32::MIN), high: i64::from(i32::MAX) },
        Elem::U8 => Range { low: 0, high: i64::from(u8::MAX) },
        Elem::U16 => Range { low: 0, high: i64::from(u16::MAX) },
        Elem::U32 => Range { low: 0, high: i64::from(u32::MAX) },
        // A larger one raises.
        Elem::U64 => LENGTH,
        Elem::Bool | Elem::I64 | Elem::F32 | Elem::F64 => ANY,
    }
}

/// The range of a primitive's result when it does not raise.
fn prim_range(prim: Prim, args: &[Range]) -> Range {
    match (prim, args) {
        (Prim::IntAdd | Prim::IntSub | Prim::IntMul, [a, b]) => {
            let (low, high) = bounds(prim, *a, *b);
            Range::checked(low, high)
        }
        (Prim::IntAddWrap | Prim::IntSubWrap | Prim::IntMulWrap, [a, b]) => {
            let (low, high) = bounds(prim, *a, *b);
            if Range::fits(low, high) { Range::checked(low, high) } else { ANY }
        }
        (Prim::IntNeg, [a]) => Range::checked(-i128::from(a.high), -i128::from(a.low)),
        (Prim::IntAbs, [a]) if a.low >= 0 => *a,
        (Prim::IntAbs, [a]) => Range::checked(0, i128::from(a.low).abs().max(i128::from(a.high).abs())),
        // The remainder lies between 0 and the divisor; the dividend itself when it lies there already.
        (Prim::IntMod, [a, b]) if b.low > 0 => {
            let high = if a.low >= 0 { a.high.min(b.high - 1) } else { b.high - 1 };
            Range { low: 0, high }
        }
        (Prim::IntMod | Prim::IntModWrap, [_, b]) => {
            Range { low: b.low.saturating_add(1).min(0), high: b.high.saturating_sub(1).max(0) }
        }
        (Prim::IntFloorDiv, [a, b]) if b.low > 0 && a.low >= 0 => Range { low: a.low / b.high, high: a.high / b.low },
        (Prim::IntAnd, [a, b]) if a.low >= 0 && b.low >= 0 => Range { low: 0, high: a.high.min(b.high) },
        (Prim::IntAnd, [a, b]) if a.low >= 0 || b.low >= 0 => {
            Range { low: 0, high: if a.low >= 0 { a.high } else { b.high } }
        }
        (Prim::IntShr, [a, _]) if a.low >= 0 => Range { low: 0, high: a.high },
        (Prim::BoolToInt, _) => Range { low: 0, high: 1 },
        (Prim::StrOrd, _) => Range { low: 0, high: 0x10_ffff },
        (Prim::StrFind | Prim::StrRfind, _) => Range { low: -1, high: i64::MAX },
        (
            Prim::StrLen
            | Prim::StrCount
            | Prim::RangeLen
            | Prim::MathGcd
            | Prim::MathLcm
            | Prim::MathIsqrt
            | Prim::MathFactorial
            | Prim::MathComb
            | Prim::MathPerm,
            _,
        ) => LENGTH,
        _ => ANY,
    }
}

/// The comparison that each value is, if it is one of ints.
fn comparisons(func: &Func) -> Vec<Option<(Prim, Value, Value)>> {
    let mut comparisons = vec![None; func.values.len()];
    for inst in func.blocks.iter().flat_map(|block| &block.insts) {
        if let (
            Op::Prim(prim @ (Prim::IntLt | Prim::IntLe | Prim::IntGt | Prim::IntGe | Prim::IntEq | Prim::IntNe)),
            [a, b],
        ) = (&inst.op, inst.args.as_slice())
        {
            comparisons[inst.result.index()] = Some((*prim, *a, *b));
        }
    }
    comparisons
}

/// The checked sum of a value and a constant that each value is, if it is one. Where it is defined it is exact.
fn sums(func: &Func) -> Vec<Option<(Value, i128)>> {
    let constants = super::edit::constants(func);
    let mut sums = vec![None; func.values.len()];
    for inst in func.blocks.iter().flat_map(|block| &block.insts) {
        let [a, b] = inst.args.as_slice() else { continue };
        let Some(Const::Int(offset)) = constants[b.index()] else { continue };
        sums[inst.result.index()] = match inst.op {
            Op::Prim(Prim::IntAdd) => Some((*a, i128::from(offset))),
            Op::Prim(Prim::IntSub) => Some((*a, -i128::from(offset))),
            _ => None,
        };
    }
    sums
}

/// The edges from reachable blocks to each block.
fn edges(func: &Func, order: &[BlockId]) -> Vec<Vec<Edge>> {
    let mut edges: Vec<Vec<Edge>> = (0..func.blocks.len()).map(|_| Vec::new()).collect();
    for from in order {
        let block = func.block(*from);
        let truths: &[Option<bool>] = match &block.term {
            Term::Branch { .. } => &[Some(true), Some(false)],
            _ => &[None],
        };
        for (target, truth) in block.term.targets().into_iter().zip(truths) {
            let args = target.args.iter().copied().map(Some).collect();
            edges[target.block.index()].push(Edge { from: *from, truth: *truth, args });
        }
        if let Some(handler) = &block.handler {
            let args = std::iter::once(None).chain(handler.args.iter().copied().map(Some)).collect();
            edges[handler.block.index()].push(Edge { from: *from, truth: None, args });
        }
    }
    edges
}
