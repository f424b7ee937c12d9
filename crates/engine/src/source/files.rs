//! Files on disk: expanding path patterns, cutting files into parts, and the table over them that DataFusion scans.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result as DataFusionResult, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::error::{Error, Result};
use crate::failure;
use crate::wire::bytes::{Reader, Writer};

/// Data smaller than this a part is not cut further: starting a part costs more than reading so little.
const PART_BYTES_MIN: u64 = 1024 * 1024;

/// A file of a table.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Absolute, so that a later change of the working directory does no harm.
    pub path: PathBuf,
    /// As the user wrote it, for messages.
    pub shown: String,
    pub size_bytes: u64,
}

impl SourceFile {
    pub fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| cannot_read(Path::new(&self.shown), &error))
    }

    /// An error where the file that is there now is of another size.
    pub fn check_size(&self) -> Result<()> {
        let found = self.open()?.metadata().map_err(|error| cannot_read(Path::new(&self.shown), &error))?.len();
        if found == self.size_bytes {
            return Ok(());
        }
        Err(Error::engine_hint(
            format!("`{}` has {found} bytes on an executor and had {} at the client", self.shown, self.size_bytes),
            "every machine must see the same file under the same path, and nobody may write to it meanwhile",
        ))
    }

    /// The first `count` bytes, fewer when the file is shorter.
    pub fn head(&self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(|error| cannot_read(Path::new(&self.shown), &error))?;
        Ok(bytes)
    }
}

/// Writes a file for another process that sees it under the same path.
pub(crate) fn write(writer: &mut Writer, file: &SourceFile) {
    writer.text(&file.path.to_string_lossy());
    writer.text(&file.shown);
    writer.number(file.size_bytes);
}

/// The file that [`write`] wrote.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<SourceFile> {
    Ok(SourceFile { path: reader.text()?.into(), shown: reader.text()?, size_bytes: reader.number()? })
}

pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    let reason = failure::io_reason(error);
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound => Some("check the path; it is taken from the working directory".to_owned()),
        _ => None,
    };
    Error::Engine(crate::error::EngineError { message: format!("cannot read `{}`: {reason}", path.display()), hint })
}

/// The files the paths name, patterns expanded in sorted order, the paths in the order given.
pub(crate) fn expand(paths: &[String]) -> Result<Vec<SourceFile>> {
    if paths.is_empty() {
        return Err(Error::plan("no file is given"));
    }
    let mut files = Vec::new();
    for path in paths {
        if path.contains(['*', '?', '[']) && !Path::new(path).exists() {
            let mut found = Vec::new();
            expand_pattern(path, &mut found)?;
            if found.is_empty() {
                return Err(Error::engine(format!("no file matches `{path}`")));
            }
            found.sort();
            for path in found {
                files.push(source_file(path)?);
            }
        } else {
            files.push(source_file(PathBuf::from(path))?);
        }
    }
    Ok(files)
}

fn source_file(path: PathBuf) -> Result<SourceFile> {
    let metadata = std::fs::metadata(&path).map_err(|error| cannot_read(&path, &error))?;
    if metadata.is_dir() {
        return Err(Error::engine_hint(
            format!("`{}` is a directory", path.display()),
            format!("name the files in it, as in `{}/*`", path.display()),
        ));
    }
    let shown = path.display().to_string();
    let path = path.canonicalize().map_err(|error| cannot_read(&path, &error))?;
    Ok(SourceFile { path, shown, size_bytes: metadata.len() })
}

/// Walks the pattern part by part; `*`, `?` and `[..]` match within one part of the path.
fn expand_pattern(pattern: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    let absolute = pattern.starts_with('/');
    let mut level = vec![if absolute { PathBuf::from("/") } else { PathBuf::new() }];
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        let mut next = Vec::new();
        for folder in &level {
            if !part.contains(['*', '?', '[']) {
                let path = folder.join(part);
                if path.exists() {
                    next.push(path);
                }
                continue;
            }
            let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
            let Ok(entries) = std::fs::read_dir(listed) else { continue };
            for entry in entries {
                let entry = entry.map_err(|error| cannot_read(listed, &error))?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let hidden = name.starts_with('.') && !part.starts_with('.');
                let path = folder.join(name);
                if !hidden && matches(part.as_bytes(), name.as_bytes()) && (last != path.is_dir()) {
                    next.push(path);
                }
            }
        }
        level = next;
    }
    found.extend(level.into_iter().filter(|path| path.is_file()));
    Ok(())
}

/// Shell matching of one name.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    match first {
        b'*' => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
        b'?' => {
            // One character, which may be several bytes.
            let width = std::str::from_utf8(name).ok().and_then(|text| text.chars().next()).map_or(1, char::len_utf8);
            !name.is_empty() && matches(rest, &name[width.min(name.len())..])
        }
        b'[' => match rest.iter().position(|byte| *byte == b']') {
            Some(end) if end > 0 && !name.is_empty() => {
                in_class(&rest[..end], name[0]) && matches(&rest[end + 1..], &name[1..])
            }
            _ => name.first() == Some(first) && matches(rest, &name[1..]),
        },
        _ => name.first() == Some(first) && matches(rest, &name[1..]),
    }
}

fn in_class(class: &[u8], byte: u8) -> bool {
    let (negated, class) = match class.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    let mut index = 0;
    while index < class.len() {
        if index + 2 < class.len() && class[index + 1] == b'-' {
            found |= (class[index]..=class[index + 2]).contains(&byte);
            index += 3;
        } else {
            found |= class[index] == byte;
            index += 1;
        }
    }
    found != negated
}

