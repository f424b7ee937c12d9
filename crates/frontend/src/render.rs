//! A [`Diagnostic`] as text for people (full and concise form) and for programs (JSON). Owns the layout of source lines
//! and carets. Does no I/O and knows no terminal: the caller prints the text.

use crate::diagnostic::{Diagnostic, Place};
use crate::program::SourceFile;
use unicode_width::UnicodeWidthChar;

/// How bad it is: only errors stop a compilation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    Error,
    Note,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Note => "note",
        }
    }
}

/// Columns between tab stops: tabs are shown as spaces, so that carets stand where they should in every terminal.
const TAB_COLUMNS: usize = 4;

/// A line longer than this is cut around the place it is shown for.
const LINE_COLUMNS_MAX: usize = 160;

/// A place as people count: line and column from 1, the column in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// The position of a byte offset of the file's text. Offsets behind the end stand for the end.
pub fn position(file: &SourceFile, offset: u32) -> Position {
    let (index, start) = file.line_at(offset as usize);
    let end = floor_char(&file.text, offset as usize);
    let column = file.text.get(start..end).map_or(0, |before| before.chars().count());
    Position { line: file.first_line + index as u32, column: column as u32 + 1 }
}

/// `name:line:column: error[code]: message`, and the help after it, on one line.
pub fn concise(files: &[SourceFile], diagnostic: &Diagnostic, severity: Severity) -> String {
    let mut out = format!(
        "{}: {}[{}]: {}",
        where_text(files, diagnostic.place),
        severity.name(),
        diagnostic.code,
        one_line(&diagnostic.message)
    );
    if let Some(help) = &diagnostic.help {
        out.push_str(&format!(" (help: {})", one_line(help)));
    }
    out
}

