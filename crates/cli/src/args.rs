//! The command line: every option with its help text and its parsing. Knows nothing of what the commands do.

use crate::cluster_args::{self, ClusterCommand};
use crate::failure::Failure;
use cluster::{LogFormat, Tls};
use lexopt::prelude::{Long, Short, Value};
use std::ffi::OsString;
use std::path::PathBuf;

/// What the user asked for.
#[derive(Debug)]
pub enum Command {
    /// Text for standard output: help or version.
    Print(String),
    Check(CheckRequest),
    Compile(CompileRequest),
    Sql(SqlRequest),
    Cluster(ClusterCommand, LogFormat),
}

/// `fuseline check`.
#[derive(Debug)]
pub struct CheckRequest {
    pub paths: Vec<PathBuf>,
    pub format: Format,
}

/// How diagnostics are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Full,
    Concise,
    Json,
}

/// `fuseline compile`.
#[derive(Debug)]
pub struct CompileRequest {
    pub path: PathBuf,
    pub function: Option<String>,
    pub signature: Option<String>,
    pub emit: Emit,
    pub target: Option<String>,
    pub output: Option<PathBuf>,
}

/// What `compile` writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Emit {
    Ir,
    LlvmIr,
    Bitcode,
    Asm,
    Obj,
    Shared,
    Header,
}

impl Emit {
    const ALL: [Emit; 7] = [Emit::Ir, Emit::LlvmIr, Emit::Bitcode, Emit::Asm, Emit::Obj, Emit::Shared, Emit::Header];

    /// The word after `--emit`.
    pub fn name(self) -> &'static str {
        match self {
            Emit::Ir => "ir",
            Emit::LlvmIr => "llvm-ir",
            Emit::Bitcode => "bitcode",
            Emit::Asm => "asm",
            Emit::Obj => "obj",
            Emit::Shared => "shared",
            Emit::Header => "header",
        }
    }
}

/// `fuseline sql`.
#[derive(Debug)]
pub struct SqlRequest {
    pub query: String,
    pub udf_paths: Vec<PathBuf>,
    /// Names and paths.
    pub tables: Vec<(String, String)>,
    pub format: ResultFormat,
    pub output: Option<PathBuf>,
    /// The scheduler of the cluster where the query runs.
    pub connect: Option<String>,
    pub tls: Option<Tls>,
}

/// How the rows of a query are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResultFormat {
    Table,
    Csv,
    Json,
    Arrow,
}

const HELP: &str = "\
fuseline: ordinary Python functions, compiled ahead of time to LLVM

usage: fuseline COMMAND ...

commands:
  check      find what is wrong in Python files
  compile    compile functions of a Python file to native code
  sql        run a query over files, with functions of Python files
  scheduler  run the scheduler of a cluster
  executor   run an executor of a cluster
  cluster    run a whole cluster on this machine
  certs      make the certificates of a cluster

options:
  -h, --help     show this help; `fuseline COMMAND --help` shows that of a command
  -V, --version  show the version
";

const CHECK_HELP: &str = "\
fuseline check: find what is wrong in Python files, without running them

usage: fuseline check [--format FORMAT] FILE.py|FOLDER ...

Every function that could be compiled is checked. A function whose parameters have no types is checked through the
calls of the others; that it cannot be checked alone is a note, not an error. Functions that drive a dataset (they use
the `fuseline` module, or take no parameters) are left out.

options:
  --format full      messages with source lines (default)
  --format concise   one line for each message
  --format json      one JSON array of objects
  -h, --help         show this help

exit code: 0 no errors, 1 errors found, 2 wrong usage or a file that cannot be read
";

const COMPILE_HELP: &str = "\
fuseline compile: compile functions of a Python file to native code, without running it

usage: fuseline compile FILE.py --emit KIND [options]

  --emit ir          Fuseline IR, as text
  --emit llvm-ir     LLVM IR, as text, after optimisation
  --emit bitcode     LLVM bitcode
  --emit asm         assembly
  --emit obj         object file
  --emit shared      shared library for C and everything that calls C
  --emit header      the C header of the object file or shared library

options:
  --function NAME    compile this function; otherwise every function whose name has no leading underscore and whose
                     types are all known
  --signature SIG    the types of the function, such as \"(float, float) -> float\", when it has no annotations
  --target TRIPLE    another machine, such as aarch64-unknown-linux-gnu (default: this machine and its processor)
  -o, --output FILE  write to FILE instead of standard output
  -h, --help         show this help

exit code: 0 compiled, 1 errors in the program, 2 wrong usage or a file that cannot be read or written

example:
  fuseline compile speed.py --function speed --signature \"(float, float) -> float\" --emit shared -o libspeed.so
";

const SQL_HELP: &str = "\
fuseline sql: run a query over files, with functions of Python files; needs no Python

