//! Rows that stay on the executors that made them: the table of a persisted dataset, and the source that reads it. The rows
//! are the output of a job that nobody has cleaned up; a part is fetched from whoever holds it, or read from the
//! executor's own files. When an executor went away with its rows the job runs again.

use std::fmt;
use std::fs::File;
use std::path;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ballista_core::execution_plans::create_shuffle_path;
use ballista_core::serde::protobuf::{ExecutorMetadata, PartitionId, PartitionLocation};
use bytes::Bytes;
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamDecoder;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::object_store::path::Path;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use engine::wire::bytes::{Reader, Writer};
use engine::wire::error_to_text;
use engine::{Opens, ProjectedSource};
use futures::StreamExt;
use memmap2::Mmap;

use crate::client::{Client, Job};
use crate::site::Site;

/// How the message of an error begins that says that persisted rows are gone; the number of the table follows.
const LOST: &str = "persisted rows were lost: ";

/// The rows of a persisted dataset.
pub(crate) struct Stored {
    /// Its number among those of the client.
    pub number: u64,
    schema: SchemaRef,
    /// The job that made the rows.
    pub job: Job,
    /// Where they are now.
    state: Mutex<Output>,
    client: Client,
    runtime: tokio::runtime::Handle,
}

#[derive(Clone, Default)]
struct Output {
    job_id: String,
    parts: Vec<PartitionLocation>,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored {}", self.number)
    }
}

impl Stored {
    pub fn new(number: u64, job: Job, client: Client, runtime: tokio::runtime::Handle) -> Stored {
        Stored { number, schema: job.schema.clone(), job, state: Mutex::default(), client, runtime }
    }

    /// The rows are the output of this job from now on.
    pub fn place(&self, job_id: String, parts: Vec<PartitionLocation>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *state, Output { job_id, parts });
        drop(state);
        self.clean(before.job_id);
    }

    fn places(&self) -> Output {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn clean(&self, job_id: String) {
        if !job_id.is_empty() {
            let client = self.client.clone();
            self.runtime.spawn(async move { client.clean(job_id).await });
        }
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.clean(self.places().job_id);
    }
}

/// The table of the rows.
#[derive(Debug)]
pub(crate) struct StoredTable(pub Arc<Stored>);

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        self.0.schema.clone()
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
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let places = Places { origin: Origin::Table(self.0.clone()), site: None };
        let source = StoredSource::new(places, self.0.schema.clone(), None);
        let parts = self.0.places().parts.len();
        let file = |part: usize| {
            let mut file = PartitionedFile::new(String::new(), 1);
            file.object_meta.location = Path::from(part.to_string());
            file
        };
        let groups: Vec<FileGroup> = match state.config().target_partitions() {
            0 | 1 => vec![FileGroup::new((0..parts).map(file).collect())],
            _ => (0..parts).map(|part| FileGroup::new(vec![file(part)])).collect(),
        };
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_preserve_order(true)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// The source of the rows.
pub(crate) type StoredSource = ProjectedSource<Places>;

/// Where rows are: at the client the table itself, on the way and on an executor the places of its parts.
#[derive(Clone)]
pub(crate) struct Places {
    origin: Origin,
    site: Option<Arc<Site>>,
}

#[derive(Clone)]
enum Origin {
    Table(Arc<Stored>),
    Parts { number: u64, parts: Arc<[PartitionLocation]> },
}

/// Writes what travels besides the columns that the source computes, which are returned.
pub(crate) fn write_source(source: &StoredSource, writer: &mut Writer) -> ProjectionExprs {
    let (number, parts) = match &source.opens().origin {
        Origin::Table(stored) => (stored.number, stored.places().parts.into()),
        Origin::Parts { number, parts } => (*number, parts.clone()),
    };
    writer.number(number);
    writer.list(parts.iter(), write_place);
    source.columns()
}

/// The source that [`write_source`] wrote.
pub(crate) fn read_source(
    reader: &mut Reader<'_>,
    schema: SchemaRef,
    projection: &ProjectionExprs,
) -> engine::Result<StoredSource> {
    let number = reader.number()?;
    let parts: Vec<PartitionLocation> = reader.list(read_place)?;
    let places = Places { origin: Origin::Parts { number, parts: parts.into() }, site: None };
    Ok(StoredSource::new(places, schema, Some(projection)))
}

/// The persisted tables that a plan reads.
pub(crate) fn tables(plan: &Arc<dyn ExecutionPlan>) -> Vec<Arc<Stored>> {
    let mut found = Vec::new();
    let mut pending = vec![plan];
    while let Some(node) = pending.pop() {
        if let Some(Origin::Table(stored)) = source_of(node).map(|source| &source.opens().origin) {
            found.push(stored.clone());
        }
        pending.extend(node.children());
    }
    found
}

fn config_of(node: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    node.downcast_ref::<DataSourceExec>()?.data_source().as_ref().downcast_ref::<FileScanConfig>()
}

fn source_of(node: &Arc<dyn ExecutionPlan>) -> Option<&StoredSource> {
    config_of(node)?.file_source.as_ref().downcast_ref::<StoredSource>()
}

/// The scan with its source on an executor, if it is one of persisted rows.
pub(crate) fn scan_at(node: &Arc<dyn ExecutionPlan>, site: &Arc<Site>) -> Option<Arc<dyn ExecutionPlan>> {
    let source = source_of(node)?;
    let source = source.with(Places { site: Some(site.clone()), ..source.opens().clone() });
    let config = FileScanConfigBuilder::from(config_of(node)?.clone()).with_source(Arc::new(source)).build();
    Some(DataSourceExec::from_data_source(config))
}

