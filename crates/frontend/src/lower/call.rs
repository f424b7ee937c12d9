//! Calls: of the program's functions and of those inside them, of methods, and of what the tables of
//! built-ins know. Owns the matching of arguments with parameters.

use ir::{FuncId, Op, Type};

use super::captured::{Captured, closures_in};
use super::expr::describe;
use super::function_values::{default_name, is_default_name, may_be_function};
use super::memo::memo_name;
use super::star::{Star, Wanted};
use super::statics::makes_function;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::inner_classes::qualified_name_of;
use crate::library;
use crate::locate::FunctionNode;
use crate::names;
use crate::nearest::nearest;
use crate::parse::ast::{self, Expr, Ranged};
use crate::shape::{Literal, Shape, python_name};
use crate::specialise::{Argument, Callable, Callee, Source, SpecId, parameter_list};

/// What tells the dict that `**kwargs` takes from other containers that are made at the same place.
const KEYWORDS_SITE: u32 = 1 << 22;

/// What tells the list of the texts that are joined from them.
const JOIN_SITE: u32 = 1 << 20;

/// A call's arguments, evaluated.
#[derive(Clone, Default)]
pub struct CallArguments {
    pub positional: Vec<Thing>,
    pub keywords: Vec<(String, Thing)>,
}

impl<'c, 'p> Lowerer<'c, 'p> {
    pub fn call(&mut self, call: &'p ast::ExprCall) -> Lowered<Thing> {
        self.library_refusal(call)?;
        if let Some(answer) = self.library_question(call)? {
            return Ok(answer);
        }
        if let Some(val) = self.call_with_rows(call)? {
            return Ok(Thing::Val(val));
        }
        if let Some(val) = self.call_on_super(call)? {
            return Ok(Thing::Val(val));
        }
        let callee = match &*call.func {
            Expr::Attribute(attribute)
                if attribute.attr.as_str() == "__class__" || self.member_binding(attribute).is_some() =>
            {
                self.attribute(attribute)?
            }
            Expr::Attribute(attribute) => match self.thing(&attribute.value)? {
                Thing::Static(Static::Module(module)) => {
                    self.member(&module, attribute.attr.as_str(), &attribute.attr)?
                }
                Thing::Static(Static::Pattern(text, flags)) => {
                    return self.call_pattern(&text, flags, attribute.attr.as_str(), call);
                }
                Thing::Static(Static::Member(module, class)) if module == "datetime" => {
                    self.datetime_class_member(&class, attribute.attr.as_str())
                }
                Thing::Static(Static::Builtin(class))
                    if let (Some(kind), "__init__") = (ir::ExcKind::from_name(class), attribute.attr.as_str()) =>
                {
                    return self.call_exception_init(kind, call).map(Thing::Val);
                }
                Thing::Static(Static::Builtin(class)) => {
                    Thing::Static(Static::Member(class.to_owned(), attribute.attr.to_string()))
                }
                Thing::Static(Static::Class(class)) => {
                    return self.call_on_class(class, attribute.attr.as_str(), call).map(Thing::Val);
                }
                Thing::Static(Static::Function(function))
                    if let Some(method) = library::method(function, attribute.attr.as_str()) =>
                {
                    Thing::Static(Static::Function(method))
                }
                Thing::Static(Static::Member(module, function))
                    if let ("numpy", Some(name)) =
                        (module.as_str(), self.method_of_ufunc(&function, attribute.attr.as_str())) =>
                {
                    let vals = self.call_arguments(call)?;
                    self.at_call(call);
                    return self.call_accumulate(name, vals).map(Thing::Val);
                }
                Thing::Static(known) => {
                    let message = format!("{} has no method that can be compiled", describe(&known));
                    return self.fail_at(&attribute.attr, "unknown-attribute", message, None);
                }
                Thing::Val(object) => return self.method_call(object, attribute, call).map(Thing::Val),
            },
            other => self.thing(other)?,
        };
        match callee {
            Thing::Static(known) => self.call_known(&known, call),
            Thing::Val(val) if may_be_function(val.ty()) => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                self.call_value(&val, &arguments).map(Thing::Val)
            }
            Thing::Val(val) if self.class_of(&val).is_some() => self.call_instance(&val, call).map(Thing::Val),
            Thing::Val(val) => {
                self.at_call(call);
                let message = format!("'{}' object is not callable", python_name(val.ty()));
                self.clash(message)
            }
        }
    }

    fn call_known(&mut self, known: &Static, call: &'p ast::ExprCall) -> Lowered<Thing> {
        let star = self.star.take();
        self.star = self.wanted_of_star(known, call);
        let lowered = self.call_of_known(known, call);
        self.star = star;
        lowered
    }

    fn call_of_known(&mut self, known: &Static, call: &'p ast::ExprCall) -> Lowered<Thing> {
        match known {
            Static::Class(class) => self.call_class(*class, call).map(Thing::Val),
            Static::Builtin("type") if let [subject] = &*call.arguments.args => {
                let Thing::Val(val) = self.thing(subject)? else {
                    return self.call_builtin("type", call).map(Thing::Val);
                };
                self.at_call(call);
                match exact_class(val.ty()) {
                    Some(class) => Ok(Thing::Static(Static::Builtin(class))),
                    None if self.class_of(&val).is_some() => self.class_of_instance(&val),
                    None => self.call_builtin("type", call).map(Thing::Val),
                }
            }
            Static::Builtin(name) => self.call_builtin(name, call).map(Thing::Val),
            Static::Function(function) => {
                let wanted = self.star.as_ref().map(|star| star.wanted);
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                if let Some(Wanted::Between(least, most)) = wanted {
                    let callable = Callable::Program(*function);
                    return self.call_with_defaults(callable, (least, most), arguments).map(Thing::Val);
                }
                self.call_program(*function, arguments).map(Thing::Val)
            }
            Static::Closure(id) => {
                let wanted = self.star.as_ref().map(|star| star.wanted);
                let callable = Callable::Closure(*id);
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                if let Some(Wanted::Between(least, most)) = wanted {
                    return self.call_with_defaults(callable, (least, most), arguments).map(Thing::Val);
                }
                self.call_function(callable, arguments).map(Thing::Val)
            }
            Static::Member(module, name) if module == "math" && name == "prod" => self.prod(call).map(Thing::Val),
            Static::Member(module, name)
                if module == "math"
                    && matches!(name.as_str(), "gcd" | "lcm" | "hypot")
                    && call.arguments.args.iter().any(Expr::is_starred_expr)
                    && call.arguments.keywords.is_empty() =>
            {
                let list = self.list_of_exprs(&call.arguments.args, None, call)?;
                self.at_call(call);
                self.call_library("math", &format!("_{name}_of"), &[list]).map(Thing::Val)
            }
            Static::Member(module, name) if module == "datetime" => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                self.call_datetime(&format!("datetime.{name}"), "", arguments).map(Thing::Val)
            }
            Static::Member(class, name) if super::datetime::is_class(class) => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                self.call_datetime(class, name, arguments).map(Thing::Val)
            }
            Static::Member(module, name) if module == "re" => self.call_regex(name, call),
            // All loggers are one: what they write goes to the log.
            Static::Member(module, name) if module == "logging" && name == "getLogger" => {
                self.call_arguments(call)?;
                Ok(Thing::Static(Static::Module(module.clone())))
            }
            Static::Member(module, name) if module == "numpy" => self.call_numpy(name, call).map(Thing::Val),
            Static::Member(module, name) if makes_function(module, name) => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                self.make_function(name, arguments)
            }
            Static::Member(class, name)
                if let ("set" | "frozenset", [Expr::Starred(starred)]) = (class.as_str(), &*call.arguments.args)
                    && let Some(found) = self.set_function_of_star(class, name, starred)? =>
            {
                Ok(Thing::Val(found))
            }
            Static::Member(..) | Static::Method(..) | Static::Made(_) | Static::Bound(_) => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                self.call_static_with(known, arguments).map(Thing::Val)
            }
            Static::Module(module) => {
                self.at_call(call);
                let message = format!("the module `{module}` cannot be called");
                self.fail("type-mismatch", message, None)
            }
            Static::Absent | Static::Constant(_) | Static::Pattern(..) | Static::Sentinel(_) => {
                self.clash("this object is not callable")
            }
        }
    }

    /// A call's arguments in order; a tuple behind `*` is taken apart.
    pub fn call_arguments(&mut self, call: &'p ast::ExprCall) -> Lowered<CallArguments> {
        let mut arguments = CallArguments::default();
        let mut failed = false;
        let star: Option<Star> = self.star.take();
        for (position, arg) in call.arguments.args.iter().enumerate() {
            match arg {
                Expr::Starred(starred) => {
                    let val = match (self.iterable_thing(&starred.value)?, &star) {
                        (Err(val), _) if matches!(val.ty(), Type::Tuple(_)) => val,
                        (source, Some(star)) => {
                            let following = call.arguments.args.get(position + 1..).unwrap_or_default();
                            let items = self.star_items(source, star, starred, &arguments.positional, following)?;
                            arguments.positional.extend(items.into_iter().map(Thing::Val));
                            if matches!(star.wanted, Wanted::AtLeast(_)) {
                                break;
                            }
                            continue;
                        }
                        (Err(val), None) => val,
                        (Ok(_), None) => self.none(),
                    };
                    let Type::Tuple(_) = val.ty() else {
                        return self.fail_at(starred, "unsupported-argument", super::star::ONLY_TUPLES, None);
                    };
                    arguments.positional.extend(self.fields(&val).into_iter().map(Thing::Val));
                }
                other => {
                    let lowered = self.thing(other);
                    arguments.positional.extend(self.note_failure(lowered, &mut failed)?);
                }
            }
        }
        for keyword in &call.arguments.keywords {
            let Some(name) = &keyword.arg else {
                let val = self.expr(&keyword.value)?;
                let Type::Record(record) = val.ty().clone() else {
                    return self.fail_at(
                        keyword,
                        "unsupported-argument",
                        "only a `dict` whose keys are known can be passed with `**` in compiled code",
                        None,
                    );
                };
                let fields = self.fields(&val);
                let named = record.fields.iter().map(|(name, _)| name.clone());
                arguments.keywords.extend(named.zip(fields.into_iter().map(Thing::Val)));
                continue;
            };
            let lowered = self.thing(&keyword.value);
            let thing = self.note_failure(lowered, &mut failed)?;
            arguments.keywords.extend(thing.map(|thing| (name.to_string(), thing)));
        }
        if failed { Err(Stop::Failed) } else { Ok(arguments) }
    }

    /// Puts arguments in the order of the parameters; `None` where the default is meant.
    fn match_arguments(
        &mut self,
        name: &str,
        parameters: Option<&ast::Parameters>,
        arguments: CallArguments,
        keywords_as_dict: bool,
    ) -> Lowered<Vec<Option<Thing>>> {
        let list = parameter_list(parameters);
        let by_position = parameters.map_or(0, |parameters| parameters.posonlyargs.len() + parameters.args.len());
        let positional_only = parameters.map_or(0, |parameters| parameters.posonlyargs.len());
        let given = arguments.positional.len();
        let takes_rest = parameters.is_some_and(|parameters| parameters.vararg.is_some());
        let takes_keywords = parameters.is_some_and(|parameters| parameters.kwarg.is_some());
        let mut others: Vec<(String, Thing)> = Vec::new();
        if given > by_position && !takes_rest {
            let s = if by_position == 1 { "" } else { "s" };
            let was = if given == 1 { "was" } else { "were" };
            return self.clash(format!("{name}() takes {by_position} positional argument{s} but {given} {was} given"));
        }
        let mut positional = arguments.positional;
        let rest = positional.split_off(by_position.min(given));
        let mut matched: Vec<Option<Thing>> = positional.into_iter().map(Some).collect();
        matched.resize_with(list.len(), || None);
        for (keyword, thing) in arguments.keywords {
            let position = list.iter().position(|parameter| parameter.name().as_str() == keyword);
            match position.filter(|position| *position >= positional_only) {
                Some(position) if matched[position].is_some() => {
                    return self.clash(format!("{name}() got multiple values for argument '{keyword}'"));
                }
                Some(position) => matched[position] = Some(thing),
                None if takes_keywords => others.push((keyword, thing)),
                None => {
                    let known = list.iter().map(|parameter| parameter.name().as_str());
                    let help = nearest(&keyword, known).map(|near| format!("did you mean `{near}`?"));
                    let message = format!("`{name}` has no parameter `{keyword}`");
                    return self.fail("wrong-arguments", message, help);
                }
            }
        }
        if takes_rest {
            let mut items = Vec::new();
            for thing in rest {
                items.push(self.value_of(thing)?);
            }
            matched.push(Some(Thing::Val(self.rest_of_arguments(items)?)));
        }
        if takes_keywords {
            let keywords = if keywords_as_dict { self.keyword_dict(others)? } else { self.keyword_record(others)? };
            matched.push(Some(Thing::Val(keywords)));
        }
        Ok(matched)
    }

    /// A list that a function of the library adds another argument to, as its annotation `list["item"]` says, holds that
    /// argument from the call on; `list["*source"]` stands for what the generator `source` yields.
    fn grow_lists(&mut self, parameters: Option<&'p ast::Parameters>, matched: &mut [Option<Thing>]) -> Lowered<()> {
        let list = parameter_list(parameters);
        for (index, parameter) in list.iter().enumerate() {
            let Some(Expr::Subscript(annotation)) = parameter.annotation() else { continue };
            let Expr::StringLiteral(text) = &*annotation.slice else { continue };
            let (text, of_items) = match text.value.to_str().strip_prefix('*') {
                Some(text) => (text, true),
                None => (text.value.to_str(), false),
            };
            let Some(position) = list.iter().position(|other| other.name().as_str() == text) else { continue };
            let (Some(Some(Thing::Val(list))), Some(Some(Thing::Val(item)))) =
                (matched.get(index), matched.get(position))
            else {
                continue;
            };
            let (list, item) = (list.clone(), item.clone());
            if !matches!(list.ty(), Type::List(_)) {
                continue;
            }
            if !of_items {
                let item = self.list_item(&list, &item)?;
                matched[position] = Some(Thing::Val(item));
            } else if let Some(generator) = self.compiler.generator_of(item.ty())
                && let Some(shape) = self.compiler.item_of(generator)
            {
                for site in list.shape.origin.sites.clone() {
                    self.sites.grow(site, &shape);
                }
            }
        }
        Ok(())
    }

    /// What `**kwargs` takes where the function goes through it, or stores into it.
    fn keyword_dict(&mut self, keywords: Vec<(String, Thing)>) -> Lowered<Val> {
        let kind = Type::Dict(Box::new(Type::None), Box::new(Type::None));
        let shape = self.site_shape(&kind, None, self.place.start ^ KEYWORDS_SITE);
        let dict = self.container_op(ir::ContainerOp::DictNew, &[], shape);
        for (name, thing) in keywords {
            let val = self.value_of(thing)?;
            let key = self.str(&name);
            self.store_key(&dict, &key, &val)?;
        }
        Ok(dict)
    }

    /// What `**kwargs` takes: a `dict` whose keys the call tells.
    fn keyword_record(&mut self, keywords: Vec<(String, Thing)>) -> Lowered<Val> {
        let (mut fields, mut vals) = (Vec::new(), Vec::new());
        for (name, thing) in keywords {
            let val = self.value_of(thing)?;
            fields.push((name, val.ty().clone()));
            vals.push(val);
        }
        let record = ir::RecordType { kind: ir::RecordKind::Dict, name: String::new(), fields };
        Ok(self.aggregate(Type::Record(record.into()), &vals))
    }

    /// A `dict` display of values of one type is a dict for the function that it is passed to.
    fn pass_dicts(&mut self, matched: &mut [Option<Thing>]) -> Lowered<()> {
        for thing in matched.iter_mut() {
            if let Some(Thing::Val(val)) = thing {
                *thing = Some(Thing::Val(self.dict_of_one_type(&val.clone())?));
            }
        }
        Ok(())
    }

    /// A `dict` display of values of one type as a dict; any other value as it is.
    pub fn dict_of_one_type(&mut self, val: &Val) -> Lowered<Val> {
        match val.ty() {
            Type::Record(row) if row.kind == ir::RecordKind::Dict && !val.shape.origin.sites.is_empty() => {}
            _ => return Ok(val.clone()),
        }
        let element = crate::shape::row_element(&val.shape, &mut self.sites);
        if matches!(element.field(1).ty, Type::Union(_)) {
            return Ok(val.clone());
        }
        self.demand_dict(val)
    }

    /// A call of a function of the program or the library, by number.
    pub fn call_program_function(&mut self, function: usize, arguments: CallArguments) -> Lowered<Val> {
        self.call_function(Callable::Program(function), arguments)
    }

    /// A call of a function of the program, or of one inside this function.
    pub fn call_function(&mut self, callable: Callable, arguments: CallArguments) -> Lowered<Val> {
        self.call_with(callable, arguments, None)
    }

    /// A call of a function inside another that was kept with the variables it reads.
    pub fn call_closure(
        &mut self,
        callable: Callable,
        arguments: CallArguments,
        kept: Vec<(String, Thing)>,
    ) -> Lowered<Val> {
        self.call_with(callable, arguments, Some(kept))
    }

    /// What messages call a function: `f`, `Class.method`, as the text has it.
    pub fn qualified_name(&self, callable: Callable, source: &Source<'p>) -> String {
        let name = match source.node {
            FunctionNode::Def(_) => self.compiler.text_of(source.place()).to_owned(),
            FunctionNode::Lambda(_) | FunctionNode::Generator(_) => source.name(),
        };
        let owner = match callable {
            Callable::Method(class, index) => self.compiler.method_owner(class, index),
            Callable::Program(_) | Callable::Closure(_) => None,
        };
        match owner.and_then(|owner| self.compiler.known_class(owner)) {
            Some(class) => format!("{}.{name}", class.qualified),
            None if matches!(callable, Callable::Closure(_)) => {
                qualified_name_of(source.parsed, source.node).unwrap_or(name)
            }
            None => name,
        }
    }

    fn call_with(
        &mut self,
        callable: Callable,
        arguments: CallArguments,
        kept: Option<Vec<(String, Thing)>>,
    ) -> Lowered<Val> {
        let Some(source) = self.compiler.source(callable) else {
            return self.fail("source-not-found", "the source of this function was not found", None);
        };
        let name = self.qualified_name(callable, &source);
        let parameters = source.parameters();
        let mut matched = match source.node {
            FunctionNode::Generator(_) => arguments.positional.into_iter().map(Some).collect(),
            FunctionNode::Def(def) => {
                let keywords = parameters.and_then(|parameters| parameters.kwarg.as_ref());
                let as_dict =
                    keywords.is_some_and(|keywords| names::is_used_as_dict(&def.body, keywords.name.as_str()));
                self.match_arguments(&name, parameters, arguments, as_dict)?
            }
            FunctionNode::Lambda(_) => self.match_arguments(&name, parameters, arguments, false)?,
        };
        if matches!(callable, Callable::Program(function) if library::is_library_function(function)) {
            self.grow_lists(parameters, &mut matched)?;
        } else {
            self.pass_dicts(&mut matched)?;
        }
        let mut things = Vec::new();
        let mut missing = Vec::new();
        let list = parameter_list(parameters);
        // What is left behind the parameters, or the first iterable of a generator expression.
        let rest = matched.split_off(list.len().min(matched.len()));
        for (parameter, thing) in list.into_iter().zip(matched) {
            let name = parameter.name().as_str();
            match thing {
                // One function of the library hands on what another was not given.
                Some(absent @ Thing::Static(Static::Absent)) => {
                    let default = self.default_value(callable, parameter)?;
                    things.push(default.unwrap_or(absent));
                }
                Some(thing) if is_constant(parameter) => things.push(constant_of(thing)),
                Some(thing) => things.push(self.argument(thing)?),
                None if let Some(default) = kept_default(kept.as_deref(), name) => things.push(default),
                None => match self.default_value(callable, parameter)? {
                    Some(thing) if is_constant(parameter) => things.push(constant_of(thing)),
                    Some(thing) => things.push(thing),
                    None => missing.push(format!("'{name}'")),
                },
            }
        }
        if !missing.is_empty() {
            let s = if missing.len() == 1 { "" } else { "s" };
            let count = missing.len();
            let names = list_of_names(&missing);
            return self.clash(format!("{name}() missing {count} required positional argument{s}: {names}"));
        }
        for thing in rest.into_iter().flatten() {
            things.push(self.argument(thing)?);
        }
        let mut captured = Captured::default();
        for thing in things.clone() {
            let Thing::Static(known) = thing else { continue };
            for id in closures_in(&known).collect::<Vec<_>>() {
                self.captured(id, true, &mut captured)?;
            }
        }
        match (kept, callable) {
            (Some(kept), _) => {
                for (name, thing) in kept.into_iter().filter(|(name, _)| !is_default_name(name)) {
                    if captured.names.contains(&name) {
                        return self.fail(
                            "unsupported-value",
                            "a function is passed to one that keeps the same function with other variables",
                            None,
                        );
                    }
                    captured.names.push(name);
                    captured.things.push(thing);
                }
            }
            (None, Callable::Closure(id)) => self.captured(id, false, &mut captured)?,
            (None, Callable::Program(_) | Callable::Method(..)) => {}
        }
        things.extend(captured.things);
        if let Some(memo) = self.memo_of(callable) {
            things.push(Thing::Val(Val { known: None, ..memo }));
            captured.names.push(memo_name(callable));
        } else if captured.forgets {
            return self.fail(
                "unsupported-decorator",
                "a function that remembers its results reads a variable that is assigned again",
                Some("pass the variable as an argument".to_owned()),
            );
        }
        self.call_specialised(callable, things, captured.names, captured.rebound)
    }

    fn call_program(&mut self, function: usize, arguments: CallArguments) -> Lowered<Val> {
        if library::is_library_function(function) {
            return self.call_library_function(function, arguments);
        }
        self.call_function(Callable::Program(function), arguments)
    }

    /// A call of a function of the library: of the one for so many arguments, where there is one (`zip__2`).
    pub fn call_library_function(&mut self, function: usize, arguments: CallArguments) -> Lowered<Val> {
        let count = arguments.positional.len();
        let function = library::for_count(function, count).unwrap_or(function);
        self.call_function(Callable::Program(function), arguments)
    }

    /// An argument as the function called sees it.
    pub fn argument(&mut self, thing: Thing) -> Lowered<Thing> {
        match thing {
            Thing::Val(val) => {
                let sites = val.shape.origin.sites.clone();
                let origin = crate::shape::Origin { sites, ..val.shape.origin.without_sites() };
                let mut shape = Shape { origin, ..val.shape.clone() };
                // A literal argument is not the parameter's own: its type is exact there.
                shape.origin.int_literal = Literal::No;
                shape.origin.float_literal = Literal::No;
                shape.origin.non_negative = false;
                shape.origin.parts = match shape.ty.tuple_item() {
                    Some(_) => shape.origin.marks().parts,
                    None => val.shape.marked(&self.sites).origin.marks().parts,
                };
                if crate::shape::element_type(&shape.ty).is_some() && self.known_element(&val).is_none() {
                    shape = shape.marked_empty();
                }
                Ok(Thing::Val(Val { shape, known: None, ..val }))
            }
            other => Ok(other),
        }
    }

    /// A call with the values of the variables that are passed beside the arguments.
    pub fn call_with_captured(
        &mut self,
        callable: Callable,
        things: Vec<Thing>,
        captured: Vec<String>,
    ) -> Lowered<Val> {
        self.call_specialised(callable, things, captured, false)
    }

    fn call_specialised(
        &mut self,
        callable: Callable,
        things: Vec<Thing>,
        captured: Vec<String>,
        rebound: bool,
    ) -> Lowered<Val> {
        let things = self.arguments_without_growth(callable, things)?;
        let key = things
            .iter()
            .map(|thing| match thing {
                Thing::Val(val) => {
                    let origin = val.shape.origin.without_sites();
                    Argument::Value(Shape { origin, ..val.shape.clone() })
                }
                Thing::Static(known) => Argument::Static(known.clone()),
            })
            .collect();
        let given = things.clone();
        let vals: Vec<Val> = things
            .into_iter()
            .filter_map(|thing| match thing {
                Thing::Val(val) => Some(val),
                Thing::Static(_) => None,
            })
            .collect();
        self.burn(50)?;
        let Some(callee) = self.compiler.call(callable, key, captured) else {
            return self.fail(
                "too-complex",
                "this calls functions with ever new types of arguments",
                Some("call them with the same types each time".to_owned()),
            );
        };
        let args: Vec<&Val> = vals.iter().collect();
        let (Callee::Failed(id) | Callee::Returns(id, _) | Callee::Diverges(id)) = callee;
        if self.grow_arguments(id, &given)? {
            // The call is lowered again with arguments that can hold what the function puts into them.
            self.misfits += 1;
            let result = if let Callee::Returns(_, shape) = callee { shape } else { Shape::from(Type::None) };
            let id = self.stand_in(&result.ty);
            return Ok(Val::new(id, result));
        }
        match callee {
            Callee::Failed(id) => {
                self.callees.push(id);
                self.report_refusal(id);
                Err(Stop::Failed)
            }
            Callee::Returns(id, shape) => {
                self.callees.push(id);
                if rebound && self.compiler.generator_of(&shape.ty) == Some(id) {
                    self.compiler.set_late(id);
                }
                // It may have a result although something in it, or in what it calls, was refused.
                if !library::is_library_function(self.function) && self.report_refusal(id) {
                    return Err(Stop::Failed);
                }
                Ok(self.emit(Op::Call(FuncId(id.0)), &args, shape))
            }
            Callee::Diverges(id) => {
                self.callees.push(id);
                self.emit(Op::Call(FuncId(id.0)), &args, Type::None);
                self.cover();
                self.builder.unreachable();
                self.close();
                Err(Stop::Dead)
            }
        }
    }

    /// Where a function calls itself with ever longer tuples, they are of any length.
    fn arguments_without_growth(&mut self, callable: Callable, things: Vec<Thing>) -> Lowered<Vec<Thing>> {
        let mut given = Vec::new();
        for (position, thing) in things.into_iter().enumerate() {
            given.push(match thing {
                Thing::Val(val)
                    if let Type::Tuple(items) = val.ty()
                        && self.compiler.has_growing_tuple(callable, position, items.len()) =>
                {
                    let tuple = self.of_any_length(&val)?;
                    self.argument(Thing::Val(tuple))?
                }
                other => other,
            });
        }
        Ok(given)
    }

    /// Lets the containers among the arguments hold what the function puts into them; whether there are such.
    fn grow_arguments(&mut self, id: SpecId, things: &[Thing]) -> Lowered<bool> {
        let grown = self.compiler.grown(id);
        for (position, element) in &grown {
            let Some(Thing::Val(val)) = things.get(*position) else { continue };
            self.grow(&val.clone(), element)?;
        }
        Ok(!grown.is_empty())
    }

    /// A call of something known with values: `key=`, `map` and the like.
    pub fn call_static(&mut self, known: &Static, vals: &[Val]) -> Lowered<Val> {
        let positional = vals.iter().cloned().map(Thing::Val).collect();
        self.call_static_with(known, CallArguments { positional, keywords: Vec::new() })
    }

    /// As [`Lowerer::call_static`], with any arguments.
    pub fn call_static_with(&mut self, known: &Static, arguments: CallArguments) -> Lowered<Val> {
        match known {
            Static::Function(function) => self.call_program(*function, arguments),
            Static::Closure(id) => self.call_function(Callable::Closure(*id), arguments),
            Static::Class(class) => self.construct(*class, arguments),
            Static::Builtin(name) => self.call_builtin_with(name, arguments),
            Static::Member(module, name) => self.call_member(module, name, arguments),
            Static::Method(class, index) => self.call_method_of_class(*class, *index, arguments),
            Static::Made(made) => self.call_made(made, &[], arguments),
            Static::Bound(name) => self.fail("internal", format!("`{name}` without its object"), None),
            Static::Module(module) => self.clash(format!("the module `{module}` is not callable")),
            Static::Absent | Static::Constant(_) | Static::Pattern(..) | Static::Sentinel(_) => {
                self.clash("this object is not callable")
            }
        }
    }

    /// A function of `math`, or a method as a function (`str.lower`).
    fn call_member(&mut self, module: &str, name: &str, arguments: CallArguments) -> Lowered<Val> {
        match module {
            "math" => self.call_math(name, arguments),
            "collections" => self.new_collection(name, arguments),
            "logging" => match super::log::level_of(name) {
                Some(level) => self.logging(level, arguments),
                None => Err(Stop::Failed),
            },
            "copy" => {
                let vals = self.plain_arguments(name, arguments)?;
                match vals.as_slice() {
                    [val] => self.each_variant(val, &mut |lowerer, val| lowerer.copied(&val, name == "deepcopy")),
                    _ => self.fail("wrong-arguments", format!("`{name}` takes one argument in compiled code"), None),
                }
            }
            "dataclasses" => self.call_dataclasses(name, arguments),
            "dict" if name == "fromkeys" => {
                let arguments = self.members_as_list(arguments)?;
                let vals = self.plain_arguments(name, arguments)?;
                self.dict_from_keys(&vals)
            }
            "str" if name == "maketrans" => {
                let vals = self.plain_arguments(name, arguments)?;
                self.maketrans(&vals)
            }
            "int" | "bytes" if matches!(name, "from_bytes" | "fromhex") => {
                let mut vals = Vec::new();
                for thing in arguments.positional {
                    vals.push(self.value_of(thing)?);
                }
                let mut keywords = Vec::new();
                for (keyword, thing) in arguments.keywords {
                    let val = self.value_of(thing)?;
                    keywords.push((keyword, val));
                }
                if name == "fromhex" { self.bytes_from_hex(&vals) } else { self.int_from_bytes(&vals, &keywords) }
            }
            class if super::methods::has_methods(class) => {
                let mut vals = self.plain_arguments(name, arguments)?.into_iter();
                match vals.next() {
                    Some(object) if python_name(object.ty()) == module => {
                        let rest: Vec<Val> = vals.collect();
                        self.method(&object, name, &rest, &[])
                    }
                    _ => self.clash(format!("descriptor '{name}' for '{module}' objects needs a '{module}' argument")),
                }
            }
            _ => {
                let message = format!("`{module}.{name}` cannot be compiled");
                self.fail("unsupported-function", message, None)
            }
        }
    }

    /// Arguments that are all values and all by position.
    pub fn plain_arguments(&mut self, name: &str, arguments: CallArguments) -> Lowered<Vec<Val>> {
        if let Some((keyword, _)) = arguments.keywords.first() {
            let message = format!("`{name}` takes no keyword argument `{keyword}` in compiled code");
            return self.fail("wrong-arguments", message, None);
        }
        let mut vals = Vec::new();
        for thing in arguments.positional {
            vals.push(self.value_of(thing)?);
        }
        Ok(vals)
    }

    pub fn value_of(&mut self, thing: Thing) -> Lowered<Val> {
        match thing {
            Thing::Val(val) => Ok(val),
            Thing::Static(known) => self.function_value(known),
        }
    }

    fn method_call(&mut self, object: Val, attribute: &'p ast::ExprAttribute, call: &'p ast::ExprCall) -> Lowered<Val> {
        let name = attribute.attr.as_str();
        if let (Type::Str, "join", [Expr::Generator(generator)]) = (object.ty(), name, &*call.arguments.args) {
            let source = self.generator_source(&generator.elt, &generator.generators)?;
            self.at_call(call);
            // What stands first in the generator may be a container that is made at the same place.
            let list = self.collect_list(source, generator.start().to_u32() ^ JOIN_SITE)?;
            self.at_call(call);
            return self.join_texts(&object, &list);
        }
        if let (Type::List(_), "sort") = (object.ty(), name) {
            return self.sort_list(&object, call);
        }
        if let (Type::Set { .. }, [Expr::Starred(starred)], []) =
            (object.ty(), &*call.arguments.args, &*call.arguments.keywords)
            && let Some(found) = self.set_method_of_star(&object, name, starred)?
        {
            return Ok(found);
        }
        let star = self.star.take();
        self.star = self.wanted_of_method(&object, name, call);
        let arguments = self.call_arguments(call);
        self.star = star;
        let arguments = arguments?;
        self.at_call(call);
        if object.array_elem().is_some() {
            return self.array_method(&object, name, arguments);
        }
        if let (Type::Np(_), "astype") = (object.ty(), name) {
            return self.scalar_astype(&object, arguments);
        }
        if matches!(object.ty(), Type::Np(_)) && super::numpy_names::REDUCTIONS.contains(&name) {
            // A NumPy scalar has the methods of an array with one element.
            let line = self.array_of_items(std::slice::from_ref(&object), None)?;
            return self.array_method(&line, name, arguments);
        }
        let has_methods = |ty: &Type| matches!(ty, Type::Record(_) | Type::Object(_) | Type::Exception);
        if object.is_union() && object.ty().variants().iter().any(has_methods) {
            return self
                .each_variant(&object, &mut |lowerer, object| lowerer.method_of(&object, name, arguments.clone()));
        }
        self.method_of(&object, name, arguments)
    }

    pub fn method_of(&mut self, object: &Val, name: &str, arguments: CallArguments) -> Lowered<Val> {
        let found = match object.ty() {
            Type::Exception => self.method_of_exception(object, name, arguments)?,
            _ => self.method_of_class(object, name, arguments)?,
        };
        let arguments = match found {
            Ok(val) => return Ok(val),
            Err(arguments) => arguments,
        };
        let mut vals = Vec::new();
        for thing in arguments.positional {
            vals.push(self.value_of(thing)?);
        }
        let mut keywords = Vec::new();
        for (keyword, thing) in arguments.keywords {
            let val = self.value_of(thing)?;
            keywords.push((keyword, val));
        }
        let (vals, keywords) = (&vals, &keywords);
        self.each_variant(object, &mut |lowerer, object| lowerer.method(&object, name, vals, keywords))
    }
}

