//! Instances of the program's classes: how they are made, their methods and properties, and the operators that their
//! classes define. What a class consists of is found in `crate::classes`.

use std::rc::Rc;

use ir::{ContainerOp, ExcClass, ExcKind, Op, RecordKind, RecordType, Type};

use super::call::CallArguments;
use super::expr::describe;
use super::function_values::may_be_function;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::classes::{Class, ClassKind, Default, Field, MethodKind};
use crate::nearest::nearest;
use crate::parse::ast::{self, CmpOp, Expr, Operator};
use crate::program::Binding;
use crate::shape::python_name;
use crate::specialise::Callable;

/// The class of `NotImplemented`.
const NOT_IMPLEMENTED: &str = "NotImplementedType";

/// The methods of an operator: of the left operand, and of the right one.
fn operator_methods(op: Operator) -> (&'static str, &'static str) {
    match op {
        Operator::Add => ("__add__", "__radd__"),
        Operator::Sub => ("__sub__", "__rsub__"),
        Operator::Mult => ("__mul__", "__rmul__"),
        Operator::MatMult => ("__matmul__", "__rmatmul__"),
        Operator::Div => ("__truediv__", "__rtruediv__"),
        Operator::FloorDiv => ("__floordiv__", "__rfloordiv__"),
        Operator::Mod => ("__mod__", "__rmod__"),
        Operator::Pow => ("__pow__", "__rpow__"),
        Operator::LShift => ("__lshift__", "__rlshift__"),
        Operator::RShift => ("__rshift__", "__rrshift__"),
        Operator::BitOr => ("__or__", "__ror__"),
        Operator::BitXor => ("__xor__", "__rxor__"),
        Operator::BitAnd => ("__and__", "__rand__"),
    }
}

