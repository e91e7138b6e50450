//! Whether the brokers can be reached. Each change is logged once.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::wire;

/// How long a broker may have given no answer when this client looks whether its settings fit the broker's. It looks again
/// later because a broker may only just be starting.
const LOOKS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20)];

/// How the connection to the brokers is, from the errors that librdkafka reports.
#[derive(Default)]
pub(in crate::kafka) struct Connection(Mutex<State>);

#[derive(Default)]
struct State {
    /// The last failure of one broker, in librdkafka's words.
    reason: String,
    /// Whether all brokers are out of reach.
    down: bool,
    /// Whether that was logged.
    told: bool,
    /// Why the brokers don't let this client in.
    refused: Option<String>,
}

impl Connection {
    /// Takes note of an error that librdkafka reported.
    pub(in crate::kafka) fn failed(&self, error: &KafkaError, reason: &str) {
        use RDKafkaErrorCode::*;
        tracing::debug!(target: "librdkafka", %error, reason);
        let mut state = self.0.lock();
        match error.rdkafka_error_code() {
            Some(AllBrokersDown) => state.down = true,
            Some(Authentication | SaslAuthenticationFailed | UnsupportedSASLMechanism | IllegalSASLState) => {
                state.refused = Some(reason.to_owned());
            }
            _ => state.reason = reason.to_owned(),
        }
    }

    /// Takes note that a broker answered.
    pub(in crate::kafka) fn works(&self) {
        let mut state = self.0.lock();
        state.down = false;
        state.refused = None;
        if std::mem::take(&mut state.told) {
            tracing::info!("Kafka answers again");
        }
    }

    /// Logs that all brokers are out of reach, unless that was logged already. To be called while waiting for one.
    pub(in crate::kafka) fn report(&self) {
        let mut state = self.0.lock();
        if state.down && !std::mem::replace(&mut state.told, true) {
            tracing::warn!(reason = state.reason, "no Kafka broker can be reached; trying on");
        }
    }

    /// Why no broker can be reached, if so.
    pub(in crate::kafka) fn trouble(&self) -> Option<String> {
        let state = self.0.lock();
        state.down.then(|| state.reason.clone())
    }

    /// Does what [`check`](Self::check) does, and says which setting is wrong if that can be found out.
    fn check_settings(&self, options: &Options) -> Result<(), Error> {
        self.check().map_err(|error| wire::mismatch(options).map_or(error, Error::Mismatch))
    }

    /// Returns an error if the brokers don't let this client in: trying again won't help.
    pub(in crate::kafka) fn check(&self) -> Result<(), Error> {
        self.0.lock().refused.clone().map_or(Ok(()), |reason| Err(Error::Refused(reason)))
    }

    /// The last failure that librdkafka reported.
    pub(in crate::kafka) fn reason(&self) -> String {
        let state = self.0.lock();
        if state.reason.is_empty() { "no answer".to_owned() } else { state.reason.clone() }
    }

    /// Waits until a broker has answered. `serve` lets the client report its errors.
    pub(in crate::kafka) fn establish<C: ClientContext>(
        &self,
        client: &Client<C>,
        options: &Options,
        serve: impl Fn(),
    ) -> Result<(), Error> {
        let begun = Instant::now();
        let deadline = begun + options.patience;
        let mut looks = LOOKS.into_iter().peekable();
        // Asking for something makes librdkafka connect now, instead of at the next tick of its timer, which takes 1 s.
        let _ = client.fetch_metadata(None, TICK);
        while client.fetch_cluster_id(TICK).is_none() {
            serve();
            self.check_settings(options)?;
            if options.stopping() {
                return Err(Error::Stopped(0));
            }
            // Settings that don't fit the listener look like a broker that does not answer.
            if looks.next_if(|after| begun.elapsed() >= *after).is_some()
                && let Some(mismatch) = wire::mismatch(options)
            {
                return Err(Error::Mismatch(mismatch));
            }
            if Instant::now() >= deadline {
                return Err(options.unreachable(self.reason()));
            }
        }
        Ok(())
    }
}

/// Passes on a line of librdkafka's log.
pub(in crate::kafka) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::*;
    // Failures come as errors too, and are logged there. librdkafka warns of properties that are not for this kind of
    // client, but overrides are given to all kinds.
    let level = if matches!(facility, "FAIL" | "ERROR" | "CONFWARN") { Debug } else { level };
    match level {
        Emerg | Alert | Critical | Error => tracing::error!(target: "librdkafka", facility, "{message}"),
        Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        Notice | Info | Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
