//! The local names of a function and where they are live: which may still be read later. Merges of control flow carry
//! only live variables, so a name that is reused for another thing in each branch costs nothing. Looks at names only,
//! not at types.

use std::collections::{HashMap, HashSet};

use crate::parse::ast::{self, Expr, Ranged, Stmt, TextRange, TextSize, visitor::Visitor};

/// The number of a local variable.
pub type Slot = usize;

/// A set of variables.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SlotSet {
    words: Vec<u64>,
}

impl SlotSet {
    pub fn insert(&mut self, slot: Slot) {
        if self.words.len() <= slot / 64 {
            self.words.resize(slot / 64 + 1, 0);
        }
        self.words[slot / 64] |= 1 << (slot % 64);
    }

    pub fn remove(&mut self, slot: Slot) {
        if let Some(word) = self.words.get_mut(slot / 64) {
            *word &= !(1 << (slot % 64));
        }
    }

    pub fn contains(&self, slot: Slot) -> bool {
        self.words.get(slot / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// Adds all of `other`; tells whether that changed anything.
    pub fn extend(&mut self, other: &SlotSet) -> bool {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        let mut changed = false;
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            changed |= *word | more != *word;
            *word |= more;
        }
        changed
    }
}

/// What is known of a function's names before it is compiled.
#[derive(Debug, Default)]
pub struct Names {
    /// The local variables: the parameters, then the names that are bound in the body, in source order.
    pub locals: Vec<String>,
    slots: HashMap<String, Slot>,
    /// Per statement (its place in the text): the variables that are live after it.
    after: HashMap<TextRange, SlotSet>,
    /// Per loop: the variables that are live where an iteration starts.
    header: HashMap<TextRange, SlotSet>,
    /// Per `try`: the variables that are live where its handlers and its `finally` start.
    caught: HashMap<TextRange, SlotSet>,
    rebound: SlotSet,
    /// Where in the text the last binding of a variable ends, with the loops around it.
    bound_until: HashMap<Slot, TextSize>,
    /// The variables that inner functions assign (`nonlocal`), by the name of the variable that holds them.
    cells: HashMap<String, String>,
    /// The names that a `nonlocal` statement of the body gives to functions around.
    outer: HashSet<String>,
    /// The names that a `global` statement of the body gives to the module.
    globals: HashSet<String>,
    /// Those of either that are bound otherwise than by assignment.
    outer_bound: HashSet<String>,
}

/// How the names of variables that hold others begin: no name of a program does.
const CELLS: &str = ".cells";

impl Names {
    /// The names of a function with these parameters and this body.
    pub fn of(params: &[String], body: &[Stmt]) -> Names {
        Names::of_closure(params, &[], &[], body)
    }

    /// The names of a function inside another, which is given variables around it, too: it hands them on when it calls itself,
    /// so they are live everywhere.
    pub fn of_closure(params: &[String], captured: &[String], kept: &[String], body: &[Stmt]) -> Names {
        let (outer, globals) = declared_names(body);
        let mut names = Names { outer, globals, ..Names::default() };
        for param in params.iter().chain(captured) {
            names.add(param);
        }
        let mut bound = Bound { names: &mut names };
        bound.visit_body(body);
        names.add_cells(body, kept);
        let mut always = SlotSet::default();
        for (slot, name) in names.locals.iter().enumerate() {
            if name.starts_with(CELLS) || captured.contains(name) {
                always.insert(slot);
            }
        }
        let mut deferred = Deferred { names: &names, inside: 0, found: &mut always };
        deferred.visit_body(body);
        let mut liveness = Liveness { names: &names, always, found: LiveSets::default(), loops: vec![], tries: vec![] };
        let out = liveness.always.clone();
        liveness.block(body, out);
        let LiveSets { after, header, caught } = liveness.found;
        let (rebound, bound_until) = rebound(&names, params.len() + captured.len(), body);
        Names { after, header, caught, rebound, bound_until, ..names }
    }

