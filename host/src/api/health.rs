//! Whether the host is alive, and whether it works.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::Problem;
use super::state::Api;
use crate::health::Health;

/// The answer of a process that is alive.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Life {
    /// Always `live`.
    status: &'static str,
}

/// Says that the process is alive.
#[utoipa::path(get, path = "/health/live", tag = "host", responses((status = 200, body = Life)))]
pub(super) async fn live() -> Json<Life> {
    Json(Life { status: "live" })
}

/// Says whether the host reads the stream and publishes, and returns its totals.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "host",
    responses(
        (status = 200, body = Health),
        (status = 503, body = Health, description = "The host is not ready; `detail` says why")
    )
)]
pub(super) async fn ready(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    api.ask(|control| {
        let health = control.health();
        let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Ok((status, Json(health)).into_response())
    })
    .await
}
