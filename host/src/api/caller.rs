//! Who has sent a request, and from where.

use std::net::SocketAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};

use super::error::Problem;
use crate::access::{ANYONE, OPERATOR, Role, TokenRecord};

/// Who has sent a request. The gate puts it into every request that it lets in, so that no handler does without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Their name.
    pub(super) user: String,
    /// What they are. `None`: they have no token, and what they ask for needs none.
    pub(super) role: Option<Role>,
    /// The id of their token, if it is one that is kept.
    pub(super) token: Option<String>,
    /// When it expires.
    pub(super) expires: Option<String>,
}

impl Caller {
    /// Somebody at a host that asks for no tokens.
    pub(super) fn anyone() -> Caller {
        Caller { user: ANYONE.to_owned(), role: Some(Role::Operator), token: None, expires: None }
    }

    /// Somebody without a token.
    pub(super) fn nobody() -> Caller {
        Caller { user: String::new(), role: None, token: None, expires: None }
    }

    /// Whoever has the first operator's token.
    pub(super) fn operator() -> Caller {
        Caller { user: OPERATOR.to_owned(), ..Caller::anyone() }
    }

    /// Whoever has this token.
    pub(super) fn of(record: &TokenRecord) -> Caller {
        Caller {
            user: record.user.clone(),
            role: Some(record.role),
            token: Some(record.id.clone()),
            expires: record.expires.clone(),
        }
    }

    /// The one that the gate has put into a request.
    pub(super) fn among(extensions: &Extensions) -> Result<Caller, Problem> {
        extensions.get().cloned().ok_or(Problem::Internal)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        Caller::among(&parts.extensions)
    }
}

/// The address that a request has come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The token in a request (`Authorization: Bearer`, [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_its_header() {
        let of = |value: &str| {
            let headers: HeaderMap = [(header::AUTHORIZATION, value.parse().unwrap())].into_iter().collect();
            bearer(&headers).map(str::to_owned)
        };
        for value in ["Bearer sky_1", "bearer sky_1", "BEARER  sky_1 "] {
            assert_eq!(of(value).as_deref(), Some("sky_1"), "{value}");
        }
        for value in ["", "Bearer", "Bearer ", "Basic c2t5XzE=", "sky_1"] {
            assert_eq!(of(value), None, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
