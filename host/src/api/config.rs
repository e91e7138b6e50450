//! What the API grants its clients.

use std::time::Duration;

use skysieve_sandbox::limits::MODULE_BYTES;

/// What the API grants its clients.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Bytes of one module.
    pub max_module: usize,
    /// Uploads at the same time; each may hold twice [`ApiConfig::max_module`] in memory. Others are told to come back.
    pub uploads: usize,
    /// Open connections; others wait in the listener's backlog.
    pub connections: usize,
    /// Time to send a request's headers, and time that a connection may idle.
    pub header_time: Duration,
    /// Time that an upload may stand still.
    pub stall_time: Duration,
    /// Time to send a whole upload.
    pub upload_time: Duration,
    /// Time that a connection may be used; then it is closed between two requests.
    pub connection_time: Duration,
    /// Time that requests have to end once the server stops.
    pub drain_time: Duration,
}

impl Default for ApiConfig {
    fn default() -> ApiConfig {
        ApiConfig {
            max_module: MODULE_BYTES,
            uploads: 4,
            connections: 256,
            header_time: Duration::from_secs(20),
            stall_time: Duration::from_secs(30),
            upload_time: Duration::from_secs(300),
            connection_time: Duration::from_secs(600),
            drain_time: Duration::from_secs(3),
        }
    }
}
