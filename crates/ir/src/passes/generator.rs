//! Generators: a function that gives values one after the other becomes two. The first makes an object, the state; the
//! second, given the state, goes on to the next value. Unlike the other passes this one is no choice: the frontend writes
//! a `yield` as a call of [`YIELD`], which no other part of the project knows.
//!
//! The state holds the arguments, which `yield` to go on behind, and every value that is needed there: such a value is
//! stored where it is defined and loaded at the start of each block that uses it. While the code runs the state says
//! "done", so that an exception ends the generator, as it does in CPython. What stands for an iterator that goes on behind
//! an exception, such as `map`, says where by a call of [`AGAIN`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::edit::{map_uses, new_value, targets_mut, uses};
use crate::builder::FuncBuilder;
use crate::container::ContainerOp;
use crate::exc::ExcKind;
use crate::module::{Block, BlockId, Class, Const, Func, FuncId, Inst, Op, Span, Target, Term, Value};
use crate::prim::Prim;
use crate::types::Type;

/// `(value: T) -> none`: a call of this function in the frontend's function stands for a `yield`.
pub const YIELD: FuncId = FuncId(u32::MAX);
/// `() -> bool`: a call of this function is where to go on behind an exception that gets out later. It gives true when that
/// has happened.
pub const AGAIN: FuncId = FuncId(u32::MAX - 1);

/// The field that says where to go on: 0 the start, a positive number a stop, negative the end.
const STATE: u32 = 0;
/// The field with the value that was yielded last.
pub const ITEM: u32 = 1;
/// The field with the value that the body returned.
pub const RETURNED: u32 = 2;
/// The field of the first argument.
const ARGUMENTS: u32 = 3;

/// What [`ITEM`] and the values inside hold before the first `yield`: the type itself where it has a plain value, else a
/// tuple around it, or `None`.
pub fn field_type(ty: &Type) -> Type {
    if has_plain_value(ty) { ty.clone() } else { Type::union([Type::None, Type::Tuple(vec![ty.clone()])]) }
}

fn has_plain_value(ty: &Type) -> bool {
    match ty {
        Type::None | Type::Bool | Type::Int | Type::Float | Type::Str | Type::Range | Type::Np(_) => true,
        Type::Tuple(items) => items.iter().all(has_plain_value),
        Type::Record(record) => record.fields.iter().all(|(_, ty)| has_plain_value(ty)),
        Type::Union(variants) => variants.iter().any(has_plain_value),
        _ => false,
    }
}

/// Some value of the field type.
fn plain_value(builder: &mut FuncBuilder, ty: &Type) -> Value {
    match ty {
        Type::Bool => builder.bool(false),
        Type::Int => builder.int(0),
        Type::Float => builder.float(0.0),
        Type::Str => builder.str(""),
        Type::Range => {
            let (zero, one) = (builder.int(0), builder.int(1));
            builder.prim(Prim::RangeNew, &[zero, zero, one])
        }
        Type::Np(elem) => {
            let zero = match elem.python_type() {
                Type::Bool => builder.bool(false),
                Type::Float => builder.float(0.0),
                _ => builder.int(0),
            };
            builder.to_np(zero, *elem)
        }
        Type::Tuple(_) | Type::Record(_) => {
            let fields = ty.field_types().unwrap_or_default();
            let fields: Vec<Value> = fields.iter().map(|field| plain_value(builder, field)).collect();
            builder.inst(Op::Tuple, &fields, ty.clone())
        }
        Type::Union(variants) => {
            let variant = variants.iter().find(|variant| has_plain_value(variant)).unwrap_or(&Type::None);
            let value = plain_value(builder, variant);
            builder.widen(value, ty)
        }
        _ => builder.none(),
    }
}

/// A generator, split.
pub struct Generator {
    /// Takes the arguments, gives the state.
    pub start: Func,
    /// `(state) -> bool`: goes on to the next value, which is then in the state; false at the end.
    pub resume: Func,
    /// The class of the state.
    pub class: Class,
}

