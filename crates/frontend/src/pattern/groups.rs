//! Which capturing groups take part in every match: those have a `str` where others may have `None`.

use std::collections::BTreeSet;

use super::tree::Node;

/// The numbers of the groups that are part of every match.
pub fn always_present(nodes: &[Node]) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    collect(nodes, &mut found);
    found
}

fn collect(nodes: &[Node], found: &mut BTreeSet<u32>) {
    for node in nodes {
        match node {
            Node::Group(index, body) => {
                found.extend(index);
                collect(body, found);
            }
            Node::Atomic(body) | Node::Look { negated: false, body, .. } => collect(body, found),
            Node::Repeat { min, body, .. } if *min > 0 => collect(body, found),
            Node::Repeat { .. }
            | Node::Branch(_)
            | Node::Conditional(..)
            | Node::Look { .. }
            | Node::Literal(..)
            | Node::Any { .. }
            | Node::Set(_)
            | Node::Anchor(_)
            | Node::Backreference(..) => {}
        }
    }
}
