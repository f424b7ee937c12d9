//! Runs a module's entry function in the IR's interpreter. Owns the translation between its values and the oracle's.

use std::cell::RefCell;
use std::rc::Rc;

use ir::interp::{self, Limits, Stop};
use ir::{ExcKind, Type};

use crate::host::RuntimeHost;
use crate::jit::Ran;
use crate::slots::fits;
use crate::value::{Outcome, Value};

/// Calls the entry function.
pub fn call(module: &ir::Module, args: &[Value], captures: &[Value]) -> Result<Ran, String> {
    let capture_types: Vec<Type> = module.captures.iter().map(|capture| capture.ty.clone()).collect();
    let arguments = to_interp_all(args, &module.entry_func().param_types())?;
    let captured = to_interp_all(captures, &capture_types)?;
    let ended = interp::run(module, module.entry, &arguments, &captured, &mut RuntimeHost, Limits::default());
    let message = match &ended {
        Err(Stop::Raised(raised)) => Some(raised.message.clone()),
        Ok(_) | Err(Stop::Steps | Stop::Invalid(_)) => None,
    };
    let outcome = match ended {
        Ok(value) => Outcome::Value(from_interp(&value)?),
        Err(Stop::Raised(raised)) if raised.class == ExcKind::BaseException.into() => return Err(raised.message),
        Err(Stop::Raised(raised)) => {
            let class = module.exceptions.raised(raised.class).name().to_string();
            Outcome::Raises { class, line: raised.span.line }
        }
        Err(stop) => return Err(stop.to_string()),
    };
    let read = |values: &[interp::Value]| values.iter().map(from_interp).collect::<Result<Vec<_>, _>>();
    Ok(Ran { outcome, message, args_after: read(&arguments)?, captures_after: read(&captured)? })
}

fn to_interp_all(values: &[Value], types: &[Type]) -> Result<Vec<interp::Value>, String> {
    if values.len() != types.len() {
        return Err(format!("{} values for {} parameters", values.len(), types.len()));
    }
    values.iter().zip(types).map(|(value, ty)| to_interp(value, ty)).collect()
}

fn to_interp(value: &Value, ty: &Type) -> Result<interp::Value, String> {
    let mismatch = || format!("{value} is not a `{ty}`");
    Ok(match (value, ty) {
        (value, Type::Union(variants)) => {
            let tag = variants.iter().position(|variant| fits(value, variant)).ok_or_else(mismatch)?;
            interp::Value::Union(tag as u32, Rc::new(to_interp(value, &variants[tag])?))
        }
        (Value::None, Type::None) => interp::Value::None,
        (Value::Bool(value), Type::Bool) => interp::Value::Bool(*value),
        (Value::Int(value), Type::Int) => interp::Value::Int(*value),
        (Value::Float(value), Type::Float) => interp::Value::Float(*value),
        (Value::Str(text), Type::Str) => interp::Value::str(text),
        (Value::Range(start, stop, step), Type::Range) => {
            interp::Value::Range { start: *start, stop: *stop, step: *step }
        }
        (Value::Np(elem, slot), Type::Np(expected)) if elem == expected => interp::Value::Np(*elem, *slot),
        (Value::Tuple(items), Type::Tuple(types)) => interp::Value::Tuple(to_interp_all(items, types)?.into()),
        (Value::Tuple(items), Type::Record(record)) if let Some(item) = record.tuple_item() => {
            let list = to_interp(&Value::List(items.clone()), &Type::List(Box::new(item.clone())))?;
            interp::Value::Record(record.clone(), [list].into())
        }
        (Value::Record(_, _, fields), Type::Record(record)) => {
            let values: Vec<Value> = fields.iter().map(|(_, value)| value.clone()).collect();
            let types = ty.field_types().ok_or_else(mismatch)?;
            interp::Value::Record(record.clone(), to_interp_all(&values, &types)?.into())
        }
        (Value::List(items), Type::List(item)) => {
            let items = items.iter().map(|value| to_interp(value, item)).collect::<Result<Vec<_>, _>>()?;
            interp::Value::List(Rc::new(RefCell::new(items)))
        }
        (Value::Bytes(bytes), Type::Bytes) => interp::Value::Bytes(bytes.as_slice().into()),
        (_, Type::Dict(key, item)) => {
            let mut dict = interp::Dict::default();
            for (found, value) in value.pairs().ok_or_else(mismatch)? {
                dict.set(to_interp(&found, key)?, to_interp(&value, item)?);
            }
            interp::Value::Dict(Rc::new(RefCell::new(dict)))
        }
        (Value::Set { frozen, items }, Type::Set { item, .. }) => {
            let mut set = interp::Set::new(item, *frozen);
            for value in items {
                set.add(to_interp(value, item)?);
            }
            interp::Value::Set(Rc::new(RefCell::new(set)))
        }
        (Value::Array { elem, shape, items }, Type::Array { elem: expected, .. }) if elem == expected => {
            interp::Value::Array(interp::Array::new(*elem, shape.clone(), items.clone()))
        }
        _ => return Err(mismatch()),
    })
}

/// The oracle's form of one of the interpreter's values.
pub fn from_interp(value: &interp::Value) -> Result<Value, String> {
    let all = |items: &[interp::Value]| items.iter().map(from_interp).collect::<Result<Vec<_>, _>>();
    Ok(match value.untagged() {
        interp::Value::None => Value::None,
        interp::Value::Bool(value) => Value::Bool(*value),
        interp::Value::Int(value) => Value::Int(*value),
        interp::Value::Float(value) => Value::Float(*value),
        interp::Value::Str(text) => Value::Str(text.to_string()),
        interp::Value::Range { start, stop, step } => Value::Range(*start, *stop, *step),
        interp::Value::Np(elem, slot) => Value::Np(*elem, *slot),
        interp::Value::Tuple(items) => Value::Tuple(all(items)?),
        interp::Value::Record(..) if let Some(items) = value.untagged().tuple_items() => {
            Value::Tuple(all(&items.borrow())?)
        }
        interp::Value::Record(record, items) => {
            let names = record.fields.iter().map(|(name, _)| name.clone());
            Value::Record(record.kind, record.name.clone(), names.zip(all(items)?).collect())
        }
        interp::Value::List(items) => Value::List(all(&items.borrow())?),
        interp::Value::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        interp::Value::Dict(dict) => {
            let pairs = dict
                .borrow()
                .iter()
                .map(|(key, value)| Ok((from_interp(key)?, from_interp(value)?)))
                .collect::<Result<_, String>>();
            Value::Dict(pairs?)
        }
        interp::Value::Set(set) => {
            let items = set.borrow().iter().map(from_interp).collect::<Result<_, _>>()?;
            Value::Set { frozen: set.borrow().is_frozen(), items }
        }
        interp::Value::Object(object) => {
            let values = all(&object.fields.borrow())?;
            let class = object.class.split('#').next().unwrap_or_default().to_string();
            Value::Record(ir::RecordKind::Dataclass, class, object.names.iter().cloned().zip(values).collect())
        }
        interp::Value::Array(array) => {
            Value::Array { elem: array.elem, shape: array.shape.clone(), items: array.elements() }
        }
        interp::Value::Union(..) | interp::Value::Exception(_) => return Err("not a value".to_string()),
    })
}
