//! Whether a type is well formed and within the limits.

use crate::limits;
use crate::module::Class;
use crate::types::Type;

/// The number of nodes of a well-formed type.
pub fn check(ty: &Type, classes: &[Class]) -> Result<usize, String> {
    let mut nodes = 0;
    walk(ty, classes, 0, &mut nodes)?;
    Ok(nodes)
}

/// Whether a name or a string constant is within the limit.
pub fn check_text(text: &str) -> Result<(), String> {
    check_length(text.len())
}

/// As [`check_text`], for bytes.
pub fn check_length(bytes: usize) -> Result<(), String> {
    if bytes > limits::TEXT_BYTES_MAX { Err(format!("a text of {bytes} bytes is too long")) } else { Ok(()) }
}

/// Stops at the first thing wrong, so neither depth nor a shared record can make it run long.
fn walk(ty: &Type, classes: &[Class], depth: usize, nodes: &mut usize) -> Result<(), String> {
    *nodes += 1;
    if depth > limits::TYPE_DEPTH_MAX {
        return Err("the type is nested too deeply".to_string());
    }
    if *nodes > limits::TYPE_SIZE_MAX {
        return Err("the type is too large".to_string());
    }
    let mut part = |ty: &Type| walk(ty, classes, depth + 1, nodes);
    match ty {
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Bytes
        | Type::Range
        | Type::Np(_)
        | Type::Exception => Ok(()),
        Type::Tuple(items) => items.iter().try_for_each(part),
        Type::Record(record) => {
            check_text(&record.name)?;
            let mut names: Vec<&str> = record.fields.iter().map(|(name, _)| name.as_str()).collect();
            names.iter().try_for_each(|name| check_text(name))?;
            names.sort_unstable();
            if names.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err("a record has two fields of one name".to_string());
            }
            record.fields.iter().try_for_each(|(_, field)| part(field))
        }
        Type::Union(variants) => {
            variants.iter().try_for_each(part)?;
            let nested = variants.iter().any(|variant| matches!(variant, Type::Union(_)));
            if nested || variants.len() < 2 || variants.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(format!("the union `{ty}` is not flat, sorted and without duplicates"));
            }
            Ok(())
        }
        Type::List(item) => part(item),
        Type::Dict(key, value) => {
            check_key(key)?;
            part(key)?;
            part(value)
        }
        Type::Set { item, .. } => {
            check_key(item)?;
            part(item)
        }
        Type::Object(name) if !classes.iter().any(|class| class.name == *name) => {
            Err(format!("there is no class `{name}`"))
        }
        Type::Object(_) => Ok(()),
        Type::Array { ndim, .. } if !(1..=2).contains(ndim) => {
            Err(format!("an array has 1 or 2 dimensions, not {ndim}"))
        }
        Type::Array { .. } => Ok(()),
    }
}

fn check_key(ty: &Type) -> Result<(), String> {
    if ty.is_hashable() { Ok(()) } else { Err(format!("`{ty}` is not hashable")) }
}
