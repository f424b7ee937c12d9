//! Functions as values: one that is returned, kept in a container, or is one of several. Such a value is a record of the
//! library: its name tells which function it is, its fields are the variables around it that it reads. Calls go to the
//! functions that the type tells; nothing is called through a pointer.

use ir::{Const, ContainerOp, ExcKind, RecordKind, RecordType, Type};

use super::call::CallArguments;
use super::expr::describe;
use super::value::Static;
use super::{Lowered, Lowerer, Thing, Val, Var};
use crate::locate::FunctionNode;
use crate::parse::ast::{self, Expr};
use crate::program::Binding;
use crate::read_only::{generator_only_reads, is_only_read, is_only_read_in};
use crate::shape::python_name;
use crate::specialise::{Callable, FunctionValue, parameter_list};

/// What tells a table of functions from other containers that are made at the same place.
const TABLE_SITE: u32 = 1 << 24;
/// No name of a program begins like this.
const DEFAULT: &str = ".default ";
/// Followed by the number of the [`FunctionValue`].
const CLASS: &str = "function#";

fn number_of(ty: &Type) -> Option<usize> {
    match ty {
        Type::Record(record) if record.kind == RecordKind::Library => record.name.strip_prefix(CLASS)?.parse().ok(),
        _ => None,
    }
}

