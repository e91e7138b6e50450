//! A real schema registry for tests, started by `scripts/schema-registry`.

use serde_json::{Value, json};

use crate::kafka::{kafka, unique};
use crate::{run_script, script, text};

/// A registry for one test alone. It is stopped and removed when it goes out of scope.
pub struct Registry {
    name: String,
    /// Its address, for `--schema-registry`.
    pub url: String,
}

impl Registry {
    /// Starts a registry. `None` if there is no Kafka for tests, because both come from Maven Central; see [`kafka`].
    pub fn start(name: &str) -> Option<Registry> {
        kafka()?;
        let name = unique(name);
        let url = text(&script("schema-registry", &["start", "--name", &name]).stdout).trim().to_owned();
        Some(Registry { name, url })
    }

    /// Registers a version of a subject's schema, which may refer to types of other subjects. Returns its id.
    ///
    /// `references` has the full name of a type, its subject and its version.
    pub fn register(&self, subject: &str, schema: &Value, references: &[(&str, &str, i64)]) -> u32 {
        let refer = |(name, subject, version): &(&str, &str, i64)| json!({"name": name, "subject": subject, "version": version});
        let references: Vec<Value> = references.iter().map(refer).collect();
        let body = json!({"schema": schema.to_string(), "schemaType": "AVRO", "references": references});
        let url = format!("{}/subjects/{subject}/versions", self.url);
        let answer = ureq::post(url).header("Content-Type", "application/json").send(body.to_string()).unwrap();
        let answer = answer.into_body().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["id"].as_u64().unwrap().try_into().unwrap()
    }

    /// Kills it with SIGKILL.
    pub fn kill(&self) {
        script("schema-registry", &["kill", "--name", &self.name]);
    }

    /// Starts it again with the schemas that it had.
    pub fn revive(&self) {
        script("schema-registry", &["start", "--name", &self.name]);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = run_script("schema-registry", &["remove", "--name", &self.name]);
    }
}
