//! Sequences: what strings, tuples, lists and ranges have in common.

use ir::{ContainerOp, Op, Prim, Type};

use super::expr::non_negative_int;
use super::number::is_integer;
use super::{Lowered, Lowerer, Val};
use crate::parse::ast::Operator;
use crate::shape::python_name;

fn is_named_tuple(val: &Val) -> bool {
    matches!(val.ty(), Type::Record(record) if record.kind == ir::RecordKind::NamedTuple)
}

impl Lowerer<'_, '_> {
    /// `len(val)` of a plain value.
    pub fn length(&mut self, val: &Val) -> Lowered<Val> {
        if let Some(length) = self.special(val, "__len__")? {
            return Ok(length);
        }
        if let Some(list) = self.tuple_list(val) {
            return self.length(&list);
        }
        if self.is_str_member(val.ty()) {
            let text = self.without_enum(val)?;
            return self.length(&text);
        }
        match val.ty() {
            Type::Str => match val.known_str() {
                Some(text) => Ok(self.int(text.chars().count() as i64)),
                None => Ok(self.emit(Op::Prim(Prim::StrLen), &[val], non_negative_int())),
            },
            Type::List(_) => Ok(self.emit(Op::ListLen, &[val], non_negative_int())),
            Type::Dict(..) => Ok(self.container_op(ContainerOp::DictLen, &[val], non_negative_int())),
            Type::Set { .. } => Ok(self.container_op(ContainerOp::SetLen, &[val], non_negative_int())),
            ty if super::dicts::view_of(ty).is_some() => {
                let dict = self.field(val, 0);
                self.length(&dict)
            }
            Type::Bytes => Ok(self.bytes_length(val)),
            Type::Range => Ok(self.emit(Op::Prim(Prim::RangeLen), &[val], non_negative_int())),
            Type::Array { .. } => Ok(self.array_length(val, 0)),
            Type::Tuple(items) => Ok(self.int(items.len() as i64)),
            Type::Record(record) if !matches!(record.kind, ir::RecordKind::Dataclass | ir::RecordKind::Library) => {
                Ok(self.int(record.fields.len() as i64))
            }
            other => {
                let message = format!("object of type '{}' has no len()", python_name(other));
                self.clash(message)
            }
        }
    }

    /// `+` and `*` of sequences; `None` when the operands are no sequences that go together.
    pub fn sequence_binary(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        if let Some(val) = self.tuple_binary(op, left, right)? {
            return Ok(Some(val));
        }
        let is_tuple = |val: &Val| matches!(val.ty(), Type::Tuple(_));
        let (left, right) = match op {
            // What a named tuple is added to or repeated as is the tuple that it is.
            Operator::Add if is_named_tuple(left) || is_tuple(left) && is_named_tuple(right) => {
                (&self.as_plain_tuple(left), &self.as_plain_tuple(right))
            }
            Operator::Mult if is_named_tuple(left) => (&self.as_plain_tuple(left), right),
            Operator::Mult if is_named_tuple(right) => (left, &self.as_plain_tuple(right)),
            _ => (left, right),
        };
        let (a, b) = (left.ty(), right.ty());
        match op {
            Operator::Add => match (a, b) {
                (Type::Str, Type::Str) => Ok(Some(self.prim(Prim::StrConcat, &[left, right]))),
                (Type::Bytes, Type::Bytes) => Ok(Some(self.prim(Prim::BytesConcat, &[left, right]))),
                (Type::Bytes, other) => {
                    let found = python_name(other);
                    self.clash(format!("can't concat {found} to bytes"))
                }
                (Type::Tuple(_), Type::Tuple(_)) => {
                    let mut items = self.fields(left);
                    items.extend(self.fields(right));
                    Ok(Some(self.tuple(&items)))
                }
                (Type::List(_), Type::List(_)) => self.concat_lists(left, right).map(Some),
                (Type::Str | Type::Tuple(_) | Type::List(_), other) => {
                    let (kind, other) = (python_name(a), python_name(other));
                    self.clash(format!("can only concatenate {kind} (not \"{other}\") to {kind}"))
                }
                _ => Ok(None),
            },
            Operator::Mult => {
                let is_sequence = |ty: &Type| matches!(ty, Type::Str | Type::Bytes | Type::Tuple(_) | Type::List(_));
                let (sequence, count) = match (is_sequence(a), is_sequence(b)) {
                    (true, _) => (left, right),
                    (false, true) => (right, left),
                    (false, false) => return Ok(None),
                };
                let count = match count.ty() {
                    ty if is_integer(ty) => self.as_int(count)?,
                    Type::Np(elem) if elem.python_type() == Type::Int => self.python_number(count),
                    other => {
                        let message = format!("can't multiply sequence by non-int of type '{}'", python_name(other));
                        return self.clash(message);
                    }
                };
                self.repeat(sequence, &count).map(Some)
            }
            Operator::Mod if *a == Type::Bytes => self.fail(
                "unsupported-operation",
                "`%` formatting of `bytes` cannot be compiled",
                Some("format a `str` and encode it".to_owned()),
            ),
            Operator::Mod if *a == Type::Str => self.percent(left, right).map(Some),
            _ => Ok(None),
        }
    }

    fn repeat(&mut self, sequence: &Val, count: &Val) -> Lowered<Val> {
        match sequence.ty() {
            Type::Str => Ok(self.prim(Prim::StrRepeat, &[sequence, count])),
            Type::Bytes => Ok(self.prim(Prim::BytesRepeat, &[sequence, count])),
            Type::Tuple(_) => match count.known_int() {
                Some(count) if count.max(0) as u64 <= 1_000 => {
                    let items = self.fields(sequence);
                    let repeated: Vec<Val> = (0..count.max(0)).flat_map(|_| items.iter().cloned()).collect();
                    Ok(self.tuple(&repeated))
                }
                _ => self.repeat_tuple(sequence, count),
            },
            _ => Ok(self.repeat_list(sequence, count)),
        }
    }
}
