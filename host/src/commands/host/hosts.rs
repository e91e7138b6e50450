//! Other hosts with the same registry: how they reach this one, and how this one asks them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::http_client::Address;

/// Other hosts with the same registry.
#[derive(Debug, Args)]
pub struct OtherHostsArgs {
    /// Address under which other hosts with the same registry reach this host's HTTP API, http[s]://HOST[:PORT][/PATH]
    /// [default: that of --listen, unless it stands for all addresses of the machine]
    #[arg(long, value_name = "URL", env = "SKYSIEVE_ADVERTISE", value_parser = parse_url)]
    advertise: Option<Address>,
    /// Certificates (PEM) that vouch for those of other hosts, if they are not ones that the system trusts
    #[arg(long, value_name = "FILE", env = "SKYSIEVE_HOSTS_CA")]
    pub hosts_ca: Option<PathBuf>,
}

fn parse_url(text: &str) -> Result<Address, String> {
    match Address::parse(text, None) {
        Ok(address) if address.authorization().is_none() => Ok(address),
        Ok(_) => Err("it must not have a user or password: every host could read it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl OtherHostsArgs {
    /// The name in the address under which others reach this host.
    pub fn name(&self) -> Option<String> {
        self.advertise.as_ref().and_then(Address::host)
    }

    /// The address that others are told. `None`: none of the addresses that this host listens at is known to lead here.
    pub fn url(&self, listening: SocketAddr, has_tls: bool) -> Option<String> {
        if let Some(address) = &self.advertise {
            return Some(address.to_string());
        }
        let scheme = if has_tls { "https" } else { "http" };
        (!listening.ip().is_unspecified()).then(|| format!("{scheme}://{listening}"))
    }
}
