//! Text to syntax tree. The only module that names the ruff parser: everybody else says `ast::`. Owns the limit on
//! nesting, so that no later pass can run out of stack.

use ruff_python_parser::{Mode, ParseOptions};
use ruff_source_file::LineIndex;

use crate::diagnostic::{Diagnostic, Place};
use crate::program::SourceFile;

/// The syntax tree, as ruff defines it.
pub mod ast {
    pub use ruff_python_ast::name::Name;
    pub use ruff_python_ast::visitor;
    pub use ruff_python_ast::*;
    pub use ruff_text_size::{Ranged, TextRange, TextSize};
}

use ast::Ranged;

/// Brackets and operators that may stand inside each other in one expression.
const NESTING_MAX: usize = 400;
/// Blocks inside blocks, as in CPython.
const INDENTS_MAX: usize = 100;
/// Syntax errors reported for one file.
const SYNTAX_ERRORS_MAX: usize = 20;

/// A parsed file.
#[derive(Debug)]
pub struct Parsed {
    /// Its index in [`crate::program::Program::files`].
    pub file: usize,
    module: ast::ModModule,
    lines: LineIndex,
    text: String,
    first_line: u32,
}

impl Parsed {
    /// Parses one file of a program; what does not parse gives diagnostics instead.
    pub fn new(file: usize, source: &SourceFile) -> Result<Parsed, Vec<Diagnostic>> {
        check_nesting(file, &source.text).map_err(|diagnostic| vec![diagnostic])?;
        let parsed = ruff_python_parser::parse_unchecked(&source.text, ParseOptions::from(Mode::Module));
        let errors = parsed.errors();
        if !errors.is_empty() {
            let diagnostic = |error: &ruff_python_parser::ParseError| Diagnostic {
                code: "syntax-error",
                message: lowercase_first(&error.error.to_string()),
                place: place(file, error.location),
                labels: Vec::new(),
                help: None,
            };
            return Err(errors.iter().take(SYNTAX_ERRORS_MAX).map(diagnostic).collect());
        }
        let ast::Mod::Module(mut module) = parsed.into_syntax() else { return Err(Vec::new()) };
        crate::with_statement::rewrite(&mut module.body);
        crate::private_names::rewrite(&mut module.body);
        Ok(Parsed {
            file,
            module,
            lines: LineIndex::from_source_text(&source.text),
            text: source.text.clone(),
            first_line: source.first_line,
        })
    }

    /// The statements of the file.
    pub fn body(&self) -> &[ast::Stmt] {
        &self.module.body
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A range of this file as a place of a diagnostic.
    pub fn place(&self, node: impl Ranged) -> Place {
        place(self.file, node.range())
    }

    /// The line an offset is in, counted as [`SourceFile::first_line`], and the UTF-8 byte column, from 0. Lines end at
    /// `\n`, `\r\n` or `\r`, as in Python.
    pub fn line_and_byte_column(&self, offset: ast::TextSize) -> (u32, u32) {
        let line = self.lines.line_index(offset);
        let column = offset - self.lines.line_start(line, &self.text);
        (line.to_zero_indexed() as u32 + self.first_line, column.to_u32())
    }

    /// The line (counted as [`SourceFile::first_line`]) and the column in characters, from 1.
    pub fn line_and_column(&self, offset: ast::TextSize) -> (u32, u32) {
        let found = self.lines.line_column(offset, &self.text);
        (found.line.get() as u32 - 1 + self.first_line, found.column.get() as u32)
    }
}

/// Parses statements that the compiler writes itself; `None` when they are none.
pub fn parse_statements(text: &str) -> Option<Vec<ast::Stmt>> {
    Some(ruff_python_parser::parse_module(text).ok()?.into_syntax().body.into_iter().collect())
}

/// Parses one expression, such as a string annotation or a signature; `None` when it is not one.
pub fn parse_expression(text: &str) -> Option<ast::Expr> {
    check_nesting(0, text).ok()?;
    ruff_python_parser::parse_expression(text).ok().map(|parsed| parsed.into_expr())
}

fn place(file: usize, range: ast::TextRange) -> Place {
    Place { file, start: range.start().to_u32(), end: range.end().to_u32() }
}

fn lowercase_first(message: &str) -> String {
    let mut chars = message.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Refuses text whose tree could be deeper than later passes can walk.
fn check_nesting(file: usize, text: &str) -> Result<(), Diagnostic> {
    if !is_too_deep(text) {
        return Ok(());
    }
    // The lexer does not tell positions, so the line is found by halving: a longer prefix is never less deep.
    let line_ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).chain([text.len()]).collect();
    let line = line_ends.partition_point(|end| !is_too_deep(&text[..*end])).min(line_ends.len() - 1);
    let start = if line == 0 { 0 } else { line_ends[line - 1] };
    Err(Diagnostic {
        code: "too-deep",
        message: "this code is nested too deeply to be compiled".to_owned(),
        place: Place { file, start: start as u32, end: text[..line_ends[line]].trim_end().len().max(start) as u32 },
        labels: Vec::new(),
        help: Some("split it into several statements".to_owned()),
    })
}

/// Counts, over the tokens, the brackets that are open plus the operators since the last comma at each of their levels:
/// an upper bound of the depth of the tree.
fn is_too_deep(text: &str) -> bool {
    use ast::token::TokenKind;
    let mut lexer = ruff_python_parser::lexer::lex(text, Mode::Module);
    let mut operators: Vec<usize> = vec![0];
    let (mut depth, mut indents) = (0usize, 0usize);
    while depth <= NESTING_MAX && indents <= INDENTS_MAX {
        match lexer.next_token() {
            TokenKind::EndOfFile => return false,
            TokenKind::Indent => indents += 1,
            TokenKind::Dedent => indents = indents.saturating_sub(1),
            TokenKind::Newline | TokenKind::Semi => {
                operators = vec![0];
                depth = 0;
            }
            TokenKind::Comma => depth -= operators.last_mut().map_or(0, std::mem::take),
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                operators.push(1);
                depth += 1;
            }
            closing @ (TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd) => {
                if operators.len() > 1 {
                    depth -= operators.pop().unwrap_or(0);
                }
                // A call or a subscript is one level above what it follows: `f(1)(2)(3)`.
                if matches!(closing, TokenKind::Rpar | TokenKind::Rsqb) {
                    depth += deepen(&mut operators);
                }
            }
            TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::String
            | TokenKind::Comment
            | TokenKind::FStringMiddle
            | TokenKind::NonLogicalNewline => {}
            _ => depth += deepen(&mut operators),
        }
    }
    true
}

/// One operator more at the innermost level.
fn deepen(operators: &mut [usize]) -> usize {
    if let Some(count) = operators.last_mut() {
        *count += 1;
    }
    1
}
