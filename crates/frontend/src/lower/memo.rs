//! `functools.cache` and `lru_cache`: a function that remembers its results. The results of one call from outside, with all
//! the calls it makes of itself, are kept in a dict that is passed along beside the arguments; CPython keeps them longer,
//! which only time tells, because a result cannot change.

use ir::{ContainerOp, Type};

use super::{Lowered, Lowerer, Thing, Val, Var};
use crate::parse::ast::{self, Expr};
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
        let zero = self.int(0);
        let is_there = self.prim(ir::Prim::IntGe, &[&position, &zero]);
        let (holds, fails) = self.branch(&is_there)?;
        self.continue_at(holds);
        if self.is_live() {
            let (_, value) = self.dict_shapes(&dict);
            let found = self.container_op(ContainerOp::DictValueAt, &[&dict, &position], value);
            self.leave(found);
        }
        self.continue_at(fails);
        self.memo = Some(Memo { dict, key });
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
