//! Annotations and signatures: the types people write. Knows nothing of values or of inference.

use crate::parse::{ast, parse_expression};

/// A signature such as `(float, int | None) -> float`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    pub params: Vec<ir::Type>,
    pub result: Option<ir::Type>,
}

/// Reads a signature: types in parentheses, then, if wanted, `->` and the result's type.
pub fn parse_signature(text: &str) -> Result<Signature, String> {
    let text = text.trim();
    let (params, result) = match text.rsplit_once("->") {
        Some((params, result)) => (params.trim(), Some(result.trim())),
        None => (text, None),
    };
    let inner = params
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(|| format!("`{text}` is not a signature such as `(float, int) -> float`"))?;
    // The parentheses make it one expression: a tuple of types. A lone `()` has no parameters.
    let params = match parse_expression(&format!("({inner},)")) {
        Some(ast::Expr::Tuple(tuple)) => tuple.elts.iter().map(annotation_type).collect(),
        _ if inner.trim().is_empty() => Ok(Vec::new()),
        _ => match parse_expression(&format!("({inner})")) {
            Some(ast::Expr::Tuple(tuple)) => tuple.elts.iter().map(annotation_type).collect(),
            _ => Err(format!("`{inner}` is not a list of types")),
        },
    }?;
    let result = match result {
        Some(result) => Some(type_of_text(result)?),
        None => None,
    };
    Ok(Signature { params, result })
}

/// The type that a text such as `tuple[int, float] | None` names.
pub fn type_of_text(text: &str) -> Result<ir::Type, String> {
    match parse_expression(text) {
        Some(expr) => annotation_type(&expr),
        None => Err(format!("`{text}` is not a type")),
    }
}

/// The type that an annotation stands for; the error is a message for the person who wrote it.
pub fn annotation_type(expr: &ast::Expr) -> Result<ir::Type, String> {
    match expr {
        ast::Expr::Name(name) => named_type(name.id.as_str()),
        ast::Expr::Attribute(attribute) => named_type(attribute.attr.as_str()),
        ast::Expr::NoneLiteral(_) => Ok(ir::Type::None),
        ast::Expr::StringLiteral(text) => type_of_text(text.value.to_str()),
        ast::Expr::BinOp(union) if union.op == ast::Operator::BitOr => {
            Ok(ir::Type::union([annotation_type(&union.left)?, annotation_type(&union.right)?]))
        }
        ast::Expr::Subscript(subscript) => generic_type(subscript),
        _ => Err("this annotation is not a type that can be compiled".to_owned()),
    }
}

fn named_type(name: &str) -> Result<ir::Type, String> {
    match name {
        "int" => Ok(ir::Type::Int),
        "float" => Ok(ir::Type::Float),
        "bool" => Ok(ir::Type::Bool),
        "str" => Ok(ir::Type::Str),
        "bytes" => Ok(ir::Type::Bytes),
        "None" => Ok(ir::Type::None),
        "range" => Ok(ir::Type::Range),
        "Array" | "ndarray" | "NDArray" => Err(ARRAY_HELP.to_owned()),
        // The names of NumPy's scalar types, `numpy.bool_` included.
        other => ir::Elem::from_name(other.strip_suffix('_').unwrap_or(other))
            .map(ir::Type::Np)
            .ok_or_else(|| format!("`{other}` is not a type that can be compiled")),
    }
}