/// Splits a function that calls [`YIELD`] with values of type `item`. `stops`: it may raise `StopIteration`, which no
/// generator lets out.
pub fn split(func: &Func, class_name: &Arc<str>, item: &Type, stops: bool) -> Generator {
    let mut splitter = Splitter {
        func: func.clone(),
        state: Value(0),
        fields: vec![
            ("state".to_owned(), Type::Int),
            ("item".to_owned(), field_type(item)),
            ("returned".to_owned(), field_type(&func.result)),
        ],
        slots: HashMap::new(),
        resumed: Vec::new(),
        goes_on: false,
        hoisted: Vec::new(),
    };
    splitter.number_arguments();
    splitter.end_blocks_at_yields();
    splitter.hoist_constants();
    splitter.number_saved();
    splitter.shift_blocks();
    splitter.state = new_value(&mut splitter.func, Type::Object(class_name.clone()));
    splitter.save_and_load();
    splitter.rewrite_exits();
    splitter.write_entry();
    if stops && splitter.goes_on {
        splitter.end_at_stop_iteration();
    } else if stops {
        splitter.catch_stop_iteration();
    }
    let class = Class { name: class_name.clone(), fields: splitter.fields.clone(), is_dataclass: false };
    let start = start_function(func, &class);
    let mut resume = splitter.func;
    resume.result = Type::Bool;
    resume.param_names = vec!["state".to_owned()];
    Generator { start, resume, class }
}

fn start_function(func: &Func, class: &Class) -> Func {
    let types = func.param_types();
    let params: Vec<(&str, Type)> = func.param_names.iter().map(String::as_str).zip(types.iter().cloned()).collect();
    let object = Type::Object(class.name.clone());
    let mut builder = FuncBuilder::new(&func.name, &params, object.clone(), func.span);
    builder.set_span(func.span);
    let arguments = ARGUMENTS as usize..ARGUMENTS as usize + types.len();
    let values: Vec<Value> = class
        .fields
        .iter()
        .enumerate()
        .map(|(index, (_, ty))| match arguments.contains(&index) {
            true => builder.param(index - ARGUMENTS as usize),
            false => plain_value(&mut builder, ty),
        })
        .collect();
    let made = builder.inst(Op::Container(ContainerOp::ObjectNew), &values, object);
    builder.ret(made);
    builder.finish()
}

struct Splitter {
    func: Func,
    /// The parameter of the resuming function.
    state: Value,
    fields: Vec<(String, Type)>,
    /// The field of each value that is kept in the state.
    slots: HashMap<Value, u32>,
    /// The places to go on from.
    resumed: Vec<Resumed>,
    /// Some of them are for what comes behind an exception.
    goes_on: bool,
    /// Constants and captured values, which the entry makes anew.
    hoisted: Vec<Inst>,
}

/// A place to go on from.
#[derive(Clone)]
struct Resumed {
    /// The block that ends there.
    before: BlockId,
    /// The value of a `yield`; nothing of an [`AGAIN`], behind which control goes on at once.
    item: Option<Value>,
    after: BlockId,
}

/// Instructions that are put in front of others.
#[derive(Default)]
struct Added(Vec<Inst>);

impl Splitter {
    fn number_arguments(&mut self) {
        for (param, name) in self.func.params().to_vec().into_iter().zip(self.func.param_names.clone()) {
            let ty = self.func.type_of(param).clone();
            self.slots.insert(param, self.fields.len() as u32);
            self.fields.push((format!("argument {name}"), ty));
        }
    }

