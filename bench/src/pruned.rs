//! Removes everything from a schema that nobody asked for. The result is the reader's schema for decoders without field
//! paths.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

/// Returns the schema with only those fields that are on one of `paths` (`[]` as in Skysieve's own paths). A named
/// record has all the fields that are asked for in any place.
pub fn pruned(avsc: &str, paths: &[&str]) -> anyhow::Result<String> {
    let schema: Value = serde_json::from_str(avsc)?;
    let mut pruner = Pruner::default();
    pruner.collect(&schema);
    for path in paths {
        let steps: Vec<_> = path.split('.').map(|step| step.trim_end_matches("[]")).collect();
        pruner.mark(&schema, &steps);
    }
    Ok(pruner.emit(&schema).to_string())
}

#[derive(Default)]
struct Pruner {
    named: HashMap<String, Value>,
    wanted: HashSet<(String, String)>,
    emitted: HashSet<String>,
}

impl Pruner {
    fn collect(&mut self, ty: &Value) {
        if let Some(name) = record(ty) {
            self.named.insert(name, ty.clone());
        }
        inner(ty).for_each(|inner| self.collect(inner));
    }

    fn mark(&mut self, ty: &Value, steps: &[&str]) {
        let ty = self.definition(ty);
        let [step, rest @ ..] = steps else { return };
        let Some(name) = record(&ty) else { return inner(&ty).for_each(|inner| self.mark(inner, steps)) };
        for field in fields(&ty).filter(|field| field["name"] == **step) {
            self.wanted.insert((name.clone(), (*step).to_owned()));
            self.mark(&field["type"], rest);
        }
    }

    fn emit(&mut self, ty: &Value) -> Value {
        if let Some(branches) = ty.as_array() {
            return branches.iter().map(|branch| self.emit(branch)).collect();
        }
        let ty = self.definition(ty);
        let Some(name) = record(&ty) else {
            return match ty.get("items") {
                Some(items) => json!({"type": "array", "items": self.emit(items)}),
                None => ty,
            };
        };
        if !self.emitted.insert(name.clone()) {
            return json!(name);
        }
        let mut kept = Vec::new();
        for field in fields(&ty) {
            let wanted = field["name"].as_str().map(|field| (name.clone(), field.to_owned()));
            if wanted.is_some_and(|wanted| self.wanted.contains(&wanted)) {
                kept.push(json!({"name": field["name"], "type": self.emit(&field["type"])}));
            }
        }
        let mut emitted = json!({"type": "record", "name": ty["name"], "fields": kept});
        if let Some(namespace) = ty.get("namespace") {
            emitted["namespace"] = namespace.clone();
        }
        emitted
    }

    /// The definition of a named record.
    fn definition(&self, ty: &Value) -> Value {
        ty.as_str().and_then(|name| self.named.get(name)).unwrap_or(ty).clone()
    }
}

/// The full name, if the type is a record.
fn record(ty: &Value) -> Option<String> {
    let name = ty.get("fields").and(ty["name"].as_str())?;
    Some(match ty["namespace"].as_str() {
        Some(namespace) if !name.contains('.') => format!("{namespace}.{name}"),
        _ => name.to_owned(),
    })
}

fn fields(record: &Value) -> impl Iterator<Item = &Value> {
    record["fields"].as_array().into_iter().flatten()
}

/// The types that a type consists of.
fn inner(ty: &Value) -> impl Iterator<Item = &Value> {
    let branches = ty.as_array().into_iter().flatten();
    branches.chain(ty.get("items")).chain(fields(ty).map(|field| &field["type"]))
}
