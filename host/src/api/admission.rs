//! Lets requests in, or refuses them, and has changes recorded. No request comes to a handler without passing here.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::audit::Pending;
use super::caller::Peer;
use super::gate::Refused;
use super::rights::Right;
use super::state::Api;
use super::upload::discard;

/// Answers the request, if it is let in. Changes are recorded, also those that are refused.
pub(super) async fn check(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let from = peer.map(|peer| peer.ip());
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let operation = path.and_then(|path| api.rights.find(&path, request.method()).cloned());
    // There is nothing behind other paths and methods, which is told to those only who may ask at all.
    let right = operation.as_ref().map_or(Right::Token, |operation| operation.right);
    let admitted = api.gate.admit(right, request.headers(), from);
    if let Some(operation) = &operation {
        request.extensions_mut().insert(operation.clone());
    }
    let changes = operation.filter(|_| !request.method().is_safe());
    let mut pending =
        changes.map(|operation| Pending::new(api.access.clone(), operation.id, request.uri().path(), peer));
    let response = match admitted {
        Ok(caller) => {
            pending.iter_mut().for_each(|pending| pending.set_caller(&caller));
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => {
            let Refused { caller, problem } = *refused;
            if let Some(caller) = &caller {
                pending.iter_mut().for_each(|pending| pending.set_caller(caller));
            } else if from.is_some_and(|from| !api.gate.attempts.is_recorded(from)) {
                pending.iter_mut().for_each(Pending::forget);
            }
            let (parts, body) = request.into_parts();
            discard(&parts.headers, body);
            problem.into_response()
        }
    };
    if let Some(pending) = pending {
        pending.answered(&response);
    }
    response
}
