//! The types of Fuseline IR values and how they are spelled in the text form. Owns the type lattice (`Type::join`);
//! knows nothing of memory layout (that is `layout`) or of Python syntax.

use std::fmt;
use std::sync::Arc;

use crate::text::quote_name;

/// The element type of a NumPy array, and of the NumPy scalar that indexing it gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Elem {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
}

impl Elem {
    /// Every element type, in the order of the wire form.
    pub const ALL: [Elem; 11] = [
        Elem::Bool,
        Elem::I8,
        Elem::I16,
        Elem::I32,
        Elem::I64,
        Elem::U8,
        Elem::U16,
        Elem::U32,
        Elem::U64,
        Elem::F32,
        Elem::F64,
    ];

    /// NumPy's name of the type, as in `numpy.dtype(name)`.
    pub fn name(self) -> &'static str {
        match self {
            Elem::Bool => "bool",
            Elem::I8 => "int8",
            Elem::I16 => "int16",
            Elem::I32 => "int32",
            Elem::I64 => "int64",
            Elem::U8 => "uint8",
            Elem::U16 => "uint16",
            Elem::U32 => "uint32",
            Elem::U64 => "uint64",
            Elem::F32 => "float32",
            Elem::F64 => "float64",
        }
    }

    /// The element type with this NumPy name.
    pub fn from_name(name: &str) -> Option<Elem> {
        Elem::ALL.into_iter().find(|elem| elem.name() == name)
    }

    /// Bytes of one element in memory.
    pub fn size_bytes(self) -> usize {
        match self {
            Elem::Bool | Elem::I8 | Elem::U8 => 1,
            Elem::I16 | Elem::U16 => 2,
            Elem::I32 | Elem::U32 | Elem::F32 => 4,
            Elem::I64 | Elem::U64 | Elem::F64 => 8,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Elem::F32 | Elem::F64)
    }

    pub fn is_signed(self) -> bool {
        matches!(self, Elem::I8 | Elem::I16 | Elem::I32 | Elem::I64)
    }

    /// The Python type that holds every value of this element type: `Bool`, `Int` or `Float`.
    pub fn python_type(self) -> Type {
        match self {
            Elem::Bool => Type::Bool,
            Elem::F32 | Elem::F64 => Type::Float,
            _ => Type::Int,
        }
    }
}

/// What a record is to the user; it decides how the value is shown and returned, not how it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum RecordKind {
    /// A row of a dataset: `t.name` and `t["name"]`.
    Row,
    /// A `dict` display with constant string keys, as a `map` function returns it.
    Dict,
    /// A `typing.NamedTuple` or `collections.namedtuple`.
    NamedTuple,
    /// A dataclass.
    Dataclass,
    /// An instance of a class of the standard library, such as `datetime.date`: what its fields mean is the frontend's
    /// business.
    Library,
}

/// Named fields in order. Immutable, compared by value.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RecordType {
    pub kind: RecordKind,
    /// The class name; empty for rows and dicts.
    pub name: String,
    pub fields: Vec<(String, Type)>,
}

impl RecordType {
    /// The position of the field `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|(field, _)| field == name)
    }

    /// See [`Type::tuple_item`].
    pub fn tuple_item(&self) -> Option<&Type> {
        match self.fields.as_slice() {
            [(_, Type::List(item))] if self.kind == RecordKind::Library && self.name == TUPLE => Some(item),
            _ => None,
        }
    }
}

/// The name of the records that are tuples of any length.
const TUPLE: &str = "tuple";

/// The type of an IR value. Each stands for one Python type (or a tagged union of several).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Type {
    None,
    Bool,
    /// Python's `int`, held to 64 bits: operations outside the range raise `IntTooLarge`.
    Int,
    Float,
    Str,
    /// A `range` object.
    Range,
    /// A NumPy scalar, for instance what indexing a 1-d array gives.
    Np(Elem),
    Tuple(Vec<Type>),
    Record(Arc<RecordType>),
    /// A value of one of several types, known at run time by a tag: the position in this list. Always flat, sorted,
    /// without duplicates, at least two long: build it with [`Type::union`].
    Union(Vec<Type>),
    /// A Python `list`: a reference to a growable array.
    List(Box<Type>),
    /// A NumPy array of one or two dimensions: a reference to elements owned by somebody.
    Array {
        elem: Elem,
        ndim: u8,
    },
    /// A caught exception: its class and message.
    Exception,
    Bytes,
    /// A Python `dict`: a reference to a table of keys and values, in order of insertion.
    Dict(Box<Type>, Box<Type>),
    /// A Python `set` or `frozenset`: a reference to a table of items.
    Set {
        item: Box<Type>,
        frozen: bool,
    },
    /// A reference to a mutable instance of the class of this name in [`crate::Module::classes`].
    Object(Arc<str>),
}

