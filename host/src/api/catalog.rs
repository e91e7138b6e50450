//! The predefined filters.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::state::Api;
use crate::catalog::CatalogEntry;

/// Lists the predefined filters, by name: those that a filter can be made of by giving a name, `predefined`, and values of
/// parameters. The first answer takes some seconds, in which they are compiled.
#[utoipa::path(
    get,
    path = "/api/v1/catalog",
    operation_id = "list_catalog",
    tag = "filters",
    responses(
        (status = 200, body = Vec<CatalogEntry>),
        (status = 501, body = ErrorBody, description = "This host has no catalogue (--catalog)"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or has no time to compile the modules"),
        (status = 507, body = ErrorBody, description = "There is no memory to start them")
    )
)]
pub(super) async fn list(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    let catalog = api.catalog()?;
    api.ask(caller, move |control| Ok(Json(control.catalog(&catalog)?).into_response())).await
}
