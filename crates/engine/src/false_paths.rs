//! Which rows a predicate certainly turns down, read off its IR: each way through the function that ends in `False` and
//! depends on nothing but comparisons of columns with constants. Knows no source; a source that can leave such rows out
//! need not send them. Ways on which anything could raise, loop or be computed are left alone, so that a row is only ever
//! left out where Python itself would have said `False`.

use ir::{Const, Op, Prim, Term, Type, Value};

use crate::function::CompiledFunction;

/// Ways followed at most: a predicate with more is not worth it.
const PATHS_MAX: usize = 16;

/// Blocks on one way at most.
const STEPS_MAX: usize = 64;

/// What a column is compared with.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Operand {
    Int(i64),
    Float(f64),
    Text(String),
}

/// `column <comparison> operand`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// A test of one column.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Test {
    IsNone,
    /// Of a value that is not `None`.
    Compare(Comparison, Operand),
    /// The value of a `bool` column.
    IsTrue,
}

/// A test, and whether it came out true.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Condition {
    /// The column's position in the row type.
    pub column: usize,
    pub test: Test,
    pub holds: bool,
}

impl Condition {
    /// Whether text is compared, which a source may do by other rules.
    pub fn compares_text(&self) -> bool {
        matches!(self.test, Test::Compare(_, Operand::Text(_)))
    }
}

/// The conditions of each way to `False`; rows that meet all of one are turned down.
pub(crate) fn false_paths(function: &CompiledFunction) -> Vec<Vec<Condition>> {
    let mut search = Search { function, found: Vec::new(), left: PATHS_MAX };
    let entry = function.module().entry_func();
    let mut values = vec![Symbol::Unknown; entry.values.len()];
    if let Some(row) = entry.blocks.first().and_then(|block| block.params.first()) {
        set(&mut values, *row, Symbol::Row);
    }
    search.follow(0, values, Vec::new(), STEPS_MAX);
    search.found
}

/// What is known of a value.
#[derive(Clone, PartialEq, Debug)]
enum Symbol {
    Unknown,
    Row,
    /// A column of this position, also once its variant is taken out.
    Column(usize),
    Known(Const),
    /// True when the condition holds.
    Tested(Condition),
}

fn set(values: &mut [Symbol], value: Value, symbol: Symbol) {
    if let Some(place) = values.get_mut(value.index()) {
        *place = symbol;
    }
}

struct Search<'a> {
    function: &'a CompiledFunction,
    found: Vec<Vec<Condition>>,
    /// Ways that may still be followed.
    left: usize,
}

impl Search<'_> {
    /// Follows every way from the start of the block on.
    fn follow(&mut self, block: usize, mut values: Vec<Symbol>, conditions: Vec<Condition>, steps: usize) {
        let entry = self.function.module().entry_func();
        let (Some(block), Some(steps), 1..) = (entry.blocks.get(block), steps.checked_sub(1), self.left) else {
            return;
        };
        for inst in &block.insts {
            let symbol = self.symbol(&inst.op, &inst.args, &values, entry.values.get(inst.result.index()));
            let Some(symbol) = symbol else { return };
            set(&mut values, inst.result, symbol);
        }
        let of = |value: Value, values: &[Symbol]| values.get(value.index()).cloned().unwrap_or(Symbol::Unknown);
        let mut enter = |target: &ir::Target, conditions: Vec<Condition>| {
            let mut next = values.clone();
            let Some(to) = entry.blocks.get(target.block.index()) else { return };
            for (param, arg) in to.params.iter().zip(&target.args) {
                set(&mut next, *param, of(*arg, &values));
            }
            self.follow(target.block.index(), next, conditions, steps);
        };
        match &block.term {
            Term::Jump(target) => enter(target, conditions),
            Term::Branch { cond, then, otherwise } => match of(*cond, &values) {
                Symbol::Known(Const::Bool(true)) => enter(then, conditions),
                Symbol::Known(Const::Bool(false)) => enter(otherwise, conditions),
                symbol => {
                    let Some(condition) = condition_of(symbol) else { return };
                    for (target, met) in [(then, true), (otherwise, false)] {
                        if let Some(conditions) = with(&conditions, &condition, met) {
                            enter(target, conditions);
                        }
                    }
                }
            },
            Term::Return(value) => {
                let found = match of(*value, &values) {
                    Symbol::Known(Const::Bool(false) | Const::None) => Some(conditions),
                    symbol => condition_of(symbol).and_then(|condition| with(&conditions, &condition, false)),
                };
                self.left -= 1;
                self.found.extend(found.filter(|conditions| !conditions.is_empty()));
            }
            Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable => {}
        }
    }

    /// What is known of an instruction's result; `None` where it may raise.
    fn symbol(&self, op: &Op, args: &[Value], values: &[Symbol], ty: Option<&Type>) -> Option<Symbol> {
        let arg =
            |index: usize| args.get(index).and_then(|value| values.get(value.index())).unwrap_or(&Symbol::Unknown);
        Some(match (op, arg(0)) {
            (Op::Const(constant), _) => Symbol::Known(constant.clone()),
            (Op::Capture(capture), _) => self.captured(capture.index()).map_or(Symbol::Unknown, Symbol::Known),
            (Op::Field(position), Symbol::Row) => Symbol::Column(*position as usize),
            (Op::IsVariant(position), Symbol::Column(column)) => match self.variant(*column, *position)? {
                Type::None => Symbol::Tested(Condition { column: *column, test: Test::IsNone, holds: true }),
                _ => Symbol::Unknown,
            },
            // The frontend has tested before that it is this variant.
            (Op::Variant(position), Symbol::Column(column)) => match self.variant(*column, *position)? {
                Type::None => Symbol::Known(Const::None),
                _ => Symbol::Column(*column),
            },
            (Op::Prim(Prim::BoolNot), symbol) => match condition_of(symbol.clone()) {
                Some(condition) => Symbol::Tested(Condition { holds: !condition.holds, ..condition }),
                None => Symbol::Unknown,
            },
            (Op::Prim(prim), _) if comparison(*prim).is_some() => compared(*prim, arg(0), arg(1)),
            (Op::Widen, Symbol::Column(column)) if ty.is_some() => Symbol::Column(*column),
            _ if op.can_raise() => return None,
            _ => Symbol::Unknown,
        })
    }

    fn variant(&self, column: usize, position: u32) -> Option<Type> {
        let params = self.function.param_types();
        let Some(Type::Record(record)) = params.first() else { return None };
        match record.fields.get(column) {
            Some((_, Type::Union(variants))) => variants.get(position as usize).cloned(),
            _ => None,
        }
    }

    /// The value of a captured number or text.
    fn captured(&self, index: usize) -> Option<Const> {
        let captures = &self.function.module().captures;
        let start: usize = captures.get(..index)?.iter().map(|capture| ir::layout::slot_count(&capture.ty)).sum();
        let slots = self.function.captures().slots().get(start..)?;
        match captures.get(index)?.ty {
            Type::Bool => Some(Const::Bool(*slots.first()? != 0)),
            Type::Int => Some(Const::Int(*slots.first()? as i64)),
            Type::Float => Some(Const::Float(f64::from_bits(*slots.first()?))),
            Type::Str => {
                let length = (*slots.get(1)? & !ir::layout::STR_ASCII_BIT) as usize;
                // SAFETY: the captures keep what their slots point to alive and unchanged.
                let bytes = unsafe { std::slice::from_raw_parts(*slots.first()? as *const u8, length) };
                (length > 0).then(|| std::str::from_utf8(bytes).ok().map(|text| Const::Str(text.into()))).flatten()
            }
            _ => None,
        }
    }
}

