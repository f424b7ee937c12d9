//! What codegen must know of each function before it emits any: whether it can raise, needs the context, writes, loops,
//! is recursive. Owns these analyses, which look through calls; knows nothing of LLVM.

use std::collections::BTreeSet;

use ir::{BlockId, CaptureId, Const, ExcClass, ExceptionTable, Func, FuncId, Inst, Module, Op, Term, Type, Value};

use crate::emit::prim::{Placement, placement};
use crate::loops::{Analysis, Loop};

/// The most slots a captured value may have to be passed from function to function instead of being loaded where it is
/// used.
const PASSED_CAPTURE_SLOTS_MAX: usize = 32;

/// Facts of one function, its callees included unless said otherwise.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Returns a status beside its value.
    pub can_raise: bool,
    /// Takes the context's address.
    pub context: bool,
    /// Takes the address of the captures' slots.
    pub captures: bool,
    /// Captured values with arrays in them, which are passed as parameters so that the caller can say more about them.
    pub passed_captures: BTreeSet<CaptureId>,
    /// On a cycle of the call graph; this function only.
    pub recursive: bool,
    /// Stores into lists or arrays.
    pub writes: bool,
    /// Has to do with memory at all: loads or stores of lists and arrays, or the arena.
    pub memory: bool,
    /// Does nothing but compute: equal calls give equal results, and each ends.
    pub pure: bool,
    /// May be emitted in the form that collects failures in a flag and goes on: no loop, no recursion, no store, no
    /// handler, no call into the runtime that may fail.
    pub collects: bool,
    /// Blocks from which every path raises; this function only.
    pub doomed: Vec<bool>,
    /// Blocks at whose start the cancel flag is looked at; this function only.
    pub polls: Vec<bool>,
    /// Headers of loops that run in strips, with a look at the cancel flag between two; this function only.
    pub strips: Vec<bool>,
    /// Blocks reached from the entry, each before those it dominates; this function only.
    pub order: Vec<BlockId>,
}

/// The facts of every function of the module, by number.
pub fn of_module(module: &Module) -> Vec<Facts> {
    let recursive = recursive_funcs(module);
    let mut facts: Vec<Facts> =
        module.funcs.iter().zip(recursive).map(|(func, recursive)| local(module, func, recursive)).collect();
    // Facts only ever move one way, so this ends.
    loop {
        let mut changed = false;
        for (index, func) in module.funcs.iter().enumerate() {
            let mut joined = facts[index].clone();
            for callee in callees(func, &joined.order) {
                let callee = &facts[callee.index()];
                joined.can_raise |= callee.can_raise;
                joined.context |= callee.context;
                joined.captures |= callee.captures;
                joined.writes |= callee.writes;
                joined.memory |= callee.memory;
                joined.collects &= callee.collects;
                joined.pure &= callee.pure;
                joined.passed_captures.extend(&callee.passed_captures);
            }
            changed |= joined != facts[index];
            facts[index] = joined;
        }
        if !changed {
            return facts;
        }
    }
}

/// Whether a captured value is passed as parameters.
pub fn is_passed(ty: &Type) -> bool {
    holds_array(ty) && ir::layout::slot_count(ty) <= PASSED_CAPTURE_SLOTS_MAX
}

/// Whether no union, no container and no class of the module holds an array, and every capture that does is passed.
pub fn arrays_are_plain(module: &Module) -> bool {
    let mut captures = module.captures.iter().map(|capture| &capture.ty);
    let mut types = module.funcs.iter().flat_map(|func| func.values.iter());
    let mut fields = module.classes.iter().flat_map(|class| &class.fields);
    fields.all(|(_, ty)| !mentions_array(ty))
        && types.all(is_plain)
        && captures.all(|ty| is_plain(ty) && (!holds_array(ty) || is_passed(ty)))
}

fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::Union(variants) => !variants.iter().any(mentions_array),
        Type::List(item) | Type::Set { item, .. } => !mentions_array(item),
        Type::Dict(key, value) => !mentions_array(key) && !mentions_array(value),
        // An object's fields may hold anything; arrays in them are looked for in the classes.
        Type::Object(_) | Type::Bytes => true,
        Type::Tuple(items) => items.iter().all(is_plain),
        Type::Record(record) => record.fields.iter().all(|(_, ty)| is_plain(ty)),
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Range
        | Type::Np(_)
        | Type::Array { .. }
        | Type::Exception => true,
    }
}

