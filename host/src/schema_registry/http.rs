//! One question to a registry, asked again where that may help.

use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::config::RedirectAuthHeaders;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use super::Address;

/// Bytes of an answer. A schema may have 1 MiB, and more when it is written within JSON.
const MAX_ANSWER: u64 = 4 << 20;
/// How often a question is asked, and the pause before the second time; it doubles.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The registry has nothing of that name.
    Absent,
    /// It does not answer, or not as one. Said for people.
    Unavailable(String),
}

/// Asks a registry.
#[derive(Debug)]
pub(super) struct Http {
    agent: Agent,
    address: Address,
}

/// What a registry says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    error_code: u32,
}

impl Http {
    pub(super) fn new(address: Address) -> Http {
        // OpenSSL trusts what the system trusts: what librdkafka, which uses it as well, does for Kafka.
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(3)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .user_agent(concat!("skysieve/", env!("CARGO_PKG_VERSION")))
            .build();
        Http { agent: config.new_agent(), address }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The body of what is at `path`. Takes until `deadline` at most.
    pub(super) fn get(&self, path: &str, deadline: Instant) -> Result<Vec<u8>, Failure> {
        let url = self.address.join(path);
        let mut pause = PAUSE;
        for again in (0..TRIES).rev() {
            let why = match self.ask(&url, deadline) {
                Ok((200, body)) => return Ok(body),
                // A registry says what it has not; anything else at that address says 404 alone.
                Ok((404, body)) if is_absent(&body) => return Err(Failure::Absent),
                Ok((401 | 403, _)) => {
                    let why = format!("{url} refuses the user and password that it was given, or wants some");
                    return Err(Failure::Unavailable(why));
                }
                Ok((status @ (429 | 500..=599), _)) => format!("{url} answers with status {status}"),
                Ok((status, _)) => {
                    let why = format!("{url} answers with status {status}: is a schema registry there?");
                    return Err(Failure::Unavailable(why));
                }
                Err(error) => format!("{url}: {error}"),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if again == 0 || left <= pause {
                return Err(Failure::Unavailable(why));
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        unreachable!("the last try returns")
    }

    fn ask(&self, url: &str, deadline: Instant) -> Result<(u16, Vec<u8>), ureq::Error> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let mut request = self.agent.get(url).config().timeout_global(Some(left)).build().header("Accept", ACCEPT);
        if let Some(authorization) = self.address.authorization() {
            request = request.header("Authorization", authorization);
        }
        let mut response = request.call()?;
        let status = response.status().as_u16();
        Ok((status, read(response.body_mut())?))
    }
}

fn read(body: &mut Body) -> Result<Vec<u8>, ureq::Error> {
    body.with_config().limit(MAX_ANSWER).read_to_vec()
}

fn is_absent(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|Refusal { error_code }| matches!(error_code, 404 | 40400..=40499))
}
