//! Reads schemas from JSON ([Avro 1.12, Schema
//! Declaration](https://avro.apache.org/docs/1.12.0/specification/#schema-declaration)).

mod ahead;
mod inline;
mod json;
mod named;
mod references;

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::error::SchemaError;
use super::schema::{Record, RecordField, Schema, Type, TypeId};
use ahead::Ahead;
use inline::inline;
pub(super) use json::without_comments;
use named::{Name, Recursion, symbols};
pub(super) use references::whole;

/// The largest size of a schema, in bytes of JSON.
pub(super) const MAX_JSON: usize = 1 << 20;
/// How deep types may be nested, over all files of a schema.
const MAX_DEPTH: usize = 128;
const PRIMITIVES: [(&str, Type); 8] = [
    ("null", Type::Null),
    ("boolean", Type::Boolean),
    ("int", Type::Int),
    ("long", Type::Long),
    ("float", Type::Float),
    ("double", Type::Double),
    ("bytes", Type::Bytes),
    ("string", Type::Text),
];

/// Finds the JSON of a named type that the schema uses without defining it.
pub(super) type Siblings<'a> = dyn FnMut(&str) -> Result<Option<String>, SchemaError> + 'a;

/// Parses the schema of a record.
pub(super) fn parse(avsc: &str, siblings: &mut Siblings<'_>) -> Result<Schema, SchemaError> {
    let mut parser = Parser {
        types: PRIMITIVES.map(|(_, ty)| ty).into(),
        names: HashMap::new(),
        recursion: Recursion::default(),
        ahead: Ahead::default(),
        at: "the schema".to_owned(),
        depth: 0,
        siblings,
        texts: Vec::new(),
    };
    let root = parser.file(avsc)?;
    match &parser.types[root.0 as usize] {
        Type::Record(record) => {
            let json = if parser.texts.is_empty() { Some(avsc.into()) } else { inline(avsc, parser.texts) };
            Ok(Schema { name: record.name.clone(), root, types: parser.types, json })
        }
        other => Err(parser.invalid(format!("an alert is a record, not {}", other.describe()))),
    }
}

struct Parser<'a> {
    types: Vec<Type>,
    names: HashMap<String, TypeId>,
    recursion: Recursion,
    ahead: Ahead,
    /// The field that is being read, for messages.
    at: String,
    depth: usize,
    siblings: &'a mut Siblings<'a>,
    /// The full names and JSON of the types that were found among the siblings.
    texts: Vec<(String, String)>,
}

