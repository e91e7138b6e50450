//! Takes messages and files apart into alerts.

use std::borrow::Cow;
use std::sync::Arc;

use super::container::{self, Block, Blocks, container};
use super::error::AvroError;
use super::framed::{Framed, SchemaId};
use super::schema::Schema;
use super::walk::{self, Located};

/// How many bytes of a message with neither framing are shown.
const SHOWN: usize = 8;
/// How many alerts without any bytes (all their fields are null) one file may have.
const MAX_EMPTY: usize = 1 << 20;
/// How many broken blocks of one file are reported. More than that is no accident.
const MAX_BROKEN: usize = 1000;

/// How a message is framed.
pub(super) enum Framing<'a> {
    /// Confluent's wire format: the schema id, and the alert.
    Wire(u32, &'a [u8]),
    /// An object container file.
    Container(container::Header<'a>),
}

impl<'a> Framing<'a> {
    /// Recognises the framing by the first bytes.
    pub(super) fn of(message: &'a [u8]) -> Result<Framing<'a>, AvroError> {
        match message {
            [] => Err(AvroError::Empty),
            &[0, a, b, c, d, ref alert @ ..] => Ok(Framing::Wire(u32::from_be_bytes([a, b, c, d]), alert)),
            [0, ..] => Err(AvroError::Cut { bytes: message.len() }),
            _ if message.starts_with(container::MAGIC) => container::open(message).map(Framing::Container),
            _ => Err(AvroError::Unframed { begins: message[..message.len().min(SHOWN)].to_vec() }),
        }
    }
}

/// The alerts of a message or file, in their order. A broken part is an item of its own. The alerts behind it are found
/// by their lengths, or behind the sync marker that precedes the next block of a container. Iteration ends behind the
/// last alert, or where nothing more can be found.
pub struct Alerts<'a> {
    inner: Inner<'a>,
    /// The number of the alert returned last, counted from 1. Alerts that can't be found are counted, too.
    number: u64,
}

enum Inner<'a> {
    /// A single alert, or an error.
    Once(Option<Result<Framed<'a>, AvroError>>),
    Container(InContainer<'a>),
}

/// The alerts of a container that have yet to be read.
struct InContainer<'a> {
    id: SchemaId,
    schema: Arc<Schema>,
    blocks: Blocks<'a>,
    /// A block of several alerts, and the offset of the next one in it.
    current: Option<(Block<'a>, usize)>,
    /// How many alerts behind the one returned last can't be found.
    lost: u64,
    /// How many alerts without bytes may still be returned, and how many blocks may still be broken. Neither has to
    /// take any room in the file, so their number needs a bound.
    empty: usize,
    broken: usize,
}

impl<'a> Alerts<'a> {
    /// A single alert, or the error in its place.
    pub(super) fn once(alert: Result<Framed<'a>, AvroError>) -> Alerts<'a> {
        Alerts { inner: Inner::Once(Some(alert)), number: 0 }
    }

    /// The alerts of a container.
    pub(super) fn container(id: SchemaId, schema: Arc<Schema>, blocks: Blocks<'a>) -> Alerts<'a> {
        let (current, lost, empty, broken) = (None, 0, MAX_EMPTY, MAX_BROKEN);
        Alerts { inner: Inner::Container(InContainer { id, schema, blocks, current, lost, empty, broken }), number: 0 }
    }

    /// Describes an error, with the number of the alert that was returned last if the error is its own and the file may
    /// have others.
    pub fn tell(&self, error: &AvroError) -> String {
        self.place(error).map_or_else(|| error.to_string(), |number| format!("alert {number} of the file: {error}"))
    }

    /// The number of the alert returned last, counted from 1, if the error is its own and the file may have others.
    pub fn place(&self, error: &AvroError) -> Option<u64> {
        let own = matches!((&self.inner, error), (Inner::Container(_), AvroError::Datum { .. }));
        own.then_some(self.number)
    }
}

impl<'a> Iterator for Alerts<'a> {
    type Item = Result<Framed<'a>, AvroError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.inner {
            Inner::Once(alert) => alert.take(),
            Inner::Container(alerts) => {
                self.number += std::mem::take(&mut alerts.lost);
                let next = alerts.next().transpose();
                self.number += u64::from(matches!(next, Some(Ok(_) | Err(AvroError::Datum { .. }))));
                next
            }
        }
    }
}

impl<'a> InContainer<'a> {
    fn next(&mut self) -> Result<Option<Framed<'a>>, AvroError> {
        loop {
            if let Some((block, at)) = &mut self.current {
                if block.alerts > 0 {
                    match walk::end(&self.schema, &block.content, *at) {
                        Ok(end) => {
                            let datum = part(&block.content, *at, end);
                            block.alerts -= 1;
                            *at = end;
                            return Ok(Some(Framed { schema: self.id, datum }));
                        }
                        Err(located) => return Err(self.lose(located)),
                    }
                }
                if *at != block.content.len() {
                    let (rest, at) = (block.content.len() - *at, block.at);
                    self.current = None;
                    return Err(container(at, format!("{rest} bytes follow the last alert of a block")));
                }
            }
            self.current = None;
            if self.broken == 0 {
                return Ok(None);
            }
            let block = self.blocks.next().and_then(|block| block.map(|block| self.plausible(block)).transpose());
            match block.inspect_err(|_| self.broken -= 1)? {
                None => return Ok(None),
                // The alert ends where the block ends: there is no need to look for its end.
                Some(Block { alerts: 1, content, .. }) => {
                    return Ok(Some(Framed { schema: self.id, datum: content }));
                }
                Some(block) => self.current = Some((block, 0)),
            }
        }
    }

    /// Refuses a block that is too small for the number of its alerts.
    fn plausible(&mut self, block: Block<'a>) -> Result<Block<'a>, AvroError> {
        let Block { alerts, ref content, at } = block;
        let free = self.schema.size(self.schema.root) == Some(0);
        if alerts > content.len() && !(free && alerts <= self.empty) {
            return Err(container(at, format!("a block of {} bytes claims to hold {alerts} alerts", content.len())));
        }
        if free {
            self.empty = self.empty.saturating_sub(alerts);
        }
        Ok(block)
    }

    /// Gives up on the rest of a block: nobody knows where the next alert in it ends, and so where the others begin.
    fn lose(&mut self, located: Located) -> AvroError {
        let error = datum(&self.schema, located);
        let Some((block, _)) = self.current.take() else { return error };
        self.broken = self.broken.saturating_sub(1);
        self.lost = block.alerts as u64 - 1;
        match (error, self.lost) {
            (AvroError::Datum { schema, field, offset, why }, lost @ 1..) => {
                let why = format!("{why}; the {lost} alerts behind it in the block can't be found");
                AvroError::Datum { schema, field, offset, why }
            }
            (error, _) => error,
        }
    }
}

/// A part of a block's content; it is copied if the content was inflated.
fn part<'a>(content: &Cow<'a, [u8]>, start: usize, end: usize) -> Cow<'a, [u8]> {
    match content {
        Cow::Borrowed(content) => Cow::Borrowed(&content[start..end]),
        Cow::Owned(content) => Cow::Owned(content[start..end].to_vec()),
    }
}

/// Returns the error that describes a fault in an alert.
pub(super) fn datum(schema: &Schema, located: Located) -> AvroError {
    let Located { fault, field } = located;
    AvroError::Datum { schema: schema.name.clone(), field, offset: fault.at, why: fault.what.to_string() }
}
