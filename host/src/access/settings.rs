//! Who is let in by a host.

use std::sync::Arc;

use super::audit::AuditSink;
use super::token::OperatorToken;
use super::tokens::Tokens;

/// The user of the first operator's token.
pub const OPERATOR: &str = "operator";

/// The user of a host that asks for no tokens, and the owner of what nobody is known to have uploaded.
pub const ANYONE: &str = "anyone";

/// Who is let in by a host, and what they may use.
#[derive(Clone, Default)]
pub struct Access {
    /// Whether everybody is an operator, without a token.
    pub open: bool,
    /// Whether metrics are shown without a token.
    pub open_metrics: bool,
    /// The first operator's token.
    pub operator: Option<OperatorToken>,
    /// The other tokens. `None`: there is nowhere to keep them.
    pub tokens: Option<Arc<dyn Tokens>>,
    /// What a user may use who is no operator.
    pub limits: UserLimits,
    /// The host's name, in records of changes.
    pub host: String,
    /// Where records of changes go, beside the log.
    pub audit: Option<Arc<dyn AuditSink>>,
}

impl Access {
    /// A host that asks for no tokens.
    pub fn open() -> Access {
        Access { open: true, ..Access::default() }
    }
}

/// What a user may use who is no operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserLimits {
    /// Filters in the registry.
    pub filters: usize,
    /// Shadows at a time.
    pub shadows: usize,
    /// Uploads an hour.
    pub uploads: u32,
    /// Bytes of modules and configs in the registry. Content that is used several times counts once.
    pub bytes: u64,
}

impl Default for UserLimits {
    fn default() -> UserLimits {
        UserLimits { filters: 100, shadows: 4, uploads: 120, bytes: 1 << 30 }
    }
}
