//! `try` statements. Where control can leave to a handler, the variables have the values of that moment: a block inside
//! a `try` that can raise gets a landing of its own, a block that the exception comes to and from which control goes on
//! like any other edge, with the variables as they were when the block began. A block that could raise after a variable
//! was assigned is ended before it does. `finally` is lowered once for each way to leave the statement.

use std::collections::HashMap;

use ir::{BlockId, ExcClass, ExcKind, Op, Target, Type};

use super::dispatch::Dispatch;
use super::stmt::LoopExit;
use super::{Edge, Lowered, Lowerer, Stop, Val, Var};
use crate::library;
use crate::names::{Slot, SlotSet};
use crate::parse::ast::{self, Expr, Stmt};
use crate::program::Binding;

/// The `try` statements around the place that is lowered, and which blocks lead to which of them.
#[derive(Default)]
pub struct Cover {
    frames: Vec<Frame>,
    /// The hidden variables with the exceptions that are being handled, for a bare `raise`.
    handled: Vec<Slot>,
    /// Counts the changes of variables and frames, so that a block knows whether its landing is still true.
    version: u64,
    /// The blocks that have a handler, with the version for which it was made.
    blocks: HashMap<BlockId, u64>,
}

/// What a place inside a `try` is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    frames: usize,
    handled: usize,
}

struct Frame {
    /// The collector of edges with an exception, which is the hidden variable behind the others.
    exceptions: usize,
    /// How many variables there were before.
    vars: usize,
    /// `None` for the handlers of a statement.
    finally: Option<Finally>,
    /// What the handlers take.
    catches: Vec<ExcKind>,
}

/// The collectors of a `finally`.
#[derive(Clone, Copy)]
pub struct Finally {
    /// Edges that return the hidden variable behind the others.
    pub returns: usize,
    pub breaks: usize,
    pub continues: usize,
    /// How many variables and loops there were before.
    pub vars: usize,
    loops: usize,
}

impl Cover {
    /// The variables are not what they were.
    pub fn vars_changed(&mut self) {
        self.version += 1;
    }

    pub fn depth(&self) -> Depth {
        Depth { frames: self.frames.len(), handled: self.handled.len() }
    }

    /// Forgets the statements that began after `depth`.
    pub fn leave_to(&mut self, depth: Depth) {
        self.frames.truncate(depth.frames);
        self.handled.truncate(depth.handled);
        self.version += 1;
    }

    /// As [`Cover::leave_to`], where the blocks from number `blocks` on are thrown away.
    pub fn go_back(&mut self, depth: Depth, blocks: usize) {
        self.leave_to(depth);
        self.blocks.retain(|block, _| block.index() < blocks);
    }

    /// The innermost `finally`.
    pub fn finally(&self) -> Option<Finally> {
        self.frames.iter().rev().find_map(|frame| frame.finally)
    }

    /// The innermost `finally` inside the loop of this depth.
    pub fn finally_in_loop(&self, loops: usize) -> Option<Finally> {
        self.finally().filter(|finally| finally.loops >= loops)
    }

    /// Whether a handler around takes what an operation raises that its operands' types forbid. Such an operation is
    /// an error of the program anywhere else. A name that is not there is meant only where the handler says so.
    pub fn catches(&self, class: ExcKind) -> bool {
        let names_it = |kind: &ExcKind| *kind == class;
        let takes_it = |kind: &ExcKind| class.is_subclass_of(*kind);
        let mut kinds = self.frames.iter().flat_map(|frame| &frame.catches);
        match class {
            ExcKind::TypeError | ExcKind::ValueError => kinds.any(takes_it),
            _ => kinds.any(names_it),
        }
    }

    fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
        self.version += 1;
    }

    fn pop(&mut self) {
        self.frames.pop();
        self.version += 1;
    }
}

