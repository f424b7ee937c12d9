//! Where variables got their values, for messages: "`x` is a `str` here". Knows nothing of what the values are for.

use std::collections::BTreeMap;

use ir::Type;

use super::Lowerer;
use crate::diagnostic::Place;
use crate::library;
use crate::names::Slot;
use crate::parse::ast::{self, Expr, visitor::Visitor};
use crate::parse::parse_expression;
use crate::shape::annotation_text;

/// Variables that a message tells of, and places of each.
const NAMES_MAX: usize = 3;
const PLACES_MAX: usize = 3;

/// The codes of messages about types.
const CODES: &[&str] =
    &["type-mismatch", "too-many-types", "unknown-attribute", "unsupported-method", "unsupported-operation"];

/// The types that each variable was given, by the place where it was.
#[derive(Default)]
pub struct Origins(BTreeMap<(Slot, u32), (Place, Type)>);

impl Lowerer<'_, '_> {
    /// A variable of the function gets a value at the place.
    pub fn note_origin(&mut self, slot: Slot, place: Place, ty: &Type) {
        if slot < self.names.locals.len() && !library::is_library_function(self.function) {
            self.origins.0.insert((slot, place.start), (place, ty.clone()));
        }
    }

    /// What a message about the types of an expression at the place adds: where its variables came from.
    pub fn origins_of(&self, code: &str, place: Place) -> Vec<(Place, String)> {
        let mut labels = Vec::new();
        if !CODES.contains(&code) || place.file != self.place.file {
            return labels;
        }
        let Some(expr) = parse_expression(self.compiler.text_of(place)) else { return labels };
        let mut read = NamesRead(Vec::new());
        read.visit_expr(&expr);
        for name in read.0.into_iter().take(NAMES_MAX) {
            let Some(slot) = self.names.slot(&name) else { continue };
            let mut seen: Vec<&Type> = Vec::new();
            for (at, ty) in self.origins.0.range((slot, 0)..=(slot, u32::MAX)).map(|(_, found)| found) {
                if *at != place && !seen.contains(&ty) && seen.len() < PLACES_MAX {
                    seen.push(ty);
                    labels.push((*at, said_of(&name, ty)));
                }
            }
        }
        labels
    }
}

/// "`x` is an `int` here".
fn said_of(name: &str, ty: &Type) -> String {
    let shown = annotation_text(ty);
    let article = match ty {
        Type::None | Type::Union(_) => "",
        _ if shown.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) => "an ",
        _ => "a ",
    };
    format!("`{name}` is {article}`{shown}` here")
}

/// The names that an expression reads, each once.
struct NamesRead(Vec<String>);

impl<'a> Visitor<'a> for NamesRead {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && !self.0.iter().any(|known| known == name.id.as_str())
        {
            self.0.push(name.id.to_string());
        }
        ast::visitor::walk_expr(self, expr);
    }
}