fn mentions_array(ty: &Type) -> bool {
    match ty {
        Type::Union(items) => items.iter().any(mentions_array),
        Type::List(item) | Type::Set { item, .. } => mentions_array(item),
        Type::Dict(key, value) => mentions_array(key) || mentions_array(value),
        Type::Object(_) | Type::Bytes => false,
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Range
        | Type::Np(_)
        | Type::Array { .. }
        | Type::Tuple(_)
        | Type::Record(_)
        | Type::Exception => holds_array(ty) || has_part(ty, mentions_array),
    }
}

fn has_part(ty: &Type, test: fn(&Type) -> bool) -> bool {
    ty.field_types().is_some_and(|fields| fields.iter().any(test))
}

/// Whether an array is part of every value of the type (not only of some variants).
pub fn holds_array(ty: &Type) -> bool {
    match ty {
        Type::Array { .. } => true,
        Type::Tuple(items) => items.iter().any(holds_array),
        Type::Record(record) => record.fields.iter().any(|(_, ty)| holds_array(ty)),
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Range
        | Type::Np(_)
        | Type::Union(_)
        | Type::List(_)
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Bytes
        | Type::Exception => false,
    }
}

/// The functions a function calls, from the blocks that are reached.
fn callees(func: &Func, order: &[BlockId]) -> Vec<FuncId> {
    let insts = order.iter().flat_map(|block| &func.block(*block).insts);
    let calls = insts.filter_map(|inst| match inst.op {
        Op::Call(callee) => Some(callee),
        _ => None,
    });
    calls.collect()
}

/// The constant that each value is, by number, if it is one.
pub fn constants(func: &Func) -> Vec<Option<&Const>> {
    let mut constants = vec![None; func.values.len()];
    for inst in func.blocks.iter().flat_map(|block| &block.insts) {
        if let Op::Const(constant) = &inst.op {
            constants[inst.result.index()] = Some(constant);
        }
    }
    constants
}

/// The largest constant exponent for which `int ** int` is multiplied out in line.
const INLINE_POWER_MAX: i64 = 8;

/// The exponent of an `int.pow` that is multiplied out in line.
pub fn inline_power(constants: &[Option<&Const>], args: &[Value]) -> Option<u32> {
    let constant = args.get(1).and_then(|arg| constants.get(arg.index()).copied().flatten())?;
    match constant {
        Const::Int(power @ 0..=INLINE_POWER_MAX) => Some(*power as u32),
        Const::Int(_) | Const::None | Const::Bool(_) | Const::Float(_) | Const::Str(_) | Const::Bytes(_) => None,
    }
}

fn local(module: &Module, func: &Func, recursive: bool) -> Facts {
    let order = ir::cfg::reverse_postorder(func);
    let loops = Analysis::new(module, func, &order);
    let constants = constants(func);
    let mut facts = Facts {
        recursive,
        context: recursive,
        can_raise: recursive,
        doomed: doomed_blocks(func, &order),
        polls: poll_blocks(func, &loops),
        strips: loops.in_strips(func),
        ..Facts::default()
    };
    let polls = facts.polls.iter().chain(&facts.strips).any(|polls| *polls);
    facts.can_raise |= polls;
    facts.context |= polls;
    facts.pure = !polls && loops.loops.is_empty();
    facts.collects = !recursive && loops.loops.is_empty() && loops.irregular.is_empty();
    for id in &order {
        let block = func.block(*id);
        if block.handler.is_some() {
            facts.context = true;
            facts.collects = false;
            facts.pure = false;
        }
        for inst in &block.insts {
            let doomed = facts.doomed.get(id.index()).copied().unwrap_or(false);
            add_op(module, func, &constants, inst, doomed, &mut facts);
        }
        match &block.term {
            Term::Raise { message, .. } => {
                facts.can_raise = true;
                let is_dynamic = message.is_some_and(|message| constants[message.index()].is_none());
                facts.context |= is_dynamic;
                facts.pure &= !is_dynamic;
            }
            Term::Reraise(_) => {
                facts.can_raise = true;
                facts.context = true;
            }
            Term::Unreachable => facts.can_raise = true,
            Term::Jump(_) | Term::Branch { .. } | Term::Return(_) => {}
        }
    }
    facts.order = order;
    facts
}