    /// The variable that holds those of this function that inner functions assign, and those that inner functions which are kept
    /// read although they are assigned again.
    fn add_cells(&mut self, body: &[Stmt], kept: &[String]) {
        let Some(first) = body.first() else { return };
        let mut inner = InnerNonlocals::default();
        inner.visit_body(body);
        let all = inner.found.into_iter().chain(kept.iter().cloned());
        let own: Vec<String> = all.filter(|name| self.slots.contains_key(name)).collect();
        if own.is_empty() {
            return;
        }
        let cells = format!("{CELLS}@{}", first.start().to_u32());
        self.add(&cells);
        self.cells.extend(own.into_iter().map(|name| (name, cells.clone())));
    }

    /// The name of the variable that holds the variable of this name, when inner functions assign it.
    pub fn cells_of(&self, name: &str) -> Option<&str> {
        self.cells.get(name).map(String::as_str)
    }

    /// Variables of functions around that are held by others, likewise.
    pub fn add_outer_cells(&mut self, cells: &[(String, String)]) {
        self.cells.extend(cells.iter().cloned());
    }

    /// The variable that holds this function's own, with their names in order.
    pub fn own_cells(&self) -> Option<(String, Vec<String>)> {
        let mut own: Vec<(&String, &String)> =
            self.cells.iter().filter(|(name, _)| self.slots.contains_key(*name)).collect();
        own.sort();
        let cells = own.first().map(|(_, cells)| (*cells).clone())?;
        Some((cells, own.into_iter().map(|(name, _)| name.clone()).collect()))
    }

    /// Whether the name is one of the module by a `global` statement.
    pub fn is_global(&self, name: &str) -> bool {
        self.globals.contains(name)
    }

    /// Whether something else than an assignment binds such a name here: a function, a class, an import, a handler.
    pub fn is_bound_otherwise(&self, name: &str) -> bool {
        self.outer_bound.contains(name)
    }

    /// A name that something else than an assignment binds.
    fn add_other(&mut self, name: &str) {
        if self.globals.contains(name) || self.outer.contains(name) {
            self.outer_bound.insert(name.to_owned());
        }
        self.add(name);
    }

    fn add(&mut self, name: &str) {
        if self.globals.contains(name) {
            return;
        }
        if !self.outer.contains(name) && !self.slots.contains_key(name) {
            self.slots.insert(name.to_owned(), self.locals.len());
            self.locals.push(name.to_owned());
        }
    }

    /// Adds the variables that an expression binds (`:=`), for a lambda's body.
    pub fn add_bound_in(&mut self, expr: &Expr) {
        Bound { names: self }.visit_expr(expr);
    }

    /// The variable of this name, when it is local.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.slots.get(name).copied()
    }

    /// Whether the variable is bound more than once, or in a loop.
    pub fn is_rebound(&self, slot: Slot) -> bool {
        slot >= self.locals.len() || self.rebound.contains(slot)
    }

    /// Whether the variable may get another value behind this place of the text, which is a statement of the function itself.
    pub fn is_rebound_behind(&self, slot: Slot, place: TextSize) -> bool {
        let is_behind = || self.bound_until.get(&slot).is_none_or(|end| *end > place);
        self.is_rebound(slot) && is_behind()
    }

    /// The variables that are live after the statement.
    pub fn live_after(&self, stmt: &impl Ranged) -> Option<&SlotSet> {
        self.after.get(&stmt.range())
    }

    /// The variables that are live where an iteration of the loop starts.
    pub fn live_in_loop(&self, stmt: &impl Ranged) -> Option<&SlotSet> {
        self.header.get(&stmt.range())
    }

    /// The variables that are live where the handlers and the `finally` of the statement start.
    pub fn live_when_caught(&self, stmt: &impl Ranged) -> Option<&SlotSet> {
        self.caught.get(&stmt.range())
    }

    /// The variables that the statements bind.
    pub fn bound_in(&self, body: &[Stmt], target: Option<&Expr>) -> Vec<Slot> {
        let mut scratch = Names::default();
        let mut bound = Bound { names: &mut scratch };
        if let Some(target) = target {
            bound.visit_expr(target);
        }
        bound.visit_body(body);
        scratch.locals.iter().filter_map(|name| self.slot(name)).collect()
    }