impl<'p> Lowerer<'_, 'p> {
    /// Makes sure that what is emitted next raises to the innermost `try`, with the variables as they are now.
    pub fn cover(&mut self) {
        let here = self.builder.current();
        let known = self.cover.blocks.get(&here).copied();
        let frame = self.cover.frames.last();
        match (frame, known) {
            (None, None) => return,
            (Some(_), Some(version)) if version == self.cover.version => return,
            _ => {}
        }
        let frame = frame.map(|frame| (frame.exceptions, frame.vars));
        let Some(env) = self.env().map(|env| env.clone()) else { return };
        let _ = self.burn(8 + env.vars.len() / 4);
        let next = self.builder.block();
        self.builder.jump(next, &[]);
        self.builder.switch_to(next);
        let Some((exceptions, vars)) = frame else { return };
        let landing = self.builder.block();
        let exception = Val::new(self.builder.block_param(landing, Type::Exception), Type::Exception);
        self.builder.set_block_handler(next, Some(Target { block: landing, args: Vec::new() }));
        self.cover.blocks.insert(next, self.cover.version);
        let mut edge = Edge { block: landing, env };
        edge.env.truncate(vars);
        edge.env.vars.push(Var::Bound(exception));
        self.collect(exceptions, [edge]);
    }

    pub fn try_stmt(&mut self, tried: &'p ast::StmtTry, stmt: &'p Stmt) -> Lowered<()> {
        if tried.is_star {
            return self.fail("unsupported-statement", "`except*` cannot be compiled", Some("use `except`".to_owned()));
        }
        let names = self.names.clone();
        let after = names.live_after(stmt);
        if tried.finalbody.is_empty() {
            return self.try_except(tried, stmt, after);
        }
        let caught = names.live_when_caught(stmt);
        let vars = self.var_count();
        let exceptions = self.open_collector();
        let returns = self.open_collector();
        let breaks = self.open_collector();
        let continues = self.open_collector();
        let finally = Finally { returns, breaks, continues, vars, loops: self.loops.len() };
        self.cover.push(Frame { exceptions, vars, finally: Some(finally), catches: Vec::new() });
        let lowered = self.try_except(tried, stmt, caught);
        self.cover.pop();
        let lowered = self.if_reached(lowered);
        let normal = self.detach();
        let continues = self.close_collector(continues);
        let breaks = self.close_collector(breaks);
        let returns = self.close_collector(returns);
        let exceptions = self.close_collector(exceptions);
        lowered?;

        let mut ends = Vec::new();
        self.block_from(normal.into_iter().collect(), &tried.finalbody, &mut ends);
        if self.join(exceptions, caught).is_ok() {
            self.finally_raised(vars, tried)?;
        }
        if self.finally_after(returns, caught, tried)
            && let Some(val) = self.take_hidden(vars)?
        {
            self.leave(val);
        }
        if self.finally_after(breaks, caught, tried) {
            self.leave_loop(LoopExit::Break)?;
        }
        if self.finally_after(continues, caught, tried) {
            self.leave_loop(LoopExit::Continue)?;
        }
        self.join(ends, after)
    }

    /// The `finally` behind an exception. One that leaves by `return`, `break` or `continue` drops the exception; what only
    /// compiled code raises goes on before it can.
    fn finally_raised(&mut self, vars: usize, tried: &'p ast::StmtTry) -> Lowered<()> {
        if leaves(&tried.finalbody) {
            let exception = self.hidden_val(vars)?;
            self.let_ours_go(&exception)?;
        }
        if self.is_live() {
            self.block(&tried.finalbody);
        }
        if self.is_live()
            && let Some(exception) = self.take_hidden(vars)?
        {
            self.reraise(&exception);
        }
        Ok(())
    }

    /// Ends control flow where the exception is one that only compiled code raises.
    fn let_ours_go(&mut self, exception: &Val) -> Lowered<()> {
        let is_ours = self.is_exception(exception, &ExcKind::OURS.map(ExcClass::from));
        let (ours, pythons) = self.branch(&is_ours)?;
        self.continue_at(ours);
        if self.is_live() {
            self.reraise(exception);
        }
        self.continue_at(pythons);
        Ok(())
    }

    /// The `finally` behind these edges; whether control gets behind it.
    fn finally_after(&mut self, edges: Vec<Edge>, live: Option<&SlotSet>, tried: &'p ast::StmtTry) -> bool {
        if self.join(edges, live).is_err() {
            return false;
        }
        self.block(&tried.finalbody);
        self.is_live()
    }

    /// The hidden variable behind `vars` others, which ends here.
    fn take_hidden(&mut self, vars: usize) -> Lowered<Option<Val>> {
        let lowered = self.hidden_val(vars);
        let val = self.if_reached(lowered)?;
        self.drop_hidden(vars);
        Ok(val)
    }

    /// The statement without its `finally`.
    fn try_except(&mut self, tried: &'p ast::StmtTry, stmt: &'p Stmt, after: Option<&SlotSet>) -> Lowered<()> {
        if tried.handlers.is_empty() {
            self.block(&tried.body);
            return if self.is_live() { Ok(()) } else { Err(Stop::Dead) };
        }
        let names = self.names.clone();
        let vars = self.var_count();
        let exceptions = self.open_collector();
        let catches = self.caught_classes(tried);
        self.cover.push(Frame { exceptions, vars, finally: None, catches });
        self.block(&tried.body);
        self.cover.pop();
        let mut ends = Vec::new();
        let edges = self.close_collector(exceptions);
        self.block(&tried.orelse);
        ends.extend(self.detach());
        if self.join(edges, names.live_when_caught(stmt)).is_ok() {
            self.cover.handled.push(vars);
            let lowered = self.handlers(tried, vars, &mut ends);
            self.cover.handled.pop();
            let lowered = self.if_reached(lowered);
            lowered?;
        }
        self.join(ends, after)
    }

    /// What the handlers take, as classes of Python.
    fn caught_classes(&mut self, tried: &'p ast::StmtTry) -> Vec<ExcKind> {
        let mut catches = Vec::new();
        for handler in &tried.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            match &handler.type_ {
                Some(classes) => {
                    for class in self.exception_classes(classes).unwrap_or_default() {
                        catches.extend(match class {
                            ExcClass::Builtin(kind) => Some(kind),
                            ExcClass::Own(_) => None,
                        });
                    }
                }
                None => catches.push(ExcKind::BaseException),
            }
        }
        catches
    }

    /// The handlers, in order; an exception that none of them takes goes on.
    fn handlers(&mut self, tried: &'p ast::StmtTry, vars: usize, ends: &mut Vec<Edge>) -> Lowered<()> {
        for handler in &tried.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let classes = match &handler.type_ {
                Some(classes) => Some(self.exception_classes(classes)?),
                // The library cleans up whatever it was; a program knows Python's exceptions.
                None if library::is_library_function(self.function) => None,
                None => Some(vec![ExcKind::BaseException.into()]),
            };
            let rest = match &classes {
                Some(classes) => {
                    self.at(handler);
                    let exception = self.hidden_val(vars)?;
                    let is = self.is_exception(&exception, classes);
                    let (taken, rest) = self.branch(&is)?;
                    self.continue_at(taken);
                    rest
                }
                None => None,
            };
            if let Some(name) = &handler.name {
                self.refuse_cell(name.as_str(), name)?;
            }
            if self.is_live() {
                self.handler_body(handler, vars, classes);
                ends.extend(self.detach());
            }
            self.continue_at(rest);
            if !self.is_live() {
                return Ok(());
            }
        }
        let exception = self.hidden_val(vars)?;
        self.reraise(&exception);
        Ok(())
    }

    fn handler_body(
        &mut self,
        handler: &'p ast::ExceptHandlerExceptHandler,
        vars: usize,
        classes: Option<Vec<ExcClass>>,
    ) {
        let slot = handler.name.as_ref().and_then(|name| self.slot(name.as_str()));
        let mut known = None;
        if let (Some(slot), Ok(exception)) = (slot, self.hidden_val(vars)) {
            known = classes.map(|classes| (exception.id, self.caught.insert(exception.id, classes.into())));
            self.set_val(slot, exception);
        }
        self.block(&handler.body);
        // Behind the handler, the same value may have come from another one.
        match known {
            Some((id, Some(before))) => self.caught.insert(id, before),
            Some((id, None)) => self.caught.remove(&id),
            None => None,
        };
        self.drop_hidden(vars);
        // CPython deletes the name when the handler ends.
        if let Some(slot) = slot {
            self.set_slot(slot, Var::Unbound);
        }
    }

    /// Lowers `body`; where it raises, `undo` comes before the exception goes on.
    pub fn with_undo(
        &mut self,
        body: &mut dyn FnMut(&mut Self) -> Lowered<()>,
        undo: &mut dyn FnMut(&mut Self),
    ) -> Lowered<()> {
        let vars = self.var_count();
        let exceptions = self.open_collector();
        self.cover.push(Frame { exceptions, vars, finally: None, catches: Vec::new() });
        let lowered = body(self);
        let lowered = self.if_reached(lowered);
        self.cover.pop();
        let normal = self.detach();
        let edges = self.close_collector(exceptions);
        lowered?;
        if self.join(edges, None).is_ok() {
            undo(self);
            if let Some(exception) = self.take_hidden(vars)? {
                self.reraise(&exception);
            }
        }
        self.continue_at(normal);
        if self.is_live() { Ok(()) } else { Err(Stop::Dead) }
    }

    /// What `body` gives; where it raises one of Python's exceptions, what `rescue` gives.
    pub fn value_or_rescue(
        &mut self,
        body: &mut dyn FnMut(&mut Self) -> Lowered<Val>,
        rescue: &mut dyn FnMut(&mut Self) -> Lowered<Val>,
    ) -> Lowered<Val> {
        let (place, vars) = (self.place, self.var_count());
        let exceptions = self.open_collector();
        self.cover.push(Frame { exceptions, vars, finally: None, catches: Vec::new() });
        let mut state = Dispatch::default();
        self.one_branch(&mut state, body);
        self.cover.pop();
        let edges = self.close_collector(exceptions);
        self.at_place(place);
        if self.join(edges, None).is_ok() {
            if let Some(exception) = self.take_hidden(vars)? {
                self.let_ours_go(&exception)?;
            }
            self.one_branch(&mut state, rescue);
        }
        self.finish_dispatch(state, place)
    }

    /// Ends control flow with an exception that was caught.
    pub fn reraise(&mut self, exception: &Val) {
        self.cover();
        self.builder.reraise(exception.id);
        self.close();
    }

    /// The exception that is being handled.
    pub fn handled_exception(&mut self) -> Lowered<Option<Val>> {
        match self.cover.handled.last().copied() {
            Some(slot) => self.hidden_val(slot).map(Some),
            None => Ok(None),
        }
    }

    /// The classes that an `except` names: one, or a tuple of them.
    fn exception_classes(&mut self, expr: &'p Expr) -> Lowered<Vec<ExcClass>> {
        let named = match expr {
            Expr::Tuple(tuple) => &*tuple.elts,
            one => std::slice::from_ref(one),
        };
        let mut classes = Vec::new();
        for class in named {
            // `except` takes no tuple inside a tuple, unlike `isinstance`.
            let nests = match self.outer_tuple(class) {
                Some((_, items)) => expr.is_tuple_expr() || items.iter().any(|item| matches!(item, Binding::Tuple(_))),
                None => class.is_tuple_expr(),
            };
            if nests {
                return self.no_exception_class(class);
            }
            for thing in self.things_in_tuple(class)? {
                match self.exception_of_thing(&thing)? {
                    Some(known) => classes.push(known),
                    None => return self.no_exception_class(class),
                }
            }
        }
        Ok(classes)
    }

    fn no_exception_class<T>(&mut self, expr: &'p Expr) -> Lowered<T> {
        self.fail_at(
            expr,
            "unsupported-exception",
            "this is no exception class that compiled code knows",
            Some("name an exception class, or a tuple of such classes".to_owned()),
        )
    }

    /// Whether the exception is an instance of one of the classes.
    pub fn is_exception(&mut self, exception: &Val, classes: &[ExcClass]) -> Val {
        let mut found: Option<Val> = None;
        for class in classes {
            let is = self.emit(Op::ExceptionIs(*class), &[exception], Type::Bool);
            found = Some(match found {
                Some(before) => {
                    let yes = self.bool(true);
                    self.select(&before, &yes, &is)
                }
                None => is,
            });
        }
        found.unwrap_or_else(|| self.bool(false))
    }
}

/// Whether one of the statements may leave the block that they are.
fn leaves(body: &[Stmt]) -> bool {
    struct Finder(bool);
    impl<'a> ast::visitor::Visitor<'a> for Finder {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::Return(_) | Stmt::Break(_) | Stmt::Continue(_) => self.0 = true,
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                _ => ast::visitor::walk_stmt(self, stmt),
            }
        }
    }
    let mut finder = Finder(false);
    ast::visitor::Visitor::visit_body(&mut finder, body);
    finder.0
}
