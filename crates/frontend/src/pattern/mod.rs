//! Regular expressions in Python's syntax: read here, and written as the program that the runtime's matcher runs. Owns the
//! syntax, CPython's messages for what is malformed, and what is known of the groups; knows nothing of how text is matched.

mod emit;
mod groups;
mod parse;
mod replacement;
mod tree;

pub use replacement::replacement;

/// The flags of `re`, with Python's numbers.
pub const FLAGS: &[(&str, u32)] = &[
    ("A", ASCII),
    ("ASCII", ASCII),
    ("DOTALL", DOTALL),
    ("I", IGNORECASE),
    ("IGNORECASE", IGNORECASE),
    ("M", MULTILINE),
    ("MULTILINE", MULTILINE),
    ("NOFLAG", 0),
    ("S", DOTALL),
    ("U", UNICODE),
    ("UNICODE", UNICODE),
    ("VERBOSE", VERBOSE),
    ("X", VERBOSE),
];

const IGNORECASE: u32 = 2;
const MULTILINE: u32 = 8;
const DOTALL: u32 = 16;
const UNICODE: u32 = 32;
const VERBOSE: u32 = 64;
const ASCII: u32 = 256;

/// The flag of this name.
pub fn flag(name: &str) -> Option<u32> {
    FLAGS.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag)
}

/// A pattern that has been read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// What the runtime's matcher runs.
    pub program: String,
    /// The capturing groups, from number 1 on.
    pub groups: Vec<Group>,
}

/// A capturing group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    pub name: Option<String>,
    /// Whether it takes part in every match.
    pub always: bool,
}

/// Why a pattern was refused: the message, and the position in the pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub message: String,
    pub position: usize,
}

/// Reads a pattern.
pub fn read(text: &str, flags: u32) -> Result<Pattern, Refusal> {
    let parsed = parse::parse(text, flags)?;
    let always = groups::always_present(&parsed.nodes);
    let groups = parsed
        .names
        .into_iter()
        .enumerate()
        .map(|(index, name)| Group { name, always: always.contains(&(index as u32 + 1)) })
        .collect::<Vec<Group>>();
    Ok(Pattern { program: emit::program(&parsed.nodes, groups.len()), groups })
}
