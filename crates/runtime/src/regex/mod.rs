//! Regular expressions with Python's meaning: what `re` does with a pattern and a text. The pattern comes as a program that
//! the compiler wrote (see [`program`]); the matcher follows the order in which CPython tries things, so that the first
//! match it finds is CPython's. Positions are byte offsets, to be turned into Python's only where somebody asks.

mod api;
mod matcher;
mod program;
mod sets;

pub use api::{FULLMATCH, MATCH, NOT_EMPTY, SEARCH, escape, find, find_all, find_spans, split, substitute, template};
