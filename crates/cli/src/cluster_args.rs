//! The command line of the commands that run a cluster: options, help, parsing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use cluster::{ExecutorOptions, LocalOptions, LogFormat, SchedulerOptions, Tls};
use lexopt::prelude::{Long, Short, Value};

use crate::args::{Command, text, usage};
use crate::failure::Failure;

/// A process of a cluster, and how it writes its log.
#[derive(Debug)]
pub enum ClusterCommand {
    Scheduler(Box<SchedulerOptions>),
    Executor(Box<ExecutorOptions>),
    Local(Box<LocalOptions>),
    Certs { folder: PathBuf, hosts: Vec<String> },
}

const SCHEDULER_HELP: &str = "\
fuseline scheduler: hands the work of a cluster to its executors

usage: fuseline scheduler [options]

  --listen ADDRESS:PORT  where it listens (default: 127.0.0.1:50050; port 0 takes a free one)
  --host NAME            the name under which executors and clients reach it (default: the address it listens at)
  --tls FOLDER           the certificates of the cluster, which `fuseline certs` makes; needed beyond this machine
  --timeout SECONDS      how long an executor may be silent before its work is given to others (default: 20)
  --log text|json        how the log is written (default: text); FUSELINE_LOG says how much, as in `info`
  -h, --help             show this help

It prints its address when it is ready, and serves its state at http://ADDRESS:PORT/api/state and /metrics.
";

const EXECUTOR_HELP: &str = "\
fuseline executor: works for a cluster; needs no Python

usage: fuseline executor --scheduler HOST:PORT [options]

  --scheduler HOST:PORT  the scheduler it works for
  --threads N            parts it works on at a time (default: one for each core)
  --memory SIZE          memory for sorts, joins and aggregations, as in 4GB; beyond it the disk is used (default: none)
  --work-dir FOLDER      where it keeps what it made until somebody has read it (default: a temporary folder)
  --listen ADDRESS       where it listens for the others (default: 127.0.0.1)
  --host NAME            the name under which the others reach it (default: the address it listens at)
  --tls FOLDER           the certificates of the cluster, which `fuseline certs` makes; needed beyond this machine
  --heartbeat SECONDS    how often it tells the scheduler that it is there (default: 5)
  --compile-seconds N    how long compiling a function may take before it is an error (default: 60)
  --log text|json        how the log is written (default: text); FUSELINE_LOG says how much, as in `info`
  -h, --help             show this help

Asked to end by SIGTERM it finishes the tasks that run.
";

const LOCAL_HELP: &str = "\
fuseline cluster: a whole cluster on this machine

usage: fuseline cluster [options]

  --executors N          how many executors (default: 2)
  --threads N            parts each works on at a time (default: 1)
  --memory SIZE          memory of each, as in 4GB (default: no limit)
  --work-dir FOLDER      where they keep their files (default: a folder for temporary files)
  --listen ADDRESS:PORT  where the scheduler listens (default: 127.0.0.1, a free port)
  --timeout SECONDS      how long an executor may be silent before its work is given to others (default: 20)
  --heartbeat SECONDS    how often executors tell that they are there (default: 5)
  --log text|json        how the log is written (default: text); FUSELINE_LOG says how much, as in `info`
  -h, --help             show this help

It prints its address when all executors are ready: `fuseline.connect(address)`. It ends with its executors on SIGTERM.
";

const CERTS_HELP: &str = "\
fuseline certs: make the certificates of a cluster

usage: fuseline certs FOLDER [--host NAME]...

  --host NAME   a name or address under which a process of the cluster is reached, besides those of this machine
  -h, --help    show this help

FOLDER gets `ca.pem`, `cluster.pem` and `cluster.key`. Copy it to every machine of the cluster and to its clients, and
keep it secret: who has it can run code in the cluster.
";

/// Functions compile in milliseconds; what takes this long was made to.
const COMPILE_SECONDS: u64 = 60;

/// Reads what follows the name of the command; `None` when it is not a command of this file.
pub fn parse(name: &str, parser: &mut lexopt::Parser) -> Option<Result<Command, Failure>> {
    Some(match name {
        "scheduler" => parse_scheduler(parser),
        "executor" => parse_executor(parser),
        "cluster" => parse_local(parser),
        "certs" => parse_certs(parser),
        _ => return None,
    })
}

