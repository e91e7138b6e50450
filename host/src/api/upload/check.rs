//! Dry runs: what a filter would accept, and what it costs, before it runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::body::Incoming;
use super::form::{Form, Layout, UploadSettings};
use super::{ErrorBody, Problem};
use crate::api::audit::Note;
use crate::api::caller::Caller;
use crate::api::permitted::{Permitted, Wanted};
use crate::api::query::Parameters;
use crate::api::state::Api;
use crate::api::versions::Numbered;
use crate::catalog::Catalog;
use crate::filters::{Upload, check_name};
use crate::jobs::{CheckRequest, CheckedAlerts, JobState, JobStatus, LAST, PACKET_BYTES};

/// How many seconds a request may wait for the end of its check.
const WAIT: u64 = 60;
/// How often to look whether it has ended.
const TICK: Duration = Duration::from_millis(20);
/// The name of a filter that has none.
const NAME: &str = "check";

/// The form that may be sent instead of a module.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it only describes the form")]
pub(super) struct CheckForm {
    /// The component. A version has its own.
    #[schema(value_type = String, format = Binary)]
    module: Option<Vec<u8>>,
    /// Alerts to judge instead of those of the stream: files of one or many alerts (object containers or wire format,
    /// possibly gzipped). This part may be repeated. There may be 64 MiB of them, and 10,000 alerts are judged.
    #[schema(value_type = String, format = Binary)]
    packets: Option<Vec<u8>>,
    /// The name of a predefined filter, whose module is taken.
    predefined: Option<String>,
    /// Values of parameters by their names, as a JSON object. They are set in the config.
    parameters: Option<String>,
    /// Instead of the component: the text of a filter in a language, as for PUT of a filter.
    program: Option<String>,
    /// The program's language: python, unless it is given.
    language: Option<String>,
    /// The name of the program's file, for messages.
    file: Option<String>,
    /// A settings file like those that hosts read beside a module (NAME.toml), instead of the parts that follow.
    settings: Option<String>,
    /// Passed to the filter as it is.
    config: Option<String>,
    /// The topics whose alerts the filter is shown, separated by commas.
    topics: Option<String>,
    /// How many accepted alerts are published for each visit.
    quota: Option<u32>,
    /// Fuel per alert.
    fuel: Option<u64>,
    /// The memory in bytes.
    memory: Option<u64>,
    /// The deadline of a call in milliseconds.
    deadline_ms: Option<u64>,
}

/// Tries a filter on recent alerts of the stream, or on alerts that come with the request. It runs beside the stream, as a
/// job; nothing is published, and nothing of it is kept. Settings are passed as for PUT of a filter.
#[utoipa::path(
    post,
    path = "/api/v1/check",
    operation_id = "check",
    tag = "jobs",
    params(
        ("name" = Option<String>, Query, description = "What the filter is called in the job"),
        ("last" = Option<u32>, Query, description = "The last N alerts of the stream are judged; by default, 1000"),
        ("from" = Option<String>, Query, description = "Or those from a time on, as for a replay"),
        ("to" = Option<String>, Query, description = "Until when"),
        ("wait" = Option<u64>, Query, description = "Seconds to wait for the end, at most 60"),
        ("config" = Option<String>, Query, description = "Text that is passed to the filter as it is"),
        ("quota" = Option<u32>, Query, description = "Accepted alerts published per visit")
    ),
    request_body(content(
        ("application/wasm"),
        (String = "text/x-python"),
        (CheckForm = "multipart/form-data"),
        (UploadSettings = "application/json")
    )),
    responses(
        (status = 200, body = JobStatus, description = "It has ended within the time to wait"),
        (status = 202, body = JobStatus, description = "It has begun; `Location` says where it can be asked about"),
        (status = 400, body = ErrorBody, description = "The query or the body is malformed"),
        (status = 404, body = ErrorBody, description = "Kafka has no alerts of that time, or there is no such predefined filter"),
        (status = 408, body = ErrorBody, description = "The body came too slowly"),
        (status = 413, body = ErrorBody, description = "The module or the packets are too large"),
        (status = 415, body = ErrorBody, description = "The body is neither a module, nor a program in a language that is known, nor a form, nor JSON"),
        (status = 422, body = ErrorBody, description = "The module, its manifest or its settings were refused"),
        (status = 429, body = ErrorBody, description = "Too many jobs are running, or too many uploads are under way"),
        (status = 501, body = ErrorBody, description = "This host runs no checks, or has no predefined filters"),
        (status = 502, body = ErrorBody, description = "Kafka does not answer, or refuses"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or has no time to compile the module"),
        (status = 507, body = ErrorBody, description = "There is no memory for the filter")
    )
)]
pub(in crate::api) async fn check(State(api): State<Arc<Api>>, caller: Caller, request: Request) -> Response {
    answer(&api, caller, request, false).await
}

