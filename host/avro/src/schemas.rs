//! The known schemas, with which messages are taken apart.

mod known;

use std::path::Path;
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::error::{AvroError, SchemaError};
use super::framed::{Framed, SchemaId};
use super::framing::{Alerts, Framing, datum};
use super::outline::Outline;
use super::parse::{parse, whole};
use super::resolver::{Lookup, Resolver};
use super::schema::Schema;
use super::{container, folder, hints, walk};
use crate::alert::Kind;
use known::{Known, Numbered};

static BUILTIN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../schema/lsst");

/// The known schemas: built in, from folders, from containers, and from a registry. When there are too many of the
/// latter two, the one that was not used for longest is forgotten. Share a `Schemas` behind an [`Arc`].
///
/// A registry's or a folder's schema for an id takes precedence over a built-in one, because the user named it.
#[derive(Debug, Default)]
pub struct Schemas {
    known: RwLock<Known>,
    resolver: Option<Arc<dyn Resolver>>,
}

impl Schemas {
    /// Returns the schemas of `/schema` at the repository's root.
    pub fn builtin() -> Schemas {
        let schemas = Schemas::default();
        for file in BUILTIN.files() {
            let id = file.path().file_name().and_then(|name| folder::lsst_id(name.to_str()?));
            if let (Some(id), Some(avsc)) = (id, file.contents_utf8()) {
                let schema = parse(avsc, &mut |_| Ok(None)).expect("the schemas of the repository are sound");
                schemas.write().put_builtin(id, schema);
            }
        }
        schemas
    }

    /// Adds a registry, which is asked for ids whose schema is not in a folder.
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Schemas {
        self.resolver = Some(resolver);
        self
    }

    /// Searches `folder` and its subfolders for `lsst.vM_m.alert.avsc` and, beside it, the files of the records that it
    /// names (its Confluent id is M × 100 + m). Returns how many were found. They replace known schemas of the same
    /// ids.
    ///
    /// # Errors
    /// Returns a [`SchemaError`] if a folder or file can't be read, a file is not a schema, or no schema is found.
    /// Nothing has changed then.
    pub fn add_folder(&self, folder: &Path) -> Result<usize, SchemaError> {
        let found = folder::load(folder)?;
        let count = found.len();
        if count == 0 {
            return Err(SchemaError::NoneFound { path: folder.display().to_string() });
        }
        let mut known = self.write();
        for (id, schema) in found {
            known.put_named(id, schema);
        }
        Ok(count)
    }

    /// Adds the schema of a Confluent id, replacing one that is known already.
    ///
    /// # Errors
    /// Returns a [`SchemaError`] if `avsc` is not the schema of a record.
    pub fn add(&self, id: u32, avsc: &str) -> Result<SchemaId, SchemaError> {
        let schema = parse(avsc, &mut |_| Ok(None))?;
        Ok(self.write().put_named(id, schema))
    }

    /// Returns the schema of a Confluent id, if it is known without asking the registry.
    pub fn by_id(&self, id: u32) -> Option<SchemaId> {
        let known = self.read();
        known.named(id).or_else(|| known.fetched(id)).or_else(|| known.builtin(id)).map(|known| known.id)
    }

    /// Makes sure that a message's schema is known, if the message names it by an id. Asks the registry, if there is
    /// one, which may take some seconds. [`Schemas::frame`] does the same; this function does not look at the rest of
    /// the message.
    ///
    /// # Errors
    /// [`AvroError::UnknownSchema`], [`AvroError::AbsentSchema`], [`AvroError::SchemaUnavailable`],
    /// [`AvroError::UnusableSchema`].
    pub fn resolve(&self, message: &[u8]) -> Result<(), AvroError> {
        match message {
            &[0, a, b, c, d, ..] => self.of_id(u32::from_be_bytes([a, b, c, d])).map(drop),
            _ => Ok(()),
        }
    }

