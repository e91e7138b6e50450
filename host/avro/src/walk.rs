//! Walks over the whole of an alert and checks every byte. This finds where an alert ends, and which field is at fault
//! in an alert that the plan could not read.

use super::schema::{Record, Schema, Type, TypeId};
use super::wire::{self, Fault, MAX_DEPTH, What, fault};

/// How many steps a walk may take in addition to a number for each byte. Items without bytes cost time as well.
const MIN_STEPS: usize = 1 << 20;
const STEPS_PER_BYTE: usize = 64;

/// A fault, and the path of the field that it is in.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) fault: Fault,
    pub(super) field: String,
}

/// Returns where the alert that begins at `at` ends. Faults that do not hide the end (text that is not UTF-8, a symbol
/// that its enum lacks) are left for [`check`] to report.
pub(super) fn end(schema: &Schema, data: &[u8], at: usize) -> Result<usize, Located> {
    whole(schema, Walk::lenient(schema, data, at), at)
}

fn whole(schema: &Schema, mut walk: Walk<'_>, at: usize) -> Result<usize, Located> {
    walk.value(schema.root, at, 0).map_err(|fault| Located { fault, field: walk.field() })
}

/// Returns where the value of type `ty` that begins at `at` ends.
pub(super) fn skip(schema: &Schema, data: &[u8], ty: TypeId, at: usize) -> Result<usize, Fault> {
    Walk::new(schema, data, at).value(ty, at, 0)
}

/// Checks that `data` is one alert and nothing else.
pub(super) fn check(schema: &Schema, data: &[u8]) -> Result<(), Located> {
    match whole(schema, Walk::new(schema, data, 0), 0)? {
        end if end == data.len() => Ok(()),
        end => {
            let fault = Fault { at: end, what: What::Trailing { bytes: data.len() - end } };
            Err(Located { fault, field: String::new() })
        }
    }
}

/// A walk in progress.
pub(super) struct Walk<'a> {
    pub(super) schema: &'a Schema,
    pub(super) data: &'a [u8],
    steps: usize,
    /// Whether values are checked, rather than only their lengths.
    strict: bool,
    /// The field that is being read. It is left as it is when a fault ends the walk.
    pub(super) path: Vec<Step<'a>>,
}

/// A step on the way to a field.
pub(super) enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl<'a> Walk<'a> {
    /// Returns a walk over the alert that begins at `at`.
    pub(super) fn new(schema: &'a Schema, data: &'a [u8], at: usize) -> Walk<'a> {
        let steps = data.len().saturating_sub(at).saturating_mul(STEPS_PER_BYTE).saturating_add(MIN_STEPS);
        Walk { schema, data, steps, strict: true, path: Vec::new() }
    }

    /// Returns a walk that looks only at the lengths of values.
    pub(super) fn lenient(schema: &'a Schema, data: &'a [u8], at: usize) -> Walk<'a> {
        Walk { strict: false, ..Walk::new(schema, data, at) }
    }

    /// Passes over a value, and returns where it ends.
    pub(super) fn value(&mut self, ty: TypeId, at: usize, depth: usize) -> Result<usize, Fault> {
        let data = self.data;
        let ty = self.schema.get(ty);
        if ty.size() == Some(0) {
            return Ok(at);
        }
        if depth == MAX_DEPTH {
            return fault(at, What::Depth);
        }
        match ty {
            Type::Null => Ok(at),
            Type::Boolean if !self.strict => wire::forward(data, at, 1),
            Type::Int | Type::Enum(_) if !self.strict => wire::skip_long(data, at),
            Type::Boolean => wire::boolean(data, at).map(|(_, next)| next),
            Type::Int => wire::int(data, at).map(|(_, next)| next),
            Type::Long => wire::skip_long(data, at),
            Type::Float => wire::forward(data, at, 4),
            Type::Double => wire::forward(data, at, 8),
            Type::Fixed(size) => wire::forward(data, at, *size),
            Type::Bytes => wire::blob(data, at).map(|(_, end)| end),
            Type::Text => self.text(at),
            Type::Enum(symbols) => wire::symbol(data, at, symbols.len()).map(|(_, next)| next),
            Type::Union(branches) => {
                let (index, next) = wire::branch(data, at, branches.len())?;
                self.value(branches[index], next, depth + 1)
            }
            Type::Record(record) => self.record(record, at, depth),
            Type::Array(items) => self.blocks(*items, false, at, depth),
            Type::Map(values) => self.blocks(*values, true, at, depth),
        }
    }

    fn record(&mut self, record: &'a Record, mut at: usize, depth: usize) -> Result<usize, Fault> {
        for field in &record.fields {
            self.step(at)?;
            self.path.push(Step::Field(&field.name));
            at = self.value(field.ty, at, depth + 1)?;
            self.path.pop();
        }
        Ok(at)
    }

    fn blocks(&mut self, ty: TypeId, keys: bool, mut at: usize, depth: usize) -> Result<usize, Fault> {
        let free = !keys && self.schema.size(ty) == Some(0);
        let mut first = 0_usize;
        loop {
            let (block, start) = wire::block(self.data, at)?;
            if block.items == 0 {
                return Ok(start);
            }
            let begun = at;
            at = start;
            for item in 0..if free { 0 } else { block.items } {
                self.step(at)?;
                self.path.push(Step::Item(first.saturating_add(item)));
                at = if keys { self.text(at)? } else { at };
                at = self.value(ty, at, depth + 1)?;
                self.path.pop();
            }
            if let Some(end) = block.end
                && end != at
            {
                return fault(begun, What::Block { bytes: end - start, read: at - start });
            }
            first = first.saturating_add(block.items);
        }
    }

    /// Returns where the text that begins at `at` ends.
    fn text(&self, at: usize) -> Result<usize, Fault> {
        let (start, end) = wire::blob(self.data, at)?;
        if self.strict && std::str::from_utf8(&self.data[start..end]).is_err() {
            return fault(at, What::Utf8);
        }
        Ok(end)
    }

    /// Counts a step, and refuses the alert if there have been too many.
    pub(super) fn step(&mut self, at: usize) -> Result<(), Fault> {
        match self.steps.checked_sub(1) {
            Some(steps) => self.steps = steps,
            None => return fault(at, What::Values),
        }
        Ok(())
    }

    /// The field being read, for messages.
    pub(super) fn field(&self) -> String {
        let mut field = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if field.is_empty() => field.push_str(name),
                Step::Field(name) => field.extend([".", name]),
                Step::Item(item) => field.push_str(&format!("[{item}]")),
            }
        }
        field
    }
}
