//! The text form of the IR. `parse(print(module)) == module` for every module, well formed or not, spans and dead values
//! included (unions must be flat: the text form has no parentheses for them). Owns the grammar; knows nothing of what the operations mean.
//!
//! ```text
//! file "trips.py"                        source files, in order
//! capture c0 limit: float                captured values, in order
//! exception e0 Bad(ValueError) {Bad}     own classes of exceptions, with the class of what they carry
//! entry f0
//!
//! func f0 speed(distance, minutes) -> float @1:1 {
//!   free v3: int                         values that nothing defines (left over by passes)
//! b0(v0: float, v1: float) handler b2(v0):
//!   v2: float = float.div v0, v1 @2:12   place: line:column, or file/line:column for files after the first
//!   branch v4, b1(v2), b2(v2) @3:5
//! ...
//! }
//! ```
//!
//! Terminators: `jump b1(v0)`, `branch v0, b1(), b2(v1)`, `return v0`, `raise ValueError v0` (the message may be
//! missing), `reraise v0`, `unreachable`. Constants: `none`, `true`, `-12`, `1.5`, `1e300`, `-0.0`, `inf`, `nan`,
//! `bits.7ff8000000000001` (any other float), `"text"`. Names that are not plain words are quoted. `#` starts a comment.

mod parse;
mod print;

pub use parse::{ParseError, parse, parse_type};
pub use print::{print, print_const, print_func};

/// A string in the text form: double quotes, with `\"`, `\\`, `\n`, `\t`, `\r` and `\u{hex}` escapes.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name as the text form shows it: bare when it is a plain word, else quoted.
pub fn quote_name(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_string() } else { quote(name) }
}
