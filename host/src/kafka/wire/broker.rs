//! A connection to one broker: requests and answers.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use super::frame;
use super::pieces::Pieces;
use super::requests::{Ask, NEEDED};
use super::sasl::{self, Exchange};
use super::security::{Credentials, Security};
use super::stream::Stream;
use crate::kafka::client::error::{About, Code, Error};
use crate::kafka::client::stop::Stop;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// The largest answer, in bytes. Those that are asked for here hold some thousand topics at most.
const LARGEST_ANSWER: usize = 16 << 20;

/// How many bytes of an answer are allocated ahead of their arrival.
const ROOM: usize = 64 << 10;

/// How much longer an answer may take, at most, if the broker throttles this client.
const THROTTLED: Duration = Duration::from_secs(120);

/// The part of a session's time after which it is renewed. Java's clients choose 0.85 to 0.95; a broker refuses a second
/// proof within one second.
const SESSION_PART: f64 = 0.8;

/// A connection that is ready for requests. One on which anything went wrong is to be dropped.
pub(super) struct Broker {
    stream: Stream,
    address: String,
    stop: Stop,
    next: i32,
    /// Requests without an answer yet. Answers come in their order.
    awaited: VecDeque<i32>,
    used: Instant,
    /// How long an answer may take.
    patience: Duration,
    /// Until when the broker throttles this client.
    throttled: Option<Instant>,
    /// When this client should authenticate once more.
    renewal: Option<Instant>,
}

impl Broker {
    /// Connects, and proves who this client is.
    pub(super) fn connect(host: &str, port: u16, security: &Security, stop: &Stop) -> Result<Broker, Error> {
        let address = format!("{host}:{port}");
        let stream = Stream::connect(host, port, security.tls.as_ref(), patience(stop, ANSWER));
        let stream = stream.map_err(|error| broken(&address, "connecting", error))?;
        let mut broker = Broker::new(stream, address, stop, ANSWER);
        if let Some(credentials) = &security.sasl {
            broker.authenticate(credentials)?;
        }
        broker.compare_versions()?;
        Ok(broker)
    }

    /// A connection on which nothing was sent yet.
    pub(super) fn new(stream: Stream, address: String, stop: &Stop, patience: Duration) -> Broker {
        Broker {
            stream,
            address,
            stop: stop.clone(),
            next: 0,
            awaited: VecDeque::new(),
            used: Instant::now(),
            patience,
            throttled: None,
            renewal: None,
        }
    }

    /// Authenticates once more if the session ends soon ([KIP-368](https://cwiki.apache.org/confluence/x/_oV4BQ)). Brokers
    /// close connections whose session has ended.
    pub(super) fn renew(&mut self, security: &Security) -> Result<(), Error> {
        let due = self.renewal.is_some_and(|renewal| Instant::now() >= renewal) && self.awaited.is_empty();
        match &security.sasl {
            Some(credentials) if due => self.authenticate(credentials),
            _ => Ok(()),
        }
    }

    /// How long ago anything was sent.
    pub(super) fn idle(&self) -> Duration {
        self.used.elapsed()
    }

    /// Sends a request and waits for its answer, which must be the next.
    pub(super) fn ask<R: Ask>(&mut self, request: &R) -> Result<R::Response, Error> {
        let mut body = BytesMut::new();
        request.encode(&mut body, R::VERSION).map_err(|error| self.failed(error))?;
        self.send::<R>(|pieces| pieces.put(&body))?;
        self.receive::<R>()
    }

