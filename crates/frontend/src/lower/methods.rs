//! Methods of built-in types: a table of those of `str`, and the few of numbers. Methods of lists are `sequence`, those of
//! arrays `arrays`.

use ir::{ExcKind, Op, Prim, Type};

use super::call::CallArguments;
use super::dicts::view_of;
use super::expr::non_negative_int;
use super::number::is_integer;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::nearest::nearest;
use crate::shape::python_name;

/// What a method of `str` takes besides the string.
#[derive(Clone, Copy)]
enum Takes {
    Nothing,
    Text,
    /// An optional string; the other primitive is for when it is there and not `None`.
    OptionalText(Prim),
    /// A string, or a tuple of them, and an optional part to look at; the other primitive is for such a part.
    Part(Prim),
    /// Like `Part`, but what is not found raises `ValueError`.
    Position(Prim),
    /// Two strings and an optional count.
    Replace,
    /// An optional separator and an optional count; the other primitive is for white space.
    Split(Prim),
    /// A list of strings.
    Texts,
    /// A width and an optional fill character.
    Fill,
    /// An int, with a default when it may be left out.
    Number(Option<i64>),
    /// An optional bool.
    Flag,
    /// The fields of a template.
    Fields,
    /// A mapping with the fields of a template.
    Mapping,
}

const STR_METHODS: &[(&str, Takes, Prim)] = &[
    ("capitalize", Takes::Nothing, Prim::StrCapitalize),
    ("casefold", Takes::Nothing, Prim::StrCasefold),
    ("center", Takes::Fill, Prim::StrCenter),
    ("count", Takes::Part(Prim::StrCountBetween), Prim::StrCount),
    ("endswith", Takes::Part(Prim::StrEndswithBetween), Prim::StrEndswith),
    ("expandtabs", Takes::Number(Some(8)), Prim::StrExpandtabs),
    ("find", Takes::Part(Prim::StrFindBetween), Prim::StrFind),
    ("format", Takes::Fields, Prim::StrConcat),
    ("format_map", Takes::Mapping, Prim::StrConcat),
    ("index", Takes::Position(Prim::StrFindBetween), Prim::StrFind),
    ("isalnum", Takes::Nothing, Prim::StrIsalnum),
    ("isalpha", Takes::Nothing, Prim::StrIsalpha),
    ("isascii", Takes::Nothing, Prim::StrIsascii),
    ("isdecimal", Takes::Nothing, Prim::StrIsdecimal),
    ("isdigit", Takes::Nothing, Prim::StrIsdigit),
    ("isidentifier", Takes::Nothing, Prim::StrIsidentifier),
    ("islower", Takes::Nothing, Prim::StrIslower),
    ("isnumeric", Takes::Nothing, Prim::StrIsnumeric),
    ("isprintable", Takes::Nothing, Prim::StrIsprintable),
    ("isspace", Takes::Nothing, Prim::StrIsspace),
    ("istitle", Takes::Nothing, Prim::StrIstitle),
    ("isupper", Takes::Nothing, Prim::StrIsupper),
    ("join", Takes::Texts, Prim::StrJoin),
    ("ljust", Takes::Fill, Prim::StrLjust),
    ("lower", Takes::Nothing, Prim::StrLower),
    ("lstrip", Takes::OptionalText(Prim::StrLstripChars), Prim::StrLstrip),
    ("partition", Takes::Text, Prim::StrPartition),
    ("removeprefix", Takes::Text, Prim::StrRemoveprefix),
    ("removesuffix", Takes::Text, Prim::StrRemovesuffix),
    ("replace", Takes::Replace, Prim::StrReplace),
    ("rfind", Takes::Part(Prim::StrRfindBetween), Prim::StrRfind),
    ("rindex", Takes::Position(Prim::StrRfindBetween), Prim::StrRfind),
    ("rjust", Takes::Fill, Prim::StrRjust),
    ("rpartition", Takes::Text, Prim::StrRpartition),
    ("rsplit", Takes::Split(Prim::StrRsplitWhitespace), Prim::StrRsplit),
    ("rstrip", Takes::OptionalText(Prim::StrRstripChars), Prim::StrRstrip),
    ("split", Takes::Split(Prim::StrSplitWhitespaceMax), Prim::StrSplit),
    ("splitlines", Takes::Flag, Prim::StrSplitlines),
    ("startswith", Takes::Part(Prim::StrStartswithBetween), Prim::StrStartswith),
    ("strip", Takes::OptionalText(Prim::StrStripChars), Prim::StrStrip),
    ("swapcase", Takes::Nothing, Prim::StrSwapcase),
    ("title", Takes::Nothing, Prim::StrTitle),
    ("upper", Takes::Nothing, Prim::StrUpper),
    ("zfill", Takes::Number(None), Prim::StrZfill),
];

