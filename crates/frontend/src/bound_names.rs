//! What binds names in a file, wherever it stands: by it a name can be told to stand for one thing from the first to the last line.
//! Knows nothing of scopes.

use crate::parse::ast::visitor::{self, Visitor};
use crate::parse::ast::{self, Expr, Stmt};

/// The names, also dotted ones, that stand for `contextlib.suppress` and are bound to nothing else anywhere in the file.
pub fn suppressors(body: &[Stmt]) -> Vec<String> {
    let Imports { suppressors, modules, bound } = Imports::of(body);
    let is_free = |name: &String| !bound.contains(name) && !bound.iter().any(|name| name == "*");
    let modules = modules.into_iter().filter(is_free).map(|name| format!("{name}.suppress"));
    suppressors.into_iter().filter(is_free).chain(modules).collect()
}

/// Whether the name is bound in one place only: where its class is.
pub fn is_bound_once(body: &[Stmt], name: &str) -> bool {
    let bound = Imports::of(body).bound;
    bound.iter().filter(|known| *known == name).count() == 1 && !bound.iter().any(|name| name == "*")
}

/// The names that these statements bind.
pub fn bound_in(body: &[Stmt]) -> Vec<String> {
    Imports::of(body).bound
}

/// The names of `contextlib.suppress` and of what else is bound in a file.
#[derive(Default)]
struct Imports {
    suppressors: Vec<String>,
    modules: Vec<String>,
    bound: Vec<String>,
}

impl Imports {
    fn of(body: &[Stmt]) -> Imports {
        let mut imports = Imports::default();
        imports.visit_body(body);
        imports
    }

    fn bind(&mut self, name: &ast::Identifier) {
        self.bound.push(name.to_string());
    }
}

impl<'a> Visitor<'a> for Imports {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::ImportFrom(import) => {
                let is_here = import.module.as_ref().is_some_and(|module| module.as_str() == "contextlib");
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    match alias.name.as_str() {
                        "suppress" if is_here && import.level == 0 => self.suppressors.push(name.to_string()),
                        _ => self.bind(name),
                    }
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    match (&alias.asname, alias.name.as_str()) {
                        (name, "contextlib") => self.modules.push(name.as_ref().unwrap_or(&alias.name).to_string()),
                        (Some(name), _) => self.bind(name),
                        (None, path) => self.bound.extend(path.split('.').next().map(str::to_owned)),
                    }
                }
            }
            Stmt::FunctionDef(def) => self.bind(&def.name),
            Stmt::ClassDef(class) => self.bind(&class.name),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && name.ctx != ast::ExprContext::Load
        {
            self.bound.push(name.id.to_string());
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_parameter(&mut self, parameter: &'a ast::Parameter) {
        self.bind(&parameter.name);
        visitor::walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(caught) = handler;
        caught.name.iter().for_each(|name| self.bind(name));
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a ast::Pattern) {
        let name = match pattern {
            ast::Pattern::MatchAs(found) => found.name.as_ref(),
            ast::Pattern::MatchStar(found) => found.name.as_ref(),
            ast::Pattern::MatchMapping(found) => found.rest.as_ref(),
            _ => None,
        };
        name.into_iter().for_each(|name| self.bind(name));
        visitor::walk_pattern(self, pattern);
    }
}
