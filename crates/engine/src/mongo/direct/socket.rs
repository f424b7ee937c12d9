//! One connection to one server: messages of MongoDB's wire protocol (`OP_MSG`) over a blocking socket, and what is said
//! when it opens. Knows nothing of cursors.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocument, Uuid, doc};
use mongodb::error::{CommandError, Error, ErrorKind, Result};
use mongodb::options::Credential;
use socket2::{SockRef, TcpKeepalive};

use super::memory::{Block, Blocks};
use super::scram;

const OP_MSG: i32 = 2013;
const HEADER_BYTES: usize = 16;
/// Header, flags, and the byte that says a document follows.
const PREFIX_BYTES: usize = HEADER_BYTES + 4 + 1;
/// The limit of every server so far.
const MESSAGE_BYTES_MAX: usize = 48_000_000;

const CHECKSUM_PRESENT: u32 = 1;
const MORE_TO_COME: u32 = 1 << 1;
const EXHAUST_ALLOWED: u32 = 1 << 16;

/// A peer that is silent for this long is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(120);

/// Where a message has its number.
const REQUEST_AT: usize = 4;

/// The beginning of a message with a command and a sequence of documents, which is to follow; and where the sequence has its
/// length.
pub(in crate::mongo) fn sequence_head(command: &[u8], name: &str) -> (Vec<u8>, usize) {
    let mut head = Vec::with_capacity(PREFIX_BYTES + command.len() + 6 + name.len());
    // Length, number and flags come later or are 0.
    head.extend([0; HEADER_BYTES - 4]);
    head.extend(OP_MSG.to_le_bytes());
    head.extend([0; PREFIX_BYTES - HEADER_BYTES - 1]);
    head.push(0);
    head.extend(command);
    head.push(1);
    let length_at = head.len();
    head.extend([0; 4]);
    head.extend(name.as_bytes());
    head.push(0);
    (head, length_at)
}

