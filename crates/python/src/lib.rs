//! The Python module `fuseline._core`: Python objects to the compiler and the engine, and back. Thin: what a value means
//! is decided in `frontend`, what a plan does in `engine`; what users touch is the package in `python/fuseline`.

mod arrow_io;
mod bson;
mod columns;
mod dataset;
mod documents;
mod elementwise;
mod errors;
mod fold;
mod frame;
mod function;
mod generator;
mod instances;
mod interrupt;
mod layouts;
mod library;
mod log;
mod mutation;
mod program;
mod query;
mod read;
mod scalar;
mod set_layout;
mod specialise;
mod sql;
mod types;
mod write;

use pyo3::prelude::*;

/// How many kernels this process has compiled so far.
#[pyfunction]
fn compile_count() -> u64 {
    codegen::compile_count()
}

/// Keeps machine code in this folder between processes.
#[pyfunction]
fn set_object_cache(folder: std::path::PathBuf) {
    codegen::set_object_cache(Some(&folder));
}

/// The IR type of a Python object, as the IR spells it; `None` when it has none.
#[pyfunction]
fn type_name(object: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    Ok(types::type_of(object)?.ok().map(|ty| ty.to_string()))
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    log::take_over();
    module.add_class::<function::Function>()?;
    module.add_class::<generator::Generator>()?;
    module.add_class::<dataset::Session>()?;
    module.add_class::<dataset::Dataset>()?;
    module.add_class::<dataset::Stream>()?;
    module.add_class::<arrow_io::ArrowArray>()?;
    module.add_class::<arrow_io::ArrowBatches>()?;
    module.add_class::<arrow_io::ArrowSchema>()?;
    module.add_class::<bson::BsonDecoder>()?;
    module.add_class::<bson::BsonInference>()?;
    module.add_class::<bson::BsonItems>()?;
    module.add_class::<bson::MongoReplies>()?;
    module.add_class::<bson::RecordDecoder>()?;
    module.add_function(wrap_pyfunction!(bson::bson_encode, module)?)?;
    module.add_function(wrap_pyfunction!(bson::bson_encode_records, module)?)?;
    module.add_function(wrap_pyfunction!(bson::mongo_insert, module)?)?;
    module.add_function(wrap_pyfunction!(elementwise::elementwise, module)?)?;
    module.add_function(wrap_pyfunction!(elementwise::column_type_name, module)?)?;
    module.add_function(wrap_pyfunction!(sql::sql, module)?)?;
    module.add_function(wrap_pyfunction!(sql::sql_functions, module)?)?;
    module.add_function(wrap_pyfunction!(compile_count, module)?)?;
    let end = wrap_pyfunction!(arrow_io::end_releases, module)?;
    module.py().import("atexit")?.call_method1("register", (end,))?;
    module.add_function(wrap_pyfunction!(set_object_cache, module)?)?;
    module.add_function(wrap_pyfunction!(type_name, module)?)?;
    Ok(())
}
