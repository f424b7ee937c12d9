//! Assignment: targets, unpacking, stores into lists and arrays, augmented assignment.

use ir::{ContainerOp, ExcKind, Prim, Type};

use super::collections::is_collection;
use super::elementwise::Node;
use super::iterate::Source;
use super::numpy_names::may_write;
use super::{Lowered, Lowerer, Stop, Thing, Val, Var};
use crate::annotation::annotation_type;
use crate::parse::ast::{self, Expr};
use crate::shape::{Shape, python_name};

/// Whether augmented assignment may change such a value, which other names see.
fn changes_in_place(ty: &Type) -> bool {
    match ty {
        Type::Record(record) => matches!(record.kind, ir::RecordKind::Library | ir::RecordKind::Dict),
        ty => matches!(ty, Type::Array { .. } | Type::List(_) | Type::Dict(..) | Type::Set { frozen: false, .. }),
    }
}

impl<'p> Lowerer<'_, 'p> {
    pub fn assign_stmt(&mut self, assign: &'p ast::StmtAssign) -> Lowered<()> {
        if let [target] = assign.targets.as_slice()
            && let (Some(targets), Expr::Tuple(values)) = (target_items(target), &*assign.value)
            && targets.len() == values.elts.len()
            && !targets.iter().chain(&values.elts).any(Expr::is_starred_expr)
        {
            // `a, b = b, a`: all values first, then all targets; the tuple is never seen.
            let mut things = Vec::new();
            for value in &values.elts {
                things.push(self.thing(value)?);
            }
            for (target, thing) in targets.iter().zip(things) {
                self.assign_thing(target, thing)?;
            }
            return Ok(());
        }
        if let [Expr::Subscript(subscript)] = assign.targets.as_slice() {
            return self.assign_element(subscript, &assign.value);
        }
        let thing = self.thing(&assign.value)?;
        for target in &assign.targets {
            self.assign_thing(target, thing.clone())?;
        }
        Ok(())
    }

    /// `object[index] = value`: a chain of operations on arrays is computed right into its place.
    fn assign_element(&mut self, subscript: &'p ast::ExprSubscript, value: &'p Expr) -> Lowered<()> {
        let mut node = self.node(value)?;
        if may_write(&subscript.value) || may_write(&subscript.slice) {
            node = Node::Val(self.force(node)?);
        }
        let object = self.expr(&subscript.value)?;
        let index = self.subscript_index(&subscript.slice)?;
        self.at(subscript);
        if object.array_elem().is_some() {
            return self.store_node(&object, &index, node);
        }
        let val = self.force(node)?;
        self.store(&object, &index, &val)
    }

    fn assign_thing(&mut self, target: &'p Expr, thing: Thing) -> Lowered<()> {
        match thing {
            Thing::Val(val) => {
                self.at(target);
                self.assign(target, val)
            }
            Thing::Static(known) => match target {
                Expr::Name(name) => {
                    self.refuse_cell(name.id.as_str(), target)?;
                    let Some(slot) = self.slot(name.id.as_str()) else {
                        let val = self.function_value(known)?;
                        return self.assign_outer(name, &val);
                    };
                    self.set_slot(slot, Var::Static(known));
                    Ok(())
                }
                Expr::Attribute(_) | Expr::Subscript(_) => {
                    self.at(target);
                    let val = self.function_value(known)?;
                    self.at(target);
                    self.assign(target, val)
                }
                _ => self.fail_at(target, "not-a-value", "a function or module can only be assigned to a name", None),
            },
        }
    }

    pub fn annotated_assign(&mut self, assign: &'p ast::StmtAnnAssign) -> Lowered<()> {
        let Some(value) = &assign.value else { return Ok(()) };
        let thing = match (annotation_type(&assign.annotation), &**value) {
            // The annotation tells what an empty list is for.
            (Ok(Type::List(item)), Expr::List(list)) => Thing::Val(self.list_display(list, Some(&Shape::from(*item)))?),
            (Ok(ty @ Type::Dict(..)), Expr::Dict(dict)) => {
                let element = crate::shape::element_type(&ty).map(Shape::from);
                Thing::Val(self.dict_of_display(dict, element)?)
            }
            _ => self.thing(value)?,
        };
        self.assign_thing(&assign.target, thing)
    }

    /// Binds a target to a value.
    pub fn assign(&mut self, target: &'p Expr, val: Val) -> Lowered<()> {
        match target {
            Expr::Name(name) => {
                self.refuse_late(val.ty())?;
                if let Some(holder) = self.cells_of(name.id.as_str()) {
                    return self.write_cell(&holder, name.id.as_str(), &val);
                }
                let Some(slot) = self.slot(name.id.as_str()) else { return self.assign_outer(name, &val) };
                self.note_origin(slot, self.place_of(target), val.ty());
                self.set_val(slot, val);
                Ok(())
            }
            Expr::Tuple(_) | Expr::List(_) => {
                let targets = target_items(target).unwrap_or_default();
                self.unpack_into(targets, target, val)
            }
            Expr::Subscript(subscript) => {
                let object = self.expr(&subscript.value)?;
                let index = self.subscript_index(&subscript.slice)?;
                self.at(subscript);
                self.store(&object, &index, &val)
            }
            Expr::Attribute(attribute) => {
                if let Some(class) = self.assigned_class(&attribute.value)? {
                    return self.assign_class_attribute(class, attribute, &val);
                }
                let object = self.expr(&attribute.value)?;
                self.at(attribute);
                self.store_attribute(&object, attribute, &val)
            }
            other => self.fail_at(other, "unsupported-assignment", "this cannot be assigned to in compiled code", None),
        }
    }

    fn unpack_into(&mut self, targets: &'p [Expr], node: &'p Expr, val: Val) -> Lowered<()> {
        self.at(node);
        let starred = targets.iter().position(Expr::is_starred_expr);
        let items = match starred {
            None => {
                let count = targets.len();
                let tuple = self.each_variant(&val, &mut |lowerer, val| lowerer.unpack(&val, count))?;
                self.fields(&tuple)
            }
            Some(position) => self.unpack_starred(&val, position, targets.len() - position - 1)?,
        };
        for (target, item) in targets.iter().zip(items) {
            let target = match target {
                Expr::Starred(starred) => &*starred.value,
                other => other,
            };
            self.at(target);
            self.assign(target, item)?;
        }
        Ok(())
    }

    /// The items of a sequence, as a tuple of this many; raises `ValueError` when it has another number.
    pub fn unpack(&mut self, val: &Val, count: usize) -> Lowered<Val> {
        if let Some(list) = self.tuple_list(val) {
            return self.unpack(&list, count);
        }
        match val.ty() {
            Type::Tuple(items) if items.len() == count => Ok(val.clone()),
            Type::Record(record) if record.kind == ir::RecordKind::NamedTuple && record.fields.len() == count => {
                let items = self.fields(val);
                Ok(self.tuple(&items))
            }
            Type::Tuple(items) => {
                let message = wrong_count(items.len(), count);
                self.clash_of(ExcKind::ValueError, "type-mismatch", message)
            }
            Type::List(_) | Type::Str | Type::Range | Type::Array { .. } => {
                let length = self.length(val)?;
                let expected = self.int(count as i64);
                let too_many = self.prim(Prim::IntGt, &[&length, &expected]);
                let few_enough = self.not(&too_many);
                let message = format!("too many values to unpack (expected {count})");
                self.require(&few_enough, ExcKind::ValueError, &message)?;
                let enough = self.prim(Prim::IntEq, &[&length, &expected]);
                self.require_count(&enough, &length, &count.to_string())?;
                let mut items = Vec::new();
                for index in 0..count {
                    let index = self.int(index as i64);
                    items.push(self.item_at(val, &index)?);
                }
                Ok(self.tuple(&items))
            }
            ty if self.compiler.generator_of(ty).is_some() => {
                // One more than is wanted tells that there are too many.
                let most = self.int(count as i64 + 1);
                let list = self.call_library("builtins", "_take", &[val.clone(), most])?;
                self.unpack(&list, count)
            }
            Type::Object(_) | Type::Record(_)
                if self.class_of(val).is_some_and(|class| class.method("__iter__").is_some()) =>
            {
                match self.source_of(val)? {
                    Source::Iterator(items) => self.unpack(&items, count),
                    source => {
                        let list = self.collect_list(source, self.place.start | 1 << 23)?;
                        self.unpack(&list, count)
                    }
                }
            }
            Type::Record(record) if record.kind == ir::RecordKind::Dict => {
                let dict = self.demand_dict(val)?;
                self.unpack(&dict, count)
            }
            ty if matches!(ty, Type::Dict(..) | Type::Set { .. } | Type::Bytes)
                || super::dicts::view_of(ty).is_some()
                || is_collection(ty) =>
            {
                let source = self.source_of(val)?;
                let list = self.collect_list(source, self.place.start | 1 << 23)?;
                self.unpack(&list, count)
            }
            other => self.clash(format!("cannot unpack non-iterable {} object", python_name(other))),
        }
    }

    fn require_count(&mut self, enough: &Val, length: &Val, expected: &str) -> Lowered<()> {
        let (holds, fails) = self.branch(enough)?;
        self.continue_at(fails);
        if self.is_live() {
            let before = self.str(&format!("not enough values to unpack (expected {expected}, got "));
            let got = self.prim(Prim::IntToStr, &[length]);
            let text = self.prim(Prim::StrConcat, &[&before, &got]);
            let after = self.str(")");
            let text = self.prim(Prim::StrConcat, &[&text, &after]);
            self.raise_with(ExcKind::ValueError, Some(&text));
        }
        self.continue_at(holds);
        if self.is_live() { Ok(()) } else { Err(Stop::Dead) }
    }

    /// `a, *b, c = val`: the starred target takes the rest, as a list.
    fn unpack_starred(&mut self, val: &Val, before: usize, after: usize) -> Lowered<Vec<Val>> {
        let val = self.as_plain_tuple(val);
        let least = before + after;
        if let Type::Tuple(types) = val.ty() {
            let count = types.len();
            if count < least {
                let message = format!("not enough values to unpack (expected at least {least}, got {count})");
                return self.clash_of(ExcKind::ValueError, "type-mismatch", message);
            }
            let items = self.fields(&val);
            let rest = self.list_of(&items[before..count - after])?;
            let mut unpacked = items[..before].to_vec();
            unpacked.push(rest);
            unpacked.extend_from_slice(&items[count - after..]);
            return Ok(unpacked);
        }
        let list = match val.ty() {
            Type::List(_) => val,
            _ if let Some(list) = self.tuple_list(&val) => list,
            _ => {
                let source = self.source_of(&val)?;
                self.collect_list(source, self.place.start | 1 << 28)?
            }
        };
        let length = self.length(&list)?;
        let wanted = self.int(least as i64);
        let enough = self.prim(Prim::IntGe, &[&length, &wanted]);
        self.require_count(&enough, &length, &format!("at least {least}"))?;
        let mut unpacked = Vec::new();
        for index in 0..before {
            let index = self.int(index as i64);
            unpacked.push(self.item_at(&list, &index)?);
        }
        unpacked.push(self.rest_of(&list, before, after as i64)?);
        for behind in (1..=after).rev() {
            let index = self.int(-(behind as i64));
            unpacked.push(self.item_at(&list, &index)?);
        }
        Ok(unpacked)
    }

    pub fn augmented_assign(&mut self, assign: &'p ast::StmtAugAssign) -> Lowered<()> {
        match &*assign.target {
            Expr::Name(_) => {
                let left = self.expr_loaded(&assign.target)?;
                let right = self.node(&assign.value)?;
                self.at(assign);
                if left.array_elem().is_some() {
                    return self.array_in_place(assign.op, &left, right);
                }
                let right = self.force(right)?;
                let val = self.in_place(assign.op, &left, &right)?;
                self.at(&*assign.target);
                self.assign(&assign.target, val)
            }
            Expr::Subscript(subscript) => {
                let object = self.expr(&subscript.value)?;
                let index = self.subscript_index(&subscript.slice)?;
                self.at(subscript);
                let left = self.load(&object, &index)?;
                let right = self.node(&assign.value)?;
                self.at(assign);
                if left.array_elem().is_some() {
                    self.array_in_place(assign.op, &left, right)?;
                    return match Self::gives_view(&object, &index) {
                        true => Ok(()),
                        false => {
                            self.at(subscript);
                            self.store(&object, &index, &left)
                        }
                    };
                }
                let right = self.force(right)?;
                let val = self.in_place(assign.op, &left, &right)?;
                self.at(subscript);
                self.store(&object, &index, &val)
            }
            Expr::Attribute(attribute) => {
                let name = attribute.attr.as_str();
                if let Some(class) = self.assigned_class(&attribute.value)? {
                    let left = self.attribute_of_class(class, name, &attribute.attr)?;
                    let left = self.value_of(left)?;
                    let right = self.expr(&assign.value)?;
                    self.at(assign);
                    let val = self.in_place(assign.op, &left, &right)?;
                    return self.assign_class_attribute(class, attribute, &val);
                }
                let object = self.expr(&attribute.value)?;
                self.at(attribute);
                let left = self.each_variant(&object, &mut |lowerer, object| lowerer.attribute_of(&object, name))?;
                let right = self.expr(&assign.value)?;
                self.at(assign);
                let val = self.in_place(assign.op, &left, &right)?;
                self.at(attribute);
                self.store_attribute(&object, attribute, &val)
            }
            other => self.fail_at(other, "unsupported-assignment", "this cannot be assigned to in compiled code", None),
        }
    }

    /// `left op= right`: lists, dicts and sets are changed in place, everything else gets a new value.
    fn in_place(&mut self, op: ast::Operator, left: &Val, right: &Val) -> Lowered<Val> {
        if left.is_union() && left.ty().variants().iter().any(changes_in_place) {
            let right = right.clone();
            return self.each_variant(left, &mut |lowerer, left| lowerer.in_place(op, &left, &right));
        }
        if left.array_elem().is_some() {
            let right = right.clone();
            self.each_variant(&right, &mut |lowerer, right| {
                lowerer.array_in_place(op, left, Node::Val(right))?;
                Ok(lowerer.none())
            })?;
            return Ok(left.clone());
        }
        match (op, left.ty()) {
            (ast::Operator::Add, Type::List(_)) => {
                self.extend_list(left, right)?;
                return Ok(left.clone());
            }
            (ast::Operator::Mult, Type::List(_)) => {
                let longer = self.binary(op, left, right, true)?;
                let (low, high, one) = (self.int(i64::MIN), self.int(i64::MAX), self.int(1));
                self.container_op(ContainerOp::ListSetSlice, &[left, &low, &high, &one, &longer], Type::None);
                return Ok(left.clone());
            }
            (_, Type::Dict(..) | Type::Set { frozen: false, .. }) if self.table_in_place(op, left, right)? => {
                return Ok(left.clone());
            }
            (ast::Operator::BitOr, Type::Record(record)) if record.kind == ir::RecordKind::Dict => {
                let left = self.demand_dict(left)?;
                return self.in_place(op, &left, right);
            }
            _ => {}
        }
        self.binary(op, left, right, true)
    }

    /// `object[index] = val` for one plain object.
    pub fn store(&mut self, object: &Val, index: &super::index::Index, val: &Val) -> Lowered<()> {
        if let Some(key) = self.key_of_instance(object, index)
            && self.special_with(object, "__setitem__", &[key, val.clone()])?.is_some()
        {
            return Ok(());
        }
        match object.ty() {
            Type::List(_) => self.store_list(object, index, val),
            Type::Dict(..) => {
                let key = self.index_val(index)?;
                self.store_key(object, &key, val)
            }
            Type::Record(record) if record.kind == ir::RecordKind::Dict => {
                let (dict, key) = (self.demand_dict(object)?, self.index_val(index)?);
                self.store_key(&dict, &key, val)
            }
            ty if is_collection(ty) => {
                let key = self.index_val(index)?;
                self.store_in_collection(object, &key, val).map(|_| ())
            }
            Type::Array { .. } => self.store_array(object, index, val),
            Type::Union(_) => {
                let (index, val) = (index.clone(), val.clone());
                self.each_variant(object, &mut |lowerer, object| {
                    lowerer.store(&object, &index, &val)?;
                    Ok(lowerer.none())
                })?;
                Ok(())
            }
            other => {
                let message = format!("'{}' object does not support item assignment", python_name(other));
                self.clash(message)
            }
        }
    }
}

/// The items of a tuple or list target.
fn target_items(target: &Expr) -> Option<&[Expr]> {
    match target {
        Expr::Tuple(tuple) => Some(&tuple.elts),
        Expr::List(list) => Some(&list.elts),
        _ => None,
    }
}

fn wrong_count(found: usize, expected: usize) -> String {
    if found > expected {
        format!("too many values to unpack (expected {expected})")
    } else {
        format!("not enough values to unpack (expected {expected}, got {found})")
    }
}