/// The methods of a comparison: of the left operand, and of the right one.
fn comparison_methods(op: CmpOp) -> Option<(&'static str, &'static str)> {
    match op {
        CmpOp::Eq => Some(("__eq__", "__eq__")),
        CmpOp::NotEq => Some(("__ne__", "__ne__")),
        CmpOp::Lt => Some(("__lt__", "__gt__")),
        CmpOp::LtE => Some(("__le__", "__ge__")),
        CmpOp::Gt => Some(("__gt__", "__lt__")),
        CmpOp::GtE => Some(("__ge__", "__le__")),
        CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn => None,
    }
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// The class of this number; reports why it cannot be compiled.
    pub fn class(&mut self, number: usize) -> Lowered<Rc<Class<'p>>> {
        match self.compiler.class(number) {
            Ok(class) => Ok(class),
            Err(diagnostic) => {
                if !self.diagnostics.contains(&diagnostic) {
                    self.diagnostics.push(*diagnostic);
                }
                Err(Stop::Failed)
            }
        }
    }

    /// The class of the program that a value is an instance of.
    pub fn class_of(&self, val: &Val) -> Option<Rc<Class<'p>>> {
        match val.ty() {
            Type::Record(record) if matches!(record.kind, RecordKind::NamedTuple | RecordKind::Dataclass) => {
                self.compiler.class_named(&record.name)
            }
            Type::Object(name) => {
                let number = self.compiler.objects.number_of(name)?;
                self.compiler.known_class(number)
            }
            ty => self.compiler.known_class(super::enums::enum_class(ty)?),
        }
    }

    // Making instances.

    pub fn call_class(&mut self, number: usize, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        self.construct(number, arguments)
    }

    /// `Class(arguments)`.
    pub fn construct(&mut self, number: usize, arguments: CallArguments) -> Lowered<Val> {
        let class = self.class(number)?;
        if let Some(names) = class.abstract_methods() {
            return self.clash(format!("Can't instantiate abstract class {} with abstract {names}", class.name));
        }
        match class.kind {
            ClassKind::Exception(kind) if !class.methods.is_empty() => {
                self.construct_exception(&class, kind, arguments)
            }
            ClassKind::Exception(kind) => {
                let vals = self.plain_arguments(&class.name, arguments)?;
                self.new_exception(kind, &vals)
            }
            ClassKind::NamedTuple => self.new_record(&class, RecordKind::NamedTuple, arguments),
            ClassKind::Dataclass(_) => self.new_record(&class, RecordKind::Dataclass, arguments),
            ClassKind::Plain => self.construct_by_init(&class, arguments),
            ClassKind::Enum(_) => self.member_of_value(&class, arguments),
        }
    }

    /// An exception that has not been raised yet.
    pub fn new_exception(&mut self, class: ExcClass, vals: &[Val]) -> Lowered<Val> {
        if let Some(made) = self.exception_with_arguments(class, vals)? {
            return Ok(made);
        }
        let message = match self.exception_message(class, vals)? {
            Some(message) => message,
            None => self.str(""),
        };
        Ok(self.emit(Op::ExceptionNew(class), &[&message], Type::Exception))
    }

    fn new_record(&mut self, class: &Rc<Class<'p>>, kind: RecordKind, arguments: CallArguments) -> Lowered<Val> {
        let is_object = self.compiler.is_object_class(class.number);
        if is_object && class.method("__init__").is_some() {
            return self.construct_by_init(class, arguments);
        }
        if class.method("__init__").is_some() || class.method("__new__").is_some() {
            let message = format!("`{}` has an `__init__` of its own, which cannot be compiled yet", class.name);
            return self.fail("unsupported-class", message, Some("let `@dataclass` make it".to_owned()));
        }
        let vals = self.field_values(class, kind, arguments)?;
        if is_object {
            let made = self.new_object(class, Some(&vals))?;
            self.after_init(class, &made)?;
            return Ok(made);
        }
        let vals: Vec<Val> = vals.into_iter().flatten().collect();
        let fields =
            class.fields.iter().zip(&vals).map(|(field, val)| (field.name.clone(), val.ty().clone())).collect();
        let ty = RecordType { kind, name: class.name.clone(), fields };
        let made = self.aggregate(Type::Record(ty.into()), &vals);
        if kind == RecordKind::Dataclass {
            self.after_init(class, &made)?;
        }
        Ok(made)
    }

    fn after_init(&mut self, class: &Rc<Class<'p>>, own: &Val) -> Lowered<()> {
        if class.method("__post_init__").is_some() {
            self.call_method(class, "__post_init__", own, CallArguments::default())?;
        }
        Ok(())
    }

    /// The values of the fields for these arguments; a field of an instance that can be changed may have none yet, where
    /// `__init__` does not know it.
    fn field_values(
        &mut self,
        class: &Class<'p>,
        kind: RecordKind,
        arguments: CallArguments,
    ) -> Lowered<Vec<Option<Val>>> {
        let given = self.match_fields(class, arguments)?;
        let is_object = self.compiler.is_object_class(class.number);
        let mut vals = Vec::new();
        let mut missing = Vec::new();
        for (field, thing) in class.fields.iter().zip(given) {
            let val = match thing {
                Some(thing) => {
                    let thing = self.argument(thing)?;
                    Some(self.value_of(thing)?)
                }
                None => self.field_default(class, field)?,
            };
            if val.is_none() && field.init {
                missing.push(format!("'{}'", field.name));
            } else if val.is_none() && !is_object {
                let message =
                    format!("`{}` of the frozen `{}` gets no value from its `__init__`", field.name, class.name);
                let help = Some("give it a default, or leave `frozen=True` out".to_owned());
                return self.fail("unsupported-class", message, help);
            }
            vals.push(val);
        }
        if !missing.is_empty() {
            let (count, s) = (missing.len(), if missing.len() == 1 { "" } else { "s" });
            let names = super::call::list_of_names(&missing);
            let init = if kind == RecordKind::NamedTuple { "__new__" } else { "__init__" };
            let message = format!("{}.{init}() missing {count} required positional argument{s}: {names}", class.name);
            return self.clash(message);
        }
        Ok(vals)
    }

    /// The `__init__` that `@dataclass` makes, of an instance of a class that derives from this one.
    pub fn init_by_fields(&mut self, class: &Rc<Class<'p>>, own: &Val, arguments: CallArguments) -> Lowered<Val> {
        let vals = self.field_values(class, RecordKind::Dataclass, arguments)?;
        for (field, val) in class.fields.iter().zip(&vals) {
            if let Some(val) = val {
                self.store_field(own, &field.name, val)?;
            }
        }
        if let Some(actual) = self.class_of(own) {
            self.after_init(&actual, own)?;
        }
        Ok(self.none())
    }

    /// The arguments in the order of the fields.
    fn match_fields(&mut self, class: &Class<'p>, arguments: CallArguments) -> Lowered<Vec<Option<Thing>>> {
        let mut given: Vec<Option<Thing>> = class.fields.iter().map(|_| None).collect();
        let positions: Vec<usize> =
            (0..given.len()).filter(|index| class.fields[*index].init && !class.fields[*index].keyword_only).collect();
        let count = arguments.positional.len();
        if count > positions.len() {
            let (takes, all) = (positions.len() + 1, count + 1);
            let message = format!("{}.__init__() takes {takes} positional arguments but {all} were given", class.name);
            return self.clash(message);
        }
        for (position, thing) in positions.into_iter().zip(arguments.positional) {
            given[position] = Some(thing);
        }
        for (name, thing) in arguments.keywords {
            match class.fields.iter().position(|field| field.init && field.name == name) {
                Some(position) if given[position].is_none() => given[position] = Some(thing),
                Some(_) => {
                    let message = format!("{}.__init__() got multiple values for argument '{name}'", class.name);
                    return self.clash(message);
                }
                None => {
                    let fields = class.fields.iter().map(|field| field.name.as_str());
                    let help = nearest(&name, fields).map(|near| format!("did you mean `{near}`?"));
                    return self.fail("wrong-arguments", format!("`{}` has no field `{name}`", class.name), help);
                }
            }
        }
        Ok(given)
    }

    fn field_default(&mut self, class: &Class<'p>, field: &Field<'p>) -> Lowered<Option<Val>> {
        // The function around a class has defaults of its own.
        let source = self.compiler.function(class.number).filter(|_| self.compiler.local_class(class.number).is_none());
        if let Some(binding) = source.and_then(|source| source.defaults.get(&field.name)) {
            if let (Binding::Unsupported(_), Some(Default::Value(expr))) = (binding, field.default)
                && let Some(owner) = self.compiler.function(field.owner)
                && let Some(Thing::Val(member)) = self.member_default(owner, expr)?
            {
                return Ok(Some(member));
            }
            let thing = self.default_binding(&field.name, binding)?;
            return self.value_of(thing).map(Some);
        }
        match field.default {
            None => Ok(None),
            Some(Default::Value(expr)) => self.class_expr(field.owner, expr).map(Some),
            Some(Default::Factory(Expr::Lambda(lambda))) if lambda.parameters.is_none() => {
                self.class_expr(field.owner, &lambda.body).map(Some)
            }
            Some(Default::Factory(factory)) => {
                let place = self.place;
                // Fields that are made alike have containers of their own.
                let key = self.compiler.field_site(place, self.place_of(factory));
                match self.in_class(field.owner, |lowerer| lowerer.thing(factory))? {
                    Thing::Static(known) => {
                        // What a deque and its like hold is told by the place where they are made.
                        self.at_place(if let Static::Member(..) = known { self.place_of(factory) } else { place });
                        let made = self.made_by(&known, key);
                        self.at_place(place);
                        made.map(Some)
                    }
                    Thing::Val(_) => {
                        let help = Some("use `list`, `dict`, `set`, a class, a function or a `lambda`".to_owned());
                        let message = format!("what makes `{}` cannot be compiled", field.name);
                        self.fail_at(factory, "unsupported-default", message, help)
                    }
                }
            }
        }
    }

    /// An expression of a class's body, whose names are those of the class.
    pub fn class_expr(&mut self, class: usize, expr: &'p Expr) -> Lowered<Val> {
        self.class_value(class, expr).map(|val| Val { known: None, ..val })
    }

    /// As [`Lowerer::class_expr`], where it is the same value each time.
    pub fn class_value(&mut self, class: usize, expr: &'p Expr) -> Lowered<Val> {
        self.in_class(class, |lowerer| lowerer.expr(expr))
    }

    /// Lowers where names are those of a class, or of a function without its variables.
    pub fn in_class<T>(&mut self, class: usize, lower: impl FnOnce(&mut Self) -> Lowered<T>) -> Lowered<T> {
        let place = self.place;
        let (function, scopes) = (self.function, std::mem::take(&mut self.scopes));
        let names = std::mem::take(&mut self.names);
        let file = self.compiler.function(class).map_or(place.file, |source| source.file);
        self.function = class;
        self.place.file = file;
        let lowered = lower(self);
        self.function = function;
        self.scopes = scopes;
        self.names = names;
        self.at_place(place);
        lowered
    }

    // Methods.

    /// `object.name(arguments)` where the object's class defines the method.
    pub fn method_of_class(
        &mut self,
        object: &Val,
        name: &str,
        arguments: CallArguments,
    ) -> Lowered<Result<Val, CallArguments>> {
        match self.class_of(object) {
            Some(class) if class.method(name).is_some() => self.call_method(&class, name, object, arguments).map(Ok),
            Some(class) if let Some(Thing::Static(Static::Class(inner))) = self.static_of_class(&class, name)? => {
                self.construct(inner, arguments).map(Ok)
            }
            Some(class) if matches!(name, "_replace" | "_asdict") && class.kind == ClassKind::NamedTuple => {
                self.named_tuple_method(object, name, arguments).map(Ok)
            }
            Some(_) => match self.function_in_field(object, name)? {
                Some(function) => self.call_value(&function, &arguments).map(Ok),
                None => Ok(Err(arguments)),
            },
            None => Ok(Err(arguments)),
        }
    }

    /// A function that an instance holds, as in `self.key(x)`.
    fn function_in_field(&mut self, object: &Val, name: &str) -> Lowered<Option<Val>> {
        let found = match object.ty() {
            Type::Object(_) => self.get_field(object, name)?,
            Type::Record(record) => record.index_of(name).map(|index| self.field(object, index)),
            _ => None,
        };
        Ok(found.filter(|found| may_be_function(found.ty())))
    }

    fn named_tuple_method(&mut self, object: &Val, name: &str, arguments: CallArguments) -> Lowered<Val> {
        let Type::Record(record) = object.ty().clone() else { return Err(Stop::Failed) };
        if name == "_asdict" {
            let fields = self.fields(object);
            let record = RecordType { kind: RecordKind::Dict, name: String::new(), fields: record.fields.clone() };
            return Ok(self.aggregate(Type::Record(record.into()), &fields));
        }
        self.replaced(object, &record, arguments)
    }

    /// The record with some fields replaced: `_replace` and `dataclasses.replace`.
    pub fn replaced(&mut self, object: &Val, record: &RecordType, arguments: CallArguments) -> Lowered<Val> {
        let mut vals = self.fields(object);
        for (name, thing) in arguments.keywords {
            let val = self.value_of(thing)?;
            match record.index_of(&name) {
                Some(index) => vals[index] = val,
                None => {
                    let message = format!("Got unexpected field names: ['{name}']");
                    return self.clash_of(ExcKind::ValueError, "type-mismatch", message);
                }
            }
        }
        let fields = record.fields.iter().zip(&vals).map(|((name, _), val)| (name.clone(), val.ty().clone())).collect();
        let ty = RecordType { kind: record.kind, name: record.name.clone(), fields };
        Ok(self.aggregate(Type::Record(ty.into()), &vals))
    }

    /// A method that the class has, with `self` or `cls` where it takes one.
    fn call_method(
        &mut self,
        class: &Rc<Class<'p>>,
        name: &str,
        object: &Val,
        mut arguments: CallArguments,
    ) -> Lowered<Val> {
        let Some((index, method)) = class.method(name) else { return Err(Stop::Failed) };
        match method.kind {
            MethodKind::Plain | MethodKind::Property | MethodKind::Setter => {
                arguments.positional.insert(0, Thing::Val(object.clone()))
            }
            MethodKind::Class => arguments.positional.insert(0, Thing::Static(Static::Class(class.number))),
            MethodKind::Static => {}
        }
        self.call_function(Callable::Method(class.number, index), arguments)
    }

    /// `Class.name(arguments)`.
    pub fn call_on_class(&mut self, number: usize, name: &str, call: &'p ast::ExprCall) -> Lowered<Val> {
        let class = self.class(number)?;
        if let ("_make", ClassKind::NamedTuple, [Expr::List(display)], []) =
            (name, class.kind, &*call.arguments.args, &*call.arguments.keywords)
            && class.method(name).is_none()
            && !display.elts.iter().any(Expr::is_starred_expr)
        {
            let positional = self.exprs(&display.elts)?.into_iter().map(Thing::Val).collect();
            self.at_call(call);
            return self.construct(number, CallArguments { positional, keywords: Vec::new() });
        }
        let mut arguments = self.call_arguments(call)?;
        self.at_call(call);
        if let Some(Thing::Static(known)) = self.static_of_class(&class, name)? {
            return self.call_static_with(&known, arguments);
        }
        match class.method(name) {
            Some((index, _)) => self.call_method_of_class(number, index, arguments),
            None if name == "_make" && class.kind == ClassKind::NamedTuple => match arguments.positional.pop() {
                Some(Thing::Val(items)) if matches!(items.ty(), Type::Tuple(_)) => {
                    let positional = self.fields(&items).into_iter().map(Thing::Val).collect();
                    self.construct(number, CallArguments { positional, keywords: Vec::new() })
                }
                _ => self.fail("unsupported-argument", "`_make` takes a tuple in compiled code", None),
            },
            None => {
                let message = format!("type object '{}' has no attribute '{name}'", class.name);
                self.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
            }
        }
    }

    /// A call of a method that was found in the class itself.
    pub fn call_method_of_class(&mut self, number: usize, index: usize, mut arguments: CallArguments) -> Lowered<Val> {
        if self.class(number)?.methods.get(index).is_some_and(|method| method.kind == MethodKind::Class) {
            arguments.positional.insert(0, Thing::Static(Static::Class(number)));
        }
        self.call_function(Callable::Method(number, index), arguments)
    }

    /// A method of an instance's class that knows nothing of the instance, where it is not called here: `self.compare` of a static
    /// method.
    pub fn method_without_instance(&mut self, object: &Val, name: &str) -> Option<Static> {
        let class = self.class_of(object)?;
        let (index, method) = class.method(name)?;
        let is_hidden = class.stored.iter().any(|stored| stored == name);
        let is_free = matches!(method.kind, MethodKind::Static | MethodKind::Class) && !is_hidden;
        is_free.then_some(Static::Method(class.number, index))
    }

    /// `Class.name`.
    pub fn attribute_of_class(&mut self, number: usize, name: &str, node: &ast::Identifier) -> Lowered<Thing> {
        let class = self.class(number)?;
        if name == "__name__" {
            return Ok(Thing::Val(self.str(&class.name)));
        }
        if let ClassKind::Enum(_) = class.kind {
            return self.member_named(&class, name, node);
        }
        if let Some(known) = self.static_of_class(&class, name)? {
            return Ok(known);
        }
        if let Some((index, method)) = class.method(name)
            && method.kind != MethodKind::Property
        {
            return Ok(Thing::Static(Static::Method(number, index)));
        }
        if let ("_fields", ClassKind::NamedTuple) = (name, class.kind) {
            let names: Vec<Val> = class.fields.iter().map(|field| self.str(&field.name)).collect();
            return Ok(Thing::Val(self.tuple(&names)));
        }
        match self.class_constant(&class, name)? {
            Some(val) => Ok(Thing::Val(val)),
            None => {
                let message =
                    format!("{} has no attribute `{name}` that can be compiled", describe(&Static::Class(number)));
                self.fail_at(node, "unknown-attribute", message, None)
            }
        }
    }

    /// What the class has by this name, where that is another class or something else that is no value.
    fn static_of_class(&mut self, class: &Class<'p>, name: &str) -> Lowered<Option<Thing>> {
        for number in class.line.clone() {
            let Some(known) = self.compiler.function(number).and_then(|source| source.attributes.get(name)) else {
                continue;
            };
            return match known {
                Binding::Class(_) | Binding::Function(_) | Binding::Member(..) | Binding::Pattern(..) => {
                    self.binding_thing(name, known).map(Some)
                }
                _ => Ok(None),
            };
        }
        Ok(None)
    }

    /// The compiled regular expression that the class of an instance has by this name, where the instance has nothing by it.
    pub fn pattern_of_class(&mut self, object: &Val, name: &str) -> Lowered<Option<Thing>> {
        let Some(class) = self.class_of(object) else { return Ok(None) };
        if class.method(name).is_some() {
            return Ok(None);
        }
        match self.static_of_class(&class, name)? {
            Some(Thing::Static(known @ Static::Pattern(..))) if self.get_field(object, name)?.is_none() => {
                Ok(Some(Thing::Static(known)))
            }
            _ => Ok(None),
        }
    }

    /// What the class itself, and no instance of it, has by this name: what Python says it is now, else what the text says.
    pub fn class_constant(&mut self, class: &Class<'p>, name: &str) -> Lowered<Option<Val>> {
        for number in class.line.clone() {
            if let Some(binding) = self.compiler.function(number).and_then(|source| source.attributes.get(name)) {
                let thing = self.binding_thing(name, binding)?;
                return self.value_of(thing).map(|val| Some(Val { known: None, ..val }));
            }
            let is_own = |(known, _, owner): &&(String, &Expr, usize)| known == name && *owner == number;
            match class.constants.iter().rev().find(is_own) {
                Some((_, expr, _)) if !crate::classes::is_constant(expr) => {
                    let message =
                        format!("`{name}` of the class `{}` is no constant, so it cannot be compiled", class.name);
                    return self.fail("unsupported-value", message, Some("make it a field".to_owned()));
                }
                Some((_, expr, owner)) => return self.class_expr(*owner, expr).map(Some),
                None => {}
            }
        }
        Ok(None)
    }

    /// `object.name` where it is a property or a value of the class.
    pub fn property(&mut self, object: &Val, name: &str) -> Lowered<Option<Val>> {
        let Some(class) = self.class_of(object) else { return Ok(None) };
        if let Some(val) = self.get_field(object, name)? {
            return Ok(Some(val));
        }
        match class.method(name) {
            Some((_, method)) if method.kind == MethodKind::Property => {
                self.call_method(&class, name, object, CallArguments::default()).map(Some)
            }
            Some(_) => Ok(None),
            None if matches!(class.kind, ClassKind::Enum(_)) => Ok(None),
            None => self.class_constant(&class, name),
        }
    }

    // Operators.

    /// The result of a method such as `__len__` without further arguments, where the class has it.
    pub fn special(&mut self, object: &Val, name: &str) -> Lowered<Option<Val>> {
        self.special_with(object, name, &[])
    }

    pub fn special_with(&mut self, object: &Val, name: &str, vals: &[Val]) -> Lowered<Option<Val>> {
        if let Some(found) = self.collection_special(object, name, vals)? {
            return Ok(Some(found));
        }
        let Some(class) = self.class_of(object) else { return Ok(None) };
        if class.method(name).is_none() {
            return Ok(None);
        }
        let positional = vals.iter().cloned().map(Thing::Val).collect();
        self.call_method(&class, name, object, CallArguments { positional, keywords: Vec::new() }).map(Some)
    }

    /// `left op= right` by the method of the left operand, which may change it.
    pub fn in_place_of_class(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let (own, _) = operator_methods(op);
        match self.special_with(left, &own.replacen("__", "__i", 1), std::slice::from_ref(right))? {
            Some(val) if is_not_implemented(val.ty()) => Ok(None),
            found => Ok(found),
        }
    }

    /// The value `NotImplemented`: what a method gives that leaves an operation to the other operand.
    pub fn not_implemented(&mut self) -> Val {
        let fields = vec![("is".to_owned(), Type::Bool)];
        let record = RecordType { kind: RecordKind::Library, name: NOT_IMPLEMENTED.to_owned(), fields };
        let yes = self.bool(true);
        self.aggregate(Type::Record(record.into()), &[yes])
    }

    /// What the first of these methods gives that is there and does not leave the operation to those behind it; `last` when
    /// all do.
    fn first_of_methods(
        &mut self,
        methods: &[(&Val, &str, &Val)],
        last: &mut dyn FnMut(&mut Self) -> Lowered<Val>,
    ) -> Lowered<Option<Val>> {
        for (position, (object, name, other)) in methods.iter().enumerate() {
            let Some(val) = self.special_with(object, name, std::slice::from_ref(*other))? else { continue };
            if !val.ty().variants().iter().any(is_not_implemented) {
                return Ok(Some(val));
            }
            let rest = &methods[position + 1..];
            let found = self.each_variant(&val, &mut |lowerer, val| {
                if !is_not_implemented(val.ty()) {
                    return Ok(val);
                }
                match lowerer.first_of_methods(rest, last)? {
                    Some(val) => Ok(val),
                    None => last(lowerer),
                }
            });
            return found.map(Some);
        }
        Ok(None)
    }

    /// Whether the right operand is asked first: it is of a class that derives from that of the left.
    fn right_derives(&self, left: &Val, right: &Val) -> bool {
        match (self.class_of(left), self.class_of(right)) {
            (Some(left), Some(right)) => left.number != right.number && right.line.contains(&left.number),
            _ => false,
        }
    }

    /// `left op right` by a method of one of the operands.
    pub fn operator_of_class(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let (own, reflected) = operator_methods(op);
        let owner = |val: &Val| Some(self.class_of(val)?.method(reflected)?.1.owner);
        let right_first = self.right_derives(left, right) && owner(right).is_some() && owner(right) != owner(left);
        let methods = match right_first {
            true => [(right, reflected, left), (left, own, right)],
            false => [(left, own, right), (right, reflected, left)],
        };
        // Two operands of one class have one answer to give.
        let count = if left.ty() == right.ty() && self.class_of(left).is_some() { 1 } else { 2 };
        let (a, b) = (python_name(left.ty()), python_name(right.ty()));
        let message = format!("unsupported operand type(s) for {}: '{a}' and '{b}'", super::number::symbol(op));
        self.first_of_methods(&methods[..count], &mut |lowerer| lowerer.clash(message.clone()))
    }

    /// A comparison by a method of one of the operands, or by what `@dataclass` and tuples define.
    pub fn comparison_of_class(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let Some((own, reflected)) = comparison_methods(op) else { return Ok(None) };
        let (left_class, right_class) = (self.class_of(left), self.class_of(right));
        if left_class.is_none() && right_class.is_none() {
            return Ok(None);
        }
        // What `total_ordering` makes is a method of the left operand, too.
        if left_class.as_ref().is_some_and(|class| class.method(own).is_none())
            && let Some(val) = self.total_ordering(op, left, right)?
        {
            return Ok(Some(val));
        }
        let mut methods = vec![(left, own, right), (right, reflected, left)];
        if self.right_derives(left, right) {
            methods.reverse();
        }
        let found = self.first_of_methods(&methods, &mut |lowerer| match op {
            CmpOp::Eq | CmpOp::NotEq => {
                let same = match (left.ty(), right.ty()) {
                    (Type::Object(a), Type::Object(b)) if a == b => {
                        lowerer.container_op(ContainerOp::RefIs, &[left, right], Type::Bool)
                    }
                    _ => lowerer.bool(false),
                };
                Ok(if op == CmpOp::Eq { same } else { lowerer.not(&same) })
            }
            _ => {
                let (a, b) = (python_name(left.ty()), python_name(right.ty()));
                let symbol = super::compare::cmp_symbol(op);
                lowerer.clash(format!("'{symbol}' not supported between instances of '{a}' and '{b}'"))
            }
        })?;
        if found.is_some() {
            return Ok(found);
        }
        let has_eq =
            |class: &Option<Rc<Class<'p>>>| class.as_ref().is_some_and(|class| class.method("__eq__").is_some());
        if op == CmpOp::NotEq && (has_eq(&left_class) || has_eq(&right_class)) {
            let equal = self.compare(CmpOp::Eq, left, right)?;
            let equal = self.truth(&equal)?;
            return Ok(Some(self.not(&equal)));
        }
        if let (Some(class), true) = (&left_class, matches!(left.ty(), Type::Object(_)))
            && let Some(val) = self.compare_objects(op, &class.clone(), left, right)?
        {
            return Ok(Some(val));
        }
        let orders = matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE);
        match (left_class, right_class) {
            (Some(class), Some(other)) if class.number == other.number => match class.kind {
                ClassKind::Dataclass(options) if !options.eq && !orders => self.fail(
                    "unsupported-operation",
                    format!("`{}` compares by identity, which cannot be compiled", class.name),
                    Some("leave out `eq=False`".to_owned()),
                ),
                ClassKind::Dataclass(options) if orders && !options.order => {
                    let symbol = super::compare::cmp_symbol(op);
                    let name = &class.name;
                    self.clash(format!("'{symbol}' not supported between instances of '{name}' and '{name}'"))
                }
                ClassKind::Dataclass(_) => {
                    let (left, right) = (self.compared(&class, left)?, self.compared(&class, right)?);
                    self.compare(op, &left, &right).map(Some)
                }
                ClassKind::NamedTuple => self.compare_as_tuples(op, left, right).map(Some),
                ClassKind::Exception(_) | ClassKind::Plain | ClassKind::Enum(_) => Ok(None),
            },
            (Some(class), _) if class.kind == ClassKind::NamedTuple && !is_dataclass(right) => {
                self.compare_as_tuples(op, left, right).map(Some)
            }
            (_, Some(class)) if class.kind == ClassKind::NamedTuple && !is_dataclass(left) => {
                self.compare_as_tuples(op, left, right).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A comparison that `functools.total_ordering` makes of another one and `==`.
    fn total_ordering(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let Some(class) = self.class_of(left).filter(|class| class.is_ordered) else { return Ok(None) };
        // The first that the class has, as `total_ordering` takes them.
        let roots = [(CmpOp::Lt, "__lt__"), (CmpOp::LtE, "__le__"), (CmpOp::Gt, "__gt__"), (CmpOp::GtE, "__ge__")];
        let Some((root, _)) = roots.into_iter().find(|(_, name)| class.method(name).is_some()) else { return Ok(None) };
        // Whether the result is the root's or its opposite, and how equality changes it.
        let (negated, with_equal) = match (root, op) {
            (CmpOp::Lt, CmpOp::Gt) | (CmpOp::Gt, CmpOp::Lt) => (true, Some(false)),
            (CmpOp::Lt, CmpOp::LtE) | (CmpOp::Gt, CmpOp::GtE) => (false, Some(true)),
            (CmpOp::Lt, CmpOp::GtE) | (CmpOp::Gt, CmpOp::LtE) => (true, None),
            (CmpOp::LtE, CmpOp::GtE) | (CmpOp::GtE, CmpOp::LtE) => (true, Some(true)),
            (CmpOp::LtE, CmpOp::Lt) | (CmpOp::GtE, CmpOp::Gt) => (false, Some(false)),
            (CmpOp::LtE, CmpOp::Gt) | (CmpOp::GtE, CmpOp::Lt) => (true, None),
            _ => return Ok(None),
        };
        let found = self.compare(root, left, right)?;
        let found = self.each_variant(&found, &mut |lowerer, val| lowerer.truth(&val))?;
        let found = if negated { self.not(&found) } else { found };
        let Some(with_equal) = with_equal else { return Ok(Some(found)) };
        let equal = self.compare(CmpOp::Eq, left, right)?;
        let equal = self.each_variant(&equal, &mut |lowerer, val| lowerer.truth(&val))?;
        // `x < y or x == y`; `x < y and x != y`.
        Ok(Some(match with_equal {
            true => {
                let yes = self.bool(true);
                self.select(&found, &yes, &equal)
            }
            false => {
                let (differs, no) = (self.not(&equal), self.bool(false));
                self.select(&found, &differs, &no)
            }
        }))
    }

    fn compare_as_tuples(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Val> {
        let (left, right) = (self.as_plain_tuple(left), self.as_plain_tuple(right));
        self.compare(op, &left, &right)
    }

    /// A named tuple as the tuple it is.
    pub fn as_plain_tuple(&mut self, val: &Val) -> Val {
        match val.ty() {
            Type::Record(record) if record.kind == RecordKind::NamedTuple => {
                let fields = self.fields(val);
                self.tuple(&fields)
            }
            _ => val.clone(),
        }
    }

    /// The fields that a dataclass compares, as a tuple.
    pub fn compared(&mut self, class: &Class<'p>, val: &Val) -> Lowered<Val> {
        let mut fields = self.fields(val);
        if let Type::Object(_) = val.ty() {
            for field in &class.fields {
                fields.extend(self.get_field(val, &field.name)?);
            }
        }
        let compared: Vec<Val> =
            class.fields.iter().zip(fields).filter(|(field, _)| field.compare).map(|(_, val)| val).collect();
        Ok(self.tuple(&compared))
    }

    /// The positions of the fields that order a record, when it has an order that is not a method of its own.
    pub fn sort_key(&mut self, val: &Val) -> Lowered<Option<Vec<usize>>> {
        if super::datetime::datetime_class(val.ty()).is_some() {
            return Ok(val.ty().field_types().map(|fields| (0..fields.len()).collect()));
        }
        let Some(class) = self.class_of(val).filter(|_| !matches!(val.ty(), Type::Object(_))) else { return Ok(None) };
        if class.method("__lt__").is_some() {
            return Ok(None);
        }
        Ok(match class.kind {
            ClassKind::NamedTuple => Some((0..class.fields.len()).collect()),
            ClassKind::Dataclass(options) if options.order => {
                Some((0..class.fields.len()).filter(|index| class.fields[*index].compare).collect())
            }
            ClassKind::Dataclass(_) | ClassKind::Exception(_) | ClassKind::Plain | ClassKind::Enum(_) => None,
        })
    }

    /// `repr(val)` of a record: by its class's `__repr__`, else as `@dataclass` and named tuples show themselves.
    pub fn repr_of_record(&mut self, val: &Val) -> Lowered<Option<Val>> {
        if let Some(text) = self.special(val, "__repr__")? {
            return Ok(Some(text));
        }
        if let Type::Object(_) = val.ty() {
            return self.repr_of_object(val);
        }
        let Type::Record(record) = val.ty().clone() else { return Ok(None) };
        if !matches!(record.kind, RecordKind::NamedTuple | RecordKind::Dataclass) {
            return Ok(None);
        }
        if super::dicts::view_of(val.ty()).is_some() {
            let place = self.place;
            let source = self.source_of(val)?;
            let list = self.collect_list(source, place.start | 1 << 29)?;
            self.at_place(place);
            let shown = self.repr_of(&list)?;
            let open = self.str(&format!("{}(", record.name));
            let text = self.prim(ir::Prim::StrConcat, &[&open, &shown]);
            return Ok(Some(self.concat_text(&text, ")")));
        }
        let class = self.class_of(val);
        let of_library = class.is_none() && super::datetime::has_own_text(&record);
        let mut text = self.str(&format!("{}{}(", if of_library { "datetime." } else { "" }, record.name));
        let mut first = true;
        for (index, (name, _)) in record.fields.iter().enumerate() {
            let shown = class.as_ref().and_then(|class| class.fields.get(index)).is_none_or(|field| field.repr);
            if !shown {
                continue;
            }
            let before = if first { format!("{name}=") } else { format!(", {name}=") };
            first = false;
            let field = self.field(val, index);
            let field = self.repr_of(&field)?;
            text = self.concat_text(&text, &before);
            text = self.prim(ir::Prim::StrConcat, &[&text, &field]);
        }
        Ok(Some(self.concat_text(&text, ")")))
    }

    /// Whether a value is an instance of a class of the program or of one that derives from it.
    pub fn is_of_class(&self, val: &Val, number: usize) -> bool {
        self.class_of(val).is_some_and(|class| class.line.contains(&number))
    }

    /// `issubclass(a, b)` of classes of the program.
    pub fn issubclass(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        if let ([subject, target], []) = (&*call.arguments.args, &*call.arguments.keywords) {
            if self.may_be_exception_class(subject) {
                return self.derives_from(call, subject, target);
            }
            if let Thing::Static(Static::Class(subject)) = self.thing(subject)?
                && let Thing::Static(Static::Class(target)) = self.thing(target)?
            {
                let derives = self.class(subject)?.line.contains(&target);
                return Ok(self.bool(derives));
            }
        }
        self.fail_at(call, "unsupported-function", "`issubclass` can be compiled for two classes of the program", None)
    }

    /// The same of the class of an exception, which the run tells.
    fn derives_from(&mut self, call: &'p ast::ExprCall, class: &'p Expr, target: &'p Expr) -> Lowered<Val> {
        let class = self.expr(class)?;
        let targets = self.class_list(target)?;
        self.at_call(call);
        self.each_variant(&class, &mut |lowerer, class| match lowerer.exception_of_class(&class) {
            Some(exception) => lowerer.is_instance(&exception, &targets),
            None => lowerer.clash("issubclass() arg 1 must be a class"),
        })
    }

    /// A call of an instance: its `__call__`.
    pub fn call_instance(&mut self, object: &Val, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        match self.method_of_class(object, "__call__", arguments)? {
            Ok(val) => Ok(val),
            Err(_) => {
                let message = format!("'{}' object is not callable", python_name(object.ty()));
                self.clash(message)
            }
        }
    }
}

fn is_not_implemented(ty: &Type) -> bool {
    matches!(ty, Type::Record(record) if record.kind == RecordKind::Library && record.name == NOT_IMPLEMENTED)
}

fn is_dataclass(val: &Val) -> bool {
    matches!(val.ty(), Type::Record(record) if record.kind == RecordKind::Dataclass)
}