fn generic_type(subscript: &ast::ExprSubscript) -> Result<ir::Type, String> {
    let name = match &*subscript.value {
        ast::Expr::Name(name) => name.id.as_str(),
        ast::Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => "",
    };
    let items: Vec<&ast::Expr> = match &*subscript.slice {
        ast::Expr::Tuple(tuple) => tuple.elts.iter().collect(),
        single => vec![single],
    };
    match (name, items.as_slice()) {
        ("Optional", [item]) => Ok(annotation_type(item)?.optional()),
        ("Union", items) if !items.is_empty() => {
            let types: Result<Vec<_>, _> = items.iter().map(|item| annotation_type(item)).collect();
            Ok(ir::Type::union(types?))
        }
        ("dict" | "Dict" | "Mapping" | "MutableMapping", [key, value]) => {
            let key = annotation_type(key)?;
            if !key.is_hashable() {
                return Err(format!("`{key}` cannot be the key of a `dict`"));
            }
            Ok(ir::Type::Dict(Box::new(key), Box::new(annotation_type(value)?)))
        }
        ("set" | "Set" | "MutableSet" | "AbstractSet" | "frozenset" | "FrozenSet", [item]) => {
            let item = annotation_type(item)?;
            if !item.is_hashable() {
                return Err(format!("`{item}` cannot be in a `set`"));
            }
            let frozen = matches!(name, "frozenset" | "FrozenSet");
            Ok(ir::Type::Set { item: Box::new(item), frozen })
        }
        ("list" | "List", [item]) => Ok(ir::Type::List(Box::new(annotation_type(item)?))),
        ("tuple" | "Tuple", [item, ast::Expr::EllipsisLiteral(_)]) => Ok(ir::Type::tuple_of(annotation_type(item)?)),
        ("tuple" | "Tuple", [ast::Expr::Tuple(empty)]) if empty.elts.is_empty() => Ok(ir::Type::Tuple(Vec::new())),
        ("tuple" | "Tuple", items) => {
            let types: Result<Vec<_>, _> = items.iter().map(|item| annotation_type(item)).collect();
            Ok(ir::Type::Tuple(types?))
        }
        ("Array", [item]) => array_type(item, 1),
        ("Array", [item, ast::Expr::NumberLiteral(dimensions)]) => match &dimensions.value {
            ast::Number::Int(count) => array_type(item, count.as_u8().unwrap_or(0)),
            _ => Err(ARRAY_HELP.to_owned()),
        },
        ("Array", _) => Err(ARRAY_HELP.to_owned()),
        ("NDArray" | "ndarray", _) => Err(ARRAY_HELP.to_owned()),
        ("Final" | "ClassVar", [item]) => annotation_type(item),
        ("Annotated", [item, ..]) => annotation_type(item),
        _ => Err("this annotation is not a type that can be compiled".to_owned()),
    }
}

/// NumPy's own annotations do not say how many dimensions there are.
const ARRAY_HELP: &str = "an array is written `fl.Array[float]` or, with two dimensions, `fl.Array[float, 2]`";

/// `Array[elem, dimensions]`: Python's number types stand for NumPy's of 64 bits.
fn array_type(elem: &ast::Expr, dimensions: u8) -> Result<ir::Type, String> {
    let elem = match annotation_type(elem)? {
        ir::Type::Bool => ir::Elem::Bool,
        ir::Type::Int => ir::Elem::I64,
        ir::Type::Float => ir::Elem::F64,
        ir::Type::Np(elem) => elem,
        other => return Err(format!("an array cannot hold `{other}`")),
    };
    match dimensions {
        1 | 2 => Ok(ir::Type::Array { elem, ndim: dimensions }),
        _ => Err("an array has one or two dimensions".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_signature;

    #[test]
    fn signatures() {
        for (text, shown) in [
            ("(float, float) -> float", "float, float -> float"),
            ("()", " -> ?"),
            ("( int | None , ) -> Optional[str]", "none|int -> none|str"),
            ("(tuple[int, float], list[str]) -> tuple[()]", "(int, float), list[str] -> ()"),
            ("(np.float32) -> None", "np.float32 -> none"),
            ("(fl.Array[float, 2], Array[np.int32]) -> float", "array[float64, 2], array[int32, 1] -> float"),
        ] {
            let signature = parse_signature(text).unwrap();
            let params: Vec<String> = signature.params.iter().map(|ty| ty.to_string()).collect();
            let result = signature.result.map_or("?".to_owned(), |ty| ty.to_string());
            assert_eq!(format!("{} -> {result}", params.join(", ")), shown, "{text}");
        }
        for text in
            ["", "float", "(float", "(decimal)", "(int) -> 3", "(fl.Array[str])", "(fl.Array[int, 3])", "(np.ndarray)"]
        {
            assert!(parse_signature(text).is_err(), "{text}");
        }
    }
}