    /// Takes a message that holds exactly one alert out of its framing: Confluent's wire format or an Avro object
    /// container file, which are told apart by their first bytes. A container's schema is remembered. If an id is not
    /// known, asks the registry, if there is one, which may take some seconds.
    ///
    /// The alert can be read until 1,024 more new schemas have been met, and longer if a [`Decoder`](super::Decoder)
    /// has read it.
    ///
    /// # Errors
    /// Returns an [`AvroError`]. The framing is checked completely, but the alert itself is not read.
    pub fn frame<'a>(&self, message: &'a [u8]) -> Result<Framed<'a>, AvroError> {
        let mut alerts = self.open(message)?;
        let only = |why: &str| container::container(message.len(), why.to_owned());
        let alert = alerts.next().unwrap_or_else(|| Err(only("it holds no alert")))?;
        match alerts.next() {
            None => Ok(alert),
            Some(Ok(_)) => Err(only("it holds more than one alert; a message holds one")),
            Some(Err(error)) => Err(error),
        }
    }

    /// Returns the alerts of a file: a container of any number of them, or a single one in Confluent's wire format.
    pub fn alerts<'a>(&self, file: &'a [u8]) -> Alerts<'a> {
        self.open(file).unwrap_or_else(|error| Alerts::once(Err(error)))
    }

    /// Reads the whole alert and checks every byte of it, whereas a [`Decoder`](super::Decoder) stops after the last
    /// field that is wanted.
    ///
    /// # Errors
    /// [`AvroError::Datum`], with the field and offset.
    pub fn validate(&self, alert: &Framed<'_>) -> Result<(), AvroError> {
        let schema = self.schema(alert.schema)?;
        walk::check(&schema, &alert.datum).map_err(|located| datum(&schema, located))
    }

    /// The schema's full name: `lsst.v11_1.alert`, `ztf.alert`. Empty if the schema has been forgotten.
    pub fn name(&self, id: SchemaId) -> String {
        self.schema(id).map_or_else(|_| String::new(), |schema| schema.name.clone())
    }

    /// Lists the paths that can be read from alerts of a schema, with their kinds, in the schema's order (the first
    /// 10,000). Empty if the schema has been forgotten.
    pub fn paths(&self, id: SchemaId) -> Vec<(String, Kind)> {
        self.schema(id).map_or_else(|_| Vec::new(), |schema| hints::paths(&schema))
    }

    /// Whether a schema is still among the known ones: it has been neither forgotten nor replaced by another. Whoever
    /// keeps something by [`SchemaId`] for a long time can use this to drop what is no longer needed.
    pub fn knows(&self, id: SchemaId) -> bool {
        self.read().knows(id)
    }

    /// Describes a schema's fields, for finding a field without knowing the survey.
    pub fn outline(&self, id: SchemaId) -> Outline {
        self.schema(id).map_or_else(|_| Outline::default(), |schema| Outline::of(&schema))
    }

    /// Returns all known schemas, except those that were replaced by others.
    pub fn all(&self) -> Vec<SchemaId> {
        let mut all: Vec<_> = self.read().all().collect();
        all.sort_unstable();
        all
    }

    /// Returns the Confluent id of a schema.
    pub(super) fn added_as(&self, schema: SchemaId) -> Option<u32> {
        self.read().confluent_id(schema)
    }

    pub(super) fn schema(&self, id: SchemaId) -> Result<Arc<Schema>, AvroError> {
        self.read().numbered(id).ok_or(AvroError::ForgottenSchema)
    }

    /// How many schemas have been forgotten so far.
    pub(super) fn forgotten(&self) -> u64 {
        self.read().forgotten()
    }

    fn open<'a>(&self, message: &'a [u8]) -> Result<Alerts<'a>, AvroError> {
        match Framing::of(message)? {
            Framing::Wire(id, datum) => {
                let schema = self.of_id(id)?;
                Ok(Alerts::once(Ok(Framed { schema, datum: datum.into() })))
            }
            Framing::Container(header) => {
                let Numbered { id, schema } = self.learn(header.schema)?;
                Ok(Alerts::container(id, schema, header.blocks))
            }
        }
    }

    /// Returns the schema of a Confluent id.
    fn of_id(&self, id: u32) -> Result<SchemaId, AvroError> {
        let known = self.read();
        let found = match &self.resolver {
            _ if known.named(id).is_some() => known.named(id),
            None => known.builtin(id),
            Some(_) => known.fetched(id).or_else(|| known.instead(id, true)),
        };
        if let Some(found) = found {
            return Ok(found.id);
        }
        drop(known);
        self.look_up(id)
    }

    /// Asks the registry for the schema of an id that is not known. A built-in schema is used only once the registry
    /// has said that it has none.
    #[cold]
    fn look_up(&self, id: u32) -> Result<SchemaId, AvroError> {
        let Some(resolver) = &self.resolver else { return Err(AvroError::UnknownSchema { id }) };
        if let Some(why) = self.read().unusable(id) {
            return Err(AvroError::UnusableSchema { id, why: why.to_owned() });
        }
        let fetched = match resolver.look_up(id) {
            Lookup::Unknown => {
                return self.write().put_lacked(id).map(|known| known.id).ok_or(AvroError::AbsentSchema { id });
            }
            Lookup::Unavailable(why) => {
                let mut known = self.write();
                // What the registry said last still holds.
                let lacked = known.instead(id, false).is_some().then(|| known.put_lacked(id)).flatten();
                return lacked.map(|known| known.id).ok_or(AvroError::SchemaUnavailable { id, why });
            }
            Lookup::Unusable(why) => Err(why),
            Lookup::Found(avsc, references) => fetched(&avsc, &references).map_err(|error| error.to_string()),
        };
        let mut known = self.write();
        match fetched {
            Ok((schema, bytes)) => Ok(known.put_fetched(id, schema, bytes).id),
            Err(why) => {
                known.put_unusable(id, why.clone());
                Err(AvroError::UnusableSchema { id, why })
            }
        }
    }

    /// Returns the schema of a container, and remembers it.
    fn learn(&self, avsc: &[u8]) -> Result<Numbered, SchemaError> {
        if let Some(found) = self.read().container(avsc) {
            return Ok(found.clone());
        }
        let text = std::str::from_utf8(avsc).map_err(|error| SchemaError::Json { why: error.to_string() })?;
        let schema = parse(text, &mut |_| Ok(None))?;
        Ok(self.write().put_container(avsc, schema))
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write()
    }
}

/// Parses a registry's schema. Also returns the size of its JSON in bytes.
fn fetched(avsc: &str, references: &[String]) -> Result<(Schema, usize), SchemaError> {
    if references.is_empty() {
        return Ok((parse(avsc, &mut |_| Ok(None))?, avsc.len()));
    }
    let whole = whole(avsc, references)?;
    Ok((parse(&whole, &mut |_| Ok(None))?, whole.len()))
}
