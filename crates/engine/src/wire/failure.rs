//! Errors on their way from a worker to whoever asked. The engines between them know errors as text and put that text
//! into sentences of their own, so ours is wrapped in marks and made of letters that nothing escapes.

use super::bytes::{Reader, Writer, malformed};
use crate::error::{EngineError, Error, PlanError, Result, RowError};
use crate::failure;

const START: &str = "<fuseline-error:";
const END: char = '>';

/// The error as text that [`error_from_text`] finds again inside any other text.
pub fn error_to_text(error: &Error) -> String {
    let mut writer = Writer::default();
    match error {
        Error::Engine(EngineError { message, hint }) => {
            writer.byte(0);
            writer.text(message);
            writer.optional(hint.as_deref(), Writer::text);
        }
        Error::Plan(PlanError { message, hint }) => {
            writer.byte(1);
            writer.text(message);
            writer.optional(hint.as_deref(), Writer::text);
        }
        Error::Row(row) => {
            writer.byte(2);
            write_class(&mut writer, &row.class);
            writer.text(&row.message);
            writer.optional(row.file.as_deref(), Writer::text);
            writer.number(u64::from(row.line));
            writer.text(&row.function);
            writer.optional(row.row, Writer::number);
            writer.list(row.inputs.iter(), |writer, (name, value)| {
                writer.text(name);
                writer.text(value);
            });
        }
        Error::Cancelled => writer.byte(3),
    }
    let mut out = START.to_owned();
    for byte in writer.finish() {
        out.push_str(&format!("{byte:02x}"));
    }
    out.push(END);
    out
}

/// The error inside, if it is one of ours.
pub fn error_from_text(text: &str) -> Option<Error> {
    let start = text.find(START)? + START.len();
    let digits = text.get(start..)?.split(END).next()?;
    let bytes: Option<Vec<u8>> =
        (0..digits.len() / 2).map(|index| u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()).collect();
    read(&bytes?).ok()
}

fn read(bytes: &[u8]) -> Result<Error> {
    let mut reader = Reader::new(bytes);
    Ok(match reader.byte()? {
        0 => Error::Engine(EngineError { message: reader.text()?, hint: reader.optional(Reader::text)? }),
        1 => Error::Plan(PlanError { message: reader.text()?, hint: reader.optional(Reader::text)? }),
        2 => Error::Row(Box::new(RowError {
            class: read_class(&mut reader)?,
            message: reader.text()?,
            file: reader.optional(Reader::text)?,
            line: u32::try_from(reader.number()?).map_err(|_| malformed())?,
            function: reader.text()?,
            row: reader.optional(Reader::number)?,
            inputs: reader.list(|reader| Ok((reader.text()?, reader.text()?)))?,
        })),
        3 => Error::Cancelled,
        _ => return Err(malformed()),
    })
}

/// An exception class: the built-in one, and the name of the program's own that derives from it.
pub fn write_class(writer: &mut Writer, class: &ir::RaisedClass) {
    writer.text(class.kind.name());
    writer.optional(class.own.as_deref(), Writer::text);
}

/// What [`write_class`] wrote.
pub fn read_class(reader: &mut Reader<'_>) -> Result<ir::RaisedClass> {
    let kind = ir::ExcKind::from_name(&reader.text()?).ok_or_else(malformed)?;
    Ok(ir::RaisedClass { kind, own: reader.optional(Reader::text)?.map(Into::into) })
}

/// The error of ours that DataFusion wraps, as it is or as text, if there is one.
pub fn own_error(error: &datafusion::error::DataFusionError) -> Option<Error> {
    match failure::find_ours(error) {
        Some(ours) => Some(ours.clone()),
        None => error_from_text(&error.to_string()),
    }
}

/// An error that leaves a worker: ours, and what is wrong with the data or the plan, as text that survives what is between
/// the worker and whoever asked; what may pass stays as it is, so that it is tried again.
pub fn to_travel(error: datafusion::error::DataFusionError) -> datafusion::error::DataFusionError {
    match own_error(&error).or_else(|| failure::lasting(&error)) {
        Some(ours) => datafusion::error::DataFusionError::Execution(error_to_text(&ours)),
        None => error,
    }
}

/// An error that comes from DataFusion as ours: the one it wraps, or what it says in our words.
pub fn to_error(error: datafusion::error::DataFusionError) -> Error {
    own_error(&error).unwrap_or_else(|| failure::from_datafusion(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_survive_other_peoples_sentences() {
        let row = Error::Row(Box::new(RowError {
            class: ir::RaisedClass { kind: ir::ExcKind::ZeroDivisionError, own: Some("NoWay".into()) },
            message: "division by \"zero\"\n".to_owned(),
            file: Some("trips.py".to_owned()),
            line: 7,
            function: "speed".to_owned(),
            row: Some(12),
            inputs: vec![("km".to_owned(), "3.0".to_owned())],
        }));
        for error in [row, Error::engine_hint("a", "b"), Error::plan("c"), Error::Cancelled] {
            let text = format!("Job 7 failed: {:?}", format!("External({:?})", error_to_text(&error)));
            assert_eq!(error_from_text(&text), Some(error));
        }
        assert_eq!(error_from_text("Job 7 failed: disk full"), None);
        assert_eq!(error_from_text("<fuseline-error:0>"), None);
    }
}
