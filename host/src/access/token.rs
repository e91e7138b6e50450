//! Tokens: `sky_ID_SECRET`, with an id by which the token is looked up, and 32 random bytes. Hosts keep SHA-256 hashes. A slow
//! hash, as for passwords, would gain nothing: nobody can try 2^256 secrets.

use std::fmt;

use openssl::memcmp;
use openssl::rand::rand_bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What all tokens begin with, so that tools that search for secrets recognise them.
const PREFIX: &str = "sky_";
/// The number of hexadecimal digits of an id.
pub const ID_LETTERS: usize = 12;
/// The number of random bytes in a secret.
const SECRET: usize = 32;
/// The least number of characters of the first operator's token, which is any text.
pub const OPERATOR_LETTERS: usize = 24;
/// The largest number of characters of a token.
const MOST_LETTERS: usize = 1000;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// OpenSSL has no random bytes.
    #[error("there are no random bytes for a token: {0}")]
    Random(#[from] openssl::error::ErrorStack),
    /// It is too easy to guess.
    #[error(
        "it has {0} characters, and has to have {OPERATOR_LETTERS} to {MOST_LETTERS}; `openssl rand -hex 32` prints one"
    )]
    Length(usize),
    /// It can't be sent in a header.
    #[error("it may consist of printable ASCII characters only, without spaces")]
    Letters,
}

/// A token that was made just now. It is shown once.
pub struct Token {
    id: String,
    text: String,
}

impl Token {
    /// A token that nobody can guess.
    ///
    /// # Errors
    /// Returns [`TokenError::Random`] if there are no random bytes.
    pub fn new() -> Result<Token, TokenError> {
        let (mut id, mut secret) = ([0; ID_LETTERS / 2], [0; SECRET]);
        rand_bytes(&mut id)?;
        rand_bytes(&mut secret)?;
        let id = hex(&id);
        let text = format!("{PREFIX}{id}_{}", hex(&secret));
        Ok(Token { id, text })
    }

    /// What it is looked up by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is kept of it.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The id in a text that has the form of a token.
pub fn id_of(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (id.len() == ID_LETTERS && secret.len() == 2 * SECRET && is_hex(id) && is_hex(secret)).then_some(id)
}

/// The SHA-256 hash of a token. In JSON it is a text of hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of a token.
    pub fn of(text: &str) -> Hash {
        Hash(Sha256::digest(text).into())
    }

    /// Whether it is that of this text. The time that this takes says nothing about the hash.
    pub fn matches(&self, text: &str) -> bool {
        memcmp::eq(&self.0, &Hash::of(text).0)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hex(&hash.0)
    }
}

impl TryFrom<String> for Hash {
    type Error = String;

    fn try_from(text: String) -> Result<Hash, String> {
        let digits: Option<Vec<u8>> = text.bytes().map(|byte| Some((byte as char).to_digit(16)? as u8)).collect();
        let bytes: Option<Vec<u8>> = digits
            .map(|digits| digits.chunks(2).map(|two| two.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect());
        let bytes = bytes.filter(|_| text.len() == 64).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Hash).ok_or_else(|| "its hash is not that of a token".to_owned())
    }
}

/// The first operator's token: any text that is long enough, from the host's file or environment. Only its hash is in memory.
#[derive(Clone, Debug)]
pub struct OperatorToken(Hash);

impl OperatorToken {
    /// A token of that text.
    ///
    /// # Errors
    /// Returns a [`TokenError`], which does not show the text.
    pub fn new(text: &str) -> Result<OperatorToken, TokenError> {
        let letters = text.chars().count();
        if !(OPERATOR_LETTERS..=MOST_LETTERS).contains(&letters) {
            return Err(TokenError::Length(letters));
        }
        match text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(OperatorToken(Hash::of(text))),
            false => Err(TokenError::Letters),
        }
    }

    /// Whether this text is the token.
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_by_its_hash_alone() {
        let (token, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert_ne!((token.id(), token.text()), (other.id(), other.text()));
        assert_eq!((id_of(token.text()), token.text().len()), (Some(token.id()), 4 + 12 + 1 + 64));
        let kept: Hash = serde_json::from_str(&serde_json::to_string(&token.hash()).unwrap()).unwrap();
        assert!(kept.matches(token.text()) && !kept.matches(other.text()) && !kept.matches(""));
        let shown = format!("{token:?} {kept:?}");
        assert!(!shown.contains(&token.text()[17..]) && !shown.contains(&String::from(kept)), "{shown}");
    }

    #[test]
    fn texts_of_another_form_have_no_id() {
        let token = Token::new().unwrap().text().to_owned();
        let cut = &token[..token.len() - 1];
        for text in
            ["", "sky_", "sky__", cut, &token.to_uppercase(), &format!("{token}0"), &token.replace("sky_", "sky-")]
        {
            assert_eq!(id_of(text), None, "{text}");
        }
        for text in ["\"\"", "\"00\"", "7", &format!("\"{}\"", "g".repeat(64)), &format!("\"{}\"", "ä".repeat(32))] {
            assert!(serde_json::from_str::<Hash>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_operator_s_token_is_long_and_fits_into_a_header() {
        assert!(OperatorToken::new(&"x".repeat(24)).unwrap().matches(&"x".repeat(24)));
        assert!(matches!(OperatorToken::new(&"x".repeat(23)), Err(TokenError::Length(23))));
        assert!(matches!(OperatorToken::new(&"x y".repeat(20)), Err(TokenError::Letters)));
        assert!(matches!(OperatorToken::new(&"x".repeat(1001)), Err(TokenError::Length(1001))));
    }
}
