//! The requests about tokens, which are kept beside the filters.

use std::sync::Arc;

use super::writer::{Decision, Registry};
use crate::access::{MOST_TOKENS, TokenRecord, Tokens};
use crate::filters::FilterError;

impl Registry {
    /// Refuses to say that there is no token before everything was read.
    fn check_read(&self) -> Result<(), FilterError> {
        match self.is_read() {
            true => Ok(()),
            false => Err(FilterError::Busy("the host has yet to read its tokens; try again in a moment".to_owned())),
        }
    }
}

impl Tokens for Registry {
    fn find(&self, id: &str) -> Result<Option<Arc<TokenRecord>>, FilterError> {
        let found = self.records().token(id).cloned();
        if found.is_none() {
            self.check_read()?;
        }
        Ok(found)
    }

    fn list(&self) -> Result<Vec<Arc<TokenRecord>>, FilterError> {
        self.check_read()?;
        Ok(self.records().tokens().cloned().collect())
    }

    fn add(&self, record: TokenRecord) -> Result<(), FilterError> {
        let id = record.id.clone();
        self.change_record(&id, |before: Option<&TokenRecord>| match before {
            Some(_) => Err(FilterError::Conflict("there is a token of that id already; try again".to_owned())),
            None if self.records().of::<TokenRecord>().len() >= MOST_TOKENS => Err(FilterError::OverLimit(format!(
                "there are {MOST_TOKENS} tokens, as many as can be kept: revoke those that have expired"
            ))),
            None => Ok(Decision::Write(Box::new(record.clone()), Vec::new())),
        })
        .map(drop)
    }

    fn revoke(&self, id: &str) -> Result<Arc<TokenRecord>, FilterError> {
        let shown: String = id.chars().take(40).collect();
        let changed = self.change_record(id, |before: Option<&TokenRecord>| match before {
            Some(_) => Ok(Decision::Remove),
            None => Err(FilterError::NoToken(shown.clone())),
        })?;
        changed.before.ok_or(FilterError::NoToken(shown))
    }
}