    /// The variables that expressions bind (`:=`).
    pub fn bound_in_expr(&self, expr: &Expr) -> Vec<Slot> {
        let mut scratch = Names::default();
        Bound { names: &mut scratch }.visit_expr(expr);
        scratch.locals.iter().filter_map(|name| self.slot(name)).collect()
    }

    fn reads(&self, expr: &Expr, into: &mut SlotSet) {
        Reads { names: self, into }.visit_expr(expr);
    }
}

/// Whether the statements use the variable, a `dict`, as a whole: go through it, store into it, hand it on.
pub fn is_used_as_dict(body: &[Stmt], name: &str) -> bool {
    struct Uses<'n> {
        name: &'n str,
        whole: bool,
        spread: bool,
    }
    impl Uses<'_> {
        fn is_it(&self, expr: &Expr) -> bool {
            matches!(expr, Expr::Name(found) if found.id.as_str() == self.name)
        }
    }
    impl<'a> Visitor<'a> for Uses<'_> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            match expr {
                // What a row can do as well.
                Expr::Attribute(attribute) if self.is_it(&attribute.value) && attribute.attr.as_str() == "get" => {}
                Expr::Subscript(subscript)
                    if self.is_it(&subscript.value)
                        && subscript.ctx == ast::ExprContext::Load
                        && subscript.slice.is_string_literal_expr() => {}
                Expr::Compare(compare)
                    if compare.left.is_string_literal_expr()
                        && matches!(&*compare.comparators, [only] if self.is_it(only)) => {}
                expr if self.is_it(expr) => self.whole = true,
                expr => ast::visitor::walk_expr(self, expr),
            }
        }

        fn visit_keyword(&mut self, keyword: &'a ast::Keyword) {
            if keyword.arg.is_none() && self.is_it(&keyword.value) {
                self.spread = true;
            } else {
                ast::visitor::walk_keyword(self, keyword);
            }
        }
    }
    let mut uses = Uses { name, whole: false, spread: false };
    uses.visit_body(body);
    uses.whole && !uses.spread
}

/// The names that a function reads and does not bind itself, in the order of the text.
pub fn free_names(body: &[Stmt], expr: Option<&Expr>, own: &Names) -> Vec<String> {
    struct Free<'n> {
        own: &'n Names,
        found: Vec<String>,
        /// What the comprehensions and lambdas around bind for themselves.
        inner: Vec<String>,
    }
    impl Free<'_> {
        /// The parts of a comprehension: all but the first iterable see its variables.
        fn comprehension(&mut self, generators: &[ast::Comprehension], elements: &[&Expr]) {
            let kept = self.inner.len();
            let mut bound = Names::default();
            for (index, generator) in generators.iter().enumerate() {
                if index == 0 {
                    self.visit_expr(&generator.iter);
                }
                Bound { names: &mut bound }.visit_expr(&generator.target);
            }
            self.inner.extend(bound.locals);
            for (index, generator) in generators.iter().enumerate() {
                if index > 0 {
                    self.visit_expr(&generator.iter);
                }
                self.visit_expr(&generator.target);
                generator.ifs.iter().for_each(|test| self.visit_expr(test));
            }
            elements.iter().for_each(|element| self.visit_expr(element));
            self.inner.truncate(kept);
        }
    }
    impl<'a> Visitor<'a> for Free<'_> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            if let Stmt::Nonlocal(nonlocal) = stmt {
                for name in &nonlocal.names {
                    if self.own.slot(name.as_str()).is_none() && !self.found.iter().any(|known| known == name.as_str())
                    {
                        self.found.push(name.to_string());
                    }
                }
            }
            ast::visitor::walk_stmt(self, stmt);
        }

        fn visit_expr(&mut self, expr: &'a Expr) {
            match expr {
                Expr::Name(name)
                    if name.ctx != ast::ExprContext::Store
                        && self.own.slot(name.id.as_str()).is_none()
                        && !self.own.is_global(name.id.as_str())
                        && !self.inner.iter().any(|known| known == name.id.as_str())
                        && !self.found.iter().any(|known| known == name.id.as_str()) =>
                {
                    self.found.push(name.id.to_string());
                }
                Expr::ListComp(comp) => return self.comprehension(&comp.generators, &[&comp.elt]),
                Expr::SetComp(comp) => return self.comprehension(&comp.generators, &[&comp.elt]),
                Expr::Generator(comp) => return self.comprehension(&comp.generators, &[&comp.elt]),
                Expr::DictComp(comp) => {
                    let elements: Vec<&Expr> = comp.key.as_deref().into_iter().chain([&*comp.value]).collect();
                    return self.comprehension(&comp.generators, &elements);
                }
                Expr::Lambda(lambda) => {
                    let kept = self.inner.len();
                    if let Some(parameters) = &lambda.parameters {
                        let defaults = parameters.iter_non_variadic_params();
                        defaults
                            .filter_map(|parameter| parameter.default())
                            .for_each(|default| self.visit_expr(default));
                        self.inner.extend(parameters.iter().map(|parameter| parameter.name().to_string()));
                    }
                    self.visit_expr(&lambda.body);
                    self.inner.truncate(kept);
                    return;
                }
                _ => {}
            }
            ast::visitor::walk_expr(self, expr);
        }
    }
    let mut free = Free { own, found: Vec::new(), inner: Vec::new() };
    free.visit_body(body);
    if let Some(expr) = expr {
        free.visit_expr(expr);
    }
    free.found
}

