//! A `.bson` file in memory: mapped, its documents found by walking from length to length once, its parts slices of it.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow::buffer::Buffer;
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::documents::{Chunk, DocumentPart, Form, Origin, Piece, run_of};
use crate::error::{Error, Result};
use crate::source::files::{self, SourceFile};

/// Parts smaller than this are not worth starting.
const PART_BYTES_MIN: usize = 1024 * 1024;

/// A mapped file and the runs of documents in it.
#[derive(Debug)]
pub(super) struct PlainFile {
    bytes: Buffer,
    runs: Arc<[Run]>,
    documents: u64,
    shown: String,
}

/// Documents that become one batch.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: usize,
    end: usize,
    documents: usize,
}

impl PlainFile {
    pub fn open(file: &SourceFile) -> Result<PlainFile> {
        let bytes = map(file)?;
        let mut runs = Vec::new();
        let mut start = 0;
        let mut documents = 0;
        while start < bytes.len() {
            let (end, count) = run_of(bytes.as_slice(), start, Form::Documents);
            runs.push(Run { start, end, documents: count });
            documents += count as u64;
            start = end;
        }
        Ok(PlainFile { bytes, runs: runs.into(), documents, shown: file.shown.clone() })
    }

    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Shows about `documents` of the file's documents to the inference: as many from each of up to 64 places.
    pub fn observe(&self, inference: &mut bson_arrow::Inference, documents: usize) -> Result<()> {
        let places = self.runs.len().min(64);
        for place in 0..places {
            let Some(run) = self.runs.get(place * self.runs.len() / places) else { continue };
            let bytes = &self.bytes.as_slice()[run.start..run.end];
            let end = first_documents(bytes, documents.div_ceil(places));
            inference.observe(&bytes[..end]).map_err(|error| super::stream::damaged(&self.shown, &error))?;
        }
        Ok(())
    }

    /// The file in up to `count` parts of about equal size.
    pub fn parts(self: &Arc<Self>, count: usize, shown: &Arc<str>, first_row: u64) -> Vec<Arc<dyn DocumentPart>> {
        let count = count.min(self.bytes.len() / PART_BYTES_MIN).clamp(1, self.runs.len().max(1));
        let mut parts: Vec<Arc<dyn DocumentPart>> = Vec::with_capacity(count);
        let mut first_document = 0;
        let mut next = 0;
        for part in 1..=count {
            let bound = (self.bytes.len() as u128 * part as u128 / count as u128) as usize;
            let rest = &self.runs[next..];
            let taken = rest.iter().take_while(|run| part == count || run.end <= bound).count();
            let documents: u64 = rest[..taken].iter().map(|run| run.documents as u64).sum();
            if taken > 0 || count == 1 {
                let origin = Origin { shown: shown.clone(), first_document, first_row: first_row + first_document };
                parts.push(Arc::new(PlainPart { file: self.clone(), runs: (next, next + taken), origin }));
            }
            first_document += documents;
            next += taken;
        }
        parts
    }
}

/// Where the first `count` documents end.
pub(super) fn first_documents(bytes: &[u8], count: usize) -> usize {
    let mut end = 0;
    for _ in 0..count {
        match crate::documents::document_end(bytes, end) {
            Some(next) => end = next,
            // What cannot be a document is shown to the reader, who says why.
            None => return bytes.len(),
        }
    }
    end
}

/// The file's bytes. They are those of the file for as long as nobody writes to it.
fn map(file: &SourceFile) -> Result<Buffer> {
    if file.size_bytes == 0 {
        return Ok(Buffer::from_vec(Vec::<u8>::new()));
    }
    let opened = file.open()?;
    // SAFETY: the mapping is only read. Another process that cuts the file short while it is read breaks this, as it
    // breaks every reader that maps files; docs/mongodb.md says so.
    let mapped = unsafe { memmap2::Mmap::map(&opened) };
    let mapped = mapped.map_err(|error| files::cannot_read(Path::new(&file.shown), &error))?;
    let address = NonNull::new(mapped.as_ptr().cast_mut()).ok_or_else(|| Error::engine("a mapping has no address"))?;
    let length = mapped.len();
    // SAFETY: the address and length are the mapping's, which the buffer owns from here on.
    Ok(unsafe { Buffer::from_custom_allocation(address, length, Arc::new(AssertUnwindSafe(mapped))) })
}

#[derive(Debug)]
struct PlainPart {
    file: Arc<PlainFile>,
    runs: (usize, usize),
    origin: Origin,
}

impl DocumentPart for PlainPart {
    fn open(&self) -> BoxStream<'static, Result<Piece>> {
        let (file, (first, end)) = (self.file.clone(), self.runs);
        let pieces = (first..end).map(move |index| {
            let run = file.runs[index];
            let bytes = file.bytes.slice_with_length(run.start, run.end - run.start);
            Ok(Piece::Documents(Chunk { bytes, form: Form::Documents, documents: Some(run.documents) }))
        });
        futures::stream::iter(pieces).boxed()
    }

    fn origin(&self) -> Origin {
        self.origin.clone()
    }
}
