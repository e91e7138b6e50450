//! Sends a request to a registry, and sends it again if that may help.

use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use ureq::http::{HeaderMap, header};
use ureq::{Agent, Body};

use crate::http_client::{Address, agent};

/// The largest answer, in bytes. A schema may have 1 MiB, and takes more room when it is written within JSON.
const MAX_ANSWER: u64 = 4 << 20;
/// How many bytes of a refusal are read.
const MAX_REFUSAL: u64 = 64 << 10;
/// How many times a request is sent, and the pause before the second time. The pause doubles each time.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
/// How long a single attempt may take.
const MAX_TRY: Duration = Duration::from_secs(10);
/// The longest time for which a registry's wish not to be asked (`Retry-After`) is respected; the stream stands still
/// for that long.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The registry has nothing at that path.
    Absent,
    /// The registry has answered, and would give the same answer again. The text is for people.
    Refused(String),
    /// The registry does not answer, or something else answers in its place. The text is for people; the time is how
    /// long the registry does not want to be asked.
    Unavailable(String, Option<Duration>),
}

/// An answer with its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) retry_after: Option<Duration>,
}

/// An HTTP client for a registry.
#[derive(Debug)]
pub(super) struct Http {
    agent: Agent,
    address: Address,
}

/// The body of a registry's refusal.
#[derive(Deserialize)]
struct Refusal {
    error_code: u32,
    #[serde(default)]
    message: String,
}

impl Http {
    pub(super) fn new(address: Address) -> Http {
        Http { agent: agent(), address }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Fetches the body at `path`. This takes until `deadline` at most.
    pub(super) fn get(&self, path: &str, deadline: Instant) -> Result<Vec<u8>, Failure> {
        let url = self.address.join(path);
        let mut pause = PAUSE;
        for again in (0..TRIES).rev() {
            let (why, retry_after) = match self.ask(&url, deadline) {
                Ok(answer) if answer.status == 200 => return Ok(answer.body),
                Ok(answer) => (refusal(&url, &answer)?, answer.retry_after),
                Err(ureq::Error::BodyExceedsLimit(_)) => {
                    return Err(Failure::Refused(format!("{url} answers with more than {MAX_ANSWER} bytes")));
                }
                Err(error) => (format!("{url}: {error}"), None),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if again == 0 || left <= pause || retry_after.is_some() {
                return Err(Failure::Unavailable(why, retry_after));
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        unreachable!("the last try returns")
    }

    fn ask(&self, url: &str, deadline: Instant) -> Result<Answer, ureq::Error> {
        let left = deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), MAX_TRY);
        let mut request = self.agent.get(url).config().timeout_global(Some(left)).build().header("Accept", ACCEPT);
        if let Some(authorization) = self.address.authorization() {
            request = request.header("Authorization", authorization);
        }
        let mut response = request.call()?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        let body = match status {
            200 => read(response.body_mut(), MAX_ANSWER)?,
            // If the body can't be read, the status has to suffice.
            _ => read(response.body_mut(), MAX_REFUSAL).unwrap_or_default(),
        };
        Ok(Answer { status, body, retry_after })
    }
}

fn read(body: &mut Body, most: u64) -> Result<Vec<u8>, ureq::Error> {
    body.with_config().limit(most).read_to_vec()
}

/// Describes an answer with a status other than 200 if a later answer may be better. Otherwise returns it as a failure.
pub(super) fn refusal(url: &str, answer: &Answer) -> Result<String, Failure> {
    let said: Option<Refusal> = serde_json::from_slice(&answer.body).ok();
    match (answer.status, said) {
        // A registry that lacks something says so in the body; anything else at that address only answers 404.
        (404, Some(Refusal { error_code: 404 | 40400..=40499, .. })) => Err(Failure::Absent),
        (401, _) => Err(Failure::Unavailable(
            format!(
                "{url} requires another user and password (status 401): give --schema-registry-user USER:PASSWORD, or \
                 http[s]://USER:PASSWORD@HOST as the registry's address"
            ),
            None,
        )),
        (403, _) => Err(Failure::Unavailable(
            format!("{url} is forbidden to this user (status 403): schemas and subjects must be readable"),
            None,
        )),
        (status @ (408 | 425 | 429 | 500..=599), _) => Ok(format!("{url} answers with status {status}")),
        (status @ 400..=499, Some(Refusal { message, .. })) => {
            let message: String = message.chars().take(200).collect();
            Err(Failure::Refused(format!("{url} answers with status {status}: {}", message.escape_debug())))
        }
        (status, _) => {
            let why = format!("{url} answers with status {status}: is a schema registry there?");
            Err(Failure::Unavailable(why, None))
        }
    }
}

/// The time in `Retry-After` ([RFC 9110, 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after)), which is
/// given in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let after = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Duration::from_secs(text.parse().unwrap_or(u64::MAX)),
        false => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(after.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_seconds_or_as_a_date() {
        let now = httpdate::parse_http_date("Sat, 09 May 2026 03:00:00 GMT").unwrap();
        let after = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now).map(|after| after.as_secs())
        };
        assert_eq!([after("7"), after("0"), after("86400")], [Some(7), Some(0), Some(60)]);
        assert_eq!(after("99999999999999999999999"), Some(60));
        assert_eq!(after("Sat, 09 May 2026 03:00:12 GMT"), Some(12));
        assert_eq!(after("Sat, 09 May 2026 02:00:00 GMT"), Some(0));
        assert_eq!([after("soon"), after("-1"), after("1.5")], [None; 3]);
    }
}
