//! The machine-readable description of the API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::error::PROBLEM;
use super::state::Api;

/// The parts of the description other than the paths, which come from the routes.
#[derive(OpenApi)]
#[openapi(info(title = "Skysieve", description = "The filters of one host."))]
pub(super) struct Document;

/// What any request may be answered with, beside what its handler says.
const ALWAYS: [(&str, &str); 3] = [
    ("403", "A foreign page has sent it"),
    ("421", "The Host header is not known as a name of this host"),
    ("500", "The host has failed on this request"),
];

/// The description as JSON, with what is the same everywhere.
pub(super) fn written(document: &utoipa::openapi::OpenApi) -> String {
    let mut document = serde_json::to_value(document).expect("a description made at compile time is JSON");
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        for (status, description) in ALWAYS {
            let content = json!({PROBLEM: {"schema": {"$ref": "#/components/schemas/ErrorBody"}}});
            let response = json!({"description": description, "content": content});
            responses.entry(status).or_insert(response);
        }
        responses.values_mut().for_each(name_problems);
    }
    document.to_string()
}

/// Gives problem documents their media type.
fn name_problems(response: &mut Value) {
    let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else { return };
    let is_problem = |body: &Value| body["schema"]["$ref"].as_str().is_some_and(|name| name.ends_with("/ErrorBody"));
    if content.get("application/json").is_some_and(is_problem)
        && let Some(body) = content.remove("application/json")
    {
        content.insert(PROBLEM.to_owned(), body);
    }
}

/// Returns this description.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "openapi",
    tag = "host",
    responses((status = 200, content_type = "application/json"))
)]
pub(super) async fn show(State(api): State<Arc<Api>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], api.document.clone()).into_response()
}