/// The number of the table whose rows the error says are gone.
pub(crate) fn lost_table(error: &engine::Error) -> Option<u64> {
    match error {
        engine::Error::Engine(error) => error.message.strip_prefix(LOST)?.parse().ok(),
        _ => None,
    }
}

fn write_place(writer: &mut Writer, place: &PartitionLocation) {
    let id = place.partition_id.clone().unwrap_or_default();
    writer.text(&id.job_id);
    writer.number(u64::from(id.stage_id));
    writer.number(u64::from(id.partition_id));
    writer.optional(place.file_id, Writer::number);
    writer.flag(place.is_sort_shuffle);
    let executor = place.executor_meta.clone().unwrap_or_default();
    writer.text(&executor.id);
    writer.text(&executor.host);
    writer.number(u64::from(executor.port));
}

fn read_place(reader: &mut Reader<'_>) -> engine::Result<PartitionLocation> {
    let job_id = reader.text()?;
    let (stage_id, partition_id) = (reader.number()? as u32, reader.number()? as u32);
    let file_id = reader.optional(Reader::number)?;
    let is_sort_shuffle = reader.flag()?;
    let (id, host, port) = (reader.text()?, reader.text()?, reader.number()? as u32);
    Ok(PartitionLocation {
        partition_id: Some(PartitionId { job_id, stage_id, partition_id }),
        executor_meta: Some(ExecutorMetadata { id, host, port, ..ExecutorMetadata::default() }),
        file_id,
        is_sort_shuffle,
        ..PartitionLocation::default()
    })
}

impl Opens for Places {
    fn file_type(&self) -> &'static str {
        "persisted"
    }

    fn opener(
        &self,
        _schema: &SchemaRef,
        columns: &[usize],
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Arc<dyn FileOpener>> {
        let (Origin::Parts { number, parts }, Some(site)) = (&self.origin, &self.site) else {
            return Err(DataFusionError::Execution("persisted rows are read on an executor".to_owned()));
        };
        let (columns, site) = (columns.to_vec(), site.clone());
        Ok(Arc::new(StoredOpener { number: *number, parts: parts.clone(), columns, site }))
    }
}

struct StoredOpener {
    number: u64,
    parts: Arc<[PartitionLocation]>,
    /// The columns of the file that are needed.
    columns: Vec<usize>,
    site: Arc<Site>,
}

impl FileOpener for StoredOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let part = file.object_meta.location.as_ref().parse::<usize>().ok().and_then(|part| self.parts.get(part));
        let part = part.cloned().ok_or_else(|| DataFusionError::Execution("no such part".to_owned()))?;
        let (columns, site, number) = (self.columns.clone(), self.site.clone(), self.number);
        Ok(Box::pin(async move {
            let lost = move |_reason: String| {
                DataFusionError::Execution(error_to_text(&engine::Error::engine(format!("{LOST}{number}"))))
            };
            if let Some(path) = own_file(&part, &site) {
                let batches = read_file(&path).map_err(|error| lost(error.to_string()))?;
                let batches = batches.map(move |batch| -> Result<RecordBatch> { Ok(batch?.project(&columns)?) });
                return Ok(futures::stream::iter(batches).boxed());
            }
            let batches = crate::client::fetch(part, site.tls()).await.map_err(|error| lost(error.to_string()))?;
            let batches = batches.map(move |batch| {
                let batch = batch.map_err(|error| lost(error.to_string()))?;
                Ok(batch.project(&columns)?)
            });
            Ok(batches.boxed())
        }))
    }
}

/// The batches of a file. They lie in the file's own pages, which the system keeps in memory as long as there is room: an
/// iteration over persisted rows neither copies nor decodes them.
fn read_file(path: &path::Path) -> std::io::Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + use<>> {
    // SAFETY: nobody changes a file that a task has finished; where it is removed, its pages live as long as the map.
    let map = unsafe { Mmap::map(&File::open(path)?) }?;
    let mut rest = Buffer::from(Bytes::from_owner(map));
    let mut decoder = StreamDecoder::new();
    Ok(std::iter::from_fn(move || decoder.decode(&mut rest).transpose()))
}

/// For each part of a stage's input the name of the executor that has it; empty when the stage reads something else.
pub(crate) fn executors_of_parts(plan: &Arc<dyn ExecutionPlan>) -> Vec<String> {
    let mut pending = vec![plan];
    while let Some(node) = pending.pop() {
        if let (Some(config), Some(source)) = (config_of(node), source_of(node))
            && let Origin::Parts { parts, .. } = &source.opens().origin
        {
            let executor = |file: &PartitionedFile| {
                let part = parts.get(file.object_meta.location.as_ref().parse::<usize>().ok()?)?;
                Some(part.executor_meta.as_ref()?.id.clone())
            };
            let groups = config.file_groups.iter();
            return groups.map(|group| group.files().first().and_then(executor).unwrap_or_default()).collect();
        }
        pending.extend(node.children());
    }
    Vec::new()
}

/// The file of the part, when this executor made it.
fn own_file(part: &PartitionLocation, site: &Site) -> Option<PathBuf> {
    let id = part.partition_id.as_ref()?;
    let path = create_shuffle_path(
        site.shuffle_dir(),
        &id.job_id.clone().into(),
        id.stage_id as usize,
        id.partition_id as usize,
        part.file_id,
        part.is_sort_shuffle,
    );
    path.ok().filter(|path| path.exists())
}
