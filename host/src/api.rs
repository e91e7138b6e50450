//! HTTP: uploads, status, metrics, health, and a page to look at.
//!
//! Whoever asks may be hostile: every wait and every buffer has a bound ([`ApiConfig`]), and a request that goes wrong
//! is answered with `{"error": {"code", "message"}}`.

mod error;
mod health;
mod metrics;
mod openapi;
mod page;
mod routes;
mod server;
#[cfg(test)]
mod tests;
mod upload;

pub use server::{ApiConfig, ApiError, serve};
