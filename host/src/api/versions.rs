//! The versions of filters: which there are, which is active, and whether it is paused.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::info;

use super::audit::Note;
use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::json::read;
use super::permitted::Bring;
use super::query::Parameters;
use super::revision::{IfMatch, tagged};
use super::state::{Api, Name};
use crate::filters::{FilterChange, FilterError, SettingsPatch, Status, VersionInfo, check_name};

/// The version that is to be active.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Activation {
    /// Its number.
    version: u32,
    /// Whether it is activated even if it fails on all recent alerts.
    #[serde(default)]
    force: bool,
}

/// Lists the versions of a filter, oldest first, without their configs.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}/versions",
    operation_id = "list_versions",
    tag = "versions",
    params(("name" = String, Path, description = "The filter's name")),
    responses(
        (status = 200, body = Vec<VersionInfo>),
        (status = 400, body = ErrorBody, description = "The name is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter"),
        (status = 501, body = ErrorBody, description = "No versions of this filter are kept")
    )
)]
pub(super) async fn list(State(api): State<Arc<Api>>, caller: Caller, Name(name): Name) -> Result<Response, Problem> {
    api.ask(caller, move |control| Ok(Json(control.versions(&name)?).into_response())).await
}

/// Returns one version, with its config, which viewers do not see.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}/versions/{number}",
    operation_id = "get_version",
    tag = "versions",
    params(("name" = String, Path, description = "The filter's name"), ("number" = u32, Path, description = "The version's")),
    responses(
        (status = 200, body = VersionInfo),
        (status = 400, body = ErrorBody, description = "The name or the number is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter or version, or its config is missing"),
        (status = 501, body = ErrorBody, description = "No versions of this filter are kept"),
        (status = 503, body = ErrorBody, description = "The registry does not answer")
    )
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Numbered(name, number): Numbered,
) -> Result<Response, Problem> {
    api.ask(caller, move |control| Ok(Json(control.version(&name, number)?).into_response())).await
}

/// Returns the module of a version, to its owner and to operators.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}/versions/{number}/module",
    operation_id = "get_version_module",
    tag = "versions",
    params(("name" = String, Path, description = "The filter's name"), ("number" = u32, Path, description = "The version's")),
    responses(
        (status = 200, content_type = "application/wasm"),
        (status = 400, body = ErrorBody, description = "The name or the number is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter or version, or its module is missing"),
        (status = 501, body = ErrorBody, description = "No versions of this filter are kept"),
        (status = 503, body = ErrorBody, description = "The registry does not answer")
    )
)]
pub(super) async fn module(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Numbered(name, number): Numbered,
) -> Result<Response, Problem> {
    let module = api.ask(caller, move |control| Ok(control.version_module(&name, number)?)).await?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], module).into_response())
}

/// Makes a version the active one, between two batches. With the number of an older version, this takes a change back.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/activate",
    operation_id = "activate_version",
    tag = "versions",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be changed")
    ),
    request_body = Activation,
    responses(
        (status = 200, body = Status),
        (status = 400, body = ErrorBody, description = "The request is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter or version"),
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
    expected: IfMatch,
    request: Request,
) -> Result<Response, Problem> {
    let Activation { version, force } = read(request).await?;
    change(&api, caller, name, FilterChange::Activate { version, force }, expected).await
}

/// Lets a filter judge nothing until it is resumed, also after a restart. The alerts of that time are not judged later.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/pause",
    operation_id = "pause_filter",
    tag = "versions",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be changed")
    ),
    responses(
        (status = 200, body = Status),
        (status = "4XX", body = ErrorBody, description = "As for activate"),
        (status = "5XX", body = ErrorBody, description = "As for activate")
    )
)]
pub(super) async fn pause(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    expected: IfMatch,
) -> Result<Response, Problem> {
    change(&api, caller, name, FilterChange::Pause, expected).await
}

/// Lets a filter judge again that was paused, or suspended because it failed. It begins with the alerts that come now.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/resume",
    operation_id = "resume_filter",
    tag = "versions",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be changed")
    ),
    responses(
        (status = 200, body = Status),
        (status = "4XX", body = ErrorBody, description = "As for activate"),
        (status = "5XX", body = ErrorBody, description = "As for activate")
    )
)]
pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    expected: IfMatch,
) -> Result<Response, Problem> {
    change(&api, caller, name, FilterChange::Resume, expected).await
}

/// Changes settings that are not a version's. What is left out stays as it is. With `host`, the filter is moved to another host
/// that has the same registry.
#[utoipa::path(
    patch,
    path = "/api/v1/filters/{name}",
    operation_id = "patch_filter",
    tag = "filters",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("force" = Option<bool>, Query, description = "Whether it is moved even if the host that has it does not answer, so that it misses alerts; for operators"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be changed")
    ),
    request_body = SettingsPatch,
    responses(
        (status = 200, body = Status),
        (status = "4XX", body = ErrorBody, description = "As for activate"),
        (status = "5XX", body = ErrorBody, description = "As for activate")
    )
)]
pub(super) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    expected: IfMatch,
    mut parameters: Parameters,
    request: Request,
) -> Result<Response, Problem> {
    let authorization = request.headers().get(header::AUTHORIZATION).cloned();
    let patch: SettingsPatch = read(request).await?;
    let Some(host) = &patch.host else {
        return change(&api, caller, name, FilterChange::Set(patch), expected).await;
    };
    let alone = SettingsPatch { host: Some(host.clone()), ..SettingsPatch::default() };
    if patch != alone {
        return Err(Problem::Body("the host can't be changed together with other settings".to_owned()));
    }
    let hosts = api.config.hosts.clone().ok_or(Problem::Filter(FilterError::NoRegistry))?;
    if *host != api.access.host {
        return Err(Problem::Misdirected(host.clone(), api.access.host.clone()));
    }
    let force = parameters.take("force")?.is_some_and(|force| force == "true");
    api.ask(caller, move |control| {
        let bring = Bring { hosts: &hosts, authorization, force };
        let status = control.bring(&name, expected.0, &bring)?;
        info!(filter = name, "filter moved to this host");
        Ok(Note::on(tagged(StatusCode::OK, status), "moved to this host"))
    })
    .await
}

async fn change(
    api: &Api,
    caller: Caller,
    name: String,
    change: FilterChange,
    IfMatch(expected): IfMatch,
) -> Result<Response, Problem> {
    api.ask(caller, move |control| {
        let what = format!("{change:?}");
        let status = control.change(&name, change, expected)?;
        let revision = status.registered.as_ref().map(|registered| registered.revision);
        info!(filter = name, what = what, revision, "filter changed");
        Ok(Note::on(tagged(StatusCode::OK, status), what))
    })
    .await
}

/// The filter's name and the version's number from the path.
pub(super) struct Numbered(pub(super) String, pub(super) u32);

impl<S: Send + Sync> FromRequestParts<S> for Numbered {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Numbered, Problem> {
        let path: Result<Path<(String, u32)>, PathRejection> = Path::from_request_parts(parts, state).await;
        let Path((name, number)) = path.map_err(|rejection| Problem::Path(rejection.body_text()))?;
        check_name(&name)?;
        Ok(Numbered(name, number))
    }
}