/// The built-in class of all values of the type.
fn exact_class(ty: &Type) -> Option<&'static str> {
    Some(match ty {
        Type::Bool => "bool",
        Type::Int => "int",
        Type::Float => "float",
        Type::Str => "str",
        Type::Bytes => "bytes",
        Type::List(_) => "list",
        Type::Dict(..) => "dict",
        Type::Set { frozen, .. } => {
            if *frozen {
                "frozenset"
            } else {
                "set"
            }
        }
        Type::Tuple(_) => "tuple",
        _ => return None,
    })
}

/// The default of a parameter among what a function keeps.
fn kept_default(kept: Option<&[(String, Thing)]>, parameter: &str) -> Option<Thing> {
    let name = default_name(parameter);
    kept?.iter().find(|(known, _)| *known == name).map(|(_, thing)| thing.clone())
}

/// Whether the argument must be a constant: the types inside depend on it. Such parameters of the library say so.
fn is_constant(parameter: &ast::ParameterWithDefault) -> bool {
    matches!(parameter.annotation(), Some(Expr::StringLiteral(text)) if text.value.to_str() == "constant")
}

fn constant_of(thing: Thing) -> Thing {
    match &thing {
        Thing::Val(val) => match val.known_int() {
            Some(number) => Thing::Static(Static::Constant(number)),
            None => thing,
        },
        Thing::Static(_) => thing,
    }
}

/// `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`.
pub fn list_of_names(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    }
}
