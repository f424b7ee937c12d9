//! SQL: functions of a query are compiled when its planner knows the types of their arguments. What the names in a query
//! stand for is decided in `python/fuseline/_sql.py`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::{CompiledFunction, Error, SqlFunction, SqlNames};
use ir::Type;
use pyo3::prelude::*;

use crate::dataset::{Dataset, Session};
use crate::errors::{dataset_error, guard};
use crate::function::Function;
use crate::specialise::Request;

/// A function of a query, compiled once for each combination of types.
struct Named {
    function: Py<Function>,
    compiled: Mutex<HashMap<Vec<Type>, CompiledFunction>>,
    /// What Python raised for a function of the query.
    raised: Arc<Mutex<Option<PyErr>>>,
}

impl SqlFunction for Named {
    fn compile(&self, arguments: &[Type]) -> engine::Result<CompiledFunction> {
        let known = |map: &HashMap<Vec<Type>, CompiledFunction>| map.get(arguments).cloned();
        if let Some(found) = known(&self.compiled.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(found);
        }
        let made = Python::attach(|py| {
            let request = Request::of(arguments.to_vec()).for_columns();
            self.function.bind(py).get().for_engine(py, request)
        });
        match made {
            Ok(made) => {
                let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(compiled.entry(arguments.to_vec()).or_insert(made).clone())
            }
            Err(error) => {
                *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(Error::plan("a function of the query cannot be compiled"))
            }
        }
    }
}

/// The functions that a query calls: the name as it is written, and whether SQL has one of this name.
#[pyfunction]
pub fn sql_functions(py: Python<'_>, session: &Session, query: &str) -> PyResult<Vec<(String, bool)>> {
    guard(py, || {
        let called = session.engine().called_functions(query).map_err(|error| dataset_error(py, error))?;
        Ok(called.into_iter().map(|function| (function.name, function.is_builtin)).collect())
    })
}

/// The dataset of a query.
#[pyfunction]
pub fn sql(
    py: Python<'_>,
    session: &Session,
    query: &str,
    tables: Vec<(String, Bound<'_, Dataset>)>,
    functions: Vec<(String, Bound<'_, Function>)>,
) -> PyResult<Dataset> {
    guard(py, || {
        let raised = Arc::new(Mutex::new(None));
        let mut names = SqlNames::default();
        names.tables.extend(tables.iter().map(|(name, table)| (name.clone(), table.get().engine().clone())));
        for (name, function) in functions {
            let function = function.unbind();
            let named = Named { function, compiled: Mutex::default(), raised: raised.clone() };
            names.functions.insert(name, Arc::new(named));
        }
        session.engine().sql(query, &names).map(Dataset::of).map_err(|error| {
            let by_python = raised.lock().unwrap_or_else(PoisonError::into_inner).take();
            by_python.unwrap_or_else(|| dataset_error(py, error))
        })
    })
}
