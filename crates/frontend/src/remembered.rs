//! Methods that remember their results, as the decorators of `functools` make them. Owns which methods these are and where their
//! results are kept; how they are looked up is in `crate::lower`.

use crate::classes::{Meaning, Method, MethodKind, last_name};
use crate::lower::is_cache;
use crate::parse::ast::{self, Expr, Stmt};
use crate::specialise::Compiler;

/// How the fields begin in which instances keep the results of methods that remember them.
pub const RESULTS: &str = ".results ";

impl Compiler<'_> {
    /// A decorator that is named as those of `functools` that remember results are, but is none of them.
    pub fn misnamed_cache<'n>(&self, number: usize, node: &'n ast::StmtClassDef) -> Option<&'n ast::Decorator> {
        let defs = node.body.iter().filter_map(Stmt::as_function_def_stmt);
        let caches = defs.flat_map(|def| &def.decorator_list).filter(|decorator| remembers(&decorator.expression));
        caches.into_iter().find(|decorator| {
            let named = match &decorator.expression {
                Expr::Call(call) => &*call.func,
                other => other,
            };
            !matches!(self.meaning(number, named), Some(Meaning::Member("functools", _)))
        })
    }
}

/// `functools.cached_property`.
pub fn is_cached_property(decorator: &Expr) -> bool {
    last_name(decorator) == Some("cached_property")
}

/// Whether a decorator makes a method remember its results, by its name.
pub fn remembers(decorator: &Expr) -> bool {
    is_cache(decorator) || is_cached_property(decorator)
}

/// Whether this is the innermost decorator, below nothing but one that says what kind of method it is.
pub fn may_remember(def: &ast::StmtFunctionDef, decorator: &ast::Decorator) -> bool {
    let is_kind = |outer: &ast::Decorator| matches!(&outer.expression, Expr::Name(name) if matches!(name.id.as_str(), "property" | "staticmethod"));
    match &*def.decorator_list {
        [only] => std::ptr::eq(only, decorator),
        [outer, inner] => std::ptr::eq(inner, decorator) && is_kind(outer) && is_cache(&decorator.expression),
        _ => false,
    }
}

/// Whether instances keep what the method has returned.
pub fn is_remembered_by_instance(method: &Method<'_>) -> bool {
    let is_remembered = method.node.decorator_list.iter().any(|decorator| remembers(&decorator.expression));
    is_remembered && matches!(method.kind, MethodKind::Plain | MethodKind::Property)
}

/// The field in which instances keep what the method has returned: of methods of one name each class has its own.
pub fn results_of(method: &Method<'_>) -> String {
    format!("{RESULTS}{} {}", method.owner, method.node.name)
}
