//! A host at one end of a move that is asked over HTTP.

use serde_json::{Value, json};

use super::moving::{EndError, Held, MoveEnd};
use crate::filters::{HandOver, HostInfo};
use crate::http_client::{ApiClient, ClientError, segment};

/// A filter on a host that is asked over HTTP.
pub struct RemoteEnd {
    client: ApiClient,
    /// Where the filter is in the host's API.
    path: String,
}

impl RemoteEnd {
    /// The filter of this name. The client should ask for answers of that host itself.
    pub fn new(client: ApiClient, filter: &str) -> RemoteEnd {
        RemoteEnd { client, path: format!("/api/v1/filters/{}", segment(filter)) }
    }

    /// The filter's status. `None`: there is none.
    fn status(&self) -> Result<Option<Value>, EndError> {
        match self.client.get(&self.path) {
            Ok(status) => Ok(Some(status)),
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(meaning(error)),
        }
    }
}

impl MoveEnd for RemoteEnd {
    fn info(&self) -> Result<HostInfo, EndError> {
        self.client.get("/api/v1/host").map_err(meaning)
    }

    fn held(&self) -> Result<Held, EndError> {
        let status = self.status()?.filter(|status| status["state"] != "moved" && status["state"] != "elsewhere");
        Ok(match status {
            None => Held::Nothing,
            Some(status) => Held::Filter(status["origin"]["moved"].as_str().map(str::to_owned)),
        })
    }

    fn release(&self, to: &str) -> Result<HandOver, EndError> {
        let request = json!({ "to": to }).to_string();
        self.client.post(&format!("{}/release", self.path), request.as_bytes()).map_err(meaning)
    }

    fn take(&self, module: &[u8], handover: &HandOver) -> Result<(), EndError> {
        let document = serde_json::to_vec(handover).map_err(|error| EndError::Failed(error.to_string()))?;
        let taken = self.client.put_form::<Value>(&self.path, &[("module", module), ("handover", &document)]);
        taken.map(drop).map_err(meaning)
    }

    fn confirm(&self, id: &str) -> Result<(), EndError> {
        let confirmation = json!({ "id": id }).to_string();
        let confirmed = self.client.post::<Value>(&format!("{}/confirm", self.path), confirmation.as_bytes());
        confirmed.map(drop).map_err(meaning)
    }

    fn module(&self) -> Result<Option<Vec<u8>>, EndError> {
        match self.client.get_bytes(&format!("{}/module", self.path)) {
            Ok(module) => Ok(Some(module)),
            Err(ClientError::Refused { .. }) => Ok(None),
            Err(error) => Err(meaning(error)),
        }
    }
}

fn meaning(error: ClientError) -> EndError {
    let message = error.to_string();
    match error {
        ClientError::Refused { status: 429 | 503, .. } => EndError::Busy(message),
        // 410: it has come there, and has gone on since.
        ClientError::Refused { status: 410, .. } => EndError::Failed(message),
        ClientError::Refused { status: 400..=499 | 507, .. } => EndError::Refused(message),
        _ => EndError::Failed(message),
    }
}
