//! The requests about tokens.

use std::sync::Arc;

use super::record::TokenRecord;
use crate::filters::FilterError;

/// How many tokens may be kept.
pub const MOST_TOKENS: usize = 10_000;

/// Where tokens are kept. Finding one never blocks for long; changes may.
pub trait Tokens: Send + Sync {
    /// The token of that id, if there is one.
    ///
    /// # Errors
    /// Returns [`FilterError::Busy`] while the tokens have yet to be read.
    fn find(&self, id: &str) -> Result<Option<Arc<TokenRecord>>, FilterError>;

    /// All tokens, by their ids.
    ///
    /// # Errors
    /// As [`Tokens::find`].
    fn list(&self) -> Result<Vec<Arc<TokenRecord>>, FilterError>;

    /// Keeps a token. All hosts know it soon after this returns.
    ///
    /// # Errors
    /// Returns [`FilterError::OverLimit`] if there are too many, and the errors of a change of a filter.
    fn add(&self, record: TokenRecord) -> Result<(), FilterError>;

    /// Forgets a token, so that it is not valid any more, and returns what was kept of it.
    ///
    /// # Errors
    /// Returns [`FilterError::NoToken`] if there is none, and the errors of a change of a filter.
    fn revoke(&self, id: &str) -> Result<Arc<TokenRecord>, FilterError>;
}
