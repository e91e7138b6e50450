//! Which paths there are, and the plain ones among their handlers.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{debug, info};

use super::error::{ErrorBody, Problem, panicked};
use super::server::ApiConfig;
use super::{health, metrics, openapi, page, upload};
use crate::filters::{Control, Status, check_name};

/// What handlers share.
pub(super) struct Api {
    control: Arc<dyn Control>,
    pub(super) config: ApiConfig,
    /// A permit for each upload under way.
    pub(super) uploads: Arc<Semaphore>,
}

impl Api {
    /// Asks the filters, where blocking is fine. Answers are made into bytes there, too: a list of filters may be large.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Control) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let control = Arc::clone(&self.control);
        let asked = tokio::task::spawn_blocking(move || ask(&*control)).await;
        asked.unwrap_or_else(|error| Err(error.try_into_panic().map_or(Problem::Internal, panicked)))
    }
}

pub(super) fn router(control: Arc<dyn Control>, config: ApiConfig) -> Router {
    let uploads = Arc::new(Semaphore::new(config.uploads));
    Router::new()
        .route("/", get(page::show))
        .route("/api/v1/filters", get(list))
        .route("/api/v1/filters/{name}", get(status).put(upload::put).delete(delete))
        .route("/api/v1/openapi.json", get(openapi::show))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::show))
        .fallback(async || Problem::Route)
        .method_not_allowed_fallback(async || Problem::Method)
        // Uploads are counted as they come in.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|payload| panicked(payload).into_response()))
        .layer(middleware::from_fn(observe))
        .with_state(Arc::new(Api { control, config, uploads }))
}

/// Logs the request, and sets the headers that every answer has.
async fn observe(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let started = Instant::now();
    let method = request.method().clone();
    // Without the query, where a config may be.
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let millis = started.elapsed().as_secs_f64() * 1e3;
    debug!(%method, path, status = response.status().as_u16(), millis, "request");
    response
}

/// The filter's name in the path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Name, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(name) = path.map_err(|rejection| Problem::Path(rejection.body_text()))?;
        check_name(&name)?;
        Ok(Name(name))
    }
}

/// All filters, by name.
#[utoipa::path(get, path = "/api/v1/filters", operation_id = "list_filters", tag = "filters", responses((status = 200, body = Vec<Status>)))]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    api.ask(|control| Ok(Json(control.list()).into_response())).await
}

/// One filter.
#[utoipa::path(
    get,
    path = "/api/v1/filters/{name}",
    operation_id = "get_filter",
    tag = "filters",
    params(("name" = String, Path, description = "The filter's name")),
    responses((status = 200, body = Status), (status = 404, body = ErrorBody, description = "There is none"))
)]
pub(super) async fn status(State(api): State<Arc<Api>>, Name(name): Name) -> Result<Response, Problem> {
    api.ask(move |control| Ok(Json(control.get(&name)?).into_response())).await
}

/// Takes a filter out, and returns its last status.
#[utoipa::path(
    delete,
    path = "/api/v1/filters/{name}",
    operation_id = "delete_filter",
    tag = "filters",
    params(("name" = String, Path, description = "The filter's name")),
    responses(
        (status = 200, body = Status),
        (status = 404, body = ErrorBody, description = "There is none"),
        (status = 503, body = ErrorBody, description = "The host is stopping")
    )
)]
pub(super) async fn delete(State(api): State<Arc<Api>>, Name(name): Name) -> Result<Response, Problem> {
    api.ask(move |control| {
        let status = control.delete(&name)?;
        info!(filter = name, sha256 = status.sha256, "filter deleted");
        Ok(Json(status).into_response())
    })
    .await
}
