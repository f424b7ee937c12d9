//! `bytes`: methods, conversions from and to text and ints. What `bytes` shares with other sequences (indexing,
//! slices, loops, comparison) is where those are.

use ir::{Const, Op, Prim, Type};

use super::expr::non_negative_int;
use super::number::is_integer;
use super::{Lowered, Lowerer, Stop, Val};
use crate::nearest::nearest;
use crate::shape::python_name;

/// What a method takes besides the bytes.
#[derive(Clone, Copy)]
enum Takes {
    /// Nothing; the number says which of the primitive's operations it is.
    Kind(i64),
    Nothing,
    /// Bytes or an int, and optional bounds.
    Part,
    /// Like `Part`, but what is not found raises `ValueError`.
    Position,
    /// Bytes or a tuple of them, and optional bounds.
    Ends,
    /// Optional characters; the number says which sides.
    Sides(i64),
    /// A function of the library, written in Python.
    Library(&'static str),
    Replace,
    Split,
    Join,
    Decode,
}

const METHODS: &[(&str, Takes, Prim)] = &[
    ("capitalize", Takes::Kind(3), Prim::BytesCase),
    ("center", Takes::Library("_bytes_center"), Prim::BytesLen),
    ("count", Takes::Part, Prim::BytesCount),
    ("decode", Takes::Decode, Prim::BytesDecode),
    ("endswith", Takes::Ends, Prim::BytesEndswith),
    ("find", Takes::Part, Prim::BytesFind),
    ("hex", Takes::Nothing, Prim::BytesHex),
    ("index", Takes::Position, Prim::BytesFind),
    ("isalnum", Takes::Kind(0), Prim::BytesTest),
    ("isalpha", Takes::Kind(1), Prim::BytesTest),
    ("isascii", Takes::Kind(2), Prim::BytesTest),
    ("isdigit", Takes::Kind(3), Prim::BytesTest),
    ("islower", Takes::Kind(4), Prim::BytesTest),
    ("isspace", Takes::Kind(5), Prim::BytesTest),
    ("istitle", Takes::Kind(6), Prim::BytesTest),
    ("isupper", Takes::Kind(7), Prim::BytesTest),
    ("join", Takes::Join, Prim::BytesJoin),
    ("ljust", Takes::Library("_bytes_ljust"), Prim::BytesLen),
    ("lower", Takes::Kind(0), Prim::BytesCase),
    ("lstrip", Takes::Sides(1), Prim::BytesStrip),
    ("partition", Takes::Library("_bytes_partition"), Prim::BytesLen),
    ("removeprefix", Takes::Library("_bytes_removeprefix"), Prim::BytesLen),
    ("removesuffix", Takes::Library("_bytes_removesuffix"), Prim::BytesLen),
    ("replace", Takes::Replace, Prim::BytesReplace),
    ("rfind", Takes::Part, Prim::BytesRfind),
    ("rindex", Takes::Position, Prim::BytesRfind),
    ("rjust", Takes::Library("_bytes_rjust"), Prim::BytesLen),
    ("rpartition", Takes::Library("_bytes_rpartition"), Prim::BytesLen),
    ("rsplit", Takes::Split, Prim::BytesRsplit),
    ("rstrip", Takes::Sides(2), Prim::BytesStrip),
    ("split", Takes::Split, Prim::BytesSplit),
    ("startswith", Takes::Ends, Prim::BytesStartswith),
    ("strip", Takes::Sides(3), Prim::BytesStrip),
    ("swapcase", Takes::Kind(2), Prim::BytesCase),
    ("title", Takes::Kind(4), Prim::BytesCase),
    ("upper", Takes::Kind(1), Prim::BytesCase),
    ("zfill", Takes::Library("_bytes_zfill"), Prim::BytesLen),
];

const WHITE_SPACE: &[u8] = b" \t\n\r\x0b\x0c";

/// Whether CPython's `bytes` has a method of this name.
pub fn is_method(name: &str) -> bool {
    METHODS.iter().any(|(known, _, _)| *known == name)
        || matches!(name, "expandtabs" | "fromhex" | "maketrans" | "splitlines" | "translate")
}

impl Lowerer<'_, '_> {
    pub fn bytes(&mut self, value: &[u8]) -> Val {
        self.constant(Const::Bytes(value.into()))
    }

    pub fn bytes_length(&mut self, val: &Val) -> Val {
        self.emit(Op::Prim(Prim::BytesLen), &[val], non_negative_int())
    }

