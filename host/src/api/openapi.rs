//! The machine-readable description of the API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::error::PROBLEM;
use super::passed_on::may_be_passed_on;
use super::rights::{Right, Rights};
use super::state::Api;

/// The parts of the description other than the paths, which come from the routes.
#[derive(OpenApi)]
#[openapi(info(title = "Skysieve", description = "The filters of one host, and of those with the same registry."))]
pub(super) struct Document;

/// What any request may be answered with, beside what its handler says.
const ALWAYS: [(&str, &str); 3] = [
    ("403", "A foreign page has sent it, or the token is not that of a user who may do this"),
    ("421", "The Host header is not known as a name of this host"),
    ("500", "The host has failed on this request"),
];

/// What requests may be answered with that need a token.
const GUARDED: [(&str, &str); 3] = [
    ("401", "There is no token, or it is wrong, revoked or expired"),
    ("429", "Too many wrong tokens have come from this address"),
    ("503", "The host has yet to read its tokens, or is stopping"),
];

/// What requests may be answered with that another host is to answer.
const PASSED_ON: [(&str, &str); 2] = [
    ("502", "The host that is to answer can't be reached"),
    ("504", "The host that is to answer has not done so in time"),
];

/// The name of the way in which clients say who they are.
const SCHEME: &str = "token";

/// The description as JSON, with what is the same everywhere.
pub(super) fn written(description: &utoipa::openapi::OpenApi, rights: &Rights) -> String {
    let mut document = serde_json::to_value(description).expect("a description made at compile time is JSON");
    let scheme = json!({"type": "http", "scheme": "bearer", "description": "A token that an operator has made"});
    document["components"]["securitySchemes"] = json!({ SCHEME: scheme });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let method = method.to_ascii_uppercase().parse().unwrap_or_default();
            let right = rights.find(path, &method).map_or(Right::Operator, |operation| operation.right);
            complete(operation, right);
        }
    }
    document.to_string()
}

/// Adds what is the same for all operations that ask for this right.
fn complete(operation: &mut Value, right: Right) {
    operation["security"] = match right {
        Right::Public => json!([]),
        _ => json!([{ SCHEME: [] }]),
    };
    let guarded = if right == Right::Public { &[][..] } else { &GUARDED };
    let passed_on = if operation["operationId"].as_str().is_some_and(may_be_passed_on) { &PASSED_ON[..] } else { &[] };
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, description) in ALWAYS.iter().chain(guarded).chain(passed_on) {
        let content = json!({PROBLEM: {"schema": {"$ref": "#/components/schemas/ErrorBody"}}});
        let response = json!({"description": description, "content": content});
        responses.entry(*status).or_insert(response);
    }
    responses.values_mut().for_each(name_problems);
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
