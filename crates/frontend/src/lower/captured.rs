//! Functions inside others: which variables of the functions around they read, and how these reach them where they are called.
//! Owns the rule that this goes by the place of the text. Knows nothing of arguments and parameters.

use super::memo::is_cached;
use super::statics::Made;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Var};
use crate::locate::FunctionNode;
use crate::names::Slot;
use crate::parse::ast::Ranged;
use crate::specialise::Callable;

/// Variables that are passed to a function beside its arguments.
#[derive(Default)]
pub struct Captured {
    pub things: Vec<Thing>,
    pub names: Vec<String>,
    /// One of them may be assigned again.
    pub rebound: bool,
    /// A function that remembers its results is among those that are called, and one of its variables may be assigned behind it.
    pub forgets: bool,
}

/// The name that a variable which a function inside another reads has where that function is handed to.
fn name_for(id: usize, name: &str) -> String {
    format!("{id}.{name}")
}

/// The functions inside others that calls of this may call.
pub fn closures_in(known: &Static) -> impl Iterator<Item = usize> {
    let only = match known {
        Static::Closure(id) => Some(*id),
        Static::Made(made) => match &**made {
            Made::Comparison(Static::Closure(id)) => Some(*id),
            _ => None,
        },
        _ => None,
    };
    only.into_iter()
}

impl<'p> Lowerer<'_, 'p> {
    /// A function or lambda inside this one.
    pub fn closure(&mut self, node: FunctionNode<'p>) -> Lowered<Static> {
        let mut around: Vec<String> = self.scopes.iter().flatten().map(|(name, _)| name.clone()).collect();
        around.extend(self.names.locals.iter().cloned());
        let (file, owner) = (self.place.file, self.function);
        let is_around = |name: &str| around.iter().any(|known| known == name);
        let names = self.names.clone();
        let scopes: Vec<String> = self.scopes.iter().flatten().map(|(name, _)| name.clone()).collect();
        let cells_of =
            |name: &str| names.cells_of(name).filter(|_| !scopes.iter().any(|known| known == name)).map(str::to_owned);
        let id = self.compiler.closure_id(node, file, owner, is_around, cells_of).ok_or(Stop::Failed)?;
        let free = self.free_names_of(id);
        let slots = free.into_iter().filter_map(|name| self.slot(&name).map(|slot| (name, slot))).collect();
        self.closures_here.insert(id, slots);
        Ok(Static::Closure(id))
    }

    /// The variables that a function inside this one reads, their names there, and whether one may be assigned again.
    pub fn variables_around(&mut self, id: usize) -> Lowered<(Vec<Thing>, Vec<String>, bool)> {
        let mut captured = Captured::default();
        self.captured(id, false, &mut captured)?;
        Ok((captured.things, captured.names, captured.rebound))
    }

    /// The names of the variables that a function inside another reads there.
    fn free_names_of(&self, id: usize) -> Vec<String> {
        self.compiler.closure(id).map(|closure| closure.free.clone()).unwrap_or_default()
    }

    /// The variable that a function inside another reads under this name: by where that function is made, not by where it is
    /// called.
    pub fn variable_around(&mut self, id: usize, name: &str) -> Lowered<Slot> {
        let given = self.names.slot(&name_for(id, name));
        let here = self.closures_here.get(&id).and_then(|slots| slots.iter().find(|(known, _)| known == name));
        let here = here.map(|(_, slot)| *slot);
        match (given, here) {
            (Some(slot), None) | (None, Some(slot)) => return Ok(slot),
            // One that is called by itself has the variables under their own names.
            (None, None) if self.compiler.callable_of(self.spec) == Some(Callable::Closure(id)) => {
                if let Some(slot) = self.names.slot(name) {
                    return Ok(slot);
                }
            }
            _ => {}
        }
        self.fail(
            "unsupported-value",
            format!("which `{name}` a function reads that is called from here cannot be told"),
            Some(format!("pass `{name}` to that function as an argument")),
        )
    }

    /// Whether the names that a function made here reads stand for the same variables here as there.
    pub fn sees_as(&self, id: usize) -> bool {
        let Some(slots) = self.closures_here.get(&id) else { return false };
        self.free_names_of(id).iter().all(|name| {
            let there = slots.iter().find(|(known, _)| known == name).map(|(_, slot)| *slot);
            there.is_some() && there == self.slot(name)
        })
    }

    /// The variables that a function inside another reads, as further arguments, and those that the functions among them read:
    /// these have names that no other function has, as have all where that function is itself an argument (`passed`).
    pub fn captured(&mut self, id: usize, passed: bool, into: &mut Captured) -> Lowered<()> {
        let mut functions = vec![id];
        // Which functions read variables that may be assigned again, and which functions they call.
        let mut rebound: Vec<(usize, Slot)> = Vec::new();
        let mut calls: Vec<(usize, usize)> = Vec::new();
        let mut next = 0;
        while let Some(function) = functions.get(next).copied() {
            next += 1;
            for name in self.free_names_of(function) {
                let kept = if passed || function != id { name_for(function, &name) } else { name.clone() };
                if into.names.contains(&kept) {
                    continue;
                }
                let slot = self.variable_around(function, &name)?;
                let var = self.env().map_or(Var::Unbound, |env| env.var(slot));
                let thing = match var {
                    Var::Bound(val) => self.argument(Thing::Val(val))?,
                    Var::Static(known) => {
                        calls.extend(closures_in(&known).map(|called| (function, called)));
                        functions.extend(closures_in(&known).filter(|id| !functions.contains(id)).collect::<Vec<_>>());
                        Thing::Static(known)
                    }
                    Var::Poisoned => return Err(Stop::Failed),
                    Var::Unbound => continue,
                    Var::Maybe(..) | Var::Mixed => {
                        let message = format!("`{name}` may have no value when this function is called");
                        return self.fail("unbound-name", message, Some("give it a value before".to_owned()));
                    }
                };
                if self.names.is_rebound(slot) {
                    into.rebound = true;
                    rebound.push((function, slot));
                }
                into.things.push(thing);
                into.names.push(kept);
            }
        }
        into.forgets |= functions.iter().any(|function| self.forgets(*function, &rebound, &calls));
        Ok(())
    }

    /// Whether a function remembers its results although a variable that it reads, or one that it calls, may be assigned behind it.
    fn forgets(&self, function: usize, rebound: &[(usize, Slot)], calls: &[(usize, usize)]) -> bool {
        let Some(FunctionNode::Def(def)) = self.compiler.source(Callable::Closure(function)).map(|source| source.node)
        else {
            return false;
        };
        if rebound.is_empty() || !is_cached(def) {
            return false;
        }
        let mut reached = vec![function];
        let mut next = 0;
        while let Some(caller) = reached.get(next).copied() {
            next += 1;
            let called = calls.iter().filter(|(from, _)| *from == caller).map(|(_, to)| *to);
            reached.extend(called.filter(|to| !reached.contains(to)).collect::<Vec<_>>());
        }
        rebound
            .iter()
            .any(|(reader, slot)| reached.contains(reader) && self.names.is_rebound_behind(*slot, def.start()))
    }
}
