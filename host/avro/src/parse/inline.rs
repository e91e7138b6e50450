//! Combines the several files of a schema into one JSON.

use std::collections::HashMap;

use serde_json::Value;

use super::json::read;
use super::parse;

/// Returns the schema in which the first use of each type is replaced by the type's file. `None` if a file has relative
/// names that would mean something else there.
pub(super) fn inline(avsc: &str, texts: Vec<(String, String)>) -> Option<Box<str>> {
    let mut json = read(avsc).ok()?;
    put(&mut json, &mut texts.into_iter().collect())?;
    let whole = json.to_string();
    parse(&whole, &mut |_| Ok(None)).ok()?;
    Some(whole.into())
}

/// Takes the text of a type, by its full name or by the last part of it, as which it may have been found.
fn take(texts: &mut HashMap<String, String>, name: &str) -> Option<String> {
    let is_it = |full: &&String| full.rsplit('.').next() == Some(name);
    let full = if texts.contains_key(name) { name.to_owned() } else { texts.keys().find(is_it)?.clone() };
    texts.remove(&full)
}

/// Replaces names by texts, each once. The recursion is as deep as the parser's was.
fn put(json: &mut Value, texts: &mut HashMap<String, String>) -> Option<()> {
    match json {
        Value::String(name) => {
            if let Some(text) = take(texts, name) {
                *json = read(&text).ok()?;
                put(json, texts)?;
            }
        }
        Value::Array(branches) => branches.iter_mut().try_for_each(|branch| put(branch, texts))?,
        Value::Object(object) => {
            // Types occur under these keys, not in names, symbols, defaults or documentation.
            for key in ["type", "items", "values"] {
                object.get_mut(key).map_or(Some(()), |ty| put(ty, texts))?;
            }
            for field in object.get_mut("fields").and_then(Value::as_array_mut).into_iter().flatten() {
                put(field, texts)?;
            }
        }
        _ => {}
    }
    Some(())
}
