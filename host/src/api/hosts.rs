//! The hosts that have the same registry.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::state::Api;
use crate::filters::FilterError;
use crate::hosts::HostEntry;

/// Lists the hosts that share this host's registry, by name: those that have announced themselves within the last days, and
/// those that filters belong to.
#[utoipa::path(
    get,
    path = "/api/v1/hosts",
    operation_id = "list_hosts",
    tag = "host",
    responses(
        (status = 200, body = Vec<HostEntry>),
        (status = 501, body = ErrorBody, description = "This host has no registry, and knows no others")
    )
)]
pub(super) async fn list(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    let hosts = api.config.hosts.clone().ok_or(Problem::Filter(FilterError::NoRegistry))?;
    api.ask(caller, move |control| Ok(Json(hosts.directory().list(&control.count_by_host())).into_response())).await
}
