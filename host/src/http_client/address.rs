//! The address of a server, and the user as whom it is asked.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use ureq::http::Uri;

/// A server's address, `http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]`. It is displayed without user and password.
#[derive(Clone)]
pub struct Address {
    /// The address without a slash at its end.
    base: String,
    /// The value of the `Authorization` header.
    authorization: Option<String>,
}

/// A text that is not the address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address {0}")]
pub struct AddressError(&'static str);

impl Address {
    /// Parses an address. `user` (`USER:PASSWORD`) is used if the address has no user.
    ///
    /// # Errors
    /// Returns an [`AddressError`], which does not repeat the address because it may contain a password.
    pub fn parse(url: &str, user: Option<&str>) -> Result<Address, AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(AddressError("must begin with http:// or https://"))?;
        if !matches!(scheme, "http" | "https") {
            return Err(AddressError("must begin with http:// or https://"));
        }
        if rest.contains(['?', '#']) {
            return Err(AddressError("must not have a '?' or '#'"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (named, host) = match authority.rsplit_once('@') {
            Some((named, host)) => (Some(decode(named)?), host),
            None => (user.map(str::to_owned), authority),
        };
        let base = format!("{scheme}://{host}{}", path.trim_end_matches('/'));
        match base.parse::<Uri>() {
            Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => {}
            _ => return Err(AddressError("must be http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]")),
        }
        let authorization = named.map(|user| format!("Basic {}", STANDARD.encode(user)));
        Ok(Address { base, authorization })
    }

    /// The URL of a path at this address.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The name or IP address of the server.
    pub fn host(&self) -> Option<String> {
        self.base.parse::<Uri>().ok()?.host().map(str::to_owned)
    }

    /// The value of the `Authorization` header, if there is a user.
    pub fn authorization(&self) -> Option<&str> {
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
