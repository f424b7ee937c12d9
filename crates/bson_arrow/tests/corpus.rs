//! Runs `tests/bson/*.json`: for each type of BSON, documents that are valid and bytes that are not. A new case needs no
//! code. The files have the form of MongoDB's public BSON corpus; with `FUSELINE_BSON_CORPUS` set to a folder of that
//! corpus the runner reads it too.
//!
//! A valid case: `canonical_bson` must pass and come back from Arrow as the same bytes, or as `through_arrow` where types
//! are converted on purpose. `degenerate_bson` is read as the same. An error case: `bson` must be refused. `canonical_extjson`
//! is extended JSON for the same bytes; a `string` of `parseErrors` is none.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_schema::{Field, Schema};
use bson_arrow::{Decoder, Documents, EncodeOptions, Inference, Options, encode, extjson, schema, validate};
use serde_json::Value;
use support::assert_valid;

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an odd number of hexadecimal digits");
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The document through Arrow and back.
fn through(fields: Schema, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoder = Decoder::new(Arc::new(fields), Options::default()).map_err(|error| error.to_string())?;
    decoder.append(&Buffer::from(bytes)).map_err(|error| error.to_string())?;
    let batch = decoder.finish().map_err(|error| error.to_string())?;
    assert_valid(&batch);
    let mut documents = Documents::default();
    encode(&batch, &EncodeOptions::default(), &mut documents).map_err(|error| error.to_string())?;
    Ok(documents.bytes().to_vec())
}

fn inferred(bytes: &[u8]) -> Result<Schema, String> {
    let mut inference = Inference::default();
    inference.observe(bytes).map_err(|error| error.to_string())?;
    Ok(inference.schema())
}

/// Every field at the top as raw bytes.
fn raw(schema: &Schema) -> Schema {
    Schema::new(schema.fields().iter().map(|field| schema::raw(field.name())).collect::<Vec<Field>>())
}

/// What is wrong with a case that should pass; `ours` is for files that say what conversion they expect.
fn check_valid(case: &Value, ours: bool) -> Result<(), String> {
    let text = |key: &str| case[key].as_str();
    let canonical = text("canonical_bson").ok_or("`canonical_bson` is missing")?;
    let bytes = unhex(canonical);
    validate(&bytes).map_err(|error| error.to_string())?;
    let schema = inferred(&bytes)?;
    let expected = text("through_arrow").unwrap_or(canonical).to_uppercase();
    let written = through(schema.clone(), &bytes)?;
    if ours && hex(&written) != expected {
        return Err(format!("through Arrow it became {}", hex(&written)));
    }
    // A second time nothing changes any more.
    if through(inferred(&written)?, &written)? != written {
        return Err("what was written does not read back as it was".to_string());
    }
    let kept = hex(&through(raw(&schema), &bytes)?);
    if kept != canonical.to_uppercase() && text("through_arrow").is_none() {
        return Err(format!("as raw values it became {kept}"));
    }
    if let Some(degenerate) = text("degenerate_bson") {
        let bytes = unhex(degenerate);
        validate(&bytes).map_err(|error| error.to_string())?;
        let found = hex(&through(inferred(&bytes)?, &bytes)?);
        if ours && found != expected {
            return Err(format!("the degenerate form became {found}"));
        }
    }
    Ok(())
}

/// What is wrong with the extended JSON of a case that should pass.
fn check_json(case: &Value) -> Result<(), String> {
    let canonical = case["canonical_bson"].as_str().unwrap_or_default().to_uppercase();
    for key in ["canonical_extjson", "degenerate_extjson", "relaxed_extjson"] {
        let Some(text) = case[key].as_str() else { continue };
        let mut bytes = Vec::new();
        extjson::to_bson(text.as_bytes(), &mut bytes).map_err(|error| format!("{key}: {error}"))?;
        validate(&bytes).map_err(|error| format!("{key}: {error}"))?;
        // The relaxed form does not say every type.
        let exact = key != "relaxed_extjson" && case["lossy"] != true;
        if exact && hex(&bytes) != canonical {
            return Err(format!("{key} became {}", hex(&bytes)));
        }
        let end = extjson::object_end(text.as_bytes(), 0);
        if end != Some(text.len()) {
            return Err(format!("{key} ends at {end:?}"));
        }
    }
    Ok(())
}

/// A text that is no extended JSON; for decimals it is the number alone.
fn check_json_error(case: &Value, decimal: bool) -> Result<(), String> {
    let text = case["string"].as_str().ok_or("`string` is missing")?;
    let wrapped = serde_json::json!({"d": {"$numberDecimal": text}}).to_string();
    match extjson::to_bson(if decimal { &wrapped } else { text }.as_bytes(), &mut Vec::new()) {
        Ok(()) => Err("it is accepted".to_string()),
        Err(_) => Ok(()),
    }
}

fn check_error(case: &Value) -> Result<(), String> {
    let bytes = unhex(case["bson"].as_str().ok_or("`bson` is missing")?);
    if validate(&bytes).is_ok() {
        return Err("`validate` accepts it".to_string());
    }
    // Several documents one behind the other are well formed for a decoder.
    let trailing = matches!(validate(&bytes), Err(error) if error.to_string().ends_with("bytes follow the document"));
    if !trailing && through(Schema::empty(), &bytes).is_ok() {
        return Err("a decoder accepts it".to_string());
    }
    Ok(())
}

/// Runs every file of the folder; returns how many cases ran and what failed.
fn run(folder: &Path, ours: bool) -> (usize, Vec<String>) {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let (mut count, mut failures) = (0, Vec::new());
    for path in files {
        let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let cases = |key: &str| file[key].as_array().cloned().unwrap_or_default();
        let valid = cases("valid").into_iter().map(|case| (check_valid(&case, ours), case));
        let errors = cases("decodeErrors").into_iter().map(|case| (check_error(&case), case));
        let json = cases("valid").into_iter().map(|case| (check_json(&case), case));
        let decimal = file["bson_type"] == "0x13";
        let json_errors = cases("parseErrors").into_iter().map(|case| (check_json_error(&case, decimal), case));
        for (outcome, case) in valid.chain(errors).chain(json).chain(json_errors) {
            count += 1;
            if let Err(reason) = outcome {
                let name = path.file_name().unwrap().to_string_lossy();
                failures.push(format!("{name}: {}: {reason}", case["description"]));
            }
        }
    }
    (count, failures)
}

#[test]
fn the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bson");
    let (count, failures) = run(&folder, true);
    assert!(failures.is_empty(), "{} of {count} cases failed:\n{}", failures.len(), failures.join("\n"));
    assert!(count > 200, "only {count} cases found");
}

#[test]
fn the_public_corpus_where_there_is_one() {
    let Some(folder) = std::env::var_os("FUSELINE_BSON_CORPUS") else { return };
    let (count, failures) = run(Path::new(&folder), false);
    println!("{count} cases of the public corpus");
    assert!(failures.is_empty(), "{} of {count} cases failed:\n{}", failures.len(), failures.join("\n"));
}
