//! `hasattr` and `getattr` with names that the text tells: they ask what is known of the type.

use ir::{Op, Type};

use super::dispatch::Dispatch;
use super::index::Index;
use super::methods::exists_in_python;
use super::{Lowered, Lowerer, Val};
use crate::parse::ast;

/// The special methods that say what a built-in class can do, with the classes.
fn has_special(ty: &Type, name: &str) -> Option<bool> {
    let is_container = matches!(
        ty,
        Type::List(_) | Type::Tuple(_) | Type::Dict(..) | Type::Set { .. } | Type::Str | Type::Bytes | Type::Range
    );
    let is_set = matches!(ty, Type::Set { .. });
    Some(match name {
        "__iter__" | "__len__" | "__contains__" => is_container,
        "__getitem__" => is_container && !is_set,
        "__next__" | "__call__" => false,
        _ if name.starts_with("__") => return None,
        // Numbers, ranges and frozen sets share tables with others here.
        _ if matches!(ty, Type::Bool | Type::Int | Type::Float | Type::Range | Type::Set { frozen: true, .. }) => {
            return None;
        }
        _ => exists_in_python(ty, name),
    })
}

impl Lowerer<'_, '_> {
    /// A call of a special method of a built-in container by its name, as in `key=items.__getitem__`.
    pub fn special_of_container(&mut self, object: &Val, name: &str, args: &[Val]) -> Lowered<Option<Val>> {
        if has_special(object.ty(), name) != Some(true) {
            return Ok(None);
        }
        Ok(match (name, args) {
            ("__getitem__", [key]) => Some(self.load(object, &Index::Item(key.clone()))?),
            ("__contains__", [item]) => Some(self.compare(ast::CmpOp::In, item, object)?),
            ("__len__", []) => Some(self.length(object)?),
            _ => None,
        })
    }
}

impl<'p> Lowerer<'_, 'p> {
    /// `hasattr(x, "name")`.
    pub fn hasattr_builtin(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let (vals, name) = self.attribute_arguments("hasattr", call, 2)?;
        self.each_variant(&vals[0].clone(), &mut |lowerer, val| lowerer.has_attribute(&val, &name))
    }

    /// `getattr(x, "name")`, `getattr(x, "name", default)`.
    pub fn getattr_builtin(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let (vals, name) = self.attribute_arguments("getattr", call, 3)?;
        let default = vals.get(2).cloned();
        self.each_variant(&vals[0].clone(), &mut |lowerer, val| match &default {
            None => lowerer.attribute_of(&val, &name),
            Some(default) if *val.ty() == Type::Exception => lowerer.each_class_that_may_have(
                &val,
                &name,
                &mut |lowerer, object| lowerer.attribute_or(object, &name, default),
                &mut |_| Ok(default.clone()),
            ),
            Some(default) => lowerer.attribute_or(&val, &name, default),
        })
    }

    fn attribute_or(&mut self, val: &Val, name: &str, default: &Val) -> Lowered<Val> {
        let has = self.has_attribute(val, name)?;
        match has.known_bool() {
            Some(true) => return self.attribute_of(val, name),
            Some(false) => return Ok(default.clone()),
            None => {}
        }
        let place = self.place;
        let (holds, fails) = self.branch(&has)?;
        let mut state = Dispatch::default();
        self.continue_at(holds);
        self.one_branch(&mut state, |lowerer| lowerer.attribute_of(val, name));
        self.continue_at(fails);
        self.one_branch(&mut state, |_| Ok(default.clone()));
        self.finish_dispatch(state, place)
    }

    /// The arguments of such a call, of which the second is a name.
    fn attribute_arguments(
        &mut self,
        function: &str,
        call: &'p ast::ExprCall,
        most: usize,
    ) -> Lowered<(Vec<Val>, String)> {
        let arguments = self.call_arguments(call)?;
        self.at_call(call);
        let vals = self.plain_arguments(function, arguments)?;
        if vals.len() < 2 || vals.len() > most {
            return self.fail("wrong-arguments", format!("`{function}` takes a value and a name"), None);
        }
        match vals[1].known_str() {
            Some(name) => Ok((vals, name.to_string())),
            None => self.fail(
                "unsupported-function",
                format!("`{function}` needs a name that is written in the text in compiled code"),
                None,
            ),
        }
    }

    pub fn has_attribute(&mut self, val: &Val, name: &str) -> Lowered<Val> {
        if *val.ty() == Type::Exception {
            let mut has = |lowerer: &mut Self, object: &Val| lowerer.has_attribute(object, name);
            return self.each_class_that_may_have(val, name, &mut has, &mut |lowerer| Ok(lowerer.bool(false)));
        }
        if let Some(class) = self.class_of(val) {
            let is_method = class.method(name).is_some() || class.constants.iter().any(|(known, _, _)| known == name);
            if let Some(number) = self.object_class(val.ty()) {
                let known = self.compiler.objects.class(number).cloned();
                let is_field = known.iter().flat_map(|known| &known.fields).any(|field| field.name == name);
                return match known.as_ref().and_then(|known| known.flag_of(name)).filter(|_| !is_method) {
                    Some(flag) => Ok(self.emit(Op::ObjectGet(flag as u32), &[val], Type::Bool)),
                    None => self.own_attribute(is_method || is_field, name),
                };
            }
            let is_field = class.fields.iter().any(|field| field.name == name);
            return self.own_attribute(is_method || is_field, name);
        }
        match (val.ty(), has_special(val.ty(), name)) {
            (Type::None | Type::Bool | Type::Int | Type::Float | Type::Str | Type::Bytes | Type::Range, Some(has))
            | (Type::List(_) | Type::Tuple(_) | Type::Dict(..) | Type::Set { .. }, Some(has)) => Ok(self.bool(has)),
            _ => {
                let message = format!("whether this has a `{name}` is not known when the program is compiled");
                let help = Some("test for its class with `isinstance`".to_owned());
                self.fail("unsupported-function", message, help)
            }
        }
    }

    /// Whether an instance of a class of the program has an attribute; what every object has is not in the text.
    fn own_attribute(&mut self, is_own: bool, name: &str) -> Lowered<Val> {
        if !is_own && name.starts_with("__") {
            return self.fail("unsupported-function", format!("`{name}` cannot be asked for in compiled code"), None);
        }
        Ok(self.bool(is_own))
    }
}
