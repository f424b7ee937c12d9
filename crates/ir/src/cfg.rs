//! Control flow of a function: who follows whom, and who dominates whom. Owns the treatment of handlers: an exception
//! leaves a block before any of its instructions can be relied on, so each block is two nodes, its start (where its
//! parameters are defined and from where its handler is reached) and its end (where its instructions are done and from
//! where its terminator's targets are reached). Needs block numbers in range, nothing else.

use crate::graph;
use crate::module::{BlockId, Func, Value};

/// Where a value is defined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Definition {
    /// Nowhere: the number is left over.
    Free,
    /// As a parameter of the block.
    Param(BlockId),
    /// By the instruction at this position of the block.
    Inst(BlockId, u32),
}

/// The definition of each value, by number. A value defined twice shows its last definition.
pub fn definitions(func: &Func) -> Vec<Definition> {
    let mut definitions = vec![Definition::Free; func.values.len()];
    let mut define = |value: Value, definition| {
        if let Some(slot) = definitions.get_mut(value.index()) {
            *slot = definition;
        }
    };
    for (block_index, block) in func.blocks.iter().enumerate() {
        let id = BlockId(block_index as u32);
        for param in &block.params {
            define(*param, Definition::Param(id));
        }
        for (index, inst) in block.insts.iter().enumerate() {
            define(inst.result, Definition::Inst(id, index as u32));
        }
    }
    definitions
}

/// The blocks control can go to from the block, its handler included.
pub fn successors(func: &Func, block: BlockId) -> Vec<BlockId> {
    let block = func.block(block);
    block.term.targets().into_iter().chain(&block.handler).map(|target| target.block).collect()
}

/// The blocks reached from the entry, each before those it dominates.
pub fn reverse_postorder(func: &Func) -> Vec<BlockId> {
    if func.blocks.is_empty() {
        return Vec::new();
    }
    let mut seen = vec![false; func.blocks.len()];
    let mut postorder = Vec::new();
    let mut stack = vec![(BlockId(0), successors(func, BlockId(0)))];
    seen[0] = true;
    while let Some((block, rest)) = stack.last_mut() {
        match rest.pop() {
            Some(next) if seen[next.index()] => {}
            Some(next) => {
                seen[next.index()] = true;
                stack.push((next, successors(func, next)));
            }
            None => {
                postorder.push(*block);
                stack.pop();
            }
        }
    }
    postorder.reverse();
    postorder
}

/// For each block, whether it is reached and leads back to itself.
pub fn blocks_in_cycles(func: &Func) -> Vec<bool> {
    let mut edges = vec![Vec::new(); func.blocks.len()];
    for block in reverse_postorder(func) {
        edges[block.index()] = successors(func, block).into_iter().map(BlockId::index).collect();
    }
    let mut in_cycle = vec![false; func.blocks.len()];
    for component in graph::components(&edges) {
        let is_cycle = component.len() > 1 || component.iter().any(|block| edges[*block].contains(block));
        component.iter().for_each(|block| in_cycle[*block] = is_cycle);
    }
    in_cycle
}

/// Who dominates whom.
#[derive(Debug)]
pub struct Dominators {
    /// For each node when the walk of the dominator tree enters and leaves it; `None` for a node that is not reached.
    interval: Vec<Option<(u32, u32)>>,
    /// The dominator tree over nodes.
    idom: Vec<Option<usize>>,
}

fn start(block: BlockId) -> usize {
    2 * block.index()
}

fn end(block: BlockId) -> usize {
    2 * block.index() + 1
}

impl Dominators {
    pub fn new(func: &Func) -> Dominators {
        let mut successors = vec![Vec::new(); 2 * func.blocks.len()];
        for (index, block) in func.blocks.iter().enumerate() {
            let id = BlockId(index as u32);
            successors[start(id)].push(end(id));
            successors[start(id)].extend(block.handler.iter().map(|target| start(target.block)));
            successors[end(id)].extend(block.term.targets().iter().map(|target| start(target.block)));
        }
        let idom = LengauerTarjan::run(&successors);
        let interval = tree_intervals(&idom);
        Dominators { interval, idom }
    }

    /// Whether the block is reached from the entry.
    pub fn is_reachable(&self, block: BlockId) -> bool {
        self.interval.get(start(block)).is_some_and(Option::is_some)
    }

    fn node_dominates(&self, above: usize, below: usize) -> bool {
        match (self.interval.get(above), self.interval.get(below)) {
            (Some(Some(above)), Some(Some(below))) => above.0 <= below.0 && below.1 <= above.1,
            _ => false,
        }
    }

    /// Whether the parameters of `above` are defined throughout `below`. A block dominates itself.
    pub fn dominates(&self, above: BlockId, below: BlockId) -> bool {
        self.node_dominates(start(above), start(below))
    }

    /// Whether all instructions of `above` are done when `below` begins.
    pub fn end_dominates(&self, above: BlockId, below: BlockId) -> bool {
        self.node_dominates(end(above), start(below))
    }

    /// The innermost other block whose start dominates this one.
    pub fn parent(&self, block: BlockId) -> Option<BlockId> {
        self.idom.get(start(block)).copied().flatten().map(|node| BlockId((node / 2) as u32))
    }
}

/// The simple form of Lengauer and Tarjan's algorithm (1979), O(edges * log(nodes)) also on hostile graphs.
struct LengauerTarjan {
    /// Nodes in the order of a depth-first walk; the other arrays hold positions in this order.
    order: Vec<usize>,
    parent: Vec<usize>,
    predecessors: Vec<Vec<usize>>,
    semi: Vec<usize>,
    ancestor: Vec<Option<usize>>,
    label: Vec<usize>,
}

