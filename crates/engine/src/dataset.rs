//! Datasets: lazy, immutable plans.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column as DataFusionColumn, JoinType};
use datafusion::datasource::provider_as_source;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr};

use crate::aggregate::{Aggregate, Fold, FoldResult};
use crate::error::{Error, Result};
use crate::execute;
use crate::failure;
use crate::function::CompiledFunction;
use crate::names;
use crate::run::{self, BatchStream, Report, Watch};
use crate::session::Session;
use crate::types::RowType;
use crate::write;

/// What happens to a row for which a function raises.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OnError {
    /// The query stops with the first failing row.
    #[default]
    Raise,
    /// The function's result is null; a fold leaves the row out.
    Null,
    /// The row is left out.
    Drop,
}

/// A column of the input, or computed from each row.
#[derive(Clone, PartialEq, Debug)]
pub enum Column {
    Name(String),
    /// A function of one parameter: the row ([`Dataset::row_type`]).
    Function(CompiledFunction),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinKind {
    Inner,
    Left,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortKey {
    pub column: String,
    pub descending: bool,
}

/// A lazy table. Operations give new datasets and check names and types at once; nothing is read before a method that
/// takes a [`Watch`] is called.
#[derive(Clone)]
pub struct Dataset {
    session: Session,
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl Dataset {
    pub(crate) fn from_table(session: &Session, table: impl TableProvider + 'static) -> Result<Dataset> {
        let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
        let source = provider_as_source(Arc::new(table));
        let scan = LogicalPlanBuilder::scan("source", source, None).map_err(failure::from_datafusion)?;
        // Without a table name, columns of two datasets never clash by it.
        let columns = names
            .iter()
            .map(|name| Expr::Column(DataFusionColumn::new(Some("source"), name)).alias(name))
            .collect::<Vec<_>>();
        Dataset::from_builder(session, scan.project(columns).map_err(failure::from_datafusion)?)
    }

    fn from_builder(session: &Session, builder: LogicalPlanBuilder) -> Result<Dataset> {
        let plan = builder.build().map_err(failure::from_datafusion)?;
        let schema = run::shown_schema(plan.schema().as_arrow());
        Ok(Dataset { session: session.clone(), plan, schema })
    }

    fn builder(&self) -> LogicalPlanBuilder {
        LogicalPlanBuilder::from(self.plan.clone())
    }

    /// The dataset with these columns, each a name of this plan and the name it gets.
    fn project(&self, columns: Vec<(String, String)>) -> Result<Dataset> {
        let columns = columns.into_iter().map(|(from, to)| column(&from).alias(to)).collect::<Vec<_>>();
        Dataset::from_builder(&self.session, self.builder().project(columns).map_err(failure::from_datafusion)?)
    }

    /// Names, types and nullability of the columns. Text is `Utf8` here, whatever it is inside.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The type of the row that functions over this dataset take.
    pub fn row_type(&self) -> RowType {
        crate::types::row_type(&self.schema)
    }

    fn column_names(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn check_column(&self, name: &str) -> Result<()> {
        match self.schema.index_of(name) {
            Ok(_) => Ok(()),
            Err(_) => Err(names::unknown_column(name, &self.column_names())),
        }
    }

    fn type_of(&self, name: &str) -> Result<DataType> {
        self.check_column(name)?;
        Ok(self.schema.field_with_name(name).map_or(DataType::Null, |field| field.data_type().clone()))
    }

    /// These columns, in this order.
    pub fn select(&self, columns: &[String]) -> Result<Dataset> {
        check_distinct(columns.iter())?;
        for name in columns {
            self.check_column(name)?;
        }
        self.project(columns.iter().map(|name| (name.clone(), name.clone())).collect())
    }

    /// All columns, with these added or replaced. Every function sees the row as it was before.
    pub fn with_columns(&self, _columns: &[(String, Column)], _on_error: OnError) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// One new row for each row: the fields of a record become columns, any other value the column `value`.
    pub fn map(&self, _function: &CompiledFunction, _on_error: OnError) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// The rows for which the function returns something true.
    pub fn filter(&self, _predicate: &CompiledFunction, _on_error: OnError) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// One row per distinct combination of `keys`, in the order of first appearance: the keys, then the aggregates.
    /// Without keys one row for the whole dataset.
    pub fn aggregate(
        &self,
        _keys: &[(String, Column)],
        _aggregates: &[(String, Aggregate)],
        _on_error: OnError,
    ) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// Folds all rows into one value.
    pub fn reduce(&self, _fold: &Fold, _on_error: OnError, _watch: Watch<'_>) -> Result<FoldResult> {
        Err(Error::engine("not there yet"))
    }

    /// Rows of both where the columns `on` (this side's name, the other's) are equal, in this dataset's order; null equals
    /// nothing. Then come the other side's columns but those of `on` that have the same name here; a name that is taken
    /// gets `suffix`.
    pub fn join(&self, other: &Dataset, on: &[(String, String)], kind: JoinKind, suffix: &str) -> Result<Dataset> {
        if on.is_empty() {
            return Err(Error::plan("a join needs at least one column to join on"));
        }
        for (left, right) in on {
            let (left_type, right_type) = (self.type_of(left)?, other.type_of(right)?);
            check_comparable(left, &left_type, right, &right_type)?;
        }
        let mut taken: HashSet<String> = self.column_names().into_iter().collect();
        let mut outputs: Vec<(String, String)> =
            self.column_names().into_iter().map(|name| (name.clone(), name)).collect();
        let mut renamed = Vec::new();
        for (index, name) in other.column_names().into_iter().enumerate() {
            let inside = format!("__right_{index}");
            renamed.push((name.clone(), inside.clone()));
            if on.iter().any(|(left, right)| *right == name && left == right) {
                continue;
            }
            let shown = if taken.contains(&name) { format!("{name}{suffix}") } else { name };
            if !taken.insert(shown.clone()) {
                return Err(Error::plan_hint(
                    format!("the result would have two columns named `{shown}`"),
                    "give another `suffix`",
                ));
            }
            outputs.push((inside, shown));
        }
        let inside_of = |name: &str| {
            let found = renamed.iter().find(|(from, _)| from == name);
            column(found.map_or(name, |(_, inside)| inside))
        };
        let left_keys: Vec<Expr> = on.iter().map(|(left, _)| plain_key(column(left), &self.schema, left)).collect();
        let right_keys: Vec<Expr> =
            on.iter().map(|(_, right)| plain_key(inside_of(right), &other.schema, right)).collect();
        let right = other.project(renamed.clone())?;
        // DataFusion collects its left side into a hash table and streams its right side, whose order it keeps.
        let join_type = match kind {
            JoinKind::Inner => JoinType::Inner,
            JoinKind::Left => JoinType::Right,
        };
        let joined = right
            .builder()
            .join_with_expr_keys(self.plan.clone(), join_type, (right_keys, left_keys), None)
            .map_err(failure::from_datafusion)?;
        Dataset::from_builder(&self.session, joined)?.project(outputs)
    }

    /// A stable sort; nulls come last, NaN after all other numbers.
    pub fn sort(&self, keys: &[SortKey]) -> Result<Dataset> {
        if keys.is_empty() {
            return Err(Error::plan("a sort needs at least one column"));
        }
        let mut sorts: Vec<SortExpr> = Vec::with_capacity(keys.len());
        for key in keys {
            self.check_column(&key.column)?;
            let expr = plain_key(column(&key.column), &self.schema, &key.column);
            sorts.push(expr.sort(!key.descending, false));
        }
        Dataset::from_builder(&self.session, self.builder().sort(sorts).map_err(failure::from_datafusion)?)
    }

    /// At most `rows` rows from position `offset`, in the data's order.
    pub fn limit(&self, rows: usize, offset: usize) -> Result<Dataset> {
        let limited = self.builder().limit(offset, Some(rows)).map_err(failure::from_datafusion)?;
        Dataset::from_builder(&self.session, limited)
    }

    /// The plan as text; with `analyze` it is run and shown with rows and times.
    pub fn explain(&self, analyze: bool, watch: Watch<'_>) -> Result<String> {
        execute::explain(&self.session, &self.plan, analyze, watch)
    }

    /// The number of rows.
    pub fn count(&self, watch: Watch<'_>) -> Result<(u64, Report)> {
        let counted = self.builder().aggregate(Vec::<Expr>::new(), vec![count_all().alias("rows")]);
        let plan = counted.and_then(|builder| builder.build()).map_err(failure::from_datafusion)?;
        let (batches, report) = execute::collect(&self.session, &plan, watch)?;
        let rows = batches
            .iter()
            .find_map(|batch| batch.column(0).as_primitive_opt::<Int64Type>()?.values().first().copied())
            .ok_or_else(|| Error::engine("counting gave no number"))?;
        Ok((rows as u64, report))
    }

    /// All rows, in order.
    pub fn collect(&self, watch: Watch<'_>) -> Result<(Vec<RecordBatch>, Report)> {
        let (batches, report) = execute::collect(&self.session, &self.plan, watch)?;
        let shown: Result<Vec<RecordBatch>> = batches
            .iter()
            .filter(|batch| batch.num_rows() > 0)
            .map(|batch| run::shown_batch(batch, &self.schema))
            .collect();
        Ok((shown?, report))
    }

    /// Starts the query and gives its batches one after the other.
    pub fn stream(&self) -> Result<BatchStream> {
        execute::stream(&self.session, &self.plan)
    }

    /// Writes one Parquet file; it appears when it is complete, or not at all.
    pub fn write_parquet(&self, path: &Path, watch: Watch<'_>) -> Result<Report> {
        write::parquet(self.stream()?, path, watch)
    }

    /// Writes one CSV file with a header; it appears when it is complete, or not at all.
    pub fn write_csv(&self, path: &Path, watch: Watch<'_>) -> Result<Report> {
        write::csv(self.stream()?, path, watch)
    }
}

/// A column by its exact name.
fn column(name: &str) -> Expr {
    Expr::Column(DataFusionColumn::from_name(name))
}

/// A column as a key to compare by: Python says `0.0 == -0.0`, DataFusion compares bits.
fn plain_key(expr: Expr, schema: &SchemaRef, name: &str) -> Expr {
    match schema.field_with_name(name).map(|field| field.data_type()) {
        Ok(DataType::Float32 | DataType::Float64) => crate::plan::float_key::float_key(expr),
        _ => expr,
    }
}

fn check_distinct<'a>(names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::plan(format!("column `{name}` is named twice")));
        }
    }
    Ok(())
}

/// Keys of a join must be of types whose values Python would find equal when they look equal.
fn check_comparable(left: &str, left_type: &DataType, right: &str, right_type: &DataType) -> Result<()> {
    let kind = |data_type: &DataType| match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        other if other.is_integer() => DataType::Int64,
        DataType::Float32 | DataType::Float64 => DataType::Float64,
        other => other.clone(),
    };
    if kind(left_type) == kind(right_type) {
        return Ok(());
    }
    Err(Error::plan_hint(
        format!(
            "cannot join `{left}` of type `{}` with `{right}` of type `{}`",
            names::data_type(left_type),
            names::data_type(right_type)
        ),
        "convert one of them with `with_columns` first",
    ))
}
