//! The module `re`: functions, compiled patterns and matches. A pattern is a constant: `pattern` reads it when the function
//! is compiled. A match is a record of the text and of the spans of its groups; what a group is called and whether it takes
//! part in every match is in the record's type.

use std::sync::Arc;

use ir::{ExcKind, Op, Prim, RecordKind, RecordType, Type};

use super::expr::non_negative_int;
use super::iterate::Source;
use super::value::Static;
use super::{Edge, Lowered, Lowerer, Stop, Thing, Val, Var};
use crate::nearest::nearest;
use crate::parse::ast::{self, Expr, Ranged};
use crate::pattern::{self, FLAGS, Group, Pattern};
use crate::shape::{Shape, python_name};

/// Every few items of a list as one item.
pub struct Strided {
    list: Val,
    stride: i64,
    make: Make,
}

/// What is made of the items.
enum Make {
    /// A match in the text, by its spans.
    Match(Val, Vec<Group>),
    /// A tuple of strings.
    Tuple,
}

/// The class name of matches.
pub const MATCH: &str = "re.Match";
/// The fields of a match before those of its groups: the text, the spans, and where in them this match's start.
const FIELDS: usize = 3;

/// The functions with their parameters. Those of a compiled pattern lack the pattern and the flags.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("compile", &["pattern", "flags"]),
    ("escape", &["pattern"]),
    ("findall", &["pattern", "string", "flags"]),
    ("finditer", &["pattern", "string", "flags"]),
    ("fullmatch", &["pattern", "string", "flags"]),
    ("match", &["pattern", "string", "flags"]),
    ("search", &["pattern", "string", "flags"]),
    ("split", &["pattern", "string", "maxsplit", "flags"]),
    ("sub", &["pattern", "repl", "string", "count", "flags"]),
    ("subn", &["pattern", "repl", "string", "count", "flags"]),
];

const METHODS: &[(&str, &[&str])] = &[
    ("findall", &["string"]),
    ("finditer", &["string"]),
    ("fullmatch", &["string", "pos", "endpos"]),
    ("match", &["string", "pos", "endpos"]),
    ("search", &["string", "pos", "endpos"]),
    ("split", &["string", "maxsplit"]),
    ("sub", &["repl", "string", "count"]),
    ("subn", &["repl", "string", "count"]),
];

/// A call's arguments by the names of the parameters.
type Given<'p> = Vec<(&'static str, &'p Expr)>;

fn given<'p>(arguments: &Given<'p>, name: &str) -> Option<&'p Expr> {
    arguments.iter().find(|(known, _)| *known == name).map(|(_, expr)| *expr)
}

