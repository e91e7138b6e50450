//! Changes some fields of an alert. Every other byte stays as it is.

use super::error::AvroError;
use super::framed::Framed;
use super::framing::datum;
use super::schema::{Record, Type, TypeId};
use super::schemas::Schemas;
use super::walk::{Located, Step, Walk};
use super::wire::{self, Fault, What, put_long};

/// A change of a field. If it does not fit the field's type, the field stays as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Replaces a whole number by this one.
    Put(i64),
    /// Adds this to a whole number, wrapping around at the ends of its range.
    Add(i64),
    /// Appends a dash and this number to text or bytes.
    Append(u64),
    /// Adds this to a float or double.
    AddReal(f64),
    /// Sets the field to null if the schema allows that. Otherwise text, bytes, arrays and maps become empty, also
    /// those within a record.
    Clear,
}

impl Schemas {
    /// Appends the alert, with some fields changed and without framing, to `out`. A path names fields of records
    /// (`diaSource.visit`); a path that the schema lacks, or that leads through a null or an array, changes nothing.
    /// The alert is read to its end.
    ///
    /// # Errors
    /// [`AvroError::Datum`], with the field and offset.
    pub fn edit(&self, alert: &Framed<'_>, edits: &[(&str, Change)], out: &mut Vec<u8>) -> Result<(), AvroError> {
        let schema = self.schema(alert.schema)?;
        let walk = Walk::new(&schema, &alert.datum, 0);
        let mut editor = Editor { walk, out, kept: 0 };
        let edited = editor.alert(schema.root, edits);
        edited.map_err(|fault| datum(&schema, Located { fault, field: editor.walk.field() }))
    }
}

struct Editor<'a, 'o> {
    walk: Walk<'a>,
    out: &'o mut Vec<u8>,
    /// The offset up to which the alert has been written.
    kept: usize,
}

impl<'a> Editor<'a, '_> {
    fn alert(&mut self, root: TypeId, edits: &[(&str, Change)]) -> Result<(), Fault> {
        let data = self.walk.data;
        let end = self.value(root, 0, 0, edits)?;
        if end != data.len() {
            return wire::fault(end, What::Trailing { bytes: data.len() - end });
        }
        self.out.extend_from_slice(&data[self.kept..]);
        Ok(())
    }

    /// Applies the edits, whose paths begin at this value, and returns where the value ends.
    fn value(&mut self, ty: TypeId, at: usize, depth: usize, edits: &[(&str, Change)]) -> Result<usize, Fault> {
        if let Some((_, change)) = edits.iter().find(|(path, _)| path.is_empty()) {
            return self.change(ty, at, depth, *change);
        }
        match self.walk.schema.get(ty) {
            Type::Union(branches) => {
                let (index, next) = wire::branch(self.walk.data, at, branches.len())?;
                self.value(branches[index], next, depth + 1, edits)
            }
            Type::Record(record) if !edits.is_empty() => self.record(record, at, depth, edits),
            _ => self.walk.value(ty, at, depth),
        }
    }

    fn record(
        &mut self,
        record: &'a Record,
        mut at: usize,
        depth: usize,
        edits: &[(&str, Change)],
    ) -> Result<usize, Fault> {
        for field in &record.fields {
            // Most fields have no edits, and an empty vector costs nothing.
            let edits = edits.iter().filter_map(|edit| below(edit, &field.name)).collect::<Vec<_>>();
            self.walk.step(at)?;
            self.walk.path.push(Step::Field(&field.name));
            at = self.value(field.ty, at, depth + 1, &edits)?;
            self.walk.path.pop();
        }
        Ok(at)
    }

    /// Changes a value, and returns where the original value ended.
    fn change(&mut self, ty: TypeId, at: usize, depth: usize, change: Change) -> Result<usize, Fault> {
        let (schema, data) = (self.walk.schema, self.walk.data);
        let end = self.walk.value(ty, at, depth)?;
        let mut changed = Vec::new();
        match (schema.get(ty), change) {
            (Type::Union(branches), _) => {
                let (index, next) = wire::branch(data, at, branches.len())?;
                let null = branches.iter().position(|branch| matches!(schema.get(*branch), Type::Null));
                match null.filter(|_| change == Change::Clear) {
                    Some(null) => put_long(&mut changed, null as i64),
                    None => return self.change(branches[index], next, depth + 1, change),
                }
            }
            (Type::Record(record), Change::Clear) => {
                let clear = |at, field: &super::schema::RecordField| self.change(field.ty, at, depth + 1, change);
                return record.fields.iter().try_fold(at, clear);
            }
            (Type::Bytes | Type::Text | Type::Array(_) | Type::Map(_), Change::Clear) => changed.push(0),
            (Type::Text | Type::Bytes, Change::Append(number)) => {
                let (start, end) = wire::blob(data, at)?;
                let more = format!("-{number}");
                put_long(&mut changed, (end - start + more.len()) as i64);
                changed.extend_from_slice(&data[start..end]);
                changed.extend_from_slice(more.as_bytes());
            }
            (Type::Int, Change::Put(number)) => put_long(&mut changed, (number as i32).into()),
            (Type::Int, Change::Add(more)) => {
                put_long(&mut changed, wire::int(data, at)?.0.wrapping_add(more as i32).into());
            }
            (Type::Long, Change::Put(number)) => put_long(&mut changed, number),
            (Type::Long, Change::Add(more)) => put_long(&mut changed, wire::long(data, at)?.0.wrapping_add(more)),
            (Type::Float, Change::AddReal(more)) => {
                let value = f64::from(f32::from_le_bytes(wire::array(data, at)?)) + more;
                changed.extend((value as f32).to_le_bytes());
            }
            (Type::Double, Change::AddReal(more)) => {
                changed.extend((f64::from_le_bytes(wire::array(data, at)?) + more).to_le_bytes());
            }
            _ => return Ok(end),
        }
        self.out.extend_from_slice(&data[self.kept..at]);
        self.out.extend_from_slice(&changed);
        self.kept = end;
        Ok(end)
    }
}

/// If the edit's path begins with the field `name`, returns the edit with the rest of the path.
fn below<'p>((path, change): &(&'p str, Change), name: &str) -> Option<(&'p str, Change)> {
    let rest = path.strip_prefix(name)?;
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix('.')? };
    Some((rest, *change))
}
