//! `PUT` or `POST` of `/api/v1/filters/NAME`: a module and its settings.

mod body;
pub(super) mod check;
pub(super) mod create;
mod form;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::{info, warn};

use super::audit::Note;
use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::forward::{forwarded, is_passed_on};
use super::permitted::Permitted;
use super::place::{Placed, place};
use super::revision::{IfMatch, tagged};
use super::state::{Api, Name};
use crate::filters::{Status, Upload, check_name};
use body::Incoming;
use form::{Form, Layout};

/// Checks, compiles and activates a filter, replacing an earlier one of its name. Settings are passed in the query, or
/// beside the module in a form.
#[utoipa::path(
    put,
    path = "/api/v1/filters/{name}",
    operation_id = "put_filter",
    tag = "filters",
    params(
        ("name" = String, Path, description = "The filter's name, and its output topic's"),
        ("predefined" = Option<String>, Query, description = "The name of a predefined filter, whose module is taken; there is no body then"),
        ("parameters" = Option<String>, Query, description = "Values of parameters by their names, as a JSON object, which are set in the config"),
        ("config" = Option<String>, Query, description = "Text that is passed to the filter as it is; with a program, its parameters in TOML"),
        ("file" = Option<String>, Query, description = "The name of the program's file, for messages"),
        ("topics" = Option<String>, Query, description = "Topics whose alerts the filter is shown, separated by commas"),
        ("quota" = Option<u32>, Query, description = "Accepted alerts published per visit"),
        ("cpu_share" = Option<f64>, Query, description = "Share of a processor in the slow lane"),
        ("from" = Option<String>, Query, description = "Where a new filter begins: earliest, latest, -N, or a time"),
        ("fuel" = Option<u64>, Query, description = "Fuel per alert"),
        ("memory" = Option<u64>, Query, description = "Bytes of memory"),
        ("deadline_ms" = Option<u64>, Query, description = "Milliseconds per call"),
        ("note" = Option<String>, Query, description = "What is to be known of this version"),
        ("strict" = Option<bool>, Query, description = "Whether warnings refuse the filter"),
        ("host" = Option<String>, Query, description = "The name of the host that is to take a new filter; by default, the live one with the fewest"),
        ("force" = Option<bool>, Query, description = "Whether it is activated even if it fails on all recent alerts"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be replaced; * if there must be one"),
        ("If-None-Match" = Option<String>, Header, description = "* if there must be none")
    ),
    request_body(content(
        ("application/wasm"),
        (String = "text/x-python"),
        (form::UploadForm = "multipart/form-data"),
        (form::UploadSettings = "application/json")
    )),
    responses(
        (status = 200, body = Status, description = "It replaced an earlier one"),
        (status = 201, body = Status, description = "It is new"),
        (status = 400, body = ErrorBody, description = "The name, the query or the body is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such predefined filter"),
        (status = 408, body = ErrorBody, description = "The body came too slowly"),
        (status = 409, body = ErrorBody, description = "It is in the folder that the host was started with, was moved to another host, can't begin in the past or be taken over because there is one already, or belongs to somebody else"),
        (status = 410, body = ErrorBody, description = "It has come by this move, and has gone on to another host since"),
        (status = 412, body = ErrorBody, description = "It was changed in the meantime"),
        (status = 413, body = ErrorBody, description = "The module is too large"),
        (status = 415, body = ErrorBody, description = "The body is neither a module, nor a program in a language that is known, nor a form, nor JSON"),
        (status = 422, body = ErrorBody, description = "The module, its manifest or its settings were refused, or it fails on all recent alerts (trial_failed)"),
        (status = 429, body = ErrorBody, description = "Too many uploads are under way, or the user has made too many within an hour"),
        (status = 501, body = ErrorBody, description = "This host has no predefined filters"),
        (status = 503, body = ErrorBody, description = "The host is stopping, has no time to compile the module, or the registry does not answer"),
        (status = 507, body = ErrorBody, description = "There is no room or no memory for another filter, or the user has as much as users may have")
    )
)]
pub(super) async fn put(State(api): State<Arc<Api>>, request: Request) -> Response {
    answer(&api, request, put_filter).await
}

/// The same as PUT, with the method that is usual for forms (`curl -F`).
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}",
    operation_id = "post_filter",
    tag = "filters",
    params(("name" = String, Path, description = "The filter's name, and its output topic's")),
    request_body(content(
        ("application/wasm"),
        (String = "text/x-python"),
        (form::UploadForm = "multipart/form-data"),
        (form::UploadSettings = "application/json")
    )),
    responses(
        (status = 200, body = Status, description = "It replaced an earlier one"),
        (status = 201, body = Status, description = "It is new"),
        (status = "4XX", body = ErrorBody, description = "As for PUT"),
        (status = "5XX", body = ErrorBody, description = "As for PUT")
    )
)]
pub(super) async fn post(State(api): State<Arc<Api>>, request: Request) -> Response {
    answer(&api, request, put_filter).await
}

/// Checks a module, and adds it as a version that is not active. If there is no filter of that name, it is created.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/versions",
    operation_id = "add_version",
    tag = "versions",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("predefined" = Option<String>, Query, description = "The name of a predefined filter, whose module is taken; there is no body then"),
        ("parameters" = Option<String>, Query, description = "Values of parameters by their names, as a JSON object, which are set in the config"),
        ("config" = Option<String>, Query, description = "Text that is passed to the filter as it is; with a program, its parameters in TOML"),
        ("file" = Option<String>, Query, description = "The name of the program's file, for messages"),
        ("topics" = Option<String>, Query, description = "Topics whose alerts the filter is shown, separated by commas"),
        ("note" = Option<String>, Query, description = "What is to be known of this version"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the filter that is to be changed")
    ),
    request_body(content(
        ("application/wasm"),
        (String = "text/x-python"),
        (form::UploadForm = "multipart/form-data"),
        (form::UploadSettings = "application/json")
    )),
    responses(
        (status = 201, body = Status, description = "It is kept; `Location` says where"),
        (status = "4XX", body = ErrorBody, description = "As for PUT of the filter"),
        (status = "5XX", body = ErrorBody, description = "As for PUT of the filter")
    )
)]
pub(super) async fn add(State(api): State<Arc<Api>>, request: Request) -> Response {
    answer(&api, request, add_version).await
}

