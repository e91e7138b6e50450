//! Single values of an alert, of any type, as JSON, for people and scripts. Whole records and arrays are values, too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::{AvroError, FieldError};
use super::framed::{Framed, SchemaId};
use super::framing::datum;
use super::hints::nearest;
use super::path::{Path, Step, steps};
use super::schema::{Schema, Type, TypeId};
use super::schemas::Schemas;
use super::walk::{Located, skip};
use super::wire::{self, Fault, MAX_BYTES, MAX_DEPTH, MAX_VALUES, What, fault};

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobStyle {
    /// As the number of bytes.
    Length,
    /// As text in base64.
    Base64,
}

/// A value to look for: `diaSource.psfFlux`, `prv_candidates[].magpsf`, the record `candidate`, or `*` for the whole
/// alert.
#[derive(Clone, Debug)]
pub struct Selector {
    /// Alternatives. A path without steps means the whole alert.
    paths: Vec<Vec<Step>>,
    text: String,
}

impl Selector {
    /// Takes alternative paths, of which the first that an alert has is selected.
    ///
    /// # Errors
    /// Returns [`FieldError::Path`] for a path that no schema could have.
    pub fn new(paths: &[&str]) -> Result<Selector, FieldError> {
        let parse = |path: &&str| if *path == "*" { Ok(Vec::new()) } else { steps(path) };
        Ok(Selector { paths: paths.iter().map(parse).collect::<Result<_, _>>()?, text: paths.join(" or ") })
    }

    /// Appends the value as JSON to `out`. A null on the way gives a null; NaN and infinities are written as null.
    /// Returns `false` if the alert has no such field; nothing has been appended then. What follows the value is not
    /// read.
    ///
    /// # Errors
    /// Returns [`AvroError::Datum`] if the alert is broken, if the value contains more than a million values, or if it
    /// takes more than 64 MiB.
    pub fn json(
        &self,
        schemas: &Schemas,
        alert: &Framed<'_>,
        style: BlobStyle,
        out: &mut Vec<u8>,
    ) -> Result<bool, AvroError> {
        let schema = schemas.schema(alert.schema)?;
        let begun = out.len();
        let reader = Reader { schema: &schema, data: &alert.datum };
        let mut writer = Writer { reader, style, values: MAX_VALUES, begun, out };
        let written = self.first(&reader).and_then(|path| match path {
            Some(path) => writer.at_path(schema.root, 0, path).map(|()| true),
            None => Ok(false),
        });
        written.map_err(|fault| {
            out.truncate(begun);
            datum(&schema, Located { fault, field: self.text.clone() })
        })
    }

    /// Returns the bytes at the path, if there are any.
    ///
    /// # Errors
    /// Returns [`AvroError::Datum`] if the alert is broken.
    pub fn bytes<'a>(&self, schemas: &Schemas, alert: &'a Framed<'_>) -> Result<Option<&'a [u8]>, AvroError> {
        let schema = schemas.schema(alert.schema)?;
        let reader = Reader { schema: &schema, data: &alert.datum };
        let find = || -> Result<Option<(usize, usize)>, Fault> {
            for path in &self.paths {
                if let Place::At(ty, at, []) = reader.locate(schema.root, 0, path)? {
                    match schema.get(ty) {
                        Type::Bytes => return wire::blob(reader.data, at).map(Some),
                        Type::Fixed(size) => return Ok(Some((at, wire::forward(reader.data, at, *size)?))),
                        _ => {}
                    }
                }
            }
            Ok(None)
        };
        match find() {
            Ok(found) => Ok(found.map(|(start, end)| &alert.datum[start..end])),
            Err(fault) => Err(datum(&schema, Located { fault, field: self.text.clone() })),
        }
    }

    /// The error that describes that a schema has no such field.
    pub fn absent(&self, schemas: &Schemas, schema: SchemaId) -> FieldError {
        let Ok(schema) = schemas.schema(schema) else { return FieldError::Forgotten };
        let paths: Vec<Path> = self.text.split(" or ").filter_map(|path| Path::parse(path).ok()).collect();
        let nearest = nearest([&*schema], &paths);
        FieldError::Absent { schema: schema.name.clone(), paths: self.text.clone(), nearest }
    }

