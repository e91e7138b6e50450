//! A host on an embedded broker, and uploads to it.

use std::time::{Duration, Instant};

use serde_json::Value;
use skysieve::kafka::EmbeddedBroker;
use skysieve_tests::host::Host;

/// A host that reads an empty topic.
pub struct Target {
    host: Host,
    _broker: EmbeddedBroker,
}

/// The answer to an upload.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    body: String,
}

impl Reply {
    /// Why the upload was refused.
    pub fn message(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["detail"].as_str().unwrap_or_default().to_owned()
    }
}

impl Target {
    /// Starts a host for filters with these names.
    pub fn start(filters: &[&str]) -> Target {
        Target::start_with(filters, &[])
    }

    /// The same, with further arguments.
    pub fn start_with(filters: &[&str], arguments: &[&str]) -> Target {
        let broker = EmbeddedBroker::start().unwrap();
        for topic in filters.iter().chain(&["alerts", "t-dead-letters", "t-quotas", "t-filters", "t-modules"]) {
            broker.create_topic(topic, 1).unwrap();
        }
        let begun = Instant::now();
        let host = Host::start(broker.brokers(), "alerts", &[&["--name", "t"], arguments].concat());
        host.await_reading();
        // It asks nothing that this broker does not answer: librdkafka waits half a minute then.
        assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
        Target { host, _broker: broker }
    }

    /// Uploads a module.
    pub fn put(&self, name: &str, module: &[u8]) -> Reply {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.put(format!("{}/api/v1/filters/{name}", self.host.url()));
        let mut reply = request.content_type("application/wasm").send(module).unwrap();
        Reply { status: reply.status().as_u16(), body: reply.body_mut().read_to_string().unwrap() }
    }

    /// Deletes a filter.
    pub fn delete(&self, name: &str) {
        let reply = ureq::delete(format!("{}/api/v1/filters/{name}", self.host.url())).call().unwrap();
        assert_eq!(reply.status(), 200, "{name}");
    }

    /// The host's address, without the scheme.
    pub fn address(&self) -> &str {
        self.host.url().trim_start_matches("http://")
    }

    /// Whether the host reads the stream.
    pub fn is_alive(&self) -> bool {
        self.host.health()["ready"] == true
    }

    /// The memory of the host in bytes.
    pub fn memory(&self) -> u64 {
        self.host.memory()
    }
}
