//! `fuseline check`: everything that is wrong in Python files.

use crate::args::{CheckRequest, Format};
use crate::failure::Failure;
use crate::{output, source};
use frontend::diagnostic::{Diagnostic, NEEDS_TYPE, Place};
use frontend::file_program::{FileFunction, FileProgram, file_program};
use frontend::program::SourceFile;
use frontend::render::{self, Severity};
use frontend::{ParsedFiles, Sources};
use std::collections::BTreeSet;

/// Checks every file; true when none has an error.
pub fn run(request: &CheckRequest) -> Result<bool, Failure> {
    let mut paths = vec![];
    for path in &request.paths {
        paths.extend(source::python_files(path)?);
    }
    let mut report = Report::new(request.format);
    for path in &paths {
        let file = file_program(source::read(path)?);
        let found = problems(&file);
        report.add(&file.program.files, &found);
    }
    output::print(report.finish(paths.len()).as_bytes())?;
    Ok(report.errors == 0)
}

/// All diagnostics of a file in source order, each once.
pub fn problems(file: &FileProgram) -> Vec<Diagnostic> {
    let mut found = file.diagnostics.clone();
    let mut notes = vec![];
    let mut lines_compiled = BTreeSet::new();
    let parsed = match ParsedFiles::new(&file.program) {
        Ok(parsed) => parsed,
        // Said when the file was read.
        Err(_) => return found,
    };
    let sources = Sources::new(&file.program, &parsed);
    for (index, function) in file.functions.iter().enumerate().filter(|(_, function)| function.is_candidate()) {
        found.extend(function.diagnostics.iter().cloned());
        let compiled = sources.compile(index, &function.request());
        let (untyped, errors): (Vec<_>, Vec<_>) =
            compiled.diagnostics.into_iter().partition(|diagnostic| diagnostic.code == NEEDS_TYPE);
        found.extend(errors);
        if !untyped.is_empty() {
            notes.push(untyped_note(file, function, &untyped));
        }
        for func in compiled.module.iter().flat_map(|module| &module.funcs) {
            lines_compiled.insert(func.span.line);
        }
    }
    // What another function calls has been checked with the types of that call.
    let line_of = |note: &Diagnostic| render::position(&file.program.files[0], note.place.start).line;
    found.extend(notes.into_iter().filter(|note| !lines_compiled.contains(&line_of(note))));
    found.sort_by_key(|diagnostic| (diagnostic.place, diagnostic.code));
    found.dedup();
    found
}

/// One note for all parameters of a function that have no type.
fn untyped_note(file: &FileProgram, function: &FileFunction, untyped: &[Diagnostic]) -> Diagnostic {
    let text_of = |place: Place| file.program.files[place.file].text.get(place.start as usize..place.end as usize);
    let names: Vec<String> =
        untyped.iter().filter_map(|diagnostic| Some(format!("`{}`", text_of(diagnostic.place)?))).collect();
    let types = if names.len() == 1 { "the type" } else { "the types" };
    Diagnostic {
        code: NEEDS_TYPE,
        message: format!("`{}` is not checked by itself: nothing tells {types} of {}", function.name, names.join(", ")),
        place: function.place,
        labels: vec![],
        help: None,
    }
}

/// The text of all messages, in the form asked for.
struct Report {
    format: Format,
    messages: Vec<String>,
    errors: usize,
    notes: usize,
}

impl Report {
    fn new(format: Format) -> Report {
        Report { format, messages: vec![], errors: 0, notes: 0 }
    }

    fn add(&mut self, files: &[SourceFile], found: &[Diagnostic]) {
        for diagnostic in found {
            let severity = if diagnostic.code == NEEDS_TYPE { Severity::Note } else { Severity::Error };
            match severity {
                Severity::Error => self.errors += 1,
                Severity::Note => self.notes += 1,
            }
            self.messages.push(match self.format {
                Format::Full => render::full(files, diagnostic, severity),
                Format::Concise => render::concise(files, diagnostic, severity),
                Format::Json => render::json(files, diagnostic, severity),
            });
        }
    }

    fn finish(&self, files: usize) -> String {
        match self.format {
            Format::Json if self.messages.is_empty() => String::from("[]\n"),
            Format::Json => format!("[\n  {}\n]\n", self.messages.join(",\n  ")),
            Format::Full | Format::Concise => {
                let separator = if self.format == Format::Full { "\n" } else { "" };
                let messages: String =
                    self.messages.iter().map(|message| format!("{}\n{separator}", message.trim_end())).collect();
                let notes = if self.notes > 0 { format!(", {}", count(self.notes, "note")) } else { String::new() };
                format!("{messages}{} checked: {}{notes}\n", count(files, "file"), count(self.errors, "error"))
            }
        }
    }
}

/// `1 file`, `2 files`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(format: Format, codes: &[&'static str]) -> (String, usize) {
        let files = [SourceFile::new("a.py", "x\n", 1)];
        let place = Place { file: 0, start: 0, end: 1 };
        let found: Vec<Diagnostic> = codes
            .iter()
            .map(|code| Diagnostic { code, message: String::from("no"), place, labels: vec![], help: None })
            .collect();
        let mut report = Report::new(format);
        report.add(&files, &found);
        (report.finish(1), report.errors)
    }

    #[test]
    fn notes_are_counted_but_are_no_errors() {
        let (text, errors) = report(Format::Concise, &["type-clash", NEEDS_TYPE]);
        let expected =
            "a.py:1:1: error[type-clash]: no\na.py:1:1: note[needs-type]: no\n1 file checked: 1 error, 1 note\n";
        assert_eq!((text.as_str(), errors), (expected, 1));
        assert_eq!(report(Format::Concise, &[]), (String::from("1 file checked: 0 errors\n"), 0));
    }

    #[test]
    fn full_messages_are_separated_by_an_empty_line() {
        let (text, _) = report(Format::Full, &["type-clash", "type-clash"]);
        assert!(text.contains("  | ^\n\nerror[type-clash]: no\n"), "{text}");
        assert!(text.ends_with("  | ^\n\n1 file checked: 2 errors\n"), "{text}");
    }

    #[test]
    fn json_is_one_array() {
        assert_eq!(report(Format::Json, &[]).0, "[]\n");
        let (text, _) = report(Format::Json, &["type-clash", NEEDS_TYPE]);
        assert!(text.starts_with("[\n  {\"severity\": \"error\"") && text.ends_with("}\n]\n"), "{text}");
    }
}
