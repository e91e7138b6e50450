//! The subcommands: each puts the parts together.

pub mod build;
pub mod new;
