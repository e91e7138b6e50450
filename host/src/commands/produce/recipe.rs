//! Turns an alert, as it was read, into a message.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::fresh::{Fresh, Identity, Seen};
use super::{Framing, PacketArgs};
use crate::commands::common::UsageError;
use crate::pipeline::{HostSlots, Identities, host_projection};
use skysieve_avro::{AvroError, Change, Decoder, Framed, SchemaId, Schemas, Wrapper};
use skysieve_survey::{HostField, Layout, Surveys, Value, Visit};

/// A message for Kafka.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet {
    /// The alert's id; empty if it has none.
    pub key: String,
    /// The payload of the message.
    pub payload: Vec<u8>,
}

/// The reason that there is no message.
#[derive(Debug)]
pub enum Trouble {
    /// This packet is not an alert, but others may be.
    Packet(String),
    /// The same would happen to all packets.
    Fatal(anyhow::Error),
}

impl From<AvroError> for Trouble {
    fn from(error: AvroError) -> Trouble {
        match error.may_pass() {
            // The packet is not at fault, and the same would happen to the next one.
            true => Trouble::Fatal(error.into()),
            false => Trouble::Packet(error.to_string()),
        }
    }
}

/// How many framings are kept for reuse, each with the JSON of its schema. Every packet may need one of its own.
const MAX_WRAPPERS: usize = 64;

/// What to do with every alert.
pub struct Recipe {
    pub schemas: Arc<Schemas>,
    form: Form,
    schema_id: Option<u32>,
    no_stamps: bool,
    no_history: bool,
    surveys: Surveys,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    AsIs,
    Framed(Framing),
    Json,
}

impl Recipe {
    /// Does what the command line asks for. `clear` says whether alerts may still have the cutouts and histories that
    /// are to be left out.
    pub fn new(args: &PacketArgs, clear: bool, schemas: &Arc<Schemas>, surveys: Surveys) -> Recipe {
        Recipe {
            schemas: Arc::clone(schemas),
            form: match (args.encode_off, args.framing) {
                (true, _) => Form::Json,
                (false, None) => Form::AsIs,
                (false, Some(framing)) => Form::Framed(framing),
            },
            schema_id: args.schema_id,
            no_stamps: args.no_stamps && clear,
            no_history: args.no_history && clear,
            surveys,
            seen: Mutex::default(),
        }
    }

    /// Whether alerts with this framing are sent unchanged, except for repeats.
    pub fn leaves(&self, framing: Framing) -> bool {
        !(self.no_stamps || self.no_history)
            && (self.form == Form::AsIs || self.form == Form::Framed(framing) && self.schema_id.is_none())
    }

    /// The fields that are cleared in alerts of this layout.
    fn cleared<'l>(&self, layout: &'l Layout) -> impl Iterator<Item = &'l str> {
        let stamps = layout.cutouts.iter().map(|cutout| cutout.field.as_str()).filter(|_| self.no_stamps);
        let histories = layout.histories.iter().map(String::as_str).filter(|_| self.no_history);
        stamps.chain(histories)
    }

    /// See [`Seen::fresh`]. All alerts of the first pass must have been read.
    pub fn fresh(&self, pass: u64, before: u64) -> Fresh {
        self.seen.lock().fresh(pass, before)
    }
}

/// Follows a recipe. Each thread has its own.
pub struct Cook<'a> {
    recipe: &'a Recipe,
    decoder: Decoder,
    slots: HostSlots,
    time: usize,
    layouts: HashMap<SchemaId, Arc<Layout>>,
    wrappers: HashMap<(SchemaId, Framing), Wrapper>,
}

