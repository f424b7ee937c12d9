//! Whether statements only look at what is in a container that a variable holds: then nobody can tell whether there is one
//! container or a new one for each look. Goes by the text alone.

use crate::parse::ast::visitor::{self, Visitor};
use crate::parse::ast::{self, CmpOp, Expr, ExprContext, Stmt, UnaryOp};

/// Functions that only go through what they are given.
const READERS: &[&str] = &[
    "all",
    "any",
    "dict",
    "enumerate",
    "frozenset",
    "list",
    "max",
    "min",
    "reversed",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
];

/// Methods of containers that change nothing and give away no more than an item or something new.
const METHODS: &[&str] = &["copy", "count", "index", "items", "values"];

/// Whether the statements only look at what is in the variable: nothing can change it or keep it. Containers stand in it `depth`
/// deep; what is in the innermost is immutable.
pub fn is_only_read(body: &[Stmt], name: &str, depth: usize) -> bool {
    let mut looks = Looks { name, depth, other: false };
    looks.visit_body(body);
    !looks.other
}

/// As [`is_only_read`], of an expression.
pub fn is_only_read_in(expr: &Expr, name: &str, depth: usize) -> bool {
    let mut looks = Looks { name, depth, other: false };
    looks.visit_expr(expr);
    !looks.other
}

/// As [`is_only_read`], of a generator expression.
pub fn generator_only_reads(generator: &ast::ExprGenerator, name: &str, depth: usize) -> bool {
    let mut looks = Looks { name, depth, other: false };
    generator.generators.iter().for_each(|comprehension| looks.visit_comprehension(comprehension));
    looks.visit_expr(&generator.elt);
    !looks.other
}

struct Looks<'n> {
    name: &'n str,
    depth: usize,
    /// The variable is used in another way.
    other: bool,
}

impl Looks<'_> {
    /// How deep in the variable an expression looks, where it gives a part of what is there.
    fn level(&self, expr: &Expr) -> Option<usize> {
        match expr {
            Expr::Name(found) if found.id.as_str() == self.name && found.ctx == ExprContext::Load => Some(0),
            Expr::Subscript(subscript) if subscript.ctx == ExprContext::Load => {
                // A slice is another container of the same depth.
                let deeper = usize::from(!subscript.slice.is_slice_expr());
                self.level(&subscript.value).map(|level| level + deeper)
            }
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(attribute) if attribute.attr.as_str() == "get" => {
                    self.level(&attribute.value).map(|level| level + 1)
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn is_it(&self, expr: &Expr) -> bool {
        self.level(expr).is_some_and(|level| level < self.depth)
    }

    /// An expression of which nothing is kept, not even an item.
    fn outside(&mut self, expr: &Expr) {
        match expr {
            _ if self.level(expr).is_none() => self.visit_expr(expr),
            Expr::Subscript(subscript) => {
                self.outside(&subscript.value);
                self.visit_expr(&subscript.slice);
            }
            Expr::Call(call) => {
                if let Expr::Attribute(attribute) = &*call.func {
                    self.outside(&attribute.value);
                }
                self.visit_arguments(&call.arguments);
            }
            _ => {}
        }
    }

    /// An expression whose items may be kept.
    fn items_outside(&mut self, expr: &Expr) {
        match self.level(expr) {
            Some(level) if level + 1 < self.depth => self.other = true,
            _ => self.outside(expr),
        }
    }

    fn call(&mut self, call: &ast::ExprCall) {
        let reads = match &*call.func {
            Expr::Name(name) => READERS.contains(&name.id.as_str()),
            Expr::Attribute(attribute) => match attribute.attr.as_str() {
                "fromkeys" => true,
                "join" => attribute.value.is_string_literal_expr(),
                _ => false,
            },
            _ => false,
        };
        let measures = matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "len");
        match &*call.func {
            Expr::Attribute(attribute) if METHODS.contains(&attribute.attr.as_str()) => {
                self.items_outside(&attribute.value);
            }
            Expr::Attribute(attribute) if attribute.attr.as_str() == "keys" => self.outside(&attribute.value),
            func => self.visit_expr(func),
        }
        for argument in &call.arguments.args {
            match argument {
                argument if measures => self.outside(argument),
                argument if reads => self.items_outside(argument),
                argument => self.visit_expr(argument),
            }
        }
        call.arguments.keywords.iter().for_each(|keyword| self.visit_expr(&keyword.value));
    }
}

impl<'a> Visitor<'a> for Looks<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::For(looped) => {
                self.items_outside(&looped.iter);
                self.visit_expr(&looped.target);
                looped.body.iter().chain(&looped.orelse).for_each(|stmt| self.visit_stmt(stmt));
            }
            Stmt::If(branches) => {
                self.outside(&branches.test);
                branches.body.iter().for_each(|stmt| self.visit_stmt(stmt));
                branches.elif_else_clauses.iter().for_each(|clause| self.visit_elif_else_clause(clause));
            }
            Stmt::AugAssign(assign) => {
                self.visit_expr(&assign.target);
                self.items_outside(&assign.value);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_comprehension(&mut self, comprehension: &'a ast::Comprehension) {
        self.items_outside(&comprehension.iter);
        self.visit_expr(&comprehension.target);
        comprehension.ifs.iter().for_each(|test| self.visit_expr(test));
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            expr if self.is_it(expr) => self.other = true,
            expr if self.level(expr).is_some() => self.outside(expr),
            Expr::Call(call) => self.call(call),
            Expr::Compare(compare) => {
                self.visit_expr(&compare.left);
                for (op, right) in compare.ops.iter().zip(&compare.comparators) {
                    match op {
                        CmpOp::In | CmpOp::NotIn => self.outside(right),
                        _ => self.visit_expr(right),
                    }
                }
            }
            // What comes of it is another container.
            Expr::BinOp(both) => {
                self.items_outside(&both.left);
                self.items_outside(&both.right);
            }
            Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => self.outside(&unary.operand),
            Expr::Starred(starred) if starred.ctx == ExprContext::Load => self.items_outside(&starred.value),
            // It is stored to or deleted.
            Expr::Name(found) if found.id.as_str() == self.name => self.other = true,
            expr => visitor::walk_expr(self, expr),
        }
    }
}
