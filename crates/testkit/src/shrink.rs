//! Makes a failing program small: takes lines and parts of lines away as long as the failure stays. Works on the text alone,
//! so it needs to know nothing of how programs are written. After "simplifying" in Zeller and Hildebrandt's delta debugging.

use crate::generate::Program;

/// How many smaller programs are tried.
const ATTEMPTS_MAX: usize = 600;

/// The smallest program found for which `fails` holds; the given one if every smaller one passes.
pub fn shrink(program: &Program, mut fails: impl FnMut(&Program) -> bool) -> Program {
    let mut best = program.clone();
    let mut attempts = 0;
    loop {
        let smaller = candidates(&best).into_iter().find(|candidate| {
            attempts += 1;
            attempts <= ATTEMPTS_MAX && fails(candidate)
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Smaller programs, those first that take the most away.
fn candidates(program: &Program) -> Vec<Program> {
    let with_source = |source: String| Program { source, calls: program.calls.clone() };
    let mut found = Vec::new();
    if program.calls.len() > 1 {
        found.extend(
            program.calls.iter().map(|call| Program { source: program.source.clone(), calls: vec![call.clone()] }),
        );
    }
    let lines: Vec<&str> = program.source.lines().collect();
    let mut blocks: Vec<(usize, usize)> = (0..lines.len()).map(|start| (start, block_end(&lines, start))).collect();
    blocks.sort_by_key(|(start, end)| std::cmp::Reverse(end - start));
    for (start, end) in blocks {
        found.push(with_source(join(&lines[..start], &[], &lines[end..])));
        if end - start > 1 {
            let body: Vec<String> = lines[start + 1..end].iter().map(|line| line.replacen("    ", "", 1)).collect();
            found.push(with_source(join(&lines[..start], &body, &lines[end..])));
        }
    }
    for (index, line) in lines.iter().enumerate() {
        for smaller in smaller_lines(line) {
            found.push(with_source(join(&lines[..index], &[smaller], &lines[index + 1..])));
        }
    }
    found
}

fn join(before: &[&str], between: &[String], after: &[&str]) -> String {
    let lines: Vec<&str> =
        before.iter().copied().chain(between.iter().map(String::as_str)).chain(after.iter().copied()).collect();
    lines.join("\n") + "\n"
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The end of the line and of what is indented below it.
fn block_end(lines: &[&str], start: usize) -> usize {
    let own = indentation(lines[start]);
    let below = lines[start + 1..].iter().take_while(|line| !line.is_empty() && indentation(line) > own).count();
    start + 1 + below
}

/// The line with one part of it taken away or replaced by something smaller.
fn smaller_lines(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(index) = line.find("return ") {
        without_one_part(line, index + "return ".len(), line.len(), &mut found);
    }
    let brackets = brackets(line);
    for (open, close) in &brackets {
        without_one_part(line, open + 1, *close, &mut found);
    }
    for (open, close) in brackets {
        let inner = &line[open + 1..close];
        let start = line[..open].rfind(|c: char| !c.is_alphanumeric() && c != '.' && c != '_').map_or(0, |at| at + 1);
        for replacement in [inner, "0", "''", "1.5", "True"] {
            found.push(format!("{}{replacement}{}", &line[..start], &line[close + 1..]));
        }
    }
    found.retain(|smaller| smaller.len() < line.len() && is_balanced(smaller));
    found
}

fn is_balanced(line: &str) -> bool {
    let count = |letter: char| line.matches(letter).count();
    [('(', ')'), ('[', ']'), ('{', '}')].into_iter().all(|(open, close)| count(open) == count(close))
}

/// The line without one of the operands or items between the two positions.
fn without_one_part(line: &str, start: usize, end: usize, found: &mut Vec<String>) {
    let part = &line[start..end];
    for separator in [", ", " + ", " - ", " * ", " and ", " or ", " if "] {
        for (index, _) in part.match_indices(separator) {
            found.push(format!("{}{}", &line[..start], &line[start + index + separator.len()..]));
            found.push(format!("{}{}", &line[..start + index], &line[end..]));
        }
    }
}

/// The positions of matching brackets, outer ones first.
fn brackets(line: &str) -> Vec<(usize, usize)> {
    let mut open = Vec::new();
    let mut found = Vec::new();
    for (index, letter) in line.char_indices() {
        match letter {
            '(' | '[' | '{' => open.push(index),
            ')' | ']' | '}' => found.extend(open.pop().map(|start| (start, index))),
            _ => {}
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes() {
        let source =
            "import math\n\ndef f(a):\n    x = 1\n    if a > (2 + 3):\n        y = [a, 4, (7 * BUG)]\n    return x\n";
        let program = Program { source: source.into(), calls: vec!["f(1)".into(), "f(2)".into()] };
        let small =
            shrink(&program, |candidate| candidate.source.contains("BUG") && candidate.calls.contains(&"f(2)".into()));
        assert_eq!((small.source.trim(), small.calls.as_slice()), ("y = BUG", &["f(2)".to_string()][..]));
    }

    #[test]
    fn a_program_that_cannot_be_smaller_stays() {
        let program = Program { source: "a = 1\n".into(), calls: vec!["f()".into()] };
        assert_eq!(shrink(&program, |_| false).source, program.source);
    }
}
