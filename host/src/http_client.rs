//! HTTP requests to other servers.
//!
//! | module | does |
//! | --- | --- |
//! | `address` | the address of a server, and the user as whom it is asked |
//! | `agent` | the settings that all clients share |
//! | `api_client` | asks a host's API, for commands that work on a running host |

mod address;
mod agent;
mod api_client;

pub use address::{Address, AddressError};
pub use agent::agent;
pub use api_client::{ApiClient, ClientError, query, segment};
