//! `with` statements as the `try` statements that the language reference says they are, right behind the parser, so that
//! nothing else knows of them. Knows nothing of types: whether there are `__enter__` and `__exit__` is seen later.

use crate::bound_names;
use crate::parse::ast::visitor::transformer::{self, Transformer};
use crate::parse::ast::{self, Expr, Ranged, Stmt, TextRange, TextSize};
use crate::parse::parse_statements;

/// Opens the names of the hidden variables: a letter that nobody writes by accident.
const MARK: char = 'ǁ';

/// Takes the place of every `with` statement that is not `async`.
pub fn rewrite(body: &mut [Stmt]) {
    let rewriter = Rewriter { suppressors: bound_names::suppressors(body) };
    rewriter.visit_body(body);
}

struct Rewriter {
    /// What stands for `contextlib.suppress`, wherever it is read.
    suppressors: Vec<String>,
}

impl Transformer for Rewriter {
    fn visit_stmt(&self, stmt: &mut Stmt) {
        transformer::walk_stmt(self, stmt);
        if let Stmt::With(with) = stmt
            && !with.is_async
        {
            let with = with.clone();
            if let Some(written) = self.written_out(with) {
                *stmt = written;
            }
        }
    }
}

/// Whether an expression that names a class has no effect.
fn is_path(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_path(&attribute.value),
        _ => false,
    }
}

impl Rewriter {
    /// The classes of `suppress(...)`, where the item is that.
    fn suppressed<'i>(&self, item: &'i ast::WithItem) -> Option<&'i ast::ExprCall> {
        let (Expr::Call(call), None) = (&item.context_expr, &item.optional_vars) else { return None };
        let name = match &*call.func {
            Expr::Name(name) => name.id.to_string(),
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(module) => format!("{}.{}", module.id, attribute.attr),
                _ => return None,
            },
            _ => return None,
        };
        let is_plain = call.arguments.keywords.is_empty() && call.arguments.args.iter().all(is_path);
        (is_plain && self.suppressors.contains(&name)).then_some(call)
    }

    /// `with suppress(A, B): body` is `try: body except (A, B): pass`.
    fn suppressing(call: &ast::ExprCall, body: ast::Suite, index: u32, with: TextRange) -> Option<ast::Suite> {
        let mut made = parse_statements("try:\n    pass\nexcept ():\n    pass\n")?;
        let start = with.start() + TextSize::from(index);
        let mut placer = Placer { range: call.arguments.range, around: TextRange::new(start, with.end()) };
        made.iter_mut().for_each(|stmt| placer.place(stmt));
        if let Some(Stmt::Try(tried)) = made.first_mut() {
            tried.body = body;
            for handler in &mut tried.handlers {
                let ast::ExceptHandler::ExceptHandler(handler) = handler;
                if let Some(Expr::Tuple(classes)) = handler.type_.as_deref_mut() {
                    classes.elts = call.arguments.args.to_vec();
                    classes.range = call.arguments.range;
                }
            }
        }
        Some(made.into_iter().collect())
    }

    /// `with a as x, b: body` is `with a as x: with b: body`. All of it becomes one statement, an `if` that always holds.
    fn written_out(&self, with: ast::StmtWith) -> Option<Stmt> {
        let mut body = with.body;
        for (index, item) in with.items.into_iter().enumerate().rev() {
            body = match self.suppressed(&item) {
                Some(call) => Self::suppressing(call, body, index as u32, with.range)?,
                None => protected(item, body, index as u32, with.range)?,
            };
        }
        Some(block_of(body, with.range))
    }
}

/// The statements as one, which starts where they do.
fn block_of(body: ast::Suite, range: TextRange) -> Stmt {
    let test = Expr::BooleanLiteral(ast::ExprBooleanLiteral { value: true, range, node_index: Default::default() });
    Stmt::If(ast::StmtIf {
        test: Box::new(test),
        body,
        elif_else_clauses: Vec::new(),
        range,
        node_index: Default::default(),
    })
}

