//! A writer's schema as a graph. Types refer to each other by number, so that a named type exists once, however often
//! it is used.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alert::Kind;

/// A type of a [`Schema`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TypeId(pub(super) u32);

/// A record's schema, with all types that it consists of.
#[derive(Debug)]
pub(super) struct Schema {
    /// The record's full name.
    pub(super) name: String,
    /// The record.
    pub(super) root: TypeId,
    pub(super) types: Vec<Type>,
    /// The complete JSON, which is written into containers.
    pub(super) json: Option<Box<str>>,
}

impl Schema {
    pub(super) fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// See [`Type::size`].
    pub(super) fn size(&self, id: TypeId) -> Option<usize> {
        self.get(id).size()
    }
}

/// A type of Avro's. Logical types are represented by their base types.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    /// The number of bytes.
    Fixed(usize),
    /// The symbols.
    Enum(Arc<[String]>),
    /// The type of the elements.
    Array(TypeId),
    /// The type of the values.
    Map(TypeId),
    /// The branches: at least one, and none of them a union.
    Union(Vec<TypeId>),
    Record(Record),
}

impl Type {
    /// The number of bytes that each value takes. `None` if values differ in size; each of them takes at least one byte
    /// then.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Type::Null => Some(0),
            Type::Boolean => Some(1),
            Type::Float => Some(4),
            Type::Double => Some(8),
            Type::Fixed(size) => Some(*size),
            Type::Record(record) => record.size,
            _ => None,
        }
    }

    /// The kind that a scalar is read as.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Type::Boolean => Some(Kind::Boolean),
            Type::Int => Some(Kind::Int),
            Type::Long => Some(Kind::Long),
            Type::Float => Some(Kind::Float),
            Type::Double => Some(Kind::Double),
            Type::Text | Type::Enum(_) => Some(Kind::Text),
            Type::Bytes | Type::Fixed(_) => Some(Kind::Bytes),
            Type::Null | Type::Array(_) | Type::Map(_) | Type::Union(_) | Type::Record(_) => None,
        }
    }

    /// The name of the type in messages.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Int => "int",
            Type::Long => "long",
            Type::Float => "float",
            Type::Double => "double",
            Type::Bytes => "bytes",
            Type::Text => "string",
            Type::Fixed(_) => "fixed",
            Type::Enum(_) => "enum",
            Type::Array(_) => "array",
            Type::Map(_) => "map",
            Type::Union(_) => "union",
            Type::Record(_) => "record",
        }
    }
}

/// A record. The default value stands for a record that is still being read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record {
    /// Its full name.
    pub(super) name: String,
    /// Its fields, in the order in which they are written.
    pub(super) fields: Vec<RecordField>,
    /// The position of the field with a given name or, failing that, alias.
    pub(super) positions: HashMap<String, usize>,
    /// Names that several of its fields have; the last of these fields counts.
    pub(super) twice: Vec<String>,
    /// See [`Type::size`].
    pub(super) size: Option<usize>,
    /// Whether it can contain a record of its own type.
    pub(super) recursive: bool,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RecordField {
    pub(super) name: String,
    pub(super) ty: TypeId,
}