    /// After this each `yield` is the last instruction of its block, as the entry of `resumed` alone; so is each [`AGAIN`].
    fn end_blocks_at_yields(&mut self) {
        let mut next = 0;
        while next < self.func.blocks.len() {
            let is_stop = |inst: &Inst| matches!(inst.op, Op::Call(YIELD | AGAIN));
            let block = &mut self.func.blocks[next];
            if let Some(position) = block.insts.iter().position(is_stop) {
                let mut rest = block.insts.split_off(position);
                let stop = rest.remove(0);
                let is_yield = stop.op == Op::Call(YIELD);
                if is_yield {
                    rest.insert(0, Inst { op: Op::Const(Const::None), args: vec![], ..stop.clone() });
                }
                let after = Block {
                    params: if is_yield { vec![] } else { vec![stop.result] },
                    insts: rest,
                    term: std::mem::replace(&mut block.term, Term::Unreachable),
                    handler: block.handler.clone(),
                    term_span: std::mem::replace(&mut block.term_span, stop.span),
                };
                let id = BlockId(self.func.blocks.len() as u32);
                let args = if is_yield { vec![] } else { vec![self.first_time(next, stop.span)] };
                // Until the exits are rewritten that of a `yield` is a jump, too, so that liveness sees where it goes.
                self.func.blocks[next].term = Term::Jump(Target { block: id, args });
                self.func.blocks.push(after);
                self.goes_on |= !is_yield;
                let item = is_yield.then(|| stop.args.first().copied().unwrap_or(Value(0)));
                self.resumed.push(Resumed { before: BlockId(next as u32), item, after: id });
            }
            next += 1;
        }
    }

    /// What an [`AGAIN`] at the end of a block gives where no exception was.
    fn first_time(&mut self, block: usize, span: Span) -> Value {
        let mut added = Added::default();
        let no = self.add(&mut added, Op::Const(Const::Bool(false)), vec![], Type::Bool, span);
        self.func.blocks[block].insts.extend(added.0);
        no
    }

    fn hoist_constants(&mut self) {
        for block in &mut self.func.blocks {
            let hoisted: Vec<Inst>;
            (hoisted, block.insts) = std::mem::take(&mut block.insts)
                .into_iter()
                .partition(|inst| matches!(inst.op, Op::Const(_) | Op::Capture(_)));
            self.hoisted.extend(hoisted);
        }
    }

    /// Gives a field to each value that is needed behind a `yield`.
    fn number_saved(&mut self) {
        let live = self.live_in();
        let made: BTreeSet<Value> = self.hoisted.iter().map(|inst| inst.result).collect();
        let mut saved: BTreeSet<Value> = BTreeSet::new();
        for resumed in &self.resumed {
            saved.extend(live[resumed.after.index()].iter().filter(|value| !made.contains(value)));
        }
        for value in saved {
            if !self.slots.contains_key(&value) {
                let ty = field_type(self.func.type_of(value));
                self.slots.insert(value, self.fields.len() as u32);
                self.fields.push((format!("value {}", self.slots.len()), ty));
            }
        }
    }

    /// The values that each block needs and does not define.
    fn live_in(&self) -> Vec<BTreeSet<Value>> {
        let blocks = &self.func.blocks;
        let items: HashMap<usize, Value> =
            self.resumed.iter().filter_map(|resumed| Some((resumed.before.index(), resumed.item?))).collect();
        let needs = |index: usize, block: &Block, after: &BTreeSet<Value>| {
            let mut live = after.clone();
            live.extend(uses(block));
            live.extend(items.get(&index));
            for value in block.params.iter().chain(block.insts.iter().map(|inst| &inst.result)) {
                live.remove(value);
            }
            live
        };
        let mut live: Vec<BTreeSet<Value>> = vec![BTreeSet::new(); blocks.len()];
        loop {
            let mut changed = false;
            for (index, block) in blocks.iter().enumerate().rev() {
                let mut after: BTreeSet<Value> = BTreeSet::new();
                for target in block.term.targets().into_iter().chain(&block.handler) {
                    after.extend(&live[target.block.index()]);
                }
                let found = needs(index, block, &after);
                changed |= found != live[index];
                live[index] = found;
            }
            if !changed {
                return live;
            }
        }
    }

