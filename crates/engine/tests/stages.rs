//! Makes tests/stages/speed.md, which ARCHITECTURE.md shows: one function as text, syntax tree, types, IR, LLVM and plan.
//! Compares it with what is committed; `FUSELINE_BLESS=1` writes it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use codegen::{Artifact, Options};
use common::{patient, session, table};
use engine::{CaptureValues, Column, CompiledFunction, Dataset, OnError};
use frontend::Request;
use frontend::parse::Parsed;
use frontend::program::{FunctionSource, Locator, Program, SourceFile};

const SOURCE: &str = "\
def speed(t):
    hours = t.minutes / 60
    miles = t.miles
    if miles < 0.0:
        miles = -miles
    return miles / hours
";

#[test]
fn one_function_at_every_stage() {
    let session = session(1);
    let miles: ArrayRef = Arc::new(Float64Array::from(vec![3.0]));
    let minutes: ArrayRef = Arc::new(Int64Array::from(vec![10]));
    let dataset = table(&session, vec![("miles", miles), ("minutes", minutes)]);
    let module = compile(SOURCE, &dataset);
    let llvm = codegen::emit(
        std::slice::from_ref(&module),
        Artifact::LlvmIr,
        Some("x86_64-unknown-linux-gnu"),
        &Options::default(),
    );
    let stages = [
        ("Text", "python", String::from(SOURCE)),
        ("Syntax tree", "text", syntax_tree()),
        ("Types", "text", types(&dataset)),
        ("IR", "text", ir::text::print(&module)),
        ("LLVM", "llvm", essential(&String::from_utf8(llvm.unwrap()).unwrap())),
        ("Plan", "text", plan(&dataset, module)),
    ];
    let mut text = String::from("# One function at every stage\n\nMade by `crates/engine/tests/stages.rs`.\n");
    for (title, language, stage) in stages {
        let _ = write!(text, "\n## {title}\n\n```{language}\n{}\n```\n", stage.trim_end());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stages/speed.md");
    if std::env::var_os("FUSELINE_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
    } else {
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == text, "tests/stages/speed.md is out of date (FUSELINE_BLESS=1 writes it):\n{text}");
    }
}

fn source_file(text: &str) -> SourceFile {
    SourceFile::new("speed.py", text, 1)
}

fn compiled(text: &str, dataset: &Dataset) -> frontend::Compiled {
    let function = FunctionSource {
        file: 0,
        locator: Locator::Def { name: String::from("speed"), line: 1 },
        bindings: Default::default(),
        defaults: Default::default(),
        attributes: Default::default(),
    };
    let program = Program { files: vec![source_file(text)], functions: vec![function], captures: vec![] };
    let request = Request { params: vec![Some(dataset.row_type().record)], ..Request::default() };
    frontend::compile(&program, 0, &request)
}

fn compile(text: &str, dataset: &Dataset) -> ir::Module {
    let compiled = compiled(text, dataset);
    compiled.module.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

/// The type of each variable behind the line that assigns it: that of a function which ends there and returns it.
fn types(dataset: &Dataset) -> String {
    let mut out = format!("t: {}\n", dataset.row_type().record);
    let lines: Vec<&str> = SOURCE.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some((name, _)) = line.split_once(" = ") else { continue };
        let text = format!("{}\n    return {}\n", lines[..=index].join("\n"), name.trim());
        let ty = compiled(&text, dataset).result.unwrap();
        let _ = writeln!(out, "{}: {ty}  # behind line {}", name.trim(), index + 1);
    }
    let _ = writeln!(out, "returns {}", compiled(SOURCE, dataset).result.unwrap());
    out
}