/// A piece of a file: bytes from `start` to `end`; `None` for all of it.
pub(crate) type Piece = (usize, Option<(u64, u64)>);

/// How the files of a format are cut and read.
pub(crate) trait Format: std::fmt::Debug + Send + Sync {
    /// Reads whole files and pieces as [`Format::cut`] made them.
    fn source(&self) -> Arc<dyn FileSource>;

    /// Where the file may be cut near these ascending positions: ascending positions in it where a new record starts, one
    /// for each, or `None` if it cannot be cut.
    fn cut(&self, file: &SourceFile, near: &[u64]) -> Result<Option<Vec<u64>>>;
}

/// Files of one format and schema.
#[derive(Debug)]
pub(crate) struct FileTable {
    pub schema: SchemaRef,
    pub files: Vec<SourceFile>,
    pub format: Box<dyn Format>,
    /// Rows in all files, where the format says.
    pub rows: Option<usize>,
    parts: std::sync::OnceLock<Vec<Vec<Piece>>>,
}

impl FileTable {
    pub fn new(schema: SchemaRef, files: Vec<SourceFile>, format: Box<dyn Format>, rows: Option<usize>) -> FileTable {
        FileTable { schema, files, format, rows, parts: std::sync::OnceLock::new() }
    }

    fn pieces(&self, partitions: usize) -> Result<Vec<Vec<Piece>>> {
        if partitions <= 1 {
            return Ok(vec![(0..self.files.len()).map(|file| (file, None)).collect()]);
        }
        if let Some(parts) = self.parts.get() {
            return Ok(parts.clone());
        }
        let parts = cut_files(&self.files, self.format.as_ref(), partitions)?;
        Ok(self.parts.get_or_init(|| parts).clone())
    }
}

/// Cuts the files, taken as one run of bytes, into parts of about equal size.
fn cut_files(files: &[SourceFile], format: &dyn Format, partitions: usize) -> Result<Vec<Vec<Piece>>> {
    let total: u64 = files.iter().map(|file| file.size_bytes).sum();
    let count = (total / PART_BYTES_MIN).clamp(1, partitions as u64);
    if count == 1 {
        return Ok(vec![(0..files.len()).map(|file| (file, None)).collect()]);
    }
    let bound = |part: u64| (u128::from(total) * u128::from(part) / u128::from(count)) as u64;
    let mut parts: Vec<Vec<Piece>> = vec![Vec::new(); count as usize];
    let mut file_start = 0u64;
    for (index, file) in files.iter().enumerate() {
        let file_end = file_start + file.size_bytes;
        let first = (0..count).take_while(|part| bound(part + 1) <= file_start).count() as u64;
        let inside: Vec<u64> =
            (1..count).map(bound).filter(|at| *at > file_start && *at < file_end).map(|at| at - file_start).collect();
        match format.cut(file, &inside)?.filter(|_| !inside.is_empty()) {
            Some(cuts) => {
                let mut start = 0;
                for (piece, end) in cuts.iter().copied().chain([file.size_bytes]).enumerate() {
                    if end > start {
                        parts[first as usize + piece].push((index, Some((start, end))));
                    }
                    start = end.max(start);
                }
            }
            None => parts[first as usize].push((index, None)),
        }
        file_start = file_end;
    }
    Ok(parts)
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let parts = self.pieces(state.config().target_partitions()).map_err(failure::wrap)?;
        let mut groups = Vec::with_capacity(parts.len());
        for part in parts {
            let mut pieces = Vec::with_capacity(part.len());
            for (index, range) in part {
                let file = &self.files[index];
                let mut piece = PartitionedFile::new(String::new(), file.size_bytes);
                piece.object_meta.location = datafusion::object_store::path::Path::from_absolute_path(&file.path)
                    .map_err(|error| failure::wrap(Error::engine(format!("cannot read `{}`: {error}", file.shown))))?;
                if let Some((start, end)) = range {
                    piece = piece.with_range(start as i64, end as i64);
                }
                pieces.push(piece);
            }
            groups.push(FileGroup::new(pieces));
        }
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Some(rows) = self.rows {
            statistics.num_rows = Precision::Exact(rows);
        }
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), self.format.source())
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_statistics(statistics)
            .with_preserve_order(true)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_patterns_match_names() {
        for (pattern, name, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("part-[0-3].x", "part-2.x", true),
            ("part-[!0-3].x", "part-2.x", false),
            ("[", "[", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[derive(Debug)]
    struct Anywhere;

    impl Format for Anywhere {
        fn source(&self) -> Arc<dyn FileSource> {
            unreachable!("only cut in this test")
        }

        fn cut(&self, _file: &SourceFile, near: &[u64]) -> Result<Option<Vec<u64>>> {
            Ok(Some(near.to_vec()))
        }
    }

    #[test]
    fn parts_cover_every_byte_once_and_in_order() {
        let sizes = [100, 5_000_000, 3, 12_345_678, 0, 40_000_000];
        let files: Vec<SourceFile> = sizes
            .iter()
            .map(|size| SourceFile { path: PathBuf::from("x"), shown: "x".to_owned(), size_bytes: *size })
            .collect();
        let parts = cut_files(&files, &Anywhere, 16).unwrap();
        assert_eq!(parts.len(), 16);
        let mut position = (0, 0);
        for (file, range) in parts.iter().flatten() {
            let (start, end) = range.unwrap_or((0, sizes[*file]));
            while position.0 < *file {
                assert_eq!(position.1, sizes[position.0]);
                position = (position.0 + 1, 0);
            }
            assert_eq!(start, position.1);
            position.1 = end;
        }
        assert_eq!(position, (5, 40_000_000));
    }
}
