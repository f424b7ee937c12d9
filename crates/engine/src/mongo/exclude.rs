//! Rows that a predicate certainly turns down, as a filter that leaves their documents out. A document is only left out when
//! its values are of the very types their columns have: whatever would raise or does not fit is still sent, and the compiled
//! predicate still runs over everything that comes.

use arrow::datatypes::{DataType, Schema};
use mongodb::bson::{Bson, Document, doc};

use super::command::can_project;
use crate::false_paths::{Comparison, Condition, Operand, Test};

/// A filter that lets everything through but rows that meet all conditions of one of the `paths`; `names` are the columns'
/// names by position. The flag says whether text is compared.
pub(super) fn filter(paths: &[Vec<Condition>], names: &[String], schema: &Schema) -> Option<(Document, bool)> {
    let mut clauses = Vec::new();
    let mut text = false;
    for path in paths {
        let tests: Option<Vec<Document>> = path.iter().map(|condition| test(condition, names, schema)).collect();
        let Some(tests) = tests else { continue };
        text |= path.iter().any(Condition::compares_text);
        clauses.push(match <[Document; 1]>::try_from(tests) {
            Ok([only]) => Bson::Document(only),
            Err(several) => Bson::Document(doc! { "$and": several }),
        });
    }
    (!clauses.is_empty()).then(|| (doc! { "$nor": clauses }, text))
}

/// Documents that certainly meet the condition.
fn test(condition: &Condition, names: &[String], schema: &Schema) -> Option<Document> {
    let name = names.get(condition.column)?;
    if !can_project(std::slice::from_ref(name)) {
        return None;
    }
    let field = schema.field_with_name(name).ok()?;
    let types = exact_types(field.data_type())?;
    // An array matches where one of its items does, so it is ruled out by name.
    let no_array = doc! { "$type": "array" };
    let tested = match (&condition.test, condition.holds) {
        (Test::IsNone, true) => doc! { "$eq": null, "$not": no_array },
        (Test::IsNone, false) => doc! { "$type": types, "$not": no_array },
        (Test::IsTrue, holds) if *field.data_type() == DataType::Boolean => doc! { "$eq": holds, "$not": no_array },
        (Test::IsTrue, _) => return None,
        (Test::Compare(comparison, operand), holds) => {
            let value = match (operand, field.data_type()) {
                (Operand::Int(value), DataType::Int32 | DataType::Int64 | DataType::Float64) => Bson::Int64(*value),
                (Operand::Float(value), DataType::Int32 | DataType::Int64 | DataType::Float64) => Bson::Double(*value),
                (Operand::Text(text), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {
                    Bson::String(text.clone())
                }
                _ => return None,
            };
            doc! { operator(*comparison, holds): value, "$type": types, "$not": no_array }
        }
    };
    Some(doc! { name: tested })
}

/// The BSON types whose values this column takes without a look at the value.
fn exact_types(data_type: &DataType) -> Option<Vec<&'static str>> {
    Some(match data_type {
        DataType::Int32 => vec!["int"],
        DataType::Int64 => vec!["int", "long"],
        DataType::Float64 => vec!["double", "int"],
        DataType::Boolean => vec!["bool"],
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => vec!["string"],
        _ => return None,
    })
}

/// Where a comparison fails, its opposite holds; for NaN neither does, and the document is sent.
fn operator(comparison: Comparison, holds: bool) -> &'static str {
    match (comparison, holds) {
        (Comparison::Eq, true) | (Comparison::Ne, false) => "$eq",
        (Comparison::Ne, true) | (Comparison::Eq, false) => "$ne",
        (Comparison::Lt, true) | (Comparison::Ge, false) => "$lt",
        (Comparison::Le, true) | (Comparison::Gt, false) => "$lte",
        (Comparison::Gt, true) | (Comparison::Le, false) => "$gt",
        (Comparison::Ge, true) | (Comparison::Lt, false) => "$gte",
    }
}