/// The condition that a boolean symbol stands for.
fn condition_of(symbol: Symbol) -> Option<Condition> {
    match symbol {
        Symbol::Tested(condition) => Some(condition),
        Symbol::Column(column) => Some(Condition { column, test: Test::IsTrue, holds: true }),
        Symbol::Unknown | Symbol::Row | Symbol::Known(_) => None,
    }
}

/// The conditions and one more, which comes out as `met`; `None` where that contradicts them.
fn with(conditions: &[Condition], condition: &Condition, met: bool) -> Option<Vec<Condition>> {
    let wanted = Condition { holds: condition.holds == met, ..condition.clone() };
    let same = |known: &&Condition| known.column == wanted.column && known.test == wanted.test;
    match conditions.iter().find(same) {
        Some(known) if known.holds != wanted.holds => None,
        Some(_) => Some(conditions.to_vec()),
        None => Some(conditions.iter().cloned().chain([wanted]).collect()),
    }
}

/// The comparison a primitive makes of its first argument with its second.
fn comparison(prim: Prim) -> Option<Comparison> {
    Some(match prim {
        Prim::IntEq | Prim::IntFloatEq | Prim::FloatEq | Prim::StrEq => Comparison::Eq,
        Prim::IntNe | Prim::FloatNe | Prim::StrNe => Comparison::Ne,
        Prim::IntLt | Prim::IntFloatLt | Prim::FloatLt | Prim::StrLt => Comparison::Lt,
        Prim::IntLe | Prim::IntFloatLe | Prim::FloatLe | Prim::StrLe => Comparison::Le,
        Prim::IntGt | Prim::IntFloatGt | Prim::FloatGt | Prim::StrGt => Comparison::Gt,
        Prim::IntGe | Prim::IntFloatGe | Prim::FloatGe | Prim::StrGe => Comparison::Ge,
        _ => return None,
    })
}

fn compared(prim: Prim, left: &Symbol, right: &Symbol) -> Symbol {
    let Some(comparison) = comparison(prim) else { return Symbol::Unknown };
    let (column, comparison, constant) = match (left, right) {
        (Symbol::Column(column), Symbol::Known(constant)) => (*column, comparison, constant),
        (Symbol::Known(constant), Symbol::Column(column)) => (*column, mirrored(comparison), constant),
        _ => return Symbol::Unknown,
    };
    let operand = match constant {
        Const::Int(value) => Operand::Int(*value),
        Const::Float(value) if !value.is_nan() => Operand::Float(*value),
        Const::Str(text) => Operand::Text(text.to_string()),
        Const::None | Const::Bool(_) | Const::Float(_) | Const::Bytes(_) => return Symbol::Unknown,
    };
    Symbol::Tested(Condition { column, test: Test::Compare(comparison, operand), holds: true })
}

/// The same with its sides exchanged.
fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Eq => Comparison::Eq,
        Comparison::Ne => Comparison::Ne,
        Comparison::Lt => Comparison::Gt,
        Comparison::Le => Comparison::Ge,
        Comparison::Gt => Comparison::Lt,
        Comparison::Ge => Comparison::Le,
    }
}