    /// Makes room for the new entry block.
    fn shift_blocks(&mut self) {
        for block in &mut self.func.blocks {
            for target in targets_mut(&mut block.term).into_iter().chain(&mut block.handler) {
                target.block.0 += 1;
            }
        }
        for resumed in &mut self.resumed {
            resumed.before.0 += 1;
            resumed.after.0 += 1;
        }
        let entry =
            Block { params: vec![], insts: vec![], term: Term::Unreachable, handler: None, term_span: self.func.span };
        self.func.blocks.insert(0, entry);
    }

    // Fields.

    fn add(&mut self, added: &mut Added, op: Op, args: Vec<Value>, ty: Type, span: Span) -> Value {
        let result = new_value(&mut self.func, ty);
        added.0.push(Inst { result, op, args, span });
        result
    }

    /// Stores a value in a field, around which there may be a tuple.
    fn store(&mut self, added: &mut Added, slot: u32, value: Value, span: Span) {
        let (ty, field) = (self.func.type_of(value).clone(), self.fields[slot as usize].1.clone());
        let stored = if ty == field {
            value
        } else {
            let wrapped = Type::Tuple(vec![ty]);
            let tuple = self.add(added, Op::Tuple, vec![value], wrapped, span);
            self.add(added, Op::Widen, vec![tuple], field, span)
        };
        let state = self.state;
        self.add(added, Op::ObjectSet(slot), vec![state, stored], Type::None, span);
    }

    fn load(&mut self, added: &mut Added, slot: u32, ty: &Type, span: Span) -> Value {
        let (field, state) = (self.fields[slot as usize].1.clone(), self.state);
        let loaded = self.add(added, Op::ObjectGet(slot), vec![state], field.clone(), span);
        if *ty == field {
            return loaded;
        }
        let wrapped = Type::Tuple(vec![ty.clone()]);
        let tag = field.tag_of(&wrapped).unwrap_or_default() as u32;
        let tuple = self.add(added, Op::Variant(tag), vec![loaded], wrapped, span);
        self.add(added, Op::Field(0), vec![tuple], ty.clone(), span)
    }

    /// Puts the stores behind the definitions and the loads before the uses.
    fn save_and_load(&mut self) {
        for index in 1..self.func.blocks.len() {
            let mut block = std::mem::replace(&mut self.func.blocks[index], empty_block());
            let defined: BTreeSet<Value> =
                block.params.iter().copied().chain(block.insts.iter().map(|inst| inst.result)).collect();
            let span = block.insts.first().map_or(block.term_span, |inst| inst.span);
            let used: BTreeSet<Value> = uses(&block)
                .into_iter()
                .filter(|value| self.slots.contains_key(value) && !defined.contains(value))
                .collect();
            let mut loads = Added::default();
            let mut loaded: BTreeMap<Value, Value> = BTreeMap::new();
            for value in used {
                let (slot, ty) = (self.slots[&value], self.func.type_of(value).clone());
                loaded.insert(value, self.load(&mut loads, slot, &ty, span));
            }
            map_uses(&mut block, |value| loaded.get(&value).copied().unwrap_or(value));
            // The arguments are in the state from the start.
            let params = if index == 1 { Vec::new() } else { block.params.clone() };
            let mut stores = Added::default();
            for param in params {
                if let Some(slot) = self.slots.get(&param).copied() {
                    self.store(&mut stores, slot, param, span);
                }
            }
            let mut insts = Added::default();
            for inst in std::mem::take(&mut block.insts) {
                let (result, span) = (inst.result, inst.span);
                insts.0.push(inst);
                if let Some(slot) = self.slots.get(&result).copied() {
                    self.store(&mut insts, slot, result, span);
                }
            }
            block.insts = insts.0;
            self.put_before(index, block, loads, stores);
        }
    }