impl Parser<'_> {
    fn file(&mut self, avsc: &str) -> Result<TypeId, SchemaError> {
        if avsc.len() > MAX_JSON {
            return Err(SchemaError::TooLong { bytes: avsc.len(), most: MAX_JSON });
        }
        let json = json::read(avsc).map_err(|error| SchemaError::Json { why: error.to_string() })?;
        let json = Rc::new(json);
        self.ahead.open(&json);
        self.ty(&json, "")
    }

    fn ty(&mut self, json: &Value, namespace: &str) -> Result<TypeId, SchemaError> {
        if self.depth == MAX_DEPTH {
            return Err(self.invalid(format!("types nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let ty = match json {
            Value::String(name) => self.reference(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => self.object(object, namespace),
            _ => Err(self.invalid("a type is a name, an object or a list".to_owned())),
        };
        self.depth -= 1;
        ty
    }

    fn reference(&mut self, name: &str, namespace: &str) -> Result<TypeId, SchemaError> {
        if let Some(primitive) = PRIMITIVES.iter().position(|(known, _)| *known == name) {
            return Ok(TypeId(primitive as u32));
        }
        let name = Name::parse(name, None, namespace).map_err(|why| self.invalid(why))?;
        if let Some(&id) = self.names.get(&name.full).or_else(|| self.names.get(name.last())) {
            self.recursion.used(id);
            return Ok(id);
        }
        if let Some((file, pointer, around)) = self.ahead.find(&name.full).or_else(|| self.ahead.find(name.last()))
            && let Some(json @ Value::Object(definition)) = file.pointer(&pointer)
        {
            let id = self.ty(json, &around)?;
            self.ahead.was_read(definition, id);
            return Ok(id);
        }
        let Some(avsc) = (self.siblings)(&name.full)? else {
            return Err(self.invalid(format!("there is no type {:?}", name.full)));
        };
        self.file(&avsc).map_err(|error| match error {
            SchemaError::Json { .. } | SchemaError::TooLong { .. } => {
                SchemaError::Invalid { at: name.full.clone(), why: error.to_string() }
            }
            other => other,
        })?;
        self.texts.push((name.full.clone(), avsc));
        let defined = self.names.get(&name.full).copied();
        defined.ok_or_else(|| self.invalid(format!("the file of type {:?} does not define it", name.full)))
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<TypeId, SchemaError> {
        if let Some(id) = self.ahead.known(object) {
            self.recursion.used(id);
            return Ok(id);
        }
        let ty = object.get("type").ok_or_else(|| self.invalid("a type without \"type\"".to_owned()))?;
        match ty.as_str() {
            Some("record" | "error") => self.record(object, namespace),
            Some("enum") => {
                let symbols = symbols(object).map_err(|why| self.invalid(why))?;
                self.define(object, namespace, Type::Enum(symbols)).map(|(id, _)| id)
            }
            Some("fixed") => {
                let size = object.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| self.invalid("a fixed without a size".to_owned()))?;
                self.define(object, namespace, Type::Fixed(size)).map(|(id, _)| id)
            }
            Some("array") => {
                let items = object.get("items").ok_or_else(|| self.invalid("an array without items".to_owned()))?;
                let items = self.ty(items, namespace)?;
                Ok(self.push(Type::Array(items)))
            }
            Some("map") => {
                let values = object.get("values").ok_or_else(|| self.invalid("a map without values".to_owned()))?;
                let values = self.ty(values, namespace)?;
                Ok(self.push(Type::Map(values)))
            }
            _ => self.ty(ty, namespace),
        }
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<TypeId, SchemaError> {
        let mut ids = Vec::with_capacity(branches.len());
        for branch in branches {
            // Two branches of the same type are against Avro's rules, but the encoded position says which of them is
            // meant.
            let id = self.ty(branch, namespace)?;
            if matches!(self.types[id.0 as usize], Type::Union(_)) {
                return Err(self.invalid("a union directly in a union".to_owned()));
            }
            ids.push(id);
        }
        if ids.is_empty() {
            return Err(self.invalid("a union without branches".to_owned()));
        }
        Ok(self.push(Type::Union(ids)))
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<TypeId, SchemaError> {
        let Some(declared) = object.get("fields").and_then(Value::as_array) else {
            return Err(self.invalid("a record without fields".to_owned()));
        };
        let (id, name) = self.define(object, namespace, Type::Record(Record::default()))?;
        self.recursion.open(id);
        let mut fields = Vec::with_capacity(declared.len());
        let mut positions = HashMap::with_capacity(declared.len());
        let mut twice = Vec::new();
        for (position, json) in declared.iter().enumerate() {
            let field = self.field(json, &name)?;
            // A duplicate field is against Avro's rules, but the bytes are clear. The last one is read, as fastavro
            // does.
            if positions.insert(field.name.clone(), position).is_some() {
                twice.push(field.name.clone());
            }
            fields.push(field);
        }
        for (position, json) in declared.iter().enumerate() {
            for alias in json.get("aliases").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                positions.entry(alias.to_owned()).or_insert(position);
            }
        }
        let size = |field: &RecordField| self.types[field.ty.0 as usize].size();
        let size = fields.iter().try_fold(0_usize, |sum, field| Some(sum.saturating_add(size(field)?)));
        let recursive = self.recursion.close();
        self.types[id.0 as usize] = Type::Record(Record { name: name.full, fields, positions, twice, size, recursive });
        Ok(id)
    }

    fn field(&mut self, json: &Value, record: &Name) -> Result<RecordField, SchemaError> {
        let name = json.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| self.invalid(format!("record {} has a field without a name", record.full)))?;
        named::simple(name).map_err(|why| self.invalid(format!("record {}: {why}", record.full)))?;
        let outer = std::mem::replace(&mut self.at, format!("{}.{name}", record.full));
        let ty = json.get("type").ok_or_else(|| self.invalid("a field without a type".to_owned()))?;
        let ty = self.ty(ty, &record.namespace)?;
        self.at = outer;
        Ok(RecordField { name: name.to_owned(), ty })
    }

    /// Gives a named type its number, before its parts are read.
    fn define(
        &mut self,
        object: &Map<String, Value>,
        namespace: &str,
        ty: Type,
    ) -> Result<(TypeId, Name), SchemaError> {
        let name = object.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| self.invalid(format!("a {} without a name", ty.describe())))?;
        let own = object.get("namespace").and_then(Value::as_str);
        let name = Name::parse(name, own, namespace).map_err(|why| self.invalid(why))?;
        let id = self.push(ty);
        // Defining a type twice is against Avro's rules, too. Each definition is used in its own place.
        self.names.insert(name.full.clone(), id);
        Ok((id, name))
    }

    fn push(&mut self, ty: Type) -> TypeId {
        self.types.push(ty);
        TypeId(self.types.len() as u32 - 1)
    }

    fn invalid(&self, why: String) -> SchemaError {
        SchemaError::Invalid { at: self.at.clone(), why }
    }
}
