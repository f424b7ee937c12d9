//! The loops of a function: their blocks, their counters, and which index checks follow from a comparison that can be
//! made once, before the loop. Owns that analysis; knows nothing of LLVM.

use std::collections::BTreeSet;

use ir::cfg::{Definition, Dominators, definitions, successors};
use ir::{BlockId, CaptureId, Const, Func, Inst, Module, Op, Prim, Term, Value, View};

use crate::facts::{constants, is_passed};

/// Something whose value is known before a loop begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Known {
    Const(i64),
    /// Component `1` of an IR value that is defined before.
    Component(Value, usize),
    /// Component `1` of a captured value that is passed as parameters.
    Capture(CaptureId, usize),
}

/// The counter of a loop: a parameter of its header that grows, and is less than `bound` in the loop's other blocks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Counter {
    pub param: Value,
    pub bound: Known,
    /// Where it starts, when that is a constant.
    pub start: Option<i64>,
}

/// `bound + offset <= length`: then the index `counter + offset` needs no check, given that `start + offset >= 0`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct InRange {
    pub offset: i64,
    pub length: Known,
}

/// Something that a kernel tests before it calls the entry function, so that the function need not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Assumption {
    /// The index that follows the counter is in range.
    InRange(Counter, InRange),
    /// The loop with this header, inside another, is over soon: these are its counter and those of the loops inside it.
    Short(BlockId, Vec<Counter>),
}

impl Assumption {
    /// All that must be known to test it.
    pub fn needs(&self) -> Vec<Known> {
        match self {
            Assumption::InRange(counter, range) => vec![counter.bound, range.length],
            Assumption::Short(_, nest) => nest.iter().map(|counter| counter.bound).collect(),
        }
    }
}

/// A natural loop.
#[derive(Clone, Debug)]
pub struct Loop {
    pub header: BlockId,
    /// Its blocks, the header among them.
    pub body: BTreeSet<BlockId>,
    pub counter: Option<Counter>,
    /// What must hold before the loop so that no index that follows its counter needs a check.
    pub in_range: BTreeSet<InRange>,
    /// The counters of the loops inside it, when their bounds are known before this one begins and their starts are
    /// constants.
    pub inner_counters: Option<Vec<Counter>>,
    pub is_innermost: bool,
}

impl Loop {
    /// Whether it is known that a strip has room for all rounds.
    pub fn is_short(&self) -> bool {
        matches!(
            self.counter,
            Some(Counter { bound: Known::Const(bound), start: Some(start), .. })
                if bound.saturating_sub(start) <= STRIP_ROUNDS
        )
    }
}

/// Rounds of a loop in strips between two looks at the cancel flag: milliseconds even when each takes long.
pub const STRIP_ROUNDS: i64 = 1 << 17;

/// Indices beyond this are left to the ordinary check, so that no sum of a bound and an offset overflows.
const OFFSET_MAX: i64 = 1 << 31;

/// The analysis of one function.
pub struct Analysis<'m> {
    module: &'m Module,
    func: &'m Func,
    constants: Vec<Option<&'m Const>>,
    definitions: Vec<Definition>,
    pub loops: Vec<Loop>,
    /// Targets of back edges that are no natural loop's header.
    pub irregular: BTreeSet<BlockId>,
}

