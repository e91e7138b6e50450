//! The fields of a writer's schema, for finding a field without knowing the survey.

use std::collections::HashMap;
use std::fmt;

use super::schema::{Schema, Type, TypeId};
use crate::alert::Kind;

/// How many fields of one schema are listed, and how many types are looked at to find them.
const MAX_FIELDS: usize = 5_000;
const MAX_TYPES: usize = 50_000;
/// The largest depth, in records, and length, in bytes, of a listed path.
const MAX_DEPTH: usize = 8;
const MAX_LENGTH: usize = 200;

/// The name and the fields of an alert's schema, in the schema's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The schema's full name: `lsst.v11_1.alert`, `ztf.alert`.
    pub name: String,
    /// Its scalar fields, including those in nested records; at most the first 5,000.
    pub fields: Vec<OutlineField>,
}

/// A scalar field of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineField {
    /// Its path: `candidate.jd`, or `prv_candidates[].jd` if it goes through an array.
    pub path: String,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether the field, or a record that contains it, may be null.
    pub nullable: bool,
}

/// Finds a field of which only the meaning is known, such as the alert's id, in a schema.
pub trait Locator: fmt::Debug + Send + Sync {
    /// Returns the field's path, which goes through no array, and the kind in which to read it. `None` if the schema
    /// has no such field.
    fn locate(&self, outline: &Outline) -> Option<(String, Kind)>;
}

impl Outline {
    pub(super) fn of(schema: &Schema) -> Outline {
        let mut listing = Listing { schema, fields: Vec::new(), known: HashMap::new(), types: 0 };
        listing.visit(schema.root, &At { path: String::new(), depth: 0, list: false, nullable: false });
        Outline { name: schema.name.clone(), fields: listing.fields }
    }
}

struct Listing<'a> {
    schema: &'a Schema,
    fields: Vec<OutlineField>,
    /// The position of each path in `fields`; the branches of a union may lead to the same path several times.
    known: HashMap<String, usize>,
    types: usize,
}

struct At {
    path: String,
    depth: usize,
    list: bool,
    nullable: bool,
}

impl Listing<'_> {
    fn visit(&mut self, ty: TypeId, at: &At) {
        self.types += 1;
        if self.types > MAX_TYPES || self.fields.len() == MAX_FIELDS {
            return;
        }
        let schema = self.schema;
        match schema.get(ty) {
            Type::Record(record) if record.recursive && ty != schema.root => {}
            Type::Record(_) if at.depth == MAX_DEPTH => {}
            Type::Record(record) => {
                for field in &record.fields {
                    let dot = if at.path.is_empty() { "" } else { "." };
                    if at.path.len() + field.name.len() < MAX_LENGTH {
                        let path = format!("{}{dot}{}", at.path, field.name);
                        self.visit(field.ty, &At { path, depth: at.depth + 1, ..*at });
                    }
                }
            }
            Type::Union(branches) => {
                let null = branches.iter().any(|branch| matches!(schema.get(*branch), Type::Null));
                let at = At { path: at.path.clone(), nullable: at.nullable || null, ..*at };
                branches.iter().for_each(|branch| self.visit(*branch, &at));
            }
            Type::Array(_) if at.list => {}
            Type::Array(items) => self.visit(*items, &At { path: format!("{}[]", at.path), list: true, ..*at }),
            scalar => self.scalar(scalar.kind(), at),
        }
    }

    fn scalar(&mut self, kind: Option<Kind>, at: &At) {
        let (Some(kind), At { path, nullable, .. }) = (kind, at) else { return };
        let Some(&known) = self.known.get(path) else {
            self.known.insert(path.clone(), self.fields.len());
            self.fields.push(OutlineField { path: path.clone(), kind, nullable: *nullable });
            return;
        };
        let known = &mut self.fields[known];
        if known.kind.promotes_to(kind) {
            known.kind = kind;
        }
        known.nullable |= nullable;
    }
}
