//! Avro's object container files
//! ([Avro 1.12](https://avro.apache.org/docs/1.12.0/specification/#object-container-files)).

use std::borrow::Cow;

use super::codec::Codec;
use super::error::AvroError;
use super::wire::{self, Fault};

/// The bytes that a container begins with.
pub(super) const MAGIC: &[u8] = b"Obj\x01";

/// The part of a container before its blocks.
pub(super) struct Header<'a> {
    /// The writer's schema, as JSON.
    pub(super) schema: &'a [u8],
    pub(super) blocks: Blocks<'a>,
}

/// The blocks that have yet to be read.
pub(super) struct Blocks<'a> {
    data: &'a [u8],
    at: usize,
    codec: Codec,
    sync: [u8; SYNC],
}

/// A block, inflated.
pub(super) struct Block<'a> {
    pub(super) alerts: usize,
    pub(super) content: Cow<'a, [u8]>,
    /// The offset where it begins.
    pub(super) at: usize,
}

const SYNC: usize = 16;

/// Reads a container's header.
pub(super) fn open(data: &[u8]) -> Result<Header<'_>, AvroError> {
    let metadata = |fault: Fault| container(fault.at, format!("metadata: {}", fault.what));
    let (mut schema, mut codec) = (None, None);
    let mut at = MAGIC.len();
    loop {
        let (entries, start) = wire::block(data, at).map_err(metadata)?;
        at = start;
        if entries.items == 0 {
            break;
        }
        for _ in 0..entries.items {
            let (key, key_end) = wire::blob(data, at).map_err(metadata)?;
            let (value, end) = wire::blob(data, key_end).map_err(metadata)?;
            match &data[key..key_end] {
                b"avro.schema" => schema = Some(&data[value..end]),
                b"avro.codec" => codec = Some((at, &data[value..end])),
                _ => {}
            }
            at = end;
        }
        if entries.end.is_some_and(|end| end != at) {
            return Err(container(start, "metadata: a block claims another size than its entries have".to_owned()));
        }
    }
    let schema = schema.ok_or_else(|| container(at, "metadata: no avro.schema".to_owned()))?;
    let codec = match codec {
        None => Codec::Null,
        Some((at, name)) => Codec::named(name).ok_or_else(|| {
            let name = String::from_utf8_lossy(&name[..name.len().min(60)]);
            container(at, format!("codec {name:?} is not one of {}", Codec::NAMES))
        })?,
    };
    let sync = wire::array(data, at).map_err(|_| container(at, "the data end in the sync marker".to_owned()))?;
    Ok(Header { schema, blocks: Blocks { data, at: at + SYNC, codec, sync } })
}

impl<'a> Blocks<'a> {
    /// Returns the next block, or `None` at the end. After a broken block, reading continues at the next one that can
    /// be found.
    pub(super) fn next(&mut self) -> Result<Option<Block<'a>>, AvroError> {
        if self.at == self.data.len() {
            return Ok(None);
        }
        let (start, end, alerts) = self.head().inspect_err(|_| self.seek())?;
        let at = std::mem::replace(&mut self.at, end + SYNC);
        let content = match &self.data[start..end] {
            [] if alerts == 0 => Ok(Cow::Borrowed(&[][..])),
            block => self.codec.inflate(block),
        };
        let content = content.map_err(|why| container(start, format!("block ({:?}): {why}", self.codec)))?;
        match usize::try_from(alerts) {
            Ok(alerts) => Ok(Some(Block { alerts, content, at })),
            Err(_) => Err(container(at, format!("a block of {} bytes claims to hold {alerts} alerts", content.len()))),
        }
    }

    /// Returns where the next block's data begin and end, and the number of alerts that it claims to have.
    fn head(&self) -> Result<(usize, usize, i64), AvroError> {
        let (data, at) = (self.data, self.at);
        let head = |fault: Fault| container(fault.at, format!("block: {}", fault.what));
        let (alerts, size_at) = wire::long(data, at).map_err(head)?;
        let (start, end) = wire::blob(data, size_at).map_err(head)?;
        let sync =
            wire::array(data, end).map_err(|_| container(end, "the data end in a block's sync marker".to_owned()))?;
        if self.sync != sync {
            return Err(container(end, "a block does not end with the sync marker".to_owned()));
        }
        Ok((start, end, alerts))
    }

    /// Moves to behind the next sync marker, or to the end of the data.
    fn seek(&mut self) {
        let rest = &self.data[self.at..];
        let marker = memchr::memmem::find(rest, &self.sync);
        self.at += marker.map_or(rest.len(), |marker| marker + SYNC);
    }
}

pub(super) fn container(offset: usize, why: String) -> AvroError {
    AvroError::Container { offset, why }
}
