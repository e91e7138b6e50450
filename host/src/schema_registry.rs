//! Schemas from a schema registry, by Confluent's REST protocol
//! ([reference](https://docs.confluent.io/platform/current/schema-registry/develop/api.html); Karapace and Apicurio speak
//! it too). HTTP is asked nowhere else.
//!
//! A [`Registry`] is asked where a message's schema id is not known, on the way of every alert: it bounds how long it
//! takes and how much it reads, and does not ask anew for an id that is absent, or while the registry is out of reach,
//! before a pause is over. A registry that can't be asked (it is away, is overloaded, wants another password, or what
//! answers is none) says nothing of an id: whoever needs the schema waits. Only the registry's own word that it lacks an id,
//! or has a schema that is none for alerts, decides over a message.

mod address;
mod client;
mod fetch;
mod http;
mod pauses;
#[cfg(test)]
mod tests;
mod waiting;

pub use address::{Address, AddressError};
pub use client::Registry;
pub use waiting::Waiting;