/// As [`free_names`], of a generator expression: all but its first iterable, which is evaluated outside.
pub fn free_names_of_generator(node: &ast::ExprGenerator, own: &Names) -> Vec<String> {
    let mut bound = Names::default();
    for generator in &node.generators {
        Bound { names: &mut bound }.visit_expr(&generator.target);
    }
    let mut found: Vec<String> = Vec::new();
    let mut look = |expr: &Expr| {
        let more = free_names(&[], Some(expr), own);
        found.extend(more.into_iter().filter(|name| bound.slot(name).is_none()));
    };
    look(&node.elt);
    for (index, generator) in node.generators.iter().enumerate() {
        if index > 0 {
            look(&generator.iter);
        }
        generator.ifs.iter().for_each(&mut look);
    }
    found.sort();
    found.dedup();
    found
}

/// Whether a function with this body is a generator.
pub fn has_yield(body: &[Stmt]) -> bool {
    struct Yields(bool);
    impl<'a> Visitor<'a> for Yields {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                ast::visitor::walk_stmt(self, stmt);
            }
        }

        fn visit_expr(&mut self, expr: &'a Expr) {
            match expr {
                Expr::Yield(_) | Expr::YieldFrom(_) => self.0 = true,
                Expr::Lambda(_) => {}
                _ => ast::visitor::walk_expr(self, expr),
            }
        }
    }
    let mut yields = Yields(false);
    yields.visit_body(body);
    yields.0
}

/// Whether a generator with this body does something when it is given up before its end: it waits inside a `finally`, a `with`, or a
/// handler of whatever there is.
pub fn has_cleanup(body: &[Stmt]) -> bool {
    struct Cleanups(bool);
    impl<'a> Visitor<'a> for Cleanups {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            if let Stmt::Try(tried) = stmt {
                let catches_all = |handler: &ast::ExceptHandler| {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    let is_wide = |class: &Expr| matches!(class, Expr::Name(name) if matches!(name.id.as_str(), "BaseException" | "GeneratorExit"));
                    match handler.type_.as_deref() {
                        None => true,
                        Some(Expr::Tuple(classes)) => classes.elts.iter().any(is_wide),
                        Some(class) => is_wide(class),
                    }
                };
                let cleans = !tried.finalbody.is_empty() || tried.handlers.iter().any(catches_all);
                self.0 |= cleans && has_yield(&tried.body);
            }
            if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                ast::visitor::walk_stmt(self, stmt);
            }
        }
    }
    let mut cleanups = Cleanups(false);
    cleanups.visit_body(body);
    cleanups.0
}

