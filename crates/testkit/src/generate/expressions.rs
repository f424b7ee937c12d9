//! Fills forms in: which form, which variables, and what goes into the holes.

use std::rc::Rc;
use std::sync::Arc;

use super::Writer;
use super::forms::{self, Form, Part};
use super::kind::Kind;

/// How many forms are tried before a leaf is taken: a form that needs a variable may not find one.
const TRIES: usize = 6;

impl Writer {
    /// An expression of the type.
    pub(super) fn expression(&mut self, kind: &Kind, depth: usize) -> String {
        if depth < self.depth_max && !self.random.one_in(4) {
            let fitting = self.fitting(kind);
            // Forms for every type would push those of the type away.
            let own =
                if self.random.one_in(3) { fitting.len() } else { fitting.iter().filter(|form| form.is_own()).count() };
            for _ in 0..TRIES.min(own) {
                let form = fitting[self.random.below(own)].clone();
                if let Some(text) = self.fill(&form, Some(kind), depth + 1) {
                    return text;
                }
            }
        }
        self.leaf(kind, depth)
    }

    /// The forms of the type that have parts: its own first, then those for every type.
    fn fitting(&mut self, kind: &Kind) -> Rc<[Arc<Form>]> {
        if let Some((_, _, known)) =
            self.fitting.iter().find(|(known, count, _)| known == kind && *count == self.forms.len())
        {
            return known.clone();
        }
        let mut found = self.all_forms(kind, false);
        found.sort_by_key(|form| !form.is_own());
        let found: Rc<[Arc<Form>]> = found.into();
        self.fitting.push((kind.clone(), self.forms.len(), found.clone()));
        found
    }

    fn all_forms(&self, kind: &Kind, is_leaf: bool) -> Vec<Arc<Form>> {
        let all = forms::table().expressions.iter().chain(&self.forms);
        all.filter(|form| form.is_leaf == is_leaf && form.result.matches(kind, &mut Vec::new())).cloned().collect()
    }

    fn leaf(&mut self, kind: &Kind, depth: usize) -> String {
        let known = self.names_of(|own| own == kind);
        if !known.is_empty() && !self.random.one_in(4) {
            return known[self.random.below(known.len())].0.clone();
        }
        if let Kind::Tuple(items) = kind {
            let items: Vec<String> = items.iter().map(|item| self.leaf(item, depth + 1)).collect();
            return format!("({},)", items.join(", "));
        }
        let fitting = self.all_forms(kind, true);
        for _ in 0..TRIES {
            let form = fitting.get(self.random.below(fitting.len())).cloned();
            if let Some(text) = form.and_then(|form| self.fill(&form, Some(kind), depth.max(self.depth_max))) {
                return text;
            }
        }
        // Only unions have no leaf, and any value will do.
        self.first_leaf(&fitting, kind).unwrap_or_else(|| "'any'".to_string())
    }

    /// A leaf that needs no variable.
    fn first_leaf(&mut self, fitting: &[Arc<Form>], kind: &Kind) -> Option<String> {
        fitting.iter().find_map(|form| self.fill(form, Some(kind), self.depth_max))
    }

    /// The text of a form; `None` when a variable that it needs is not there.
    pub(super) fn fill(&mut self, form: &Form, result: Option<&Kind>, depth: usize) -> Option<String> {
        let mut bound = Vec::new();
        if let Some(result) = result
            && !form.result.matches(result, &mut bound)
        {
            return None;
        }
        let text = self.choose(&form.text);
        let parts = forms::parts(&text);
        // The variables first: they say what the letters stand for.
        let mut picked = Vec::new();
        for part in &parts {
            if let Part::Hole { kind, is_variable: true, .. } = part {
                picked.push(self.variable(kind, &mut bound)?);
            }
        }
        let binder = form.binder.as_ref().map(|kind| (self.fresh(), kind.resolve(&mut self.random, &mut bound)));
        let mut out = String::new();
        let mut variables = picked.iter();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Name => out.push_str(binder.as_ref().map_or("_", |(name, _)| name)),
                Part::Again(number) => out.push_str(picked.get(number - 1)?),
                Part::Hole { is_variable: true, .. } => out.push_str(variables.next()?),
                Part::Hole { kind, is_inside, .. } => {
                    let kind = kind.resolve(&mut self.random, &mut bound);
                    let known = self.variables.len();
                    if let (true, Some(binder)) = (is_inside, &binder) {
                        self.variables.push(binder.clone());
                    }
                    let item = self.expression(&kind, depth);
                    self.variables.truncate(known);
                    out.push_str(&item);
                }
            }
        }
        Some(out)
    }

    /// A variable of the pattern's type.
    fn variable(&mut self, pattern: &Kind, bound: &mut Vec<(char, Kind)>) -> Option<String> {
        let known = self.names_of(|kind| pattern.matches(kind, &mut bound.clone()));
        let (name, kind) = known.get(self.random.below(known.len()))?;
        pattern.matches(kind, bound);
        Some(name.clone())
    }

    /// The text with one of the alternatives of each choice.
    fn choose(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('«') {
            let (choices, after) = after.split_once('»').unwrap_or((after, ""));
            out.push_str(before);
            let choices: Vec<&str> = choices.split('¦').collect();
            out.push_str(self.random.pick(&choices));
            rest = after;
        }
        out + rest
    }

    /// A type for a new variable: a scalar mostly, sometimes a container, sometimes one that stays inside.
    pub(super) fn kind(&mut self) -> Kind {
        match self.random.below(24) {
            0..=13 => Kind::scalar(&mut self.random),
            14..=20 => Kind::container(&mut self.random),
            21 => self.inner_kind(),
            _ => self.class_kind().unwrap_or(Kind::Str),
        }
    }

    fn inner_kind(&mut self) -> Kind {
        let name = if self.with_arrays {
            self.random.pick(&["array_int", "array_float", "array_float", "array_float2", "array_int2"])
        } else {
            self.random.pick(&["date", "datetime", "timedelta"])
        };
        Kind::Opaque(name.to_string())
    }

    /// A type that can be an argument or a result.
    pub(super) fn crossing_kind(&mut self) -> Kind {
        loop {
            let kind = self.kind();
            if kind.crosses() {
                return kind;
            }
        }
    }
}
