//! What is kept of a token, and its JSON.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::expiry::{expiry, parse_time};
use super::role::Role;
use super::token::{Hash, ID_LETTERS, Token};
use crate::filters::{FilterError, check_note, check_owner};

/// The format that is written. Records of another one are left alone.
pub const TOKEN_FORMAT: u32 = 1;

/// What is kept of a token: everything but the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// See [`TOKEN_FORMAT`].
    pub format: u32,
    /// What it is looked up by.
    pub id: String,
    /// The hash of the token.
    pub hash: Hash,
    /// Whose it is.
    pub user: String,
    /// What they may do with it.
    pub role: Role,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it expires (RFC 3339), if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who has made it.
    #[serde(default)]
    pub by: String,
    /// The id of the change that has written this record.
    #[serde(default)]
    pub change: String,
}

/// A token that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whose it is to be: 1 to 100 of a-z, A-Z, 0-9, '.', '_', '-', '@', '+', beginning with a letter or digit.
    pub user: String,
    /// What they may do with it.
    pub role: Role,
    /// When it expires: a time or day (RFC 3339, UTC), or how long it is valid (`30d`). Without it, it does not.
    #[serde(default)]
    pub expires: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub note: String,
}

/// A token, described for operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TokenInfo {
    /// What it is looked up by, and revoked by.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What they may do with it.
    pub role: Role,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it expires (RFC 3339), if it does.
    pub expires: Option<String>,
    /// Whether it has expired.
    pub expired: bool,
    /// What it is for.
    pub note: String,
    /// Who has made it.
    pub by: String,
}

impl NewToken {
    /// What is to be kept of `token` if it is made like this.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] with what is wrong.
    pub fn record(&self, token: &Token, by: &str, now: SystemTime) -> Result<TokenRecord, FilterError> {
        check_owner(&self.user)?;
        check_note(&self.note)?;
        let refused = |why: String| FilterError::Refused(format!("expires: {why}"));
        let expires = self.expires.as_deref().map(|text| expiry(text, now)).transpose().map_err(refused)?;
        let written = |time: SystemTime| humantime::format_rfc3339_seconds(time).to_string();
        Ok(TokenRecord {
            format: TOKEN_FORMAT,
            id: token.id().to_owned(),
            hash: token.hash(),
            user: self.user.clone(),
            role: self.role,
            created: written(now),
            expires: expires.map(written),
            note: self.note.clone(),
            by: by.to_owned(),
            change: String::new(),
        })
    }
}

impl TokenRecord {
    /// Whether it is not valid any more. A time that can't be read has passed.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.as_deref().is_some_and(|time| parse_time(time).is_none_or(|time| time <= now))
    }

    /// Describes it, without its hash.
    pub fn info(&self, now: SystemTime) -> TokenInfo {
        TokenInfo {
            id: self.id.clone(),
            user: self.user.clone(),
            role: self.role,
            created: self.created.clone(),
            expires: self.expires.clone(),
            expired: self.is_expired(now),
            note: self.note.clone(),
            by: self.by.clone(),
        }
    }

    /// Says what is wrong with a record that was read. Anything may have been written there.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let is_id = self.id.len() == ID_LETTERS && self.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_id {
            true => check_owner(&self.user).map_err(|error| error.to_string()),
            false => Err("its id is not that of a token".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn asked(expires: Option<&str>) -> NewToken {
        let expires = expires.map(str::to_owned);
        NewToken { user: "ada@example.org".to_owned(), role: Role::Author, expires, note: String::new() }
    }

    #[test]
    fn a_token_expires_when_it_was_said_to() {
        let (now, token) = (SystemTime::now(), Token::new().unwrap());
        let record = asked(Some("1h")).record(&token, "operator", now).unwrap();
        let at = |seconds| record.is_expired(now + Duration::from_secs(seconds));
        assert_eq!((at(0), at(3590), at(3600)), (false, false, true));
        assert!(!asked(None).record(&token, "operator", now).unwrap().is_expired(now + Duration::from_secs(1 << 33)));
        assert!(TokenRecord { expires: Some("soon".to_owned()), ..record.clone() }.is_expired(now));
        let json = serde_json::to_string(&record).unwrap();
        assert!(!json.contains(token.text()) && serde_json::from_str::<TokenRecord>(&json).unwrap() == record);
    }

    #[test]
    fn what_can_t_be_kept_is_refused() {
        let (now, token) = (SystemTime::now(), Token::new().unwrap());
        for (asked, says) in [
            (asked(Some("yesterday")), "expires: "),
            (NewToken { user: "a b".to_owned(), ..asked(None) }, "is not a user's name"),
            (NewToken { user: String::new(), ..asked(None) }, "is not a user's name"),
            (NewToken { note: "x".repeat(1001), ..asked(None) }, "the note has 1001 bytes"),
        ] {
            let error = asked.record(&token, "operator", now).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
