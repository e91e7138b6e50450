//! Named types: which names are allowed, and which records are recursive.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::TypeId;

/// The longest part of a name between two dots, in bytes.
const MAX_NAME: usize = 255;

/// The full name of a type, and the namespace that applies within it.
pub(super) struct Name {
    pub(super) full: String,
    pub(super) namespace: String,
}

impl Name {
    /// The name without its namespace.
    pub(super) fn last(&self) -> &str {
        self.full.rsplit('.').next().unwrap_or(&self.full)
    }

    /// Resolves `name`: if it has dots it is complete; otherwise it is in its own namespace if it has one, else in the
    /// surrounding one.
    pub(super) fn parse(name: &str, own: Option<&str>, around: &str) -> Result<Name, String> {
        let (namespace, last) = name.rsplit_once('.').unwrap_or((own.unwrap_or(around), name));
        simple(last)?;
        if namespace.is_empty() {
            return Ok(Name { full: last.to_owned(), namespace: String::new() });
        }
        if namespace.len() > 2 * MAX_NAME {
            return Err(format!("a namespace of {} bytes", namespace.len()));
        }
        namespace.split('.').try_for_each(simple)?;
        Ok(Name { full: format!("{namespace}.{last}"), namespace: namespace.to_owned() })
    }
}

/// Refuses names that can't be shown in a message, or are too long for one. Avro's rule is stricter (letters, digits
/// and `_`), but many writers don't keep to it: Java's reflection puts a `$` into namespaces, others use hyphens or
/// letters of their language.
pub(super) fn simple(name: &str) -> Result<(), String> {
    let legal = |letter: char| !letter.is_control() && !matches!(letter, '"' | '\\');
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(legal) {
        return Ok(());
    }
    let shown: String = name.chars().take(60).collect();
    Err(format!("{shown:?} is not a name: 1 to {MAX_NAME} bytes, without quotes, backslashes and control characters"))
}

/// The symbols of an enum.
pub(super) fn symbols(object: &Map<String, Value>) -> Result<Arc<[String]>, String> {
    let symbols = object.get("symbols").and_then(Value::as_array).ok_or("an enum without symbols")?;
    let symbol = |symbol: &Value| {
        let symbol = symbol.as_str().ok_or("an enum with a symbol that is not text")?;
        if symbol.len() > MAX_NAME {
            return Err(format!("an enum with a symbol of {} bytes", symbol.len()));
        }
        Ok(symbol.to_owned())
    };
    // Any text may be a symbol: it is a value, not a name.
    symbols.iter().map(symbol).collect()
}

/// Finds recursive records while the schema is read. If a type that is still being read ("open") is used, directly or
/// by a type read earlier, this closes a circle of all types that were opened since.
#[derive(Default)]
pub(super) struct Recursion {
    /// The records being read, outermost first. Each comes with the position of the outermost record that it reaches.
    open: Vec<(TypeId, Option<usize>)>,
    /// For each record that has been read, the outermost open record that it reaches.
    reaches: HashMap<TypeId, TypeId>,
}

impl Recursion {
    pub(super) fn open(&mut self, record: TypeId) {
        self.open.push((record, None));
    }

    /// Records that a type defined earlier is used.
    pub(super) fn used(&mut self, id: TypeId) {
        let outermost = self.reaches.get(&id).copied().unwrap_or(id);
        let Some(position) = self.open.iter().position(|(open, _)| *open == outermost) else { return };
        for (_, reaches) in &mut self.open[position..] {
            *reaches = Some(reaches.map_or(position, |earlier| earlier.min(position)));
        }
    }

    /// Ends the record that was opened last. Returns whether the record is recursive.
    pub(super) fn close(&mut self) -> bool {
        let Some((record, Some(position))) = self.open.pop() else { return false };
        if let Some((outermost, _)) = self.open.get(position) {
            self.reaches.insert(record, *outermost);
        }
        true
    }
}