/// The message, the source lines it is about with carets under the places, the labels and the help. Ends with a line
/// feed.
pub fn full(files: &[SourceFile], diagnostic: &Diagnostic, severity: Severity) -> String {
    let mut out = format!("{}[{}]: {}\n", severity.name(), diagnostic.code, diagnostic.message);
    let marks = marks_of(files, diagnostic);
    let gutter = marks.iter().map(|mark| mark.line.to_string().len()).max().unwrap_or(1);
    let margin = " ".repeat(gutter);
    out.push_str(&format!("{margin}--> {}\n", where_text(files, diagnostic.place)));
    let mut file_shown = diagnostic.place.file;
    let mut line_shown = None;
    if !marks.is_empty() {
        out.push_str(&format!("{margin} |\n"));
    }
    for mark in &marks {
        if mark.place.file != file_shown {
            out.push_str(&format!("{margin} |\n{margin}::: {}\n{margin} |\n", where_text(files, mark.place)));
            file_shown = mark.place.file;
            line_shown = None;
        }
        if line_shown != Some(mark.line) {
            if line_shown.is_some_and(|line: u32| mark.line > line + 1) {
                out.push_str("...\n");
            }
            out.push_str(format!("{:>gutter$} | {}", mark.line, mark.shown.text).trim_end());
            out.push('\n');
            line_shown = Some(mark.line);
        }
        let sign = if mark.primary { "^" } else { "-" };
        let underline = sign.repeat(mark.shown.width);
        let line = format!("{margin} | {}{underline} {}", " ".repeat(mark.shown.before), mark.label);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if let Some(help) = &diagnostic.help {
        if !marks.is_empty() {
            out.push_str(&format!("{margin} |\n"));
        }
        let mut lines = help.lines();
        out.push_str(&format!("{margin} = help: {}\n", lines.next().unwrap_or_default()));
        for line in lines {
            out.push_str(&format!("{margin}         {line}\n"));
        }
    }
    out
}

/// One JSON object, on one line. Columns count characters from 1; the end column is the one behind the last character.
pub fn json(files: &[SourceFile], diagnostic: &Diagnostic, severity: Severity) -> String {
    let labels: Vec<String> = diagnostic
        .labels
        .iter()
        .map(|(place, text)| format!("{{{}, \"message\": {}}}", json_place(files, *place), json_string(text)))
        .collect();
    format!(
        "{{\"severity\": \"{}\", \"code\": {}, \"message\": {}, {}, \"labels\": [{}], \"help\": {}}}",
        severity.name(),
        json_string(diagnostic.code),
        json_string(&diagnostic.message),
        json_place(files, diagnostic.place),
        labels.join(", "),
        diagnostic.help.as_deref().map_or_else(|| String::from("null"), json_string),
    )
}

/// `text` as a JSON string.
pub fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn json_place(files: &[SourceFile], place: Place) -> String {
    match files.get(place.file) {
        None => String::from("\"file\": null"),
        Some(file) => {
            let start = position(file, place.start);
            let end = position(file, place.end.max(place.start));
            format!(
                "\"file\": {}, \"line\": {}, \"column\": {}, \"end_line\": {}, \"end_column\": {}",
                json_string(&file.name),
                start.line,
                start.column,
                end.line,
                end.column
            )
        }
    }
}

fn where_text(files: &[SourceFile], place: Place) -> String {
    match files.get(place.file) {
        None => String::from("<unknown>"),
        Some(file) => {
            let at = position(file, place.start);
            format!("{}:{}:{}", file.name, at.line, at.column)
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A place to be underlined.
struct Mark<'a> {
    place: Place,
    primary: bool,
    line: u32,
    label: &'a str,
    shown: ShownLine,
}

/// The places of a diagnostic in reading order: the main place's file first, then line by line.
fn marks_of<'a>(files: &[SourceFile], diagnostic: &'a Diagnostic) -> Vec<Mark<'a>> {
    let own_label = diagnostic.labels.iter().find(|(place, _)| *place == diagnostic.place);
    let primary = (diagnostic.place, true, own_label.map_or("", |(_, text)| text.as_str()));
    let others = diagnostic.labels.iter().filter(|(place, _)| *place != diagnostic.place);
    let mut marks: Vec<Mark> = std::iter::once(primary)
        .chain(others.map(|(place, text)| (*place, false, text.as_str())))
        .filter_map(|(place, primary, label)| {
            let file = files.get(place.file)?;
            let shown = shown_line(file, place);
            Some(Mark { place, primary, line: position(file, place.start).line, label, shown })
        })
        .collect();
    let main_file = diagnostic.place.file;
    marks.sort_by_key(|mark| (mark.place.file != main_file, mark.place.file, mark.place.start, !mark.primary));
    marks
}

/// One source line as it is printed, and where in it the underline goes, in terminal columns.
struct ShownLine {
    text: String,
    before: usize,
    width: usize,
}

/// The line in which the place starts. A place over several lines is underlined to the end of its first one.
fn shown_line(file: &SourceFile, place: Place) -> ShownLine {
    let (_, line_start) = file.line_at(place.start as usize);
    let rest = file.text.get(line_start..).unwrap_or_default();
    let line = rest.split(['\n', '\r']).next().unwrap_or_default().trim_end();
    let start = (place.start as usize).saturating_sub(line_start);
    let end = (place.end as usize).saturating_sub(line_start);
    let mut shown = String::new();
    let (mut column, mut before, mut width) = (0, None, 0);
    for (offset, c) in line.char_indices() {
        let columns = match c {
            '\t' => TAB_COLUMNS - column % TAB_COLUMNS,
            c => c.width().unwrap_or(1),
        };
        if offset >= start && before.is_none() {
            before = Some(column);
        }
        if offset >= start && offset < end {
            width += columns;
        }
        match c {
            '\t' => shown.push_str(&" ".repeat(columns)),
            // A source file must not be able to steer the terminal it is shown on.
            c if c.is_control() => shown.push('\u{fffd}'),
            c => shown.push(c),
        }
        column += columns;
    }
    cut(ShownLine { text: shown, before: before.unwrap_or(column), width: width.max(1) })
}

/// Keeps a very long line readable: only the part around the place is shown.
fn cut(line: ShownLine) -> ShownLine {
    let total: usize = line.text.chars().map(|c| c.width().unwrap_or(1)).sum();
    if total <= LINE_COLUMNS_MAX {
        return line;
    }
    const DOTS: &str = "...";
    let from = line.before.saturating_sub(LINE_COLUMNS_MAX / 2);
    let mut text = String::from(if from > 0 { DOTS } else { "" });
    let (mut column, mut first_kept, mut columns_kept) = (0, None, 0);
    for c in line.text.chars() {
        let columns = c.width().unwrap_or(1);
        if column >= from {
            if columns_kept + columns > LINE_COLUMNS_MAX {
                break;
            }
            first_kept.get_or_insert(column);
            columns_kept += columns;
            text.push(c);
        }
        column += columns;
    }
    let dropped = first_kept.unwrap_or(0);
    let before = line.before - dropped + if from > 0 { DOTS.len() } else { 0 };
    let width = line.width.min((columns_kept + dropped).saturating_sub(line.before)).max(1);
    if column < total {
        text.push_str(DOTS);
    }
    ShownLine { text, before, width }
}

/// The offset, moved back to the start of the character it is in.
fn floor_char(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile::new("clean.py", text, 1)
    }

    /// The place of the `nth` occurrence of `part`.
    fn place_of(text: &str, part: &str, nth: usize) -> Place {
        let (start, _) = text.match_indices(part).nth(nth).unwrap();
        Place { file: 0, start: start as u32, end: (start + part.len()) as u32 }
    }

    fn diagnostic(place: Place) -> Diagnostic {
        Diagnostic {
            code: "type-clash",
            message: String::from("`int` and `str` cannot be added"),
            place,
            labels: vec![],
            help: None,
        }
    }

    #[test]
    fn full_form_shows_labels_in_line_order_and_help() {
        let text = "def f(x: int) -> int:\n    y = 'a'\n\n    return x + y\n";
        let mut d = diagnostic(place_of(text, "x + y", 0));
        d.labels = vec![
            (place_of(text, "y", 0), String::from("`y` is a `str` here")),
            (d.place, String::from("`int` + `str`")),
        ];
        d.help = Some(String::from("convert one of them:\n`str(x) + y`"));
        let expected = "\
error[type-clash]: `int` and `str` cannot be added
 --> clean.py:4:12
  |
2 |     y = 'a'
  |     - `y` is a `str` here
...
4 |     return x + y
  |            ^^^^^ `int` + `str`
  |
  = help: convert one of them:
          `str(x) + y`
";
        assert_eq!(full(&[file(text)], &d, Severity::Error), expected);
    }

    #[test]
    fn carets_stand_under_the_text_behind_tabs_and_wide_characters() {
        let text = "def f():\n\ts = '日本' + 1\n";
        let expected = "\
error[type-clash]: `int` and `str` cannot be added
 --> clean.py:2:6
  |
2 |     s = '日本' + 1
  |         ^^^^^^^^^^
";
        assert_eq!(full(&[file(text)], &diagnostic(place_of(text, "'日本' + 1", 0)), Severity::Error), expected);
        // The combining accent takes no column.
        let text = "e\u{301} = bad\n";
        let shown = full(&[file(text)], &diagnostic(place_of(text, "bad", 0)), Severity::Error);
        assert!(shown.ends_with("1 | e\u{301} = bad\n  |     ^^^\n"), "{shown}");
    }

    #[test]
    fn a_place_over_several_lines_is_underlined_to_the_end_of_the_first() {
        let text = "with open(\n    p\n):\n    pass\n";
        let place = Place { file: 0, start: 0, end: text.len() as u32 };
        let shown = full(&[file(text)], &diagnostic(place), Severity::Note);
        assert!(shown.starts_with("note[type-clash]: "), "{shown}");
        assert!(shown.ends_with("1 | with open(\n  | ^^^^^^^^^^\n"), "{shown}");
    }

    #[test]
    fn two_files_each_have_a_header() {
        let other = SourceFile::new("geo.py", "a\nb\n", 1);
        let mut d = diagnostic(Place { file: 0, start: 0, end: 1 });
        d.labels = vec![(Place { file: 1, start: 2, end: 3 }, String::from("defined here"))];
        let expected = "\
error[type-clash]: `int` and `str` cannot be added
 --> clean.py:1:1
  |
1 | x
  | ^
  |
 ::: geo.py:2:1
  |
2 | b
  | - defined here
";
        assert_eq!(full(&[file("x\n"), other], &d, Severity::Error), expected);
    }

    #[test]
    fn the_end_of_the_file_and_broken_places_are_shown_too() {
        let at_end = Place { file: 0, start: 4, end: 4 };
        let shown = full(&[file("x =\n")], &diagnostic(at_end), Severity::Error);
        assert!(shown.ends_with(" --> clean.py:2:1\n  |\n2 |\n  | ^\n"), "{shown}");
        let beyond = Place { file: 0, start: 400, end: 500 };
        assert!(full(&[file("x")], &diagnostic(beyond), Severity::Error).contains("clean.py:1:2"));
        let nowhere = Place { file: 7, start: 0, end: 0 };
        assert!(full(&[file("x")], &diagnostic(nowhere), Severity::Error).contains("<unknown>"));
        let inside_character = Place { file: 0, start: 1, end: 2 };
        assert!(concise(&[file("日")], &diagnostic(inside_character), Severity::Error).starts_with("clean.py:1:1: "));
    }

    #[test]
    fn lines_count_from_the_first_line_and_end_as_in_python() {
        let mut part = file("a\r\nb\rc\nd");
        part.first_line = 40;
        assert_eq!(position(&part, 0), Position { line: 40, column: 1 });
        assert_eq!(position(&part, 3), Position { line: 41, column: 1 });
        assert_eq!(position(&part, 5), Position { line: 42, column: 1 });
        assert_eq!(position(&part, 8), Position { line: 43, column: 2 });
    }

    #[test]
    fn escape_sequences_of_the_source_do_not_reach_the_terminal() {
        let shown =
            full(&[file("x = '\u{1b}[31m'")], &diagnostic(Place { file: 0, start: 0, end: 1 }), Severity::Error);
        assert!(!shown.contains('\u{1b}') && shown.contains('\u{fffd}'), "{shown}");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("x = [{}bad, {}]", "1, ".repeat(300), "2, ".repeat(300));
        let shown = full(&[file(&text)], &diagnostic(place_of(&text, "bad", 0)), Severity::Error);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[3].len() < 180, "{shown}");
        let column = lines[4].find("^^^").unwrap();
        assert_eq!(&lines[3][column..column + 3], "bad");
    }

    #[test]
    fn concise_and_json_forms() {
        let text = "a\nb = \"é\" + 1\n";
        let mut d = diagnostic(place_of(text, "1", 0));
        d.help = Some(String::from("write\n  `str(1)`"));
        d.labels = vec![(place_of(text, "b", 0), String::from("here \"b\""))];
        assert_eq!(
            concise(&[file(text)], &d, Severity::Error),
            "clean.py:2:11: error[type-clash]: `int` and `str` cannot be added (help: write `str(1)`)"
        );
        assert_eq!(
            json(&[file(text)], &d, Severity::Error),
            "{\"severity\": \"error\", \"code\": \"type-clash\", \"message\": \"`int` and `str` cannot be added\", \
             \"file\": \"clean.py\", \"line\": 2, \"column\": 11, \"end_line\": 2, \"end_column\": 12, \
             \"labels\": [{\"file\": \"clean.py\", \"line\": 2, \"column\": 1, \"end_line\": 2, \"end_column\": 2, \
             \"message\": \"here \\\"b\\\"\"}], \"help\": \"write\\n  `str(1)`\"}"
        );
        assert_eq!(json_string("a\u{1}\t\\"), "\"a\\u0001\\t\\\\\"");
    }
}
