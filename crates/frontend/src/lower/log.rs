//! What goes to the log: `print`, and the functions of `logging`.

use ir::{ContainerOp, Op, Prim, Type};

use super::call::CallArguments;
use super::{Lowered, Lowerer, Thing, Val};
use crate::parse::ast;

/// The functions of `logging` with their levels.
const LEVELS: &[(&str, i64)] = &[("debug", 10), ("info", 20), ("warning", 30), ("error", 40), ("critical", 50)];

/// The level of a function of `logging`.
pub fn level_of(name: &str) -> Option<i64> {
    LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

impl<'p> Lowerer<'_, 'p> {
    /// `print(values, sep=, end=)`: the text goes to the log.
    pub fn print(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        let (mut separator, mut end) = (self.str(" "), self.str("\n"));
        for (keyword, thing) in arguments.keywords {
            let val = match keyword.as_str() {
                "sep" | "end" => self.value_of(thing)?,
                "flush" => continue,
                _ => {
                    let message = format!("`{keyword}` of `print` cannot be compiled");
                    return self.fail("unsupported-argument", message, None);
                }
            };
            match (keyword.as_str(), val.ty()) {
                (_, Type::None) => {}
                ("sep", Type::Str) => separator = val,
                ("end", Type::Str) => end = val,
                (name, ty) => {
                    let found = crate::shape::python_name(ty);
                    return self.clash(format!("{name} must be None or a string, not {found}"));
                }
            }
        }
        let mut text = self.str("");
        for (position, thing) in arguments.positional.into_iter().enumerate() {
            if position > 0 {
                text = self.prim(Prim::StrConcat, &[&text, &separator]);
            }
            let val = self.value_of(thing)?;
            let shown = self.text_of(&val)?;
            text = self.prim(Prim::StrConcat, &[&text, &shown]);
        }
        let text = self.prim(Prim::StrConcat, &[&text, &end]);
        Ok(self.write_log(0, &text))
    }

    /// `logging.info(message)` and its like: a message without arguments of its own.
    pub fn logging(&mut self, level: i64, arguments: CallArguments) -> Lowered<Val> {
        let ([Thing::Val(message)], []) = (arguments.positional.as_slice(), arguments.keywords.as_slice()) else {
            return self.fail(
                "unsupported-argument",
                "only a message can be logged in compiled code",
                Some("put the values into an f-string".to_owned()),
            );
        };
        let message = message.clone();
        let text = self.text_of(&message)?;
        let end = self.str("\n");
        let text = self.prim(Prim::StrConcat, &[&text, &end]);
        Ok(self.write_log(level, &text))
    }

    fn write_log(&mut self, level: i64, text: &Val) -> Val {
        let level = self.int(level);
        self.emit(Op::Container(ContainerOp::LogWrite), &[&level, text], Type::None);
        self.none()
    }
}
