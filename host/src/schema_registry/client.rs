//! Schemas by their ids, with the schemas that they refer to.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::Address;
use super::http::{Failure, Http};
use super::pauses::{Patience, Pauses};
use skysieve_avro::{Lookup, Resolver};

/// Schemas that one may refer to, directly or through others, and the bytes of all of them.
const MAX_REFERENCES: usize = 100;
const MAX_BYTES: usize = 8 << 20;
/// What a subject's name may not hold in an address.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A schema registry.
#[derive(Debug)]
pub struct Registry {
    http: Http,
    /// Held during a lookup, so that threads that want the same id ask once.
    pauses: Mutex<Pauses>,
}

/// A schema as the registry hands it out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    schema: String,
    /// Absent: Avro.
    schema_type: Option<String>,
    references: Option<Vec<Reference>>,
}

#[derive(Deserialize)]
struct Reference {
    /// The full name of a type.
    name: String,
    subject: String,
    version: i64,
}

impl Registry {
    /// A registry, which is asked for nothing yet.
    pub fn new(address: Address) -> Registry {
        Registry::patient(address, Patience::default())
    }

    pub(super) fn patient(address: Address, patience: Patience) -> Registry {
        Registry { http: Http::new(address), pauses: Mutex::new(Pauses::new(patience)) }
    }

    fn fetch(&self, id: u32, deadline: Instant) -> Result<Lookup, Failure> {
        let answer = match self.ask(&format!("/schemas/ids/{id}"), deadline)? {
            Ok(answer) => answer,
            Err(why) => return Ok(Lookup::Unusable(why)),
        };
        Ok(match self.references(&answer, deadline)? {
            Ok(references) => Lookup::Found(answer.schema, references),
            Err(why) => Lookup::Unusable(why),
        })
    }

    /// The schemas of all types that this one and those refer to, by name; or why they can't be used.
    fn references(
        &self,
        answer: &Answer,
        deadline: Instant,
    ) -> Result<Result<HashMap<String, String>, String>, Failure> {
        let mut found = HashMap::new();
        let mut bytes = answer.schema.len();
        let mut wanted: Vec<(String, String)> = locate(&answer.references);
        while let Some((name, path)) = wanted.pop() {
            if found.contains_key(&name) {
                continue;
            }
            if found.len() == MAX_REFERENCES || bytes > MAX_BYTES {
                return Ok(Err(format!(
                    "it refers to more than {MAX_REFERENCES} schemas, or {MAX_BYTES} bytes of them"
                )));
            }
            let referred = match self.ask(&path, deadline) {
                Ok(Ok(referred)) => referred,
                Ok(Err(why)) => return Ok(Err(format!("type {name:?}: {why}"))),
                Err(Failure::Absent) => return Ok(Err(format!("type {name:?}: the registry has nothing at {path}"))),
                Err(failure) => return Err(failure),
            };
            bytes += referred.schema.len();
            wanted.extend(locate(&referred.references));
            found.insert(name, referred.schema);
        }
        Ok(Ok(found))
    }

    /// One schema, or why it can't be used.
    fn ask(&self, path: &str, deadline: Instant) -> Result<Result<Answer, String>, Failure> {
        let body = self.http.get(path, deadline)?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| {
            let url = self.http.address().join(path);
            Failure::Unavailable(format!("{url} does not answer as a schema registry ({error})"))
        })?;
        Ok(match answer.schema_type.as_deref() {
            None | Some("AVRO") => Ok(answer),
            Some(other) => Err(format!("it is no Avro schema: its type is {:.20}", other.escape_default())),
        })
    }
}

/// Where the types referred to are: name and path.
fn locate(references: &Option<Vec<Reference>>) -> Vec<(String, String)> {
    let path = |reference: &Reference| {
        let subject = utf8_percent_encode(&reference.subject, ESCAPED);
        // What was deleted is still referred to.
        format!("/subjects/{subject}/versions/{}?deleted=true", reference.version)
    };
    references.iter().flatten().map(|reference| (reference.name.clone(), path(reference))).collect()
}

impl Resolver for Registry {
    fn look_up(&self, id: u32) -> Lookup {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        if pauses.is_absent(id, begun) {
            return Lookup::Unknown;
        }
        if let Some(why) = pauses.obstacle(begun) {
            return Lookup::Unavailable(why);
        }
        let fetched = self.fetch(id, begun + pauses.patience().lookup);
        let now = Instant::now();
        match fetched {
            Err(Failure::Unavailable(why)) => {
                pauses.fails(why.clone(), now);
                Lookup::Unavailable(why)
            }
            Err(Failure::Absent) => {
                pauses.works();
                pauses.lacks(id, now);
                Lookup::Unknown
            }
            Ok(found) => {
                pauses.works();
                pauses.found(id);
                tracing::info!(id, registry = %self.http.address(), "schema looked up");
                found
            }
        }
    }
}
