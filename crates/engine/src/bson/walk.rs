//! Finding the documents of a file by walking from length to length, on several threads. A walk has to begin where a document
//! does: places in the middle of the file are guesses, and count only when the walk before them arrives there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::documents::{Form, document_end, run_of};

/// Bytes of a file that are worth a walk of their own.
const SECTION_BYTES: usize = 16 * 1024 * 1024;

/// Sections at most, so that threads which end early find others.
const SECTIONS_MAX: usize = 16;

/// How far a place where a document begins is looked for.
const GUESS_BYTES: usize = 64 * 1024;

/// Documents that must follow each other from a place that is guessed.
const GUESS_DOCUMENTS: usize = 8;

/// Documents that become one batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub start: usize,
    pub end: usize,
    pub documents: usize,
}

/// The runs of the bytes: the same ones however many threads there are. `read` is told of each run that was walked.
pub(super) fn runs(bytes: &[u8], read: &(impl Fn(&Run) + Sync)) -> Vec<Run> {
    let starts = section_starts(bytes);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(starts.len());
    let walked: Vec<Mutex<Vec<Run>>> = starts.iter().map(|_| Mutex::default()).collect();
    let section = |index: usize| {
        let stop = starts.get(index + 1).copied().unwrap_or(bytes.len());
        let found = walk(bytes, starts[index], stop, read);
        if let Some(Ok(mut place)) = walked.get(index).map(Mutex::lock) {
            *place = found;
        }
    };
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < starts.len()) {
            section(index);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut runs: Vec<Run> = Vec::new();
    let mut at = 0;
    for (index, found) in walked.into_iter().enumerate() {
        let stop = starts.get(index + 1).copied().unwrap_or(bytes.len());
        let found = match at == starts[index] {
            true => found.into_inner().unwrap_or_default(),
            // No document begins where one was guessed.
            false => walk(bytes, at, stop, read),
        };
        at = found.last().map_or(at, |run| run.end);
        runs.extend(found);
    }
    runs
}

/// The runs from `start`, up to the first document that begins at `stop` or behind it.
fn walk(bytes: &[u8], mut start: usize, stop: usize, read: &impl Fn(&Run)) -> Vec<Run> {
    let mut runs = Vec::new();
    while start < stop {
        let (end, documents) = run_of(bytes, start, stop, Form::Documents);
        let run = Run { start, end, documents };
        read(&run);
        runs.push(run);
        start = end;
    }
    runs
}

/// The places at which sections may begin.
fn section_starts(bytes: &[u8]) -> Vec<usize> {
    let count = (bytes.len() / SECTION_BYTES).clamp(1, SECTIONS_MAX);
    let places = (1..count).map(|section| bytes.len() / count * section);
    std::iter::once(0).chain(places.filter_map(|place| guess(bytes, place))).collect()
}

/// The first place at or behind `place` where documents seem to begin.
fn guess(bytes: &[u8], place: usize) -> Option<usize> {
    let places = place..bytes.len().min(place + GUESS_BYTES);
    places.into_iter().find(|start| {
        let mut at = *start;
        (0..GUESS_DOCUMENTS).all(|_| match document_end(bytes, at) {
            // A document ends with NUL.
            Some(end) if bytes.get(end - 1) == Some(&0) => {
                at = end;
                true
            }
            _ => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document of one field of binary data.
    fn document(data: &[u8]) -> Vec<u8> {
        let mut bytes = ((data.len() + 13) as i32).to_le_bytes().to_vec();
        bytes.extend([5, b'b', 0]);
        bytes.extend((data.len() as i32).to_le_bytes());
        bytes.push(0);
        bytes.extend(data);
        bytes.push(0);
        bytes
    }

    /// As many documents as fill three sections, the data of each from `data` and its number.
    fn file(data: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 0.. {
            if bytes.len() >= 3 * SECTION_BYTES {
                break;
            }
            bytes.extend(document(&data(number)));
        }
        bytes
    }

    fn check(bytes: &[u8]) {
        let found = runs(bytes, &|_: &Run| ());
        let expected = walk(bytes, 0, bytes.len(), &|_: &Run| ());
        let count = |runs: &[Run]| runs.iter().map(|run| run.documents).sum::<usize>();
        assert_eq!(count(&found), count(&expected));
        let mut at = 0;
        for run in &found {
            assert_eq!(run.start, at);
            at = run.end;
        }
        assert_eq!(at, bytes.len());
        // Every border is one of the walk from the start.
        let mut borders = vec![0];
        while let Some(end) = borders.last().and_then(|at| document_end(bytes, *at)) {
            borders.push(end);
        }
        for run in &found {
            assert!(borders.binary_search(&run.start).is_ok());
        }
    }

    #[test]
    fn sections_meet() {
        let bytes = file(|number| vec![b'x'; number % 97]);
        assert_eq!(section_starts(&bytes).len(), 3);
        check(&bytes);
        check(&bytes[..1000]);
        assert_eq!(runs(&[], &|_: &Run| ()), []);
    }

    #[test]
    fn documents_within_documents_are_no_borders() {
        let inner: Vec<u8> = (0..400).flat_map(|number| document(&vec![0; number % 50])).collect();
        let bytes = file(|_| inner.clone());
        assert!(section_starts(&bytes)[1..].iter().any(|start| start % (inner.len() + 13) != 0));
        check(&bytes);
    }

    #[test]
    fn behind_a_length_that_makes_no_sense_there_are_no_documents() {
        let mut bytes = file(|number| vec![1; number % 33]);
        let mut at = 0;
        while at < SECTION_BYTES / 2 {
            at = document_end(&bytes, at).unwrap();
        }
        bytes[at..at + 4].copy_from_slice(&3_i32.to_le_bytes());
        let found = runs(&bytes, &|_: &Run| ());
        assert_eq!(found, walk(&bytes, 0, bytes.len(), &|_: &Run| ()));
        assert_eq!(found.last().unwrap().end, bytes.len());
    }
}
