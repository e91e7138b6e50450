//! Judges one decoded batch with one filter.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use skysieve_avro::alert::{Column, Field};
use skysieve_avro::{Decoded, FieldError, Group, Lacking, Projection, SchemaId};
use skysieve_sandbox::limits::{ALERT_BYTES, ALERT_VALUES};
use skysieve_sandbox::{Accepted, Evaluation, Fault, FaultKind, Filter, Interrupted, Log, Slice};

/// A filter that is bound to the slots into which its fields are decoded.
pub struct Judge {
    filter: Filter,
    slots: Vec<usize>,
}

/// The verdicts of a filter on a batch. Rows are those of the batch.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// The number of alerts judged.
    pub seen: u64,
    /// The accepted alerts, in ascending order.
    pub accepted: Vec<Accepted>,
    /// The alerts on which it failed, in ascending order.
    pub faults: Vec<Fault>,
    /// The filter's messages.
    pub logs: Vec<Log>,
    /// The fuel spent in all calls.
    pub fuel: u64,
    /// The CPU time that it took after a call had failed.
    pub lost: Duration,
}

impl Judge {
    /// Adds the filter's fields to `projection`.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if a path is malformed.
    pub fn new(filter: Filter, projection: &mut Projection) -> Result<Judge, FieldError> {
        let mut judge = Judge { filter, slots: Vec::new() };
        judge.bind(projection)?;
        Ok(judge)
    }

