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
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, LogicalPlanBuilder, SortExpr};

use crate::aggregate::{Aggregate, AggregateKind, Fold, FoldResult};
use crate::bson::BsonWriteOptions;
use crate::columns::WholeColumn;
use crate::error::{Error, Result};
use crate::execute;
use crate::failure;
use crate::function::{CompiledFunction, StateValue};
use crate::group;
use crate::mongo::{MongoWrite, WriteReport};
use crate::names;
use crate::plan::fold::{self, FoldOutput};
use crate::plan::function::{Call, FunctionNode, Role};
use crate::plan::gather::GatherNode;
use crate::run::{self, BatchStream, Report, Watch};
use crate::session::Session;
use crate::types::RowType;
use crate::write::{self, ArrowLayout};

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
    /// The row is left out, and is in [`Dataset::failures`].
    Collect,
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

#[derive(Clone, PartialEq, Debug)]
pub struct SortKey {
    pub column: Column,
    pub descending: bool,
}

/// A lazy table. Operations give new datasets and check names and types at once; nothing is read before a method that
/// takes a [`Watch`] is called.
#[derive(Clone)]
pub struct Dataset {
    session: Session,
    plan: LogicalPlan,
    schema: SchemaRef,
    /// The rows that [`OnError::Collect`] left out on the way here, one plan for each operator that did.
    failures: Vec<LogicalPlan>,
}

impl Dataset {
    pub(crate) fn from_table(session: &Session, table: impl TableProvider + 'static) -> Result<Dataset> {
        Dataset::from_provider(session, Arc::new(table))
    }

    fn from_provider(session: &Session, table: Arc<dyn TableProvider>) -> Result<Dataset> {
        let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
        let source = provider_as_source(table);
        let scan = LogicalPlanBuilder::scan("source", source, None).map_err(failure::from_datafusion)?;
        // Without a table name, columns of two datasets never clash by it.
        let columns = names
            .iter()
            .map(|name| Expr::Column(DataFusionColumn::new(Some("source"), name)).alias(name))
            .collect::<Vec<_>>();
        let plan = scan.project(columns).and_then(LogicalPlanBuilder::build).map_err(failure::from_datafusion)?;
        Ok(Dataset::from_plan(session, plan, Vec::new()))
    }

    /// The dataset of a plan whose columns have distinct names.
    pub(crate) fn from_plan(session: &Session, plan: LogicalPlan, failures: Vec<LogicalPlan>) -> Dataset {
        let schema = run::shown_schema(plan.schema().as_arrow());
        Dataset { session: session.clone(), plan, schema, failures }
    }

    /// What an operation on this dataset makes.
    fn derive(&self, builder: LogicalPlanBuilder) -> Result<Dataset> {
        let plan = builder.build().map_err(failure::from_datafusion)?;
        Ok(Dataset::from_plan(&self.session, plan, self.failures.clone()))
    }

    pub(crate) fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The rows that [`OnError::Collect`] left out: for each operator that did, in the order in which they were added, a
    /// dataset of its input's rows with the exception, its message, the function, the file and the line.
    pub fn failures(&self) -> Vec<Dataset> {
        let plans = self.failures.iter();
        plans.map(|plan| Dataset::from_plan(&self.session, plan.clone(), Vec::new())).collect()
    }

    pub(crate) fn failure_plans(&self) -> &[LogicalPlan] {
        &self.failures
    }

    fn builder(&self) -> LogicalPlanBuilder {
        LogicalPlanBuilder::from(self.plan.clone())
    }

