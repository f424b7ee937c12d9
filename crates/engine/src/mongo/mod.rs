//! MongoDB as a source and a target, through the official driver. Owns connections, commands, cursors that survive a lost
//! connection, and what errors of the server mean to people. Decoding is `documents`' matter: the bytes of a reply go there
//! as they came.

mod batch;
mod changes;
mod client;
mod command;
mod cursor;
mod direct;
mod exclude;
mod failure;
mod message;
mod natural;
mod parts;
mod read;
mod replies;
mod send;
mod travel;
mod write;

pub(crate) use client::Clients;
pub use command::{FindOrAggregate, MongoRead, Resume, When};
pub use message::Unwritten;
pub(crate) use read::open;
pub use replies::{Replies, Reply};
pub(crate) use travel::read_part;
pub use write::{FailedRow, MongoWrite, WriteMode, WriteReport};
pub(crate) use write::{insert, write};
