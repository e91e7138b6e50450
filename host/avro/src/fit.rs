//! Checks whether a filter's fields fit the schemas that were seen, and what its author should be told about them.

use std::fmt;

use super::error::FieldError;
use super::framed::SchemaId;
use super::hints::nearest;
use super::path::{Unfit, declared_twice};
use super::projection::Slot;
use super::schema::Schema;
use super::schemas::Schemas;
use crate::alert::Field;

/// How many schemas are named in a message.
const NAMED: usize = 3;

/// What there is to say about a filter's fields, given the schemas that were seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// The reason that the filter is refused: it could not judge alerts of these schemas.
    pub refusal: Option<FieldError>,
    /// What is probably a mistake, although the filter can run.
    pub warnings: Vec<FieldWarning>,
}

/// A probable mistake of a filter's author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldWarning {
    /// None of the filter's fields is in any of the schemas.
    Nothing {
        /// The schemas' names.
        schemas: Vec<String>,
        /// The first field's paths.
        paths: String,
        /// The schemas' paths that are most similar.
        nearest: Vec<String>,
    },
    /// An optional field is in none of the schemas.
    Absent {
        /// Its paths.
        paths: String,
        /// The schemas' paths that are most similar.
        nearest: Vec<String>,
    },
    /// A field's type is null, so that it never has a value.
    Null {
        /// Its paths.
        paths: String,
    },
    /// A record of the schemas declares a field more than once.
    Twice {
        /// The field's path.
        path: String,
        /// The record.
        record: String,
        /// What it declares twice.
        name: String,
    },
    /// A field can be read from some of the schemas, but not from another one, which has it in a different form.
    Unfit(FieldError),
}

impl fmt::Display for FieldWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldWarning::Nothing { schemas, paths, nearest } => write!(
                f,
                "the filter reads nothing that this stream's schemas have ({}), so it judges all alerts alike; is it \
                 written for another survey? It reads {paths}{}",
                schemas.join(", "),
                listed(nearest)
            ),
            FieldWarning::Absent { paths, nearest } => write!(
                f,
                "{paths} is in none of the schemas seen{}; the filter gets a null for every alert",
                listed(nearest)
            ),
            FieldWarning::Null { paths } => write!(f, "{paths} is always null in the schemas seen"),
            FieldWarning::Twice { path, record, name } => {
                write!(
                    f,
                    "{path} is ambiguous: record {record} declares {name} more than once, and the last one is read"
                )
            }
            FieldWarning::Unfit(error) => write!(f, "{error}; alerts of that schema are faults"),
        }
    }
}

fn listed(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; nearest: {}", nearest.join(", ")) }
}

/// What one schema has for a field.
enum Has {
    Value,
    Null,
    Nothing,
    Unfit(FieldError),
}

/// Checks whether a filter with these fields fits the schemas that were seen, which come oldest first. A field may be
/// missing from some of them. The filter is refused if none of them has everything that it requires, or if an optional
/// field is of a kind that does not promote in every schema that has it. Without schemas, there is nothing to say.
pub fn fit(schemas: &Schemas, seen: &[SchemaId], fields: &[Field]) -> Fit {
    let slots = match fields.iter().map(Slot::new).collect::<Result<Vec<_>, _>>() {
        Ok(slots) => slots,
        Err(error) => return Fit { refusal: Some(error), warnings: Vec::new() },
    };
    // Nothing can be said about schemas that have been forgotten.
    let seen: Vec<_> = seen.iter().filter_map(|id| schemas.schema(*id).ok()).collect();
    if seen.is_empty() || fields.is_empty() {
        return Fit::default();
    }
    let seen: Vec<&Schema> = seen.iter().map(|schema| &**schema).collect();
    let has: Vec<Vec<Has>> = slots.iter().map(|slot| seen.iter().map(|schema| has(slot, schema)).collect()).collect();
    let found = Found { seen, fields, slots, has };
    Fit { refusal: found.refusal(), warnings: found.warnings() }
}

fn has(slot: &Slot, schema: &Schema) -> Has {
    match slot.resolve(schema) {
        Ok(_) => Has::Value,
        Err((_, Unfit::Absent)) => Has::Nothing,
        Err((_, Unfit::Null(_))) => Has::Null,
        Err((path, unfit)) => Has::Unfit(slot.explain(schema, path, unfit)),
    }
}

