//! The operations of the container table.

use std::cell::RefCell;
use std::rc::Rc;

use super::compare::{Order, compare, equal};
use super::invalid;
use super::memory::ITEMS_MAX;
use super::scalar::{Outcome, Raise, position, slice_positions};
use super::table::{self, Dict, Set};
use super::value::{Object, Value};
use crate::container::ContainerOp;
use crate::exc::ExcKind;
use crate::messages;
use crate::module::{Module, Op};
use crate::types::Type;

fn raise(op: ContainerOp, class: ExcKind) -> Raise {
    (class, messages::of_container(op, class).to_string())
}

/// Executes the operation.
pub fn eval(module: &Module, op: ContainerOp, args: &[Value], result: &Type) -> Outcome {
    use ContainerOp as C;
    match (op, args) {
        (C::ValueEq, [a, b]) => Ok(Value::Bool(equal(a, b))),
        (C::ValueLt, [a, b]) => compare(Order::Lt, a, b).map(Value::Bool),
        (C::ValueLe, [a, b]) => compare(Order::Le, a, b).map(Value::Bool),
        (C::ValueGt, [a, b]) => compare(Order::Gt, a, b).map(Value::Bool),
        (C::ValueGe, [a, b]) => compare(Order::Ge, a, b).map(Value::Bool),
        (C::ValueHash, [value]) => Ok(Value::Int(table::hash(value))),
        (C::ValueRepr, [value]) => Ok(Value::str(&value.repr())),
        (C::ValueCopy, [value]) => Ok(value.copied()),
        (C::RefIs, [a, b]) => Ok(Value::Bool(same(a, b))),
        // Nobody reads the log of the oracle.
        (C::LogWrite, [Value::Int(_), Value::Str(_)]) => Ok(Value::None),
        (C::ObjectNew, fields) => object(module, fields, result),
        (C::DictNew, []) => Ok(new_dict(Dict::default())),
        (C::SetNew, []) => Ok(new_set(empty_set(result))),
        (op, [Value::List(list), rest @ ..]) => of_list(op, list, rest),
        (op, [Value::Dict(dict), rest @ ..]) => of_dict(op, dict, rest),
        (op, [Value::Set(set), Value::Set(other)]) => of_two_sets(op, set, other, result),
        (op, [Value::Set(set), rest @ ..]) => of_set(op, set, rest, result),
        _ => invalid(&Op::Container(op)),
    }
}

fn empty_set(ty: &Type) -> Set {
    match ty {
        Type::Set { item, frozen } => Set::new(item, *frozen),
        other => Set::new(other, false),
    }
}

/// A new set with the result type's mutability.
fn made(set: Set, result: &Type) -> Outcome {
    Ok(new_set(set.frozen(matches!(result, Type::Set { frozen: true, .. }))))
}

fn new_dict(dict: Dict) -> Value {
    Value::Dict(Rc::new(RefCell::new(dict)))
}

fn new_set(set: Set) -> Value {
    Value::Set(Rc::new(RefCell::new(set)))
}

/// Whether two references are one.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => Rc::ptr_eq(a, b),
        (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b),
        (Value::Set(a), Value::Set(b)) => Rc::ptr_eq(a, b),
        (Value::Object(a), Value::Object(b)) => Rc::ptr_eq(a, b),
        (Value::Array(a), Value::Array(b)) => {
            Rc::ptr_eq(&a.buffer, &b.buffer) && (a.offset, &a.shape, &a.strides) == (b.offset, &b.shape, &b.strides)
        }
        _ => false,
    }
}

fn object(module: &Module, fields: &[Value], ty: &Type) -> Outcome {
    let class = if let Type::Object(name) = ty { module.class(name) } else { None };
    let Some(class) = class else { return invalid(&Op::Container(ContainerOp::ObjectNew)) };
    Ok(Value::Object(Rc::new(Object {
        class: class.name.clone(),
        is_dataclass: class.is_dataclass,
        names: class.fields.iter().map(|(name, _)| name.clone()).collect(),
        fields: RefCell::new(fields.to_vec()),
    })))
}

