//! SQL over datasets. DataFusion parses and plans the query over the columns of the tables, with placeholders for compiled
//! functions; [`lift`] makes operators of ours of the calls and puts the datasets in the tables' places. Functions are
//! compiled when the types of their arguments are known, by whoever asks ([`SqlFunction`]): nothing here sees Python.
//! docs/decisions/0225-sql.md has the reasons.

mod function;
mod lift;

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::common::SchemaError;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::parser::ParserError;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::failure;
use crate::function::CompiledFunction;
use crate::names;
use crate::session::Session;

/// A function that can be compiled for arguments of any types.
pub trait SqlFunction: Send + Sync {
    /// The function for arguments of these types, one for each parameter.
    fn compile(&self, arguments: &[ir::Type]) -> Result<CompiledFunction>;
}

/// What a query may name.
#[derive(Clone, Default)]
pub struct SqlNames {
    pub tables: BTreeMap<String, Dataset>,
    pub functions: BTreeMap<String, Arc<dyn SqlFunction>>,
}

/// A function that a query calls.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CalledFunction {
    /// As it is written.
    pub name: String,
    /// SQL has a function of this name.
    pub is_builtin: bool,
}

/// The functions that a query calls, each once.
pub(crate) fn called(session: &Session, query: &str) -> Result<Vec<CalledFunction>> {
    let state = state(session, &SqlNames::default())?;
    let statement = parse(&state, query)?;
    let mut found: Vec<CalledFunction> = Vec::new();
    let visited: ControlFlow<()> = ast::visit_expressions(&statement, |expr| {
        if let ast::Expr::Function(function) = expr
            && let [ast::ObjectNamePart::Identifier(name)] = function.name.0.as_slice()
        {
            let lower = name.value.to_ascii_lowercase();
            let is_builtin = state.scalar_functions().contains_key(&lower)
                || state.aggregate_functions().contains_key(&lower)
                || state.window_functions().contains_key(&lower);
            let called = CalledFunction { name: name.value.clone(), is_builtin };
            if !found.contains(&called) {
                found.push(called);
            }
        }
        ControlFlow::Continue(())
    });
    debug_assert!(visited.is_continue());
    Ok(found)
}

/// The dataset of a query.
pub(crate) fn plan(session: &Session, query: &str, names: &SqlNames) -> Result<Dataset> {
    check_names(session, names)?;
    let state = state(session, names)?;
    let statement = parse(&state, query)?;
    check_tables(&state, &Statement::Statement(Box::new(statement.clone())), names)?;
    let planned = session.wait(state.statement_to_plan(Statement::Statement(Box::new(statement))))?;
    let planned = planned.map_err(sql_error)?;
    let lifted = lift::lift(planned, &names.tables).map_err(sql_error)?;
    let failures = names.tables.values().flat_map(|table| table.failure_plans().iter().cloned()).collect();
    Ok(Dataset::from_plan(session, with_plain_names(lifted)?, failures))
}

fn check_names(session: &Session, names: &SqlNames) -> Result<()> {
    for (name, table) in &names.tables {
        if !table.session().is_same(session) {
            return Err(Error::plan_hint(
                format!("the table `{name}` belongs to another session"),
                "read all tables of a query with one session, and ask that session",
            ));
        }
    }
    let mut lower = HashSet::new();
    match names.functions.keys().find(|name| !lower.insert(name.to_ascii_lowercase())) {
        None => Ok(()),
        Some(name) => Err(Error::plan_hint(
            format!("two functions are called `{name}`, if capital letters do not count"),
            "SQL does not tell them apart: give one of them another name",
        )),
    }
}

