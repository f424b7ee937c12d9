//! One function body to IR, by abstract execution: statements are walked in order with the types that hold there, and
//! emit code at once. Where control flow merges, values are converted to their common type; loops are lowered again
//! until the types at their head are stable. This file owns the state of that walk and how problems are reported; it
//! knows nothing of single statements or operations.

mod arrays;
mod assign;
mod attributes;
mod builtins;
mod bytes;
mod call;
mod captured;
mod caught;
mod classes;
mod collections;
mod compare;
mod cond;
mod constants;
mod containers;
mod convert;
mod copying;
mod dataclasses;
mod datetime;
mod defaults;
mod dicts;
mod dispatch;
mod elementwise;
mod enums;
mod exceptions;
mod expr;
mod file_tables;
mod flow;
mod folds;
mod format;
mod function;
mod function_values;
mod generators;
mod globals;
mod index;
mod iterate;
mod library_calls;
mod library_class;
mod lists;
mod log;
mod made;
mod math;
mod memo;
mod merge;
mod methods;
mod modules;
mod number;
mod numpy;
mod numpy_call;
mod numpy_more;
mod numpy_names;
mod numpy_shapes;
mod objects;
mod origins;
mod patterns;
mod regex;
mod scopes;
mod sequence;
mod sets;
mod star;
mod statics;
mod stmt;
mod strptime;
mod template;
mod tries;
mod tuples;
mod ufunc;
mod value;

use std::collections::HashMap;
use std::rc::Rc;

use ir::builder::FuncBuilder;
use ir::{ExcClass, ExcKind, Span};

use crate::diagnostic::{Diagnostic, Place};
use crate::names::{Names, Slot};
use crate::parse::ast::{self, Ranged};
use crate::shape::{Shape, Sites};
use crate::specialise::{Compiler, SpecId};

pub use builtins::known_name;
pub use dicts::view_of;
pub use expr::Thing;
pub use flow::{Edge, Env, Var};
pub use generators::{FIRST_ITERABLE, Yields};
pub use memo::is_cache;
pub use merge::VarShape;
pub use regex::MATCH;
pub use value::{Static, Val};

/// Instructions and values that one function may take to lower, with all repetitions: beyond it the program is refused,
/// so that no source can keep the compiler busy for long.
const FUEL: usize = 3_000_000;

/// Why lowering an expression ended without a value.
#[derive(Clone, Debug)]
pub enum Stop {
    /// A diagnostic has been reported.
    Failed,
    /// Control never gets here: everything before raises or does not return.
    Dead,
    /// CPython raises this whenever the operation runs with these types.
    Clash(Box<Clash>),
}

/// An operation that its operands' types forbid.
#[derive(Clone, Debug)]
pub struct Clash {
    pub class: ExcKind,
    pub code: &'static str,
    pub message: String,
    pub place: Place,
    pub help: Option<String>,
}

pub type Lowered<T> = Result<T, Stop>;

/// The names of an expression's own scope: the targets of a comprehension.
type Scope = Vec<(String, Slot)>;

/// The walk over one function body.
pub struct Lowerer<'c, 'p> {
    pub compiler: &'c mut Compiler<'p>,
    /// Index into the program's functions.
    pub function: usize,
    pub spec: SpecId,
    pub names: Rc<Names>,
    pub builder: FuncBuilder,
    /// The variables here; `None` when control cannot get here.
    env: Option<Env>,
    pub scopes: Vec<Scope>,
    /// Edges that wait for a place to go, see [`flow`].
    collectors: Vec<Vec<Edge>>,
    /// Values that `return` statements gave, with the ends of control flow where they did.
    pub returns: Vec<(Edge, Val)>,
    /// For the loop statements around: the collectors of `break` and `continue`.
    pub loops: Vec<(usize, usize)>,
    /// The `try` statements around, see [`tries`].
    pub cover: tries::Cover,
    /// What the heads of loops came out as, by loop and by what it was entered with.
    loop_heads: HashMap<(u32, Vec<VarShape>), Vec<VarShape>>,
    pub sites: Sites,
    pub diagnostics: Vec<Diagnostic>,
    pub callees: Vec<SpecId>,
    /// Statements that were refused; a function with one is no function.
    pub failures: usize,
    /// In a function that remembers its results: where.
    memo: Option<memo::Memo>,
    /// The functions and lambdas inside this one that were met, with the variables that they read.
    closures_here: HashMap<usize, Vec<(String, Slot)>>,
    /// In a generator: what it yields.
    pub yields: Option<Yields>,
    /// Conversions that were not possible, see [`convert`].
    pub misfits: usize,
    /// Branches for one type of several that this is in.
    branches: usize,
    /// The last of them, for a message.
    misfit_seen: Option<(Place, String)>,
    /// The captured values, by their number in the program.
    pub captures: Vec<(usize, Val)>,
    /// Where the current operation stands.
    pub place: Place,
    /// How many arguments the list behind `*` of the call that is lowered must hold, where that is known.
    star: Option<star::Star>,
    /// The tuples made of what lists behind `*` hold beyond the parameters, of calls whose arguments are being looked at.
    star_rests: Vec<ir::Value>,
    /// The classes that the handlers around have named for the exceptions that they take.
    caught: HashMap<ir::Value, Rc<[ExcClass]>>,
    origins: origins::Origins,
    fuel: usize,
    pub exhausted: bool,
}