impl LengauerTarjan {
    /// The immediate dominator of each node that node 0 reaches.
    fn run(successors: &[Vec<usize>]) -> Vec<Option<usize>> {
        let mut state = LengauerTarjan::walk(successors);
        let positions = state.solve();
        let mut idom = vec![None; successors.len()];
        for (position, dominator) in positions.into_iter().enumerate().skip(1) {
            idom[state.order[position]] = Some(state.order[dominator]);
        }
        idom
    }

    fn walk(successors: &[Vec<usize>]) -> LengauerTarjan {
        let mut position: Vec<Option<usize>> = vec![None; successors.len()];
        let (mut order, mut parent) = (Vec::new(), Vec::new());
        let mut stack = if successors.is_empty() { Vec::new() } else { vec![(0, 0)] };
        while let Some((node, from)) = stack.pop() {
            if position[node].is_none() {
                position[node] = Some(order.len());
                let here = order.len();
                order.push(node);
                parent.push(from);
                stack.extend(successors[node].iter().rev().map(|next| (*next, here)));
            }
        }
        let mut predecessors = vec![Vec::new(); order.len()];
        for (here, node) in order.iter().enumerate() {
            for next in successors[*node].iter().filter_map(|next| position[*next]) {
                predecessors[next].push(here);
            }
        }
        let count = order.len();
        let identity: Vec<usize> = (0..count).collect();
        LengauerTarjan {
            order,
            parent,
            predecessors,
            semi: identity.clone(),
            ancestor: vec![None; count],
            label: identity,
        }
    }

    fn solve(&mut self) -> Vec<usize> {
        let count = self.order.len();
        let mut idom = vec![0; count];
        let mut bucket: Vec<Vec<usize>> = vec![Vec::new(); count];
        for node in (1..count).rev() {
            for index in 0..self.predecessors[node].len() {
                let best = self.eval(self.predecessors[node][index]);
                self.semi[node] = self.semi[node].min(self.semi[best]);
            }
            bucket[self.semi[node]].push(node);
            let parent = self.parent[node];
            self.ancestor[node] = Some(parent);
            for below in std::mem::take(&mut bucket[parent]) {
                let best = self.eval(below);
                idom[below] = if self.semi[best] < self.semi[below] { best } else { parent };
            }
        }
        for node in 1..count {
            if idom[node] != self.semi[node] {
                idom[node] = idom[idom[node]];
            }
        }
        idom
    }

    /// The node with the least semidominator on the path from `node` to the root of its tree in the forest.
    fn eval(&mut self, node: usize) -> usize {
        // Path compression, from the top down.
        let mut path = Vec::new();
        let mut at = node;
        while let Some(above) = self.ancestor[at] {
            path.push(at);
            at = above;
        }
        let root = at;
        path.pop();
        for at in path.into_iter().rev() {
            if let Some(above) = self.ancestor[at] {
                if self.semi[self.label[above]] < self.semi[self.label[at]] {
                    self.label[at] = self.label[above];
                }
                self.ancestor[at] = Some(root);
            }
        }
        self.label[node]
    }
}

/// When a walk of the tree enters and leaves each node.
fn tree_intervals(idom: &[Option<usize>]) -> Vec<Option<(u32, u32)>> {
    let mut children = vec![Vec::new(); idom.len()];
    for (node, parent) in idom.iter().enumerate() {
        if let Some(parent) = parent {
            children[*parent].push(node);
        }
    }
    let mut interval = vec![None; idom.len()];
    let mut clock = 0;
    let mut stack = if idom.is_empty() { Vec::new() } else { vec![(0, false)] };
    while let Some((node, done)) = stack.pop() {
        if done {
            interval[node] = interval[node].map(|(entered, _)| (entered, clock));
        } else {
            interval[node] = Some((clock, clock));
            stack.push((node, true));
            stack.extend(children[node].iter().map(|child| (*child, false)));
        }
        clock += 1;
    }
    interval
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nodes reached from node 0 when one is taken out.
    fn reached_without(successors: &[Vec<usize>], removed: usize) -> Vec<bool> {
        let mut reached = vec![false; successors.len()];
        let mut pending = vec![0];
        while let Some(node) = pending.pop() {
            if node != removed && !std::mem::replace(&mut reached[node], true) {
                pending.extend(&successors[node]);
            }
        }
        reached
    }

    #[test]
    fn dominators_are_what_no_path_avoids() {
        let mut state: u64 = 7;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        for _ in 0..300 {
            let count = 2 + below(12);
            let edges = below(2 * count) + 1;
            let mut successors = vec![Vec::new(); count];
            for _ in 0..edges {
                let from = below(count);
                successors[from].push(below(count));
            }
            let idom = LengauerTarjan::run(&successors);
            let intervals = tree_intervals(&idom);
            let dominators = Dominators { interval: intervals, idom };
            let reached = reached_without(&successors, usize::MAX);
            for above in 0..count {
                let without = reached_without(&successors, above);
                for below in 0..count {
                    let expected = reached[above] && reached[below] && !without[below];
                    assert_eq!(dominators.node_dominates(above, below), expected, "{successors:?} {above} {below}");
                }
            }
        }
    }

    #[test]
    fn long_chains_need_no_deep_stack() {
        let count = 300_000;
        let successors: Vec<Vec<usize>> = (0..count).map(|node| vec![(node + 1) % count]).collect();
        let idom = LengauerTarjan::run(&successors);
        assert_eq!(idom[count - 1], Some(count - 2));
    }
}
