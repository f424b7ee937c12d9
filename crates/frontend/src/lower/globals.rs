//! Captured values: globals, variables of functions around and attributes of classes as the caller of the program has them.
//! One that the program assigns is the item of a list, which the caller reads after the call.

use ir::Op;

use super::memo::is_cached;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::locate::FunctionNode;
use crate::parse::ast::{self, Expr};
use crate::program::Binding;
use crate::shape::{Shape, join};

impl<'p> Lowerer<'_, 'p> {
    /// A captured value, or the list around it. All that the function may use are read once, at its start.
    pub fn capture(&mut self, index: usize) -> Lowered<Val> {
        if let Some((_, val)) = self.captures.iter().find(|(known, _)| *known == index) {
            return Ok(val.clone());
        }
        let field = self.compiler.objects.capture(index).cloned();
        let (Some(field), Some(ty)) = (field, self.compiler.objects.capture_type(index)) else {
            return self.fail("internal", "a captured value is missing", None);
        };
        let shape = match self.compiler.objects.is_assigned(index) {
            true => Shape::from(ty),
            false => field.shape_with_sites(&mut self.sites),
        };
        Ok(self.emit(Op::Capture(ir::CaptureId(index as u32)), &[], shape))
    }

    /// A captured value as it is now.
    pub fn read_capture(&mut self, index: usize) -> Lowered<Val> {
        let held = self.capture(index)?;
        if !self.compiler.objects.is_assigned(index) {
            return Ok(held);
        }
        let shape = self.capture_shape(index)?;
        let first = self.int(0);
        Ok(self.emit(Op::ListGet, &[&held, &first], shape))
    }

    fn capture_shape(&mut self, index: usize) -> Lowered<Shape> {
        match self.compiler.objects.capture(index).cloned() {
            Some(field) => Ok(field.shape_with_sites(&mut self.sites)),
            None => self.fail("internal", "a captured value is missing", None),
        }
    }

    fn assign_capture(&mut self, index: usize, val: &Val) -> Lowered<()> {
        let source = self.compiler.callable_of(self.spec).and_then(|callable| self.compiler.source(callable));
        if matches!(source.map(|source| source.node), Some(FunctionNode::Def(def)) if is_cached(def)) {
            let message = "a function that remembers its results cannot assign what is not its own in compiled code";
            return self.fail("unsupported-assignment", message, Some("return the new value instead".to_owned()));
        }
        let own = self.capture_shape(index)?;
        let joined = join(&own, &val.shape, &mut self.sites);
        if joined.ty != own.ty || !self.compiler.objects.is_assigned(index) {
            // The program is compiled again, for the further type.
            self.compiler.objects.assign_capture(index, &val.shape);
            return Ok(());
        }
        let val = self.coerce(val, &own)?;
        let (held, first) = (self.capture(index)?, self.int(0));
        self.emit(Op::ListSet, &[&held, &first, &val], ir::Type::None);
        Ok(())
    }

    /// `global name`, or `nonlocal name` of a function that Python made inside another: the name must stand for a value that is
    /// read anew at each call.
    pub fn declare_outer(&mut self, names: &'p [ast::Identifier], what: &str) -> Lowered<()> {
        for name in names {
            let id = name.as_str();
            if self.names.cells_of(id).is_some() {
                // It is held by a variable of the function around, see `crate::names`.
                continue;
            }
            let known = self.compiler.function(self.function).and_then(|source| source.bindings.get(id));
            let (why, help) = match known {
                Some(Binding::Capture(_)) if !self.names.is_bound_otherwise(id) => continue,
                Some(Binding::Capture(_)) => ("can only be assigned with `=`", "return the new value instead"),
                Some(_) => ("cannot be assigned here", "return the new value instead"),
                None => ("has no value when the function is called", "give it one in the module"),
            };
            let message = format!("the `{what}` variable `{id}` {why} in compiled code");
            return self.fail_at(name, "unsupported-statement", message, Some(help.to_owned()));
        }
        Ok(())
    }

    /// Assigns a variable that is not the function's own.
    pub fn assign_outer(&mut self, name: &'p ast::ExprName, val: &Val) -> Lowered<()> {
        let known = self.compiler.function(self.function).and_then(|source| source.bindings.get(name.id.as_str()));
        match known {
            Some(Binding::Capture(index)) => self.assign_capture(*index, val),
            // Refused where it is declared.
            _ => Err(Stop::Failed),
        }
    }

    /// The class among whose attributes is what stands behind `expr.` in an assignment.
    pub fn assigned_class(&mut self, expr: &'p Expr) -> Lowered<Option<usize>> {
        let may_be_class = match expr {
            Expr::Name(_) => true,
            Expr::Attribute(inner) => inner.attr.as_str() == "__class__",
            Expr::Call(_) => self.subject_of_type(expr).is_some(),
            _ => false,
        };
        if !may_be_class {
            return Ok(None);
        }
        match self.thing(expr)? {
            Thing::Static(Static::Class(number)) => Ok(Some(number)),
            Thing::Static(_) | Thing::Val(_) => Ok(None),
        }
    }

    /// `Class.name = val`.
    pub fn assign_class_attribute(
        &mut self,
        number: usize,
        attribute: &'p ast::ExprAttribute,
        val: &Val,
    ) -> Lowered<()> {
        let known = self.compiler.function(number).and_then(|source| source.attributes.get(attribute.attr.as_str()));
        self.at(attribute);
        if let Some(Binding::Capture(index)) = known {
            return self.assign_capture(*index, val);
        }
        let name = self.class(number)?.name.clone();
        let message = format!("`{name}.{}` cannot be assigned in compiled code here", attribute.attr);
        let help = "give it a value in the class, or keep it in an instance";
        self.fail_at(attribute, "unsupported-assignment", message, Some(help.to_owned()))
    }

    /// Refuses an attribute that is one of the class, which the program assigns, and of its instances, too: what an instance has
    /// of it would be what it was.
    pub fn refuse_assigned_attribute(&mut self, class: usize, name: &str) -> Lowered<()> {
        let Some(class) = self.compiler.known_class(class) else { return Ok(()) };
        let is_assigned = class.line.iter().any(|number| {
            let known = self.compiler.function(*number).and_then(|source| source.attributes.get(name));
            matches!(known, Some(Binding::Capture(index)) if self.compiler.objects.is_assigned(*index))
        });
        if !is_assigned {
            return Ok(());
        }
        let message =
            format!("`{name}` is an attribute of the class `{}`, which is assigned, and of its instances", class.name);
        self.fail(
            "unsupported-assignment",
            message,
            Some(format!("write `{}.{name}`, or give them two names", class.name)),
        )
    }
}