impl<'m> Analysis<'m> {
    /// Finds the loops of a function with this order of blocks.
    pub fn new(module: &'m Module, func: &'m Func, order: &[BlockId]) -> Analysis<'m> {
        let mut analysis = Analysis {
            module,
            func,
            constants: constants(func),
            definitions: definitions(func),
            loops: Vec::new(),
            irregular: BTreeSet::new(),
        };
        let back_edges = back_edges(func, order);
        if back_edges.is_empty() {
            return analysis;
        }
        let dominators = Dominators::new(func);
        let predecessors = predecessors(func, order);
        let headers: BTreeSet<BlockId> = back_edges.iter().map(|(_, to)| *to).collect();
        for header in headers {
            let latches: Vec<BlockId> =
                back_edges.iter().filter(|(_, to)| *to == header).map(|(from, _)| *from).collect();
            if !latches.iter().all(|latch| dominators.dominates(header, *latch)) {
                analysis.irregular.insert(header);
                continue;
            }
            let body = natural_body(header, &latches, &predecessors);
            analysis.loops.push(Loop {
                header,
                body,
                counter: None,
                in_range: BTreeSet::new(),
                inner_counters: None,
                is_innermost: true,
            });
        }
        for index in 0..analysis.loops.len() {
            analysis.loops[index].counter = analysis.counter(&analysis.loops[index]);
        }
        for index in 0..analysis.loops.len() {
            analysis.describe(index);
        }
        analysis
    }

    fn describe(&mut self, index: usize) {
        let own = &self.loops[index];
        let inner: Vec<&Loop> =
            self.loops.iter().filter(|other| other.header != own.header && own.body.contains(&other.header)).collect();
        let known = |counter: &Counter| self.known_before(own, counter.bound).is_some() && counter.start.is_some();
        let inner_counters: Option<Vec<Counter>> = inner.iter().map(|inner| inner.counter.filter(known)).collect();
        let is_innermost = inner.is_empty();
        let in_range = self.in_range(own);
        let own = &mut self.loops[index];
        own.inner_counters = inner_counters;
        own.is_innermost = is_innermost;
        own.in_range = in_range;
    }

    /// The position of the loop with this header.
    pub fn loop_of_header(&self, header: BlockId) -> Option<usize> {
        self.loops.iter().position(|found| found.header == header)
    }

    // Values that are known before a loop.

    fn constant_int(&self, value: Value) -> Option<i64> {
        match self.constants.get(value.index()).copied().flatten() {
            Some(Const::Int(value)) => Some(*value),
            Some(Const::None | Const::Bool(_) | Const::Float(_) | Const::Str(_) | Const::Bytes(_)) | None => None,
        }
    }

    fn inst_of(&self, value: Value) -> Option<&'m Inst> {
        match self.definitions.get(value.index()) {
            Some(Definition::Inst(block, index)) => self.func.block(*block).insts.get(*index as usize),
            Some(Definition::Free | Definition::Param(_)) | None => None,
        }
    }

    /// Follows a component of a value through tuples and shapes to where it comes from.
    pub fn origin(&self, value: Value, component: usize) -> Known {
        let (mut value, mut component) = (value, component);
        while let Some(inst) = self.inst_of(value) {
            match &inst.op {
                Op::Const(Const::Int(constant)) => return Known::Const(*constant),
                Op::Field(index) => {
                    let fields = self.func.type_of(inst.args[0]).field_types().unwrap_or_default();
                    component += ir::layout::field_slot(&fields, *index as usize);
                    value = inst.args[0];
                }
                Op::Tuple => {
                    let mut first = 0;
                    let found = inst.args.iter().find_map(|arg| {
                        let count = ir::layout::slot_count(self.func.type_of(*arg));
                        let inside = (first..first + count).contains(&component).then_some((*arg, component - first));
                        first += count;
                        inside
                    });
                    let Some((arg, inside)) = found else { break };
                    (value, component) = (arg, inside);
                }
                Op::ArrayShape(dimension) => {
                    (value, component) = (inst.args[0], 1 + *dimension as usize);
                }
                // The length of a row is the second length of its array.
                Op::ArrayRow if component == 1 => (value, component) = (inst.args[0], 2),
                Op::ArrayView(View::Flat | View::Broadcast) if (1..inst.args.len()).contains(&component) => {
                    (value, component) = (inst.args[component], 0);
                }
                Op::Capture(capture) if is_passed(&self.module.captures[capture.index()].ty) => {
                    return Known::Capture(*capture, component);
                }
                _ => break,
            }
        }
        Known::Component(value, component)
    }

    /// `known` if it is known before this loop begins.
    fn known_before(&self, of: &Loop, known: Known) -> Option<Known> {
        let Known::Component(value, _) = known else { return Some(known) };
        let block = match self.definitions.get(value.index()) {
            Some(Definition::Param(block) | Definition::Inst(block, _)) => *block,
            Some(Definition::Free) | None => return None,
        };
        (!of.body.contains(&block)).then_some(known)
    }

    // Counters.

    fn counter(&self, of: &Loop) -> Option<Counter> {
        let header = self.func.block(of.header);
        let Term::Branch { cond, then, otherwise } = &header.term else { return None };
        if !of.body.contains(&then.block) || of.body.contains(&otherwise.block) || then.block == of.header {
            return None;
        }
        let compare = header.insts.iter().find(|inst| inst.result == *cond)?;
        let (param, bound) = match (&compare.op, compare.args.as_slice()) {
            (Op::Prim(Prim::IntLt), [param, bound]) | (Op::Prim(Prim::IntGt), [bound, param]) => (*param, *bound),
            _ => return None,
        };
        let position = header.params.iter().position(|own| *own == param)?;
        for from in &of.body {
            let block = self.func.block(*from);
            if block.handler.as_ref().is_some_and(|target| target.block == of.header) {
                return None;
            }
            for target in block.term.targets().into_iter().filter(|target| target.block == of.header) {
                if !self.grows(param, *target.args.get(position)?) {
                    return None;
                }
            }
        }
        let bound = self.known_before(of, self.origin(bound, 0))?;
        Some(Counter { param, bound, start: self.start(of, position) })
    }

    /// The constant that the header's parameter has on every edge into the loop.
    fn start(&self, of: &Loop, position: usize) -> Option<i64> {
        let outside =
            self.func.blocks.iter().enumerate().filter(|(index, _)| !of.body.contains(&BlockId(*index as u32)));
        let edges = outside.flat_map(|(_, block)| block.term.targets()).filter(|target| target.block == of.header);
        let starts: Option<BTreeSet<i64>> =
            edges.map(|target| self.constant_int(*target.args.get(position)?)).collect();
        starts?.into_iter().min()
    }

    /// Whether `next` is `param` and a positive constant, where that cannot wrap: by one below a bound, or checked.
    fn grows(&self, param: Value, next: Value) -> bool {
        let Some(inst) = self.inst_of(next) else { return false };
        let [a, b] = inst.args.as_slice() else { return false };
        let step = if *a == param { self.constant_int(*b) } else { None };
        match (&inst.op, step) {
            (Op::Prim(Prim::IntAddWrap), Some(1)) => true,
            (Op::Prim(Prim::IntAdd), Some(step)) => step > 0,
            _ => false,
        }
    }

    // Index checks.

    /// The offset of an index from the loop's counter.
    fn counter_of_index(&self, of: &Loop, index: Value) -> Option<i64> {
        let counter = of.counter?;
        if index == counter.param {
            return Some(0);
        }
        let inst = self.inst_of(index)?;
        let (Op::Prim(prim), [a, b]) = (&inst.op, inst.args.as_slice()) else { return None };
        let offset = match prim {
            Prim::IntAdd | Prim::IntAddWrap if *a == counter.param => self.constant_int(*b)?,
            Prim::IntAdd | Prim::IntAddWrap if *b == counter.param => self.constant_int(*a)?,
            Prim::IntSub | Prim::IntSubWrap if *a == counter.param => self.constant_int(*b)?.checked_neg()?,
            _ => return None,
        };
        (-OFFSET_MAX..=OFFSET_MAX).contains(&offset).then_some(offset)
    }

    /// The condition under which this loop's counter makes the check of an index superfluous.
    pub fn condition(&self, of: &Loop, array: Value, dimension: usize, index: Value) -> Option<InRange> {
        let offset = self.counter_of_index(of, index)?;
        let length = self.known_before(of, self.origin(array, 1 + dimension))?;
        Some(InRange { offset, length })
    }

    /// Whether the condition is sure to hold.
    pub fn is_sure(of: &Loop, condition: InRange) -> bool {
        condition.offset == 0
            && of.counter.is_some_and(|counter| {
                counter.bound == condition.length && counter.start.is_some_and(|start| start >= 0)
            })
    }

    /// The conditions that can be tested with the parameters and captures alone, before the function is called.
    pub fn assumptions(&self) -> BTreeSet<Assumption> {
        let mut found = BTreeSet::new();
        for around in &self.loops {
            let Some(counter) = around.counter.filter(|counter| self.is_fixed(counter)) else { continue };
            let known = around.in_range.iter().filter(|range| self.known_at_entry(range.length));
            found.extend(known.map(|range| Assumption::InRange(counter, *range)));
            let inner = around.inner_counters.iter().flatten();
            let is_inside =
                self.loops.iter().any(|other| other.header != around.header && other.body.contains(&around.header));
            if is_inside && around.inner_counters.is_some() && inner.clone().all(|counter| self.is_fixed(counter)) {
                let nest: Vec<Counter> = std::iter::once(counter).chain(inner.copied()).collect();
                found.insert(Assumption::Short(around.header, nest));
            }
        }
        found
    }

    /// Whether where the counter starts and ends is known before the function is called.
    fn is_fixed(&self, counter: &Counter) -> bool {
        counter.start.is_some() && self.known_at_entry(counter.bound)
    }

    fn known_at_entry(&self, known: Known) -> bool {
        match known {
            Known::Const(_) | Known::Capture(..) => true,
            Known::Component(value, _) => self.func.params().contains(&value),
        }
    }

    /// The indices of an instruction into its first argument.
    pub fn indices(inst: &Inst) -> &[Value] {
        match (&inst.op, inst.args.as_slice()) {
            (Op::ArrayGet, [_, indices @ ..]) => indices,
            (Op::ArraySet, [_, indices @ .., _]) => indices,
            (Op::ArrayRow, [_, indices @ ..]) => indices,
            _ => &[],
        }
    }

    fn in_range(&self, of: &Loop) -> BTreeSet<InRange> {
        let mut found = BTreeSet::new();
        if of.counter.is_none() {
            return found;
        }
        for block in of.body.iter().filter(|block| **block != of.header) {
            for inst in &self.func.block(*block).insts {
                for (dimension, index) in Self::indices(inst).iter().enumerate() {
                    let condition = self.condition(of, inst.args[0], dimension, *index);
                    found.extend(condition.filter(|condition| !Self::is_sure(of, *condition)));
                }
            }
        }
        found
    }
}

/// The edges that go back in the order, as (from, to): every cycle has one.
pub fn back_edges(func: &Func, order: &[BlockId]) -> Vec<(BlockId, BlockId)> {
    let mut position = vec![usize::MAX; func.blocks.len()];
    for (at, block) in order.iter().enumerate() {
        position[block.index()] = at;
    }
    let mut edges = Vec::new();
    for from in order {
        for to in successors(func, *from) {
            if position[to.index()] <= position[from.index()] {
                edges.push((*from, to));
            }
        }
    }
    edges
}

fn predecessors(func: &Func, order: &[BlockId]) -> Vec<Vec<BlockId>> {
    let mut predecessors = vec![Vec::new(); func.blocks.len()];
    for from in order {
        for to in successors(func, *from) {
            predecessors[to.index()].push(*from);
        }
    }
    predecessors
}

/// The blocks that reach one of the latches without passing the header, and the header.
fn natural_body(header: BlockId, latches: &[BlockId], predecessors: &[Vec<BlockId>]) -> BTreeSet<BlockId> {
    let mut body = BTreeSet::from([header]);
    let mut open = latches.to_vec();
    while let Some(block) = open.pop() {
        if body.insert(block) {
            open.extend(&predecessors[block.index()]);
        }
    }
    body
}
