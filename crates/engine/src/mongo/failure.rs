//! What the driver's and the server's errors mean, in our words, with the host named and without passwords.

use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::options::ClientOptions;

use crate::error::Error;

/// How long the driver looks for a server when nobody says.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The servers of a connection, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Where {
    hosts: String,
    timeout: Duration,
}

impl Where {
    pub fn of(options: &ClientOptions) -> Where {
        let hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
        let timeout = options.server_selection_timeout.unwrap_or(SELECTION_TIMEOUT);
        Where { hosts: hosts.join(", "), timeout }
    }

    pub fn explain(&self, error: &DriverError) -> Error {
        let hosts = &self.hosts;
        match error.kind.as_ref() {
            ErrorKind::ServerSelection { message, .. } => match message.to_lowercase() {
                text if text.contains("authentication") || text.contains("scram") => self.refused(&reason_of(message)),
                _ => Error::engine_hint(
                    format!(
                        "no MongoDB server at `{hosts}` answered within {} s: {}",
                        seconds(self.timeout),
                        reason_of(message)
                    ),
                    "check the address and that the server runs; `timeout=` says how long to wait",
                ),
            },
            ErrorKind::Authentication { message, .. } => self.refused(message),
            ErrorKind::Command(command) => match command.code {
                13 => Error::engine_hint(
                    format!("MongoDB at `{hosts}` does not permit this: {}", command.message),
                    "use a user who may read this collection, or name the `authSource` in the address",
                ),
                18 => self.refused(&command.message),
                43 => Error::engine_hint(
                    format!("MongoDB at `{hosts}` no longer knows the cursor: {}", command.message),
                    "the server closes a cursor that nobody reads for ten minutes; read faster or in smaller batches",
                ),
                50 => {
                    Error::engine(format!("MongoDB at `{hosts}` stopped the query: it took longer than its time limit"))
                }
                code => Error::engine(format!("MongoDB at `{hosts}`: {} (code {code})", command.message)),
            },
            ErrorKind::Io(io) => Error::engine_hint(
                format!("the connection to MongoDB at `{hosts}` was lost: {}", crate::failure::io_reason(io)),
                "run it again; a read of a whole collection goes on by itself when the server comes back",
            ),
            ErrorKind::ConnectionPoolCleared { .. } => Error::engine_hint(
                format!("the connection to MongoDB at `{hosts}` was lost"),
                "run it again; a read of a whole collection goes on by itself when the server comes back",
            ),
            other => Error::engine(format!("MongoDB at `{hosts}`: {other}")),
        }
    }

    /// Nothing says where an interrupted walk over a collection was.
    pub fn cannot_go_on(&self) -> Error {
        Error::engine_hint(
            format!(
                "the connection to MongoDB at `{}` was lost, and the documents read last were deleted or written anew",
                self.hosts
            ),
            "run it again, or read with `resume=\"_id\"`, which always finds its place",
        )
    }

    /// The numbers of records are those of one member; on another the read would lose or double documents.
    pub fn another_member(&self) -> Error {
        Error::engine_hint(
            format!("another member of the replica set at `{}` answers than the one that was read from", self.hosts),
            "run it again, or read with `resume=\"_id\"`, which goes on wherever the documents are",
        )
    }

    /// Written, but not as safely as asked for.
    pub fn not_durable(&self, reason: &str) -> Error {
        Error::engine_hint(
            format!("MongoDB at `{}` could not confirm the write as asked: {reason}", self.hosts),
            "the rows may be written; the write concern of the address (`w=`, `journal=`) says what is waited for",
        )
    }

    fn refused(&self, reason: &str) -> Error {
        Error::engine_hint(
            format!("MongoDB at `{}` refused the credentials: {reason}", self.hosts),
            "check user, password and `authSource` of the address",
        )
    }
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

/// The last cause in the driver's account of the topology: `... Error: Kind: I/O error: Connection refused (os error 111)`.
fn reason_of(message: &str) -> String {
    let cause = message.rsplit("Error: ").next().unwrap_or(message);
    let cause = cause.split(", labels:").next().unwrap_or(cause);
    let cause = cause.trim_start_matches("Kind: ").trim_start_matches("I/O error: ");
    cause.split(" (os error").next().unwrap_or(cause).trim_end_matches([' ', '}', ']', '>', ',']).to_owned()
}

/// Whether the same command may succeed on another connection: the network failed, or the server is going away.
pub(super) fn is_passing(error: &DriverError) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => true,
        // CursorNotFound, HostUnreachable, HostNotFound, NetworkTimeout, ShutdownInProgress, PrimarySteppedDown,
        // SocketException, NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange, NotPrimary*. Not
        // Interrupted and CursorKilled: somebody wanted the query to end.
        ErrorKind::Command(command) => {
            matches!(command.code, 43 | 6 | 7 | 89 | 91 | 189 | 9001 | 10107 | 11600 | 11602 | 13435 | 13436)
        }
        _ => false,
    }
}