    /// Returns the first path that the alert has.
    fn first(&self, reader: &Reader<'_>) -> Result<Option<&[Step]>, Fault> {
        for path in &self.paths {
            if !matches!(reader.locate(reader.schema.root, 0, path)?, Place::Absent) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    schema: &'a Schema,
    data: &'a [u8],
}

/// Where a path leads.
enum Place<'p> {
    /// Nowhere, because there is no such field.
    Absent,
    /// To a null, before its end.
    Null,
    /// To a value of this type, which begins at this offset. If it is an array, the remaining steps go on through it.
    At(TypeId, usize, &'p [Step]),
}

impl Reader<'_> {
    /// Follows a path to its end, or to the first array that it goes through.
    fn locate<'p>(&self, mut ty: TypeId, mut at: usize, mut steps: &'p [Step]) -> Result<Place<'p>, Fault> {
        loop {
            match (self.schema.get(ty), steps) {
                (Type::Union(branches), _) => {
                    let (index, next) = wire::branch(self.data, at, branches.len())?;
                    (ty, at) = (branches[index], next);
                }
                (_, []) | (Type::Array(_), [Step::Each, ..]) => return Ok(Place::At(ty, at, steps)),
                (Type::Null, _) => return Ok(Place::Null),
                (Type::Record(record), [Step::Field(name), rest @ ..]) => {
                    let Some(&position) = record.positions.get(name) else { return Ok(Place::Absent) };
                    for field in &record.fields[..position] {
                        at = skip(self.schema, self.data, field.ty, at)?;
                    }
                    (ty, steps) = (record.fields[position].ty, rest);
                }
                (Type::Map(values), [Step::Field(name), rest @ ..]) => {
                    let mut found = None;
                    self.items(at, |at| {
                        let (key, end) = wire::blob(self.data, at)?;
                        if self.data[key..end] == *name.as_bytes() {
                            found = Some(end);
                        }
                        skip(self.schema, self.data, *values, end)
                    })?;
                    let Some(value) = found else { return Ok(Place::Absent) };
                    (ty, at, steps) = (*values, value, rest);
                }
                _ => return Ok(Place::Absent),
            }
        }
    }

    /// Calls `each` with the offset of every item of an array or map; `each` returns where the item ends.
    fn items(&self, mut at: usize, mut each: impl FnMut(usize) -> Result<usize, Fault>) -> Result<usize, Fault> {
        loop {
            let (block, start) = wire::block(self.data, at)?;
            at = start;
            if block.items == 0 {
                return Ok(at);
            }
            for _ in 0..block.items {
                at = each(at)?;
            }
        }
    }
}

