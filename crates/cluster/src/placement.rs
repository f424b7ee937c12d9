//! Which executor gets which task: where persisted rows lie, if it has a thread free; else in turn. Only pushed tasks are
//! placed; with TLS executors ask, and whoever asks gets the next one.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::execution_plans::{RangeShuffleReaderExec, ShuffleReaderExec};
use ballista_core::serde::protobuf::{AvailableVcores, job_status};
use ballista_core::serde::scheduler::TaskKey;
use ballista_scheduler::cluster::{BoundTask, DistributionPolicy};
use ballista_scheduler::state::execution_graph::{TaskDescription, create_task_info};
use ballista_scheduler::state::execution_stage::RunningStage;
use ballista_scheduler::state::task_manager::JobInfoCache;
use datafusion::error::Result;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::stored;

#[derive(Debug)]
pub(crate) struct Placement;

#[async_trait]
impl DistributionPolicy for Placement {
    async fn bind_tasks(
        &self,
        mut free: Vec<&mut AvailableVcores>,
        jobs: Arc<HashMap<JobId, JobInfoCache>>,
    ) -> Result<Vec<BoundTask>> {
        let mut bound = Vec::new();
        free.sort_by_key(|executor| std::cmp::Reverse(executor.vcores));
        for (job_id, job) in jobs.iter() {
            if !matches!(job.status, Some(job_status::Status::Running(_))) {
                continue;
            }
            let mut graph = job.execution_graph.write().await;
            let session_id = graph.session_id().to_owned();
            while let Some(stage) = graph.fetch_running_stage(&[]) {
                if !bind_stage(stage, &session_id, job_id, &mut free, &mut bound) {
                    return Ok(bound);
                }
            }
        }
        Ok(bound)
    }

    fn name(&self) -> &str {
        "where persisted rows lie"
    }
}

/// Gives away the waiting parts of a stage; false when no executor has a thread free any more.
fn bind_stage(
    stage: &mut RunningStage,
    session_id: &str,
    job_id: &JobId,
    free: &mut [&mut AvailableVcores],
    bound: &mut Vec<BoundTask>,
) -> bool {
    let all_at_once = has_one_part(&stage.plan);
    let mut waiting = stage.pending.next_slice(usize::MAX);
    // A part is somewhere only if the stage reads persisted rows.
    let mut places = if all_at_once { Vec::new() } else { stored::executors_of_parts(&stage.plan) };
    if places.len() != stage.partitions {
        places.clear();
    }
    let mut turn = 0;
    while !waiting.is_empty() {
        let mut in_turn = (turn..turn + free.len()).map(|at| at % free.len());
        let next = in_turn.find(|at| free.get(*at).is_some_and(|executor| executor.vcores > 0));
        let Some((index, executor)) = next.and_then(|index| Some((index, free.get_mut(index)?))) else { break };
        turn = index + 1;
        let parts = if all_at_once {
            std::mem::take(&mut waiting)
        } else {
            let here = waiting.iter().position(|part| places.get(*part) == Some(&executor.executor_id));
            vec![waiting.remove(here.unwrap_or(0))]
        };
        executor.vcores -= 1;
        bound.push(bind(stage, session_id, job_id, &executor.executor_id, parts));
    }
    let done = waiting.is_empty();
    stage.pending.reschedule(waiting);
    done
}

fn bind(stage: &mut RunningStage, session_id: &str, job_id: &JobId, executor: &str, parts: Vec<usize>) -> BoundTask {
    // The number of a task is its place among those of the stage.
    let task_id = stage.task_infos.len();
    let failures = parts.iter().filter_map(|part| stage.task_failure_numbers.get(*part)).max();
    let task_attempt = failures.copied().unwrap_or(0);
    let mut task = create_task_info(executor.to_owned(), task_id);
    task.global_input_partition_ids = parts.clone();
    task.vcores_consumed = 1;
    stage.task_infos.push(task);
    let task = TaskDescription {
        session_id: session_id.to_owned(),
        key: TaskKey { job_id: job_id.clone(), stage_id: stage.stage_id, task_id },
        stage_attempt_num: stage.stage_attempt_num,
        task_attempt,
        global_input_partition_ids: parts,
        vcores_consumed: 1,
        plan: stage.plan.clone(),
        session_config: stage.session_config.clone(),
    };
    (executor.to_owned(), task)
}

/// Whether one task has to have all parts of the stage's input, as Ballista sees it: somewhere below the writer all are put
/// together.
fn has_one_part(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let &[mut node] = plan.children().as_slice() else { return false };
    loop {
        if node.is::<ShuffleReaderExec>() || node.is::<RangeShuffleReaderExec>() {
            return false;
        }
        if node.output_partitioning().partition_count() == 1 {
            return true;
        }
        match node.children().as_slice() {
            &[child] => node = child,
            _ => return false,
        }
    }
}
