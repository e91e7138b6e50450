//! Refuses what a browser sends on behalf of a foreign page. A page whose name was made to lead to this host (DNS
//! rebinding) is known by the `Host` header, and one that sends a form to it by the `Origin` header.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Problem;
use super::state::Api;

/// How many characters of a header are repeated in an error.
const SHOWN: usize = 100;

/// Answers the request, unless it is a foreign page's.
pub(super) async fn check(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    match refusal(request.method(), request.headers(), &api.config.names) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// Why a request is refused, if it is. `names` are the names of this host, beside those that no page on the internet can
/// have.
fn refusal(method: &Method, headers: &HeaderMap, names: &[String]) -> Option<Problem> {
    // A browser always sends it; HTTP/1.0 does not need it.
    let host = match headers.get(header::HOST) {
        None => None,
        Some(host) => match host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) {
            Some(host) if is_ours(host.host(), names) => Some(host),
            _ => return Some(Problem::Host(shown(headers, &header::HOST))),
        },
    };
    if method.is_safe() {
        return None;
    }
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if matches!(site, Some(b"cross-site" | b"same-site")) {
        return Some(Problem::Origin(shown(headers, &header::ORIGIN)));
    }
    let origin = headers.get(header::ORIGIN)?;
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")?.1.parse::<Authority>().ok());
    let same = |origin: &Authority| {
        host.as_ref() == Some(origin) || names.iter().any(|name| name.eq_ignore_ascii_case(origin.host()))
    };
    (!origin.as_ref().is_some_and(same)).then(|| Problem::Origin(shown(headers, &header::ORIGIN)))
}

/// Whether a host of this name is this one. Addresses can't be made to lead elsewhere, and names without a dot, such as
/// those of containers, are not given to anybody on the internet.
fn is_ours(host: &str, names: &[String]) -> bool {
    let host = host.trim_end_matches('.');
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_address = bare.parse::<std::net::IpAddr>().is_ok();
    is_address || !host.contains('.') || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

fn shown(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).chars().take(SHOWN).collect());
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        refusal(method, &headers.collect(), &["sieve.example.org".to_owned()]).is_some()
    }

    #[test]
    fn names_that_others_could_have_are_refused() {
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "10.1.2.3:80", "skysieve:8080", "SIEVE.example.org."]
        {
            assert!(!refused(&Method::GET, &[("host", host)]), "{host}");
        }
        for host in
            ["evil.example.org", "evil.example.org:8080", "sieve.example.org.evil.com", "127.0.0.1.evil.com", "a b", ""]
        {
            assert!(refused(&Method::GET, &[("host", host)]), "{host}");
        }
        assert!(!refused(&Method::GET, &[]));
    }

    #[test]
    fn only_our_own_page_may_change_something() {
        let from = |origin| [("host", "localhost:8080"), ("origin", origin)];
        for origin in ["http://localhost:8080", "https://sieve.example.org"] {
            assert!(!refused(&Method::PUT, &from(origin)), "{origin}");
        }
        for origin in ["http://evil.com", "http://localhost:8081", "null", "http://", "file://", "localhost:8080"] {
            assert!(refused(&Method::PUT, &from(origin)) && !refused(&Method::GET, &from(origin)), "{origin}");
        }
        assert!(refused(&Method::POST, &[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")]));
        assert!(!refused(&Method::POST, &[("host", "localhost:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(!refused(&Method::DELETE, &[("host", "localhost:8080")]));
    }
}
