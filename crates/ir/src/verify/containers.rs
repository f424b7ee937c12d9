//! The typing rules of the container table and of objects.

use super::rules::{Checked, Rule};
use crate::container::ContainerOp;
use crate::module::{Module, Op};
use crate::types::Type;

/// Whether the argument and result types are what the operation says.
pub fn check(module: &Module, op: ContainerOp, rule: &Rule<'_>) -> Checked {
    use ContainerOp as C;
    match op {
        C::ValueEq | C::ValueLt | C::ValueLe | C::ValueGt | C::ValueGe => {
            values(rule, 2)?;
            rule.is_any(&Type::Bool)
        }
        C::ValueHash => {
            rule.count(1)?;
            hashable(rule.args[0])?;
            rule.is_any(&Type::Int)
        }
        C::ValueRepr => {
            values(rule, 1)?;
            rule.is_any(&Type::Str)
        }
        C::ValueCopy => {
            values(rule, 1)?;
            rule.is_any(&rule.args[0].clone())
        }
        C::RefIs => {
            rule.count(2)?;
            rule.first("a reference", |ty| ty.is_reference().then_some(()))?;
            rule.is(&[rule.args[0].clone(), rule.args[0].clone()], &Type::Bool)
        }
        C::ObjectNew => {
            let fields = object_fields(module, rule.result).ok_or_else(|| rule.wrong_result("an object"))?;
            rule.is(&fields, rule.result)
        }
        C::LogWrite => rule.is(&[Type::Int, Type::Str], &Type::None),
        C::ListInsert
        | C::ListPop
        | C::ListDelete
        | C::ListDeleteSlice
        | C::ListSetSlice
        | C::ListExtend
        | C::ListReverse
        | C::ListClear
        | C::ListRepeat
        | C::ListReorder
        | C::ListTake
        | C::ListGive
        | C::ListFind
        | C::ListCount => list(op, rule),
        C::DictNew
        | C::DictLen
        | C::DictGet
        | C::DictFind
        | C::DictSet
        | C::DictDelete
        | C::DictDeleteAt
        | C::DictNext
        | C::DictLast
        | C::DictKeyAt
        | C::DictValueAt
        | C::DictSetAt
        | C::DictClear
        | C::DictCopy => dict(op, rule),
        C::SetNew
        | C::SetLen
        | C::SetAdd
        | C::SetDiscard
        | C::SetContains
        | C::SetNext
        | C::SetAt
        | C::SetClear
        | C::SetPop
        | C::SetCopy
        | C::SetUpdate
        | C::SetIntersection
        | C::SetDifference
        | C::SetSymmetricDifference
        | C::SetIntersectionUpdate
        | C::SetDifferenceUpdate
        | C::SetSymmetricUpdate
        | C::SetIsSubset
        | C::SetIsDisjoint
        | C::SetReserve => set(op, rule),
    }
}

/// `object.get` and `object.set`.
pub fn check_object(module: &Module, op: &Op, rule: &Rule<'_>) -> Checked {
    let fields = rule.first("an object", |ty| object_fields(module, ty))?;
    let (index, args) = match op {
        Op::ObjectGet(index) => (*index, 1),
        Op::ObjectSet(index) => (*index, 2),
        other => return Err(format!("`{}` is no operation of objects", other.name())),
    };
    let field = fields.get(index as usize).ok_or_else(|| format!("there is no field {index}"))?;
    let object = rule.args[0].clone();
    if args == 1 { rule.is(&[object], field) } else { rule.is(&[object, field.clone()], &Type::None) }
}

fn object_fields(module: &Module, ty: &Type) -> Option<Vec<Type>> {
    let Type::Object(name) = ty else { return None };
    module.class(name).map(|class| class.fields.iter().map(|(_, ty)| ty.clone()).collect())
}

/// The arguments are so many values that can be compared and shown.
fn values(rule: &Rule<'_>, count: usize) -> Checked {
    rule.count(count)?;
    match rule.args.iter().find(|ty| !is_value(ty)) {
        Some(ty) => Err(format!("`{}` takes no `{ty}`", rule.name)),
        None => Ok(()),
    }
}

/// Whether the runtime can compare and show such values. What an object's fields hold is looked at where it is made.
pub fn is_value(ty: &Type) -> bool {
    match ty {
        Type::Array { .. } | Type::Exception => false,
        Type::List(item) | Type::Set { item, .. } => is_value(item),
        Type::Dict(key, value) => is_value(key) && is_value(value),
        Type::Tuple(items) | Type::Union(items) => items.iter().all(is_value),
        Type::Record(record) => record.fields.iter().all(|(_, ty)| is_value(ty)),
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Bytes
        | Type::Range
        | Type::Np(_)
        | Type::Object(_) => true,
    }
}

fn hashable(ty: &Type) -> Checked {
    if ty.is_hashable() { Ok(()) } else { Err(format!("`{ty}` is not hashable")) }
}

