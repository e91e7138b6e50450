//! Judges one decoded batch with one filter.

use std::ops::AddAssign;
use std::time::Duration;

use skysieve_avro::alert::Column;
use skysieve_avro::{Decoded, FieldError, Group, Lacking, Projection, SchemaId};
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
    /// The fuel of each alert that was judged alone.
    pub single_fuel: Vec<u64>,
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
            let columns: Vec<&Column> = self.slots.iter().map(|&slot| &group.columns[slot]).collect();
            let evaluation = evaluate(&mut self.filter, group.rows.len(), &columns)?;
            verdicts.add(evaluation, |row| group.rows[row as usize]);
            return Ok(());
        };
        if shown.is_empty() {
            return Ok(());
        }
        let gathered: Vec<Column> = self.slots.iter().map(|&slot| group.columns[slot].gather(&shown)).collect();
        let columns: Vec<&Column> = gathered.iter().collect();
        let evaluation = evaluate(&mut self.filter, shown.len(), &columns)?;
        verdicts.add(evaluation, |row| group.rows[shown[row as usize] as usize]);
        Ok(())
    }

    /// The rows of the group that the filter is shown, or `None` for all of them. Rows with a null in a required field
    /// are rejected. Rows whose schema lacks a required field, or has any of the fields in a kind that does not
    /// promote, are faults: with a null in its place, the verdict would be wrong without anybody noticing. Rows that
    /// are not `judged` are left out.
    fn rows_to_show(
        &self,
        group: &Group,
        judged: Option<&dyn Fn(&u32) -> bool>,
        verdicts: &mut Verdicts,
    ) -> Option<Vec<u32>> {
        let fields = &self.filter.manifest().fields;
        let required = || fields.iter().zip(&self.slots).filter(|(field, _)| !field.optional);
        let lacking: Vec<(SchemaId, String)> =
            group.lacking.iter().filter_map(|lacking| Some((lacking.schema, self.obstacle(lacking)?))).collect();
        let nullable: Vec<&Column> =
            required().map(|(_, &slot)| &group.columns[slot]).filter(|column| column.present.contains(&0)).collect();
        if lacking.is_empty() && nullable.is_empty() && judged.is_none() {
            return None;
        }
        let mut shown = Vec::with_capacity(group.rows.len());
        for (at, schema) in group.schemas.iter().enumerate() {
            if judged.is_some_and(|judged| !judged(&group.rows[at])) {
                continue;
            }
            if let Some((_, why)) = lacking.iter().find(|(lacks, _)| lacks == schema) {
                let (row, message) = (group.rows[at], why.clone());
                verdicts.faults.push(Fault { row, kind: FaultKind::Field, message, backtrace: None });
            } else if !nullable.iter().any(|column| column.has_null(at)) {
                shown.push(at as u32);
            }
        }
        Some(shown)
    }

    /// Why the filter can't judge alerts of a schema that lacks these fields.
    fn obstacle(&self, lacking: &Lacking) -> Option<String> {
        let fields = || self.filter.manifest().fields.iter().zip(&self.slots);
        if let Some((_, why)) = lacking.unfit.iter().find(|(unfit, _)| self.slots.contains(unfit)) {
            return Some(why.to_string());
        }
        let (field, _) = fields().find(|(field, slot)| !field.optional && lacking.absent.contains(slot))?;
        Some(format!("the alert's schema has no field {}", field.paths.join(" or ")))
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
        self.single_fuel.extend(other.single_fuel);
    }

    fn add(&mut self, evaluation: Evaluation, row: impl Fn(u32) -> u32) {
        let renumber = |accepted: Accepted| Accepted { row: row(accepted.row), ..accepted };
        self.accepted.extend(evaluation.accepted.into_iter().map(renumber));
        self.faults.extend(evaluation.faults.into_iter().map(|fault| Fault { row: row(fault.row), ..fault }));
        self.logs.extend(evaluation.logs);
        self.fuel.add_assign(evaluation.fuel);
        self.lost += evaluation.lost;
        self.single_fuel.extend(evaluation.single_fuel);
    }
}
