//! Named types: what may be a name, and which records hold themselves.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::TypeId;

/// Bytes that a name may have between two dots.
const MAX_NAME: usize = 255;

/// The full name of a type, and the namespace of names within it.
pub(super) struct Name {
    pub(super) full: String,
    pub(super) namespace: String,
}

impl Name {
    /// The name without its namespace.
    pub(super) fn last(&self) -> &str {
        self.full.rsplit('.').next().unwrap_or(&self.full)
    }

    /// `name` as it is when it has dots, else in the namespace given with it, else in that around it.
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

/// Refuses what can't be shown in a message, or is too long for one. Avro's rule is stricter (letters, digits and `_`),
/// and many writers don't keep to it: Java's reflection has a `$` in namespaces, others hyphens or letters of their
/// language.
pub(super) fn simple(name: &str) -> Result<(), String> {
    let legal = |letter: char| !letter.is_control() && !matches!(letter, '"' | '\\');
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(legal) {
        return Ok(());
    }
    let shown: String = name.chars().take(60).collect();
    Err(format!("{shown:?} is no name: 1 to {MAX_NAME} bytes, without quotes, backslashes and control characters"))
}

/// The symbols of an enum.
pub(super) fn symbols(object: &Map<String, Value>) -> Result<Arc<[String]>, String> {
    let symbols = object.get("symbols").and_then(Value::as_array).ok_or("an enum without symbols")?;
    let symbol = |symbol: &Value| {
        let symbol = symbol.as_str().ok_or("an enum with a symbol that is no text")?;
        if symbol.len() > MAX_NAME {
            return Err(format!("an enum with a symbol of {} bytes", symbol.len()));
        }
        Ok(symbol.to_owned())
    };
    // Any text may be one: it is a value, not a name.
    symbols.iter().map(symbol).collect()
}

/// Finds records that can hold themselves, while the schema is read: a type being read ("open") that is used, directly
/// or by a type read earlier, closes a circle of all that were opened since.
#[derive(Default)]
pub(super) struct Recursion {
    /// The records being read, the outermost first, each with the outermost one (its position) that it reaches.
    open: Vec<(TypeId, Option<usize>)>,
    /// For records read, the outermost open record that it reaches.
    reaches: HashMap<TypeId, TypeId>,
}

impl Recursion {
    pub(super) fn open(&mut self, record: TypeId) {
        self.open.push((record, None));
    }

    /// A type defined earlier is used.
    pub(super) fn used(&mut self, id: TypeId) {
        let outermost = self.reaches.get(&id).copied().unwrap_or(id);
        let Some(position) = self.open.iter().position(|(open, _)| *open == outermost) else { return };
        for (_, reaches) in &mut self.open[position..] {
            *reaches = Some(reaches.map_or(position, |earlier| earlier.min(position)));
        }
    }

    /// The record opened last has been read. Returns whether it can hold itself.
    pub(super) fn close(&mut self) -> bool {
        let Some((record, Some(position))) = self.open.pop() else { return false };
        if let Some((outermost, _)) = self.open.get(position) {
            self.reaches.insert(record, *outermost);
        }
        true
    }
}
