//! Where parts are, once each. When an executor is lost while a stage runs, Ballista runs its parts again and adds the new
//! places to its lists, but what it had noted for those who read the stage stays there: the places of a lost executor in the
//! list of a job's result, and those of a stage's earlier attempt in the list of the next stage's input. Read as they are,
//! these lists give rows twice. Every stage of ours has one place a part, and the newest one is good.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use ballista_core::execution_plans::ShuffleReaderExec;
use datafusion::common::Result;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Of the places of each part the one that was added last.
pub(crate) fn newest<T, P: Eq + Hash>(places: Vec<T>, part: impl Fn(&T) -> P) -> Vec<T> {
    let mut seen = HashSet::new();
    let mut kept: Vec<T> = places.into_iter().rev().filter(|place| seen.insert(part(place))).collect();
    kept.reverse();
    kept
}

/// The reader of an earlier stage with one place a part; `None` when it is something else, or has them already.
pub(crate) fn reader_of_newest(node: &Arc<dyn ExecutionPlan>) -> Option<Result<Arc<dyn ExecutionPlan>>> {
    let reader = node.downcast_ref::<ShuffleReaderExec>()?;
    let count = |partition: &[Vec<_>]| partition.iter().map(Vec::len).sum::<usize>();
    let places: Vec<Vec<_>> = reader
        .partition
        .iter()
        .map(|places| newest(places.clone(), |place| (place.partition_id.stage_id, place.partition_id.partition_id)))
        .collect();
    if count(&places) == count(&reader.partition) {
        return None;
    }
    let (stage, schema) = (reader.stage_id, reader.schema());
    let made = match reader.broadcast {
        true => {
            let all = places.into_iter().flatten().collect();
            ShuffleReaderExec::try_new_broadcast(stage, all, schema, reader.upstream_partition_count)
        }
        false => ShuffleReaderExec::try_new(stage, places, schema, node.output_partitioning().clone()),
    };
    Some(made.map(|reader| Arc::new(reader) as Arc<dyn ExecutionPlan>))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_that_was_added_last_counts() {
        let places = vec![(0, "lost"), (1, "a"), (2, "lost"), (0, "b"), (2, "b"), (0, "c")];
        assert_eq!(newest(places, |place| place.0), [(1, "a"), (2, "b"), (0, "c")]);
    }
}
