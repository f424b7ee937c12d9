//! Cutting chunks into slices of about a batch, at the borders of documents. Only lengths are looked at: what is wrong
//! with the documents themselves is the decoder's to say.

use super::{Chunk, Form};

/// Documents of a slice at most.
pub(crate) const SLICE_DOCUMENTS: usize = crate::session::BATCH_ROWS;

/// Bytes after which a slice ends even with fewer documents.
const SLICE_BYTES: usize = 4 * 1024 * 1024;

/// How far before a walk its memory is looked at. The walk knows where the next document is only when it has read this one, so that
/// memory would be waited for at each.
const AHEAD_BYTES: usize = 2048;

/// A run of documents that becomes one batch, and the number of the first in its part.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub chunk: Chunk,
    pub first_document: u64,
}

/// Cuts the chunks of one part and numbers their documents.
#[derive(Default)]
pub(crate) struct Slicer {
    documents: u64,
}

impl Slicer {
    pub fn cut(&mut self, chunk: Chunk) -> Vec<Slice> {
        let mut slices = Vec::new();
        let bytes = chunk.bytes.as_slice();
        let mut start = 0;
        while start < bytes.len() {
            let (end, count) = match (chunk.documents, chunk.form) {
                (Some(count), _) => (bytes.len(), count),
                (None, form) => run_of(bytes, start, bytes.len(), form),
            };
            let part = Chunk {
                bytes: chunk.bytes.slice_with_length(start, end - start),
                form: chunk.form,
                documents: Some(count),
            };
            slices.push(Slice { chunk: part, first_document: self.documents });
            self.documents += count as u64;
            start = end;
        }
        slices
    }
}

/// Where a slice that begins at `start` ends, and how many documents it holds, of those that begin before `stop`. Where a length
/// makes no sense the slice takes all that follows, and the decoder says what is wrong.
pub(crate) fn run_of(bytes: &[u8], start: usize, stop: usize, form: Form) -> (usize, usize) {
    let mut end = start;
    let mut count = 0;
    while end < stop && count < SLICE_DOCUMENTS && (end - start < SLICE_BYTES || count == 0) {
        std::hint::black_box(bytes.get(end + AHEAD_BYTES).copied());
        let next = match form {
            Form::Documents => document_end(bytes, end),
            Form::Items => item_end(bytes, end),
            Form::Json => super::decode::json_object_end(bytes, end),
        };
        count += 1;
        match next {
            Some(next) => end = next,
            None => return (bytes.len(), count),
        }
    }
    (end, count)
}

/// The end of the document at `at`, if its length fits into the bytes.
pub(crate) fn document_end(bytes: &[u8], at: usize) -> Option<usize> {
    let length = i32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?);
    let end = at.checked_add(usize::try_from(length).ok().filter(|length| *length >= 5)?)?;
    (end <= bytes.len()).then_some(end)
}

/// The end of the array item at `at`: type byte, key, NUL, document.
pub(crate) fn item_end(bytes: &[u8], at: usize) -> Option<usize> {
    let key = bytes.get(at + 1..)?;
    let length = memchr::memchr(0, &key[..key.len().min(16)])?;
    document_end(bytes, at + 1 + length + 1)
}
