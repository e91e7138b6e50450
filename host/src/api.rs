//! The HTTP API: uploads, status, metrics, health, and a page to look at.
//!
//! Clients may be hostile, so every wait and every buffer has a limit ([`ApiConfig`]). Errors are answered with
//! problem documents (RFC 9457), which have a `code` for programs.

mod config;
mod error;
mod filters;
mod guard;
mod health;
mod jobs;
mod metrics;
mod moving;
mod openapi;
mod page;
mod query;
mod routes;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod tls;
mod upload;

pub use config::ApiConfig;
pub use server::{ApiError, serve};
pub use tls::{Tls, TlsError};
