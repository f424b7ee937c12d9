//! A file source of ours as DataFusion wants it: what is the same for all of them, which is the choice of columns. How the
//! files of one are opened is said by what it is made with.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

/// What opens the files of a source.
pub trait Opens: Clone + Send + Sync + 'static {
    /// The word for it in a plan.
    fn file_type(&self) -> &'static str;

    /// Opens files for these columns of `schema`.
    fn opener(
        &self,
        schema: &SchemaRef,
        columns: &[usize],
        metrics: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Arc<dyn FileOpener>>;
}

/// A source that computes columns over files; its parts are never cut anew.
#[derive(Clone)]
pub struct ProjectedSource<O> {
    opens: O,
    table_schema: TableSchema,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
}

impl<O: Opens> ProjectedSource<O> {
    /// `schema` is that of the files; without a projection it is that of the source too.
    pub fn new(opens: O, schema: SchemaRef, projection: Option<&ProjectionExprs>) -> ProjectedSource<O> {
        let table_schema = TableSchema::from(schema);
        let projection = match projection {
            Some(projection) => SplitProjection::new(table_schema.file_schema(), projection),
            None => SplitProjection::unprojected(&table_schema),
        };
        ProjectedSource { opens, table_schema, projection, metrics: ExecutionPlanMetricsSet::new() }
    }

    pub fn opens(&self) -> &O {
        &self.opens
    }

    /// The same columns with files that are opened otherwise.
    pub fn with(&self, opens: O) -> ProjectedSource<O> {
        ProjectedSource { opens, ..self.clone() }
    }

    /// The columns that it computes.
    pub fn columns(&self) -> ProjectionExprs {
        self.projection.source.clone()
    }
}

impl<O: Opens> FileSource for ProjectedSource<O> {
    fn create_file_opener(
        &self,
        _object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        let schema = self.table_schema.file_schema();
        let opener = self.opens.opener(schema, &self.projection.file_indices, &self.metrics)?;
        ProjectionOpener::try_new(self.projection.clone(), opener, schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, _batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(self.clone())
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.opens.file_type()
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DataFusionResult<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let mut source = self.clone();
        source.projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(source)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }
}
