//! Finds the syntax of a function: the `def` or lambda that a [`Locator`] names in a parsed file. Knows nothing of what
//! the function means.

use std::collections::HashMap;

use crate::parse::Parsed;
use crate::parse::ast::visitor::{self, Visitor};
use crate::parse::ast::{
    Expr, ExprCall, ExprGenerator, ExprLambda, Identifier, Ranged, Stmt, StmtClassDef, StmtFunctionDef, TextSize,
};
use crate::program::Locator;

/// The syntax of a function.
#[derive(Clone, Copy, Debug)]
pub enum FunctionNode<'a> {
    Def(&'a StmtFunctionDef),
    Lambda(&'a ExprLambda),
    /// A generator expression: a function of its first iterable.
    Generator(&'a ExprGenerator),
}

/// Where the functions and classes of a file are, at any depth of it. Of two at one place the first counts.
pub struct Index<'a> {
    parsed: &'a Parsed,
    defs: HashMap<(&'a str, u32), &'a StmtFunctionDef>,
    lambdas: HashMap<(u32, u32), &'a ExprLambda>,
    classes: HashMap<(&'a str, u32), &'a StmtClassDef>,
    named_tuples: HashMap<u32, &'a ExprCall>,
}

impl<'a> Index<'a> {
    pub fn of(parsed: &'a Parsed) -> Index<'a> {
        let mut index = Index {
            parsed,
            defs: HashMap::new(),
            lambdas: HashMap::new(),
            classes: HashMap::new(),
            named_tuples: HashMap::new(),
        };
        index.visit_body(parsed.body());
        index
    }

    /// The function that `locator` names; `None` when there is none.
    pub fn function(&self, locator: &Locator) -> Option<FunctionNode<'a>> {
        match locator {
            Locator::Def { name, line } => Some(FunctionNode::Def(self.defs.get(&(name.as_str(), *line))?)),
            Locator::Lambda { line, column } => Some(FunctionNode::Lambda(self.lambdas.get(&(*line, *column))?)),
            Locator::Class { .. } => None,
        }
    }

    /// The class that `locator` names.
    pub fn class(&self, locator: &Locator) -> Option<&'a StmtClassDef> {
        let Locator::Class { name, line } = locator else { return None };
        self.classes.get(&(name.as_str(), *line)).copied()
    }

    /// The call of `namedtuple` that makes the class that `locator` names: `Name = namedtuple(...)`.
    pub fn named_tuple(&self, locator: &Locator) -> Option<&'a ExprCall> {
        let Locator::Class { line, .. } = locator else { return None };
        self.named_tuples.get(line).copied()
    }

    /// A name as the text has it: what Python calls a private one, too.
    fn written(&self, name: &'a Identifier) -> &'a str {
        self.parsed.text().get(name.range.to_std_range()).unwrap_or(name.as_str())
    }

    fn line(&self, offset: TextSize) -> u32 {
        self.parsed.line_and_byte_column(offset).0
    }
}

impl<'a> Visitor<'a> for Index<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            // The range of a decorated `def` or `class` starts at its first decorator.
            Stmt::FunctionDef(def) => {
                for line in [def.start(), def.name.start()].map(|start| self.line(start)) {
                    self.defs.entry((self.written(&def.name), line)).or_insert(def);
                }
            }
            Stmt::ClassDef(class) => {
                for line in [class.start(), class.name.start()].map(|start| self.line(start)) {
                    self.classes.entry((self.written(&class.name), line)).or_insert(class);
                }
            }
            Stmt::Assign(assign) => {
                if let Some(call) = named_tuple_call(&assign.value) {
                    let line = self.line(assign.start());
                    self.named_tuples.entry(line).or_insert(call);
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Lambda(lambda) = expr {
            let place = self.parsed.line_and_byte_column(lambda.start());
            self.lambdas.entry(place).or_insert(lambda);
        }
        visitor::walk_expr(self, expr);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::SourceFile;

    /// The source text of what a locator finds.
    fn found(text: &str, first_line: u32, locator: Locator) -> Option<String> {
        let file = SourceFile::new("f.py", text, first_line);
        let parsed = Parsed::new(0, &file).unwrap();
        let range = match Index::of(&parsed).function(&locator)? {
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
