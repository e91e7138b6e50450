//! Who has sent a request, and whether what it asks for is theirs to ask for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;

use super::caller::{Caller, bearer};
use super::error::Problem;
use super::rights::Right;
use crate::access::{Access, Attempts, id_of};

/// Knows tokens, and counts wrong ones.
pub(super) struct Gate {
    access: Arc<Access>,
    pub(super) attempts: Attempts,
}

/// A request that is not let in.
pub(super) struct Refused {
    /// Who has sent it, if that is known.
    pub(super) caller: Option<Caller>,
    pub(super) problem: Problem,
}

impl Gate {
    pub(super) fn new(access: Arc<Access>) -> Gate {
        Gate { access, attempts: Attempts::default() }
    }

    /// Says who has sent a request, if they may call what asks for that right.
    pub(super) fn admit(
        &self,
        right: Right,
        headers: &HeaderMap,
        from: Option<IpAddr>,
    ) -> Result<Caller, Box<Refused>> {
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
        let (tokens, id) = (self.access.tokens.as_ref(), id_of(token));
        let found = tokens.zip(id).map_or(Ok(None), |(tokens, id)| tokens.find(id));
        if let Ok(Some(record)) = &found
            && record.hash.matches(token)
        {
            return match record.is_expired(SystemTime::now()) {
                true => Err(Problem::Expired(record.expires.clone().unwrap_or_default())),
                false => Ok(Caller::of(record)),
            };
        }
        // People may have chosen the first operator's token, so that it might be guessed; nobody can guess what was made here.
        let guesses = from.filter(|_| id.is_none());
        if let Some(wait) = guesses.and_then(|from| self.attempts.must_wait(from)) {
            return Err(Problem::Guessing(wait.max(Duration::from_secs(1))));
        }
        if self.access.operator.as_ref().is_some_and(|operator| operator.matches(token)) {
            return Ok(Caller::operator());
        }
        // While the tokens have yet to be read, none is wrong.
        found?;
        guesses.iter().for_each(|from| self.attempts.wrong(*from));
        Err(Problem::WrongToken)
    }
}
