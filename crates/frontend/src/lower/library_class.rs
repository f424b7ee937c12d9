//! Values of the standard library's classes: which module knows their attributes, methods and items.

use ir::Type;

use crate::parse::ast::CmpOp;
use crate::shape::python_name;

use super::exceptions::CLASS_OF_EXCEPTION;
use super::function_values::may_be_function;
use super::{Lowered, Lowerer, Stop, Val, datetime, regex};

/// The class of such a value, by its full name.
pub fn class_of(ty: &Type) -> Option<&str> {
    match ty {
        Type::Record(record) if record.kind == ir::RecordKind::Library => Some(&record.name),
        _ => None,
    }
}

impl Lowerer<'_, '_> {
    /// `val.name`.
    pub fn library_attribute(&mut self, val: &Val, name: &str) -> Lowered<Val> {
        if let Some(found) = self.attribute_of_member(val, name)? {
            return Ok(found);
        }
        match class_of(val.ty()) {
            Some(regex::MATCH) if name == "string" => Ok(self.field(val, 0)),
            Some(class) if datetime::is_class(class) => self.datetime_attribute(val, name),
            Some(CLASS_OF_EXCEPTION) if name == "__name__" => {
                let exception = self.field(val, 0);
                Ok(self.exception_name(&exception))
            }
            Some(_) => {
                let class = python_name(val.ty());
                if val.ty().tuple_item().is_some() && !matches!(name, "count" | "index") && !name.starts_with("__") {
                    let message = format!("'tuple' object has no attribute '{name}'");
                    return self.clash_of(ir::ExcKind::AttributeError, "unknown-attribute", message);
                }
                let message = format!("`{name}` of `{class}` cannot be compiled");
                self.fail("unsupported-attribute", message, None)
            }
            None => Err(Stop::Failed),
        }
    }

    /// `val.name(args)`.
    pub fn library_method(&mut self, val: &Val, name: &str, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        match class_of(val.ty()) {
            Some(regex::MATCH) => self.match_method(val, name, args, keywords),
            Some(_) if val.ty().tuple_item().is_some() => self.tuple_method(val, name, args),
            Some(class) if datetime::is_class(class) => self.datetime_method(val, name, args, keywords),
            Some(class) => self.fail("unsupported-method", format!("`{class}.{name}` cannot be compiled"), None),
            None => Err(Stop::Failed),
        }
    }

    /// `left == right`.
    pub fn library_equal(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        if let Some(found) = self.collection_special(left, "__eq__", std::slice::from_ref(right))? {
            return Ok(found);
        }
        if let Some(equal) = self.datetime_compare(CmpOp::Eq, left, right)? {
            return Ok(equal);
        }
        let (a, b) = (class_of(left.ty()), class_of(right.ty()));
        if a != b && !(may_be_function(left.ty()) && may_be_function(right.ty())) {
            return Ok(self.bool(false));
        }
        let class = python_name(left.ty());
        self.fail("unsupported-operation", format!("a `{class}` cannot be compared in compiled code"), None)
    }

    /// `str(val)` or `repr(val)`, as `name` says; `None` for a class without a text.
    pub fn library_text(&mut self, val: &Val, name: &str) -> Lowered<Option<Val>> {
        if let Some(text) = self.text_of_member(val, name)? {
            return Ok(Some(text));
        }
        match class_of(val.ty()) {
            Some(_) if let Some(list) = self.tuple_list(val) => self.repr_of_tuple(&list).map(Some),
            Some(class) if datetime::is_class(class) => self.datetime_method(val, name, &[], &[]).map(Some),
            _ => Ok(None),
        }
    }

    /// `val[key]`.
    pub fn library_item(&mut self, val: &Val, key: &Val) -> Lowered<Val> {
        match class_of(val.ty()) {
            Some(_) if let Some(list) = self.tuple_list(val) => self.item_of_tuple(&list, key),
            Some(regex::MATCH) => self.match_method(val, "__getitem__", std::slice::from_ref(key), &[]),
            Some(class) => {
                let class = class.to_owned();
                self.clash(format!("'{class}' object is not subscriptable"))
            }
            None => Err(Stop::Failed),
        }
    }
}
