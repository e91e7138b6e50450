//! How the host's HTTP API is reached.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use crate::api::{ApiConfig, Tls};
use crate::catalog::Catalog;
use crate::commands::common::RunnerArgs;
use crate::hosts::Hosts;

/// How the host's HTTP API is reached.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// Address of the HTTP API
    #[arg(long, value_name = "ADDR", env = "SKYSIEVE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// A name under which clients reach the HTTP API; may be given several times. Addresses and names without a dot need
    /// not be given. Requests to other names are refused, because a page that somebody is looking at could have sent them
    #[arg(long, value_name = "NAME", env = "SKYSIEVE_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// A certificate (PEM) for the HTTP API, followed by those that vouch for it. It is read again when the file changes
    #[arg(long, value_name = "FILE", env = "SKYSIEVE_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The folder of predefined filters (`skysieve catalog`): NAME.wasm and, if it needs a config, NAME.toml beside it
    /// [default: share/skysieve/filters beside the program's folder, or in /usr]
    #[arg(long, value_name = "DIR", env = "SKYSIEVE_CATALOG")]
    catalog: Option<PathBuf>,
    /// The certificate's key (PEM, without a password)
    #[arg(long, value_name = "FILE", env = "SKYSIEVE_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    runners: RunnerArgs,
}

impl ApiArgs {
    /// The settings of the API. `name` is that under which other hosts reach it.
    ///
    /// # Errors
    /// Returns an error if the certificate or its key can't be used.
    pub fn config(&self, hosts: Option<Arc<Hosts>>, name: Option<String>) -> anyhow::Result<ApiConfig> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Arc::new(Tls::load(certificate, key).context("--tls-cert")?)),
            _ => None,
        };
        let names = self.allow_host.iter().cloned().chain(name).collect();
        let catalog = Catalog::find(self.catalog.as_deref());
        Ok(ApiConfig { names, tls, hosts, catalog, runners: self.runners.runners(), ..ApiConfig::default() })
    }
}