/// DataFusion's state with the tables' columns and the functions. Names of tables and columns are taken as they are written.
fn state(session: &Session, names: &SqlNames) -> Result<SessionState> {
    let base = session.context().state();
    let mut config = base.config().clone().with_create_default_catalog_and_schema(true);
    config.options_mut().sql_parser.enable_ident_normalization = false;
    let mut builder = SessionStateBuilder::new_from_existing(base)
        .with_config(config)
        .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()));
    let functions = builder.scalar_functions().get_or_insert_default();
    functions.extend(names.functions.iter().map(|(name, function)| function::placeholder(name, function.clone())));
    let context = SessionContext::new_with_state(builder.build());
    for (name, table) in &names.tables {
        let columns = EmptyTable::new(Arc::new(table.plan().schema().as_arrow().clone()));
        let reference = datafusion::common::TableReference::bare(name.as_str());
        context.register_table(reference, Arc::new(columns)).map_err(failure::from_datafusion)?;
    }
    Ok(context.state())
}

/// The one query in the text.
fn parse(state: &SessionState, query: &str) -> Result<ast::Statement> {
    let dialect = state.config_options().sql_parser.dialect;
    let statement = state.sql_to_statement(query, &dialect).map_err(sql_error)?;
    if let Statement::Statement(statement) = statement
        && matches!(*statement, ast::Statement::Query(_))
    {
        return Ok(*statement);
    }
    Err(Error::plan_hint(
        "only a query gives a dataset: `SELECT`, `WITH` or `VALUES`",
        "tables are given by name: `fl.sql(..., trips=trips)`; `explain`, `write_parquet` and the like are methods of a dataset",
    ))
}

fn check_tables(state: &SessionState, statement: &Statement, names: &SqlNames) -> Result<()> {
    let known: Vec<String> = names.tables.keys().cloned().collect();
    for reference in state.resolve_table_references(statement).map_err(sql_error)? {
        let is_function = state.table_functions().contains_key(reference.table());
        if reference.schema().is_none() && (names.tables.contains_key(reference.table()) || is_function) {
            continue;
        }
        let message = format!("no table is named `{reference}`");
        let hint = match names::nearest(reference.table(), &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "give each table by its name: `fl.sql(..., trips=trips)`".to_owned(),
            None => format!("the tables are {}", names::list(known)),
        };
        return Err(Error::plan_hint(message, hint));
    }
    Ok(())
}

/// The plan with its columns under their names alone.
fn with_plain_names(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut seen = HashSet::new();
    let mut columns = Vec::new();
    for (qualifier, field) in plan.schema().iter() {
        if !seen.insert(field.name().clone()) {
            return Err(Error::plan_hint(
                format!("two columns of the result are named `{}`", field.name()),
                "name one of them: `SELECT a.x AS a_x, b.x AS b_x`",
            ));
        }
        columns.push(Expr::from((qualifier, field)).alias(field.name()));
    }
    let built = LogicalPlanBuilder::from(plan).project(columns).and_then(LogicalPlanBuilder::build);
    built.map_err(failure::from_datafusion)
}

/// What is wrong with a query, in our words.
fn sql_error(error: DataFusionError) -> Error {
    if let Some(ours) = failure::find_ours(&error) {
        return ours.clone();
    }
    match error.find_root() {
        DataFusionError::SQL(parser, _) => {
            let (ParserError::ParserError(text) | ParserError::TokenizerError(text)) = parser.as_ref() else {
                return Error::plan("the query is nested too deeply");
            };
            Error::plan(format!("the query is not SQL: {}", lower_first(text)))
        }
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let known: Vec<String> = valid_fields.iter().map(|column| column.name.clone()).collect();
                names::unknown_column(&field.name, &known)
            }
            SchemaError::AmbiguousReference { field } => Error::plan_hint(
                format!("several columns are named `{}`", field.name),
                format!("say which table's: `table.{0}`; or name them: `x AS {0}_2`", field.name),
            ),
            other => Error::plan(lower_first(&other.to_string())),
        },
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) | DataFusionError::Execution(text) => {
            Error::plan(lower_first(text.lines().next().unwrap_or_default().trim()))
        }
        _ => failure::from_datafusion(error),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
