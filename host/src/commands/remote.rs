//! The running host that a command works on.

use std::path::{Path, PathBuf};

use clap::Args;

use super::common::UsageError;
use super::defaults::read;
use super::profiles::{self, Profile};
use super::secret::{secret, warn_if_shared};
use crate::http_client::{Address, ApiClient};

/// The host that is asked if nothing else is said.
const SERVER: &str = "http://127.0.0.1:8080";
/// The variable that may have the token.
const TOKEN: &str = "SKYSIEVE_TOKEN";

/// The running host that a command works on.
#[derive(Debug, Args)]
pub struct RemoteArgs {
    /// Address of the host's HTTP API, http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH] [default: that of the default profile, or
    /// http://127.0.0.1:8080]
    #[arg(long, visible_alias = "host", value_name = "URL", env = "SKYSIEVE_SERVER", hide_env_values = true)]
    server: Option<String>,
    /// Ask the host of this profile in ~/.config/skysieve/config.toml (or the file that SKYSIEVE_PROFILES names), with its
    /// token
    #[arg(long, value_name = "NAME", env = "SKYSIEVE_PROFILE")]
    profile: Option<String>,
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
        self.client_by(flag, address, None)
    }

    /// The same, with a file for the token if no other one is given.
    fn client_by(&self, flag: &str, address: &str, token_file: Option<&Path>) -> Result<ApiClient, UsageError> {
        let address = Address::parse(address, None).map_err(|error| UsageError(format!("{flag}: {error}")))?;
        let (flag, file) = match (self.token_file.as_deref(), token_file) {
            (None, Some(file)) if std::env::var_os(TOKEN).is_none_or(|token| token.is_empty()) => {
                ("token_file of the profile:", Some(file))
            }
            (given, _) => ("--token-file", given),
        };
        let token = secret(flag, file, TOKEN)?;
        file.iter().for_each(|file| warn_if_shared(file));
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
    /// Returns a [`UsageError`] if the address is malformed, or if there is no such profile.
    pub fn client(&self) -> Result<ApiClient, UsageError> {
        // A profile's token is for its own host.
        let profile = match (&self.server, &self.profile) {
            (Some(server), None) => return self.client_at("--server", server),
            (Some(_), Some(name)) => {
                return Err(UsageError(format!(
                    "both a server (--server, SKYSIEVE_SERVER) and a profile ({name}) are given: give one of them"
                )));
            }
            (None, name) => profiles::find(name.as_deref())?,
        };
        let Some(Profile { server, token_file, ca }) = profile else { return self.client_at("--server", SERVER) };
        let client = self.token.client_by("server of the profile", &server, token_file.as_deref())?;
        let Some(ca) = ca else { return Ok(client) };
        let wrong = |why: String| UsageError(format!("ca of the profile: {}: {why}", ca.display()));
        let certificates = read(&ca).map_err(wrong)?;
        client.trusting(certificates.as_bytes()).map_err(|error| wrong(error.to_string()))
    }

    /// A client of the API at another address, which `flag` has named, with the same token.
    ///
    /// # Errors
    /// As [`RemoteArgs::client`].
    pub fn client_at(&self, flag: &str, address: &str) -> Result<ApiClient, UsageError> {
        self.token.client(flag, address)
    }
}
