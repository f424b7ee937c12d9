//! Classes inside functions and inside other classes: their numbers, what names in them stand for, what they are called.

use crate::locate::FunctionNode;
use crate::parse::Parsed;
use crate::parse::ast::visitor::{self, Visitor};
use crate::parse::ast::{self, Expr, Stmt};
use crate::specialise::{Callable, Compiler};

/// The numbers of classes inside functions begin here.
const LOCAL_CLASSES: usize = 1 << 39;

/// A class inside a function.
#[derive(Clone)]
pub struct LocalClass<'p> {
    pub node: &'p ast::StmtClassDef,
    /// The function, whose names those in the class are.
    owner: usize,
    /// The variables of the function.
    around: Vec<String>,
}

impl<'p> Compiler<'p> {
    /// The number of a class inside the function `owner`.
    pub fn local_class_number(&mut self, node: &'p ast::StmtClassDef, owner: usize, around: Vec<String>) -> usize {
        let known = self.local_classes.iter().position(|known| std::ptr::eq(known.node, node));
        let index = known.unwrap_or_else(|| {
            self.local_classes.push(LocalClass { node, owner, around });
            self.local_classes.len() - 1
        });
        LOCAL_CLASSES + index
    }

    pub fn local_class(&self, number: usize) -> Option<&LocalClass<'p>> {
        self.local_classes.get(number.checked_sub(LOCAL_CLASSES)?)
    }

    /// The function that a class is in, or the number itself.
    pub fn function_around(&self, number: usize) -> usize {
        self.local_class(number).map_or(number, |local| local.owner)
    }

    /// What a name means in a class inside a function, as far as it is one of the function's: another such class, or a variable.
    pub fn name_around(&self, number: usize, name: &str) -> Option<Option<usize>> {
        let local = self.local_class(number)?;
        let other = |known: &LocalClass<'p>| known.owner == local.owner && known.node.name.as_str() == name;
        if let Some(index) = self.local_classes.iter().position(other) {
            return Some(Some(LOCAL_CLASSES + index));
        }
        local.around.iter().any(|known| known == name).then_some(None)
    }

    /// What `__qualname__` of a class is.
    pub fn qualified_name(&self, number: usize, parsed: &Parsed, node: &ast::StmtClassDef) -> String {
        let written = |range: ast::TextRange| parsed.text().get(range.to_std_range()).unwrap_or_default().to_owned();
        let own = written(node.name.range);
        if let Some(local) = self.local_class(number) {
            let owner = self.source(Callable::Program(local.owner)).map(|source| source.name()).unwrap_or_default();
            return format!("{owner}.<locals>.{own}");
        }
        let mut around = ClassesAround { node, open: Vec::new(), found: Vec::new() };
        Visitor::visit_body(&mut around, parsed.body());
        let mut names: Vec<String> = around.found.iter().map(|outer| written(outer.name.range)).collect();
        names.push(own);
        names.join(".")
    }
}

/// What `__qualname__` of a function or lambda inside others is.
pub fn qualified_name_of(parsed: &Parsed, node: FunctionNode<'_>) -> Option<String> {
    let range = match node {
        FunctionNode::Def(def) => def.range,
        FunctionNode::Lambda(lambda) => lambda.range,
        FunctionNode::Generator(generator) => generator.range,
    };
    let mut around = Around { range, open: Vec::new(), found: None };
    Visitor::visit_body(&mut around, parsed.body());
    around.found
}

/// Looks for the functions and classes in which a function stands.
struct Around {
    range: ast::TextRange,
    open: Vec<String>,
    found: Option<String>,
}

impl Around {
    fn inside(&mut self, range: ast::TextRange, name: &str, locals: &str, walk: impl FnOnce(&mut Around)) {
        if range == self.range {
            self.found = Some([self.open.concat(), name.to_owned()].concat());
            return;
        }
        self.open.push(format!("{name}.{locals}"));
        walk(self);
        self.open.pop();
    }
}

impl<'a> Visitor<'a> for Around {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let walk = |around: &mut Around| visitor::walk_stmt(around, stmt);
        match stmt {
            Stmt::FunctionDef(def) => self.inside(def.range, def.name.as_str(), "<locals>.", walk),
            Stmt::ClassDef(class) => self.inside(class.range, class.name.as_str(), "", walk),
            _ => walk(self),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        let walk = |around: &mut Around| visitor::walk_expr(around, expr);
        match expr {
            Expr::Lambda(lambda) => self.inside(lambda.range, "<lambda>", "<locals>.", walk),
            _ => walk(self),
        }
    }
}

/// Looks for the classes in whose bodies a class stands.
struct ClassesAround<'a, 'n> {
    node: &'n ast::StmtClassDef,
    open: Vec<&'a ast::StmtClassDef>,
    found: Vec<&'a ast::StmtClassDef>,
}

impl<'a> Visitor<'a> for ClassesAround<'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::ClassDef(class) if std::ptr::eq(class, self.node) => self.found = self.open.clone(),
            Stmt::ClassDef(class) => {
                self.open.push(class);
                self.visit_body(&class.body);
                self.open.pop();
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}
