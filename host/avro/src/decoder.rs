//! Decodes framed alerts into columns.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::columns::{clear, end_list, put_null, truncate};
use super::compile::compile;
use super::error::{AvroError, SchemaError};
use super::exec::{self, Failure};
use super::framed::{Framed, SchemaId};
use super::framing::datum;
use super::open;
use super::path::Path;
use super::plan::Plan;
use super::projection::Projection;
use super::projection::Slot;
use super::schema::Schema;
use super::schemas::Schemas;
use super::walk::{self, Located};
use crate::alert::{Column, Kind};

/// How many groups are kept for reuse.
const MAX_SPARE: usize = 8;
/// How many groups and plans are kept from one batch to the next. Alerts that each decide on their kinds could create
/// many.
const MAX_GROUPS: usize = 64;

/// Turns alerts into columns, a batch at a time.
#[derive(Debug)]
pub struct Decoder {
    schemas: Arc<Schemas>,
    slots: Vec<Slot>,
    /// Readers of the schemas that were seen and not forgotten since. They are looked up for every alert; the ids are
    /// the host's own numbers, so that a quick hash suffices.
    readers: FxHashMap<SchemaId, Reader>,
    /// The number of forgotten schemas when it was last checked.
    forgotten: u64,
    groups: Vec<Group>,
    /// For each group, the kinds of its columns.
    kinds: Vec<Vec<Kind>>,
    /// Groups whose buffers can be reused.
    spare: Vec<Group>,
    /// How many bytes the columns of a group may have; offsets are 32 bits wide.
    pub(super) max_bytes: usize,
}

/// How alerts of one schema are read.
#[derive(Debug)]
struct Reader {
    schema: Arc<Schema>,
    /// The paths of fields whose kind the schema leaves open, so that each alert decides.
    open: Vec<Path>,
    /// One variant for each combination of kinds met so far. If no kind is open, it is the only one.
    variants: Vec<Variant>,
}

/// How to read alerts of one schema whose open kinds were resolved in one way.
#[derive(Debug)]
struct Variant {
    /// The kinds of the open fields.
    chosen: Vec<Kind>,
    plan: Result<Plan, SchemaError>,
    /// The group that the alerts are decoded into.
    group: usize,
    /// Whether the current batch has such alerts.
    used: bool,
}

/// A decoded batch.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// Alerts that agree on the kind of every field of kind `any`. There is nearly always a single group, because the
    /// schema says the kind. Where the schema leaves it open (a union of an int and a string), each value decides.
    pub groups: Vec<Group>,
}

/// Alerts with the same kinds of columns.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The numbers that the caller gave the alerts, in the order in which they were pushed.
    pub rows: Vec<u32>,
    /// One column for each slot of the projection, of `rows.len()` rows each. A field of kind `any` that a schema lacks
    /// becomes a column of doubles.
    pub columns: Vec<Column>,
    /// The schema of each row's alert.
    pub schemas: Vec<SchemaId>,
    /// The fields that schemas of this group lack. Schemas that lack nothing are left out.
    pub lacking: Vec<Lacking>,
}

/// Slots of the projection that a schema cannot fill. Its alerts have nulls there, or no values if the slot goes
/// through an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The schema.
    pub schema: SchemaId,
    /// Slots for which the schema has none of the paths.
    pub absent: Vec<usize>,
    /// Slots whose field the schema has in a form that can't be read as the kind wanted, and the reason.
    pub unfit: Vec<(usize, Arc<str>)>,
}

impl Decoder {
    /// Returns a decoder of the projection's fields.
    pub fn new(schemas: Arc<Schemas>, projection: Projection) -> Decoder {
        Decoder {
            schemas,
            slots: projection.slots,
            readers: FxHashMap::default(),
            forgotten: 0,
            groups: Vec::new(),
            kinds: Vec::new(),
            spare: Vec::new(),
            max_bytes: u32::MAX as usize,
        }
    }

