//! Iteration: what `for`, comprehensions and the built-ins that take an iterable go over, and the loops for it. A source
//! whose items have numbers is a counted loop; generators and filters are lowered from inside, their body in the middle
//! of the loops they are made of.

use ir::{ContainerOp, ExcKind, Op, Prim, Type};

use super::collections::is_collection;
use super::dicts::{View, view_of};
use super::expr::non_negative_int;
use super::function_values::may_be_function;
use super::number::is_integer;
use super::regex::Strided;
use super::statics::Function;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val, Var};
use crate::names::{Slot, SlotSet};
use crate::parse::ast::{self, Expr};
use crate::shape::{Shape, python_name};

/// Tuples up to this length are iterated without making a list.
const UNROLL_MAX: usize = 8;

/// What a generator gives.
#[derive(Clone, Copy)]
pub enum Elt<'p> {
    One(&'p Expr),
    /// Key and value of a dict comprehension, as a tuple.
    Pair(&'p Expr, &'p Expr),
}

/// What is iterated over. Values in it have been evaluated.
pub enum Source<'p> {
    /// 0, 1, ... below the number.
    Count(Val),
    /// From a start to a stop by a step.
    Range(Box<[Val; 3]>),
    List(Val),
    Set(Val),
    /// A dict's keys, values or items.
    Dict(Val, View),
    Array(Val),
    Str(Val),
    /// What is made of every few items of a list, see [`super::regex`].
    Strided(Box<Strided>),
    /// A few values of one type.
    Items(Vec<Val>),
    Enumerate(Box<Source<'p>>, Option<Val>),
    Zip(Vec<Source<'p>>),
    Reversed(Box<Source<'p>>),
    Map(Function, Vec<Source<'p>>),
    Filter(Option<Function>, Box<Source<'p>>),
    /// A generator that has been made.
    Iterator(Val),
    /// One of several kinds of iterables, known when the program runs: a loop for each.
    Either(Val),
    Generator {
        first: Box<Source<'p>>,
        elt: Elt<'p>,
        generators: &'p [ast::Comprehension],
    },
}

/// A source whose items have numbers, ready for the loop.
enum Cursor {
    Count(Val),
    /// First item, number of items, step.
    Range(Val, Val, Val),
    List(Val),
    Sized(Val, Val),
    Strided(Box<Strided>, Val),
    /// A dict or set, how many items it had, and the variable with the position of the current one.
    Table(Val, Option<View>, Val, Slot),
    /// A string, its length in bytes, and the variable with the byte offset of the next character.
    Text(Val, Val, Slot),
    Items(Vec<Val>, Shape),
    Enumerate(Box<Cursor>, Option<Val>),
    Zip(Vec<Cursor>),
    Reversed(Box<Cursor>, Val),
    Map(Function, Vec<Cursor>),
}

/// What is done with each item.
pub type Body<'b, 'c, 'p> = &'b mut dyn FnMut(&mut Lowerer<'c, 'p>, Val) -> Lowered<()>;

impl Source<'_> {
    fn is_counted(&self) -> bool {
        match self {
            Source::Enumerate(inner, _) | Source::Reversed(inner) => inner.is_counted(),
            Source::Zip(inner) | Source::Map(_, inner) => inner.iter().all(Source::is_counted),
            Source::Filter(..) | Source::Generator { .. } | Source::Iterator(_) | Source::Either(_) => false,
            _ => true,
        }
    }

    /// The variables that iterating binds outside of the source's own scope (`:=`).
    pub fn binds(&self, lowerer: &Lowerer<'_, '_>) -> Vec<Slot> {
        match self {
            Source::Enumerate(inner, _) | Source::Reversed(inner) | Source::Filter(_, inner) => inner.binds(lowerer),
            Source::Zip(inner) | Source::Map(_, inner) => inner.iter().flat_map(|one| one.binds(lowerer)).collect(),
            Source::Generator { first, elt, generators } => {
                let mut slots = first.binds(lowerer);
                match elt {
                    Elt::One(elt) => slots.extend(lowerer.names.bound_in_expr(elt)),
                    Elt::Pair(key, value) => {
                        slots.extend(lowerer.names.bound_in_expr(key));
                        slots.extend(lowerer.names.bound_in_expr(value));
                    }
                }
                for generator in *generators {
                    slots.extend(lowerer.names.bound_in_expr(&generator.iter));
                    generator.ifs.iter().for_each(|test| slots.extend(lowerer.names.bound_in_expr(test)));
                }
                slots
            }
            _ => Vec::new(),
        }
    }
}

impl Cursor {
    /// Adds the variables that taking an item changes.
    fn slots(&self, slots: &mut Vec<Slot>) {
        match self {
            Cursor::Text(_, _, offset) => slots.push(*offset),
            Cursor::Table(_, _, _, position) => slots.push(*position),
            Cursor::Enumerate(inner, _) | Cursor::Reversed(inner, _) => inner.slots(slots),
            Cursor::Zip(inner) | Cursor::Map(_, inner) => inner.iter().for_each(|one| one.slots(slots)),
            Cursor::Count(_)
            | Cursor::Range(..)
            | Cursor::List(_)
            | Cursor::Sized(..)
            | Cursor::Strided(..)
            | Cursor::Items(..) => {}
        }
    }
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// What an expression gives to iterate over.
    pub fn iterable(&mut self, expr: &'p Expr) -> Lowered<Source<'p>> {
        match self.iterable_thing(expr)? {
            Ok(source) => Ok(source),
            Err(val) => {
                self.at(expr);
                self.source_of(&val)
            }
        }
    }

    /// What an expression gives to iterate over, where it is no value; else the value.
    pub fn iterable_thing(&mut self, expr: &'p Expr) -> Lowered<Result<Source<'p>, Val>> {
        match expr {
            Expr::Generator(generator) => {
                return self.generator_source(&generator.elt, &generator.generators).map(Ok);
            }
            Expr::Call(call) => {
                if let Some(source) = self.regex_source(call)? {
                    return Ok(Ok(source));
                }
                if let Expr::Name(_) = &*call.func
                    && let Thing::Static(Static::Builtin(name)) = self.thing(&call.func)?
                    && let Some(source) = self.lazy_builtin(name, call)?
                {
                    return Ok(Ok(source));
                }
            }
            Expr::Set(display) => {
                if let Some(set) = self.constant_set(display)? {
                    return Ok(Ok(Source::Set(set)));
                }
            }
            Expr::Name(_) | Expr::Attribute(_) => {
                if let Some(members) = self.members_named_by(expr)? {
                    return Ok(Ok(Source::Items(members)));
                }
            }
            _ => {}
        }
        self.expr(expr).map(Err)
    }

    /// The built-ins that make iterators.
    fn lazy_builtin(&mut self, name: &str, call: &'p ast::ExprCall) -> Lowered<Option<Source<'p>>> {
        let args = &*call.arguments.args;
        if name == "zip"
            && let Some(rows) = self.call_with_rows(call)?
        {
            return Ok(Some(Source::Iterator(rows)));
        }
        if name == "zip" && (args.iter().any(Expr::is_starred_expr) || !call.arguments.keywords.is_empty()) {
            return self.lazy_value("zip", call).map(Source::Iterator).map(Some);
        }
        if args.iter().any(Expr::is_starred_expr) && matches!(name, "enumerate" | "zip" | "reversed" | "map" | "filter")
        {
            return self.fail_at(
                call,
                "unsupported-expression",
                format!("`*` in `{name}(...)` cannot be compiled"),
                None,
            );
        }
        let source = match (name, args) {
            ("range", _) => {
                let [start, stop, step] = self.range_arguments(call)?;
                Source::Range(Box::new([start, stop, step]))
            }
            ("enumerate", [inner, rest @ ..]) if rest.len() < 2 => {
                let inner = self.iterable(inner)?;
                let keyword = call
                    .arguments
                    .keywords
                    .iter()
                    .find(|keyword| keyword.arg.as_ref().is_some_and(|name| name.as_str() == "start"));
                let start = match rest.first().or(keyword.map(|keyword| &keyword.value)) {
                    Some(start) => {
                        let val = self.expr(start)?;
                        self.at(call);
                        Some(self.as_index(&val)?)
                    }
                    None => None,
                };
                Source::Enumerate(Box::new(inner), start)
            }
            ("zip", args) => {
                let before = self.restart();
                let mut inner = Vec::new();
                for arg in args {
                    inner.push(self.iterable(arg)?);
                }
                if !inner.iter().all(Source::is_counted) {
                    self.start_again(before);
                    return self.lazy_value("zip", call).map(Source::Iterator).map(Some);
                }
                Source::Zip(inner)
            }
            ("reversed", [inner]) => {
                let before = self.restart();
                if let Thing::Val(val) = self.thing(inner)?
                    && self.class_of(&val).is_some_and(|class| class.method("__reversed__").is_some())
                {
                    self.at(call);
                    return match self.special(&val, "__reversed__")? {
                        Some(items) => self.source_of_iterator(&items).map(Some),
                        None => Err(Stop::Failed),
                    };
                }
                self.start_again(before);
                let before = self.restart();
                let mut source = self.iterable(inner)?;
                if let Source::Either(_) = source {
                    return self.fail_at(
                        call,
                        "too-many-types",
                        "what is reversed may be one of several kinds of sequence",
                        Some("test the type with `isinstance` first".to_owned()),
                    );
                }
                if let Source::Iterator(_) = source {
                    self.start_again(before);
                    let val = self.expr(inner)?;
                    self.at(call);
                    source = match self.deque_items(&val)? {
                        Some(items) => Source::List(items),
                        None => return self.clash("'generator' object is not reversible"),
                    };
                }
                if !matches!(
                    source,
                    Source::Range(_)
                        | Source::List(_)
                        | Source::Str(_)
                        | Source::Array(_)
                        | Source::Items(_)
                        | Source::Dict(..)
                ) {
                    return self.clash("this object is not reversible");
                }
                Source::Reversed(Box::new(source))
            }
            ("map", [function, rest @ ..]) if !rest.is_empty() => {
                let before = self.restart();
                let function = self.callable(function)?;
                let mut inner = Vec::new();
                for arg in rest {
                    inner.push(self.iterable(arg)?);
                }
                if inner.len() > 1 && !inner.iter().all(Source::is_counted) {
                    self.start_again(before);
                    return self.lazy_value("map", call).map(Source::Iterator).map(Some);
                }
                Source::Map(function, inner)
            }
            ("filter", [test, inner]) => {
                let test = match test {
                    Expr::NoneLiteral(_) => None,
                    test => Some(self.callable(test)?),
                };
                let inner = self.iterable(inner)?;
                Source::Filter(test, Box::new(inner))
            }
            ("enumerate" | "reversed" | "map" | "filter", _) => {
                return self.fail_at(call, "wrong-arguments", format!("`{name}` takes other arguments"), None);
            }
            _ => return Ok(None),
        };
        Ok(Some(source))
    }

    /// A function that is passed to a built-in.
    pub fn callable(&mut self, expr: &'p Expr) -> Lowered<Function> {
        if let Expr::Attribute(attribute) = expr {
            let before = self.restart();
            if let Thing::Val(object) = self.thing(&attribute.value)?
                && self.class_of(&object).is_none()
                && !matches!(object.ty(), Type::Array { .. } | Type::Np(_))
            {
                return Ok(Function::Method(object, attribute.attr.to_string()));
            }
            self.start_again(before);
        }
        match self.thing(expr)? {
            Thing::Static(known) => Ok(Function::Static(known)),
            Thing::Val(val) if may_be_function(val.ty()) || self.class_of(&val).is_some() => Ok(Function::Value(val)),
            Thing::Val(val) => {
                let message = format!("'{}' object is not callable", python_name(val.ty()));
                self.at(expr);
                let clash = self.clash(message);
                self.settle(clash)
            }
        }
    }

    /// Start, stop and step of `range(...)`.
    pub fn range_arguments(&mut self, call: &'p ast::ExprCall) -> Lowered<[Val; 3]> {
        if let Some(keyword) = call.arguments.keywords.first() {
            return self.fail_at(keyword, "wrong-arguments", "`range` takes no keyword arguments", None);
        }
        if call.arguments.args.iter().any(Expr::is_starred_expr) {
            return self.range_of_star(call);
        }
        let vals = self.exprs(&call.arguments.args)?;
        self.at(call);
        let mut ints = Vec::new();
        for val in &vals {
            ints.push(self.as_index(val)?);
        }
        match ints.as_slice() {
            [stop] => Ok([self.int(0), stop.clone(), self.int(1)]),
            [start, stop] => Ok([start.clone(), stop.clone(), self.int(1)]),
            [start, stop, step] => Ok([start.clone(), stop.clone(), step.clone()]),
            [] => self.clash("range expected at least 1 argument, got 0"),
            more => {
                let message = format!("range expected at most 3 arguments, got {}", more.len());
                self.clash(message)
            }
        }
    }

    /// An `int` where CPython asks for `__index__`.
    pub fn as_index(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            ty if is_integer(ty) => lowerer.as_int(&val),
            ty if lowerer.is_int_member(ty) => lowerer.without_enum(&val),
            Type::Np(elem) if elem.python_type() == Type::Int => Ok(lowerer.python_number(&val)),
            _ if let Some(found) = lowerer.special(&val, "__index__")? => match found.ty() {
                Type::Int => Ok(found),
                other => {
                    let message = format!("__index__ returned non-int (type {})", python_name(other));
                    lowerer.clash(message)
                }
            },
            other => {
                let message = format!("'{}' object cannot be interpreted as an integer", python_name(other));
                lowerer.clash(message)
            }
        })
    }

    /// A value as something to iterate over.
    /// What an `__iter__` gave: an iterator, whose `__iter__` is not asked again.
    fn source_of_iterator(&mut self, iterator: &Val) -> Lowered<Source<'p>> {
        match self.class_of(iterator) {
            Some(class) if class.method("__next__").is_some() => {
                let items = self.call_library("builtins", "_iterate_by_next", std::slice::from_ref(iterator))?;
                Ok(Source::Iterator(items))
            }
            Some(class) => self.clash(format!("iter() returned non-iterator of type '{}'", class.name)),
            None if self.compiler.generator_of(iterator.ty()).is_some() => self.source_of(iterator),
            None if iterator.is_union() => {
                self.fail("too-many-types", "this `__iter__` may give one of several kinds of iterator", None)
            }
            None => self.clash(format!("iter() returned non-iterator of type '{}'", python_name(iterator.ty()))),
        }
    }

    pub fn source_of(&mut self, val: &Val) -> Lowered<Source<'p>> {
        if let Some(class) = self.class_of(val) {
            if let Some(iterator) = self.special(val, "__iter__")? {
                return self.source_of_iterator(&iterator);
            }
            if class.method("__getitem__").is_some() {
                let items = self.call_library("builtins", "_iterate_by_index", std::slice::from_ref(val))?;
                return Ok(Source::Iterator(items));
            }
        }
        let val = self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::List(_) | Type::Array { .. } | Type::Str | Type::Bytes | Type::Range | Type::Tuple(_) => Ok(val),
            Type::Dict(..) | Type::Set { .. } => Ok(val),
            _ if let Some(list) = lowerer.tuple_list(&val) => Ok(list),
            ty if view_of(ty).is_some() => Ok(val),
            Type::Record(record) if record.kind == ir::RecordKind::Dict => lowerer.demand_dict(&val),
            // Beside `None`, which is an error.
            Type::Record(_) | Type::Object(_)
                if lowerer.class_of(&val).is_some_and(|class| class.method("__iter__").is_some()) =>
            {
                lowerer.iterator(&val)
            }
            ty if is_collection(ty) => lowerer.inner_dict(&val),
            ty if lowerer.compiler.generator_of(ty).is_some() => Ok(val),
            Type::Record(record) if record.kind == ir::RecordKind::NamedTuple => {
                let items = lowerer.fields(&val);
                Ok(lowerer.tuple(&items))
            }
            ty if lowerer.is_str_member(ty) => lowerer.without_enum(&val),
            Type::Record(_) => lowerer.fail(
                "unsupported-operation",
                "the columns of a row cannot be iterated over in compiled code",
                Some("name the columns".to_owned()),
            ),
            other => {
                let message = format!("'{}' object is not iterable", python_name(other));
                lowerer.clash(message)
            }
        })?;
        if let Some(source) = self.collection_source(&val)? {
            return Ok(source);
        }
        match val.ty() {
            Type::List(_) => Ok(Source::List(val)),
            Type::Set { .. } => Ok(Source::Set(val)),
            Type::Dict(..) => Ok(Source::Dict(val, View::Keys)),
            ty if let Some(view) = view_of(ty) => Ok(Source::Dict(self.field(&val, 0), view)),
            Type::Array { .. } => Ok(Source::Array(val)),
            ty if self.compiler.generator_of(ty).is_some() => Ok(Source::Iterator(val)),
            Type::Str => Ok(Source::Str(val)),
            Type::Bytes => Ok(Source::Array(val)),
            Type::Range => {
                let start = self.prim(Prim::RangeStart, &[&val]);
                let stop = self.prim(Prim::RangeStop, &[&val]);
                let step = self.prim(Prim::RangeStep, &[&val]);
                Ok(Source::Range(Box::new([start, stop, step])))
            }
            Type::Tuple(items) if items.len() <= UNROLL_MAX => {
                let items = self.fields(&val);
                self.items_source(&items)
            }
            Type::Tuple(_) => {
                let items = self.fields(&val);
                let list = self.list_of(&items)?;
                Ok(Source::List(list))
            }
            Type::Union(_) => Ok(Source::Either(val)),
            other => {
                let message = format!("'{}' object is not iterable", python_name(other));
                self.clash(message)
            }
        }
    }

    fn items_source(&mut self, items: &[Val]) -> Lowered<Source<'p>> {
        let shape = self.common_shape(items);
        let mut vals = Vec::new();
        for item in items {
            vals.push(self.coerce(item, &shape)?);
        }
        Ok(Source::Items(vals))
    }

    /// A generator expression: its first iterable is evaluated at once, as in CPython.
    pub fn generator_source(&mut self, elt: &'p Expr, generators: &'p [ast::Comprehension]) -> Lowered<Source<'p>> {
        self.comprehension_source(Elt::One(elt), generators)
    }

    /// The items of a comprehension.
    pub fn comprehension_source(&mut self, elt: Elt<'p>, generators: &'p [ast::Comprehension]) -> Lowered<Source<'p>> {
        if let Some(generator) = generators.iter().find(|generator| generator.is_async) {
            return self.fail_at(generator, "unsupported-expression", "`async for` cannot be compiled", None);
        }
        let Some(first) = generators.first() else { return Err(Stop::Failed) };
        let first = Box::new(self.iterable(&first.iter)?);
        Ok(Source::Generator { first, elt, generators })
    }

    /// Lowers `body` for each item of the source. Control that comes to the end of the source goes to `exits`, a
    /// collector; the other arguments are those of [`Lowerer::run_loop`].
    pub fn for_each(
        &mut self,
        source: Source<'p>,
        key: u32,
        assigned: &[Slot],
        live: Option<&SlotSet>,
        exits: usize,
        body: Body<'_, 'c, 'p>,
    ) -> Lowered<()> {
        let place = self.place;
        match source {
            Source::Generator { first, elt, generators } => {
                let mut assigned = assigned.to_vec();
                assigned.extend(
                    Source::Generator { first: Box::new(Source::Items(Vec::new())), elt, generators }.binds(self),
                );
                // The body does not see the generator's own variables.
                let around = self.scopes.len();
                self.generate(*first, elt, generators, key, &assigned, live, exits, &mut |lowerer, item| {
                    let own = lowerer.scopes.split_off(around.min(lowerer.scopes.len()));
                    let lowered = body(lowerer, item);
                    lowerer.close_scopes(around);
                    lowerer.scopes.extend(own);
                    lowered
                })
            }
            Source::Filter(test, inner) => self.for_each(*inner, key, assigned, live, exits, &mut |lowerer, item| {
                let cond = match &test {
                    Some(test) => lowerer.call_passed(test, std::slice::from_ref(&item))?,
                    None => item.clone(),
                };
                let (holds, fails) = lowerer.split(&cond, None, &mut |lowerer, val| lowerer.truth(val))?;
                let mut ends: Vec<_> = fails.into_iter().map(|(edge, _)| edge).collect();
                if lowerer.join(holds.into_iter().map(|(edge, _)| edge).collect(), None).is_ok() {
                    lowerer.guarded(|lowerer| body(lowerer, item))?;
                    ends.extend(lowerer.detach());
                }
                lowerer.join(ends, live)
            }),
            Source::Iterator(iterator) => self.for_iterator(&iterator, key, assigned, live, exits, body),
            Source::Either(val) => self.for_either(&val, key, assigned, live, exits, body),
            Source::Enumerate(inner, start) if !inner.is_counted() => {
                let first = match start {
                    Some(start) => Val { shape: Shape::from(Type::Int), ..start },
                    None => self.int(0),
                };
                let count = self.hidden(Var::Bound(Val { shape: Shape::from(Type::Int), known: None, ..first }));
                let mut assigned = assigned.to_vec();
                assigned.push(count);
                self.for_each(*inner, key, &assigned, live, exits, &mut |lowerer, item| {
                    let number = lowerer.hidden_val(count)?;
                    let one = lowerer.int(1);
                    let next = lowerer.prim(Prim::IntAdd, &[&number, &one]);
                    lowerer.set_val(count, next);
                    let pair = lowerer.tuple(&[number, item]);
                    body(lowerer, pair)
                })
            }
            Source::Map(function, mut inner) if inner.len() == 1 && !inner[0].is_counted() => {
                let Some(inner) = inner.pop() else { return Err(Stop::Failed) };
                self.for_each(inner, key, assigned, live, exits, &mut |lowerer, item| {
                    let mapped = lowerer.call_passed(&function, &[item])?;
                    body(lowerer, mapped)
                })
            }
            source if !source.is_counted() => self.fail(
                "unsupported-expression",
                "a generator expression cannot be used here in compiled code",
                Some("use a list comprehension".to_owned()),
            ),
            Source::Range(bounds) if matches!(bounds[2].known_int(), Some(1 | -1)) => {
                let [start, stop, step] = *bounds;
                self.for_range(start, stop, step, key, assigned, live, exits, body)
            }
            source => {
                let cursor = self.cursor(source)?;
                let zero = self.int(0);
                let count = self.hidden(Var::Bound(Val { known: None, ..zero }));
                let mut assigned = assigned.to_vec();
                assigned.push(count);
                cursor.slots(&mut assigned);
                self.run_loop(key, &assigned, live, &mut |lowerer| {
                    lowerer.at_place(place);
                    let number = lowerer.hidden_val(count)?;
                    let cond = lowerer.has(&cursor, &number)?;
                    let (more, end) = lowerer.branch(&cond)?;
                    lowerer.collect(exits, end);
                    lowerer.continue_at(more);
                    if !lowerer.is_live() {
                        return Ok(());
                    }
                    let item = lowerer.get(&cursor, &number)?;
                    let one = lowerer.int(1);
                    let next = lowerer.emit(Op::Prim(Prim::IntAddWrap), &[&number, &one], non_negative_int());
                    lowerer.set_val(count, next);
                    body(lowerer, item)
                })
            }
        }
    }

    /// A range that goes up or down by one: the item itself is the counter.
    #[expect(clippy::too_many_arguments, reason = "the parts of a range and those of a loop")]
    fn for_range(
        &mut self,
        start: Val,
        stop: Val,
        step: Val,
        key: u32,
        assigned: &[Slot],
        live: Option<&SlotSet>,
        exits: usize,
        body: Body<'_, 'c, 'p>,
    ) -> Lowered<()> {
        let place = self.place;
        let upward = step.known_int() == Some(1);
        let shape = if upward && start.shape.origin.non_negative { non_negative_int() } else { Shape::from(Type::Int) };
        let first = Val::new(start.id, shape.clone());
        let count = self.hidden(Var::Bound(first));
        let mut assigned = assigned.to_vec();
        assigned.push(count);
        self.run_loop(key, &assigned, live, &mut |lowerer| {
            lowerer.at_place(place);
            let item = lowerer.hidden_val(count)?;
            let prim = if upward { Prim::IntLt } else { Prim::IntGt };
            let cond = lowerer.prim(prim, &[&item, &stop]);
            let (more, end) = lowerer.branch(&cond)?;
            lowerer.collect(exits, end);
            lowerer.continue_at(more);
            // The stop is beyond the item, so the next number still fits.
            let next = lowerer.emit(Op::Prim(Prim::IntAddWrap), &[&item, &step], shape.clone());
            lowerer.set_val(count, next);
            body(lowerer, item)
        })
    }

    /// A loop for each kind of iterable that the value may be.
    fn for_either(
        &mut self,
        val: &Val,
        key: u32,
        assigned: &[Slot],
        live: Option<&SlotSet>,
        exits: usize,
        body: Body<'_, 'c, 'p>,
    ) -> Lowered<()> {
        let place = self.place;
        let count = val.ty().variants().len();
        for tag in 0..count {
            self.at_place(place);
            let rest = if tag + 1 < count {
                let cond = self.is_variant(val, tag);
                let (is, rest) = self.branch(&cond)?;
                self.continue_at(is);
                rest
            } else {
                None
            };
            let variant = self.variant(val, tag);
            let source = self.source_of(&variant)?;
            let hidden = self.var_count();
            self.for_each(source, key ^ (tag as u32) << 19, assigned, live, exits, body)?;
            self.drop_hidden(hidden);
            self.continue_at(rest);
        }
        Ok(())
    }

    /// The loops of a generator expression, with the body in the innermost.
    #[expect(clippy::too_many_arguments, reason = "the parts of a generator and those of a loop")]
    fn generate(
        &mut self,
        source: Source<'p>,
        elt: Elt<'p>,
        generators: &'p [ast::Comprehension],
        key: u32,
        assigned: &[Slot],
        live: Option<&SlotSet>,
        exits: usize,
        body: Body<'_, 'c, 'p>,
    ) -> Lowered<()> {
        let Some((generator, rest)) = generators.split_first() else { return Err(Stop::Failed) };
        self.for_each(source, key, assigned, live, exits, &mut |lowerer, item| {
            let (scopes, hidden) = (lowerer.scopes.len(), lowerer.var_count());
            lowerer.open_scope(&generator.target);
            let outcome = lowerer.generate_item(item, generator, rest, elt, key, assigned, live, &mut *body);
            lowerer.close_scopes(scopes);
            outcome?;
            lowerer.drop_hidden(hidden);
            Ok(())
        })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a generator and those of a loop")]
    fn generate_item(
        &mut self,
        item: Val,
        generator: &'p ast::Comprehension,
        rest: &'p [ast::Comprehension],
        elt: Elt<'p>,
        key: u32,
        assigned: &[Slot],
        live: Option<&SlotSet>,
        body: Body<'_, 'c, 'p>,
    ) -> Lowered<()> {
        self.at(&generator.target);
        self.assign(&generator.target, item)?;
        let mut ends = Vec::new();
        for test in &generator.ifs {
            let lowered = self.condition(test);
            let Some((holds, fails)) = self.if_reached(lowered)? else { break };
            ends.extend(fails);
            if self.join(holds, None).is_err() {
                break;
            }
        }
        if self.is_live() {
            if let Some(next) = rest.first() {
                let exits = self.open_collector();
                self.guarded(|lowerer| {
                    let source = lowerer.iterable(&next.iter)?;
                    lowerer.at(&next.iter);
                    lowerer.generate(source, elt, rest, key.wrapping_add(1), assigned, None, exits, body)
                })?;
                let done = self.close_collector(exits);
                ends.extend(done);
            } else {
                self.guarded(|lowerer| {
                    let val = match elt {
                        Elt::One(elt) => {
                            let val = lowerer.expr(elt)?;
                            lowerer.at(elt);
                            val
                        }
                        Elt::Pair(key, value) => {
                            let pair = [lowerer.expr(key)?, lowerer.expr(value)?];
                            lowerer.at(key);
                            lowerer.tuple(&pair)
                        }
                    };
                    body(lowerer, val)
                })?;
                ends.extend(self.detach());
            }
        }
        // The body may have forgotten what is not read any more.
        self.join(ends, live)
    }

    /// Code that may end control flow on its side of a merge.
    fn guarded(&mut self, lower: impl FnOnce(&mut Self) -> Lowered<()>) -> Lowered<()> {
        let lowered = lower(self);
        match self.raise_clash(lowered) {
            Err(Stop::Dead) => {
                self.close();
                Ok(())
            }
            other => other,
        }
    }

    // Counted loops.

    fn cursor(&mut self, source: Source<'p>) -> Lowered<Cursor> {
        Ok(match source {
            Source::Count(count) => Cursor::Count(count),
            Source::Range(bounds) => {
                let [start, stop, step] = *bounds;
                let range = self.prim(Prim::RangeNew, &[&start, &stop, &step]);
                let length = self.length(&range)?;
                Cursor::Range(start, length, step)
            }
            Source::List(list) => Cursor::List(list),
            Source::Set(set) => self.table_cursor(set, None)?,
            Source::Dict(dict, view) => self.table_cursor(dict, Some(view))?,
            Source::Array(val) => {
                let length = self.length(&val)?;
                Cursor::Sized(val, length)
            }
            Source::Strided(strided) => {
                let length = self.strided_length(&strided)?;
                Cursor::Strided(strided, length)
            }
            Source::Str(val) => {
                let length = self.emit(Op::Prim(Prim::StrByteLen), &[&val], non_negative_int());
                let zero = self.int(0);
                let offset = self.hidden(Var::Bound(Val { known: None, ..zero }));
                Cursor::Text(val, length, offset)
            }
            Source::Items(items) => {
                let shape = items.first().map_or(Shape::from(Type::None), |item| item.shape.clone());
                Cursor::Items(items, shape)
            }
            Source::Enumerate(inner, start) => {
                let start = start.filter(|start| start.known_int() != Some(0));
                Cursor::Enumerate(Box::new(self.cursor(*inner)?), start)
            }
            Source::Zip(inner) => Cursor::Zip(self.cursors(inner)?),
            Source::Map(function, inner) => Cursor::Map(function, self.cursors(inner)?),
            Source::Reversed(inner) => {
                if let Source::Str(text) = *inner {
                    let bounds = [i64::MAX, i64::MIN, -1].map(|bound| self.int(bound));
                    let [start, stop, step] = &bounds;
                    let backward = self.prim(Prim::StrSlice, &[&text, start, stop, step]);
                    return self.cursor(Source::Str(backward));
                }
                let inner = match *inner {
                    // Backwards from the end: CPython's dicts can, too.
                    source @ Source::Dict(..) => Source::List(self.collect_list(source, self.place.start | 1 << 24)?),
                    other => other,
                };
                let inner = self.cursor(inner)?;
                let length = match &inner {
                    Cursor::Range(_, length, _) | Cursor::Sized(_, length) => length.clone(),
                    Cursor::List(list) => self.length(list)?,
                    Cursor::Items(items, _) => self.int(items.len() as i64),
                    _ => return Err(Stop::Failed),
                };
                Cursor::Reversed(Box::new(inner), length)
            }
            Source::Filter(..) | Source::Generator { .. } | Source::Iterator(_) | Source::Either(_) => {
                return Err(Stop::Failed);
            }
        })
    }

    fn table_cursor(&mut self, table: Val, view: Option<View>) -> Lowered<Cursor> {
        let length = self.length(&table)?;
        let before = self.int(-1);
        let shape = Shape::from(Type::Int);
        let position = self.hidden(Var::Bound(Val { known: None, shape, ..before }));
        Ok(Cursor::Table(table, view, length, position))
    }

    /// Goes on to the next item of a dict or set: whether there is one. Both complain when they changed.
    fn next_in_table(
        &mut self,
        table: &Val,
        view: Option<View>,
        length: &Val,
        slot: Slot,
        number: &Val,
    ) -> Lowered<Val> {
        let now = self.length(table)?;
        let same = self.prim(Prim::IntEq, &[&now, length]);
        let what = if view.is_some() { "dictionary" } else { "Set" };
        self.require(&same, ExcKind::RuntimeError, &format!("{what} changed size during iteration"))?;
        let position = self.hidden_val(slot)?;
        let one = self.int(1);
        let from = self.prim(Prim::IntAddWrap, &[&position, &one]);
        let op = if view.is_some() { ContainerOp::DictNext } else { ContainerOp::SetNext };
        let next = self.container_op(op, &[table, &from], Type::Int);
        self.set_val(slot, next.clone());
        let zero = self.int(0);
        let more = self.prim(Prim::IntGe, &[&next, &zero]);
        if view.is_some() {
            // As many were added as were taken away: CPython notices at the end.
            let left = self.prim(Prim::IntLt, &[number, length]);
            let ended = self.not(&more);
            let yes = self.bool(true);
            let fine = self.select(&left, &yes, &ended);
            self.require(&fine, ExcKind::RuntimeError, "dictionary keys changed during iteration")?;
        }
        Ok(more)
    }

    fn cursors(&mut self, sources: Vec<Source<'p>>) -> Lowered<Vec<Cursor>> {
        sources.into_iter().map(|source| self.cursor(source)).collect()
    }

    /// Whether there is an item of this number.
    fn has(&mut self, cursor: &Cursor, number: &Val) -> Lowered<Val> {
        Ok(match cursor {
            Cursor::Count(length)
            | Cursor::Range(_, length, _)
            | Cursor::Sized(_, length)
            | Cursor::Strided(_, length)
            | Cursor::Reversed(_, length) => self.prim(Prim::IntLt, &[number, length]),
            Cursor::Text(_, length, offset) => {
                let offset = self.hidden_val(*offset)?;
                self.prim(Prim::IntLt, &[&offset, length])
            }
            Cursor::Table(table, view, length, slot) => self.next_in_table(table, *view, length, *slot, number)?,
            // A list may grow while it is iterated over.
            Cursor::List(list) => {
                let length = self.length(list)?;
                self.prim(Prim::IntLt, &[number, &length])
            }
            Cursor::Items(items, _) => {
                let length = self.int(items.len() as i64);
                self.prim(Prim::IntLt, &[number, &length])
            }
            Cursor::Enumerate(inner, _) => self.has(inner, number)?,
            Cursor::Zip(inner) | Cursor::Map(_, inner) => {
                let Some((first, rest)) = inner.split_first() else { return Ok(self.bool(false)) };
                let mut all = self.has(first, number)?;
                for one in rest {
                    let more = self.has(one, number)?;
                    let no = self.bool(false);
                    all = self.select(&all, &more, &no);
                }
                all
            }
        })
    }

    /// The item of this number. Called once for each number, in order.
    fn get(&mut self, cursor: &Cursor, number: &Val) -> Lowered<Val> {
        Ok(match cursor {
            Cursor::Count(_) => number.clone(),
            Cursor::Range(start, _, step) => {
                let distance = self.prim(Prim::IntMulWrap, &[number, step]);
                let upward = step.known_int().is_some_and(|step| step > 0);
                let shape =
                    if upward && start.shape.origin.non_negative { non_negative_int() } else { Shape::from(Type::Int) };
                self.emit(Op::Prim(Prim::IntAddWrap), &[start, &distance], shape)
            }
            Cursor::List(val) | Cursor::Sized(val, _) => self.item_at(val, number)?,
            Cursor::Strided(strided, _) => self.strided_item(strided, number)?,
            Cursor::Table(table, view, _, slot) => {
                let position = self.hidden_val(*slot)?;
                match view {
                    Some(view) => self.view_item(table, *view, &position),
                    None => {
                        let element = self.element_shape(table);
                        self.container_op(ContainerOp::SetAt, &[table, &position], element)
                    }
                }
            }
            Cursor::Text(text, _, offset) => {
                let now = self.hidden_val(*offset)?;
                let character = self.prim(Prim::StrCharAt, &[text, &now]);
                let size = self.emit(Op::Prim(Prim::StrByteLen), &[&character], non_negative_int());
                let next = self.emit(Op::Prim(Prim::IntAddWrap), &[&now, &size], non_negative_int());
                self.set_val(*offset, next);
                character
            }
            Cursor::Items(items, shape) => {
                let Some((first, rest)) = items.split_first() else { return Err(Stop::Dead) };
                let mut found = first.clone();
                for (position, item) in rest.iter().enumerate() {
                    let position = self.int(position as i64 + 1);
                    let here = self.prim(Prim::IntEq, &[number, &position]);
                    found = self.select(&here, item, &found);
                }
                match rest {
                    [] => found,
                    _ => Val::new(found.id, shape.clone()),
                }
            }
            Cursor::Enumerate(inner, start) => {
                let item = self.get(inner, number)?;
                let count = match start {
                    Some(start) => self.prim(Prim::IntAdd, &[start, number]),
                    None => number.clone(),
                };
                self.tuple(&[count, item])
            }
            Cursor::Zip(inner) => {
                let mut items = Vec::new();
                for one in inner {
                    items.push(self.get(one, number)?);
                }
                self.tuple(&items)
            }
            Cursor::Map(function, inner) => {
                let mut items = Vec::new();
                for one in inner {
                    items.push(self.get(one, number)?);
                }
                self.call_passed(function, &items)?
            }
            Cursor::Reversed(inner, length) => {
                let one = self.int(1);
                let last = self.prim(Prim::IntSubWrap, &[length, &one]);
                let position = self.emit(Op::Prim(Prim::IntSubWrap), &[&last, number], non_negative_int());
                self.get(inner, &position)?
            }
        })
    }
}
