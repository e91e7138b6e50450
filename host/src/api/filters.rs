//! The status of filters, and their removal.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::listing::Listing;
use super::query::Parameters;
use super::revision::{IfMatch, tagged};
use super::state::{Api, Name};
use crate::filters::{FilterChange, Status};

/// Lists the filters that the caller may see, by name: all, or an author's own. If several hosts have one registry, those of
/// other hosts are listed as far as the registry knows them, with the state `elsewhere`.
#[utoipa::path(
    get,
    path = "/api/v1/filters",
    operation_id = "list_filters",
    tag = "filters",
    params(
        ("host" = Option<String>, Query, description = "The name of a host, whose filters alone are listed"),
        ("owner" = Option<String>, Query, description = "A user, whose filters alone are listed"),
        ("state" = Option<String>, Query, description = "A state: active, suspended, moved, paused, inactive, refused or elsewhere"),
        ("limit" = Option<usize>, Query, description = "How many are listed at most, 1 to 1000; by default, all are. If there are more, `Link` says where"),
        ("after" = Option<String>, Query, description = "A name; those that come behind it are listed")
    ),
    responses(
        (status = 200, body = Vec<Status>),
        (status = 400, body = ErrorBody, description = "The query is malformed")
    )
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let listing = Listing::of(parameters)?;
    api.ask(caller, move |control| Ok(listing.answer(control.list_everywhere(listing.host.as_deref())))).await
}

/// Returns one filter.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}",
    operation_id = "get_filter",
    tag = "filters",
    params(("name" = String, Path, description = "The filter's name")),
    responses((status = 200, body = Status), (status = 404, body = ErrorBody, description = "There is no such filter"))
)]
pub(super) async fn status(State(api): State<Arc<Api>>, caller: Caller, Name(name): Name) -> Result<Response, Problem> {
    api.ask(caller, move |control| Ok(tagged(StatusCode::OK, control.get(&name)?))).await
}

/// Removes a filter with all of its versions, and returns its last status.
#[utoipa::path(
    delete,
    path = "/api/v1/filters/{name}",
    operation_id = "delete_filter",
    tag = "filters",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be removed")
    ),
    responses(
        (status = 200, body = Status),
        (status = 400, body = ErrorBody, description = "The name or a header is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter"),
        (status = 409, body = ErrorBody, description = "It is in the folder that the host was started with"),
        (status = 412, body = ErrorBody, description = "It was changed in the meantime"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or the registry does not answer")
    )
)]
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    IfMatch(expected): IfMatch,
) -> Result<Response, Problem> {
    api.ask(caller, move |control| {
        let status = control.change(&name, FilterChange::Delete, expected)?;
        info!(filter = name, sha256 = status.sha256, "filter deleted");
        Ok(Json(status).into_response())
    })
    .await
}
