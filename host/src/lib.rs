//! Skysieve: many users' WebAssembly filters over a sky survey's alert stream, which is decoded once for all of them.

pub mod access;
pub mod api;
pub mod catalog;
pub mod commands;
pub mod filters;
pub mod health;
pub mod heap;
pub mod hosts;
pub mod http_client;
pub mod jobs;
pub mod kafka;
pub mod pipeline;
pub mod registry;
pub mod schema_registry;
