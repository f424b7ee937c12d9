//! Ends jobs that wait in vain: when an executor dies at a bad moment, Ballista can believe that a stage's input is complete while
//! it is not, or that the threads of an executor are busy with tasks that it has given up (decision 0261). The client, which takes
//! an executor's end for a passing fault, hands such a job in anew. Knows nothing of plans.

use std::collections::HashMap;
use std::time::Duration;

use ballista_core::JobId;
use ballista_scheduler::scheduler_server::SchedulerServer;
use ballista_scheduler::state::task_manager::JobInfoCache;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};

/// How often jobs are looked at.
const ROUND: Duration = Duration::from_secs(1);

/// Rounds after which a job that runs no task is given up, when it has none to run, or nobody runs any. What is between two stages
/// of a job, and between a free thread and the next task, takes milliseconds.
const IDLE_ROUNDS_MAX: u32 = 5;

/// What the client is told; it holds the words by which it knows a passing fault.
pub(crate) const STALLED: &str = "the job waited for rows of an executor that is gone";

type Scheduler = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// Looks after the jobs of a scheduler for as long as it runs.
pub(crate) async fn watch(scheduler: Scheduler) {
    let mut idle: HashMap<JobId, u32> = HashMap::new();
    loop {
        tokio::time::sleep(ROUND).await;
        let jobs = scheduler.state.task_manager.get_running_job_cache();
        let mut tasks = Vec::new();
        for (id, job) in jobs.iter() {
            let graph = job.execution_graph.read().await;
            tasks.push((id, job, graph.running_tasks().len(), graph.available_tasks()));
        }
        let nobody_works =
            tasks.iter().all(|(_, _, running, _)| *running == 0) && !executors(&scheduler).await.is_empty();
        let mut still_idle = HashMap::new();
        for (id, job, running, available) in tasks {
            if running > 0 || available > 0 && !nobody_works {
                continue;
            }
            let rounds = idle.get(id).copied().unwrap_or(0) + 1;
            if rounds < IDLE_ROUNDS_MAX {
                still_idle.insert(id.clone(), rounds);
                continue;
            }
            if available > 0 {
                free_threads(&scheduler).await;
            }
            give_up(&scheduler, id, job).await;
        }
        idle = still_idle;
    }
}

/// The executors that the scheduler counts on, with how many tasks each takes at a time.
async fn executors(scheduler: &Scheduler) -> Vec<(String, u32)> {
    let known = scheduler.state.executor_manager.get_executors_state().await.unwrap_or_default();
    known.into_iter().map(|(executor, ..)| (executor.id, executor.specification.vcores)).collect()
}

/// Lets every executor have tasks again. One that gets more than it has threads for keeps them waiting (`site.rs`).
async fn free_threads(scheduler: &Scheduler) {
    if let Err(error) = scheduler.state.executor_manager.unbind_tasks(executors(scheduler).await).await {
        complain(&error);
    }
}

/// Tells the client, then lets Ballista forget the job. What fails here is tried again in the next round.
async fn give_up(scheduler: &Scheduler, id: &JobId, job: &JobInfoCache) {
    job.execution_graph.write().await.fail_job(STALLED.to_owned());
    if let Err(error) = scheduler.state.task_manager.update_job(id).await {
        complain(&error);
    }
    if let Err(error) = scheduler.cancel_job(id.clone()).await {
        complain(&error);
    }
}

fn complain(error: &dyn std::fmt::Display) {
    engine::runtime::log::write(40, &format!("a job that waits in vain cannot be ended: {error}"));
}
