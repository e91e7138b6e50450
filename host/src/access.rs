//! Who may do what: roles, tokens, limits for each user, and the record of what was done.
//!
//! | module | does |
//! | --- | --- |
//! | `role` | what users are: viewers, authors, operators |
//! | `token` | makes tokens, and recognises them by their hashes |
//! | `record` | what is kept of a token |
//! | `expiry` | until when a token is valid |
//! | `tokens` | the requests about tokens, which a registry answers |
//! | `settings` | who is let in by a host |
//! | `rate` | how many uploads a user may make, and how many wrong tokens an address may send |
//! | `audit` | the record of a change, and where such records go |

mod audit;
mod expiry;
mod rate;
mod record;
mod role;
mod settings;
mod token;
mod tokens;

pub use audit::{AuditCounts, AuditRecord, AuditSink, Outcome};
pub use expiry::{MOST_DAYS, expiry};
pub use rate::{Attempts, UploadRates, WRONG_TOKENS};
pub use record::{NewToken, TOKEN_FORMAT, TokenInfo, TokenRecord};
pub use role::Role;
pub use settings::{ANYONE, Access, OPERATOR, UserLimits};
pub use token::{Hash, ID_LETTERS, OPERATOR_LETTERS, OperatorToken, Token, TokenError, id_of};
pub use tokens::{MOST_TOKENS, Tokens};
