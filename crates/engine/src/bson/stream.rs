//! Files that can only be read from the start: compressed ones, archives, and JSON text. A thread reads ahead and hands on
//! whole documents.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow::buffer::Buffer;
use flate2::read::MultiGzDecoder;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use super::archive::ArchiveReader;
use super::plain::first_documents;
use crate::documents::{Chunk, DocumentPart, Form, Origin, Piece, document_end, json_object_end};
use crate::error::{Error, Result};
use crate::source::files::{self, SourceFile};
use crate::wire::bytes::{Reader, Writer};

/// Bytes read before what they hold is handed on.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Chunks that may wait for the decoder.
const CHUNKS_AHEAD: usize = 4;

/// A document or JSON object is never larger than this: MongoDB's limit is 16 MiB, BSON's own 2 GiB.
const DOCUMENT_BYTES_MAX: usize = i32::MAX as usize;

/// How the bytes of a file are laid out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    pub gzip: bool,
    /// The collection read from an archive.
    pub archive: Option<String>,
    pub form: Form,
}

/// The file's bytes, uncompressed.
pub(super) fn input(file: &SourceFile, gzip: bool) -> Result<Box<dyn Read + Send>> {
    let opened: BufReader<File> = BufReader::with_capacity(CHUNK_BYTES, file.open()?);
    Ok(if gzip { Box::new(MultiGzDecoder::new(opened)) } else { Box::new(opened) })
}

/// What an error of reading compressed or plain bytes means.
pub(super) fn unreadable(shown: &str, gzip: bool, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            if gzip =>
        {
            Error::engine_hint(
                format!("`{shown}`: the compressed data is damaged or cut short"),
                "copy the file again, or test it with `gzip -t`",
            )
        }
        _ => files::cannot_read(Path::new(shown), error),
    }
}

pub(super) fn damaged(shown: &str, error: &bson_arrow::DecodeError) -> Error {
    Error::engine_hint(
        format!("`{shown}` {error}"),
        "the file is damaged or incomplete, or not a BSON file; write or copy it again",
    )
}

/// Whole documents of a file, a chunk at a time.
trait Chunks: Send {
    fn next(&mut self) -> Result<Option<Vec<u8>>>;
}

fn chunks(file: &SourceFile, layout: &Layout) -> Result<Box<dyn Chunks>> {
    let input = input(file, layout.gzip)?;
    let shown = file.shown.clone();
    Ok(match &layout.archive {
        Some(collection) => Box::new(ArchiveReader::start(input, shown, layout.gzip)?.only(collection)),
        None => {
            Box::new(WholeChunks { input, shown, gzip: layout.gzip, form: layout.form, rest: Vec::new(), ended: false })
        }
    })
}

impl Chunks for super::archive::OneCollection {
    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        self.next_chunk(CHUNK_BYTES)
    }
}

/// Cuts what is read at the last whole document.
struct WholeChunks {
    input: Box<dyn Read + Send>,
    shown: String,
    gzip: bool,
    form: Form,
    /// The beginning of the next document.
    rest: Vec<u8>,
    ended: bool,
}

impl WholeChunks {
    /// Where the last whole document of `bytes` ends.
    fn whole(&self, bytes: &[u8]) -> usize {
        let mut end = 0;
        while end < bytes.len() {
            let next = match self.form {
                Form::Json => json_object_end(bytes, end),
                Form::Documents | Form::Items => document_end(bytes, end),
            };
            match next {
                Some(next) => end = next,
                None => break,
            }
        }
        end
    }
}

impl Chunks for WholeChunks {
    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut wanted = CHUNK_BYTES;
        while !self.ended {
            let before = bytes.len();
            let read = self.input.by_ref().take(wanted as u64).read_to_end(&mut bytes);
            read.map_err(|error| unreadable(&self.shown, self.gzip, &error))?;
            self.ended = bytes.len() - before < wanted;
            let end = self.whole(&bytes);
            if end > 0 && !self.ended {
                self.rest = bytes.split_off(end);
                return Ok(Some(bytes));
            }
            if bytes.len() > DOCUMENT_BYTES_MAX {
                return Err(Error::engine(format!("`{}`: a document is larger than 2 GiB", self.shown)));
            }
            // A document larger than what was read: more each time, so that it is not looked at too often.
            wanted = bytes.len().max(CHUNK_BYTES);
        }
        // What is left at the end is whole, or cut short, which the decoder will say.
        let blank =
            self.form == Form::Json && bytes.iter().all(|byte| byte.is_ascii_whitespace() || b"[],".contains(byte));
        Ok((!bytes.is_empty() && !blank).then_some(bytes))
    }
}

