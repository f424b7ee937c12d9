//! A `.bson` file in memory: mapped, its documents found once, its parts slices of it.
//! Pages that were read are let go at once: the file stays in the system's cache, but not in this process's memory.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow::buffer::Buffer;
use futures::StreamExt;
use futures::stream::BoxStream;
use memmap2::Mmap;

use super::walk::{self, Run};
use crate::documents::{Chunk, DocumentPart, Form, Origin, Piece, SLICE_DOCUMENTS};
use crate::error::Result;
use crate::source::files::{self, SourceFile};
use crate::wire::bytes::{Reader, Writer, malformed};

/// How far before a byte that is read the system may map in pages which nobody asked for, and more: with large pages in its
/// cache it maps what lies around in them.
const AROUND_BYTES: usize = 1024 * 1024;

/// Parts smaller than this are not worth starting.
const PART_BYTES_MIN: usize = 1024 * 1024;

/// A mapped file and the runs of documents in it.
#[derive(Debug)]
pub(super) struct PlainFile {
    pages: Pages,
    runs: Arc<[Run]>,
    documents: u64,
    file: Arc<SourceFile>,
}

impl PlainFile {
    pub fn open(file: &Arc<SourceFile>) -> Result<PlainFile> {
        let pages = Pages::map(file)?;
        let runs = walk::runs(pages.bytes(), &|run: &Run| pages.let_go(run.start, run.end));
        let documents = runs.iter().map(|run| run.documents as u64).sum();
        Ok(PlainFile { pages, runs: runs.into(), documents, file: file.clone() })
    }

    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Shows about `documents` of the file's documents to the inference: as many from each of up to 64 places.
    pub fn observe(&self, inference: &mut bson_arrow::Inference, documents: usize) -> Result<()> {
        let places = self.runs.len().min(64);
        for place in 0..places {
            let Some(run) = self.runs.get(place * self.runs.len() / places) else { continue };
            let bytes = &self.pages.bytes()[run.start..run.end];
            let end = first_documents(bytes, documents.div_ceil(places));
            inference.observe(&bytes[..end]).map_err(|error| super::stream::damaged(&self.file.shown, &error))?;
            self.pages.let_go(run.start, run.end);
        }
        Ok(())
    }

    /// The file in up to `count` parts of about equal size.
    pub fn parts(self: &Arc<Self>, count: usize, shown: &Arc<str>, first_row: u64) -> Vec<Arc<dyn DocumentPart>> {
        let bytes = self.pages.bytes().len();
        let count = count.min(bytes / PART_BYTES_MIN).clamp(1, self.runs.len().max(1));
        let mut parts: Vec<Arc<dyn DocumentPart>> = Vec::with_capacity(count);
        let mut first_document = 0;
        let mut next = 0;
        for part in 1..=count {
            let bound = (bytes as u128 * part as u128 / count as u128) as usize;
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
#[derive(Clone, Debug)]
struct Pages {
    /// `None` for an empty file, which cannot be mapped.
    mapped: Option<Arc<Mmap>>,
}

impl Pages {
    fn map(file: &SourceFile) -> Result<Pages> {
        if file.size_bytes == 0 {
            return Ok(Pages { mapped: None });
        }
        let opened = file.open()?;
        // SAFETY: the mapping is only read. Another process that cuts the file short while it is read breaks this, as it
        // breaks every reader that maps files; docs/mongodb.md says so.
        let mapped = unsafe { Mmap::map(&opened) };
        let mapped = mapped.map_err(|error| files::cannot_read(Path::new(&file.shown), &error))?;
        Ok(Pages { mapped: Some(Arc::new(mapped)) })
    }

    fn bytes(&self) -> &[u8] {
        self.mapped.as_ref().map_or(&[], |mapped| mapped.as_ref())
    }

    /// The bytes of a run; its pages are let go with the buffer's last owner.
    fn buffer(&self, run: Run) -> Buffer {
        let bytes = self.bytes().get(run.start..run.end).unwrap_or_default();
        let owner = RunPages { pages: self.clone(), run };
        let (address, length) = (NonNull::from(bytes).cast::<u8>(), bytes.len());
        // SAFETY: the address and length are within the mapping, which the owner keeps alive.
        unsafe { Buffer::from_custom_allocation(address, length, Arc::new(AssertUnwindSafe(owner))) }
    }

    /// Takes the pages of these bytes, and those that came in before them, out of this process's memory. Whoever reads them
    /// again gets them from the file.
    fn let_go(&self, start: usize, end: usize) {
        let start = start.saturating_sub(AROUND_BYTES);
        #[cfg(unix)]
        if let Some(mapped) = &self.mapped {
            // SAFETY: the mapping is of a file and never written to, so a page that is dropped comes back as it was.
            let done = unsafe {
                mapped.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end.saturating_sub(start))
            };
            // It is a hint: without it the pages only stay longer.
            let _ = done;
        }
    }
}

/// Owns the pages of one run while it is decoded.
#[derive(Debug)]
struct RunPages {
    pages: Pages,
    run: Run,
}

impl Drop for RunPages {
    fn drop(&mut self) {
        self.pages.let_go(self.run.start, self.run.end);
    }
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
            let bytes = file.pages.buffer(run);
            Ok(Piece::Documents(Chunk { bytes, form: Form::Documents, documents: Some(run.documents) }))
        });
        futures::stream::iter(pieces).boxed()
    }

    fn origin(&self) -> Origin {
        self.origin.clone()
    }

    fn travel(&self) -> Option<Vec<u8>> {
        let runs = self.file.runs.get(self.runs.0..self.runs.1)?;
        let mut writer = Writer::default();
        writer.byte(TRAVELS_PLAIN);
        super::write_file(&mut writer, &self.file.file, &self.origin);
        writer.number(runs.first().map_or(0, |run| run.start as u64));
        writer.list(runs.iter(), |writer, run| {
            writer.number((run.end - run.start) as u64);
            writer.number(run.documents as u64);
        });
        Some(writer.finish())
    }
}

/// The first byte of such a part on its way.
pub(super) const TRAVELS_PLAIN: u8 = 16;

/// The part that [`PlainPart::travel`] wrote, of the same file where it is now.
pub(super) fn read_part(reader: &mut Reader<'_>) -> Result<Arc<dyn DocumentPart>> {
    let (file, origin) = super::read_file(reader)?;
    let pages = Pages::map(&file)?;
    let mut end = usize::try_from(reader.number()?).map_err(|_| malformed())?;
    let runs = reader.list(|reader| {
        let (start, length, documents) = (end, reader.number()?, reader.number()?);
        end = usize::try_from(length).ok().and_then(|length| start.checked_add(length)).ok_or_else(malformed)?;
        let documents = usize::try_from(documents).ok().filter(|count| *count <= SLICE_DOCUMENTS);
        Ok(Run { start, end, documents: documents.ok_or_else(malformed)? })
    })?;
    reader.end()?;
    if end > pages.bytes().len() {
        return Err(malformed());
    }
    let documents = runs.iter().map(|run| run.documents as u64).sum();
    let file = Arc::new(PlainFile { pages, runs: runs.into(), documents, file });
    let runs = (0, file.runs.len());
    Ok(Arc::new(PlainPart { file, runs, origin }))
}