impl<'p> Lowerer<'_, 'p> {
    /// A member of `re`.
    pub fn regex_member(&mut self, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        let names = || FUNCTIONS.iter().map(|(known, _)| *known).chain(FLAGS.iter().map(|(known, _)| *known));
        if names().any(|known| known == name) {
            return Ok(Thing::Static(Static::Member("re".to_owned(), name.to_owned())));
        }
        let help = nearest(name, names()).map(|near| format!("did you mean `re.{near}`?"));
        self.fail_at(node, "unknown-attribute", format!("`re` has no `{name}` that can be compiled"), help)
    }

    /// `re.name(...)`.
    pub fn call_regex(&mut self, name: &str, call: &'p ast::ExprCall) -> Lowered<Thing> {
        let Some((_, params)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            return self.fail_at(call, "type-mismatch", format!("`re.{name}` cannot be called"), None);
        };
        let arguments = self.regex_arguments(call, name, params, 1)?;
        let Some(first) = given(&arguments, "pattern") else { return Err(Stop::Failed) };
        if name == "escape" {
            let val = self.expr(first)?;
            self.at_call(call);
            let text = self.subject(&val)?;
            return Ok(Thing::Val(self.prim(Prim::ReEscape, &[&text])));
        }
        let (text, flags) = self.pattern_argument(first, given(&arguments, "flags"))?;
        if name == "compile" {
            self.read_pattern(&text, flags, first)?;
            return Ok(Thing::Static(Static::Pattern(text, flags)));
        }
        let pattern = self.read_pattern(&text, flags, first)?;
        self.use_pattern(&pattern, name, &arguments, call).map(Thing::Val)
    }

    /// `compiled.name(...)`.
    pub fn call_pattern(&mut self, text: &str, flags: u32, name: &str, call: &'p ast::ExprCall) -> Lowered<Thing> {
        let Some((_, params)) = METHODS.iter().find(|(known, _)| *known == name) else {
            let help =
                nearest(name, METHODS.iter().map(|(known, _)| *known)).map(|near| format!("did you mean `{near}`?"));
            return self.fail_at(call, "unsupported-method", format!("`re.Pattern.{name}` cannot be compiled"), help);
        };
        let arguments = self.regex_arguments(call, name, params, 1)?;
        let pattern = self.read_pattern(text, flags, call)?;
        self.use_pattern(&pattern, name, &arguments, call).map(Thing::Val)
    }

    /// `compiled.name`.
    pub fn pattern_attribute(&mut self, text: &str, flags: u32, attribute: &'p ast::ExprAttribute) -> Lowered<Thing> {
        match attribute.attr.as_str() {
            "pattern" => Ok(Thing::Val(self.str(text))),
            "groups" => {
                let pattern = self.read_pattern(text, flags, attribute)?;
                Ok(Thing::Val(self.int(pattern.groups.len() as i64)))
            }
            other => {
                let message = format!("`{other}` of a compiled regular expression cannot be used here");
                self.fail_at(&attribute.attr, "unsupported-attribute", message, None)
            }
        }
    }

    fn regex_arguments(
        &mut self,
        call: &'p ast::ExprCall,
        name: &str,
        params: &'static [&'static str],
        required: usize,
    ) -> Lowered<Given<'p>> {
        let mut found: Given<'p> = Vec::new();
        let refused = |lowerer: &mut Self| {
            let message = format!("`{name}` cannot be compiled with these arguments");
            lowerer.fail_at(call, "wrong-arguments", message, Some(format!("it takes {}", params.join(", "))))
        };
        if call.arguments.args.len() > params.len() || call.arguments.args.iter().any(Expr::is_starred_expr) {
            return refused(self);
        }
        found.extend(params.iter().copied().zip(&*call.arguments.args));
        for keyword in &call.arguments.keywords {
            let known = keyword.arg.as_ref().and_then(|arg| params.iter().find(|param| **param == arg.as_str()));
            match known {
                Some(param) if given(&found, param).is_none() => found.push((param, &keyword.value)),
                _ => return refused(self),
            }
        }
        let needed = |param: &&str| matches!(*param, "pattern" | "string" | "repl");
        if params.iter().filter(|param| needed(param)).any(|param| given(&found, param).is_none()) || required == 0 {
            return refused(self);
        }
        Ok(found)
    }

    fn pattern_argument(&mut self, expr: &'p Expr, flags: Option<&'p Expr>) -> Lowered<(String, u32)> {
        match self.thing(expr)? {
            Thing::Static(Static::Pattern(text, known)) if flags.is_none() => Ok((text, known)),
            Thing::Val(val) if *val.ty() == Type::Str => {
                let Some(text) = val.known_str() else {
                    return self.fail_at(
                        expr,
                        "unsupported-operation",
                        "a regular expression must be a constant in compiled code",
                        Some("compile it with `re.compile` outside of the function, or write it here".to_owned()),
                    );
                };
                let flags = match flags {
                    Some(flags) => self.regex_flags(flags)?,
                    None => 0,
                };
                Ok((text.to_string(), flags))
            }
            _ => self.fail_at(expr, "type-mismatch", "first argument must be string or compiled pattern", None),
        }
    }

    /// Flags are known when compiling: names of `re`, and `|` between them.
    fn regex_flags(&mut self, expr: &'p Expr) -> Lowered<u32> {
        match expr {
            Expr::BinOp(both) if both.op == ast::Operator::BitOr => {
                Ok(self.regex_flags(&both.left)? | self.regex_flags(&both.right)?)
            }
            Expr::NumberLiteral(_) => match self.expr(expr)?.known_int() {
                Some(0) => Ok(0),
                _ => self.fail_at(expr, "unsupported-argument", "flags must be names of `re` here", None),
            },
            _ => {
                if let Thing::Static(Static::Member(module, name)) = self.thing(expr)?
                    && module == "re"
                    && let Some(flag) = pattern::flag(&name)
                {
                    return Ok(flag);
                }
                self.fail_at(expr, "unsupported-argument", "flags must be names of `re` here", None)
            }
        }
    }

    fn read_pattern(&mut self, text: &str, flags: u32, node: &impl Ranged) -> Lowered<Pattern> {
        match pattern::read(text, flags) {
            Ok(pattern) => Ok(pattern),
            Err(refusal) => {
                let message = format!("{} at position {}", refusal.message, refusal.position);
                self.fail_at(node, "invalid-pattern", message, None)
            }
        }
    }

    /// The text that is searched.
    fn subject(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Str => Ok(val),
            Type::Bytes => lowerer.clash("cannot use a string pattern on a bytes-like object"),
            other => {
                let shown = python_name(other);
                lowerer.clash(format!("expected string or bytes-like object, got '{shown}'"))
            }
        })
    }

    fn use_pattern(
        &mut self,
        pattern: &Pattern,
        name: &str,
        arguments: &Given<'p>,
        call: &'p ast::ExprCall,
    ) -> Lowered<Val> {
        if matches!(name, "sub" | "subn") {
            return self.substitute(pattern, name, arguments, call);
        }
        let subject = self.subject_of(arguments, call)?;
        let program = self.str(&pattern.program);
        match name {
            "findall" => match pattern.groups.len() {
                0 | 1 => Ok(self.prim(Prim::ReFindAll, &[&program, &subject])),
                groups => {
                    let list = self.prim(Prim::ReFindAll, &[&program, &subject]);
                    let strided = Strided { list, stride: groups as i64, make: Make::Tuple };
                    let key = call.start().to_u32() | 1 << 28;
                    let tuples = self.collect_list(Source::Strided(Box::new(strided)), key)?;
                    self.at_call(call);
                    Ok(tuples)
                }
            },
            "split" => {
                if pattern.groups.iter().any(|group| !group.always) {
                    return self.fail(
                        "unsupported-operation",
                        "`split` by a pattern with a group that may take no part cannot be compiled",
                        Some("write the group as `(?:...)`".to_owned()),
                    );
                }
                let limit = self.limit(given(arguments, "maxsplit"), call)?;
                Ok(self.prim(Prim::ReSplit, &[&program, &subject, &limit]))
            }
            "finditer" => {
                let limit = self.int(0);
                let strided = self.matches(pattern, &subject, &limit);
                let key = call.start().to_u32() | 1 << 28;
                let list = self.collect_list(Source::Strided(Box::new(strided)), key)?;
                self.at_call(call);
                self.call_library("builtins", "_iterate", &[list])
            }
            mode => {
                let mode = ["search", "match", "fullmatch"].iter().position(|known| *known == mode).unwrap_or(0);
                self.find_match(pattern, &subject, mode as i64, arguments, call)
            }
        }
    }

    fn subject_of(&mut self, arguments: &Given<'p>, call: &'p ast::ExprCall) -> Lowered<Val> {
        let Some(string) = given(arguments, "string") else { return Err(Stop::Failed) };
        let val = self.expr(string)?;
        self.at_call(call);
        self.subject(&val)
    }

    /// How many matches are taken; 0 for all.
    fn limit(&mut self, expr: Option<&'p Expr>, call: &'p ast::ExprCall) -> Lowered<Val> {
        match expr {
            Some(expr) => {
                let val = self.expr(expr)?;
                self.at_call(call);
                self.as_index(&val)
            }
            None => Ok(self.int(0)),
        }
    }

    fn find_match(
        &mut self,
        pattern: &Pattern,
        subject: &Val,
        mode: i64,
        arguments: &Given<'p>,
        call: &'p ast::ExprCall,
    ) -> Lowered<Val> {
        let offset = |lowerer: &mut Self, name: &str| match given(arguments, name) {
            Some(expr) => {
                let val = lowerer.expr(expr)?;
                lowerer.at_call(call);
                let position = lowerer.as_index(&val)?;
                Ok(Some(lowerer.prim(Prim::StrByteOffset, &[subject, &position])))
            }
            None => Ok(None),
        };
        let (start, end) = (offset(self, "pos")?, offset(self, "endpos")?);
        let zero = self.int(0);
        let searched = match end {
            // The text ends there, for `$` and `\b`, too.
            Some(end) => self.prim(Prim::StrByteSlice, &[subject, &zero, &end]),
            None => subject.clone(),
        };
        let start = start.unwrap_or_else(|| zero.clone());
        let (program, mode) = (self.str(&pattern.program), self.int(mode));
        let spans = self.prim(Prim::ReFind, &[&program, &searched, &start, &mode]);
        let length = self.emit(Op::ListLen, &[&spans], non_negative_int());
        let found = self.prim(Prim::IntGt, &[&length, &zero]);
        let (yes, no) = self.branch(&found)?;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        if let Some(edge) = yes {
            self.attach(edge);
            let base = self.int(0);
            let made = self.make_match(subject, &spans, &base, &pattern.groups);
            edges.extend(self.detach().map(|edge| (edge, made)));
        }
        if let Some(edge) = no {
            self.attach(edge);
            let none = self.none();
            edges.extend(self.detach().map(|edge| (edge, none)));
        }
        self.join_values(edges)
    }

    // `sub`.

    fn substitute(
        &mut self,
        pattern: &Pattern,
        name: &str,
        arguments: &Given<'p>,
        call: &'p ast::ExprCall,
    ) -> Lowered<Val> {
        let Some(replacement) = given(arguments, "repl") else { return Err(Stop::Failed) };
        let template = match self.thing(replacement)? {
            Thing::Static(function) => {
                if name == "subn" {
                    return self.fail_at(
                        call,
                        "unsupported-function",
                        "`subn` with a function cannot be compiled",
                        None,
                    );
                }
                return self.substitute_calls(pattern, &function, arguments, call);
            }
            Thing::Val(template) => template,
        };
        let subject = self.subject_of(arguments, call)?;
        let limit = self.limit(given(arguments, "count"), call)?;
        let encoded = match template.known_str() {
            Some(text) => match pattern::replacement(&text, &pattern.groups) {
                Ok(encoded) => self.str(&encoded),
                Err(refusal) => {
                    let message = format!("{} at position {}", refusal.message, refusal.position);
                    return self.fail_at(replacement, "invalid-pattern", message, None);
                }
            },
            None => self.each_variant(&template, &mut |lowerer, template| match template.ty() {
                Type::Str => Ok(lowerer.prim(Prim::ReTemplate, &[&template])),
                other => {
                    let shown = python_name(other);
                    lowerer.clash(format!("expected str instance, {shown} found"))
                }
            })?,
        };
        let program = self.str(&pattern.program);
        let both = self.prim(Prim::ReSubstitute, &[&program, &encoded, &subject, &limit]);
        if name == "subn" {
            return Ok(both);
        }
        Ok(self.field(&both, 0))
    }

    /// `sub` with a function of the match.
    fn substitute_calls(
        &mut self,
        pattern: &Pattern,
        function: &Static,
        arguments: &Given<'p>,
        call: &'p ast::ExprCall,
    ) -> Lowered<Val> {
        let subject = self.subject_of(arguments, call)?;
        let limit = self.limit(given(arguments, "count"), call)?;
        let strided = self.matches(pattern, &subject, &limit);
        let place = self.place;
        let hidden = self.var_count();
        let (empty, zero) = (self.str(""), self.int(0));
        let text = self.hidden(Var::Bound(Val { known: None, ..empty }));
        let copied = self.hidden(Var::Bound(Val { known: None, ..zero }));
        let exits = self.open_collector();
        let source = Source::Strided(Box::new(strided));
        let lowered = self.for_each(source, place.start, &[text, copied], None, exits, &mut |lowerer, found| {
            lowerer.at_place(place);
            let (start, end) = (lowerer.span_bound(&found, 0), lowerer.span_bound(&found, 1));
            let from = lowerer.hidden_val(copied)?;
            let between = lowerer.prim(Prim::StrByteSlice, &[&subject, &from, &start]);
            let replaced = lowerer.call_static(function, &[found])?;
            lowerer.at_place(place);
            let replaced = lowerer.each_variant(&replaced, &mut |lowerer, val| match val.ty() {
                Type::Str => Ok(val),
                other => {
                    let shown = python_name(other);
                    lowerer.clash(format!("expected str instance, {shown} found"))
                }
            })?;
            let before = lowerer.hidden_val(text)?;
            let joined = lowerer.prim(Prim::StrConcat, &[&before, &between]);
            let joined = lowerer.prim(Prim::StrConcat, &[&joined, &replaced]);
            lowerer.set_val(text, joined);
            lowerer.set_val(copied, end);
            Ok(())
        });
        let ends = self.close_collector(exits);
        lowered?;
        self.join(ends, None)?;
        self.at_place(place);
        let (text, copied) = (self.hidden_val(text)?, self.hidden_val(copied)?);
        self.drop_hidden(hidden);
        let length = self.prim(Prim::StrByteLen, &[&subject]);
        let rest = self.prim(Prim::StrByteSlice, &[&subject, &copied, &length]);
        Ok(self.prim(Prim::StrConcat, &[&text, &rest]))
    }

    // `finditer`.

    /// A call of `finditer` as something to iterate over.
    pub fn regex_source(&mut self, call: &'p ast::ExprCall) -> Lowered<Option<Source<'p>>> {
        let (pattern, arguments) = match &*call.func {
            Expr::Attribute(attribute) if attribute.attr.as_str() == "finditer" => {
                let Expr::Name(_) = &*attribute.value else { return Ok(None) };
                match self.thing(&attribute.value)? {
                    Thing::Static(Static::Pattern(text, flags)) => {
                        let arguments = self.regex_arguments(call, "finditer", &["string"], 1)?;
                        (self.read_pattern(&text, flags, call)?, arguments)
                    }
                    Thing::Static(Static::Module(module)) if module == "re" => self.finditer_arguments(call)?,
                    _ => return Ok(None),
                }
            }
            Expr::Name(_) => match self.thing(&call.func)? {
                Thing::Static(Static::Member(module, name)) if module == "re" && name == "finditer" => {
                    self.finditer_arguments(call)?
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let subject = self.subject_of(&arguments, call)?;
        let limit = self.int(0);
        Ok(Some(Source::Strided(Box::new(self.matches(&pattern, &subject, &limit)))))
    }

    fn finditer_arguments(&mut self, call: &'p ast::ExprCall) -> Lowered<(Pattern, Given<'p>)> {
        let arguments = self.regex_arguments(call, "finditer", &["pattern", "string", "flags"], 1)?;
        let Some(first) = given(&arguments, "pattern") else { return Err(Stop::Failed) };
        let (text, flags) = self.pattern_argument(first, given(&arguments, "flags"))?;
        Ok((self.read_pattern(&text, flags, first)?, arguments))
    }

    /// All matches.
    fn matches(&mut self, pattern: &Pattern, subject: &Val, limit: &Val) -> Strided {
        let program = self.str(&pattern.program);
        let list = self.prim(Prim::ReFindSpans, &[&program, subject, limit]);
        let stride = 2 * (pattern.groups.len() as i64 + 1);
        Strided { list, stride, make: Make::Match(subject.clone(), pattern.groups.clone()) }
    }

    /// How many items there are.
    pub fn strided_length(&mut self, strided: &Strided) -> Lowered<Val> {
        let length = self.emit(Op::ListLen, &[&strided.list], non_negative_int());
        let stride = self.int(strided.stride);
        Ok(self.emit(Op::Prim(Prim::IntFloorDiv), &[&length, &stride], non_negative_int()))
    }

    /// The item of this number.
    pub fn strided_item(&mut self, strided: &Strided, number: &Val) -> Lowered<Val> {
        let stride = self.int(strided.stride);
        let base = self.emit(Op::Prim(Prim::IntMulWrap), &[number, &stride], non_negative_int());
        match &strided.make {
            Make::Match(subject, groups) => Ok(self.make_match(subject, &strided.list, &base, groups)),
            Make::Tuple => {
                let mut items = Vec::new();
                for index in 0..strided.stride {
                    let index = self.int(index);
                    let at = self.prim(Prim::IntAddWrap, &[&base, &index]);
                    items.push(self.emit(Op::ListGet, &[&strided.list, &at], Type::Str));
                }
                Ok(self.tuple(&items))
            }
        }
    }

    // Matches.

    fn make_match(&mut self, subject: &Val, spans: &Val, base: &Val, groups: &[Group]) -> Val {
        let mut fields = vec![
            ("text".to_owned(), Type::Str),
            ("spans".to_owned(), spans.ty().clone()),
            ("base".to_owned(), Type::Int),
        ];
        let none = self.none();
        let nothing = self.tuple(&[]);
        let plain = |val: &Val| Val { shape: Shape::from(val.ty().clone()), known: None, ..val.clone() };
        let mut items = vec![plain(subject), plain(spans), plain(base)];
        for (index, group) in groups.iter().enumerate() {
            let name = match &group.name {
                Some(name) => format!("group {name}"),
                None => format!("group {}", index + 1),
            };
            let marker = if group.always { nothing.clone() } else { none.clone() };
            fields.push((name, marker.ty().clone()));
            items.push(marker);
        }
        let record = RecordType { kind: RecordKind::Library, name: MATCH.to_owned(), fields };
        self.aggregate(Type::Record(Arc::new(record)), &items)
    }

    /// A start or an end: their number in the match's spans.
    fn span_bound(&mut self, found: &Val, number: i64) -> Val {
        let (spans, base) = (self.field(found, 1), self.field(found, 2));
        let number = self.int(number);
        let at = self.prim(Prim::IntAddWrap, &[&base, &number]);
        self.emit(Op::ListGet, &[&spans, &at], Type::Int)
    }

    /// The text of a group, or `default` where it took no part.
    fn group_text(&mut self, found: &Val, group: usize, default: Option<&Val>) -> Lowered<Val> {
        let text = self.field(found, 0);
        let number = 2 * group as i64;
        let (start, end) = (self.span_bound(found, number), self.span_bound(found, number + 1));
        if group == 0 || is_always(found.ty(), group) {
            return Ok(self.prim(Prim::StrByteSlice, &[&text, &start, &end]));
        }
        let zero = self.int(0);
        let present = self.prim(Prim::IntGe, &[&start, &zero]);
        let (yes, no) = self.branch(&present)?;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        if let Some(edge) = yes {
            self.attach(edge);
            let part = self.prim(Prim::StrByteSlice, &[&text, &start, &end]);
            edges.extend(self.detach().map(|edge| (edge, part)));
        }
        if let Some(edge) = no {
            self.attach(edge);
            let missing = match default {
                Some(default) => default.clone(),
                None => self.none(),
            };
            edges.extend(self.detach().map(|edge| (edge, missing)));
        }
        self.join_values(edges)
    }

    /// The number of a group that is named by a number or a name.
    fn group_number(&mut self, found: &Val, key: &Val) -> Lowered<usize> {
        let names = group_names(found.ty());
        let position = match (key.known_int(), key.known_str()) {
            (Some(number), _) => usize::try_from(number).ok().filter(|number| *number <= names.len()),
            (_, Some(name)) => {
                names.iter().position(|known| known.parse::<usize>().is_err() && **known == *name).map(|at| at + 1)
            }
            _ if matches!(key.ty(), Type::Int | Type::Str) => {
                return self.fail("unsupported-argument", "which group is meant must be a constant here", None);
            }
            _ => None,
        };
        match position {
            Some(position) => Ok(position),
            None => self.clash_of(ExcKind::IndexError, "index-out-of-range", "no such group"),
        }
    }

    /// A method of a match.
    pub fn match_method(&mut self, found: &Val, name: &str, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        let named = keywords.iter().find(|(known, _)| known == "default").map(|(_, val)| val);
        let allowed = matches!(name, "groups" | "groupdict");
        if keywords.len() > usize::from(named.is_some() && allowed) {
            return self.fail(
                "wrong-arguments",
                format!("`re.Match.{name}` cannot be compiled with these arguments"),
                None,
            );
        }
        let count = group_names(found.ty()).len();
        match (name, args) {
            ("group", []) => self.group_text(found, 0, None),
            ("group" | "__getitem__", [key]) => {
                let group = self.group_number(found, key)?;
                self.group_text(found, group, None)
            }
            ("group", keys) => {
                let mut items = Vec::new();
                for key in keys {
                    let group = self.group_number(found, key)?;
                    items.push(self.group_text(found, group, None)?);
                }
                Ok(self.tuple(&items))
            }
            ("groups", args) if args.len() < 2 => {
                let default = args.first().or(named);
                let mut items = Vec::new();
                for group in 1..=count {
                    items.push(self.group_text(found, group, default)?);
                }
                Ok(self.tuple(&items))
            }
            ("groupdict", args) if args.len() < 2 => {
                let default = args.first().or(named);
                let (mut fields, mut items) = (Vec::new(), Vec::new());
                for (index, name) in group_names(found.ty()).into_iter().enumerate() {
                    if name.parse::<usize>().is_err() {
                        let item = self.group_text(found, index + 1, default)?;
                        fields.push((name, item.ty().clone()));
                        items.push(item);
                    }
                }
                let record = RecordType { kind: RecordKind::Dict, name: String::new(), fields };
                Ok(self.aggregate(Type::Record(Arc::new(record)), &items))
            }
            ("start" | "end" | "span", args) if args.len() < 2 => {
                let group = match args.first() {
                    Some(key) => self.group_number(found, key)?,
                    None => 0,
                };
                let text = self.field(found, 0);
                let position = |lowerer: &mut Self, which: i64| {
                    let offset = lowerer.span_bound(found, 2 * group as i64 + which);
                    lowerer.prim(Prim::StrPosition, &[&text, &offset])
                };
                match name {
                    "start" => Ok(position(self, 0)),
                    "end" => Ok(position(self, 1)),
                    _ => {
                        let both = [position(self, 0), position(self, 1)];
                        Ok(self.tuple(&both))
                    }
                }
            }
            _ => self.fail("unsupported-method", format!("`re.Match.{name}` cannot be compiled here"), None),
        }
    }
}

/// The names of a match's groups; a number for one without.
fn group_names(ty: &Type) -> Vec<String> {
    let Type::Record(record) = ty else { return Vec::new() };
    let names = record.fields.iter().skip(FIELDS).map(|(name, _)| name.trim_start_matches("group ").to_owned());
    names.collect()
}

/// Whether the group takes part in every match.
fn is_always(ty: &Type, group: usize) -> bool {
    let Type::Record(record) = ty else { return false };
    record.fields.get(FIELDS + group - 1).is_some_and(|(_, marker)| *marker != Type::None)
}
