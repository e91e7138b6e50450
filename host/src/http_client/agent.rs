//! The settings that all clients share.

use ureq::Agent;
use ureq::config::{ConfigBuilder, RedirectAuthHeaders};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
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

/// A file that has no certificates.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CertificateError(String);

/// The certificates (PEM) in a file.
///
/// # Errors
/// Returns a [`CertificateError`] if there is none, or something else.
pub(super) fn roots(pem: &[u8]) -> Result<RootCerts, CertificateError> {
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(pem) {
        match item.map_err(|error| CertificateError(error.to_string()))? {
            PemItem::Certificate(certificate) => found.push(certificate),
            _ => return Err(CertificateError("it has something else than certificates".to_owned())),
        }
    }
    match found.is_empty() {
        true => Err(CertificateError("there is no certificate (PEM) in it".to_owned())),
        false => Ok(RootCerts::new_with_certs(&found)),
    }
}
