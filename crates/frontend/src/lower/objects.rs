//! Instances that can be changed: how they are made, and how their fields are read and assigned. What is in the fields is
//! found by `crate::objects`.

use std::rc::Rc;

use ir::{ContainerOp, ExcKind, Op, Prim, Type};

use super::call::CallArguments;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val, Var};
use crate::classes::{Class, ClassKind, MethodKind};
use crate::nearest::nearest;
use crate::parse::ast::{self, CmpOp, Expr};
use crate::remembered::is_remembered_by_instance;
use crate::shape::{join, python_name};
use crate::specialise::Callable;

/// What `super()` leads to.
enum Next<'p> {
    /// A method, by its class and its position there.
    Method(usize, usize),
    /// What `@dataclass` has made for the class.
    Made(Rc<Class<'p>>),
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// The number of the class whose instances a type is, when they can be changed.
    pub fn object_class(&self, ty: &Type) -> Option<usize> {
        match ty {
            Type::Object(name) => self.compiler.objects.number_of(name),
            _ => None,
        }
    }

    /// A new instance with these fields, or with none of them yet.
    pub fn new_object(&mut self, class: &Rc<Class<'p>>, fields: Option<&[Option<Val>]>) -> Lowered<Val> {
        self.compiler.objects.meet(class);
        let made = self.new_object_of(class.number)?;
        for (index, val) in fields.into_iter().flatten().enumerate() {
            if let Some(val) = val {
                self.set_field(&made, index, val)?;
            }
        }
        if fields.is_none() {
            // A name that the class gives a value stands for that until the instance has its own.
            let known = self.compiler.objects.class(class.number).cloned();
            for (index, field) in known.iter().flat_map(|known| &known.fields).enumerate() {
                // One that `__init__` stores first is never read before.
                if !field.may_be_missing {
                    continue;
                }
                if let Some(val) = self.class_constant(class, &field.name)? {
                    self.set_field(&made, index, &val)?;
                }
            }
        }
        Ok(made)
    }

    /// An instance with nothing in its fields.
    pub fn new_object_of(&mut self, number: usize) -> Lowered<Val> {
        let Some(known) = self.compiler.objects.class(number).cloned() else { return Err(Stop::Failed) };
        let ty = Type::Object(known.name.clone());
        let mut parts = Vec::new();
        for field in &known.fields {
            let id = self.stand_in(&field.stored());
            parts.push(Val::new(id, field.stored()));
        }
        for _ in 0..known.flag_count() {
            parts.push(self.bool(false));
        }
        let args: Vec<&Val> = parts.iter().collect();
        Ok(self.container_op(ContainerOp::ObjectNew, &args, ty))
    }

    // Variables that inner functions assign are fields of an object, which is passed to these functions.

    /// The variable that holds the variable of this name, when inner functions assign it.
    pub fn cells_of(&self, name: &str) -> Option<String> {
        let in_scope = self.scopes.iter().flatten().any(|(known, _)| known == name);
        self.names.cells_of(name).filter(|_| !in_scope).map(str::to_owned)
    }

    /// Makes what holds this function's own, with the values of its parameters.
    pub fn make_cells(&mut self) {
        let Some((holder, variables)) = self.names.own_cells() else { return };
        let number = 1 << 62 | (self.place.file & 0xffff) << 32 | self.place.start as usize;
        self.compiler.objects.meet_cells(number, &holder, &variables);
        let (Ok(made), Some(slot)) = (self.new_object_of(number), self.names.slot(&holder)) else { return };
        self.set_val(slot, made.clone());
        for (index, name) in variables.iter().enumerate() {
            let var = self.names.slot(name).and_then(|slot| self.env().map(|env| env.var(slot)));
            if let Some(super::Var::Bound(val)) = var {
                let _ = self.set_field(&made, index, &val);
            }
        }
    }

    /// Refuses what cannot be held for inner functions: other things than values, and names that are deleted.
    pub fn refuse_cell(&mut self, name: &str, node: &impl ast::Ranged) -> Lowered<()> {
        if self.cells_of(name).is_none() {
            return Ok(());
        }
        let message = format!("`{name}` is `nonlocal` in a function inside, so it can only be assigned values");
        self.fail_at(node, "unsupported-statement", message, Some("use another name here".to_owned()))
    }

    fn holder(&mut self, holder: &str) -> Lowered<Val> {
        let slot = self.names.slot(holder);
        match slot.and_then(|slot| self.env().map(|env| env.var(slot))) {
            Some(super::Var::Bound(val)) => Ok(val),
            _ => Err(Stop::Failed),
        }
    }

    pub fn read_cell(&mut self, holder: &str, name: &str) -> Lowered<Val> {
        let object = self.holder(holder)?;
        let missing = match self.names.slot(name) {
            Some(_) => (
                ExcKind::UnboundLocalError,
                format!("cannot access local variable '{name}' where it is not associated with a value"),
            ),
            None => (
                ExcKind::NameError,
                format!(
                    "cannot access free variable '{name}' where it is not associated with a value in enclosing scope"
                ),
            ),
        };
        match self.field_or(&object, name, missing)? {
            Some(val) => Ok(val),
            None => Err(Stop::Failed),
        }
    }

    pub fn write_cell(&mut self, holder: &str, name: &str, val: &Val) -> Lowered<()> {
        let object = self.holder(holder)?;
        let index = self.object_class(object.ty()).and_then(|class| self.field_index(class, name));
        match index {
            Some(index) => self.set_field(&object, index, val),
            None => Err(Stop::Failed),
        }
    }

    /// `Class(arguments)` by the class's `__init__`.
    pub fn construct_by_init(&mut self, class: &Rc<Class<'p>>, mut arguments: CallArguments) -> Lowered<Val> {
        let made = self.new_object(class, None)?;
        match class.method("__init__") {
            Some((index, _)) => {
                arguments.positional.insert(0, Thing::Val(made.clone()));
                self.call_function(Callable::Method(class.number, index), arguments)?;
            }
            None if arguments.positional.is_empty() && arguments.keywords.is_empty() => {}
            None => return self.clash(format!("{}() takes no arguments", class.name)),
        }
        Ok(made)
    }

    /// The position of a field.
    fn field_index(&self, class: usize, name: &str) -> Option<usize> {
        self.compiler.objects.class(class)?.fields.iter().position(|field| field.name == name)
    }

    /// `object.name` where it is a field; `None` when the class has no such field.
    pub fn get_field(&mut self, object: &Val, name: &str) -> Lowered<Option<Val>> {
        let message = format!("'{}' object has no attribute '{name}'", python_name(object.ty()));
        self.field_or(object, name, (ExcKind::AttributeError, message))
    }

    /// The field; the exception when it has no value yet.
    fn field_or(&mut self, object: &Val, name: &str, missing: (ExcKind, String)) -> Lowered<Option<Val>> {
        let (class_of_missing, message) = missing;
        let Some(class) = self.object_class(object.ty()) else { return Ok(None) };
        let Some(index) = self.field_index(class, name) else { return Ok(None) };
        let Some(known) = self.compiler.objects.class(class).cloned() else { return Ok(None) };
        let field = &known.fields[index];
        self.refuse_assigned_attribute(class, name)?;
        if let Some(reason) = &field.refused {
            return self.refuse_field(object, name, reason);
        }
        if field.shape.is_none() {
            // Nothing is known to be stored in it: either it is found out later, or it never has a value.
            return Err(self.raise(class_of_missing, &message));
        }
        if let Some(flag) = known.flag_of(name) {
            let flag = self.emit(Op::ObjectGet(flag as u32), &[object], Type::Bool);
            self.require(&flag, class_of_missing, &message)?;
        }
        let shape = field.shape_with_sites(&mut self.sites);
        let stored = field.stored();
        let loaded = self.emit(Op::ObjectGet(index as u32), &[object], stored.clone());
        if stored == shape.ty {
            return Ok(Some(Val { shape, ..loaded }));
        }
        // The stand-in for a value that is not there is never read.
        let wanted: Vec<usize> =
            (0..stored.variants().len()).filter(|tag| stored.variants()[*tag] != Type::None).collect();
        if let [tag] = wanted.as_slice() {
            return Ok(Some(self.variant(&loaded, *tag)));
        }
        let is_none = stored.variants().iter().position(|ty| *ty == Type::None).unwrap_or_default();
        let missing = self.is_variant(&loaded, is_none);
        let present = self.not(&missing);
        self.require(&present, class_of_missing, &message)?;
        self.coerce_present(&loaded, &shape).map(Some)
    }

    /// The field of an instance that was handed in holds what has no type.
    fn refuse_field<T>(&mut self, object: &Val, name: &str, reason: &str) -> Lowered<T> {
        let class = python_name(object.ty());
        self.fail(
            "unsupported-value",
            format!("`{name}` of this `{class}` is {reason}, which compiled code cannot take"),
            None,
        )
    }

    /// A union without its `None`.
    fn coerce_present(&mut self, loaded: &Val, shape: &crate::shape::Shape) -> Lowered<Val> {
        self.each_variant(loaded, &mut |lowerer, val| match val.ty() {
            Type::None => {
                lowerer.cover();
                lowerer.builder.unreachable();
                lowerer.close();
                Err(Stop::Dead)
            }
            _ => lowerer.coerce(&val, shape),
        })
    }

    /// Stores into a field by name.
    pub fn store_field(&mut self, object: &Val, name: &str, val: &Val) -> Lowered<()> {
        match self.object_class(object.ty()).and_then(|class| self.field_index(class, name)) {
            Some(index) => self.set_field(object, index, val),
            None => Err(Stop::Failed),
        }
    }

    fn set_field(&mut self, object: &Val, index: usize, val: &Val) -> Lowered<()> {
        let Some(class) = self.object_class(object.ty()) else { return Err(Stop::Failed) };
        let Some(known) = self.compiler.objects.class(class).cloned() else { return Err(Stop::Failed) };
        let Some(field) = known.fields.get(index) else { return Err(Stop::Failed) };
        if let Some(reason) = &field.refused {
            return self.refuse_field(object, &field.name, reason);
        }
        let joined = match &field.shape {
            None => None,
            Some(_) => {
                let own = field.shape_with_sites(&mut self.sites);
                Some((own.clone(), join(&own, &val.shape, &mut self.sites)))
            }
        };
        match joined {
            Some((own, joined)) if joined.ty == own.ty => {
                let stored = field.stored();
                let val = self.coerce(val, &own)?;
                let val = self.coerce(&val, &crate::shape::Shape::from(stored))?;
                self.emit(Op::ObjectSet(index as u32), &[object, &val], Type::None);
                if let Some(flag) = known.flag_of(&field.name) {
                    let yes = self.bool(true);
                    self.emit(Op::ObjectSet(flag as u32), &[object, &yes], Type::None);
                }
            }
            // The program is compiled again with the further type.
            _ => self.compiler.objects.grow(class, index, &val.shape),
        }
        Ok(())
    }

    /// `object.name = val` where the class makes `name` a property; `None` where it does not.
    fn assign_property(&mut self, object: &Val, name: &str, val: &Val) -> Lowered<Option<Val>> {
        let Some(class) = self.class_of(object) else { return Ok(None) };
        let Some((_, property)) = class.method(name).filter(|(_, method)| method.kind == MethodKind::Property) else {
            return Ok(None);
        };
        if is_remembered_by_instance(property) {
            let message = format!("`{name}` remembers its result, so it cannot be assigned in compiled code");
            return self.fail("unsupported-assignment", message, None);
        }
        match class.setter(name) {
            Some(index) => {
                let positional = vec![Thing::Val(object.clone()), Thing::Val(val.clone())];
                let arguments = CallArguments { positional, keywords: Vec::new() };
                self.call_function(Callable::Method(class.number, index), arguments)?;
                Ok(Some(self.none()))
            }
            None => {
                let message = format!("property '{name}' of '{}' object has no setter", class.name);
                self.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
            }
        }
    }

    /// `object.name = val`.
    pub fn store_attribute(&mut self, object: &Val, attribute: &'p ast::ExprAttribute, val: &Val) -> Lowered<()> {
        let name = attribute.attr.as_str();
        let val = self.dict_of_one_type(val)?;
        self.each_variant(object, &mut |lowerer, object| {
            if *object.ty() == Type::Exception {
                return lowerer.store_in_exception(&object, attribute, &val);
            }
            if let Some(done) = lowerer.assign_property(&object, name, &val)? {
                return Ok(done);
            }
            let Some(class) = lowerer.object_class(object.ty()) else {
                return match lowerer.class_of(&object) {
                    Some(_) => lowerer.fail_at(
                        &attribute.attr,
                        "unsupported-assignment",
                        format!("`{}` cannot be changed after it was made", python_name(object.ty())),
                        Some("use `dataclasses.replace` or `_replace`".to_owned()),
                    ),
                    None if *object.ty() == Type::None => lowerer.clash_of(
                        ExcKind::AttributeError,
                        "unknown-attribute",
                        format!("'NoneType' object has no attribute '{name}'"),
                    ),
                    None => lowerer.fail_at(
                        &attribute.attr,
                        "unsupported-assignment",
                        format!("attributes of `{}` cannot be assigned in compiled code", python_name(object.ty())),
                        Some("return a new value instead".to_owned()),
                    ),
                };
            };
            if let Some(known) = lowerer.compiler.known_class(class)
                && matches!(known.kind, ClassKind::Dataclass(options) if options.frozen)
            {
                return lowerer.fail_at(
                    &attribute.attr,
                    "unsupported-assignment",
                    format!("`{}` is frozen: `{name}` cannot be assigned", known.name),
                    Some("make a new one with `dataclasses.replace`".to_owned()),
                );
            }
            match lowerer.field_index(class, name) {
                Some(index) => {
                    lowerer.set_field(&object, index, &val)?;
                    Ok(lowerer.none())
                }
                None if lowerer.class_of(&object).is_some_and(|class| class.slots.is_some()) => {
                    let message = format!("'{}' object has no attribute '{name}'", python_name(object.ty()));
                    lowerer.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
                }
                None => {
                    let known = lowerer.compiler.objects.class(class).cloned();
                    let fields = known.iter().flat_map(|class| &class.fields).map(|field| field.name.as_str());
                    let help = nearest(name, fields).map(|near| format!("did you mean `{near}`?"));
                    let message = format!("`{}` has no field `{name}`", python_name(object.ty()));
                    lowerer.fail_at(&attribute.attr, "unknown-field", message, help)
                }
            }
        })?;
        Ok(())
    }

    /// The method that comes behind those of `class` for this instance or class: its class and its position there.
    fn next_method(&mut self, own: &Thing, class: &Class<'p>, name: &str) -> Lowered<Option<Next<'p>>> {
        let actual = match own {
            Thing::Val(own) => self.class_of(own).map(|class| class.number),
            Thing::Static(Static::Class(number)) => Some(*number),
            Thing::Static(_) => None,
        };
        let line = match actual {
            Some(number) => self.class(number)?.line.clone(),
            None => Vec::new(),
        };
        for number in line.into_iter().skip_while(|number| *number != class.number).skip(1) {
            let next = self.class(number)?;
            if let Some(index) = next.own_method(name) {
                return Ok(Some(Next::Method(number, index)));
            }
            if matches!(next.kind, ClassKind::Dataclass(_)) && matches!(name, "__init__" | "__repr__" | "__eq__") {
                return Ok(Some(Next::Made(next)));
            }
        }
        Ok(None)
    }

    /// `super().name(arguments)`; `None` when the call is something else.
    pub fn call_on_super(&mut self, call: &'p ast::ExprCall) -> Lowered<Option<Val>> {
        let Expr::Attribute(attribute) = &*call.func else { return Ok(None) };
        let Expr::Call(inner) = &*attribute.value else { return Ok(None) };
        let is_super = matches!(&*inner.func, Expr::Name(name) if name.id.as_str() == "super");
        if !is_super || !self.is_builtin("super") || !inner.arguments.args.is_empty() {
            return Ok(None);
        }
        // A method's names are those of its class.
        let Ok(class) = self.compiler.class(self.function) else {
            return self.fail_at(inner, "unsupported-function", "`super()` belongs into a method", None);
        };
        let name = attribute.attr.as_str();
        let own = match self.env().map(|env| env.var(0)) {
            Some(Var::Bound(own)) => Thing::Val(own),
            Some(Var::Static(own)) => Thing::Static(own),
            _ => return self.fail_at(inner, "unsupported-function", "`super()` needs the first argument", None),
        };
        let next = self.next_method(&own, &class, name)?;
        let star = self.star.take();
        if let Some(Next::Method(number, index)) = &next {
            self.star = self.wanted_of_super(*number, *index, call);
        }
        let arguments = self.call_arguments(call);
        self.star = star;
        let mut arguments = arguments?;
        self.at_call(call);
        match (next, &own) {
            (Some(Next::Method(number, index)), _) => {
                let next = self.class(number)?;
                if next.methods.get(index).is_none_or(|method| method.kind != MethodKind::Static) {
                    arguments.positional.insert(0, own);
                }
                return self.call_function(Callable::Method(number, index), arguments).map(Some);
            }
            (Some(Next::Made(next)), Thing::Val(own)) if name == "__init__" => {
                return self.init_by_fields(&next, own, arguments).map(Some);
            }
            (Some(Next::Made(_)), _) => {
                let message = format!("`super().{name}` of a dataclass cannot be compiled");
                return self.fail("unsupported-function", message, None);
            }
            (None, _) => {}
        }
        match (class.kind, name, &own) {
            (ClassKind::Exception(_), "__str__", Thing::Val(own)) => self.exception_text(own).map(Some),
            (ClassKind::Exception(kind), "__init__", Thing::Val(own)) => {
                let vals = self.plain_arguments(name, arguments)?;
                self.set_exception_text(own, kind, &vals)?;
                Ok(Some(self.none()))
            }
            // What `object` has.
            (_, "__init__", _) if arguments.positional.is_empty() && arguments.keywords.is_empty() => {
                Ok(Some(self.none()))
            }
            (_, "__init__", _) => {
                self.clash("object.__init__() takes exactly one argument (the instance to initialize)")
            }
            (_, _, _) if name.starts_with("__") => {
                let message = format!("`super().{name}` cannot be compiled");
                self.fail("unsupported-function", message, None)
            }
            _ => {
                let message = format!("'super' object has no attribute '{name}'");
                self.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
            }
        }
    }

    /// Whether the class's instances have its declared fields and nothing else.
    fn has_declared_fields(&self, class: &Class<'p>) -> bool {
        self.compiler.objects.class(class.number).is_some_and(|known| known.is_plain(class.fields.len()))
    }

    /// `repr(object)` of a dataclass that has none of its own.
    pub fn repr_of_object(&mut self, object: &Val) -> Lowered<Option<Val>> {
        let Some(class) = self.class_of(object) else { return Ok(None) };
        if !matches!(class.kind, ClassKind::Dataclass(_)) {
            return Ok(None);
        }
        let shows_all = class.fields.iter().all(|field| field.repr) && self.has_declared_fields(&class);
        if !shows_all || self.compiler.has_method("__repr__") {
            return self.repr_by_fields(&class, object);
        }
        Ok(Some(self.container_op(ContainerOp::ValueRepr, &[object], Type::Str)))
    }

    /// What the `__repr__` that `@dataclass` makes gives of an instance that shows no others, and so not itself.
    fn repr_by_fields(&mut self, class: &Class<'p>, object: &Val) -> Lowered<Option<Val>> {
        let known = self.compiler.objects.class(class.number).cloned();
        let is_shown = |name: &str| class.fields.iter().any(|field| field.name == name && field.repr);
        let mut shown = known.iter().flat_map(|known| &known.fields).filter(|field| is_shown(&field.name));
        if shown.any(|field| holds_objects(&field.stored())) || self.compiler.local_class(class.number).is_some() {
            return Ok(None);
        }
        let mut text = self.str(&format!("{}(", class.name));
        for (index, field) in class.fields.iter().filter(|field| field.repr).enumerate() {
            let before = if index == 0 { format!("{}=", field.name) } else { format!(", {}=", field.name) };
            let Some(part) = self.get_field(object, &field.name)? else { return Ok(None) };
            let shown = self.repr_of(&part)?;
            text = self.concat_text(&text, &before);
            text = self.prim(Prim::StrConcat, &[&text, &shown]);
        }
        Ok(Some(self.concat_text(&text, ")")))
    }

    /// `==` and the like of an instance that can be changed, where its class has no method for it.
    pub fn compare_objects(&mut self, op: CmpOp, class: &Class<'p>, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let is_equality = matches!(op, CmpOp::Eq | CmpOp::NotEq);
        if !is_equality {
            return Ok(None);
        }
        let by_identity = match class.kind {
            ClassKind::Plain => true,
            ClassKind::Dataclass(options) => !options.eq,
            _ => return self.fail("unsupported-operation", "this comparison cannot be compiled yet", None),
        };
        if left.ty() != right.ty() {
            return Ok(Some(self.bool(op == CmpOp::NotEq)));
        }
        let is_whole = class.fields.iter().all(|field| field.compare)
            && !self.compiler.has_method("__eq__")
            && self.has_declared_fields(class);
        if !by_identity && !is_whole {
            let known = self.compiler.objects.class(class.number).cloned();
            let is_compared = |name: &str| class.fields.iter().any(|field| field.name == name && field.compare);
            let mut compared = known.iter().flat_map(|known| &known.fields).filter(|field| is_compared(&field.name));
            if compared.any(|field| holds_objects(&field.stored())) {
                let message = "instances of this dataclass hold others, beside an `__eq__` of its own or a field that is not compared";
                return self.fail("unsupported-operation", format!("{message}: they cannot be compared"), None);
            }
            // Field by field, as records are.
            return Ok(None);
        }
        let how = if by_identity { ContainerOp::RefIs } else { ContainerOp::ValueEq };
        let equal = self.container_op(how, &[left, right], Type::Bool);
        Ok(Some(if op == CmpOp::Eq { equal } else { self.not(&equal) }))
    }
}

fn holds_objects(ty: &Type) -> bool {
    match ty {
        Type::Object(_) => true,
        Type::List(item) | Type::Set { item, .. } => holds_objects(item),
        Type::Dict(key, value) => holds_objects(key) || holds_objects(value),
        Type::Union(variants) => variants.iter().any(holds_objects),
        other => other.field_types().is_some_and(|fields| fields.iter().any(holds_objects)),
    }
}
