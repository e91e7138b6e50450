//! Alerts of a batch that are read into columns of the same kinds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::columns::{clear, cut};
use super::exec::Failed;
use super::framed::SchemaId;
use super::plan::Layout;
use super::wire::Fault;
use crate::alert::Column;

/// How many groups are kept for reuse.
const MAX_SPARE: usize = 8;

/// Alerts with the same kinds of columns.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The numbers that the caller gave the alerts, in the order in which they were pushed.
    pub rows: Vec<u32>,
    /// The columns, of `rows.len()` rows each. Slots of the projection that read the same thing share one; see
    /// [`Group::column`].
    pub columns: Vec<Column>,
    /// The schema of each row's alert.
    pub schemas: Vec<SchemaId>,
    /// The fields that schemas of this group lack. Schemas that lack nothing are left out.
    pub lacking: Vec<Lacking>,
    /// For each slot of the projection, the number of its column.
    of_slot: Arc<[u32]>,
    /// What could not be read, by column.
    unread: BTreeMap<u32, Vec<Unread>>,
    /// The number of bytes in the columns.
    pub(super) size: usize,
    /// The decoder that the buffers belong to.
    owner: u64,
}

/// Slots of the projection that a schema cannot fill. Its alerts have nulls there, or no values if the slot goes
/// through an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The schema.
    pub schema: SchemaId,
    /// Slots for which the schema has none of the paths, in ascending order.
    pub absent: Vec<usize>,
    /// Slots whose field the schema has in a form that can't be read as the kind wanted, and the reason, in ascending
    /// order.
    pub unfit: Vec<(usize, Arc<str>)>,
}

/// An alert whose values could not be read into a column, although its schema has the field. There is a null in their
/// place, or no value if the column goes through an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The row within the group.
    pub row: u32,
    fault: Fault,
}

/// Says what is wrong with the values, and where.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {} of the alert", self.fault.what, self.fault.at)
    }
}

impl Group {
    /// The number of the column of a slot. A field of kind `any` that a schema lacks has a column of doubles.
    pub fn column_of(&self, slot: usize) -> usize {
        self.of_slot[slot] as usize
    }

    /// The column of a slot.
    pub fn column(&self, slot: usize) -> &Column {
        &self.columns[self.column_of(slot)]
    }

    /// The alerts whose values could not be read into the slot's column, in ascending order.
    pub fn unread(&self, slot: usize) -> &[Unread] {
        if self.unread.is_empty() { &[] } else { self.unread.get(&self.of_slot[slot]).map_or(&[], Vec::as_slice) }
    }

    /// The same alerts in reverse order.
    pub fn reversed(&self) -> Group {
        let order: Vec<u32> = (0..self.rows.len() as u32).rev().collect();
        let reverse = |unread: &Unread| Unread { row: order[unread.row as usize], ..*unread };
        let reversed = |(column, unread): (&u32, &Vec<Unread>)| (*column, unread.iter().rev().map(reverse).collect());
        Group {
            rows: self.rows.iter().rev().copied().collect(),
            columns: self.columns.iter().map(|column| column.gather(&order)).collect(),
            schemas: self.schemas.iter().rev().copied().collect(),
            unread: self.unread.iter().map(reversed).collect(),
            lacking: self.lacking.clone(),
            of_slot: Arc::clone(&self.of_slot),
            ..Group::default()
        }
    }

    /// Adds an alert whose values are in the columns already.
    pub(super) fn add(&mut self, row: u32, schema: SchemaId, failed: Failed) {
        for (column, fault) in failed {
            self.unread.entry(column).or_default().push(Unread { row: self.rows.len() as u32, fault });
        }
        self.rows.push(row);
        self.schemas.push(schema);
    }

    /// Removes the values of an alert that has not been added.
    #[cold]
    pub(super) fn remove_last(&mut self) {
        self.columns.iter_mut().for_each(|column| cut(column, self.rows.len()));
    }
}

/// Groups of one decoder whose buffers can be reused.
#[derive(Debug)]
pub(super) struct Spare {
    groups: Vec<Group>,
    owner: u64,
}

impl Spare {
    /// Returns an empty set of groups, for a new decoder.
    pub(super) fn new() -> Spare {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Spare { groups: Vec::new(), owner: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// Returns an empty group with these columns.
    pub(super) fn take(&mut self, layout: &Layout) -> Group {
        let mut group = self.groups.pop().unwrap_or_default();
        group.rows.clear();
        group.schemas.clear();
        group.unread.clear();
        group.columns.truncate(layout.columns.len());
        for (column, &(kind, list)) in group.columns.iter_mut().zip(&layout.columns) {
            clear(column);
            (column.kind, column.list) = (kind, list);
        }
        let missing = layout.columns.get(group.columns.len()..).unwrap_or_default();
        group.columns.extend(missing.iter().map(|&(kind, list)| Column::new(kind, list)));
        let (of_slot, size, owner) = (Arc::clone(&layout.of_slot), 0, self.owner);
        Group { lacking: Vec::new(), of_slot, size, owner, ..group }
    }

    /// Keeps a group's buffers, or frees them and returns how many bytes they had if they belong to another decoder.
    pub(super) fn put(&mut self, group: Group) -> usize {
        if group.owner != self.owner {
            return capacity(&group);
        }
        if self.groups.len() < MAX_SPARE {
            self.groups.push(group);
        }
        0
    }

    /// The number of bytes in the buffers.
    pub(super) fn bytes(&self) -> usize {
        self.groups.iter().map(capacity).sum()
    }
}

fn capacity(group: &Group) -> usize {
    let buffers = |column: &Column| [&column.values, &column.offsets, &column.present, &column.ends].map(Vec::capacity);
    group.columns.iter().flat_map(buffers).sum()
}
