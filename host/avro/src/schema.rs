//! A writer's schema as a graph: types by number, so that a named type is there once however often it is used.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alert::Kind;

/// A type of a [`Schema`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TypeId(pub(super) u32);

/// A record's schema, with all types that it is made of.
#[derive(Debug)]
pub(super) struct Schema {
    /// The record's full name.
    pub(super) name: String,
    /// The record.
    pub(super) root: TypeId,
    pub(super) types: Vec<Type>,
    /// Its JSON, whole: for containers.
    pub(super) json: Option<Box<str>>,
}

impl Schema {
    pub(super) fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// As [`Type::size`].
    pub(super) fn size(&self, id: TypeId) -> Option<usize> {
        self.get(id).size()
    }
}

/// One type. Logical types are their base types.
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
    /// So many bytes.
    Fixed(usize),
    /// Its symbols.
    Enum(Arc<[String]>),
    /// Its elements.
    Array(TypeId),
    /// Its values.
    Map(TypeId),
    /// Its branches: at least one, none of them a union.
    Union(Vec<TypeId>),
    Record(Record),
}

impl Type {
    /// The bytes that each value takes; `None` when they differ, and then each takes at least one.
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

    /// What a scalar is read as.
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

    /// What to call it in a message.
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

/// A record. The default stands for one that is still being read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record {
    /// Its full name.
    pub(super) name: String,
    /// Its fields, in the order they are written.
    pub(super) fields: Vec<RecordField>,
    /// Which of its fields is called so, by name or else by alias.
    pub(super) positions: HashMap<String, usize>,
    /// Names that several of its fields have; the last one counts.
    pub(super) twice: Vec<String>,
    /// As [`Type::size`].
    pub(super) size: Option<usize>,
    /// Whether it can hold a record of its own type.
    pub(super) recursive: bool,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RecordField {
    pub(super) name: String,
    pub(super) ty: TypeId,
}