/// Whether the type is that of a function, or of one of several things among which is one.
pub fn may_be_function(ty: &Type) -> bool {
    ty.variants().iter().any(|ty| number_of(ty).is_some())
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// A function inside this one where it is made. Its defaults are evaluated here, once; one that is no literal makes the
    /// function a value that keeps it, as in `lambda x, i=i: x + i`.
    pub fn closure_thing(&mut self, node: FunctionNode<'p>) -> Lowered<Thing> {
        let parameters = match node {
            FunctionNode::Def(def) => Some(&*def.parameters),
            FunctionNode::Lambda(lambda) => lambda.parameters.as_deref(),
            FunctionNode::Generator(_) => None,
        };
        let mut defaults = Vec::new();
        for parameter in parameter_list(parameters) {
            let is_constant = |default: &Expr| is_literal(default) || self.infinity(default, self.place.file).is_some();
            if let Some(default) = parameter.default.as_deref().filter(|default| !is_constant(default)) {
                let val = self.expr(default)?;
                defaults.push((default_name(parameter.name().as_str()), val));
            }
        }
        let known = self.closure(node)?;
        if defaults.is_empty() {
            return Ok(Thing::Static(known));
        }
        self.function_with(known, defaults).map(Thing::Val)
    }

    /// `object.name`, a method that is not called here.
    pub fn bound_method(&mut self, object: &Val, name: &str) -> Val {
        let captured = vec![("self".to_owned(), None)];
        let number =
            self.compiler.function_value_number(FunctionValue { function: Static::Bound(name.to_owned()), captured });
        let fields = vec![("self".to_owned(), object.ty().clone())];
        let record = RecordType { kind: RecordKind::Library, name: format!("{CLASS}{number}"), fields };
        self.aggregate(Type::Record(record.into()), std::slice::from_ref(object))
    }

    /// A function made of another and of values that it keeps.
    pub fn made_with(&mut self, made: Static, vals: &[Val]) -> Val {
        let names: Vec<String> = (0..vals.len()).map(|index| index.to_string()).collect();
        let captured = names.iter().map(|name| (name.clone(), None)).collect();
        let number = self.compiler.function_value_number(FunctionValue { function: made, captured });
        let fields = names.into_iter().zip(vals.iter().map(|val| val.ty().clone())).collect();
        let record = RecordType { kind: RecordKind::Library, name: format!("{CLASS}{number}"), fields };
        self.aggregate(Type::Record(record.into()), vals)
    }

    /// The function as a value.
    pub fn function_value(&mut self, known: Static) -> Lowered<Val> {
        self.function_with(known, Vec::new())
    }

    fn function_with(&mut self, known: Static, defaults: Vec<(String, Val)>) -> Lowered<Val> {
        let is_function = match &known {
            Static::Function(_) | Static::Closure(_) | Static::Class(_) | Static::Method(..) => true,
            Static::Made(_) | Static::Bound(_) => true,
            Static::Builtin(name) => ExcKind::from_name(name).is_none(),
            Static::Member(module, _) => module != "numpy",
            Static::Module(_) | Static::Pattern(..) | Static::Sentinel(_) | Static::Absent | Static::Constant(_) => {
                false
            }
        };
        if !is_function {
            let message = format!("{} is not a value that compiled code can hold", describe(&known));
            return self.fail("not-a-value", message, Some("call it, or use one of its members".to_owned()));
        }
        let (mut captured, mut vals) = (Vec::new(), Vec::new());
        if let Static::Closure(id) = known {
            for (name, thing) in self.kept_variables(id)? {
                match thing {
                    Thing::Val(val) => {
                        captured.push((name, None));
                        vals.push(val);
                    }
                    Thing::Static(known) => captured.push((name, Some(known))),
                }
            }
        }
        for (name, val) in defaults {
            captured.push((name, None));
            vals.push(val);
        }
        let names = captured.iter().filter(|(_, known)| known.is_none()).map(|(name, _)| name.clone());
        let fields = names.zip(vals.iter().map(|val| val.ty().clone())).collect();
        let number = self.compiler.function_value_number(FunctionValue { function: known, captured });
        let record = RecordType { kind: RecordKind::Library, name: format!("{CLASS}{number}"), fields };
        Ok(self.aggregate(Type::Record(record.into()), &vals))
    }

    /// The variables that a function inside this one reads, for good: none may change behind its making.
    fn kept_variables(&mut self, id: usize) -> Lowered<Vec<(String, Thing)>> {
        let (things, names, changes) = self.variables_around(id)?;
        let free: Vec<String> = self.compiler.closure(id).map(|closure| closure.free.clone()).unwrap_or_default();
        let mut is_late = false;
        for name in &free {
            let slot = self.variable_around(id, name)?;
            is_late |= self.env().is_none_or(|env| matches!(env.var(slot), Var::Unbound));
        }
        if changes || is_late {
            self.keep_variables(&free);
            return self.fail(
                "unsupported-value",
                "this function reads a variable that is assigned again, so it cannot be kept",
                Some("pass the variable to a function that makes this one".to_owned()),
            );
        }
        Ok(names.into_iter().zip(things).collect())
    }

    /// Notes which of these variables of this function are assigned again, or later: CPython looks them up when the function that
    /// reads them is called.
    fn keep_variables(&mut self, free: &[String]) {
        let source = self.compiler.callable_of(self.spec).and_then(|callable| self.compiler.source(callable));
        let Some(source) = source.filter(|source| matches!(source.node, FunctionNode::Def(_))) else { return };
        for name in free {
            if self.scopes.iter().flatten().any(|(known, _)| known == name) {
                continue;
            }
            let Some(slot) = self.names.slot(name) else { continue };
            let is_late = self.env().is_none_or(|env| matches!(env.var(slot), Var::Unbound | Var::Maybe(..)));
            if self.names.is_rebound(slot) || is_late {
                self.compiler.notes.keep(source.place(), name);
            }
        }
    }

    /// A call of a value: of each function that it may be.
    pub fn call_value(&mut self, val: &Val, arguments: &CallArguments) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| {
            if let Some(number) = number_of(val.ty()) {
                return lowerer.call_function_value(number, &val, arguments.clone());
            }
            if lowerer.class_of(&val).is_some()
                && let Ok(result) = lowerer.method_of_class(&val, "__call__", arguments.clone())?
            {
                return Ok(result);
            }
            let message = format!("'{}' object is not callable", python_name(val.ty()));
            lowerer.clash(message)
        })
    }

    /// A container with functions of the module around is made anew wherever it is read, so nothing but a look into it is
    /// allowed: nobody would see it changed.
    fn require_only_read(&mut self, name: &str) -> Lowered<()> {
        let source = self.compiler.callable_of(self.spec).and_then(|callable| self.compiler.source(callable));
        let is_only_read = match source.map(|source| source.node) {
            Some(FunctionNode::Def(def)) => is_only_read(&def.body, name, 1),
            Some(FunctionNode::Lambda(lambda)) => is_only_read_in(&lambda.body, name, 1),
            Some(FunctionNode::Generator(generator)) => generator_only_reads(generator, name, 1),
            None => false,
        };
        if is_only_read {
            return Ok(());
        }
        self.fail(
            "unsupported-value",
            format!("`{name}` holds functions: compiled code can only look into it"),
            Some("use `[...]`, `in`, `.get(...)` or a loop".to_owned()),
        )
    }

    /// A list with functions of the module around.
    pub fn function_list(&mut self, name: &str, items: &'p [Binding]) -> Lowered<Val> {
        self.require_only_read(name)?;
        let list = self.new_list(&[], None, self.place.start ^ TABLE_SITE)?;
        for item in items {
            let thing = self.binding_thing(name, item)?;
            let val = self.value_of(thing)?;
            self.append(&list, &val)?;
        }
        Ok(list)
    }

    /// A dict with functions of the module around.
    pub fn function_table(&mut self, name: &str, items: &'p [(Const, Binding)]) -> Lowered<Val> {
        self.require_only_read(name)?;
        let kind = Type::Dict(Box::new(Type::None), Box::new(Type::None));
        let shape = self.site_shape(&kind, None, self.place.start ^ TABLE_SITE);
        let dict = self.container_op(ContainerOp::DictNew, &[], shape);
        for (key, binding) in items {
            let thing = self.binding_thing(name, binding)?;
            let (key, val) = (self.constant(key.clone()), self.value_of(thing)?);
            self.store_key(&dict, &key, &val)?;
        }
        Ok(dict)
    }

    /// `callable(x)`.
    pub fn callable_builtin(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let [subject] = &*call.arguments.args else {
            return self.fail_at(call, "wrong-arguments", "`callable` takes one argument", None);
        };
        match self.thing(subject)? {
            Thing::Static(known) => {
                Ok(self.bool(!matches!(known, Static::Module(_) | Static::Pattern(..) | Static::Sentinel(_))))
            }
            Thing::Val(val) => self.each_variant(&val, &mut |lowerer, val| {
                let has_call = lowerer.class_of(&val).is_some_and(|class| class.method("__call__").is_some());
                Ok(lowerer.bool(has_call || may_be_function(val.ty())))
            }),
        }
    }

    fn call_function_value(&mut self, number: usize, val: &Val, arguments: CallArguments) -> Lowered<Val> {
        let Some(value) = self.compiler.function_value(number) else {
            return self.fail("internal", "a function that is a value is not known", None);
        };
        if let (Static::Bound(name), [object]) = (&value.function, self.fields(val).as_slice()) {
            return self
                .each_variant(object, &mut |lowerer, object| lowerer.method_of(&object, name, arguments.clone()));
        }
        if let Static::Made(made) = &value.function {
            let fields = self.fields(val);
            return self.call_made(made, &fields, arguments);
        }
        let Static::Closure(id) = value.function else {
            return self.call_static_with(&value.function, arguments);
        };
        let mut fields = self.fields(val).into_iter();
        let mut captured = Vec::new();
        for (name, known) in value.captured {
            let thing = match known {
                Some(known) => Thing::Static(known),
                None => match fields.next() {
                    Some(field) => self.argument(Thing::Val(field))?,
                    None => return self.fail("internal", "a variable of a function is missing", None),
                },
            };
            captured.push((name, thing));
        }
        self.call_closure(Callable::Closure(id), arguments, captured)
    }
}

/// What the value of a parameter's default is called among the variables that a function keeps.
pub fn default_name(parameter: &str) -> String {
    format!("{DEFAULT}{parameter}")
}

/// Whether the name is one of [`default_name`].
pub fn is_default_name(name: &str) -> bool {
    name.starts_with(DEFAULT)
}

/// Whether a default means the same wherever it is evaluated.
pub fn is_literal(default: &Expr) -> bool {
    match default {
        Expr::BytesLiteral(_)
        | Expr::NumberLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_)
        | Expr::StringLiteral(_) => true,
        // In the library: not given.
        Expr::EllipsisLiteral(_) => true,
        Expr::UnaryOp(unary) => unary.op == ast::UnaryOp::USub && unary.operand.is_number_literal_expr(),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_literal),
        _ => false,
    }
}
