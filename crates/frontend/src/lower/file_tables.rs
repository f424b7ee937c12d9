//! Containers at the top level of a file that hold members of enumerations, which no captured value can. They are made from the
//! file's text where they are used, as long as nothing can tell that they are made anew.

use std::collections::BTreeSet;

use super::function_values::is_literal;
use super::{Lowered, Lowerer, Val};
use crate::bound_names;
use crate::library;
use crate::parse::ast::{Expr, Stmt};
use crate::program::Binding;
use crate::read_only;

impl<'p> Lowerer<'_, 'p> {
    /// The container that the file binds to a name once and only reads from then on.
    pub fn table_of_file(&mut self, name: &str) -> Lowered<Option<Val>> {
        let file = self.place.file;
        if library::is_library_file(file) {
            return Ok(None);
        }
        let Some(parsed) = self.compiler.parsed_file(file) else { return Ok(None) };
        let Some(display) = parsed.body().iter().find_map(|stmt| bound_to(stmt, name)) else { return Ok(None) };
        let mut classes = BTreeSet::new();
        let Some(depth) = depth_of(display, &mut classes) else { return Ok(None) };
        let is_told = classes.iter().chain([&name]).all(|name| bound_names::is_bound_once(parsed.body(), name));
        let mut others = parsed.body().iter().filter(|stmt| bound_to(stmt, name).is_none());
        if !is_told || !others.all(|stmt| read_only::is_only_read(std::slice::from_ref(stmt), name, depth)) {
            return Ok(None);
        }
        let Some(reader) = self.reader_of(&classes, file)? else { return Ok(None) };
        let val = self.in_class(reader, |lowerer| lowerer.expr(display))?;
        Ok(Some(Val { known: None, ..val }))
    }

    /// A function or class of the file for which all the names stand for enumerations.
    fn reader_of(&mut self, classes: &BTreeSet<&str>, file: usize) -> Lowered<Option<usize>> {
        let functions = &self.compiler.program.functions;
        let reader = functions.iter().position(|source| {
            let is_class = |name: &&str| matches!(source.bindings.get(*name), Some(Binding::Class(_)));
            source.file == file && classes.iter().all(is_class)
        });
        let Some(reader) = reader.filter(|_| !classes.is_empty()) else { return Ok(None) };
        for name in classes {
            let Some(Binding::Class(number)) = functions[reader].bindings.get(*name) else { return Ok(None) };
            if self.enumeration(*number)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(reader))
    }
}

/// What a statement binds to the name.
fn bound_to<'a>(stmt: &'a Stmt, name: &str) -> Option<&'a Expr> {
    let (target, value) = match stmt {
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [target] => (target, &*assign.value),
            _ => return None,
        },
        Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref()?),
        _ => return None,
    };
    (target.as_name_expr()?.id.as_str() == name).then_some(value)
}

/// How deep containers that can be changed stand in an expression whose value is the same whenever it is evaluated: constants,
/// members of classes and containers of them.
fn depth_of<'a>(expr: &'a Expr, classes: &mut BTreeSet<&'a str>) -> Option<usize> {
    match expr {
        Expr::Attribute(member) => {
            classes.insert(member.value.as_name_expr()?.id.as_str());
            Some(0)
        }
        Expr::Tuple(tuple) => deepest(&tuple.elts, classes).filter(|depth| *depth == 0),
        Expr::List(list) => deepest(&list.elts, classes).map(|depth| depth + 1),
        Expr::Set(set) => deepest(&set.elts, classes).map(|depth| depth + 1),
        Expr::Dict(dict) => {
            let mut depth = 0;
            for item in &dict.items {
                depth_of(item.key.as_ref()?, classes).filter(|depth| *depth == 0)?;
                depth = depth.max(depth_of(&item.value, classes)?);
            }
            Some(depth + 1)
        }
        expr => is_literal(expr).then_some(0),
    }
}

fn deepest<'a>(items: &'a [Expr], classes: &mut BTreeSet<&'a str>) -> Option<usize> {
    let mut depth = 0;
    for item in items {
        depth = depth.max(depth_of(item, classes)?);
    }
    Some(depth)
}