/// Whether the body of a loop may leave it before its end, by `break` or `return`.
pub fn leaves_loop(body: &[Stmt]) -> bool {
    struct Leaves {
        inside: usize,
        found: bool,
    }
    impl<'a> Visitor<'a> for Leaves {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            self.found |= match stmt {
                Stmt::Return(_) => true,
                Stmt::Break(_) => self.inside == 0,
                _ => false,
            };
            let is_loop = usize::from(matches!(stmt, Stmt::For(_) | Stmt::While(_)));
            self.inside += is_loop;
            if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                ast::visitor::walk_stmt(self, stmt);
            }
            self.inside -= is_loop;
        }
    }
    let mut leaves = Leaves { inside: 0, found: false };
    leaves.visit_body(body);
    leaves.found
}

/// Whether a body has a `try` or a `with` of its own.
pub fn has_try(body: &[Stmt]) -> bool {
    struct Tries(bool);
    impl<'a> Visitor<'a> for Tries {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            self.0 |= matches!(stmt, Stmt::Try(_) | Stmt::With(_));
            if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                ast::visitor::walk_stmt(self, stmt);
            }
        }
    }
    let mut tries = Tries(false);
    tries.visit_body(body);
    tries.0
}

/// The variables of a function that are bound more than once, or in a loop: their values may change behind the back of
/// what holds one.
fn rebound(names: &Names, params: usize, body: &[Stmt]) -> (SlotSet, HashMap<Slot, TextSize>) {
    let mut once = SlotSet::default();
    (0..params).for_each(|slot| once.insert(slot));
    let mut bindings = Bindings { names, ends: Vec::new(), once, again: SlotSet::default(), until: HashMap::new() };
    bindings.visit_body(body);
    (bindings.again, bindings.until)
}

/// Counts how often variables are bound.
struct Bindings<'n> {
    names: &'n Names,
    /// Where the loops around end, and the functions inside this one: those run at any later time.
    ends: Vec<TextSize>,
    once: SlotSet,
    again: SlotSet,
    until: HashMap<Slot, TextSize>,
}

/// Behind every text.
const TEXT_END: TextSize = TextSize::new(u32::MAX);

impl Bindings<'_> {
    fn bind(&mut self, name: &str, end: TextSize) {
        let Some(slot) = self.names.slot(name) else { return };
        if !self.ends.is_empty() || self.once.contains(slot) {
            self.again.insert(slot);
        }
        self.once.insert(slot);
        let end = self.ends.first().copied().unwrap_or(end).max(end);
        let until = self.until.entry(slot).or_insert(end);
        *until = end.max(*until);
    }
}

impl<'a> Visitor<'a> for Bindings<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                self.bind(def.name.as_str(), def.end());
                // Its `nonlocal` variables are these.
                self.ends.insert(0, TEXT_END);
                ast::visitor::walk_stmt(self, stmt);
                self.ends.remove(0);
            }
            Stmt::For(_) | Stmt::While(_) => {
                self.ends.push(stmt.end());
                ast::visitor::walk_stmt(self, stmt);
                self.ends.pop();
            }
            Stmt::ClassDef(class) => self.bind(class.name.as_str(), class.end()),
            _ => ast::visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && name.ctx != ast::ExprContext::Load
        {
            self.bind(name.id.as_str(), name.end());
        }
        ast::visitor::walk_expr(self, expr);
    }

    fn visit_pattern(&mut self, pattern: &'a ast::Pattern) {
        for name in pattern_names(pattern) {
            self.bind(name, pattern.end());
        }
        ast::visitor::walk_pattern(self, pattern);
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            // It is deleted at the end.
            self.bind(name.as_str(), inner.end());
            self.bind(name.as_str(), inner.end());
        }
        ast::visitor::walk_except_handler(self, handler);
    }
}

