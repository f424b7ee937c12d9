//! `match`: each pattern is a chain of tests from left to right, whose failures go on to the next `case`. Names are bound
//! when the whole pattern has matched, as in CPython. A union is taken apart before a pattern that looks at its class,
//! and a variable that is the subject is known to be what the pattern says behind it.

use std::rc::Rc;

use ir::{ContainerOp, ExcKind, RecordKind, RecordType, Type};

use super::builtins::ClassRef;
use super::flow::{Path, Var};
use super::index::{Index, Slice};
use super::{Edge, Lowered, Lowerer, Stop, Val};
use crate::classes::{Class, ClassKind};
use crate::parse::ast::{self, CmpOp, Pattern, Stmt};

/// The names that a pattern binds, in the order of its text.
type Bindings = Vec<(String, Val)>;

/// Built-in classes whose one positional pattern is matched with the whole value.
const WHOLE: &[&str] =
    &["bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"];

impl<'p> Lowerer<'_, 'p> {
    pub fn match_stmt(&mut self, matched: &'p ast::StmtMatch, stmt: &'p Stmt) -> Lowered<()> {
        let names = self.names.clone();
        let subject = self.expr(&matched.subject)?;
        let path = self.path_of(&matched.subject);
        let mut ends: Vec<Edge> = Vec::new();
        for case in &matched.cases {
            if !self.is_live() {
                break;
            }
            // What a case before has told of the variable holds here, too.
            let subject = self.subject_now(&subject, path.as_ref());
            let mut bindings = Vec::new();
            let mut fails = self.pattern(&case.pattern, &subject, path.as_ref(), &mut bindings)?;
            if self.is_live() {
                self.bind_all(bindings)?;
                if let Some(guard) = &case.guard {
                    let (holds, rest) = self.test(guard);
                    fails.extend(rest);
                    let _ = self.join(holds, None);
                }
                self.block(&case.body);
                ends.extend(self.detach());
            }
            if self.join(fails, None).is_err() {
                self.close();
            }
        }
        ends.extend(self.detach());
        self.join(ends, names.live_after(stmt))
    }

    fn subject_now(&mut self, subject: &Val, path: Option<&Path>) -> Val {
        let known = path.and_then(|path| self.env().and_then(|env| env.fact(path).cloned()));
        known.unwrap_or_else(|| subject.clone())
    }

    fn bind_all(&mut self, bindings: Bindings) -> Lowered<()> {
        for (name, val) in bindings {
            if let Some(holder) = self.cells_of(&name) {
                self.write_cell(&holder, &name, &val)?;
            } else if let Some(slot) = self.slot(&name) {
                self.set_slot(slot, Var::Bound(val));
            }
        }
        Ok(())
    }

    /// Tests a value: goes on where it matches, and gives the edges where it does not.
    fn pattern(
        &mut self,
        pattern: &'p Pattern,
        val: &Val,
        path: Option<&Path>,
        bindings: &mut Bindings,
    ) -> Lowered<Vec<Edge>> {
        self.burn(8)?;
        self.at(pattern);
        let looks_inside = !matches!(pattern, Pattern::MatchAs(_) | Pattern::MatchOr(_) | Pattern::MatchStar(_));
        if looks_inside && val.is_union() {
            return self.pattern_of_union(pattern, val, path, bindings);
        }
        match pattern {
            Pattern::MatchValue(value) => {
                let expected = self.expr(&value.value)?;
                self.at(pattern);
                let equal = self.compare(CmpOp::Eq, val, &expected)?;
                self.require_match(&equal)
            }
            Pattern::MatchSingleton(singleton) => {
                let expected = match singleton.value {
                    ast::Singleton::None => self.none(),
                    ast::Singleton::True => self.bool(true),
                    ast::Singleton::False => self.bool(false),
                };
                let is = self.compare(CmpOp::Is, val, &expected)?;
                self.require_match(&is)
            }
            Pattern::MatchAs(capture) => self.capture_pattern(capture, val, path, bindings),
            Pattern::MatchOr(alternatives) => self.or_pattern(&alternatives.patterns, val, path, bindings),
            Pattern::MatchSequence(sequence) => self.sequence_pattern(&sequence.patterns, val, bindings),
            Pattern::MatchMapping(mapping) => self.mapping_pattern(mapping, val, bindings),
            Pattern::MatchClass(class) => self.class_pattern(class, val, path, bindings),
            Pattern::MatchStar(_) => self.fail("syntax-error", "a starred pattern belongs into a sequence", None),
        }
    }

    /// Goes on where the condition holds.
    fn require_match(&mut self, cond: &Val) -> Lowered<Vec<Edge>> {
        let cond = self.truth(cond)?;
        let (holds, fails) = self.branch(&cond)?;
        self.continue_at(holds);
        Ok(fails.into_iter().collect())
    }

    /// Nothing matches.
    fn no_match(&mut self) -> Vec<Edge> {
        self.detach().into_iter().collect()
    }

    fn capture_pattern(
        &mut self,
        capture: &'p ast::PatternMatchAs,
        val: &Val,
        path: Option<&Path>,
        bindings: &mut Bindings,
    ) -> Lowered<Vec<Edge>> {
        let fails = match &capture.pattern {
            Some(inner) => self.pattern(inner, val, path, bindings)?,
            None => Vec::new(),
        };
        if let (Some(name), true) = (&capture.name, self.is_live()) {
            let val = self.subject_now(val, path);
            bindings.push((name.to_string(), val));
        }
        Ok(fails)
    }

    /// `p | q`: the first that matches; all bind the same names.
    fn or_pattern(
        &mut self,
        patterns: &'p [Pattern],
        val: &Val,
        path: Option<&Path>,
        bindings: &mut Bindings,
    ) -> Lowered<Vec<Edge>> {
        let mut matches: Vec<(Edge, Bindings)> = Vec::new();
        for pattern in patterns {
            if !self.is_live() {
                break;
            }
            let mut own = Vec::new();
            let val = self.subject_now(val, path);
            let fails = self.pattern(pattern, &val, path, &mut own)?;
            own.sort_by(|(a, _), (b, _)| a.cmp(b));
            matches.extend(self.detach().map(|edge| (edge, own)));
            if self.join(fails, None).is_err() {
                self.close();
            }
        }
        let fails = self.no_match();
        self.join_matches(matches, bindings)?;
        Ok(fails)
    }

    /// Goes on where any of these has matched; each has bound the same names.
    fn join_matches(&mut self, matches: Vec<(Edge, Bindings)>, bindings: &mut Bindings) -> Lowered<()> {
        let names: Vec<String> =
            matches.first().map(|(_, own)| own.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default();
        let edges = matches
            .into_iter()
            .map(|(edge, own)| (edge, own.into_iter().map(|(_, val)| val).collect::<Vec<Val>>()))
            .collect();
        match self.merge(edges, None) {
            Ok(vals) => {
                bindings.extend(names.into_iter().zip(vals));
                Ok(())
            }
            Err(Stop::Dead) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// A pattern that looks at the class of a union: for each variant.
    fn pattern_of_union(
        &mut self,
        pattern: &'p Pattern,
        val: &Val,
        path: Option<&Path>,
        bindings: &mut Bindings,
    ) -> Lowered<Vec<Edge>> {
        let (mut matches, mut fails) = (Vec::new(), Vec::new());
        let count = val.ty().variants().len();
        for tag in 0..count {
            let rest = if tag + 1 < count {
                let cond = self.is_variant(val, tag);
                let (is, rest) = self.branch(&cond)?;
                self.continue_at(is);
                rest
            } else {
                None
            };
            let variant = self.variant(val, tag);
            if let (Some(path), Some(env)) = (path, self.env()) {
                env.set_fact(path.clone(), variant.clone());
            }
            let mut own = Vec::new();
            fails.extend(self.pattern(pattern, &variant, path, &mut own)?);
            matches.extend(self.detach().map(|edge| (edge, own)));
            self.continue_at(rest);
        }
        self.join_matches(matches, bindings)?;
        Ok(fails)
    }

    // Sequences.

    fn sequence_pattern(&mut self, patterns: &'p [Pattern], val: &Val, bindings: &mut Bindings) -> Lowered<Vec<Edge>> {
        let star = patterns.iter().position(Pattern::is_match_star);
        let fixed = patterns.len() - usize::from(star.is_some());
        let val = match self.tuple_list(val) {
            Some(list) => list,
            None => self.as_plain_tuple(val),
        };
        match val.ty() {
            Type::Tuple(items) if items.len() == fixed || star.is_some() && items.len() > fixed => {}
            Type::List(_) | Type::Range => {}
            _ => return Ok(self.no_match()),
        }
        let length = self.length(&val)?;
        let wanted = self.int(fixed as i64);
        let op = if star.is_some() { CmpOp::GtE } else { CmpOp::Eq };
        let fits = self.compare(op, &length, &wanted)?;
        let mut fails = self.require_match(&fits)?;
        for (position, pattern) in patterns.iter().enumerate() {
            if !self.is_live() {
                break;
            }
            let behind = (patterns.len() - position) as i64;
            let item = match (pattern, star) {
                (Pattern::MatchStar(capture), _) => {
                    if let Some(name) = &capture.name {
                        let rest = self.rest_of(&val, position, behind - 1)?;
                        bindings.push((name.to_string(), rest));
                    }
                    continue;
                }
                (_, Some(star)) if position > star => self.item_by_position(&val, -behind),
                _ => self.item_by_position(&val, position as i64),
            };
            // There is no item in what nothing is put into: the pattern fails where the lengths are compared.
            let Some(item) = self.if_reached(item)? else { break };
            fails.extend(self.pattern(pattern, &item, None, bindings)?);
        }
        Ok(fails)
    }

    fn item_by_position(&mut self, val: &Val, position: i64) -> Lowered<Val> {
        let index = self.int(position);
        self.load(val, &Index::Item(index))
    }

    /// What a starred pattern or target takes: always a list.
    pub fn rest_of(&mut self, val: &Val, start: usize, behind: i64) -> Lowered<Val> {
        if let Type::Tuple(items) = val.ty() {
            let end = items.len().saturating_sub(behind as usize);
            let fields = self.fields(val);
            return self.list_of(&fields[start.min(end)..end]);
        }
        let start = Some(self.int(start as i64));
        let stop = match behind {
            0 => None,
            behind => Some(self.int(-behind)),
        };
        let slice = Index::Slice(Box::new(Slice { start, stop, step: None }));
        if *val.ty() == Type::Range {
            let source = self.source_of(val)?;
            let list = self.collect_list(source, self.place.start | 1 << 28)?;
            return self.load(&list, &slice);
        }
        self.load(val, &slice)
    }

    // Mappings.

    fn mapping_pattern(
        &mut self,
        mapping: &'p ast::PatternMatchMapping,
        val: &Val,
        bindings: &mut Bindings,
    ) -> Lowered<Vec<Edge>> {
        let is_dict = match val.ty() {
            Type::Dict(..) => true,
            Type::Record(record) => record.kind == RecordKind::Dict,
            _ => false,
        };
        let may_be_mapping = |name: &str| name.starts_with("collections.") && !name.starts_with("collections.deque");
        if let Type::Record(record) = val.ty()
            && record.kind == RecordKind::Library
            && may_be_mapping(&record.name)
        {
            let message = "a pattern of a mapping of this class cannot be compiled";
            let help = Some("match `dict(...)` of it".to_owned());
            return self.fail_at(mapping, "unsupported-statement", message, help);
        }
        if !is_dict {
            return Ok(self.no_match());
        }
        let val = &match mapping.rest {
            Some(_) => self.dict_of_one_type(val)?,
            None => val.clone(),
        };
        let mut fails = Vec::new();
        let mut keys = Vec::new();
        for (key, pattern) in mapping.keys.iter().zip(&mapping.patterns) {
            if !self.is_live() {
                break;
            }
            let key_val = self.expr(key)?;
            keys.push(key_val.clone());
            self.at(key);
            if let Type::Record(record) = val.ty().clone() {
                let index = key_val.known_str().and_then(|name| record.index_of(&name));
                let Some(index) = index else {
                    fails.extend(self.no_match());
                    break;
                };
                let item = self.field(val, index);
                fails.extend(self.pattern(pattern, &item, None, bindings)?);
                continue;
            }
            let has = self.compare(CmpOp::In, &key_val, val)?;
            fails.extend(self.require_match(&has)?);
            if self.is_live() {
                let item = self.load(val, &Index::Item(key_val));
                let Some(item) = self.if_reached(item)? else { break };
                fails.extend(self.pattern(pattern, &item, None, bindings)?);
            }
        }
        if let (Some(name), true) = (&mapping.rest, self.is_live()) {
            let rest = self.rest_of_mapping(val, &keys)?;
            bindings.push((name.to_string(), rest));
        }
        Ok(fails)
    }

    /// A new dict with what a mapping has beside these keys, which are in it.
    fn rest_of_mapping(&mut self, val: &Val, keys: &[Val]) -> Lowered<Val> {
        if let Type::Record(record) = val.ty().clone() {
            let taken = |name: &str| keys.iter().any(|key| key.known_str().is_some_and(|known| *known == *name));
            let parts = record.fields.iter().cloned().zip(self.fields(val)).filter(|((name, _), _)| !taken(name));
            let (fields, vals): (Vec<_>, Vec<Val>) = parts.unzip();
            let rest = RecordType { kind: RecordKind::Dict, name: String::new(), fields };
            return Ok(self.aggregate(Type::Record(rest.into()), &vals));
        }
        let rest = self.container_op(ContainerOp::DictCopy, &[val], val.shape.clone());
        for key in keys {
            self.method(&rest, "pop", std::slice::from_ref(key), &[])?;
        }
        Ok(rest)
    }

    // Classes.

    fn class_pattern(
        &mut self,
        pattern: &'p ast::PatternMatchClass,
        val: &Val,
        path: Option<&Path>,
        bindings: &mut Bindings,
    ) -> Lowered<Vec<Edge>> {
        let classes = self.class_list(&pattern.cls)?;
        self.at(pattern);
        let is = self.is_instance(val, &classes)?;
        let mut fails = self.require_match(&is)?;
        let positional = &pattern.arguments.patterns;
        let whole = match classes.as_slice() {
            [ClassRef::Named(name)] => WHOLE.contains(&name.as_str()),
            _ => false,
        };
        if let (true, [inner], true) = (whole, &**positional, self.is_live()) {
            fails.extend(self.pattern(inner, val, path, bindings)?);
        } else if !positional.is_empty() && self.is_live() {
            let names = self.match_args(&classes, pattern)?;
            for (inner, name) in positional.iter().zip(names) {
                if self.is_live() {
                    fails.extend(self.attribute_pattern(inner, val, &name, bindings)?);
                }
            }
        }
        for keyword in &pattern.arguments.keywords {
            if !self.is_live() {
                break;
            }
            self.at(keyword);
            fails.extend(self.attribute_pattern(&keyword.pattern, val, keyword.attr.as_str(), bindings)?);
        }
        Ok(fails)
    }

    /// The pattern of an attribute; where there is none of this name, nothing matches.
    fn attribute_pattern(
        &mut self,
        pattern: &'p Pattern,
        val: &Val,
        name: &str,
        bindings: &mut Bindings,
    ) -> Lowered<Vec<Edge>> {
        let mut fails = Vec::new();
        if matches!(val.ty(), Type::Object(_)) && !name.starts_with("__") {
            // Some instances may have it.
            let has = self.has_attribute(val, name)?;
            fails.extend(self.require_match(&has)?);
            if !self.is_live() {
                return Ok(fails);
            }
        }
        match self.attribute_of(val, name) {
            Ok(item) => fails.extend(self.pattern(pattern, &item, None, bindings)?),
            Err(Stop::Clash(clash)) if clash.class == ExcKind::AttributeError => fails.extend(self.no_match()),
            Err(other) => return Err(other),
        }
        Ok(fails)
    }

    /// The names of the attributes that the positional patterns of a class stand for.
    fn match_args(&mut self, classes: &[ClassRef], pattern: &'p ast::PatternMatchClass) -> Lowered<Vec<String>> {
        let given = pattern.arguments.patterns.len();
        let known = match classes {
            [ClassRef::Own(number)] => {
                let class: Rc<Class<'p>> = self.class(*number)?;
                let fields = class.fields.iter().filter(|field| field.init && !field.keyword_only);
                match class.kind {
                    ClassKind::NamedTuple | ClassKind::Dataclass(_) => {
                        Some((class.name.clone(), fields.map(|field| field.name.clone()).collect::<Vec<_>>()))
                    }
                    ClassKind::Exception(_) | ClassKind::Plain | ClassKind::Enum(_) => None,
                }
            }
            _ => None,
        };
        match known {
            Some((_, names)) if names.len() >= given => Ok(names),
            Some((class, names)) => {
                let count = names.len();
                self.clash(format!("{class}() accepts {count} positional sub-patterns ({given} given)"))
            }
            None => self.fail_at(
                &*pattern.cls,
                "unsupported-statement",
                "positional patterns of this class cannot be compiled",
                Some("name the attributes, as in `Point(x=0)`".to_owned()),
            ),
        }
    }
}
