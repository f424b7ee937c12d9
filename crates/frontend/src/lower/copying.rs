//! `copy.copy` and `copy.deepcopy`.

use ir::{ContainerOp, Op, RecordKind, Type};

use super::collections::is_collection;
use super::{Lowered, Lowerer, Stop, Val};
use crate::remembered::RESULTS;
use crate::shape::{Shape, annotation_text};

/// Whether something in a value of the type can be changed and is copied in a way of its own: an array, an exception.
fn is_beyond_copies(ty: &Type) -> bool {
    match ty {
        Type::Array { .. } | Type::Exception => true,
        Type::List(item) => is_beyond_copies(item),
        // Their places depend on what they hold, so what can be changed must not be among it.
        Type::Set { item, .. } => holds_objects(item),
        Type::Dict(key, value) => holds_objects(key) || is_beyond_copies(value),
        Type::Tuple(items) | Type::Union(items) => items.iter().any(is_beyond_copies),
        Type::Record(record) => record.fields.iter().any(|(_, ty)| is_beyond_copies(ty)),
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Bytes
        | Type::Range
        | Type::Np(_)
        | Type::Object(_) => false,
    }
}

fn holds_objects(ty: &Type) -> bool {
    match ty {
        Type::Object(_) => true,
        Type::Tuple(items) | Type::Union(items) => items.iter().any(holds_objects),
        Type::Record(record) => record.fields.iter().any(|(_, ty)| holds_objects(ty)),
        Type::List(item) | Type::Set { item, .. } => holds_objects(item),
        _ => false,
    }
}

impl Lowerer<'_, '_> {
    /// A copy of a plain value.
    pub fn copied(&mut self, val: &Val, is_deep: bool) -> Lowered<Val> {
        if self.compiler.generator_of(val.ty()).is_some() {
            return self.clash("cannot pickle 'generator' object");
        }
        match val.ty() {
            Type::Record(record) if record.kind == RecordKind::Dict => {
                let dict = self.demand_dict(val)?;
                return self.copied(&dict, is_deep);
            }
            Type::Array { .. } => return self.copy_of(val),
            _ => {}
        }
        if !is_deep {
            return self.copied_flat(val);
        }
        if is_beyond_copies(val.ty()) || self.object_with_arrays(val.ty()) {
            let message = format!("`{}` cannot be copied deeply in compiled code", annotation_text(val.ty()));
            return self.fail("unsupported-argument", message, Some("copy its parts".to_owned()));
        }
        if !val.ty().is_reference() && !matches!(val.ty(), Type::Tuple(_) | Type::Record(_)) {
            return Ok(val.clone());
        }
        let copy = self.container_op(ContainerOp::ValueCopy, &[val], val.shape.clone());
        Ok(Val { items: None, ..copy })
    }

    fn copied_flat(&mut self, val: &Val) -> Lowered<Val> {
        match val.ty() {
            Type::List(_) => Ok(self.copy_list(val)),
            Type::Dict(..) => Ok(self.container_op(ContainerOp::DictCopy, &[val], val.shape.clone())),
            Type::Set { frozen: false, .. } => Ok(self.container_op(ContainerOp::SetCopy, &[val], val.shape.clone())),
            ty if is_collection(ty) => self.method(val, "copy", &[], &[]),
            Type::Object(_) => self.copied_object(val),
            Type::Exception => {
                self.fail("unsupported-argument", "an exception cannot be copied in compiled code", None)
            }
            _ => Ok(val.clone()),
        }
    }

    fn copied_object(&mut self, object: &Val) -> Lowered<Val> {
        let number = self.object_class(object.ty());
        let Some(known) = number.and_then(|number| self.compiler.objects.class(number).cloned()) else {
            return Err(Stop::Failed);
        };
        let mut types: Vec<Type> = known.fields.iter().map(|field| field.stored()).collect();
        types.extend((0..known.flag_count()).map(|_| Type::Bool));
        let mut parts = Vec::new();
        for (index, ty) in types.into_iter().enumerate() {
            parts.push(self.emit(Op::ObjectGet(index as u32), &[object], Shape::from(ty)));
        }
        for (index, field) in known.fields.iter().enumerate().filter(|(_, field)| field.name.starts_with(RESULTS)) {
            // What methods have returned is kept for the one instance.
            if let Some(flag) = known.flag_of(&field.name) {
                let id = self.stand_in(&field.stored());
                parts[index] = Val::new(id, field.stored());
                parts[flag] = self.bool(false);
            }
        }
        let args: Vec<&Val> = parts.iter().collect();
        Ok(self.container_op(ContainerOp::ObjectNew, &args, object.shape.clone()))
    }

    /// Whether some object of the program has a field that cannot be copied with it, or must not be.
    fn object_with_arrays(&self, ty: &Type) -> bool {
        let has_object = holds_objects(ty) || matches!(ty, Type::Dict(_, value) if holds_objects(value));
        let is_kept = |name: &str, ty: &Type| name.starts_with(RESULTS) || is_beyond_copies(ty);
        has_object
            && self.compiler.objects.table().iter().any(|class| class.fields.iter().any(|(name, ty)| is_kept(name, ty)))
    }
}
