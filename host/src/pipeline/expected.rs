//! The batches that a shard of the live lane keeps for a filter that is on its way from the slow lane.

use std::sync::Arc;

use skysieve_avro::Projection;
use skysieve_avro::alert::Field;

use super::batch::Batch;
use super::kept::KeptBytes;
use super::running_filter::RunningFilter;
use super::slots::Slots;
use crate::filters::Entry;

/// The batches that a shard keeps for a filter that is expected.
pub struct Expected {
    /// The filter's name.
    pub name: String,
    fields: Vec<Field>,
    /// Those of its shadow, if it has one.
    shadow: Option<Vec<Field>>,
    /// The slots of all these in the batches that come now.
    slots: Slots,
    kept: Vec<Kept>,
}

enum Kept {
    /// A batch, and the slots of the fields in it.
    Batch(Arc<Batch>, Slots),
    /// A topic was created anew.
    Anew(Arc<str>),
}

impl Expected {
    /// Expects a filter with these fields.
    pub fn new(entry: &Entry, projection: &mut Projection) -> Expected {
        let (name, fields) = (entry.name.clone(), entry.manifest.fields.clone());
        let shadow = entry.shadow().filter(|shadow| !shadow.is_over());
        let shadow = shadow.map(|shadow| shadow.entry.manifest.fields.clone());
        let mut expected = Expected { name, fields, shadow, slots: Slots::default(), kept: Vec::new() };
        expected.bind(projection);
        expected
    }

    /// Takes note of another projection, by which batches are decoded from now on.
    pub fn bind(&mut self, projection: &mut Projection) {
        let mut bind = |fields: &Vec<Field>| {
            let slots = fields.iter().map(|field| projection.add(field));
            slots.collect::<Result<_, _>>().expect("the fields were bound before")
        };
        self.slots = Slots { filter: bind(&self.fields), shadow: self.shadow.as_ref().map(bind) };
    }

    /// Keeps a batch.
    pub fn keep(&mut self, batch: &Arc<Batch>, bytes: &KeptBytes) {
        if !batch.messages.is_empty() {
            batch.keep(bytes);
            self.kept.push(Kept::Batch(batch.clone(), self.slots.clone()));
        }
    }

    /// Takes note that a topic was created anew.
    pub fn begin_anew(&mut self, topic: &Arc<str>) {
        self.kept.push(Kept::Anew(topic.clone()));
    }

    /// Gives the filter what was kept for it.
    pub fn hand_over(self, filter: &mut RunningFilter) {
        for kept in self.kept {
            match kept {
                Kept::Batch(batch, slots) => {
                    filter.set_slots(slots);
                    filter.take_kept(&batch);
                }
                Kept::Anew(topic) => filter.begin_anew(&topic),
            }
        }
        filter.set_slots(self.slots);
        filter.has_arrived();
    }
}
