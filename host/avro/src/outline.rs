//! What a writer's schema has, for whoever looks for a field without knowing the survey.

use std::collections::HashMap;
use std::fmt;

use super::schema::{Schema, Type, TypeId};
use crate::alert::Kind;

/// Fields listed of one schema, and types looked at to find them.
const MAX_FIELDS: usize = 5_000;
const MAX_TYPES: usize = 50_000;
/// How deep, in records, and how long, in bytes, a listed path may be.
const MAX_DEPTH: usize = 8;
const MAX_LENGTH: usize = 200;

/// The name and the fields of an alert's schema, in the schema's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The schema's full name: `lsst.v11_1.alert`, `ztf.alert`.
    pub name: String,
    /// Its scalar fields, those of records within records too; at most the first 5,000.
    pub fields: Vec<OutlineField>,
}

/// A scalar field of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineField {
    /// Its path: `candidate.jd`, or through an array `prv_candidates[].jd`.
    pub path: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether it, or a record that it is in, may be null.
    pub nullable: bool,
}

/// Says where a schema has a field that the reader knows only by what it means, such as an alert's id.
pub trait Locator: fmt::Debug + Send + Sync {
    /// The field's path, through no array, and the kind to read it in. `None`: the schema has none such.
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
    /// Where in `fields` a path is: branches of a union may lead to it more than once.
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
