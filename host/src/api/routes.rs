//! The paths of the API. Each handler declares its method and path; both the routes and the API's description come from
//! that.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::debug;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::config::ApiConfig;
use super::error::{Problem, panicked};
use super::rights::Rights;
use super::state::Api;
use super::{
    admission, catalog, filters, forward, guard, health, hosts, jobs, metrics, moving, openapi, page, reports, shadow,
    tokens, upload, versions,
};
use crate::access::Access;
use crate::jobs::HostControl;

pub(super) fn router(
    control: Arc<dyn HostControl>,
    access: Access,
    config: ApiConfig,
    stopped: watch::Receiver<bool>,
) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(page::show))
        .routes(routes!(catalog::list))
        .routes(routes!(filters::list, upload::create::create))
        .routes(routes!(filters::status, upload::put, upload::post, versions::patch, filters::delete))
        .routes(routes!(versions::list, upload::add))
        .routes(routes!(versions::show))
        .routes(routes!(versions::module))
        .routes(routes!(versions::activate))
        .routes(routes!(shadow::begin, shadow::status, shadow::end))
        .routes(routes!(shadow::activate))
        .routes(routes!(versions::pause))
        .routes(routes!(versions::resume))
        .routes(routes!(reports::stats))
        .routes(routes!(reports::faults))
        .routes(routes!(reports::logs))
        .routes(routes!(jobs::replay))
        .routes(routes!(upload::check::check))
        .routes(routes!(upload::check::check_version))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::status, jobs::cancel))
        .routes(routes!(jobs::ids))
        .routes(routes!(moving::release))
        .routes(routes!(moving::confirm))
        .routes(routes!(moving::module))
        .routes(routes!(moving::host))
        .routes(routes!(hosts::list))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::whoami))
        .routes(routes!(openapi::show))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::show))
        .split_for_parts();
    let rights = Rights::of(&document, access.open_metrics);
    let api = Arc::new(Api::new(control, access, config, (openapi::written(&document, &rights), rights), stopped));
    router
        .fallback(async || Problem::Route)
        .method_not_allowed_fallback(async || Problem::Method)
        // Uploads have their own limit, which is checked as they arrive.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|payload| panicked(payload).into_response()))
        .layer(middleware::from_fn_with_state(api.clone(), forward::check))
        .layer(middleware::from_fn_with_state(api.clone(), admission::check))
        .layer(middleware::from_fn_with_state(api.clone(), guard::check))
        .layer(middleware::from_fn_with_state(api.clone(), forward::identify))
        .layer(middleware::from_fn(observe))
        .with_state(api)
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
    // The query is left out, because it may contain a config.
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let millis = started.elapsed().as_secs_f64() * 1e3;
    debug!(%method, path, status = response.status().as_u16(), millis, "request");
    response
}
