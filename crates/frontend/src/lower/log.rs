//! What goes to the log: `print`, the functions of `logging` and the methods of its loggers.

use ir::{ContainerOp, Op, Prim, Type};

use super::call::CallArguments;
use super::iterate::Source;
use super::statics::Function;
use super::{Lowered, Lowerer, Static, Thing, Val};
use crate::parse::ast::{self, Expr, Ranged};
use crate::shape::Shape;
use crate::template::{Amount, Conversion, PercentPiece, parse_percent};

/// The functions of `logging`, which are the methods of loggers, with their levels.
const LEVELS: &[(&str, i64)] = &[
    ("debug", 10),
    ("info", 20),
    ("warning", 30),
    ("warn", 30),
    ("error", 40),
    ("exception", 40),
    ("critical", 50),
    ("fatal", 50),
];
/// What says more about the message than its text.
const ASIDE: &[&str] = &["exc_info", "extra", "stack_info", "stacklevel"];

/// The level of a function of `logging`.
pub fn level_of(name: &str) -> Option<i64> {
    LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

/// Whether a value can be shown so, whatever it is when the program runs.
fn fits(conversion: &Conversion, arg: &Val) -> bool {
    let is_whole = |ty: &Type| matches!(ty, Type::Int | Type::Bool);
    let is_plain = conversion.key.is_none()
        && [&conversion.width, &conversion.precision].iter().all(|amount| **amount != Amount::Argument);
    let variants = arg.ty().variants();
    is_plain
        && match conversion.kind {
            's' | 'r' | 'a' => true,
            'd' | 'i' => variants.iter().all(is_whole),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => variants.iter().all(|ty| is_whole(ty) || *ty == Type::Float),
            _ => false,
        }
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

    /// `logging.info(message, *args)` and its like, of the module or of a logger.
    pub fn logging(&mut self, level: i64, arguments: CallArguments) -> Lowered<Val> {
        let is_aside = |(keyword, _): &(String, Thing)| ASIDE.contains(&keyword.as_str());
        if let Some((keyword, _)) = arguments.keywords.iter().find(|keyword| !is_aside(keyword)) {
            return self.clash(format!("Logger._log() got an unexpected keyword argument '{keyword}'"));
        }
        let positional = CallArguments { positional: arguments.positional, keywords: Vec::new() };
        let vals = self.plain_arguments("a logger", positional)?;
        let Some((message, args)) = vals.split_first() else {
            return self.fail("wrong-arguments", "there is no message to be logged", None);
        };
        let text = match args {
            [] => self.text_of(message)?,
            args => self.log_message(message, args)?,
        };
        let end = self.str("\n");
        let text = self.prim(Prim::StrConcat, &[&text, &end]);
        Ok(self.write_log(level, &text))
    }

    /// `message % args`. Where that fails, CPython says so in the log and goes on: so it must be certain that it does not.
    fn log_message(&mut self, message: &Val, args: &[Val]) -> Lowered<Val> {
        let pieces = message.known_str().and_then(|text| parse_percent(&text).ok());
        let conversions: Option<Vec<_>> = pieces.map(|pieces| {
            let conversions = pieces.into_iter().filter_map(|piece| match piece {
                PercentPiece::Conversion(conversion) => Some(conversion),
                PercentPiece::Text(_) => None,
            });
            conversions.collect()
        });
        let fits = conversions.is_some_and(|conversions| {
            conversions.len() == args.len()
                && conversions.iter().zip(args).all(|(conversion, arg)| fits(conversion, arg))
        });
        if !fits {
            return self.fail(
                "unsupported-argument",
                "whether these values fit the message cannot be told",
                Some("put the values into an f-string".to_owned()),
            );
        }
        let args = self.tuple(args);
        self.percent(message, &args)
    }

    fn write_log(&mut self, level: i64, text: &Val) -> Val {
        let level = self.int(level);
        self.emit(Op::Container(ContainerOp::LogWrite), &[&level, text], Type::None);
        self.none()
    }
}