    /// Decodes one alert into the columns. `row` is the caller's number for it.
    ///
    /// # Errors
    /// [`AvroError`]; nothing of the alert is left in the columns then.
    pub fn push(&mut self, row: u32, alert: &Framed<'_>) -> Result<(), AvroError> {
        let variant = match self.readers.get(&alert.schema) {
            Some(reader) if reader.open.is_empty() => 0,
            Some(_) => self.choose(alert)?,
            None => {
                self.prepare(alert.schema)?;
                self.choose(alert)?
            }
        };
        let Some(reader) = self.readers.get_mut(&alert.schema) else { unreachable!("it was prepared") };
        let reader = &mut reader.variants[variant];
        let plan = reader.plan.as_ref().map_err(|error| AvroError::Schema(error.clone()))?;
        let group = &mut self.groups[reader.group];
        let filled = fill(plan, &alert.datum, &mut group.columns);
        let full = group.columns.iter().map(Column::size).sum::<usize>() > self.max_bytes;
        if full || filled.is_err() {
            group.columns.iter_mut().for_each(|column| truncate(column, group.rows.len()));
            let bytes = group.columns.iter().map(Column::size).sum();
            return Err(filled.map_or_else(|failure| self.explain(alert, failure), |()| AvroError::BatchFull { bytes }));
        }
        group.rows.push(row);
        group.schemas.push(alert.schema);
        reader.used = true;
        Ok(())
    }

    /// Ends the batch.
    pub fn finish(&mut self) -> Decoded {
        let mut decoded = Decoded::default();
        for index in (0..self.groups.len()).filter(|index| !self.groups[*index].rows.is_empty()).collect::<Vec<_>>() {
            let fresh = self.fresh(index);
            let mut group = std::mem::replace(&mut self.groups[index], fresh);
            group.lacking = self.lacking(index);
            decoded.groups.push(group);
        }
        self.forget();
        decoded.groups.sort_by_key(|group| group.rows[0]);
        if self.groups.len() > MAX_GROUPS {
            self.readers.clear();
            self.groups.clear();
            self.kinds.clear();
        }
        decoded
    }

    /// Takes back the buffers of a batch that is no longer needed, to reuse them.
    pub fn recycle(&mut self, decoded: Decoded) {
        let room = MAX_SPARE.saturating_sub(self.spare.len());
        let ours = decoded.groups.into_iter().filter(|group| group.columns.len() == self.slots.len());
        self.spare.extend(ours.take(room));
    }

