//! The scopes of comprehensions and generator expressions: the variables that their targets name. Knows nothing of loops.

use super::{Lowered, Lowerer, Val, Var};
use crate::names::Slot;
use crate::parse::ast::{self, Expr, visitor::Visitor};

impl<'p> Lowerer<'_, 'p> {
    /// New variables for the names of a comprehension's target.
    pub fn open_scope(&mut self, target: &Expr) {
        struct Names(Vec<String>);
        impl<'a> Visitor<'a> for Names {
            fn visit_expr(&mut self, expr: &'a Expr) {
                match expr {
                    Expr::Name(name) if name.ctx == ast::ExprContext::Store => self.0.push(name.id.to_string()),
                    _ => ast::visitor::walk_expr(self, expr),
                }
            }
        }
        let mut names = Names(Vec::new());
        names.visit_expr(target);
        let scope = names.0.into_iter().map(|name| (name, self.hidden(Var::Unbound))).collect();
        self.scopes.push(scope);
    }

    /// An expression with the names of a target bound to a value.
    pub fn in_scope_of(&mut self, target: &'p Expr, val: Val, expr: &'p Expr) -> Lowered<Val> {
        let (scopes, hidden) = (self.scopes.len(), self.var_count());
        self.open_scope(target);
        self.at(target);
        let result = self.assign(target, val).and_then(|()| self.expr(expr));
        self.close_scopes(scopes);
        let result = result?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    /// Leaves the scopes of comprehensions that were opened since there were so many.
    pub fn close_scopes(&mut self, count: usize) {
        let closed: Vec<(String, Slot)> = self.scopes.drain(count.min(self.scopes.len())..).flatten().collect();
        if closed.is_empty() {
            return;
        }
        // Their variables are gone, and others get their numbers.
        for slots in self.closures_here.values_mut() {
            slots.retain(|slot| !closed.contains(slot));
        }
    }
}
