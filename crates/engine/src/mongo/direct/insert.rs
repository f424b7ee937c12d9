//! Inserts over connections of our own: one message, one reply.

use std::sync::{Arc, Mutex};

use mongodb::bson::{Document, doc};
use mongodb::error::Result;

use super::Direct;
use super::socket::{Connection, Stopper, check};
use crate::run::lock;

/// Connections for inserts to the one server of an address.
#[derive(Debug)]
pub(in crate::mongo) struct Inserter {
    direct: Arc<Direct>,
    address: (String, u16),
    stoppers: Mutex<Vec<Stopper>>,
}

impl Direct {
    /// `None` where inserts need the driver.
    pub async fn inserter(self: &Arc<Self>) -> Result<Option<Inserter>> {
        let Some(address) = self.host.clone() else { return Ok(None) };
        let inserter = Inserter { direct: self.clone(), address, stoppers: Mutex::default() };
        // Whether it can sign in is known when it has.
        let opened = tokio::task::spawn_blocking(move || {
            let connection = inserter.open()?;
            Ok(connection.map(|connection| {
                inserter.give_back(connection);
                inserter
            }))
        });
        opened.await.map_err(std::io::Error::other)?
    }
}

impl Connection {
    /// Sends a message that [`super::sequence_head`] began and waits for the reply.
    pub fn insert(&mut self, message: &mut [u8]) -> Result<Document> {
        self.send_whole(message)?;
        let reply = self.receive()?;
        let document = reply.document()?;
        check(document)?;
        Ok(Document::try_from(document.to_owned())?)
    }
}

impl Inserter {
    fn open(&self) -> Result<Option<Connection>> {
        while let Some(mut connection) = self.direct.pool.take(&self.address) {
            // The server may have closed it meanwhile, and what is sent then could be written or not.
            if connection.ask(&doc! { "ping": 1 }, "admin").is_ok() {
                return Ok(Some(connection));
            }
        }
        let Direct { timeout, application, credential, .. } = self.direct.as_ref();
        Connection::open(self.address.clone(), *timeout, application, credential.as_ref())
    }

    /// The connection, opened where it is `None`.
    pub fn ready<'a>(&self, connection: &'a mut Option<Connection>) -> Result<&'a mut Connection> {
        if connection.is_none() {
            *connection = self.open()?;
            let stopper = connection.as_ref().map(Connection::stopper).transpose()?;
            lock(&self.stoppers).extend(stopper);
        }
        let refused = || std::io::Error::other("the server wants another way to sign in");
        Ok(connection.as_mut().ok_or_else(refused)?)
    }

    /// Takes back a connection on which nothing is under way.
    pub fn give_back(&self, connection: Connection) {
        self.direct.pool.give_back(connection);
    }

    /// Ends every wait for a reply.
    pub fn stop(&self) {
        lock(&self.stoppers).iter().for_each(Stopper::stop);
    }
}