/// The names of the `nonlocal` and `global` statements of a body itself.
fn declared_names(body: &[Stmt]) -> (HashSet<String>, HashSet<String>) {
    #[derive(Default)]
    struct Own(HashSet<String>, HashSet<String>);
    impl<'a> Visitor<'a> for Own {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::Nonlocal(nonlocal) => self.0.extend(nonlocal.names.iter().map(|name| name.to_string())),
                Stmt::Global(global) => self.1.extend(global.names.iter().map(|name| name.to_string())),
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                _ => ast::visitor::walk_stmt(self, stmt),
            }
        }

        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut own = Own::default();
    own.visit_body(body);
    (own.0, own.1)
}

/// Collects the names of the `nonlocal` statements of the functions inside a body.
#[derive(Default)]
struct InnerNonlocals {
    inside: usize,
    found: Vec<String>,
}

impl<'a> Visitor<'a> for InnerNonlocals {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Nonlocal(nonlocal) = stmt
            && self.inside > 0
        {
            self.found.extend(nonlocal.names.iter().map(|name| name.to_string()));
        }
        let deeper = usize::from(matches!(stmt, Stmt::FunctionDef(_)));
        self.inside += deeper;
        ast::visitor::walk_stmt(self, stmt);
        self.inside -= deeper;
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// Collects the names that a body binds in its own scope.
struct Bound<'n> {
    names: &'n mut Names,
}

impl<'a> Visitor<'a> for Bound<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => self.names.add_other(def.name.as_str()),
            Stmt::ClassDef(class) => self.names.add_other(class.name.as_str()),
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    if let Expr::Name(name) = target {
                        self.names.add_other(name.id.as_str());
                    }
                }
                ast::visitor::walk_stmt(self, stmt);
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let bound = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.names.add_other(bound.as_str().split('.').next().unwrap_or_default());
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.names.add_other(alias.asname.as_ref().unwrap_or(&alias.name).as_str());
                }
            }
            _ => ast::visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx == ast::ExprContext::Store => self.names.add(name.id.as_str()),
            // The targets of comprehensions and the parameters of lambdas have a scope of their own; `:=` has not.
            Expr::Lambda(_) => {}
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                ast::visitor::walk_expr(&mut Walrus { names: self.names }, expr);
            }
            _ => ast::visitor::walk_expr(self, expr),
        }
    }

    fn visit_pattern(&mut self, pattern: &'a ast::Pattern) {
        for name in pattern_names(pattern) {
            self.names.add_other(name);
        }
        ast::visitor::walk_pattern(self, pattern);
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.names.add_other(name.as_str());
        }
        ast::visitor::walk_except_handler(self, handler);
    }
}

/// The names that a pattern itself binds, without those of the patterns inside it.
fn pattern_names(pattern: &ast::Pattern) -> impl Iterator<Item = &str> {
    let name = match pattern {
        ast::Pattern::MatchAs(inner) => inner.name.as_ref(),
        ast::Pattern::MatchStar(inner) => inner.name.as_ref(),
        ast::Pattern::MatchMapping(inner) => inner.rest.as_ref(),
        _ => None,
    };
    name.map(|name| name.as_str()).into_iter()
}

/// Collects the targets of `:=` inside a comprehension.
struct Walrus<'n> {
    names: &'n mut Names,
}

impl<'a> Visitor<'a> for Walrus<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Named(named) => {
                if let Expr::Name(name) = &*named.target {
                    self.names.add(name.id.as_str());
                }
                self.visit_expr(&named.value);
            }
            Expr::Lambda(_) => {}
            _ => ast::visitor::walk_expr(self, expr),
        }
    }
}

/// Collects the names read inside lambdas and inner functions: those run at any later time, so their names stay live.
struct Deferred<'n> {
    names: &'n Names,
    inside: usize,
    found: &'n mut SlotSet,
}

