//! The schemas known, and messages taken apart with them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use include_dir::{Dir, include_dir};

use super::framing::{Alerts, Framing, datum};
use super::outline::Outline;
use super::parse::parse;
use super::resolver::{Lookup, Resolver};
use super::schema::Schema;
use super::{AvroError, Framed, SchemaError, SchemaId};
use super::{container, folder, hints, walk};
use crate::alert::Kind;

static BUILTIN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../schema/lsst");

/// Schemas of containers and registries that are remembered, and their bytes of JSON.
const MAX_LEARNT: usize = 1024;
const MAX_LEARNT_BYTES: usize = 16 << 20;
/// Ids whose schema can't be used that are remembered.
const MAX_UNUSABLE: usize = 1024;

/// Schemas known: built in, from folders, and from containers and a registry (a bounded number of those). Share it behind
/// an [`Arc`].
#[derive(Debug, Default)]
pub struct Schemas {
    known: RwLock<Known>,
    resolver: Option<Arc<dyn Resolver>>,
}

#[derive(Debug, Default)]
struct Known {
    /// By [`SchemaId`].
    schemas: Vec<Arc<Schema>>,
    /// By Confluent's id.
    by_id: HashMap<u32, SchemaId>,
    /// Those of containers: by the length of their JSON, since comparing is cheaper than hashing.
    learnt: HashMap<usize, Vec<SchemaId>>,
    learnt_count: usize,
    learnt_bytes: usize,
    /// Ids whose schema was looked up and can't be used, and why: that never changes.
    unusable: HashMap<u32, String>,
}

impl Schemas {
    /// Those of `/schema` at the repository's root.
    pub fn builtin() -> Schemas {
        let schemas = Schemas::default();
        for file in BUILTIN.files() {
            let id = file.path().file_name().and_then(|name| folder::lsst_id(name.to_str()?));
            if let (Some(id), Some(avsc)) = (id, file.contents_utf8()) {
                schemas.add(id, avsc).expect("the schemas of the repository are sound");
            }
        }
        schemas
    }

    /// These, with a registry that is asked for ids unknown.
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Schemas {
        self.resolver = Some(resolver);
        self
    }

    /// Searches `folder`, and folders in it, for `lsst.vM_m.alert.avsc` beside the records that it names (Confluent id:
    /// M × 100 + m). Returns how many were found; those of ids known already take their place.
    ///
    /// # Errors
    /// [`SchemaError`] when a folder or file cannot be read, a file is no schema, or there is none; then nothing has
    /// changed.
    pub fn add_folder(&self, folder: &Path) -> Result<usize, SchemaError> {
        let found = folder::load(folder)?;
        let count = found.len();
        if count == 0 {
            return Err(SchemaError::NoneFound { path: folder.display().to_string() });
        }
        let mut known = self.write();
        for (id, schema) in found {
            known.put(id, schema);
        }
        Ok(count)
    }

    /// The schema of a Confluent id, in place of one known already.
    ///
    /// # Errors
    /// [`SchemaError`] when `avsc` is not the schema of a record.
    pub fn add(&self, id: u32, avsc: &str) -> Result<SchemaId, SchemaError> {
        let schema = parse(avsc, &mut |_| Ok(None))?;
        Ok(self.write().put(id, schema))
    }

    /// The schema of a Confluent id.
    pub fn by_id(&self, id: u32) -> Option<SchemaId> {
        self.read().by_id.get(&id).copied()
    }

    /// Takes a message that holds exactly one alert out of its framing: Confluent's wire format or an Avro object
    /// container file, told apart by their first bytes. A container's schema is remembered. Asks the registry, if there is
    /// one, for an id that is not known: that may take some seconds.
    ///
    /// # Errors
    /// [`AvroError`]; the framing is checked wholly, the alert itself is not read.
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

