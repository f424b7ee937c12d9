//! Files of BSON and of extended JSON as tables: what `mongodump` and `mongoexport` write, plain or compressed. Owns what
//! kind of file it is and which parts it is read in.

mod archive;
mod plain;
mod stream;
mod walk;
mod write;

pub use write::BsonWriteOptions;
pub(crate) use write::{cannot_encode, write};

use std::fmt;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::documents::{
    Chain, DocumentOptions, DocumentPart, DocumentSource, DocumentTable, Form, Found, Origin, Plan, Request,
    given_or_found,
};
use crate::error::{Error, Result};
use crate::source::files::{self, SourceFile};
use crate::wire::bytes::{Reader, Writer};
use plain::PlainFile;
use stream::{Layout, StreamPart};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What the files hold.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// BSON: `.bson` files and archives; of an archive this collection, `database.collection`.
    Bson { collection: Option<String> },
    /// Extended JSON.
    Json,
}

/// The table over these files, and what the sample showed.
pub(crate) fn open(paths: &[String], content: &Content, options: &DocumentOptions) -> Result<(DocumentTable, Found)> {
    let files = files::expand(paths)?;
    let files = files.into_iter().map(|file| kind_of(file, content)).collect::<Result<Vec<_>>>()?;
    let source = FilesSource { content: content.clone(), files };
    let found = given_or_found(options, |inference| source.observe(inference, options.sample_documents))?;
    let table =
        DocumentTable { schema: found.schema.clone(), source: Arc::new(source), on_mismatch: options.on_mismatch };
    Ok((table, found))
}

/// The part that these bytes are, if it is one of a file.
pub(crate) fn read_part(bytes: &[u8]) -> Result<Option<Arc<dyn DocumentPart>>> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        plain::TRAVELS_PLAIN => plain::read_part(&mut reader).map(Some),
        stream::TRAVELS_STREAM => stream::read_part(&mut reader).map(Some),
        _ => Ok(None),
    }
}

fn write_file(writer: &mut Writer, file: &SourceFile, origin: &Origin) {
    files::write(writer, file);
    writer.text(&origin.shown);
    writer.number(origin.first_document);
    writer.number(origin.first_row);
}

/// What [`write_file`] wrote. The file must still be what it was where the parts were made.
fn read_file(reader: &mut Reader<'_>) -> Result<(Arc<SourceFile>, Origin)> {
    let file = files::read(reader)?;
    let origin = Origin { shown: reader.text()?.into(), first_document: reader.number()?, first_row: reader.number()? };
    file.check_size()?;
    Ok((Arc::new(file), origin))
}

/// A file and how it is read.
#[derive(Debug)]
struct DocumentFile {
    file: Arc<SourceFile>,
    layout: Layout,
    /// The file in memory, once it is needed, where its documents can be found without reading what comes before.
    plain: OnceLock<Arc<PlainFile>>,
}

impl DocumentFile {
    /// Not compressed and nothing but documents: to be cut into parts.
    fn is_plain(&self) -> bool {
        self.layout == Layout { gzip: false, archive: None, form: Form::Documents }
    }

    fn plain(&self) -> Result<Arc<PlainFile>> {
        if let Some(plain) = self.plain.get() {
            return Ok(plain.clone());
        }
        let plain = Arc::new(PlainFile::open(&self.file)?);
        Ok(self.plain.get_or_init(|| plain).clone())
    }
}

fn kind_of(file: SourceFile, content: &Content) -> Result<DocumentFile> {
    let gzip = file.head(2)?.starts_with(&GZIP_MAGIC);
    let archive = match content {
        Content::Json => None,
        Content::Bson { collection } => {
            let mut head = Vec::new();
            // A file too short or damaged for this is no archive; reading it says what is wrong.
            let _ = stream::input(&file, gzip)?.take(4).read_to_end(&mut head);
            match (head == archive::MAGIC, collection) {
                (true, collection) => Some(archive::choose(&file, gzip, collection.as_deref())?),
                (false, Some(collection)) => {
                    return Err(Error::plan_hint(
                        format!("`{}` is one collection, so `{collection}` cannot be chosen from it", file.shown),
                        "leave out `collection=`; it is for what `mongodump --archive` writes",
                    ));
                }
                (false, None) => None,
            }
        }
    };
    let form = match content {
        Content::Json => Form::Json,
        Content::Bson { .. } => Form::Documents,
    };
    Ok(DocumentFile { file: Arc::new(file), layout: Layout { gzip, archive, form }, plain: OnceLock::new() })
}

#[derive(Debug)]
struct FilesSource {
    content: Content,
    files: Vec<DocumentFile>,
}

impl FilesSource {
    /// Shows documents of every file to the inference: of a plain file from all over it, of any other its first.
    fn observe(&self, inference: &mut bson_arrow::Inference, documents: usize) -> Result<()> {
        let each = documents.div_ceil(self.files.len().max(1));
        for file in &self.files {
            if file.is_plain() {
                file.plain()?.observe(inference, each)?;
            } else {
                stream::observe(&file.file, &file.layout, inference, each)?;
            }
        }
        Ok(())
    }

    fn parts(&self, request: &Request) -> Result<Vec<Arc<dyn DocumentPart>>> {
        let mut parts: Vec<Arc<dyn DocumentPart>> = Vec::new();
        let mut first_row = 0;
        // Files that are plain share the parts by size; of the others each is a part.
        let plain_bytes: u64 = self.files.iter().filter(|file| file.is_plain()).map(|file| file.file.size_bytes).sum();
        for file in &self.files {
            let shown: Arc<str> = Arc::from(file.file.shown.as_str());
            if file.is_plain() {
                let plain = file.plain()?;
                let share =
                    u128::from(file.file.size_bytes) * request.partitions as u128 / u128::from(plain_bytes.max(1));
                parts.extend(plain.parts((share as usize).max(1), &shown, first_row));
                first_row += plain.documents();
            } else {
                let origin = Origin { shown, first_document: 0, first_row };
                parts.push(Arc::new(StreamPart::new(file.file.clone(), file.layout.clone(), origin)));
            }
        }
        if request.partitions <= 1 && parts.len() > 1 {
            return Ok(vec![Arc::new(Chain::new(parts))]);
        }
        Ok(parts)
    }
}

impl DocumentSource for FilesSource {
    fn name(&self) -> &'static str {
        match self.content {
            Content::Bson { .. } => "read_bson",
            Content::Json => "read_json",
        }
    }

    fn plan<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Plan>> {
        let plan = self.parts(request).map(|parts| Plan { parts, shown: self.to_string() });
        futures::future::ready(plan).boxed()
    }
}

impl fmt::Display for FilesSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<&str> = self.files.iter().map(|file| file.file.shown.as_str()).collect();
        write!(f, "files=[{}]", shown.join(", "))
    }
}
