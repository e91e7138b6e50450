//! Finds out what a listener speaks, so that a client that gets no answer can say which of its settings does not fit.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiVersionsRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use super::broker::{Broker, patience};
use super::cluster::parse;
use super::security::Tls;
use super::stream::Stream;
use crate::kafka::client::error::Code;
use crate::kafka::client::options::Options;
use crate::kafka::client::stop::Stop;

/// How long a listener may take for each answer.
const ANSWER: Duration = Duration::from_secs(3);

/// What a listener wants of its clients.
#[derive(Debug, PartialEq, Eq)]
struct Listener {
    tls: bool,
    /// The SASL mechanisms that it knows; empty if clients need not authenticate, `None` if that could not be found out.
    sasl: Option<Vec<String>>,
}

/// Finds out which setting of this client does not fit the first broker that can be reached, if that is why there is no
/// answer. No password is sent. It takes some seconds at most.
pub(in crate::kafka) fn mismatch(options: &Options) -> Option<String> {
    let stop = Stop::at_once(options);
    let addresses = options.brokers.split(',').filter_map(parse);
    let (listener, (host, port)) =
        addresses.take(3).find_map(|(host, port)| Some((Listener::at(&host, port, &stop)?, (host, port))))?;
    let property = |names: &[&str], default: &str| options.property(names).unwrap_or(default).to_ascii_uppercase();
    let protocol = property(&["security.protocol"], "PLAINTEXT");
    let mechanism = property(&["sasl.mechanism", "sasl.mechanisms"], "GSSAPI");
    let advice = listener.advice(&protocol, &mechanism)?;
    Some(format!("the listener at {host}:{port} {advice}"))
}

impl Listener {
    fn at(host: &str, port: u16, stop: &Stop) -> Option<Listener> {
        if stop.is_asked_for() {
            return None;
        }
        match Listener::ask(host, port, None, stop) {
            Some(sasl) => Some(Listener { tls: false, sasl }),
            None => Some(Listener { tls: true, sasl: Listener::ask(host, port, Some(&Tls::unchecked()?), stop)? }),
        }
    }

    /// Asks a listener, with TLS or without, for its SASL mechanisms. Returns `None` if it does not answer.
    fn ask(host: &str, port: u16, tls: Option<&Tls>, stop: &Stop) -> Option<Option<Vec<String>>> {
        let stream = Stream::connect(host, port, tls, patience(stop, ANSWER)).ok()?;
        let mut broker = Broker::new(stream, format!("{host}:{port}"), stop, ANSWER);
        if let Err(error) = broker.ask(&ApiVersionsRequest::default()) {
            tracing::debug!(%error, "looking at a listener");
            // A listener that wants a certificate of its clients ends the connection only behind a complete handshake.
            return tls.map(|_| None);
        }
        // No mechanism has this name, so the listener answers with those that it knows.
        let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str("skysieve"));
        let Ok(answer) = broker.ask(&request) else { return Some(None) };
        Some(match Code::check(answer.error_code) {
            Err(Code(ResponseError::IllegalSaslState)) => Some(Vec::new()),
            Err(Code(ResponseError::UnsupportedSaslMechanism)) => {
                Some(answer.mechanisms.iter().map(|mechanism| mechanism.to_string()).collect())
            }
            _ => None,
        })
    }

    /// What this client has to set to fit.
    fn advice(&self, protocol: &str, mechanism: &str) -> Option<String> {
        let (tls, sasl) = (protocol.ends_with("SSL"), protocol.starts_with("SASL"));
        let known = self.sasl.as_ref().map(|known| known.join(", "));
        let wants_sasl = self.sasl.as_ref().map_or(sasl, |known| !known.is_empty());
        let right = match (wants_sasl, self.tls) {
            (false, false) => "PLAINTEXT",
            (false, true) => "SSL",
            (true, false) => "SASL_PLAINTEXT",
            (true, true) => "SASL_SSL",
        };
        let how = format!("set -X security.protocol={right} (it is {protocol} now)");
        if tls != self.tls {
            let speaks = if self.tls { "speaks TLS" } else { "does not speak TLS" };
            return Some(format!("{speaks}: {how}"));
        }
        match (known?, sasl) {
            (known, true) if known.is_empty() => Some(format!("does not ask who its clients are (SASL): {how}")),
            (known, false) if !known.is_empty() => Some(format!(
                "wants to know who its clients are (SASL): {how}, with sasl.mechanism (it knows {known}), sasl.username and \
                 sasl.password"
            )),
            (known, true) if !known.split(", ").any(|name| name == mechanism) => {
                Some(format!("knows the SASL mechanisms {known}, not {mechanism}: set -X sasl.mechanism"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_setting_that_does_not_fit() {
        let check = |tls, sasl: Option<&[&str]>, (protocol, mechanism): (&str, &str), expected: &[&str]| {
            let sasl = sasl.map(|known| known.iter().map(|&name| name.to_owned()).collect());
            let advice = Listener { tls, sasl }.advice(protocol, mechanism).unwrap_or_default();
            assert_eq!(advice.is_empty(), expected.is_empty(), "{advice}");
            expected.iter().for_each(|part| assert!(advice.contains(part), "{part}: {advice}"));
        };
        let scram = Some(&["SCRAM-SHA-512", "PLAIN"][..]);
        check(true, scram, ("PLAINTEXT", "GSSAPI"), &["speaks TLS", "security.protocol=SASL_SSL"]);
        check(true, None, ("PLAINTEXT", "GSSAPI"), &["speaks TLS", "security.protocol=SSL"]);
        check(false, Some(&[]), ("SASL_SSL", "PLAIN"), &["does not speak TLS", "security.protocol=PLAINTEXT"]);
        check(false, Some(&[]), ("SASL_PLAINTEXT", "PLAIN"), &["does not ask who", "security.protocol=PLAINTEXT"]);
        check(
            false,
            scram,
            ("PLAINTEXT", "GSSAPI"),
            &["security.protocol=SASL_PLAINTEXT", "knows SCRAM-SHA-512, PLAIN"],
        );
        check(
            true,
            scram,
            ("SASL_SSL", "SCRAM-SHA-256"),
            &["SCRAM-SHA-512, PLAIN, not SCRAM-SHA-256", "sasl.mechanism"],
        );
        check(true, scram, ("SASL_SSL", "PLAIN"), &[]);
        check(true, None, ("SASL_SSL", "PLAIN"), &[]);
        check(false, Some(&[]), ("PLAINTEXT", "GSSAPI"), &[]);
    }
}
