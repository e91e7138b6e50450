//! HTTP requests to other servers.
//!
//! | module | does |
//! | --- | --- |
//! | `address` | the address of a server, and the user as whom it is asked |
//! | `agent` | the settings that all clients share |
//! | `api_client` | asks a host's API, for commands that work on a running host |
//! | `events` | reads a stream of events |
//! | `relay` | passes requests on, for hosts that ask other hosts |

mod address;
mod agent;
mod api_client;
mod events;
mod relay;

pub use address::{Address, AddressError};
pub use agent::{CertificateError, agent};
pub use api_client::{ApiClient, ClientError, query, segment};
pub use events::{Events, ServerEvent};
pub use relay::{OpenAnswer, Relay, RelayAnswer, RelayError, Relayed};
pub use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};