    /// What comes before a block goes into it; where its handler needs a loaded value, into a block in front of it.
    fn put_before(&mut self, index: usize, mut block: Block, loads: Added, stores: Added) {
        let known: BTreeSet<Value> = loads.0.iter().map(|inst| inst.result).collect();
        let needed = block.handler.as_ref().is_some_and(|handler| handler.args.iter().any(|arg| known.contains(arg)));
        let before = [loads.0, stores.0].concat();
        if !needed {
            block.insts.splice(0..0, before);
            self.func.blocks[index] = block;
            return;
        }
        let id = BlockId(self.func.blocks.len() as u32);
        let front = Block {
            params: std::mem::take(&mut block.params),
            insts: before,
            term: Term::Jump(Target { block: id, args: vec![] }),
            handler: None,
            term_span: block.term_span,
        };
        for resumed in &mut self.resumed {
            if resumed.before.index() == index {
                resumed.before = id;
            }
        }
        self.func.blocks[index] = front;
        self.func.blocks.push(block);
    }

    /// Each `yield` and `return` leaves the function with what the caller is to find in the state.
    fn rewrite_exits(&mut self) {
        for index in 1..self.func.blocks.len() {
            if let Term::Return(value) = self.func.blocks[index].term {
                self.leave(BlockId(index as u32), &[(RETURNED, value)], -1, false);
            }
        }
        for (number, Resumed { before, item, .. }) in (1..).zip(self.resumed.clone()) {
            match item {
                Some(item) => {
                    let item = self.here(before, item);
                    self.leave(before, &[(ITEM, item)], number, true);
                }
                None => self.set_state(before, number),
            }
        }
    }

    /// The value of a `yield` in its block: the block may have to load it first.
    fn here(&mut self, block: BlockId, value: Value) -> Value {
        let Some(slot) = self.slots.get(&value).copied() else { return value };
        let defines = self.func.block(block);
        if defines.params.contains(&value) || defines.insts.iter().any(|inst| inst.result == value) {
            return value;
        }
        let (ty, span) = (self.func.type_of(value).clone(), defines.term_span);
        let mut added = Added::default();
        let loaded = self.load(&mut added, slot, &ty, span);
        self.func.blocks[block.index()].insts.extend(added.0);
        loaded
    }

    fn leave(&mut self, block: BlockId, stored: &[(u32, Value)], state: i64, more: bool) {
        let span = self.func.block(block).term_span;
        let mut added = Added::default();
        for (slot, value) in stored {
            self.store(&mut added, *slot, *value, span);
        }
        self.func.blocks[block.index()].insts.extend(added.0);
        self.set_state(block, state);
        let mut added = Added::default();
        let more = self.add(&mut added, Op::Const(Const::Bool(more)), vec![], Type::Bool, span);
        let block = &mut self.func.blocks[block.index()];
        block.insts.extend(added.0);
        block.term = Term::Return(more);
    }

    /// Sets the state at the end of a block.
    fn set_state(&mut self, block: BlockId, state: i64) {
        let span = self.func.block(block).term_span;
        let mut added = Added::default();
        let number = self.add(&mut added, Op::Const(Const::Int(state)), vec![], Type::Int, span);
        self.store(&mut added, STATE, number, span);
        self.func.blocks[block.index()].insts.extend(added.0);
    }

