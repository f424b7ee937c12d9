//! Reads a corpus file: a Markdown page whose sections hold Python, calls and asserted diagnostics. Owns the page's
//! grammar; knows nothing of compilers.
//!
//! A section starts with `## heading`, may say `differs: N` (the number of the intended difference from CPython) on the
//! next line, and holds prose, one ```` ```python ```` block and ```` ```calls ```` blocks. A line of calls is
//! `f(7, 2)  # 3`: what follows two spaces and `# ` is CPython's answer, as its `repr` or `ZeroDivisionError line 2`;
//! `; fuseline: ...` after it is ours where the two are meant to differ. Diagnostics are asserted in the Python at their
//! line: `# error[code]: part of the message`.

use std::path::{Path, PathBuf};

/// One behaviour: prose, code and what is asserted of it.
#[derive(Clone, Debug)]
pub struct Section {
    pub heading: String,
    /// The line of the heading in the page, from 1.
    pub line: usize,
    /// The number of the intended difference that the section shows.
    pub differs: Option<u32>,
    pub prose: String,
    pub source: String,
    /// The line of the page before the first of `source`: a line of the block plus this is a line of the page.
    pub source_line: usize,
    pub calls: Vec<CallLine>,
    pub errors: Vec<ErrorAssertion>,
}

/// A line of a `calls` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLine {
    pub line: usize,
    pub call: String,
    /// CPython's answer as the page states it.
    pub stated: Option<String>,
    /// Ours, where it is meant to differ.
    pub fuseline: Option<String>,
}

/// `# error[code]: part` in the Python block; `line` counts from 1 within the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAssertion {
    pub line: usize,
    pub code: String,
    pub part: String,
}

/// The pages of a corpus folder, by name.
pub fn discover(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(folder)?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    Ok(pages)
}

/// The sections of a page, or what is wrong with the page.
pub fn parse(text: &str) -> Result<Vec<Section>, String> {
    let mut reader = Reader { sections: Vec::new(), fence: None };
    for (index, line) in text.lines().enumerate() {
        reader.line(index + 1, line)?;
    }
    if let Some((line, kind)) = reader.fence {
        return Err(format!("line {line}: the `{kind}` block is not closed"));
    }
    if reader.sections.is_empty() {
        return Err("the page has no section".to_string());
    }
    for section in &reader.sections {
        check(section)?;
    }
    Ok(reader.sections)
}

fn check(section: &Section) -> Result<(), String> {
    let complain = |what: &str| Err(format!("line {}: section `{}` {what}", section.line, section.heading));
    if section.source.is_empty() {
        return complain("has no `python` block");
    }
    if section.prose.trim().is_empty() {
        return complain("has no prose that says what it shows");
    }
    if section.calls.is_empty() && section.errors.is_empty() {
        return complain("asserts nothing: add a `calls` block or `# error[code]: ...` comments");
    }
    if section.differs.is_none() && section.calls.iter().any(|call| call.fuseline.is_some()) {
        return complain("states another answer for fuseline, so its header needs `differs: N`");
    }
    if section.differs.is_some() && section.calls.iter().all(|call| call.fuseline.is_none()) {
        return complain("says `differs` but no call shows it");
    }
    Ok(())
}

