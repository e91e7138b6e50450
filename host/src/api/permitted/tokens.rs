//! Tokens, which are operators'.

use std::time::SystemTime;

use super::Permitted;
use crate::access::{NewToken, Token, TokenInfo, Tokens};
use crate::api::error::Problem;
use crate::filters::FilterError;

impl Permitted<'_> {
    fn kept(&self) -> Result<&dyn Tokens, FilterError> {
        self.access.tokens.as_deref().ok_or(FilterError::NoRegistry)
    }

    /// Makes a token.
    pub(in crate::api) fn create_token(&self, new: &NewToken) -> Result<(Token, TokenInfo), Problem> {
        let kept = self.kept()?;
        let token = Token::new().map_err(|error| {
            tracing::error!(%error, "no token can be made");
            Problem::Internal
        })?;
        let now = SystemTime::now();
        let record = new.record(&token, &self.caller.user, now)?;
        let info = record.info(now);
        kept.add(record)?;
        Ok((token, info))
    }

    /// Lists all tokens, by user.
    pub(in crate::api) fn tokens(&self) -> Result<Vec<TokenInfo>, FilterError> {
        let now = SystemTime::now();
        let mut all: Vec<TokenInfo> = self.kept()?.list()?.iter().map(|record| record.info(now)).collect();
        all.sort_by(|one, other| (&one.user, &one.created).cmp(&(&other.user, &other.created)));
        Ok(all)
    }

    /// Revokes a token.
    pub(in crate::api) fn revoke_token(&self, id: &str) -> Result<TokenInfo, FilterError> {
        Ok(self.kept()?.revoke(id)?.info(SystemTime::now()))
    }
}
