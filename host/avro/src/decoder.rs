//! Decodes framed alerts into columns.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::columns::{end_list, put_null};
use super::compile::compile;
use super::error::{AvroError, SchemaError};
use super::exec::{self, Failed};
use super::framed::{Framed, SchemaId};
use super::framing::datum;
use super::group::{Group, Lacking, Spare};
use super::open;
use super::path::Path;
use super::plan::{Layout, Plan};
use super::projection::{Projection, Slot};
use super::schema::Schema;
use super::schemas::Schemas;
use super::walk::{self, Located};
use super::wire::Fault;
use crate::alert::{Column, Kind};

/// How many groups and plans are kept from one batch to the next. Alerts that each decide on their kinds could create
/// many.
const MAX_GROUPS: usize = 64;

/// Turns alerts into columns, a batch at a time.
#[derive(Debug)]
pub struct Decoder {
    schemas: Arc<Schemas>,
    slots: Vec<Arc<Slot>>,
    /// Readers of the schemas that were seen and not forgotten since. They are looked up for every alert; the ids are
    /// the host's own numbers, so that a quick hash suffices.
    readers: FxHashMap<SchemaId, Reader>,
    /// The number of forgotten schemas when it was last checked.
    forgotten: u64,
    groups: Vec<Group>,
    /// For each group, its columns.
    layouts: Vec<Layout>,
    /// Groups whose buffers can be reused.
    spare: Spare,
    /// How many bytes the columns of a batch have so far.
    bytes: usize,
    /// How many bytes they may have if the batch has more than one alert.
    most: usize,
}