fn of_list(op: ContainerOp, list: &Rc<RefCell<Vec<Value>>>, rest: &[Value]) -> Outcome {
    use ContainerOp as C;
    let full = |items: usize| if items > ITEMS_MAX { Err(raise(op, ExcKind::MemoryError)) } else { Ok(()) };
    let length = list.borrow().len();
    match (op, rest) {
        (C::ListInsert, [Value::Int(index), value]) => {
            full(length + 1)?;
            let at = if *index < 0 { (*index).saturating_add(length as i64).max(0) } else { *index };
            list.borrow_mut().insert(at.min(length as i64) as usize, value.clone());
        }
        (C::ListPop, [Value::Int(_)]) if length == 0 => {
            return Err((ExcKind::IndexError, "pop from empty list".to_string()));
        }
        (C::ListPop | C::ListDelete, [Value::Int(index)]) => {
            let at = position(*index, length).ok_or_else(|| raise(op, ExcKind::IndexError))?;
            let item = list.borrow_mut().remove(at);
            return Ok(if op == C::ListPop { item } else { Value::None });
        }
        (C::ListDeleteSlice | C::ListSetSlice, [_, _, Value::Int(0), ..]) => {
            return Err(raise(op, ExcKind::ValueError));
        }
        (C::ListDeleteSlice, [Value::Int(start), Value::Int(stop), Value::Int(step)]) => {
            let gone = slice_positions(*start, *stop, *step, length);
            let mut at = 0;
            list.borrow_mut().retain(|_| {
                at += 1;
                !gone.contains(&(at - 1))
            });
        }
        (C::ListSetSlice, [Value::Int(start), Value::Int(stop), Value::Int(step), Value::List(items)]) => {
            let items = items.borrow().clone();
            full(length + items.len())?;
            set_slice(&mut list.borrow_mut(), (*start, *stop, *step), items)?;
        }
        (C::ListExtend, [Value::List(items)]) => {
            let items = items.borrow().clone();
            full(length + items.len())?;
            list.borrow_mut().extend(items);
        }
        (C::ListReverse, []) => list.borrow_mut().reverse(),
        (C::ListClear, []) => list.borrow_mut().clear(),
        (C::ListRepeat, [Value::Int(count)]) => {
            let count = usize::try_from(*count).unwrap_or(0);
            full(length.saturating_mul(count))?;
            return Ok(Value::list(std::iter::repeat_n(list.borrow().iter(), count).flatten().cloned().collect()));
        }
        (C::ListReorder, [Value::List(order)]) => {
            let items = list.borrow().clone();
            let at =
                |place: &Value| if let Value::Int(at) = place { items.get(usize::try_from(*at).ok()?) } else { None };
            let ordered: Option<Vec<Value>> = order.borrow().iter().map(|place| at(place).cloned()).collect();
            let ordered = ordered.filter(|ordered| ordered.len() == items.len());
            *list.borrow_mut() = ordered.ok_or_else(|| raise(op, ExcKind::ValueError))?;
        }
        (C::ListTake, []) => return Ok(Value::list(std::mem::take(&mut list.borrow_mut()))),
        (C::ListGive, [Value::List(taken)]) => {
            // A list that was never written to since has no room for items.
            let is_changed = list.borrow().capacity() > 0;
            *list.borrow_mut() = std::mem::take(&mut taken.borrow_mut());
            return Ok(Value::Bool(is_changed));
        }
        (C::ListFind, [value, Value::Int(start), Value::Int(stop)]) => {
            let mut places = slice_positions(*start, *stop, 1, length).into_iter();
            let found = places.find(|at| equal(&list.borrow()[*at], value));
            return Ok(Value::Int(found.map_or(-1, |at| at as i64)));
        }
        (C::ListCount, [value]) => {
            return Ok(Value::Int(list.borrow().iter().filter(|item| equal(item, value)).count() as i64));
        }
        _ => return invalid(&Op::Container(op)),
    }
    Ok(Value::None)
}

fn set_slice(list: &mut Vec<Value>, (start, stop, step): (i64, i64, i64), items: Vec<Value>) -> Result<(), Raise> {
    let places = slice_positions(start, stop, step, list.len());
    if step == 1 {
        // An empty slice still has a place: that of its start.
        let before = slice_positions(i64::MIN, start, 1, list.len()).len();
        let first = if start == i64::MIN { 0 } else { before };
        list.splice(first..first + places.len(), items);
        return Ok(());
    }
    if places.len() != items.len() {
        let (found, wanted) = (items.len(), places.len());
        let message = format!("attempt to assign sequence of size {found} to extended slice of size {wanted}");
        return Err((ExcKind::ValueError, message));
    }
    for (place, item) in places.into_iter().zip(items) {
        list[place] = item;
    }
    Ok(())
}

