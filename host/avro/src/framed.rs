//! An alert out of its framing, and the id of its schema.

use std::borrow::Cow;

/// The id of a schema within one [`Schemas`](super::Schemas). Ids are never reused. Schemas of containers and registries may be
/// forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SchemaId(pub(super) u64);

/// One alert, taken out of its framing.
#[derive(Clone, Debug)]
pub struct Framed<'a> {
    /// The schema that it was written with.
    pub schema: SchemaId,
    /// The alert in Avro's binary encoding. It is owned only if it was compressed.
    pub datum: Cow<'a, [u8]>,
}