    /// The entry: the constants, then to where the state says.
    fn write_entry(&mut self) {
        let span = self.func.span;
        let mut added = Added(std::mem::take(&mut self.hoisted));
        let state = self.load(&mut added, STATE, &Type::Int, span);
        if !self.goes_on {
            let done = self.add(&mut added, Op::Const(Const::Int(-1)), vec![], Type::Int, span);
            self.store(&mut added, STATE, done, span);
        }
        let again = self.add(&mut added, Op::Const(Const::Bool(true)), vec![], Type::Bool, span);
        let params = std::mem::take(&mut self.func.blocks[1].params);
        let mut starts = Added::default();
        for param in &params {
            let (slot, ty) = (self.slots[param], self.func.type_of(*param).clone());
            let loaded = self.load(&mut starts, slot, &ty, span);
            map_uses(&mut self.func.blocks[1], |value| if value == *param { loaded } else { value });
        }
        let start = BlockId(self.func.blocks.len() as u32);
        let term = Term::Jump(Target { block: BlockId(1), args: vec![] });
        self.func.blocks.push(Block { insts: starts.0, term, term_span: span, ..empty_block() });
        let place = |resumed: &Resumed| Target {
            block: resumed.after,
            args: if resumed.item.is_some() { vec![] } else { vec![again] },
        };
        let start = Target { block: start, args: vec![] };
        let places: Vec<Target> = [start].into_iter().chain(self.resumed.iter().map(place)).collect();
        let mut at = 0;
        for (number, place) in places.into_iter().enumerate() {
            let wanted = self.add(&mut added, Op::Const(Const::Int(number as i64)), vec![], Type::Int, span);
            let here = self.add(&mut added, Op::Prim(Prim::IntEq), vec![state, wanted], Type::Bool, span);
            let next = BlockId(self.func.blocks.len() as u32);
            self.func.blocks.push(Block { term_span: span, ..empty_block() });
            let block = &mut self.func.blocks[at];
            block.insts.extend(std::mem::take(&mut added.0));
            block.term = Term::Branch { cond: here, then: place, otherwise: Target { block: next, args: vec![] } };
            at = next.index();
        }
        let ended = self.add(&mut added, Op::Const(Const::Bool(false)), vec![], Type::Bool, span);
        self.func.blocks[at].insts = added.0;
        self.func.blocks[at].term = Term::Return(ended);
        self.func.blocks[0].params = vec![self.state];
    }

    /// A `StopIteration` that nobody catches becomes a `RuntimeError`; its place is that of the call.
    fn catch_stop_iteration(&mut self) {
        let mut texts = Added::default();
        let text: Arc<str> = Arc::from("generator raised StopIteration");
        let message = self.add(&mut texts, Op::Const(Const::Str(text)), vec![], Type::Str, Span::default());
        let term = Term::Raise { class: ExcKind::RuntimeError.into(), message: Some(message) };
        self.at_stop_iteration(texts, term);
    }

    /// To who asks an iterator that is no generator, a `StopIteration` is the end, whoever raised it.
    fn end_at_stop_iteration(&mut self) {
        let mut ends = Added::default();
        let ended = self.add(&mut ends, Op::Const(Const::Bool(false)), vec![], Type::Bool, Span::default());
        self.at_stop_iteration(ends, Term::Return(ended));
    }

    /// Takes every `StopIteration` that nobody catches.
    fn at_stop_iteration(&mut self, taken: Added, then: Term) {
        let nowhere = Span::default();
        let exception = new_value(&mut self.func, Type::Exception);
        let first = BlockId(self.func.blocks.len() as u32);
        for block in &mut self.func.blocks[1..] {
            if block.handler.is_none() {
                block.handler = Some(Target { block: first, args: vec![] });
            }
        }
        let mut tests = Added::default();
        let stop = Op::ExceptionIs(ExcKind::StopIteration.into());
        let is = self.add(&mut tests, stop, vec![exception], Type::Bool, nowhere);
        let target = |offset: u32| Target { block: BlockId(first.0 + offset), args: vec![] };
        let term = Term::Branch { cond: is, then: target(1), otherwise: target(2) };
        self.func.blocks.push(Block { params: vec![exception], insts: tests.0, term, ..empty_block() });
        self.func.blocks.push(Block { insts: taken.0, term: then, ..empty_block() });
        self.func.blocks.push(Block { term: Term::Reraise(exception), ..empty_block() });
    }
}

fn empty_block() -> Block {
    Block { params: vec![], insts: vec![], term: Term::Unreachable, handler: None, term_span: Span::default() }
}
