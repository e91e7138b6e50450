//! How to reach Kafka.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::kafka::client::compression::Compression;
use crate::kafka::client::error::Error;

/// Where the brokers are, and how every client of them is set up.
///
/// Not `Debug`: the overrides may hold passwords.
#[derive(Clone)]
pub struct Options {
    /// Addresses to begin with, `host:port`, separated by commas.
    pub brokers: String,
    /// Properties handed to librdkafka (`-X key=value`), in order. They win over Skysieve's own, except for the few that
    /// delivery rests on, which are refused. See
    /// [librdkafka's list](https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md).
    pub overrides: Vec<(String, String)>,
    /// How long, at the start, brokers may be out of reach, and a topic may be absent, before that is an error.
    pub patience: Duration,
    /// A host's transaction that takes longer is aborted by the brokers, and tried again by the host.
    pub transaction_timeout: Duration,
    /// How a host compresses what it publishes. A record that is too large for its topic is compressed in any case.
    pub compression: Compression,
    /// Set when the process is asked to stop: no wait lasts much longer than 5 s then.
    pub stop: Arc<AtomicBool>,
}

/// Properties that Skysieve's delivery guarantee rests on, and what to use instead.
const RESERVED: [(&str, &str); 7] = [
    ("bootstrap.servers", "give the addresses as brokers"),
    ("group.id", "it is the host's name"),
    ("enable.auto.commit", "offsets are committed once the outputs are acknowledged"),
    ("enable.auto.offset.store", "offsets are committed once the outputs are acknowledged"),
    ("transactional.id", "it is the host's name"),
    ("transaction.timeout.ms", "there is --transaction-timeout for it"),
    ("test.mock.num.brokers", "it would replace the brokers"),
];

/// Second names of properties that are set here. librdkafka takes both names, and which value wins would depend on the order
/// of a map.
const ALIASES: [(&str, &str); 7] = [
    ("metadata.broker.list", "bootstrap.servers"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("request.required.acks", "acks"),
    ("compression.type", "compression.codec"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
];

impl Options {
    /// Options for these brokers, with no overrides and 30 s of patience.
    pub fn new(brokers: impl Into<String>) -> Options {
        Options {
            brokers: brokers.into(),
            overrides: Vec::new(),
            patience: Duration::from_secs(30),
            transaction_timeout: Duration::from_secs(60),
            compression: Compression::None,
            stop: Arc::default(),
        }
    }

    /// Adds a property for librdkafka.
    pub fn with(mut self, key: &str, value: &str) -> Options {
        self.overrides.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Checks the overrides without connecting.
    ///
    /// # Errors
    /// [`Error::Property`] names the first that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        self.client_config(&[]).map(drop)
    }

    /// The value of an override that goes by these names, as librdkafka would take it: the last.
    pub(in crate::kafka) fn property(&self, names: &[&str]) -> Option<&str> {
        let last = self.overrides.iter().rfind(|(key, _)| names.contains(&&**key));
        last.map(|(_, value)| value.as_str())
    }

    /// Makes the error which says that no broker answered in time.
    pub(in crate::kafka) fn unreachable(&self, reason: String) -> Error {
        Error::Unreachable { brokers: self.brokers.clone(), seconds: self.patience.as_secs(), reason }
    }

    /// Whether the process was asked to stop.
    pub(in crate::kafka) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The configuration of a client: `defaults`, then the overrides.
    pub(in crate::kafka) fn client_config(&self, defaults: &[(&str, &str)]) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::new();
        config.set_log_level(if tracing::enabled!(target: "librdkafka", tracing::Level::DEBUG) {
            RDKafkaLogLevel::Debug
        } else {
            RDKafkaLogLevel::Warning
        });
        config.set("bootstrap.servers", &self.brokers).set("client.id", "skysieve");
        for (key, value) in defaults {
            config.set(*key, *value);
        }
        for (given, value) in &self.overrides {
            let key = ALIASES.iter().find(|(alias, _)| alias == given).map_or(given.as_str(), |(_, name)| name);
            if let Some((_, instead)) = RESERVED.iter().find(|(reserved, _)| *reserved == key) {
                let problem = format!("this property is not yours to set: {instead}");
                return Err(Error::Property { key: given.clone(), problem });
            }
            config.set(key, value);
        }
        config.create_native_config()?;
        Ok(config)
    }
}
