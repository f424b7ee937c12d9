//! Reading a cursor and inserting over connections of our own, where the address needs nothing that only the driver has: no TLS, no
//! compression, no proxy, no stable API, and a user with a password or none. The driver still chooses the server, and says what
//! is wrong with it. Owns the wire protocol as far as these need it; decoding is not its matter.

mod insert;
mod memory;
mod scram;
mod socket;
mod stream;

pub(super) use insert::Inserter;
pub(super) use socket::{Connection, Message, close_sequence, sequence_head};
pub(super) use stream::Stream;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Result;
use mongodb::options::{AuthMechanism, ClientOptions, Credential, ServerAddress};

use self::stream::Opened;
use super::client::{Connected, Greeting};
use crate::run::lock;

/// What the driver waits for a connection when nobody says.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const PORT: u16 = 27017;

/// Connections that wait for the next query.
const IDLE_MAX: usize = 8;

/// What it takes to connect without the driver.
#[derive(Debug)]
pub(super) struct Direct {
    /// The one host of the address, if there is one.
    host: Option<(String, u16)>,
    timeout: Duration,
    application: String,
    credential: Option<Credential>,
    pool: Arc<Pool>,
}

/// Open connections that nobody uses.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<((String, u16), Connection)>>,
}

impl Pool {
    fn give_back(&self, connection: Connection) {
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_MAX {
            idle.push((connection.address().clone(), connection));
        }
    }

    fn take(&self, address: &(String, u16)) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        let found = idle.iter().rposition(|(of, _)| of == address)?;
        Some(idle.swap_remove(found).1)
    }
}

impl Direct {
    /// `None` where a connection needs the driver.
    pub fn of(options: &ClientOptions) -> Option<Direct> {
        let secure = matches!(options.tls, Some(mongodb::options::Tls::Enabled(_)));
        let compressed = options.compressors.as_ref().is_some_and(|compressors| !compressors.is_empty());
        if secure || compressed || options.load_balanced == Some(true) || options.server_api.is_some() {
            return None;
        }
        let credential = match &options.credential {
            None => None,
            Some(credential) if is_password(credential) => Some(credential.clone()),
            Some(_) => return None,
        };
        let host = match options.hosts.as_slice() {
            [ServerAddress::Tcp { host, port }] => Some((host.clone(), port.unwrap_or(PORT))),
            _ => None,
        };
        Some(Direct {
            host,
            timeout: options.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            application: options.app_name.clone().unwrap_or_else(|| "fuseline".to_owned()),
            credential,
            pool: Arc::default(),
        })
    }

    /// Runs the command on the server that greeted; `None` where only the driver can.
    pub async fn read(
        self: &Arc<Self>,
        connected: &Connected,
        greeting: &Greeting,
        command: &Document,
        (database, collection): (&str, &str),
        batch_documents: u32,
    ) -> Result<Option<Stream>> {
        let member = if greeting.member.is_some() { greeting.address() } else { self.host.clone() };
        let Some(address) = member.filter(|_| !greeting.is_router) else { return Ok(None) };
        let opened = |connection: &Connection| {
            let mut command = command.clone();
            if connection.is_secondary && !command.contains_key("$readPreference") {
                command.insert("$readPreference", doc! { "mode": "primaryPreferred" });
            }
            Opened { command, database: database.to_owned(), collection: collection.to_owned(), batch_documents }
        };
        if let Some(connection) = self.pool.take(&address) {
            let query = opened(&connection);
            match Stream::open(connection, connected, self.pool.clone(), query).await {
                // The server has closed it meanwhile.
                Err(error) if matches!(error.kind.as_ref(), mongodb::error::ErrorKind::Io(_)) => {}
                stream => return stream.map(Some),
            }
        }
        let direct = self.clone();
        let connection = tokio::task::spawn_blocking(move || {
            Connection::open(address, direct.timeout, &direct.application, direct.credential.as_ref())
        });
        let connection = connection.await.map_err(std::io::Error::other)??;
        let Some(connection) = connection else { return Ok(None) };
        let query = opened(&connection);
        Stream::open(connection, connected, self.pool.clone(), query).await.map(Some)
    }
}

/// A user whose password SCRAM takes as it is.
fn is_password(credential: &Credential) -> bool {
    let mechanism = matches!(credential.mechanism, None | Some(AuthMechanism::ScramSha256));
    match (&credential.username, &credential.password) {
        (Some(user), Some(password)) => mechanism && scram::is_plain(user, password),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn direct(uri: &str) -> Option<Direct> {
        Direct::of(&ClientOptions::parse(uri).await.unwrap())
    }

    #[tokio::test]
    async fn what_needs_the_driver_is_left_to_it() {
        for uri in [
            "mongodb://h/?tls=true",
            "mongodb://h/?compressors=zlib",
            "mongodb://u:p%C3%A4ss@h/",
            "mongodb://u:p@h/?authMechanism=SCRAM-SHA-1",
            "mongodb://u:p@h/?authMechanism=PLAIN&authSource=$external",
            "mongodb://h/?loadBalanced=true",
        ] {
            assert!(direct(uri).await.is_none(), "{uri}");
        }
        assert_eq!(direct("mongodb://h:1234/").await.unwrap().host, Some(("h".to_owned(), 1234)));
        assert_eq!(direct("mongodb://u:p@h/").await.unwrap().host, Some(("h".to_owned(), 27017)));
        assert_eq!(direct("mongodb://a,b/?replicaSet=x").await.unwrap().host, None);
        let at = |member: &str| Greeting { member: Some(member.to_owned()), is_router: false }.address();
        assert_eq!(at("[::1]:27018"), Some(("::1".to_owned(), 27018)));
        assert_eq!(at("h"), None);
    }
}
