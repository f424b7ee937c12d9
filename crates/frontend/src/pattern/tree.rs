//! A regular expression as a tree. Flags have been applied: each leaf says itself what it matches.

/// How letters of different case compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    Exact,
    /// By Unicode's lower case.
    Unicode,
    /// Only ASCII letters fold.
    Ascii,
}

/// `\d`, `\s`, `\w` and their opposites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Category {
    /// `d`, `s` or `w`.
    pub kind: char,
    pub negated: bool,
    pub ascii: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetItem {
    Range(u32, u32),
    Category(Category),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    pub negated: bool,
    pub case: Case,
    pub items: Vec<SetItem>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    Start,
    LineStart,
    /// The end, or before a newline there.
    End,
    LineEnd,
    TextEnd,
    Boundary {
        negated: bool,
        ascii: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    Literal(u32, Case),
    Any {
        newline: bool,
    },
    Set(Set),
    Anchor(Anchor),
    /// A group; without a number it does not capture.
    Group(Option<u32>, Vec<Node>),
    Branch(Vec<Vec<Node>>),
    Repeat {
        min: u32,
        max: Option<u32>,
        greed: Greed,
        body: Vec<Node>,
    },
    Backreference(u32, Case),
    Look {
        back: Option<u32>,
        negated: bool,
        body: Vec<Node>,
    },
    Atomic(Vec<Node>),
    /// One way if the group took part, else the other.
    Conditional(u32, Vec<Node>, Vec<Node>),
}

/// The least and the most characters that the nodes match; `None` without a limit.
pub fn width(nodes: &[Node], groups: &[Option<(u64, Option<u64>)>]) -> (u64, Option<u64>) {
    let mut total = (0u64, Some(0u64));
    for node in nodes {
        let (least, most) = match node {
            Node::Literal(..) | Node::Any { .. } | Node::Set(_) => (1, Some(1)),
            Node::Anchor(_) | Node::Look { .. } => (0, Some(0)),
            Node::Group(_, body) | Node::Atomic(body) => width(body, groups),
            Node::Branch(branches) => either(branches.iter().map(|branch| width(branch, groups))),
            Node::Repeat { min, max, body, .. } => {
                let (least, most) = width(body, groups);
                let most = match (most, max) {
                    (Some(0), _) => Some(0),
                    (Some(most), Some(max)) => Some(most.saturating_mul(u64::from(*max))),
                    _ => None,
                };
                (least.saturating_mul(u64::from(*min)), most)
            }
            Node::Backreference(group, _) => groups.get(*group as usize - 1).copied().flatten().unwrap_or((0, None)),
            Node::Conditional(_, yes, no) => either([width(yes, groups), width(no, groups)].into_iter()),
        };
        total = (total.0.saturating_add(least), total.1.zip(most).map(|(a, b)| a.saturating_add(b)));
    }
    total
}

fn either(widths: impl Iterator<Item = (u64, Option<u64>)>) -> (u64, Option<u64>) {
    widths.reduce(|a, b| (a.0.min(b.0), a.1.zip(b.1).map(|(x, y)| x.max(y)))).unwrap_or((0, Some(0)))
}
