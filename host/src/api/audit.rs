//! Records what is changed, by whom: in the log, and where [`Access::audit`] leads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::http::StatusCode;
use axum::response::Response;
use percent_encoding::percent_decode_str;
use tracing::info;

use super::caller::Caller;
use super::error::Code;
use crate::access::{Access, AuditRecord, Outcome};

/// How many characters of a path are recorded.
const PATH: usize = 300;
/// What paths about a filter begin with.
const FILTERS: &str = "/api/v1/filters/";

/// What is to be recorded of a change beside the request, such as the number of a version. Handlers put it into the answer.
#[derive(Clone)]
pub(super) struct Note(pub(super) String);

impl Note {
    /// Puts a note into an answer.
    pub(super) fn on(response: Response, note: impl Into<String>) -> Response {
        let mut response = response;
        response.extensions_mut().insert(Note(note.into()));
        response
    }
}

/// A request for a change, which is recorded once it is answered. If the client goes away before that, so that nobody waits
/// for the answer, this is recorded, too: the change may have been made.
pub(super) struct Pending {
    access: Arc<Access>,
    record: Option<AuditRecord>,
}

impl Pending {
    pub(super) fn new(access: Arc<Access>, action: String, path: &str, peer: Option<SocketAddr>) -> Pending {
        let filter = path.strip_prefix(FILTERS).and_then(|rest| rest.split('/').next());
        let filter = filter.map(|name| cut(&percent_decode_str(name).decode_utf8_lossy(), PATH));
        let record = AuditRecord {
            time: String::new(),
            host: access.host.clone(),
            user: None,
            role: None,
            token: None,
            action,
            filter,
            path: cut(path, PATH),
            outcome: Outcome::Unanswered,
            status: None,
            code: None,
            detail: None,
            peer: peer.map(|peer| peer.to_string()),
        };
        Pending { access, record: Some(record) }
    }

    pub(super) fn set_caller(&mut self, caller: &Caller) {
        if let Some(record) = &mut self.record {
            (record.user, record.role, record.token) = (Some(caller.user.clone()), caller.role, caller.token.clone());
        }
    }

    /// Records nothing.
    pub(super) fn forget(&mut self) {
        self.record = None;
    }

    /// Records what became of it.
    pub(super) fn answered(mut self, response: &Response) {
        let Some(record) = &mut self.record else { return };
        let status = response.status();
        record.outcome = outcome(status);
        record.status = Some(status.as_u16());
        record.code = response.extensions().get::<Code>().map(|code| code.0);
        record.detail = response.extensions().get::<Note>().map(|note| note.0.clone());
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else { return };
        record.time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let json = serde_json::to_string(&record).expect("it is made of text and numbers");
        info!(target: "audit", record = json, "change");
        if let Some(sink) = &self.access.audit {
            sink.publish(json.into_bytes());
        }
    }
}

fn outcome(status: StatusCode) -> Outcome {
    match status {
        status if status.is_success() => Outcome::Done,
        StatusCode::INTERNAL_SERVER_ERROR => Outcome::Failed,
        _ => Outcome::Refused,
    }
}

fn cut(text: &str, letters: usize) -> String {
    text.chars().take(letters).collect()
}
