//! Generators: `yield`, generator expressions as values, and iterators of all kinds: `iter`, `next`, loops over what is no
//! sequence. A generator is an instance of a class of its own, which `ir::passes::generator` makes of the function; here is
//! how such functions are lowered and how the instances are asked for their values.

use ir::passes::generator::{self, YIELD};
use ir::{ExcKind, FuncId, Op, Type};

use super::call::CallArguments;
use super::iterate::{Body, Elt, Source};
use super::{Edge, Lowered, Lowerer, Static, Stop, Thing, Val};
use crate::library;
use crate::locate::FunctionNode;
use crate::names::{Slot, SlotSet};
use crate::parse::ast;
use crate::shape::{Shape, join, python_name};
use crate::specialise::{Callable, RESUME, SpecId};

/// What a generator function yields: what it was taken to yield when it was lowered before, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Yields {
    pub assumed: Option<Shape>,
    pub found: Option<Shape>,
}

impl<'c, 'p> Lowerer<'c, 'p> {
    // Inside a generator.

    /// `yield value`: its own value is `None`, because nothing is sent.
    pub fn yield_expr(&mut self, yielded: &'p ast::ExprYield) -> Lowered<Val> {
        let val = match &yielded.value {
            Some(value) => self.expr(value)?,
            None => self.none(),
        };
        self.at(yielded);
        self.yield_value(val)
    }

    fn yield_value(&mut self, val: Val) -> Lowered<Val> {
        self.refuse_late(val.ty())?;
        let Some(yields) = self.yields.clone() else {
            return self.fail("unsupported-expression", "`yield` cannot be compiled here", None);
        };
        let shape = Shape { ty: val.ty().clone(), origin: val.shape.origin.marks() };
        let found = match &yields.found {
            Some(found) => join(found, &shape, &mut self.sites),
            None => shape.clone(),
        };
        let found = Shape { origin: found.origin.marks(), ..found };
        self.yields = Some(Yields { found: Some(found), ..yields.clone() });
        let val = match &yields.assumed {
            // Where the assumption is wrong the function is lowered again.
            Some(assumed) if join(assumed, &shape, &mut self.sites).ty == assumed.ty => self.coerce(&val, assumed)?,
            _ => val,
        };
        Ok(self.emit(Op::Call(YIELD), &[&val], Type::None))
    }

    /// `yield from iterable`: its value is what a generator returned.
    pub fn yield_from(&mut self, yielded: &'p ast::ExprYieldFrom) -> Lowered<Val> {
        let source = self.iterable(&yielded.value)?;
        self.at(yielded);
        let inner = match &source {
            Source::Iterator(val) => Some(val.clone()),
            _ => None,
        };
        let place = self.place;
        self.run_through(source, &mut |lowerer, item| {
            lowerer.at_place(place);
            lowerer.yield_value(item).map(|_| ())
        })?;
        match inner {
            Some(inner) => self.returned_by(&inner),
            None => Ok(self.none()),
        }
    }

    /// The body of a generator expression. Its parameter is the first iterable.
    pub fn generator_body(&mut self, node: &'p ast::ExprGenerator) -> Lowered<()> {
        let Some(slot) = self.names.slot(FIRST_ITERABLE) else { return Err(Stop::Failed) };
        let first = self.hidden_val(slot)?;
        let source = Source::Generator {
            first: Box::new(self.source_of(&first)?),
            elt: Elt::One(&node.elt),
            generators: &node.generators,
        };
        self.run_through(source, &mut |lowerer, item| lowerer.yield_value(item).map(|_| ()))?;
        if self.is_live() {
            let none = self.none();
            self.leave(none);
        }
        Ok(())
    }

    /// Runs through a source; control goes on behind it.
    pub fn run_through(&mut self, source: Source<'p>, body: Body<'_, 'c, 'p>) -> Lowered<()> {
        let hidden = self.var_count();
        let assigned = source.binds(self);
        let exits = self.open_collector();
        let key = self.place.start;
        let lowered = self.for_each(source, key, &assigned, None, exits, body);
        let ends = self.close_collector(exits);
        lowered?;
        self.join(ends, None)?;
        self.drop_hidden(hidden);
        Ok(())
    }

    // Generators as values.

    /// A generator expression as a value: a generator whose first iterable is evaluated at once.
    pub fn generator_value(&mut self, node: &'p ast::ExprGenerator) -> Lowered<Val> {
        let Some(first) = node.generators.first() else { return Err(Stop::Failed) };
        if let Some(found) = node.generators.iter().find(|generator| generator.is_async) {
            return self.fail_at(found, "unsupported-expression", "`async for` cannot be compiled", None);
        }
        let first = self.expr(&first.iter)?;
        let Static::Closure(id) = self.closure(FunctionNode::Generator(node))? else { return Err(Stop::Failed) };
        self.at(node);
        let arguments = CallArguments { positional: vec![Thing::Val(first)], keywords: Vec::new() };
        self.call_function(Callable::Closure(id), arguments)
    }