/// LLVM's text without what says nothing about the function: names of the module, attributes, metadata.
fn essential(llvm: &str) -> String {
    let is_noise = |line: &&str| {
        ["; ModuleID", "source_filename", "attributes #", "!", "target datalayout"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = llvm.lines().filter(|line| !is_noise(line)).collect();
    let mut text = lines.join("\n");
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text
}

fn plan(dataset: &Dataset, module: ir::Module) -> String {
    let function = CompiledFunction::new("speed", Arc::new(module), CaptureValues::none());
    let columns = [(String::from("mph"), Column::Function(function))];
    dataset.with_columns(&columns, OnError::Raise).unwrap().explain(false, &mut patient).unwrap()
}

fn syntax_tree() -> String {
    let parsed = Parsed::new(0, &source_file(SOURCE)).unwrap();
    let text = format!("{:?}", parsed.body());
    let (node, rest) = Node::parse(&text);
    assert_eq!(rest, "", "the tree was not read to its end");
    let mut out = String::new();
    node.print(0, &mut out);
    out
}

/// The `Debug` form of a tree, read back to be shown without ranges and other things of the parser.
enum Node {
    Atom(String),
    List(Vec<Node>),
    Named(String, Vec<(String, Node)>),
}

impl Node {
    fn parse(text: &str) -> (Node, &str) {
        if let Some(rest) = text.strip_prefix('[') {
            let (items, rest) = Node::items(rest, ']');
            return (Node::List(items.into_iter().map(|(_, item)| item).collect()), rest);
        }
        if let Some(rest) = text.strip_prefix('"') {
            let end = rest.find('"').unwrap() + 2;
            return (Node::Atom(String::from(&text[..end])), &text[end..]);
        }
        let end = text.find([',', ' ', '(', ')', '{', '}', '[', ']']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let fields = match rest.strip_prefix(" {").or_else(|| rest.strip_prefix('{')) {
            Some(inside) => Some(Node::items(inside, '}')),
            None => rest.strip_prefix('(').map(|inside| Node::items(inside, ')')),
        };
        match fields {
            Some((fields, rest)) => (Node::named(word, fields), rest),
            None => (Node::Atom(String::from(word)), rest),
        }
    }

    /// What stands between brackets: values, with a name where there is one.
    fn items(mut text: &str, close: char) -> (Vec<(String, Node)>, &str) {
        let mut items = vec![];
        loop {
            text = text.trim_start_matches([' ', ',']);
            if let Some(rest) = text.strip_prefix(close) {
                return (items, rest);
            }
            let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(0);
            let (name, value) = match text[word..].strip_prefix(": ") {
                Some(value) => (String::from(&text[..word]), value),
                None => (String::new(), text),
            };
            let (node, rest) = Node::parse(value);
            let hidden =
                matches!(name.as_str(), "node_index" | "range" | "ctx" | "parenthesized" | "is_async" | "simple");
            let empty = match &node {
                Node::Atom(atom) => atom == "None",
                Node::List(items) => items.is_empty(),
                Node::Named(..) => false,
            };
            if !hidden && !empty {
                items.push((name, node));
            }
            text = rest;
        }
    }

    /// `Return(StmtReturn { .. })` is one node, `Some(x)` is `x`, and an identifier is its text.
    fn named(word: &str, mut fields: Vec<(String, Node)>) -> Node {
        let name = word.trim_start_matches("Stmt").trim_start_matches("Expr");
        let only_unnamed = fields.len() == 1 && (fields[0].0.is_empty() || matches!(name, "Identifier" | "Name"));
        if only_unnamed && let Some((_, inner)) = fields.pop() {
            return match inner {
                Node::Atom(atom) if !matches!(name, "Some" | "Identifier" | "Name") => {
                    Node::Named(String::from(name), vec![(String::new(), Node::Atom(atom))])
                }
                inner => inner,
            };
        }
        Node::Named(String::from(name), fields)
    }

    fn flat(&self) -> String {
        match self {
            Node::Atom(atom) => atom.clone(),
            Node::List(items) => {
                format!("[{}]", items.iter().map(Node::flat).collect::<Vec<String>>().join(", "))
            }
            Node::Named(name, fields) => {
                let label = |name: &str| if name.is_empty() { String::new() } else { format!("{name}: ") };
                let fields = fields.iter().map(|(name, node)| format!("{}{}", label(name), node.flat()));
                format!("{name}({})", fields.collect::<Vec<String>>().join(", "))
            }
        }
    }

    /// On one line where it fits, else a line for each field.
    fn print(&self, indent: usize, out: &mut String) {
        let flat = self.flat();
        if flat.len() + indent <= 100 {
            out.push_str(&flat);
            return;
        }
        let fields: Vec<(String, &Node)> = match self {
            Node::Atom(_) => vec![],
            Node::List(items) => items.iter().map(|item| (String::new(), item)).collect(),
            Node::Named(_, fields) => fields
                .iter()
                .map(|(name, node)| (if name.is_empty() { String::new() } else { format!("{name}: ") }, node))
                .collect(),
        };
        let (open, close) = match self {
            Node::Named(name, _) => (format!("{name}("), ")"),
            Node::Atom(_) | Node::List(_) => (String::from("["), "]"),
        };
        let _ = writeln!(out, "{open}");
        for (label, node) in fields {
            let _ = write!(out, "{}{label}", " ".repeat(indent + 2));
            node.print(indent + 2, out);
            out.push('\n');
        }
        let _ = write!(out, "{}{close}", " ".repeat(indent));
    }
}
