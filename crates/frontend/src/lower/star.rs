//! A list behind `*` in a call: how many items it must hold, and what they are. Tuples are taken apart in `call`.

use ir::{ExcKind, Prim, Type};

use super::index::Index;
use super::iterate::Source;
use super::value::Static;
use super::{Lowered, Lowerer, Val};
use crate::parse::ast::{self, Ranged};
use crate::specialise::Callable;

impl<'c, 'p> Lowerer<'c, 'p> {
    /// How many arguments a list behind `*` must hold, where the function called tells.
    pub fn wanted_of_star(&mut self, known: &Static, call: &'p ast::ExprCall) -> Option<usize> {
        let args = &*call.arguments.args;
        if args.iter().filter(|arg| arg.is_starred_expr()).count() != 1 {
            return None;
        }
        let given: Vec<&str> = call
            .arguments
            .keywords
            .iter()
            .map(|keyword| keyword.arg.as_ref().map_or("", |name| name.as_str()))
            .collect();
        let by_parameters = |parameters: Option<&ast::Parameters>, own: usize| -> Option<usize> {
            let parameters = parameters?;
            if parameters.vararg.is_some() || given.contains(&"") {
                return None;
            }
            let by_position = parameters.posonlyargs.iter().chain(&parameters.args);
            let open = by_position.filter(|parameter| !given.contains(&parameter.name().as_str()));
            let all: Vec<&ast::ParameterWithDefault> = open.collect();
            let fixed = all.iter().all(|parameter| parameter.default.is_none());
            fixed.then(|| all.len().checked_sub(own + args.len() - 1)).flatten()
        };
        match known {
            Static::Function(function) => {
                by_parameters(self.compiler.source(Callable::Program(*function))?.parameters(), 0)
            }
            Static::Closure(id) => by_parameters(self.compiler.source(Callable::Closure(*id))?.parameters(), 0),
            Static::Class(number) => {
                let class = self.class(*number).ok()?;
                if let Some((index, _)) = class.method("__init__") {
                    return by_parameters(self.compiler.source(Callable::Method(*number, index))?.parameters(), 1);
                }
                let open = class.fields.iter().filter(|field| field.init && !given.contains(&field.name.as_str()));
                let all: Vec<_> = open.collect();
                let fixed = all.iter().all(|field| field.default.is_none() && !field.keyword_only);
                fixed.then(|| all.len().checked_sub(args.len() - 1)).flatten()
            }
            Static::Member(module, name) if module == "datetime" && name == "date" => {
                3usize.checked_sub(args.len() - 1)
            }
            _ => None,
        }
    }

    /// The items of what stands behind `*` where the function called takes so many.
    pub fn star_items(
        &mut self,
        source: Result<Source<'p>, Val>,
        wanted: usize,
        starred: &'p ast::ExprStarred,
    ) -> Lowered<Vec<Val>> {
        self.at(starred);
        let list = match source {
            Err(val) if matches!(val.ty(), Type::List(_)) => val,
            Err(val) => {
                let source = self.source_of(&val)?;
                self.collect_list(source, starred.start().to_u32())?
            }
            Ok(source) => self.collect_list(source, starred.start().to_u32())?,
        };
        self.at(starred);
        let length = self.length(&list)?;
        let count = self.int(wanted as i64);
        let fits = self.prim(Prim::IntEq, &[&length, &count]);
        let message = format!("this call takes {wanted} arguments from what stands behind `*`");
        self.require(&fits, ExcKind::TypeError, &message)?;
        let mut items = Vec::new();
        for index in 0..wanted {
            let index = self.int(index as i64);
            items.push(self.load(&list, &Index::Item(index))?);
        }
        Ok(items)
    }
}
