//! Messages and files to alerts.

use std::borrow::Cow;
use std::sync::Arc;

use super::container::{self, Block, Blocks, container};
use super::schema::Schema;
use super::walk::{self, Located};
use super::{AvroError, Framed, SchemaId};

/// Bytes that are shown of what is neither.
const SHOWN: usize = 8;

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

/// The alerts of a message or file; ends after the first error.
pub(super) enum Alerts<'a> {
    /// There is one, or nothing but an error.
    Once(Option<Result<Framed<'a>, AvroError>>),
    Container(InContainer<'a>),
}

/// The alerts of a container that are still to be read.
pub(super) struct InContainer<'a> {
    pub(super) id: SchemaId,
    pub(super) schema: Arc<Schema>,
    pub(super) blocks: Blocks<'a>,
    /// A block of several alerts, and where the next one begins in it.
    pub(super) current: Option<(Block<'a>, usize)>,
}

impl<'a> Iterator for Alerts<'a> {
    type Item = Result<Framed<'a>, AvroError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self {
            Alerts::Once(alert) => return alert.take(),
            Alerts::Container(alerts) => alerts.next().transpose(),
        };
        if !matches!(next, Some(Ok(_))) {
            *self = Alerts::Once(None);
        }
        next
    }
}

impl<'a> InContainer<'a> {
    fn next(&mut self) -> Result<Option<Framed<'a>>, AvroError> {
        loop {
            if let Some((block, at)) = &mut self.current {
                if block.alerts > 0 {
                    let end =
                        walk::end(&self.schema, &block.content, *at).map_err(|located| datum(&self.schema, located))?;
                    let datum = part(&block.content, *at, end);
                    block.alerts -= 1;
                    *at = end;
                    return Ok(Some(Framed { schema: self.id, datum }));
                }
                if *at != block.content.len() {
                    let rest = block.content.len() - *at;
                    return Err(container(block.at, format!("{rest} bytes follow the last alert of a block")));
                }
            }
            match self.blocks.next()? {
                None => return Ok(None),
                // Its end is the block's: no need to look for it.
                Some(Block { alerts: 1, content, .. }) => {
                    self.current = None;
                    return Ok(Some(Framed { schema: self.id, datum: content }));
                }
                Some(block) => self.current = Some((block, 0)),
            }
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
