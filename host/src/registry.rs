//! The registry: uploaded filters that outlive the process. Where it is kept, a [`Store`] knows.
//!
//! ```text
//!   API ── Keeper (Control) ── Registry::change ── Store: one transaction ──▶ topics of filters and modules
//!             │                    │ Records: the newest record of each filter     │
//!             │                    └────────────── follows ◀──────────────────────┘
//!             └── Runner: the pipeline, brought in step with the records
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | `record` | what is kept of a filter, and its JSON |
//! | `kind`, `newest` | the kinds of records, filters and tokens, and the newest ones of a kind |
//! | `records` | the newest record of each filter and token, from what is read and what was written |
//! | `rules` | what each change makes of a record, or why it is refused |
//! | `pieces` | modules and large configs, cut into pieces that brokers take |
//! | `store`, `memory` | where it is kept; the same in memory, for tests |
//! | `writer` | makes changes, so that none is lost |
//! | `tokens` | the requests about tokens |
//! | `allowance` | how much a user has, and whether there may be more |
//! | `keeper` | the requests about filters: kept first, then passed to the pipeline, which runs what the records say |
//! | `describe` | filters and versions, described for others |

mod allowance;
mod describe;
mod keeper;
mod kind;
mod memory;
mod names;
mod newest;
mod pieces;
mod record;
mod records;
mod rules;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod writer;

pub use keeper::Keeper;
pub use memory::{Fault, MemoryStore, Shared};
pub use pieces::{PIECE, Pieces};
pub use record::{Blob, FORMAT, FilterRecord, RECORD_BYTES, VERSIONS, Version};
pub use records::Records;
pub use store::{Blobs, Raw, Store, StoreError, Write};
pub use writer::{CHANGE_TIME, Registry};