fn list(op: ContainerOp, rule: &Rule<'_>) -> Checked {
    use ContainerOp as C;
    let item = rule.first("a list", |ty| match ty {
        Type::List(item) => Some((**item).clone()),
        _ => None,
    })?;
    let list = rule.args[0].clone();
    let own = |rest: &[Type], result: &Type| rule.is(&[std::slice::from_ref(&list), rest].concat(), result);
    match op {
        C::ListInsert => own(&[Type::Int, item], &Type::None),
        C::ListPop => own(&[Type::Int], &item),
        C::ListDelete => own(&[Type::Int], &Type::None),
        C::ListDeleteSlice => own(&[Type::Int, Type::Int, Type::Int], &Type::None),
        C::ListSetSlice => own(&[Type::Int, Type::Int, Type::Int, list.clone()], &Type::None),
        C::ListExtend => own(std::slice::from_ref(&list), &Type::None),
        C::ListReverse | C::ListClear => own(&[], &Type::None),
        C::ListRepeat => own(&[Type::Int], &list),
        C::ListReorder => own(&[Type::List(Box::new(Type::Int))], &Type::None),
        C::ListTake => own(&[], &list),
        C::ListGive => own(std::slice::from_ref(&list), &Type::Bool),
        C::ListFind | C::ListCount => {
            let bounds = if op == C::ListFind { vec![Type::Int, Type::Int] } else { Vec::new() };
            let value = rule.args.get(1).map(|ty| (*ty).clone()).unwrap_or(Type::None);
            if let Some(ty) = [&item, &value].into_iter().find(|ty| !is_value(ty)) {
                return Err(format!("`{}` takes no `{ty}`", rule.name));
            }
            own(&[vec![value], bounds].concat(), &Type::Int)
        }
        other => Err(format!("`{}` is no operation of lists", other.name())),
    }
}

fn dict(op: ContainerOp, rule: &Rule<'_>) -> Checked {
    use ContainerOp as C;
    if op == C::DictNew {
        return match rule.result {
            Type::Dict(..) => rule.is(&[], rule.result),
            _ => Err(rule.wrong_result("a dict")),
        };
    }
    let (key, value) = rule.first("a dict", |ty| match ty {
        Type::Dict(key, value) => Some(((**key).clone(), (**value).clone())),
        _ => None,
    })?;
    let dict = rule.args[0].clone();
    let own = |rest: &[Type], result: &Type| rule.is(&[std::slice::from_ref(&dict), rest].concat(), result);
    let lookup = |result: &Type| {
        let given = rule.args.get(1).map(|ty| (*ty).clone()).unwrap_or(Type::None);
        hashable(&given)?;
        own(&[given], result)
    };
    match op {
        C::DictLen | C::DictLast => own(&[], &Type::Int),
        C::DictClear => own(&[], &Type::None),
        C::DictCopy => own(&[], &dict),
        C::DictGet => lookup(&value),
        C::DictFind => lookup(&Type::Int),
        C::DictDelete => lookup(&Type::None),
        C::DictSet => own(&[key, value], &Type::None),
        C::DictNext => own(&[Type::Int], &Type::Int),
        C::DictDeleteAt => own(&[Type::Int], &Type::None),
        C::DictKeyAt => own(&[Type::Int], &key),
        C::DictValueAt => own(&[Type::Int], &value),
        C::DictSetAt => own(&[Type::Int, value], &Type::None),
        other => Err(format!("`{}` is no operation of dicts", other.name())),
    }
}

fn set(op: ContainerOp, rule: &Rule<'_>) -> Checked {
    use ContainerOp as C;
    let of_set = |ty: &Type| match ty {
        Type::Set { item, .. } => Some((**item).clone()),
        _ => None,
    };
    if op == C::SetNew {
        return match rule.result {
            Type::Set { .. } => rule.is(&[], rule.result),
            _ => Err(rule.wrong_result("a set")),
        };
    }
    let item = rule.first("a set", of_set)?;
    let set = rule.args[0].clone();
    let own = |rest: &[Type], result: &Type| rule.is(&[std::slice::from_ref(&set), rest].concat(), result);
    let second = rule.args.get(1).map(|ty| (*ty).clone()).unwrap_or(Type::None);
    let same_items = |ty: &Type| {
        if of_set(ty).as_ref() == Some(&item) { Ok(()) } else { Err(format!("`{ty}` is no set of `{item}`")) }
    };
    match op {
        C::SetLen => own(&[], &Type::Int),
        C::SetAdd => own(&[item], &Type::None),
        C::SetDiscard | C::SetContains => {
            hashable(&second)?;
            own(&[second], &Type::Bool)
        }
        C::SetNext => own(&[Type::Int], &Type::Int),
        C::SetAt => own(&[Type::Int], &item),
        C::SetClear => own(&[], &Type::None),
        C::SetReserve => own(&[Type::Int], &Type::None),
        C::SetPop => own(&[], &item),
        C::SetCopy => {
            same_items(rule.result)?;
            own(&[], rule.result)
        }
        C::SetIntersection | C::SetDifference | C::SetSymmetricDifference => {
            same_items(rule.result)?;
            same_items(&second)?;
            own(&[second], rule.result)
        }
        C::SetUpdate | C::SetIntersectionUpdate | C::SetDifferenceUpdate | C::SetSymmetricUpdate => {
            same_items(&second)?;
            own(&[second], &Type::None)
        }
        C::SetIsSubset | C::SetIsDisjoint => {
            of_set(&second).ok_or_else(|| format!("`{second}` is no set"))?;
            own(&[second], &Type::Bool)
        }
        other => Err(format!("`{}` is no operation of sets", other.name())),
    }
}