/// How many bytes the columns of a batch may have, unless [`Decoder::with_most`] says otherwise.
pub const MAX_COLUMN_BYTES: usize = 256 << 20;
/// The largest number that it may say. Offsets in columns are 32 bits wide.
const MOST: usize = 2 << 30;

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
    /// Alerts that are read into columns of the same kinds. There is nearly always a single group, because the schema
    /// says the kinds. Where the schema leaves a kind open (a union of an int and a string), each value decides.
    pub groups: Vec<Group>,
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
            layouts: Vec::new(),
            spare: Spare::new(),
            bytes: 0,
            most: MAX_COLUMN_BYTES,
        }
    }

    /// Changes how many bytes the columns of a batch may have: at most 2 GiB. One alert is always decoded.
    pub fn with_most(self, bytes: usize) -> Decoder {
        Decoder { most: bytes.min(MOST), ..self }
    }

    /// Decodes one alert into the columns. `row` is the caller's number for it. What can't be read into a column is a
    /// [`Unread`](super::Unread) of that column, unless the host itself needs it.
    ///
    /// # Errors
    /// [`AvroError`]; nothing of the alert is left in the columns then. After [`AvroError::BatchFull`], the alert can be
    /// decoded in the next batch.
    pub fn push(&mut self, row: u32, alert: &Framed<'_>) -> Result<(), AvroError> {
        let variant = match self.readers.get(&alert.schema) {
            Some(reader) if reader.open.is_empty() => 0,
            Some(_) => self.choose(alert),
            None => {
                self.prepare(alert.schema)?;
                self.choose(alert)
            }
        };
        let Some(reader) = self.readers.get_mut(&alert.schema) else { unreachable!("it was prepared") };
        let reader = &mut reader.variants[variant];
        let plan = reader.plan.as_ref().map_err(|error| AvroError::Schema(error.clone()))?;
        let group = &mut self.groups[reader.group];
        let failed = fill(plan, &alert.datum, &mut group.columns, group.rows.len());
        if !failed.is_empty()
            && let Some(&column) =
                plan.needed.iter().filter(|column| failed.contains_key(column)).min_by_key(|column| failed[column].at)
        {
            group.remove_last();
            return Err(self.explain(alert, column, failed[&column]));
        }
        let size = group.columns.iter().map(Column::size).sum::<usize>();
        let bytes = self.bytes + size - group.size;
        if bytes > self.most && self.bytes > 0 {
            group.remove_last();
            return Err(AvroError::BatchFull { bytes: self.bytes, most: self.most });
        }
        (self.bytes, group.size) = (bytes, size);
        group.add(row, alert.schema, failed);
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
        self.bytes = 0;
        self.forget();
        decoded.groups.sort_by_key(|group| group.rows[0]);
        if self.groups.len() > MAX_GROUPS {
            self.readers.clear();
            self.groups.clear();
            self.layouts.clear();
        }
        decoded
    }

    /// Takes back the buffers of a batch that is no longer needed, to reuse them. Returns how many bytes were freed
    /// instead, because the batch is that of another decoder.
    pub fn recycle(&mut self, decoded: Decoded) -> usize {
        decoded.groups.into_iter().map(|group| self.spare.put(group)).sum()
    }

    /// The number of bytes in buffers that are kept for reuse.
    pub fn spare_bytes(&self) -> usize {
        self.spare.bytes()
    }

    /// How many combinations of kinds are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.layouts.len()
    }

    /// Compiles the plans for alerts of a schema.
    fn prepare(&mut self, id: SchemaId) -> Result<(), AvroError> {
        let schema = self.schemas.schema(id)?;
        let plan = compile(&schema, &self.slots, &[]);
        let slots = plan.iter().flat_map(|plan| &plan.open).map(|slot| &self.slots[*slot]);
        let here = slots.filter_map(|slot| slot.here(&schema));
        let open: Vec<Path> = here.filter_map(|slot| Some(slot.resolve(&schema).ok()?.0.clone())).collect();
        let variants = if open.is_empty() { vec![self.variant(plan, Vec::new())] } else { Vec::new() };
        self.readers.insert(id, Reader { schema, open, variants });
        Ok(())
    }

    /// Returns the variant for an alert whose schema leaves kinds open.
    #[cold]
    fn choose(&mut self, alert: &Framed<'_>) -> usize {
        let Some(reader) = self.readers.get(&alert.schema).filter(|reader| !reader.open.is_empty()) else {
            return 0;
        };
        let schema = Arc::clone(&reader.schema);
        // If the values can't be found, they can't be read either, whatever their kind.
        let kind = |path| open::kind(&schema, &alert.datum, path).unwrap_or(Kind::Double);
        let chosen: Vec<Kind> = reader.open.iter().map(kind).collect();
        if let Some(known) = reader.variants.iter().position(|variant| variant.chosen == chosen) {
            return known;
        }
        let variant = self.variant(compile(&schema, &self.slots, &chosen), chosen);
        let Some(reader) = self.readers.get_mut(&alert.schema) else { return 0 };
        reader.variants.push(variant);
        reader.variants.len() - 1
    }

    /// Returns a plan with its group. If no group has its kinds yet, a new one is made.
    fn variant(&mut self, plan: Result<Plan, SchemaError>, chosen: Vec<Kind>) -> Variant {
        let layout = plan.as_ref().map_or_else(|_| Layout::default(), |plan| plan.layout.clone());
        let known = self.layouts.iter().position(|known| *known == layout);
        let group = known.unwrap_or_else(|| {
            self.layouts.push(layout);
            let fresh = self.fresh(self.layouts.len() - 1);
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
        let (mut groups, mut layouts) = (Vec::new(), Vec::new());
        for variant in self.readers.values_mut().flat_map(|reader| &mut reader.variants) {
            let group = moved[variant.group].get_or_insert_with(|| {
                groups.push(std::mem::take(&mut self.groups[variant.group]));
                layouts.push(std::mem::take(&mut self.layouts[variant.group]));
                groups.len() - 1
            });
            variant.group = *group;
        }
        (self.groups, self.layouts) = (groups, layouts);
    }

    /// Returns an empty group with the same columns as the group of that number.
    fn fresh(&mut self, index: usize) -> Group {
        self.spare.take(&self.layouts[index])
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

    /// Finds the field at fault in an alert that could not be read into a column.
    #[cold]
    fn explain(&self, alert: &Framed<'_>, column: u32, fault: Fault) -> AvroError {
        let Some(Reader { schema, .. }) = self.readers.get(&alert.schema) else { return AvroError::ForgottenSchema };
        let located = match walk::check(schema, &alert.datum) {
            Err(located) if located.fault.at <= fault.at => located,
            _ => Located { fault, field: self.path_of(schema, alert.schema, column) },
        };
        datum(schema, located)
    }

    /// The path that is read into a column, for messages.
    fn path_of(&self, schema: &Schema, id: SchemaId, column: u32) -> String {
        let plans = self.readers.get(&id).into_iter().flat_map(|reader| &reader.variants);
        let of_slot = plans.filter_map(|variant| variant.plan.as_ref().ok()).map(|plan| &plan.layout.of_slot);
        let slots = of_slot.flat_map(|of_slot| of_slot.iter().position(|of_slot| *of_slot == column));
        let here = slots.filter_map(|slot| self.slots[slot].here(schema));
        here.filter_map(|slot| Some(slot.resolve(schema).ok()?.0.to_string())).next().unwrap_or_default()
    }
}

/// Fills the columns, which have `rows` alerts already. Returns those that could not be filled.
fn fill(plan: &Plan, data: &[u8], columns: &mut [Column], rows: usize) -> Failed {
    let failed = exec::run(plan, data, columns, rows);
    plan.nulls.iter().for_each(|column| put_null(&mut columns[*column as usize]));
    plan.lists.iter().for_each(|column| end_list(&mut columns[*column as usize]));
    failed
}
