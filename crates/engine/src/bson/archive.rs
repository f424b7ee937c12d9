//! What `mongodump --archive` writes: a prelude that lists the collections, then blocks of documents of one collection each,
//! in any order, every collection ended by a checksum.
//!
//! ```text
//! magic 6d e2 99 81 | header document | one document a collection | ff ff ff ff
//! block: {db, collection, EOF: false, CRC: 0} | document ... | ff ff ff ff
//! end:   {db, collection, EOF: true, CRC: checksum} | ff ff ff ff
//! ```

use std::io::Read;

use mongodb::bson::RawDocument;

use super::stream::{input, unreadable};
use crate::error::{Error, Result};
use crate::source::files::SourceFile;

pub(super) const MAGIC: [u8; 4] = [0x6d, 0xe2, 0x99, 0x81];
const TERMINATOR: [u8; 4] = [0xff; 4];

/// No document of an archive is larger: 16 MiB and the room the server itself allows above it.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024 + 64 * 1024;

/// The collection to read: the one asked for, or the only one.
pub(super) fn choose(file: &SourceFile, gzip: bool, wanted: Option<&str>) -> Result<String> {
    let reader = ArchiveReader::start(input(file, gzip)?, file.shown.clone(), gzip)?;
    let listed = || reader.collections.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (wanted, reader.collections.as_slice()) {
        (Some(wanted), names) if names.iter().any(|name| name == wanted) => Ok(wanted.to_owned()),
        (Some(wanted), _) => Err(Error::plan_hint(
            format!("the archive `{}` has no collection `{wanted}`", file.shown),
            format!("it has {}", listed()),
        )),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(Error::engine(format!("the archive `{}` has no collections", file.shown))),
        (None, _) => Err(Error::plan_hint(
            format!("the archive `{}` has several collections", file.shown),
            format!("choose one with `collection=\"database.name\"`: {}", listed()),
        )),
    }
}

/// An archive behind its prelude.
pub(super) struct ArchiveReader {
    input: Box<dyn Read + Send>,
    shown: String,
    gzip: bool,
    /// `database.collection`, in the prelude's order.
    collections: Vec<String>,
}

impl ArchiveReader {
    pub fn start(input: Box<dyn Read + Send>, shown: String, gzip: bool) -> Result<ArchiveReader> {
        let mut reader = ArchiveReader { input, shown, gzip, collections: Vec::new() };
        let mut magic = [0; 4];
        reader.fill(&mut magic)?;
        if magic != MAGIC {
            return Err(reader.damaged("it does not begin as an archive"));
        }
        let mut document = Vec::new();
        if !reader.document(&mut document)? {
            return Err(reader.damaged("its header is missing"));
        }
        loop {
            document.clear();
            if !reader.document(&mut document)? {
                return Ok(reader);
            }
            let namespace = reader.header(&document)?.namespace;
            // Users and views have an entry as well, and no documents of their own.
            if !document_says_view(&document) {
                reader.collections.push(namespace);
            }
        }
    }

    /// The documents of one collection.
    pub fn only(self, collection: &str) -> OneCollection {
        OneCollection {
            archive: self,
            collection: collection.to_owned(),
            in_block: false,
            checksum: Crc64::default(),
            ended: false,
        }
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::engine_hint(format!("the archive `{}` is damaged: {reason}", self.shown), "write or copy it again")
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.damaged("it is cut short"),
            _ => unreadable(&self.shown, self.gzip, &error),
        })
    }

    /// Appends the next document; false at a terminator.
    fn document(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        if length == TERMINATOR {
            return Ok(false);
        }
        let size = usize::try_from(i32::from_le_bytes(length)).unwrap_or(0);
        if !(5..=DOCUMENT_BYTES_MAX).contains(&size) {
            return Err(self.damaged("a document has a length that makes no sense"));
        }
        let start = out.len();
        out.extend_from_slice(&length);
        out.resize(start + size, 0);
        self.fill(&mut out[start + 4..])?;
        Ok(true)
    }

    /// The header of the next block; `None` at the end of the archive.
    fn next_header(&mut self) -> Result<Option<Header>> {
        let mut first = [0; 1];
        let read = self.input.read(&mut first).map_err(|error| unreadable(&self.shown, self.gzip, &error))?;
        if read == 0 {
            return Ok(None);
        }
        let mut length = [first[0], 0, 0, 0];
        self.fill(&mut length[1..])?;
        let size = usize::try_from(i32::from_le_bytes(length)).unwrap_or(0);
        if !(5..=DOCUMENT_BYTES_MAX).contains(&size) {
            return Err(self.damaged("a block has no header"));
        }
        let mut document = vec![0; size];
        document[..4].copy_from_slice(&length);
        self.fill(&mut document[4..])?;
        self.header(&document).map(Some)
    }

    fn header(&self, document: &[u8]) -> Result<Header> {
        let read = || -> Option<Header> {
            let document = RawDocument::from_bytes(document).ok()?;
            let database = document.get_str("db").ok()?;
            let collection = document.get_str("collection").ok()?;
            Some(Header {
                namespace: format!("{database}.{collection}"),
                ends: document.get_bool("EOF").unwrap_or(false),
                checksum: document.get_i64("CRC").unwrap_or(0),
            })
        };
        read().ok_or_else(|| self.damaged("a block's header names no collection"))
    }
}

/// Whether the prelude's entry is of a view: its metadata, JSON in a text, says so.
fn document_says_view(document: &[u8]) -> bool {
    RawDocument::from_bytes(document).ok().and_then(|document| document.get_str("type").ok()) == Some("view")
}

struct Header {
    namespace: String,
    ends: bool,
    checksum: i64,
}

/// The documents of one collection of an archive, in order.
pub(super) struct OneCollection {
    archive: ArchiveReader,
    collection: String,
    in_block: bool,
    checksum: Crc64,
    ended: bool,
}

impl OneCollection {
    /// The next documents, about `bytes` of them; `None` at the end.
    pub fn next_chunk(&mut self, bytes: usize) -> Result<Option<Vec<u8>>> {
        let mut chunk = Vec::with_capacity(bytes + bytes / 4);
        let mut passed = Vec::new();
        while !self.ended && chunk.len() < bytes {
            if self.in_block {
                let start = chunk.len();
                self.in_block = self.archive.document(&mut chunk)?;
                self.checksum.add(&chunk[start..]);
                continue;
            }
            let Some(header) = self.archive.next_header()? else {
                return Err(self.archive.damaged("it ends before the collection does"));
            };
            let ours = header.namespace == self.collection;
            if header.ends && ours && header.checksum as u64 != self.checksum.value() {
                return Err(self.archive.damaged("the documents do not match their checksum"));
            }
            self.ended = header.ends && ours;
            self.in_block = ours && !header.ends;
            if !self.in_block {
                passed.clear();
                while self.archive.document(&mut passed)? {
                    passed.clear();
                }
            }
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

/// CRC-64 with the polynomial of ECMA-182, reflected.
#[derive(Default)]
struct Crc64(u64);

const CRC_TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xc96c_5795_d787_0f42 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

impl Crc64 {
    fn add(&mut self, bytes: &[u8]) {
        let step = |value: u64, byte: &u8| CRC_TABLE[usize::from((value as u8) ^ byte)] ^ (value >> 8);
        self.0 = !bytes.iter().fold(!self.0, step);
    }

    fn value(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_the_digits() {
        let mut checksum = Crc64::default();
        checksum.add(b"1234");
        checksum.add(b"56789");
        assert_eq!(checksum.value(), 0x995d_c9bb_df19_39fa);
    }
}
