//! The `fuseline` binary: checks and compiles Python files, runs queries, and runs the processes of a cluster. Needs no
//! Python, and starts none. Owns arguments, files and exit codes; what a program means is the business of the crates below.

mod args;
mod check;
mod cluster_args;
mod compile;
mod failure;
mod link;
mod output;
mod source;
mod sql;

use args::Command;
use cluster::{LogFormat, process};
use cluster_args::ClusterCommand;
use failure::Failure;
use std::process::ExitCode;

/// Exit code when the program that was checked or compiled has errors.
const EXIT_PROGRAM: u8 = 1;
/// Exit code when the command line is wrong, or a file or the machine fails.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let outcome = args::parse(lexopt::Parser::from_env()).and_then(|command| match command {
        Command::Print(text) => output::print(text.as_bytes()).map(|()| true),
        Command::Check(request) => check::run(&request),
        Command::Compile(request) => compile::run(&request),
        Command::Sql(request) => sql::run(&request),
        Command::Cluster(command, log) => run_cluster(command, log).map(|()| true).map_err(Failure::from),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_PROGRAM),
        // Whoever reads our output has seen enough, as `head` does.
        Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(Failure::Message { text, help }) => {
            eprintln!("fuseline: {text}");
            if let Some(help) = help {
                eprintln!("help: {help}");
            }
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn run_cluster(command: ClusterCommand, log: LogFormat) -> engine::Result<()> {
    match command {
        ClusterCommand::Scheduler(options) => process::scheduler(*options, log),
        ClusterCommand::Executor(options) => process::executor(*options, log),
        ClusterCommand::Local(options) => process::local(*options, log),
        ClusterCommand::Certs { folder, hosts } => process::certs(&folder, &hosts),
    }
}
