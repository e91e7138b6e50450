//! Shadows: versions that run beside the active ones on the live stream, without publishing.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::info;

use super::audit::Note;
use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::json::read;
use super::query::Parameters;
use super::revision::{IfMatch, tagged};
use super::state::{Api, Name};
use crate::filters::{FilterChange, ShadowStatus, Status};

/// The version that is to be the shadow.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewShadow {
    /// Its number.
    version: u32,
}

/// Lets a version run beside the active one on the live stream. It judges the same alerts and publishes nothing. An earlier
/// shadow of the filter ends. If that is the same version and runs, nothing changes.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/shadow",
    operation_id = "begin_shadow",
    tag = "shadow",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be changed")
    ),
    request_body = NewShadow,
    responses(
        (status = 200, body = ShadowStatus),
        (status = 400, body = ErrorBody, description = "The request is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter or version"),
        (status = 409, body = ErrorBody, description = "That version is the active one, or none is; or the filter is paused, suspended, on its way to another host, or in the host's folder"),
        (status = 412, body = ErrorBody, description = "The filter was changed in the meantime"),
        (status = 422, body = ErrorBody, description = "The version is refused by now: limits or the stream have changed"),
        (status = 501, body = ErrorBody, description = "This host keeps no versions"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or the registry does not answer"),
        (status = 507, body = ErrorBody, description = "There is no room or no memory for it, or its owner has as many shadows as a user may have")
    )
)]
pub(super) async fn begin(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    IfMatch(expected): IfMatch,
    request: Request,
) -> Result<Response, Problem> {
    let NewShadow { version } = read(request).await?;
    api.ask(caller, move |control| {
        control.begin_shadow(&name, version, expected)?;
        info!(filter = name, version, "a version is to be the shadow");
        Ok(Note::on(Json(control.shadow(&name)?).into_response(), format!("version {version}")))
    })
    .await
}

/// Returns the shadow of a filter: what it and the active version have accepted of the same alerts.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}/shadow",
    operation_id = "get_shadow",
    tag = "shadow",
    params(("name" = String, Path, description = "The filter's name")),
    responses(
        (status = 200, body = ShadowStatus),
        (status = 400, body = ErrorBody, description = "The name is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter, or it has no shadow"),
        (status = 409, body = ErrorBody, description = "It belongs to another host")
    )
)]
pub(super) async fn status(State(api): State<Arc<Api>>, caller: Caller, Name(name): Name) -> Result<Response, Problem> {
    api.ask(caller, move |control| Ok(Json(control.shadow(&name)?).into_response())).await
}

/// Ends the shadow of a filter, and returns its last status.
#[utoipa::path(
    delete,
    path = "/api/v1/filters/{name}/shadow",
    operation_id = "end_shadow",
    tag = "shadow",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be changed")
    ),
    responses(
        (status = 200, body = ShadowStatus),
        (status = 400, body = ErrorBody, description = "The name or a header is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter, or it has no shadow"),
        (status = 409, body = ErrorBody, description = "It is in the host's folder, or belongs to another host"),
        (status = 412, body = ErrorBody, description = "The filter was changed in the meantime"),
        (status = 501, body = ErrorBody, description = "This host keeps no versions"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or the registry does not answer")
    )
)]
pub(super) async fn end(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    IfMatch(expected): IfMatch,
) -> Result<Response, Problem> {
    api.ask(caller, move |control| {
        let last = control.shadow(&name)?;
        control.change(&name, FilterChange::EndShadow, expected)?;
        info!(filter = name, version = last.version, "the shadow was ended");
        Ok(Note::on(Json(&last).into_response(), format!("version {}", last.version)))
    })
    .await
}

/// Makes the shadow the active version, between two batches. It is not a shadow any more then.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/shadow/activate",
    operation_id = "activate_shadow",
    tag = "shadow",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("force" = Option<bool>, Query, description = "Whether it is activated even if it fails on all recent alerts"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be changed")
    ),
    responses(
        (status = 200, body = Status),
        (status = 400, body = ErrorBody, description = "The request is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter, or it has no shadow"),
        (status = 409, body = ErrorBody, description = "It is in the host's folder, or was moved to another host"),
        (status = 412, body = ErrorBody, description = "It was changed in the meantime"),
        (status = 422, body = ErrorBody, description = "The version is refused by now: limits or the stream have changed, or it fails on all recent alerts (trial_failed)"),
        (status = 501, body = ErrorBody, description = "This host keeps no versions"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or the registry does not answer"),
        (status = 507, body = ErrorBody, description = "There is no room or no memory for it")
    )
)]
pub(super) async fn activate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    IfMatch(expected): IfMatch,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let force = match parameters.take("force")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            let (name, reason) = ("force".to_owned(), "it is neither true nor false".to_owned());
            return Err(Problem::Parameter { name, reason });
        }
    };
    parameters.finish()?;
    api.ask(caller, move |control| {
        let status = control.change(&name, FilterChange::ActivateShadow { force }, expected)?;
        let version = status.registered.as_ref().and_then(|registered| registered.version);
        info!(filter = name, version, "the shadow is active");
        let note = format!("version {}", version.unwrap_or_default());
        Ok(Note::on(tagged(StatusCode::OK, status), note))
    })
    .await
}