/// Adds what one operation needs. In doomed blocks nothing hinders collecting: they are not run in that form.
fn add_op(module: &Module, func: &Func, constants: &[Option<&Const>], inst: &Inst, doomed: bool, facts: &mut Facts) {
    let op = &inst.op;
    let mut uses_arena = false;
    match op {
        Op::Prim(prim) => {
            facts.can_raise |= prim.can_raise();
            match placement(*prim) {
                Placement::Inline => {}
                Placement::Runtime if *prim == ir::Prim::IntPow && inline_power(constants, &inst.args).is_some() => {}
                Placement::InlineOrRuntime => {
                    facts.context = true;
                    facts.can_raise = true;
                    facts.pure = false;
                }
                Placement::Runtime => uses_arena = runtime_takes_context(*prim),
            }
        }
        Op::Capture(capture) => match module.captures.get(capture.index()) {
            Some(found) if is_passed(&found.ty) => {
                facts.passed_captures.insert(*capture);
            }
            Some(_) | None => facts.captures = true,
        },
        Op::Variant(_) => facts.can_raise = true,
        Op::FromNp => {
            let unsigned = inst.args.first().is_some_and(|arg| *func.type_of(*arg) == Type::Np(ir::Elem::U64));
            facts.can_raise |= unsigned;
        }
        Op::ListNew | Op::ListAppend | Op::ListSlice | Op::ListConcat | Op::ListArgsort | Op::ArrayZeros => {
            uses_arena = true;
        }
        Op::ListGet | Op::ListSet => {
            facts.can_raise = true;
            facts.memory = true;
        }
        Op::ArrayGet | Op::ArraySet | Op::ArrayRow => {
            facts.can_raise = true;
            facts.context = true;
            facts.memory = true;
            facts.pure = false;
        }
        Op::ArrayView(_) => {
            facts.can_raise = true;
            facts.context = true;
            facts.pure = false;
            facts.collects &= doomed;
        }
        Op::Container(op) => {
            facts.memory = true;
            facts.pure &= op.effect() == ir::Effect::Computes;
            facts.collects &= doomed || op.effect() == ir::Effect::Computes;
            uses_arena = op.can_raise() || op.effect() == ir::Effect::Writes;
        }
        Op::ObjectGet(_) | Op::ObjectSet(_) => {
            facts.memory = true;
            facts.collects &= doomed;
        }
        Op::ExceptionObject(_) => {
            facts.can_raise = true;
            facts.collects &= doomed;
        }
        Op::ListLen => facts.memory = true,
        Op::Const(_)
        | Op::Call(_)
        | Op::Select
        | Op::Tuple
        | Op::Field(_)
        | Op::Widen
        | Op::IsVariant(_)
        | Op::ToNp
        | Op::ArrayShape(_)
        | Op::ArrayStride(_)
        | Op::ArrayIsFlat
        | Op::ArrayOverlaps
        | Op::ExceptionNew(_)
        | Op::ExceptionIs(_)
        | Op::ExceptionMessage => {}
    }
    if uses_arena {
        facts.context = true;
        facts.can_raise = true;
        facts.memory = true;
        facts.pure = false;
        facts.collects &= doomed;
    }
    if op.writes_memory() {
        facts.writes = true;
        facts.pure = false;
        facts.collects &= doomed;
    }
    // An out-of-bounds load has no harmless substitute.
    facts.collects &= doomed || !matches!(op, Op::ListGet);
}

/// Whether the primitive's runtime function is of the kind that may fail.
pub fn runtime_takes_context(prim: ir::Prim) -> bool {
    runtime::table::symbol_of_prim(prim.name())
        .is_none_or(|symbol| !matches!(symbol.signature.convention, runtime::table::Convention::Direct(_)))
}

/// The functions on a cycle of the call graph.
fn recursive_funcs(module: &Module) -> Vec<bool> {
    let graph: Vec<Vec<FuncId>> =
        module.funcs.iter().map(|func| callees(func, &ir::cfg::reverse_postorder(func))).collect();
    let mut components = Components::new(&graph);
    for func in 0..graph.len() {
        components.visit(func);
    }
    components.recursive
}

/// Tarjan's strongly connected components, without recursion.
struct Components<'a> {
    graph: &'a [Vec<FuncId>],
    number: Vec<Option<usize>>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    recursive: Vec<bool>,
}

