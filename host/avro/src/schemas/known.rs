//! Which schemas are known, and which of them is forgotten when there is no room for another one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::framed::SchemaId;
use crate::schema::Schema;

/// How many schemas of containers and registries are remembered, and how many bytes of JSON. A survey has dozens. A
/// producer whose schema differs after every start, or with every message, must not keep the others from being read.
pub(super) const MAX_LEARNT: usize = 1024;
const MAX_LEARNT_BYTES: usize = 16 << 20;
/// How many ids with an unusable schema are remembered, and for how long; a registry may be repaired.
const MAX_UNUSABLE: usize = 1024;
const UNUSABLE_FOR: Duration = Duration::from_secs(60);
/// How long to wait before asking a registry again for an id that it did not have, but that is built in.
const LACKED_FOR: Duration = Duration::from_secs(60);

/// A schema and its number.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    pub(super) id: SchemaId,
    pub(super) schema: Arc<Schema>,
}

/// A schema that may be forgotten if it has not been used for a long time.
#[derive(Debug)]
struct Learnt {
    numbered: Numbered,
    /// The size of its JSON, including that of the types it refers to.
    bytes: usize,
    /// The value of the clock when it was last used.
    used: AtomicU64,
    /// The registry's id; `None` for that of a container.
    registered: Option<u32>,
}

/// Everything that a [`Schemas`](super::Schemas) knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    builtin: HashMap<u32, Numbered>,
    /// Schemas that the user named, by id.
    named: HashMap<u32, Numbered>,
    learnt: HashMap<SchemaId, Learnt>,
    learnt_bytes: usize,
    /// Which of the `learnt` schemas are the registry's, by the registry's ids.
    fetched: HashMap<u32, SchemaId>,
    /// Which of the `learnt` schemas are containers', by the length of their JSON: comparing texts is cheaper than
    /// hashing them.
    containers: HashMap<usize, Vec<SchemaId>>,
    /// Advances with each use of a schema other than the one used last.
    clock: AtomicU64,
    numbers: u64,
    /// How many have been forgotten so far.
    forgotten: u64,
    /// The schemas forgotten last, with the sizes of their JSON. Alerts that were framed before may still be in use.
    limbo: VecDeque<(Numbered, usize)>,
    limbo_bytes: usize,
    /// All schemas that somebody holds, including forgotten ones.
    held: HashMap<SchemaId, Weak<Schema>>,
    /// Ids whose schema was looked up but can't be used, with the reason and the time of the lookup.
    unusable: HashMap<u32, (String, Instant)>,
    /// Built-in ids that the registry lacks, and the time until which it is not asked for them again.
    lacked: HashMap<u32, Instant>,
    /// Built-in ids for which a log message has said that the user's own schema is used.
    told: HashSet<u32>,
}

impl Known {
    /// The schema that the user named for an id.
    pub(super) fn named(&self, id: u32) -> Option<&Numbered> {
        self.named.get(&id)
    }

    /// The schema that the registry gave for an id.
    pub(super) fn fetched(&self, id: u32) -> Option<&Numbered> {
        self.used(*self.fetched.get(&id)?)
    }

    /// The schema that is built in for an id.
    pub(super) fn builtin(&self, id: u32) -> Option<&Numbered> {
        self.builtin.get(&id)
    }

    /// The schema of a container.
    pub(super) fn container(&self, avsc: &[u8]) -> Option<&Numbered> {
        let json = |id: &&SchemaId| self.learnt.get(*id).and_then(|learnt| learnt.numbered.schema.json.as_deref());
        let mut alike = self.containers.get(&avsc.len())?.iter();
        self.used(*alike.find(|id| json(id).is_some_and(|known| known.as_bytes() == avsc))?)
    }

    /// A schema by its number, for as long as it is known or somebody holds it.
    pub(super) fn numbered(&self, id: SchemaId) -> Option<Arc<Schema>> {
        self.held.get(&id)?.upgrade()
    }

    /// Whether a schema has been neither forgotten nor replaced by another.
    pub(super) fn knows(&self, id: SchemaId) -> bool {
        self.learnt.contains_key(&id) || self.fixed().any(|(_, known)| known.id == id)
    }

    /// How many schemas have been forgotten so far.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// All known schemas, except those that were replaced by others.
    pub(super) fn all(&self) -> impl Iterator<Item = SchemaId> {
        let fixed = self.fixed().filter(|(id, _)| !self.fetched.contains_key(id));
        fixed.map(|(_, known)| known.id).chain(self.learnt.keys().copied())
    }

    /// The Confluent id that a schema has.
    pub(super) fn confluent_id(&self, schema: SchemaId) -> Option<u32> {
        let registered = self.learnt.get(&schema).and_then(|learnt| learnt.registered);
        registered.or_else(|| self.fixed().find(|(_, known)| known.id == schema).map(|(id, _)| id))
    }

    /// The schemas that are never forgotten.
    fn fixed(&self) -> impl Iterator<Item = (u32, &Numbered)> {
        let builtin = self.builtin.iter().filter(|(id, _)| !self.named.contains_key(id));
        self.named.iter().chain(builtin).map(|(id, known)| (*id, known))
    }