/// Reads on for a while what is refused, so that the client gets to read the answer.
pub(super) fn discard(headers: &HeaderMap, body: Body) {
    Incoming::new(headers, body).discard();
}

/// What is done with an upload.
type Take = fn(&Permitted<'_>, &str, Upload) -> Result<Response, Problem>;

async fn answer(api: &Api, request: Request, take: Take) -> Response {
    let (parts, body) = request.into_parts();
    let mut incoming = Incoming::new(&parts.headers, body);
    let path = parts.uri.path().to_owned();
    let done = upload(api, parts, &mut incoming, take).await;
    done.unwrap_or_else(|problem| {
        info!(path, reason = ?problem.to_string(), "upload refused");
        incoming.discard();
        problem.into_response()
    })
}

async fn upload(api: &Api, mut parts: Parts, incoming: &mut Incoming, take: Take) -> Result<Response, Problem> {
    let caller = Caller::among(&parts.extensions)?;
    // The path of all filters has no name; the form has one then.
    let mut name = match parts.uri.path() {
        create::PATH => None,
        _ => Some(Name::from_request_parts(&mut parts, &()).await?.0),
    };
    let IfMatch(expected) = IfMatch::of(&parts.headers)?;
    let layout = Layout::of(&parts.headers)?;
    let mut form = Form::from_query(&parts)?;
    let limit = layout.body_limit(api.config.max_module);
    incoming.check_length(layout.what(), limit)?;
    api.count_upload(&caller)?;
    let permit = Arc::clone(&api.uploads).try_acquire_owned().map_err(|_| Problem::Busy(api.config.uploads))?;
    let body = Bytes::from(incoming.read(layout.what(), limit, &api.config).await?);
    match layout {
        Layout::Multipart => form.read_parts(parts.clone(), body.clone(), api.config.max_module).await?,
        Layout::Json => form.read_json(&body)?,
        Layout::Module | Layout::Program(_) => {}
    }
    fill_name(&mut name, form.name.take())?;
    let name = name.unwrap_or_default();
    check_name(&name)?;
    let mut placing = None;
    // A filter that comes from another host is meant for this one.
    if !is_passed_on(&parts.headers) && form.handover.is_none() {
        match place(api, caller.clone(), &name, form.host.take(), forwarded(&parts, body.clone())).await? {
            Placed::Answered(response) => return Ok(response),
            Placed::Here(counted) => placing = counted,
        }
    }
    form.take_body(layout, body.into())?;
    let (upload, wanted) = form.finish(&name, &api.config.runners)?;
    let mut upload = Upload { expected, ..upload };
    let catalog = api.config.catalog.clone();
    api.ask(caller, move |control| {
        // The permit is held until the end even if the client goes away, because it stands for the memory in use.
        let _held = (permit, placing);
        let _compiled = control.complete(&name, &mut upload, wanted, catalog.as_deref())?;
        take(control, &name, upload)
    })
    .await
}

/// Takes the name from the form, if the path has none.
fn fill_name(name: &mut Option<String>, given: Option<String>) -> Result<(), Problem> {
    let wrong = |reason: &str| Err(Problem::Part { name: "name".to_owned(), reason: reason.to_owned() });
    match (&name, given) {
        (None, None) => wrong("it is missing: what is the filter to be called?"),
        (Some(_), Some(_)) => wrong("the path has the filter's name"),
        (Some(_), None) => Ok(()),
        (None, given) => {
            *name = given;
            Ok(())
        }
    }
}

fn put_filter(control: &Permitted<'_>, name: &str, upload: Upload) -> Result<Response, Problem> {
    let bytes = upload.module.len();
    let replaced = control.get(name).is_ok();
    let status = control.put(name, upload)?;
    info!(filter = name, sha256 = status.sha256, bytes, replaced, "filter uploaded");
    for warning in &status.warnings {
        warn!(filter = name, "{warning}");
    }
    let code = if replaced { StatusCode::OK } else { StatusCode::CREATED };
    let note = note(&status, status.registered.as_ref().and_then(|registered| registered.version));
    Ok(Note::on(tagged(code, status), note))
}

/// What is recorded of an upload.
fn note(status: &Status, version: Option<u32>) -> String {
    let version = version.map(|version| format!("version {version}, ")).unwrap_or_default();
    format!("{version}SHA-256 {}", status.sha256)
}

fn add_version(control: &Permitted<'_>, name: &str, upload: Upload) -> Result<Response, Problem> {
    let bytes = upload.module.len();
    let status = control.add_version(name, upload)?;
    let newest = control.versions(name)?.pop();
    let number = newest.as_ref().map_or(0, |newest| newest.number);
    info!(filter = name, version = number, bytes, "version added");
    let sha256 = newest.map(|newest| newest.sha256).unwrap_or_default();
    let note = format!("version {number}, SHA-256 {sha256}");
    let mut response = Note::on(tagged(StatusCode::CREATED, status), note);
    if let Ok(location) = format!("/api/v1/filters/{name}/versions/{number}").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
