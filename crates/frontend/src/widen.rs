//! Containers whose element type is fixed and that something else is put into: an argument `list[int]` into which the
//! function stores a float, the result of a function that is changed later. The program is compiled again with every such
//! container made for the further type, from the start: its values are the same, only their place in memory is another.
//! Knows types only.

use ir::Type;

use crate::shape::{Shape, Sites, element_type, join, with_element};

/// Times that a program is compiled again.
pub const ROUNDS_MAX: usize = 8;

/// Which containers are made for further types: the type of a container, and the element type it gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Widenings(Vec<(Type, Type)>);

impl Widenings {
    /// Notes that something of the type `wanted` was put into a container. Whether that is news.
    pub fn note(&mut self, container: &Type, wanted: &Type) -> bool {
        let Some(known) = element_type(container) else { return false };
        let before = self.element(container).unwrap_or(known);
        let joined = joined(&before, wanted);
        if joined == before {
            return false;
        }
        match self.0.iter_mut().find(|(ty, _)| ty == container) {
            Some((_, element)) => *element = joined,
            None => self.0.push((container.clone(), joined)),
        }
        true
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in what another compilation noted. Whether there was anything new.
    pub fn learn(&mut self, found: &Widenings) -> bool {
        let mut is_new = false;
        for (container, element) in &found.0 {
            is_new |= self.note(container, element);
        }
        is_new
    }

    /// What a container of this type holds instead.
    pub fn element(&self, container: &Type) -> Option<Type> {
        self.0.iter().find(|(ty, _)| ty == container).map(|(_, element)| element.clone())
    }

    /// The type with the containers in it made for what is put into them.
    pub fn widened(&self, ty: &Type) -> Type {
        if self.is_empty() {
            return ty.clone();
        }
        let boxed = |ty: &Type| Box::new(self.widened(ty));
        let inside = match ty {
            Type::List(item) => Type::List(boxed(item)),
            Type::Set { item, frozen } => Type::Set { item: boxed(item), frozen: *frozen },
            Type::Dict(key, value) => Type::Dict(boxed(key), boxed(value)),
            Type::Tuple(items) => Type::Tuple(items.iter().map(|item| self.widened(item)).collect()),
            Type::Union(variants) => Type::union(variants.iter().map(|variant| self.widened(variant))),
            other => other.clone(),
        };
        match self.element(&inside) {
            Some(element) => with_element(&inside, element),
            None => inside,
        }
    }
}

fn joined(a: &Type, b: &Type) -> Type {
    join(&Shape::from(a.clone()), &Shape::from(b.clone()), &mut Sites::default()).ty
}
