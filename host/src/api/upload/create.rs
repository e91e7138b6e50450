//! `POST /api/v1/filters`: a filter that is new.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use tracing::info;

use super::{answer, form, note};
use crate::api::audit::Note;
use crate::api::error::{ErrorBody, Problem};
use crate::api::permitted::Permitted;
use crate::api::revision::tagged;
use crate::api::state::Api;
use crate::filters::{Expected, FilterError, Status, Upload};

/// The path.
pub(super) const PATH: &str = "/api/v1/filters";

/// Creates a filter and activates it. The body says what it is called (`name`), and what it is made of: a form with a
/// module, or the name of a predefined filter, in a form or in JSON.
#[utoipa::path(
    post,
    path = "/api/v1/filters",
    operation_id = "create_filter",
    tag = "filters",
    request_body(content(
        (form::UploadForm = "multipart/form-data"),
        (form::UploadSettings = "application/json")
    )),
    responses(
        (status = 201, body = Status, description = "It judges alerts; `Location` says where it is"),
        (status = 400, body = ErrorBody, description = "The name or the body is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such predefined filter"),
        (status = 409, body = ErrorBody, description = "There is a filter of that name, or there was one that was moved to another host"),
        (status = 501, body = ErrorBody, description = "This host has no predefined filters"),
        (status = "4XX", body = ErrorBody, description = "As for PUT of a filter"),
        (status = "5XX", body = ErrorBody, description = "As for PUT of a filter")
    )
)]
pub(in crate::api) async fn create(State(api): State<Arc<Api>>, request: Request) -> Response {
    answer(&api, request, create_filter).await
}

fn create_filter(control: &Permitted<'_>, name: &str, upload: Upload) -> Result<Response, Problem> {
    let exists = || {
        Problem::Filter(FilterError::Conflict(format!(
            "there is a filter {name:?} already; PUT {PATH}/{name} replaces it"
        )))
    };
    if control.get(name).is_ok() {
        return Err(exists());
    }
    let bytes = upload.module.len();
    let status = match control.put(name, Upload { expected: Expected::Absent, ..upload }) {
        // Somebody else was faster.
        Err(Problem::Filter(FilterError::Changed { .. })) => return Err(exists()),
        status => status?,
    };
    info!(filter = name, sha256 = status.sha256, bytes, "filter created");
    let note = note(&status, status.registered.as_ref().and_then(|registered| registered.version));
    let mut response = Note::on(tagged(StatusCode::CREATED, status), note);
    if let Ok(location) = format!("{PATH}/{name}").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