usage: fuseline sql QUERY [--table NAME=PATH]... [--udf FILE.py]... [options]

  --table NAME=PATH  a table of the query: .parquet, .csv, .tsv, .json, .jsonl, .bson or .arrow; PATH may be a pattern
  --udf FILE.py      a file whose functions the query may call; they are compiled for the types of their arguments
  --format table     a table for people (default)
  --format csv       CSV with a header
  --format json      one JSON object for each row
  --format arrow     an Arrow stream
  -o, --output FILE  write to FILE instead of standard output
  --connect ADDRESS  run it on a cluster, fuseline://HOST:PORT of its scheduler; its executors read the same files
  --tls FOLDER       the certificates of the cluster
  -h, --help         show this help

A function is called for the rows for which Python would call it; an exception ends the query and is shown with its
line and its row. Names of tables and columns are taken as they are written.

exit code: 0 done, 1 errors in the program or an exception, 2 wrong usage, or a query or a file that makes no sense

example:
  fuseline sql \"SELECT zone, avg(speed(km, minutes)) FROM trips GROUP BY zone\" --udf speed.py --table trips=trips.csv
";

/// Reads the command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Command, Failure> {
    match parser.next().map_err(usage)? {
        None => Err(Failure::with_help("no command given", "`fuseline --help` shows the commands")),
        Some(Short('h') | Long("help")) => Ok(Command::Print(String::from(HELP))),
        Some(Short('V') | Long("version")) => Ok(Command::Print(format!("fuseline {}\n", env!("CARGO_PKG_VERSION")))),
        Some(Value(word)) => match word.to_str() {
            Some("check") => parse_check(&mut parser),
            Some("compile") => parse_compile(&mut parser),
            Some("sql") => parse_sql(&mut parser),
            Some("help") => Ok(Command::Print(String::from(HELP))),
            word => cluster_args::parse(word.unwrap_or_default(), &mut parser).unwrap_or_else(|| {
                Err(Failure::with_help(
                    format!("there is no command `{}`", word.unwrap_or("?")),
                    "`fuseline --help` shows the commands",
                ))
            }),
        },
        Some(other) => Err(usage(other.unexpected())),
    }
}

fn parse_check(parser: &mut lexopt::Parser) -> Result<Command, Failure> {
    let mut request = CheckRequest { paths: vec![], format: Format::Full };
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Print(String::from(CHECK_HELP))),
            Long("format") => request.format = parse_format(&text(parser)?)?,
            Value(path) => request.paths.push(PathBuf::from(path)),
            other => return Err(usage(other.unexpected())),
        }
    }
    if request.paths.is_empty() {
        return Err(Failure::with_help("nothing to check", "name a `.py` file or a folder"));
    }
    Ok(Command::Check(request))
}

fn parse_format(word: &str) -> Result<Format, Failure> {
    match word {
        "full" => Ok(Format::Full),
        "concise" => Ok(Format::Concise),
        "json" => Ok(Format::Json),
        _ => Err(Failure::with_help(
            format!("`{word}` is not a format of messages"),
            "the formats are `full`, `concise` and `json`",
        )),
    }
}

fn parse_compile(parser: &mut lexopt::Parser) -> Result<Command, Failure> {
    let (mut path, mut emit) = (None, None);
    let (mut function, mut signature, mut target, mut output) = (None, None, None, None);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Print(String::from(COMPILE_HELP))),
            Long("function") => function = Some(text(parser)?),
            Long("signature") => signature = Some(text(parser)?),
            Long("emit") => emit = Some(parse_emit(&text(parser)?)?),
            Long("target") => target = Some(text(parser)?),
            Short('o') | Long("output") => output = Some(PathBuf::from(parser.value().map_err(usage)?)),
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let path = path.ok_or_else(|| Failure::with_help("nothing to compile", "name a `.py` file"))?;
    let emit = emit.ok_or_else(|| Failure::with_help("`--emit` is missing", emit_kinds()))?;
    Ok(Command::Compile(CompileRequest { path, function, signature, emit, target, output }))
}

fn parse_sql(parser: &mut lexopt::Parser) -> Result<Command, Failure> {
    let (mut query, mut format) = (None, ResultFormat::Table);
    let (mut udf_paths, mut tables, mut output) = (vec![], vec![], None);
    let (mut connect, mut tls) = (None, None);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Print(String::from(SQL_HELP))),
            Long("udf") => udf_paths.push(PathBuf::from(parser.value().map_err(usage)?)),
            Long("table") => {
                let word = text(parser)?;
                let Some((name, path)) =
                    word.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty())
                else {
                    return Err(Failure::with_help(format!("`{word}` is no table"), "write `--table NAME=PATH`"));
                };
                if tables.iter().any(|(known, _)| known == name) {
                    return Err(Failure::new(format!("the table `{name}` is given twice")));
                }
                tables.push((name.to_owned(), path.to_owned()));
            }
            Long("format") => format = parse_result_format(&text(parser)?)?,
            Long("connect") => connect = Some(text(parser)?),
            Long("tls") => tls = Some(cluster_args::tls(parser)?),
            Short('o') | Long("output") => output = Some(PathBuf::from(parser.value().map_err(usage)?)),
            Value(value) if query.is_none() => {
                let unreadable = |_| Failure::new("the query is not valid text");
                query = Some(value.into_string().map_err(unreadable)?);
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let query = query.ok_or_else(|| Failure::with_help("no query is given", "write it in quotes: \"SELECT ...\""))?;
    Ok(Command::Sql(SqlRequest { query, udf_paths, tables, format, output, connect, tls }))
}

