//! Finds the syntax of a function: the `def` or lambda that a [`Locator`] names in a parsed file. Knows nothing of what
//! the function means.

use crate::parse::ast::visitor::{self, Visitor};
use crate::parse::ast::{
    Expr, ExprCall, ExprGenerator, ExprLambda, Ranged, Stmt, StmtClassDef, StmtFunctionDef, TextSize,
};
use crate::program::{Locator, SourceFile};

/// The syntax of a function.
#[derive(Clone, Copy, Debug)]
pub enum FunctionNode<'a> {
    Def(&'a StmtFunctionDef),
    Lambda(&'a ExprLambda),
    /// A generator expression: a function of its first iterable.
    Generator(&'a ExprGenerator),
}

/// The function that `locator` names, at any depth of the file; `None` when there is none.
pub fn find_function<'a>(file: &SourceFile, body: &'a [Stmt], locator: &Locator) -> Option<FunctionNode<'a>> {
    let mut finder = Finder { file, locator, found: None, class: None };
    finder.visit_body(body);
    finder.found
}

/// The class that `locator` names.
pub fn find_class<'a>(file: &SourceFile, body: &'a [Stmt], locator: &Locator) -> Option<&'a StmtClassDef> {
    let mut finder = Finder { file, locator, found: None, class: None };
    finder.visit_body(body);
    finder.class
}

/// The call of `namedtuple` that makes the class that `locator` names: `Name = namedtuple(...)`.
pub fn find_named_tuple<'a>(file: &SourceFile, body: &'a [Stmt], locator: &Locator) -> Option<&'a ExprCall> {
    let Locator::Class { line, .. } = locator else { return None };
    let mut finder = CallFinder { file, line: *line, found: None };
    finder.visit_body(body);
    finder.found
}

/// The call in `Name = namedtuple(...)`.
pub fn named_tuple_call(value: &Expr) -> Option<&ExprCall> {
    let Expr::Call(call) = value else { return None };
    let is_named = match &*call.func {
        Expr::Name(name) => name.id.as_str() == "namedtuple",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "namedtuple",
        _ => false,
    };
    is_named.then_some(call)
}

struct CallFinder<'a, 'l> {
    file: &'l SourceFile,
    line: u32,
    found: Option<&'a ExprCall>,
}

impl<'a> Visitor<'a> for CallFinder<'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Assign(assign) = stmt
            && let Some(call) = named_tuple_call(&assign.value)
            && line_and_byte_column(self.file, assign.start()).0 == self.line
        {
            self.found.get_or_insert(call);
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// The line an offset is in, counted as [`SourceFile::first_line`], and the UTF-8 byte column, from 0. Lines end at
/// `\n`, `\r\n` or `\r`, as in Python.
pub fn line_and_byte_column(file: &SourceFile, offset: TextSize) -> (u32, u32) {
    let bytes = file.text.as_bytes();
    let offset = offset.to_usize().min(bytes.len());
    let (mut line, mut line_start) = (file.first_line, 0);
    for (at, byte) in bytes.iter().enumerate().take(offset) {
        let ends_line = match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends_line {
            line += 1;
            line_start = at + 1;
        }
    }
    (line, (offset - line_start) as u32)
}

struct Finder<'a, 'l> {
    file: &'l SourceFile,
    locator: &'l Locator,
    found: Option<FunctionNode<'a>>,
    class: Option<&'a StmtClassDef>,
}

impl Finder<'_, '_> {
    fn line_of(&self, offset: TextSize) -> u32 {
        line_and_byte_column(self.file, offset).0
    }
}

impl<'a> Visitor<'a> for Finder<'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if self.found.is_some() || self.class.is_some() {
            return;
        }
        if let (Stmt::ClassDef(class), Locator::Class { name, line }) = (stmt, self.locator)
            && class.name.as_str() == name
            && [class.start(), class.name.start()].iter().any(|start| self.line_of(*start) == *line)
        {
            self.class = Some(class);
            return;
        }
        if let (Stmt::FunctionDef(def), Locator::Def { name, line }) = (stmt, self.locator) {
            // The range of a decorated `def` starts at its first decorator.
            let is_here = || [def.start(), def.name.start()].iter().any(|start| self.line_of(*start) == *line);
            if def.name.as_str() == name && is_here() {
                self.found = Some(FunctionNode::Def(def));
                return;
            }
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if self.found.is_some() {
            return;
        }
        if let (Expr::Lambda(lambda), Locator::Lambda { line, column }) = (expr, self.locator)
            && line_and_byte_column(self.file, lambda.start()) == (*line, *column)
        {
            self.found = Some(FunctionNode::Lambda(lambda));
            return;
        }
        visitor::walk_expr(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::Parsed;

    /// The source text of what a locator finds.
    fn found(text: &str, first_line: u32, locator: Locator) -> Option<String> {
        let file = SourceFile { name: String::from("f.py"), text: String::from(text), first_line };
        let parsed = Parsed::new(0, &file).unwrap();
        let range = match find_function(&file, parsed.body(), &locator)? {
            FunctionNode::Def(def) => def.range,
            FunctionNode::Lambda(lambda) => lambda.range,
            FunctionNode::Generator(generator) => generator.range,
        };
        Some(String::from(&text[range]))
    }

    fn def(name: &str, line: u32) -> Locator {
        Locator::Def { name: String::from(name), line }
    }

    #[test]
    fn a_def_is_found_by_its_line_or_that_of_its_first_decorator() {
        let text = "x = 1\n@a\n@b\ndef f():\n    pass\ndef f():\n    return 2\n";
        for line in [2, 4] {
            assert_eq!(found(text, 1, def("f", line)).as_deref(), Some("@a\n@b\ndef f():\n    pass"));
        }
        assert_eq!(found(text, 1, def("f", 6)).as_deref(), Some("def f():\n    return 2"));
        assert_eq!(found(text, 1, def("f", 3)), None);
        assert_eq!(found(text, 1, def("g", 4)), None);
        assert_eq!(found(text, 100, def("f", 105)).as_deref(), Some("def f():\n    return 2"));
    }

    #[test]
    fn nested_defs_and_methods_are_found() {
        let text = "def outer():\n    if x:\n        def inner(): return 1\nclass A:\n    def inner(self): return 2\n";
        assert_eq!(found(text, 1, def("inner", 3)).as_deref(), Some("def inner(): return 1"));
        assert_eq!(found(text, 1, def("inner", 5)).as_deref(), Some("def inner(self): return 2"));
    }

    #[test]
    fn a_lambda_is_found_by_line_and_byte_column() {
        let text = "n = 'é', lambda x: x\r\nh = f(lambda a: (lambda b: b)(a))\r\n";
        let lambda = |line, column| found(text, 1, Locator::Lambda { line, column });
        assert_eq!(lambda(1, 10).as_deref(), Some("lambda x: x"));
        assert_eq!(lambda(2, 6).as_deref(), Some("lambda a: (lambda b: b)(a)"));
        assert_eq!(lambda(2, 17).as_deref(), Some("lambda b: b"));
        assert_eq!(lambda(2, 7), None);
    }
}