    /// The alerts of a file: a container of any number of them, or a single one in Confluent's wire format.
    pub fn alerts<'a>(&self, file: &'a [u8]) -> Alerts<'a> {
        self.open(file).unwrap_or_else(|error| Alerts::once(Err(error)))
    }

    /// Reads the whole alert, checking every byte of it, where a [`Decoder`](super::Decoder) stops after the last field
    /// wanted.
    ///
    /// # Errors
    /// [`AvroError::Datum`], with the field and offset.
    pub fn validate(&self, alert: &Framed<'_>) -> Result<(), AvroError> {
        let schema = self.schema(alert.schema);
        walk::check(&schema, &alert.datum).map_err(|located| datum(&schema, located))
    }

    /// The schema's full name: `lsst.v11_1.alert`, `ztf.alert`.
    pub fn name(&self, id: SchemaId) -> String {
        self.schema(id).name.clone()
    }

    /// The paths that can be read from alerts of a schema, with their kinds, in the schema's order (the first 10,000).
    pub fn paths(&self, id: SchemaId) -> Vec<(String, Kind)> {
        hints::paths(&self.schema(id))
    }

    /// What a schema has, for whoever looks for a field without knowing the survey.
    pub fn outline(&self, id: SchemaId) -> Outline {
        Outline::of(&self.schema(id))
    }

    /// All schemas known, without those whose place another took.
    pub fn all(&self) -> Vec<SchemaId> {
        let known = self.read();
        let learnt = known.learnt.values().flatten().copied();
        let mut all: Vec<_> = known.by_id.values().copied().chain(learnt).collect();
        all.sort_unstable();
        all
    }

    /// The Confluent id that a schema was added under.
    pub(super) fn added_as(&self, schema: SchemaId) -> Option<u32> {
        self.read().by_id.iter().find(|(_, known)| **known == schema).map(|(id, _)| *id)
    }

    pub(super) fn schema(&self, id: SchemaId) -> Arc<Schema> {
        Arc::clone(&self.read().schemas[id.0 as usize])
    }

    fn open<'a>(&self, message: &'a [u8]) -> Result<Alerts<'a>, AvroError> {
        match Framing::of(message)? {
            Framing::Wire(id, datum) => {
                let schema = self.by_id(id).map_or_else(|| self.look_up(id), Ok)?;
                Ok(Alerts::once(Ok(Framed { schema, datum: datum.into() })))
            }
            Framing::Container(header) => {
                let (id, schema) = self.learn(header.schema)?;
                Ok(Alerts::container(id, schema, header.blocks))
            }
        }
    }

    /// The schema of an id that is not known, from the registry.
    #[cold]
    fn look_up(&self, id: u32) -> Result<SchemaId, AvroError> {
        let Some(resolver) = &self.resolver else { return Err(AvroError::UnknownSchema { id }) };
        if let Some(why) = self.read().unusable.get(&id) {
            return Err(AvroError::UnusableSchema { id, why: why.clone() });
        }
        let parsed = match resolver.look_up(id) {
            Lookup::Unknown => return Err(AvroError::UnknownSchema { id }),
            Lookup::Unavailable(why) => return Err(AvroError::SchemaUnavailable { id, why }),
            Lookup::Unusable(why) => Err(why),
            Lookup::Found(avsc, references) => parse(&avsc, &mut |name| Ok(references.get(name).cloned()))
                .map(|schema| (schema, avsc.len() + references.values().map(String::len).sum::<usize>()))
                .map_err(|error| error.to_string()),
        };
        let mut known = self.write();
        let put =
            parsed.and_then(|(schema, bytes)| known.fetched(id, schema, bytes).map_err(|error| error.to_string()));
        put.map_err(|why| {
            if known.unusable.len() == MAX_UNUSABLE {
                known.unusable.clear();
            }
            known.unusable.insert(id, why.clone());
            AvroError::UnusableSchema { id, why }
        })
    }

    /// The schema of a container.
    fn learn(&self, avsc: &[u8]) -> Result<(SchemaId, Arc<Schema>), SchemaError> {
        if let Some(found) = self.read().find(avsc) {
            return Ok(found);
        }
        let text = std::str::from_utf8(avsc).map_err(|error| SchemaError::Json { why: error.to_string() })?;
        let schema = parse(text, &mut |_| Ok(None))?;
        let mut known = self.write();
        match known.find(avsc) {
            Some(found) => Ok(found),
            None => known.learn(avsc, schema),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, id: u32, schema: Schema) -> SchemaId {
        let schema = self.push(schema);
        self.by_id.insert(id, schema);
        schema
    }

    fn push(&mut self, schema: Schema) -> SchemaId {
        self.schemas.push(Arc::new(schema));
        SchemaId(self.schemas.len() as u32 - 1)
    }

    fn find(&self, avsc: &[u8]) -> Option<(SchemaId, Arc<Schema>)> {
        let json = |id: &SchemaId| self.schemas[id.0 as usize].json.as_deref();
        let mut known = self.learnt.get(&avsc.len())?.iter();
        let id = *known.find(|id| json(id).is_some_and(|known| known.as_bytes() == avsc))?;
        Some((id, Arc::clone(&self.schemas[id.0 as usize])))
    }

    /// Takes in what the registry gave, unless another thread did so first.
    fn fetched(&mut self, id: u32, schema: Schema, bytes: usize) -> Result<SchemaId, SchemaError> {
        if let Some(known) = self.by_id.get(&id) {
            return Ok(*known);
        }
        self.make_room(bytes)?;
        Ok(self.put(id, schema))
    }

    fn make_room(&mut self, more: usize) -> Result<(), SchemaError> {
        let (count, bytes) = (self.learnt_count, self.learnt_bytes);
        if count == MAX_LEARNT || bytes + more > MAX_LEARNT_BYTES {
            return Err(SchemaError::Full { count, bytes });
        }
        (self.learnt_count, self.learnt_bytes) = (count + 1, bytes + more);
        Ok(())
    }

    fn learn(&mut self, avsc: &[u8], schema: Schema) -> Result<(SchemaId, Arc<Schema>), SchemaError> {
        self.make_room(avsc.len())?;
        let id = self.push(schema);
        self.learnt.entry(avsc.len()).or_default().push(id);
        Ok((id, Arc::clone(&self.schemas[id.0 as usize])))
    }
}
