//! Several parts read as one.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;

use super::{DocumentPart, Origin, Piece};
use crate::error::Result;

/// Several parts as one, for a run that must see the rows in order.
#[derive(Debug)]
pub(crate) struct Chain {
    parts: Vec<Arc<dyn DocumentPart>>,
    origin: Origin,
}

impl Chain {
    pub fn new(parts: Vec<Arc<dyn DocumentPart>>) -> Chain {
        let mut shown: Vec<String> = parts.iter().map(|part| part.origin().shown.to_string()).collect();
        shown.dedup();
        let origin = Origin { shown: Arc::from(shown.join("`, `")), first_document: 0, first_row: 0 };
        Chain { parts, origin }
    }
}

impl DocumentPart for Chain {
    fn open(&self) -> BoxStream<'static, Result<Piece>> {
        let parts = self.parts.clone();
        futures::stream::iter(parts).flat_map(|part| part.open()).boxed()
    }

    fn origin(&self) -> Origin {
        self.origin.clone()
    }

    fn travel(&self) -> Option<Vec<u8>> {
        super::travel::write_chain(&self.parts)
    }
}
