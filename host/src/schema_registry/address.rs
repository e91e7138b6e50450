//! Where a registry is, and as whom to ask it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use ureq::http::Uri;

/// A registry's address, `http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]`. Shown without user and password.
#[derive(Clone)]
pub struct Address {
    /// Without a slash at its end.
    base: String,
    /// The value of the header `Authorization`.
    authorization: Option<String>,
}

/// What is given as a registry's address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schema registry's address {0}")]
pub struct AddressError(&'static str);

impl Address {
    /// Takes an address apart. `user` (`USER:PASSWORD`) counts when the address names none.
    ///
    /// # Errors
    /// [`AddressError`], which does not repeat the address, as it may hold a password.
    pub fn parse(url: &str, user: Option<&str>) -> Result<Address, AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(AddressError("begins with http:// or https://"))?;
        if !matches!(scheme, "http" | "https") {
            return Err(AddressError("begins with http:// or https://"));
        }
        if rest.contains(['?', '#']) {
            return Err(AddressError("has no '?' and no '#'"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (named, host) = match authority.rsplit_once('@') {
            Some((named, host)) => (Some(decode(named)?), host),
            None => (user.map(str::to_owned), authority),
        };
        let base = format!("{scheme}://{host}{}", path.trim_end_matches('/'));
        match base.parse::<Uri>() {
            Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => {}
            _ => return Err(AddressError("is http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]")),
        }
        let authorization = named.map(|user| format!("Basic {}", STANDARD.encode(user)));
        Ok(Address { base, authorization })
    }

    /// The address of something there.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

fn decode(named: &str) -> Result<String, AddressError> {
    let decoded = percent_decode_str(named).decode_utf8();
    decoded.map(String::from).map_err(|_| AddressError("has a user or password that is not UTF-8"))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
