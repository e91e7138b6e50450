//! Passes requests on to the host that they are about, where several hosts have one registry.
//!
//! A request is passed on once at most: whoever gets it by another host answers it, from the registry if need be. The other
//! host checks the token itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::audit::Note;
use super::caller::Caller;
use super::error::{Problem, panicked};
use super::events::accepts_events;
use super::json::whole;
use super::passed_on::{OF_FILTERS, OF_NAMED, STREAMS, UPLOADS, may_be_passed_on};
use super::query::Parameters;
use super::rights::Operation;
use super::state::{Api, Name};
use crate::filters::SettingsPatch;
use crate::hosts::{FORWARDED, ForwardError, Forwarded, TO};

/// The header of an answer that says which host has given it, if it is not the one that was asked.
const BY: HeaderName = HeaderName::from_static("skysieve-host");
/// What paths of jobs begin with.
const JOBS: &str = "/api/v1/jobs/";

/// Whether another host has passed a request on.
pub(super) fn is_passed_on(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED)
}

/// Answers a request for this host, and says so. One for another host, which perhaps had this one's address, is refused.
pub(super) async fn identify(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let Some(to) = request.headers().get(TO).cloned() else { return next.run(request).await };
    if to.as_bytes() != api.access.host.as_bytes() {
        let to = String::from_utf8_lossy(to.as_bytes()).chars().take(100).collect();
        return Problem::Misdirected(to, api.access.host.clone()).into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(HeaderName::from_static(TO), to);
    response
}

/// Answers the request, or lets the host answer that it is about.
pub(super) async fn check(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    match pass_on(&api, request).await {
        Ok(Passed::Answered(response)) => response,
        Ok(Passed::Here(request)) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

enum Passed {
    Answered(Response),
    Here(Request),
}

async fn pass_on(api: &Api, request: Request) -> Result<Passed, Problem> {
    let operation = request.extensions().get::<Operation>().map(|operation| operation.id.clone()).unwrap_or_default();
    let is_known = may_be_passed_on(&operation) && !UPLOADS.contains(&&*operation);
    if api.config.hosts.is_none() || !is_known || is_passed_on(request.headers()) {
        return Ok(Passed::Here(request));
    }
    let (mut parts, mut body) = request.into_parts();
    let mut moved = None;
    if operation == "patch_filter" {
        let patch = whole(body).await?;
        (moved, body) = (moved_to(&patch), Body::from(patch));
    }
    let is_moved = moved.is_some();
    let to = match moved {
        Some(host) => other_host(api, &mut parts, host).await?,
        None => host_of(api, &operation, &mut parts).await?,
    };
    let Some(to) = to else { return Ok(Passed::Here(Request::from_parts(parts, body))) };
    if STREAMS.contains(&&*operation) && accepts_events(&parts.headers) {
        let caller = Caller::among(&parts.extensions)?;
        return api.relay(&to, &caller, forwarded(&parts, Bytes::new())).await.map(Passed::Answered);
    }
    let body = whole(body).await?;
    match api.forward(&to, Arc::new(forwarded(&parts, body.clone()))).await {
        Ok(response) => Ok(Passed::Answered(response)),
        Err(ForwardError::NotReached(_)) if OF_FILTERS.contains(&&*operation) && !is_moved => {
            Ok(Passed::Here(Request::from_parts(parts, Body::from(body))))
        }
        Err(error) => Err(unreachable(to, error)),
    }
}

/// The host that a filter is to be moved to, which does it.
fn moved_to(patch: &[u8]) -> Option<String> {
    serde_json::from_slice::<SettingsPatch>(patch).ok()?.host
}

/// The host that a filter is to be moved to, if it is another one. Whether there is such a filter is not told to those who may
/// not know it: without this, an answer of that host, or none, would do so.
async fn other_host(api: &Api, parts: &mut Parts, host: String) -> Result<Option<String>, Problem> {
    let caller = Caller::among(&parts.extensions)?;
    let Name(name) = Name::from_request_parts(parts, &()).await?;
    api.ask(caller, move |control| Ok(control.get(&name).map(drop)?)).await?;
    Ok(Some(host).filter(|host| *host != api.access.host))
}

/// The other host that a request is about, if it is about one.
async fn host_of(api: &Api, operation: &str, parts: &mut Parts) -> Result<Option<String>, Problem> {
    if OF_NAMED.contains(&operation) {
        let named = Parameters::of(parts)?.take("host")?;
        return Ok(named.filter(|name| *name != api.access.host));
    }
    let caller = Caller::among(&parts.extensions)?;
    let Name(name) = Name::from_request_parts(parts, &()).await?;
    api.ask(caller, move |control| Ok(control.elsewhere(&name))).await
}

/// A request as another host is to get it.
pub(super) fn forwarded(parts: &Parts, body: Bytes) -> Forwarded {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Forwarded { method: parts.method.clone(), path, headers: parts.headers.clone(), body }
}

/// Why a request was not answered by the host that it is about.
pub(super) fn unreachable(host: String, error: ForwardError) -> Problem {
    match error {
        ForwardError::Late(_) => Problem::HostLate { host, reason: error.to_string() },
        ForwardError::NotReached(reason) => {
            Problem::HostUnreachable { host, reason: format!("{reason}; nothing was changed") }
        }
        ForwardError::Broken(reason) => {
            let reason = format!("{reason}; if this was a change, look whether it was made");
            Problem::HostUnreachable { host, reason }
        }
    }
}

impl Api {
    /// Lets another host answer. If something has changed there, this host knows it, too, when this returns.
    pub(super) async fn forward(&self, to: &str, request: Arc<Forwarded>) -> Result<Response, ForwardError> {
        let Some(hosts) = self.config.hosts.clone() else {
            return Err(ForwardError::NotReached("this host knows no others".to_owned()));
        };
        let (control, host) = (self.control.clone(), to.to_owned());
        let asked = tokio::task::spawn_blocking(move || {
            let answer = hosts.forward(&host, &request)?;
            if !request.method.is_safe()
                && (200..300).contains(&answer.status)
                && let Err(error) = control.catch_up()
            {
                tracing::warn!(%error, "what another host has changed is known here later");
            }
            Ok(answer)
        });
        let answer = match asked.await {
            Ok(answer) => answer?,
            Err(error) => {
                let problem = error.try_into_panic().map_or(Problem::Internal, panicked);
                return Ok(problem.into_response());
            }
        };
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut response = (status, answer.body).into_response();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        headers.extend(answer.headers);
        name_host(headers, to);
        Ok(Note::on(response, format!("by host {to}")))
    }
}

/// Says which host has answered, also where the answer says where to ask on.
pub(super) fn name_host(headers: &mut HeaderMap, host: &str) {
    if let Ok(name) = HeaderValue::from_str(host) {
        headers.insert(BY, name);
    }
    let location = headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
    let Some(job) = location.filter(|location| location.starts_with(JOBS)) else { return };
    let name = percent_encoding::utf8_percent_encode(host, percent_encoding::NON_ALPHANUMERIC);
    if let Ok(location) = HeaderValue::from_str(&format!("{job}?host={name}")) {
        headers.insert(header::LOCATION, location);
    }
}