fn parse_scheduler(parser: &mut lexopt::Parser) -> Result<Command, Failure> {
    let mut options = SchedulerOptions::default();
    let (mut host, mut log) = (None, LogFormat::default());
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Print(String::from(SCHEDULER_HELP))),
            Long("listen") => options.address = parsed(parser, "an address, as in 127.0.0.1:50050")?,
            Long("host") => host = Some(text(parser)?),
            Long("tls") => options.tls = Some(tls(parser)?),
            Long("timeout") => options.executor_timeout_seconds = seconds(parser)?,
            Long("log") => log = log_format(parser)?,
            other => return Err(usage(other.unexpected())),
        }
    }
    options.host = host.unwrap_or_else(|| options.address.ip().to_string());
    Ok(Command::Cluster(ClusterCommand::Scheduler(Box::new(options)), log))
}

fn parse_executor(parser: &mut lexopt::Parser) -> Result<Command, Failure> {
    let (mut scheduler, mut host, mut work_dir, mut log) = (None, None, None, LogFormat::default());
    let (mut threads, mut memory_bytes_max, mut certificates, mut heartbeat_seconds) = (cores(), None, None, 5);
    let mut compile_seconds = COMPILE_SECONDS;
    let mut bind = IpAddr::V4(Ipv4Addr::LOCALHOST);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Print(String::from(EXECUTOR_HELP))),
            Long("scheduler") => scheduler = Some(text(parser)?),
            Long("threads") => threads = count(parser)?,
            Long("memory") => memory_bytes_max = Some(size(parser)?),
            Long("work-dir") => work_dir = Some(folder(parser)?),
            Long("listen") => bind = parsed(parser, "an address, as in 127.0.0.1")?,
            Long("host") => host = Some(text(parser)?),
            Long("tls") => certificates = Some(tls(parser)?),
            Long("heartbeat") => heartbeat_seconds = seconds(parser)?,
            Long("compile-seconds") => compile_seconds = parsed(parser, "a number of seconds")?,
            Long("log") => log = log_format(parser)?,
            other => return Err(usage(other.unexpected())),
        }
    }
    let scheduler = scheduler.ok_or_else(|| Failure::with_help("`--scheduler` is missing", "it is HOST:PORT"))?;
    let options = ExecutorOptions {
        scheduler,
        bind,
        host: host.unwrap_or_else(|| bind.to_string()),
        threads,
        memory_bytes_max,
        work_dir: work_dir.unwrap_or_else(|| own_folder("executor")),
        tls: certificates,
        heartbeat_seconds,
        compile_seconds,
        connect_seconds: 60,
    };
    Ok(Command::Cluster(ClusterCommand::Executor(Box::new(options)), log))
}

fn parse_local(parser: &mut lexopt::Parser) -> Result<Command, Failure> {
    let mut scheduler =
        SchedulerOptions { address: SocketAddr::from(([127, 0, 0, 1], 0)), ..SchedulerOptions::default() };
    let (mut executors, mut threads, mut memory_bytes_max, mut work_dir) = (2, 1, None, None);
    let (mut heartbeat_seconds, mut log) = (5, LogFormat::default());
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Print(String::from(LOCAL_HELP))),
            Long("executors") => executors = count(parser)?,
            Long("threads") => threads = count(parser)?,
            Long("memory") => memory_bytes_max = Some(size(parser)?),
            Long("work-dir") => work_dir = Some(folder(parser)?),
            Long("listen") => scheduler.address = parsed(parser, "an address, as in 127.0.0.1:50050")?,
            Long("timeout") => scheduler.executor_timeout_seconds = seconds(parser)?,
            Long("heartbeat") => heartbeat_seconds = seconds(parser)?,
            Long("log") => log = log_format(parser)?,
            other => return Err(usage(other.unexpected())),
        }
    }
    if !scheduler.address.ip().is_loopback() {
        return Err(Failure::with_help(
            "`fuseline cluster` is for this machine only",
            "start `fuseline scheduler` and `fuseline executor` with `--tls` for others",
        ));
    }
    scheduler.executors_expected = executors;
    let program =
        std::env::current_exe().map_err(|error| Failure::new(format!("cannot find this program: {error}")))?;
    let options = LocalOptions {
        executors,
        threads,
        memory_bytes_max,
        work_dir: work_dir.unwrap_or_else(|| own_folder("cluster")),
        heartbeat_seconds,
        scheduler,
        program,
    };
    Ok(Command::Cluster(ClusterCommand::Local(Box::new(options)), log))
}

