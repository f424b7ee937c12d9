//! A list behind `*` in a call: how many items it must hold, and what they are. Tuples are taken apart in `call`.

use ir::{ExcKind, Prim, Type};

use super::call::{CallArguments, list_of_names};
use super::dispatch::Dispatch;
use super::index::{Index, Slice};
use super::iterate::Source;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::classes::{ClassKind, MethodKind};
use crate::library;
use crate::parse::ast::{self, Ranged};
use crate::specialise::Callable;
use crate::template::{Specs, plain_fields};

/// What a list behind `*` must hold for the function that is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// So many arguments.
    Exactly(usize),
    /// So many with the arguments before it, and what more there is goes to the function's own `*` parameter.
    AtLeast(usize),
    /// From the one number to the other: what is missing has defaults.
    Between(usize, usize),
    /// So many or more, of which the rest is not used: `"{} {}".format(*items)`.
    Fields(usize, Specs),
}

/// A list behind `*`: what it must hold, and what is called with its items, where that is a function of the program.
#[derive(Clone, Debug)]
pub struct Star {
    pub wanted: Wanted,
    called: Option<Called>,
}

/// What CPython's messages say of a function that is called with too few or too many arguments.
#[derive(Clone, Debug)]
struct Called {
    name: String,
    /// The parameters that are given by position.
    parameters: Vec<String>,
    /// How many of them the call does not give: `self`.
    own: usize,
    /// Those that the call gives by name.
    named: Vec<String>,
    /// How many arguments go to parameters that are only given by name.
    keyword_only: usize,
}

impl Called {
    /// What is said where so many of the parameters got no argument.
    fn missing(&self, given: usize) -> String {
        let open = self.parameters.iter().skip(given).filter(|name| !self.named.contains(name));
        let names: Vec<String> = open.map(|name| format!("'{name}'")).collect();
        let (count, s) = (names.len(), if names.len() == 1 { "" } else { "s" });
        format!("{}() missing {count} required positional argument{s}: {}", self.name, list_of_names(&names))
    }

    /// What is said of too many arguments, before and behind their number.
    fn too_many(&self) -> (String, String) {
        let (takes, s) = (self.parameters.len(), if self.parameters.len() == 1 { "" } else { "s" });
        let before = format!("{}() takes {takes} positional argument{s} but ", self.name);
        let s = if self.keyword_only == 1 { "" } else { "s" };
        let behind = match self.keyword_only {
            0 => " were given".to_owned(),
            count => format!(" positional arguments (and {count} keyword-only argument{s}) were given"),
        };
        (before, behind)
    }
}

/// What a list behind the only `*` of the call must hold; `own` parameters are not given by the call.
fn by_parameters(call: &ast::ExprCall, parameters: Option<&ast::Parameters>, own: usize) -> Option<Wanted> {
    let parameters = parameters?;
    let (args, given) = (&*call.arguments.args, given_names(call)?);
    let by_position = parameters.posonlyargs.iter().chain(&parameters.args);
    let open = by_position.filter(|parameter| !given.contains(&parameter.name().as_str()));
    let all: Vec<&ast::ParameterWithDefault> = open.collect();
    if all.iter().any(|parameter| parameter.default.is_some()) {
        return None;
    }
    match &parameters.vararg {
        // What stands behind the list goes with its items.
        Some(_) => Some(Wanted::AtLeast(all.len().saturating_sub(own))),
        None if has_one_star(call) => all.len().checked_sub(own + args.len() - 1).map(Wanted::Exactly),
        None => None,
    }
}

/// The same where the list stands last and some of what it may leave out has a default.
fn by_defaults(call: &ast::ExprCall, parameters: Option<&ast::Parameters>, own: usize) -> Option<Wanted> {
    const DEFAULTS_MAX: usize = 4;
    let parameters = parameters.filter(|parameters| parameters.vararg.is_none())?;
    let args = &*call.arguments.args;
    if !has_one_star(call) || !args.last()?.is_starred_expr() || !call.arguments.keywords.is_empty() {
        return None;
    }
    let by_position = parameters.posonlyargs.iter().chain(&parameters.args);
    let most = by_position.clone().count().checked_sub(own + args.len() - 1)?;
    let defaults = by_position.filter(|parameter| parameter.default.is_some()).count();
    (1..=DEFAULTS_MAX).contains(&defaults).then(|| Wanted::Between(most.saturating_sub(defaults), most))
}

