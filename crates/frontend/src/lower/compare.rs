//! Comparisons: `==`, `<`, `is`, `in` and the like, of plain values. Equality never fails; an order that CPython does
//! not know is a `TypeError`.

use ir::{ContainerOp, Op, Prim, Type};

use super::collections::is_collection;
use super::elementwise::Node;
use super::number::{is_integer, is_number};
use super::{Edge, Lowered, Lowerer, Stop, Val};
use crate::parse::ast::CmpOp;
use crate::shape::python_name;

pub fn cmp_symbol(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "==",
        CmpOp::NotEq => "!=",
        CmpOp::Lt => "<",
        CmpOp::LtE => "<=",
        CmpOp::Gt => ">",
        CmpOp::GtE => ">=",
        CmpOp::Is => "is",
        CmpOp::IsNot => "is not",
        CmpOp::In => "in",
        CmpOp::NotIn => "not in",
    }
}

impl Lowerer<'_, '_> {
    /// `left op right`: a `bool`, or a `numpy.bool` where NumPy scalars are compared.
    pub fn compare(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Val> {
        if left.is_union() || right.is_union() {
            return self.dispatch(&[left.clone(), right.clone()], &mut |lowerer, vals| match vals {
                [left, right] => lowerer.compare(op, left, right),
                _ => Err(Stop::Failed),
            });
        }
        let is_array = |val: &Val| val.array_elem().is_some();
        if (is_array(left) || is_array(right)) && !matches!(op, CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn) {
            let node = self.array_compare(op, Node::Val(left.clone()), Node::Val(right.clone()))?;
            return self.force(node);
        }
        if let Some(val) = self.compare_beside_scalar(op, left, right)? {
            return Ok(val);
        }
        if let Some(val) = self.comparison_of_class(op, left, right)? {
            return Ok(val);
        }
        if let Some(val) = self.datetime_compare(op, left, right)? {
            return Ok(val);
        }
        if let Some(val) = self.compare_members(op, left, right)? {
            return Ok(val);
        }
        if let Some(val) = self.compare_tuples(op, left, right)? {
            return Ok(val);
        }
        match op {
            CmpOp::Is => self.identical(left, right),
            CmpOp::IsNot => {
                let is = self.identical(left, right)?;
                Ok(self.not(&is))
            }
            CmpOp::In => self.contains(right, left),
            CmpOp::NotIn => {
                let found = self.contains(right, left)?;
                Ok(self.not(&found))
            }
            CmpOp::Eq | CmpOp::NotEq => self.equality(op, left, right),
            CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE => self.order(op, left, right),
        }
    }

    /// `is`, for the values of which there is only one.
    fn identical(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        match (left.ty(), right.ty()) {
            (Type::None, Type::None) => Ok(self.bool(true)),
            (Type::None, _) | (_, Type::None) => Ok(self.bool(false)),
            (Type::Bool, Type::Bool) => Ok(self.prim_equal_bools(left, right)),
            (Type::Bool, _) | (_, Type::Bool) => Ok(self.bool(false)),
            (a, b) if a.is_reference() && b.is_reference() => {
                if a != b {
                    return Ok(self.bool(false));
                }
                Ok(self.container_op(ContainerOp::RefIs, &[left, right], Type::Bool))
            }
            // What is around a list or dict is one object with it.
            (a, b) if is_collection(a) && is_collection(b) => {
                if a != b {
                    return Ok(self.bool(false));
                }
                let (left, right) = (self.field(left, 0), self.field(right, 0));
                self.identical(&left, &right)
            }
            (a, b) if a.is_reference() != b.is_reference() => Ok(self.bool(false)),
            _ => self.fail(
                "unsupported-operation",
                "`is` can only compare with `None`, `True` or `False` in compiled code",
                Some("use `==`".to_owned()),
            ),
        }
    }

    fn prim_equal_bools(&mut self, left: &Val, right: &Val) -> Val {
        if let (Some(a), Some(b)) = (left.known_bool(), right.known_bool()) {
            return self.bool(a == b);
        }
        let flipped = self.not(right);
        self.select(left, right, &flipped)
    }

    fn equality(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Val> {
        let np = |val: &Val| matches!(val.ty(), Type::Np(_));
        let number = |val: &Val| np(val) || is_number(val.ty());
        if (np(left) || np(right)) && number(left) && number(right) {
            return self.np_compare(op, left, right);
        }
        if op == CmpOp::NotEq && *left.ty() == Type::Float && *right.ty() == Type::Float {
            return Ok(self.prim(Prim::FloatNe, &[left, right]));
        }
        let equal = self.equal(left, right, false)?;
        Ok(if op == CmpOp::Eq { equal } else { self.not(&equal) })
    }

    /// `left == right` as a `bool`. `same`: both are one object, as far as can be told; CPython takes an object inside a
    /// container to be equal to itself, also when it is NaN.
    pub fn equal(&mut self, left: &Val, right: &Val, same: bool) -> Lowered<Val> {
        if left.is_union() || right.is_union() {
            return self.dispatch(&[left.clone(), right.clone()], &mut |lowerer, vals| match vals {
                [left, right] => lowerer.equal(left, right, same),
                _ => Err(Stop::Failed),
            });
        }
        if let (Some(a), Some(b)) = (&left.known, &right.known)
            && is_integer(left.ty()) == is_integer(right.ty())
            && let (Some(a), Some(b)) = (const_int(a), const_int(b))
        {
            return Ok(self.bool(a == b));
        }
        if let Some(equal) = self.compare_beside_scalar(CmpOp::Eq, left, right)? {
            return Ok(self.python_number(&equal));
        }
        if let Some(equal) = self.compare_members(CmpOp::Eq, left, right)? {
            return Ok(equal);
        }
        if self.class_of(left).is_some() || self.class_of(right).is_some() {
            return self.equal_instances(left, right);
        }
        if let Some(equal) = self.compare_tuples(CmpOp::Eq, left, right)? {
            return Ok(equal);
        }
        Ok(match (left.ty(), right.ty()) {
            (Type::Exception, Type::Exception) => {
                let message = "two exceptions cannot be compared in compiled code";
                return self.fail("unsupported-operation", message, Some("compare what is in them".to_owned()));
            }
            (Type::None, Type::None) => self.bool(true),
            (Type::Bool, Type::Bool) => self.prim_equal_bools(left, right),
            (a, b) if same && a == b && matches!(a, Type::Np(_)) => self.bool(true),
            (Type::Float, Type::Float) if same => self.bool(true),
            (Type::Float, Type::Float) => self.prim(Prim::FloatEq, &[left, right]),
            (a, Type::Float) if is_integer(a) => {
                let int = self.as_int(left)?;
                self.prim(Prim::IntFloatEq, &[&int, right])
            }
            (Type::Float, b) if is_integer(b) => {
                let int = self.as_int(right)?;
                self.prim(Prim::IntFloatEq, &[&int, left])
            }
            (a, b) if is_integer(a) && is_integer(b) => {
                let (a, b) = (self.as_int(left)?, self.as_int(right)?);
                self.prim(Prim::IntEq, &[&a, &b])
            }
            (Type::Str, Type::Str) => self.prim(Prim::StrEq, &[left, right]),
            (Type::Np(_), b) if is_number(b) || matches!(b, Type::Np(_)) => {
                let found = self.np_compare(CmpOp::Eq, left, right)?;
                self.python_number(&found)
            }
            (a, Type::Np(_)) if is_number(a) => {
                let found = self.np_compare(CmpOp::Eq, left, right)?;
                self.python_number(&found)
            }
            (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
                let same = same || left.id == right.id;
                let (left, right) = (self.fields(left), self.fields(right));
                self.equal_items(&left, &right, same)?
            }
            (a, b) if a.tuple_item().is_some() || b.tuple_item().is_some() => self.bool(false),
            (a, _) if is_collection(a) => self.library_equal(left, right)?,
            (_, b) if is_collection(b) => self.library_equal(right, left)?,
            (Type::Record(a), Type::Record(_)) if a.kind == ir::RecordKind::Library => {
                return self.library_equal(left, right);
            }
            (Type::Record(a), Type::Record(b)) if a.kind == b.kind && has_fields_of(a, b) => {
                let order: Vec<usize> = a.fields.iter().filter_map(|(name, _)| b.index_of(name)).collect();
                let others = self.fields(right);
                let right: Vec<Val> = order.iter().filter_map(|index| others.get(*index).cloned()).collect();
                let left = self.fields(left);
                self.equal_items(&left, &right, same)?
            }
            (Type::Record(a), Type::Record(b)) if a.kind != b.kind => {
                return self.fail("unsupported-operation", "rows of different kinds cannot be compared", None);
            }
            (Type::List(_), Type::List(_)) => self.equal_lists(left, right)?,
            (Type::Range, Type::Range) => self.equal_ranges(left, right)?,
            (Type::Dict(..), Type::Record(record)) if record.kind == ir::RecordKind::Dict => {
                let right = self.demand_dict(right)?;
                return self.equal(left, &right, same);
            }
            (Type::Record(record), Type::Dict(..)) if record.kind == ir::RecordKind::Dict => {
                let left = self.demand_dict(left)?;
                return self.equal(&left, right, same);
            }
            (Type::Dict(..), Type::Dict(..)) | (Type::Set { .. }, Type::Set { .. }) | (Type::Bytes, Type::Bytes) => {
                if !super::enums::hold_same_members(left.ty(), right.ty()) {
                    for side in [left, right] {
                        self.require_whole(&side.ty().clone(), "compared")?;
                    }
                }
                self.container_op(ContainerOp::ValueEq, &[left, right], Type::Bool)
            }
            (a, b) if super::dicts::view_of(a).is_some() && super::dicts::view_of(b).is_some() => {
                let (a, b) = (self.set_of_view(left)?, self.set_of_view(right)?);
                return self.equal(&a, &b, same);
            }
            (Type::Array { .. }, _) | (_, Type::Array { .. }) => {
                return self.fail("unsupported-operation", "arrays inside others cannot be compared", None);
            }
            // Different kinds of things are never equal.
            _ => self.bool(false),
        })
    }

    /// Whether something in a container and something else, one of them an instance of a class of the program, are the same or
    /// equal.
    fn equal_instances(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        let equal = |lowerer: &mut Self| match lowerer.comparison_of_class(CmpOp::Eq, left, right)? {
            Some(found) => lowerer.each_variant(&found, &mut |lowerer, found| lowerer.truth(&found)),
            None => Ok(lowerer.bool(false)),
        };
        if !matches!((left.ty(), right.ty()), (Type::Object(a), Type::Object(b)) if a == b) {
            return equal(self);
        }
        let is_same = self.container_op(ContainerOp::RefIs, &[left, right], Type::Bool);
        let (holds, fails) = self.branch(&is_same)?;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        self.continue_at(holds);
        if self.is_live() {
            let yes = self.bool(true);
            edges.extend(self.detach().map(|edge| (edge, yes)));
        }
        self.continue_at(fails);
        if self.is_live() {
            let lowered = equal(self);
            if let Some(found) = self.if_reached(lowered)? {
                edges.extend(self.detach().map(|edge| (edge, found)));
            }
        }
        self.join_values(edges)
    }

    fn equal_items(&mut self, left: &[Val], right: &[Val], same: bool) -> Lowered<Val> {
        let mut all = self.bool(true);
        for (a, b) in left.iter().zip(right) {
            let equal = self.equal(a, b, same || a.id == b.id)?;
            let no = self.bool(false);
            all = self.select(&all, &equal, &no);
        }
        Ok(all)
    }

    fn equal_ranges(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        let (n, m) = (self.prim(Prim::RangeLen, &[left]), self.prim(Prim::RangeLen, &[right]));
        let lengths = self.prim(Prim::IntEq, &[&n, &m]);
        let part = |lowerer: &mut Self, prim| {
            let (a, b) = (lowerer.prim(prim, &[left]), lowerer.prim(prim, &[right]));
            lowerer.prim(Prim::IntEq, &[&a, &b])
        };
        let starts = part(self, Prim::RangeStart);
        let steps = part(self, Prim::RangeStep);
        // An empty range has no start that counts, one of a single item no step.
        let (zero, one) = (self.int(0), self.int(1));
        let empty = self.prim(Prim::IntEq, &[&n, &zero]);
        let single = self.prim(Prim::IntEq, &[&n, &one]);
        let (yes, no) = (self.bool(true), self.bool(false));
        let by_step = self.select(&single, &yes, &steps);
        let by_start = self.select(&starts, &by_step, &no);
        let items = self.select(&empty, &yes, &by_start);
        Ok(self.select(&lengths, &items, &no))
    }

    fn order(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Val> {
        let (a, b) = (left.ty(), right.ty());
        let np = |ty: &Type| matches!(ty, Type::Np(_));
        if (np(a) || np(b)) && (np(a) || is_number(a)) && (np(b) || is_number(b)) {
            return self.np_compare(op, left, right);
        }
        let pick = |prims: [Prim; 4]| match op {
            CmpOp::Lt => prims[0],
            CmpOp::LtE => prims[1],
            CmpOp::Gt => prims[2],
            _ => prims[3],
        };
        Ok(match (a, b) {
            (Type::Float, Type::Float) => {
                let prim = pick([Prim::FloatLt, Prim::FloatLe, Prim::FloatGt, Prim::FloatGe]);
                self.prim(prim, &[left, right])
            }
            (a, Type::Float) if is_integer(a) => {
                let int = self.as_int(left)?;
                let prim = pick([Prim::IntFloatLt, Prim::IntFloatLe, Prim::IntFloatGt, Prim::IntFloatGe]);
                self.prim(prim, &[&int, right])
            }
            (Type::Float, b) if is_integer(b) => {
                let int = self.as_int(right)?;
                let prim = pick([Prim::IntFloatGt, Prim::IntFloatGe, Prim::IntFloatLt, Prim::IntFloatLe]);
                self.prim(prim, &[&int, left])
            }
            (a, b) if is_integer(a) && is_integer(b) => {
                let (a, b) = (self.as_int(left)?, self.as_int(right)?);
                self.prim(pick([Prim::IntLt, Prim::IntLe, Prim::IntGt, Prim::IntGe]), &[&a, &b])
            }
            (Type::Str, Type::Str) => {
                self.prim(pick([Prim::StrLt, Prim::StrLe, Prim::StrGt, Prim::StrGe]), &[left, right])
            }
            (Type::Tuple(_), Type::Tuple(_)) => self.order_tuples(op, left, right)?,
            (Type::List(_), Type::List(_)) | (Type::Bytes, Type::Bytes) | (Type::Set { .. }, Type::Set { .. }) => {
                if !super::enums::hold_same_members(left.ty(), right.ty()) {
                    for side in [left, right] {
                        self.require_whole(&side.ty().clone(), "compared")?;
                    }
                }
                let op = match op {
                    CmpOp::Lt => ContainerOp::ValueLt,
                    CmpOp::LtE => ContainerOp::ValueLe,
                    CmpOp::Gt => ContainerOp::ValueGt,
                    _ => ContainerOp::ValueGe,
                };
                self.container_op(op, &[left, right], Type::Bool)
            }
            (a, b) => {
                let message = format!(
                    "'{}' not supported between instances of '{}' and '{}'",
                    cmp_symbol(op),
                    python_name(a),
                    python_name(b)
                );
                return self.clash(message);
            }
        })
    }

    /// Tuples: the first items that differ decide.
    fn order_tuples(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Val> {
        let same = left.id == right.id;
        let (a, b) = (self.fields(left), self.fields(right));
        let mut decided: Vec<(Edge, Val)> = Vec::new();
        let mut clash = None;
        for (x, y) in a.iter().zip(&b) {
            let equal = self.equal(x, y, same || x.id == y.id)?;
            let (go_on, differ) = self.branch(&equal)?;
            if let Some(edge) = differ {
                self.attach(edge);
                let order = match self.compare(op, x, y) {
                    Ok(order) => self.truth(&order),
                    Err(other) => Err(other),
                };
                match order {
                    Ok(order) => decided.extend(self.detach().map(|edge| (edge, order))),
                    Err(Stop::Clash(found)) => {
                        self.raise(found.class, &found.message);
                        clash.get_or_insert(found);
                    }
                    Err(Stop::Dead) => {}
                    Err(Stop::Failed) => return Err(Stop::Failed),
                }
            }
            self.continue_at(go_on);
            if !self.is_live() {
                break;
            }
        }
        if self.is_live() {
            let (n, m) = (a.len(), b.len());
            let last = self.bool(match op {
                CmpOp::Lt => n < m,
                CmpOp::LtE => n <= m,
                CmpOp::Gt => n > m,
                _ => n >= m,
            });
            decided.extend(self.detach().map(|edge| (edge, last)));
        }
        match clash {
            Some(clash) if decided.is_empty() => Err(Stop::Clash(clash)),
            _ => self.join_values(decided),
        }
    }

    /// `item in container`.
    fn contains(&mut self, container: &Val, item: &Val) -> Lowered<Val> {
        if let Some(found) = self.special_with(container, "__contains__", std::slice::from_ref(item))? {
            return self.each_variant(&found, &mut |lowerer, found| lowerer.truth(&found));
        }
        if self.class_of(container).is_some_and(|class| class.method("__iter__").is_some()) {
            let items = self.iterator(container)?;
            return self.call_library("builtins", "_contains", &[items, item.clone()]);
        }
        if let Some(list) = self.tuple_list(container) {
            return self.list_contains(&list, item);
        }
        if self.is_str_member(container.ty()) || *container.ty() == Type::Str && self.is_str_member(item.ty()) {
            let (container, item) = (self.without_enum(container)?, self.without_enum(item)?);
            return self.contains(&container, &item);
        }
        match container.ty() {
            Type::Str => match item.ty() {
                Type::Str => Ok(self.prim(Prim::StrContains, &[container, item])),
                other => {
                    let message = format!("'in <string>' requires string as left operand, not {}", python_name(other));
                    self.clash(message)
                }
            },
            Type::Tuple(_) => {
                let mut found = self.bool(false);
                for field in self.fields(container) {
                    let same = field.id == item.id;
                    let equal = self.equal(&field, item, same)?;
                    let yes = self.bool(true);
                    found = self.select(&found, &yes, &equal);
                }
                Ok(found)
            }
            Type::Bytes => self.bytes_contains(container, item),
            Type::List(_) => self.list_contains(container, item),
            Type::Dict(..) => {
                let found = self.find_key(container, item)?;
                let zero = self.int(0);
                Ok(self.prim(Prim::IntGe, &[&found, &zero]))
            }
            Type::Set { .. } => {
                let item = self.looked_for(container, item)?;
                Ok(self.container_op(ContainerOp::SetContains, &[container, &item], Type::Bool))
            }
            ty if super::dicts::view_of(ty).is_some() => self.view_contains(container, item),
            ty if self.compiler.generator_of(ty).is_some() => {
                self.call_library("builtins", "_contains", &[container.clone(), item.clone()])
            }
            Type::Range => self.range_contains(container, item),
            Type::Record(record) if record.kind == ir::RecordKind::Dict => match item.known_str() {
                Some(key) => {
                    let found = record.index_of(&key).is_some();
                    Ok(self.bool(found))
                }
                None => {
                    let dict = self.demand_dict(container)?;
                    self.contains(&dict, item)
                }
            },
            Type::Array { .. } => {
                let node = self.array_compare(CmpOp::Eq, Node::Val(container.clone()), Node::Val(item.clone()))?;
                let equal = self.force(node)?;
                self.any_of_array(&equal)
            }
            Type::Record(_) => self.fail(
                "unsupported-operation",
                format!("`in` on a `{}` cannot be compiled", python_name(container.ty())),
                Some("loop over the items".to_owned()),
            ),
            _ if self.class_of(container).is_some_and(|class| class.method("__getitem__").is_some()) => {
                let items = self.call_library("builtins", "_iterate_by_index", std::slice::from_ref(container))?;
                self.contains(&items, item)
            }
            other => {
                let message = format!("argument of type '{}' is not iterable", python_name(other));
                self.clash(message)
            }
        }
    }

    fn range_contains(&mut self, range: &Val, item: &Val) -> Lowered<Val> {
        if !is_integer(item.ty()) {
            return match item.ty() {
                Type::Float | Type::Np(_) => self.fail(
                    "unsupported-operation",
                    "only an `int` can be looked up in a range in compiled code",
                    Some("use `<=` and `<`".to_owned()),
                ),
                _ => Ok(self.bool(false)),
            };
        }
        let item = self.as_int(item)?;
        let start = self.prim(Prim::RangeStart, &[range]);
        let stop = self.prim(Prim::RangeStop, &[range]);
        let step = self.prim(Prim::RangeStep, &[range]);
        let zero = self.int(0);
        let no = self.bool(false);
        let upward = self.prim(Prim::IntGt, &[&step, &zero]);
        let between = |lowerer: &mut Self, low: &Val, high: &Val, from: Prim, to: Prim| {
            let above = lowerer.prim(from, &[&item, low]);
            let below = lowerer.prim(to, &[&item, high]);
            lowerer.select(&above, &below, &no)
        };
        let up = between(self, &start, &stop, Prim::IntGe, Prim::IntLt);
        let down = between(self, &start, &stop, Prim::IntLe, Prim::IntGt);
        let inside = self.select(&upward, &up, &down);
        // The distance may wrap; modulo the step it is still right only where it does not, so it is taken as two parts.
        let a = self.emit(Op::Prim(Prim::IntMod), &[&item, &step], Type::Int);
        let b = self.emit(Op::Prim(Prim::IntMod), &[&start, &step], Type::Int);
        let on_step = self.prim(Prim::IntEq, &[&a, &b]);
        Ok(self.select(&inside, &on_step, &no))
    }
}

/// Whether two records of one kind can be equal: dictionaries do not mind the order of their keys.
fn has_fields_of(a: &ir::RecordType, b: &ir::RecordType) -> bool {
    let named = |record: &ir::RecordType| record.fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    match a.kind {
        ir::RecordKind::Dict => {
            a.fields.len() == b.fields.len() && named(a).iter().all(|name| b.index_of(name).is_some())
        }
        _ => a.name == b.name && named(a) == named(b),
    }
}

fn const_int(value: &ir::Const) -> Option<i64> {
    match value {
        ir::Const::Int(value) => Some(*value),
        ir::Const::Bool(value) => Some(i64::from(*value)),
        _ => None,
    }
}
