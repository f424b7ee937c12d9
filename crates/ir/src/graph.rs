//! Strongly connected components of a graph of numbered nodes.

/// The components, each after those it has edges to; nodes within one in ascending order. Tarjan's algorithm (1972),
/// with its stack on the heap.
pub fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let mut index = vec![NEW; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut on_stack = vec![false; edges.len()];
    let mut stack = Vec::new();
    let mut components = Vec::new();
    let mut clock = 0;
    for root in 0..edges.len() {
        if index[root] != NEW {
            continue;
        }
        // A node with the number of its edges already followed.
        let mut walk = vec![(root, 0)];
        while let Some((node, followed)) = walk.pop() {
            if followed == 0 {
                index[node] = clock;
                low[node] = clock;
                clock += 1;
                stack.push(node);
                on_stack[node] = true;
            }
            if let Some(next) = edges[node].get(followed) {
                walk.push((node, followed + 1));
                if index[*next] == NEW {
                    walk.push((*next, 0));
                } else if on_stack[*next] {
                    low[node] = low[node].min(index[*next]);
                }
                continue;
            }
            if low[node] == index[node] {
                let from = stack.iter().rposition(|member| *member == node).unwrap_or(0);
                let mut component = stack.split_off(from);
                component.iter().for_each(|member| on_stack[*member] = false);
                component.sort_unstable();
                components.push(component);
            }
            if let Some((above, _)) = walk.last() {
                low[*above] = low[*above].min(low[node]);
            }
        }
    }
    components
}

#[cfg(test)]
mod tests {
    use super::components;

    #[test]
    fn components_come_after_what_they_lead_to() {
        let edges = vec![vec![1], vec![2, 3], vec![0], vec![4], vec![4], vec![3, 0]];
        assert_eq!(components(&edges), vec![vec![4], vec![3], vec![0, 1, 2], vec![5]]);
        assert_eq!(components(&[]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_long_path_needs_no_deep_stack() {
        let edges: Vec<Vec<usize>> = (0..200_000).map(|node| vec![(node + 1) % 200_000]).collect();
        assert_eq!(components(&edges).len(), 1);
    }
}
