//! Avro bytes to columns: framing, schemas, and a decoder that reads only the fields asked for.
//!
//! [`Schemas`] knows the writers' schemas and takes a message apart ([`Schemas::frame`]); a [`Projection`] gathers the
//! fields of all filters; a [`Decoder`] turns framed alerts into [`Column`](alert::Column)s. What comes from
//! outside is hostile until proven otherwise: no panic, no allocation on the word of a length field, bounded time.
//!
//! | module | does |
//! | --- | --- |
//! | `schema`, `parse`, `folder` | a writer's schema as a graph of types, from JSON, from files |
//! | `container`, `codec`, `gzip`, `framing` | messages and files to alerts |
//! | `path`, `hints`, `outline`, `projection`, `fit` | the fields asked for, and what schemas have of them |
//! | `open` | kinds that a schema leaves to each alert |
//! | `edit`, `to_json`, `wrap` | alerts changed, as JSON, and put into a framing |
//! | `plan`, `compile`, `exec`, `columns`, `decoder` | schema and fields to a program; program and alert to columns |
//! | `select` | single values of an alert, of any type, as JSON |
//! | `resolver` | where schemas are looked up that nobody named beforehand |
//! | `wire`, `walk` | the binary encoding, value by value; a walk over a whole alert, which checks all of it |

pub mod alert;
mod codec;
mod columns;
mod compile;
mod container;
mod decoder;
mod edit;
mod error;
mod exec;
mod fit;
mod folder;
mod framing;
mod gzip;
mod hints;
mod open;
mod outline;
mod parse;
mod path;
mod plan;
mod projection;
mod resolver;
mod schema;
mod schemas;
mod select;
#[cfg(test)]
mod tests;
mod to_json;
mod walk;
mod wire;
mod wrap;

use std::borrow::Cow;

pub use decoder::{Decoded, Decoder, Group, Lacking};
pub use edit::Change;
pub use error::{AvroError, FieldError, SchemaError};
pub use fit::{FieldWarning, Fit, fit};
pub use framing::Alerts;
pub use gzip::{gunzip, is_gzip};
pub use outline::{Locator, Outline, OutlineField};
pub use projection::{Projection, check_field};
pub use resolver::{Lookup, Resolver};
pub use schemas::Schemas;
pub use select::{BlobStyle, Selector};
pub use wrap::Wrapper;

/// A schema known to a [`Schemas`]; never given to another one. Those of containers and registries may be forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SchemaId(u64);

/// One alert taken out of its framing.
#[derive(Clone, Debug)]
pub struct Framed<'a> {
    /// The schema that it was written with.
    pub schema: SchemaId,
    /// The alert, in Avro's binary encoding. Owned only when it was compressed.
    pub datum: Cow<'a, [u8]>,
}
