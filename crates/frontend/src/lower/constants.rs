//! Texts that must be known when the program is compiled, where a variable has them: a copy of the code for each constant of
//! the file that the variable may be. Which one it is, the program sees when it runs; one that is not in the file is refused
//! then.

use super::{Edge, Lowered, Lowerer, Stop, Val};
use crate::parse::ast::{self, Expr, visitor::Visitor};

/// Constants that code is copied for.
const CONSTANTS_MAX: usize = 24;

struct Texts<'f> {
    fits: &'f dyn Fn(&str) -> bool,
    found: Vec<String>,
}

impl<'a> Visitor<'a> for Texts<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::StringLiteral(literal) = expr {
            let text = literal.value.to_str();
            if (self.fits)(text) && !self.found.iter().any(|known| known == text) {
                self.found.push(text.to_owned());
            }
        }
        ast::visitor::walk_expr(self, expr);
    }
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// Lowers `lower` for each constant of the file that fits and that the text may be; `None` where there is none.
    pub fn each_constant(
        &mut self,
        text: &Val,
        fits: &dyn Fn(&str) -> bool,
        lower: &mut dyn FnMut(&mut Self, &str) -> Lowered<Val>,
    ) -> Lowered<Option<Val>> {
        let Some(source) = self.compiler.callable_of(self.spec).and_then(|callable| self.compiler.source(callable))
        else {
            return Ok(None);
        };
        let mut texts = Texts { fits, found: Vec::new() };
        source.parsed.body().iter().for_each(|stmt| texts.visit_stmt(stmt));
        if texts.found.is_empty() || texts.found.len() > CONSTANTS_MAX {
            return Ok(None);
        }
        let place = self.place;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        for found in texts.found {
            self.at_place(place);
            let constant = self.str(&found);
            let equal = self.equal(text, &constant, false)?;
            let (is, other) = self.branch(&equal)?;
            self.continue_at(is);
            let before = self.restart();
            let lowered = lower(self, &found);
            match self.raise_clash(lowered) {
                Ok(val) => edges.extend(self.detach().map(|edge| (edge, val))),
                Err(Stop::Dead) => {}
                // This constant is for something else.
                Err(Stop::Failed | Stop::Clash(_)) => {
                    self.start_again(before);
                    self.refuse_text(place)?;
                }
            }
            self.continue_at(other);
            if !self.is_live() {
                return self.join_values(edges).map(Some);
            }
        }
        self.refuse_text(place)?;
        self.join_values(edges).map(Some)
    }

    /// Refuses the text when the program runs.
    fn refuse_text(&mut self, place: crate::diagnostic::Place) -> Lowered<()> {
        self.at_place(place);
        match self.call_library("builtins", "_unknown_text", &[]) {
            Ok(_) | Err(Stop::Dead) => {
                self.close();
                Ok(())
            }
            Err(other) => Err(other),
        }
    }
}
