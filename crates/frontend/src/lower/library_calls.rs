//! Calls of the library that is written in Python, and what its functions alone can say: what compiled code cannot do, and where
//! an iterator goes on.

use ir::passes::generator::AGAIN;
use ir::{Op, Type};

use super::value::Static;
use super::{Lowered, Lowerer, Thing, Val};
use crate::library;
use crate::parse::ast::{self, Expr};
use crate::specialise::SpecId;

impl<'p> Lowerer<'_, 'p> {
    /// A call of a function of the library with values.
    pub fn call_library(&mut self, module: &str, name: &str, vals: &[Val]) -> Lowered<Val> {
        match library::function_named(module, name) {
            Some(function) => self.call_static(&Static::Function(function), vals),
            None => self.fail("internal", format!("the library has no `{module}.{name}`"), None),
        }
    }

    /// `_is_constant(x)` in the library: whether an argument that may be a constant is one. `_again()` in an iterator that goes
    /// on behind an exception: whether one has got out since it came here.
    pub fn library_question(&mut self, call: &'p ast::ExprCall) -> Lowered<Option<Thing>> {
        let Expr::Name(name) = &*call.func else { return Ok(None) };
        if !name.id.starts_with('_') || !library::is_library_function(self.function) {
            return Ok(None);
        }
        match (name.id.as_str(), &*call.arguments.args) {
            ("_is_constant", [argument @ Expr::Name(_)]) => {
                let val = self.expr(argument)?;
                Ok(Some(Thing::Val(self.bool(val.known_int().is_some()))))
            }
            ("_again", []) => Ok(Some(Thing::Val(self.emit(Op::Call(AGAIN), &[], Type::Bool)))),
            _ => Ok(None),
        }
    }

    /// `_unsupported("why")` in the library: a call that cannot be compiled.
    pub fn library_refusal(&mut self, call: &'p ast::ExprCall) -> Lowered<()> {
        let (Expr::Name(name), [Expr::StringLiteral(why)]) = (&*call.func, &*call.arguments.args) else {
            return Ok(());
        };
        if name.id.as_str() != "_unsupported" || !library::is_library_function(self.function) {
            return Ok(());
        }
        self.fail_at(call, "unsupported-function", why.value.to_str(), None)
    }

    /// What was refused in a function of the library is a problem of the call: its reader has never seen that code.
    pub fn report_refusal(&mut self, id: SpecId) -> bool {
        if let Some(found) = self.compiler.refusal(id) {
            let message = match self.compiler.name_of(id) {
                // Between functions of the library the message is handed on.
                Some(name) if !library::is_library_function(self.function) => format!("`{name}`: {}", found.message),
                _ => found.message,
            };
            self.report(found.code, message, self.place, found.help);
            return true;
        }
        false
    }
}
