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
pub struct Widenings {
    elements: Vec<(Type, Type)>,
    /// Rows (`dict` displays with these keys) that are changed somewhere: they are dicts from the start.
    rows: Vec<Vec<String>>,
}

impl Widenings {
    /// Notes that something of the type `wanted` was put into a container. Whether that is news.
    pub fn note(&mut self, container: &Type, wanted: &Type) -> bool {
        let Some(known) = element_type(container) else { return false };
        let before = self.element(container).unwrap_or(known);
        let joined = joined(&before, wanted);
        if joined == before {
            return false;
        }
        match self.elements.iter_mut().find(|(ty, _)| ty == container) {
            Some((_, element)) => *element = joined,
            None => self.elements.push((container.clone(), joined)),
        }
        true
    }

    /// Notes that something of the type `wanted` was put into a container of which nothing is known to be in it.
    pub fn note_empty(&mut self, container: &Type, wanted: &Type) -> bool {
        if self.element(container).is_some() {
            return self.note(container, wanted);
        }
        self.elements.push((container.clone(), wanted.clone()));
        true
    }

    /// Notes that a row with these keys is to be a dict.
    pub fn note_row(&mut self, keys: Vec<String>) -> bool {
        let is_new = !self.rows.contains(&keys);
        if is_new {
            self.rows.push(keys);
        }
        is_new
    }

    /// Whether a `dict` display with these keys is a dict.
    pub fn is_dict<'k>(&self, keys: impl Iterator<Item = &'k str> + Clone) -> bool {
        self.rows.iter().any(|row| row.iter().map(String::as_str).eq(keys.clone()))
    }

    fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Takes in what another compilation noted. Whether there was anything new.
    pub fn learn(&mut self, found: &Widenings) -> bool {
        let mut is_new = false;
        for (container, element) in &found.elements {
            is_new |= self.note(container, element);
        }
        for row in &found.rows {
            is_new |= self.note_row(row.clone());
        }
        is_new
    }

    /// The types that are known from what was compiled before.
    pub fn types(&self) -> impl Iterator<Item = &Type> {
        self.elements.iter().map(|(_, element)| element)
    }

    /// What a container of this type holds instead.
    pub fn element(&self, container: &Type) -> Option<Type> {
        self.elements.iter().find(|(ty, _)| ty == container).map(|(_, element)| element.clone())
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