/// Shows the first documents of the file to the inference.
pub(super) fn observe(
    file: &SourceFile,
    layout: &Layout,
    inference: &mut bson_arrow::Inference,
    documents: usize,
) -> Result<()> {
    let mut chunks = chunks(file, layout)?;
    let mut left = documents;
    while let (Some(bytes), true) = (chunks.next()?, left > 0) {
        let bytes = match layout.form {
            Form::Documents | Form::Items => bytes,
            Form::Json => json_to_bson(&bytes, &file.shown)?,
        };
        let end = first_documents(&bytes, left);
        let mut at = 0;
        while at < end {
            at = document_end(&bytes, at).unwrap_or(end);
            left = left.saturating_sub(1);
        }
        inference.observe(&bytes[..end]).map_err(|error| damaged(&file.shown, &error))?;
    }
    Ok(())
}

fn json_to_bson(text: &[u8], shown: &str) -> Result<Vec<u8>> {
    let mut documents = Vec::new();
    bson_arrow::extjson::to_bson(text, &mut documents).map_err(|error| {
        Error::engine_hint(
            format!("`{shown}` object {}: {}", error.document, error.message),
            "a file has objects of MongoDB's extended JSON, one a line or in one array",
        )
    })?;
    Ok(documents)
}

/// A file read from its start to its end.
#[derive(Debug)]
pub(super) struct StreamPart {
    file: Arc<SourceFile>,
    layout: Layout,
    origin: Origin,
}

impl StreamPart {
    pub fn new(file: Arc<SourceFile>, layout: Layout, origin: Origin) -> StreamPart {
        StreamPart { file, layout, origin }
    }
}

impl DocumentPart for StreamPart {
    fn open(&self) -> BoxStream<'static, Result<Piece>> {
        let (file, layout) = (self.file.clone(), self.layout.clone());
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        // The thread ends when nobody takes its chunks any more.
        tokio::task::spawn_blocking(move || {
            let form = layout.form;
            let piece = |bytes| Piece::Documents(Chunk { bytes: Buffer::from_vec(bytes), form, documents: None });
            let mut chunks = match chunks(&file, &layout) {
                Ok(chunks) => chunks,
                Err(error) => return drop(sender.blocking_send(Err(error))),
            };
            loop {
                let next = chunks.next();
                let failed = next.is_err();
                let Some(message) = next.transpose() else { return };
                if sender.blocking_send(message.map(piece)).is_err() || failed {
                    return;
                }
            }
        });
        futures::stream::unfold(receiver, |mut receiver| async move {
            let piece = receiver.recv().await?;
            Some((piece, receiver))
        })
        .boxed()
    }

    fn origin(&self) -> Origin {
        self.origin.clone()
    }

    fn travel(&self) -> Option<Vec<u8>> {
        let mut writer = Writer::default();
        writer.byte(TRAVELS_STREAM);
        super::write_file(&mut writer, &self.file, &self.origin);
        writer.flag(self.layout.gzip);
        writer.flag(self.layout.form == Form::Json);
        writer.optional(self.layout.archive.as_deref(), Writer::text);
        Some(writer.finish())
    }
}

/// The first byte of such a part on its way.
pub(super) const TRAVELS_STREAM: u8 = 17;

/// The part that [`StreamPart::travel`] wrote, of the same file where it is now.
pub(super) fn read_part(reader: &mut Reader<'_>) -> Result<Arc<dyn DocumentPart>> {
    let (file, origin) = super::read_file(reader)?;
    let gzip = reader.flag()?;
    let form = if reader.flag()? { Form::Json } else { Form::Documents };
    let archive = reader.optional(Reader::text)?;
    reader.end()?;
    Ok(Arc::new(StreamPart::new(file, Layout { gzip, archive, form }, origin)))
}
