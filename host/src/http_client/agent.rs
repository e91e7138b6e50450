//! The settings that all clients share.

use ureq::Agent;
use ureq::config::RedirectAuthHeaders;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

/// Makes a client whose answers have a status, whatever it is.
pub fn agent() -> Agent {
    // OpenSSL trusts what the system trusts. librdkafka uses OpenSSL as well, and does the same for Kafka.
    let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(3)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .user_agent(concat!("skysieve/", env!("CARGO_PKG_VERSION")))
        .build();
    config.new_agent()
}