/// A state of the walk to come back to.
struct Mark {
    builder: ir::builder::Checkpoint,
    collectors: Vec<usize>,
    returns: usize,
    diagnostics: usize,
    callees: usize,
    misfits: usize,
    failures: usize,
    observed: Vec<Option<Shape>>,
    scopes: usize,
    loops: usize,
    tries: tries::Depth,
    star_rests: usize,
    place: Place,
}

impl<'c, 'p> Lowerer<'c, 'p> {
    pub fn new(
        compiler: &'c mut Compiler<'p>,
        function: usize,
        spec: SpecId,
        names: Rc<Names>,
        builder: FuncBuilder,
        sites: Sites,
        place: Place,
    ) -> Lowerer<'c, 'p> {
        Lowerer {
            compiler,
            function,
            spec,
            builder,
            env: Some(Env::new(names.locals.len())),
            names,
            scopes: Vec::new(),
            collectors: Vec::new(),
            returns: Vec::new(),
            loops: Vec::new(),
            cover: tries::Cover::default(),
            loop_heads: HashMap::new(),
            sites,
            diagnostics: Vec::new(),
            callees: Vec::new(),
            failures: 0,
            memo: None,
            closures_here: HashMap::new(),
            yields: None,
            misfits: 0,
            branches: 0,
            misfit_seen: None,
            captures: Vec::new(),
            place,
            star: None,
            star_rests: Vec::new(),
            caught: HashMap::new(),
            origins: origins::Origins::default(),
            fuel: FUEL,
            exhausted: false,
        }
    }

    // Places.

    /// What follows stands at this node: its exceptions name the node's line.
    pub fn at(&mut self, node: &impl Ranged) {
        self.at_place(self.place_of(node));
    }

    /// The current place as a node.
    pub fn range(&self) -> ast::TextRange {
        ast::TextRange::new(ast::TextSize::from(self.place.start), ast::TextSize::from(self.place.end))
    }

    pub fn place_of(&self, node: &impl Ranged) -> Place {
        let range = node.range();
        Place { file: self.place.file, start: range.start().to_u32(), end: range.end().to_u32() }
    }

    pub fn at_place(&mut self, place: Place) {
        self.place = place;
        let span = self.compiler.span(place);
        self.builder.set_span(span);
    }

    pub fn span(&self) -> Span {
        self.builder.span()
    }

    // Problems.

    /// Reports a problem at the current place.
    pub fn fail<T>(&mut self, code: &'static str, message: impl Into<String>, help: Option<String>) -> Lowered<T> {
        let place = self.place;
        self.report(code, message.into(), place, help);
        Err(Stop::Failed)
    }

    /// Reports a problem at a node.
    pub fn fail_at<T>(
        &mut self,
        node: &impl Ranged,
        code: &'static str,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Lowered<T> {
        let place = self.place_of(node);
        self.report(code, message.into(), place, help);
        Err(Stop::Failed)
    }

