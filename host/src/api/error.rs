//! The errors of requests, and how they are answered. This is the only place with HTTP status codes.

use std::any::Any;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::error;

use super::rights::Right;
use crate::access::Role;
use crate::filters::FilterError;
use crate::jobs::JobError;

/// The seconds after which a client that was sent away may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
/// How a client can say who it is ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"skysieve\"");
/// The same, where it has said so, but with a token that is not valid.
const CHALLENGE_WRONG: HeaderValue = HeaderValue::from_static("Bearer realm=\"skysieve\", error=\"invalid_token\"");
/// The media type of problem documents.
pub(super) const PROBLEM: &str = "application/problem+json";

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(transparent)]
    Job(JobError),
    #[error("cannot read the path: {0}")]
    Path(String),
    #[error("cannot read the query: {0}")]
    Query(String),
    #[error("header {name:?}: {reason}")]
    Header { name: String, reason: String },
    #[error("query parameter {name:?}: {reason}")]
    Parameter { name: String, reason: String },
    #[error("cannot read the multipart body: {0}")]
    Multipart(String),
    #[error("part {name:?}: {reason}")]
    Part { name: String, reason: String },
    #[error("cannot read the body: {0}")]
    Body(String),
    #[error("{what} is larger than {limit} bytes, the most that this host takes")]
    TooLarge { what: &'static str, limit: usize },
    #[error("the body is {0}; send the module as application/wasm (curl -T FILE), or a form (curl -F module=@FILE)")]
    MediaType(String),
    #[error("no data arrived for {} s", .0.as_secs_f64())]
    Stalled(Duration),
    #[error("the upload took longer than {} s", .0.as_secs_f64())]
    Slow(Duration),
    #[error("{0} uploads are under way, as many as this host takes at a time; try again")]
    Busy(usize),
    #[error("{most} streams are open, as many as {whose} at a time; try again when one has ended")]
    Streams { most: usize, whose: &'static str },
    #[error("{0:?} is not known as a name of this host: use its address, or start it with --allow-host NAME")]
    Host(String),
    #[error(
        "this needs a token, in a header `Authorization: Bearer TOKEN`; an operator makes one with `skysieve token new`"
    )]
    NoToken,
    #[error(
        "the token is not valid: it is wrong, or was revoked; an operator makes a new one with `skysieve token new`"
    )]
    WrongToken,
    #[error("the token has expired at {0}; an operator makes a new one with `skysieve token new`")]
    Expired(String),
    #[error("too many wrong tokens have come from this address; try again in {} s", .0.as_secs())]
    Guessing(Duration),
    #[error("{}", role(*.0, *.1))]
    Role(Right, Option<Role>),
    #[error("{user} may upload {most} times an hour at this host (--uploads-per-hour); try again in {} s", wait.as_secs())]
    Uploads { user: String, most: u32, wait: Duration },
    #[error("the page of {0:?} may not change anything here")]
    Origin(String),
    #[error("host {host:?}, which is to answer this, can't be asked: {reason}")]
    HostUnreachable { host: String, reason: String },
    #[error("host {host:?} is to answer this, and {reason}; if it is a change, look whether it was made")]
    HostLate { host: String, reason: String },
    #[error("this is for host {0:?}, and here is host {1:?}: has one of them announced a wrong address (--advertise)?")]
    Misdirected(String, String),
    #[error("there is nothing at this path; /api/v1/openapi.json says what there is")]
    Route,
    #[error("this path does not take this method; /api/v1/openapi.json says which it takes")]
    Method,
    #[error("the host failed on this request; its log says why")]
    Internal,
}