    fn used(&self, id: SchemaId) -> Option<&Numbered> {
        let learnt = self.learnt.get(&id)?;
        if learnt.used.load(Ordering::Relaxed) != self.clock.load(Ordering::Relaxed) {
            learnt.used.store(self.clock.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        Some(&learnt.numbered)
    }

    pub(super) fn put_builtin(&mut self, id: u32, schema: Schema) {
        let numbered = self.number(schema);
        self.builtin.insert(id, numbered);
    }

    /// Adds the schema that the user named for an id, replacing an earlier one.
    pub(super) fn put_named(&mut self, id: u32, schema: Schema) -> SchemaId {
        self.tell_if_other(id, &schema, "--schemas");
        let numbered = self.number(schema);
        let number = numbered.id;
        if let Some(before) = self.named.insert(id, numbered) {
            self.bury(before, 0);
        }
        number
    }

    /// Adds the schema that the registry gave for an id, unless another thread did so first.
    pub(super) fn put_fetched(&mut self, id: u32, schema: Schema, bytes: usize) -> Numbered {
        if let Some(known) = self.fetched(id) {
            return known.clone();
        }
        self.tell_if_other(id, &schema, "the schema registry");
        let numbered = self.learn(schema, bytes, Some(id));
        self.fetched.insert(id, numbered.id);
        numbered
    }

    /// Adds a container's schema, unless another thread did so first.
    pub(super) fn put_container(&mut self, avsc: &[u8], schema: Schema) -> Numbered {
        if let Some(known) = self.container(avsc) {
            return known.clone();
        }
        let numbered = self.learn(schema, avsc.len(), None);
        self.containers.entry(avsc.len()).or_default().push(numbered.id);
        numbered
    }

    /// Why an id's schema can't be used, if it was looked up recently.
    pub(super) fn unusable(&self, id: u32) -> Option<&str> {
        let (why, at) = self.unusable.get(&id)?;
        (at.elapsed() < UNUSABLE_FOR).then_some(why)
    }

    /// Remembers that an id's schema can't be used.
    pub(super) fn put_unusable(&mut self, id: u32, why: String) {
        if self.unusable.len() >= MAX_UNUSABLE
            && let Some(oldest) = self.unusable.iter().min_by_key(|(_, (_, at))| *at).map(|(id, _)| *id)
        {
            self.unusable.remove(&oldest);
        }
        self.unusable.insert(id, (why, Instant::now()));
    }

    /// The built-in schema for an id, if the registry has said that it has none: recently if `lately`, otherwise at any
    /// time.
    pub(super) fn instead(&self, id: u32, lately: bool) -> Option<&Numbered> {
        let until = self.lacked.get(&id)?;
        self.builtin(id).filter(|_| !lately || Instant::now() < *until)
    }

    /// Remembers that the registry does not have an id, or still can't be asked for it. Returns the built-in schema to
    /// use instead.
    pub(super) fn put_lacked(&mut self, id: u32) -> Option<&Numbered> {
        let builtin = self.builtin.get(&id)?;
        self.lacked.insert(id, Instant::now() + LACKED_FOR);
        Some(builtin)
    }

    fn number(&mut self, schema: Schema) -> Numbered {
        if self.held.len() > 4 * MAX_LEARNT {
            self.held.retain(|_, schema| schema.strong_count() > 0);
        }
        self.numbers += 1;
        let numbered = Numbered { id: SchemaId(self.numbers), schema: Arc::new(schema) };
        self.held.insert(numbered.id, Arc::downgrade(&numbered.schema));
        numbered
    }

    fn learn(&mut self, schema: Schema, bytes: usize, registered: Option<u32>) -> Numbered {
        while !self.learnt.is_empty()
            && (self.learnt.len() >= MAX_LEARNT || self.learnt_bytes + bytes > MAX_LEARNT_BYTES)
        {
            self.forget();
        }
        let numbered = self.number(schema);
        let used = AtomicU64::new(self.clock.fetch_add(1, Ordering::Relaxed) + 1);
        self.learnt.insert(numbered.id, Learnt { numbered: numbered.clone(), bytes, used, registered });
        self.learnt_bytes += bytes;
        numbered
    }

    /// Forgets the schema that has not been used for the longest time.
    fn forget(&mut self) {
        let used = |learnt: &Learnt| learnt.used.load(Ordering::Relaxed);
        let Some(id) = self.learnt.iter().min_by_key(|(_, learnt)| used(learnt)).map(|(id, _)| *id) else { return };
        let Some(learnt) = self.learnt.remove(&id) else { return };
        self.learnt_bytes -= learnt.bytes;
        match learnt.registered {
            Some(registered) => drop(self.fetched.remove(&registered)),
            None => {
                if let Some(alike) = self.containers.get_mut(&learnt.bytes) {
                    alike.retain(|other| *other != id);
                }
                self.containers.retain(|_, alike| !alike.is_empty());
            }
        }
        self.bury(learnt.numbered, learnt.bytes);
    }

    /// Keeps a forgotten schema for a while.
    fn bury(&mut self, numbered: Numbered, bytes: usize) {
        self.forgotten += 1;
        self.limbo.push_back((numbered, bytes));
        self.limbo_bytes += bytes;
        while self.limbo.len() > MAX_LEARNT || self.limbo_bytes > MAX_LEARNT_BYTES {
            let Some((Numbered { id, schema }, bytes)) = self.limbo.pop_front() else { return };
            self.limbo_bytes -= bytes;
            if Arc::into_inner(schema).is_some() {
                self.held.remove(&id);
            }
        }
    }

    /// Logs, once for each id, that a schema of the user's is used instead of a different built-in one.
    fn tell_if_other(&mut self, id: u32, schema: &Schema, whose: &str) {
        let Some(builtin) = self.builtin.get(&id).filter(|builtin| builtin.schema.types != schema.types) else {
            return;
        };
        if self.told.insert(id) {
            let (builtin, used) = (&builtin.schema.name, &schema.name);
            tracing::warn!(
                id,
                builtin,
                used,
                "{whose} has a schema for this id that differs from the built-in one; it is used"
            );
        }
    }
}
