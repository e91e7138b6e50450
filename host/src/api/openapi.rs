//! The machine-readable description of the API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;

use super::state::Api;

/// The parts of the description other than the paths, which come from the routes.
#[derive(OpenApi)]
#[openapi(info(title = "Skysieve", description = "The filters of one host."))]
pub(super) struct Document;

/// Returns this description.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "openapi",
    tag = "host",
    responses((status = 200, content_type = "application/json"))
)]
pub(super) async fn show(State(api): State<Arc<Api>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], api.document.clone()).into_response()
}