/// Tries a version of a filter, as `/api/v1/check` does with a module.
#[utoipa::path(
    post,
    path = "/api/v1/filters/{name}/versions/{number}/check",
    operation_id = "check_version",
    tag = "jobs",
    params(
        ("name" = String, Path, description = "The filter's name"),
        ("number" = u32, Path, description = "The version's"),
        ("last" = Option<u32>, Query, description = "The last N alerts of the stream are judged; by default, 1000"),
        ("from" = Option<String>, Query, description = "Or those from a time on, as for a replay"),
        ("to" = Option<String>, Query, description = "Until when"),
        ("wait" = Option<u64>, Query, description = "Seconds to wait for the end, at most 60")
    ),
    request_body(content((CheckForm = "multipart/form-data"))),
    responses(
        (status = 200, body = JobStatus, description = "It has ended within the time to wait"),
        (status = 202, body = JobStatus, description = "It has begun; `Location` says where it can be asked about"),
        (status = "4XX", body = ErrorBody, description = "As for /api/v1/check, or there is no such filter or version"),
        (status = "5XX", body = ErrorBody, description = "As for /api/v1/check, or no versions of the filter are kept")
    )
)]
pub(in crate::api) async fn check_version(State(api): State<Arc<Api>>, caller: Caller, request: Request) -> Response {
    answer(&api, caller, request, true).await
}

async fn answer(api: &Api, caller: Caller, request: Request, of_version: bool) -> Response {
    let (parts, body) = request.into_parts();
    let mut incoming = Incoming::new(&parts.headers, body);
    let path = parts.uri.path().to_owned();
    let done = begin(api, caller, parts, &mut incoming, of_version).await;
    done.unwrap_or_else(|problem| {
        info!(path, reason = ?problem.to_string(), "check refused");
        incoming.discard();
        problem.into_response()
    })
}

/// What is to be tried.
enum Tried {
    Upload(String, Box<(Upload, Wanted)>),
    Version(Numbered),
}

async fn begin(
    api: &Api,
    caller: Caller,
    mut parts: Parts,
    incoming: &mut Incoming,
    of_version: bool,
) -> Result<Response, Problem> {
    let numbered = if of_version { Some(Numbered::from_request_parts(&mut parts, &()).await?) } else { None };
    let mut parameters = Parameters::of(&parts)?;
    let Asked { name, past, wait } = Asked::take(&mut parameters)?;
    let layout = Layout::of(&parts.headers)?;
    let limit = layout.body_limit(api.config.max_module).saturating_add(PACKET_BYTES);
    incoming.check_length(layout.what(), limit)?;
    api.count_upload(&caller)?;
    let permit = Arc::clone(&api.uploads).try_acquire_owned().map_err(|_| Problem::Busy(api.config.uploads))?;
    let body = incoming.read(layout.what(), limit, &api.config).await?;
    let mut form = Form::from_parameters(parameters)?;
    form.takes_packets = true;
    match layout {
        Layout::Module if body.is_empty() && of_version => {}
        Layout::Module if body.len() > api.config.max_module => {
            return Err(Problem::TooLarge { what: layout.what(), limit: api.config.max_module });
        }
        Layout::Multipart => form.read_parts(parts, body.into(), api.config.max_module).await?,
        Layout::Json => form.read_json(&body)?,
        _ => form.take_body(layout, body)?,
    }
    let alerts = alerts(past, std::mem::take(&mut form.packets))?;
    let tried = match numbered {
        Some(numbered) if form.is_empty() => Tried::Version(numbered),
        Some(_) => {
            return Err(Problem::Body("a version has its own module and settings: send packets only".to_owned()));
        }
        None => {
            let name = form.name.take().unwrap_or(name);
            let upload = form.finish(&name, &api.config.runners)?;
            Tried::Upload(name, Box::new(upload))
        }
    };
    let catalog = api.config.catalog.clone();
    let status = api
        .ask(caller.clone(), move |control| {
            let _permit = permit;
            run(control, tried, alerts, catalog.as_deref())
        })
        .await?;
    let (code, status) = ended(api, caller, status, wait).await?;
    let location = format!("/api/v1/jobs/{}", status.id);
    let note = format!("job {}", status.id);
    Ok(Note::on((code, [(header::LOCATION, location)], Json(status)).into_response(), note))
}