struct Reader {
    sections: Vec<Section>,
    /// The line and the kind of the open fenced block.
    fence: Option<(usize, String)>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some((_, kind)) = &self.fence {
            if line.trim_end() == "```" {
                self.fence = None;
                return Ok(());
            }
            let kind = kind.clone();
            return self.fenced_line(number, &kind, line);
        }
        if let Some(heading) = line.strip_prefix("## ") {
            self.sections.push(Section {
                heading: heading.trim().to_string(),
                line: number,
                differs: None,
                prose: String::new(),
                source: String::new(),
                source_line: 0,
                calls: Vec::new(),
                errors: Vec::new(),
            });
            return Ok(());
        }
        if let Some(kind) = line.strip_prefix("```") {
            return self.open_fence(number, kind.trim());
        }
        let Some(section) = self.sections.last_mut() else { return Ok(()) };
        if let Some(difference) = line.strip_prefix("differs: ") {
            let difference = difference.trim();
            section.differs =
                Some(difference.parse().map_err(|_| format!("line {number}: `{difference}` is not a number"))?);
        } else {
            section.prose.push_str(line);
            section.prose.push('\n');
        }
        Ok(())
    }

    fn open_fence(&mut self, number: usize, kind: &str) -> Result<(), String> {
        self.fence = Some((number, kind.to_string()));
        let Some(section) = self.sections.last_mut() else { return Ok(()) };
        match kind {
            "python" if section.source_line != 0 => Err(format!("line {number}: a section has one `python` block")),
            "python" => {
                section.source_line = number;
                Ok(())
            }
            "calls" | "text" => Ok(()),
            other => Err(format!("line {number}: unknown block `{other}`; use `python`, `calls` or `text`")),
        }
    }

    fn fenced_line(&mut self, number: usize, kind: &str, line: &str) -> Result<(), String> {
        let Some(section) = self.sections.last_mut() else { return Ok(()) };
        match kind {
            "python" => {
                section.source.push_str(line);
                section.source.push('\n');
                let block_line = number - section.source_line;
                if let Some(assertion) = parse_error_assertion(block_line, line)? {
                    section.errors.push(assertion);
                }
            }
            "calls" if !line.trim().is_empty() => section.calls.push(parse_call(number, line)),
            _ => {}
        }
        Ok(())
    }
}

fn parse_error_assertion(line_number: usize, line: &str) -> Result<Option<ErrorAssertion>, String> {
    let Some((_, assertion)) = line.split_once("# error[") else { return Ok(None) };
    let Some((code, part)) = assertion.split_once("]: ") else {
        return Err(format!("block line {line_number}: write `# error[code]: part of the message`"));
    };
    Ok(Some(ErrorAssertion { line: line_number, code: code.to_string(), part: part.trim().to_string() }))
}

fn parse_call(number: usize, line: &str) -> CallLine {
    let (call, comment) = match line.rsplit_once("  # ") {
        Some((call, comment)) => (call, Some(comment)),
        None => (line, None),
    };
    let (stated, fuseline) = match comment {
        Some(comment) => match comment.split_once("; fuseline: ") {
            Some((stated, fuseline)) => (Some(stated), Some(fuseline.trim().to_string())),
            None => (Some(comment), None),
        },
        None => (None, None),
    };
    CallLine {
        line: number,
        call: call.trim().to_string(),
        stated: stated.map(|text| text.trim().to_string()),
        fuseline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n\n## One\ndiffers: 1\n\nProse.\n\n```python\ndef f(a):\n    return a\n```\n\n\
                        ```calls\nf(\"#\")  # '#'\nf(2**63)  # 9223372036854775808; fuseline: OverflowError line 2\n```\n";

    #[test]
    fn a_section_holds_code_and_calls() {
        let sections = parse(PAGE).unwrap();
        assert_eq!(sections.len(), 1);
        assert_eq!(sections[0].differs, Some(1));
        assert_eq!(sections[0].source_line, 8);
        assert_eq!(sections[0].calls[0].call, "f(\"#\")");
        assert_eq!(sections[0].calls[0].stated.as_deref(), Some("'#'"));
        assert_eq!(sections[0].calls[1].fuseline.as_deref(), Some("OverflowError line 2"));
    }

    #[test]
    fn a_section_that_asserts_nothing_is_an_error() {
        let page = "## One\nProse.\n```python\ndef f(a):\n    return a\n```\n";
        assert!(parse(page).unwrap_err().contains("asserts nothing"));
    }

    #[test]
    fn an_unmarked_difference_is_an_error() {
        assert!(parse(&PAGE.replace("differs: 1\n", "")).unwrap_err().contains("differs: N"));
    }

    #[test]
    fn diagnostics_are_asserted_at_their_line() {
        let page = "## One\nProse.\n```python\ndef f(a):\n    eval(a)  # error[unsupported-call]: `eval`\n```\n";
        let sections = parse(page).unwrap();
        let expected = ErrorAssertion { line: 2, code: "unsupported-call".to_string(), part: "`eval`".to_string() };
        assert_eq!(sections[0].errors, [expected]);
    }
}
