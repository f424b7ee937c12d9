//! The table of forms: which texts an expression of a type may have. Owns reading the table; filling a form in is
//! `expressions`.

use std::sync::{Arc, OnceLock};

use super::kind::Kind;

/// A line of the table.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The type of the expression; `Any` for a statement.
    pub result: Kind,
    pub is_leaf: bool,
    /// The type of the name that the text is given.
    pub binder: Option<Kind>,
    pub text: String,
}

/// The forms of the language, and those of one program.
pub(super) struct Table {
    pub expressions: Vec<Arc<Form>>,
    pub statements: Vec<Form>,
    pub growing: Vec<Form>,
}

/// The table of `forms.txt`.
pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table { expressions: Vec::new(), statements: Vec::new(), growing: Vec::new() };
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/generate/forms.txt");
        // Without the table no program can be run, which the run notices.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(text) = line.strip_prefix("do :: ") {
                table.statements.push(Form::new(Kind::Any, false, text));
            } else if let Some(text) = line.strip_prefix("grow :: ") {
                table.growing.push(Form::new(Kind::Any, false, text));
            } else {
                table.expressions.push(Arc::new(Form::parse(line)));
            }
        }
        table
    })
}

impl Form {
    /// Whether the form is for one type only.
    pub fn is_own(&self) -> bool {
        !matches!(self.result, Kind::Var(_))
    }

    /// Reads a line of an expression.
    pub fn parse(line: &str) -> Form {
        let (result, rest) = Kind::parse_first(line);
        match (rest.strip_prefix(" :: "), rest.strip_prefix(" = ")) {
            (Some(text), _) => Form::new(result, false, text),
            (None, Some(text)) => Form::new(result, true, text),
            // What is no form is no Python either: the program with it cannot be run, which is noticed.
            (None, None) => Form::new(result, true, line),
        }
    }

    fn new(result: Kind, is_leaf: bool, text: &str) -> Form {
        let (binder, text) = match text.strip_prefix('λ') {
            Some(header) => {
                let (kind, rest) = Kind::parse_first(header);
                (Some(kind), rest.strip_prefix(": ").unwrap_or(rest))
            }
            None => (None, text),
        };
        Form { result, is_leaf, binder, text: text.to_string() }
    }
}

/// A part of a form's text.
pub(super) enum Part<'a> {
    Text(&'a str),
    /// The name that the text is given.
    Name,
    /// A variable that was picked before, counted from one.
    Again(usize),
    Hole {
        kind: Kind,
        is_variable: bool,
        is_inside: bool,
    },
}

/// The text with one of each of its choices, and what it then consists of.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', 'λ']) {
        found.push(Part::Text(&rest[..at]));
        if let Some(after) = rest[at..].strip_prefix('λ') {
            found.push(Part::Name);
            rest = after;
            continue;
        }
        let after = &rest[at + 1..];
        if let Some(digit) = after.chars().next().and_then(|c| c.to_digit(10)) {
            found.push(Part::Again(digit as usize));
            rest = &after[1..];
            continue;
        }
        let is_inside = after.starts_with('+');
        let (kind, after) = Kind::parse_first(after.trim_start_matches('+'));
        let is_variable = after.starts_with('!');
        found.push(Part::Hole { kind, is_variable, is_inside });
        rest = if is_variable { &after[1..] } else { after };
    }
    found.push(Part::Text(rest));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_can_be_read() {
        let table = table();
        for form in table.expressions.iter().map(|form| &**form).chain(&table.statements).chain(&table.growing) {
            assert_eq!(form.text.matches('«').count(), form.text.matches('»').count(), "{}", form.text);
            assert!(!parts(&form.text).is_empty());
        }
        for kind in ["int", "float", "bool", "str", "bytes", "small", "date", "datetime", "timedelta"] {
            let has_leaf = |form: &Arc<Form>| form.is_leaf && form.result == Kind::parse(kind);
            assert!(table.expressions.iter().any(has_leaf), "`{kind}` has no form without parts");
        }
    }
}