fn parse_certs(parser: &mut lexopt::Parser) -> Result<Command, Failure> {
    let (mut folder, mut hosts) = (None, Vec::new());
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Print(String::from(CERTS_HELP))),
            Long("host") => hosts.push(text(parser)?),
            Value(value) if folder.is_none() => folder = Some(PathBuf::from(value)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let folder = folder.ok_or_else(|| Failure::with_help("no folder is given", "name the one that gets the files"))?;
    Ok(Command::Cluster(ClusterCommand::Certs { folder, hosts }, LogFormat::default()))
}

fn parsed<T: std::str::FromStr>(parser: &mut lexopt::Parser, wanted: &str) -> Result<T, Failure> {
    let value = text(parser)?;
    value.parse().map_err(|_| Failure::with_help(format!("`{value}` makes no sense here"), format!("give {wanted}")))
}

fn count(parser: &mut lexopt::Parser) -> Result<usize, Failure> {
    match parsed(parser, "a number from 1")? {
        0 => Err(Failure::with_help("`0` makes no sense here", "give a number from 1")),
        count => Ok(count),
    }
}

fn seconds(parser: &mut lexopt::Parser) -> Result<u64, Failure> {
    Ok(count(parser)? as u64)
}

/// Bytes, as in `4GB`, `512MB` or `1073741824`.
fn size(parser: &mut lexopt::Parser) -> Result<u64, Failure> {
    let value = text(parser)?;
    let digits = value.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: Option<u64> = match value.get(digits.len()..).unwrap_or_default().to_ascii_uppercase().as_str() {
        "" | "B" => Some(1),
        "KB" | "K" => Some(1 << 10),
        "MB" | "M" => Some(1 << 20),
        "GB" | "G" => Some(1 << 30),
        "TB" | "T" => Some(1 << 40),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        Failure::with_help(format!("`{value}` is no amount of memory"), "it is a number and a unit, as in 4GB")
    })
}

fn folder(parser: &mut lexopt::Parser) -> Result<PathBuf, Failure> {
    Ok(PathBuf::from(parser.value().map_err(usage)?))
}

pub fn tls(parser: &mut lexopt::Parser) -> Result<Tls, Failure> {
    Tls::load(&folder(parser)?).map_err(Failure::from)
}

fn log_format(parser: &mut lexopt::Parser) -> Result<LogFormat, Failure> {
    match text(parser)?.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(Failure::with_help(format!("`{other}` is no form of a log"), "it is `text` or `json`")),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// A folder that no other process uses.
fn own_folder(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("fuseline-{what}-{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Result<Command, Failure> {
        let mut parser = lexopt::Parser::from_args(words.iter().skip(1).copied());
        parse(words[0], &mut parser).unwrap()
    }

    fn message(words: &[&str]) -> String {
        match command(words) {
            Err(Failure::Message { text, .. }) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whole_command_lines() {
        let words = ["executor", "--scheduler", "a:1", "--threads=3", "--memory", "4GB", "--work-dir", "w"];
        let Ok(Command::Cluster(ClusterCommand::Executor(options), _)) = command(&words) else { panic!() };
        assert_eq!((options.scheduler.as_str(), options.threads), ("a:1", 3));
        assert_eq!((options.memory_bytes_max, options.work_dir), (Some(4 << 30), PathBuf::from("w")));
        let Ok(Command::Cluster(ClusterCommand::Local(options), log)) =
            command(&["cluster", "--executors", "3", "--log", "json"])
        else {
            panic!()
        };
        assert_eq!((options.executors, options.threads, log), (3, 1, LogFormat::Json));
    }

    #[test]
    fn wrong_usage_is_said_plainly() {
        assert_eq!(message(&["executor"]), "`--scheduler` is missing");
        assert_eq!(message(&["cluster", "--executors", "0"]), "`0` makes no sense here");
        assert_eq!(message(&["executor", "--memory", "4XB"]), "`4XB` is no amount of memory");
        assert_eq!(message(&["cluster", "--listen", "0.0.0.0:1"]), "`fuseline cluster` is for this machine only");
        assert_eq!(message(&["certs"]), "no folder is given");
    }

    #[test]
    fn help_fits_a_terminal() {
        for text in [SCHEDULER_HELP, EXECUTOR_HELP, LOCAL_HELP, CERTS_HELP] {
            assert!(text.lines().all(|line| line.len() <= 120), "{text}");
        }
    }
}
