//! Arbitrary answers of a registry, for the fuzz target `registries` (`fuzz/`) and for property tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use skysieve_avro::{Lookup, Resolver, Schemas};
use ureq::http::{HeaderMap, HeaderValue, header};

use super::fetch::{Ask, fetch_from};
use super::http::{Answer, Failure, refusal, retry_after};

/// The largest number of requests in one lookup: for an id, and for the schemas that it refers to.
const MOST_QUESTIONS: usize = 101;

/// The address of the registry in messages.
const ADDRESS: &str = "http://registry";

/// A registry that answers each request with the next of some bodies, and starts again after the last one.
#[derive(Debug)]
struct Script {
    bodies: Vec<Vec<u8>>,
    asked: AtomicUsize,
}

impl Ask for Script {
    fn ask(&self, path: &str) -> Result<Vec<u8>, Failure> {
        assert!(path.starts_with("/schemas/ids/") || path.starts_with("/subjects/"), "{path}");
        assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(asked < MOST_QUESTIONS, "a lookup goes on and on");
        match &*self.bodies[asked % self.bodies.len()] {
            b"" => Err(Failure::Absent),
            body => Ok(body.to_vec()),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{ADDRESS}{path}")
    }
}

impl Resolver for Script {
    fn look_up(&self, id: u32) -> Lookup {
        self.asked.store(0, Ordering::Relaxed);
        match fetch_from(self, id) {
            Ok(lookup) => lookup,
            Err(Failure::Absent) => Lookup::Unknown,
            Err(Failure::Refused(why)) => Lookup::Unusable(why),
            Err(Failure::Unavailable(why, _)) => Lookup::Unavailable(why),
        }
    }
}

/// Reads an alert whose schema id is looked up at a registry that answers with these bodies, which are separated by bytes
/// 0. The first body is also read as a refusal with each kind of status, and as a header.
///
/// # Panics
/// Panics if a request is malformed, if requests do not come to an end, or if a message is not printable.
pub fn registry(data: &[u8]) {
    let bodies: Vec<Vec<u8>> = data.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    for status in [200, 301, 400, 401, 403, 404, 408, 422, 429, 500, 599, 999] {
        let answer = Answer { status, body: bodies[0].clone(), retry_after: None };
        if let Err(Failure::Refused(why) | Failure::Unavailable(why, _)) = refusal(ADDRESS, &answer) {
            assert!(why.len() < 4096 && !why.contains(char::is_control), "{why:?}");
        }
    }
    if let Ok(value) = HeaderValue::from_bytes(&bodies[0]) {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
        let after = retry_after(&headers, SystemTime::UNIX_EPOCH);
        assert!(after.is_none_or(|after| after <= Duration::from_secs(60)));
    }
    let datum = bodies.last().cloned().unwrap_or_default();
    let schemas = Schemas::default().with_resolver(Arc::new(Script { bodies, asked: AtomicUsize::new(0) }));
    let message = [&[0, 0, 0, 0, 7][..], &datum].concat();
    if let Err(error) = schemas.frame(&message).and_then(|alert| schemas.validate(&alert)) {
        let told = error.to_string();
        assert!(!told.is_empty() && !told.contains(char::is_control), "{told:?}");
    }
}
