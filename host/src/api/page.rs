//! The status page: a single file that loads nothing else.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("page.html");

/// Names, descriptions, logs and faults on the page are written by the filters' authors. Even if such a text were
/// interpreted as markup, no script but the page's own would run ([CSP 3](https://www.w3.org/TR/CSP3/)).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'self'; script-src {}; style-src {}; img-src data:; object-src 'none'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash_of("script"),
        hash_of("style")
    )
});

/// The hash of the content of the page's only element `tag`, in the form that a policy needs.
fn hash_of(tag: &str) -> String {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let text = PAGE.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map_or("", |(text, _)| text);
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// Shows the filters and the host at a glance, for people.
#[utoipa::path(get, path = "/", operation_id = "page", tag = "host", responses((status = 200, content_type = "text/html")))]
pub(super) async fn show() -> Response {
    ([(header::CONTENT_SECURITY_POLICY, POLICY.as_str())], Html(PAGE)).into_response()
}
