//! Where schemas are looked up that nobody named beforehand.

use std::fmt;

/// Looks schemas up by their Confluent ids: a schema registry.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// Looks an id up. What was found is remembered by whoever asks; everything else is asked for again, as often as
    /// messages come, so the resolver heeds how often it asks others. May wait some seconds.
    fn look_up(&self, id: u32) -> Lookup;
}

/// What a [`Resolver`] says of an id. None of it is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A schema's JSON, and the JSON of those that it refers to, directly or through others, in the order in which types
    /// are looked for.
    Found(String, Vec<String>),
    /// There is no schema of that id now; there may be one later.
    Unknown,
    /// There is one that no alert can be read with, and why.
    Unusable(String),
    /// It can't be told now, and why.
    Unavailable(String),
}
