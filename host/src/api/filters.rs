//! The status of filters, and their removal.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::error::{ErrorBody, Problem};
use super::state::{Api, Name};
use crate::filters::Status;

/// Lists all filters by name.
#[utoipa::path(
    get,
    path = "/api/v1/filters",
    operation_id = "list_filters",
    tag = "filters",
    responses((status = 200, body = Vec<Status>))
)]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    api.ask(|control| Ok(Json(control.list()).into_response())).await
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
pub(super) async fn status(State(api): State<Arc<Api>>, Name(name): Name) -> Result<Response, Problem> {
    api.ask(move |control| Ok(Json(control.get(&name)?).into_response())).await
}

/// Removes a filter, and returns its last status.
#[utoipa::path(
    delete,
    path = "/api/v1/filters/{name}",
    operation_id = "delete_filter",
    tag = "filters",
    params(("name" = String, Path, description = "The filter's name")),
    responses(
        (status = 200, body = Status),
        (status = 404, body = ErrorBody, description = "There is no such filter"),
        (status = 503, body = ErrorBody, description = "The host is stopping")
    )
)]
pub(super) async fn delete(State(api): State<Arc<Api>>, Name(name): Name) -> Result<Response, Problem> {
    api.ask(move |control| {
        let status = control.delete(&name)?;
        info!(filter = name, sha256 = status.sha256, "filter deleted");
        Ok(Json(status).into_response())
    })
    .await
}
