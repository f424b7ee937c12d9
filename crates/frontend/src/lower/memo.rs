//! `functools.cache` and `lru_cache`: a function that remembers its results. The results of one call from outside, with all
//! the calls it makes of itself, are kept in a dict that is passed along beside the arguments; CPython keeps them longer,
//! which only time tells, because a result cannot change. Those of a method are kept by its instance, as long as in CPython: what
//! the method reads there may change.

use ir::{ContainerOp, Type};

use super::{Edge, Lowered, Lowerer, Thing, Val, Var};
use crate::classes::ClassKind;
use crate::names::has_yield;
use crate::parse::ast::{self, Expr};
use crate::remembered::{is_cached_property, is_remembered_by_instance, results_of};
use crate::shape::Shape;
use crate::specialise::{Callable, Source, argument_names};

/// What tells the dict from other containers that are made at the same place.
const MEMO_SITE: u32 = 1 << 23;

/// Where the results are kept, and the key of this call.
#[derive(Clone, Debug)]
pub struct Memo {
    dict: Val,
    key: Val,
}

/// Whether a decorator makes the function remember its results.
pub fn is_cache(decorator: &Expr) -> bool {
    match decorator {
        Expr::Call(call) => is_cache(&call.func),
        Expr::Name(name) => matches!(name.id.as_str(), "cache" | "lru_cache"),
        Expr::Attribute(attribute) => {
            let of_module = matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == "functools");
            of_module && matches!(attribute.attr.as_str(), "cache" | "lru_cache")
        }
        _ => false,
    }
}

/// Whether the function remembers its results.
pub fn is_cached(def: &ast::StmtFunctionDef) -> bool {
    def.decorator_list.iter().any(|decorator| is_cache(&decorator.expression))
}

/// The variable with the dict; no name of the program has a space.
pub fn memo_name(callable: Callable) -> String {
    format!("results of {callable:?}")
}