impl Components<'_> {
    fn new(graph: &[Vec<FuncId>]) -> Components<'_> {
        let count = graph.len();
        Components {
            graph,
            number: vec![None; count],
            low: vec![0; count],
            on_stack: vec![false; count],
            stack: Vec::new(),
            next: 0,
            recursive: vec![false; count],
        }
    }

    fn enter(&mut self, node: usize) {
        self.number[node] = Some(self.next);
        self.low[node] = self.next;
        self.next += 1;
        self.stack.push(node);
        self.on_stack[node] = true;
    }

    fn visit(&mut self, root: usize) {
        if self.number[root].is_some() {
            return;
        }
        let graph = self.graph;
        self.enter(root);
        let mut path = vec![(root, 0)];
        while let Some((node, at)) = path.last_mut() {
            let node = *node;
            if let Some(callee) = graph[node].get(*at).map(|callee| callee.index()) {
                *at += 1;
                match self.number[callee] {
                    None => {
                        self.enter(callee);
                        path.push((callee, 0));
                    }
                    Some(number) if self.on_stack[callee] => self.low[node] = self.low[node].min(number),
                    Some(_) => {}
                }
                continue;
            }
            path.pop();
            if let Some((caller, _)) = path.last() {
                self.low[*caller] = self.low[*caller].min(self.low[node]);
            }
            if self.number[node] == Some(self.low[node]) {
                self.leave(node);
            }
        }
    }

    /// Takes the finished component with this root off the stack.
    fn leave(&mut self, root: usize) {
        let mut members = Vec::new();
        while let Some(member) = self.stack.pop() {
            self.on_stack[member] = false;
            members.push(member);
            if member == root {
                break;
            }
        }
        let cycle = members.len() > 1 || self.graph[root].iter().any(|callee| callee.index() == root);
        for member in members {
            self.recursive[member] = cycle;
        }
    }
}

/// Blocks from which every path ends in an exception that leaves the function.
fn doomed_blocks(func: &Func, order: &[BlockId]) -> Vec<bool> {
    let mut doomed = vec![false; func.blocks.len()];
    for id in order.iter().rev() {
        let block = func.block(*id);
        doomed[id.index()] = block.handler.is_none()
            && match &block.term {
                Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable => true,
                Term::Jump(_) | Term::Branch { .. } => {
                    block.term.targets().iter().all(|target| doomed[target.block.index()])
                }
                Term::Return(_) => false,
            };
    }
    doomed
}

/// The loop headers that poll: all but those of innermost counted loops, which run in strips or are short.
fn poll_blocks(func: &Func, loops: &Analysis<'_>) -> Vec<bool> {
    let mut polls = vec![false; func.blocks.len()];
    for header in &loops.irregular {
        polls[header.index()] = true;
    }
    for found in &loops.loops {
        polls[found.header.index()] = !loops.is_smooth(func, found);
    }
    polls
}

impl Analysis<'_> {
    /// Whether the loop stays free of polling so that it can be vectorised: an innermost one that counts, does nothing slow,
    /// and whose header may run again where a strip ends.
    fn is_smooth(&self, func: &Func, of: &Loop) -> bool {
        let repeats = |inst: &ir::Inst| !inst.op.can_raise() && !inst.op.writes_memory() && !is_slow(&inst.op);
        of.is_innermost
            && of.counter.is_some()
            && !has_slow_call(func, of)
            && func.block(of.header).insts.iter().all(repeats)
    }

    /// The headers of smooth loops that are not known to be short.
    fn in_strips(&self, func: &Func) -> Vec<bool> {
        let mut strips = vec![false; func.blocks.len()];
        for found in self.loops.iter().filter(|found| self.is_smooth(func, found)) {
            strips[found.header.index()] = !found.is_short();
        }
        strips
    }
}

/// Whether the loop calls something that may take long.
pub fn has_slow_call(func: &Func, of: &Loop) -> bool {
    of.body.iter().any(|block| func.block(*block).insts.iter().any(|inst| is_slow(&inst.op)))
}

fn is_slow(op: &Op) -> bool {
    match op {
        Op::Call(_) | Op::Container(_) => true,
        Op::Prim(prim) => matches!(placement(*prim), Placement::Runtime) && runtime_takes_context(*prim),
        _ => false,
    }
}

/// The numbers of the classes that are `class` or derive from it.
pub fn subclass_numbers(exceptions: &ExceptionTable, class: ExcClass) -> Vec<u8> {
    exceptions.all().filter(|other| exceptions.is_subclass(*other, class)).map(ExcClass::code).collect()
}