/// The names of the keyword arguments, unless there are some that the text does not tell.
fn given_names(call: &ast::ExprCall) -> Option<Vec<&str>> {
    call.arguments.keywords.iter().map(|keyword| keyword.arg.as_ref().map(|name| name.as_str())).collect()
}

/// What is said of a list behind `*` where nothing tells what it must hold.
pub const ONLY_TUPLES: &str = "only a tuple can be passed with `*` in compiled code";

/// Whether every value of the type can be shown with the specs.
fn fits(ty: &Type, specs: Specs) -> bool {
    match specs {
        Specs::Nothing => true,
        Specs::Plain => matches!(ty, Type::Str | Type::Bool | Type::Int | Type::Float),
        Specs::Number => matches!(ty, Type::Bool | Type::Int | Type::Float),
    }
}

fn has_one_star(call: &ast::ExprCall) -> bool {
    call.arguments.args.iter().filter(|arg| arg.is_starred_expr()).count() == 1
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// What a list behind `*` must hold, where the function called tells.
    pub fn wanted_of_star(&mut self, known: &Static, call: &'p ast::ExprCall) -> Option<Star> {
        let args = &*call.arguments.args;
        if !args.iter().any(ast::Expr::is_starred_expr) {
            return None;
        }
        let wanted = self.wanted_of_known(known, call)?;
        let called = self.called_of_known(known, call).filter(|called| called.named.len() < 2);
        Some(Star { wanted, called })
    }

    /// What CPython says of the function that is called.
    fn called_of_known(&mut self, known: &Static, call: &'p ast::ExprCall) -> Option<Called> {
        let number = match known {
            Static::Function(function) if library::is_library_function(*function) => return None,
            Static::Function(function) => return self.called(Callable::Program(*function), 0, call),
            Static::Closure(id) => return self.called(Callable::Closure(*id), 0, call),
            Static::Class(number) => *number,
            _ => return None,
        };
        let class = self.class(number).ok()?;
        if let Some((index, _)) = class.method("__init__") {
            return self.called(Callable::Method(number, index), 1, call);
        }
        let init = match class.kind {
            ClassKind::NamedTuple => "__new__",
            ClassKind::Dataclass(_) => "__init__",
            ClassKind::Plain | ClassKind::Exception(_) | ClassKind::Enum(_) => return None,
        };
        let fields = class.fields.iter().filter(|field| field.init && !field.keyword_only);
        let parameters = ["self".to_owned()].into_iter().chain(fields.map(|field| field.name.clone())).collect();
        let named = given_names(call)?.into_iter().map(str::to_owned).collect();
        Some(Called { name: format!("{}.{init}", class.name), parameters, own: 1, named, keyword_only: 0 })
    }

    fn called(&mut self, callable: Callable, own: usize, call: &'p ast::ExprCall) -> Option<Called> {
        let source = self.compiler.source(callable)?;
        let name = self.qualified_name(callable, &source);
        let list = source.parameters()?;
        let by_position = list.posonlyargs.iter().chain(&list.args);
        let parameters: Vec<String> = by_position.map(|parameter| parameter.name().to_string()).collect();
        let given = given_names(call)?;
        let is_keyword_only = |name: &&&str| list.kwonlyargs.iter().any(|known| known.name().as_str() == **name);
        let keyword_only = given.iter().filter(is_keyword_only).count();
        let named = given.iter().filter(|name| parameters.iter().any(|known| known == **name));
        let named = named.map(|name| (*name).to_owned()).collect();
        Some(Called { name, parameters, own, named, keyword_only })
    }

    fn wanted_of_known(&mut self, known: &Static, call: &'p ast::ExprCall) -> Option<Wanted> {
        let args = &*call.arguments.args;
        match known {
            Static::Function(function) => {
                let parameters = self.compiler.source(Callable::Program(*function))?.parameters();
                let wanted = by_parameters(call, parameters, 0).or_else(|| by_defaults(call, parameters, 0));
                // Those of the library have forms of their own for each number of arguments.
                wanted.filter(|wanted| matches!(wanted, Wanted::Exactly(_)) || !library::is_library_function(*function))
            }
            Static::Closure(id) => {
                let parameters = self.compiler.source(Callable::Closure(*id))?.parameters();
                by_parameters(call, parameters, 0).or_else(|| by_defaults(call, parameters, 0))
            }
            Static::Class(number) => {
                let class = self.class(*number).ok()?;
                if let Some((index, _)) = class.method("__init__") {
                    let source = self.compiler.source(Callable::Method(*number, index))?;
                    let wanted = by_parameters(call, source.parameters(), 1);
                    let is_plain = class.kind == ClassKind::Plain;
                    return wanted.filter(|wanted| matches!(wanted, Wanted::Exactly(_)) || is_plain);
                }
                let given = given_names(call).filter(|_| has_one_star(call))?;
                let open = class.fields.iter().filter(|field| field.init && !given.contains(&field.name.as_str()));
                let all: Vec<_> = open.collect();
                let fixed = all.iter().all(|field| field.default.is_none() && !field.keyword_only);
                fixed.then(|| all.len().checked_sub(args.len() - 1)).flatten().map(Wanted::Exactly)
            }
            Static::Member(module, name) if module == "datetime" && name == "date" && has_one_star(call) => {
                3usize.checked_sub(args.len() - 1).map(Wanted::Exactly)
            }
            _ => None,
        }
    }

    /// The same for a method of an instance of a class of the program.
    pub fn wanted_of_method(&mut self, object: &Val, name: &str, call: &'p ast::ExprCall) -> Option<Star> {
        if !call.arguments.args.iter().any(ast::Expr::is_starred_expr) {
            return None;
        }
        if let (Type::Str, "format", Some(text)) = (object.ty(), name, object.known_str()) {
            let is_last = has_one_star(call) && call.arguments.args.last().is_some_and(ast::Expr::is_starred_expr);
            let (count, specs) = plain_fields(&text).filter(|_| is_last)?;
            let count = count.checked_sub(call.arguments.args.len() - 1)?;
            return Some(Star { wanted: Wanted::Fields(count, specs), called: None });
        }
        let class = self.class_of(object)?;
        let (index, method) = class.method(name)?;
        let own = if method.kind == MethodKind::Static { 0 } else { 1 };
        self.star_of_method(Callable::Method(class.number, index), own, call)
    }

    /// The same for a method that `super()` finds.
    pub fn wanted_of_super(&mut self, class: usize, index: usize, call: &'p ast::ExprCall) -> Option<Star> {
        if !call.arguments.args.iter().any(ast::Expr::is_starred_expr) {
            return None;
        }
        let is_static = self.class(class).ok()?.methods.get(index)?.kind == MethodKind::Static;
        let own = if is_static { 0 } else { 1 };
        self.star_of_method(Callable::Method(class, index), own, call)
    }

    fn star_of_method(&mut self, method: Callable, own: usize, call: &'p ast::ExprCall) -> Option<Star> {
        let wanted = by_parameters(call, self.compiler.source(method)?.parameters(), own)?;
        let called = self.called(method, own, call).filter(|called| called.named.len() < 2);
        Some(Star { wanted, called })
    }

    /// A list of the items of what stands behind `*` and of the arguments that follow.
    fn list_of_arguments(
        &mut self,
        source: Result<Source<'p>, Val>,
        starred: &'p ast::ExprStarred,
        following: &'p [ast::Expr],
    ) -> Lowered<Val> {
        let list = self.new_list(&[], None, starred.start().to_u32())?;
        let source = match source {
            Ok(source) => source,
            Err(val) => self.source_of(&val)?,
        };
        self.extend_from(&list, source)?;
        self.append_exprs(&list, following)?;
        Ok(list)
    }

    /// What stands behind `*`, as a list.
    pub fn list_behind_star(&mut self, source: Result<Source<'p>, Val>, starred: &'p ast::ExprStarred) -> Lowered<Val> {
        self.at(starred);
        let source = match source {
            Err(val) if matches!(val.ty(), Type::List(_)) => return Ok(val),
            Err(val) => self.source_of(&val)?,
            Ok(source) => source,
        };
        self.collect_list(source, starred.start().to_u32())
    }

    /// The items of what stands behind `*` where the function called takes so many.
    pub fn star_items(
        &mut self,
        source: Result<Source<'p>, Val>,
        star: &Star,
        starred: &'p ast::ExprStarred,
        before: &[Thing],
        following: &'p [ast::Expr],
    ) -> Lowered<Vec<Val>> {
        let has_rest = matches!(star.wanted, Wanted::AtLeast(_));
        let specs = if let Wanted::Fields(_, specs) = star.wanted { specs } else { Specs::Nothing };
        let is_open = matches!(star.wanted, Wanted::Between(..));
        let (wanted, op) = match star.wanted {
            Wanted::Exactly(count) => (count, Prim::IntEq),
            Wanted::Between(count, _) => (count, Prim::IntGe),
            Wanted::AtLeast(count) => (count.saturating_sub(before.len()), Prim::IntGe),
            Wanted::Fields(count, _) => (count, Prim::IntGe),
        };
        self.at(starred);
        let list = match source {
            source if has_rest && !following.is_empty() => self.list_of_arguments(source, starred, following)?,
            source => self.list_behind_star(source, starred)?,
        };
        self.at(starred);
        if is_open {
            self.star_rests.push(list.id);
            return Ok(vec![list]);
        }
        let all_fit = before.iter().all(|thing| matches!(thing, Thing::Val(val) if fits(val.ty(), specs)))
            && matches!(list.ty(), Type::List(item) if fits(item, specs));
        if specs != Specs::Nothing && !all_fit {
            return self.fail("unsupported-argument", ONLY_TUPLES, None);
        }
        let length = self.length(&list)?;
        let count = self.int(wanted as i64);
        let fits = self.prim(op, &[&length, &count]);
        let beside = before.len() + if has_rest { 0 } else { following.len() };
        self.require_length(&fits, &length, star, wanted, beside)?;
        let mut items = Vec::new();
        for index in 0..wanted {
            let index = self.int(index as i64);
            items.push(self.load(&list, &Index::Item(index))?);
        }
        if has_rest {
            let start = Some(self.int(wanted as i64));
            let rest = self.load(&list, &Index::Slice(Box::new(Slice { start, ..Slice::default() })))?;
            let rest = self.tuple_around(&rest);
            self.star_rests.push(rest.id);
            items.push(rest);
        }
        Ok(items)
    }

    /// A call with a list last that may leave out what has defaults: one call for each length.
    pub fn call_with_defaults(
        &mut self,
        callable: Callable,
        (least, most): (usize, usize),
        mut arguments: CallArguments,
    ) -> Lowered<Val> {
        let is_list = |thing: &Thing, id| matches!(thing, Thing::Val(val) if val.id == id);
        let known = self.star_rests.last().copied();
        let list = match arguments.positional.last() {
            Some(Thing::Val(list)) if known.is_some_and(|id| is_list(&Thing::Val(list.clone()), id)) => list.clone(),
            // A tuple, whose length is known.
            _ => return self.call_function(callable, arguments),
        };
        self.star_rests.pop();
        arguments.positional.pop();
        let (place, length) = (self.place, self.length(&list)?);
        let (low, high) = (self.int(least as i64), self.int(most as i64));
        let fits = [self.prim(Prim::IntGe, &[&length, &low]), self.prim(Prim::IntLe, &[&length, &high])];
        let message = format!("this call takes {least} to {most} arguments from what stands behind `*`");
        for fits in &fits {
            self.require(fits, ExcKind::TypeError, &message)?;
        }
        let mut state = Dispatch::default();
        for count in least..=most {
            let wanted = self.int(count as i64);
            let cond = if count < most { self.prim(Prim::IntEq, &[&length, &wanted]) } else { self.bool(true) };
            let (holds, fails) = self.branch(&cond)?;
            self.continue_at(holds);
            self.one_branch(&mut state, |lowerer| {
                lowerer.at_place(place);
                let mut given = arguments.clone();
                for index in 0..count {
                    let index = lowerer.int(index as i64);
                    given.positional.push(Thing::Val(lowerer.load(&list, &Index::Item(index))?));
                }
                lowerer.call_function(callable, given)
            });
            self.continue_at(fails);
            if !self.is_live() {
                break;
            }
        }
        self.finish_dispatch(state, place)
    }

    /// Start, stop and step of `range(*numbers)`.
    pub fn range_of_star(&mut self, call: &'p ast::ExprCall) -> Lowered<[Val; 3]> {
        let list = self.list_of_exprs(&call.arguments.args, None, call)?;
        self.at(call);
        if !matches!(list.ty(), Type::List(item) if **item == Type::Int) {
            return self.fail("unsupported-expression", "`*` in `range(...)` cannot be compiled", None);
        }
        let length = self.length(&list)?;
        let [zero, one, two, three] = [0, 1, 2, 3].map(|number| self.int(number));
        let fits = self.prim(Prim::IntGe, &[&length, &one]);
        self.require(&fits, ExcKind::TypeError, "range expected at least 1 argument, got 0")?;
        let fits = self.prim(Prim::IntLe, &[&length, &three]);
        let (holds, fails) = self.branch(&fits)?;
        self.continue_at(fails);
        if self.is_live() {
            let (text, shown) = (self.str("range expected at most 3 arguments, got "), self.repr_of(&length)?);
            let message = self.prim(Prim::StrConcat, &[&text, &shown]);
            self.raise_with(ExcKind::TypeError, Some(&message));
        }
        self.continue_at(holds);
        let is_one = self.prim(Prim::IntEq, &[&length, &one]);
        let is_three = self.prim(Prim::IntEq, &[&length, &three]);
        let (at_stop, at_step) = (self.select(&is_one, &zero, &one), self.select(&is_three, &two, &zero));
        let first = self.load(&list, &Index::Item(zero.clone()))?;
        let (stop, last) = (self.load(&list, &Index::Item(at_stop))?, self.load(&list, &Index::Item(at_step))?);
        Ok([self.select(&is_one, &zero, &first), stop, self.select(&is_three, &last, &one)])
    }

    /// Raises what CPython does unless the length of a list behind `*` fits; `beside`: arguments that the call has beside it.
    fn require_length(&mut self, fits: &Val, length: &Val, star: &Star, wanted: usize, beside: usize) -> Lowered<()> {
        let Some(called) = &star.called else {
            let missing =
                if matches!(star.wanted, Wanted::Fields(..)) { ExcKind::IndexError } else { ExcKind::TypeError };
            let message = format!("this call takes {wanted} arguments from what stands behind `*`");
            return self.require(fits, missing, &message);
        };
        let (holds, fails) = self.branch(fits)?;
        self.continue_at(fails);
        let given = called.own + beside;
        for count in 0..wanted {
            let number = self.int(count as i64);
            let is_this = self.prim(Prim::IntEq, &[length, &number]);
            let (taken, rest) = self.branch(&is_this)?;
            self.continue_at(taken);
            self.raise(ExcKind::TypeError, &called.missing(given + count));
            self.continue_at(rest);
        }
        if !matches!(star.wanted, Wanted::AtLeast(_)) {
            self.raise_too_many(called, length, given)?;
        } else if self.is_live() {
            self.builder.unreachable();
            self.close();
        }
        self.continue_at(holds);
        if self.is_live() { Ok(()) } else { Err(Stop::Dead) }
    }

    fn raise_too_many(&mut self, called: &Called, length: &Val, given: usize) -> Lowered<()> {
        if let [named, ..] = called.named.as_slice() {
            let message = format!("{}() got multiple values for argument '{named}'", called.name);
            self.raise(ExcKind::TypeError, &message);
            return Ok(());
        }
        let (before, behind) = called.too_many();
        let given = self.int(given as i64);
        let given = self.prim(Prim::IntAddWrap, &[length, &given]);
        let (one, text) = (self.int(1), self.prim(Prim::IntToStr, &[&given]));
        let is_one = self.prim(Prim::IntEq, &[&given, &one]);
        let (was, were) = (self.str(" was given"), self.str(&behind));
        let behind = if called.keyword_only == 0 { self.select(&is_one, &was, &were) } else { were };
        let before = self.str(&before);
        let message = self.prim(Prim::StrConcat, &[&before, &text]);
        let message = self.prim(Prim::StrConcat, &[&message, &behind]);
        self.raise_with(ExcKind::TypeError, Some(&message));
        Ok(())
    }

    /// The tuple that a function's own `*` parameter takes.
    pub fn rest_of_arguments(&mut self, mut items: Vec<Val>) -> Lowered<Val> {
        let is_tuple = items.last().is_some_and(|last| last.ty().tuple_item().is_some());
        let known =
            self.star_rests.iter().rposition(|rest| is_tuple && items.last().is_some_and(|last| last.id == *rest));
        let Some(position) = known else { return Ok(self.tuple(&items)) };
        self.star_rests.truncate(position);
        let Some(rest) = items.pop() else { return Err(Stop::Failed) };
        if items.is_empty() {
            return Ok(rest);
        }
        let (first, Some(rest)) = (self.list_of(&items)?, self.tuple_list(&rest)) else { return Err(Stop::Failed) };
        let all = self.binary(ast::Operator::Add, &first, &rest, false)?;
        Ok(self.tuple_around(&all))
    }
}
