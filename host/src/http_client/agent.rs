//! The settings that all clients share.

use ureq::Agent;
use ureq::config::{ConfigBuilder, RedirectAuthHeaders};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::typestate::AgentScope;

/// Makes a client whose answers have a status, whatever it is.
pub fn agent() -> Agent {
    agent_config(trusting(RootCerts::PlatformVerifier)).build().new_agent()
}

/// TLS by OpenSSL, which trusts what the system trusts. librdkafka uses OpenSSL as well, and does the same for Kafka.
pub(super) fn trusting(roots: RootCerts) -> TlsConfig {
    TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).build()
}

/// The settings of a client.
pub(super) fn agent_config(tls: TlsConfig) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(3)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .user_agent(concat!("skysieve/", env!("CARGO_PKG_VERSION")))
}
