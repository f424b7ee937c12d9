//! An accumulator for groups, used for a whole dataset as one group.

use std::sync::{Mutex, MutexGuard};

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::datatypes::FieldRef;
use datafusion::common::{Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::run::lock;

pub(crate) struct OneGroup {
    /// Never contended: DataFusion wants an accumulator that threads could share, though none do.
    groups: Mutex<Box<dyn GroupsAccumulator>>,
    /// Inputs without a row: they begin the group when no row does.
    empty: Vec<ArrayRef>,
}

impl OneGroup {
    pub fn new(groups: Box<dyn GroupsAccumulator>, inputs: &[FieldRef]) -> OneGroup {
        OneGroup {
            groups: Mutex::new(groups),
            empty: inputs.iter().map(|field| new_empty_array(field.data_type())).collect(),
        }
    }

    fn groups(&self) -> MutexGuard<'_, Box<dyn GroupsAccumulator>> {
        lock(&self.groups)
    }
}

impl std::fmt::Debug for OneGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneGroup")
    }
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = values.first().map_or(0, |array| array.len());
        self.groups().update_batch(values, &vec![0; rows], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = states.first().map_or(0, |array| array.len());
        self.groups().merge_batch(states, &vec![0; rows], 1)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        self.groups().update_batch(&self.empty, &[], None, 1)?;
        let array = self.groups().evaluate(EmitTo::All)?;
        ScalarValue::try_from_array(&array, 0)
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.groups().update_batch(&self.empty, &[], None, 1)?;
        let arrays = self.groups().state(EmitTo::All)?;
        arrays.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn size(&self) -> usize {
        self.groups().size()
    }
}
