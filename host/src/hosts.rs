//! The hosts that share a registry: which there are, which live, where a new filter goes, and asking another one.
//!
//! ```text
//!   Kafka: a topic of announcements ──▶ Directory: which hosts live, and under which address
//!                                          │
//!   API: a request about another's filter ─┴─▶ Hosts::forward ──▶ that host's API, which answers itself
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | `announcement` | what a host says of itself |
//! | `directory` | the newest announcement of each host; places new filters |
//! | `forward` | passes requests on to another host, once |
//! | `moving` | moves a filter between two hosts on one cluster, each of which may be this one |
//! | `remote` | a host at one end of a move that is asked over HTTP |

mod announcement;
mod directory;
mod forward;
mod moving;
mod remote;

pub use crate::http_client::{HeaderMap, OpenAnswer};
pub use announcement::Announcement;
pub use directory::{Directory, EVERY, HostEntry, Placing, SILENCE};
pub use forward::{FORWARDED, ForwardError, Forwarded, Hosts, TO};
pub use moving::{EndError, Held, MoveEnd, MoveError, Mover};
pub use remote::RemoteEnd;
