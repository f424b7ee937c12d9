//! Calls: of the program's functions, of lambdas (lowered where they are called), of methods, and of what the tables of
//! built-ins know. Owns the matching of arguments with parameters.

use ir::{FuncId, Op, Type};

use super::expr::describe;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val, Var};
use crate::nearest::nearest;
use crate::parse::ast::{self, Expr, Ranged};
use crate::program::Binding;
use crate::shape::{Literal, Shape, python_name};
use crate::specialise::{Argument, Callee, parameter_list};

/// Lambdas inside each other that lowering follows.
const LAMBDA_DEPTH_MAX: usize = 40;

/// A call's arguments, evaluated.
#[derive(Default)]
pub struct CallArguments {
    pub positional: Vec<Thing>,
    pub keywords: Vec<(String, Thing)>,
}

impl<'c, 'p> Lowerer<'c, 'p> {
    pub fn call(&mut self, call: &'p ast::ExprCall) -> Lowered<Thing> {
        let callee = match &*call.func {
            Expr::Attribute(attribute) => match self.thing(&attribute.value)? {
                Thing::Static(Static::Module(module)) => {
                    self.member(&module, attribute.attr.as_str(), &attribute.attr)?
                }
                Thing::Static(Static::Builtin(class)) => {
                    Thing::Static(Static::Member(class.to_owned(), attribute.attr.to_string()))
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
            Thing::Val(val) => {
                self.at_call(call);
                let message = format!("'{}' object is not callable", python_name(val.ty()));
                self.clash(message)
            }
        }
    }

    fn call_known(&mut self, known: &Static, call: &'p ast::ExprCall) -> Lowered<Thing> {
        match known {
            Static::Builtin(name) => self.call_builtin(name, call).map(Thing::Val),
            Static::Function(function) => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                self.call_function(*function, arguments).map(Thing::Val)
            }
            Static::Lambda(lambda) => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                self.call_lambda(*lambda, arguments).map(Thing::Val)
            }
            Static::Member(module, name) if module == "numpy" => self.call_numpy(name, call).map(Thing::Val),
            Static::Member(module, name) => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                self.call_member(module, name, arguments).map(Thing::Val)
            }
            Static::Module(module) => {
                self.at_call(call);
                let message = format!("the module `{module}` cannot be called");
                self.fail("type-mismatch", message, None)
            }
        }
    }

    /// A call's arguments in order; a tuple behind `*` is taken apart.
    pub fn call_arguments(&mut self, call: &'p ast::ExprCall) -> Lowered<CallArguments> {
        let mut arguments = CallArguments::default();
        for arg in &*call.arguments.args {
            match arg {
                Expr::Starred(starred) => {
                    let val = self.expr(&starred.value)?;
                    let Type::Tuple(_) = val.ty() else {
                        return self.fail_at(
                            starred,
                            "unsupported-argument",
                            "only a tuple can be passed with `*` in compiled code",
                            None,
                        );
                    };
                    arguments.positional.extend(self.fields(&val).into_iter().map(Thing::Val));
                }
                other => {
                    let thing = self.thing(other)?;
                    arguments.positional.push(thing);
                }
            }
        }
        for keyword in &call.arguments.keywords {
            let Some(name) = &keyword.arg else {
                return self.fail_at(keyword, "unsupported-argument", "`**` in a call cannot be compiled", None);
            };
            let thing = self.thing(&keyword.value)?;
            arguments.keywords.push((name.to_string(), thing));
        }
        Ok(arguments)
    }

    /// Puts arguments in the order of the parameters; `None` where the default is meant.
    fn match_arguments(
        &mut self,
        name: &str,
        parameters: Option<&ast::Parameters>,
        arguments: CallArguments,
    ) -> Lowered<Vec<Option<Thing>>> {
        let list = parameter_list(parameters);
        let by_position = parameters.map_or(0, |parameters| parameters.posonlyargs.len() + parameters.args.len());
        let positional_only = parameters.map_or(0, |parameters| parameters.posonlyargs.len());
        let given = arguments.positional.len();
        if given > by_position {
            let s = if by_position == 1 { "" } else { "s" };
            let was = if given == 1 { "was" } else { "were" };
            return self.clash(format!("{name}() takes {by_position} positional argument{s} but {given} {was} given"));
        }
        let mut matched: Vec<Option<Thing>> = arguments.positional.into_iter().map(Some).collect();
        matched.resize_with(list.len(), || None);
        for (keyword, thing) in arguments.keywords {
            let position = list.iter().position(|parameter| parameter.name().as_str() == keyword);
            match position.filter(|position| *position >= positional_only) {
                Some(position) if matched[position].is_some() => {
                    return self.clash(format!("{name}() got multiple values for argument '{keyword}'"));
                }
                Some(position) => matched[position] = Some(thing),
                None => {
                    let known = list.iter().map(|parameter| parameter.name().as_str());
                    let help = nearest(&keyword, known).map(|near| format!("did you mean `{near}`?"));
                    let message = format!("`{name}` has no parameter `{keyword}`");
                    return self.fail("wrong-arguments", message, help);
                }
            }
        }
        Ok(matched)
    }

    /// A call of a function of the program.
    fn call_function(&mut self, function: usize, arguments: CallArguments) -> Lowered<Val> {
        let Some(source) = self.compiler.source(function) else {
            return self.fail("source-not-found", "the source of this function was not found", None);
        };
        let name = source.name();
        let parameters = source.parameters();
        let matched = self.match_arguments(&name, parameters, arguments)?;
        let mut things = Vec::new();
        let mut missing = Vec::new();
        for (parameter, thing) in parameter_list(parameters).into_iter().zip(matched) {
            let name = parameter.name().as_str();
            match thing {
                Some(Thing::Val(val)) => {
                    let mut shape = Shape { origin: val.shape.origin.without_sites(), ..val.shape.clone() };
                    // A literal argument is not the parameter's own: its type is exact there.
                    shape.origin.literal = Literal::No;
                    shape.origin.non_negative = false;
                    shape.origin.parts = Vec::new();
                    things.push(Thing::Val(Val { shape, known: None, ..val }));
                }
                Some(Thing::Static(known)) => things.push(Thing::Static(self.passable(known)?)),
                None => match self.default_value(function, parameter)? {
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
        self.call_specialised(function, things)
    }

    /// A function that another function gets as an argument: it must mean the same there.
    fn passable(&mut self, known: Static) -> Lowered<Static> {
        match known {
            Static::Lambda(_) => self.fail(
                "unsupported-argument",
                "a lambda cannot be passed to a function of the program",
                Some("pass a function that is defined with `def`".to_owned()),
            ),
            other => Ok(other),
        }
    }

    fn call_specialised(&mut self, function: usize, things: Vec<Thing>) -> Lowered<Val> {
        let key = things
            .iter()
            .map(|thing| match thing {
                Thing::Val(val) => Argument::Value(val.shape.clone()),
                Thing::Static(known) => Argument::Static(known.clone()),
            })
            .collect();
        let vals: Vec<Val> = things
            .into_iter()
            .filter_map(|thing| match thing {
                Thing::Val(val) => Some(val),
                Thing::Static(_) => None,
            })
            .collect();
        self.burn(50)?;
        let Some(callee) = self.compiler.call(function, key) else {
            return self.fail(
                "too-complex",
                "this calls functions with ever new types of arguments",
                Some("call them with the same types each time".to_owned()),
            );
        };
        let args: Vec<&Val> = vals.iter().collect();
        match callee {
            Callee::Failed(id) => {
                self.callees.push(id);
                Err(Stop::Failed)
            }
            Callee::Returns(id, shape) => {
                self.callees.push(id);
                Ok(self.emit(Op::Call(FuncId(id.0)), &args, shape))
            }
            Callee::Diverges(id) => {
                self.callees.push(id);
                self.emit(Op::Call(FuncId(id.0)), &args, Type::None);
                self.builder.unreachable();
                self.close();
                Err(Stop::Dead)
            }
        }
    }

    /// The default of a parameter: as Python evaluated it, else a literal in the text.
    fn default_value(&mut self, function: usize, parameter: &'p ast::ParameterWithDefault) -> Lowered<Option<Thing>> {
        let source = self.compiler.program.functions.get(function);
        if let Some(binding) = source.and_then(|source| source.defaults.get(parameter.name().as_str())) {
            let name = parameter.name().as_str();
            return self.default_binding(name, binding).map(Some);
        }
        let Some(default) = &parameter.default else { return Ok(None) };
        let place = self.place;
        let literal = match &**default {
            Expr::NumberLiteral(_) | Expr::BooleanLiteral(_) | Expr::NoneLiteral(_) | Expr::StringLiteral(_) => true,
            Expr::UnaryOp(unary) => unary.op == ast::UnaryOp::USub && unary.operand.is_number_literal_expr(),
            _ => false,
        };
        if !literal {
            return self.fail(
                "unsupported-default",
                format!("the default of `{}` is not a constant", parameter.name()),
                Some("pass the argument".to_owned()),
            );
        }
        let val = self.expr(default)?;
        self.at_place(place);
        Ok(Some(Thing::Val(Val { known: None, ..val })))
    }

    fn default_binding(&mut self, name: &str, binding: &'p Binding) -> Lowered<Thing> {
        match self.binding_thing(name, binding)? {
            Thing::Val(val) => Ok(Thing::Val(Val { known: None, ..val })),
            other => Ok(other),
        }
    }

    /// A lambda's body, lowered here with its parameters bound.
    pub fn call_lambda(&mut self, id: usize, arguments: CallArguments) -> Lowered<Val> {
        let Some(lambda) = self.compiler.lambda(id) else { return Err(Stop::Failed) };
        if self.lambda_depth >= LAMBDA_DEPTH_MAX {
            return self.fail("too-complex", "this lambda calls itself", Some("define it with `def`".to_owned()));
        }
        let parameters = lambda.parameters.as_deref();
        if let Some(variadic) =
            parameters.and_then(|parameters| parameters.vararg.as_deref().or(parameters.kwarg.as_deref()))
        {
            return self.fail_at(variadic, "unsupported-parameter", "`*` parameters cannot be compiled", None);
        }
        let matched = self.match_arguments("<lambda>", parameters, arguments)?;
        let place = self.place;
        let (scopes, hidden, inlined) = (self.scopes.len(), self.var_count(), self.inlined);
        self.lambda_depth += 1;
        self.inlined = inlined.wrapping_mul(31).wrapping_add(place.start).wrapping_add(1);
        let outcome = self.bind_lambda(parameters, matched).and_then(|()| self.expr(&lambda.body));
        self.lambda_depth -= 1;
        self.inlined = inlined;
        self.scopes.truncate(scopes);
        let val = outcome?;
        self.drop_hidden(hidden);
        self.at_place(place);
        Ok(val)
    }

    fn bind_lambda(&mut self, parameters: Option<&'p ast::Parameters>, matched: Vec<Option<Thing>>) -> Lowered<()> {
        let mut scope = Vec::new();
        let list: Vec<&'p ast::ParameterWithDefault> =
            parameters.map_or_else(Vec::new, |parameters| parameters.iter_non_variadic_params().collect());
        for (parameter, thing) in list.into_iter().zip(matched) {
            let thing = match (thing, &parameter.default) {
                (Some(thing), _) => thing,
                (None, Some(default)) => self.thing(default)?,
                (None, None) => {
                    let name = parameter.name();
                    return self.clash(format!("<lambda>() missing 1 required positional argument: '{name}'"));
                }
            };
            let var = match thing {
                Thing::Val(val) => Var::Bound(val),
                Thing::Static(known) => Var::Static(known),
            };
            let slot = self.hidden(var);
            scope.push((parameter.name().to_string(), slot));
        }
        self.scopes.push(scope);
        Ok(())
    }

    /// A call of something known with values: `key=`, `map` and the like.
    pub fn call_static(&mut self, known: &Static, vals: &[Val]) -> Lowered<Val> {
        let things = || vals.iter().cloned().map(Thing::Val).collect();
        match known {
            Static::Function(function) => {
                self.call_function(*function, CallArguments { positional: things(), keywords: Vec::new() })
            }
            Static::Lambda(lambda) => {
                self.call_lambda(*lambda, CallArguments { positional: things(), keywords: Vec::new() })
            }
            Static::Builtin(name) => self.call_builtin_with(name, vals),
            Static::Member(module, name) => {
                let arguments = CallArguments { positional: things(), keywords: Vec::new() };
                self.call_member(module, name, arguments)
            }
            Static::Module(module) => self.clash(format!("the module `{module}` is not callable")),
        }
    }

    /// A function of `math`, or a method as a function (`str.lower`).
    fn call_member(&mut self, module: &str, name: &str, arguments: CallArguments) -> Lowered<Val> {
        match module {
            "math" => self.call_math(name, arguments),
            "str" | "int" | "float" | "list" | "bool" => {
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
            Thing::Static(known) => {
                let message = format!("{} is not a value that compiled code can hold", describe(&known));
                self.fail("not-a-value", message, None)
            }
        }
    }

    fn method_call(&mut self, object: Val, attribute: &'p ast::ExprAttribute, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        let name = attribute.attr.as_str();
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
        self.each_variant(&object, &mut |lowerer, object| lowerer.method(&object, name, vals, keywords))
    }

    /// The member of a module.
    pub fn member(&mut self, module: &str, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        match module {
            "math" => self.math_member(name, node),
            "numpy" => self.numpy_member(name, node),
            _ => self.fail_at(
                node,
                "unsupported-value",
                format!("`{module}.{name}` cannot be used in compiled code"),
                None,
            ),
        }
    }
}

/// `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`.
fn list_of_names(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    }
}
