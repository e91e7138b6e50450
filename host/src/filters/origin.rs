//! How a filter came to where it is judged, if not by beginning with the live alerts. It is kept beside the filter's
//! position, so that it does not happen once more after a restart.

use serde::{Deserialize, Serialize};

/// How a filter came to where it is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Origin {
    /// Where it began: the setting `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<String>,
    /// The id of the move by which it came from another host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<String>,
}

impl Origin {
    /// Whether it began with the live alerts, on this host.
    pub fn is_plain(&self) -> bool {
        *self == Origin::default()
    }
}
