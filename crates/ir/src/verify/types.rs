//! Whether a type is well formed and within the limits.

use crate::limits;
use crate::types::Type;

/// The number of nodes of a well-formed type.
pub fn check(ty: &Type) -> Result<usize, String> {
    let mut nodes = 0;
    walk(ty, 0, &mut nodes)?;
    Ok(nodes)
}

/// Whether a name or a string constant is within the limit.
pub fn check_text(text: &str) -> Result<(), String> {
    if text.len() > limits::TEXT_BYTES_MAX {
        Err(format!("a text of {} bytes is too long", text.len()))
    } else {
        Ok(())
    }
}

/// Stops at the first thing wrong, so neither depth nor a shared record can make it run long.
fn walk(ty: &Type, depth: usize, nodes: &mut usize) -> Result<(), String> {
    *nodes += 1;
    if depth > limits::TYPE_DEPTH_MAX {
        return Err("the type is nested too deeply".to_string());
    }
    if *nodes > limits::TYPE_SIZE_MAX {
        return Err("the type is too large".to_string());
    }
    match ty {
        Type::None | Type::Bool | Type::Int | Type::Float | Type::Str | Type::Range | Type::Np(_) | Type::Exception => {
            Ok(())
        }
        Type::Tuple(items) => items.iter().try_for_each(|item| walk(item, depth + 1, nodes)),
        Type::Record(record) => {
            check_text(&record.name)?;
            let mut names: Vec<&str> = record.fields.iter().map(|(name, _)| name.as_str()).collect();
            names.iter().try_for_each(|name| check_text(name))?;
            names.sort_unstable();
            if names.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err("a record has two fields of one name".to_string());
            }
            record.fields.iter().try_for_each(|(_, field)| walk(field, depth + 1, nodes))
        }
        Type::Union(variants) => {
            variants.iter().try_for_each(|variant| walk(variant, depth + 1, nodes))?;
            let nested = variants.iter().any(|variant| matches!(variant, Type::Union(_)));
            if nested || variants.len() < 2 || variants.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(format!("the union `{ty}` is not flat, sorted and without duplicates"));
            }
            Ok(())
        }
        Type::List(item) => walk(item, depth + 1, nodes),
        Type::Array { ndim, .. } if !(1..=2).contains(ndim) => {
            Err(format!("an array has 1 or 2 dimensions, not {ndim}"))
        }
        Type::Array { .. } => Ok(()),
    }
}
