//! The tree as a program for the runtime's matcher, in text: `GROUPS REGISTERS|` and instructions with `;` between. Jumps
//! name instructions by number. The instructions are described where they are read, in the runtime's `regex`.

use std::fmt::Write;

use super::tree::{Anchor, Case, Greed, Node, Set, SetItem};

/// An instruction; jump targets are filled in later.
enum Inst {
    Plain(String),
    Jump(usize),
    Split(usize, usize),
    /// Text before the target, the target.
    Targeted(String, usize),
}

struct Emitter {
    code: Vec<Inst>,
    registers: usize,
}

/// The program of a pattern.
pub fn program(nodes: &[Node], groups: usize) -> String {
    let mut emitter = Emitter { code: Vec::new(), registers: 0 };
    emitter.nodes(nodes);
    emitter.plain("!");
    let mut text = format!("{groups} {}|", emitter.registers);
    for (index, inst) in emitter.code.iter().enumerate() {
        if index > 0 {
            text.push(';');
        }
        // Writing to a string cannot fail.
        let _ = match inst {
            Inst::Plain(plain) => write!(text, "{plain}"),
            Inst::Jump(target) => write!(text, "j{target}"),
            Inst::Split(first, second) => write!(text, "/{first},{second}"),
            Inst::Targeted(before, target) => write!(text, "{before}{target}"),
        };
    }
    text
}

fn case_digit(case: Case) -> u8 {
    match case {
        Case::Exact => 0,
        Case::Unicode => 1,
        Case::Ascii => 2,
    }
}

fn limit(max: Option<u32>) -> String {
    max.map_or_else(|| "-".to_owned(), |max| max.to_string())
}

/// The node when it matches exactly one character.
fn unit(body: &[Node]) -> Option<&Node> {
    match body {
        [node @ (Node::Literal(..) | Node::Any { .. } | Node::Set(_))] => Some(node),
        [Node::Group(None, inner)] => unit(inner),
        _ => None,
    }
}

impl Emitter {
    fn plain(&mut self, text: impl Into<String>) {
        self.code.push(Inst::Plain(text.into()));
    }

    fn here(&self) -> usize {
        self.code.len()
    }

    /// Room for an instruction that needs to know what comes behind it.
    fn hole(&mut self) -> usize {
        self.code.push(Inst::Jump(0));
        self.here() - 1
    }

    fn fill(&mut self, hole: usize, inst: Inst) {
        if let Some(slot) = self.code.get_mut(hole) {
            *slot = inst;
        }
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Literal(code, Case::Exact) => self.plain(format!("c{code}")),
            Node::Literal(code, case) => {
                let set = Set { negated: false, case: *case, items: vec![SetItem::Range(*code, *code)] };
                self.set(&set);
            }
            Node::Any { newline } => self.plain(if *newline { "*" } else { "." }),
            Node::Set(set) => self.set(set),
            Node::Anchor(anchor) => self.plain(match anchor {
                Anchor::Start => "a0",
                Anchor::LineStart => "a1",
                Anchor::End => "a2",
                Anchor::LineEnd => "a3",
                Anchor::TextEnd => "a4",
                Anchor::Boundary { negated: false, ascii: false } => "a5",
                Anchor::Boundary { negated: true, ascii: false } => "a6",
                Anchor::Boundary { negated: false, ascii: true } => "a7",
                Anchor::Boundary { negated: true, ascii: true } => "a8",
            }),
            Node::Group(None, body) => self.nodes(body),
            Node::Group(Some(index), body) => {
                self.plain(format!("m{}", 2 * (index - 1)));
                self.nodes(body);
                self.plain(format!("m{}", 2 * (index - 1) + 1));
            }
            Node::Branch(branches) => self.branch(branches),
            Node::Repeat { max: Some(0), .. } => {}
            Node::Repeat { min, max, greed: Greed::Possessive, body } => {
                let greedy = Node::Repeat { min: *min, max: *max, greed: Greed::Greedy, body: body.clone() };
                self.enclosed("t", &[greedy]);
            }
            Node::Repeat { min, max, greed, body } => self.repeat(*min, *max, *greed == Greed::Lazy, body),
            Node::Backreference(group, case) => self.plain(format!("b{},{}", group - 1, case_digit(*case))),
            Node::Look { back, negated, body } => {
                let head = format!("l{},{},", u8::from(*negated), back.unwrap_or(0));
                self.enclosed(&head, body);
            }
            Node::Atomic(body) => self.enclosed("t", body),
            Node::Conditional(group, yes, no) => {
                let test = self.hole();
                self.nodes(yes);
                let end = self.hole();
                let otherwise = self.here();
                self.fill(test, Inst::Targeted(format!("?{},", group - 1), otherwise));
                self.nodes(no);
                let after = self.here();
                self.fill(end, Inst::Jump(after));
            }
        }
    }

    /// A part that is matched by itself: its instruction says where to go on.
    fn enclosed(&mut self, head: &str, body: &[Node]) {
        let hole = self.hole();
        self.nodes(body);
        self.plain("!");
        let next = self.here();
        self.fill(hole, Inst::Targeted(head.to_owned(), next));
    }

    fn branch(&mut self, branches: &[Vec<Node>]) {
        let Some((last, others)) = branches.split_last() else { return };
        let mut ends = Vec::new();
        for branch in others {
            let split = self.hole();
            self.nodes(branch);
            ends.push(self.hole());
            let next = self.here();
            self.fill(split, Inst::Split(split + 1, next));
        }
        self.nodes(last);
        let after = self.here();
        for end in ends {
            self.fill(end, Inst::Jump(after));
        }
    }

    fn repeat(&mut self, min: u32, max: Option<u32>, lazy: bool, body: &[Node]) {
        let kind = u8::from(lazy);
        if let Some(unit) = unit(body) {
            self.plain(format!("r{min},{},{kind}", limit(max)));
            self.node(unit);
            return;
        }
        let register = self.registers;
        self.registers += 1;
        self.plain(format!("R{register}"));
        let to_test = self.hole();
        let start = self.here();
        self.nodes(body);
        let test = self.here();
        self.fill(to_test, Inst::Jump(test));
        self.code.push(Inst::Targeted(format!("u{register},{min},{},{kind},", limit(max)), start));
    }

    fn set(&mut self, set: &Set) {
        let mut text = format!("s{}{}", u8::from(set.negated), case_digit(set.case));
        for (index, item) in set.items.iter().enumerate() {
            text.push(if index == 0 { ':' } else { ',' });
            match item {
                SetItem::Range(low, high) => {
                    let _ = write!(text, "{low}-{high}");
                }
                SetItem::Category(category) => {
                    let letter = match (category.kind, category.ascii) {
                        (kind, false) => kind,
                        ('d', true) => 'e',
                        ('s', true) => 't',
                        (_, true) => 'x',
                    };
                    text.push(if category.negated { letter.to_ascii_uppercase() } else { letter });
                }
            }
        }
        self.plain(text);
    }
}
