//! Tokens, and who has one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::info;

use super::audit::Note;
use super::caller::Caller;
use super::error::{ErrorBody, Problem};
use super::json::read;
use super::state::Api;
use crate::access::{NewToken, Role, TokenInfo, UserLimits};

/// A token that was made. It is shown this once.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct CreatedToken {
    /// The token.
    token: String,
    #[serde(flatten)]
    info: TokenInfo,
}

/// Whoever sends a request.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct WhoAmI {
    /// Their name.
    user: String,
    /// What they are.
    role: Role,
    /// The id of their token, if it is one that is kept.
    token: Option<String>,
    /// When it expires (RFC 3339), if it does.
    expires: Option<String>,
    /// What they may use. Operators are not limited.
    limits: Option<Limits>,
}

/// What a user may use.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Limits {
    /// Filters in the registry.
    filters: usize,
    /// Shadows at a time: versions that run beside the active ones.
    shadows: usize,
    /// Uploads an hour, at each host.
    uploads_per_hour: u32,
    /// Bytes of modules and configs in the registry.
    bytes: u64,
}

/// Makes a token. The answer is the only one that shows it.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    operation_id = "create_token",
    tag = "tokens",
    request_body = NewToken,
    responses(
        (status = 201, body = CreatedToken),
        (status = 400, body = ErrorBody, description = "The request is malformed"),
        (status = 422, body = ErrorBody, description = "The user's name, the time or the note is refused"),
        (status = 501, body = ErrorBody, description = "This host has no registry to keep tokens in"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or the registry does not answer"),
        (status = 507, body = ErrorBody, description = "There are too many tokens")
    )
)]
pub(super) async fn create(State(api): State<Arc<Api>>, caller: Caller, request: Request) -> Result<Response, Problem> {
    let new: NewToken = read(request).await?;
    api.ask(caller, move |host| {
        let (token, info) = host.create_token(&new)?;
        info!(id = info.id, user = info.user, role = %info.role, "token made");
        let note = format!("token {} for {} ({})", info.id, info.user, info.role);
        let created = CreatedToken { token: token.text().to_owned(), info };
        Ok(Note::on((StatusCode::CREATED, Json(created)).into_response(), note))
    })
    .await
}

/// Lists all tokens, without what is secret about them.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    operation_id = "list_tokens",
    tag = "tokens",
    responses(
        (status = 200, body = Vec<TokenInfo>),
        (status = 501, body = ErrorBody, description = "This host has no registry to keep tokens in")
    )
)]
pub(super) async fn list(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    api.ask(caller, |host| Ok(Json(host.tokens()?).into_response())).await
}

/// Revokes a token, at all hosts that have the same registry.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    operation_id = "revoke_token",
    tag = "tokens",
    params(("id" = String, Path, description = "The token's id")),
    responses(
        (status = 200, body = TokenInfo),
        (status = 400, body = ErrorBody, description = "The path is malformed"),
        (status = 404, body = ErrorBody, description = "There is no such token"),
        (status = 501, body = ErrorBody, description = "This host has no registry to keep tokens in"),
        (status = 503, body = ErrorBody, description = "The host is stopping, or the registry does not answer")
    )
)]
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    caller: Caller,
    TokenId(id): TokenId,
) -> Result<Response, Problem> {
    api.ask(caller, move |host| {
        let info = host.revoke_token(&id)?;
        info!(id = info.id, user = info.user, "token revoked");
        let note = format!("token {} of {} ({})", info.id, info.user, info.role);
        Ok(Note::on(Json(info).into_response(), note))
    })
    .await
}

/// Says whose token a request has, and what they may do with it.
#[utoipa::path(
    get,
    path = "/api/v1/whoami",
    operation_id = "whoami",
    tag = "tokens",
    responses((status = 200, body = WhoAmI))
)]
pub(super) async fn whoami(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    let role = caller.role.ok_or(Problem::NoToken)?;
    let UserLimits { filters, shadows, uploads, bytes } = api.access.limits;
    let limits = (role != Role::Operator).then_some(Limits { filters, shadows, uploads_per_hour: uploads, bytes });
    let Caller { user, token, expires, .. } = caller;
    Ok(Json(WhoAmI { user, role, token, expires, limits }).into_response())
}

/// The token's id from the path.
pub(super) struct TokenId(String);

impl<S: Send + Sync> FromRequestParts<S> for TokenId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<TokenId, Problem> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        let Path(id) = path.map_err(|rejection| Problem::Path(rejection.body_text()))?;
        Ok(TokenId(id))
    }
}
