//! Makes the compiler's input from what the oracle says of a block's functions, as the Python package makes it from live
//! function objects. Owns that translation only.

use std::collections::BTreeMap;
use std::sync::Arc;

use frontend::program::{Binding, CaptureSource, FunctionSource, Locator, Program, SourceFile};
use ir::Type;
use serde_json::Value as Json;

use crate::oracle::Answer;
use crate::value::Value;

/// The name of the block in diagnostics.
pub const FILE_NAME: &str = "block.py";

/// The text of a block as a source file.
pub fn source_file(source: &str) -> SourceFile {
    SourceFile::new(FILE_NAME, source, 1)
}

/// The program of the functions that `answer` describes.
pub fn program(source: &str, answer: &Answer) -> Result<Program, String> {
    let functions = answer.program.as_array().ok_or("the oracle lists no functions")?;
    let mut program = Program { files: vec![source_file(source)], ..Program::default() };
    for function in functions {
        program.functions.push(function_source(function)?);
    }
    for (name, value) in &answer.captures {
        program.captures.push(CaptureSource { name: name.clone(), ty: value.type_of()? });
    }
    Ok(program)
}

fn function_source(function: &Json) -> Result<FunctionSource, String> {
    let malformed = || format!("not a function of the oracle's form: {function}");
    let name = function.get("name").and_then(Json::as_str).ok_or_else(malformed)?;
    let line = function.get("line").and_then(Json::as_u64).ok_or_else(malformed)? as u32;
    let locator = match function.get("column").and_then(Json::as_u64) {
        Some(column) => Locator::Lambda { line, column: column as u32 },
        None if function.get("class").is_some() => Locator::Class { name: name.to_string(), line },
        None => Locator::Def { name: name.to_string(), line },
    };
    let mut bindings = BTreeMap::new();
    for (name, entry) in function.get("bindings").and_then(Json::as_object).ok_or_else(malformed)? {
        bindings.insert(name.clone(), binding(entry).ok_or_else(malformed)?);
    }
    let mut defaults = BTreeMap::new();
    for (name, value) in function.get("defaults").and_then(Json::as_object).ok_or_else(malformed)? {
        defaults.insert(name.clone(), constant(&Value::from_json(value)?));
    }
    for (name, entry) in function.get("functions").and_then(Json::as_object).into_iter().flatten() {
        defaults.insert(name.clone(), binding(entry).ok_or_else(malformed)?);
    }
    for (name, number) in function.get("sentinels").and_then(Json::as_object).into_iter().flatten() {
        defaults.insert(name.clone(), Binding::Sentinel(number.as_u64().ok_or_else(malformed)? as usize));
    }
    let mut attributes = BTreeMap::new();
    for (name, entry) in function.get("attributes").and_then(Json::as_object).into_iter().flatten() {
        attributes.insert(name.clone(), binding(entry).ok_or_else(malformed)?);
    }
    Ok(FunctionSource { file: 0, locator, bindings, defaults, attributes })
}

fn binding(entry: &Json) -> Option<Binding> {
    let text = |index: usize| entry.get(index).and_then(Json::as_str).map(str::to_string);
    let number = || entry.get(1).and_then(Json::as_u64).map(|number| number as usize);
    Some(match text(0)?.as_str() {
        "function" => Binding::Function(number()?),
        "class" => Binding::Class(number()?),
        "capture" => Binding::Capture(number()?),
        "module" => Binding::Module(text(1)?),
        "pattern" => Binding::Pattern(text(1)?, entry.get(2).and_then(Json::as_u64)? as u32),
        "member" => Binding::Member(text(1)?, text(2)?),
        "member of" => Binding::EnumMember(number()?, text(2)?),
        "sentinel" => Binding::Sentinel(number()?),
        "table" => {
            let items = entry.get(1).and_then(Json::as_array)?;
            let key = |key: &Json| match key.as_str() {
                Some(text) => Some(ir::Const::Str(Arc::from(text))),
                None => key.as_i64().map(ir::Const::Int),
            };
            let item = |item: &Json| Some((key(item.get(0)?)?, binding(item.get(1)?)?));
            Binding::Table(items.iter().map(item).collect::<Option<Vec<_>>>()?)
        }
        kind @ ("tuple" | "list") => {
            let items = entry.get(1).and_then(Json::as_array)?;
            let items = items.iter().map(binding).collect::<Option<Vec<_>>>()?;
            if kind == "tuple" { Binding::Tuple(items) } else { Binding::List(items) }
        }
        "written" => Binding::Written(text(1)?),
        "unsupported" => Binding::Unsupported(text(1)?),
        _ => return None,
    })
}

fn constant(value: &Value) -> Binding {
    match value {
        Value::None => Binding::Constant(ir::Const::None),
        Value::Bool(value) => Binding::Constant(ir::Const::Bool(*value)),
        Value::Int(value) => Binding::Constant(ir::Const::Int(*value)),
        Value::Float(value) => Binding::Constant(ir::Const::Float(*value)),
        Value::Str(text) => Binding::Constant(ir::Const::Str(Arc::from(text.as_str()))),
        Value::Tuple(items) => Binding::Tuple(items.iter().map(constant).collect()),
        other => Binding::Unsupported(format!("the default {other}")),
    }
}

/// The types a block's calls give to a function's parameters. A row's fields that are `None` in one call of the function
/// and something else in another are optional, as a column of a dataset would be.
pub fn argument_types(calls: &[&[Value]]) -> Result<Vec<Type>, String> {
    let Some(first) = calls.first() else { return Ok(Vec::new()) };
    (0..first.len())
        .map(|position| {
            let mut ty = first[position].type_of()?;
            if matches!(ty, Type::Record(_)) {
                for call in calls {
                    if let Some(other) = call.get(position) {
                        ty = join_rows(&ty, &other.type_of()?);
                    }
                }
            }
            Ok(ty)
        })
        .collect()
}

fn join_rows(ty: &Type, other: &Type) -> Type {
    let (Type::Record(a), Type::Record(b)) = (ty, other) else { return ty.clone() };
    let mut record = (**a).clone();
    for (name, field) in &mut record.fields {
        let Some(index) = b.index_of(name) else { continue };
        let theirs = &b.fields[index].1;
        if field.admits_none() || theirs.admits_none() {
            *field = field.join(theirs);
        }
    }
    Type::Record(Arc::new(record))
}