/// What one item does around the body.
fn protected(item: ast::WithItem, body: ast::Suite, index: u32, with: TextRange) -> Option<ast::Suite> {
    let number = item.context_expr.start().to_u32();
    let (manager, exception, done) =
        (format!("{MARK}manager{number}"), format!("{MARK}exception{number}"), format!("{MARK}done{number}"));
    let text = format!(
        "{manager} = None
{MARK}target = {manager}.__enter__()
{done} = False
try:
    try:
        pass
    except BaseException as {exception}:
        {done} = True
        if not {manager}.__exit__({exception}.__class__, {exception}, {exception}.__traceback__):
            raise
finally:
    if not {done}:
        {manager}.__exit__(None, None, None)
"
    );
    let mut made = parse_statements(&text)?;
    let start = with.start() + TextSize::from(index);
    let mut placer = Placer { range: item.context_expr.range(), around: TextRange::new(start, with.end()) };
    made.iter_mut().for_each(|stmt| placer.place(stmt));
    let mut statements = made.into_iter();
    let (mut enter, mut entered, done, mut tried) =
        (statements.next()?, statements.next()?, statements.next()?, statements.next()?);
    if let Stmt::Assign(assign) = &mut enter {
        *assign.value = item.context_expr;
    }
    if let Stmt::Assign(assign) = &mut entered {
        match item.optional_vars {
            Some(target) => assign.targets = vec![*target],
            None => {
                entered = Stmt::Expr(ast::StmtExpr {
                    value: assign.value.clone(),
                    range: assign.range,
                    node_index: Default::default(),
                });
            }
        }
    }
    if let Stmt::Try(outer) = &mut tried
        && let Some(Stmt::Try(inner)) = outer.body.first_mut()
    {
        inner.body = body;
    }
    Some([enter, entered, done, tried].into_iter().collect())
}

/// Gives what was made a place: expressions and simple statements that of the context manager, each compound statement one
/// of its own, as statements are told apart by their places.
struct Placer {
    range: TextRange,
    around: TextRange,
}

impl Placer {
    fn place(&mut self, stmt: &mut Stmt) {
        let range = self.range;
        let compound = |placer: &mut Placer| {
            let (start, end) = (placer.around.start(), placer.around.end() - TextSize::from(1));
            placer.around = TextRange::new(start.min(end), end);
            placer.around
        };
        match stmt {
            Stmt::Assign(assign) => {
                assign.range = range;
                assign.targets.iter_mut().for_each(|target| Ranges(range).visit_expr(target));
                Ranges(range).visit_expr(&mut assign.value);
            }
            Stmt::Expr(inner) => {
                inner.range = range;
                Ranges(range).visit_expr(&mut inner.value);
            }
            Stmt::Try(tried) => {
                tried.range = compound(self);
                tried.body.iter_mut().for_each(|inner| self.place(inner));
                for handler in &mut tried.handlers {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    handler.range = range;
                    handler.type_.iter_mut().for_each(|class| Ranges(range).visit_expr(class));
                    handler.name.iter_mut().for_each(|name| name.range = range);
                    handler.body.iter_mut().for_each(|inner| self.place(inner));
                }
                tried.finalbody.iter_mut().for_each(|inner| self.place(inner));
            }
            Stmt::If(branch) => {
                branch.range = compound(self);
                Ranges(range).visit_expr(&mut branch.test);
                branch.body.iter_mut().for_each(|inner| self.place(inner));
            }
            Stmt::Raise(raise) => raise.range = range,
            // The template has no others.
            _ => {}
        }
    }
}

/// Sets the ranges of the expressions that the template has.
struct Ranges(TextRange);

impl Transformer for Ranges {
    fn visit_expr(&self, expr: &mut Expr) {
        transformer::walk_expr(self, expr);
        match expr {
            Expr::Name(name) => name.range = self.0,
            Expr::Call(call) => {
                call.range_start = self.0.start();
                call.arguments.range = self.0;
            }
            Expr::Attribute(attribute) => {
                attribute.range = self.0;
                attribute.attr.range = self.0;
            }
            Expr::UnaryOp(unary) => unary.range = self.0,
            Expr::BooleanLiteral(literal) => literal.range = self.0,
            Expr::NoneLiteral(literal) => literal.range = self.0,
            _ => {}
        }
    }
}
