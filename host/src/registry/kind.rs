//! The kinds of records in the filters' topic: filters, and tokens. A record's key says of which kind it is.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::newest::Newest;
use super::record::{Blob, FORMAT, FilterRecord, Unreadable};
use crate::access::{TOKEN_FORMAT, TokenRecord};

/// What the keys of tokens' records begin with. No filter's name contains such a letter.
const TOKEN: &str = "@token/";

/// The largest record that is read.
const LARGEST: usize = 8 << 20;

/// The newest records of each kind.
#[derive(Default)]
pub struct Kinds {
    /// Filters, by their names.
    pub(super) filters: Newest<FilterRecord>,
    /// Tokens, by their ids.
    pub(super) tokens: Newest<TokenRecord>,
}

/// A kind of record.
pub trait Record: Clone + Serialize + DeserializeOwned {
    /// The format that is written.
    const FORMAT: u32;

    /// The key of the record of that name.
    fn key(name: &str) -> String;
    /// The newest records of this kind.
    fn of(kinds: &Kinds) -> &Newest<Self>;
    /// The same, to be changed.
    fn of_mut(kinds: &mut Kinds) -> &mut Newest<Self>;
    /// What is wrong with a record that was read, with the name that its key says.
    fn check(&self, name: &str) -> Result<(), String>;
    /// The id of the change that has written it.
    fn change(&self) -> &str;
    /// Sets that id.
    fn set_change(&mut self, id: String);
    /// Tells it from an earlier one of its name.
    fn created(&self) -> &str;

    /// What is kept outside of the record.
    fn blobs(&self) -> BTreeSet<&Blob> {
        BTreeSet::new()
    }

    /// Makes it small enough to be written.
    ///
    /// # Errors
    /// Returns how many bytes it has if it is still too large.
    fn shorten(&mut self) -> Result<(), usize> {
        Ok(())
    }

    /// The record as JSON.
    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it is made of text and numbers")
    }
}

impl Record for FilterRecord {
    const FORMAT: u32 = FORMAT;

    fn key(name: &str) -> String {
        name.to_owned()
    }

    fn of(kinds: &Kinds) -> &Newest<Self> {
        &kinds.filters
    }

    fn of_mut(kinds: &mut Kinds) -> &mut Newest<Self> {
        &mut kinds.filters
    }

    fn check(&self, name: &str) -> Result<(), String> {
        self.check(name)
    }

    fn change(&self) -> &str {
        &self.change
    }

    fn set_change(&mut self, id: String) {
        self.change = id;
    }

    fn created(&self) -> &str {
        &self.created
    }

    fn blobs(&self) -> BTreeSet<&Blob> {
        self.versions.iter().flat_map(|version| version.blobs()).collect()
    }

    fn shorten(&mut self) -> Result<(), usize> {
        self.shorten()
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }
}

impl Record for TokenRecord {
    const FORMAT: u32 = TOKEN_FORMAT;

    fn key(id: &str) -> String {
        format!("{TOKEN}{id}")
    }

    fn of(kinds: &Kinds) -> &Newest<Self> {
        &kinds.tokens
    }

    fn of_mut(kinds: &mut Kinds) -> &mut Newest<Self> {
        &mut kinds.tokens
    }

    fn check(&self, id: &str) -> Result<(), String> {
        match self.id == id {
            true => self.check(),
            false => Err("it is about another token".to_owned()),
        }
    }

    fn change(&self) -> &str {
        &self.change
    }

    fn set_change(&mut self, id: String) {
        self.change = id;
    }

    fn created(&self) -> &str {
        &self.created
    }
}

/// The id of the token whose record has this key, if it is a token's.
pub fn token_of(key: &str) -> Option<&str> {
    key.strip_prefix(TOKEN)
}

/// Reads a record. Anything may have been written into the topic.
///
/// # Errors
/// Returns why it is not used.
pub fn parse<R: Record>(name: &str, value: &[u8]) -> Result<R, Unreadable> {
    let garbage = |reason: String| Unreadable::Garbage(reason);
    if value.len() > LARGEST {
        return Err(garbage(format!("it has {} bytes", value.len())));
    }
    let json: serde_json::Value = serde_json::from_slice(value).map_err(|error| garbage(error.to_string()))?;
    match json.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(R::FORMAT) => {}
        Some(format) => return Err(Unreadable::Format(format)),
        None => return Err(garbage("it has no format".to_owned())),
    }
    let record: R = serde_json::from_value(json).map_err(|error| garbage(error.to_string()))?;
    record.check(name).map_err(garbage)?;
    Ok(record)
}
