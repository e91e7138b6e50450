//! Combines a schema with those that it refers to in a registry into one JSON.
//!
//! Java's clients read all references, in their order, before the schema itself. After that they know every type that
//! the references define, whatever the name of a reference is: it may be that of a file
//! ([references](https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#schema-references)).
//! Here each definition is put where its type is first used, so that the schema can stand alone in a container.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{MAX_DEPTH, MAX_JSON, PRIMITIVES, json};
use crate::error::SchemaError;

/// How many bytes of names may be written out in full: short names in a long namespace must not make the schema many
/// times as large.
const MAX_NAMES: usize = MAX_JSON;

/// Returns the schema together with the definitions that it lacks, which are taken from the JSON of others.
///
/// # Errors
/// Returns a [`SchemaError`] if one of them is not JSON, if types are nested too deep, or if their names become too
/// long in total.
pub(in super::super) fn whole(avsc: &str, references: &[String]) -> Result<String, SchemaError> {
    let read = |text: &str| json::read(text).map_err(|error| SchemaError::Json { why: error.to_string() });
    let schema: Value = read(avsc)?;
    let references = references.iter().map(|text| read(text)).collect::<Result<Vec<Value>, _>>()?;
    let mut whole = Whole { definitions: HashMap::new(), written: HashMap::new(), room: MAX_NAMES };
    for text in [&schema].into_iter().chain(&references) {
        whole.index(text, "", 0)?;
    }
    Ok(whole.ty(&schema, "", 0)?.to_string())
}

struct Whole<'a> {
    /// Definitions by full name, each with its surrounding namespace.
    definitions: HashMap<String, (&'a Value, String)>,
    /// Definitions that have been written already; from then on their name suffices.
    written: HashMap<String, &'a Value>,
    room: usize,
}

/// Where further types are in a JSON.
enum Parts<'a> {
    Name(&'a str),
    Union(&'a [Value]),
    /// A record, an enum or a fixed, with its full name.
    Definition(&'a Map<String, Value>, String),
    /// An object around a type, and the key that the type is under.
    Around(&'a Map<String, Value>, &'static str),
    /// Anything else, which the parser will refuse.
    Other,
}

impl<'a> Parts<'a> {
    fn of(json: &'a Value, namespace: &str) -> Parts<'a> {
        let object = match json {
            Value::String(name) => return Parts::Name(name),
            Value::Array(branches) => return Parts::Union(branches),
            Value::Object(object) => object,
            _ => return Parts::Other,
        };
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        match (text("type"), text("name")) {
            (Some("record" | "error" | "enum" | "fixed"), Some(name)) => {
                Parts::Definition(object, full(name, text("namespace").unwrap_or(namespace)))
            }
            (Some("array"), _) => Parts::Around(object, "items"),
            (Some("map"), _) => Parts::Around(object, "values"),
            _ => Parts::Around(object, "type"),
        }
    }
}

impl<'a> Whole<'a> {
    /// Records the types that are defined in a JSON. The first definition of a name counts.
    fn index(&mut self, json: &'a Value, namespace: &str, depth: usize) -> Result<(), SchemaError> {
        bounded(depth)?;
        match Parts::of(json, namespace) {
            Parts::Union(branches) => branches.iter().try_for_each(|branch| self.index(branch, namespace, depth + 1)),
            Parts::Around(object, key) => {
                object.get(key).map_or(Ok(()), |inner| self.index(inner, namespace, depth + 1))
            }
            Parts::Definition(object, name) => {
                self.spend(name.len())?;
                let types = fields(object).filter_map(|field| field.get("type"));
                types.into_iter().try_for_each(|ty| self.index(ty, parent(&name), depth + 1))?;
                self.definitions.entry(name).or_insert_with(|| (json, namespace.to_owned()));
                Ok(())
            }
            Parts::Name(_) | Parts::Other => Ok(()),
        }
    }

    /// Returns the same type in a form that can stand alone.
    fn ty(&mut self, json: &'a Value, namespace: &str, depth: usize) -> Result<Value, SchemaError> {
        bounded(depth)?;
        match Parts::of(json, namespace) {
            Parts::Name(name) => self.named(name, namespace, depth),
            Parts::Union(branches) => branches.iter().map(|branch| self.ty(branch, namespace, depth + 1)).collect(),
            Parts::Around(object, key) => {
                let mut whole = without(object, key);
                if let Some(inner) = object.get(key) {
                    whole.insert(key.to_owned(), self.ty(inner, namespace, depth + 1)?);
                }
                Ok(Value::Object(whole))
            }
            Parts::Definition(object, name) => self.definition(json, object, name, depth),
            Parts::Other => Ok(json.clone()),
        }
    }

    fn named(&mut self, name: &str, namespace: &str, depth: usize) -> Result<Value, SchemaError> {
        if PRIMITIVES.iter().any(|(primitive, _)| *primitive == name) {
            return Ok(name.into());
        }
        // Java also looks for a name without a namespace.
        let known =
            [full(name, namespace), name.to_owned()].into_iter().find(|name| self.definitions.contains_key(name));
        let Some(known) = known else { return Ok(name.into()) };
        if self.written.contains_key(&known) {
            self.spend(known.len())?;
            return Ok(known.into());
        }
        let (definition, around) = self.definitions[&known].clone();
        self.ty(definition, &around, depth + 1)
    }

    fn definition(
        &mut self,
        json: &'a Value,
        object: &'a Map<String, Value>,
        name: String,
        depth: usize,
    ) -> Result<Value, SchemaError> {
        self.spend(name.len())?;
        match self.written.get(&name) {
            Some(written) if *written == json => return Ok(name.into()),
            Some(_) => return Err(invalid(format!("type {name:?} is defined twice, in different ways"))),
            None => drop(self.written.insert(name.clone(), json)),
        }
        let mut whole = without(object, "fields");
        let namespace = parent(&name);
        whole.insert("name".to_owned(), last(&name).into());
        whole.insert("namespace".to_owned(), namespace.into());
        if object.contains_key("fields") {
            let fields =
                fields(object).map(|field| self.field(field, namespace, depth)).collect::<Result<Value, _>>()?;
            whole.insert("fields".to_owned(), fields);
        }
        Ok(Value::Object(whole))
    }

    fn field(&mut self, field: &'a Value, namespace: &str, depth: usize) -> Result<Value, SchemaError> {
        let Value::Object(object) = field else { return Ok(field.clone()) };
        let mut whole = without(object, "type");
        if let Some(ty) = object.get("type") {
            whole.insert("type".to_owned(), self.ty(ty, namespace, depth + 1)?);
        }
        Ok(Value::Object(whole))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), SchemaError> {
        let left = self.room.checked_sub(bytes);
        self.room = left.ok_or_else(|| invalid(format!("the types' full names have more than {MAX_NAMES} bytes")))?;
        Ok(())
    }
}

fn fields(object: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    object.get("fields").and_then(Value::as_array).into_iter().flatten()
}

/// Copies an object except for one key, whose value is large and is written anew.
fn without(object: &Map<String, Value>, key: &str) -> Map<String, Value> {
    object.iter().filter(|(other, _)| *other != key).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn full(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

fn parent(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn bounded(depth: usize) -> Result<(), SchemaError> {
    if depth < MAX_DEPTH { Ok(()) } else { Err(invalid(format!("types nested more than {MAX_DEPTH} deep"))) }
}

fn invalid(why: String) -> SchemaError {
    SchemaError::Invalid { at: "the schema with those that it refers to".to_owned(), why }
}