    pub fn report(&mut self, code: &'static str, message: String, place: Place, help: Option<String>) {
        let diagnostic = Diagnostic { code, message, place, labels: self.origins_of(code, place), help };
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// What CPython raises as a `TypeError` here.
    pub fn clash<T>(&self, message: impl Into<String>) -> Lowered<T> {
        self.clash_of(ExcKind::TypeError, "type-mismatch", message)
    }

    pub fn clash_of<T>(&self, class: ExcKind, code: &'static str, message: impl Into<String>) -> Lowered<T> {
        Err(Stop::Clash(Box::new(Clash { class, code, message: message.into(), place: self.place, help: None })))
    }

    /// Whether a container with such items must be looked at item by item for an operation that takes `wanted` alone: some may be
    /// that, or there may be none, and the `TypeError` of those that are not is raised.
    pub fn may_hold(&self, item: &ir::Type, wanted: &ir::Type) -> bool {
        let is_raised = self.branches > 0 || self.cover.catches(ExcKind::TypeError);
        is_raised || *item == ir::Type::None || item.variants().contains(wanted)
    }

    /// A clash is put into code here, on its side of a branch or in its loop, where a handler takes it or where it may wait
    /// until it is reached.
    pub fn raise_clash<T>(&mut self, lowered: Lowered<T>) -> Lowered<T> {
        match lowered {
            Err(Stop::Clash(clash))
                if self.is_live() && self.cover.catches(clash.class) && self.compiler.has_mixed_members() =>
            {
                // It may be about a member that is a number or a text, which is not known everywhere.
                self.report(clash.code, clash.message, clash.place, clash.help);
                Err(Stop::Failed)
            }
            // In a branch for one type of several it is raised where the others go on, so a loop there must not lose its end.
            Err(Stop::Clash(clash)) if self.is_live() && (self.branches > 0 || self.cover.catches(clash.class)) => {
                self.at_place(clash.place);
                Err(self.raise(clash.class, &clash.message))
            }
            Err(Stop::Clash(clash)) if self.is_live() && self.compiler.request.may_defer => {
                self.at_place(clash.place);
                Err(self.raise(ExcKind::NotCompiled, crate::compile::DEFERRED))
            }
            other => other,
        }
    }

    /// A clash that nobody can put into code becomes a diagnostic.
    pub fn settle<T>(&mut self, lowered: Lowered<T>) -> Lowered<T> {
        match self.raise_clash(lowered) {
            Err(Stop::Clash(clash)) => {
                self.report(clash.code, clash.message, clash.place, clash.help);
                Err(Stop::Failed)
            }
            other => other,
        }
    }

    /// Notes that something was refused and goes on, so that what follows is looked at for its errors, too.
    pub fn note_failure<T>(&mut self, lowered: Lowered<T>, failed: &mut bool) -> Lowered<Option<T>> {
        match lowered {
            Ok(val) => Ok(Some(val)),
            Err(Stop::Failed) if self.is_live() => {
                *failed = true;
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// `None` where control does not get behind what was lowered, for constructs that go on elsewhere all the same.
    pub fn if_reached<T>(&mut self, lowered: Lowered<T>) -> Lowered<Option<T>> {
        match self.raise_clash(lowered) {
            Ok(val) => Ok(Some(val)),
            Err(Stop::Dead) => {
                self.close();
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Takes part of the fuel; fails when it is used up.
    pub fn burn(&mut self, amount: usize) -> Lowered<()> {
        if self.fuel >= amount {
            self.fuel -= amount;
            return Ok(());
        }
        if self.exhausted {
            return Err(Stop::Failed);
        }
        self.exhausted = true;
        self.fail(
            "too-complex",
            "this function takes too long to compile",
            Some("split it into several functions".into()),
        )
    }

    // Going back.

    fn mark(&self) -> Mark {
        Mark {
            builder: self.builder.checkpoint(),
            collectors: self.collectors.iter().map(Vec::len).collect(),
            returns: self.returns.len(),
            diagnostics: self.diagnostics.len(),
            callees: self.callees.len(),
            misfits: self.misfits,
            failures: self.failures,
            observed: self.sites.observed(),
            scopes: self.scopes.len(),
            loops: self.loops.len(),
            tries: self.cover.depth(),
            star_rests: self.star_rests.len(),
            place: self.place,
        }
    }

    /// Forgets everything lowered since the mark.
    fn rollback(&mut self, mark: &Mark) {
        self.builder.rollback(&mark.builder);
        self.collectors.truncate(mark.collectors.len());
        for (collector, len) in self.collectors.iter_mut().zip(&mark.collectors) {
            collector.truncate(*len);
        }
        self.returns.truncate(mark.returns);
        if !self.exhausted {
            self.diagnostics.truncate(mark.diagnostics);
        }
        self.callees.truncate(mark.callees);
        self.misfits = mark.misfits;
        self.failures = mark.failures;
        self.sites.restore(&mark.observed);
        self.close_scopes(mark.scopes);
        self.loops.truncate(mark.loops);
        self.star_rests.truncate(mark.star_rests);
        self.cover.go_back(mark.tries, self.builder.func().blocks.len());
        self.at_place(mark.place);
    }

    /// A state to come back to where an expression turns out to be of another kind.
    fn restart(&mut self) -> (Mark, Option<Env>) {
        (self.mark(), self.env.clone())
    }

    fn start_again(&mut self, (mark, env): (Mark, Option<Env>)) {
        self.rollback(&mark);
        self.env = env;
    }

    /// The variable of this name, inner scopes first.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        let inner = self
            .scopes
            .iter()
            .rev()
            .find_map(|scope| scope.iter().rev().find(|(known, _)| known == name).map(|(_, slot)| *slot));
        inner.or_else(|| self.names.slot(name))
    }
}
