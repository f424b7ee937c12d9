//! Handing predicates down to the source of documents under a plan.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, TableScan};

use bson_arrow::OnMismatch;

use super::DocumentTable;
use crate::error::Result;
use crate::failure;
use crate::false_paths::false_paths;
use crate::function::CompiledFunction;

/// The plan with the rows left out at its source that the predicate certainly turns down; `None` where its source cannot.
/// The predicate must still be run.
pub(crate) fn predicate(plan: &LogicalPlan, predicate: &CompiledFunction) -> Result<Option<LogicalPlan>> {
    let params = predicate.param_types();
    let Some(ir::Type::Record(record)) = params.first() else { return Ok(None) };
    let mut names: Vec<String> = record.fields.iter().map(|(name, _)| name.clone()).collect();
    let Some(scan) = scan_below(plan, &mut names) else { return Ok(None) };
    let provider = source_as_provider(&scan.source).map_err(failure::from_datafusion)?;
    let Some(table) = provider.downcast_ref::<DocumentTable>() else { return Ok(None) };
    // Under the other policies every document is counted that does not fit.
    if table.on_mismatch != OnMismatch::Raise {
        return Ok(None);
    }
    let paths = false_paths(predicate);
    let Some(source) = table.source.excluding(&paths, &names, &table.schema).filter(|_| !paths.is_empty()) else {
        return Ok(None);
    };
    let table = DocumentTable { schema: table.schema.clone(), source, on_mismatch: table.on_mismatch };
    let source = provider_as_source(Arc::new(table));
    let replaced = plan.clone().transform_down(|node| match node {
        LogicalPlan::TableScan(scan) => {
            let scan = TableScan { source: source.clone(), ..scan };
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        other => Ok(Transformed::no(other)),
    });
    Ok(Some(replaced.map_err(failure::from_datafusion)?.data))
}

/// The scan below nothing but choices and renamings of columns; the names become those of the scan, or empty where there
/// is none.
fn scan_below<'a>(mut plan: &'a LogicalPlan, names: &mut [String]) -> Option<&'a TableScan> {
    loop {
        match plan {
            LogicalPlan::TableScan(scan) => return Some(scan),
            LogicalPlan::Projection(projection) => {
                for name in names.iter_mut() {
                    *name = name_below(projection, name).unwrap_or_default();
                }
                plan = projection.input.as_ref();
            }
            _ => return None,
        }
    }
}

fn name_below(projection: &Projection, name: &str) -> Option<String> {
    let place = projection.schema.fields().iter().position(|field| field.name() == name)?;
    let mut expr = projection.expr.get(place)?;
    while let Expr::Alias(alias) = expr {
        expr = alias.expr.as_ref();
    }
    match expr {
        Expr::Column(column) => Some(column.name.clone()),
        _ => None,
    }
}
