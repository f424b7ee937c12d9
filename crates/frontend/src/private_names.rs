//! Private names as CPython keeps them, right behind the parser: inside a class `C` the name `__x` is `_C__x`, so that a
//! class and those that derive from it have attributes of their own. No later pass knows of it.

use crate::parse::ast::visitor::transformer::{self, Transformer};
use crate::parse::ast::{Alias, ExceptHandler, Expr, Identifier, Name, Parameter, Pattern, Stmt, StmtClassDef};

/// Renames the private names in all classes of a file.
pub fn rewrite(body: &mut [Stmt]) {
    Mangler { prefix: String::new() }.visit_body(body);
}

/// What the name is inside a class.
pub fn mangled(class: &str, name: &str) -> String {
    Mangler::of_class(class).mangled(name).map_or_else(|| name.to_owned(), |mangled| mangled.to_string())
}

fn is_private(name: &str) -> bool {
    name.starts_with("__") && !name.ends_with("__")
}

struct Mangler {
    /// What private names get: `_C`; nothing outside of classes.
    prefix: String,
}

impl Mangler {
    fn of_class(class: &str) -> Mangler {
        let bare = class.trim_start_matches('_');
        Mangler { prefix: if bare.is_empty() { String::new() } else { format!("_{bare}") } }
    }

    fn mangled(&self, name: &str) -> Option<Name> {
        (!self.prefix.is_empty() && is_private(name)).then(|| Name::new(format!("{}{name}", self.prefix)))
    }

    fn identifier(&self, name: &mut Identifier) {
        if let Some(mangled) = self.mangled(name.as_str()) {
            name.id = mangled;
        }
    }

    /// What stands around the body belongs to the class around.
    fn class(&self, class: &mut StmtClassDef) {
        let inner = Mangler::of_class(class.name.as_str());
        class.decorator_list.iter_mut().for_each(|decorator| self.visit_decorator(decorator));
        class.type_params.iter_mut().for_each(|params| inner.visit_type_params(params));
        class.arguments.iter_mut().for_each(|arguments| self.visit_arguments(arguments));
        inner.visit_body(&mut class.body);
        self.identifier(&mut class.name);
    }
}

impl Transformer for Mangler {
    fn visit_stmt(&self, stmt: &mut Stmt) {
        match stmt {
            Stmt::ClassDef(class) => return self.class(class),
            Stmt::FunctionDef(def) => self.identifier(&mut def.name),
            Stmt::Global(global) => global.names.iter_mut().for_each(|name| self.identifier(name)),
            Stmt::Nonlocal(nonlocal) => nonlocal.names.iter_mut().for_each(|name| self.identifier(name)),
            _ => {}
        }
        transformer::walk_stmt(self, stmt);
    }

    fn visit_expr(&self, expr: &mut Expr) {
        match expr {
            Expr::Name(name) => {
                if let Some(mangled) = self.mangled(name.id.as_str()) {
                    name.id = mangled;
                }
            }
            Expr::Attribute(attribute) => self.identifier(&mut attribute.attr),
            _ => {}
        }
        transformer::walk_expr(self, expr);
    }

    fn visit_parameter(&self, parameter: &mut Parameter) {
        self.identifier(&mut parameter.name);
        transformer::walk_parameter(self, parameter);
    }

    /// What is imported keeps its name, what it is called here does not.
    fn visit_alias(&self, alias: &mut Alias) {
        alias.asname.iter_mut().for_each(|name| self.identifier(name));
    }

    fn visit_except_handler(&self, handler: &mut ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = &mut *handler;
        inner.name.iter_mut().for_each(|name| self.identifier(name));
        transformer::walk_except_handler(self, handler);
    }

    /// The attributes of a class pattern are names as they stand, like the keywords of a call.
    fn visit_pattern(&self, pattern: &mut Pattern) {
        let name = match pattern {
            Pattern::MatchAs(inner) => inner.name.as_mut(),
            Pattern::MatchStar(inner) => inner.name.as_mut(),
            Pattern::MatchMapping(inner) => inner.rest.as_mut(),
            _ => None,
        };
        name.into_iter().for_each(|name| self.identifier(name));
        transformer::walk_pattern(self, pattern);
    }
}
