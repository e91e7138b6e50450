//! Decodes Avro bytes into columns: framing, schemas, and a decoder that reads only the fields that are asked for.
//!
//! [`Schemas`] knows the writers' schemas and takes messages apart ([`Schemas::frame`]); a [`Projection`] collects the
//! fields of all filters; a [`Decoder`] turns framed alerts into [`Column`](alert::Column)s. Input from outside counts
//! as hostile until proven otherwise: nothing panics, nothing is allocated on the word of a length field, and time is
//! bounded.
//!
//! | module | does |
//! | --- | --- |
//! | `schema`, `parse`, `folder` | turn JSON and files into a writer's schema: a graph of types |
//! | `container`, `codec`, `gzip`, `framing`, `framed` | take messages and files apart into alerts |
//! | `path`, `hints`, `outline`, `projection`, `fit` | hold the fields asked for, and find them in schemas |
//! | `open` | finds the kind of a field for each alert, where the schema leaves it open |
//! | `edit`, `to_json`, `wrap` | change alerts, print them as JSON, and put them into a framing |
//! | `plan`, `compile`, `exec`, `columns`, `group`, `decoder` | compile schema and fields into a program that fills columns |
//! | `select` | finds single values of an alert, of any type, and prints them as JSON |
//! | `resolver` | looks up schemas that were not named beforehand |
//! | `wire`, `walk` | read the binary encoding value by value; walk over a whole alert and check all of it |

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
mod framed;
mod framing;
mod group;
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

pub use decoder::{Decoded, Decoder, MAX_COLUMN_BYTES};
pub use edit::Change;
pub use error::{AvroError, FieldError, SchemaError};
pub use fit::{FieldWarning, Fit, fit};
pub use framed::{Framed, SchemaId};
pub use framing::Alerts;
pub use group::{Group, Lacking, Unread};
pub use gzip::{gunzip, is_gzip};
pub use outline::{Locator, Outline, OutlineField};
pub use projection::{Projection, check_field};
pub use resolver::{Lookup, Resolver};
pub use schemas::Schemas;
pub use select::{BlobStyle, Selector};
pub use wrap::Wrapper;
