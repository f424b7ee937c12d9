//! MongoDB as a source and a target, through the official driver. Owns connections, commands, cursors that survive a lost
//! connection, and what errors of the server mean to people. Decoding is `documents`' matter: the bytes of a reply go there
//! as they came.

mod client;
mod command;
mod cursor;
mod failure;
mod read;
mod replies;

pub(crate) use client::Clients;
pub use command::{FindOrAggregate, MongoRead, Projection, Resume};
pub(crate) use read::open;
pub use replies::{Replies, Reply};
