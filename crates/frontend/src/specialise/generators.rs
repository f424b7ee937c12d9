//! What is known of the generators of a program: which functions make them, what they yield, what happens when they are given up.

use std::collections::HashSet;

use ir::Type;

use super::{Argument, Callable, Compiler, GENERATOR_CLASS, SpecId, State};
use crate::locate::FunctionNode;
use crate::names::{has_cleanup, has_yield};
use crate::shape::Shape;

impl Compiler<'_> {
    pub(super) fn is_generator(&self, callable: Callable) -> bool {
        match self.source(callable).map(|source| source.node) {
            Some(FunctionNode::Def(def)) => has_yield(&def.body),
            Some(FunctionNode::Generator(_)) => true,
            Some(FunctionNode::Lambda(_)) | None => false,
        }
    }

    /// The function whose generators are of this type.
    pub fn generator_of(&self, ty: &Type) -> Option<SpecId> {
        let Type::Object(class) = ty else { return None };
        let number = class.strip_prefix(GENERATOR_CLASS)?.parse().ok()?;
        Some(SpecId(number)).filter(|id| (id.0 as usize) < self.specs.len())
    }

    /// Whether a generator of this type does something when it is given up before its end, or one that it goes through does.
    pub fn has_cleanup(&self, ty: &Type) -> bool {
        let mut open: Vec<SpecId> = self.generator_of(ty).into_iter().collect();
        let mut seen: HashSet<SpecId> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            let Some(spec) = self.specs.get(id.0 as usize) else { continue };
            if !self.is_generator(spec.key.callable) {
                continue;
            }
            let node = self.source(spec.key.callable).map(|source| source.node);
            if matches!(node, Some(FunctionNode::Def(def)) if has_cleanup(&def.body)) {
                return true;
            }
            let given = spec.key.arguments.iter().filter_map(|argument| match argument {
                Argument::Value(shape) => self.generator_of(&shape.ty),
                Argument::Static(_) => None,
            });
            let more = spec.callees.iter().copied().chain(given);
            open.extend(more.filter(|callee| seen.insert(*callee)));
        }
        false
    }

    /// The types of the values that a function is called with.
    pub fn param_types(&self, id: SpecId) -> Vec<Type> {
        let Some(spec) = self.specs.get(id.0 as usize) else { return Vec::new() };
        if let Some(func) = &spec.func {
            return func.param_types();
        }
        let types = spec.key.arguments.iter().filter_map(|argument| match argument {
            Argument::Value(shape) => Some(shape.ty.clone()),
            Argument::Static(_) => None,
        });
        types.collect()
    }

    /// What a generator yields, as far as is known.
    pub fn item_of(&mut self, id: SpecId) -> Option<Shape> {
        self.use_open(id);
        self.spec(id).item.clone()
    }

    /// What the body of a generator returns, as far as is known.
    pub fn returned_of(&mut self, id: SpecId) -> Option<Shape> {
        self.use_open(id);
        self.spec(id).result.clone()
    }

    /// Notes that what is being lowered uses what is known of a function that is not done.
    pub(super) fn use_open(&mut self, id: SpecId) {
        if let State::Open(depth) | State::Provisional(depth) = self.spec(id).state
            && let Some((_, lowest)) = self.stack.last_mut()
        {
            *lowest = depth.min(*lowest);
        }
    }

    /// The generator holds the value of a variable that may be assigned again.
    pub fn set_late(&mut self, id: SpecId) {
        self.spec(id).late = true;
    }

    /// Whether there is a generator in the type that holds the value of a variable that may be assigned again.
    pub fn is_late(&self, ty: &Type) -> bool {
        match ty {
            Type::Object(_) => match self.generator_of(ty).and_then(|id| self.specs.get(id.0 as usize)) {
                Some(spec) => {
                    let holds = |argument: &Argument| match argument {
                        Argument::Value(shape) => shape.ty != *ty && self.is_late(&shape.ty),
                        Argument::Static(_) => false,
                    };
                    spec.late || spec.key.arguments.iter().any(holds)
                }
                None => false,
            },
            Type::Tuple(items) | Type::Union(items) => items.iter().any(|item| self.is_late(item)),
            Type::List(item) => self.is_late(item),
            _ => false,
        }
    }
}