    /// Sends a request whose body `body` appends.
    pub(super) fn send<'a, R: Ask>(&mut self, body: impl FnOnce(&mut Pieces<'a>)) -> Result<(), Error> {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let pieces = frame::request::<R>(id, body).map_err(|error| self.failed(error))?;
        let wait = patience(&self.stop, self.patience);
        self.stream.write(&pieces, wait).map_err(|error| broken(&self.address, R::NAME, error))?;
        self.awaited.push_back(id);
        self.used = Instant::now();
        Ok(())
    }

    /// Waits for the answer to the oldest request that has none.
    pub(super) fn receive<R: Ask>(&mut self) -> Result<R::Response, Error> {
        let bytes = self.receive_bytes(R::NAME)?;
        let answer = frame::answer::<R>(bytes, self.awaited.pop_front())
            .map_err(|why| self.failed(format!("the answer to {} is malformed: {why}", R::NAME)))?;
        let throttle = Duration::from_millis(u64::try_from(R::throttle(&answer)).unwrap_or(0)).min(THROTTLED);
        self.throttled = (!throttle.is_zero()).then(|| Instant::now() + throttle);
        Ok(answer)
    }

    /// How long the next answer may take.
    pub(super) fn time_to_answer(&self) -> Duration {
        let more = self.throttled.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        self.patience + more
    }

    fn receive_bytes(&mut self, what: &str) -> Result<Bytes, Error> {
        let mut patience = patience(&self.stop, self.time_to_answer());
        let mut read = |stream: &mut Stream, buffer: &mut [u8]| stream.read(buffer, &mut patience);
        let mut length = [0; 4];
        read(&mut self.stream, &mut length).map_err(|error| broken(&self.address, what, error))?;
        let length = usize::try_from(i32::from_be_bytes(length)).ok().filter(|length| *length <= LARGEST_ANSWER);
        let length = length.ok_or_else(|| {
            self.failed("what answers there is not a Kafka broker, or it speaks TLS (-X security.protocol)")
        })?;
        let mut answer = Vec::new();
        while answer.len() < length {
            let begin = answer.len();
            answer.resize(length.min(begin + ROOM), 0);
            read(&mut self.stream, &mut answer[begin..]).map_err(|error| broken(&self.address, what, error))?;
        }
        Ok(answer.into())
    }

    /// Makes sure that the broker understands every request.
    fn compare_versions(&mut self) -> Result<(), Error> {
        let answer = self.ask(&ApiVersionsRequest::default())?;
        Code::check(answer.error_code).map_err(|code| code.about(About::Broker(self.address.clone())))?;
        for &(key, version, name) in &NEEDED {
            let known = answer.api_keys.iter().find(|api| api.api_key == key);
            if !known.is_some_and(|api| (api.min_version..=api.max_version).contains(&version)) {
                return Err(Error::TooOld { address: self.address.clone(), request: name, version });
            }
        }
        Ok(())
    }

    fn authenticate(&mut self, credentials: &Credentials) -> Result<(), Error> {
        let mechanism = StrBytes::from_static_str(credentials.mechanism.name());
        let answer = self.ask(&SaslHandshakeRequest::default().with_mechanism(mechanism))?;
        if let Err(error) = Code::check(answer.error_code) {
            let known: Vec<&str> = answer.mechanisms.iter().map(StrBytes::as_str).collect();
            let why = format!("{error}; the broker at {} knows {}", self.address, known.join(", "));
            return Err(Error::Refused(why));
        }
        sasl::authenticate(self, credentials).map_err(|SaslError(error)| error)
    }

    fn failed(&self, reason: impl std::fmt::Display) -> Error {
        Error::at(&self.address, reason)
    }
}

impl Exchange for Broker {
    type Error = SaslError;

    fn exchange(&mut self, message: Vec<u8>) -> Result<Vec<u8>, SaslError> {
        let answer = self.ask(&SaslAuthenticateRequest::default().with_auth_bytes(message.into()))?;
        Code::check(answer.error_code).map_err(|error| {
            let why = answer.error_message.as_ref().map_or(error.to_string(), |message| message.to_string());
            Error::Refused(format!("{}: {why}", self.address))
        })?;
        self.renewal = renewal(answer.session_lifetime_ms);
        Ok(answer.auth_bytes.to_vec())
    }
}

/// Why a client could not prove who it is.
pub(super) struct SaslError(Error);

impl From<Error> for SaslError {
    fn from(error: Error) -> SaslError {
        SaslError(error)
    }
}

impl From<String> for SaslError {
    fn from(why: String) -> SaslError {
        SaslError(Error::Refused(why))
    }
}

/// When to authenticate once more in a session that ends in so many milliseconds. A session of 0 does not end.
fn renewal(lifetime: i64) -> Option<Instant> {
    let lifetime = u64::try_from(lifetime).ok().filter(|lifetime| *lifetime > 0)?;
    Instant::now().checked_add(Duration::from_millis(lifetime).mul_f64(SESSION_PART))
}

fn broken(address: &str, what: &str, error: io::Error) -> Error {
    match error.get_ref().is_some_and(|inner| inner.is::<Stopped>()) {
        true => Error::Stopped(0),
        false => Error::at(address, format!("{error} ({what})")),
    }
}

/// Ends a wait when the process was asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

/// Makes a check that ends a wait with an error when its time is over or the process stops.
pub(super) fn patience(stop: &Stop, time: Duration) -> impl FnMut() -> io::Result<()> + use<> {
    let (stop, deadline) = (stop.clone(), Instant::now() + time);
    move || {
        if Instant::now() >= deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {} s", time.as_secs())));
        }
        if stop.is_over() {
            return Err(io::Error::other(Stopped));
        }
        Ok(())
    }
}