/// Ends a message, whose sequence has its length at `length_at`.
pub(in crate::mongo) fn close_sequence(length_at: usize, message: &mut [u8]) {
    for start in [0, length_at] {
        let length = (message.len() - start) as u32;
        message[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// A reply.
#[derive(Debug)]
pub(in crate::mongo) struct Message {
    /// Flags, the kind of section, the document and perhaps a checksum.
    block: Block,
    document: (usize, usize),
    more_to_come: bool,
}

impl Message {
    pub fn document(&self) -> Result<&RawDocument> {
        let bytes = self.block.bytes().get(self.document.0..self.document.1).unwrap_or_default();
        Ok(RawDocument::from_bytes(bytes)?)
    }

    /// The server sends another reply without being asked.
    pub fn more_to_come(&self) -> bool {
        self.more_to_come
    }

    fn parse(block: Block) -> Result<Message> {
        let bytes = block.bytes();
        let (Some(flags), Some(0), Some(length)) = (bytes.first_chunk(), bytes.get(4), bytes.get(5..9)) else {
            return Err(broken("is not a message of one document"));
        };
        let flags = u32::from_le_bytes(*flags);
        let length = length.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        let checksum = if flags & CHECKSUM_PRESENT != 0 { 4 } else { 0 };
        if 5 + length + checksum != bytes.len() {
            return Err(broken("has other lengths inside than outside"));
        }
        Ok(Message { document: (5, 5 + length), more_to_come: flags & MORE_TO_COME != 0, block })
    }
}

fn broken(what: &str) -> Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a reply {what}")).into()
}

/// An open connection, known to the server and permitted to do what its user may.
#[derive(Debug)]
pub(in crate::mongo) struct Connection {
    socket: TcpStream,
    address: (String, u16),
    blocks: Blocks,
    requests: i32,
    /// The logical session of every command on this connection, where the server has them.
    session: Option<Binary>,
    /// A server that is not the primary wants to hear that this will do.
    pub is_secondary: bool,
}

impl Connection {
    /// Connects and signs in; `None` where only the driver can.
    pub fn open(
        address: (String, u16),
        timeout: Duration,
        application: &str,
        credential: Option<&Credential>,
    ) -> Result<Option<Connection>> {
        let socket = connect((&address.0, address.1), timeout)?;
        socket.set_nodelay(true)?;
        SockRef::from(&socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        // While it is opened a server that does not answer is as good as none.
        socket.set_read_timeout(Some(timeout))?;
        let blocks = Blocks::default();
        let mut connection = Connection { socket, address, blocks, requests: 0, session: None, is_secondary: false };
        let mut hello = doc! {
            "hello": 1,
            "client": {
                "application": { "name": application },
                "driver": { "name": "fuseline", "version": env!("CARGO_PKG_VERSION") },
                "os": { "type": std::env::consts::OS },
            },
        };
        let user = credential.map(|credential| (source(credential), credential.username.as_deref().unwrap_or("")));
        if let Some((source, user)) = user {
            hello.insert("saslSupportedMechs", format!("{source}.{user}"));
        }
        let reply = connection.ask(&hello, "admin")?;
        if let Some(credential) = credential {
            let offered = reply.get_array("saslSupportedMechs");
            let offers = |name| offered.is_ok_and(|offered| offered.iter().any(|offer| offer.as_str() == Some(name)));
            if !offers("SCRAM-SHA-256") || !connection.sign_in(credential)? {
                return Ok(None);
            }
        }
        connection.is_secondary = reply.get_bool("isWritablePrimary").is_ok_and(|primary| !primary);
        if reply.contains_key("logicalSessionTimeoutMinutes") {
            let id = Uuid::new().bytes().to_vec();
            connection.session = Some(Binary { subtype: BinarySubtype::Uuid, bytes: id });
        }
        connection.socket.set_read_timeout(None)?;
        Ok(Some(connection))
    }

    /// SCRAM; `false` where the server does not follow it or refuses, which the driver explains better.
    fn sign_in(&mut self, credential: &Credential) -> Result<bool> {
        let source = source(credential).to_owned();
        let user = credential.username.as_deref().unwrap_or("");
        let nonce: String = [Uuid::new(), Uuid::new()].iter().map(|random| random.to_string()).collect();
        let first = scram::first(user, &nonce);
        let start = doc! {
            "saslStart": 1,
            "mechanism": "SCRAM-SHA-256",
            "payload": payload(&format!("n,,{first}")),
            "options": { "skipEmptyExchange": true },
        };
        let Ok(reply) = self.ask(&start, &source) else { return Ok(false) };
        let (Some(server_first), Some(conversation)) = (text(&reply), reply.get("conversationId")) else {
            return Ok(false);
        };
        let password = credential.password.as_deref().unwrap_or("");
        let Some(last) = scram::answer(&first, &nonce, &server_first, password) else { return Ok(false) };
        let go_on =
            doc! { "saslContinue": 1, "conversationId": conversation.clone(), "payload": payload(&last.message) };
        let Ok(reply) = self.ask(&go_on, &source) else { return Ok(false) };
        Ok(text(&reply) == Some(last.server_signature) && reply.get_bool("done").unwrap_or(false))
    }

    /// A command and its reply.
    pub fn ask(&mut self, command: &Document, database: &str) -> Result<Document> {
        self.send(command, database, false)?;
        let reply = self.receive()?;
        let document = reply.document()?;
        check(document)?;
        Ok(Document::try_from(document.to_owned())?)
    }

    /// Sends a command. With `stream` the server may send several replies, the next one before it is asked for.
    pub fn send(&mut self, command: &Document, database: &str, stream: bool) -> Result<()> {
        let mut command = command.clone();
        command.insert("$db", database);
        if let Some(session) = &self.session {
            command.insert("lsid", doc! { "id": session.clone() });
        }
        let document = command.to_vec()?;
        self.requests = self.requests.wrapping_add(1);
        let length = PREFIX_BYTES + document.len();
        let flags = if stream { EXHAUST_ALLOWED } else { 0 };
        let mut message = Vec::with_capacity(length);
        for number in [length as i32, self.requests, 0, OP_MSG, flags as i32] {
            message.extend(number.to_le_bytes());
        }
        message.push(0);
        message.extend(document);
        Ok((&self.socket).write_all(&message)?)
    }

    /// Sends a message that [`sequence_head`] began and [`close_sequence`] ended.
    pub fn send_whole(&mut self, message: &mut [u8]) -> Result<()> {
        self.requests = self.requests.wrapping_add(1);
        message[REQUEST_AT..REQUEST_AT + 4].copy_from_slice(&self.requests.to_le_bytes());
        Ok((&self.socket).write_all(message)?)
    }

    pub fn receive(&mut self) -> Result<Message> {
        let mut header = [0; HEADER_BYTES];
        (&self.socket).read_exact(&mut header)?;
        let number = |at: usize| header.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |n| i32::from_le_bytes(*n));
        let length = usize::try_from(number(0)).unwrap_or(0);
        if number(12) != OP_MSG || !(PREFIX_BYTES..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(broken("is of another kind than expected"));
        }
        let mut block = self.blocks.take(length - HEADER_BYTES);
        (&self.socket).read_exact(block.bytes_mut())?;
        Message::parse(block)
    }

    pub fn address(&self) -> &(String, u16) {
        &self.address
    }

    /// Something that ends every wait of this connection, from another thread.
    pub fn stopper(&self) -> Result<Stopper> {
        Ok(Stopper(self.socket.try_clone()?))
    }
}

/// See [`Connection::stopper`].
#[derive(Debug)]
pub(in crate::mongo) struct Stopper(TcpStream);

impl Stopper {
    pub fn stop(&self) {
        // The other side may have closed it already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// The server's own error in a reply.
pub(super) fn check(reply: &RawDocument) -> Result<()> {
    let ok = match reply.get("ok")? {
        Some(mongodb::bson::RawBsonRef::Double(ok)) => ok == 1.0,
        Some(mongodb::bson::RawBsonRef::Int32(ok)) => ok == 1,
        Some(mongodb::bson::RawBsonRef::Int64(ok)) => ok == 1,
        Some(mongodb::bson::RawBsonRef::Boolean(ok)) => ok,
        _ => false,
    };
    if ok {
        return Ok(());
    }
    let error: CommandError = mongodb::bson::deserialize_from_slice(reply.as_bytes())?;
    Err(ErrorKind::Command(error).into())
}

/// The database that knows the user.
fn source(credential: &Credential) -> &str {
    credential.source.as_deref().unwrap_or("admin")
}

fn payload(text: &str) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: text.as_bytes().to_vec() }
}

fn text(reply: &Document) -> Option<String> {
    match reply.get("payload") {
        Some(Bson::Binary(payload)) => String::from_utf8(payload.bytes.clone()).ok(),
        _ => None,
    }
}

fn connect((host, port): (&str, u16), timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8]) -> Result<Message> {
        let mut block = Blocks::default().take(bytes.len());
        block.bytes_mut().copy_from_slice(bytes);
        Message::parse(block)
    }

    #[test]
    fn a_reply_is_one_document_and_nothing_else() {
        let document = doc! { "ok": 1.0 }.to_vec().unwrap();
        let with = |flags: u32, kind: u8, rest: &[u8]| [&flags.to_le_bytes()[..], &[kind], &document, rest].concat();
        assert!(!message(&with(0, 0, &[])).unwrap().more_to_come());
        let last = message(&with(MORE_TO_COME | CHECKSUM_PRESENT, 0, &[1, 2, 3, 4])).unwrap();
        assert!(last.more_to_come());
        assert_eq!(last.document().unwrap().as_bytes(), document);
        for damaged in [with(0, 1, &[]), with(0, 0, &[0]), with(1, 0, &[]), vec![], vec![0; 8], vec![0; 9]] {
            assert!(message(&damaged).is_err(), "{damaged:?}");
        }
        for cut in 0..with(0, 0, &[]).len() {
            assert!(message(&with(0, 0, &[])[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_sequence_follows_its_command() {
        let command = doc! { "insert": "c", "$db": "d" }.to_vec().unwrap();
        let row = doc! { "_id": 1 }.to_vec().unwrap();
        let (mut message, length_at) = sequence_head(&command, "documents");
        message.extend(&row);
        close_sequence(length_at, &mut message);
        let section = 4 + "documents\0".len() + row.len();
        let header = [(PREFIX_BYTES + command.len() + 1 + section) as u32, 0, 0, OP_MSG as u32, 0];
        let mut expected: Vec<u8> = header.iter().flat_map(|number| number.to_le_bytes()).collect();
        expected.push(0);
        expected.extend(command);
        expected.push(1);
        expected.extend((section as u32).to_le_bytes());
        expected.extend(b"documents\0");
        expected.extend(row);
        assert_eq!(message, expected);
    }

    #[test]
    fn an_error_of_the_server_keeps_its_code() {
        let reply = mongodb::bson::rawdoc! { "ok": 0.0, "errmsg": "cursor id 5 not found", "code": 43, "codeName": "CursorNotFound" };
        let error = check(&reply).unwrap_err();
        assert!(matches!(error.kind.as_ref(), ErrorKind::Command(command) if command.code == 43), "{error}");
        assert!(check(&mongodb::bson::rawdoc! { "ok": 1 }).is_ok());
    }
}