/// What every schema has for every field.
struct Found<'a> {
    seen: Vec<&'a Schema>,
    fields: &'a [Field],
    slots: Vec<Slot>,
    /// By field, then by schema.
    has: Vec<Vec<Has>>,
}

impl Found<'_> {
    fn refusal(&self) -> Option<FieldError> {
        let obstacle = |schema: usize| (0..self.fields.len()).find(|field| self.hinders(*field, schema));
        let obstacles: Vec<Option<usize>> = (0..self.seen.len()).map(obstacle).collect();
        if let Some(Some(field)) = obstacles.last()
            && obstacles.iter().all(Option::is_some)
        {
            return self.error(*field, self.seen.len() - 1);
        }
        let nowhere =
            |field: &usize| self.first_unfit(*field).is_some() && !self.any(*field, |has| matches!(has, Has::Value));
        let field = (0..self.fields.len()).find(nowhere)?;
        self.error(field, self.first_unfit(field)?)
    }

    /// Whether alerts of the schema can't be judged because of the field.
    fn hinders(&self, field: usize, schema: usize) -> bool {
        match &self.has[field][schema] {
            Has::Value => false,
            Has::Unfit(_) => true,
            Has::Null | Has::Nothing => !self.fields[field].optional,
        }
    }

    fn error(&self, field: usize, schema: usize) -> Option<FieldError> {
        let slot = &self.slots[field];
        slot.resolve(self.seen[schema]).err().map(|(path, unfit)| slot.explain(self.seen[schema], path, unfit))
    }

    fn first_unfit(&self, field: usize) -> Option<usize> {
        self.has[field].iter().position(|has| matches!(has, Has::Unfit(_)))
    }

    fn any(&self, field: usize, is: impl Fn(&Has) -> bool) -> bool {
        self.has[field].iter().any(is)
    }

    fn warnings(&self) -> Vec<FieldWarning> {
        let all = 0..self.fields.len();
        let absent = |field: usize| self.has[field].iter().all(|has| matches!(has, Has::Nothing));
        if all.clone().all(absent) {
            let (mut schemas, paths) = (self.names(), self.slots[0].text());
            schemas.truncate(NAMED);
            return vec![FieldWarning::Nothing { schemas, paths, nearest: self.nearest(0) }];
        }
        all.filter_map(|field| self.warning(field)).collect()
    }

    fn warning(&self, field: usize) -> Option<FieldWarning> {
        let paths = || self.slots[field].text();
        let unfit = self.has[field].iter().find_map(|has| match has {
            Has::Unfit(error) => Some(error.clone()),
            _ => None,
        });
        if let Some(error) = unfit {
            return self.any(field, |has| matches!(has, Has::Value)).then_some(FieldWarning::Unfit(error));
        }
        if self.any(field, |has| matches!(has, Has::Value)) {
            return self.twice(field);
        }
        if !self.fields[field].optional || self.is_said_of_others(field) {
            return None;
        }
        Some(match self.any(field, |has| matches!(has, Has::Null)) {
            true => FieldWarning::Null { paths: paths() },
            false => FieldWarning::Absent { paths: paths(), nearest: self.nearest(field) },
        })
    }

    /// Whether the field only asks if there is something on the way to other fields, which are warned of anyway.
    fn is_said_of_others(&self, field: usize) -> bool {
        let Some(stem) = self.fields[field].paths[0].strip_suffix('?') else { return false };
        let behind =
            |other: &Field| other.paths.iter().any(|path| path.strip_prefix(stem).is_some_and(|rest| rest != "?"));
        self.fields.iter().any(behind)
    }

    fn twice(&self, field: usize) -> Option<FieldWarning> {
        self.seen.iter().find_map(|schema| {
            let (path, _) = self.slots[field].resolve(schema).ok()?;
            let (record, name) = declared_twice(schema, path)?;
            Some(FieldWarning::Twice { path: path.to_string(), record: record.to_owned(), name: name.to_owned() })
        })
    }

    fn nearest(&self, field: usize) -> Vec<String> {
        nearest(self.seen.iter().copied(), &self.slots[field].paths)
    }

    /// The names of the schemas, newest first, each of them once.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for schema in self.seen.iter().rev().filter(|schema| !schema.name.is_empty()) {
            if !names.contains(&schema.name) {
                names.push(schema.name.clone());
            }
        }
        names
    }
}