    /// Adds the filter's fields to another projection, by which batches are decoded from now on.
    ///
    /// # Errors
    /// See [`Judge::new`]. There is no error for a filter that was bound before.
    pub fn bind(&mut self, projection: &mut Projection) -> Result<(), FieldError> {
        let fields = &self.filter.manifest().fields;
        self.slots = fields.iter().map(|field| projection.add(field)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The slots of the filter's fields in the batches that come now.
    pub fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// Sets the slots to those of another batch. Returns what they were.
    pub fn replace_slots(&mut self, slots: Vec<usize>) -> Vec<usize> {
        std::mem::replace(&mut self.slots, slots)
    }

    /// The filter itself, for changing what it may do.
    pub fn filter_mut(&mut self) -> &mut Filter {
        &mut self.filter
    }

    /// The filter itself.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Judges every alert of the batch.
    pub fn judge(&mut self, decoded: &Decoded) -> Verdicts {
        self.judge_by(decoded, usize::MAX)
    }

    /// Judges the alerts of the batch whose rows are `true` in `rows`, or all of them, unless `slice` ends before or the
    /// filter is cancelled.
    ///
    /// # Errors
    /// Returns why it was interrupted. Nothing is known of the verdicts then.
    pub fn judge_within(
        &mut self,
        decoded: &Decoded,
        rows: Option<&[bool]>,
        slice: Option<Slice>,
    ) -> Result<Verdicts, Interrupted> {
        self.judge_some(decoded, rows, |filter, count, columns| {
            filter.evaluate_within(slice, usize::MAX, count, columns)
        })
    }

    /// Judges every alert of the batch, with at most `chunk` alerts in each call of the filter.
    pub fn judge_by(&mut self, decoded: &Decoded, chunk: usize) -> Verdicts {
        self.judge_some(decoded, None, |filter, count, columns| Ok(filter.evaluate_by(chunk, count, columns)))
            .expect("nothing interrupts it")
    }

    fn judge_some(
        &mut self,
        decoded: &Decoded,
        rows: Option<&[bool]>,
        evaluate: impl Fn(&mut Filter, usize, &[&Column]) -> Result<Evaluation, Interrupted>,
    ) -> Result<Verdicts, Interrupted> {
        let mut verdicts = Verdicts::default();
        for group in &decoded.groups {
            self.judge_group(group, rows, &evaluate, &mut verdicts)?;
        }
        if decoded.groups.len() > 1 {
            verdicts.accepted.sort_by_key(|accepted| accepted.row);
        }
        verdicts.faults.sort_by_key(|fault| fault.row);
        Ok(verdicts)
    }

    fn judge_group(
        &mut self,
        group: &Group,
        rows: Option<&[bool]>,
        evaluate: impl Fn(&mut Filter, usize, &[&Column]) -> Result<Evaluation, Interrupted>,
        verdicts: &mut Verdicts,
    ) -> Result<(), Interrupted> {
        let judged = |row: &u32| rows.is_none_or(|rows| rows[*row as usize]);
        let count = rows.map_or(group.rows.len(), |_| group.rows.iter().filter(|row| judged(row)).count());
        verdicts.seen += count as u64;
        let all = count == group.rows.len();
        let Some(shown) = self.rows_to_show(group, (!all).then_some(&judged as &dyn Fn(&u32) -> bool), verdicts) else {
            let columns: Vec<&Column> = self.slots.iter().map(|&slot| group.column(slot)).collect();
            let evaluation = evaluate(&mut self.filter, group.rows.len(), &columns)?;
            verdicts.add(evaluation, |row| group.rows[row as usize]);
            return Ok(());
        };
        if shown.is_empty() {
            return Ok(());
        }
        // Fields that share a column share its copy.
        let mut gathered: BTreeMap<usize, Column> = BTreeMap::new();
        for column in self.slots.iter().map(|&slot| group.column_of(slot)) {
            gathered.entry(column).or_insert_with(|| group.columns[column].gather(&shown));
        }
        let columns: Vec<&Column> = self.slots.iter().map(|&slot| &gathered[&group.column_of(slot)]).collect();
        let evaluation = evaluate(&mut self.filter, shown.len(), &columns)?;
        verdicts.add(evaluation, |row| group.rows[shown[row as usize] as usize]);
        Ok(())
    }

    /// The rows of the group that the filter is shown, or `None` for all of them. Rows with a null in a required field
    /// are rejected. These rows are faults, because with a null in place of the values the verdict would be wrong
    /// without anybody noticing: those whose schema lacks a required field, or has any of the fields in a kind that does
    /// not promote; those with a value that could not be read; and those with more values than a filter may be shown.
    /// Rows that are not `judged` are left out.
    fn rows_to_show(
        &self,
        group: &Group,
        judged: Option<&dyn Fn(&u32) -> bool>,
        verdicts: &mut Verdicts,
    ) -> Option<Vec<u32>> {
        let required = || self.fields().filter(|(field, _)| !field.optional);
        let lacking: Vec<(SchemaId, String)> =
            group.lacking.iter().filter_map(|lacking| Some((lacking.schema, self.obstacle(lacking)?))).collect();
        let mut faults = self.unread(group);
        self.add_too_large(group, &mut faults);
        let nullable: Vec<&Column> =
            required().map(|(_, slot)| group.column(slot)).filter(|column| column.present.contains(&0)).collect();
        if lacking.is_empty() && faults.is_empty() && nullable.is_empty() && judged.is_none() {
            return None;
        }
        let mut shown = Vec::with_capacity(group.rows.len());
        for (at, schema) in group.schemas.iter().enumerate() {
            if judged.is_some_and(|judged| !judged(&group.rows[at])) {
                continue;
            }
            let lacks = lacking.iter().find(|(lacks, _)| lacks == schema).map(|(_, why)| why.clone());
            if let Some(message) = lacks.or_else(|| faults.remove(&at)) {
                let row = group.rows[at];
                verdicts.faults.push(Fault { row, kind: FaultKind::Field, message, backtrace: None });
            } else if !nullable.iter().any(|column| column.has_null(at)) {
                shown.push(at as u32);
            }
        }
        Some(shown)
    }

    /// The fields and their slots.
    fn fields(&self) -> impl Iterator<Item = (&Field, usize)> {
        self.filter.manifest().fields.iter().zip(self.slots.iter().copied())
    }

    /// Why the filter can't judge alerts of a schema that lacks these fields.
    fn obstacle(&self, lacking: &Lacking) -> Option<String> {
        let unfit = |slot| lacking.unfit.binary_search_by_key(&slot, |(unfit, _)| *unfit).ok();
        if let Some(at) = self.slots.iter().find_map(|&slot| unfit(slot)) {
            return Some(lacking.unfit[at].1.to_string());
        }
        let mut required = self.fields().filter(|(field, _)| !field.optional);
        let (field, _) = required.find(|(_, slot)| lacking.absent.binary_search(slot).is_ok())?;
        Some(format!("the alert's schema has no field {}", field.paths.join(" or ")))
    }

    /// The rows with a value that could not be read, and the reasons.
    fn unread(&self, group: &Group) -> BTreeMap<usize, String> {
        let mut faults = BTreeMap::new();
        for (field, slot) in self.fields() {
            if faults.len() == group.rows.len() {
                break;
            }
            for unread in group.unread(slot) {
                let message = || format!("{} can't be read as {}: {unread}", field.paths.join(" or "), field.kind);
                faults.entry(unread.row as usize).or_insert_with(message);
            }
        }
        faults
    }

    /// Adds the rows with more values or bytes than a filter may be shown of one alert. Most batches have less than
    /// that altogether.
    fn add_too_large(&self, group: &Group, faults: &mut BTreeMap<usize, String>) {
        let columns = || self.slots.iter().map(|&slot| group.column(slot));
        if columns().map(Column::len).sum::<usize>() > ALERT_VALUES {
            for at in 0..group.rows.len() {
                let values: usize = columns().map(|column| column.values_of(at..at + 1).len()).sum();
                add_excess(faults, at, "values", values, ALERT_VALUES);
            }
        }
        if columns().map(|column| column.values.len()).sum::<usize>() > ALERT_BYTES {
            for at in 0..group.rows.len() {
                let bytes: usize = columns().map(|column| column.bytes_of(at)).sum();
                add_excess(faults, at, "bytes", bytes, ALERT_BYTES);
            }
        }
    }
}

/// Adds a row to the faults if it has too much.
fn add_excess(faults: &mut BTreeMap<usize, String>, at: usize, what: &str, count: usize, limit: usize) {
    if count > limit {
        let message =
            || format!("the fields that the filter reads have {count} {what} in this alert; the limit is {limit}");
        faults.entry(at).or_insert_with(message);
    }
}

impl Verdicts {
    /// The verdicts on some of the rows, which are in ascending order.
    pub(super) fn on(&self, rows: &[u32]) -> Verdicts {
        let is_on = |row: u32| rows.binary_search(&row).is_ok();
        let has_first = self.faults.first().is_some_and(|first| is_on(first.row));
        Verdicts {
            seen: rows.len() as u64,
            accepted: self.accepted.iter().filter(|accepted| is_on(accepted.row)).cloned().collect(),
            faults: self.faults.iter().filter(|fault| is_on(fault.row)).cloned().collect(),
            // What was lost is counted with the first fault.
            lost: if has_first { self.lost } else { Duration::ZERO },
            ..Verdicts::default()
        }
    }

    /// Adds the verdicts on other rows.
    pub(super) fn merge(&mut self, other: Verdicts) {
        self.seen += other.seen;
        self.accepted.extend(other.accepted);
        self.accepted.sort_by_key(|accepted| accepted.row);
        self.faults.extend(other.faults);
        self.faults.sort_by_key(|fault| fault.row);
        self.logs.extend(other.logs);
        self.fuel += other.fuel;
        self.lost += other.lost;
    }

    fn add(&mut self, evaluation: Evaluation, row: impl Fn(u32) -> u32) {
        let renumber = |accepted: Accepted| Accepted { row: row(accepted.row), ..accepted };
        self.accepted.extend(evaluation.accepted.into_iter().map(renumber));
        self.faults.extend(evaluation.faults.into_iter().map(|fault| Fault { row: row(fault.row), ..fault }));
        self.logs.extend(evaluation.logs);
        self.fuel.add_assign(evaluation.fuel);
        self.lost += evaluation.lost;
    }
}
