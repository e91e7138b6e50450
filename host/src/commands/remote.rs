//! The running host that a command works on.

use clap::Args;

use super::common::UsageError;
use crate::http_client::{Address, ApiClient};

/// The running host that a command works on.
#[derive(Debug, Args)]
pub struct RemoteArgs {
    /// Address of the host's HTTP API, http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]
    #[arg(
        long,
        visible_alias = "host",
        value_name = "URL",
        env = "SKYSIEVE_SERVER",
        default_value = "http://127.0.0.1:8080",
        hide_env_values = true
    )]
    server: String,
}

impl RemoteArgs {
    /// A client of its API.
    ///
    /// # Errors
    /// Returns a [`UsageError`] if the address is malformed.
    pub fn client(&self) -> Result<ApiClient, UsageError> {
        let address = Address::parse(&self.server, None).map_err(|error| UsageError(format!("--server: {error}")))?;
        Ok(ApiClient::new(address))
    }
}
