//! Fetches a schema by its id, with the schemas that it refers to.

use std::collections::HashSet;
use std::time::Instant;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::http::{Failure, Http};
use skysieve_avro::Lookup;

/// How many schemas one may refer to, directly or indirectly, and how many bytes they may have in total.
const MAX_REFERENCES: usize = 100;
const MAX_BYTES: usize = 4 << 20;
/// The characters that are escaped in a subject's name.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A schema in the form in which the registry returns it
/// ([reference](https://docs.confluent.io/platform/current/schema-registry/develop/api.html#schemas)).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    schema: String,
    /// Avro, if it is absent.
    schema_type: Option<String>,
    references: Option<Vec<Reference>>,
}

/// A reference. Its name does not matter, because it can be that of a type, of a file, or anything else.
#[derive(Deserialize)]
struct Reference {
    subject: String,
    version: i64,
}

/// Answers requests: a registry, or a substitute for one in tests.
pub(super) trait Ask {
    /// Returns the body at `path`.
    fn ask(&self, path: &str) -> Result<Vec<u8>, Failure>;
    /// The URL of `path`.
    fn url(&self, path: &str) -> String;
}

/// A registry that is asked until a deadline.
struct Until<'a>(&'a Http, Instant);

impl Ask for Until<'_> {
    fn ask(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.0.get(path, self.1)
    }

    fn url(&self, path: &str) -> String {
        self.0.address().join(path)
    }
}

/// Looks an id up.
pub(super) fn fetch(http: &Http, id: u32, deadline: Instant) -> Result<Lookup, Failure> {
    fetch_from(&Until(http, deadline), id)
}

/// Looks an id up at whatever answers.
pub(super) fn fetch_from(registry: &impl Ask, id: u32) -> Result<Lookup, Failure> {
    let mut fetch = Fetch { registry, seen: HashSet::new(), found: Vec::new(), bytes: 0 };
    let result = fetch.schema(id);
    match result {
        Ok(avsc) => Ok(Lookup::Found(avsc, fetch.found)),
        Err(Failure::Refused(why)) => Ok(Lookup::Unusable(why)),
        Err(failure) => Err(failure),
    }
}

struct Fetch<'a, A> {
    registry: &'a A,
    /// The paths of the referenced schemas that have been asked for.
    seen: HashSet<String>,
    /// The schemas found. Each comes after those that it refers to, which is also the order in which Java reads them.
    found: Vec<String>,
    bytes: usize,
}

impl<A: Ask> Fetch<'_, A> {
    fn schema(&mut self, id: u32) -> Result<String, Failure> {
        let answer = self.ask(&format!("/schemas/ids/{id}"))?;
        self.references(answer.references)?;
        Ok(answer.schema)
    }

    /// Asks for all referenced schemas, directly or indirectly. The recursion is as deep as there are references, whose
    /// number is limited.
    fn references(&mut self, references: Option<Vec<Reference>>) -> Result<(), Failure> {
        for reference in references.into_iter().flatten() {
            let path = path(&reference);
            if !self.seen.insert(path.clone()) {
                continue;
            }
            if self.seen.len() > MAX_REFERENCES || self.bytes > MAX_BYTES {
                let why = format!("it refers to more than {MAX_REFERENCES} schemas, or {MAX_BYTES} bytes of them");
                return Err(Failure::Refused(why));
            }
            let answer = self.ask(&path).map_err(|failure| match failure {
                Failure::Absent => Failure::Refused(format!("it refers to {path}, which the registry does not have")),
                other => other,
            })?;
            self.references(answer.references)?;
            self.found.push(answer.schema);
        }
        Ok(())
    }

    fn ask(&mut self, path: &str) -> Result<Answer, Failure> {
        let body = self.registry.ask(path)?;
        let url = || self.registry.url(path);
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| {
            Failure::Unavailable(format!("{} does not answer as a schema registry ({error})", url()), None)
        })?;
        self.bytes += answer.schema.len();
        match answer.schema_type.as_deref() {
            None => Ok(answer),
            Some(avro) if avro.eq_ignore_ascii_case("AVRO") => Ok(answer),
            Some(other) => {
                let why = format!("{} is not an Avro schema: its type is {:.20}", url(), other.escape_default());
                Err(Failure::Refused(why))
            }
        }
    }
}

fn path(reference: &Reference) -> String {
    let subject = utf8_percent_encode(&reference.subject, ESCAPED);
    // Even a schema that was deleted may still be referred to.
    format!("/subjects/{subject}/versions/{}?deleted=true", reference.version)
}
