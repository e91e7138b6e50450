//! The union of the fields of all filters.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::error::FieldError;
use super::framed::SchemaId;
use super::hints::nearest;
use super::outline::{Locator, Outline};
use super::path::{Path, Unfit, resolve};
use super::schema::Schema;
use super::schemas::Schemas;
use crate::alert::{Field, Kind};

/// The fields to read, each once: there is one slot for each distinct pair of paths and kind.
#[derive(Clone, Default, Debug)]
pub struct Projection {
    pub(super) slots: Vec<Arc<Slot>>,
    /// The slots of fields, by their paths and kinds.
    known: FxHashMap<Arc<Slot>, usize>,
}

/// One field of a [`Projection`].
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Alternatives. Either all of them go through an array or none does. There are none if a locator is asked.
    pub(super) paths: Vec<Path>,
    /// With a locator, the kind of the column if the schema has no such field.
    pub(super) kind: Kind,
    locator: Option<Arc<dyn Locator>>,
}

/// Slots without locators are equal if they have the same paths and kind.
impl PartialEq for Slot {
    fn eq(&self, other: &Slot) -> bool {
        (&self.paths, self.kind, self.is_located()) == (&other.paths, other.kind, other.is_located())
    }
}

impl Eq for Slot {}

impl Hash for Slot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.paths, self.kind).hash(state);
    }
}

impl Projection {
    /// Returns a projection without fields.
    pub fn new() -> Projection {
        Projection::default()
    }

    /// Returns the slot of these paths in this kind, which is new unless an equal field was added before. `optional`
    /// does not matter.
    ///
    /// # Errors
    /// Returns [`FieldError::Path`] or [`FieldError::Paths`] if no schema could have the paths.
    pub fn add(&mut self, field: &Field) -> Result<usize, FieldError> {
        let slot = Arc::new(Slot::new(field)?);
        let next = self.slots.len();
        let index = *self.known.entry(Arc::clone(&slot)).or_insert(next);
        if index == next {
            self.slots.push(slot);
        }
        Ok(index)
    }

    /// Adds a slot for a field whose path `locator` finds in each schema. If it finds none, the column is of kind
    /// `absent`. Such a field is needed: an alert in which it is there but can't be read is refused.
    pub fn add_located(&mut self, locator: Arc<dyn Locator>, absent: Kind) -> usize {
        self.slots.push(Arc::new(Slot { paths: Vec::new(), kind: absent, locator: Some(locator) }));
        self.slots.len() - 1
    }

    /// The number of slots.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no slots.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

impl Slot {
    pub(super) fn new(field: &Field) -> Result<Slot, FieldError> {
        let paths = field.paths.iter().map(|path| Path::parse(path)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = paths.first() else { return Err(FieldError::Paths("has no path")) };
        if paths.iter().any(|path| path.is_list() != first.is_list()) {
            return Err(FieldError::Paths("has paths through an array and paths through none"));
        }
        Ok(Slot { paths, kind: field.kind, locator: None })
    }

    /// Whether a locator finds the path.
    pub(super) fn is_located(&self) -> bool {
        self.locator.is_some()
    }

    /// Whether the slot goes through an array.
    pub(super) fn is_list(&self) -> bool {
        self.paths.first().is_some_and(Path::is_list)
    }

    /// Returns the slot to use for alerts of the schema, with the path that a locator found. `None` if the locator
    /// finds none.
    pub(super) fn here(&self, schema: &Schema) -> Option<Cow<'_, Slot>> {
        let Some(locator) = &self.locator else { return Some(Cow::Borrowed(self)) };
        let (path, kind) = locator.locate(&Outline::of(schema))?;
        let path = Path::parse(&path).ok().filter(|path| !path.is_list())?;
        Some(Cow::Owned(Slot { paths: vec![path], kind, locator: None }))
    }

    /// Returns the first path that the schema has, and the kind in which it is read.
    pub(super) fn resolve(&self, schema: &Schema) -> Result<(&Path, Kind), (&Path, Unfit)> {
        for path in &self.paths {
            match resolve(schema, path, self.kind) {
                Ok(kind) => return Ok((path, kind)),
                Err(Unfit::Absent) => {}
                Err(unfit) => return Err((path, unfit)),
            }
        }
        Err((&self.paths[0], Unfit::Absent))
    }

    /// Describes what [`Slot::resolve`] found.
    pub(super) fn explain(&self, schema: &Schema, path: &Path, unfit: Unfit) -> FieldError {
        let (name, path) = (schema.name.clone(), path.to_string());
        match unfit {
            Unfit::Absent => {
                FieldError::Absent { schema: name, paths: self.text(), nearest: nearest([schema], &self.paths) }
            }
            Unfit::Kinds(kinds) => {
                let has = kinds.iter().map(Kind::to_string).collect::<Vec<_>>().join(" or ");
                FieldError::Kind { schema: name, path, has, wanted: self.kind }
            }
            Unfit::Refused(part, why) => FieldError::Unreadable { schema: name, path, part, why },
            Unfit::Null(part) => FieldError::Unreadable { schema: name, path, part, why: "always null" },
        }
    }

    /// The slot's paths, for messages.
    pub(super) fn text(&self) -> String {
        self.paths.iter().map(Path::to_string).collect::<Vec<_>>().join(" or ")
    }
}

/// Checks whether `field` can be read from alerts of the schema. The first of its paths that the schema has decides.
///
/// # Errors
/// Returns a [`FieldError`] that names the nearest paths, the kinds that don't promote, or what the path leads through.
pub fn check_field(schemas: &Schemas, schema: SchemaId, field: &Field) -> Result<(), FieldError> {
    let slot = Slot::new(field)?;
    let schema = schemas.schema(schema).map_err(|_| FieldError::Forgotten)?;
    slot.resolve(&schema).map_or_else(|(path, unfit)| Err(slot.explain(&schema, path, unfit)), |_| Ok(()))
}
