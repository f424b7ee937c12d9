//! What is found out of a function while it is lowered and must hold from its beginning: the whole program is compiled again
//! with it. Knows nothing of how it is found or used.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::diagnostic::Place;

/// By the places of the functions.
#[derive(Default)]
pub struct Notes {
    /// The functions whose empty dicts may hold dicts of their own kind; and those of which that is news.
    knots: HashSet<Place>,
    knots_now: HashSet<Place>,
    /// The variables that functions inside a function which are kept read although they are assigned again; and those of which
    /// that is news.
    kept: HashMap<Place, BTreeSet<String>>,
    kept_now: HashMap<Place, BTreeSet<String>>,
}

impl Notes {
    /// Containers of this function hold containers of their own kind without end, as far as is known.
    pub fn knot(&mut self, function: Place) {
        if !self.knots.contains(&function) {
            self.knots_now.insert(function);
        }
    }

    /// Whether empty dicts of the function may hold dicts of their own kind.
    pub fn makes_knots(&self, function: Place) -> bool {
        self.knots.contains(&function)
    }

    /// A variable of the function has to be held where functions inside it find it, whatever is assigned to it.
    pub fn keep(&mut self, function: Place, variable: &str) {
        if !self.kept.get(&function).is_some_and(|known| known.contains(variable)) {
            self.kept_now.entry(function).or_default().insert(variable.to_owned());
        }
    }

    /// The variables of the function of which that holds.
    pub fn kept_variables(&self, function: Place) -> Vec<String> {
        self.kept.get(&function).into_iter().flatten().cloned().collect()
    }

    /// All notes, for another start; `None` when nothing is news.
    pub fn learnt(&mut self) -> Option<Notes> {
        if self.knots_now.is_empty() && self.kept_now.is_empty() {
            return None;
        }
        let mut all =
            Notes { knots: std::mem::take(&mut self.knots), kept: std::mem::take(&mut self.kept), ..Notes::default() };
        all.knots.extend(self.knots_now.drain());
        for (function, variables) in self.kept_now.drain() {
            all.kept.entry(function).or_default().extend(variables);
        }
        Some(all)
    }
}
