//! Jobs: replays of filters over past alerts.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::audit::Note;
use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::query::Parameters;
use super::state::{Api, Name};
use crate::jobs::{JobIds, JobStatus, ReplayRequest};

/// Runs a filter over past alerts that are still in Kafka, beside the live ones. Its verdicts are counted, and published
/// only if `into` names a topic.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/replay",
    operation_id = "replay_filter",
    tag = "jobs",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("from" = String, Query, description = "From when on messages are read, by their time in Kafka: a time or day (RFC \
            3339, UTC), seconds or milliseconds since 1970, earliest, or -N for the last N"),
        ("to" = Option<String>, Query, description = "Messages of this time or later are not read; by default, those that \
            come after the request"),
        ("into" = Option<String>, Query, description = "A topic on which accepted alerts are published: the filter's own \
            with something behind it, such as NAME.replay")
    ),
    responses(
        (status = 202, body = JobStatus, description = "It has begun; `Location` says where it can be asked about"),
        (status = 400, body = ErrorBody, description = "The query is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such filter, or Kafka has no alerts of that time"),
        (status = 422, body = ErrorBody, description = "Replays can't publish on that topic"),
        (status = 429, body = ErrorBody, description = "Too many replays are running"),
        (status = 502, body = ErrorBody, description = "Kafka does not answer, or refuses"),
        (status = 503, body = ErrorBody, description = "The host is stopping"),
        (status = 507, body = ErrorBody, description = "There is no memory for another instance of the filter")
    )
)]
pub(super) async fn replay(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Name(name): Name,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let request = replay_request(parameters)?;
    api.ask(caller, move |control| {
        let status = control.replay(&name, request)?;
        let location = format!("/api/v1/jobs/{}", status.id);
        let note = format!("job {}", status.id);
        Ok(Note::on((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(status)).into_response(), note))
    })
    .await
}

/// Lists the jobs that are running, and the last ones that have ended: all, or those of an author's own filters.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    operation_id = "list_jobs",
    tag = "jobs",
    params(("host" = Option<String>, Query, description = "The host whose jobs are listed, if it is another one than the one that is asked")),
    responses((status = 200, body = Vec<JobStatus>))
)]
pub(super) async fn list(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    api.ask(caller, |control| Ok(Json(control.jobs()).into_response())).await
}

/// Returns one job.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    operation_id = "get_job",
    tag = "jobs",
    params(
        ("id" = u64, Path, description = "The job's number"),
        ("host" = Option<String>, Query, description = "The host that does it, if it is another one than the one that is asked")
    ),
    responses((status = 200, body = JobStatus), (status = 404, body = ErrorBody, description = "There is no such job"))
)]
pub(super) async fn status(State(api): State<Arc<Api>>, caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    api.ask(caller, move |control| Ok(Json(control.job(id)?).into_response())).await
}

/// Returns the ids of alerts that a job has accepted, within the quota, in the order in which they were judged.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/ids",
    operation_id = "get_job_ids",
    tag = "jobs",
    params(
        ("id" = u64, Path, description = "The job's number"),
        ("host" = Option<String>, Query, description = "The host that does it, if it is another one than the one that is asked"),
        ("from" = Option<u64>, Query, description = "How many ids to leave out: `next` of the answer before")
    ),
    responses((status = 200, body = JobIds), (status = 404, body = ErrorBody, description = "There is no such job"))
)]
pub(super) async fn ids(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Id(id): Id,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    // It has led the request here.
    parameters.take("host")?;
    let from = parameters.take("from")?.unwrap_or_else(|| "0".to_owned());
    parameters.finish()?;
    let from = from
        .parse()
        .map_err(|_| Problem::Parameter { name: "from".to_owned(), reason: "it is not a whole number".to_owned() })?;
    api.ask(caller, move |control| Ok(Json(control.job_ids(id, from)?).into_response())).await
}

/// Cancels a job. What it has published until then remains. A job that has ended stays as it is.
#[utoipa::path(
    delete,
    path = "/api/v1/jobs/{id}",
    operation_id = "cancel_job",
    tag = "jobs",
    params(
        ("id" = u64, Path, description = "The job's number"),
        ("host" = Option<String>, Query, description = "The host that does it, if it is another one than the one that is asked")
    ),
    responses((status = 200, body = JobStatus), (status = 404, body = ErrorBody, description = "There is no such job"))
)]
pub(super) async fn cancel(State(api): State<Arc<Api>>, caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    api.ask(caller, move |control| {
        let status = control.cancel(id)?;
        info!(id, filter = status.filter, "job cancelled");
        let note = format!("job {id} of filter {}", status.filter);
        Ok(Note::on(Json(status).into_response(), note))
    })
    .await
}

/// The job's number from the path.
pub(super) struct Id(u64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Problem> {
        let path: Result<Path<u64>, PathRejection> = Path::from_request_parts(parts, state).await;
        let Path(id) = path.map_err(|rejection| Problem::Path(rejection.body_text()))?;
        Ok(Id(id))
    }
}

fn replay_request(mut parameters: Parameters) -> Result<ReplayRequest, Problem> {
    let missing = || Problem::Parameter { name: "from".to_owned(), reason: "it is missing".to_owned() };
    let from = parameters.take("from")?.ok_or_else(missing)?;
    let request = ReplayRequest { from, to: parameters.take("to")?, into: parameters.take("into")?, owner: None };
    parameters.finish()?;
    Ok(request)
}
