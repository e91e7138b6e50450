//! Avro bytes to columns: framing, schemas, and a decoder that reads only the fields asked for.
//!
//! [`Schemas`] knows the writers' schemas and takes a message apart ([`Schemas::frame`]); a [`Projection`] gathers the
//! fields of all filters; a [`Decoder`] turns framed alerts into [`Column`](crate::alert::Column)s. What comes from
//! outside is hostile until proven otherwise: no panic, no allocation on the word of a length field, bounded time.

mod decoder;
mod error;
mod projection;
mod schemas;

use std::borrow::Cow;

pub use decoder::{Decoded, Decoder, Group};
pub use error::{AvroError, FieldError, SchemaError};
pub use projection::{Projection, check_field};
pub use schemas::Schemas;

/// A schema known to a [`Schemas`], for as long as that lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SchemaId(u32);

/// One alert taken out of its framing.
#[derive(Clone, Debug)]
pub struct Framed<'a> {
    /// The schema that it was written with.
    pub schema: SchemaId,
    /// The alert, in Avro's binary encoding. Owned only when it was compressed.
    pub datum: Cow<'a, [u8]>,
}
