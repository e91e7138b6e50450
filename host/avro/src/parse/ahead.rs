//! Types that are used before they are defined, as happens in some writers' schemas.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::TypeId;
use super::named::Name;

/// The files of a schema, and the definitions that come further on in them.
#[derive(Default)]
pub(super) struct Ahead {
    files: Vec<Rc<Value>>,
    /// How many of the files have been searched; this is done only once an unknown name is met.
    searched: usize,
    /// The definitions in those files, by full name.
    definitions: HashMap<String, Definition>,
    /// Definitions that were read before their turn, by the address of their JSON in memory.
    read: HashMap<usize, TypeId>,
}

/// The place where a named type is defined.
struct Definition {
    file: usize,
    /// A JSON pointer.
    pointer: String,
    namespace: String,
}

/// A definition that was found: the file, a JSON pointer into it, and the namespace around it.
pub(super) type Found = (Rc<Value>, String, String);

impl Ahead {
    pub(super) fn open(&mut self, file: &Rc<Value>) {
        self.files.push(Rc::clone(file));
    }

    /// Returns the definition of a name, at most once.
    pub(super) fn find(&mut self, full: &str) -> Option<Found> {
        while self.searched < self.files.len() {
            let (file, json) = (self.searched, Rc::clone(&self.files[self.searched]));
            self.searched += 1;
            self.search(file, &json, &mut String::new(), "");
        }
        let Definition { file, pointer, namespace } = self.definitions.remove(full)?;
        Some((Rc::clone(&self.files[file]), pointer, namespace))
    }

    /// Records that a definition was read before its turn.
    pub(super) fn was_read(&mut self, definition: &Map<String, Value>, id: TypeId) {
        self.read.insert(address(definition), id);
    }

    /// Returns the type of a definition that was read before its turn.
    pub(super) fn known(&self, definition: &Map<String, Value>) -> Option<TypeId> {
        if self.read.is_empty() { None } else { self.read.get(&address(definition)).copied() }
    }

    /// Records the definitions within a type. The recursion is as deep as the JSON, which its parser bounds.
    fn search(&mut self, file: usize, json: &Value, pointer: &mut String, namespace: &str) {
        match json {
            Value::Array(branches) => {
                for (index, branch) in branches.iter().enumerate() {
                    self.below(file, branch, pointer, &format!("/{index}"), namespace);
                }
            }
            Value::Object(object) => {
                let ty = object.get("type").and_then(Value::as_str);
                let mut inner = namespace.to_owned();
                if matches!(ty, Some("record" | "error" | "enum" | "fixed"))
                    && let Some(name) = object.get("name").and_then(Value::as_str)
                    && let Ok(name) = Name::parse(name, object.get("namespace").and_then(Value::as_str), namespace)
                {
                    let definition = Definition { file, pointer: pointer.clone(), namespace: namespace.to_owned() };
                    self.definitions.entry(name.full).or_insert(definition);
                    inner = name.namespace;
                }
                for key in ["type", "items", "values"] {
                    if let Some(ty) = object.get(key) {
                        self.below(file, ty, pointer, &format!("/{key}"), &inner);
                    }
                }
                let fields = object.get("fields").and_then(Value::as_array);
                for (index, field) in fields.into_iter().flatten().enumerate() {
                    if let Some(ty) = field.get("type") {
                        self.below(file, ty, pointer, &format!("/fields/{index}/type"), &inner);
                    }
                }
            }
            _ => {}
        }
    }

    fn below(&mut self, file: usize, json: &Value, pointer: &mut String, step: &str, namespace: &str) {
        let length = pointer.len();
        pointer.push_str(step);
        self.search(file, json, pointer, namespace);
        pointer.truncate(length);
    }
}

/// The address of a definition, which stays the same as long as the file is kept.
fn address(definition: &Map<String, Value>) -> usize {
    std::ptr::from_ref(definition).addr()
}
