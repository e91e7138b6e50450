//! Messages and files to alerts.

use std::borrow::Cow;
use std::sync::Arc;

use super::container::{self, Block, Blocks, container};
use super::schema::Schema;
use super::walk::{self, Located};
use super::{AvroError, Framed, SchemaId};

/// Bytes that are shown of what is neither.
const SHOWN: usize = 8;
/// Alerts of no byte (all their fields are null) in one file.
const MAX_EMPTY: usize = 1 << 20;
/// Broken blocks of one file that are told. So many are no accident.
const MAX_BROKEN: usize = 1000;

/// How a message is framed.
pub(super) enum Framing<'a> {
    /// Confluent's wire format: schema id and alert.
    Wire(u32, &'a [u8]),
    /// An object container file.
    Container(container::Header<'a>),
}

impl<'a> Framing<'a> {
    /// Tells the framing by the first bytes.
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

/// The alerts of a message or file, in their order. What is broken is an item of its own; those behind it are found by their
/// lengths, or by the sync marker that the next block of a container stands behind. Ends behind the last one, or where
/// nothing more can be found.
pub struct Alerts<'a> {
    inner: Inner<'a>,
    /// Of the alert given last, from 1; those that can't be found are counted, too.
    number: u64,
}

enum Inner<'a> {
    /// There is one, or nothing but an error.
    Once(Option<Result<Framed<'a>, AvroError>>),
    Container(InContainer<'a>),
}

/// The alerts of a container that are still to be read.
struct InContainer<'a> {
    id: SchemaId,
    schema: Arc<Schema>,
    blocks: Blocks<'a>,
    /// A block of several alerts, and where the next one begins in it.
    current: Option<(Block<'a>, usize)>,
    /// Alerts that can't be found, behind the one given last.
    lost: u64,
    /// Alerts without a byte that may still be given, and blocks that may still be broken: neither has to take any room.
    empty: usize,
    broken: usize,
}

impl<'a> Alerts<'a> {
    /// The only one, or what is wrong.
    pub(super) fn once(alert: Result<Framed<'a>, AvroError>) -> Alerts<'a> {
        Alerts { inner: Inner::Once(Some(alert)), number: 0 }
    }

    /// Those of a container.
    pub(super) fn container(id: SchemaId, schema: Arc<Schema>, blocks: Blocks<'a>) -> Alerts<'a> {
        let (current, lost, empty, broken) = (None, 0, MAX_EMPTY, MAX_BROKEN);
        Alerts { inner: Inner::Container(InContainer { id, schema, blocks, current, lost, empty, broken }), number: 0 }
    }

    /// An error of the alert given last, or of reading it, with its number if there may be others in the file.
    pub fn tell(&self, error: &AvroError) -> String {
        self.place(error).map_or_else(|| error.to_string(), |number| format!("alert {number} of the file: {error}"))
    }

    /// The number of the alert given last, counted from 1, if the error is its own and there may be others in the file.
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
                // Its end is the block's: no need to look for it.
                Some(Block { alerts: 1, content, .. }) => {
                    return Ok(Some(Framed { schema: self.id, datum: content }));
                }
                Some(block) => self.current = Some((block, 0)),
            }
        }
    }

    /// Refuses a block that has no room for its alerts.
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

    /// Nobody knows where the alert ends that is next in this block, and so where the others begin.
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

/// Part of a block's content; copied when the content was inflated.
fn part<'a>(content: &Cow<'a, [u8]>, start: usize, end: usize) -> Cow<'a, [u8]> {
    match content {
        Cow::Borrowed(content) => Cow::Borrowed(&content[start..end]),
        Cow::Owned(content) => Cow::Owned(content[start..end].to_vec()),
    }
}

/// The error that tells of a fault in an alert.
pub(super) fn datum(schema: &Schema, located: Located) -> AvroError {
    let Located { fault, field } = located;
    AvroError::Datum { schema: schema.name.clone(), field, offset: fault.at, why: fault.what.to_string() }
}