    /// `enumerate`, `filter`, `map`, `reversed` and `zip` as values.
    pub fn lazy_value(&mut self, name: &'static str, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        let gone_through = match (name, arguments.positional.as_slice()) {
            ("zip", all) | ("map", [_, all @ ..]) => all,
            _ => &[],
        };
        for thing in gone_through {
            if let Thing::Val(val) = thing {
                self.require_iterable(val)?;
            }
        }
        self.call_prelude(name, arguments)
    }

    /// What is to be gone through later must be something to go through now.
    fn require_iterable(&mut self, val: &Val) -> Lowered<()> {
        if val.is_union() {
            self.each_variant(val, &mut |lowerer, val| match val.ty() {
                Type::None | Type::Bool | Type::Int | Type::Float | Type::Np(_) => {
                    lowerer.clash(format!("'{}' object is not iterable", python_name(val.ty())))
                }
                _ => Ok(lowerer.none()),
            })?;
        }
        Ok(())
    }

    /// A call of a function of the library that stands for a built-in.
    pub fn call_prelude(&mut self, name: &str, arguments: CallArguments) -> Lowered<Val> {
        match library::function_named("builtins", name) {
            Some(function) => self.call_library_function(function, arguments),
            None => self.fail("internal", format!("the library has no `{name}`"), None),
        }
    }

    /// Something to iterate over, as an iterator.
    pub fn iterator(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            ty if lowerer.compiler.generator_of(ty).is_some() => Ok(val),
            Type::Object(_) | Type::Record(_)
                if lowerer.class_of(&val).is_some_and(|class| class.method("__iter__").is_some()) =>
            {
                match lowerer.special(&val, "__iter__")? {
                    Some(iterator) => Ok(iterator),
                    None => Err(Stop::Failed),
                }
            }
            _ => {
                let arguments = CallArguments { positional: vec![Thing::Val(val)], keywords: Vec::new() };
                lowerer.call_prelude("_iterate", arguments)
            }
        })
    }

    /// `iter(iterable)`.
    pub fn iter_builtin(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        match (arguments.positional.as_slice(), arguments.keywords.as_slice()) {
            ([Thing::Val(val)], []) => {
                let val = val.clone();
                self.iterator(&val)
            }
            ([_, _], []) => self.call_prelude("_call_until", arguments),
            _ => self.fail("wrong-arguments", "`iter` takes something to iterate over", None),
        }
    }

    /// Refuses to go through what may be left before its end when there is a generator in it that would do something then: CPython
    /// does it as soon as nobody has the generator any more.
    pub fn refuse_abandoned(&mut self, source: &Source<'p>) -> Lowered<()> {
        match source {
            Source::Iterator(val) => self.refuse_cleanup(&val.ty().clone()),
            Source::Enumerate(inner, _) | Source::Reversed(inner) | Source::Filter(_, inner) => {
                self.refuse_abandoned(inner)
            }
            Source::Generator { first, .. } => self.refuse_abandoned(first),
            Source::Zip(inner) | Source::Map(_, inner) => {
                inner.iter().try_for_each(|inner| self.refuse_abandoned(inner))
            }
            _ => Ok(()),
        }
    }

    fn refuse_cleanup(&mut self, ty: &Type) -> Lowered<()> {
        if !ty.variants().iter().any(|ty| self.compiler.has_cleanup(ty)) {
            return Ok(());
        }
        let message =
            "a generator that waits inside a `try` or `with` may be given up here, which compiled code does not notice";
        let help = "go through all of it, for instance with `list`, or keep the `yield` out of the `try`";
        self.fail("unsupported-function", message, Some(help.to_owned()))
    }

    /// `next(iterator)` and `next(iterator, default)`.
    pub fn next_builtin(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        let vals = self.plain_arguments("next", arguments)?;
        let (iterator, default) = match vals.as_slice() {
            [iterator] => (iterator, None),
            [iterator, default] => (iterator, Some(default)),
            _ => return self.fail("wrong-arguments", "`next` takes an iterator and a default", None),
        };
        let place = self.place;
        self.each_variant(iterator, &mut |lowerer, iterator| {
            if lowerer.class_of(&iterator).is_some_and(|class| class.method("__next__").is_some()) {
                return match default {
                    Some(default) => lowerer.call_library("builtins", "_next_or", &[iterator, default.clone()]),
                    None => match lowerer.special(&iterator, "__next__")? {
                        Some(item) => Ok(item),
                        None => Err(Stop::Failed),
                    },
                };
            }
            if lowerer.compiler.generator_of(iterator.ty()).is_none() {
                let message = format!("'{}' object is not an iterator", python_name(iterator.ty()));
                return lowerer.clash(message);
            }
            lowerer.at_place(place);
            lowerer.refuse_cleanup(&iterator.ty().clone())?;
            let (more, end) = lowerer.advance(&iterator)?;
            let mut edges: Vec<(Edge, Val)> = Vec::new();
            lowerer.continue_at(more);
            if lowerer.is_live() {
                let lowered = lowerer.current_item(&iterator);
                if let Some(item) = lowerer.if_reached(lowered)? {
                    edges.extend(lowerer.detach().map(|edge| (edge, item)));
                }
            }
            lowerer.continue_at(end);
            if lowerer.is_live() {
                match default {
                    Some(default) => edges.extend(lowerer.detach().map(|edge| (edge, default.clone()))),
                    None => drop(lowerer.raise(ExcKind::StopIteration, "")),
                }
            }
            lowerer.join_values(edges)
        })
    }

    // Asking a generator.

    fn spec_of(&mut self, val: &Val) -> Lowered<SpecId> {
        self.compiler.generator_of(val.ty()).ok_or(Stop::Failed)
    }

    /// Goes on to the next value: where there is one, and where there is none.
    fn advance(&mut self, iterator: &Val) -> Lowered<(Option<Edge>, Option<Edge>)> {
        let spec = self.spec_of(iterator)?;
        self.callees.push(spec);
        let more = self.emit(Op::Call(FuncId(spec.0 | RESUME)), &[iterator], Type::Bool);
        self.branch(&more)
    }

    /// The value that a generator has come to.
    fn current_item(&mut self, iterator: &Val) -> Lowered<Val> {
        let spec = self.spec_of(iterator)?;
        match self.compiler.item_of(spec) {
            Some(item) => Ok(self.kept(iterator, generator::ITEM, &item)),
            None => {
                // It never yields, as far as is known.
                self.builder.unreachable();
                self.close();
                Err(Stop::Dead)
            }
        }
    }

    /// What the body of a generator returned.
    fn returned_by(&mut self, iterator: &Val) -> Lowered<Val> {
        let spec = self.spec_of(iterator)?;
        match self.compiler.returned_of(spec) {
            Some(shape) if shape.ty != Type::None => Ok(self.kept(iterator, generator::RETURNED, &shape)),
            _ => Ok(self.none()),
        }
    }

    fn kept(&mut self, iterator: &Val, field: u32, shape: &Shape) -> Val {
        let ty = generator::field_type(&shape.ty);
        let loaded = self.emit(Op::ObjectGet(field), &[iterator], ty.clone());
        if ty == shape.ty {
            return Val::new(loaded.id, shape.clone());
        }
        let wrapped = Type::Tuple(vec![shape.ty.clone()]);
        let tag = ty.tag_of(&wrapped).unwrap_or_default() as u32;
        let tuple = self.emit(Op::Variant(tag), &[&loaded], wrapped);
        self.emit(Op::Field(0), &[&tuple], shape.clone())
    }

    /// A loop over a generator.
    pub fn for_iterator(
        &mut self,
        iterator: &Val,
        key: u32,
        assigned: &[Slot],
        live: Option<&SlotSet>,
        exits: usize,
        body: Body<'_, 'c, 'p>,
    ) -> Lowered<()> {
        let place = self.place;
        self.run_loop(key, assigned, live, &mut |lowerer| {
            lowerer.at_place(place);
            let (more, end) = lowerer.advance(iterator)?;
            lowerer.collect(exits, end);
            lowerer.continue_at(more);
            if !lowerer.is_live() {
                return Ok(());
            }
            let item = lowerer.current_item(iterator)?;
            body(lowerer, item)
        })
    }

    // Variables that change.

    /// A generator holds the values that variables had when it was made, CPython's looks them up each time. So one that
    /// reads variables that are assigned again must be used up in the expression that makes it.
    pub fn refuse_late(&mut self, ty: &Type) -> Lowered<()> {
        if library::is_library_function(self.function) || !self.compiler.is_late(ty) {
            return Ok(());
        }
        self.fail(
            "unsupported-value",
            "this generator reads a variable that is assigned again, so it cannot be kept",
            Some("use it up in the expression that makes it, or make a list".to_owned()),
        )
    }
}

/// The parameter of a generator expression.
pub const FIRST_ITERABLE: &str = ".0";
