//! Which revision of a filter a change is meant for: `ETag` and `If-Match`
//! ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)).

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::Problem;
use crate::filters::{Expected, Status};

/// The longest tag.
const TAG: usize = 100;

/// What the headers say of the filter that is to be changed.
pub(super) struct IfMatch(pub(super) Expected);

impl IfMatch {
    pub(super) fn of(headers: &HeaderMap) -> Result<IfMatch, Problem> {
        let wanted = one(headers, &header::IF_MATCH)?;
        let unwanted = one(headers, &header::IF_NONE_MATCH)?;
        let wrong = |header: HeaderName, reason: &str| {
            Err(Problem::Header { name: header.to_string(), reason: reason.to_owned() })
        };
        match (wanted, unwanted) {
            (None, None) => Ok(IfMatch(Expected::Anything)),
            (Some("*"), None) => Ok(IfMatch(Expected::Present)),
            (None, Some("*")) => Ok(IfMatch(Expected::Absent)),
            (Some(tag), None) => match unquoted(tag) {
                Some(tag) => Ok(IfMatch(Expected::Revision(tag.to_owned()))),
                None => wrong(header::IF_MATCH, "it is neither * nor one tag in quotes, as in ETag"),
            },
            _ => wrong(header::IF_NONE_MATCH, "it may be * only, and without If-Match"),
        }
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next().map(|value| value.to_str().unwrap_or("?").trim());
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Problem::Header { name: name.to_string(), reason: "it is given twice".to_owned() }),
    }
}

/// A tag without its quotes.
fn unquoted(tag: &str) -> Option<&str> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    let is_tag =
        !tag.is_empty() && tag.len() <= TAG && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_tag.then_some(tag)
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Problem> {
        IfMatch::of(&parts.headers)
    }
}

/// The answer with a filter's status, and its revision as `ETag`.
pub(super) fn tagged(code: StatusCode, status: Status) -> Response {
    let tag = status.registered.as_ref().map(|registered| format!("\"{}\"", registered.tag));
    let mut response = (code, Json(status)).into_response();
    if let Some(value) = tag.and_then(|tag| tag.parse().ok()) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(HeaderName, &str)]) -> Option<Expected> {
        let headers: HeaderMap = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        IfMatch::of(&headers).ok().map(|IfMatch(expected)| expected)
    }

    #[test]
    fn headers_name_a_revision_or_are_refused() {
        let tag = |tag: &str| Some(Expected::Revision(tag.to_owned()));
        assert_eq!(read(&[]), Some(Expected::Anything));
        assert_eq!(read(&[(header::IF_MATCH, "*")]), Some(Expected::Present));
        assert_eq!(read(&[(header::IF_NONE_MATCH, "*")]), Some(Expected::Absent));
        assert_eq!(read(&[(header::IF_MATCH, "\"7\"")]), tag("7"));
        assert_eq!(read(&[(header::IF_MATCH, " \"7-18c2f-1\" ")]), tag("7-18c2f-1"));
        for wrong in ["7", "\"", "\"\"", "W/\"7\"", "\"7\", \"8\"", "\"ä\"", ""] {
            assert_eq!(read(&[(header::IF_MATCH, wrong)]), None, "{wrong}");
        }
        assert_eq!(read(&[(header::IF_NONE_MATCH, "\"7\"")]), None);
        assert_eq!(read(&[(header::IF_MATCH, "*"), (header::IF_NONE_MATCH, "*")]), None);
    }
}
