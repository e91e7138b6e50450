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
        value_name = "URL",
        env = "SKYSIEVE_HOST",
        default_value = "http://127.0.0.1:8080",
        hide_env_values = true
    )]
    host: String,
}

impl RemoteArgs {
    /// A client of its API.
    ///
    /// # Errors
    /// Returns a [`UsageError`] if the address is malformed.
    pub fn client(&self) -> Result<ApiClient, UsageError> {
        let address = Address::parse(&self.host, None).map_err(|error| UsageError(format!("--host: {error}")))?;
        Ok(ApiClient::new(address))
    }
}
