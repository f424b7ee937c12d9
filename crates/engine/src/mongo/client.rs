//! Connections to servers: one client for each address and its options, kept as long as the session.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::Client;
use mongodb::ServerInfo;
use mongodb::bson::{Document, doc, serialize_to_bson};
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};

use super::command::Query;
use super::direct::Direct;
use super::failure::Where;
use crate::error::{Error, Result};
use crate::run::lock;
use crate::wire::bytes::Writer;

/// The clients of a session, by address and time-out.
#[derive(Default)]
pub(crate) struct Clients {
    open: Mutex<HashMap<(String, Option<u64>), Connected>>,
}

/// A client, and how messages name its servers.
#[derive(Clone, Debug)]
pub(super) struct Connected {
    pub client: Client,
    pub servers: Where,
    pub address: Address,
    /// Connections of our own, where the address allows them.
    pub direct: Option<Arc<Direct>>,
    /// Whether the address lets an insert be sent a second time.
    pub retry_writes: bool,
}

/// What a client was made from. Holds a password, so it does not show itself.
#[derive(Clone)]
pub(super) struct Address {
    uri: Arc<str>,
    timeout: Option<Duration>,
}

impl Address {
    /// As `Clients::get` takes it.
    pub fn write(&self, writer: &mut Writer) {
        writer.text(&self.uri);
        writer.optional(self.timeout, |writer, timeout| writer.number(timeout.as_millis() as u64));
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}

/// What a server says about itself.
#[derive(Clone, Debug)]
pub(super) struct Greeting {
    /// `host:port` of a member of a replica set.
    pub member: Option<String>,
    /// It is a `mongos`, which passes on what it is asked.
    pub is_router: bool,
}

impl Greeting {
    /// Its address in parts.
    pub fn address(&self) -> Option<(String, u16)> {
        // The host may be an IPv6 address in brackets.
        let (host, port) = self.member.as_ref()?.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), port.parse().ok()?))
    }

    /// No other than this member.
    pub fn pinned(&self) -> Option<SelectionCriteria> {
        let member = self.member.clone()?;
        let is_it = move |server: &ServerInfo<'_>| server.address().to_string() == member;
        Some(SelectionCriteria::Predicate(Arc::new(is_it)))
    }
}

impl Connected {
    /// Who answers now.
    pub async fn greet(&self, criteria: Option<&SelectionCriteria>) -> mongodb::error::Result<Greeting> {
        let database = self.client.database("admin");
        let hello = database.run_command(doc! { "hello": 1 });
        let reply = match criteria {
            Some(criteria) => hello.selection_criteria(criteria.clone()).await?,
            None => hello.await?,
        };
        Ok(Greeting {
            member: reply.get_str("me").ok().map(str::to_owned),
            is_router: reply.get_str("msg").is_ok_and(|message| message == "isdbgrid"),
        })
    }

    /// Which servers this query may be answered by: as the query says, else as the address does.
    pub fn criteria(&self, query: &Query) -> Option<SelectionCriteria> {
        let own = query.read_preference.clone().map(SelectionCriteria::ReadPreference);
        own.or_else(|| self.client.selection_criteria().cloned())
    }

    /// The read concern of the address, which the driver leaves out of commands that it is given whole.
    pub fn complete(&self, command: &mut Document) {
        let concern = self.client.read_concern().and_then(|concern| serialize_to_bson(concern).ok());
        if let (Some(concern), false) = (concern, command.contains_key("readConcern")) {
            command.insert("readConcern", concern);
        }
    }

    /// Says in the command which servers may answer it, as the driver does when it sends one.
    pub fn prefer(&self, command: &mut Document, criteria: Option<&SelectionCriteria>) {
        match criteria {
            Some(SelectionCriteria::ReadPreference(preference)) if *preference != ReadPreference::Primary => {
                if let Ok(preference) = serialize_to_bson(preference) {
                    command.insert("$readPreference", preference);
                }
            }
            Some(_) | None => {}
        }
    }
}

impl Clients {
    /// The client for this address. Nothing is sent yet, but a `mongodb+srv` name is looked up.
    pub(super) async fn get(&self, uri: &str, timeout: Option<Duration>) -> Result<Connected> {
        let key = (uri.to_owned(), timeout.map(|timeout| timeout.as_millis() as u64));
        if let Some(connected) = lock(&self.open).get(&key) {
            return Ok(connected.clone());
        }
        let mut options = ClientOptions::parse(uri).await.map_err(|error| bad_address(uri, &error))?;
        options.app_name.get_or_insert_with(|| "fuseline".to_owned());
        if let Some(timeout) = timeout {
            options.server_selection_timeout = Some(timeout);
            options.connect_timeout = Some(timeout);
        }
        let servers = Where::of(&options);
        let retry_writes = options.retry_writes != Some(false);
        let direct = Direct::of(&options).map(Arc::new);
        let client = Client::with_options(options).map_err(|error| servers.explain(&error))?;
        let address = Address { uri: Arc::from(uri), timeout };
        let connected = Connected { client, servers, address, direct, retry_writes };
        Ok(lock(&self.open).entry(key).or_insert(connected).clone())
    }
}

/// An address that cannot be understood, or a name that cannot be looked up. A password in it is not repeated.
fn bad_address(uri: &str, error: &mongodb::error::Error) -> Error {
    let shown = match uri.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
        None => "the address".to_owned(),
    };
    Error::engine_hint(
        format!("cannot use the MongoDB address `{shown}`: {}", error.kind),
        "an address is `mongodb://user:password@host:port/?options`, with `%`-escapes in user and password",
    )
}
