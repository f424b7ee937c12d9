//! Statements. Each failed one is reported and the walk goes on, so that all errors of a program come at once; what it
//! would have bound is poisoned, so that nothing is said twice.

use ir::Type;

use super::memo::is_cache;
use super::value::Static;
use super::{Edge, Lowered, Lowerer, Stop, Thing, Val, Var};
use crate::library;
use crate::locate::FunctionNode;
use crate::names::{Slot, leaves_loop};
use crate::parse::ast::{self, Expr, Ranged, Stmt};
use crate::specialise::Callable;

/// The two ways out of an iteration.
#[derive(Clone, Copy)]
pub enum LoopExit {
    Break,
    Continue,
}

impl<'p> Lowerer<'_, 'p> {
    /// Statements in order, as far as control gets.
    pub fn block(&mut self, body: &'p [Stmt]) {
        for stmt in body {
            let Some(saved) = self.env().map(|env| env.clone()) else { return };
            let (scopes, loops, tries) = (self.scopes.len(), self.loops.len(), self.cover.depth());
            self.at(stmt);
            let lowered = self.burn(4).and_then(|()| self.stmt(stmt));
            match self.settle(lowered) {
                Ok(()) => {}
                Err(Stop::Failed) => {
                    self.failures += 1;
                    self.close_scopes(scopes);
                    self.loops.truncate(loops);
                    self.cover.leave_to(tries);
                    if !self.is_live() {
                        let block = self.builder.block();
                        self.attach(Edge { block, env: saved });
                    }
                    for slot in self.names.bound_in(std::slice::from_ref(stmt), None) {
                        self.set_slot(slot, Var::Poisoned);
                    }
                }
                Err(_) => self.close(),
            }
        }
    }

    fn stmt(&mut self, stmt: &'p Stmt) -> Lowered<()> {
        match stmt {
            Stmt::Expr(inner) if matches!(*inner.value, Expr::StringLiteral(_) | Expr::EllipsisLiteral(_)) => Ok(()),
            Stmt::Expr(inner) => self.expr(&inner.value).map(|_| ()),
            Stmt::Pass(_) => Ok(()),
            Stmt::Return(inner) => {
                let val = match &inner.value {
                    Some(value) => {
                        let val = self.expr(value)?;
                        self.refuse_late(val.ty())?;
                        val
                    }
                    None => self.none(),
                };
                self.leave(val);
                Ok(())
            }
            Stmt::Assign(assign) => self.assign_stmt(assign),
            Stmt::AnnAssign(assign) => self.annotated_assign(assign),
            Stmt::AugAssign(assign) => self.augmented_assign(assign),
            Stmt::If(branch) => self.if_stmt(branch, stmt),
            Stmt::While(looped) => self.while_stmt(looped, stmt),
            Stmt::For(looped) => self.for_stmt(looped, stmt),
            Stmt::Break(_) => self.leave_loop(LoopExit::Break),
            Stmt::Continue(_) => self.leave_loop(LoopExit::Continue),
            Stmt::Nonlocal(nonlocal) => self.declare_outer(&nonlocal.names, "nonlocal"),
            Stmt::Global(global) => self.declare_outer(&global.names, "global"),
            Stmt::Match(matched) => self.match_stmt(matched, stmt),
            Stmt::Try(tried) => self.try_stmt(tried, stmt),
            Stmt::Raise(raise) => self.raise_stmt(raise),
            Stmt::Assert(assert) => self.assert_stmt(assert),
            Stmt::Import(import) => self.import_stmt(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Delete(delete) => self.delete(delete),
            Stmt::FunctionDef(def) if def.decorator_list.iter().all(|decorator| is_cache(&decorator.expression)) => {
                let closure = self.closure_thing(FunctionNode::Def(def))?;
                if let (Some(holder), Thing::Val(val)) = (self.cells_of(def.name.as_str()), &closure) {
                    return self.write_cell(&holder, def.name.as_str(), val);
                }
                self.refuse_cell(def.name.as_str(), &def.name)?;
                if let Some(slot) = self.names.slot(def.name.as_str()) {
                    self.set_slot(
                        slot,
                        match closure {
                            Thing::Static(known) => Var::Static(known),
                            Thing::Val(val) => Var::Bound(val),
                        },
                    );
                }
                Ok(())
            }
            Stmt::ClassDef(class) => self.local_class(class),
            other => self.unsupported_stmt(other),
        }
    }

    /// A class inside the function: its methods see the names of the module, and classes beside it.
    fn local_class(&mut self, class: &'p ast::StmtClassDef) -> Lowered<()> {
        let is_function = matches!(self.compiler.callable_of(self.spec), Some(Callable::Program(_)));
        if !is_function {
            return self.fail(
                "unsupported-statement",
                "a class inside a method or an inner function cannot be compiled",
                Some("define it at the top of the module".to_owned()),
            );
        }
        self.refuse_cell(class.name.as_str(), &class.name)?;
        let around = self.names.locals.clone();
        let number = self.compiler.local_class_number(class, self.function, around);
        self.class(number)?;
        if let Some(slot) = self.names.slot(class.name.as_str()) {
            self.set_slot(slot, Var::Static(Static::Class(number)));
        }
        Ok(())
    }

    /// `del name`: the name is not bound any more. `del object[index]`.
    fn delete(&mut self, delete: &'p ast::StmtDelete) -> Lowered<()> {
        for target in &delete.targets {
            match target {
                Expr::Name(name) => {
                    self.refuse_cell(name.id.as_str(), target)?;
                    self.thing(target)?;
                    if let Some(slot) = self.slot(name.id.as_str()) {
                        self.set_slot(slot, Var::Unbound);
                    }
                }
                Expr::Subscript(subscript) => {
                    let object = self.expr(&subscript.value)?;
                    let index = self.subscript_index(&subscript.slice)?;
                    self.at(subscript);
                    self.delete_item(&object, &index)?;
                }
                other => {
                    return self.fail_at(
                        other,
                        "unsupported-statement",
                        "only a name or an item can be deleted in compiled code",
                        None,
                    );
                }
            }
        }
        Ok(())
    }

    fn unsupported_stmt(&mut self, stmt: &Stmt) -> Lowered<()> {
        let (what, help) = match stmt {
            Stmt::FunctionDef(_) => {
                ("a decorated function inside a function", Some("define it at the top of the module"))
            }
            Stmt::TypeAlias(_) => ("a `type` statement", Some("define it at the top of the module")),
            Stmt::With(_) => ("`with`", None),
            _ => ("this statement", None),
        };
        self.fail("unsupported-statement", format!("{what} cannot be compiled"), help.map(str::to_owned))
    }

    /// `break` or `continue`, by way of the `finally` around that is inside the loop.
    pub fn leave_loop(&mut self, exit: LoopExit) -> Lowered<()> {
        let Some((breaks, continues)) = self.loops.last().copied() else {
            return self.fail("syntax-error", "`break` and `continue` belong into a loop", None);
        };
        let collector = match (self.cover.finally_in_loop(self.loops.len()), exit) {
            (Some(finally), LoopExit::Break) => finally.breaks,
            (Some(finally), LoopExit::Continue) => finally.continues,
            (None, LoopExit::Break) => breaks,
            (None, LoopExit::Continue) => continues,
        };
        let edge = self.detach();
        self.collect(collector, edge);
        Ok(())
    }

    fn if_stmt(&mut self, branch: &'p ast::StmtIf, stmt: &'p Stmt) -> Lowered<()> {
        let names = self.names.clone();
        let live = names.live_after(stmt);
        let mut ends: Vec<Edge> = Vec::new();
        let (then, mut otherwise) = self.test(&branch.test);
        self.block_from(then, &branch.body, &mut ends);
        for clause in &branch.elif_else_clauses {
            if self.join(std::mem::take(&mut otherwise), None).is_err() {
                break;
            }
            match &clause.test {
                Some(test) => {
                    let (then, rest) = self.test(test);
                    otherwise = rest;
                    self.block_from(then, &clause.body, &mut ends);
                }
                None => {
                    self.block(&clause.body);
                    ends.extend(self.detach());
                }
            }
        }
        ends.extend(otherwise);
        self.join(ends, live)
    }

    pub fn block_from(&mut self, edges: Vec<Edge>, body: &'p [Stmt], ends: &mut Vec<Edge>) {
        if self.join(edges, None).is_ok() {
            self.block(body);
            ends.extend(self.detach());
        }
    }

    /// The edges where a condition holds and where it does not. When it is refused, both sides are looked at all the
    /// same, for their errors.
    pub fn test(&mut self, expr: &'p Expr) -> (Vec<Edge>, Vec<Edge>) {
        let Some(saved) = self.env().map(|env| env.clone()) else { return (Vec::new(), Vec::new()) };
        let lowered = self.condition(expr);
        match self.settle(lowered) {
            Ok(edges) => edges,
            Err(Stop::Failed) => {
                self.failures += 1;
                let then = Edge { block: self.builder.block(), env: saved.clone() };
                let otherwise = Edge { block: self.builder.block(), env: saved };
                (vec![then], vec![otherwise])
            }
            Err(_) => (Vec::new(), Vec::new()),
        }
    }

    fn while_stmt(&mut self, looped: &'p ast::StmtWhile, stmt: &'p Stmt) -> Lowered<()> {
        let names = self.names.clone();
        let mut assigned = names.bound_in(&looped.body, None);
        assigned.extend(names.bound_in_expr(&looped.test));
        let breaks = self.open_collector();
        let exits = self.open_collector();
        let lowered = self.run_loop(looped.start().to_u32(), &assigned, names.live_in_loop(stmt), &mut |lowerer| {
            let (holds, fails) = lowerer.test(&looped.test);
            lowerer.collect(exits, fails);
            lowerer.join(holds, None)?;
            lowerer.loop_body(&looped.body, breaks, stmt)
        });
        let exits = self.close_collector(exits);
        self.after_loop(lowered, (breaks, exits), &looped.orelse, stmt)
    }

    /// The body of a loop statement, from the start of an iteration to where the next one starts.
    fn loop_body(&mut self, body: &'p [Stmt], breaks: usize, stmt: &'p Stmt) -> Lowered<()> {
        let names = self.names.clone();
        let continues = self.open_collector();
        self.loops.push((breaks, continues));
        self.block(body);
        self.loops.pop();
        let mut ends = self.close_collector(continues);
        ends.extend(self.detach());
        self.join(ends, names.live_in_loop(stmt))
    }

    /// The `else` of a loop and what follows it.
    fn after_loop(
        &mut self,
        lowered: Lowered<()>,
        (breaks, exits): (usize, Vec<Edge>),
        orelse: &'p [Stmt],
        stmt: &'p Stmt,
    ) -> Lowered<()> {
        let names = self.names.clone();
        let mut ends = self.close_collector(breaks);
        self.settle(lowered)?;
        self.block_from(exits, orelse, &mut ends);
        self.join(ends, names.live_after(stmt))
    }

    fn for_stmt(&mut self, looped: &'p ast::StmtFor, stmt: &'p Stmt) -> Lowered<()> {
        if looped.is_async {
            return self.fail("unsupported-statement", "`async for` cannot be compiled", None);
        }
        let names = self.names.clone();
        if let Some(fields) = self.fields_to_unroll(&looped.iter)? {
            return self.unrolled_for(fields, looped, stmt);
        }
        let source = self.iterable(&looped.iter)?;
        if leaves_loop(&looped.body) {
            self.at(&*looped.iter);
            self.refuse_abandoned(&source)?;
        }
        let assigned: Vec<Slot> = names.bound_in(&looped.body, Some(&looped.target));
        let breaks = self.open_collector();
        let exits = self.open_collector();
        let key = looped.start().to_u32();
        self.at(stmt);
        let live = names.live_in_loop(stmt);
        let lowered = self.for_each(source, key, &assigned, live, exits, &mut |lowerer, item| {
            lowerer.at(&*looped.target);
            lowerer.assign(&looped.target, item)?;
            lowerer.loop_body(&looped.body, breaks, stmt)
        });
        let exits = self.close_collector(exits);
        self.after_loop(lowered, (breaks, exits), &looped.orelse, stmt)
    }

    /// In the library a loop over a tuple is written out: its items may be of any types, and so may what is made of them.
    fn fields_to_unroll(&mut self, iter: &'p Expr) -> Lowered<Option<Vec<Val>>> {
        if !library::is_library_function(self.function) || !iter.is_name_expr() {
            return Ok(None);
        }
        Ok(match self.thing(iter)? {
            Thing::Val(val) if matches!(val.ty(), Type::Tuple(_)) => Some(self.fields(&val)),
            Thing::Val(_) | Thing::Static(_) => None,
        })
    }

    fn unrolled_for(&mut self, fields: Vec<Val>, looped: &'p ast::StmtFor, stmt: &'p Stmt) -> Lowered<()> {
        let breaks = self.open_collector();
        let exits = self.open_collector();
        for field in fields {
            if !self.is_live() {
                break;
            }
            self.at(&*looped.target);
            self.assign(&looped.target, field)?;
            match self.loop_body(&looped.body, breaks, stmt) {
                Ok(()) => {}
                Err(Stop::Dead) => self.close(),
                Err(other) => return Err(other),
            }
        }
        let end = self.detach();
        self.collect(exits, end);
        let exits = self.close_collector(exits);
        self.after_loop(Ok(()), (breaks, exits), &looped.orelse, stmt)
    }

    // Imports inside a function bind names to modules; nothing is run.

    fn import_stmt(&mut self, import: &'p ast::StmtImport) -> Lowered<()> {
        for alias in &import.names {
            let name = alias.name.as_str();
            let bound = alias.asname.as_ref().map_or(name, |asname| asname.as_str());
            self.bind_import(bound, Static::Module(name.to_owned()), alias)?;
        }
        Ok(())
    }

    fn import_from(&mut self, import: &'p ast::StmtImportFrom) -> Lowered<()> {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        for alias in &import.names {
            let name = alias.name.as_str();
            let bound = alias.asname.as_ref().map_or(name, |asname| asname.as_str());
            self.bind_import(bound, Static::Member(module.to_owned(), name.to_owned()), alias)?;
        }
        Ok(())
    }

    fn bind_import(&mut self, name: &str, what: Static, node: &impl Ranged) -> Lowered<()> {
        let module = match &what {
            Static::Module(module) | Static::Member(module, _) => module.as_str(),
            _ => "",
        };
        if !super::modules::is_known(module) {
            return self.fail_at(
                node,
                "unsupported-import",
                format!("`{module}` cannot be used in compiled code"),
                Some("`math`, `numpy` and many modules of the standard library can".to_owned()),
            );
        }
        let thing = match what {
            Static::Member(module, member) => self.member(&module, &member, node)?,
            other => Thing::Static(other),
        };
        if let Some(slot) = self.names.slot(name) {
            self.set_slot(
                slot,
                match thing {
                    Thing::Static(known) => Var::Static(known),
                    Thing::Val(val) => Var::Bound(val),
                },
            );
        }
        Ok(())
    }
}
