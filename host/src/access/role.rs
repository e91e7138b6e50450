//! What users are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees the status of all filters and of the host, and changes nothing.
    Viewer,
    /// Sees and changes filters of its own.
    Author,
    /// Sees and changes everything, and makes tokens.
    Operator,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Viewer => "viewer",
            Role::Author => "author",
            Role::Operator => "operator",
        })
    }
}