impl Problem {
    /// The HTTP status, and a code that programs can act on.
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Problem::Filter(FilterError::Name(_)) => (StatusCode::BAD_REQUEST, "bad_name"),
            Problem::Filter(FilterError::Unknown(_)) => (StatusCode::NOT_FOUND, "unknown_filter"),
            Problem::Filter(FilterError::Refused(_)) => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
            Problem::Filter(FilterError::Trial(_)) => (StatusCode::UNPROCESSABLE_ENTITY, "trial_failed"),
            Problem::Filter(FilterError::Conflict(_)) => (StatusCode::CONFLICT, "conflict"),
            Problem::Filter(FilterError::Changed { .. }) => (StatusCode::PRECONDITION_FAILED, "changed"),
            Problem::Filter(FilterError::NoVersion(..)) => (StatusCode::NOT_FOUND, "unknown_version"),
            Problem::Filter(FilterError::NoRegistry) => (StatusCode::NOT_IMPLEMENTED, "no_registry"),
            Problem::Filter(FilterError::MovedOn(..)) => (StatusCode::GONE, "moved_on"),
            Problem::Filter(FilterError::NoPredefined(..)) => (StatusCode::NOT_FOUND, "unknown_predefined"),
            Problem::Filter(FilterError::NoCatalog(_)) => (StatusCode::NOT_IMPLEMENTED, "no_catalog"),
            Problem::Filter(FilterError::NoModule(_)) => (StatusCode::NOT_FOUND, "no_module"),
            Problem::Filter(FilterError::Busy(_)) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Problem::Filter(FilterError::Taken(_)) => (StatusCode::CONFLICT, "name_taken"),
            Problem::Filter(FilterError::OverLimit(_)) => (StatusCode::INSUFFICIENT_STORAGE, "over_limit"),
            Problem::Filter(FilterError::NoToken(_)) => (StatusCode::NOT_FOUND, "unknown_token"),
            Problem::Filter(FilterError::Topic(_)) => (StatusCode::BAD_GATEWAY, "no_topic"),
            Problem::Filter(FilterError::Full(_)) => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            Problem::Filter(FilterError::FullOfShadows(_)) => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            Problem::Filter(FilterError::NoShadow(_)) => (StatusCode::NOT_FOUND, "no_shadow"),
            Problem::Filter(FilterError::Memory(_)) => (StatusCode::INSUFFICIENT_STORAGE, "no_memory"),
            Problem::Filter(FilterError::Stopping) => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Problem::Job(error) => job_status(error),
            Problem::Path(_) => (StatusCode::BAD_REQUEST, "bad_path"),
            Problem::Query(_) | Problem::Parameter { .. } => (StatusCode::BAD_REQUEST, "bad_query"),
            Problem::Header { .. } => (StatusCode::BAD_REQUEST, "bad_header"),
            Problem::Multipart(_) | Problem::Part { .. } => (StatusCode::BAD_REQUEST, "bad_multipart"),
            Problem::Body(_) => (StatusCode::BAD_REQUEST, "bad_body"),
            Problem::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Problem::MediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Problem::Stalled(_) | Problem::Slow(_) => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Problem::Busy(_) => (StatusCode::TOO_MANY_REQUESTS, "busy"),
            Problem::Streams { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_streams"),
            Problem::NoToken => (StatusCode::UNAUTHORIZED, "no_token"),
            Problem::WrongToken | Problem::Expired(_) => (StatusCode::UNAUTHORIZED, "wrong_token"),
            Problem::Guessing(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Problem::Role(..) => (StatusCode::FORBIDDEN, "forbidden"),
            Problem::Uploads { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_uploads"),
            Problem::Host(_) => (StatusCode::MISDIRECTED_REQUEST, "unknown_host"),
            Problem::Origin(_) => (StatusCode::FORBIDDEN, "foreign_page"),
            Problem::HostUnreachable { .. } => (StatusCode::BAD_GATEWAY, "host_unreachable"),
            Problem::HostLate { .. } => (StatusCode::GATEWAY_TIMEOUT, "host_unreachable"),
            Problem::Misdirected(..) => (StatusCode::MISDIRECTED_REQUEST, "another_host"),
            Problem::Route => (StatusCode::NOT_FOUND, "no_such_path"),
            Problem::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Problem::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// The headers that go with it.
    fn headers(&self, status: StatusCode) -> Vec<(HeaderName, HeaderValue)> {
        let after = |wait: &Duration| HeaderValue::from(wait.as_secs_f64().ceil() as u64);
        match self {
            Problem::NoToken => vec![(header::WWW_AUTHENTICATE, CHALLENGE)],
            Problem::WrongToken | Problem::Expired(_) => vec![(header::WWW_AUTHENTICATE, CHALLENGE_WRONG)],
            Problem::Guessing(wait) | Problem::Uploads { wait, .. } => vec![(header::RETRY_AFTER, after(wait))],
            _ if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                vec![(header::RETRY_AFTER, RETRY_AFTER)]
            }
            _ => Vec::new(),
        }
    }
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Problem {
        match error {
            JobError::Filter(error) => Problem::Filter(error),
            error => Problem::Job(error),
        }
    }
}

fn job_status(error: &JobError) -> (StatusCode, &'static str) {
    match error {
        JobError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_job"),
        JobError::Time { .. } | JobError::Order { .. } => (StatusCode::BAD_REQUEST, "bad_query"),
        JobError::NoAlerts(_) => (StatusCode::NOT_FOUND, "no_alerts"),
        JobError::Into(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_into"),
        JobError::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "busy"),
        JobError::Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, "unsupported"),
        JobError::Kafka(_) => (StatusCode::BAD_GATEWAY, "kafka"),
        JobError::Filter(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        let body = ErrorBody::new(status, code, self.to_string());
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM)], Json(body)).into_response();
        response.headers_mut().extend(self.headers(status));
        response.extensions_mut().insert(Code(code));
        response
    }
}

/// The code of the problem that a request is answered with, for the record of it.
#[derive(Clone, Copy)]
pub(super) struct Code(pub(super) &'static str);

/// Says what a role lacks.
fn role(right: Right, role: Option<Role>) -> String {
    let wanted = match right {
        Right::Public | Right::Token => "any token",
        Right::Author => "the token of an author or operator",
        Right::Operator => "the token of an operator",
    };
    let has = role.map_or_else(|| "no token".to_owned(), |role| format!("the token of a user with the role {role}"));
    format!(
        "this needs {wanted}, and the request has {has}; an operator can make you another one (`skysieve token new`)"
    )
}

/// Logs the message of a panic, and keeps it from the client.
pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Problem {
    let said = payload.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("nothing");
    error!(panic = said, "a request panicked");
    Problem::Internal
}

/// The answer to a request that failed: a problem document
/// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ErrorBody {
    /// The type of the problem, which stays the same when texts change: `urn:skysieve:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What the HTTP status means.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong with this request, and what to do.
    detail: String,
    /// The end of the type, for programs.
    code: &'static str,
}

impl ErrorBody {
    fn new(status: StatusCode, code: &'static str, detail: String) -> ErrorBody {
        let title = status.canonical_reason().unwrap_or_default();
        ErrorBody { kind: format!("urn:skysieve:problem:{code}"), title, status: status.as_u16(), detail, code }
    }
}
