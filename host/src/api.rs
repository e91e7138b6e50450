//! The HTTP API: uploads, status, metrics, health, and a page to look at.
//!
//! Clients may be hostile, so every wait and every buffer has a limit ([`ApiConfig`]). Errors are answered with
//! problem documents (RFC 9457), which have a `code` for programs.
//!
//! Each request passes `guard`, which knows foreign pages, and `admission`, which asks `gate` who has sent it, and `rights` what
//! it asks for. Handlers get at the host through [`Permitted`](permitted::Permitted) only, which shows and changes what is the
//! caller's. `audit` records changes. Where several hosts have one registry, `forward` passes requests on to the host that a
//! filter belongs to, `relay` streams of events, and `place` decides which host takes a new one.

mod admission;
mod audit;
mod caller;
mod catalog;
mod config;
mod error;
mod events;
mod filters;
mod forward;
mod gate;
mod guard;
mod health;
mod hosts;
mod jobs;
mod json;
mod listing;
mod metrics;
mod moving;
mod openapi;
mod page;
mod passed_on;
mod permitted;
mod place;
mod query;
mod relay;
mod reports;
mod revision;
mod rights;
mod routes;
mod server;
mod shadow;
mod state;
mod streams;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;
mod told;
mod upload;
mod versions;

pub use config::ApiConfig;
pub use server::{ApiError, serve};
pub use tls::{Tls, TlsError};
