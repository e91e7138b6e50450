//! LSST's alerts, version 11.1.

mod alert;
mod dia_object;
mod source;
mod sso;
mod stamp;
#[cfg(test)]
mod tests;

pub use alert::{InVisit, MOST_ALERTS, SCHEMA, Writer};
