//! The API's description for programs.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;

use super::{health, metrics, page, routes, upload};

#[derive(OpenApi)]
#[openapi(
    info(title = "Skysieve", description = "The filters of one host."),
    paths(
        routes::list,
        routes::status,
        upload::put,
        routes::delete,
        health::live,
        health::ready,
        metrics::show,
        page::show,
        show
    )
)]
struct Document;

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Document::openapi().to_json().expect("a schema made at compile time is JSON"));

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "openapi",
    tag = "host",
    responses((status = 200, content_type = "application/json"))
)]
pub(super) async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}