fn of_dict(op: ContainerOp, dict: &Rc<RefCell<Dict>>, rest: &[Value]) -> Outcome {
    use ContainerOp as C;
    let gone = || raise(op, ExcKind::RuntimeError);
    let missing = |key: &Value| (ExcKind::KeyError, key.repr());
    match (op, rest) {
        (C::DictLen, []) => Ok(Value::Int(dict.borrow().len() as i64)),
        (C::DictLast, []) => Ok(Value::Int(dict.borrow().last())),
        (C::DictCopy, []) => {
            let mut copy = Dict::default();
            dict.borrow().iter().for_each(|(key, value)| copy.set(key.clone(), value.clone()));
            Ok(new_dict(copy))
        }
        (C::DictClear, []) => {
            *dict.borrow_mut() = Dict::default();
            Ok(Value::None)
        }
        (C::DictGet, [key]) => {
            let dict = dict.borrow();
            let entry = dict.find(key).and_then(|at| dict.at(at as i64));
            entry.map(|(_, value)| value.clone()).ok_or_else(|| missing(key))
        }
        (C::DictFind, [key]) => Ok(Value::Int(dict.borrow().find(key).map_or(-1, |at| at as i64))),
        (C::DictDelete, [key]) => {
            let at = dict.borrow().find(key).ok_or_else(|| missing(key))?;
            dict.borrow_mut().delete_at(at as i64).map(|()| Value::None).ok_or_else(gone)
        }
        (C::DictSet, [_, _]) if dict.borrow().len() >= ITEMS_MAX => Err(raise(op, ExcKind::MemoryError)),
        (C::DictSet, [key, value]) => {
            dict.borrow_mut().set(key.clone(), value.clone());
            Ok(Value::None)
        }
        (C::DictNext, [Value::Int(at)]) => Ok(Value::Int(dict.borrow().next(*at))),
        (C::DictKeyAt, [Value::Int(at)]) => dict.borrow().at(*at).map(|(key, _)| key.clone()).ok_or_else(gone),
        (C::DictValueAt, [Value::Int(at)]) => dict.borrow().at(*at).map(|(_, value)| value.clone()).ok_or_else(gone),
        (C::DictSetAt, [Value::Int(at), value]) => {
            dict.borrow_mut().set_at(*at, value.clone()).map(|()| Value::None).ok_or_else(gone)
        }
        (C::DictDeleteAt, [Value::Int(at)]) => dict.borrow_mut().delete_at(*at).map(|()| Value::None).ok_or_else(gone),
        _ => invalid(&Op::Container(op)),
    }
}

fn of_set(op: ContainerOp, set: &Rc<RefCell<Set>>, rest: &[Value], result: &Type) -> Outcome {
    use ContainerOp as C;
    match (op, rest) {
        (C::SetLen, []) => Ok(Value::Int(set.borrow().len() as i64)),
        (C::SetAdd, [_]) if set.borrow().len() >= ITEMS_MAX => Err(raise(op, ExcKind::MemoryError)),
        (C::SetAdd, [item]) => {
            set.borrow_mut().add(item.clone());
            Ok(Value::None)
        }
        (C::SetDiscard, [item]) => Ok(Value::Bool(set.borrow_mut().discard(item))),
        (C::SetContains, [item]) => Ok(Value::Bool(set.borrow().contains(item))),
        (C::SetNext, [Value::Int(at)]) => Ok(Value::Int(set.borrow().next(*at))),
        (C::SetAt, [Value::Int(at)]) => set.borrow().at(*at).cloned().ok_or_else(|| raise(op, ExcKind::RuntimeError)),
        (C::SetClear, []) => {
            set.borrow_mut().clear();
            Ok(Value::None)
        }
        (C::SetPop, []) => set.borrow_mut().pop().ok_or_else(|| raise(op, ExcKind::KeyError)),
        (C::SetCopy, []) => made(set.borrow().copy(), result),
        (C::SetReserve, [Value::Int(count)]) => {
            set.borrow_mut().reserve(usize::try_from(*count).unwrap_or(0).min(ITEMS_MAX));
            Ok(Value::None)
        }
        _ => invalid(&Op::Container(op)),
    }
}

fn of_two_sets(op: ContainerOp, set: &Rc<RefCell<Set>>, other: &Rc<RefCell<Set>>, result: &Type) -> Outcome {
    use ContainerOp as C;
    if matches!(op, C::SetDiscard | C::SetContains) {
        // A frozen set as an item.
        return of_set(op, set, &[Value::Set(other.clone())], result);
    }
    let same = Rc::ptr_eq(set, other);
    let other = if same { Rc::new(RefCell::new(other.borrow().clone())) } else { other.clone() };
    let other = other.borrow();
    match op {
        C::SetAdd => {
            let item = Value::Set(Rc::new(RefCell::new(other.clone())));
            set.borrow_mut().add(item);
        }
        C::SetUpdate if same => {}
        C::SetUpdate => set.borrow_mut().merge(&other),
        C::SetIntersection if same => return made(other.copy(), result),
        C::SetIntersection => return made(set.borrow().intersection(&other), result),
        C::SetDifference => return made(set.borrow().difference(&other), result),
        C::SetSymmetricDifference => {
            // As CPython: the second is copied, the first toggled in it.
            let mut toggled = other.copy();
            if same {
                toggled.clear();
            } else {
                toggled.toggle(&set.borrow());
            }
            return made(toggled, result);
        }
        C::SetIntersectionUpdate => {
            let result = if same { other.copy() } else { set.borrow().intersection(&other) };
            *set.borrow_mut() = result;
        }
        C::SetDifferenceUpdate | C::SetSymmetricUpdate if same => set.borrow_mut().clear(),
        C::SetDifferenceUpdate => {
            let small = other.len() >> 3 <= set.borrow().len();
            let gone = if small { other.clone() } else { set.borrow().intersection(&other) };
            set.borrow_mut().subtract(&gone);
        }
        C::SetSymmetricUpdate => set.borrow_mut().toggle(&other),
        C::SetIsSubset => return Ok(Value::Bool(set.borrow().is_subset(&other))),
        C::SetIsDisjoint => return Ok(Value::Bool(set.borrow().is_disjoint(&other))),
        _ => return invalid(&Op::Container(op)),
    }
    Ok(Value::None)
}
