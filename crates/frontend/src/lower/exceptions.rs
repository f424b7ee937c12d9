//! Raising: `raise` and `assert`, and which class an expression names.

use ir::{ExcKind, Type};

use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::parse::ast::{self, Expr};

impl<'p> Lowerer<'_, 'p> {
    pub fn raise_stmt(&mut self, raise: &'p ast::StmtRaise) -> Lowered<()> {
        let Some(exc) = &raise.exc else { return self.raise_again(raise) };
        let (class, arguments) = match &**exc {
            Expr::Call(call) if call.arguments.keywords.is_empty() => (&*call.func, Some(&call.arguments.args)),
            other => (other, None),
        };
        if let (Expr::Name(_), None) = (class, arguments)
            && let Thing::Val(val) = self.thing(class)?
        {
            if !val.ty().variants().contains(&Type::Exception) {
                return self.not_an_exception(class);
            }
            self.cause(raise)?;
            return self.raise_val(raise, &val);
        }
        let Some(kind) = self.exception_class(class)? else {
            return self.not_an_exception(class);
        };
        let mut vals = Vec::new();
        for argument in arguments.into_iter().flatten() {
            vals.push(self.expr(argument)?);
        }
        self.at(raise);
        let message = match vals.as_slice() {
            [] => None,
            // Of a key, `str(e)` shows what it is, so that an empty one is seen.
            [val] if kind == ExcKind::KeyError => Some(self.repr_of(val)?),
            [val] => Some(self.text_of(val)?),
            several => {
                let tuple = self.tuple(several);
                Some(self.repr_of(&tuple)?)
            }
        };
        self.cause(raise)?;
        self.at(raise);
        self.raise_with(kind, message.as_ref());
        Ok(())
    }

    fn not_an_exception(&mut self, class: &Expr) -> Lowered<()> {
        self.fail_at(
            class,
            "unsupported-exception",
            "only the built-in exception classes can be raised in compiled code",
            Some("raise `ValueError` or another built-in class".to_owned()),
        )
    }

    /// `raise` alone: the exception that is being handled, from where it was raised first.
    fn raise_again(&mut self, raise: &ast::StmtRaise) -> Lowered<()> {
        self.at(raise);
        match self.handled_exception()? {
            Some(exception) => {
                self.reraise(&exception);
                Ok(())
            }
            None => self.fail(
                "unsupported-statement",
                "a `raise` without an exception belongs into an `except`",
                Some("name the exception".to_owned()),
            ),
        }
    }

    fn raise_val(&mut self, raise: &ast::StmtRaise, val: &Val) -> Lowered<()> {
        self.at(raise);
        if *val.ty() == Type::Exception {
            self.reraise(val);
            return Ok(());
        }
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Exception => {
                lowerer.reraise(&val);
                Err(Stop::Dead)
            }
            _ => lowerer.clash("exceptions must derive from BaseException"),
        })
        .map(|_| ())
    }

    /// What stands behind `from` is evaluated; a traceback of a row has no place for it.
    fn cause(&mut self, raise: &'p ast::StmtRaise) -> Lowered<()> {
        let Some(cause) = raise.cause.as_deref() else { return Ok(()) };
        let is_exception = match cause {
            Expr::NoneLiteral(_) => true,
            Expr::Call(call) => {
                let class = self.exception_class(&call.func)?;
                self.exprs(&call.arguments.args)?;
                class.is_some()
            }
            other => match self.thing(other)? {
                Thing::Val(val) => *val.ty() == Type::Exception,
                Thing::Static(Static::Builtin(name)) => ExcKind::from_name(name).is_some(),
                Thing::Static(_) => false,
            },
        };
        if is_exception {
            return Ok(());
        }
        self.fail_at(cause, "unsupported-exception", "only an exception can stand behind `from`", None)
    }

    /// The built-in exception class that an expression names.
    fn exception_class(&mut self, expr: &'p Expr) -> Lowered<Option<ExcKind>> {
        match expr {
            Expr::Name(_) => Ok(match self.thing(expr)? {
                // Those about encodings take five arguments.
                Thing::Static(Static::Builtin("UnicodeEncodeError" | "UnicodeDecodeError")) => None,
                Thing::Static(Static::Builtin(name)) => ExcKind::from_name(name),
                _ => None,
            }),
            _ => Ok(None),
        }
    }

    pub fn assert_stmt(&mut self, assert: &'p ast::StmtAssert) -> Lowered<()> {
        let (holds, fails) = self.test(&assert.test);
        if self.join(fails, None).is_ok() {
            let lowered = match &assert.msg {
                Some(expr) => self.expr(expr).and_then(|val| self.text_of(&val)).map(Some),
                None => Ok(None),
            };
            if let Some(message) = self.if_reached(lowered)? {
                self.at(assert);
                self.raise_with(ExcKind::AssertionError, message.as_ref());
            }
        }
        self.join(holds, None)
    }

    /// `type(e).__name__`: the most special of the classes that the exception is an instance of.
    pub fn exception_name(&mut self, exception: &Val) -> Val {
        let mut name = self.str(ExcKind::BaseException.name());
        // A class comes after the one it derives from.
        for class in ExcKind::ALL.iter().skip(1) {
            let is = self.is_exception(exception, &[*class]);
            let own = self.str(class.name());
            name = self.select(&is, &own, &name);
        }
        name
    }
}
