//! Connections to servers: one client for each address and its options, kept as long as the session.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use mongodb::Client;
use mongodb::options::ClientOptions;

use super::failure::Where;
use crate::error::{Error, Result};
use crate::run::lock;

/// The clients of a session, by address and time-out.
#[derive(Default)]
pub(crate) struct Clients {
    open: Mutex<HashMap<(String, Option<u64>), Connected>>,
}

/// A client, and how messages name its servers.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub client: Client,
    pub servers: Where,
}

impl Clients {
    /// The client for this address. Nothing is sent yet, but a `mongodb+srv` name is looked up.
    pub async fn get(&self, uri: &str, timeout: Option<Duration>) -> Result<Connected> {
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
        let client = Client::with_options(options).map_err(|error| servers.explain(&error))?;
        let connected = Connected { client, servers };
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
