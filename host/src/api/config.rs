//! The limits of the API.

use std::sync::Arc;
use std::time::Duration;

use super::tls::Tls;
use crate::catalog::Catalog;
use crate::filters::Runners;
use crate::hosts::Hosts;
use skysieve_sandbox::limits::MODULE_BYTES;

/// The limits of the API.
#[derive(Clone)]
pub struct ApiConfig {
    /// Names under which clients reach this host, beside addresses and names without a dot. Others are refused, because a
    /// foreign page could have them.
    pub names: Vec<String>,
    /// The certificate; without one, connections are not encrypted.
    pub tls: Option<Arc<Tls>>,
    /// The other hosts with the same registry. `None`: there is no registry.
    pub hosts: Option<Arc<Hosts>>,
    /// The predefined filters. `None`: there are none.
    pub catalog: Option<Arc<Catalog>>,
    /// The runners of filters that are given as text.
    pub runners: Runners,
    /// The size of one module in bytes.
    pub max_module: usize,
    /// The number of concurrent uploads. Each of them may take twice [`ApiConfig::max_module`] of memory. Further
    /// clients are told to try again later.
    pub uploads: usize,
    /// The number of open connections. Further ones wait in the listener's backlog.
    pub connections: usize,
    /// The number of streams of events that are open at a time. Each takes one of the connections.
    pub streams: usize,
    /// The number of those that one user may have.
    pub streams_each: usize,
    /// How often it is checked whether a stream may go on.
    pub check_time: Duration,
    /// How long a client may take to send a request's headers, and how long a connection may be idle.
    pub header_time: Duration,
    /// How long an upload may pause.
    pub stall_time: Duration,
    /// How long a whole upload may take.
    pub upload_time: Duration,
    /// How long a connection may be used; after that, it is closed between two requests.
    pub connection_time: Duration,
    /// How long requests may take to end once the server stops.
    pub drain_time: Duration,
}

impl Default for ApiConfig {
    fn default() -> ApiConfig {
        ApiConfig {
            names: Vec::new(),
            tls: None,
            hosts: None,
            catalog: None,
            runners: Runners::default(),
            max_module: MODULE_BYTES,
            uploads: 4,
            connections: 256,
            streams: 64,
            streams_each: 8,
            check_time: Duration::from_secs(10),
            header_time: Duration::from_secs(20),
            stall_time: Duration::from_secs(30),
            upload_time: Duration::from_secs(300),
            connection_time: Duration::from_secs(600),
            drain_time: Duration::from_secs(3),
        }
    }
}
