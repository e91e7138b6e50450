//! ZTF's alerts, version 4.02.

mod alert;
mod candidate;
mod catalogue;
mod detection;
mod forced;
mod frame;
mod gzip;
mod stamp;
#[cfg(test)]
mod tests;

pub use alert::{MOST_ALERTS, SCHEMA, Writer};
