//! Fields of kind `any` whose kind the schema leaves open, such as a union of an int and a string. Each alert decides
//! then.

use super::path::{Path, Step, common};
use super::schema::{Schema, Type, TypeId};
use super::walk::Walk;
use super::wire::{self, Fault, MAX_VALUES, What, fault};
use crate::alert::Kind;

/// Returns the kind in which an alert's values at `path` are read: the narrowest that holds all of them. If no kind
/// does, as in an array of both ints and strings, it is text, and all values are printed. If there are only nulls it is
/// double, as for a field that the schema lacks.
pub(super) fn kind(schema: &Schema, data: &[u8], path: &Path) -> Result<Kind, Fault> {
    let mut search = Search { walk: Walk::lenient(schema, data, 0), kinds: Vec::new(), values: MAX_VALUES };
    search.follow(schema.root, 0, &path.steps)?;
    match &search.kinds[..] {
        [] => Ok(Kind::Double),
        kinds => Ok(common(kinds, Kind::Any).unwrap_or(Kind::Text)),
    }
}

struct Search<'a> {
    walk: Walk<'a>,
    /// The kinds found so far, each once.
    kinds: Vec<Kind>,
    /// How many values may still be looked at.
    values: usize,
}

impl Search<'_> {
    /// Follows a path from a value to its end.
    fn follow(&mut self, mut ty: TypeId, mut at: usize, mut steps: &[Step]) -> Result<(), Fault> {
        let (schema, data) = (self.walk.schema, self.walk.data);
        loop {
            match (schema.get(ty), steps) {
                (Type::Union(branches), _) => {
                    let (index, next) = wire::branch(data, at, branches.len())?;
                    (ty, at) = (branches[index], next);
                }
                (scalar, []) => {
                    let kind = scalar.kind().filter(|kind| !self.kinds.contains(kind));
                    self.kinds.extend(kind);
                    return Ok(());
                }
                (Type::Array(items), [Step::Each, rest @ ..]) => return self.each(*items, at, rest),
                (Type::Record(record), [Step::Field(name), rest @ ..]) => {
                    let Some(&position) = record.positions.get(name) else { return Ok(()) };
                    for field in &record.fields[..position] {
                        at = self.walk.value(field.ty, at, 0)?;
                    }
                    (ty, steps) = (record.fields[position].ty, rest);
                }
                _ => return Ok(()),
            }
        }
    }

    fn each(&mut self, items: TypeId, mut at: usize, steps: &[Step]) -> Result<(), Fault> {
        loop {
            let (block, start) = wire::block(self.walk.data, at)?;
            at = start;
            if block.items == 0 {
                return Ok(());
            }
            let Some(values) = self.values.checked_sub(block.items) else { return fault(at, What::Values) };
            self.values = values;
            for _ in 0..block.items {
                self.follow(items, at, steps)?;
                at = self.walk.value(items, at, 0)?;
            }
        }
    }
}
