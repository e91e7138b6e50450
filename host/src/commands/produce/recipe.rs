//! From an alert as it came to a message.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::fresh::{Fresh, Identity, Seen};
use super::{Framing, PacketArgs};
use crate::commands::UsageError;
use crate::pipeline::{HostSlots, Identities, host_projection};
use skysieve_avro::{AvroError, Change, Decoder, Framed, SchemaId, Schemas, Wrapper};

/// A message for Kafka.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet {
    /// The alert's id; empty when it has none.
    pub key: String,
    /// The message.
    pub payload: Vec<u8>,
}

/// Why there is no message.
#[derive(Debug)]
pub enum Trouble {
    /// This packet is none; others may be.
    Packet(String),
    /// No packet will be better.
    Fatal(anyhow::Error),
}

impl From<AvroError> for Trouble {
    fn from(error: AvroError) -> Trouble {
        Trouble::Packet(error.to_string())
    }
}

/// What is done with every alert.
pub struct Recipe {
    pub schemas: Arc<Schemas>,
    form: Form,
    schema_id: Option<u32>,
    cleared: Vec<&'static str>,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    AsIs,
    Framed(Framing),
    Json,
}

impl Recipe {
    /// As the command line says. `clear`: cutouts and histories may still be there.
    pub fn new(args: &PacketArgs, clear: bool, schemas: &Arc<Schemas>) -> Recipe {
        let fields = |wanted: bool, fields: &'static [&'static str]| if wanted && clear { fields } else { &[] };
        Recipe {
            schemas: Arc::clone(schemas),
            form: match (args.encode_off, args.framing) {
                (true, _) => Form::Json,
                (false, None) => Form::AsIs,
                (false, Some(framing)) => Form::Framed(framing),
            },
            schema_id: args.schema_id,
            cleared: [
                fields(args.no_stamps, &skysieve_survey::CUTOUTS),
                fields(args.no_history, &skysieve_survey::HISTORIES),
            ]
            .concat(),
            seen: Mutex::default(),
        }
    }

    /// Whether alerts framed so are sent as they came, but for repeats.
    pub fn leaves(&self, framing: Framing) -> bool {
        self.cleared.is_empty()
            && (self.form == Form::AsIs || self.form == Form::Framed(framing) && self.schema_id.is_none())
    }

    /// As [`Seen::fresh`]; for when all alerts of the first pass were read.
    pub fn fresh(&self, pass: u64, before: u64) -> Fresh {
        self.seen.lock().fresh(pass, before)
    }
}

/// Follows a recipe; one for each thread.
pub struct Cook<'a> {
    recipe: &'a Recipe,
    decoder: Decoder,
    slots: HostSlots,
    time: usize,
    wrappers: HashMap<(SchemaId, Framing), Wrapper>,
}

impl<'a> Cook<'a> {
    pub fn new(recipe: &'a Recipe) -> Cook<'a> {
        let (mut projection, slots) = host_projection();
        let time = projection.add(&skysieve_survey::time_field()).expect("the survey's own field is well-formed");
        let decoder = Decoder::new(Arc::clone(&recipe.schemas), projection);
        Cook { recipe, decoder, slots, time, wrappers: HashMap::new() }
    }

    /// Who an alert is, and its exposure.
    pub fn identify(&mut self, alert: &Framed<'_>) -> Result<(Identity, skysieve_survey::Visit), AvroError> {
        self.decoder.push(0, alert)?;
        let decoded = self.decoder.finish();
        let alerts = Identities::of(&decoded, 1, self.slots);
        let visit = alerts.visits()[0].visit;
        let number = if let skysieve_survey::Visit::Number(number) = visit { Some(number) } else { None };
        let column = &decoded.groups[0].columns[self.time];
        let time =
            column.values.first_chunk().filter(|_| column.present != [0]).map(|bytes| f64::from_le_bytes(*bytes));
        let identity = Identity { id: alerts.id(0), visit: number, time };
        self.decoder.recycle(decoded);
        Ok((identity, visit))
    }

    /// The message for a packet of one alert, which is that of `index` in its visit.
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

    /// The message for an alert that came framed so.
    pub fn alert(
        &mut self,
        alert: &Framed<'_>,
        framing: Framing,
        index: usize,
        fresh: Option<&Fresh>,
    ) -> Result<Packet, Trouble> {
        let recipe = self.recipe;
        let key = match fresh {
            Some(fresh) => fresh.id(index).to_string(),
            None => self.key(alert)?,
        };
        let mut edits: Vec<(&str, Change)> = fresh.iter().flat_map(|fresh| fresh.edits(index)).collect();
        edits.extend(recipe.cleared.iter().map(|path| (*path, Change::Clear)));
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

    /// The alert's id as text. Takes note of the alert.
    fn key(&mut self, alert: &Framed<'_>) -> Result<String, Trouble> {
        let (identity, _) = self.identify(alert)?;
        self.recipe.seen.lock().note(identity);
        Ok(identity.id.map(|id| id.to_string()).unwrap_or_default())
    }

    fn wrapper(&mut self, schema: SchemaId, framing: Framing) -> anyhow::Result<&Wrapper> {
        use std::collections::hash_map::Entry;
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

/// How a packet is framed, by its first byte.
pub fn framing_of(packet: &[u8]) -> Framing {
    if packet.first() == Some(&0) { Framing::Confluent } else { Framing::Container }
}
