//! What running tasks tell the client before they end: rows read, and what functions print. An executor gathers it and
//! sends it on a few times a second, and once more before a task ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use engine::Run;
use engine::wire::bytes::{Reader, Writer};
use futures::Stream;

use crate::service::ClusterClient;

/// How often news are sent.
const INTERVAL: Duration = Duration::from_millis(200);

/// Rounds without news after which a job is forgotten.
const QUIET_ROUNDS_MAX: u32 = 50;

/// Lines of one job that wait to be sent; a function that prints faster loses the rest.
const LINES_MAX: usize = 10_000;

/// A task, for whoever reads what it prints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Task {
    pub job: Arc<str>,
    pub stage: usize,
    pub task: usize,
}

/// What a job is called between executors and scheduler: the name that its client gave it, and the one that Ballista gave.
/// The client learns the latter from nobody else while the job runs.
pub(crate) fn job_key(name: &str, id: &str) -> Arc<str> {
    format!("{name} {id}").into()
}

/// What a function wrote with `print` or `logging`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub stage: usize,
    pub task: usize,
    /// As `logging` numbers them; 0 for what was printed.
    pub level: i64,
    pub text: String,
}

impl Line {
    pub fn write(&self, writer: &mut Writer) {
        writer.number(self.stage as u64);
        writer.number(self.task as u64);
        writer.word(self.level as u64);
        writer.text(&self.text);
    }

    pub fn read(reader: &mut Reader<'_>) -> engine::Result<Line> {
        Ok(Line {
            stage: reader.number()? as usize,
            task: reader.number()? as usize,
            level: reader.word()? as i64,
            text: reader.text()?,
        })
    }
}

/// The news of an executor's tasks.
#[derive(Default)]
pub(crate) struct News {
    jobs: Mutex<HashMap<Arc<str>, JobNews>>,
}

#[derive(Default)]
struct JobNews {
    runs: Vec<Run>,
    lines: Vec<Line>,
    rows_told: u64,
    quiet_rounds: u32,
}

thread_local! {
    static TASK: RefCell<Option<Task>> = const { RefCell::new(None) };
}

/// Where this process's functions print to; a process runs one executor.
static NEWS: OnceLock<Arc<News>> = OnceLock::new();

impl News {
    /// Gathers what functions of this process print from now on, and sends news until the process ends.
    pub fn start(scheduler: ClusterClient, executor: String) -> Arc<News> {
        let news = Arc::new(News::default());
        if NEWS.set(news.clone()).is_ok() {
            engine::runtime::log::set_sink(take);
        }
        let sent = news.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                for (job, rows, lines) in sent.due() {
                    // What cannot be sent is lost: the job does not depend on it.
                    let _ = scheduler.tell(&job, &executor, rows, &lines).await;
                }
            }
        });
        news
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<Arc<str>, JobNews>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows that this run reads count for the job.
    pub fn follow(&self, job: &Arc<str>, run: Run) {
        self.jobs().entry(job.clone()).or_default().runs.push(run);
    }

    fn due(&self) -> Vec<(Arc<str>, u64, Vec<Line>)> {
        let mut due = Vec::new();
        self.jobs().retain(|job, news| {
            let rows = news.runs.iter().map(Run::rows_read).sum();
            if rows != news.rows_told || !news.lines.is_empty() {
                news.rows_told = rows;
                news.quiet_rounds = 0;
                due.push((job.clone(), rows, std::mem::take(&mut news.lines)));
            }
            news.quiet_rounds += 1;
            news.quiet_rounds < QUIET_ROUNDS_MAX
        });
        due
    }

    /// The lines of a job that were not sent yet, and its rows.
    pub fn take_lines(&self, job: &Arc<str>) -> Option<(u64, Vec<Line>)> {
        let mut jobs = self.jobs();
        let news = jobs.get_mut(job)?;
        let rows = news.runs.iter().map(Run::rows_read).sum();
        (!news.lines.is_empty()).then(|| (rows, std::mem::take(&mut news.lines)))
    }
}

/// Takes what a function prints.
fn take(level: i64, text: &str) {
    let task = TASK.with_borrow(Clone::clone);
    let (Some(task), Some(news)) = (task, NEWS.get()) else {
        eprint!("{text}");
        return;
    };
    let mut jobs = news.jobs();
    let lines = &mut jobs.entry(task.job).or_default().lines;
    if lines.len() < LINES_MAX {
        lines.push(Line { stage: task.stage, task: task.task, level, text: text.to_owned() });
    }
}

/// A stream whose functions print as this task.
pub(crate) struct Tagged<S> {
    pub inner: S,
    pub task: Task,
}

impl<S: Stream + Unpin> Stream for Tagged<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let outer = TASK.replace(Some(self.task.clone()));
        let polled = Pin::new(&mut self.inner).poll_next(context);
        TASK.set(outer);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives() {
        let line = Line { stage: 1, task: 7, level: -3, text: "naïve\n".to_owned() };
        let mut writer = Writer::default();
        line.write(&mut writer);
        let bytes = writer.finish();
        assert_eq!(Line::read(&mut Reader::new(&bytes)).unwrap(), line);
        assert!(Line::read(&mut Reader::new(&bytes[1..])).is_err());
    }
}