    /// The dataset with these columns, each a name of this plan and the name it gets.
    fn project(&self, columns: Vec<(String, String)>) -> Result<Dataset> {
        let columns = columns.into_iter().map(|(from, to)| column(&from).alias(to)).collect::<Vec<_>>();
        self.derive(self.builder().project(columns).map_err(failure::from_datafusion)?)
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

    /// These columns, in this order, taken or computed. Every function sees the row as it is here.
    pub fn select_columns(&self, columns: &[(String, Column)], on_error: OnError) -> Result<Dataset> {
        check_distinct(columns.iter().map(|(name, _)| name))?;
        let (computed, sources) = self.compute(columns, on_error)?;
        computed.project(sources.into_iter().zip(columns).map(|(from, (name, _))| (from, name.clone())).collect())
    }

    /// All columns, with these added or replaced. Every function sees the row as it was before.
    pub fn with_columns(&self, columns: &[(String, Column)], on_error: OnError) -> Result<Dataset> {
        check_distinct(columns.iter().map(|(name, _)| name))?;
        let (computed, sources) = self.compute(columns, on_error)?;
        let mut outputs: Vec<(String, String)> =
            self.column_names().into_iter().map(|name| (name.clone(), name)).collect();
        for (source, (name, _)) in sources.into_iter().zip(columns) {
            match outputs.iter_mut().find(|(_, shown)| shown == name) {
                Some(output) => output.0 = source,
                None => outputs.push((source, name.clone())),
            }
        }
        computed.project(outputs)
    }

    /// One new row for each row: the fields of a record become columns, any other value the column `value`.
    pub fn map(&self, function: &CompiledFunction, on_error: OnError) -> Result<Dataset> {
        self.check_function(function)?;
        let names = row_names(function.result_type())?;
        let inside = self.inside_names(0, names.len());
        let call = Call::of_row(function.clone(), inside.clone());
        let mapped = self.run_functions(vec![call], Role::Columns, on_error)?;
        mapped.project(inside.into_iter().zip(names).collect())
    }

    /// The new rows that the function makes of each row: it returns a list of what [`Dataset::map`] takes one of. A row for
    /// which it raises has none, unless `on_error` is [`OnError::Raise`].
    pub fn flat_map(&self, function: &CompiledFunction, on_error: OnError) -> Result<Dataset> {
        self.check_function(function)?;
        let ir::Type::List(item) = function.result_type() else {
            return Err(Error::plan_hint(
                format!("`{}` returns `{}`, not several rows", function.name(), function.result_type()),
                "write a generator, or return a list",
            ));
        };
        let outputs = row_names(item)?;
        self.run_functions(vec![Call::of_row(function.clone(), outputs)], Role::Rows, on_error)
    }

    /// The rows for which the function returns something true. A row for which it raises is left out unless `on_error` is
    /// [`OnError::Raise`].
    pub fn filter(&self, predicate: &CompiledFunction, on_error: OnError) -> Result<Dataset> {
        self.check_function(predicate)?;
        crate::types::arrow_type(predicate.result_type())?;
        let call = Call::of_row(predicate.clone(), Vec::new());
        let plan = crate::documents::push::predicate(&self.plan, predicate)?.unwrap_or_else(|| self.plan.clone());
        let input = Dataset { plan, ..self.clone() };
        input.run_functions(vec![call], Role::Predicate, on_error)
    }

    /// A dataset with these columns computed, and the name of each in it.
    fn compute(&self, columns: &[(String, Column)], on_error: OnError) -> Result<(Dataset, Vec<String>)> {
        let mut calls = Vec::new();
        let mut sources = Vec::with_capacity(columns.len());
        for (index, (name, column)) in columns.iter().enumerate() {
            match column {
                Column::Name(from) => {
                    self.check_column(from)?;
                    sources.push(from.clone());
                }
                Column::Function(function) => {
                    self.check_function(function)?;
                    if function.result_type().without_none().field_types().is_some() {
                        return Err(Error::plan_hint(
                            format!("`{name}` is one column, but its function returns `{}`", function.result_type()),
                            "return one value, or use `map`, which makes a column of each field",
                        ));
                    }
                    crate::types::arrow_type(function.result_type())?;
                    let outputs = self.inside_names(index, 1);
                    sources.extend(outputs.iter().cloned());
                    calls.push(Call::of_row(function.clone(), outputs));
                }
            }
        }
        if calls.is_empty() {
            return Ok((self.clone(), sources));
        }
        Ok((self.run_functions(calls, Role::Columns, on_error)?, sources))
    }

    fn run_functions(&self, calls: Vec<Call>, role: Role, on_error: OnError) -> Result<Dataset> {
        let node = |calls, role| {
            let node = FunctionNode::new(self.plan.clone(), calls, role, on_error)?;
            Ok::<LogicalPlan, Error>(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
        };
        let mut made = self.clone();
        if on_error == OnError::Collect {
            made.failures.push(node(calls.clone(), Role::Failures)?);
        }
        made.derive(LogicalPlanBuilder::from(node(calls, role)?))
    }

    /// Names inside a plan for the results of the function number `index`, which no column here has.
    fn inside_names(&self, index: usize, count: usize) -> Vec<String> {
        let prefix = names::unused_prefix("__call", &self.column_names());
        (0..count).map(|leaf| format!("{prefix}_{index}_{leaf}")).collect()
    }

    /// The function takes a row of this dataset and changes nothing but its own values.
    fn check_function(&self, function: &CompiledFunction) -> Result<()> {
        let params = function.param_types();
        if params.len() != 1 {
            return Err(Error::plan(format!(
                "`{}` takes {} parameters; a function of a row takes one",
                function.name(),
                params.len()
            )));
        }
        self.check_row_param(function, 0)?;
        check_writes_nothing(function, &[])
    }

    /// The fields that the function reads of its row parameter are columns here, of the same types.
    fn check_row_param(&self, function: &CompiledFunction, param: usize) -> Result<()> {
        let params = function.param_types();
        let Some(ir::Type::Record(record)) = params.get(param) else {
            return Err(Error::plan(format!("parameter {} of `{}` is not a row", param + 1, function.name())));
        };
        let row = self.row_type();
        let ir::Type::Record(here) = &row.record else { return Err(Error::engine("a row type is a record")) };
        for index in ir::introspect::columns_read(function.module(), function.module().entry, param) {
            let Some((name, ty)) = record.fields.get(index) else { continue };
            match here.index_of(name).and_then(|index| here.fields.get(index)) {
                Some((_, found)) if found == ty => {}
                Some((_, found)) => {
                    return Err(Error::plan(format!(
                        "`{}` was compiled for a column `{name}` of type `{ty}`, but here it is of type `{found}`",
                        function.name()
                    )));
                }
                None => {
                    self.check_column(name)?;
                    return Err(Error::plan(format!(
                        "`{}` reads column `{name}`, whose type `{}` functions cannot read",
                        function.name(),
                        self.type_of(name)?
                    )));
                }
            }
        }
        Ok(())
    }

    /// One row per distinct combination of `keys`, in the order of first appearance: the keys, then the aggregates.
    /// Without keys one row for the whole dataset. `on_error` holds for every function in it: what is dropped is dropped
    /// for all aggregates.
    pub fn aggregate(
        &self,
        keys: &[(String, Column)],
        aggregates: &[(String, Aggregate)],
        on_error: OnError,
    ) -> Result<Dataset> {
        let names: Vec<&String> =
            keys.iter().map(|(name, _)| name).chain(aggregates.iter().map(|(name, _)| name)).collect();
        check_distinct(names.iter().copied())?;
        if names.is_empty() {
            return Err(Error::plan("there is nothing to aggregate"));
        }
        // Functions of the row become columns first.
        let mut columns = keys.to_vec();
        for (name, aggregate) in aggregates {
            if let Aggregate::Builtin { of, .. } = aggregate {
                columns.push((name.clone(), of.clone()));
            }
        }
        let (input, sources) = self.compute(&columns, on_error)?;
        let mut sources = sources.into_iter();
        let mut outputs = Vec::with_capacity(names.len());
        let mut group = Vec::with_capacity(keys.len());
        for (index, ((name, _), source)) in keys.iter().zip(sources.by_ref()).enumerate() {
            let inside = format!("__key_{index}");
            group.push(group::key(&source, &input.schema).alias(&inside));
            outputs.push((inside, name.clone()));
        }
        let mut in_parts = true;
        let mut exprs = Vec::with_capacity(aggregates.len());
        for (index, (name, aggregate)) in aggregates.iter().enumerate() {
            let inside = format!("__agg_{index}");
            let expr = match aggregate {
                Aggregate::Rows => group::rows(),
                Aggregate::Builtin { kind, of } => {
                    let source = sources.next().ok_or_else(|| Error::engine("an aggregate has no source"))?;
                    let shown = match of {
                        Column::Name(column) => column,
                        Column::Function(_) => name,
                    };
                    group::builtin(*kind, &source, shown, &input.schema)?
                }
                Aggregate::Fold(fold) => {
                    check_fold_policy(on_error)?;
                    self.check_fold(fold)?;
                    fold_result(name, fold)?;
                    in_parts &= fold::runs_in_parts(fold)?;
                    group::fold(fold, FoldOutput::Value, on_error)
                }
            };
            exprs.push(expr.alias(&inside));
            outputs.push((inside, name.clone()));
        }
        input.aggregated(group, exprs, in_parts)?.project(outputs)
    }

    /// Folds all rows into one value. For [`OnError::Null`] and [`OnError::Drop`] a failing row is left out.
    pub fn reduce(&self, fold: &Fold, on_error: OnError, watch: Watch<'_>) -> Result<FoldResult> {
        check_fold_policy(on_error)?;
        self.check_fold(fold)?;
        let in_parts = fold::runs_in_parts(fold)?;
        let expr = group::fold(fold, FoldOutput::State, on_error).alias("state");
        let reduced = self.aggregated(Vec::new(), vec![expr], in_parts)?;
        let (batches, report) = execute::collect(&self.session, &reduced.plan, watch)?;
        let bytes = batches
            .iter()
            .find(|batch| batch.num_rows() > 0)
            .and_then(|batch| batch.column(0).as_binary_opt::<i64>())
            .map(|states| states.value(0).to_vec())
            .ok_or_else(|| Error::engine("a fold gave no state"))?;
        let area = bytes.chunks_exact(8).map(|slot| u64::from_le_bytes(slot.try_into().unwrap_or_default())).collect();
        Ok(FoldResult { value: StateValue::from_area(&fold.init, area), report })
    }

    fn aggregated(&self, group: Vec<Expr>, aggregates: Vec<Expr>, in_parts: bool) -> Result<Dataset> {
        let input = match in_parts {
            true => self.builder(),
            false => {
                let gather = GatherNode { input: self.plan.clone() };
                LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node: Arc::new(gather) }))
            }
        };
        self.derive(input.aggregate(group, aggregates).map_err(failure::from_datafusion)?)
    }

    /// The parts of a fold fit together and to this dataset's row.
    fn check_fold(&self, fold: &Fold) -> Result<()> {
        let state = fold.init.ty();
        let check = |what: &str, function: &CompiledFunction, params: &[&ir::Type], result: Option<&ir::Type>| {
            let found = function.param_types();
            let fits = found.len() >= params.len() && found.iter().zip(params).all(|(found, wanted)| found == *wanted);
            if !fits {
                return Err(Error::plan(format!("the `{what}` of a fold does not take its state, a `{state}`")));
            }
            match result {
                Some(wanted) if function.result_type() != wanted => Err(Error::plan_hint(
                    format!("the `{what}` of a fold returns `{}`, but its state is `{state}`", function.result_type()),
                    "begin with an `init` of the type that the functions return",
                )),
                _ => Ok(()),
            }
        };
        check("step", &fold.step, &[state], Some(state))?;
        if fold.step.param_types().len() != 2 {
            return Err(Error::plan("the `step` of a fold takes its state and a row"));
        }
        self.check_row_param(&fold.step, 1)?;
        check_writes_nothing(&fold.step, &[0])?;
        if let Some(merge) = &fold.merge {
            check("merge", merge, &[state, state], Some(state))?;
            check_writes_nothing(merge, &[0, 1])?;
        }
        if let Some(finish) = &fold.finish {
            check("finish", finish, &[state], None)?;
            check_writes_nothing(finish, &[0])?;
        }
        Ok(())
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
        let right_prefix = names::unused_prefix("__right", &self.column_names());
        for (index, name) in other.column_names().into_iter().enumerate() {
            let inside = format!("{right_prefix}_{index}");
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
        self.with_failures_of(other).derive(joined)?.project(outputs)
    }

    fn with_failures_of(&self, other: &Dataset) -> Dataset {
        Dataset { failures: self.failures.iter().chain(&other.failures).cloned().collect(), ..self.clone() }
    }

    /// The rows of this dataset, then those of the other, which has the same columns in any order.
    pub fn union(&self, other: &Dataset) -> Result<Dataset> {
        let names = self.column_names();
        for name in &names {
            let (here, there) = (self.type_of(name)?, other.type_of(name)?);
            if here != there {
                let (here, there) = (names::data_type(&here), names::data_type(&there));
                return Err(Error::plan_hint(
                    format!("column `{name}` is of type `{here}` in one dataset and `{there}` in the other"),
                    "convert one of them with `with_columns` first",
                ));
            }
        }
        if let Some(name) = other.column_names().iter().find(|name| !names.contains(name)) {
            return Err(Error::plan_hint(
                format!("only the other dataset has a column `{name}`"),
                "leave it out with `drop`, or add it here",
            ));
        }
        let other_plan = other.select(&names)?.plan;
        let both = self.builder().union(other_plan).map_err(failure::from_datafusion)?;
        self.with_failures_of(other).derive(both)?.select(&names)
    }

    /// The first row of each distinct combination of these columns; of all columns when none is named.
    pub fn distinct(&self, columns: &[String]) -> Result<Dataset> {
        check_distinct(columns.iter())?;
        let names = self.column_names();
        let keys = if columns.is_empty() { &names } else { columns };
        let first = |name: &String| {
            (name.clone(), Aggregate::Builtin { kind: AggregateKind::First, of: Column::Name(name.clone()) })
        };
        let others: Vec<(String, Aggregate)> = names.iter().filter(|name| !keys.contains(name)).map(first).collect();
        let keys: Vec<(String, Column)> = keys.iter().map(|name| (name.clone(), Column::Name(name.clone()))).collect();
        self.aggregate(&keys, &others, OnError::Raise)?.select(&names)
    }

    /// A stable sort; nulls come last, NaN after all other numbers. Each function sees the row as it is here.
    pub fn sort(&self, keys: &[SortKey], on_error: OnError) -> Result<Dataset> {
        if keys.is_empty() {
            return Err(Error::plan("a sort needs at least one column"));
        }
        let columns: Vec<(String, Column)> =
            keys.iter().enumerate().map(|(index, key)| (format!("key {index}"), key.column.clone())).collect();
        let (computed, sources) = self.compute(&columns, on_error)?;
        let mut sorts: Vec<SortExpr> = Vec::with_capacity(keys.len());
        for (key, source) in keys.iter().zip(&sources) {
            let expr = plain_key(column(source), &computed.schema, source);
            sorts.push(expr.sort(!key.descending, false));
        }
        let sorted = computed.derive(computed.builder().sort(sorts).map_err(failure::from_datafusion)?)?;
        match sorted.schema == self.schema {
            true => Ok(sorted),
            false => sorted.select(&self.column_names()),
        }
    }

    /// At most `rows` rows from position `offset`, in the data's order.
    pub fn limit(&self, rows: usize, offset: usize) -> Result<Dataset> {
        self.derive(self.builder().limit(offset, Some(rows)).map_err(failure::from_datafusion)?)
    }

    /// The plan as text; with `analyze` it is run and shown with rows and times.
    pub fn explain(&self, analyze: bool, watch: Watch<'_>) -> Result<String> {
        execute::explain(&self.session, &self.plan, analyze, watch)
    }

    /// The number of rows.
    pub fn count(&self, watch: Watch<'_>) -> Result<(u64, Report)> {
        let counted = self.builder().aggregate(Vec::<Expr>::new(), vec![group::rows().alias("rows")]);
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

    /// All rows, each column of numbers in one piece.
    pub fn columns(&self, watch: Watch<'_>) -> Result<(Vec<WholeColumn>, Report)> {
        execute::columns(&self.session, &self.plan, &self.schema, watch)
    }

    /// Runs the query once and gives the dataset of its rows: kept in memory, or on the executors of a cluster.
    pub fn persist(&self, watch: Watch<'_>) -> Result<(Dataset, Report)> {
        let (table, report) = execute::persist(&self.session, &self.plan, watch)?;
        let persisted = Dataset::from_provider(&self.session, table)?;
        Ok((Dataset { failures: self.failures.clone(), ..persisted }, report))
    }

    /// Starts the query and gives its batches one after the other.
    pub fn stream(&self) -> Result<BatchStream> {
        execute::stream(&self.session, &self.plan)
    }

    /// Writes one Parquet file; it appears when it is complete, or not at all.
    pub fn write_parquet(&self, path: &Path, watch: Watch<'_>) -> Result<Report> {
        write::parquet(self.stream()?, path, watch)
    }

    /// Writes one Arrow IPC file, or a file of one stream; it appears when it is complete, or not at all.
    pub fn write_arrow(&self, path: &Path, layout: ArrowLayout, watch: Watch<'_>) -> Result<Report> {
        write::arrow(self.stream()?, path, layout, watch)
    }

    /// Writes one file of JSON objects, one a line; it appears when it is complete, or not at all.
    pub fn write_json(&self, path: &Path, watch: Watch<'_>) -> Result<Report> {
        write::json(self.stream()?, path, watch)
    }

    /// Writes one `.bson` file; it appears when it is complete, or not at all.
    pub fn write_bson(&self, path: &Path, options: BsonWriteOptions, watch: Watch<'_>) -> Result<Report> {
        crate::bson::write(self.stream()?, path, options, watch)
    }

    /// Writes the rows into a collection of MongoDB.
    pub fn write_mongo(&self, write: &MongoWrite, watch: Watch<'_>) -> Result<WriteReport> {
        crate::mongo::write(&self.session, self.session.clients(), self.stream()?, write, watch)
    }

    /// Writes one CSV file with a header; it appears when it is complete, or not at all.
    pub fn write_csv(&self, path: &Path, watch: Watch<'_>) -> Result<Report> {
        write::csv(self.stream()?, path, watch)
    }
}

/// A column by its exact name.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(DataFusionColumn::from_name(name))
}