fn parse_result_format(word: &str) -> Result<ResultFormat, Failure> {
    match word {
        "table" => Ok(ResultFormat::Table),
        "csv" => Ok(ResultFormat::Csv),
        "json" => Ok(ResultFormat::Json),
        "arrow" => Ok(ResultFormat::Arrow),
        _ => Err(Failure::with_help(
            format!("`{word}` is not a format of results"),
            "the formats are `table`, `csv`, `json` and `arrow`",
        )),
    }
}

fn parse_emit(word: &str) -> Result<Emit, Failure> {
    let found = Emit::ALL.into_iter().find(|emit| emit.name() == word);
    found.ok_or_else(|| Failure::with_help(format!("`{word}` cannot be emitted"), emit_kinds()))
}

fn emit_kinds() -> String {
    let names: Vec<String> = Emit::ALL.iter().map(|emit| format!("`{}`", emit.name())).collect();
    format!("it is one of {}", names.join(", "))
}

pub(crate) fn text(parser: &mut lexopt::Parser) -> Result<String, Failure> {
    let value: OsString = parser.value().map_err(usage)?;
    value.into_string().map_err(|value| Failure::new(format!("`{}` is not valid text", value.to_string_lossy())))
}

/// An error of the parser in our words.
pub(crate) fn usage(error: lexopt::Error) -> Failure {
    use lexopt::Error;
    let message = match &error {
        Error::MissingValue { option: Some(option) } => format!("`{option}` needs a value"),
        Error::UnexpectedOption(option) => format!("there is no option `{option}`"),
        Error::UnexpectedArgument(value) => format!("`{}` is one argument too many", value.to_string_lossy()),
        Error::UnexpectedValue { option, .. } => format!("`{option}` takes no value"),
        other => other.to_string(),
    };
    Failure::with_help(message, "`--help` shows what there is")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, Failure> {
        parse(lexopt::Parser::from_args(words.iter().copied()))
    }

    fn message(words: &[&str]) -> String {
        match parsed(words) {
            Err(Failure::Message { text, .. }) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_output_is_in_the_help() {
        for emit in Emit::ALL {
            assert!(COMPILE_HELP.contains(&format!("  --emit {} ", emit.name())), "{}", emit.name());
            assert_eq!(parse_emit(emit.name()).unwrap(), emit);
        }
    }

    #[test]
    fn help_fits_a_terminal() {
        for text in [HELP, CHECK_HELP, COMPILE_HELP, SQL_HELP] {
            assert!(text.lines().all(|line| line.len() <= 120), "{text}");
        }
    }

    #[test]
    fn a_whole_command_line() {
        let words = ["compile", "a.py", "--emit=obj", "--function", "f", "--signature", "(int)", "-oa.o"];
        let Ok(Command::Compile(request)) = parsed(&words) else { panic!() };
        assert_eq!(request.path, PathBuf::from("a.py"));
        assert_eq!(request.output, Some(PathBuf::from("a.o")));
        assert_eq!((request.emit, request.function.as_deref()), (Emit::Obj, Some("f")));
        let Ok(Command::Check(request)) = parsed(&["check", "--format", "json", "a", "b"]) else { panic!() };
        assert_eq!((request.format, request.paths.len()), (Format::Json, 2));
    }

    #[test]
    fn wrong_usage_is_said_plainly() {
        assert_eq!(message(&[]), "no command given");
        assert_eq!(message(&["run"]), "there is no command `run`");
        assert_eq!(message(&["check"]), "nothing to check");
        assert_eq!(message(&["check", "a.py", "--fast"]), "there is no option `--fast`");
        assert_eq!(message(&["compile", "a.py"]), "`--emit` is missing");
        assert_eq!(message(&["compile", "a.py", "--emit", "exe"]), "`exe` cannot be emitted");
        assert_eq!(message(&["compile", "a.py", "b.py"]), "`b.py` is one argument too many");
        assert_eq!(message(&["compile", "a.py", "--emit"]), "`--emit` needs a value");
        assert_eq!(message(&["sql"]), "no query is given");
        assert_eq!(message(&["sql", "SELECT 1", "--table", "t"]), "`t` is no table");
        assert_eq!(message(&["sql", "SELECT 1", "--format", "xml"]), "`xml` is not a format of results");
    }
}
