//! The subcommands: each puts the parts together.