impl<'a> Visitor<'a> for Deferred<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let deferred = usize::from(matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::With(_)));
        self.inside += deferred;
        ast::visitor::walk_stmt(self, stmt);
        self.inside -= deferred;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && self.inside > 0
            && let Some(slot) = self.names.slot(name.id.as_str())
        {
            self.found.insert(slot);
        }
        let deferred = usize::from(matches!(expr, Expr::Lambda(_)));
        self.inside += deferred;
        ast::visitor::walk_expr(self, expr);
        self.inside -= deferred;
    }
}

/// Collects the variables that an expression reads; also those of inner scopes with the same name, which is harmless.
struct Reads<'n, 's> {
    names: &'n Names,
    into: &'s mut SlotSet,
}

impl<'a> Visitor<'a> for Reads<'_, '_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && name.ctx != ast::ExprContext::Store
            && let Some(slot) = self.names.slot(name.id.as_str())
        {
            self.into.insert(slot);
        }
        ast::visitor::walk_expr(self, expr);
    }
}

/// What [`Names`] says of single statements.
#[derive(Default)]
struct LiveSets {
    after: HashMap<TextRange, SlotSet>,
    header: HashMap<TextRange, SlotSet>,
    caught: HashMap<TextRange, SlotSet>,
}

struct Liveness<'n> {
    names: &'n Names,
    always: SlotSet,
    found: LiveSets,
    /// Of each loop around: what is live where `break` and `continue` go.
    loops: Vec<(SlotSet, SlotSet)>,
    /// Of each `try` around: what is live where control goes from anywhere inside it, the outer ones included.
    tries: Vec<SlotSet>,
}