impl<'p> Lowerer<'_, 'p> {
    /// The dict of results of a function, where it is at hand.
    pub fn memo_of(&mut self, callable: Callable) -> Option<Val> {
        let slot = self.slot(&memo_name(callable))?;
        self.hidden_val(slot).ok()
    }

    /// The field in which the instance of a method that is lowered keeps its results.
    pub fn field_of_results(&mut self) -> Option<String> {
        let Callable::Method(class, index) = self.compiler.callable_of(self.spec)? else { return None };
        let class = self.compiler.known_class(class)?;
        class.methods.get(index).filter(|method| is_remembered_by_instance(method)).map(results_of)
    }

    fn own_arguments(&mut self, source: Source<'p>) -> Lowered<Vec<Val>> {
        let mut vals = Vec::new();
        for name in argument_names(&source) {
            let Some(slot) = self.slot(name) else { continue };
            match self.env().map(|env| env.var(slot)) {
                Some(Var::Bound(val)) => vals.push(val),
                _ => {
                    let message = "a function that remembers its results takes only values in compiled code";
                    return self.fail("unsupported-decorator", message, None);
                }
            }
        }
        Ok(vals)
    }

    /// The body of a function that remembers, when it is called from outside: makes the dict and calls the function that
    /// has it.
    pub fn with_new_memo(&mut self, source: Source<'p>, callable: Callable, captured: &[String]) -> Lowered<()> {
        let arguments = self.own_arguments(source)?;
        let place = self.place;
        let kind = Type::Dict(Box::new(Type::None), Box::new(Type::None));
        let shape = self.site_shape(&kind, None, place.start ^ MEMO_SITE);
        let sites = shape.origin.sites.clone();
        let dict = self.container_op(ContainerOp::DictNew, &[], shape);
        let mut things: Vec<Thing> = arguments.iter().cloned().map(Thing::Val).collect();
        let mut names = captured.to_vec();
        for name in captured {
            let Some(slot) = self.slot(name) else { continue };
            things.push(match self.env().map(|env| env.var(slot)) {
                Some(Var::Bound(val)) => Thing::Val(val),
                Some(Var::Static(known)) => Thing::Static(known),
                _ => return self.fail("internal", format!("`{name}` was not passed on"), None),
            });
        }
        names.push(memo_name(callable));
        things.push(Thing::Val(Val { known: None, shape: Shape::from(dict.ty().clone()), ..dict }));
        let result = self.call_with_captured(callable, things, names)?;
        if ir::introspect::holds_reference(result.ty()) {
            return self.fail(
                "unsupported-decorator",
                "a function that remembers its results cannot return what can change, in compiled code",
                Some("return a tuple or a number".to_owned()),
            );
        }
        let key = Type::Tuple(arguments.iter().map(|val| val.ty().clone()).collect());
        let element = Shape::pair(Shape::from(key), Shape::from(result.ty().clone()));
        for site in sites {
            self.sites.grow(site, &element);
        }
        self.leave(result);
        Ok(())
    }

    /// Leaves with the result that is known for these arguments; where none is, goes on, and what the function returns is
    /// kept.
    pub fn look_up_result(&mut self, source: Source<'p>, dict: Val) -> Lowered<()> {
        let arguments = self.own_arguments(source)?;
        for argument in &arguments {
            // CPython asks for the hash first.
            self.hashable(argument)?;
        }
        if *dict.ty() == Type::Dict(Box::new(Type::None), Box::new(Type::None)) {
            // What it returns is not known yet.
            return Ok(());
        }
        let key = self.tuple(&arguments);
        let position = self.find_key(&dict, &key)?;
        self.leave_with_found(&dict, &position)?;
        self.memo = Some(Memo { dict, key });
        Ok(())
    }

    /// As [`Lowerer::look_up_result`], of a method: its instance keeps the results.
    pub fn look_up_in_instance(&mut self, source: Source<'p>, def: &ast::StmtFunctionDef, field: &str) -> Lowered<()> {
        let mut arguments = self.own_arguments(source)?;
        if arguments.is_empty() {
            return self.fail("unsupported-decorator", "a method that remembers its results needs an instance", None);
        }
        let object = arguments.remove(0);
        let is_property = def.decorator_list.iter().any(|decorator| is_cached_property(&decorator.expression));
        self.refuse_forgetful(&object, def, is_property)?;
        for argument in &arguments {
            self.hashable(argument)?;
        }
        let dict = self.results_in(&object, field)?;
        let key = match arguments.as_slice() {
            [] => self.bool(true),
            several => self.tuple(several),
        };
        if self.known_element(&dict).is_some() {
            let position = self.find_key(&dict, &key)?;
            self.leave_with_found(&dict, &position)?;
        }
        self.memo = Some(Memo { dict, key });
        Ok(())
    }

    /// Refuses instances that CPython does not tell apart by identity, or that have no room for what they keep.
    fn refuse_forgetful(&mut self, object: &Val, def: &ast::StmtFunctionDef, is_property: bool) -> Lowered<()> {
        let class = self.class_of(object).filter(|class| class.kind == ClassKind::Plain);
        let is_given = class.as_ref().is_some_and(|class| self.compiler.objects.is_given(class.number));
        let is_told_apart = match (&class, is_property) {
            (Some(class), true) => class.slots.is_none(),
            (Some(_), false) => self.may_be_key(object.ty()),
            (None, _) => false,
        };
        if is_told_apart && !is_given && !has_yield(&def.body) {
            return Ok(());
        }
        self.fail(
            "unsupported-decorator",
            "only a method of a class without `__eq__`, `__hash__` and fields of a dataclass can remember its results in compiled code",
            Some("keep the results in a dict".to_owned()),
        )
    }

    /// The dict in which an instance keeps results; a new one where it has none yet.
    fn results_in(&mut self, object: &Val, field: &str) -> Lowered<Val> {
        let has = self.has_attribute(object, field)?;
        let (holds, fails) = self.branch(&has)?;
        self.continue_at(fails);
        let mut ends: Vec<Edge> = holds.into_iter().collect();
        if self.is_live() {
            let kind = Type::Dict(Box::new(Type::None), Box::new(Type::None));
            let shape = self.site_shape(&kind, None, self.place.start ^ MEMO_SITE);
            let dict = self.container_op(ContainerOp::DictNew, &[], shape);
            self.store_field(object, field, &dict)?;
            ends.extend(self.detach());
        }
        self.join(ends, None)?;
        match self.get_field(object, field)? {
            Some(dict) => Ok(dict),
            None => self.fail("internal", "an instance has no room for results", None),
        }
    }

    /// Leaves with the value at this position of the dict, where that is one.
    fn leave_with_found(&mut self, dict: &Val, position: &Val) -> Lowered<()> {
        let zero = self.int(0);
        let is_there = self.prim(ir::Prim::IntGe, &[position, &zero]);
        let (holds, fails) = self.branch(&is_there)?;
        self.continue_at(holds);
        if self.is_live() {
            let (_, value) = self.dict_shapes(dict);
            let found = self.container_op(ContainerOp::DictValueAt, &[dict, position], value);
            self.leave(found);
        }
        self.continue_at(fails);
        Ok(())
    }

    /// Keeps a result.
    pub fn remember(&mut self, val: &Val) {
        let Some(Memo { dict, key }) = self.memo.clone() else { return };
        if self.is_live() {
            let lowered = self.store_key(&dict, &key, val);
            let _ = self.settle(lowered);
        }
    }
}