impl Type {
    /// The union of `types`: flat, sorted and without duplicates; the type itself when only one is left.
    pub fn union(types: impl IntoIterator<Item = Type>) -> Type {
        let mut flat = Vec::new();
        for ty in types {
            match ty {
                Type::Union(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        flat.sort();
        flat.dedup();
        match flat.len() {
            1 => flat.swap_remove(0),
            _ => Type::Union(flat),
        }
    }

    /// `self | None`.
    pub fn optional(self) -> Type {
        Type::union([self, Type::None])
    }

    /// The smallest type that holds every value of both, without changing any of them.
    pub fn join(&self, other: &Type) -> Type {
        if self == other { self.clone() } else { Type::union([self.clone(), other.clone()]) }
    }

    /// The variants of a union; the type alone otherwise.
    pub fn variants(&self) -> &[Type] {
        match self {
            Type::Union(variants) => variants,
            other => std::slice::from_ref(other),
        }
    }

    /// The tag of `variant` in this union.
    pub fn tag_of(&self, variant: &Type) -> Option<usize> {
        match self {
            Type::Union(variants) => variants.iter().position(|v| v == variant),
            _ => None,
        }
    }

    /// True when `None` is one of the values.
    pub fn admits_none(&self) -> bool {
        self.variants().contains(&Type::None)
    }

    /// The type without `None`; `Type::None` itself stays.
    pub fn without_none(&self) -> Type {
        match self {
            Type::Union(variants) => Type::union(variants.iter().filter(|v| **v != Type::None).cloned()),
            other => other.clone(),
        }
    }

    /// Whether the value is a reference: two of them may be one.
    pub fn is_reference(&self) -> bool {
        match self {
            Type::List(_) | Type::Dict(..) | Type::Set { .. } | Type::Object(_) | Type::Array { .. } => true,
            Type::None
            | Type::Bool
            | Type::Int
            | Type::Float
            | Type::Str
            | Type::Bytes
            | Type::Range
            | Type::Np(_)
            | Type::Tuple(_)
            | Type::Record(_)
            | Type::Union(_)
            | Type::Exception => false,
        }
    }

    /// Whether values of the type can be keys of a dict and items of a set.
    pub fn is_hashable(&self) -> bool {
        match self {
            Type::None
            | Type::Bool
            | Type::Int
            | Type::Float
            | Type::Str
            | Type::Bytes
            | Type::Range
            | Type::Object(_) => true,
            Type::Set { frozen, .. } => *frozen,
            Type::Tuple(items) | Type::Union(items) => items.iter().all(Type::is_hashable),
            Type::Record(record) if let Some(item) = record.tuple_item() => item.is_hashable(),
            Type::Record(record) => {
                matches!(record.kind, RecordKind::NamedTuple | RecordKind::Dataclass | RecordKind::Library)
                    && record.fields.iter().all(|(_, ty)| ty.is_hashable())
            }
            Type::Np(_) | Type::List(_) | Type::Dict(..) | Type::Array { .. } | Type::Exception => false,
        }
    }

    /// A Python `tuple` whose length is not part of its type: a record of the library around a list that nobody else has
    /// and that never changes.
    pub fn tuple_of(item: Type) -> Type {
        let fields = vec![("items".to_owned(), Type::List(Box::new(item)))];
        Type::Record(Arc::new(RecordType { kind: RecordKind::Library, name: TUPLE.to_owned(), fields }))
    }

    /// What a tuple of any length holds; `None` for every other type, tuples of a known length among them.
    pub fn tuple_item(&self) -> Option<&Type> {
        match self {
            Type::Record(record) => record.tuple_item(),
            _ => None,
        }
    }

    /// The field types of a tuple or record.
    pub fn field_types(&self) -> Option<Vec<Type>> {
        match self {
            Type::Tuple(items) => Some(items.clone()),
            Type::Record(record) => Some(record.fields.iter().map(|(_, ty)| ty.clone()).collect()),
            _ => None,
        }
    }
}

/// The spelling of the text form: `int`, `float|none`, `(int, str)`, `row{a: int}`, `list[int]`, `array[float64, 2]`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::None => f.write_str("none"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Float => f.write_str("float"),
            Type::Str => f.write_str("str"),
            Type::Range => f.write_str("range"),
            Type::Np(elem) => write!(f, "np.{}", elem.name()),
            Type::Tuple(items) => {
                f.write_str("(")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                if items.len() == 1 {
                    f.write_str(",")?;
                }
                f.write_str(")")
            }
            Type::Record(record) => {
                f.write_str(match record.kind {
                    RecordKind::Row => "row",
                    RecordKind::Dict => "dict",
                    RecordKind::NamedTuple => "namedtuple",
                    RecordKind::Dataclass => "dataclass",
                    RecordKind::Library => "library",
                })?;
                if !record.name.is_empty() {
                    write!(f, " {}", quote_name(&record.name))?;
                }
                f.write_str("{")?;
                for (index, (name, ty)) in record.fields.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    // Column names are free text.
                    write!(f, "{}: {ty}", quote_name(name))?;
                }
                f.write_str("}")
            }
            Type::Union(variants) => {
                for (index, variant) in variants.iter().enumerate() {
                    if index > 0 {
                        f.write_str("|")?;
                    }
                    write!(f, "{variant}")?;
                }
                Ok(())
            }
            Type::List(item) => write!(f, "list[{item}]"),
            Type::Array { elem, ndim } => write!(f, "array[{}, {ndim}]", elem.name()),
            Type::Exception => f.write_str("exception"),
            Type::Bytes => f.write_str("bytes"),
            Type::Dict(key, value) => write!(f, "dict[{key}, {value}]"),
            Type::Set { item, frozen: false } => write!(f, "set[{item}]"),
            Type::Set { item, frozen: true } => write!(f, "frozenset[{item}]"),
            Type::Object(class) => write!(f, "object {}", quote_name(class)),
        }
    }
}