impl Liveness<'_> {
    fn block(&mut self, body: &[Stmt], mut live: SlotSet) -> SlotSet {
        for stmt in body.iter().rev() {
            live = self.stmt(stmt, live);
        }
        live
    }

    /// What is live before the statement, given what is live after it. Inside a `try` an exception may leave from
    /// before or after every statement.
    fn stmt(&mut self, stmt: &Stmt, mut out: SlotSet) -> SlotSet {
        if let Some(caught) = self.tries.last() {
            out.extend(caught);
        }
        self.found.after.insert(stmt.range(), out.clone());
        let mut live = self.before(stmt, out);
        if let Some(caught) = self.tries.last() {
            live.extend(caught);
        }
        live
    }

    fn before(&mut self, stmt: &Stmt, out: SlotSet) -> SlotSet {
        match stmt {
            Stmt::Assign(assign) => {
                let mut live = out;
                assign.targets.iter().for_each(|target| self.kill(target, &mut live));
                assign.targets.iter().for_each(|target| self.names.reads(target, &mut live));
                self.names.reads(&assign.value, &mut live);
                live
            }
            Stmt::AnnAssign(assign) => {
                let mut live = out;
                if let Some(value) = &assign.value {
                    self.kill(&assign.target, &mut live);
                    self.names.reads(value, &mut live);
                }
                self.names.reads(&assign.target, &mut live);
                live
            }
            Stmt::AugAssign(assign) => {
                let mut live = out;
                self.names.reads(&assign.value, &mut live);
                self.names.reads(&assign.target, &mut live);
                if let Expr::Name(name) = &*assign.target
                    && let Some(slot) = self.names.slot(name.id.as_str())
                {
                    live.insert(slot);
                }
                live
            }
            Stmt::If(branch) => {
                let mut live = match branch.elif_else_clauses.last() {
                    Some(clause) if clause.test.is_none() => SlotSet::default(),
                    _ => out.clone(),
                };
                live.extend(&self.block(&branch.body, out.clone()));
                self.names.reads(&branch.test, &mut live);
                for clause in &branch.elif_else_clauses {
                    live.extend(&self.block(&clause.body, out.clone()));
                    if let Some(test) = &clause.test {
                        self.names.reads(test, &mut live);
                    }
                }
                live
            }
            Stmt::While(looped) => {
                let mut exit = self.block(&looped.orelse, out.clone());
                self.names.reads(&looped.test, &mut exit);
                self.iterate(stmt, exit, out, None, &looped.body)
            }
            Stmt::For(looped) => {
                let exit = self.block(&looped.orelse, out.clone());
                let mut live = self.iterate(stmt, exit, out, Some(&looped.target), &looped.body);
                self.names.reads(&looped.iter, &mut live);
                live
            }
            Stmt::Break(_) => self.loops.last().map_or(out, |(exit, _)| exit.clone()),
            Stmt::Continue(_) => self.loops.last().map_or(out, |(_, header)| header.clone()),
            Stmt::Try(tried) => self.tried(tried, out),
            Stmt::Match(matched) => {
                let mut live = out.clone();
                for case in &matched.cases {
                    live.extend(&self.block(&case.body, out.clone()));
                    if let Some(guard) = &case.guard {
                        self.names.reads(guard, &mut live);
                    }
                    Reads { names: self.names, into: &mut live }.visit_pattern(&case.pattern);
                }
                self.names.reads(&matched.subject, &mut live);
                live
            }
            Stmt::Return(_) | Stmt::Raise(_) => {
                let mut live = self.always.clone();
                Reads { names: self.names, into: &mut live }.visit_stmt(stmt);
                live
            }
            _ => {
                let mut live = out;
                Reads { names: self.names, into: &mut live }.visit_stmt(stmt);
                live
            }
        }
    }

    /// What is live before a `try`. Its `finally` may go on to wherever `return`, `break` and `continue` go.
    fn tried(&mut self, tried: &ast::StmtTry, out: SlotSet) -> SlotSet {
        let mut done = out;
        if !tried.finalbody.is_empty() {
            for (exit, header) in &self.loops {
                done.extend(exit);
                done.extend(header);
            }
            done.extend(&self.always);
            done = self.block(&tried.finalbody, done);
        }
        let mut caught = done.clone();
        caught.extend(&self.always);
        if let Some(around) = self.tries.last() {
            caught.extend(around);
        }
        self.tries.push(caught.clone());
        for handler in &tried.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let mut live = self.block(&handler.body, done.clone());
            if let Some(slot) = handler.name.as_ref().and_then(|name| self.names.slot(name.as_str()))
                && !self.always.contains(slot)
                && !done.contains(slot)
            {
                live.remove(slot);
            }
            caught.extend(&live);
            if let Some(class) = &handler.type_ {
                self.names.reads(class, &mut caught);
            }
        }
        let orelse = self.block(&tried.orelse, done);
        self.tries.pop();
        self.tries.push(caught.clone());
        let live = self.block(&tried.body, orelse);
        self.tries.pop();
        self.found.caught.insert(tried.range(), caught);
        live
    }

    /// What is live where an iteration starts: the least fixpoint around the loop.
    fn iterate(&mut self, stmt: &Stmt, exit: SlotSet, out: SlotSet, target: Option<&Expr>, body: &[Stmt]) -> SlotSet {
        // A loop inside a loop is looked at again each time the outer one learns more: what was found before still holds.
        let mut header = self.found.header.get(&stmt.range()).cloned().unwrap_or_default();
        header.extend(&exit);
        loop {
            self.loops.push((out.clone(), header.clone()));
            let mut live = self.block(body, header.clone());
            self.loops.pop();
            if let Some(target) = target {
                self.kill(target, &mut live);
                self.names.reads(target, &mut live);
            }
            live.extend(&exit);
            if !header.extend(&live) {
                break;
            }
        }
        self.found.header.insert(stmt.range(), header.clone());
        header
    }

    /// Takes out the variables that an assignment target binds.
    fn kill(&self, target: &Expr, live: &mut SlotSet) {
        match target {
            Expr::Name(name) => {
                if let Some(slot) = self.names.slot(name.id.as_str())
                    && !self.always.contains(slot)
                {
                    live.remove(slot);
                }
            }
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|item| self.kill(item, live)),
            Expr::List(list) => list.elts.iter().for_each(|item| self.kill(item, live)),
            Expr::Starred(starred) => self.kill(&starred.value, live),
            _ => {}
        }
    }
}
