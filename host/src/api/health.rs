//! Whether the host is alive, and whether it works.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::caller::Caller;
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

/// The answer to whoever has no token.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ready {
    /// Whether the host reads the stream and publishes.
    ready: bool,
}

/// Whether the host works: in one word, or with all that is known of it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum Readiness {
    /// The answer to whoever has no token.
    Short(Ready),
    /// The answer to users.
    Whole(Box<Health>),
}

/// Says whether the host reads the stream and publishes. With a token, it also says why, and what the host has done.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "host",
    responses(
        (status = 200, body = Readiness),
        (status = 503, body = Readiness, description = "The host is not ready; `detail` says why")
    )
)]
pub(super) async fn ready(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    let is_known = caller.role.is_some();
    api.ask(caller, move |control| {
        let health = control.health();
        let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body =
            if is_known { Readiness::Whole(Box::new(health)) } else { Readiness::Short(Ready { ready: health.ready }) };
        Ok((status, Json(body)).into_response())
    })
    .await
}
