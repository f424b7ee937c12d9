//! What the statements in the body of a class may be: which are known, and of what kind a method is. Goes by the text alone.

use crate::classes::{MethodKind, last_name};
use crate::parse::ast::{self, Expr, Ranged, Stmt};
use crate::remembered::{is_cached_property, may_remember, remembers};

/// Special methods that have their meaning in compiled code.
const SPECIAL: &[&str] = &[
    "__init__",
    "__post_init__",
    "__repr__",
    "__str__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__hash__",
    "__bool__",
    "__len__",
    "__getitem__",
    "__setitem__",
    "__contains__",
    "__iter__",
    "__next__",
    "__delitem__",
    "__reversed__",
    "__format__",
    "__round__",
    "__index__",
    "__divmod__",
    "__enter__",
    "__exit__",
    "__abs__",
    "__int__",
    "__float__",
    "__call__",
    "__neg__",
    "__pos__",
    "__invert__",
    "__add__",
    "__radd__",
    "__iadd__",
    "__sub__",
    "__rsub__",
    "__isub__",
    "__mul__",
    "__rmul__",
    "__imul__",
    "__matmul__",
    "__rmatmul__",
    "__truediv__",
    "__rtruediv__",
    "__itruediv__",
    "__floordiv__",
    "__rfloordiv__",
    "__ifloordiv__",
    "__mod__",
    "__rmod__",
    "__imod__",
    "__pow__",
    "__rpow__",
    "__ipow__",
    "__imatmul__",
    "__lshift__",
    "__rlshift__",
    "__ilshift__",
    "__rshift__",
    "__rrshift__",
    "__irshift__",
    "__or__",
    "__ror__",
    "__ior__",
    "__xor__",
    "__rxor__",
    "__and__",
    "__rand__",
    "__iand__",
];

/// What of a class statement has a meaning that is not known here: passing it over would change what the class does.
pub fn refused_part(node: &ast::StmtClassDef) -> Option<(ast::TextRange, String)> {
    if let Some(keyword) = node.keywords().first()
        && !is_abstract_by_metaclass(node)
    {
        return Some((keyword.range(), "this part".to_owned()));
    }
    for stmt in &node.body {
        match stmt {
            Stmt::Pass(_) | Stmt::AnnAssign(_) | Stmt::Assign(_) | Stmt::ClassDef(_) => {}
            Stmt::Expr(inner) if inner.value.is_string_literal_expr() || inner.value.is_ellipsis_literal_expr() => {}
            Stmt::FunctionDef(def) => {
                let name = def.name.as_str();
                if name.starts_with("__") && name.ends_with("__") && !SPECIAL.contains(&name) {
                    return Some((def.name.range(), format!("`{name}`")));
                }
                let known = |decorator: &&ast::Decorator| match &decorator.expression {
                    Expr::Name(name) if matches!(name.id.as_str(), "property" | "staticmethod" | "classmethod") => true,
                    other if remembers(other) => may_remember(def, decorator),
                    other => is_abstract(other) || is_setter(def, other),
                };
                if let Some(decorator) = def.decorator_list.iter().find(|decorator| !known(decorator)) {
                    return Some((decorator.range(), "this decorator of a method".to_owned()));
                }
            }
            other => return Some((other.range(), "this statement in the body".to_owned())),
        }
    }
    None
}

/// `class C(metaclass=ABCMeta)`.
pub fn is_abstract_by_metaclass(node: &ast::StmtClassDef) -> bool {
    match node.keywords() {
        [keyword] => {
            keyword.arg.as_ref().is_some_and(|name| name.as_str() == "metaclass")
                && last_name(&keyword.value) == Some("ABCMeta")
        }
        _ => false,
    }
}

pub fn is_abstract(decorator: &Expr) -> bool {
    last_name(decorator) == Some("abstractmethod")
}

/// `@name.setter` above the `def` of the same name.
pub fn is_setter(def: &ast::StmtFunctionDef, decorator: &Expr) -> bool {
    match decorator {
        Expr::Attribute(attribute) => {
            attribute.attr.as_str() == "setter"
                && matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == def.name.as_str())
        }
        _ => false,
    }
}

pub fn method_kind(def: &ast::StmtFunctionDef) -> MethodKind {
    for decorator in &def.decorator_list {
        if is_setter(def, &decorator.expression) {
            return MethodKind::Setter;
        }
        if is_cached_property(&decorator.expression) {
            return MethodKind::Property;
        }
        if let Expr::Name(name) = &decorator.expression {
            match name.id.as_str() {
                "property" => return MethodKind::Property,
                "staticmethod" => return MethodKind::Static,
                "classmethod" => return MethodKind::Class,
                _ => {}
            }
        }
    }
    MethodKind::Plain
}
