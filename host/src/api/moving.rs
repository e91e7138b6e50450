//! Moving filters between hosts.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::info;

use super::audit::Note;
use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::json::read;
use super::state::{Api, Name};
use crate::filters::{HandOver, HostInfo, Status};

/// The host that a filter is moved to.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    /// Its name (`--name`).
    to: String,
}

/// The move that has ended.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    /// The id in the hand-over.
    id: String,
}

/// Lets a filter go to another host, between two batches. From the answer on, this host does not judge it any more, not
/// even after a restart, and whoever has the hand-over and the module can let it go on. The same request has the same
/// answer until the filter comes back.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/release",
    operation_id = "release_filter",
    tag = "moving",
    params(("name" = String, Path, description = "The filter's name")),
    request_body = Release,
    responses(
        (status = 200, body = HandOver),
        (status = 400, body = ErrorBody, description = "The request is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter"),
        (status = 409, body = ErrorBody, description = "It was moved to another host already"),
        (status = 422, body = ErrorBody, description = "This host keeps no positions, or is itself the one named"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or Kafka does not answer")
    )
)]
pub(super) async fn release(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    request: Request,
) -> Result<Response, Problem> {
    let Release { to } = read(request).await?;
    api.ask(caller, move |control| {
        let handover = control.release(&name, &to)?;
        info!(filter = name, to, id = handover.id, "filter released");
        let note = format!("to host {to}, move {}", handover.id);
        Ok(Note::on(Json(handover).into_response(), note))
    })
    .await
}

/// Says that the other host has the filter, so that its module need not be kept here any more.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/confirm",
    operation_id = "confirm_move",
    tag = "moving",
    params(("name" = String, Path, description = "The filter's name")),
    request_body = Confirmation,
    responses(
        (status = 200, body = Status),
        (status = 400, body = ErrorBody, description = "The request is malformed"),
        (status = 404, body = ErrorBody, description = "No such filter was moved"),
        (status = 409, body = ErrorBody, description = "That was not its last move")
    )
)]
pub(super) async fn confirm(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    request: Request,
) -> Result<Response, Problem> {
    let Confirmation { id } = read(request).await?;
    api.ask(caller, move |control| Ok(Json(control.confirm(&name, &id)?).into_response())).await
}

/// Returns the module of a filter.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}/module",
    operation_id = "get_module",
    tag = "filters",
    params(("name" = String, Path, description = "The filter's name")),
    responses(
        (status = 200, content_type = "application/wasm"),
        (status = 404, body = ErrorBody, description = "There is no such filter, or its module is not kept")
    )
)]
pub(super) async fn module(State(api): State<Arc<Api>>, caller: Caller, Name(name): Name) -> Result<Response, Problem> {
    let module = api.ask(caller, move |control| Ok(control.module(&name)?)).await?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], module).into_response())
}

/// Returns what there is to know of the host before filters are moved to it.
#[utoipa::path(
    get,
    path = "/api/v1/host",
    operation_id = "get_host",
    tag = "moving",
    responses(
        (status = 200, body = HostInfo),
        (status = 422, body = ErrorBody, description = "This host keeps no positions"),
        (status = 503, body = ErrorBody, description = "Kafka does not answer")
    )
)]
pub(super) async fn host(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    api.ask(caller, |control| Ok(Json(control.host()?).into_response())).await
}
