//! Alerts as JSON, for readers without Avro.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::error::AvroError;
use super::framed::Framed;
use super::framing::datum;
use super::schema::{Record, Type, TypeId};
use super::schemas::Schemas;
use super::walk::{Located, Step, Walk};
use super::wire::{self, Fault, MAX_DEPTH, What, fault};

impl Schemas {
    /// Appends the alert to `out` as one JSON object. Bytes are written in base64, a union as the value that it holds,
    /// and floats that are not numbers (NaN, infinities) as null.
    ///
    /// # Errors
    /// [`AvroError::Datum`], with the field and offset.
    pub fn json(&self, alert: &Framed<'_>, out: &mut Vec<u8>) -> Result<(), AvroError> {
        let schema = self.schema(alert.schema)?;
        let mut writer = Writer { walk: Walk::new(&schema, &alert.datum, 0), out };
        let written = writer.value(schema.root, 0, 0).and_then(|end| match alert.datum.len() - end {
            0 => Ok(()),
            bytes => fault(end, What::Trailing { bytes }),
        });
        written.map_err(|fault| datum(&schema, Located { fault, field: writer.walk.field() }))
    }
}

struct Writer<'a, 'o> {
    walk: Walk<'a>,
    out: &'o mut Vec<u8>,
}

impl<'a> Writer<'a, '_> {
    /// Writes the value at `at`, and returns where it ends.
    fn value(&mut self, ty: TypeId, at: usize, depth: usize) -> Result<usize, Fault> {
        let data = self.walk.data;
        if depth == MAX_DEPTH {
            return fault(at, What::Depth);
        }
        match self.walk.schema.get(ty) {
            Type::Null => Ok(self.put(&(), at)),
            Type::Boolean => wire::boolean(data, at).map(|(value, next)| self.put(&(value == 1), next)),
            Type::Int => wire::int(data, at).map(|(value, next)| self.put(&value, next)),
            Type::Long => wire::long(data, at).map(|(value, next)| self.put(&value, next)),
            Type::Float => wire::array(data, at).map(|value| self.put(&f32::from_le_bytes(value), at + 4)),
            Type::Double => wire::array(data, at).map(|value| self.put(&f64::from_le_bytes(value), at + 8)),
            Type::Fixed(size) => wire::forward(data, at, *size).map(|end| self.base64(at, end)),
            Type::Bytes => wire::blob(data, at).map(|(start, end)| self.base64(start, end)),
            Type::Text => self.text(at),
            Type::Enum(symbols) => {
                wire::symbol(data, at, symbols.len()).map(|(symbol, next)| self.put(&symbols[symbol], next))
            }
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
        for (index, field) in record.fields.iter().enumerate() {
            self.walk.step(at)?;
            self.walk.path.push(Step::Field(&field.name));
            self.out.push(if index == 0 { b'{' } else { b',' });
            self.put(&field.name, at);
            self.out.push(b':');
            at = self.value(field.ty, at, depth + 1)?;
            self.walk.path.pop();
        }
        self.out.extend(if record.fields.is_empty() { &b"{}"[..] } else { b"}" });
        Ok(at)
    }

    fn blocks(&mut self, ty: TypeId, keys: bool, mut at: usize, depth: usize) -> Result<usize, Fault> {
        let [open, close] = if keys { *b"{}" } else { *b"[]" };
        let mut count = 0;
        self.out.push(open);
        loop {
            let (block, start) = wire::block(self.walk.data, at)?;
            if block.items == 0 {
                self.out.push(close);
                return Ok(start);
            }
            let begun = at;
            at = start;
            for _ in 0..block.items {
                self.walk.step(at)?;
                self.walk.path.push(Step::Item(count));
                if count > 0 {
                    self.out.push(b',');
                }
                if keys {
                    at = self.text(at)?;
                    self.out.push(b':');
                }
                at = self.value(ty, at, depth + 1)?;
                self.walk.path.pop();
                count += 1;
            }
            if let Some(end) = block.end
                && end != at
            {
                return fault(begun, What::Block { bytes: end - start, read: at - start });
            }
        }
    }

    fn text(&mut self, at: usize) -> Result<usize, Fault> {
        let (start, end) = wire::blob(self.walk.data, at)?;
        match std::str::from_utf8(&self.walk.data[start..end]) {
            Ok(text) => Ok(self.put(text, end)),
            Err(_) => fault(at, What::Utf8),
        }
    }

    fn base64(&mut self, start: usize, end: usize) -> usize {
        self.out.push(b'"');
        // Writing goes to memory, in pieces whose length needs no padding before the last one.
        for piece in self.walk.data[start..end].chunks(3 << 10) {
            let _ = self.out.write_all(STANDARD.encode(piece).as_bytes());
        }
        self.out.push(b'"');
        end
    }

    fn put(&mut self, value: &(impl Serialize + ?Sized), next: usize) -> usize {
        // A scalar written to memory can't fail.
        let _ = serde_json::to_writer(&mut *self.out, value);
        next
    }
}