    /// Bytes to look for: an int stands for one byte.
    fn needle(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Bytes => Ok(val),
            ty if is_integer(ty) => {
                let int = lowerer.as_int(&val)?;
                let zero = lowerer.int(0);
                let limit = lowerer.int(256);
                let above = lowerer.prim(Prim::IntGe, &[&int, &zero]);
                let below = lowerer.prim(Prim::IntLt, &[&int, &limit]);
                let no = lowerer.bool(false);
                let inside = lowerer.select(&above, &below, &no);
                lowerer.require(&inside, ir::ExcKind::ValueError, "byte must be in range(0, 256)")?;
                let list = lowerer.list_of(&[int])?;
                Ok(lowerer.prim(Prim::BytesOfInts, &[&list]))
            }
            other => {
                let found = python_name(other);
                lowerer.clash(format!("argument should be integer or bytes-like object, not '{found}'"))
            }
        })
    }

    fn bytes_argument(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Bytes => Ok(val),
            other => {
                let found = python_name(other);
                lowerer.clash(format!("a bytes-like object is required, not '{found}'"))
            }
        })
    }

    /// `item in bytes`.
    pub fn bytes_contains(&mut self, bytes: &Val, item: &Val) -> Lowered<Val> {
        let needle = self.needle(item)?;
        let (start, end) = (self.int(i64::MIN), self.int(i64::MAX));
        let found = self.prim(Prim::BytesFind, &[bytes, &needle, &start, &end]);
        let zero = self.int(0);
        Ok(self.prim(Prim::IntGe, &[&found, &zero]))
    }

    fn bounds(&mut self, bounds: &[Val]) -> Lowered<(Val, Val)> {
        let start = self.part_bound(bounds.first(), i64::MIN)?;
        let end = self.part_bound(bounds.get(1), i64::MAX)?;
        Ok((start, end))
    }

    /// `bytes.name(args)`.
    pub fn bytes_method(&mut self, object: &Val, name: &str, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        let Some((_, takes, prim)) = METHODS.iter().find(|(known, _, _)| *known == name) else {
            let help = nearest(name, METHODS.iter().map(|(known, _, _)| *known));
            let help = help.map(|near| format!("did you mean `{near}`?"));
            if is_method(name) {
                return self.fail("unsupported-method", format!("`bytes.{name}` cannot be compiled"), help);
            }
            let message = format!("'bytes' object has no attribute '{name}'");
            return self.clash_of(ir::ExcKind::AttributeError, "unknown-attribute", message);
        };
        let prim = *prim;
        match (*takes, args) {
            (Takes::Kind(kind), []) => {
                let kind = self.int(kind);
                Ok(self.prim(prim, &[object, &kind]))
            }
            (Takes::Nothing, []) => Ok(self.prim(prim, &[object])),
            (Takes::Part | Takes::Position, [needle, rest @ ..]) if rest.len() < 3 => {
                let needle = self.needle(needle)?;
                let (start, end) = self.bounds(rest)?;
                let found = self.prim(prim, &[object, &needle, &start, &end]);
                if matches!(takes, Takes::Position) {
                    let zero = self.int(0);
                    let is_found = self.prim(Prim::IntGe, &[&found, &zero]);
                    self.require(&is_found, ir::ExcKind::ValueError, "subsection not found")?;
                }
                Ok(found)
            }
            (Takes::Ends, [wanted, rest @ ..]) if rest.len() < 3 => {
                let (start, end) = self.bounds(rest)?;
                self.each_variant(wanted, &mut |lowerer, wanted| {
                    let items = match wanted.ty() {
                        Type::Tuple(_) => lowerer.fields(&wanted),
                        _ => vec![wanted.clone()],
                    };
                    let mut found = lowerer.bool(false);
                    for item in items {
                        let item = lowerer.bytes_argument(&item)?;
                        let here = lowerer.prim(prim, &[object, &item, &start, &end]);
                        let yes = lowerer.bool(true);
                        found = lowerer.select(&found, &yes, &here);
                    }
                    Ok(found)
                })
            }
            (Takes::Sides(sides), args) if args.len() < 2 => {
                let characters = match args.first() {
                    Some(val) if *val.ty() != Type::None => self.bytes_argument(val)?,
                    _ => self.bytes(WHITE_SPACE),
                };
                let sides = self.int(sides);
                Ok(self.prim(prim, &[object, &characters, &sides]))
            }
            (Takes::Library(function), args) => {
                let mut vals = vec![object.clone()];
                vals.extend_from_slice(args);
                self.call_library("builtins", function, &vals)
            }
            (Takes::Replace, [old, new, rest @ ..]) if rest.len() < 2 => {
                let (old, new) = (self.bytes_argument(old)?, self.bytes_argument(new)?);
                let limit = match rest.first() {
                    Some(limit) => self.as_index(limit)?,
                    None => self.int(-1),
                };
                Ok(self.prim(prim, &[object, &old, &new, &limit]))
            }
            (Takes::Split, args) if args.len() < 3 => self.split_bytes(object, name, prim, args, keywords),
            (Takes::Join, [items]) => self.join_bytes(object, items),
            (Takes::Decode, args) if args.len() < 3 => {
                let (encoding, errors) = self.codec(args, keywords)?;
                Ok(self.prim(prim, &[object, &encoding, &errors]))
            }
            _ => {
                let message = format!("`bytes.{name}` cannot be compiled with {} arguments", args.len());
                self.fail("wrong-arguments", message, None)
            }
        }
    }

    fn split_bytes(
        &mut self,
        object: &Val,
        name: &str,
        prim: Prim,
        args: &[Val],
        keywords: &[(String, Val)],
    ) -> Lowered<Val> {
        let named = |name: &str| keywords.iter().find(|(known, _)| known == name).map(|(_, val)| val.clone());
        let limit = match args.get(1).cloned().or_else(|| named("maxsplit")) {
            Some(limit) => self.as_index(&limit)?,
            None => self.int(-1),
        };
        let none = self.none();
        let separator = args.first().cloned().or_else(|| named("sep")).unwrap_or(none);
        self.each_variant(&separator, &mut |lowerer, separator| match separator.ty() {
            Type::None if name == "split" => Ok(lowerer.prim(Prim::BytesSplitSpace, &[object, &limit])),
            Type::None => lowerer.fail("unsupported-method", "`bytes.rsplit` needs a separator here", None),
            _ => {
                let separator = lowerer.bytes_argument(&separator)?;
                Ok(lowerer.prim(prim, &[object, &separator, &limit]))
            }
        })
    }

    pub fn join_bytes(&mut self, separator: &Val, items: &Val) -> Lowered<Val> {
        self.each_variant(items, &mut |lowerer, items| match items.ty() {
            Type::List(item) if **item == Type::Bytes => Ok(lowerer.prim(Prim::BytesJoin, &[separator, &items])),
            Type::List(_) if lowerer.known_element(&items).is_none() => Ok(lowerer.bytes(b"")),
            Type::List(item) if lowerer.may_hold(item, &Type::Bytes) => {
                let parts = lowerer.call_library("builtins", "_byte_strings", &[items])?;
                match lowerer.known_element(&parts) {
                    Some(_) => Ok(lowerer.prim(Prim::BytesJoin, &[separator, &parts])),
                    None => Ok(lowerer.bytes(b"")),
                }
            }
            Type::List(item) => {
                let found = python_name(item);
                lowerer.clash(format!("sequence item 0: expected a bytes-like object, {found} found"))
            }
            _ => {
                let place = lowerer.place;
                let source = lowerer.source_of(&items)?;
                let list = lowerer.collect_list(source, place.start | 1 << 29)?;
                lowerer.at_place(place);
                if *list.ty() == *items.ty() { Err(Stop::Failed) } else { lowerer.join_bytes(separator, &list) }
            }
        })
    }

    // Conversions.

    /// The encoding and the errors of `encode` and `decode`, as the numbers of the runtime. They must be constants.
    pub fn codec(&mut self, args: &[Val], keywords: &[(String, Val)]) -> Lowered<(Val, Val)> {
        let named = |name: &str| keywords.iter().find(|(known, _)| known == name).map(|(_, val)| val);
        let known = |val: Option<&Val>, default: &str| match val {
            Some(val) => val.known_str().map(|text| text.to_ascii_lowercase().replace([' ', '_'], "-")),
            None => Some(default.to_owned()),
        };
        let encoding = match known(args.first().or_else(|| named("encoding")), "utf-8").as_deref() {
            Some("utf-8" | "utf8" | "u8" | "cp65001") => 0,
            Some("ascii" | "646") => 1,
            Some("latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "8859" | "l1") => 2,
            _ => {
                return self.fail(
                    "unsupported-argument",
                    "this encoding cannot be compiled",
                    Some("use `utf-8`, `ascii` or `latin-1`, as a constant".to_owned()),
                );
            }
        };
        let errors = match known(args.get(1).or_else(|| named("errors")), "strict").as_deref() {
            Some("strict") => 0,
            Some("ignore") => 1,
            Some("replace") => 2,
            _ => {
                return self.fail(
                    "unsupported-argument",
                    "this handling of errors cannot be compiled",
                    Some("use `strict`, `ignore` or `replace`, as a constant".to_owned()),
                );
            }
        };
        Ok((self.int(encoding), self.int(errors)))
    }

    /// `str.encode`.
    pub fn encode(&mut self, text: &Val, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        let (encoding, errors) = self.codec(args, keywords)?;
        Ok(self.prim(Prim::StrEncode, &[text, &encoding, &errors]))
    }

    /// `bytes(val, encoding, errors)`.
    pub fn bytes_of(&mut self, val: &Val, rest: &[Val]) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Bytes if rest.is_empty() => Ok(val),
            Type::Str if !rest.is_empty() => lowerer.encode(&val, rest, &[]),
            Type::Str => lowerer.clash("string argument without an encoding"),
            ty if is_integer(ty) && rest.is_empty() => {
                let count = lowerer.as_int(&val)?;
                let zero = lowerer.int(0);
                let enough = lowerer.prim(Prim::IntGe, &[&count, &zero]);
                lowerer.require(&enough, ir::ExcKind::ValueError, "negative count")?;
                let byte = lowerer.bytes(b"\0");
                Ok(lowerer.prim(Prim::BytesRepeat, &[&byte, &count]))
            }
            Type::List(item) if is_integer(item) && rest.is_empty() => {
                if **item == Type::Int {
                    return Ok(lowerer.prim(Prim::BytesOfInts, &[&val]));
                }
                lowerer.fail("unsupported-argument", "`bytes` of a list of bools cannot be compiled", None)
            }
            Type::List(_) if lowerer.known_element(&val).is_none() => Ok(lowerer.bytes(b"")),
            Type::List(item) if lowerer.may_hold(item, &Type::Int) => {
                if item.variants().iter().any(|ty| matches!(ty, Type::Np(_))) {
                    return lowerer.fail(
                        "unsupported-argument",
                        "`bytes` of NumPy scalars among others cannot be compiled",
                        None,
                    );
                }
                let numbers = lowerer.call_library("builtins", "_byte_numbers", &[val])?;
                Ok(lowerer.prim(Prim::BytesOfInts, &[&numbers]))
            }
            Type::List(item) => {
                let found = python_name(item);
                lowerer.clash(format!("'{found}' object cannot be interpreted as an integer"))
            }
            Type::Float | Type::None => {
                let found = python_name(val.ty());
                lowerer.clash(format!("cannot convert '{found}' object to bytes"))
            }
            _ => {
                let place = lowerer.place;
                let source = lowerer.source_of(&val)?;
                let list = lowerer.collect_list(source, place.start | 1 << 29)?;
                lowerer.at_place(place);
                if *list.ty() == *val.ty() { Err(Stop::Failed) } else { lowerer.bytes_of(&list, rest) }
            }
        })
    }

    /// `byteorder` and `signed` of `int.from_bytes` and `int.to_bytes`: whether little, whether signed.
    fn byte_order(&mut self, order: Option<&Val>, keywords: &[(String, Val)]) -> Lowered<(Val, Val)> {
        let named = |name: &str| keywords.iter().find(|(known, _)| known == name).map(|(_, val)| val.clone());
        let little = match order.cloned().or_else(|| named("byteorder")) {
            None => false,
            Some(order) => match order.known_str().as_deref() {
                Some("little") => true,
                Some("big") => false,
                _ => {
                    let help = Some("write \"little\" or \"big\"".to_owned());
                    return self.fail("unsupported-argument", "the byte order must be a constant", help);
                }
            },
        };
        let signed = match named("signed") {
            Some(signed) => self.each_variant(&signed, &mut |lowerer, val| lowerer.truth(&val))?,
            None => self.bool(false),
        };
        Ok((self.bool(little), signed))
    }

    /// `int.from_bytes(bytes, byteorder, *, signed)`.
    pub fn int_from_bytes(&mut self, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        let [bytes, rest @ ..] = args else {
            return self.clash("from_bytes() missing required argument 'bytes' (pos 1)");
        };
        let bytes = self.bytes_of(bytes, &[])?;
        let (little, signed) = self.byte_order(rest.first(), keywords)?;
        Ok(self.prim(Prim::IntFromBytes, &[&bytes, &little, &signed]))
    }

    /// `bytes.fromhex(text)`.
    pub fn bytes_from_hex(&mut self, args: &[Val]) -> Lowered<Val> {
        let [text] = args else {
            return self.clash(format!("bytes.fromhex() takes exactly one argument ({} given)", args.len()));
        };
        self.each_variant(text, &mut |lowerer, val| match val.ty() {
            Type::Str => Ok(lowerer.prim(Prim::BytesFromHex, &[&val])),
            other => {
                let found = python_name(other);
                lowerer.clash(format!("fromhex() argument must be str, not {found}"))
            }
        })
    }

    /// `n.to_bytes(length, byteorder, *, signed)`.
    pub fn int_to_bytes(&mut self, number: &Val, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        let named = |name: &str| keywords.iter().find(|(known, _)| known == name).map(|(_, val)| val.clone());
        let length = match args.first().cloned().or_else(|| named("length")) {
            Some(length) => self.as_index(&length)?,
            None => self.int(1),
        };
        let number = self.as_int(number)?;
        let (little, signed) = self.byte_order(args.get(1), keywords)?;
        Ok(self.prim(Prim::IntToBytes, &[&number, &length, &little, &signed]))
    }
}
