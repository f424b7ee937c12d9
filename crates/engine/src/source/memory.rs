//! Batches in memory as a table, cut into parts of fixed row ranges without a copy.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::error::{Error, Result};
use crate::session::{BATCH_ROWS, PARTITIONS};

/// Rows below which another part is not worth starting.
const PART_ROWS_MIN: usize = 4 * BATCH_ROWS;

/// Batches of one schema.
#[derive(Debug)]
pub(crate) struct MemoryTable {
    schema: SchemaRef,
    parts: Vec<Vec<RecordBatch>>,
}

/// The table over these batches.
pub(crate) fn open(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<MemoryTable> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let count = (rows / PART_ROWS_MIN).clamp(1, PARTITIONS);
    // A part is a whole number of batches, so that the batches are the same ones however many parts are run.
    let batch_count = rows.div_ceil(BATCH_ROWS).max(1);
    let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); count];
    let mut position = 0usize;
    for batch in batches {
        let mut start = 0usize;
        while start < batch.num_rows() {
            let part = position / BATCH_ROWS * count / batch_count;
            let length = (batch.num_rows() - start).min(BATCH_ROWS - position % BATCH_ROWS);
            parts[part].push(batch.slice(start, length));
            start += length;
            position += length;
        }
    }
    MemoryTable::new(&schema, parts)
}

/// The table over the rows that the parts of a plan have made. They stay the parts, as they do on a cluster, so that a sum over
/// them has the same bits there; but one part is cut.
pub(crate) fn keep(schema: SchemaRef, parts: Vec<Vec<RecordBatch>>) -> Result<MemoryTable> {
    match <[_; 1]>::try_from(parts) {
        Ok([batches]) => open(schema, batches),
        Err(parts) => MemoryTable::new(&schema, parts),
    }
}

impl MemoryTable {
    fn new(schema: &Schema, parts: Vec<Vec<RecordBatch>>) -> Result<MemoryTable> {
        let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
        if let Some((_, twice)) = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
            return Err(Error::plan(format!("two columns are named `{twice}`")));
        }
        for batch in parts.iter().flatten() {
            let found = batch.schema();
            let same = found.fields().len() == schema.fields().len()
                && found.fields().iter().zip(schema.fields()).all(|(a, b)| a.data_type() == b.data_type());
            if !same {
                return Err(Error::plan("the batches do not all have the columns of the schema"));
            }
        }
        let schema = exact_nullability(schema, &parts);
        let with_schema = |batch: RecordBatch| {
            RecordBatch::try_new(schema.clone(), batch.columns().to_vec())
                .map_err(|error| Error::plan(error.to_string()))
        };
        let parts = parts.into_iter().map(|part| part.into_iter().map(with_schema).collect());
        Ok(MemoryTable { parts: parts.collect::<Result<_>>()?, schema })
    }
}

/// Arrow schemas often say "nullable" for columns without nulls; what the data says makes faster kernels.
fn exact_nullability(schema: &Schema, parts: &[Vec<RecordBatch>]) -> SchemaRef {
    let field = |(index, field): (usize, &Arc<Field>)| {
        let nulls = parts.iter().flatten().any(|batch| batch.column(index).logical_null_count() > 0);
        let always = field.data_type().is_null();
        Field::new(field.name(), field.data_type().clone(), nulls || always)
    };
    Arc::new(Schema::new(schema.fields().iter().enumerate().map(field).collect::<Vec<_>>()))
}

#[async_trait]
impl TableProvider for MemoryTable {
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
        let parts = if state.config().target_partitions() <= 1 {
            vec![self.parts.iter().flatten().cloned().collect()]
        } else {
            self.parts.clone()
        };
        let source = MemorySourceConfig::try_new(&parts, self.schema.clone(), projection.cloned())?;
        let source = source.with_limit(limit);
        Ok(datafusion::datasource::source::DataSourceExec::from_data_source(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Int64Type};

    #[test]
    fn what_a_plan_has_made_keeps_its_parts() {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true)]));
        let rows = |count| {
            RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from_iter_values(0..count))]).unwrap()
        };
        let lengths = |parts| {
            let table = keep(schema.clone(), parts).unwrap();
            table.parts.iter().map(|part| part.iter().map(RecordBatch::num_rows).collect()).collect::<Vec<Vec<usize>>>()
        };
        assert_eq!(lengths(vec![vec![rows(5), rows(7)], vec![], vec![rows(1)]]), [vec![5, 7], vec![], vec![1]]);
        assert_eq!(lengths(vec![vec![rows(70_000)]]).len(), 2);
        assert_eq!(lengths(vec![]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn parts_are_whole_batches_in_order_whatever_the_input_batches() {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true)]));
        let whole = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from_iter_values(0..200_001))]);
        let whole = whole.unwrap();
        let table =
            open(schema.clone(), vec![whole.slice(0, 3), whole.slice(3, 99_998), whole.slice(100_001, 100_000)]);
        let table = table.unwrap();
        assert!(!table.schema.field(0).is_nullable());
        assert_eq!(table.parts.len(), 6);
        let mut next = 0;
        for (index, part) in table.parts.iter().enumerate() {
            let rows: usize = part.iter().map(RecordBatch::num_rows).sum();
            assert!(index == 5 || rows.is_multiple_of(BATCH_ROWS), "{rows}");
            for value in part.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()) {
                assert_eq!(value, next);
                next += 1;
            }
        }
        assert_eq!(next, 200_001);
    }
}