/// Methods that CPython has and compiled code has not, so that messages can tell them from mistakes.
const STR_OTHERS: &[&str] = &["encode", "maketrans", "translate"];
const LIST_OTHERS: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const NUMBER_OTHERS: &[&str] = &[
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "conjugate",
    "from_bytes",
    "fromhex",
    "hex",
    "is_integer",
    "to_bytes",
];
const DICT_METHODS: &[&str] =
    &["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
const TUPLE_OTHERS: &[&str] = &["count", "index"];

/// Whether methods of the class can be called as functions: `str.lower(s)`.
pub fn has_methods(class: &str) -> bool {
    matches!(class, "bool" | "bytes" | "dict" | "float" | "frozenset" | "int" | "list" | "set" | "str")
}

/// Whether CPython knows an attribute of this name.
pub fn exists_in_python(ty: &Type, name: &str) -> bool {
    if name.starts_with("__") && name.ends_with("__") {
        return true;
    }
    match ty {
        Type::Str => STR_OTHERS.contains(&name) || STR_METHODS.iter().any(|(known, _, _)| *known == name),
        Type::List(_) => LIST_OTHERS.contains(&name),
        Type::Bytes => super::bytes::is_method(name),
        Type::Set { .. } => super::sets::METHODS.contains(&name),
        Type::Dict(..) => DICT_METHODS.contains(&name),
        Type::Bool | Type::Int | Type::Float => NUMBER_OTHERS.contains(&name),
        ty if ty.tuple_item().is_some() => TUPLE_OTHERS.contains(&name),
        Type::Tuple(_) | Type::Range => TUPLE_OTHERS.contains(&name),
        Type::Record(_) | Type::Array { .. } | Type::Np(_) => true,
        _ => false,
    }
}

fn is_dict(ty: &Type) -> bool {
    match ty {
        Type::Dict(..) => true,
        Type::Record(record) => record.kind == ir::RecordKind::Dict,
        _ => false,
    }
}

impl Lowerer<'_, '_> {
    /// `object.name(args)` of a plain object.
    pub fn method(&mut self, object: &Val, name: &str, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        if let Some(found) = self.collection_method(object, name, args, keywords)? {
            return Ok(found);
        }
        if self.is_str_member(object.ty()) {
            let text = self.without_enum(object)?;
            return self.method(&text, name, args, keywords);
        }
        if *object.ty() == Type::Str && name != "format" && args.iter().any(|arg| self.is_str_member(arg.ty())) {
            let args: Vec<Val> = args.iter().map(|arg| self.without_enum(arg)).collect::<Lowered<_>>()?;
            return self.method(object, name, &args, keywords);
        }
        if let Some(found) = self.special_of_container(object, name, args)? {
            return Ok(found);
        }
        let allowed = super::library_class::class_of(object.ty()).is_some()
            || *object.ty() == Type::Bytes && matches!(name, "decode" | "rsplit" | "split")
            || is_integer(object.ty()) && name == "to_bytes"
            || is_dict(object.ty()) && name == "update"
            || *object.ty() == Type::Str
                && matches!(name, "encode" | "expandtabs" | "format" | "rsplit" | "split" | "splitlines");
        // `None` has no such method, with keywords or without.
        let allowed = allowed || *object.ty() == Type::None;
        if let (Some((keyword, _)), false) = (keywords.first(), allowed) {
            let message = format!("`{name}` takes no keyword argument `{keyword}` in compiled code");
            return self.fail("wrong-arguments", message, None);
        }
        match (object.ty(), name) {
            (Type::Str, "translate") if args.len() == 1 => {
                self.call_library("builtins", "_translate", &[object.clone(), args[0].clone()])
            }
            (Type::Str, "maketrans") => self.maketrans(args),
            (Type::Str, "encode") => self.encode(object, args, keywords),
            (Type::Str, _) => {
                let found = self.str_method(object, name, args, keywords)?;
                self.made_wider(found)
            }
            (Type::Bytes, _) => self.bytes_method(object, name, args, keywords),
            (Type::Int | Type::Bool, "to_bytes") => self.int_to_bytes(object, args, keywords),
            (Type::List(_), _) => self.list_method(object, name, args),
            (Type::Dict(..), _) => self.dict_method(object, name, args, keywords),
            (Type::Set { .. }, _) => self.set_method(object, name, args),
            (ty, _) if view_of(ty).is_some() => {
                let set = self.set_of_view(object)?;
                self.set_method(&set, name, args)
            }
            (Type::Record(record), _)
                if record.kind == ir::RecordKind::Dict
                    && !(name == "get"
                        && args
                            .first()
                            .and_then(Val::known_str)
                            .is_some_and(|key| record.index_of(&key).is_some())) =>
            {
                let dict = self.demand_dict(object)?;
                self.dict_method(&dict, name, args, keywords)
            }
            (Type::Array { .. }, _) => {
                let positional = args.iter().cloned().map(Thing::Val).collect();
                let keywords = keywords.iter().map(|(name, val)| (name.clone(), Thing::Val(val.clone()))).collect();
                self.array_method(object, name, CallArguments { positional, keywords })
            }
            (Type::Float, "is_integer") if args.is_empty() => Ok(self.prim(Prim::FloatIsInteger, &[object])),
            (ty, "bit_length" | "bit_count") if args.is_empty() && is_integer(ty) => {
                let int = self.as_int(object)?;
                let count = self.call_library("builtins", &format!("_int_{name}"), &[int])?;
                Ok(Val { shape: non_negative_int(), ..count })
            }
            (ty, "as_integer_ratio") if args.is_empty() && is_integer(ty) => {
                let (int, one) = (self.as_int(object)?, self.int(1));
                Ok(self.tuple(&[int, one]))
            }
            (Type::Float, "as_integer_ratio" | "hex") if args.is_empty() => {
                self.call_library("builtins", &format!("_float_{name}"), std::slice::from_ref(object))
            }
            (ty, "conjugate") if args.is_empty() && is_integer(ty) => self.as_int(object),
            (Type::Float, "conjugate") if args.is_empty() => Ok(object.clone()),
            (Type::Np(_), "item") if args.is_empty() => Ok(self.python_number(object)),
            (Type::Record(record), _) if record.kind == ir::RecordKind::Library => {
                self.library_method(object, name, args, keywords)
            }
            (Type::Record(record), "get") if matches!(record.kind, ir::RecordKind::Row | ir::RecordKind::Dict) => {
                self.row_get(object, args)
            }
            (Type::Tuple(_), "count" | "index") => self.tuple_method(object, name, args),
            (Type::Record(record), "count" | "index") if record.kind == ir::RecordKind::NamedTuple => {
                self.tuple_method(object, name, args)
            }
            (ty, _) => {
                let ty = ty.clone();
                let shown = python_name(&ty);
                if exists_in_python(&ty, name) {
                    return self.fail("unsupported-method", format!("`{shown}.{name}` cannot be compiled"), None);
                }
                let message = format!("'{shown}' object has no attribute '{name}'");
                self.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
            }
        }
    }

    fn str_method(&mut self, text: &Val, name: &str, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        let Some((_, takes, prim)) = STR_METHODS.iter().find(|(known, _, _)| *known == name) else {
            if STR_OTHERS.contains(&name) {
                return self.fail("unsupported-method", format!("`str.{name}` cannot be compiled"), None);
            }
            let known = STR_METHODS.iter().map(|(known, _, _)| *known).chain(STR_OTHERS.iter().copied());
            let help = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
            let clash = self.clash_of(
                ExcKind::AttributeError,
                "unknown-attribute",
                format!("'str' object has no attribute '{name}'"),
            );
            return match clash {
                Err(Stop::Clash(mut clash)) => {
                    clash.help = help;
                    Err(Stop::Clash(clash))
                }
                other => other,
            };
        };
        let prim = *prim;
        let by_name = match (*takes, keywords) {
            (Takes::Number(Some(_)), [(keyword, val)]) if keyword == "tabsize" => Some(val.clone()),
            (Takes::Flag, [(keyword, val)]) if keyword == "keepends" => Some(val.clone()),
            (Takes::Number(_) | Takes::Flag, [(keyword, _), ..]) => {
                return self.clash(format!("'{keyword}' is an invalid keyword argument for {name}()"));
            }
            _ => None,
        };
        let args = if args.is_empty() { by_name.as_slice() } else { args };
        match (*takes, args) {
            (Takes::Fields, positional) => {
                let arguments = super::template::Arguments { positional, keywords, mapping: None };
                self.format_template(text, &arguments)
            }
            (Takes::Mapping, [mapping]) => {
                let arguments = super::template::Arguments { positional: &[], keywords: &[], mapping: Some(mapping) };
                self.format_template(text, &arguments)
            }
            (Takes::Nothing, []) => Ok(self.prim(prim, &[text])),
            (Takes::Text, [one]) => {
                let one = self.text_argument(one, name)?;
                Ok(self.prim(prim, &[text, &one]))
            }
            (Takes::OptionalText(_), []) => Ok(self.prim(prim, &[text])),
            (Takes::OptionalText(with), [one]) => self.each_variant(one, &mut |lowerer, one| match one.ty() {
                Type::None => Ok(lowerer.prim(prim, &[text])),
                Type::Str => Ok(lowerer.prim(with, &[text, &one])),
                _ => lowerer.clash(format!("{name} arg must be None or str")),
            }),
            (Takes::Part(between), [one, bounds @ ..]) if bounds.len() < 3 => {
                self.search_text(text, name, one, bounds, prim, between)
            }
            (Takes::Position(between), [one, bounds @ ..]) if bounds.len() < 3 => {
                let place = self.place;
                let found = self.search_text(text, name, one, bounds, prim, between)?;
                self.at_place(place);
                let zero = self.int(0);
                let is_found = self.prim(Prim::IntGe, &[&found, &zero]);
                self.require(&is_found, ExcKind::ValueError, "substring not found")?;
                Ok(found)
            }
            (Takes::Replace, [old, new, rest @ ..]) if rest.len() < 2 => {
                let (old, new) = (self.text_argument(old, name)?, self.text_argument(new, name)?);
                let count = match rest.first() {
                    Some(count) => self.as_index(count)?,
                    None => self.int(-1),
                };
                Ok(self.prim(prim, &[text, &old, &new, &count]))
            }
            (Takes::Split(on_space), args) if args.len() < 3 => self.split_text(text, args, keywords, prim, on_space),
            (Takes::Texts, [list]) => self.join_texts(text, list),
            (Takes::Fill, [width, rest @ ..]) if rest.len() < 2 => {
                let width = self.as_index(width)?;
                let fill = match rest.first() {
                    Some(fill) => self.text_argument(fill, name)?,
                    None => self.str(" "),
                };
                Ok(self.prim(prim, &[text, &width, &fill]))
            }
            (Takes::Number(_), [number]) => {
                let number = self.as_index(number)?;
                Ok(self.prim(prim, &[text, &number]))
            }
            (Takes::Number(Some(default)), []) => {
                let number = self.int(default);
                Ok(self.prim(prim, &[text, &number]))
            }
            (Takes::Flag, args) if args.len() < 2 => {
                let flag = match args.first() {
                    Some(flag) => self.each_variant(flag, &mut |lowerer, flag| lowerer.truth(&flag))?,
                    None => self.bool(false),
                };
                Ok(self.prim(prim, &[text, &flag]))
            }
            _ => {
                let message = format!("`str.{name}` cannot be compiled with {} arguments", args.len());
                self.fail("wrong-arguments", message, None)
            }
        }
    }

    /// `find`, `count`, `startswith` and the like: of a string, or of any of a tuple, in the whole text or a part.
    fn search_text(
        &mut self,
        text: &Val,
        name: &str,
        wanted: &Val,
        bounds: &[Val],
        whole: Prim,
        between: Prim,
    ) -> Lowered<Val> {
        let bounds = match bounds {
            [] => None,
            bounds => {
                let start = self.part_bound(bounds.first(), i64::MIN)?;
                let end = self.part_bound(bounds.get(1), i64::MAX)?;
                Some((start, end))
            }
        };
        let any = matches!(name, "startswith" | "endswith");
        self.each_variant(wanted, &mut |lowerer, wanted| {
            let find = |lowerer: &mut Self, wanted: &Val| match &bounds {
                None => {
                    let counts = matches!(whole, Prim::StrCount);
                    let shape = if counts { non_negative_int() } else { whole.result().into() };
                    lowerer.emit(Op::Prim(whole), &[text, wanted], shape)
                }
                Some((start, end)) => lowerer.prim(between, &[text, wanted, start, end]),
            };
            match wanted.ty() {
                Type::Str => Ok(find(lowerer, &wanted)),
                ty if any && ty.tuple_item().is_some() => lowerer.fail(
                    "unsupported-argument",
                    format!("`{name}` takes a tuple of known length in compiled code"),
                    Some("use `any(...)` over the items".to_owned()),
                ),
                Type::Tuple(_) if any => {
                    let mut found = lowerer.bool(false);
                    for item in lowerer.fields(&wanted) {
                        let item = lowerer.text_argument(&item, name)?;
                        let here = find(lowerer, &item);
                        let yes = lowerer.bool(true);
                        found = lowerer.select(&found, &yes, &here);
                    }
                    Ok(found)
                }
                other if any => {
                    let shown = python_name(other);
                    lowerer.clash(format!("{name} first arg must be str or a tuple of str, not {shown}"))
                }
                other => {
                    let shown = python_name(other);
                    lowerer.clash(format!("must be str, not {shown}"))
                }
            }
        })
    }

    /// A bound of the part to look at; `None` and nothing stand for the end of the text.
    pub fn part_bound(&mut self, bound: Option<&Val>, missing: i64) -> Lowered<Val> {
        let Some(bound) = bound else { return Ok(self.int(missing)) };
        self.each_variant(bound, &mut |lowerer, bound| match bound.ty() {
            Type::None => Ok(lowerer.int(missing)),
            _ => lowerer.slice_int(&bound),
        })
    }

    /// `str.maketrans(...)`.
    pub fn maketrans(&mut self, args: &[Val]) -> Lowered<Val> {
        let function = match args.len() {
            1 => "_maketrans_mapping",
            2 => "_maketrans_pairs",
            3 => "_maketrans_removing",
            count => return self.clash(format!("maketrans expected at most 3 arguments, got {count}")),
        };
        for arg in args.iter().filter(|_| args.len() > 1) {
            if *arg.ty() != Type::Str {
                let found = python_name(arg.ty());
                return self.clash(format!("maketrans() argument must be str, not {found}"));
            }
        }
        let mut vals = args.to_vec();
        for val in &mut vals {
            if is_dict(val.ty()) && matches!(val.ty(), Type::Record(_)) {
                *val = self.demand_dict(val)?;
            }
        }
        self.call_library("builtins", function, &vals)
    }

    fn text_argument(&mut self, val: &Val, name: &str) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Str => Ok(val),
            other => {
                let shown = python_name(other);
                lowerer.clash(format!("{name}() argument must be str, not {shown}"))
            }
        })
    }

    fn split_text(
        &mut self,
        text: &Val,
        args: &[Val],
        keywords: &[(String, Val)],
        on_text: Prim,
        on_space: Prim,
    ) -> Lowered<Val> {
        let named = |name: &str| keywords.iter().find(|(known, _)| known == name).map(|(_, val)| val.clone());
        if let Some((unknown, _)) = keywords.iter().find(|(known, _)| known != "sep" && known != "maxsplit") {
            return self.clash(format!("'{unknown}' is an invalid keyword argument for split()"));
        }
        let separator = args.first().cloned().or_else(|| named("sep"));
        let count = match args.get(1).cloned().or_else(|| named("maxsplit")) {
            Some(count) => Some(self.as_index(&count)?),
            None => None,
        };
        let none = self.none();
        self.each_variant(&separator.unwrap_or(none), &mut |lowerer, separator| match separator.ty() {
            Type::None => match &count {
                None => Ok(lowerer.prim(Prim::StrSplitWhitespace, &[text])),
                Some(count) => Ok(lowerer.prim(on_space, &[text, count])),
            },
            Type::Str => {
                let count = match &count {
                    Some(count) => count.clone(),
                    None => lowerer.int(-1),
                };
                Ok(lowerer.prim(on_text, &[text, &separator, &count]))
            }
            other => {
                let shown = python_name(other);
                lowerer.clash(format!("must be str or None, not {shown}"))
            }
        })
    }

    pub fn join_texts(&mut self, separator: &Val, items: &Val) -> Lowered<Val> {
        self.each_variant(items, &mut |lowerer, items| match items.ty() {
            Type::List(item) if **item == Type::Str => Ok(lowerer.prim(Prim::StrJoin, &[separator, &items])),
            Type::List(_) if lowerer.known_element(&items).is_none() => Ok(lowerer.str("")),
            Type::List(item) if lowerer.may_hold(item, &Type::Str) => {
                let texts = lowerer.call_library("builtins", "_texts", &[items])?;
                match lowerer.known_element(&texts) {
                    Some(_) => Ok(lowerer.prim(Prim::StrJoin, &[separator, &texts])),
                    None => Ok(lowerer.str("")),
                }
            }
            Type::List(item) => {
                let shown = python_name(item);
                lowerer.clash(format!("sequence item 0: expected str instance, {shown} found"))
            }
            ty if ty == &Type::None || super::number::is_number(ty) => lowerer.clash("can only join an iterable"),
            _ => {
                let place = lowerer.place;
                let source = lowerer.source_of(&items)?;
                let list = lowerer.collect_list(source, place.start | 1 << 29)?;
                lowerer.at_place(place);
                if *list.ty() == *items.ty() { Err(Stop::Failed) } else { lowerer.join_texts(separator, &list) }
            }
        })
    }

    /// `row.get("name")`: every column of a row is known.
    fn row_get(&mut self, row: &Val, args: &[Val]) -> Lowered<Val> {
        let Type::Record(record) = row.ty().clone() else { return Err(Stop::Failed) };
        let Some(key) = args.first().and_then(Val::known_str) else {
            return self.fail("unsupported-operation", "the name of a column must be a string literal here", None);
        };
        match record.index_of(&key) {
            Some(index) => Ok(self.field(row, index)),
            None => {
                let fields = record.fields.iter().map(|(field, _)| field.as_str());
                let help = nearest(&key, fields).map(|near| format!("did you mean `{near}`?"));
                self.fail("unknown-field", format!("there is no column `{key}`"), help)
            }
        }
    }
}