    /// How many combinations of kinds are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.kinds.len()
    }

    /// Compiles the plans for alerts of a schema.
    fn prepare(&mut self, id: SchemaId) -> Result<(), AvroError> {
        let schema = self.schemas.schema(id)?;
        let plan = compile(&schema, &self.slots, &[]);
        let slots = plan.iter().flat_map(|plan| &plan.open).map(|slot| &self.slots[*slot]);
        let open: Vec<Path> = slots.filter_map(|slot| Some(slot.resolve(&schema).ok()?.0.clone())).collect();
        let variants = if open.is_empty() { vec![self.variant(plan, Vec::new())] } else { Vec::new() };
        self.readers.insert(id, Reader { schema, open, variants });
        Ok(())
    }

    /// Returns the variant for an alert whose schema leaves kinds open.
    #[cold]
    fn choose(&mut self, alert: &Framed<'_>) -> Result<usize, AvroError> {
        let Some(reader) = self.readers.get(&alert.schema).filter(|reader| !reader.open.is_empty()) else {
            return Ok(0);
        };
        let schema = Arc::clone(&reader.schema);
        let kinds = reader.open.iter().map(|path| open::kind(&schema, &alert.datum, path));
        let chosen: Vec<Kind> =
            kinds.collect::<Result<_, _>>().map_err(|fault| self.explain(alert, Failure { fault, slot: None }))?;
        if let Some(known) = reader.variants.iter().position(|variant| variant.chosen == chosen) {
            return Ok(known);
        }
        let variant = self.variant(compile(&schema, &self.slots, &chosen), chosen);
        let Some(reader) = self.readers.get_mut(&alert.schema) else { return Ok(0) };
        reader.variants.push(variant);
        Ok(reader.variants.len() - 1)
    }

    /// Returns a plan with its group. If no group has its kinds yet, a new one is made.
    fn variant(&mut self, plan: Result<Plan, SchemaError>, chosen: Vec<Kind>) -> Variant {
        let kinds = plan.as_ref().map_or_else(|_| Vec::new(), |plan| plan.kinds.clone());
        let known = self.kinds.iter().position(|known| *known == kinds);
        let group = known.unwrap_or_else(|| {
            self.kinds.push(kinds);
            let fresh = self.fresh(self.kinds.len() - 1);
            self.groups.push(fresh);
            self.groups.len() - 1
        });
        Variant { chosen, plan, group, used: false }
    }

    /// Drops the readers of forgotten schemas, except those of the batch that has just ended: its user may still ask
    /// about them.
    fn forget(&mut self) {
        let forgotten = self.schemas.forgotten();
        if std::mem::replace(&mut self.forgotten, forgotten) != forgotten {
            let used = |reader: &Reader| reader.variants.iter().any(|variant| variant.used);
            self.readers.retain(|id, reader| used(reader) || self.schemas.knows(*id));
            self.drop_groups();
        }
        self.variants_mut().for_each(|variant| variant.used = false);
    }

    fn variants_mut(&mut self) -> impl Iterator<Item = &mut Variant> {
        self.readers.values_mut().flat_map(|reader| &mut reader.variants)
    }

    /// Drops the groups that no schema is read into any more. All groups are empty between batches.
    fn drop_groups(&mut self) {
        let mut moved: Vec<Option<usize>> = vec![None; self.groups.len()];
        let (mut groups, mut kinds) = (Vec::new(), Vec::new());
        for variant in self.readers.values_mut().flat_map(|reader| &mut reader.variants) {
            let group = moved[variant.group].get_or_insert_with(|| {
                groups.push(std::mem::take(&mut self.groups[variant.group]));
                kinds.push(std::mem::take(&mut self.kinds[variant.group]));
                groups.len() - 1
            });
            variant.group = *group;
        }
        (self.groups, self.kinds) = (groups, kinds);
    }

    /// Returns an empty group with the same columns as the group of that number.
    fn fresh(&mut self, index: usize) -> Group {
        let kinds = &self.kinds[index];
        let Some(mut group) = self.spare.pop() else {
            let columns = self.slots.iter().zip(kinds).map(|(slot, kind)| Column::new(*kind, slot.is_list())).collect();
            return Group { columns, ..Group::default() };
        };
        group.rows.clear();
        group.schemas.clear();
        for ((column, slot), kind) in group.columns.iter_mut().zip(&self.slots).zip(kinds) {
            clear(column);
            (column.kind, column.list) = (*kind, slot.is_list());
        }
        group
    }

    /// The number of schemas that have plans.
    #[cfg(test)]
    pub(super) fn plans(&self) -> usize {
        self.readers.len()
    }

    /// Returns what the batch's schemas of a group lack.
    fn lacking(&self, group: usize) -> Vec<Lacking> {
        let lacking = |(id, reader): (&SchemaId, &Reader)| {
            let mut variants = reader.variants.iter();
            let variant = variants.find(|variant| variant.used && variant.group == group)?;
            let Plan { absent, unfit, .. } = variant.plan.as_ref().ok()?;
            let lacks = !absent.is_empty() || !unfit.is_empty();
            lacks.then(|| Lacking { schema: *id, absent: absent.clone(), unfit: unfit.clone() })
        };
        let mut all: Vec<_> = self.readers.iter().filter_map(lacking).collect();
        all.sort_unstable_by_key(|lacking| lacking.schema);
        all
    }

    /// Finds the field at fault in an alert that could not be read.
    #[cold]
    fn explain(&self, alert: &Framed<'_>, failure: Failure) -> AvroError {
        let Some(Reader { schema, .. }) = self.readers.get(&alert.schema) else { return AvroError::ForgottenSchema };
        let asked = failure.slot.map(|slot| {
            let here = self.slots[slot as usize].here(schema);
            let path = here.as_ref().and_then(|slot| Some(slot.resolve(schema).ok()?.0.to_string()));
            let field = path.unwrap_or_default();
            Located { fault: failure.fault, field }
        });
        let located = match (walk::check(schema, &alert.datum), asked) {
            (Err(located), None) => located,
            (Err(located), Some(asked)) if located.fault.at < asked.fault.at => located,
            (_, Some(asked)) => asked,
            (Ok(()), None) => Located { fault: failure.fault, field: String::new() },
        };
        datum(schema, located)
    }
}

fn fill(plan: &Plan, data: &[u8], columns: &mut [Column]) -> Result<(), Failure> {
    exec::run(plan, data, columns)?;
    plan.nulls.iter().for_each(|slot| put_null(&mut columns[*slot as usize]));
    plan.lists.iter().for_each(|slot| end_list(&mut columns[*slot as usize]));
    Ok(())
}
