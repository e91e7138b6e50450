//! Lets requests in, or refuses them: who has sent a request, and whether what it asks for is theirs to ask for. No request
//! comes to a handler without passing here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::audit::Pending;
use super::caller::{Caller, Peer, bearer};
use super::error::Problem;
use super::rights::Right;
use super::state::Api;
use crate::access::{Access, Attempts, id_of};

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
    let mut pending = changes.map(|operation| Pending::new(api.clone(), operation.id, request.uri().path(), peer));
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
            problem.into_response()
        }
    };
    if let Some(pending) = pending {
        pending.answered(&response);
    }
    response
}

/// Knows tokens, and counts wrong ones.
pub(super) struct Gate {
    access: Arc<Access>,
    attempts: Attempts,
}

/// A request that is not let in.
struct Refused {
    /// Who has sent it, if that is known.
    caller: Option<Caller>,
    problem: Problem,
}

impl Gate {
    pub(super) fn new(access: Arc<Access>) -> Gate {
        Gate { access, attempts: Attempts::default() }
    }

    /// Says who has sent a request, if they may call what asks for that right.
    fn admit(&self, right: Right, headers: &HeaderMap, from: Option<IpAddr>) -> Result<Caller, Box<Refused>> {
        match self.identify(headers, from) {
            Ok(caller) if caller.role.is_some_and(|role| right.allows(role)) => Ok(caller),
            Ok(caller) => {
                let problem = Problem::Role(right, caller.role);
                Err(Box::new(Refused { caller: Some(caller), problem }))
            }
            Err(_) if right == Right::Public => Ok(Caller::nobody()),
            Err(problem) => Err(Box::new(Refused { caller: None, problem })),
        }
    }

    /// Says who has sent a request.
    fn identify(&self, headers: &HeaderMap, from: Option<IpAddr>) -> Result<Caller, Problem> {
        if self.access.open {
            return Ok(Caller::anyone());
        }
        let token = bearer(headers).ok_or(Problem::NoToken)?;
        if let (Some(tokens), Some(id)) = (&self.access.tokens, id_of(token))
            && let Some(record) = tokens.find(id)?
            && record.hash.matches(token)
        {
            return match record.is_expired(SystemTime::now()) {
                true => Err(Problem::Expired(record.expires.clone().unwrap_or_default())),
                false => Ok(Caller::of(&record)),
            };
        }
        // People choose the first operator's token, so that it might be guessed; nobody can guess the others.
        if let Some(wait) = from.and_then(|from| self.attempts.must_wait(from)) {
            return Err(Problem::Guessing(wait.max(Duration::from_secs(1))));
        }
        if self.access.operator.as_ref().is_some_and(|operator| operator.matches(token)) {
            return Ok(Caller::operator());
        }
        from.iter().for_each(|from| self.attempts.wrong(*from));
        Err(Problem::WrongToken)
    }
}
