//! Other hosts with the same registry: how they reach this one, and how this one asks them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use parking_lot::Mutex;

use super::args::HostArgs;
use crate::commands::common::{UsageError, read_file};
use crate::filters::Control;
use crate::hosts::{Announcement, Directory, Hosts};
use crate::http_client::{Address, Relay};
use crate::kafka::{HostsTopic, Options};
use crate::pipeline::Handle;

/// Other hosts with the same registry.
#[derive(Debug, Args)]
pub struct OtherHostsArgs {
    /// Address under which other hosts with the same registry reach this host's HTTP API, http[s]://HOST[:PORT][/PATH]
    /// [default: that of --listen, unless it stands for all addresses of the machine]
    #[arg(long, value_name = "URL", env = "SKYSIEVE_ADVERTISE", value_parser = parse_url)]
    advertise: Option<Address>,
    /// Certificates (PEM) that vouch for those of other hosts, if they are not ones that the system trusts
    #[arg(long, value_name = "FILE", env = "SKYSIEVE_HOSTS_CA")]
    hosts_ca: Option<PathBuf>,
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
    fn url(&self, listening: SocketAddr, has_tls: bool) -> Option<String> {
        if let Some(address) = &self.advertise {
            return Some(address.to_string());
        }
        let scheme = if has_tls { "https" } else { "http" };
        (!listening.ip().is_unspecified()).then(|| format!("{scheme}://{listening}"))
    }
}

/// The other hosts with the same registry, of a host that has one.
#[derive(Clone, Default)]
pub struct OtherHosts {
    /// How they are asked.
    pub hosts: Option<Arc<Hosts>>,
    talk: Arc<Mutex<Option<HostsTopic>>>,
}

impl OtherHosts {
    /// Those of a host that has so many filters in its folder.
    ///
    /// # Errors
    /// Returns a [`UsageError`] if the certificates can't be used.
    pub fn new(args: &HostArgs, folder: usize) -> anyhow::Result<OtherHosts> {
        if !args.registry.is_kept() {
            return Ok(OtherHosts::default());
        }
        let ca = args.other_hosts.hosts_ca.as_deref().map(read_file).transpose().context("--hosts-ca")?;
        let relay = Relay::new(ca.as_deref()).map_err(|error| UsageError(format!("--hosts-ca: {error}")))?;
        let mut topics = args.topics.clone();
        topics.sort_unstable();
        topics.dedup();
        let own = Announcement {
            name: args.name.clone(),
            topics,
            output_prefix: args.output_prefix.clone(),
            folder,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Announcement::default()
        };
        let hosts = Hosts::new(Arc::new(Directory::new(own)), relay);
        Ok(OtherHosts { hosts: Some(Arc::new(hosts)), talk: Arc::default() })
    }

    /// Takes note of the address at which this host listens.
    pub fn listens(&self, args: &HostArgs, listening: SocketAddr, has_tls: bool) {
        let Some(hosts) = &self.hosts else { return };
        let url = args.other_hosts.url(listening, has_tls);
        if url.is_none() {
            tracing::info!(
                "other hosts with the same registry can't pass requests on to this one: give it an address with --advertise \
                 http://NAME:PORT"
            );
        }
        hosts.directory().change_own(|own| own.url = url);
    }

    /// Announces this host, now that it can take filters, and listens to the others.
    ///
    /// # Errors
    /// Returns an error if no thread can be started.
    pub fn open(&self, args: &HostArgs, options: &Options, handle: &Handle) -> anyhow::Result<()> {
        let (Some(hosts), Some(filters)) = (&self.hosts, args.registry.filters_topic()) else { return Ok(()) };
        let (handle, options) = (handle.clone(), args.registry.options(options));
        let mut is_known = false;
        let describe = move |directory: &Directory| {
            if !is_known && let Ok(info) = handle.host() {
                is_known = info.stream.cluster.is_some();
                directory.change_own(|own| own.cluster = info.stream.cluster);
            }
        };
        let directory = hosts.directory().clone();
        let topic = format!("{filters}-hosts");
        let talk = HostsTopic::start(&options, &topic, args.topic_settings(), directory, describe);
        *self.talk.lock() = Some(talk.context("cannot start a thread")?);
        Ok(())
    }

    /// Tells the others that this host stops.
    pub fn close(&self) {
        let talk = self.talk.lock().take();
        talk.into_iter().for_each(HostsTopic::finish);
    }
}
