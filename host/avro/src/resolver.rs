//! Looking up schemas that were not named beforehand.

use std::fmt;

/// Looks schemas up by their Confluent ids, as a schema registry does.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// Looks an id up. The caller remembers what was found. Anything else is asked for again with every message, so the
    /// resolver has to limit how often it asks others. May wait some seconds.
    fn look_up(&self, id: u32) -> Lookup;
}

/// The answer of a [`Resolver`] for an id. None of it is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A schema's JSON, and the JSON of all schemas that it refers to, directly or indirectly, in the order in which
    /// types are looked for.
    Found(String, Vec<String>),
    /// There is no schema of that id now; there may be one later.
    Unknown,
    /// There is a schema, but no alert can be read with it, for this reason.
    Unusable(String),
    /// The schema can't be looked up at the moment, for this reason.
    Unavailable(String),
}
