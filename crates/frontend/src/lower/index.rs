//! Subscripts: items and slices of tuples, rows, strings, lists, ranges and arrays.

use ir::{ExcKind, Op, Prim, Type};

use super::collections::is_collection;
use super::dicts::view_of;
use super::number::is_integer;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::nearest::nearest;
use crate::parse::ast::{self, Expr};
use crate::shape::{Shape, python_name};

/// What stands between the brackets, evaluated.
#[derive(Clone, Debug)]
pub enum Index {
    Item(Val),
    /// `i, j`.
    Items(Vec<Val>),
    Slice(Box<Slice>),
    /// Indices, slices and `...` of arrays.
    Parts(Vec<Part>),
}

/// What stands between two commas of an index.
#[derive(Clone, Debug)]
pub enum Part {
    Item(Val),
    Slice(Box<Slice>),
    /// `...`.
    Rest,
}

/// The bounds of a slice; `None` where one is left out.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    pub start: Option<Val>,
    pub stop: Option<Val>,
    pub step: Option<Val>,
}

impl<'p> Lowerer<'_, 'p> {
    pub fn subscript_index(&mut self, slice: &'p Expr) -> Lowered<Index> {
        match slice {
            Expr::Slice(slice) => Ok(Index::Slice(Box::new(self.slice_parts(slice)?))),
            Expr::EllipsisLiteral(_) => Ok(Index::Parts(vec![Part::Rest])),
            Expr::Tuple(tuple)
                if tuple.elts.iter().any(|item| item.is_slice_expr() || item.is_ellipsis_literal_expr()) =>
            {
                let mut parts = Vec::new();
                for item in &tuple.elts {
                    parts.push(match item {
                        Expr::Slice(slice) => Part::Slice(Box::new(self.slice_parts(slice)?)),
                        Expr::EllipsisLiteral(_) => Part::Rest,
                        item => Part::Item(self.expr(item)?),
                    });
                }
                Ok(Index::Parts(parts))
            }
            Expr::Tuple(tuple) => Ok(Index::Items(self.exprs(&tuple.elts)?)),
            other => Ok(Index::Item(self.expr(other)?)),
        }
    }

    fn slice_parts(&mut self, slice: &'p ast::ExprSlice) -> Lowered<Slice> {
        let mut bound = |expr: &'p Option<Box<Expr>>| expr.as_ref().map(|expr| self.expr(expr)).transpose();
        Ok(Slice { start: bound(&slice.lower)?, stop: bound(&slice.upper)?, step: bound(&slice.step)? })
    }

    pub fn subscript(&mut self, subscript: &'p ast::ExprSubscript) -> Lowered<Thing> {
        let object = match self.thing(&subscript.value)? {
            Thing::Val(object) => object,
            Thing::Static(Static::Class(number)) if let Some(class) = self.enumeration(number)? => {
                let index = self.subscript_index(&subscript.slice)?;
                self.at(subscript);
                return self.member_of_name(&class, &index).map(Thing::Val);
            }
            // Of interest to type checkers only.
            Thing::Static(Static::Class(number))
                if !subscript.slice.is_tuple_expr() && self.compiler.is_generic_of_one(number) =>
            {
                return Ok(Thing::Static(Static::Class(number)));
            }
            Thing::Static(known) => {
                let message = match known {
                    Static::Class(_) => "a class is not subscriptable in compiled code",
                    Static::Function(_) | Static::Closure(_) => "'function' object is not subscriptable",
                    _ => "this is not subscriptable in compiled code",
                };
                return self.fail_at(subscript, "type-mismatch", message, None);
            }
        };
        let index = self.subscript_index(&subscript.slice)?;
        self.at(subscript);
        self.load(&object, &index).map(Thing::Val)
    }

    /// `object[index]`.
    pub fn load(&mut self, object: &Val, index: &Index) -> Lowered<Val> {
        let index = index.clone();
        self.each_variant(object, &mut |lowerer, object| lowerer.load_plain(&object, &index))
    }

    fn load_plain(&mut self, object: &Val, index: &Index) -> Lowered<Val> {
        if let Some(key) = self.key_of_instance(object, index)
            && let Some(val) = self.special_with(object, "__getitem__", &[key])?
        {
            return Ok(val);
        }
        if self.is_str_member(object.ty()) {
            let text = self.without_enum(object)?;
            return self.load_plain(&text, index);
        }
        match (object.ty(), index) {
            (ty, Index::Slice(slice)) if ty.tuple_item().is_some() => self.slice_of_any_length(object, slice),
            (ty, Index::Items(_) | Index::Parts(_)) if ty.tuple_item().is_some() => {
                self.clash("tuple indices must be integers or slices, not tuple")
            }
            (Type::Record(record), Index::Item(key)) if record.kind == ir::RecordKind::Library => {
                self.library_item(object, key)
            }
            (ty, _) if view_of(ty).is_some() => {
                self.clash(format!("'{}' object is not subscriptable", python_name(object.ty())))
            }
            (Type::Record(_), Index::Item(key)) => self.load_field(object, key),
            (Type::Record(record), Index::Slice(slice)) if record.kind == ir::RecordKind::NamedTuple => {
                let tuple = self.as_plain_tuple(object);
                self.load_slice(&tuple, slice)
            }
            (Type::Array { .. }, _) => self.load_array(object, index),
            (Type::Np(_), index) => self.load_scalar(index),
            (Type::Dict(..), _) => {
                let key = self.index_val(index)?;
                self.load_key(object, &key)
            }
            (Type::Tuple(_) | Type::Str | Type::Bytes | Type::List(_) | Type::Range, Index::Slice(slice)) => {
                self.load_slice(object, slice)
            }
            (Type::Tuple(_) | Type::Str | Type::Bytes | Type::List(_) | Type::Range, Index::Item(index)) => {
                let name = python_name(object.ty());
                let index = self.index_int(index, &name)?;
                match object.ty() {
                    Type::Tuple(_) => self.load_tuple(object, &index),
                    _ => self.item_at(object, &index),
                }
            }
            (
                Type::Tuple(_) | Type::Str | Type::Bytes | Type::List(_) | Type::Range,
                Index::Items(_) | Index::Parts(_),
            ) => {
                let what = match object.ty() {
                    Type::Str => "string".to_owned(),
                    ty => python_name(ty),
                };
                self.clash(format!("{what} indices must be integers or slices, not tuple"))
            }
            (ty, _) => {
                let message = format!("'{}' object is not subscriptable", python_name(ty));
                self.clash(message)
            }
        }
    }

    /// What `__getitem__` and its like are given of the index: several items are one tuple.
    pub fn key_of_instance(&mut self, object: &Val, index: &Index) -> Option<Val> {
        match index {
            Index::Item(key) => Some(key.clone()),
            Index::Items(items) if matches!(object.ty(), Type::Object(_) | Type::Record(_)) => Some(self.tuple(items)),
            Index::Items(_) | Index::Slice(_) | Index::Parts(_) => None,
        }
    }

    /// An index as an `int`.
    pub fn index_int(&mut self, index: &Val, container: &str) -> Lowered<Val> {
        let what = match container {
            "str" => "string",
            "bytes" => "byte",
            other => other,
        };
        self.each_variant(index, &mut |lowerer, index| match index.ty() {
            ty if is_integer(ty) => lowerer.as_int(&index),
            ty if lowerer.is_int_member(ty) => lowerer.without_enum(&index),
            Type::Np(elem) if elem.python_type() == Type::Int => Ok(lowerer.python_number(&index)),
            other => {
                let found = python_name(other);
                let message = match what {
                    "string" => format!("string indices must be integers, not '{found}'"),
                    what => format!("{what} indices must be integers or slices, not {found}"),
                };
                lowerer.clash(message)
            }
        })
    }

    fn load_field(&mut self, record: &Val, key: &Val) -> Lowered<Val> {
        let Type::Record(ty) = record.ty().clone() else { return Err(Stop::Failed) };
        let by_position = matches!(ty.kind, ir::RecordKind::NamedTuple);
        match (key.known_str(), key.known_int()) {
            (Some(name), _) if !by_position => match ty.index_of(&name) {
                Some(index) => Ok(self.field(record, index)),
                None => {
                    let fields = ty.fields.iter().map(|(field, _)| field.as_str());
                    let help = nearest(&name, fields).map(|near| format!("did you mean `{near}`?"));
                    self.fail("unknown-field", format!("there is no column `{name}`"), help)
                }
            },
            (_, Some(_)) if by_position => {
                let items = self.fields(record);
                let tuple = self.tuple(&items);
                self.load_tuple(&tuple, key)
            }
            _ if ty.kind == ir::RecordKind::Dict => {
                let dict = self.demand_dict(record)?;
                self.load_key(&dict, key)
            }
            _ => self.fail(
                "unsupported-operation",
                "the name of a column must be a string literal here",
                Some("write `t[\"name\"]` or `t.name`".to_owned()),
            ),
        }
    }

    /// A tuple's item. With an index that is only known at run time, the items have one common type.
    fn load_tuple(&mut self, tuple: &Val, index: &Val) -> Lowered<Val> {
        let items = self.fields(tuple);
        let count = items.len() as i64;
        if let Some(known) = index.known_int() {
            let position = if known < 0 { known + count } else { known };
            return match usize::try_from(position).ok().and_then(|position| items.get(position)) {
                Some(item) => Ok(item.clone()),
                None => self.clash_of(ExcKind::IndexError, "index-out-of-range", "tuple index out of range"),
            };
        }
        let length = self.int(count);
        let zero = self.int(0);
        let negative = self.prim(Prim::IntLt, &[index, &zero]);
        let from_end = self.prim(Prim::IntAddWrap, &[index, &length]);
        let position = self.select(&negative, &from_end, index);
        let above = self.prim(Prim::IntGe, &[&position, &zero]);
        let below = self.prim(Prim::IntLt, &[&position, &length]);
        let no = self.bool(false);
        let inside = self.select(&above, &below, &no);
        self.require(&inside, ExcKind::IndexError, "tuple index out of range")?;
        let shape = self.common_shape(&items);
        let Some((first, rest)) = items.split_first() else { return Err(Stop::Dead) };
        let mut found = self.coerce(first, &shape)?;
        for (number, item) in rest.iter().enumerate() {
            let number = self.int(number as i64 + 1);
            let here = self.prim(Prim::IntEq, &[&position, &number]);
            let item = self.coerce(item, &shape)?;
            found = Val { shape: shape.clone(), ..self.select(&here, &item, &found) };
        }
        Ok(found)
    }

    /// The shape that holds all the values.
    pub fn common_shape(&mut self, vals: &[Val]) -> Shape {
        let mut shapes = vals.iter().map(|val| val.shape.clone());
        let first = shapes.next().unwrap_or(Shape::from(Type::None));
        shapes.fold(first, |known, next| crate::shape::join(&known, &next, &mut self.sites))
    }

    /// The item of a list, string, range or array at an `int` index.
    pub fn item_at(&mut self, sequence: &Val, index: &Val) -> Lowered<Val> {
        Ok(match sequence.ty() {
            Type::List(_) => {
                let sites = &sequence.shape.origin.sites;
                let is_empty = sites.is_empty() && sequence.shape.is_empty_container();
                if is_empty || !sites.is_empty() && sites.iter().all(|site| self.sites.element(*site).is_none()) {
                    // Nothing is known to be in it, so there is no item: what would be made of one is looked at when
                    // something is.
                    return Err(self.raise(ExcKind::IndexError, "list index out of range"));
                }
                let shape = self.list_item_shape(sequence);
                self.emit(Op::ListGet, &[sequence, index], shape)
            }
            Type::Str => self.prim(Prim::StrIndex, &[sequence, index]),
            Type::Bytes => self.emit(Op::Prim(Prim::BytesIndex), &[sequence, index], super::expr::non_negative_int()),
            Type::Range => self.prim(Prim::RangeIndex, &[sequence, index]),
            Type::Array { elem, ndim: 1 } => {
                let elem = *elem;
                self.emit(Op::ArrayGet, &[sequence, index], Type::Np(elem))
            }
            Type::Array { elem, .. } => {
                let elem = *elem;
                self.emit(Op::ArrayRow, &[sequence, index], Type::Array { elem, ndim: 1 })
            }
            other => {
                let message = format!("'{}' object is not subscriptable", python_name(other));
                return self.clash(message);
            }
        })
    }

    // Slices.

    fn load_slice(&mut self, object: &Val, slice: &Slice) -> Lowered<Val> {
        if let Type::Tuple(_) = object.ty() {
            return self.slice_tuple(object, slice);
        }
        if *object.ty() == Type::Range {
            return self.fail("unsupported-operation", "a slice of a range cannot be compiled", None);
        }
        let [start, stop, step] = self.slice_bounds(slice)?;
        Ok(match object.ty() {
            Type::Str => self.prim(Prim::StrSlice, &[object, &start, &stop, &step]),
            Type::Bytes => self.prim(Prim::BytesSlice, &[object, &start, &stop, &step]),
            _ => {
                let shape = object.shape.clone();
                self.emit(Op::ListSlice, &[object, &start, &stop, &step], shape)
            }
        })
    }

    /// What stands between the brackets as one value: a key.
    pub fn index_val(&mut self, index: &Index) -> Lowered<Val> {
        match index {
            Index::Item(val) => Ok(val.clone()),
            Index::Items(items) => Ok(self.tuple(items)),
            Index::Slice(_) | Index::Parts(_) => self.clash("unhashable type: 'slice'"),
        }
    }

    /// `del object[index]`.
    pub fn delete_item(&mut self, object: &Val, index: &Index) -> Lowered<()> {
        let index = index.clone();
        self.each_variant(object, &mut |lowerer, object| {
            if let Some(key) = lowerer.key_of_instance(&object, &index)
                && lowerer.special_with(&object, "__delitem__", &[key])?.is_some()
            {
                return Ok(lowerer.none());
            }
            match object.ty() {
                Type::List(_) => lowerer.delete_from_list(&object, &index)?,
                Type::Array { .. } => {
                    return lowerer.clash_of(ExcKind::ValueError, "type-mismatch", "cannot delete array elements");
                }
                Type::Dict(..) => {
                    let key = lowerer.index_val(&index)?;
                    lowerer.delete_key(&object, &key)?;
                }
                Type::Record(record) if record.kind == ir::RecordKind::Dict => {
                    let (dict, key) = (lowerer.demand_dict(&object)?, lowerer.index_val(&index)?);
                    lowerer.delete_key(&dict, &key)?;
                }
                ty if is_collection(ty) => {
                    let key = lowerer.index_val(&index)?;
                    lowerer.delete_from_collection(&object, &key)?;
                }
                other => {
                    let message = format!("'{}' object doesn't support item deletion", python_name(other));
                    return lowerer.clash(message);
                }
            }
            Ok(lowerer.none())
        })?;
        Ok(())
    }

    /// Start, stop and step.
    pub fn slice_bounds(&mut self, slice: &Slice) -> Lowered<[Val; 3]> {
        let step = match &slice.step {
            Some(step) if *step.ty() != Type::None => self.slice_int(step)?,
            _ => self.int(1),
        };
        let start = self.slice_bound(&slice.start, &step, true)?;
        let stop = self.slice_bound(&slice.stop, &step, false)?;
        Ok([start, stop, step])
    }

    pub fn slice_int(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            ty if is_integer(ty) => lowerer.as_int(&val),
            Type::Np(elem) if elem.python_type() == Type::Int => Ok(lowerer.python_number(&val)),
            ty if lowerer.is_int_member(ty) => {
                let int = lowerer.without_enum(&val)?;
                lowerer.slice_int(&int)
            }
            _ => lowerer.clash("slice indices must be integers or None or have an __index__ method"),
        })
    }

    /// A bound, or the value that stands for a missing one: beyond the end that the step starts from or goes to.
    pub fn slice_bound(&mut self, bound: &Option<Val>, step: &Val, is_start: bool) -> Lowered<Val> {
        match bound {
            Some(val) => {
                let step = step.clone();
                self.each_variant(val, &mut |lowerer, val| match val.ty() {
                    Type::None => lowerer.missing_bound(&step, is_start),
                    _ => lowerer.slice_int(&val),
                })
            }
            None => self.missing_bound(step, is_start),
        }
    }

    fn missing_bound(&mut self, step: &Val, is_start: bool) -> Lowered<Val> {
        let (low, high) = (self.int(i64::MIN), self.int(i64::MAX));
        let zero = self.int(0);
        let backward = match step.known_int() {
            Some(known) => self.bool(known < 0),
            None => self.prim(Prim::IntLt, &[step, &zero]),
        };
        let (forward_bound, backward_bound) = if is_start { (low, high) } else { (high, low) };
        Ok(self.select(&backward, &backward_bound, &forward_bound))
    }

    /// A slice with constant bounds is a tuple of known length.
    fn slice_tuple(&mut self, tuple: &Val, slice: &Slice) -> Lowered<Val> {
        let items = self.fields(tuple);
        let count = items.len() as i64;
        let known = |bound: &Option<Val>| match bound {
            None => Some(None),
            Some(val) if *val.ty() == Type::None => Some(None),
            Some(val) => val.known_int().map(Some),
        };
        let (Some(start), Some(stop), Some(step)) = (known(&slice.start), known(&slice.stop), known(&slice.step))
        else {
            return self.slice_of_any_length(tuple, slice);
        };
        let step = step.unwrap_or(1);
        if step == 0 {
            return self.clash_of(ExcKind::ValueError, "type-mismatch", "slice step cannot be zero");
        }
        let clamp = |bound: i64, low: i64, high: i64| {
            let from_end = if bound < 0 { bound.saturating_add(count) } else { bound };
            from_end.clamp(low, high)
        };
        let (first, end) = if step > 0 {
            (start.map_or(0, |at| clamp(at, 0, count)), stop.map_or(count, |at| clamp(at, 0, count)))
        } else {
            (start.map_or(count - 1, |at| clamp(at, -1, count - 1)), stop.map_or(-1, |at| clamp(at, -1, count - 1)))
        };
        let mut taken = Vec::new();
        let mut at = first;
        while (step > 0 && at < end) || (step < 0 && at > end) {
            if let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) {
                taken.push(item.clone());
            }
            at = at.saturating_add(step);
        }
        Ok(self.tuple(&taken))
    }
}
