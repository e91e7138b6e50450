//! What is known of a filter's alerts: where they went, what they cost, on which ones it failed, and what it has logged.

use std::sync::Arc;

use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::events::{accepts_events, follow};
use super::query::Parameters;
use super::state::{Api, Name};
use super::told::{FaultPage, LogPage, Told};
use crate::filters::{FaultRecord, FilterStats, LogRecord};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

/// Returns where a filter's alerts went since its version was activated, and what they cost: over all, and for each of the
/// newest visits. Numbers of seen alerts are always the sums of the others.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}/stats",
    operation_id = "get_stats",
    tag = "reports",
    params(("name" = String, Path, description = "The filter's name")),
    responses(
        (status = 200, body = FilterStats),
        (status = 400, body = ErrorBody, description = "The name is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter")
    )
)]
pub(super) async fn stats(State(api): State<Arc<Api>>, caller: Caller, Name(name): Name) -> Result<Response, Problem> {
    api.ask(caller, move |control| Ok(Json(control.stats(&name)?).into_response())).await
}

/// Returns the newest faults of a filter, newest first. Their number and size are limited.
///
/// With `Accept: text/event-stream`, they come as events, oldest first, and then those that follow: `fault`, or `missed` with
/// how many (`count`) have gone before they were sent. A stream ends after ten minutes, and when the filter leaves the host or the
/// host stops; with the id of the last event, `Last-Event-ID`, the next one goes on behind it.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}/faults",
    operation_id = "list_faults",
    tag = "reports",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("limit" = Option<usize>, Query, description = "How many of those that are kept are wanted, 0 to 1000; by default, all"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the event behind which a stream begins")
    ),
    responses(
        (status = 200, content((FaultPage = "application/json"), (String = "text/event-stream"))),
        (status = 400, body = ErrorBody, description = "The name or the query is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter"),
        (status = 429, body = ErrorBody, description = "Too many streams are open, or wrong tokens have come from this address")
    )
)]
pub(super) async fn faults(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    report::<FaultRecord>(api, caller, name, headers, parameters).await
}

/// Returns the newest log messages of a filter, newest first. Their number, size and rate are limited.
///
/// With `Accept: text/event-stream`, they come as events: `log`, and `missed`, as for faults.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}/logs",
    operation_id = "list_logs",
    tag = "reports",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("limit" = Option<usize>, Query, description = "How many of those that are kept are wanted, 0 to 1000; by default, all"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the event behind which a stream begins")
    ),
    responses(
        (status = 200, content((LogPage = "application/json"), (String = "text/event-stream"))),
        (status = 400, body = ErrorBody, description = "The name or the query is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter"),
        (status = 429, body = ErrorBody, description = "Too many streams are open, or wrong tokens have come from this address")
    )
)]
pub(super) async fn logs(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    report::<LogRecord>(api, caller, name, headers, parameters).await
}

async fn report<T: Told>(
    api: Arc<Api>,
    caller: Caller,
    name: String,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.take("limit")?.map_or(Ok(T::MOST), |limit| limit_of(&limit))?;
    parameters.finish()?;
    if accepts_events(&headers) {
        return follow::<T>(api, caller, name, &headers, limit).await;
    }
    api.ask(caller, move |control| {
        let page = T::of(control.journals(&name)?).newest(limit);
        Ok(T::page(page.records.iter().rev().map(|record| T::clone(record)).collect(), page.missed))
    })
    .await
}

fn limit_of(given: &str) -> Result<usize, Problem> {
    let number = given.parse().ok().filter(|number| *number <= 1000);
    let reason = || "it is not a number from 0 to 1000".to_owned();
    number.ok_or_else(|| Problem::Parameter { name: "limit".to_owned(), reason: reason() })
}
