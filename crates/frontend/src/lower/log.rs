//! What goes to the log: `print`, and the functions of `logging`.

use ir::{ContainerOp, Op, Prim, Type};

use super::call::CallArguments;
use super::iterate::Source;
use super::statics::Function;
use super::{Lowered, Lowerer, Static, Thing, Val};
use crate::parse::ast::{self, Expr, Ranged};
use crate::shape::Shape;

/// The functions of `logging` with their levels.
const LEVELS: &[(&str, i64)] = &[("debug", 10), ("info", 20), ("warning", 30), ("error", 40), ("critical", 50)];

/// The level of a function of `logging`.
pub fn level_of(name: &str) -> Option<i64> {
    LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

impl<'p> Lowerer<'_, 'p> {
    /// `print(values, sep=, end=)`: the text goes to the log.
    pub fn print(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let spread = match call.arguments.args.iter().any(Expr::is_starred_expr) {
            true => Some(self.texts_of(call)?),
            false => None,
        };
        let arguments = match &spread {
            Some(_) => CallArguments { positional: Vec::new(), keywords: self.keyword_things(call)? },
            None => self.call_arguments(call)?,
        };
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
        let mut text = match &spread {
            Some(texts) => self.join_texts(&separator, texts)?,
            None => self.str(""),
        };
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

    /// The texts of the arguments of a call with a `*` among them, as a list.
    fn texts_of(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let key = call.start().to_u32();
        let texts = self.new_list(&[], Some(Shape::from(Type::Str)), key)?;
        for arg in &*call.arguments.args {
            match arg {
                Expr::Starred(starred) => {
                    let source = self.iterable(&starred.value)?;
                    self.at(starred);
                    let as_text = Function::Static(Static::Builtin("str"));
                    let more = self.collect_list(Source::Map(as_text, vec![source]), starred.start().to_u32())?;
                    self.method(&texts, "extend", &[more], &[])?;
                }
                other => {
                    let val = self.expr(other)?;
                    let text = self.text_of(&val)?;
                    self.method(&texts, "append", &[text], &[])?;
                }
            }
        }
        Ok(texts)
    }

    fn keyword_things(&mut self, call: &'p ast::ExprCall) -> Lowered<Vec<(String, Thing)>> {
        let mut things = Vec::new();
        for keyword in &call.arguments.keywords {
            let Some(name) = &keyword.arg else {
                return self.fail_at(keyword, "unsupported-argument", "`**` cannot be compiled here", None);
            };
            things.push((name.to_string(), self.thing(&keyword.value)?));
        }
        Ok(things)
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
