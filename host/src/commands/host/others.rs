//! What a host does about others with the same registry: it announces itself, and listens to them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use parking_lot::Mutex;

use super::args::HostArgs;
use crate::commands::common::{UsageError, read_file};
use crate::filters::Control;
use crate::hosts::{Announcement, Directory, Hosts};
use crate::http_client::Relay;
use crate::kafka::{HostsTopic, Options};
use crate::pipeline::Handle;

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