struct Writer<'a> {
    reader: Reader<'a>,
    style: BlobStyle,
    /// How many values may still be written.
    values: usize,
    begun: usize,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// Writes the values that a path leads to.
    fn at_path(&mut self, ty: TypeId, at: usize, steps: &[Step]) -> Result<(), Fault> {
        let Reader { schema, data } = self.reader;
        match self.reader.locate(ty, at, steps)? {
            Place::Absent | Place::Null => self.put(at, b"null"),
            Place::At(ty, at, rest) => match (schema.get(ty), rest) {
                (Type::Array(items), [_, rest @ ..]) => self.list(at, *b"[]", |writer, at| {
                    writer.at_path(*items, at, rest)?;
                    skip(schema, data, *items, at)
                }),
                _ => self.value(ty, at, 0),
            }
            .map(drop),
        }
    }

    /// Writes a value, and returns where it ends.
    fn value(&mut self, ty: TypeId, at: usize, depth: usize) -> Result<usize, Fault> {
        let Reader { schema, data } = self.reader;
        if depth == MAX_DEPTH {
            return fault(at, What::Depth);
        }
        match schema.get(ty) {
            Type::Null => self.put(at, b"null").map(|()| at),
            Type::Boolean => {
                let (value, next) = wire::boolean(data, at)?;
                self.put(at, if value == 1 { b"true" } else { b"false" }).map(|()| next)
            }
            Type::Int | Type::Long => {
                let (value, next) = wire::long(data, at)?;
                self.put(at, value.to_string().as_bytes()).map(|()| next)
            }
            Type::Float => {
                let value = f32::from_le_bytes(wire::array(data, at)?);
                self.number(at, value.is_finite().then(|| format!("{value:?}"))).map(|()| at + 4)
            }
            Type::Double => {
                let value = f64::from_le_bytes(wire::array(data, at)?);
                self.number(at, value.is_finite().then(|| format!("{value:?}"))).map(|()| at + 8)
            }
            Type::Fixed(size) => {
                let end = wire::forward(data, at, *size)?;
                self.blob(at, &data[at..end]).map(|()| end)
            }
            Type::Bytes => {
                let (start, end) = wire::blob(data, at)?;
                self.blob(at, &data[start..end]).map(|()| end)
            }
            Type::Text => {
                let (start, end) = wire::blob(data, at)?;
                self.text(at, &data[start..end]).map(|()| end)
            }
            Type::Enum(symbols) => {
                let (symbol, next) = wire::symbol(data, at, symbols.len())?;
                self.text(at, symbols[symbol].as_bytes()).map(|()| next)
            }
            Type::Union(branches) => {
                let (index, next) = wire::branch(data, at, branches.len())?;
                self.value(branches[index], next, depth + 1)
            }
            Type::Array(items) => self.list(at, *b"[]", |writer, at| writer.value(*items, at, depth + 1)),
            Type::Map(values) => self.list(at, *b"{}", |writer, at| {
                let (start, end) = wire::blob(data, at)?;
                writer.text(at, &data[start..end])?;
                writer.out.push(b':');
                writer.value(*values, end, depth + 1)
            }),
            Type::Record(record) => {
                let mut at = at;
                self.put(at, b"{")?;
                for (index, field) in record.fields.iter().enumerate() {
                    self.out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
                    self.out.extend_from_slice(field.name.as_bytes());
                    self.out.extend_from_slice(b"\":");
                    at = self.value(field.ty, at, depth + 1)?;
                }
                self.put(at, b"}").map(|()| at)
            }
        }
    }

    /// Writes the items of an array or map between two brackets.
    fn list(
        &mut self,
        at: usize,
        [open, close]: [u8; 2],
        mut item: impl FnMut(&mut Self, usize) -> Result<usize, Fault>,
    ) -> Result<usize, Fault> {
        self.put(at, &[open])?;
        let (reader, mut first) = (self.reader, true);
        let end = reader.items(at, |at| {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            item(self, at)
        })?;
        self.put(end, &[close]).map(|()| end)
    }

    fn number(&mut self, at: usize, number: Option<String>) -> Result<(), Fault> {
        self.put(at, number.as_deref().unwrap_or("null").as_bytes())
    }

    fn blob(&mut self, at: usize, bytes: &[u8]) -> Result<(), Fault> {
        match self.style {
            BlobStyle::Length => self.put(at, bytes.len().to_string().as_bytes()),
            BlobStyle::Base64 => self.put(at, format!("\"{}\"", STANDARD.encode(bytes)).as_bytes()),
        }
    }

    fn text(&mut self, at: usize, text: &[u8]) -> Result<(), Fault> {
        let Ok(text) = std::str::from_utf8(text) else { return fault(at, What::Utf8) };
        self.put(at, serde_json::Value::from(text).to_string().as_bytes())
    }

    fn put(&mut self, at: usize, json: &[u8]) -> Result<(), Fault> {
        self.values = self.values.checked_sub(1).ok_or(Fault { at, what: What::Values })?;
        if self.out.len() - self.begun + json.len() > MAX_BYTES {
            return fault(at, What::Bytes);
        }
        self.out.extend_from_slice(json);
        Ok(())
    }
}
