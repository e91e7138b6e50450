//! Passes a request on to the host that it is about.

use std::sync::Arc;
use std::time::Duration;

use super::directory::Directory;
use super::remote::RemoteEnd;
use crate::http_client::{
    Address, HeaderMap, HeaderName, HeaderValue, Method, OpenAnswer, Relay, RelayAnswer, RelayError, Relayed,
};

/// Says that a request was passed on, and by which host. It is not passed on once more.
pub const FORWARDED: &str = "skysieve-forwarded";

/// The name of the host that is to answer. Another one, which may have got its address, refuses.
pub const TO: &str = "skysieve-to";

/// How long an answer to a question may take.
const QUESTION: Duration = Duration::from_secs(15);
/// How long a change may take: an upload is compiled before it is answered, and a move waits for both hosts.
const CHANGE: Duration = Duration::from_secs(300);

/// The headers of a request that are passed on.
const ASKED: [&str; 6] = ["authorization", "accept", "content-type", "if-match", "if-none-match", "last-event-id"];
/// The headers of an answer that are passed on.
const ANSWERED: [&str; 6] =
    ["content-type", "etag", "location", "retry-after", "www-authenticate", "x-accel-buffering"];

/// The other hosts.
pub struct Hosts {
    directory: Arc<Directory>,
    relay: Relay,
}

/// A request that is to be passed on.
pub struct Forwarded {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: bytes::Bytes,
}

/// Why another host has not answered.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The request has not reached it: nothing was changed.
    #[error("{0}")]
    NotReached(String),
    /// The request may have reached it, but there is no answer.
    #[error("{0}")]
    Broken(String),
    /// There is no answer in time.
    #[error("it has not answered within {} s", .0.as_secs())]
    Late(Duration),
}

impl Hosts {
    /// Those in the directory, which are asked by `relay`.
    pub fn new(directory: Arc<Directory>, relay: Relay) -> Hosts {
        Hosts { directory, relay }
    }

    /// Which hosts there are.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Asks another host. Whoever asks says who they are, as they did here: the other host decides what they may do.
    ///
    /// # Errors
    /// Returns a [`ForwardError`].
    pub fn forward(&self, to: &str, request: &Forwarded) -> Result<RelayAnswer, ForwardError> {
        let time = if request.method.is_safe() { QUESTION } else { CHANGE };
        self.ask(to, request, time, Duration::ZERO)?.read().map_err(|error| failed(error, time))
    }

    /// The same, but the answer is read as it comes, for so long at most.
    ///
    /// # Errors
    /// Returns a [`ForwardError`].
    pub fn open(&self, to: &str, request: &Forwarded, reading: Duration) -> Result<OpenAnswer, ForwardError> {
        self.ask(to, request, QUESTION, reading)
    }

    fn ask(
        &self,
        to: &str,
        request: &Forwarded,
        time: Duration,
        reading: Duration,
    ) -> Result<OpenAnswer, ForwardError> {
        let own = self.directory.own().name;
        let address = self.address(to)?;
        let mut headers = only(&request.headers, &ASKED);
        for (name, value) in [(FORWARDED, &*own), (TO, to)] {
            let value = HeaderValue::from_bytes(value.as_bytes());
            let value = value.map_err(|_| ForwardError::NotReached("its name can't be in a header".to_owned()))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let url = address.join(&request.path);
        let relayed = Relayed { method: request.method.clone(), url, headers, body: &request.body, time, reading };
        let mut answer = self.relay.open(relayed).map_err(|error| failed(error, time))?;
        let answers = answer.headers.get(TO).map(HeaderValue::as_bytes);
        if answers != Some(to.as_bytes()) {
            return Err(ForwardError::NotReached(format!("at {address} somebody else answers")));
        }
        answer.headers = only(&answer.headers, &ANSWERED);
        Ok(answer)
    }

    /// A filter as another host itself has it, for a move. Whoever asks says who they are with `authorization`.
    ///
    /// # Errors
    /// Returns [`ForwardError::NotReached`].
    pub fn end(
        &self,
        host: &str,
        filter: &str,
        authorization: Option<&HeaderValue>,
    ) -> Result<RemoteEnd, ForwardError> {
        let client = self.relay.client(self.address(host)?, authorization.cloned());
        let own = self.directory.own().name;
        Ok(RemoteEnd::new(client.with_header(FORWARDED, &own).with_header(TO, host), filter))
    }

    fn address(&self, host: &str) -> Result<Address, ForwardError> {
        let url = self.directory.address(host);
        let url = url.ok_or_else(|| {
            ForwardError::NotReached("it does not announce itself, or announces no address".to_owned())
        })?;
        Address::parse(&url, None).map_err(|error| ForwardError::NotReached(error.to_string()))
    }
}

fn failed(error: RelayError, time: Duration) -> ForwardError {
    match error {
        RelayError::NotConnected(reason) => ForwardError::NotReached(reason),
        RelayError::Broken(reason) => ForwardError::Broken(reason),
        RelayError::Late => ForwardError::Late(time),
    }
}

/// The headers of these names.
fn only(headers: &HeaderMap, names: &[&str]) -> HeaderMap {
    let known = |name: &HeaderName| names.contains(&name.as_str());
    headers.iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