fn run(
    control: &Permitted<'_>,
    tried: Tried,
    alerts: CheckedAlerts,
    catalog: Option<&Catalog>,
) -> Result<JobStatus, Problem> {
    let status = match tried {
        Tried::Upload(name, tried) => {
            let (mut upload, wanted) = *tried;
            let _compiled = control.complete(&name, &mut upload, wanted, catalog)?;
            control.dry_run(CheckRequest { name, upload, alerts, owner: None })?
        }
        Tried::Version(Numbered(name, number)) => control.dry_run_version(&name, number, alerts)?,
    };
    Ok(status)
}

/// Waits for the end of a job.
async fn ended(
    api: &Api,
    caller: Caller,
    mut status: JobStatus,
    wait: Duration,
) -> Result<(StatusCode, JobStatus), Problem> {
    let (begun, id) = (Instant::now(), status.id);
    while status.state == JobState::Running {
        if begun.elapsed() >= wait {
            return Ok((StatusCode::ACCEPTED, status));
        }
        tokio::time::sleep(TICK).await;
        status = api.ask(caller.clone(), move |control| Ok(control.job(id)?)).await?;
    }
    Ok((StatusCode::OK, status))
}

/// The parameters that are not a filter's settings.
struct Asked {
    name: String,
    past: Option<CheckedAlerts>,
    wait: Duration,
}

impl Asked {
    fn take(parameters: &mut Parameters) -> Result<Asked, Problem> {
        let wrong = |name: &str, reason: &str| Problem::Parameter { name: name.to_owned(), reason: reason.to_owned() };
        let name = parameters.take("name")?.unwrap_or_else(|| NAME.to_owned());
        check_name(&name)?;
        let wait = match parameters.take("wait")?.map(|wait| wait.parse()) {
            None => 0,
            Some(Ok(wait @ 0..=WAIT)) => wait,
            Some(_) => return Err(wrong("wait", "it is not a number of seconds from 0 to 60")),
        };
        let (last, from, to) = (parameters.take("last")?, parameters.take("from")?, parameters.take("to")?);
        let past = match (last, from, to) {
            (None, None, None) => None,
            (Some(_), Some(_), _) => return Err(wrong("last", "it can't be given together with `from`")),
            (Some(last), None, to) => {
                let number = last.parse().ok().filter(|last| (1..=LAST.0).contains(last));
                let last = number.ok_or_else(|| wrong("last", "it is not a number from 1 to 1,000,000"))?;
                Some(CheckedAlerts::Past { from: format!("-{last}"), to })
            }
            (None, Some(from), to) => Some(CheckedAlerts::Past { from, to }),
            (None, None, Some(_)) => return Err(wrong("to", "it needs `from` or `last`")),
        };
        Ok(Asked { name, past, wait: Duration::from_secs(wait) })
    }
}

fn alerts(past: Option<CheckedAlerts>, packets: Vec<Bytes>) -> Result<CheckedAlerts, Problem> {
    match (past, packets.is_empty()) {
        (Some(past), true) => Ok(past),
        (None, true) => Ok(CheckedAlerts::Past { from: format!("-{}", LAST.1), to: None }),
        (None, false) => Ok(CheckedAlerts::Packets(packets)),
        (Some(_), false) => {
            let reason =
                "the request has packets, so that no alerts of the stream are judged: leave out last, from and to";
            Err(Problem::Part { name: "packets".to_owned(), reason: reason.to_owned() })
        }
    }
}
