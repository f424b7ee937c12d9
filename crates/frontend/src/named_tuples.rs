//! Calls of `collections.namedtuple`: the classes that they make, as far as their text tells.

use crate::classes::{Class, ClassKind, Field};
use crate::diagnostic::Diagnostic;
use crate::parse::Parsed;
use crate::parse::ast::{self, Expr};

/// The class that a call of `namedtuple` makes.
pub fn named_tuple<'p>(number: usize, parsed: &Parsed, call: &'p ast::ExprCall) -> Result<Class<'p>, Box<Diagnostic>> {
    let refused = || {
        Box::new(Diagnostic {
            code: "unsupported-class",
            message: "this `namedtuple` cannot be compiled: its name and fields must be written out".to_owned(),
            place: parsed.place(call),
            labels: Vec::new(),
            help: Some("derive a class from `typing.NamedTuple`".to_owned()),
        })
    };
    let (name, names) = named_tuple_parts(call).ok_or_else(refused)?;
    let field = |name: String| Field {
        name,
        default: None,
        init: true,
        repr: true,
        compare: true,
        keyword_only: false,
        owner: number,
    };
    Ok(Class {
        number,
        qualified: name.clone(),
        name,
        body: &[],
        kind: ClassKind::NamedTuple,
        line: vec![number],
        fields: names.into_iter().map(field).collect(),
        methods: Vec::new(),
        constants: Vec::new(),
        stored: Vec::new(),
        slots: None,
        is_abc: false,
        is_ordered: false,
    })
}

/// The name of the class and of its fields, where a call of `namedtuple` has them as literals.
pub fn named_tuple_parts(call: &ast::ExprCall) -> Option<(String, Vec<String>)> {
    let [Expr::StringLiteral(name), fields] = &*call.arguments.args else { return None };
    if call.arguments.keywords.iter().any(|keyword| keyword.arg.as_ref().is_none_or(|arg| arg.as_str() != "defaults")) {
        return None;
    }
    let literal = |expr: &Expr| match expr {
        Expr::StringLiteral(text) => Some(text.value.to_str().to_owned()),
        _ => None,
    };
    let names: Option<Vec<String>> = match fields {
        Expr::StringLiteral(text) => {
            let words = text.value.to_str().split(|c: char| c == ',' || c.is_whitespace());
            Some(words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
        }
        Expr::List(list) => list.elts.iter().map(literal).collect(),
        Expr::Tuple(tuple) => tuple.elts.iter().map(literal).collect(),
        _ => None,
    };
    Some((name.value.to_str().to_owned(), names?))
}