impl<'a> Cook<'a> {
    pub fn new(recipe: &'a Recipe) -> Cook<'a> {
        let (mut projection, slots) = host_projection(&recipe.surveys);
        let time = recipe.surveys.add(HostField::Time, &mut projection);
        let decoder = Decoder::new(Arc::clone(&recipe.schemas), projection);
        Cook { recipe, decoder, slots, time, layouts: HashMap::new(), wrappers: HashMap::new() }
    }

    /// Identifies an alert and its exposure.
    pub fn identify(&mut self, alert: &Framed<'_>) -> Result<(Identity, Visit), AvroError> {
        self.decoder.push(0, alert)?;
        let decoded = self.decoder.finish();
        let alerts = Identities::of(&decoded, 1, self.slots);
        let visit = alerts.visits()[0].visit;
        let number = if let Visit::Number(number) = visit { Some(number) } else { None };
        let time = match Value::of(decoded.groups[0].column(self.time), 0) {
            Some(Value::Real(time)) => Some(time),
            _ => None,
        };
        let identity = Identity { id: alerts.id(0).cloned(), visit: number, time };
        self.decoder.recycle(decoded);
        Ok((identity, visit))
    }

    /// Makes the message for a packet of one alert, which has this index in its visit.
    pub fn packet(&mut self, packet: Vec<u8>, index: usize, fresh: Option<&Fresh>) -> Result<Packet, Trouble> {
        let recipe = self.recipe;
        let framing = framing_of(&packet);
        let alert = recipe.schemas.frame(&packet)?;
        if fresh.is_some() || !recipe.leaves(framing) {
            return self.alert(&alert, framing, index, fresh);
        }
        let key = self.key(&alert)?;
        drop(alert);
        Ok(Packet { key, payload: packet })
    }

    /// Makes the message for an alert that had this framing.
    pub fn alert(
        &mut self,
        alert: &Framed<'_>,
        framing: Framing,
        index: usize,
        fresh: Option<&Fresh>,
    ) -> Result<Packet, Trouble> {
        let recipe = self.recipe;
        let key = match fresh {
            Some(fresh) => fresh.key(index, self.identify(alert)?.0.id.as_ref()),
            None => self.key(alert)?,
        };
        let layout = self.layout(alert.schema);
        let mut edits: Vec<(&str, Change)> = fresh.iter().flat_map(|fresh| fresh.edits(index, &layout)).collect();
        edits.extend(recipe.cleared(&layout).map(|path| (path, Change::Clear)));
        let mut edited = Vec::new();
        let mut alert = Framed { schema: alert.schema, datum: (&*alert.datum).into() };
        if !edits.is_empty() {
            edited.reserve(alert.datum.len() + 64);
            recipe.schemas.edit(&alert, &edits, &mut edited)?;
            alert.datum = edited.into();
        }
        let framing = match recipe.form {
            Form::AsIs => framing,
            Form::Framed(framing) => framing,
            Form::Json => {
                let mut payload = Vec::with_capacity(2 * alert.datum.len());
                recipe.schemas.json(&alert, &mut payload)?;
                return Ok(Packet { key, payload });
            }
        };
        let payload = self.wrapper(alert.schema, framing).map_err(Trouble::Fatal)?.wrap(&alert.datum);
        Ok(Packet { key, payload })
    }

    /// The alert's id as text. Records the alert, too.
    fn key(&mut self, alert: &Framed<'_>) -> Result<String, Trouble> {
        let (identity, _) = self.identify(alert)?;
        self.recipe.seen.lock().note(&identity);
        Ok(identity.id.map(|id| id.to_string()).unwrap_or_default())
    }

    fn layout(&mut self, schema: SchemaId) -> Arc<Layout> {
        let Recipe { schemas, surveys, .. } = self.recipe;
        if !self.layouts.contains_key(&schema) {
            self.layouts.retain(|schema, _| schemas.knows(*schema));
        }
        let layout = self.layouts.entry(schema).or_insert_with(|| Arc::new(surveys.layout(&schemas.outline(schema))));
        Arc::clone(layout)
    }

    fn wrapper(&mut self, schema: SchemaId, framing: Framing) -> anyhow::Result<&Wrapper> {
        use std::collections::hash_map::Entry;
        if self.wrappers.len() >= MAX_WRAPPERS {
            self.wrappers.clear();
        }
        match self.wrappers.entry((schema, framing)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => Ok(free.insert(wrapper(self.recipe, schema, framing)?)),
        }
    }
}

fn wrapper(recipe: &Recipe, schema: SchemaId, framing: Framing) -> anyhow::Result<Wrapper> {
    let schemas = &recipe.schemas;
    match framing {
        Framing::Confluent => match recipe.schema_id.or_else(|| schemas.confluent_id(schema)) {
            Some(id) => Ok(Wrapper::Wire(id)),
            None => {
                let name = schemas.name(schema);
                Err(UsageError(format!(
                    "schema {name} has no number of its own: say with --schema-id which id it has in the schema registry"
                ))
                .into())
            }
        },
        Framing::Container => schemas.container(schema).ok_or_else(|| {
            let name = schemas.name(schema);
            anyhow::anyhow!("schema {name} can't be put into a container: its files name each other by relative names")
        }),
    }
}

/// The framing of a packet, according to its first byte.
pub fn framing_of(packet: &[u8]) -> Framing {
    if packet.first() == Some(&0) { Framing::Confluent } else { Framing::Container }
}
