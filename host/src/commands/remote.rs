//! The running host that a command works on.

use std::path::PathBuf;

use clap::Args;

use super::common::UsageError;
use super::secret::secret;
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
    #[command(flatten)]
    token: TokenFile,
}

/// The running host, and how its answer is printed.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
    /// Print the host's answer as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// The token with which a host is asked.
#[derive(Debug, Args)]
pub struct TokenFile {
    /// A file with the token with which the host is asked. The variable SKYSIEVE_TOKEN may have the token itself
    #[arg(long, value_name = "FILE", env = "SKYSIEVE_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

impl TokenFile {
    /// A client of the API at an address. `flag` is the one that has named it.
    ///
    /// # Errors
    /// Returns a [`UsageError`] if the address is malformed, or the token can't be read.
    pub fn client(&self, flag: &str, address: &str) -> Result<ApiClient, UsageError> {
        let address = Address::parse(address, None).map_err(|error| UsageError(format!("{flag}: {error}")))?;
        let token = secret("--token-file", self.token_file.as_deref(), "SKYSIEVE_TOKEN")?;
        let wrong = || UsageError("the token is malformed: it has spaces or letters that no token has".to_owned());
        match token {
            None => Ok(ApiClient::new(address)),
            Some(token) => ApiClient::with_token(address, &token).ok_or_else(wrong),
        }
    }
}

impl RemoteArgs {
    /// A client of its API.
    ///
    /// # Errors
    /// Returns a [`UsageError`] if the address is malformed.
    pub fn client(&self) -> Result<ApiClient, UsageError> {
        self.client_at("--server", &self.server)
    }

    /// A client of the API at another address, which `flag` has named, with the same token.
    ///
    /// # Errors
    /// As [`RemoteArgs::client`].
    pub fn client_at(&self, flag: &str, address: &str) -> Result<ApiClient, UsageError> {
        self.token.client(flag, address)
    }
}
