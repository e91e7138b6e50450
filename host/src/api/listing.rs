//! Which filters of a list are shown: by host, owner and state, and a page at a time.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::Problem;
use super::query::Parameters;
use crate::filters::{State, Status};

/// The largest page.
const PAGE: usize = 1000;

/// What is to be listed. Without anything, all filters are.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) host: Option<String>,
    owner: Option<String>,
    state: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

impl Listing {
    pub(super) fn of(mut parameters: Parameters) -> Result<Listing, Problem> {
        let wrong = |name: &str, reason: String| Problem::Parameter { name: name.to_owned(), reason };
        let [host, owner, state, after, limit] = ["host", "owner", "state", "after", "limit"];
        let listing = Listing {
            host: parameters.take(host)?,
            owner: parameters.take(owner)?,
            state: parameters.take(state)?,
            after: parameters.take(after)?,
            limit: match parameters.take(limit)?.map(|number| number.parse()) {
                None => None,
                Some(Ok(number @ 1..=PAGE)) => Some(number),
                Some(_) => return Err(wrong(limit, format!("it is not a number from 1 to {PAGE}"))),
            },
        };
        parameters.finish()?;
        match &listing.state {
            Some(given) if !State::NAMES.contains(&&**given) => {
                Err(wrong(state, format!("there is no such state; there are {}", State::NAMES.join(", "))))
            }
            _ => Ok(listing),
        }
    }

    /// Answers with a page of these filters, which are sorted by name. If there are more, `Link` says where
    /// ([RFC 8288](https://www.rfc-editor.org/rfc/rfc8288)).
    pub(super) fn answer(&self, mut all: Vec<Status>) -> Response {
        all.retain(|status| self.shows(status));
        let limit = self.limit.unwrap_or(all.len());
        let next = all.get(limit.wrapping_sub(1)).filter(|_| all.len() > limit).map(|last| self.link(&last.name));
        all.truncate(limit);
        let mut response = axum::Json(all).into_response();
        if let Some(link) = next.and_then(|link| HeaderValue::from_str(&link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    fn shows(&self, status: &Status) -> bool {
        let owner = status.registered.as_ref().map(|kept| &kept.owner);
        self.owner.as_ref().is_none_or(|wanted| owner == Some(wanted))
            && self.state.as_ref().is_none_or(|wanted| status.state.name() == wanted)
            && self.after.as_ref().is_none_or(|after| status.name > *after)
    }

    fn link(&self, after: &str) -> String {
        let limit = self.limit.map(|limit| limit.to_string());
        let given = [("host", &self.host), ("owner", &self.owner), ("state", &self.state), ("limit", &limit)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let escaped = |(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        let query: Vec<String> = given.chain([("after", after)]).map(escaped).collect();
        format!("</api/v1/filters?{}>; rel=\"next\"", query.join("&"))
    }
}
