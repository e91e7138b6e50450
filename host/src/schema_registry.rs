//! Looks up schemas in a schema registry, by Confluent's REST protocol
//! ([reference](https://docs.confluent.io/platform/current/schema-registry/develop/api.html); Karapace and Apicurio
//! support it, too).
//!
//! A [`Registry`] is asked for every message whose schema id is not known, while alerts wait. It limits how long it
//! takes and how much it reads, and does not ask again for an absent id, or at all while the registry can't be reached,
//! before a pause is over. A registry that can't be asked (it is down, overloaded or wants another password, or
//! something else answers at its address) says nothing about an id: whoever needs the schema waits. Only the registry's
//! own statement that it lacks an id, or that its schema is not one for alerts, decides over a message.

mod client;
mod fetch;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
mod http;
mod pauses;
#[cfg(test)]
mod tests;
mod waiting;

pub use client::Registry;
pub use waiting::Waiting;
