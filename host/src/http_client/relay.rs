//! Passes requests on, and says how far one that failed has come.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderValue, Method, Request, header};
use ureq::tls::RootCerts;
use ureq::{Agent, Body, Error, Timeout};

use super::address::Address;
use super::agent::{CertificateError, agent_config, roots, trusting};
use super::api_client::ApiClient;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 128 << 20;

/// Passes requests on to other servers.
#[derive(Debug)]
pub struct Relay {
    agent: Agent,
}

/// A request that is passed on.
pub struct Relayed<'a> {
    /// Its method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, which is left out if it is empty.
    pub body: &'a [u8],
    /// How long it may take.
    pub time: Duration,
    /// How much longer reading the answer may take, once it has begun.
    pub reading: Duration,
}

/// The answer to a request that was passed on.
#[derive(Debug)]
pub struct RelayAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// An answer that has begun.
#[derive(Debug)]
pub struct OpenAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    body: Body,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// There was no connection: the request has not been sent.
    #[error("{0}")]
    NotConnected(String),
    /// The request was sent, at least in part.
    #[error("{0}")]
    Broken(String),
    /// The request was sent, and no answer has come in time.
    #[error("there is no answer in time")]
    Late,
}

impl Relay {
    /// Trusts the certificates (PEM) in `ca`, or else those that the system trusts.
    ///
    /// # Errors
    /// Returns a [`CertificateError`] if there is none in `ca`, or it can't be read.
    pub fn new(ca: Option<&[u8]>) -> Result<Relay, CertificateError> {
        let roots = ca.map(roots).transpose()?.unwrap_or(RootCerts::PlatformVerifier);
        // A connection that was kept may have been closed, so that it would not be known whether a request has arrived.
        let config = agent_config(trusting(roots)).max_redirects(0).max_idle_connections(0);
        Ok(Relay { agent: config.build().new_agent() })
    }

    /// A client of a host's API that trusts the same certificates. `authorization` says who asks.
    pub fn client(&self, address: Address, authorization: Option<HeaderValue>) -> ApiClient {
        ApiClient::by(self.agent.clone(), address, authorization)
    }

    /// Sends a request, and waits until the answer begins.
    ///
    /// # Errors
    /// Returns a [`RelayError`].
    pub fn open(&self, relayed: Relayed<'_>) -> Result<OpenAnswer, RelayError> {
        let Relayed { method, url, headers, body, time, reading } = relayed;
        let mut request = Request::builder().method(&method).uri(url);
        for (name, value) in headers.iter().filter(|(name, _)| !body.is_empty() || **name != header::CONTENT_TYPE) {
            request = request.header(name, value);
        }
        let sent = if matches!(method, Method::GET | Method::HEAD | Method::DELETE) {
            request.body(()).map_err(Error::from).and_then(|request| self.run(request, time, reading))
        } else {
            request.body(body).map_err(Error::from).and_then(|request| self.run(request, time, reading))
        };
        let mut response = sent.map_err(|error| meaning(&error))?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        Ok(OpenAnswer { status, headers, body: response.into_body() })
    }

    fn run(
        &self,
        request: Request<impl ureq::AsSendBody>,
        time: Duration,
        reading: Duration,
    ) -> Result<ureq::http::Response<ureq::Body>, Error> {
        let request = self.agent.configure_request(request);
        let request = request.timeout_connect(Some(CONNECT)).timeout_recv_response(Some(time));
        self.agent.run(request.timeout_global(Some(time + reading)).build())
    }
}

impl OpenAnswer {
    /// Reads all of it.
    ///
    /// # Errors
    /// Returns a [`RelayError`] if it breaks off, or is too long.
    pub fn read(self) -> Result<RelayAnswer, RelayError> {
        let OpenAnswer { status, headers, mut body } = self;
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec().map_err(|error| meaning(&error))?;
        Ok(RelayAnswer { status, headers, body })
    }

    /// The body, which can be read as it comes.
    pub fn into_reader(self) -> impl Read + Send {
        self.body.into_reader()
    }
}

/// Whether a request was sent that has failed.
fn meaning(error: &Error) -> RelayError {
    use ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
    match error {
        Error::Timeout(Timeout::Connect | Timeout::Resolve)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::NativeTls(_)
        | Error::Tls(_) => RelayError::NotConnected(error.to_string()),
        Error::Io(io)
            if matches!(io.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | AddrNotAvailable) =>
        {
            RelayError::NotConnected(error.to_string())
        }
        Error::Timeout(_) => RelayError::Late,
        error => RelayError::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn ask(url: String) -> RelayError {
        let (headers, time) = (HeaderMap::new(), Duration::from_millis(300));
        let relayed = Relayed { method: Method::GET, url, headers, body: b"", time, reading: Duration::ZERO };
        Relay::new(None).unwrap().open(relayed).unwrap_err()
    }

    #[test]
    fn it_is_known_whether_a_request_was_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        // Nobody accepts, but the system has connected.
        assert!(matches!(ask(url.clone()), RelayError::Late));
        // The first connection is still that of the request before.
        let thread = std::thread::spawn(move || [listener.accept(), listener.accept()].map(drop));
        assert!(matches!(ask(url.clone()), RelayError::Broken(_) | RelayError::Late));
        thread.join().unwrap();
        assert!(matches!(ask(url), RelayError::NotConnected(_)));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        for ca in [&b""[..], b"nothing", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(Relay::new(Some(ca)).is_err());
        }
    }
}