/// A column as a key to compare by: Python says `0.0 == -0.0`, DataFusion compares bits.
pub(crate) fn plain_key(expr: Expr, schema: &SchemaRef, name: &str) -> Expr {
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

/// A fold's result is one value of a type that a column can have.
fn fold_result(name: &str, fold: &Fold) -> Result<()> {
    fold::result_type(fold, FoldOutput::Value).map(|_| ()).map_err(|error| match (error, &fold.finish) {
        (Error::Plan(error), None) => Error::plan_hint(
            format!("`{name}` is one column, but the state of its fold is `{}`", fold.init.ty()),
            format!("give a `finish` that makes one value of it ({})", error.message),
        ),
        (error, _) => error,
    })
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

/// The columns that a new row becomes: the fields of a record, the places of a tuple, or `value`.
fn row_names(row: &ir::Type) -> Result<Vec<String>> {
    let names: Vec<String> = match row {
        ir::Type::Record(record) => record.fields.iter().map(|(name, _)| name.clone()).collect(),
        ir::Type::Tuple(items) => (0..items.len()).map(|index| format!("value_{index}")).collect(),
        _ => vec!["value".to_owned()],
    };
    check_distinct(names.iter())?;
    let fields = row.field_types();
    for ty in fields.iter().flatten() {
        crate::types::arrow_type(ty)?;
    }
    if fields.is_none() {
        crate::types::arrow_type(row)?;
    }
    match names.is_empty() {
        true => Err(Error::plan("a new row has no columns")),
        false => Ok(names),
    }
}

/// A fold has no operator of its own that could give the rows it left out.
fn check_fold_policy(on_error: OnError) -> Result<()> {
    match on_error {
        OnError::Raise | OnError::Null | OnError::Drop => Ok(()),
        OnError::Collect => Err(Error::plan_hint(
            "the rows for which a fold raises cannot be collected",
            "compute what may fail with `with_columns(..., on_error=\"collect\")` before the fold, or use \"drop\"",
        )),
    }
}

/// Whether the function can reach memory that is not its own: that of captured values, or of a row's columns.
fn shares_memory(function: &CompiledFunction, states: &[usize]) -> bool {
    let module = function.module();
    let reads_references = |(param, ty): (usize, &ir::Type)| match ty {
        _ if states.contains(&param) => false,
        ir::Type::Record(record) => ir::introspect::columns_read(module, module.entry, param)
            .into_iter()
            .filter_map(|index| record.fields.get(index))
            .any(|(_, ty)| ir::introspect::holds_reference(ty)),
        other => ir::introspect::holds_reference(other),
    };
    module.captures.iter().any(|capture| ir::introspect::holds_reference(&capture.ty))
        || function.param_types().iter().enumerate().any(reads_references)
}

/// Rows run on many threads at once, so what a function may change is its own values, and a fold's state.
fn check_writes_nothing(function: &CompiledFunction, states: &[usize]) -> Result<()> {
    let entry = function.module().entry;
    if !shares_memory(function, states) {
        return Ok(());
    }
    let facts = ir::introspect::Facts::new(function.module());
    let elsewhere = facts.func(entry).writes.is_elsewhere();
    let mut others = (0..function.param_types().len()).filter(|param| !states.contains(param));
    let row = others.any(|param| facts.writes_param(entry, param));
    if elsewhere || row {
        return Err(Error::plan_hint(
            format!("`{}` changes an array that it does not own", function.name()),
            "rows run on many threads at once: copy the array first, or carry it as the state of a `reduce`",
        ));
    }
    Ok(())
}
