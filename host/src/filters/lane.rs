//! Where a filter is judged.

use serde::{Deserialize, Serialize};

/// A lane reads, decodes and judges the stream for some of the filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// The lane in which alerts are judged as they come. A filter that takes too long there leaves it.
    #[default]
    Live,
    /// The lane of filters that are slow. It may fall behind, and none of the others wait for it.
    Slow,
}
