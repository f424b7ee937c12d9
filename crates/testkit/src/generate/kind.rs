//! The types of generated expressions: their text form, patterns with variables, and what may be asked of their values.

use crate::random::Random;

/// A type. In a pattern it may hold [`Kind::Var`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Bool,
    Int,
    Float,
    Str,
    Bytes,
    List(Box<Kind>),
    Tuple(Vec<Kind>),
    Dict(Box<Kind>, Box<Kind>),
    Set(Box<Kind>),
    /// A value or `None`.
    Optional(Box<Kind>),
    /// Something to iterate over once.
    Iter(Box<Kind>),
    /// One of several, known at run time only: what branches left in it. Only operations that every type has.
    Any,
    /// Known by the forms that name it only: a class of the program, a date, an array.
    Opaque(String),
    /// Stands for a type in a pattern; the letter says for which ones.
    Var(char),
}

const SCALARS: [Kind; 4] = [Kind::Int, Kind::Float, Kind::Bool, Kind::Str];

impl Kind {
    /// Reads a type such as `dict[str,list[T]]`.
    pub fn parse(text: &str) -> Kind {
        let (kind, rest) = Kind::parse_first(text);
        assert!(rest.is_empty(), "`{text}` is not a type of the generator");
        kind
    }

    /// The type that the text begins with, and what follows it.
    pub fn parse_first(text: &str) -> (Kind, &str) {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, mut rest) = text.split_at(end);
        let mut items = Vec::new();
        if let Some(inner) = rest.strip_prefix('[')
            && matches!(name, "list" | "tuple" | "dict" | "set" | "opt" | "iter")
        {
            rest = inner;
            loop {
                let (item, after) = Kind::parse_first(rest);
                items.push(item);
                rest = &after[1..];
                if after.starts_with(']') {
                    break;
                }
            }
        }
        let mut items = items.into_iter().map(Box::new);
        let mut next = || items.next().unwrap_or(Box::new(Kind::Any));
        let kind = match name {
            "bool" => Kind::Bool,
            "int" => Kind::Int,
            "float" => Kind::Float,
            "str" => Kind::Str,
            "bytes" => Kind::Bytes,
            "any" => Kind::Any,
            "list" => Kind::List(next()),
            "set" => Kind::Set(next()),
            "opt" => Kind::Optional(next()),
            "iter" => Kind::Iter(next()),
            "dict" => Kind::Dict(next(), next()),
            "tuple" => Kind::Tuple(items.map(|item| *item).collect()),
            _ => match name.chars().next() {
                Some(letter) if name.len() == 1 && letter.is_ascii_uppercase() => Kind::Var(letter),
                _ => Kind::Opaque(name.to_string()),
            },
        };
        (kind, rest)
    }

    /// The text that [`Kind::parse`] reads.
    pub fn text(&self) -> String {
        match self {
            Kind::Bool => "bool".into(),
            Kind::Int => "int".into(),
            Kind::Float => "float".into(),
            Kind::Str => "str".into(),
            Kind::Bytes => "bytes".into(),
            Kind::Any => "any".into(),
            Kind::List(item) => format!("list[{}]", item.text()),
            Kind::Set(item) => format!("set[{}]", item.text()),
            Kind::Optional(item) => format!("opt[{}]", item.text()),
            Kind::Iter(item) => format!("iter[{}]", item.text()),
            Kind::Dict(key, value) => format!("dict[{},{}]", key.text(), value.text()),
            Kind::Tuple(items) => format!("tuple[{}]", items.iter().map(Kind::text).collect::<Vec<_>>().join(",")),
            Kind::Opaque(name) => name.clone(),
            Kind::Var(letter) => letter.to_string(),
        }
    }

    /// The annotation of a parameter, where one can be written.
    pub fn annotation(&self) -> Option<String> {
        Some(match self {
            Kind::Bool | Kind::Int | Kind::Float | Kind::Str | Kind::Bytes => self.text(),
            Kind::List(item) => format!("list[{}]", item.annotation()?),
            Kind::Set(item) => format!("set[{}]", item.annotation()?),
            Kind::Optional(item) => format!("{} | None", item.annotation()?),
            Kind::Dict(key, value) => format!("dict[{}, {}]", key.annotation()?, value.annotation()?),
            Kind::Tuple(items) => {
                let items: Option<Vec<String>> = items.iter().map(Kind::annotation).collect();
                format!("tuple[{}]", items?.join(", "))
            }
            Kind::Iter(_) | Kind::Any | Kind::Opaque(_) | Kind::Var(_) => return None,
        })
    }

    /// The parts that a type is made of.
    fn parts(&self) -> Vec<&Kind> {
        match self {
            Kind::List(item) | Kind::Set(item) | Kind::Optional(item) | Kind::Iter(item) => vec![item],
            Kind::Dict(key, value) => vec![key, value],
            Kind::Tuple(items) => items.iter().collect(),
            Kind::Bool | Kind::Int | Kind::Float | Kind::Str | Kind::Bytes => vec![],
            Kind::Any | Kind::Opaque(_) | Kind::Var(_) => vec![],
        }
    }

    /// Whether a NaN may be in the value: CPython compares the items of containers by identity first, so that the same
    /// NaN object is equal to itself there (difference 9).
    pub fn may_hold_nan(&self) -> bool {
        matches!(self, Kind::Float | Kind::Any | Kind::Opaque(_)) || self.parts().into_iter().any(Kind::may_hold_nan)
    }

    /// Whether `repr` of the value is the same everywhere: a set of strings has another order in every process.
    pub fn is_shown_alike(&self) -> bool {
        match self {
            Kind::Set(item) => item.has_fixed_hash(),
            Kind::Iter(_) | Kind::Opaque(_) | Kind::Var(_) => false,
            other => other.parts().into_iter().all(Kind::is_shown_alike),
        }
    }

    /// Whether CPython's hash of the value is the same in every process, and with it the order of a set.
    pub fn has_fixed_hash(&self) -> bool {
        match self {
            Kind::Bool | Kind::Int | Kind::Float => true,
            Kind::Tuple(items) => items.iter().all(Kind::has_fixed_hash),
            _ => false,
        }
    }

    /// Whether the value can be a key. Floats are left out: NaN is a key by its identity.
    pub fn is_key(&self) -> bool {
        match self {
            Kind::Bool | Kind::Int | Kind::Str | Kind::Bytes => true,
            Kind::Tuple(items) => items.iter().all(Kind::is_key),
            _ => false,
        }
    }

    /// Whether every two values can be compared, and a sort of them has one outcome: NaN has no place.
    pub fn is_ordered(&self) -> bool {
        match self {
            Kind::Bool | Kind::Int | Kind::Str | Kind::Bytes => true,
            Kind::Tuple(items) => items.iter().all(Kind::is_ordered),
            Kind::List(item) => item.is_ordered(),
            _ => false,
        }
    }

    /// Whether the value can be an argument or a result of a call from outside.
    pub fn crosses(&self) -> bool {
        match self {
            Kind::Opaque(name) => name.starts_with("array") || name.starts_with("value"),
            Kind::Iter(_) | Kind::Var(_) => false,
            other => other.parts().into_iter().all(Kind::crosses),
        }
    }

    /// Whether the variable of a pattern may stand for the type.
    fn admits(letter: char, kind: &Kind) -> bool {
        match letter {
            // An array has no truth value.
            'T' | 'U' => !matches!(kind, Kind::Iter(_) | Kind::Any) && !kind.text().contains("array"),
            'K' | 'L' => kind.is_key(),
            'H' => kind.is_key() && kind.has_fixed_hash(),
            'O' => kind.is_ordered(),
            'S' => SCALARS.contains(kind) || *kind == Kind::Bytes,
            'N' => matches!(kind, Kind::Int | Kind::Float),
            'E' => !kind.may_hold_nan() && !matches!(kind, Kind::Iter(_)),
            'R' => kind.is_shown_alike(),
            _ => false,
        }
    }

    /// Whether the pattern can stand for the type; notes what its variables stand for.
    pub fn matches(&self, kind: &Kind, bound: &mut Vec<(char, Kind)>) -> bool {
        match (self, kind) {
            (Kind::Var(letter), _) => match bound.iter().find(|(known, _)| known == letter) {
                Some((_, known)) => known == kind,
                None if Kind::admits(*letter, kind) => {
                    bound.push((*letter, kind.clone()));
                    true
                }
                None => false,
            },
            (Kind::List(a), Kind::List(b))
            | (Kind::Set(a), Kind::Set(b))
            | (Kind::Optional(a), Kind::Optional(b))
            | (Kind::Iter(a), Kind::Iter(b)) => a.matches(b, bound),
            (Kind::Dict(a, x), Kind::Dict(b, y)) => a.matches(b, bound) && x.matches(y, bound),
            (Kind::Tuple(a), Kind::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.matches(b, bound)),
            _ => self == kind,
        }
    }

    /// The pattern with its variables replaced; those that stand for nothing yet get a type.
    pub fn resolve(&self, random: &mut Random, bound: &mut Vec<(char, Kind)>) -> Kind {
        let mut all = |kinds: &[Kind]| kinds.iter().map(|kind| kind.resolve(random, bound)).collect::<Vec<_>>();
        match self {
            Kind::Var(letter) => {
                if let Some((_, known)) = bound.iter().find(|(known, _)| known == letter) {
                    return known.clone();
                }
                let kind = Kind::any_for(*letter, random);
                bound.push((*letter, kind.clone()));
                kind
            }
            Kind::List(item) => Kind::List(Box::new(item.resolve(random, bound))),
            Kind::Set(item) => Kind::Set(Box::new(item.resolve(random, bound))),
            Kind::Optional(item) => Kind::Optional(Box::new(item.resolve(random, bound))),
            Kind::Iter(item) => Kind::Iter(Box::new(item.resolve(random, bound))),
            Kind::Dict(key, value) => {
                let key = key.resolve(random, bound);
                Kind::Dict(Box::new(key), Box::new(value.resolve(random, bound)))
            }
            Kind::Tuple(items) => Kind::Tuple(all(items)),
            other => other.clone(),
        }
    }

    /// A type that the variable may stand for.
    fn any_for(letter: char, random: &mut Random) -> Kind {
        match letter {
            'K' | 'L' => Kind::key(random),
            'H' => Kind::parse(random.pick(&["int", "int", "tuple[int,bool]", "bool"])),
            'O' => Kind::parse(random.pick(&["int", "str", "tuple[int,str]", "bool", "bytes", "list[int]"])),
            'N' => Kind::parse(random.pick(&["int", "float"])),
            'E' => {
                Kind::parse(random.pick(&["int", "str", "bytes", "list[int]", "dict[str,int]", "set[str]", "opt[int]"]))
            }
            'R' => {
                Kind::parse(random.pick(&["int", "float", "str", "bytes", "list[float]", "opt[str]", "dict[int,str]"]))
            }
            _ => Kind::scalar(random),
        }
    }

    pub fn scalar(random: &mut Random) -> Kind {
        SCALARS[random.below(SCALARS.len())].clone()
    }

    fn key(random: &mut Random) -> Kind {
        Kind::parse(random.pick(&["int", "int", "str", "str", "tuple[int,bool]", "bytes"]))
    }

    /// A container type.
    pub fn container(random: &mut Random) -> Kind {
        match random.below(14) {
            0..=2 => Kind::List(Box::new(Kind::scalar(random))),
            3 => Kind::List(Box::new(Kind::Tuple(vec![Kind::scalar(random), Kind::scalar(random)]))),
            4 => Kind::List(Box::new(Kind::List(Box::new(Kind::scalar(random))))),
            5 => Kind::List(Box::new(Kind::Optional(Box::new(Kind::scalar(random))))),
            6..=7 => Kind::Tuple((0..1 + random.below(3)).map(|_| Kind::scalar(random)).collect()),
            8..=9 => Kind::Dict(Box::new(Kind::key(random)), Box::new(Kind::scalar(random))),
            10 => Kind::Dict(Box::new(Kind::key(random)), Box::new(Kind::List(Box::new(Kind::Int)))),
            11 => Kind::Optional(Box::new(Kind::scalar(random))),
            12 => Kind::Bytes,
            _ => Kind::Set(Box::new(Kind::key(random))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_as_it_is_written() {
        for text in ["int", "dict[str,list[T]]", "tuple[int,opt[float],set[bytes]]", "date", "iter[tuple[K,U]]"] {
            assert_eq!(Kind::parse(text).text(), text);
        }
    }

    #[test]
    fn a_variable_stands_for_one_type() {
        let pattern = Kind::parse("dict[K,list[T]]");
        let mut bound = Vec::new();
        assert!(pattern.matches(&Kind::parse("dict[str,list[float]]"), &mut bound));
        assert_eq!(bound, [('K', Kind::Str), ('T', Kind::Float)]);
        assert!(!pattern.matches(&Kind::parse("dict[int,list[float]]"), &mut bound), "K is str");
        assert!(!Kind::parse("set[K]").matches(&Kind::parse("set[float]"), &mut Vec::new()), "a float is no key");
    }
}
