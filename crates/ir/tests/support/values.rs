//! Values as the corpus writes them: Python literals, read by type. `[1, 2]` is a list or an array as the type says,
//! `{1, 2}` the fields of a record in order; a value of a union has the first variant that its literal fits.

use std::rc::Rc;

use ir::interp::{Array, Value};
use ir::{Const, Type};

/// Reads the values of these types, separated by commas, up to the closing bracket that follows `text`'s opening one.
/// Returns the values and what comes after.
pub fn read_values<'a>(text: &'a str, types: &[Type], close: char) -> Result<(Vec<Value>, &'a str), String> {
    let mut rest = text.trim_start();
    let mut values = Vec::new();
    for (index, ty) in types.iter().enumerate() {
        if index > 0 {
            rest = take(rest, ',')?;
        }
        let (value, after) = read(rest, ty)?;
        values.push(value);
        rest = after.trim_start();
    }
    if let Some(after) = rest.strip_prefix(',') {
        rest = after.trim_start();
    }
    Ok((values, take(rest, close)?))
}

fn take(text: &str, symbol: char) -> Result<&str, String> {
    text.trim_start()
        .strip_prefix(symbol)
        .map(str::trim_start)
        .ok_or_else(|| format!("expected `{symbol}` at `{text}`"))
}

fn read<'a>(text: &'a str, ty: &Type) -> Result<(Value, &'a str), String> {
    match ty {
        Type::Tuple(types) => {
            let (items, rest) = read_values(take(text, '(')?, types, ')')?;
            Ok((Value::tuple(items), rest))
        }
        Type::Record(record) => {
            let types: Vec<Type> = record.fields.iter().map(|(_, ty)| ty.clone()).collect();
            let (items, rest) = read_values(take(text, '{')?, &types, '}')?;
            Ok((Value::Record(record.clone(), items.into()), rest))
        }
        Type::Union(variants) => {
            let found = variants.iter().enumerate().find_map(|(tag, variant)| {
                read(text, variant).ok().map(|(value, rest)| (Value::Union(tag as u32, Rc::new(value)), rest))
            });
            found.ok_or_else(|| format!("no variant of `{ty}` at `{text}`"))
        }
        Type::List(item) => {
            let (items, rest) = read_items(text, item)?;
            Ok((Value::list(items), rest))
        }
        Type::Array { elem, ndim: 1 } => {
            let (items, rest) = read_items(text, &Type::Np(*elem))?;
            let elements: Vec<u64> = items.iter().filter_map(bits).collect();
            Ok((Value::Array(Array::new(*elem, vec![elements.len()], elements)), rest))
        }
        Type::Array { elem, .. } => {
            let (rows, rest) = read_items(text, &Type::Array { elem: *elem, ndim: 1 })?;
            let rows: Vec<Vec<u64>> =
                rows.iter().map(|row| if let Value::Array(row) = row { row.elements() } else { vec![] }).collect();
            let shape = vec![rows.len(), rows.first().map_or(0, Vec::len)];
            Ok((Value::Array(Array::new(*elem, shape, rows.concat())), rest))
        }
        Type::Np(elem) => {
            let (value, rest) = read(text, &elem.python_type())?;
            let bits = ir::interp::to_np(&value, *elem).ok_or("no NumPy scalar")?;
            Ok((Value::Np(*elem, bits), rest))
        }
        Type::Str if text.starts_with('\'') => Err("text is written in double quotes".to_string()),
        ty => read_scalar(text, ty),
    }
}

fn bits(value: &Value) -> Option<u64> {
    if let Value::Np(_, bits) = value { Some(*bits) } else { None }
}

fn read_items<'a>(text: &'a str, item: &Type) -> Result<(Vec<Value>, &'a str), String> {
    let mut rest = take(text, '[')?;
    let mut items = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(']') {
            return Ok((items, after.trim_start()));
        }
        if !items.is_empty() {
            rest = take(rest, ',')?;
        }
        let (value, after) = read(rest, item)?;
        items.push(value);
        rest = after.trim_start();
    }
}

/// A scalar, spelled as the text form spells constants.
fn read_scalar<'a>(text: &'a str, ty: &Type) -> Result<(Value, &'a str), String> {
    let mut end = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !quoted && matches!(c, ',' | ')' | ']' | '}') {
            break;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        end = at + c.len_utf8();
    }
    let (word, rest) = text.split_at(end);
    let module = format!("entry f0\nfunc f0 f() -> none {{\nb0():\n  v0: none = const {word}\n  unreachable\n}}");
    let module = ir::text::parse(&module).map_err(|error| format!("`{word}`: {}", error.message))?;
    match &module.funcs[0].blocks[0].insts[0].op {
        ir::Op::Const(value) if value.ty() == *ty => Ok((ir::interp::constant(value), rest)),
        ir::Op::Const(Const::Int(value)) if *ty == Type::Float => Ok((Value::Float(*value as f64), rest)),
        _ => Err(format!("`{word}` is no `{ty}`")),
    }
}
